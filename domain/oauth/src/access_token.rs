//! An access token as it is shown, before anybody knows who signed it: the same for the issuer, for resource servers in its
//! process, and for those in others.

use {
    crate::header::{Algorithm, TokenHeader},
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
};

/// The parts of a compact JWS that says it is an access token (RFC 9068) of an issuer like ours, which signs with Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken<'a> {
    /// Which key it says it is signed with, in the issuer's own list.
    pub key: String,
    /// What is signed.
    pub message: &'a str,
    /// The signature, in base64url.
    pub signature: &'a str,
}

impl<'a> AccessToken<'a> {
    /// What an access token calls itself (RFC 9068, 2.1).
    pub const TYPE: &'static str = "at+jwt";

    /// Reads one; `None` for everything that is none, before anything costly is done.
    #[must_use]
    pub fn read(token: &'a str) -> Option<Self> {
        let header = TokenHeader::read(token, &[Self::TYPE]).ok()?;
        let (Algorithm::EdDsa, Some(key)) = (header.algorithm, header.key) else {
            return None;
        };
        let (message, signature) = token.rsplit_once('.')?;
        Some(Self {
            key,
            message,
            signature,
        })
    }

    /// What it claims, as JSON. To be asked once its signature was found right.
    #[must_use]
    pub fn payload(&self) -> Option<Vec<u8>> {
        let (_, payload) = self.message.split_once('.')?;
        BASE64_URL_SAFE_NO_PAD.decode(payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(header), part(r#"{"sub":"x"}"#))
    }

    #[test]
    fn an_access_token_names_its_key_and_falls_into_what_is_signed_and_the_signature() {
        let text = token(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#);
        let read = AccessToken::read(&text).unwrap();
        assert_eq!((read.key.as_str(), read.signature), ("k1", "c2ln"));
        assert_eq!(format!("{}.{}", read.message, read.signature), text);
        assert_eq!(read.payload().unwrap(), br#"{"sub":"x"}"#);
    }

    #[test]
    fn another_type_another_algorithm_and_no_key_are_no_access_token() {
        for header in [
            r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#,
            r#"{"alg":"EdDSA","kid":"k1"}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#,
            r#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","jku":"https://x"}"#,
        ] {
            assert_eq!(AccessToken::read(&token(header)), None, "{header}");
        }
    }
}
