//! Sums in O(log n): the running total before each window is the first hit in an index, however many entries there are.

use {
    crate::{error::StoreError, reader::Fetch, row::Row, sql::Sql},
    portreeve_kernel::{Now, Timestamp, Total},
    portreeve_ledger::{AccountKey, AccountState, Before, Window, WindowUse, cutoff, leaves_at, used},
    std::collections::BTreeMap,
};

/// The running total of an account's last entry at or before a moment.
macro_rules! before {
    ($account:literal, $at:literal) => {
        concat!(
            "COALESCE((SELECT e.running_total FROM ledger_entries e WHERE e.account = ",
            $account,
            " AND e.settled_at <= ",
            $at,
            " ORDER BY e.settled_at DESC, e.seq DESC LIMIT 1), 0)"
        )
    };
}

const STATES: &str = concat!(
    "SELECT a.id, a.settled_total, a.pending, a.last_settled_at, a.next_seq, ",
    before!("a.id", "$1"),
    " AS before_day, ",
    before!("a.id", "$2"),
    " AS before_week, ",
    before!("a.id", "$3"),
    " AS before_month FROM ledger_accounts a WHERE a.id IN ({list})"
);

const BEFORE: &str = concat!("SELECT ", before!("$1", "$2"), " AS total");

/// What counts against each account's windows now. An account nothing was ever reserved from counts nothing. For
/// showing: a decision uses [`load`](super::load), under the lock.
///
/// # Errors
/// As any read.
pub async fn usage(
    from: &mut (impl Fetch + Send),
    keys: &[AccountKey],
    now: Now,
) -> Result<BTreeMap<AccountKey, WindowUse>, StoreError> {
    let mut all: BTreeMap<AccountKey, WindowUse> = keys.iter().map(|key| (key.clone(), WindowUse::default())).collect();
    for (key, (state, before)) in states(from, keys, now).await? {
        all.insert(key, used(&state, &before)?);
    }
    Ok(all)
}

/// The earliest moment, by the slowest clock, at which `over_by` base units of what is settled now have left `window`.
/// `None` when less than that is settled in it, so that nobody can say: the rest is pending, or was never there.
///
/// # Errors
/// As any read.
pub async fn frees_at(
    from: &mut (impl Fetch + Send),
    key: &AccountKey,
    window: Window,
    over_by: u64,
    now: Now,
) -> Result<Option<Timestamp>, StoreError> {
    if over_by == 0 {
        return Ok(Some(now.for_release()));
    }
    let before = Sql::new(BEFORE).bind(key).bind(cutoff(now, window));
    let before: Total = from.fetch_one(before).await?.get("total")?;
    let Some(enough) = before.plus(over_by) else {
        return Ok(None);
    };
    let last_to_leave = Sql::new(
        "SELECT settled_at FROM ledger_entries WHERE account = $1 AND running_total >= $2 \
         ORDER BY running_total LIMIT 1",
    );
    let Some(row) = from.fetch_optional(last_to_leave.bind(key).bind(enough)).await? else {
        return Ok(None);
    };
    Ok(Some(leaves_at(row.get("settled_at")?, window)))
}

/// Those of `keys` that exist, with what they had settled before each window.
pub(super) async fn states(
    from: &mut (impl Fetch + Send),
    keys: &[AccountKey],
    now: Now,
) -> Result<BTreeMap<AccountKey, (AccountState, Before)>, StoreError> {
    let sql = Sql::new(STATES)
        .bind(cutoff(now, Window::Day))
        .bind(cutoff(now, Window::Week))
        .bind(cutoff(now, Window::Month))
        .bind_list(keys);
    let with_before = |row: &Row| {
        let before = Before {
            day: row.get("before_day")?,
            week: row.get("before_week")?,
            month: row.get("before_month")?,
        };
        Ok((row.get("id")?, (state(row)?, before)))
    };
    from.fetch_all(sql).await?.iter().map(with_before).collect()
}

/// The account in a row of `ledger_accounts`.
pub(super) fn state(row: &Row) -> Result<AccountState, StoreError> {
    Ok(AccountState {
        settled_total: row.get("settled_total")?,
        pending: row.get("pending")?,
        last_settled_at: row.get_optional("last_settled_at")?,
        next_seq: row.get("next_seq")?,
    })
}
