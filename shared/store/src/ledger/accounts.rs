//! Accounts held under lock while many decisions are made on them, and written back with one statement per table.

use {
    super::read::states,
    crate::{
        error::StoreError,
        reader::Fetch,
        sql::{Bind, Sql, Value},
        tx::Tx,
    },
    portreeve_kernel::{Amount, Now, Timestamp, TransactionId},
    portreeve_ledger::{AccountKey, AccountState, LedgerError, ReservationState, Sheet, WindowUse},
    std::collections::BTreeSet,
};

/// Some accounts, locked until the commit. What is reserved counts at once for the next one who asks, and is on disk
/// after [`Accounts::write`]; dropped unwritten, nothing happened.
#[derive(Debug)]
#[must_use = "what was reserved is lost unless it is written"]
pub struct Accounts {
    sheet: Sheet,
    reservations: Vec<Reservation>,
}

#[derive(Debug)]
struct Reservation {
    id: TransactionId,
    keys: BTreeSet<AccountKey>,
    amount: Amount,
    at: Timestamp,
}

/// Locks the accounts of `keys`, in lock order, and reads them with the totals before each window. Those that do not
/// exist yet are made. Call it once per unit of work, with all the keys the unit needs: keys locked later may be out
/// of order.
///
/// # Errors
/// As any statement.
pub async fn load(tx: &mut Tx, keys: impl IntoIterator<Item = AccountKey>, now: Now) -> Result<Accounts, StoreError> {
    let keys: Vec<AccountKey> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let locked = lock(tx, &keys).await?;
    let missing: Vec<AccountKey> = keys.iter().filter(|key| !locked.contains(key)).cloned().collect();
    if !missing.is_empty() {
        // Waits for another node that is making the same row, and then finds it made.
        let fresh = missing
            .iter()
            .map(|key| columns(key, &AccountState::default()))
            .collect();
        tx.insert(ACCOUNTS, fresh, "ON CONFLICT (id) DO NOTHING").await?;
        if lock(tx, &missing).await?.len() != missing.len() {
            return Err(LedgerError::Contradiction.into());
        }
    }
    Ok(Accounts {
        sheet: Sheet::new(states(tx, &keys, now).await?),
        reservations: Vec::new(),
    })
}

/// Locks those of `keys` that exist and names them. Nothing is read along with the lock, and nothing is believed
/// that was read without it: on PostgreSQL a statement that waits for a lock still sees the other tables as they were
/// before the wait, and a row that another node makes meanwhile is seen by the next statement, but not locked.
async fn lock(tx: &mut Tx, keys: &[AccountKey]) -> Result<BTreeSet<AccountKey>, StoreError> {
    let rows = Sql::new("SELECT id FROM ledger_accounts WHERE id IN ({list}) ORDER BY lock_rank, id").bind_list(keys);
    let rows = tx.fetch_all(rows.for_update()).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

impl Accounts {
    /// What counts against the windows of `key` now, with all that was reserved here already.
    ///
    /// # Errors
    /// [`StoreError::NotLoaded`]; [`StoreError::Ledger`] when the rows contradict each other.
    pub fn usage(&self, key: &AccountKey) -> Result<WindowUse, StoreError> {
        if !self.sheet.holds(key) {
            return Err(not_loaded(key));
        }
        Ok(self.sheet.usage(key)?)
    }

    /// Reserves `amount` in all of `keys`, or in none.
    ///
    /// # Errors
    /// [`StoreError::NotLoaded`]; [`StoreError::Ledger`] when `keys` is empty or an account's life total would
    /// overflow. Limits are the policy's matter and not asked here.
    pub fn reserve(
        &mut self,
        id: &TransactionId,
        keys: &[AccountKey],
        amount: Amount,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let keys: BTreeSet<AccountKey> = keys.iter().cloned().collect();
        if let Some(missing) = keys.iter().find(|key| !self.sheet.holds(key)) {
            return Err(not_loaded(missing));
        }
        self.sheet.reserve(&keys, amount)?;
        self.reservations.push(Reservation {
            id: id.clone(),
            keys,
            amount,
            at,
        });
        Ok(())
    }

    /// Writes what was reserved: one statement per table.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a reservation with the same id exists; nothing is written then.
    pub async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        write_states(tx, self.sheet.changed()).await?;
        let mut reservations = Vec::with_capacity(self.reservations.len());
        let mut in_accounts = Vec::with_capacity(self.reservations.len());
        for Reservation { id, keys, amount, at } in self.reservations {
            for key in &keys {
                in_accounts.push(vec![id.value(), key.value(), (&ReservationState::Reserved).value()]);
            }
            reservations.push(vec![id.value(), amount.value(), at.value()]);
        }
        tx.insert("INSERT INTO reservations (id, amount, reserved_at)", reservations, "")
            .await?;
        tx.insert(
            "INSERT INTO reservation_accounts (reservation, account, state)",
            in_accounts,
            "",
        )
        .await
    }
}

fn not_loaded(key: &AccountKey) -> StoreError {
    StoreError::NotLoaded(Box::new(key.clone()))
}

const ACCOUNTS: &str = "INSERT INTO ledger_accounts \
     (id, lock_rank, owner_id, agent_id, asset, settled_total, pending, last_settled_at, next_seq)";

/// Writes accounts that exist and are locked.
pub(super) async fn write_states(
    tx: &mut Tx,
    states: impl Iterator<Item = (&AccountKey, &AccountState)>,
) -> Result<(), StoreError> {
    let rows = states.map(|(key, state)| columns(key, state)).collect();
    let over = "ON CONFLICT (id) DO UPDATE SET settled_total = excluded.settled_total, pending = excluded.pending, \
                last_settled_at = excluded.last_settled_at, next_seq = excluded.next_seq";
    tx.insert(ACCOUNTS, rows, over).await
}

fn columns(key: &AccountKey, state: &AccountState) -> Vec<Value> {
    vec![
        key.value(),
        key.rank().value(),
        key.owner().value(),
        key.agent().value(),
        key.asset().value(),
        state.settled_total.value(),
        state.pending.value(),
        state.last_settled_at.value(),
        state.next_seq.value(),
    ]
}
