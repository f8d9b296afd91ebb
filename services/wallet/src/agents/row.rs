//! Agents and policies as the database holds them.

use {
    super::state::{AgentStage, AgentStatus, ChainSync},
    portreeve_kernel::{Address, AgentId, OwnerId, OwnerProof, Principal, ProjectId, Timestamp, control::NamedAgent},
    portreeve_payment::Standing,
    portreeve_policy::AgentPolicy,
    portreeve_store::{Fetch, Row, Sql, StoreError, Tx},
};

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentRow {
    pub(crate) id: AgentId,
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
    pub(crate) nickname: String,
    pub(crate) tags: Vec<String>,
    pub(crate) status: AgentStatus,
    pub(crate) stage: Option<AgentStage>,
    pub(crate) status_reason: Option<String>,
    pub(crate) status_changed_at: Timestamp,
    /// How often it has been suspended.
    pub(crate) suspensions: u64,
    pub(crate) public_key: Option<Address>,
    pub(crate) multisig: Option<Address>,
    pub(crate) vault: Option<Address>,
    pub(crate) policy_version: u64,
    /// When it last signed a payment, of whatever asset.
    pub(crate) last_spend_at: Option<Timestamp>,
    pub(crate) chain_sync: ChainSync,
    pub(crate) last_synced_at: Option<Timestamp>,
    /// True once its key is destroyed for good.
    pub(crate) key_destroyed: bool,
    /// The owner's word on resuming, from when it was given until it has taken effect.
    pub(crate) resume_proof: Option<OwnerProof>,
    /// Until this block height limits may have been put on chain, so that only later blocks show that there are none.
    /// `None` when none are there or under way.
    pub(crate) limits_until: Option<u64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// One version of an agent's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyRow {
    pub(crate) body: AgentPolicy,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
    pub(crate) approved_at: Option<Timestamp>,
}

macro_rules! select_agents {
    ($rest:literal) => {
        concat!(
            "SELECT id, project_id, owner_id, nickname, tags, status, stage, status_reason, status_changed_at, ",
            "suspensions, public_key, multisig, vault, policy_version, last_spend_at, chain_sync, last_synced_at, key_destroyed, ",
            "resume_proof, limits_until, created_at, updated_at FROM agents ",
            $rest
        )
    };
}

impl AgentRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            nickname: row.get("nickname")?,
            tags: row.json("tags")?,
            status: row.parsed("status")?.ok_or(StoreError::Missing)?,
            stage: row.parsed("stage")?,
            status_reason: row.get_optional("status_reason")?,
            status_changed_at: row.get("status_changed_at")?,
            suspensions: row.get("suspensions")?,
            public_key: row.get_optional("public_key")?,
            multisig: row.get_optional("multisig")?,
            vault: row.get_optional("vault")?,
            policy_version: row.get("policy_version")?,
            last_spend_at: row.get_optional("last_spend_at")?,
            chain_sync: row.parsed("chain_sync")?.ok_or(StoreError::Missing)?,
            last_synced_at: row.get_optional("last_synced_at")?,
            key_destroyed: row.get("key_destroyed")?,
            resume_proof: match row.get_optional::<String>("resume_proof")? {
                Some(_) => Some(row.json("resume_proof")?),
                None => None,
            },
            limits_until: row.get_optional("limits_until")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }

    /// Whether `caller` may know of this agent. Everybody else gets the answer for one that does not exist.
    pub(crate) fn is_seen_by(&self, caller: &Principal) -> bool {
        let in_reach = self.owner == caller.owner && self.project == caller.project;
        in_reach && caller.agent.as_ref().is_none_or(|own| *own == self.id)
    }

    /// It, as far as its payments depend on it.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            active: self.status == AgentStatus::Active,
            suspensions: self.suspensions,
        }
    }

    /// Notes that its limits can be seen in the block of height `at`, often long before the transactions that put them
    /// there would have expired.
    pub(crate) fn limits_seen(&mut self, at: u64) {
        self.limits_until = self.limits_until.map(|until| until.min(at.saturating_sub(1)));
    }

    /// Writes the whole agent back.
    pub(crate) async fn update(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let sql = Sql::new(
            "UPDATE agents SET status = $1, stage = $2, status_reason = $3, status_changed_at = $4, public_key = $5, \
             multisig = $6, vault = $7, policy_version = $8, last_spend_at = $9, chain_sync = $10, \
             last_synced_at = $11, key_destroyed = $12, resume_proof = $13, limits_until = $14, updated_at = $15, \
             suspensions = $16 WHERE id = $17",
        );
        let sql = sql
            .bind(self.status.as_str())
            .bind(self.stage.map(AgentStage::as_str))
            .bind(self.status_reason.as_deref())
            .bind(self.status_changed_at)
            .bind(self.public_key.as_ref())
            .bind(self.multisig.as_ref())
            .bind(self.vault.as_ref())
            .bind(self.policy_version)
            .bind(self.last_spend_at)
            .bind(self.chain_sync.as_str())
            .bind(self.last_synced_at)
            .bind(self.key_destroyed)
            .bind(
                self.resume_proof
                    .as_ref()
                    .and_then(|proof| serde_json::to_string(proof).ok()),
            )
            .bind(self.limits_until)
            .bind(self.updated_at)
            .bind(self.suspensions)
            .bind(&self.id);
        match tx.execute(sql).await? {
            1 => Ok(()),
            _ => Err(StoreError::Missing),
        }
    }

    /// Writes a new agent and its first policy.
    pub(crate) async fn insert(&self, tx: &mut Tx, policy: &PolicyRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO agents (id, project_id, owner_id, nickname, tags, status, stage, status_changed_at, \
             policy_version, chain_sync, key_destroyed, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        );
        let sql = sql
            .bind(&self.id)
            .bind(&self.project)
            .bind(&self.owner)
            .bind(self.nickname.as_str())
            .bind_json(&self.tags)
            .bind(self.status.as_str())
            .bind(self.stage.map(AgentStage::as_str))
            .bind(self.status_changed_at)
            .bind(self.policy_version)
            .bind(self.chain_sync.as_str())
            .bind(self.key_destroyed)
            .bind(self.created_at)
            .bind(self.updated_at);
        tx.execute(sql).await?;
        let sql = Sql::new(
            "INSERT INTO policies (agent_id, version, body, created_by, created_at) VALUES ($1, $2, $3, $4, $5)",
        );
        let sql = sql
            .bind(&self.id)
            .bind(policy.body.version)
            .bind_json(&policy.body)
            .bind(policy.created_by.as_str())
            .bind(policy.created_at);
        tx.execute(sql).await.map(|_| ())
    }
}

/// One agent, by its id alone: who asks has to look whose it is.
pub(crate) async fn find(at: &mut (impl Fetch + Send), id: &AgentId) -> Result<Option<AgentRow>, StoreError> {
    let row = at
        .fetch_optional(Sql::new(select_agents!("WHERE id = $1")).bind(id))
        .await?;
    row.as_ref().map(AgentRow::read).transpose()
}

/// One agent, locked until the commit, so that nobody else decides on its status meanwhile.
pub(crate) async fn lock(tx: &mut Tx, id: &AgentId) -> Result<Option<AgentRow>, StoreError> {
    let row = tx
        .fetch_optional(Sql::new(select_agents!("WHERE id = $1")).bind(id).for_update())
        .await?;
    row.as_ref().map(AgentRow::read).transpose()
}

/// Several agents, locked in the order of their ids.
pub(crate) async fn lock_all<'a>(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = &'a AgentId>,
) -> Result<Vec<AgentRow>, StoreError> {
    let sql = Sql::new(select_agents!("WHERE id IN ({list}) ORDER BY id"))
        .bind_list(ids)
        .for_update();
    tx.fetch_all(sql).await?.iter().map(AgentRow::read).collect()
}

/// A page of an owner's agents (or the one that the caller is), newest first; one more than `limit`, if there is.
pub(crate) async fn page(
    at: &mut (impl Fetch + Send),
    caller: &Principal,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<AgentRow>, StoreError> {
    let own = caller.agent.as_ref();
    let sql = Sql::new(select_agents!(
        "WHERE owner_id = $1 AND project_id = $2 AND ($3 = '' OR id < $3) AND ($4 = '' OR id = $4) ORDER BY id DESC LIMIT $5"
    ));
    let sql = sql
        .bind(&caller.owner)
        .bind(&caller.project)
        .bind(before.unwrap_or(""))
        .bind(own.map_or("", AgentId::as_str))
        .bind(limit.saturating_add(1));
    at.fetch_all(sql).await?.iter().map(AgentRow::read).collect()
}

/// The agents of `owner` and what people call them, newest first, `most` at most.
pub(crate) async fn named(
    at: &mut (impl Fetch + Send),
    owner: &OwnerId,
    most: u32,
) -> Result<Vec<NamedAgent>, StoreError> {
    let sql = Sql::new("SELECT id, nickname FROM agents WHERE owner_id = $1 ORDER BY id DESC LIMIT $2");
    let named = |row: &Row| {
        Ok(NamedAgent {
            id: row.get("id")?,
            name: row.get("nickname")?,
        })
    };
    at.fetch_all(sql.bind(owner).bind(most))
        .await?
        .iter()
        .map(named)
        .collect()
}

/// One version of an agent's policy.
pub(crate) async fn policy(
    at: &mut (impl Fetch + Send),
    agent: &AgentId,
    version: u64,
) -> Result<Option<PolicyRow>, StoreError> {
    let sql =
        Sql::new("SELECT body, created_by, created_at, approved_at FROM policies WHERE agent_id = $1 AND version = $2");
    let row = at.fetch_optional(sql.bind(agent).bind(version)).await?;
    row.map(|row| {
        Ok(PolicyRow {
            body: row.json("body")?,
            created_by: row.get("created_by")?,
            created_at: row.get("created_at")?,
            approved_at: row.get_optional("approved_at")?,
        })
    })
    .transpose()
}

/// Notes that the agent signed a payment at `at`.
pub(crate) async fn signed(tx: &mut Tx, agent: &AgentId, at: Timestamp) -> Result<(), StoreError> {
    let sql = Sql::new(
        "UPDATE agents SET last_spend_at = $1 WHERE id = $2 AND (last_spend_at IS NULL OR last_spend_at < $1)",
    );
    tx.execute(sql.bind(at).bind(agent)).await.map(|_| ())
}

/// Notes until when a transaction may land that puts limits on chain.
pub(crate) async fn limits_until(tx: &mut Tx, agent: &AgentId, height: u64) -> Result<(), StoreError> {
    let sql =
        Sql::new("UPDATE agents SET limits_until = $1 WHERE id = $2 AND (limits_until IS NULL OR limits_until < $1)");
    tx.execute(sql.bind(height).bind(agent)).await.map(|_| ())
}

/// The agents that signer and chain have yet to follow.
pub(crate) async fn out_of_step(at: &mut (impl Fetch + Send)) -> Result<Vec<AgentId>, StoreError> {
    let sql = Sql::new("SELECT id FROM agents WHERE stage IS NOT NULL AND stage <> 'AWAITING_POLICY_APPROVAL'");
    at.fetch_all(sql).await?.iter().map(|row| row.get("id")).collect()
}

/// Keeps the owner's proof with the policy it approves.
pub(crate) async fn approve_policy(
    tx: &mut Tx,
    agent: &AgentId,
    version: u64,
    proof: &OwnerProof,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = Sql::new(
        "UPDATE policies SET approved_at = $1, proof = $2 WHERE agent_id = $3 AND version = $4 AND approved_at IS NULL",
    );
    tx.execute(sql.bind(at).bind_json(proof).bind(agent).bind(version))
        .await
        .map(|_| ())
}
