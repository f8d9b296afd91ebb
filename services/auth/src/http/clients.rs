//! `/auth/clients`: make, see, renew and end OAuth clients.

use {
    crate::{
        Auth,
        oauth::manage::{ClientRow, NewClient},
        origin::Addresses,
        scopes::AdminAll,
    },
    axum::{extract::State, http::StatusCode},
    portreeve_guard::{
        Caller, Id, Json, Noun, Page, Paging, PagingQuery, Problem,
        openapi::{BodyRefusals, Refusals},
        text,
    },
    portreeve_kernel::{AgentId, Code, Role, ScopeSet, Secret, Timestamp},
    portreeve_oauth::{AuthMethod, ClientId, ClientKeys, Grant, RedirectUri},
    serde::{Deserialize, Serialize, Serializer},
    serde_json::Value,
    std::str::FromStr,
    utoipa::ToSchema,
};

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// More than any client has use for.
const MAX_REDIRECTS: usize = 20;

portreeve_guard::problems! {
    /// When a client is made.
    pub(crate) CreateRefusals = [Code::AgentNotFound];
    /// When a page is asked for.
    pub(crate) ListRefusals = [Code::ValidationInvalidFormat, Code::ValidationOutOfRange];
    /// When a secret is changed.
    pub(crate) ChangeRefusals = [Code::AuthClientNotFound, Code::ValidationInvalidFormat];
    /// When the client does not exist, or is somebody else's.
    pub(crate) NoClient = [Code::AuthClientNotFound];
}

/// The id of a client, in a path. One that is the address of a document cannot stand there.
#[derive(Debug)]
pub(crate) struct InPath(ClientId);

impl FromStr for InPath {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        ClientId::parse(text).map(Self).ok_or(())
    }
}

impl Noun for InPath {
    const NOT_FOUND: Code = Code::AuthClientNotFound;
}

/// A client that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewClientBody {
    /// 1 to 100 characters, for people.
    #[schema(example = "accounting", min_length = 1, max_length = 100)]
    name: String,
    /// What its tokens may be good for: at least one scope, none that its creator or its role may not hold. Left out for a
    /// client that people use.
    #[schema(value_type = Option<Vec<String>>, example = json!(["transactions:read"]))]
    scopes: Option<ScopeSet>,
    /// Where answers go when people use it (`authorization_code`): up to 20, `https`, or `http` on loopback. It then never
    /// acts by itself, and has no scopes of its own: whoever uses it decides each time.
    #[serde(default)]
    #[schema(example = json!(["https://app.example/callback"]), max_items = 20)]
    redirect_uris: Vec<String>,
    /// It has no browser: it shows a code, and people consent on another device (RFC 8628). It then never acts by itself, as
    /// with `redirectUris`.
    #[serde(default)]
    on_device: bool,
    /// How it proves that it is itself. Left out: by a secret, or by its keys when it has any. `none` is for programs that
    /// cannot keep a secret, and only for those that people use.
    #[schema(value_type = Option<String>, example = "client_secret_basic")]
    auth_method: Option<AuthMethod>,
    /// Has it act for one of your agents. Its role is then `agent`; without, it acts as you.
    #[schema(value_type = Option<String>, example = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    agent_id: Option<AgentId>,
    /// Its public keys (RFC 7517): Ed25519, P-256, or RSA of 2048 to 4096 bits. It then proves itself by JWTs that it signs
    /// (`private_key_jwt`) and has no secret.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
}

/// Whether a client gets tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientStatus {
    /// It does.
    Active,
    /// Its agent is suspended.
    Stopped,
    /// It was ended, for good.
    Revoked,
}

/// What is known of a client. Its secret is shown once, when it is made or changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OauthClient {
    /// Its id.
    #[schema(example = "clt_3V8K2M0QZ7TD")]
    id: String,
    /// For people.
    #[schema(example = "accounting")]
    name: String,
    /// `agent` for one that acts for an agent, else its creator's.
    #[schema(value_type = String, example = "owner")]
    role: Role,
    /// The agent it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    agent_id: Option<AgentId>,
    /// How it proves that it is itself.
    #[schema(value_type = String, example = "client_secret_basic")]
    auth_method: AuthMethod,
    /// What its tokens may be good for. None for one that people use: they decide each time.
    #[schema(value_type = Vec<String>, example = json!(["transactions:read"]))]
    scopes: ScopeSet,
    /// Where answers go when people use it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redirect_uris: Vec<String>,
    /// Whether it gets tokens.
    status: ClientStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:00:00Z")]
    created_at: Timestamp,
    /// By which credential.
    #[schema(example = "key_0M5B9XWQ4R1C")]
    created_by: String,
    /// When it was ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<ClientRow> for OauthClient {
    fn from(row: ClientRow) -> Self {
        let status = match (row.revoked_at, row.stopped_at) {
            (Some(_), _) => ClientStatus::Revoked,
            (None, Some(_)) => ClientStatus::Stopped,
            (None, None) => ClientStatus::Active,
        };
        Self {
            id: row.id,
            name: row.name,
            role: row.role,
            agent_id: row.agent,
            auth_method: row.method,
            scopes: row.scopes,
            redirect_uris: row.redirects,
            status,
            created_at: row.created_at,
            created_by: row.created_by,
            revoked_at: row.revoked_at,
        }
    }
}

/// A client, and what it proves itself by.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientSecret {
    /// Its secret, unless it signs. Keep it now: it is not shown again and cannot be recovered.
    #[serde(serialize_with = "shown_once", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "wcs_…")]
    client_secret: Option<Secret>,
    /// Where it gets its tokens.
    #[schema(example = "https://portreeve.example/oauth/token")]
    token_endpoint: String,
    #[serde(flatten)]
    about: OauthClient,
}

/// The one place here where a secret leaves the process.
fn shown_once<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_some(&secret.as_ref().map(Secret::expose))
}

impl ClientSecret {
    fn of(auth: &Auth, row: ClientRow, client_secret: Option<Secret>) -> Self {
        Self {
            client_secret,
            token_endpoint: auth.issuer.origin.token_endpoint(),
            about: row.into(),
        }
    }
}

impl NewClientBody {
    fn check(self) -> Result<NewClient, Problem> {
        text::check("name", "a name", &self.name, 1..=MAX_NAME)?;
        let refuse = |code, detail: &str, param| Err(Problem::new(code).detail(detail).param(param));
        let is_for_people = self.on_device || !self.redirect_uris.is_empty();
        let scopes = match self.scopes {
            None if !is_for_people => {
                let detail = "what a client that acts by itself may do has to be said";
                return refuse(Code::ValidationRequiredField, detail, "scopes");
            }
            scopes => scopes.unwrap_or_default(),
        };
        if is_for_people != scopes.is_empty() {
            let detail = match is_for_people {
                true => "a client that people use has no scopes of its own: whoever uses it decides each time",
                false => "a client without a scope is good for nothing",
            };
            return refuse(Code::ValidationOutOfRange, detail, "scopes");
        }
        if is_for_people && self.agent_id.is_some() {
            let detail = "for which agent a client that people use acts is decided by them";
            return refuse(Code::ValidationInvalidFormat, detail, "agentId");
        }
        if let Some(set) = &self.jwks
            && let Err(error) = ClientKeys::parse(set)
        {
            return refuse(Code::ValidationInvalidFormat, error.description(), "jwks");
        }
        let usual = match self.jwks {
            Some(_) => AuthMethod::PrivateKeyJwt,
            None => AuthMethod::ClientSecretBasic,
        };
        let method = self.auth_method.unwrap_or(usual);
        let fits = match method {
            AuthMethod::PrivateKeyJwt => self.jwks.is_some(),
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => self.jwks.is_none(),
            AuthMethod::None => self.jwks.is_none() && is_for_people,
        };
        if !fits {
            let detail = "private_key_jwt goes with jwks, and none with redirectUris or onDevice alone";
            return refuse(Code::ValidationInvalidFormat, detail, "authMethod");
        }
        if self.redirect_uris.len() > MAX_REDIRECTS {
            return refuse(Code::ValidationOutOfRange, "at most 20 addresses", "redirectUris");
        }
        let redirects = self.redirect_uris.iter().map(|text| RedirectUri::register(text));
        let redirects: Vec<RedirectUri> = match redirects.collect() {
            Ok(redirects) => redirects,
            Err(error) => return refuse(Code::ValidationInvalidFormat, error.description(), "redirectUris"),
        };
        Ok(NewClient {
            jwks: self.jwks,
            name: self.name,
            scopes,
            agent: self.agent_id,
            method,
            grants: [
                (Grant::AuthorizationCode, !redirects.is_empty()),
                (Grant::RefreshToken, is_for_people),
                (Grant::ClientCredentials, !is_for_people),
                (Grant::DeviceCode, self.on_device),
            ]
            .into_iter()
            .filter_map(|(grant, is_there)| is_there.then_some(grant))
            .collect(),
            redirects,
        })
    }
}

/// Make an OAuth client: one that acts by itself, or one that people use. Its secret is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/auth/clients", tag = "oauth", operation_id = "createClient", security(("bearer" = ["admin:all"])),
    request_body = NewClientBody,
    responses((status = 201, description = "Made", body = ClientSecret), Refusals, BodyRefusals, CreateRefusals),
)]
pub(crate) async fn create(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Json(body): Json<NewClientBody>,
) -> Result<(StatusCode, Json<ClientSecret>), Problem> {
    let new = body.check()?;
    let agents = auth.agents.clone();
    let (made, secret) = auth.keys.create_client(&caller.principal, new, agents).await?;
    Ok((StatusCode::CREATED, Json(ClientSecret::of(&auth, made, secret))))
}

/// List the OAuth clients, newest first, ended ones included.
#[utoipa::path(
    get, path = "/auth/clients", tag = "oauth", operation_id = "listClients", security(("bearer" = ["admin:all"])),
    params(PagingQuery),
    responses((status = 200, description = "A page of clients", body = Page<OauthClient>), Refusals, ListRefusals),
)]
pub(crate) async fn list(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    paging: Paging,
) -> Result<Page<OauthClient>, Problem> {
    let page = auth.keys.clients(&caller.principal, &paging).await?;
    Ok(page.map(OauthClient::from))
}

/// Show one OAuth client.
#[utoipa::path(
    get, path = "/auth/clients/{clientId}", tag = "oauth", operation_id = "getClient",
    security(("bearer" = ["admin:all"])),
    params(("clientId" = String, Path, description = "The client's id", example = "clt_3V8K2M0QZ7TD")),
    responses((status = 200, description = "The client", body = OauthClient), Refusals, NoClient),
)]
pub(crate) async fn show(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(InPath(client)): Id<InPath>,
) -> Result<Json<OauthClient>, Problem> {
    let found = auth.keys.client(&caller.principal, &client).await?;
    Ok(Json(found.into()))
}

/// Give an OAuth client another secret. The old one proves nothing any more; tokens go on.
#[utoipa::path(
    post, path = "/auth/clients/{clientId}/secret", tag = "oauth", operation_id = "changeClientSecret",
    security(("bearer" = ["admin:all"])),
    params(("clientId" = String, Path, description = "The client's id", example = "clt_3V8K2M0QZ7TD")),
    responses((status = 200, description = "Changed", body = ClientSecret), Refusals, ChangeRefusals),
)]
pub(crate) async fn change_secret(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(InPath(client)): Id<InPath>,
) -> Result<Json<ClientSecret>, Problem> {
    let (changed, secret) = auth.keys.change_secret(&caller.principal, &client).await?;
    Ok(Json(ClientSecret::of(&auth, changed, Some(secret))))
}

/// End an OAuth client, at once and for good, and its tokens with it. Ending it again changes nothing.
#[utoipa::path(
    delete, path = "/auth/clients/{clientId}", tag = "oauth", operation_id = "revokeClient",
    security(("bearer" = ["admin:all"])),
    params(("clientId" = String, Path, description = "The client's id", example = "clt_3V8K2M0QZ7TD")),
    responses((status = 204, description = "Ended"), Refusals, NoClient),
)]
pub(crate) async fn revoke(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(InPath(client)): Id<InPath>,
) -> Result<StatusCode, Problem> {
    auth.keys.revoke_client(&caller.principal, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
