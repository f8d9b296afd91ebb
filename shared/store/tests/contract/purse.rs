//! The smallest thing that spends: a purse is one account with a limit for 24 hours. Decided one by one, or as a batch.

use {
    portreeve_kernel::{AgentId, Amount, Asset, Now, TransactionId},
    portreeve_ledger::AccountKey,
    portreeve_store::{AuditEntry, Batch, StoreError, Tx, ledger},
};

/// Reserve `amount`, if no more than `limit` then counts in the last 24 hours.
#[derive(Debug, Clone)]
pub(crate) struct Pay {
    pub(crate) id: TransactionId,
    pub(crate) agent: AgentId,
    pub(crate) amount: Amount,
    pub(crate) limit: u64,
    pub(crate) now: Now,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paid {
    Reserved,
    OverLimit,
}

pub(crate) fn key(agent: &AgentId) -> AccountKey {
    AccountKey::Agent {
        agent: agent.clone(),
        asset: Asset::Sol,
    }
}

/// One decision on accounts that are loaded. Allowed or not, it is on record.
pub(crate) fn decide(tx: &mut Tx, accounts: &mut ledger::Accounts, pay: &Pay) -> Result<Paid, StoreError> {
    let key = key(&pay.agent);
    let used = accounts.usage(&key)?.day.units();
    let paid = if used.checked_add(pay.amount.units()).is_some_and(|sum| sum <= pay.limit) {
        accounts.reserve(&pay.id, &[key], pay.amount, pay.now.for_expiry())?;
        Paid::Reserved
    } else {
        Paid::OverLimit
    };
    tx.audit(AuditEntry {
        at: pay.now.for_expiry(),
        kind: "purse.decided".into(),
        actor: pay.agent.to_string(),
        owner: None,
        project: None,
        subject: pay.id.to_string(),
        data: serde_json::json!({"amount": pay.amount, "reserved": paid == Paid::Reserved}),
    });
    Ok(paid)
}

/// One by one, a unit of work each.
pub(crate) async fn pay(tx: &mut Tx, pay: &Pay) -> Result<Paid, StoreError> {
    let mut accounts = ledger::load(tx, [key(&pay.agent)], pay.now).await?;
    let paid = decide(tx, &mut accounts, pay)?;
    accounts.write(tx).await?;
    Ok(paid)
}

/// All that wait together: each account read once, each table written once.
pub(crate) struct Purse;

impl Batch for Purse {
    type Command = Pay;
    type Answer = Paid;

    async fn decide(&self, tx: &mut Tx, commands: &[Pay]) -> Result<Vec<Paid>, StoreError> {
        let Some(now) = commands.iter().map(|pay| pay.now).min_by_key(|now| now.for_release()) else {
            return Ok(Vec::new());
        };
        let keys = commands.iter().map(|pay| key(&pay.agent));
        let mut accounts = ledger::load(tx, keys, now).await?;
        let mut paid = Vec::with_capacity(commands.len());
        for pay in commands {
            paid.push(decide(tx, &mut accounts, pay)?);
        }
        accounts.write(tx).await?;
        Ok(paid)
    }
}
