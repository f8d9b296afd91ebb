//! The audit log: a dense sequence in which every entry holds the hash of the one before, so that an entry cannot be
//! changed, dropped or moved without every later hash changing too. It commits with the act; no entry, no act.
//!
//! `hash = SHA-256(tag ‖ previous hash ‖ seq ‖ at ‖ kind ‖ actor ‖ owner ‖ project ‖ subject ‖ data)`, numbers as 8
//! bytes big endian, texts with their length (8 bytes) before them, and an absent text as eight bytes of `0xFF`.

use {
    crate::{
        error::StoreError,
        reader::Fetch,
        row::Row,
        sql::{Bind, Sql, Value},
        tx::Tx,
    },
    portreeve_kernel::{OwnerId, ProjectId, Timestamp},
    sha2::{Digest, Sha256},
    std::{borrow::Cow, fmt::Write, mem},
};

/// Says what is hashed, so that no hash of ours can stand for something else.
const TAG: &[u8] = b"portreeve:audit:v1\n";

/// Entries read at once when the chain is verified.
const PAGE: u32 = 1000;

/// What is written down. No secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When it happened. An entry is never dated before the one it follows.
    pub at: Timestamp,
    /// What, such as `transaction.denied`.
    pub kind: Cow<'static, str>,
    /// By whom: a credential's id, or a part of the system.
    pub actor: String,
    /// Whose agents or money it touched.
    pub owner: Option<OwnerId>,
    /// In which project.
    pub project: Option<ProjectId>,
    /// The id of the thing it happened to.
    pub subject: String,
    /// The particulars.
    pub data: serde_json::Value,
}

/// An entry with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// From 0, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// By whom.
    pub actor: String,
    /// Whose agents or money it touched.
    pub owner: Option<OwnerId>,
    /// In which project.
    pub project: Option<ProjectId>,
    /// The id of the thing it happened to.
    pub subject: String,
    /// The particulars, JSON text exactly as it was hashed.
    pub data: String,
    /// The hash of the entry before, in hex.
    pub prev_hash: String,
    /// This entry's hash, in hex.
    pub hash: String,
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are, which is the next one's `seq`.
    pub size: u64,
    /// When the last one happened.
    pub at: Timestamp,
    /// The last one's hash, in hex; zeros for none.
    pub hash: String,
}

/// Where a chain stops being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at entry {seq}: {reason}")]
pub struct Broken {
    /// The first entry that is not right.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why a chain could not be shown to be whole.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// It is not.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Default for Head {
    fn default() -> Self {
        Self {
            size: 0,
            at: Timestamp::EPOCH,
            hash: hex(&[0; 32]),
        }
    }
}

impl Head {
    /// The chain with `row` at its end.
    ///
    /// # Errors
    /// [`Broken`] when `row` does not continue this chain.
    pub fn extend(&self, row: &AuditRow) -> Result<Self, Broken> {
        let broken = |reason| Err(Broken { seq: self.size, reason });
        if row.seq != self.size {
            return broken("its number is missing");
        }
        if row.prev_hash != self.hash {
            return broken("it does not follow the entry before it");
        }
        if row.at < self.at {
            return broken("it is dated before the entry before it");
        }
        if row.hash != row.digest() {
            return broken("its content is not what was hashed");
        }
        Ok(Self {
            size: self.size.saturating_add(1),
            at: row.at,
            hash: row.hash.clone(),
        })
    }

    /// `entry` as the next row of this chain.
    fn link(&self, entry: AuditEntry) -> AuditRow {
        let mut row = AuditRow {
            seq: self.size,
            at: entry.at.max(self.at),
            kind: entry.kind.into_owned(),
            actor: entry.actor,
            owner: entry.owner,
            project: entry.project,
            subject: entry.subject,
            data: entry.data.to_string(),
            prev_hash: self.hash.clone(),
            hash: String::new(),
        };
        row.hash = row.digest();
        row
    }
}

impl AuditRow {
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(TAG);
        hash.update(self.prev_hash.as_bytes());
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at.millis().to_be_bytes());
        for text in [
            Some(self.kind.as_str()),
            Some(self.actor.as_str()),
            self.owner.as_ref().map(OwnerId::as_str),
            self.project.as_ref().map(ProjectId::as_str),
            Some(self.subject.as_str()),
            Some(self.data.as_str()),
        ] {
            // No text is 2⁶⁴ − 1 bytes long, so an absent one is like no other.
            let length = text.and_then(|text| u64::try_from(text.len()).ok()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(text.unwrap_or_default().as_bytes());
        }
        hex(&hash.finalize().into())
    }

    fn columns(self) -> Vec<Value> {
        vec![
            self.seq.value(),
            self.at.value(),
            self.kind.value(),
            self.actor.value(),
            self.owner.as_ref().value(),
            self.project.as_ref().value(),
            self.subject.value(),
            self.data.value(),
            self.prev_hash.value(),
            self.hash.value(),
        ]
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.get("seq")?,
            at: row.get("at")?,
            kind: row.get("kind")?,
            actor: row.get("actor")?,
            owner: row.get_optional("owner_id")?,
            project: row.get_optional("project_id")?,
            subject: row.get("subject")?,
            data: row.get("data")?,
            prev_hash: row.get("prev_hash")?,
            hash: row.get("hash")?,
        })
    }
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only those that touched this owner.
    pub owner: Option<OwnerId>,
    /// Only those before this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// A page of entries, newest first.
///
/// # Errors
/// As any read.
pub async fn page(from: &mut (impl Fetch + Send), query: &Query) -> Result<Vec<AuditRow>, StoreError> {
    let before = query.before.unwrap_or(i64::MAX.unsigned_abs());
    let sql = match &query.owner {
        None => Sql::new("SELECT * FROM audit_log WHERE seq < $1 ORDER BY seq DESC LIMIT $2")
            .bind(before)
            .bind(query.limit),
        Some(owner) => Sql::new("SELECT * FROM audit_log WHERE seq < $1 AND owner_id = $3 ORDER BY seq DESC LIMIT $2")
            .bind(before)
            .bind(query.limit)
            .bind(owner),
    };
    from.fetch_all(sql).await?.iter().map(AuditRow::read).collect()
}

/// The chain's end as the database has it.
///
/// # Errors
/// As any read.
pub async fn head(from: &mut (impl Fetch + Send)) -> Result<Head, StoreError> {
    read_head(from, Sql::new(HEAD)).await
}

/// Reads the whole log and shows that it is one chain, from the first entry to the recorded end. Entries written
/// meanwhile are left for the next time.
///
/// # Errors
/// [`AuditError::Broken`] names the first entry that is not right.
pub async fn verify_chain(from: &mut (impl Fetch + Send)) -> Result<Head, AuditError> {
    let end = head(from).await?;
    let mut so_far = Head::default();
    while so_far.size < end.size {
        let next = Sql::new("SELECT * FROM audit_log WHERE seq >= $1 AND seq < $2 ORDER BY seq LIMIT $3")
            .bind(so_far.size)
            .bind(end.size)
            .bind(PAGE);
        let rows = from.fetch_all(next).await?;
        if rows.is_empty() {
            return Err(AuditError::Broken(Broken {
                seq: so_far.size,
                reason: "its number is missing",
            }));
        }
        for row in rows {
            so_far = so_far.extend(&AuditRow::read(&row)?)?;
        }
    }
    if so_far == end {
        return Ok(end);
    }
    Err(AuditError::Broken(Broken {
        seq: so_far.size,
        reason: "the chain does not end as recorded",
    }))
}

const HEAD: &str = "SELECT size, at, hash FROM audit_head WHERE id = 0";

async fn read_head(from: &mut (impl Fetch + Send), sql: Sql) -> Result<Head, StoreError> {
    let row = from.fetch_one(sql).await?;
    Ok(Head {
        size: row.get("size")?,
        at: row.get("at")?,
        hash: row.get("hash")?,
    })
}

/// Writes the group's entries. Locks the end of the chain, so it comes last.
pub(crate) async fn flush(tx: &mut Tx) -> Result<(), StoreError> {
    let entries = mem::take(&mut tx.after.entries);
    if entries.is_empty() {
        return Ok(());
    }
    let mut end = read_head(tx, Sql::new(HEAD).for_update()).await?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let row = end.link(entry);
        end = Head {
            size: end.size.saturating_add(1),
            at: row.at,
            hash: row.hash.clone(),
        };
        rows.push(row.columns());
    }
    tx.insert(
        "INSERT INTO audit_log (seq, at, kind, actor, owner_id, project_id, subject, data, prev_hash, hash)",
        rows,
        "",
    )
    .await?;
    let moved = Sql::new("UPDATE audit_head SET size = $1, at = $2, hash = $3 WHERE id = 0")
        .bind(end.size)
        .bind(end.at)
        .bind(end.hash);
    tx.execute(moved).await?;
    Ok(())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
