//! Forgets what nobody can use any more: tokens, assertions, sessions and links that are over, codes that were not redeemed,
//! and the grants that nothing leads to.
//!
//! What must stay true: what refuses somebody is forgotten only when it refuses by itself; nothing is written when there
//! is nothing to forget; and a flood of rows keeps the writer from nobody.

use {
    crate::oauth::grants,
    portreeve_kernel::{GrantId, Seconds, Timestamp},
    portreeve_store::{Database, Fetch, Sql, StoreError, Tx},
};

/// How many rows are swept in one write, as it stands in the statements.
const AT_ONCE: u64 = 500;

/// How often a table is swept at one time: a flood is gone in a few hours.
const TIMES: u32 = 100;

/// How long codes and refresh tokens are remembered after they were made, so that one that comes back is known: longer
/// than a refresh token is good.
const REMEMBERED: Seconds = Seconds(30 * 86_400);

/// How long device codes are: longer than they are good.
const DEVICES_REMEMBERED: Seconds = Seconds(3_600);

/// A table of things that are over at a time.
struct Table {
    /// Finds one that is over.
    any: &'static str,
    /// Forgets some of them.
    some: &'static str,
    /// How long they are kept after the time that the row has.
    kept: Seconds,
}

/// The statements about `$table`, whose rows are called `$key` and are over at `$time`.
macro_rules! table {
    ($table:literal, $key:literal, $time:literal, $kept:expr) => {
        Table {
            any: concat!("SELECT ", $key, " FROM ", $table, " WHERE ", $time, " <= $1 LIMIT 1"),
            some: concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $key,
                " IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE ",
                $time,
                " <= $1 ORDER BY ",
                $key,
                " LIMIT 500)"
            ),
            kept: $kept,
        }
    };
}

const TABLES: [Table; 7] = [
    table!("oauth_revoked_tokens", "jti", "expires_at", Seconds(0)),
    table!("oauth_assertions", "name", "expires_at", Seconds(0)),
    table!("oauth_codes", "hash", "issued_at", REMEMBERED),
    table!("oauth_devices", "hash", "issued_at", DEVICES_REMEMBERED),
    table!("oauth_refresh_tokens", "hash", "issued_at", REMEMBERED),
    table!("sessions", "hash", "expires_at", Seconds(0)),
    table!("user_links", "hash", "expires_at", Seconds(0)),
];

/// Sweeps everything once, as of `at`: by the slowest clock, because what is forgotten is what refuses.
///
/// # Errors
/// The store's; the next time will do.
pub(crate) async fn sweep(db: &Database, at: Timestamp) -> Result<(), StoreError> {
    for table in &TABLES {
        let before = at.minus(table.kept);
        for _ in 0..TIMES {
            if db
                .read()
                .fetch_optional(Sql::new(table.any).bind(before))
                .await?
                .is_none()
            {
                break;
            }
            let unit = async move |tx: &mut Tx| tx.execute(Sql::new(table.some).bind(before)).await;
            if db.write::<_, StoreError, _>(unit).await? < AT_ONCE {
                break;
            }
        }
    }
    end_unused(db, at).await
}

/// Ends grants that people gave longer ago than their last token is good, and of which no token is remembered.
async fn end_unused(db: &Database, at: Timestamp) -> Result<(), StoreError> {
    let over = Sql::new(
        "SELECT id FROM oauth_grants g WHERE g.kind = 'person' AND g.revoked_at IS NULL AND g.created_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM oauth_refresh_tokens t WHERE t.grant_id = g.id) ORDER BY id LIMIT 500",
    );
    let over = db.read().fetch_all(over.bind(at.minus(REMEMBERED))).await?;
    if over.is_empty() {
        return Ok(());
    }
    let over: Vec<GrantId> = over.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    db.write::<_, StoreError, _>(async move |tx: &mut Tx| grants::end_unused(tx, &over, at).await)
        .await
}
