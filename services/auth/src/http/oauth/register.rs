//! `POST /oauth/register`: a client that says of itself what it is.

use {
    super::OAuthErrorBody,
    crate::{Auth, error::KeyError, oauth::register::NewlyRegistered, scopes::AdminAll},
    axum::{
        extract::{FromRequestParts, State},
        http::{StatusCode, header, request::Parts},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{
        Caller, Json, Problem, ProblemDocument, RequestContext,
        oauth::{ClientMetadata, OAuthRefusal},
    },
    portreeve_kernel::{Principal, ScopeSet, Secret},
    portreeve_oauth::{AuthMethod, Grant, GrantSet, KeySource, RedirectUri},
    serde::{Deserialize, Serialize},
    serde_json::Value,
    std::sync::Arc,
    utoipa::ToSchema,
};

/// Who registers a client: somebody whose credential says so, or anybody where anybody may.
pub(crate) struct Registrant(Option<Arc<Principal>>);

impl FromRequestParts<Auth> for Registrant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Problem> {
        // A credential that is shown counts, or is refused: nobody is taken for anybody by mistake.
        if auth.issuer.registration && !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        let caller = Caller::<AdminAll>::from_request_parts(parts, auth).await?;
        Ok(Self(Some(caller.principal)))
    }
}

/// What a client says of itself. What else it says is left alone.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what is read in `portreeve_oauth`")]
pub(crate) struct ClientMetadataBody {
    /// For people: at most 100 characters. Left out: the host of its first address.
    #[schema(example = "Claude Code", max_length = 100)]
    client_name: Option<String>,
    /// Where its answers may go: `https`, or `http` on a loopback address. 1 to 20 for the code flow, none without it.
    #[schema(example = json!(["http://127.0.0.1:33418/callback"]))]
    redirect_uris: Option<Vec<String>>,
    /// Left out: `authorization_code`. Without a credential also `refresh_token`, and nothing else.
    #[schema(example = json!(["authorization_code", "refresh_token"]))]
    grant_types: Option<Vec<String>>,
    /// `code`, or none.
    #[schema(example = json!(["code"]))]
    response_types: Option<Vec<String>>,
    /// Without a credential `none`, which is also meant when it is left out; with one, left out means `client_secret_basic`.
    #[schema(example = "none")]
    token_endpoint_auth_method: Option<String>,
    /// With a credential: what a client that acts by itself may hold, within what the credential holds. For the code flow it
    /// means nothing: whoever consents decides, each time.
    #[schema(example = "agents:read")]
    scope: Option<String>,
    /// Its public keys (RFC 7517), for `private_key_jwt`.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// Where those are, instead.
    #[schema(example = "https://app.example/jwks.json")]
    jwks_uri: Option<String>,
}

/// What was registered (RFC 7591, 3.2.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct RegisteredClient {
    /// Its id.
    #[schema(example = "clt_3V8K2M0QZ7TD")]
    client_id: String,
    /// When, in seconds since 1970.
    #[schema(example = 1_795_251_600)]
    client_id_issued_at: i64,
    /// Its secret, when it has one. Keep it now: it is not shown again and cannot be recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wcs_…")]
    client_secret: Option<String>,
    /// 0: the secret does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0)]
    client_secret_expires_at: Option<u32>,
    /// For people.
    #[schema(example = "Claude Code")]
    client_name: String,
    /// Where its answers may go.
    redirect_uris: Vec<String>,
    /// The ways to a token that it may take.
    #[schema(value_type = Vec<String>, example = json!(["authorization_code"]))]
    grant_types: GrantSet,
    /// `code` for the code flow.
    #[schema(value_type = Vec<String>, example = json!(["code"]))]
    response_types: Vec<&'static str>,
    /// How it proves that it is itself.
    #[schema(value_type = String, example = "none")]
    token_endpoint_auth_method: AuthMethod,
    /// What it may hold when it acts by itself.
    #[serde(skip_serializing_if = "ScopeSet::is_empty", serialize_with = "in_one_line")]
    #[schema(value_type = Option<String>, example = "agents:read")]
    scope: ScopeSet,
    /// Its public keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// Where those are.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
}

fn in_one_line<S: serde::Serializer>(scopes: &ScopeSet, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(scopes)
}

impl From<NewlyRegistered> for RegisteredClient {
    fn from(new: NewlyRegistered) -> Self {
        let (client, keys) = (new.described.client, new.described.keys);
        let (jwks, jwks_uri) = match keys {
            KeySource::None => (None, None),
            KeySource::Here(set) => (Some(set), None),
            KeySource::At(address) => (None, Some(address)),
        };
        Self {
            client_id: client.id.to_string(),
            client_id_issued_at: new.at.seconds(),
            client_secret_expires_at: new.secret.is_some().then_some(0),
            // The one place here where a secret leaves the process.
            client_secret: new.secret.as_ref().map(Secret::expose).map(str::to_owned),
            client_name: client.name,
            redirect_uris: client.redirect_uris.iter().map(RedirectUri::to_string).collect(),
            response_types: client
                .grants
                .has(Grant::AuthorizationCode)
                .then_some("code")
                .into_iter()
                .collect(),
            grant_types: client.grants,
            token_endpoint_auth_method: client.auth_method,
            scope: client.scopes,
            jwks,
            jwks_uri,
        }
    }
}

impl From<KeyError> for OAuthRefusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(cause) => Self::unavailable(cause),
            error => Self::Problem(error.into()),
        }
    }
}

/// Register a client (RFC 7591). Anybody may register a public client of the code flow; it is gone after a day if nobody
/// lets it in. Whoever shows a credential that holds `admin:all` registers any client, up to what that credential holds.
#[utoipa::path(
    post, path = "/oauth/register", tag = "oauth", operation_id = "registerClient", security(()),
    request_body = ClientMetadataBody,
    responses(
        (status = 201, body = RegisteredClient, description = "Registered, as it says"),
        (status = 400, body = OAuthErrorBody, description = "`invalid_redirect_uri` or `invalid_client_metadata`"),
        (status = 401, body = ProblemDocument, content_type = "application/problem+json", description = "The credential is \
            not good; or there is none, and not everybody may register here"),
        (status = 403, body = ProblemDocument, content_type = "application/problem+json", description = "`AUTH_SCOPE_INSUFFICIENT`"),
        (status = 413, body = ProblemDocument, content_type = "application/problem+json", description = "`REQUEST_TOO_LARGE`: more than 8 KiB"),
        (status = 429, body = ProblemDocument, content_type = "application/problem+json", description = "`SYSTEM_RATE_LIMITED`"),
        (status = 503, body = OAuthErrorBody, description = "`temporarily_unavailable`"),
    )
)]
pub(crate) async fn register(
    Registrant(by): Registrant,
    State(auth): State<Auth>,
    context: RequestContext,
    ClientMetadata(json): ClientMetadata,
) -> Result<Response, OAuthRefusal> {
    let described = auth.keys.describe(&json, by.as_deref())?;
    if by.is_none() {
        auth.gate.count_registration(&context).map_err(OAuthRefusal::Problem)?;
    }
    let new = auth.keys.register(described, by.as_deref(), context.client()).await?;
    let answer = Json(RegisteredClient::from(new));
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], answer).into_response())
}
