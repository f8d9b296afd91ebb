//! How a reservation ends in its accounts. Asking again is harmless; asking otherwise is an error.

use {
    super::{accounts::write_states, read::state},
    crate::{
        error::StoreError,
        reader::Fetch,
        row::Row,
        sql::{Bind, Sql},
        tx::Tx,
    },
    portreeve_kernel::{Amount, Timestamp, TransactionId},
    portreeve_ledger::{AccountKey, AccountState, LedgerError, Proof, ReservationState},
};

/// Whether this call did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Something was reserved and has now ended.
    Now,
    /// Everything had ended before, the way that was asked for.
    Before,
}

/// Spends what `id` reserved, in all accounts where that has not happened yet: the chain shows the transaction, final
/// at `at`.
///
/// # Errors
/// [`StoreError::Missing`] for an unknown reservation; [`StoreError::Ledger`] when it was released.
pub async fn settle(tx: &mut Tx, id: &TransactionId, at: Timestamp) -> Result<Moved, StoreError> {
    settle_accounts(tx, id, |_| true, at).await
}

/// [`settle`], but only in the accounts that `which` picks: the signer's, when it has signed, long before the rest.
///
/// # Errors
/// As [`settle`].
pub async fn settle_accounts(
    tx: &mut Tx,
    id: &TransactionId,
    which: impl Fn(&AccountKey) -> bool + Send,
    at: Timestamp,
) -> Result<Moved, StoreError> {
    let mut parts = parts(tx, id).await?;
    parts.retain(|part| which(&part.key));
    let mut moving = Vec::new();
    let mut entries = Vec::new();
    for part in parts {
        if part.state.settle()?.is_none() {
            continue;
        }
        let (account, entry) = portreeve_ledger::settle(&part.account, part.amount, at)?;
        entries.push(vec![
            part.key.value(),
            entry.seq.value(),
            id.value(),
            entry.settled_at.value(),
            entry.amount.value(),
            entry.running_total.value(),
        ]);
        moving.push((part.key, account));
    }
    tx.insert(
        "INSERT INTO ledger_entries (account, seq, reservation, settled_at, amount, running_total)",
        entries,
        "",
    )
    .await?;
    write(tx, id, moving, ReservationState::Settled, None).await
}

/// Gives back what `id` reserved, in all accounts where it is still reserved, because of `proof`. What the signer's
/// account settled at signing stays spent there, unless nothing was signed.
///
/// # Errors
/// [`StoreError::Missing`] for an unknown reservation; [`StoreError::Ledger`] when it was settled, or when the signer's
/// account still holds it although it was signed.
pub async fn release(tx: &mut Tx, id: &TransactionId, proof: &Proof) -> Result<Moved, StoreError> {
    let mut moving = Vec::new();
    for part in parts(tx, id).await? {
        if part.state.release(&part.key, proof)?.is_some() {
            moving.push((part.key, portreeve_ledger::release(&part.account, part.amount, proof)?));
        }
    }
    write(tx, id, moving, ReservationState::Released, Some(proof.to_string())).await
}

/// A reservation in one account.
struct Part {
    key: AccountKey,
    account: AccountState,
    amount: Amount,
    state: ReservationState,
}

/// All accounts of a reservation, locked; and nothing that is not. Which accounts it has never changes.
async fn parts(tx: &mut Tx, id: &TransactionId) -> Result<Vec<Part>, StoreError> {
    let accounts = Sql::new(
        "SELECT id FROM ledger_accounts \
         WHERE id IN (SELECT account FROM reservation_accounts WHERE reservation = $1) ORDER BY lock_rank, id",
    );
    let locked = tx.fetch_all(accounts.bind(id).for_update()).await?;
    let locked: Vec<String> = locked.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    if locked.is_empty() {
        return Err(StoreError::Missing);
    }
    let sql = Sql::new(
        "SELECT p.account, p.state, r.amount, a.settled_total, a.pending, a.last_settled_at, a.next_seq \
         FROM reservation_accounts p JOIN reservations r ON r.id = p.reservation \
         JOIN ledger_accounts a ON a.id = p.account WHERE p.reservation = $1 AND p.account IN ({list})",
    );
    let part = |row: &Row| {
        Ok(Part {
            key: row.get("account")?,
            account: state(row)?,
            amount: row.get("amount")?,
            state: row.get("state")?,
        })
    };
    let rows = tx.fetch_all(sql.bind(id).bind_list(locked)).await?;
    rows.iter().map(part).collect()
}

async fn write(
    tx: &mut Tx,
    id: &TransactionId,
    moving: Vec<(AccountKey, AccountState)>,
    to: ReservationState,
    proof: Option<String>,
) -> Result<Moved, StoreError> {
    if moving.is_empty() {
        return Ok(Moved::Before);
    }
    write_states(tx, moving.iter().map(|(key, state)| (key, state))).await?;
    let ended = Sql::new(
        "UPDATE reservation_accounts SET state = $1, proof = $2 \
         WHERE reservation = $3 AND state = $4 AND account IN ({list})",
    )
    .bind(&to)
    .bind(proof)
    .bind(id)
    .bind(&ReservationState::Reserved)
    .bind_list(moving.iter().map(|(key, _)| key));
    let touched = tx.execute(ended).await?;
    if usize::try_from(touched).is_ok_and(|touched| touched == moving.len()) {
        return Ok(Moved::Now);
    }
    Err(LedgerError::Contradiction.into())
}
