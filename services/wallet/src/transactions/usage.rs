//! What is used and what is left, and what would happen to a payment. Both read, and write nothing.

use {
    super::{
        decide::{accounts_of, find_passes_at, judge, request},
        order::Order,
        row,
        view::DecisionView,
    },
    crate::{
        Wallet,
        agents::{self, AgentRow},
        error::Failure,
        tokens::{self, Found},
    },
    portreeve_guard::Problem,
    portreeve_kernel::{Address, AgentId, Amount, Asset, Mint, Now, Principal, Timestamp},
    portreeve_ledger::{AccountKey, WindowUse},
    portreeve_payment::OPENED_WINDOW,
    portreeve_policy::{Limits, Window, evaluate},
    portreeve_store::{Reader, ledger},
    serde::Serialize,
    utoipa::ToSchema,
};

/// One window of one asset.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowView {
    /// At most this much.
    #[schema(example = "5000000000")]
    limit: String,
    /// What counts against it: settled and pending, by the larger of server and signer.
    used: String,
    /// What is left.
    remaining: String,
    /// When the oldest part of what is settled leaves the window; null when nothing of it is settled.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_release_at: Option<Timestamp>,
}

/// One asset.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetUsage {
    /// `SOL`, or a token's mint.
    #[schema(example = "SOL")]
    asset: String,
    /// Digits after the point in whole SOL or tokens; null for a token that nobody has looked at.
    decimals: Option<u8>,
    /// The limit of one payment.
    per_transaction: String,
    /// Any 24 hours.
    day: WindowView,
    /// Any 7 days.
    week: WindowView,
    /// Any 30 days.
    month: WindowView,
}

/// What an agent has used of its policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageView {
    /// Whose.
    agent_id: String,
    /// The moment the sums are for.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The version of the policy the limits are from.
    policy_version: u64,
    /// Every asset that has limits, SOL first.
    assets: Vec<AssetUsage>,
}

/// What is used and what is left.
pub(crate) async fn usage(wallet: &Wallet, caller: &Principal, id: &AgentId) -> Result<UsageView, Problem> {
    let now = wallet.now().await?;
    let mut read = wallet.database().read();
    let agent = agents::reach(&mut read, caller, id).await?;
    let policy = agents::policy_of(&mut read, &agent).await?.body;
    let mut assets = Vec::new();
    for asset in policy.assets() {
        if let Some(limits) = policy.limits_of(asset) {
            let decimals = match asset {
                Asset::Sol => Some(row::SOL_DECIMALS),
                Asset::Token(_) => policy.pinned_of(asset).map(|pinned| pinned.decimals),
            };
            assets.push(asset_usage(&mut read, &agent, (asset, decimals), limits, now).await?);
        }
    }
    Ok(UsageView {
        agent_id: agent.id.to_string(),
        as_of: now.for_release(),
        policy_version: policy.version,
        assets,
    })
}

async fn asset_usage(
    read: &mut Reader,
    agent: &AgentRow,
    (asset, decimals): (Asset, Option<u8>),
    limits: &Limits,
    now: Now,
) -> Result<AssetUsage, Failure> {
    let [server, signer] = keys(agent, asset);
    let sums = ledger::usage(read, &[server.clone(), signer.clone()], now).await?;
    let of = |key: &AccountKey| sums.get(key).copied().unwrap_or_default();
    let used = of(&server).max(of(&signer));
    let mut windows = Vec::with_capacity(3);
    for window in Window::ALL {
        let limit = limits.of(*window);
        windows.push(WindowView {
            limit: limit.to_string(),
            used: used.of(*window).to_string(),
            remaining: limit.units().saturating_sub(used.of(*window).units()).to_string(),
            next_release_at: ledger::frees_at(read, &server, *window, 1, now).await?,
        });
    }
    let mut windows = windows.into_iter();
    let (Some(day), Some(week), Some(month)) = (windows.next(), windows.next(), windows.next()) else {
        return Err(Problem::internal("three windows").into());
    };
    Ok(AssetUsage {
        asset: asset.to_string(),
        decimals,
        per_transaction: limits.per_transaction.to_string(),
        day,
        week,
        month,
    })
}

fn keys(agent: &AgentRow, asset: Asset) -> [AccountKey; 2] {
    let id = || agent.id.clone();
    [
        AccountKey::Agent { agent: id(), asset },
        AccountKey::Signer { agent: id(), asset },
    ]
}

/// What would happen to a payment now.
pub(crate) async fn check(
    wallet: &Wallet,
    caller: &Principal,
    id: &AgentId,
    to: Address,
    amount: Amount,
    mint: Option<Mint>,
) -> Result<DecisionView, Problem> {
    let now = wallet.now().await?;
    let mut read = wallet.database().read();
    let agent = agents::reach(&mut read, caller, id).await?;
    let order = Order::check(caller, Some(agent.id.clone()), to, amount, None)?;
    order.is_to_somebody_else(&agent)?;
    let order = order.paid_in(mint);
    let policy = agents::policy_of(&mut read, &agent).await?.body;
    let token = match order.asset {
        Asset::Sol => None,
        Asset::Token(mint) => Some(tokens::find(wallet.chain(), &order, mint, &policy).await?),
    };
    decide(&mut read, &agent, &order, token.as_ref(), &policy, now)
        .await
        .map_err(Problem::from)
}

pub(super) async fn decide(
    read: &mut Reader,
    agent: &AgentRow,
    order: &Order,
    token: Option<&Found>,
    policy: &portreeve_policy::AgentPolicy,
    now: Now,
) -> Result<DecisionView, Failure> {
    let [_, server, signer] = accounts_of(&agent.owner, order);
    let sums = ledger::usage(read, &[server.clone(), signer.clone()], now).await?;
    let of = |key: &AccountKey| -> WindowUse { sums.get(key).copied().unwrap_or_default() };
    let (server_use, signer_use) = (of(&server), of(&signer));
    let unsigned = row::unsigned(read, [&agent.id])
        .await?
        .get(&agent.id)
        .copied()
        .unwrap_or(0);
    let usage = portreeve_payment::usage(server_use, signer_use, agent.last_spend_at, unsigned, now);
    let mut decision = evaluate(policy, &request(order, token), &usage, now);
    let opened = row::opened(read, [&agent.id], now.for_release().minus(OPENED_WINDOW)).await?;
    judge(&mut decision, policy, order, token, opened.get(&agent.id));
    if decision.outcome.is_refused() {
        find_passes_at(read, &mut decision, &[(server, server_use), (signer, signer_use)], now).await?;
    }
    Ok(DecisionView::new(&decision, policy))
}
