//! The rows of the signing keys: read, added to, taken away.
//!
//! What must stay true: two nodes that add one at once meet at its number, and one of them wins; and what is done about a
//! leaked key is done about every key there was.

use {
    super::{
        Purpose, SealKey, SigningError,
        ring::{MOST_AGE, NOTICE, SigningKey},
    },
    portreeve_kernel::{Entropy, Timestamp},
    portreeve_store::{AuditEntry, Database, Fetch, Row as DbRow, Sql, StoreError, Tx},
    serde_json::json,
    zeroize::Zeroizing,
};

/// Why there shall be another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The newest is old, if it is so.
    Due,
    /// Somebody asks, and may do so twice: while a key waits for its turn, it is that one.
    Asked,
    /// The old ones are known to somebody. They go at once, and everything they signed with them.
    Leaked,
}

impl Rotation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Asked => "asked",
            Self::Leaked => "leaked",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// There is another key.
    Added,
    /// The newest will do.
    Enough,
    /// Another node was faster, so everything has to be looked at again.
    Outrun,
}

/// A key as the database has it.
pub(super) struct Row {
    pub(super) kid: String,
    pub(super) sealed: Vec<u8>,
    pub(super) created_at: Timestamp,
    pub(super) signs_from: Timestamp,
    pub(super) retired_at: Option<Timestamp>,
}

/// All of them, oldest first.
pub(super) async fn read(from: &mut (impl Fetch + Send)) -> Result<Vec<Row>, StoreError> {
    let sql = Sql::new("SELECT kid, sealed, created_at, signs_from, retired_at FROM signing_keys ORDER BY generation");
    let read = |row: &DbRow| {
        Ok(Row {
            kid: row.get("kid")?,
            sealed: row.get("sealed")?,
            created_at: row.get("created_at")?,
            signs_from: row.get("signs_from")?,
            retired_at: row.get_optional("retired_at")?,
        })
    };
    from.fetch_all(sql).await?.iter().map(read).collect()
}

/// A key that is in no row yet.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    kid: String,
    sealed: Vec<u8>,
}

impl Fresh {
    pub(super) fn make(seal: &SealKey, entropy: &dyn Entropy) -> Result<Self, SigningError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(seed.as_mut_slice());
        let kid = SigningKey::from_seed(&seed)?.kid;
        let sealed = seal.seal(Purpose::SigningKeys, &kid, &*seed, entropy)?;
        Ok(Self { kid, sealed })
    }

    /// Writes it down unless there is one of that generation.
    async fn insert(
        &self,
        tx: &mut Tx,
        generation: u32,
        (at, signs_from): (Timestamp, Timestamp),
    ) -> Result<bool, StoreError> {
        let insert = Sql::new(
            "INSERT INTO signing_keys (generation, kid, sealed, created_at, signs_from) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (generation) DO NOTHING",
        );
        let insert = insert
            .bind(generation)
            .bind(self.kid.as_str())
            .bind(self.sealed.as_slice());
        Ok(tx.execute(insert.bind(at).bind(signs_from)).await? == 1)
    }

    /// Makes it the first, unless another node was faster.
    pub(super) async fn begin(&self, tx: &mut Tx, at: Timestamp) -> Result<(), StoreError> {
        if self.insert(tx, 1, (at, at)).await? {
            let data = json!({"generation": 1, "signsFrom": at});
            tx.audit(told(at, "signing_key.created", "issuer", &self.kid, data));
        }
        Ok(())
    }

    /// Has it take over from the newest.
    pub(crate) async fn take_over(
        &self,
        tx: &mut Tx,
        why: Rotation,
        by: &str,
        at: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let newest =
            Sql::new("SELECT generation, created_at, signs_from FROM signing_keys ORDER BY generation DESC LIMIT 1");
        let newest = tx.fetch_one(newest).await?;
        let waits = newest.get::<Timestamp>("signs_from")? > at;
        let is_young = newest.get::<Timestamp>("created_at")?.plus(MOST_AGE) > at;
        let is_enough = match why {
            Rotation::Due => is_young,
            Rotation::Asked => waits,
            Rotation::Leaked => false,
        };
        if is_enough {
            return Ok(Rotated::Enough);
        }
        let signs_from = match why {
            Rotation::Due | Rotation::Asked => at.plus(NOTICE),
            Rotation::Leaked => at,
        };
        let old: u32 = newest.get("generation")?;
        let generation = old.saturating_add(1);
        if !self.insert(tx, generation, (at, signs_from)).await? {
            return Ok(Rotated::Outrun);
        }
        if why == Rotation::Leaked {
            for kid in names(
                tx,
                Sql::new("SELECT kid FROM signing_keys WHERE generation < $1 ORDER BY generation").bind(generation),
            )
            .await?
            {
                tx.audit(told(at, "signing_key.revoked", by, &kid, json!({})));
            }
            let gone = Sql::new("DELETE FROM signing_keys WHERE generation < $1");
            tx.execute(gone.bind(generation)).await?;
        } else {
            let retire = Sql::new("UPDATE signing_keys SET retired_at = $1 WHERE generation = $2");
            tx.execute(retire.bind(signs_from).bind(old)).await?;
        }
        let data = json!({"generation": generation, "signsFrom": signs_from, "why": why.as_str()});
        tx.audit(told(at, "signing_key.created", by, &self.kid, data));
        Ok(Rotated::Added)
    }
}

/// Destroys keys that nothing is good under any more.
pub(super) async fn destroy(db: &Database, kids: Vec<String>, at: Timestamp) -> Result<(), StoreError> {
    let unit = async move |tx: &mut Tx| {
        // Another node may have done it already.
        let there = Sql::new(
            "SELECT kid FROM signing_keys WHERE retired_at IS NOT NULL AND kid IN ({list}) ORDER BY generation",
        );
        let there = there.bind_list(kids.iter().map(String::as_str)).for_update();
        let there = names(tx, there).await?;
        if there.is_empty() {
            return Ok(());
        }
        let gone = Sql::new("DELETE FROM signing_keys WHERE kid IN ({list})");
        tx.execute(gone.bind_list(there.iter().map(String::as_str))).await?;
        for kid in there {
            tx.audit(told(at, "signing_key.destroyed", "issuer", &kid, json!({})));
        }
        Ok(())
    };
    db.write::<_, StoreError, _>(unit).await
}

async fn names(tx: &mut Tx, sql: Sql) -> Result<Vec<String>, StoreError> {
    tx.fetch_all(sql).await?.iter().map(|row| row.get("kid")).collect()
}

fn told(at: Timestamp, kind: &'static str, by: &str, kid: &str, data: serde_json::Value) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: by.to_owned(),
        owner: None,
        project: None,
        subject: kid.to_owned(),
        data,
    }
}
