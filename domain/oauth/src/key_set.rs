//! An issuer's list of keys (RFC 7517), as a resource server in another process reads it.

use {
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    serde::Deserialize,
    serde_json::Value,
    std::collections::BTreeMap,
};

/// More than an issuer has at any time.
const KEYS_MAX: usize = 100;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    crv: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    kid: Option<String>,
    x: Option<String>,
}

impl Key {
    /// Its name and its public half, when access tokens can be signed with it.
    fn ed25519(self) -> Option<(String, String)> {
        let is_ours = self.kty == "OKP"
            && self.crv.as_deref() == Some("Ed25519")
            && self.alg.is_none_or(|alg| alg == "EdDSA" || alg == "Ed25519")
            && self.purpose.is_none_or(|purpose| purpose == "sig");
        let x = self
            .x
            .filter(|x| BASE64_URL_SAFE_NO_PAD.decode(x).is_ok_and(|bytes| bytes.len() == 32));
        is_ours.then_some((self.kid?, x?))
    }
}

/// The Ed25519 keys of a list, as `x` in base64url by their name. Keys of another kind, for something else or without a name
/// are left out, and so are two that share a name: nobody could tell which is meant. `None` for what is no list.
#[must_use]
pub fn signing_keys(json: &[u8]) -> Option<BTreeMap<String, String>> {
    let set: Set = serde_json::from_slice(json).ok()?;
    if set.keys.len() > KEYS_MAX {
        return None;
    }
    let (mut keys, mut twice) = (BTreeMap::new(), Vec::new());
    // One that cannot be read is one of another kind.
    let read = |key: Value| serde_json::from_value::<Key>(key).ok()?.ed25519();
    for (kid, x) in set.keys.into_iter().filter_map(read) {
        if keys.insert(kid.clone(), x).is_some() {
            twice.push(kid);
        }
    }
    for kid in &twice {
        keys.remove(kid);
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn names(keys: &[Value]) -> Option<Vec<String>> {
        let read = signing_keys(json!({"keys": keys}).to_string().as_bytes());
        read.map(|keys| keys.into_keys().collect())
    }

    #[test]
    fn only_ed25519_keys_that_sign_are_believed() {
        let good = json!({"kty": "OKP", "crv": "Ed25519", "kid": "good", "x": X, "use": "sig", "alg": "EdDSA"});
        let with = |name: &str, value: Value| {
            let mut key = good.clone();
            key["kid"] = json!("other");
            key[name] = value;
            key
        };
        let keys = [
            good.clone(),
            with("kty", json!("oct")),
            with("kty", json!("RSA")),
            with("crv", json!("X25519")),
            with("alg", json!("HS256")),
            with("use", json!("enc")),
            with("x", json!("AQAB")),
            with("x", json!(null)),
            with("kid", json!(null)),
            with("kid", json!(7)),
            json!("nonsense"),
        ];
        assert_eq!(names(&keys), Some(vec!["good".to_owned()]));
        assert_eq!(names(&[]), Some(vec![]));
    }

    #[test]
    fn two_keys_of_one_name_are_none() {
        let key = |kid: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": X});
        let read = names(&[key("a"), key("b"), key("a"), key("a")]);
        assert_eq!(read, Some(vec!["b".to_owned()]));
    }

    #[test]
    fn what_is_no_list_is_not_an_empty_one() {
        for bad in ["", "null", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert_eq!(signing_keys(bad.as_bytes()), None, "{bad}");
        }
        let many = vec![json!({}); 101];
        assert_eq!(names(&many), None);
    }
}
