//! `/auth/resource-servers`: register, see and remove the servers that take our tokens.

use {
    crate::{
        Auth,
        resources::{
            ResourceServer,
            manage::NewlyRegistered,
            new::{NewServer, ROLES_MAX, SCOPES_MAX, WORDS_MAX},
            server::{OwnRole, OwnScope},
        },
        scopes::AdminAll,
    },
    axum::{extract::State, http::StatusCode},
    portreeve_guard::{
        Caller, Id, Json, Page, Paging, PagingQuery, Problem,
        openapi::{BodyRefusals, Refusals},
        page::bad_cursor,
        text,
    },
    portreeve_kernel::{Code, ResourceServerId, Role, Scope, ScopeSet, Secret, Timestamp},
    portreeve_oauth::Resource,
    serde::{Deserialize, Serialize, Serializer},
    std::{collections::BTreeMap, sync::Arc},
    utoipa::ToSchema,
};

/// Longest name, in characters.
const MAX_NAME: usize = 100;

portreeve_guard::problems! {
    /// When one is registered.
    pub(crate) RegisterRefusals = [Code::ValidationDuplicate];
    /// When a page is asked for.
    pub(crate) ListRefusals = [Code::ValidationInvalidFormat, Code::ValidationOutOfRange];
    /// When there is no such server, or it is somebody else's.
    pub(crate) NoServer = [Code::ResourceServerNotFound];
    /// The same, and when it is one of ours.
    pub(crate) RemoveRefusals = [Code::ResourceServerNotFound, Code::ValidationInvalidFormat];
}

/// A scope that a server understands.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewScopeBody {
    /// Its name (RFC 6749, A.4), at most 64 characters. Not built in, and not another server's.
    #[schema(value_type = String, example = "reports:read")]
    scope: Scope,
    /// What it lets a program do, for people who are asked to grant it: 1 to 200 characters.
    #[schema(example = "Read the reports", min_length = 1, max_length = 200)]
    words: String,
    /// Whether a program that names no scope asks for it, too; and the only ones that a program is given that nobody here
    /// made known.
    #[serde(default)]
    is_default: bool,
}

/// A role that a server brings along.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoleBody {
    /// Its name: small letters, digits, `-` and `_`, at most 32. Not built in.
    #[schema(value_type = String, example = "reporter")]
    role: Role,
    /// All that somebody in it may hold there, of the server's scopes.
    #[schema(value_type = Vec<String>, example = json!(["reports:read"]))]
    scopes: ScopeSet,
    /// Whether a person in it passes every scope check there: with a token that came through their browser, for themselves,
    /// and never with an API key or as an agent.
    #[serde(default)]
    bypass: bool,
}

/// A resource server that is to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewServerBody {
    /// 1 to 100 characters, for people.
    #[schema(example = "Reports", min_length = 1, max_length = 100)]
    name: String,
    /// Its address, which is the audience of its tokens, byte for byte: `https`, or `http` on loopback; no user, query or
    /// fragment; at most 512 characters.
    #[schema(example = "https://reports.example/mcp")]
    resource: String,
    /// What it understands: 1 to 50.
    #[schema(min_items = 1, max_items = 50)]
    scopes: Vec<NewScopeBody>,
    /// Further roles than those that are built in: at most 20. Owners may hold all of its scopes.
    #[serde(default)]
    #[schema(max_items = 20)]
    roles: Vec<NewRoleBody>,
}

/// A scope that a server understands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerScope {
    /// Its name.
    #[schema(value_type = String, example = "reports:read")]
    scope: Scope,
    /// What it lets a program do.
    #[schema(example = "Read the reports")]
    words: String,
    /// Whether a program that names no scope asks for it, too.
    is_default: bool,
}

/// A role that a server brought along.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerRole {
    /// Its name.
    #[schema(value_type = String, example = "reporter")]
    role: Role,
    /// All that somebody in it may hold there.
    #[schema(value_type = Vec<String>, example = json!(["reports:read"]))]
    scopes: ScopeSet,
    /// Whether a person in it passes every scope check there.
    bypass: bool,
}

/// A resource server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ResourceServer)]
pub(crate) struct ServerView {
    /// Its id.
    #[schema(value_type = String, example = "rsv_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    id: ResourceServerId,
    /// For people.
    #[schema(example = "Reports")]
    name: String,
    /// The audience of its tokens.
    #[schema(value_type = String, example = "https://reports.example/mcp")]
    resource: Resource,
    /// True for those that are part of this program. They cannot be removed.
    built_in: bool,
    /// What it understands.
    scopes: Vec<ServerScope>,
    /// Further roles than those that are built in.
    roles: Vec<ServerRole>,
    /// The client by which it asks what a credential is good for (`/oauth/introspect`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "clt_3V8K2M0QZ7TD")]
    introspection_client_id: Option<String>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:00:00Z")]
    created_at: Timestamp,
    /// By which credential.
    #[schema(example = "key_0M5B9XWQ4R1C")]
    created_by: String,
}

/// A resource server that was registered, and what it asks by.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredServer {
    /// The secret of the client that it asks by. Keep it now: it is not shown again and cannot be recovered.
    #[serde(serialize_with = "shown_once")]
    #[schema(value_type = String, example = "wcs_…")]
    introspection_client_secret: Secret,
    /// Whose tokens it takes.
    #[schema(example = "https://portreeve.example")]
    issuer: String,
    #[serde(flatten)]
    about: ServerView,
}

/// The one place here where a secret leaves the process.
fn shown_once<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

impl From<&Arc<ResourceServer>> for ServerView {
    fn from(server: &Arc<ResourceServer>) -> Self {
        let scope = |(scope, own): (&Scope, &OwnScope)| ServerScope {
            scope: scope.clone(),
            words: own.words.clone(),
            is_default: own.is_default,
        };
        let role = |(role, own): (&Role, &OwnRole)| ServerRole {
            role: role.clone(),
            scopes: own.scopes.clone(),
            bypass: own.bypass,
        };
        Self {
            id: server.id.clone(),
            name: server.name.clone(),
            resource: server.resource.clone(),
            built_in: server.is_ours(),
            scopes: server.scopes.iter().map(scope).collect(),
            roles: server.roles.iter().map(role).collect(),
            introspection_client_id: server.client.clone(),
            created_at: server.created_at,
            created_by: server.created_by.clone(),
        }
    }
}

impl NewServerBody {
    fn check(self) -> Result<NewServer, Problem> {
        text::check("name", "a name", &self.name, 1..=MAX_NAME)?;
        let refuse = |code, detail: &str, param| Err(Problem::new(code).detail(detail).param(param));
        let resource = match Resource::register(&self.resource) {
            Ok(resource) => resource,
            Err(error) => return refuse(Code::ValidationInvalidFormat, &error.to_string(), "resource"),
        };
        if self.scopes.len() > SCOPES_MAX || self.roles.len() > ROLES_MAX {
            let field = if self.scopes.len() > SCOPES_MAX {
                "scopes"
            } else {
                "roles"
            };
            return refuse(Code::ValidationOutOfRange, "at most 50 scopes and 20 roles", field);
        }
        let (mut scopes, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for new in self.scopes {
            text::check("scopes", "the words of a scope", &new.words, 1..=WORDS_MAX)?;
            let own = OwnScope {
                words: new.words,
                is_default: new.is_default,
            };
            if scopes.insert(new.scope, own).is_some() {
                return refuse(
                    Code::ValidationInvalidFormat,
                    "a scope stands twice in the list",
                    "scopes",
                );
            }
        }
        for new in self.roles {
            let own = OwnRole {
                scopes: new.scopes,
                bypass: new.bypass,
            };
            if roles.insert(new.role, own).is_some() {
                return refuse(
                    Code::ValidationInvalidFormat,
                    "a role stands twice in the list",
                    "roles",
                );
            }
        }
        Ok(NewServer {
            name: self.name,
            resource,
            scopes,
            roles,
        })
    }
}

/// Register a resource server: from now on it can be asked for tokens for it. The secret that it asks by is in this answer
/// and nowhere else.
#[utoipa::path(
    post, path = "/auth/resource-servers", tag = "oauth", operation_id = "registerResourceServer",
    security(("bearer" = ["admin:all"])),
    request_body = NewServerBody,
    responses((status = 201, description = "Registered", body = RegisteredServer), Refusals, BodyRefusals, RegisterRefusals),
)]
pub(crate) async fn register(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Json(body): Json<NewServerBody>,
) -> Result<(StatusCode, Json<RegisteredServer>), Problem> {
    let new = body.check()?;
    let NewlyRegistered { server, secret } = auth.keys.register_server(&caller.principal, new).await?;
    let answer = RegisteredServer {
        introspection_client_secret: secret,
        issuer: auth.issuer.origin.as_str().to_owned(),
        about: (&server).into(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// List the resource servers, this program's own first.
#[utoipa::path(
    get, path = "/auth/resource-servers", tag = "oauth", operation_id = "listResourceServers",
    security(("bearer" = ["admin:all"])),
    params(PagingQuery),
    responses((status = 200, description = "A page of servers", body = Page<ServerView>), Refusals, ListRefusals),
)]
pub(crate) async fn list(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    paging: Paging,
) -> Result<Page<ServerView>, Problem> {
    let all = auth.keys.servers_of(&caller.principal).await?;
    let after: Option<ResourceServerId> = paging
        .after()
        .map(|text| text.parse().map_err(|_| bad_cursor()))
        .transpose()?;
    let skip = match &after {
        None => 0,
        Some(last) => {
            let place = all.iter().position(|server| server.id == *last);
            place.map(|place| place.saturating_add(1)).ok_or_else(bad_cursor)?
        }
    };
    let one_more = usize::try_from(paging.limit()).unwrap_or(usize::MAX).saturating_add(1);
    let rows = all.iter().skip(skip).take(one_more).map(ServerView::from).collect();
    Ok(Page::cut(rows, paging.limit(), |last: &ServerView| last.id.to_string()))
}

/// Show one resource server.
#[utoipa::path(
    get, path = "/auth/resource-servers/{serverId}", tag = "oauth", operation_id = "getResourceServer",
    security(("bearer" = ["admin:all"])),
    params(("serverId" = String, Path, description = "The server's id", example = "rsv_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    responses((status = 200, description = "The server", body = ServerView), Refusals, NoServer),
)]
pub(crate) async fn show(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(server): Id<ResourceServerId>,
) -> Result<Json<ServerView>, Problem> {
    let all = auth.keys.servers_of(&caller.principal).await?;
    let found = all.iter().find(|one| one.id == server);
    found
        .map(|server| Json(server.into()))
        .ok_or_else(portreeve_guard::not_found::<ResourceServerId>)
}

/// Remove a resource server: it gets no more tokens, what was granted for it ends, and its client proves nothing any more.
#[utoipa::path(
    delete, path = "/auth/resource-servers/{serverId}", tag = "oauth", operation_id = "removeResourceServer",
    security(("bearer" = ["admin:all"])),
    params(("serverId" = String, Path, description = "The server's id", example = "rsv_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    responses((status = 204, description = "Removed"), Refusals, RemoveRefusals),
)]
pub(crate) async fn remove(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(server): Id<ResourceServerId>,
) -> Result<StatusCode, Problem> {
    auth.keys.remove_server(&caller.principal, &server).await?;
    Ok(StatusCode::NO_CONTENT)
}
