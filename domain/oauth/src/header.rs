//! The header of a signed token, judged before anything is verified: which key, which algorithm, which kind of token.
//!
//! A key is found in our own list by its id. What a header brings along itself (a key, an address of one) is an attack,
//! and so is every member that changes what the rest means (RFC 8725, 3.10; RFC 7515, 4.1.11).

use {
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    serde::{Deserialize, Serialize, de::IgnoredAny},
};

/// Longer than any honest header.
const LENGTH_MAX: usize = 1024;

/// The algorithms that anything here is signed with. No secret ones, and no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037): our own tokens.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// The same by its newer name (RFC 9864), which libraries have begun to send.
    #[serde(rename = "Ed25519")]
    Ed25519,
    /// P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA with SHA-256, PKCS #1 v1.5.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA with SHA-256, PSS.
    #[serde(rename = "PS256")]
    Ps256,
}

impl Algorithm {
    /// As it stands in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

/// Why a header is not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No three parts, no base64url, no JSON, a member twice or of the wrong type, or too long.
    #[error("the token is not a signed JWT")]
    Malformed,
    /// Another kind of token.
    #[error("the token is of another type")]
    Type,
    /// It brings a key, or asks for what we do not do.
    #[error("the token's header has a member that is not taken here")]
    Member,
}

#[derive(Deserialize)]
struct Raw {
    alg: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
    p2c: Option<IgnoredAny>,
}

/// What a header says that we act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHeader {
    /// How it is signed. The key that is found has to be made for this.
    pub algorithm: Algorithm,
    /// Which key to look for, in our own list.
    pub key: Option<String>,
}

impl TokenHeader {
    /// Reads the header of a compact JWS whose `typ` is one of `types`, in any case and with or without `application/`; an
    /// empty one stands for a header without `typ`. Without `types` none is asked for.
    ///
    /// # Errors
    /// [`HeaderError`], before anything costly is done.
    pub fn read(token: &str, types: &[&str]) -> Result<Self, HeaderError> {
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(HeaderError::Malformed);
        };
        if header.len() > LENGTH_MAX {
            return Err(HeaderError::Malformed);
        }
        let json = BASE64_URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| HeaderError::Malformed)?;
        let raw: Raw = serde_json::from_slice(&json).map_err(|_| HeaderError::Malformed)?;
        let foreign = [
            raw.crit, raw.jwk, raw.jku, raw.x5u, raw.x5c, raw.zip, raw.enc, raw.b64, raw.p2c,
        ];
        if foreign.iter().any(Option::is_some) {
            return Err(HeaderError::Member);
        }
        let is_type = |typ: &str| {
            let typ = typ.to_ascii_lowercase();
            types.contains(&typ.strip_prefix("application/").unwrap_or(&typ))
        };
        if !types.is_empty() && !is_type(raw.typ.as_deref().unwrap_or_default()) {
            return Err(HeaderError::Type);
        }
        Ok(Self {
            algorithm: raw.alg,
            key: raw.kid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<TokenHeader, HeaderError> {
        TokenHeader::read(&format!("{}.e30.sig", BASE64_URL_SAFE_NO_PAD.encode(json)), &["at+jwt"])
    }

    #[test]
    fn an_access_token_says_how_and_with_which_key_it_is_signed() {
        let header = read(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","extra":1}"#).unwrap();
        assert_eq!(
            (header.algorithm, header.key.as_deref()),
            (Algorithm::EdDsa, Some("k1"))
        );
        assert!(read(r#"{"alg":"EdDSA","typ":"application/AT+JWT"}"#).is_ok());
    }

    #[test]
    fn no_signature_and_shared_secrets_do_not_exist() {
        for alg in [
            "none",
            "None",
            "HS256",
            "HS512",
            "eddsa",
            "RSA-OAEP",
            "ES384",
            "",
            "PBES2-HS256+A128KW",
        ] {
            let json = format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#);
            assert_eq!(read(&json), Err(HeaderError::Malformed), "{alg}");
        }
        assert_eq!(read(r#"{"typ":"at+jwt"}"#), Err(HeaderError::Malformed));
        assert_eq!(read(r#"{"alg":["EdDSA"],"typ":"at+jwt"}"#), Err(HeaderError::Malformed));
    }

    #[test]
    fn a_token_of_another_type_or_of_none_is_not_an_access_token() {
        for typ in [r#""typ":"JWT","#, r#""typ":"id+jwt","#, r#""typ":"at+jwt+x","#, ""] {
            assert_eq!(
                read(&format!(r#"{{{typ}"alg":"EdDSA"}}"#)),
                Err(HeaderError::Type),
                "{typ}"
            );
        }
        let header = |json: &str| format!("{}.e30.sig", BASE64_URL_SAFE_NO_PAD.encode(json));
        let types = ["jwt", ""];
        assert!(TokenHeader::read(&header(r#"{"alg":"ES256"}"#), &types).is_ok());
        assert!(TokenHeader::read(&header(r#"{"alg":"ES256","typ":"JWT"}"#), &types).is_ok());
        let other = header(r#"{"alg":"ES256","typ":"at+jwt"}"#);
        assert_eq!(TokenHeader::read(&other, &types), Err(HeaderError::Type));
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256] {
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
        let any = format!("{}.e30.sig", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#));
        assert!(TokenHeader::read(&any, &[]).is_ok());
    }

    #[test]
    fn a_header_that_brings_a_key_or_changes_the_meaning_is_refused() {
        for member in [
            r#""jku":"https://evil.example/keys""#,
            r#""x5u":"https://evil.example/c""#,
            r#""jwk":{"kty":"OKP"}"#,
            r#""x5c":[]"#,
            r#""crit":["exp"]"#,
            r#""zip":"DEF""#,
            r#""enc":"A256GCM""#,
            r#""b64":false"#,
            r#""p2c":1000000000"#,
        ] {
            let json = format!(r#"{{"alg":"EdDSA","typ":"at+jwt",{member}}}"#);
            assert_eq!(read(&json), Err(HeaderError::Member), "{member}");
        }
    }

    #[test]
    fn what_is_no_compact_jws_is_refused_cheaply() {
        let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"at+jwt"}"#);
        for bad in [
            String::new(),
            "a.b".to_owned(),
            format!("{header}.e30.s.x.y"),
            "!!.e30.s".to_owned(),
            format!("{}.e30.s", "A".repeat(2000)),
        ] {
            assert_eq!(
                TokenHeader::read(&bad, &["at+jwt"]),
                Err(HeaderError::Malformed),
                "{bad}"
            );
        }
        let twice = r#"{"alg":"EdDSA","alg":"ES256","typ":"at+jwt"}"#;
        assert_eq!(read(twice), Err(HeaderError::Malformed));
    }
}
