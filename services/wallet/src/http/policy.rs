//! `/agents/{id}/policy` and `/balance`: what an agent may spend, what is left of it, and what it has.

use {
    super::agents::NoAgent,
    crate::{
        Wallet,
        agents::{self, BalanceView, PolicyView},
        scopes,
        transactions::{self, DecisionView, UsageView},
    },
    axum::extract::State,
    portreeve_guard::{
        Caller, Id, Json, Problem,
        openapi::{BodyRefusals, Refusals},
    },
    portreeve_kernel::{Address, AgentId, Amount, Code, Mint},
    serde::Deserialize,
    utoipa::ToSchema,
};

portreeve_guard::problems! {
    /// When the chain has to be asked.
    pub(super) ChainRefusals = [Code::AgentCreating, Code::SystemRpcUnavailable];
    /// When the chain has to be asked about a token.
    pub(super) CheckRefusals = [Code::SystemRpcUnavailable];
}

/// A payment that is only asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CheckBody {
    /// Who would be paid.
    #[schema(value_type = String, example = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin")]
    to: Address,
    /// In lamports, or in the mint's smallest unit.
    #[schema(value_type = String, example = "1000000000")]
    amount: Amount,
    /// In which token. Left out: SOL.
    #[schema(value_type = Option<String>, example = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")]
    mint: Option<Mint>,
}

/// Show the agent's policy.
#[utoipa::path(
    get, path = "/agents/{agentId}/policy", tag = "policies", operation_id = "getPolicy",
    security(("bearer" = ["policies:read"])),
    params(("agentId" = String, Path)),
    responses((status = 200, body = PolicyView), Refusals, NoAgent),
)]
pub(super) async fn show(
    caller: Caller<scopes::PoliciesRead>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
) -> Result<Json<PolicyView>, Problem> {
    agents::policy(&wallet, &caller.principal, &agent).await.map(Json)
}

/// Show what is used and what is left, per asset and window.
#[utoipa::path(
    get, path = "/agents/{agentId}/policy/usage", tag = "policies", operation_id = "getPolicyUsage",
    security(("bearer" = ["policies:read"])),
    params(("agentId" = String, Path)),
    responses((status = 200, body = UsageView), Refusals, NoAgent),
)]
pub(super) async fn usage(
    caller: Caller<scopes::PoliciesRead>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
) -> Result<Json<UsageView>, Problem> {
    transactions::usage(&wallet, &caller.principal, &agent).await.map(Json)
}

/// Ask what would happen to a payment, without making it: the answer a real request would get now.
#[utoipa::path(
    post, path = "/agents/{agentId}/policy/check", tag = "policies", operation_id = "checkPolicy",
    security(("bearer" = ["policies:read"])),
    params(("agentId" = String, Path)),
    request_body = CheckBody,
    responses((status = 200, body = DecisionView), Refusals, BodyRefusals, NoAgent, CheckRefusals),
)]
pub(super) async fn check(
    caller: Caller<scopes::PoliciesRead>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
    Json(body): Json<CheckBody>,
) -> Result<Json<DecisionView>, Problem> {
    transactions::check(&wallet, &caller.principal, &agent, body.to, body.amount, body.mint)
        .await
        .map(Json)
}

/// Show what the agent's vault holds, read from the chain.
#[utoipa::path(
    get, path = "/agents/{agentId}/balance", tag = "agents", operation_id = "getBalance",
    security(("bearer" = ["wallets:read"])),
    params(("agentId" = String, Path)),
    responses((status = 200, body = BalanceView), Refusals, NoAgent, ChainRefusals),
)]
pub(super) async fn balance(
    caller: Caller<scopes::WalletsRead>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
) -> Result<Json<BalanceView>, Problem> {
    agents::balance(&wallet, &caller.principal, &agent).await.map(Json)
}
