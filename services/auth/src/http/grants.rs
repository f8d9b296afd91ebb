//! `/auth/grants`: what people allowed programs to do.

use {
    crate::{Auth, oauth::given::GrantRow, scopes::AdminAll},
    axum::{extract::State, http::StatusCode},
    portreeve_guard::{Caller, Id, Page, Paging, PagingQuery, Problem, openapi::Refusals},
    portreeve_kernel::{AgentId, Code, GrantId, Role, ScopeSet, Timestamp, UserId},
    serde::Serialize,
    utoipa::ToSchema,
};

portreeve_guard::problems! {
    /// When a page is asked for.
    pub(crate) ListRefusals = [Code::ValidationInvalidFormat, Code::ValidationOutOfRange];
    /// When the grant does not exist, or is somebody else's.
    pub(crate) NoGrant = [Code::AuthGrantNotFound];
}

/// What a person allowed a program to do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OauthGrant)]
pub(crate) struct GrantView {
    /// Its id; the ids of its tokens begin with it.
    #[schema(value_type = String, example = "grt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    id: GrantId,
    /// The program.
    #[schema(example = "clt_3V8K2M0QZ7TD")]
    client_id: String,
    /// What the program calls itself.
    #[schema(example = "Travel planner")]
    client_name: String,
    /// Who allowed it.
    #[schema(value_type = String, example = "usr_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    user_id: UserId,
    /// The one agent that it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    agent_id: Option<AgentId>,
    /// In which role it acts.
    #[schema(value_type = String, example = "agent")]
    role: Role,
    /// At which resource server.
    #[schema(example = "https://portreeve.example/mcp")]
    resource: String,
    /// What it may do there.
    #[schema(value_type = Vec<String>, example = json!(["transactions:execute"]))]
    scopes: ScopeSet,
    /// When it was allowed.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:00:00Z")]
    created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "revoked")]
    revoked_why: Option<String>,
}

impl From<GrantRow> for GrantView {
    fn from(row: GrantRow) -> Self {
        Self {
            id: row.id,
            client_id: row.client,
            client_name: row.client_name,
            user_id: row.user,
            agent_id: row.agent,
            role: row.role,
            resource: row.resource,
            scopes: row.scopes,
            created_at: row.created_at,
            revoked_at: row.revoked_at,
            revoked_why: row.revoked_why,
        }
    }
}

/// List what people allowed programs to do, newest first, ended ones included.
#[utoipa::path(
    get, path = "/auth/grants", tag = "oauth", operation_id = "listGrants", security(("bearer" = ["admin:all"])),
    params(PagingQuery),
    responses((status = 200, description = "A page of grants", body = Page<GrantView>), Refusals, ListRefusals),
)]
pub(crate) async fn list(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    paging: Paging,
) -> Result<Page<GrantView>, Problem> {
    let page = auth.keys.grants(&caller.principal, &paging).await?;
    Ok(page.map(GrantView::from))
}

/// End what a person allowed a program to do, at once and for good, and its tokens with it. Ending it again changes nothing.
#[utoipa::path(
    delete, path = "/auth/grants/{grantId}", tag = "oauth", operation_id = "revokeGrant",
    security(("bearer" = ["admin:all"])),
    params(("grantId" = String, Path, description = "The grant's id", example = "grt_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    responses((status = 204, description = "Ended"), Refusals, NoGrant),
)]
pub(crate) async fn revoke(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(grant): Id<GrantId>,
) -> Result<StatusCode, Problem> {
    auth.keys.revoke_grant(&caller.principal, &grant).await?;
    Ok(StatusCode::NO_CONTENT)
}
