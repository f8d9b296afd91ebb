//! The parameters of a request: a query or a form body. Each name once; unknown ones are left alone; an empty value is
//! one that was not sent (RFC 6749, 3.1 and 3.2).

use {
    crate::error::{ErrorCode, OAuthError},
    std::collections::BTreeMap,
};

/// More than any request needs; beyond it somebody is trying something.
const PARAMETERS_MAX: usize = 64;

const REPEATED: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "a parameter is repeated");
const NOT_UTF8: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "the parameters are not UTF-8");
const TOO_MANY: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "there are too many parameters");

/// Parameters, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// `invalid_request` for a repeated name, also one with an empty value, for bytes that are not UTF-8, and for more
    /// than 64 parameters.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        let mut found = BTreeMap::new();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = form_urlencoded::parse(pair).next() else {
                continue;
            };
            // The decoder puts U+FFFD where bytes are no UTF-8; what was meant nobody knows.
            if name.contains('\u{FFFD}') || value.contains('\u{FFFD}') {
                return Err(NOT_UTF8);
            }
            if found.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(REPEATED);
            }
            if found.len() > PARAMETERS_MAX {
                return Err(TOO_MANY);
            }
        }
        found.retain(|_, value| !value.is_empty());
        Ok(Self(found))
    }

    /// The value of `name`, when it was sent and is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// `missing`, when it was not sent or is empty.
    pub fn need(&self, name: &str, missing: OAuthError) -> Result<&str, OAuthError> {
        self.get(name).ok_or(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_were_not_sent() {
        let params = Params::parse(b"scope=a%20b+c&state=&x=%C3%BC").unwrap();
        assert_eq!(params.get("scope"), Some("a b c"));
        assert_eq!(params.get("state"), None);
        assert_eq!(params.get("x"), Some("ü"));
        assert_eq!(params.get("client_id"), None);
    }

    #[test]
    fn a_repeated_name_is_refused_however_it_is_spelt() {
        for bad in ["a=1&a=1", "a=1&a=", "state=1&st%61te=2", "a&a"] {
            assert_eq!(Params::parse(bad.as_bytes()), Err(REPEATED), "{bad}");
        }
        assert!(Params::parse(b"a=1&A=2").is_ok(), "names are case-sensitive");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        for bad in [&b"a=%FF"[..], b"a=\xFF", b"%C3=x", b"a=%EF%BF%BD"] {
            assert_eq!(Params::parse(bad), Err(NOT_UTF8), "{bad:?}");
        }
    }

    #[test]
    fn a_heap_of_parameters_is_refused() {
        let many = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Params::parse(many(64).as_bytes()).is_ok());
        assert_eq!(Params::parse(many(65).as_bytes()), Err(TOO_MANY));
    }
}
