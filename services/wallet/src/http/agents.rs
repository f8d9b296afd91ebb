//! `/agents`: make, see, approve, suspend and resume agents.

use {
    super::schema,
    crate::{
        Wallet,
        agents::{self, AgentView, NewAgent},
        scopes,
    },
    axum::{
        extract::State,
        http::{HeaderValue, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{
        Caller, Id, Json, Page, Paging, PagingQuery, Problem, Unlimited,
        openapi::{BodyRefusals, Refusals},
    },
    portreeve_kernel::{AgentId, Code, OwnerProof},
    portreeve_policy::PolicyInput,
    serde::Deserialize,
    utoipa::ToSchema,
};

portreeve_guard::problems! {
    /// When the agent does not exist, or is somebody else's.
    pub(super) NoAgent = [Code::AgentNotFound];
    /// When a page is asked for.
    pub(super) ListRefusals = [Code::ValidationInvalidFormat, Code::ValidationOutOfRange];
    /// When an agent is made.
    pub(super) CreateRefusals = [Code::PolicyInvalid, Code::SystemRpcUnavailable];
    /// When a policy is approved.
    pub(super) ApproveRefusals = [Code::PolicyProofInvalid, Code::PolicyVersionConflict, Code::AgentStateConflict, Code::SystemSignerUnavailable];
    /// When an agent is suspended.
    pub(super) SuspendRefusals = [Code::AgentSuspended, Code::AgentStateConflict];
    /// When an agent is resumed.
    pub(super) ResumeRefusals = [Code::PolicyProofInvalid, Code::AgentStateConflict, Code::SystemSignerUnavailable];
}

/// A new agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewAgentBody {
    /// 1 to 50 characters, for people.
    #[schema(example = "shopper")]
    nickname: String,
    /// At most 10, each 1 to 30 of letters, digits, `_`, `-` and Hangul.
    #[serde(default)]
    tags: Vec<String>,
    /// What it may spend.
    #[schema(value_type = schema::PolicyInput)]
    policy: PolicyInput,
}

/// The owner's word on a policy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyApprovalBody {
    /// The version that is approved.
    policy_version: u64,
    /// A signature over the challenge that the agent shows.
    #[schema(value_type = schema::OwnerProof)]
    proof: OwnerProof,
}

/// Why an agent is stopped.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SuspendBody {
    /// At most 200 characters.
    #[schema(example = "unknown shop")]
    reason: Option<String>,
}

/// The owner's word on resuming.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ResumeBody {
    /// A signature over the challenge that the suspended agent shows.
    #[schema(value_type = schema::OwnerProof)]
    proof: OwnerProof,
}

/// Make an agent. It can do nothing until its policy is approved; then its wallet is made on chain.
#[utoipa::path(
    post, path = "/agents", tag = "agents", operation_id = "createAgent", security(("bearer" = ["agents:write"])),
    request_body = NewAgentBody,
    responses((status = 201, body = AgentView), Refusals, BodyRefusals, CreateRefusals),
)]
pub(super) async fn create(
    caller: Caller<scopes::AgentsWrite>,
    State(wallet): State<Wallet>,
    Json(body): Json<NewAgentBody>,
) -> Result<Response, Problem> {
    let new = NewAgent::check(body.nickname, body.tags, body.policy)?;
    let agent = agents::create(&wallet, &caller.principal, new).await?;
    let location = HeaderValue::try_from(format!("/api/v1/agents/{}", agent.id)).map_err(Problem::internal)?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(agent)).into_response())
}

/// List agents, newest first.
#[utoipa::path(
    get, path = "/agents", tag = "agents", operation_id = "listAgents", security(("bearer" = ["agents:read"])),
    params(PagingQuery),
    responses((status = 200, body = Page<AgentView>), Refusals, ListRefusals),
)]
pub(super) async fn list(
    caller: Caller<scopes::AgentsRead>,
    State(wallet): State<Wallet>,
    paging: Paging,
) -> Result<Page<AgentView>, Problem> {
    agents::list(&wallet, &caller.principal, &paging).await
}

/// Show one agent.
#[utoipa::path(
    get, path = "/agents/{agentId}", tag = "agents", operation_id = "getAgent", security(("bearer" = ["agents:read"])),
    params(("agentId" = String, Path)),
    responses((status = 200, body = AgentView), Refusals, NoAgent),
)]
pub(super) async fn show(
    caller: Caller<scopes::AgentsRead>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
) -> Result<impl IntoResponse, Problem> {
    agents::show(&wallet, &caller.principal, &agent).await
}

/// Approve the agent's policy with the owner's approval key. The first approval makes the wallet.
#[utoipa::path(
    post, path = "/agents/{agentId}/policy/approval", tag = "policies", operation_id = "approvePolicy",
    security(("bearer" = ["policies:write"])),
    params(("agentId" = String, Path)),
    request_body = PolicyApprovalBody,
    responses((status = 200, body = AgentView), Refusals, BodyRefusals, NoAgent, ApproveRefusals),
)]
pub(super) async fn approve(
    caller: Caller<scopes::PoliciesWrite>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
    Json(body): Json<PolicyApprovalBody>,
) -> Result<Json<AgentView>, Problem> {
    agents::approve(&wallet, &caller.principal, &agent, body.policy_version, body.proof)
        .await
        .map(Json)
}

/// Stop an agent: at once here, within seconds in the signer and on chain.
#[utoipa::path(
    post, path = "/agents/{agentId}/suspend", tag = "agents", operation_id = "suspendAgent",
    security(("bearer" = ["agents:write"])),
    params(("agentId" = String, Path)),
    request_body = SuspendBody,
    responses((status = 200, body = AgentView), Refusals, BodyRefusals, NoAgent, SuspendRefusals),
)]
pub(super) async fn suspend(
    Unlimited(caller): Unlimited<scopes::AgentsWrite>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
    Json(body): Json<SuspendBody>,
) -> Result<Json<AgentView>, Problem> {
    agents::suspend(&wallet, &caller.principal, &agent, body.reason)
        .await
        .map(Json)
}

/// Let a suspended agent pay again, with the owner's approval key. Its budgets go on where they were.
#[utoipa::path(
    post, path = "/agents/{agentId}/resume", tag = "agents", operation_id = "resumeAgent",
    security(("bearer" = ["agents:write"])),
    params(("agentId" = String, Path)),
    request_body = ResumeBody,
    responses((status = 200, body = AgentView), Refusals, BodyRefusals, NoAgent, ResumeRefusals),
)]
pub(super) async fn resume(
    caller: Caller<scopes::AgentsWrite>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
    Json(body): Json<ResumeBody>,
) -> Result<Json<AgentView>, Problem> {
    agents::resume(&wallet, &caller.principal, &agent, body.proof)
        .await
        .map(Json)
}
