//! The rows: enqueued, claimed, renewed, ended.

use {
    portreeve_kernel::Timestamp,
    portreeve_store::{Bind, Database, Fetch, Migration, Schema, Sql, StoreError, Tx},
    std::collections::BTreeSet,
};

/// The tables of this crate, for [`Database::open`].
pub const SCHEMA: Schema = Schema {
    name: "jobs",
    migrations: &[Migration {
        id: 1,
        name: "jobs",
        // `asked` counts the enqueuings, so that one that comes while the job runs is noticed.
        sql: "
            CREATE TABLE jobs (
                kind TEXT NOT NULL,
                subject TEXT NOT NULL,
                run_at BIGINT NOT NULL,
                asked BIGINT NOT NULL,
                attempts BIGINT NOT NULL,
                lease_owner TEXT,
                lease_until BIGINT,
                last_error TEXT,
                PRIMARY KEY (kind, subject)
            );
            CREATE INDEX jobs_by_time ON jobs (run_at);
        ",
    }],
};

/// Has `kind` done for `subject`, not before `run_at`. When that stands in the queue already, it stays one job, due at
/// the earlier of the two times and as if it had never failed.
///
/// # Errors
/// As any statement.
pub async fn enqueue(tx: &mut Tx, kind: &'static str, subject: &str, run_at: Timestamp) -> Result<(), StoreError> {
    enqueue_all(tx, kind, [subject], run_at).await
}

/// [`enqueue`] for several subjects, many with each statement. None of them, and nothing happens.
///
/// # Errors
/// As any statement.
pub async fn enqueue_all<'a>(
    tx: &mut Tx,
    kind: &'static str,
    subjects: impl IntoIterator<Item = &'a str>,
    run_at: Timestamp,
) -> Result<(), StoreError> {
    // Each once, because one statement cannot meet a row twice; in order, so that two nodes cannot meet crosswise.
    let subjects: BTreeSet<&str> = subjects.into_iter().collect();
    if subjects.is_empty() {
        return Ok(());
    }
    let row = |subject: &str| {
        vec![
            kind.value(),
            subject.value(),
            run_at.value(),
            0_u32.value(),
            0_u32.value(),
        ]
    };
    tx.insert(
        "INSERT INTO jobs (kind, subject, run_at, asked, attempts)",
        subjects.into_iter().map(row).collect(),
        "ON CONFLICT (kind, subject) DO UPDATE SET asked = jobs.asked + 1, attempts = 0, \
         run_at = CASE WHEN excluded.run_at < jobs.run_at THEN excluded.run_at ELSE jobs.run_at END",
    )
    .await?;
    tx.wake();
    Ok(())
}

/// A job under lease.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) kind: String,
    pub(crate) subject: String,
    /// How often it was tried in a row, this time included.
    pub(crate) attempts: u32,
    /// Until when it is ours without being renewed.
    pub(crate) lease_until: Timestamp,
    /// What was asked for by then.
    asked: u64,
}

/// The moments that matter for claiming.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    /// Jobs up to here are due.
    pub(crate) due: Timestamp,
    /// Leases up to here have lapsed.
    pub(crate) lapsed: Timestamp,
    /// Until when a lease taken now holds.
    pub(crate) lease_until: Timestamp,
}

/// A statement about the jobs of some kinds (`{list}`) that are due at `$1`, under no lease that holds at `$2`.
macro_rules! due {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " run_at <= $1 AND (lease_until IS NULL OR lease_until <= $2) AND kind IN ({list}) ",
            $after
        )
    };
}

/// Claims up to `limit` due jobs of `kinds` for `owner`. A look comes first, so that idle nodes write nothing.
pub(crate) async fn claim(
    database: &Database,
    owner: &str,
    kinds: &[&'static str],
    limit: u32,
    at: Moments,
) -> Result<Vec<Claimed>, StoreError> {
    let look = Sql::new(due!("SELECT kind FROM jobs WHERE", "LIMIT 1"));
    let look = look.bind(at.due).bind(at.lapsed).bind_list(kinds.iter().copied());
    if database.read().fetch_all(look).await?.is_empty() {
        return Ok(Vec::new());
    }
    let (owner, kinds) = (owner.to_owned(), kinds.to_vec());
    database
        .write(async move |tx| {
            let due = Sql::new(due!(
                "SELECT kind, subject FROM jobs WHERE",
                "ORDER BY run_at, kind, subject LIMIT $3"
            ));
            let due = due
                .bind(at.due)
                .bind(at.lapsed)
                .bind(limit)
                .bind_list(kinds.iter().copied());
            let mut claimed = Vec::new();
            for row in tx.fetch_all(due.for_update()).await? {
                let lease = Sql::new(
                    "UPDATE jobs SET lease_owner = $1, lease_until = $2, attempts = attempts + 1 \
                     WHERE kind = $3 AND subject = $4 RETURNING kind, subject, attempts, asked",
                );
                let lease = lease.bind(owner.as_str()).bind(at.lease_until);
                let lease = lease
                    .bind(row.get::<String>("kind")?)
                    .bind(row.get::<String>("subject")?);
                let job = tx.fetch_one(lease).await?;
                claimed.push(Claimed {
                    kind: job.get("kind")?,
                    subject: job.get("subject")?,
                    attempts: job.get("attempts")?,
                    lease_until: at.lease_until,
                    asked: job.get("asked")?,
                });
            }
            Ok(claimed)
        })
        .await
}

/// Extends the lease. False when it is not ours any more.
pub(crate) async fn renew(
    database: &Database,
    owner: &str,
    job: &Claimed,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let renewed = Sql::new("UPDATE jobs SET lease_until = $1 WHERE lease_owner = $2 AND kind = $3 AND subject = $4");
    let renewed = renewed
        .bind(until)
        .bind(owner)
        .bind(job.kind.as_str())
        .bind(job.subject.as_str());
    let touched = database
        .write(async move |tx| tx.execute(renewed.clone()).await)
        .await?;
    Ok(touched == 1)
}

/// Removes a job that is done. When it was asked for again meanwhile, it is due again instead.
pub(crate) async fn done(database: &Database, owner: &str, job: &Claimed) -> Result<(), StoreError> {
    let removed = Sql::new("DELETE FROM jobs WHERE lease_owner = $1 AND kind = $2 AND subject = $3 AND asked = $4");
    let removed = removed
        .bind(owner)
        .bind(job.kind.as_str())
        .bind(job.subject.as_str())
        .bind(job.asked);
    let freed = Sql::new(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, attempts = 0 \
         WHERE lease_owner = $1 AND kind = $2 AND subject = $3",
    );
    let freed = freed.bind(owner).bind(job.kind.as_str()).bind(job.subject.as_str());
    database
        .write(async move |tx| {
            if tx.execute(removed.clone()).await? == 0 && tx.execute(freed.clone()).await? == 1 {
                tx.wake();
            }
            Ok(())
        })
        .await
}

/// Gives a job back to be run again at `run_at`, or at once when it was asked for again meanwhile. `error` is why it
/// failed; without one it did not fail.
pub(crate) async fn again(
    database: &Database,
    owner: &str,
    job: &Claimed,
    run_at: Timestamp,
    error: Option<String>,
) -> Result<(), StoreError> {
    let attempts = if error.is_some() { job.attempts } else { 0 };
    let freed = Sql::new(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, last_error = $1, \
         run_at = CASE WHEN asked = $2 THEN $3 ELSE run_at END, attempts = CASE WHEN asked = $2 THEN $4 ELSE 0 END \
         WHERE lease_owner = $5 AND kind = $6 AND subject = $7",
    );
    let freed = freed.bind(error).bind(job.asked).bind(run_at).bind(attempts);
    let freed = freed.bind(owner).bind(job.kind.as_str()).bind(job.subject.as_str());
    database
        .write(async move |tx| {
            tx.execute(freed.clone()).await?;
            tx.wake();
            Ok(())
        })
        .await
}

/// Frees what `owner` held in an earlier life.
pub(crate) async fn free_all(database: &Database, owner: &str) -> Result<u64, StoreError> {
    let freed = Sql::new("UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1").bind(owner);
    database.write(async move |tx| tx.execute(freed.clone()).await).await
}
