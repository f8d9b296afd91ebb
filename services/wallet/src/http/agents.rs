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
    portreeve_kernel::{AgentId, Code, OwnerProof, ScopeSet, Secret, control::NewClientSecret},
    portreeve_policy::PolicyInput,
    serde::{Deserialize, Serialize, Serializer},
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
    /// Also make an OAuth client that acts for the agent by itself (`client_credentials`).
    #[serde(default, rename = "registerOAuthClient")]
    register_oauth_client: bool,
}

/// A new agent, and what it proves itself by.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedAgent {
    #[serde(flatten)]
    agent: AgentView,
    /// When one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_client: Option<CreatedClient>,
}

/// An OAuth client that was made. It stops when its agent is suspended, and goes on when that is resumed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedClient {
    /// Its id.
    #[schema(example = "clt_3V8K2M0QZ7TD")]
    client_id: String,
    /// Its secret. Keep it now: it is not shown again and cannot be recovered.
    #[serde(serialize_with = "shown_once")]
    #[schema(value_type = String, example = "wcs_…")]
    client_secret: Secret,
    /// Where it gets its tokens.
    #[schema(example = "https://portreeve.example/oauth/token")]
    token_endpoint: String,
    /// What they may be good for.
    #[schema(value_type = Vec<String>, example = json!(["transactions:execute", "wallets:read"]))]
    scopes: ScopeSet,
}

/// The one place where a client's secret leaves the process.
fn shown_once<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

impl From<NewClientSecret> for CreatedClient {
    fn from(made: NewClientSecret) -> Self {
        Self {
            client_id: made.client.into(),
            client_secret: made.secret,
            token_endpoint: made.token_endpoint.into(),
            scopes: made.scopes,
        }
    }
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
    responses((status = 201, body = CreatedAgent), Refusals, BodyRefusals, CreateRefusals),
)]
pub(super) async fn create(
    caller: Caller<scopes::AgentsWrite>,
    State(wallet): State<Wallet>,
    Json(body): Json<NewAgentBody>,
) -> Result<Response, Problem> {
    let new = NewAgent::check(body.nickname, body.tags, body.policy)?;
    let (agent, client) = agents::create(&wallet, &caller.principal, new, body.register_oauth_client).await?;
    let location = HeaderValue::try_from(format!("/api/v1/agents/{}", agent.id)).map_err(Problem::internal)?;
    let created = CreatedAgent {
        agent,
        oauth_client: client.map(CreatedClient::from),
    };
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(created)).into_response())
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

/// Approve the agent's policy with the owner's approval key or a pinned passkey. The first approval makes the wallet.
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

/// Let a suspended agent pay again, with the owner's approval key or a pinned passkey. Its budgets go on where they were.
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
