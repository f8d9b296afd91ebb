//! What a model can look at without calling a tool: the same views, at addresses.

use {
    super::arguments::{Filter, whose},
    crate::{
        Wallet,
        agents::{self, BalanceView, PolicyView, Rendered},
        scopes,
        transactions::{self, TransactionView},
    },
    portreeve_guard::{Caller, Page, Problem, not_found},
    portreeve_kernel::{AgentId, Principal},
};

/// The agent in the address, or the caller's own.
fn at(caller: &Principal, named: Option<String>) -> Result<AgentId, Problem> {
    let named = named
        .map(|text| text.parse().map_err(|_| not_found::<AgentId>()))
        .transpose()?;
    whose(caller, named).map_err(|problem| {
        problem
            .detail("a credential that is not bound to an agent reads wallet://{agentId}/… instead")
            .param("uri")
    })
}

pub(super) async fn balance(
    wallet: Wallet,
    caller: Caller<scopes::WalletsRead>,
    named: Option<String>,
) -> Result<BalanceView, Problem> {
    let agent = at(&caller.principal, named)?;
    agents::balance(&wallet, &caller.principal, &agent).await
}

pub(super) async fn policy(
    wallet: Wallet,
    caller: Caller<scopes::PoliciesRead>,
    named: Option<String>,
) -> Result<PolicyView, Problem> {
    let agent = at(&caller.principal, named)?;
    agents::policy(&wallet, &caller.principal, &agent).await
}

pub(super) async fn status(
    wallet: Wallet,
    caller: Caller<scopes::AgentsRead>,
    named: Option<String>,
) -> Result<Rendered, Problem> {
    let agent = at(&caller.principal, named)?;
    agents::show(&wallet, &caller.principal, &agent).await
}

pub(super) async fn recent(
    wallet: Wallet,
    caller: Caller<scopes::TransactionsRead>,
    named: Option<String>,
) -> Result<Page<TransactionView>, Problem> {
    let agent = at(&caller.principal, named)?;
    let paging = Filter::newest().paging()?;
    transactions::list(&wallet, &caller.principal, &agent, &paging, None).await
}
