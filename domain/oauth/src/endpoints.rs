//! An issuer's own document (RFC 8414), as a resource server in another process reads it.

use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: Option<String>,
}

/// Where a resource server asks its issuer, as paths of the issuer's own origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// For the keys that tokens are signed with.
    pub keys: String,
    /// For what a credential is good for.
    pub introspection: String,
}

impl Endpoints {
    /// Where the document of an issuer without a path is.
    pub const DOCUMENT: &'static str = "/.well-known/oauth-authorization-server";

    /// Reads the document of `issuer`. `None` for one of another issuer (RFC 8414, 3.3), and for one that leads elsewhere:
    /// the credential of a resource server goes to its issuer and to nobody else.
    #[must_use]
    pub fn read(json: &[u8], issuer: &str) -> Option<Self> {
        let document: Document = serde_json::from_slice(json).ok()?;
        let path = |address: &str| {
            let path = address.strip_prefix(issuer)?;
            path.starts_with('/').then(|| path.to_owned())
        };
        let endpoints = Self {
            keys: path(&document.jwks_uri)?,
            introspection: path(document.introspection_endpoint.as_deref()?)?,
        };
        (document.issuer == issuer).then_some(endpoints)
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        serde_json::{Value, json},
    };

    fn read(change: (&str, Value)) -> Option<Endpoints> {
        let mut document = json!({
            "issuer": "https://p.example", "jwks_uri": "https://p.example/oauth/jwks",
            "introspection_endpoint": "https://p.example/oauth/introspect",
        });
        document[change.0] = change.1;
        Endpoints::read(document.to_string().as_bytes(), "https://p.example")
    }

    #[test]
    fn the_issuer_says_where_to_ask() {
        let endpoints = read(("extra", json!(1))).unwrap();
        assert_eq!(
            (endpoints.keys.as_str(), endpoints.introspection.as_str()),
            ("/oauth/jwks", "/oauth/introspect")
        );
    }

    #[test]
    fn a_document_of_another_issuer_or_one_that_leads_elsewhere_is_none() {
        for change in [
            ("issuer", json!("https://p.example/")),
            ("issuer", json!("https://evil.example")),
            ("jwks_uri", json!("https://evil.example/jwks")),
            ("jwks_uri", json!("https://p.example.evil.example/jwks")),
            ("jwks_uri", json!("https://p.example@evil.example/jwks")),
            ("introspection_endpoint", json!("http://p.example/oauth/introspect")),
            ("introspection_endpoint", json!(null)),
        ] {
            assert_eq!(read(change.clone()), None, "{change:?}");
        }
    }
}
