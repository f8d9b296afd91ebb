//! Proof key for code exchange (RFC 7636), S256 alone: whoever redeems a code shows that they asked for it.

use {
    crate::{
        error::{ErrorCode, OAuthError},
        params::Params,
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    sha2::{Digest, Sha256},
    subtle::ConstantTimeEq,
};

const MISSING: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "code_challenge is missing; PKCE is required");
const METHOD: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "code_challenge_method has to be S256");
const MALFORMED: OAuthError = OAuthError::new(
    ErrorCode::InvalidRequest,
    "code_challenge has to be the 43 characters of a base64url SHA-256",
);
const VERIFIER: OAuthError = OAuthError::new(
    ErrorCode::InvalidGrant,
    "code_verifier is missing or does not belong to the code",
);

/// SHA-256 of a verifier, as it comes with the authorization request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method` of an authorization request.
    ///
    /// # Errors
    /// `invalid_request` when either is missing or not exactly as RFC 7636 writes S256: `plain` and an absent method,
    /// which means `plain`, are refused.
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        let text = params.need("code_challenge", MISSING)?;
        if params.need("code_challenge_method", METHOD)? != "S256" {
            return Err(METHOD);
        }
        Self::parse(text).ok_or(MALFORMED)
    }

    /// From its 43 characters; one text for each challenge.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From kept bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// What the client kept for itself until it redeems the code.
#[derive(Clone)]
pub struct Verifier(String);

impl Verifier {
    /// Reads `code_verifier`: 43 to 128 unreserved characters (RFC 7636, 4.1).
    ///
    /// # Errors
    /// `invalid_grant` when it is missing or malformed.
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        let text = params.need("code_verifier", VERIFIER)?;
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VERIFIER)
        }
    }

    /// Whether this is what `challenge` was made of. Takes as long for a near miss as for a far one.
    ///
    /// # Errors
    /// `invalid_grant`.
    pub fn proves(&self, challenge: &Challenge) -> Result<(), OAuthError> {
        let hash: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        if bool::from(hash.ct_eq(&challenge.0)) {
            Ok(())
        } else {
            Err(VERIFIER)
        }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const RFC_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const RFC_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge(query: &str) -> Result<Challenge, OAuthError> {
        Challenge::read(&Params::parse(query.as_bytes()).unwrap())
    }

    fn verifier(text: &str) -> Result<Verifier, OAuthError> {
        Verifier::read(&Params::parse(format!("code_verifier={text}").as_bytes()).unwrap())
    }

    #[test]
    fn the_example_of_rfc_7636_is_proven_and_no_other_verifier_is() {
        let challenge = Challenge::parse(RFC_CHALLENGE).unwrap();
        assert_eq!(verifier(RFC_VERIFIER).unwrap().proves(&challenge), Ok(()));
        let other = RFC_VERIFIER.replace('d', "e");
        assert_eq!(verifier(&other).unwrap().proves(&challenge), Err(VERIFIER));
        // The challenge itself proves nothing: that would be `plain`.
        assert_eq!(verifier(RFC_CHALLENGE).unwrap().proves(&challenge), Err(VERIFIER));
    }

    #[test]
    fn only_s256_is_taken_and_only_as_the_rfc_writes_it() {
        let good = format!("code_challenge={RFC_CHALLENGE}&code_challenge_method=S256");
        assert!(challenge(&good).is_ok());
        assert_eq!(challenge("code_challenge_method=S256"), Err(MISSING));
        for method in ["", "plain", "s256", "S512", "S256 "] {
            let bad = format!("code_challenge={RFC_CHALLENGE}&code_challenge_method={method}");
            assert_eq!(challenge(&bad), Err(METHOD), "{method}");
        }
        assert_eq!(challenge(&format!("code_challenge={RFC_CHALLENGE}")), Err(METHOD));
    }

    #[test]
    fn a_challenge_is_43_characters_of_base64url_and_has_one_spelling() {
        let too_long = format!("{RFC_CHALLENGE}A");
        let padded = format!("{RFC_CHALLENGE}=");
        // The last character carries two bits that have to be zero.
        let sloppy = RFC_CHALLENGE.replace("cM", "cN");
        for bad in ["abc", &too_long, &padded, &sloppy, &RFC_CHALLENGE.replace('-', "+")] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_verifier_is_long_enough_and_of_unreserved_characters() {
        assert!(verifier(&"a".repeat(43)).is_ok());
        assert!(verifier(&"a".repeat(128)).is_ok());
        for bad in [
            String::new(),
            "a".repeat(42),
            "a".repeat(129),
            format!("{}%20", "a".repeat(50)),
        ] {
            assert!(verifier(&bad).is_err(), "{bad}");
        }
    }
}
