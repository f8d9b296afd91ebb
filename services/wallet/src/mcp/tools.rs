//! The other tools: each is one act that HTTP has too.

use {
    super::arguments::{Filter, OfAgent, OfTransaction, Resume, Suspend, whose},
    crate::{
        Wallet,
        agents::{self, AgentView, BalanceView, PolicyView, Rendered},
        scopes,
        transactions::{self, TransactionView, UsageView},
    },
    portreeve_guard::{Caller, Page, Problem, mcp::Call},
    serde::Serialize,
    utoipa::ToSchema,
};

pub(super) async fn balance(
    wallet: Wallet,
    caller: Caller<scopes::WalletsRead>,
    arguments: OfAgent,
    _: Call,
) -> Result<BalanceView, Problem> {
    let agent = whose(&caller.principal, arguments.agent_id)?;
    agents::balance(&wallet, &caller.principal, &agent).await
}

pub(super) async fn transaction(
    wallet: Wallet,
    caller: Caller<scopes::TransactionsRead>,
    arguments: OfTransaction,
    _: Call,
) -> Result<TransactionView, Problem> {
    transactions::show(&wallet, &caller.principal, &arguments.tx_id).await
}

/// A page of payments. A type of its own, because a generic one cannot describe itself completely.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payments {
    /// The payments, newest first.
    items: Vec<TransactionView>,
    /// Ask with it for the page after this one; null on the last page.
    cursor: Option<String>,
    /// True when there is a page after this one.
    has_more: bool,
}

impl From<Page<TransactionView>> for Payments {
    fn from(page: Page<TransactionView>) -> Self {
        let Page {
            items,
            cursor,
            has_more,
        } = page;
        Self {
            items,
            cursor,
            has_more,
        }
    }
}

pub(super) async fn transactions(
    wallet: Wallet,
    caller: Caller<scopes::TransactionsRead>,
    arguments: Filter,
    _: Call,
) -> Result<Payments, Problem> {
    let paging = arguments.paging()?;
    let status = transactions::status(arguments.status.as_deref())?;
    let agent = whose(&caller.principal, arguments.agent_id)?;
    let page = transactions::list(&wallet, &caller.principal, &agent, &paging, status).await?;
    Ok(page.into())
}

pub(super) async fn policy(
    wallet: Wallet,
    caller: Caller<scopes::PoliciesRead>,
    arguments: OfAgent,
    _: Call,
) -> Result<PolicyView, Problem> {
    let agent = whose(&caller.principal, arguments.agent_id)?;
    agents::policy(&wallet, &caller.principal, &agent).await
}

pub(super) async fn usage(
    wallet: Wallet,
    caller: Caller<scopes::PoliciesRead>,
    arguments: OfAgent,
    _: Call,
) -> Result<UsageView, Problem> {
    let agent = whose(&caller.principal, arguments.agent_id)?;
    transactions::usage(&wallet, &caller.principal, &agent).await
}

pub(super) async fn status(
    wallet: Wallet,
    caller: Caller<scopes::AgentsRead>,
    arguments: OfAgent,
    _: Call,
) -> Result<Rendered, Problem> {
    let agent = whose(&caller.principal, arguments.agent_id)?;
    agents::show(&wallet, &caller.principal, &agent).await
}

pub(super) async fn suspend(
    wallet: Wallet,
    caller: Caller<scopes::AgentsWrite>,
    arguments: Suspend,
    _: Call,
) -> Result<AgentView, Problem> {
    agents::suspend(&wallet, &caller.principal, &arguments.agent_id, arguments.reason).await
}

/// What it takes to let a suspended agent go on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResumeNeeds {
    /// Which agent.
    agent_id: String,
    /// The suspension that would end.
    suspension: u64,
    /// What the owner's approval key has to sign: 32 bytes in Base58.
    challenge: String,
    /// What the owner has to do.
    how: String,
}

/// A tool does not hold the owner's approval key, and must not: so it says what the owner has to do.
pub(super) async fn resume(
    wallet: Wallet,
    caller: Caller<scopes::AgentsWrite>,
    arguments: Resume,
    _: Call,
) -> Result<ResumeNeeds, Problem> {
    let agent = arguments.agent_id;
    let asked = agents::what_resuming_needs(&wallet, &caller.principal, &agent).await?;
    Ok(ResumeNeeds {
        suspension: asked.suspension,
        challenge: asked.challenge,
        how: format!(
            "The agent is still suspended. Only the owner can resume it, with the approval key that is on the owner's side: \
             `portreeve agent resume {agent}`."
        ),
        agent_id: agent.to_string(),
    })
}
