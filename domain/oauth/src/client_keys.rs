//! The public keys that a client registered (RFC 7517), and which of them may have signed what it shows.
//!
//! A key decides by itself which algorithms it is for; what a header says of that picks among them and never beyond
//! (RFC 8725, 3.1).

use {
    crate::{
        error::{ErrorCode, OAuthError},
        header::{Algorithm, TokenHeader},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    serde_json::{Map, Value},
    std::collections::BTreeSet,
};

/// More than any rotation needs.
const KEYS_MAX: usize = 10;

/// Bytes of an RSA modulus: 2048 to 4096 bits.
const RSA: std::ops::RangeInclusive<usize> = 256..=512;

/// What a key on Ed25519 signs by, under both names.
const ED25519: &[Algorithm] = &[Algorithm::EdDsa, Algorithm::Ed25519];

const MALFORMED: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "jwks holds between 1 and 10 public keys: Ed25519, P-256, or RSA of 2048 to 4096 bits, each kid once",
);
const PRIVATE: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "jwks holds a private key; register public halves only",
);

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    id: Option<String>,
    algorithms: &'static [Algorithm],
    /// The key itself, with nothing but what makes it one.
    jwk: Value,
}

impl ClientKey {
    fn parse(key: &Value) -> Result<Self, OAuthError> {
        let key = key.as_object().ok_or(MALFORMED)?;
        // The private halves of every asymmetric kind, and a shared secret.
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
            .iter()
            .any(|member| key.contains_key(*member))
        {
            return Err(PRIVATE);
        }
        let text = |name: &str| key.get(name).map(|value| value.as_str().ok_or(MALFORMED)).transpose();
        if text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(MALFORMED);
        }
        let (kind, curve) = (text("kty")?.ok_or(MALFORMED)?, text("crv")?);
        let (fitting, members): (&[Algorithm], &[&str]) = match (kind, curve) {
            ("OKP", Some("Ed25519")) => (ED25519, &["kty", "crv", "x"]),
            ("EC", Some("P-256")) => (&[Algorithm::Es256], &["kty", "crv", "x", "y"]),
            ("RSA", None) => (&[Algorithm::Rs256, Algorithm::Ps256], &["kty", "n", "e"]),
            _ => return Err(MALFORMED),
        };
        let bytes = |name: &str| {
            let decoded = BASE64_URL_SAFE_NO_PAD.decode(text(name)?.ok_or(MALFORMED)?);
            decoded.map(|bytes| bytes.len()).map_err(|_| MALFORMED)
        };
        let is_sized = match kind {
            "OKP" => bytes("x")? == 32,
            "EC" => bytes("x")? == 32 && bytes("y")? == 32,
            _ => RSA.contains(&bytes("n")?) && (3..=8).contains(&bytes("e")?),
        };
        if !is_sized {
            return Err(MALFORMED);
        }
        let algorithms = match text("alg")? {
            None => fitting,
            // Two names of one algorithm.
            Some("EdDSA" | "Ed25519") if kind == "OKP" => fitting,
            Some(name) => {
                let one = fitting.iter().find(|algorithm| algorithm.as_str() == name);
                std::slice::from_ref(one.ok_or(MALFORMED)?)
            }
        };
        let kept = members
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), key.get(*name)?.clone())));
        Ok(Self {
            id: text("kid")?.map(str::to_owned),
            algorithms,
            jwk: Value::Object(kept.collect::<Map<_, _>>()),
        })
    }

    /// The key itself, as RFC 7517 has it.
    #[must_use]
    pub const fn jwk(&self) -> &Value {
        &self.jwk
    }
}

/// The public keys of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKeys(Vec<ClientKey>);

impl ClientKeys {
    /// Reads a key set. Members that say nothing about a key are left alone.
    ///
    /// # Errors
    /// `invalid_client_metadata`.
    pub fn parse(set: &Value) -> Result<Self, OAuthError> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(MALFORMED)?;
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(MALFORMED);
        }
        let keys: Vec<ClientKey> = keys.iter().map(ClientKey::parse).collect::<Result<_, _>>()?;
        let mut seen = BTreeSet::new();
        if keys
            .iter()
            .filter_map(|key| key.id.as_deref())
            .all(|id| seen.insert(id))
        {
            Ok(Self(keys))
        } else {
            Err(MALFORMED)
        }
    }

    /// Those that may have signed a token with this header: made for its algorithm and, when it names one, of that name.
    pub fn fitting<'a>(&'a self, header: &'a TokenHeader) -> impl Iterator<Item = &'a ClientKey> {
        self.0.iter().filter(|key| {
            let named = header.key.is_none() || header.key == key.id;
            named && key.algorithms.contains(&header.algorithm)
        })
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    fn bytes(length: usize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(vec![0x80; length])
    }

    fn ed(kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": bytes(32), "kid": kid})
    }

    fn parse(keys: Value) -> Result<ClientKeys, OAuthError> {
        ClientKeys::parse(&json!({ "keys": keys }))
    }

    fn header(algorithm: Algorithm, key: Option<&str>) -> TokenHeader {
        TokenHeader {
            algorithm,
            key: key.map(str::to_owned),
        }
    }

    /// AUTH_CHECKLIST 2.5
    #[test]
    fn a_key_is_used_for_its_own_algorithms_and_under_its_own_name() {
        let ec = json!({"kty": "EC", "crv": "P-256", "x": bytes(32), "y": bytes(32), "kid": "ec"});
        let rsa = json!({"kty": "RSA", "n": bytes(256), "e": "AQAB", "kid": "rsa"});
        let only = json!({"kty": "RSA", "n": bytes(512), "e": "AQAB", "alg": "PS256", "use": "sig"});
        let keys = parse(json!([ed("a"), ed("b"), ec, rsa, only])).unwrap();
        let count = |algorithm, key| keys.fitting(&header(algorithm, key)).count();
        assert_eq!(count(Algorithm::EdDsa, None), 2);
        assert_eq!(count(Algorithm::EdDsa, Some("b")), 1);
        assert_eq!(count(Algorithm::Ed25519, None), 2, "the newer name of the same");
        assert_eq!(count(Algorithm::EdDsa, Some("ec")), 0, "another kind of key");
        assert_eq!(count(Algorithm::EdDsa, Some("c")), 0, "a name that nobody registered");
        assert_eq!((count(Algorithm::Rs256, None), count(Algorithm::Ps256, None)), (1, 2));
        assert_eq!(count(Algorithm::Es256, Some("ec")), 1);
    }

    /// AUTH_CHECKLIST 7.4
    #[test]
    fn weak_private_and_unknown_keys_are_not_registered() {
        for bad in [
            json!({"kty": "RSA", "n": bytes(255), "e": "AQAB"}),
            json!({"kty": "RSA", "n": bytes(513), "e": "AQAB"}),
            json!({"kty": "RSA", "n": bytes(256), "e": "Aw"}),
            json!({"kty": "RSA", "n": bytes(256)}),
            json!({"kty": "EC", "crv": "P-384", "x": bytes(48), "y": bytes(48)}),
            json!({"kty": "EC", "crv": "P-256", "x": bytes(32)}),
            json!({"kty": "OKP", "crv": "X25519", "x": bytes(32)}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": bytes(31)}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "!"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": bytes(32), "alg": "ES256"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": bytes(32), "alg": "HS256"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": bytes(32), "use": "enc"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": bytes(32), "kid": 7}),
            json!({"kty": "oct", "k": bytes(32)}),
            json!("key"),
        ] {
            assert!(parse(json!([bad])).is_err(), "{bad}");
        }
        let mut private = ed("a");
        private["d"] = json!(bytes(32));
        assert_eq!(parse(json!([private])), Err(PRIVATE));
        assert!(parse(json!([])).is_err());
        assert!(parse(json!([ed("a"), ed("a")])).is_err(), "one name for two keys");
        let many: Vec<Value> = (0..11).map(|number| ed(&number.to_string())).collect();
        assert!(parse(json!(many)).is_err());
        assert!(ClientKeys::parse(&json!({})).is_err());
        assert!(ClientKeys::parse(&json!(null)).is_err());
    }

    #[test]
    fn what_is_no_part_of_a_key_is_not_kept() {
        let mut key = ed("a");
        key["jku"] = json!("https://evil.example");
        let keys = parse(json!([key])).unwrap();
        let kept = keys.0.first().unwrap().jwk().as_object().unwrap().clone();
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["crv", "kty", "x"]);
    }
}
