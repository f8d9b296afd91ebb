//! What a client says of itself, in a registration (RFC 7591) or in its own document (client ID metadata documents), and
//! what is made of it. Members that are unknown are left alone.

use {
    crate::{
        client::{AuthMethod, Client, ClientId, Grant, GrantSet},
        client_keys::ClientKeys,
        document,
        error::{ErrorCode, OAuthError},
        redirect::RedirectUri,
    },
    portreeve_kernel::ScopeSet,
    serde::Deserialize,
    serde_json::Value,
};

/// More than any client has use for.
const REDIRECTS_MAX: usize = 20;

/// A name that still fits on a consent page.
const NAME_MAX: usize = 100;

const NOT_METADATA: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "the client metadata is not as RFC 7591 has it",
);
const REDIRECTS: OAuthError = OAuthError::new(
    ErrorCode::InvalidRedirectUri,
    "redirect_uris: between 1 and 20 for the code flow, none without it",
);
const NAME: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "client_name: at most 100 characters, none of them invisible",
);
const GRANTS: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "grant_types names a grant that does not exist here",
);
const RESPONSES: OAuthError = OAuthError::new(ErrorCode::InvalidClientMetadata, "response_types: only code");
const METHOD: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "token_endpoint_auth_method does not fit this kind of registration",
);
const KEYS: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "private_key_jwt takes jwks with public keys only, or jwks_uri with an https address, and not both",
);
const STATEMENT: OAuthError = OAuthError::new(ErrorCode::InvalidClientMetadata, "software_statement is not taken here");
const PRIVILEGED: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "this grant takes a registration with an initial access token",
);
const SCOPE: OAuthError = OAuthError::new(ErrorCode::InvalidClientMetadata, "scope is no list of scopes");
const SCOPELESS: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "scope is empty: a client that acts by itself would be good for nothing",
);
const NOT_ITSELF: OAuthError = OAuthError::new(
    ErrorCode::InvalidClientMetadata,
    "the document's client_id is not its own address",
);

/// Who registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// Anybody: a public client of the code flow, and nothing else.
    Anonymous,
    /// Somebody with an initial access token: any client, up to these scopes.
    Trusted(ScopeSet),
    /// A document at this address: a client of the code flow without a shared secret.
    Document(ClientId),
}

#[derive(Deserialize)]
struct Metadata {
    client_id: Option<String>,
    client_name: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<AuthMethod>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    software_statement: Option<Value>,
}

/// Where the public keys are that a client signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// It does not sign.
    None,
    /// Here.
    Here(Value),
    /// At this address, and perhaps others tomorrow.
    At(String),
}

/// A client as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The client.
    pub client: Client,
    /// What it signs with.
    pub keys: KeySource,
}

/// Reads metadata as `who` may register it. The client gets `id`; a document's client is called by its address.
///
/// # Errors
/// `invalid_redirect_uri` or `invalid_client_metadata`.
pub fn registered(json: &[u8], who: &Registration, id: ClientId) -> Result<Described, OAuthError> {
    let metadata: Metadata = serde_json::from_slice(json).map_err(|_| NOT_METADATA)?;
    if metadata.software_statement.is_some() {
        return Err(STATEMENT);
    }
    let id = match who {
        Registration::Document(address) if metadata.client_id.as_deref() != Some(address.as_str()) => {
            return Err(NOT_ITSELF);
        }
        Registration::Document(address) => address.clone(),
        Registration::Anonymous | Registration::Trusted(_) => id,
    };
    let auth_method = auth_method(&metadata, who)?;
    let grants = grants(&metadata, who, auth_method)?;
    let redirect_uris = redirect_uris(&metadata, &grants)?;
    let scopes = scopes(metadata.scope.as_deref(), who)?;
    if grants.has(Grant::ClientCredentials) && scopes.is_empty() {
        return Err(SCOPELESS);
    }
    let keys = keys(&metadata, auth_method)?;
    let client = Client {
        name: name(metadata.client_name, &redirect_uris, &id)?,
        id,
        auth_method,
        scopes,
        grants,
        redirect_uris,
        enabled: true,
    };
    Ok(Described { client, keys })
}

fn auth_method(metadata: &Metadata, who: &Registration) -> Result<AuthMethod, OAuthError> {
    let asked = metadata.token_endpoint_auth_method;
    let allowed: &[AuthMethod] = match who {
        // Somebody who shows no credential gets none.
        Registration::Anonymous => &[AuthMethod::None],
        // What is published is no secret.
        Registration::Document(_) => &[AuthMethod::None, AuthMethod::PrivateKeyJwt],
        Registration::Trusted(_) => AuthMethod::ALL,
    };
    // Without a word RFC 7591 means `client_secret_basic`; who cannot have that means what it can have.
    let method = asked.or_else(|| allowed.first().copied()).ok_or(METHOD)?;
    if allowed.contains(&method) {
        Ok(method)
    } else {
        Err(METHOD)
    }
}

fn grants(metadata: &Metadata, who: &Registration, method: AuthMethod) -> Result<GrantSet, OAuthError> {
    let named = metadata.grant_types.as_deref();
    let all: Option<Vec<Grant>> = named
        .unwrap_or(&["authorization_code".to_owned()])
        .iter()
        .map(|name| Grant::parse(name))
        .collect();
    let grants: GrantSet = all.ok_or(GRANTS)?.into_iter().collect();
    let types = metadata.response_types.as_deref().unwrap_or_default();
    if types.iter().any(|name| name != "code") {
        return Err(RESPONSES);
    }
    let for_itself = grants.has(Grant::ClientCredentials);
    let trusted = matches!(who, Registration::Trusted(_));
    if (for_itself || grants.has(Grant::DeviceCode)) && !trusted {
        return Err(PRIVILEGED);
    }
    if for_itself && !method.is_confidential() {
        return Err(METHOD);
    }
    Ok(grants)
}

fn redirect_uris(metadata: &Metadata, grants: &GrantSet) -> Result<Vec<RedirectUri>, OAuthError> {
    let fits = match metadata.redirect_uris.len() {
        0 => !grants.has(Grant::AuthorizationCode),
        count => count <= REDIRECTS_MAX && grants.has(Grant::AuthorizationCode),
    };
    if !fits {
        return Err(REDIRECTS);
    }
    metadata
        .redirect_uris
        .iter()
        .map(|text| RedirectUri::register(text))
        .collect()
}

fn keys(metadata: &Metadata, method: AuthMethod) -> Result<KeySource, OAuthError> {
    let source = match (&metadata.jwks, &metadata.jwks_uri) {
        (Some(_), Some(_)) => return Err(KEYS),
        (Some(set), None) => {
            ClientKeys::parse(set).map_err(|_| KEYS)?;
            KeySource::Here(set.clone())
        }
        (None, Some(address)) if document::is_address(address) => KeySource::At(address.clone()),
        (None, Some(_)) => return Err(KEYS),
        (None, None) => KeySource::None,
    };
    match (method, source) {
        (AuthMethod::PrivateKeyJwt, KeySource::None) => Err(KEYS),
        (AuthMethod::PrivateKeyJwt, source) => Ok(source),
        // It may have keys for other things.
        _ => Ok(KeySource::None),
    }
}

/// What people are shown: the name, or where answers go, which is the truer name anyway.
fn name(asked: Option<String>, redirects: &[RedirectUri], id: &ClientId) -> Result<String, OAuthError> {
    let Some(name) = asked.filter(|name| !name.trim().is_empty()) else {
        let host = redirects.first().map(|uri| uri.host().to_owned());
        return Ok(host.unwrap_or_else(|| id.to_string()));
    };
    // Controls, and characters that turn the direction of what follows or take no room.
    let invisible = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{180E}' | '\u{2028}' | '\u{2029}' | '\u{3164}' | '\u{E0000}'..='\u{E007F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    if name.chars().count() > NAME_MAX || name.chars().any(invisible) {
        return Err(NAME);
    }
    Ok(name)
}

/// What the client may be granted without a person. For the code flow that is nothing, and no ceiling either: the consent
/// page decides each time, so that a client can ask for more later.
fn scopes(asked: Option<&str>, who: &Registration) -> Result<ScopeSet, OAuthError> {
    let asked: ScopeSet = asked.unwrap_or_default().parse().map_err(|_| SCOPE)?;
    match who {
        Registration::Trusted(most) if asked.iter().all(|scope| most.holds(scope)) => Ok(asked),
        Registration::Trusted(_) => Err(SCOPE),
        Registration::Anonymous | Registration::Document(_) => Ok(ScopeSet::default()),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    fn id() -> ClientId {
        ClientId::parse("cli_1").unwrap()
    }

    fn trusted() -> Registration {
        Registration::Trusted("agents:read transactions:read".parse().unwrap())
    }

    fn described(metadata: &Value, who: &Registration) -> Result<Described, OAuthError> {
        registered(metadata.to_string().as_bytes(), who, id())
    }

    fn register(metadata: &Value, who: &Registration) -> Result<Client, OAuthError> {
        described(metadata, who).map(|described| described.client)
    }

    #[test]
    fn anybody_gets_a_public_client_of_the_code_flow() {
        let client = register(
            &json!({
                "client_name": "App", "redirect_uris": ["http://localhost:3000/cb"], "application_type": "native",
                "grant_types": ["authorization_code", "refresh_token"], "scope": "admin:all", "contacts": ["x"],
            }),
            &Registration::Anonymous,
        )
        .unwrap();
        assert_eq!(client.auth_method, AuthMethod::None);
        assert!(
            client.scopes.is_empty(),
            "what it asks for at registration binds nobody"
        );
        assert!(client.grants.has(Grant::RefreshToken));
    }

    #[test]
    fn anybody_gets_nothing_more() {
        let base = json!({"redirect_uris": ["https://a.example/cb"]});
        for (name, value, error) in [
            ("grant_types", json!(["client_credentials"]), PRIVILEGED),
            (
                "grant_types",
                json!(["authorization_code", "client_credentials"]),
                PRIVILEGED,
            ),
            (
                "grant_types",
                json!(["urn:ietf:params:oauth:grant-type:device_code"]),
                PRIVILEGED,
            ),
            ("grant_types", json!(["password"]), GRANTS),
            ("response_types", json!(["token"]), RESPONSES),
            ("token_endpoint_auth_method", json!("client_secret_basic"), METHOD),
            ("token_endpoint_auth_method", json!("client_secret_jwt"), NOT_METADATA),
            ("redirect_uris", json!([]), REDIRECTS),
            ("redirect_uris", json!("https://a.example/cb"), NOT_METADATA),
            ("redirect_uris", json!(vec!["https://a.example/cb"; 21]), REDIRECTS),
            ("software_statement", json!("a.b.c"), STATEMENT),
            ("client_name", json!("x".repeat(101)), NAME),
            ("client_name", json!("Pay\u{202E}lap"), NAME),
            ("jwks", json!({"keys": [{"kty": "OKP", "d": "secret"}]}), KEYS),
            ("scope", json!("a\"b"), SCOPE),
        ] {
            let mut metadata = base.clone();
            metadata[name] = value;
            assert_eq!(register(&metadata, &Registration::Anonymous), Err(error), "{metadata}");
        }
        let bad = json!({"redirect_uris": ["http://a.example/cb"]});
        let error = register(&bad, &Registration::Anonymous).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRedirectUri);
    }

    #[test]
    fn an_initial_access_token_registers_a_service_up_to_its_scopes() {
        let service = json!({
            "client_name": "Books", "grant_types": ["client_credentials"], "scope": "agents:read",
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
        });
        let client = register(&service, &trusted()).unwrap();
        assert_eq!(
            (client.auth_method, client.scopes.to_string().as_str()),
            (AuthMethod::PrivateKeyJwt, "agents:read")
        );
        let mut wider = service.clone();
        wider["scope"] = json!("agents:read agents:write");
        assert_eq!(register(&wider, &trusted()), Err(SCOPE));
        let mut public = service.clone();
        public["token_endpoint_auth_method"] = json!("none");
        public["jwks"] = Value::Null;
        assert_eq!(
            register(&public, &trusted()),
            Err(METHOD),
            "a public client never acts for itself"
        );
        for (jwks, uri) in [
            (json!({"keys": []}), Value::Null),
            (json!({"keys": [{"kty": "oct", "k": "x"}]}), Value::Null),
            (service["jwks"].clone(), json!("https://a.example/keys")),
            (json!({"keys": [{"kty": "OKP"}]}), Value::Null),
            (Value::Null, json!("http://a.example/keys")),
            (Value::Null, json!("https://a.example/../keys")),
            (Value::Null, Value::Null),
        ] {
            let mut bad = service.clone();
            bad["jwks"] = jwks;
            bad["jwks_uri"] = uri;
            assert_eq!(register(&bad, &trusted()), Err(KEYS), "{bad}");
        }
        let mut unnamed = json!({"grant_types": ["client_credentials"]});
        assert_eq!(register(&unnamed, &trusted()), Err(SCOPELESS));
        unnamed["scope"] = json!("agents:read");
        assert_eq!(
            register(&unnamed, &trusted()).unwrap().auth_method,
            AuthMethod::ClientSecretBasic
        );
    }

    #[test]
    fn a_client_that_signs_says_where_its_keys_are_and_no_other_client_has_any() {
        let set =
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
        let at = "https://a.example/keys";
        let client = |method: &str, name: &str, value: Value| {
            let mut metadata = json!({"redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": method});
            metadata[name] = value;
            described(&metadata, &trusted()).map(|described| described.keys)
        };
        let here = KeySource::Here(set.clone());
        assert_eq!(client("private_key_jwt", "jwks", set.clone()), Ok(here));
        let there = KeySource::At(at.to_owned());
        assert_eq!(client("private_key_jwt", "jwks_uri", json!(at)), Ok(there));
        assert_eq!(client("none", "jwks", set), Ok(KeySource::None));
        assert_eq!(client("client_secret_post", "jwks_uri", json!(at)), Ok(KeySource::None));
    }

    #[test]
    fn a_document_says_its_own_address_and_holds_no_shared_secret() {
        let address = ClientId::parse("https://app.example/client.json").unwrap();
        let who = Registration::Document(address.clone());
        let document = json!({"client_id": address.as_str(), "redirect_uris": ["https://app.example/cb"]});
        let client = register(&document, &who).unwrap();
        assert_eq!((client.id, client.name.as_str()), (address, "app.example"));
        let mut other = document.clone();
        other["client_id"] = json!("https://app.example/client.json/");
        assert_eq!(register(&other, &who), Err(NOT_ITSELF));
        let mut secret = document;
        secret["token_endpoint_auth_method"] = json!("client_secret_post");
        assert_eq!(register(&secret, &who), Err(METHOD));
    }
}
