//! API keys as the database has them.

use {
    crate::token::Hash,
    portreeve_guard::Network,
    portreeve_kernel::{
        AgentId, Cluster, Environment, KeyId, OwnerId, Principal, ProjectId, Role, ScopeSet, Tier, Timestamp,
    },
    portreeve_policy::Hours,
    portreeve_store::{Fetch, Migration, Row, Schema, Sql, StoreError, Tx},
    std::collections::HashMap,
};

/// The tables of this service.
pub const SCHEMA: Schema = Schema {
    name: "auth",
    migrations: &[
        Migration {
            id: 1,
            name: "api keys",
            sql: include_str!("schema.sql"),
        },
        Migration {
            id: 2,
            name: "oauth",
            sql: include_str!("oauth.sql"),
        },
        Migration {
            id: 3,
            name: "oauth assertions",
            sql: include_str!("assertions.sql"),
        },
        Migration {
            id: 4,
            name: "people",
            sql: include_str!("people.sql"),
        },
        Migration {
            id: 5,
            name: "oauth codes",
            sql: include_str!("codes.sql"),
        },
        Migration {
            id: 6,
            name: "oauth devices",
            sql: include_str!("devices.sql"),
        },
        Migration {
            id: 7,
            name: "oauth registration",
            sql: include_str!("registration.sql"),
        },
        Migration {
            id: 8,
            name: "key rotation",
            sql: include_str!("rotation.sql"),
        },
        Migration {
            id: 9,
            name: "key tiers and hours",
            sql: include_str!("tiers.sql"),
        },
        Migration {
            id: 10,
            name: "resource servers",
            sql: include_str!("resources.sql"),
        },
        Migration {
            id: 11,
            name: "revisions of our own resource servers",
            sql: include_str!("revisions.sql"),
        },
    ],
};

/// All that is known of a key but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public half.
    pub id: KeyId,
    /// In which project it acts.
    pub project: ProjectId,
    /// For whom.
    pub owner: OwnerId,
    /// The one agent it speaks for.
    pub agent: Option<AgentId>,
    /// Live or test, as its prefix says.
    pub environment: Environment,
    /// In which capacity it acts.
    pub role: Role,
    /// For people.
    pub name: String,
    /// Its prefix and last four characters.
    pub hint: String,
    /// What was granted, as asked: nothing implied is spelt out.
    pub scopes: ScopeSet,
    /// From where it may be used; empty for anywhere.
    pub networks: Vec<Network>,
    /// How much it may ask in a minute.
    pub tier: Tier,
    /// The hours of the day in which it may be used; `None` for all.
    pub hours: Option<Hours>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By which credential.
    pub created_by: String,
    /// The moment from which on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// What takes its place, since it was rotated.
    pub successor: Option<KeyId>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, at most half a minute behind.
    pub last_used_at: Option<Timestamp>,
}

/// A key that somebody showed.
pub(crate) struct Found {
    pub(crate) key: ApiKey,
    pub(crate) hash: Hash,
    /// The chain of its project, which decides whether live or test keys act there.
    pub(crate) cluster: Cluster,
}

/// When a key ends: the moment it was given, or the end of its grace.
fn end(row: &Row) -> Result<Option<Timestamp>, StoreError> {
    let given: Option<Timestamp> = row.get_optional("expires_at")?;
    let grace: Option<Timestamp> = row.get_optional("ends_at")?;
    Ok(given.into_iter().chain(grace).min())
}

impl ApiKey {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            agent: row.get_optional("agent_id")?,
            environment: row.get("environment")?,
            role: row.get("role")?,
            name: row.get("name")?,
            hint: row.get("hint")?,
            scopes: row.json("scopes")?,
            networks: row.json("allowed_ips")?,
            tier: row.get("tier")?,
            hours: row.json("allowed_hours")?,
            created_at: row.get("created_at")?,
            created_by: row.get("created_by")?,
            expires_at: end(row)?,
            successor: row.get_optional("successor_id")?,
            revoked_at: row.get_optional("revoked_at")?,
            last_used_at: row.get_optional("last_used_at")?,
        })
    }

    /// True from the moment of expiry on.
    #[must_use]
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| at >= end)
    }
}

pub(crate) async fn insert(tx: &mut Tx, key: &ApiKey, hash: &Hash) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO api_keys (id, project_id, owner_id, agent_id, environment, role, name, hint, hash, scopes, \
         allowed_ips, created_at, created_by, expires_at, tier, allowed_hours) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(&key.id)
    .bind(&key.project)
    .bind(&key.owner)
    .bind(key.agent.as_ref())
    .bind(&key.environment)
    .bind(&key.role)
    .bind(key.name.as_str())
    .bind(key.hint.as_str())
    .bind(hash)
    .bind_json(&key.scopes)
    .bind_json(&key.networks)
    .bind(key.created_at)
    .bind(key.created_by.as_str())
    .bind(key.expires_at)
    .bind(&key.tier)
    .bind_json(&key.hours);
    tx.execute(insert).await?;
    Ok(())
}

pub(crate) async fn by_hash(from: &mut (impl Fetch + Send), hash: &Hash) -> Result<Option<Found>, StoreError> {
    let sql = Sql::new(
        "SELECT k.*, p.cluster, CAST(NULL AS BIGINT) AS last_used_at FROM api_keys k \
         JOIN projects p ON p.id = k.project_id WHERE k.hash = $1",
    );
    let row = from.fetch_optional(sql.bind(hash)).await?;
    row.map(|row| {
        Ok(Found {
            key: ApiKey::read(&row)?,
            hash: row.get("hash")?,
            cluster: row.get("cluster")?,
        })
    })
    .transpose()
}

/// Where a list of keys goes on: after the key made at this time with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) created_at: Timestamp,
    pub(crate) id: String,
}

impl Position {
    /// Reads a cursor.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once(' ')?;
        Some(Self {
            created_at: Timestamp::from_millis(time.parse().ok()?),
            id: id.to_owned(),
        })
    }
}

/// Up to `limit` keys of the owner whom `of` speaks for, newest first.
pub(crate) async fn page(
    from: &mut (impl Fetch + Send),
    of: &Principal,
    after: Option<&Position>,
    limit: u32,
) -> Result<Vec<ApiKey>, StoreError> {
    let (time, id) = after.map_or((Timestamp::from_millis(i64::MAX), ""), |at| {
        (at.created_at, at.id.as_str())
    });
    let sql = Sql::new(
        "SELECT k.*, u.last_used_at FROM api_keys k LEFT JOIN api_key_uses u ON u.key_id = k.id \
         WHERE k.owner_id = $1 AND k.project_id = $2 \
         AND (k.created_at < $3 OR (k.created_at = $3 AND k.id < $4)) \
         ORDER BY k.created_at DESC, k.id DESC LIMIT $5",
    )
    .bind(&of.owner)
    .bind(&of.project)
    .bind(time)
    .bind(id)
    .bind(limit);
    from.fetch_all(sql).await?.iter().map(ApiKey::read).collect()
}

/// What has to be known of a key to end it, or to go on using it.
pub(crate) struct Life {
    pub(crate) id: KeyId,
    pub(crate) hash: Hash,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl Life {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            hash: row.get("hash")?,
            expires_at: end(row)?,
            revoked_at: row.get_optional("revoked_at")?,
        })
    }
}

/// Locks those of `ids` that exist, in one order, so that two nodes that lock the same keys cannot wait for each other.
pub(crate) async fn lives<'a>(tx: &mut Tx, ids: impl IntoIterator<Item = &'a KeyId>) -> Result<Vec<Life>, StoreError> {
    let sql =
        Sql::new("SELECT id, hash, expires_at, ends_at, revoked_at FROM api_keys WHERE id IN ({list}) ORDER BY id");
    let rows = tx.fetch_all(sql.bind_list(ids).for_update()).await?;
    rows.iter().map(Life::read).collect()
}

/// Locks a key of the owner whom `of` speaks for.
pub(crate) async fn life_of(tx: &mut Tx, id: &KeyId, of: &Principal) -> Result<Option<Life>, StoreError> {
    let sql = Sql::new(
        "SELECT id, hash, expires_at, ends_at, revoked_at FROM api_keys WHERE id = $1 AND owner_id = $2 AND project_id = $3",
    );
    let sql = sql.bind(id).bind(&of.owner).bind(&of.project);
    let row = tx.fetch_optional(sql.for_update()).await?;
    row.as_ref().map(Life::read).transpose()
}

/// A key that is bound to an agent and not revoked.
pub(crate) struct Bound {
    pub(crate) id: KeyId,
    pub(crate) owner: OwnerId,
    pub(crate) project: ProjectId,
    pub(crate) hash: Hash,
}

/// Locks the keys that are bound to `agent` and not yet revoked.
pub(crate) async fn bound_to(tx: &mut Tx, agent: &AgentId) -> Result<Vec<Bound>, StoreError> {
    let sql = Sql::new(
        "SELECT id, owner_id, project_id, hash FROM api_keys WHERE agent_id = $1 AND revoked_at IS NULL ORDER BY id",
    );
    let rows = tx.fetch_all(sql.bind(agent).for_update()).await?;
    let read = |row: &Row| {
        Ok(Bound {
            id: row.get("id")?,
            owner: row.get("owner_id")?,
            project: row.get("project_id")?,
            hash: row.get("hash")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Locks a key of the owner whom `of` speaks for, to make another one like it.
pub(crate) async fn lock(tx: &mut Tx, id: &KeyId, of: &Principal) -> Result<Option<(ApiKey, Hash)>, StoreError> {
    let sql = Sql::new(
        "SELECT k.*, CAST(NULL AS BIGINT) AS last_used_at FROM api_keys k \
         WHERE k.id = $1 AND k.owner_id = $2 AND k.project_id = $3",
    );
    let sql = sql.bind(id).bind(&of.owner).bind(&of.project);
    let row = tx.fetch_optional(sql.for_update()).await?;
    row.map(|row| Ok((ApiKey::read(&row)?, row.get("hash")?))).transpose()
}

/// The agent that a key of the owner whom `of` speaks for is bound to; `None` when there is no such key. Nothing is locked:
/// agents come before keys, and a key is bound for good.
pub(crate) async fn agent_of(
    from: &mut (impl Fetch + Send),
    id: &KeyId,
    of: &Principal,
) -> Result<Option<Option<AgentId>>, StoreError> {
    let sql = Sql::new("SELECT agent_id FROM api_keys WHERE id = $1 AND owner_id = $2 AND project_id = $3");
    let sql = sql.bind(id).bind(&of.owner).bind(&of.project);
    let row = from.fetch_optional(sql).await?;
    row.map(|row| row.get_optional("agent_id")).transpose()
}

/// Has a key end at `at`, in favour of `successor`.
pub(crate) async fn succeed(tx: &mut Tx, id: &KeyId, successor: &KeyId, at: Timestamp) -> Result<(), StoreError> {
    let update = Sql::new("UPDATE api_keys SET ends_at = $1, successor_id = $2 WHERE id = $3");
    tx.execute(update.bind(at).bind(successor).bind(id)).await?;
    Ok(())
}

pub(crate) async fn revoke(tx: &mut Tx, id: &KeyId, at: Timestamp) -> Result<(), StoreError> {
    let update = Sql::new("UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL");
    tx.execute(update.bind(at).bind(id)).await?;
    Ok(())
}

/// Notes when keys were last used, all in one statement. A later use is never overwritten by an earlier one.
pub(crate) async fn note_uses(tx: &mut Tx, uses: &HashMap<KeyId, Timestamp>) -> Result<(), StoreError> {
    use portreeve_store::Bind;
    let rows = uses.iter().map(|(id, at)| vec![id.value(), at.value()]).collect();
    tx.insert(
        "INSERT INTO api_key_uses (key_id, last_used_at)",
        rows,
        "ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at \
         WHERE api_key_uses.last_used_at < excluded.last_used_at",
    )
    .await
}
