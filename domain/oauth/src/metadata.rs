//! The documents by which a client that knows nothing but an address finds its way: the authorization server's
//! (RFC 8414), the resource server's (RFC 9728), and the public keys (RFC 7517).
//!
//! All addresses in them come from the configured issuer, never from a request. No member is ever null or empty: clients
//! refuse such documents.

use {
    crate::{
        client::{AuthMethod, Grant},
        header::Algorithm,
        resource::Resource,
    },
    portreeve_kernel::ScopeSet,
    serde::Serialize,
};

/// What an authorization server says of itself (RFC 8414, 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerMetadata {
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_authorization_endpoint: Option<String>,
    #[serde(serialize_with = "list", skip_serializing_if = "ScopeSet::is_empty")]
    scopes_supported: ScopeSet,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: &'static [Grant],
    token_endpoint_auth_methods_supported: &'static [AuthMethod],
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg_values_supported: Option<&'static [Algorithm]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint_auth_methods_supported: Option<&'static [AuthMethod]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint_auth_signing_alg_values_supported: Option<&'static [Algorithm]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    introspection_endpoint_auth_methods_supported: Vec<AuthMethod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint_auth_signing_alg_values_supported: Option<&'static [Algorithm]>,
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
    client_id_metadata_document_supported: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    protected_resources: Vec<Resource>,
}

fn list<S: serde::Serializer>(scopes: &ScopeSet, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(scopes)
}

/// What is served, and so what is named: a document that names more sends clients to what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// The ways to a token.
    pub grants: &'static [Grant],
    /// How clients prove themselves.
    pub methods: &'static [AuthMethod],
    /// A page on which people consent.
    pub authorization: bool,
    /// Registration by whoever comes (RFC 7591).
    pub registration: bool,
    /// Ending a token (RFC 7009).
    pub revocation: bool,
    /// Saying what a token is (RFC 7662). For resource servers, which keep a secret.
    pub introspection: bool,
    /// Consent on another device (RFC 8628).
    pub device: bool,
    /// Client ids that are the address of a document.
    pub client_documents: bool,
}

impl Offers {
    /// Not one of them.
    pub const NOTHING: Self = Self {
        grants: &[],
        methods: &[],
        authorization: false,
        registration: false,
        revocation: false,
        introspection: false,
        device: false,
        client_documents: false,
    };

    fn signed_by(&self) -> Option<&'static [Algorithm]> {
        self.methods.contains(&AuthMethod::PrivateKeyJwt).then_some(SIGNED_BY)
    }
}

/// What a client may sign its assertions with.
const SIGNED_BY: &[Algorithm] = &[
    Algorithm::EdDsa,
    Algorithm::Ed25519,
    Algorithm::Es256,
    Algorithm::Rs256,
    Algorithm::Ps256,
];

impl ServerMetadata {
    /// The document of `issuer`, for the scopes that anybody may ask for and the resources that it issues tokens for.
    #[must_use]
    pub fn new(issuer: &str, scopes: ScopeSet, resources: &[Resource], offers: &Offers) -> Self {
        let at = |path: &str| format!("{issuer}/oauth/{path}");
        let when = |served: bool, path: &str| served.then(|| at(path));
        let confidential = offers.methods.iter().copied().filter(|method| method.is_confidential());
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: when(offers.authorization, "authorize"),
            token_endpoint: at("token"),
            jwks_uri: at("jwks"),
            registration_endpoint: when(offers.registration, "register"),
            revocation_endpoint: when(offers.revocation, "revoke"),
            introspection_endpoint: when(offers.introspection, "introspect"),
            device_authorization_endpoint: when(offers.device, "device_authorization"),
            scopes_supported: scopes,
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: offers.grants,
            token_endpoint_auth_methods_supported: offers.methods,
            token_endpoint_auth_signing_alg_values_supported: offers.signed_by(),
            revocation_endpoint_auth_methods_supported: offers.revocation.then_some(offers.methods),
            revocation_endpoint_auth_signing_alg_values_supported: offers.signed_by().filter(|_| offers.revocation),
            introspection_endpoint_auth_methods_supported: confidential.filter(|_| offers.introspection).collect(),
            introspection_endpoint_auth_signing_alg_values_supported: offers
                .signed_by()
                .filter(|_| offers.introspection),
            code_challenge_methods_supported: ["S256"],
            authorization_response_iss_parameter_supported: offers.authorization,
            client_id_metadata_document_supported: offers.client_documents,
            protected_resources: resources.to_vec(),
        }
    }
}

/// What a resource server says of itself (RFC 9728, 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedResource {
    resource: Resource,
    authorization_servers: [String; 1],
    #[serde(serialize_with = "list", skip_serializing_if = "ScopeSet::is_empty")]
    scopes_supported: ScopeSet,
    bearer_methods_supported: [&'static str; 1],
    resource_name: String,
}

impl ProtectedResource {
    /// The document of `resource`, whose tokens `issuer` makes.
    #[must_use]
    pub fn new(resource: Resource, issuer: &str, scopes: ScopeSet, name: &str) -> Self {
        Self {
            resource,
            authorization_servers: [issuer.to_owned()],
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
            resource_name: name.to_owned(),
        }
    }

    /// Where the document of `resource` is: the well-known path put between host and path (RFC 9728, 3.1).
    #[must_use]
    pub fn location(resource: &Resource) -> String {
        const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
        let text = resource.as_str();
        let after_scheme = text.find("://").map_or(0, |at| at.saturating_add(3));
        let host_end = text.get(after_scheme..).and_then(|rest| rest.find('/'));
        let cut = host_end.map_or(text.len(), |at| after_scheme.saturating_add(at));
        let (origin, path) = text.split_at_checked(cut).unwrap_or((text, ""));
        format!("{origin}{WELL_KNOWN}{}", path.trim_end_matches('/'))
    }
}

/// A public signing key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonWebKey {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    kid: String,
    x: String,
}

impl JsonWebKey {
    /// An Ed25519 key, by its 32 bytes in base64url.
    #[must_use]
    pub const fn ed25519(kid: String, x: String) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            purpose: "sig",
            kid,
            x,
        }
    }
}

/// The keys by which tokens are verified: today's, tomorrow's, and those of tokens that are still good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonWebKeySet {
    /// In no order that means anything.
    pub keys: Vec<JsonWebKey>,
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    const ISSUER: &str = "https://p.example";

    const EVERYTHING: Offers = Offers {
        grants: Grant::ALL,
        methods: AuthMethod::ALL,
        authorization: true,
        registration: true,
        revocation: true,
        introspection: true,
        device: true,
        client_documents: true,
    };

    /// AUTH_CHECKLIST 4.3 to 4.7
    #[test]
    fn the_server_says_where_everything_is_and_what_it_does_not_do() {
        let resources = [Resource::configured("https://p.example/mcp")];
        let scopes = "agents:read".parse().unwrap();
        let document = serde_json::to_value(ServerMetadata::new(ISSUER, scopes, &resources, &EVERYTHING)).unwrap();
        assert_eq!(document["issuer"], ISSUER);
        assert_eq!(document["token_endpoint"], "https://p.example/oauth/token");
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["response_types_supported"], json!(["code"]));
        assert_eq!(
            document["grant_types_supported"],
            json!([
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code"
            ])
        );
        assert_eq!(
            document["token_endpoint_auth_methods_supported"],
            json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
        );
        let algorithms = document["token_endpoint_auth_signing_alg_values_supported"].to_string();
        assert!(
            !algorithms.contains("HS") && !algorithms.contains("none"),
            "{algorithms}"
        );
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert_eq!(document["client_id_metadata_document_supported"], true);
        assert_eq!(
            document["introspection_endpoint_auth_methods_supported"],
            json!(["client_secret_basic", "client_secret_post", "private_key_jwt"])
        );
    }

    #[test]
    fn what_is_not_served_is_not_named() {
        let offers = Offers {
            grants: &[Grant::ClientCredentials],
            methods: &[AuthMethod::ClientSecretBasic],
            ..Offers::NOTHING
        };
        let document = ServerMetadata::new(ISSUER, ScopeSet::default(), &[], &offers);
        let document = serde_json::to_value(document).unwrap();
        let names: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "authorization_response_iss_parameter_supported",
                "client_id_metadata_document_supported",
                "code_challenge_methods_supported",
                "grant_types_supported",
                "issuer",
                "jwks_uri",
                "response_modes_supported",
                "response_types_supported",
                "token_endpoint",
                "token_endpoint_auth_methods_supported",
            ]
        );
        assert_eq!(document["grant_types_supported"], json!(["client_credentials"]));
        assert_eq!(document["client_id_metadata_document_supported"], false);
    }

    #[test]
    fn no_member_of_a_document_is_null_or_empty() {
        let documents = [
            serde_json::to_value(ServerMetadata::new(ISSUER, "a:b".parse().unwrap(), &[], &EVERYTHING)).unwrap(),
            serde_json::to_value(ProtectedResource::new(
                Resource::configured("https://p.example/mcp"),
                ISSUER,
                ScopeSet::default(),
                "Wallet",
            ))
            .unwrap(),
        ];
        for document in documents {
            for (name, value) in document.as_object().unwrap() {
                assert!(!value.is_null() && value != "" && value != &json!([]), "{name}");
            }
        }
    }

    #[test]
    fn a_resource_names_its_issuer_byte_for_byte() {
        let resource = Resource::configured("https://p.example/mcp");
        let document = ProtectedResource::new(resource, ISSUER, "agents:read".parse().unwrap(), "Wallet");
        assert_eq!(
            serde_json::to_value(document).unwrap(),
            json!({
                "resource": "https://p.example/mcp",
                "authorization_servers": ["https://p.example"],
                "scopes_supported": ["agents:read"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Wallet",
            })
        );
    }

    #[test]
    fn the_document_lies_between_host_and_path() {
        for (resource, location) in [
            (
                "https://p.example/mcp",
                "https://p.example/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://p.example/vault/mcp",
                "https://p.example/.well-known/oauth-protected-resource/vault/mcp",
            ),
            (
                "https://localhost:8787/mcp",
                "https://localhost:8787/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://p.example",
                "https://p.example/.well-known/oauth-protected-resource",
            ),
            (
                "https://p.example/",
                "https://p.example/.well-known/oauth-protected-resource",
            ),
        ] {
            assert_eq!(ProtectedResource::location(&Resource::configured(resource)), location);
        }
    }

    #[test]
    fn a_key_set_holds_public_halves_alone() {
        let set = JsonWebKeySet {
            keys: vec![JsonWebKey::ed25519(
                "k1".to_owned(),
                "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned(),
            )],
        };
        let shown = serde_json::to_value(set).unwrap();
        assert_eq!(shown["keys"][0]["kty"], "OKP");
        assert!(shown["keys"][0].get("d").is_none());
    }
}
