//! A database as it is after years of use: many agents, many keys, many payments.
//!
//! Keys are made by the product itself. Agents and ledger entries are written as rows, because the real way takes a
//! transaction on chain for each.

use {
    portreeve_auth::{Agents, Keys, NewKey, first_key},
    portreeve_kernel::{
        Address, AgentId, Asset, AuthMethod, Clock, Cluster, Credential, Entropy, KeyId, Now, OwnerId, Principal,
        ProjectId, Role, Scope, Tier, Timestamp,
        control::{AgentControl, Boxed, NamedAgent, Standing},
    },
    portreeve_ledger::AccountKey,
    portreeve_policy::{AgentPolicy, PolicyInput, roles},
    portreeve_store::{
        Bind, Database, Fetch, Schema, Sql, StoreError, Tx,
        tenancy::{self, Owner, Project},
    },
    serde_json::json,
    std::{sync::Arc, time::SystemTime},
    tokio::task::JoinSet,
};

/// Every table of the server, as `portreeve serve` opens them.
const SCHEMAS: &[Schema] = &[portreeve_jobs::SCHEMA, portreeve_auth::SCHEMA, portreeve_wallet::SCHEMA];

/// Whom the principals of the server are for.
const ORIGIN: &str = "http://localhost:8787";

/// Keys that are made at once: they share commits.
const AT_ONCE: usize = 200;

/// Ledger entries that are written in one transaction.
const ENTRIES_AT_ONCE: usize = 50_000;

/// This machine's time.
pub(crate) struct Wall;

impl Clock for Wall {
    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Now::at(Timestamp::from_millis(since.as_millis().try_into().unwrap()))
    }
}

/// This machine's chance.
pub(crate) struct Chance;

impl Entropy for Chance {
    fn fill(&self, out: &mut [u8]) {
        assert_eq!(
            rustix::rand::getrandom(&mut *out, rustix::rand::GetRandomFlags::empty()),
            Ok(out.len())
        );
    }
}

/// The wallet's word on whose agents are whose, while there is no wallet.
struct AllAreTheirs;

impl AgentControl<Tx, StoreError> for AllAreTheirs {
    fn suspend<'a>(
        &'a self,
        _: &'a mut Tx,
        _: &'a AgentId,
        _: &'a OwnerId,
        _: &'a str,
    ) -> Boxed<'a, Result<bool, StoreError>> {
        Box::pin(async { Ok(false) })
    }

    fn of_owner<'a>(&'a self, _: &'a OwnerId, _: u32) -> Boxed<'a, Result<Vec<NamedAgent>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lock<'a>(
        &'a self,
        _: &'a mut Tx,
        _: &'a AgentId,
        _: &'a OwnerId,
    ) -> Boxed<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async { Ok(Some(Standing::Going)) })
    }

    fn belongs_to<'a>(&'a self, _: &'a mut Tx, _: &'a AgentId, _: &'a OwnerId) -> Boxed<'a, Result<bool, StoreError>> {
        Box::pin(async { Ok(true) })
    }
}

/// An agent and the key it calls with.
#[derive(Clone)]
pub(crate) struct Tenant {
    /// Who calls, as the gate would have found out.
    pub(crate) caller: Arc<Principal>,
    /// The agent it speaks for.
    pub(crate) agent: AgentId,
    /// What is sent as the bearer token.
    pub(crate) key: String,
}

/// One installation's database, open.
pub(crate) struct Estate {
    pub(crate) database: Database,
    pub(crate) keys: Arc<Keys>,
    owner: Principal,
}

impl Estate {
    /// Opens the database at `url`. One that has no project gets one.
    pub(crate) async fn open(url: &str) -> Self {
        let database = Database::open(url, SCHEMAS).await.unwrap();
        let found = async move |tx: &mut Tx| {
            let at = Wall.now().for_expiry();
            let (project, owner) = match tenancy::projects(tx).await?.into_iter().next() {
                Some(project) => {
                    let owner = tenancy::owners(tx, &project.id).await?.into_iter().next();
                    (project, owner.ok_or(StoreError::Missing)?)
                }
                None => found(tx, at).await?,
            };
            let key = first_key(tx, &project, &owner, &Chance, at).await?.key;
            Ok::<_, StoreError>(principal(&owner, Role::Owner, &key.id, None))
        };
        let owner = database.write(found).await.unwrap();
        let keys = Arc::new(Keys::new(
            database.clone(),
            Arc::new(Wall),
            Arc::new(Chance),
            ORIGIN.parse().unwrap(),
        ));
        Self { database, keys, owner }
    }

    /// Makes agents that may pay, with a policy that lets them.
    pub(crate) async fn agents(&self, count: usize) -> Vec<AgentId> {
        let (at, policy) = (Wall.now().for_expiry(), policy());
        let ids: Vec<AgentId> = (0..count).map(|_| AgentId::new(at, &Chance)).collect();
        for some in ids.chunks(500) {
            let agents: Vec<_> = some.iter().map(|id| self.agent_row(id, at)).collect();
            let policies: Vec<_> = some.iter().map(|id| policy_row(id, &policy, at)).collect();
            let unit = async move |tx: &mut Tx| {
                let head = "INSERT INTO agents (id, project_id, owner_id, nickname, tags, status, status_changed_at, suspensions, \
                            public_key, multisig, vault, policy_version, chain_sync, last_synced_at, key_destroyed, \
                            created_at, updated_at)";
                tx.insert(head, agents.clone(), "").await?;
                let head = "INSERT INTO policies (agent_id, version, body, created_by, created_at, approved_at)";
                tx.insert(head, policies.clone(), "").await
            };
            self.database.write::<_, StoreError, _>(unit).await.unwrap();
        }
        ids
    }

    fn agent_row(&self, id: &AgentId, at: Timestamp) -> Vec<portreeve_store::Value> {
        let address = || {
            let mut bytes = [0; 32];
            Chance.fill(&mut bytes);
            // Large enough that its text has 44 characters, so that all answers are of one length.
            bytes[0] |= 0x80;
            Address::new(bytes)
        };
        vec![
            id.value(),
            (&self.owner.project).value(),
            (&self.owner.owner).value(),
            "shopper".value(),
            "[\"shop\"]".value(),
            "ACTIVE".value(),
            at.value(),
            0_u64.value(),
            (&address()).value(),
            (&address()).value(),
            (&address()).value(),
            1_u64.value(),
            "synced".value(),
            at.value(),
            false.value(),
            at.value(),
            at.value(),
        ]
    }

    /// Makes `count` keys, each bound to one of `agents` in turn.
    pub(crate) async fn tenants(&self, agents: &[AgentId], count: usize) -> Vec<Tenant> {
        let mut tenants = Vec::with_capacity(count);
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(AT_ONCE) {
            let mut making = JoinSet::new();
            for number in some {
                making.spawn(make_key(
                    Arc::clone(&self.keys),
                    self.owner.clone(),
                    agents[number % agents.len()].clone(),
                ));
            }
            tenants.extend(making.join_all().await);
        }
        tenants
    }

    /// Gives the account of `agent` `count` settled payments, spread over the last 60 days.
    pub(crate) async fn history(&self, agent: &AgentId, count: u64) {
        let account = AccountKey::Agent {
            agent: agent.clone(),
            asset: Asset::Sol,
        };
        let now = Wall.now().for_expiry().millis();
        let begin = now - 60 * 86_400_000;
        let existing = {
            let account = account.clone();
            async move |tx: &mut Tx| {
                let sql = Sql::new(
                    "INSERT INTO ledger_accounts (id, lock_rank, agent_id, asset, settled_total, pending, \
                     last_settled_at, next_seq) VALUES ($1, $2, $3, 'SOL', $4, 0, $5, $4)",
                );
                let sql = sql.bind(&account).bind(account.rank()).bind(account.agent());
                tx.execute(sql.bind(count).bind(now)).await
            }
        };
        self.database.write::<_, StoreError, _>(existing).await.unwrap();
        // In portions that no transaction is too short for.
        for first in (0..count).step_by(ENTRIES_AT_ONCE) {
            let (account, end) = (account.clone(), count.min(first + ENTRIES_AT_ONCE as u64));
            let unit = async move |tx: &mut Tx| {
                let entries = Sql::new(
                    "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
                     INSERT INTO ledger_entries (account, seq, reservation, settled_at, amount, running_total) \
                     SELECT $3, i, 'tx_' || i, $4 + ($5 - $4) * i / $6, 1, i + 1 FROM n",
                );
                let entries = entries.bind(first).bind(end).bind(&account).bind(begin);
                tx.execute(entries.bind(now).bind(count)).await
            };
            let written = self.database.write::<_, StoreError, _>(unit).await.unwrap();
            assert_eq!(written, end - first);
        }
    }

    /// Ends whatever is reserved, as if it had been signed and paid, so that agents may go on. The ledger stays as it is.
    pub(crate) async fn carry_on(&self) {
        let unit = async |tx: &mut Tx| {
            tx.execute(Sql::new(
                "UPDATE transactions SET stage = 'CONFIRMED' WHERE stage = 'RESERVED'",
            ))
            .await?;
            tx.execute(Sql::new("DELETE FROM jobs")).await
        };
        self.database.write::<_, StoreError, _>(unit).await.unwrap();
    }

    /// How many payments are on disk.
    pub(crate) async fn payments(&self) -> u64 {
        let sql = Sql::new("SELECT COUNT(*) AS n FROM reservations r JOIN transactions t ON t.id = r.id");
        self.database.read().fetch_one(sql).await.unwrap().get("n").unwrap()
    }
}

async fn found(tx: &mut Tx, at: Timestamp) -> Result<(Project, Owner), StoreError> {
    let project = Project {
        id: ProjectId::new(at, &Chance),
        name: "bench".to_owned(),
        cluster: Cluster::Local,
        created_at: at,
    };
    let owner = Owner {
        id: OwnerId::new(at, &Chance),
        project: project.id.clone(),
        name: "owner".to_owned(),
        created_at: at,
    };
    tenancy::add_project(tx, &project).await?;
    tenancy::add_owner(tx, &owner).await?;
    Ok((project, owner))
}

async fn make_key(keys: Arc<Keys>, owner: Principal, agent: AgentId) -> Tenant {
    let new = NewKey {
        name: "shopper's".to_owned(),
        scopes: ["agents:read", "transactions:execute", "wallets:read"]
            .iter()
            .map(|scope| scope.parse::<Scope>().unwrap())
            .collect(),
        agent: Some(agent.clone()),
        networks: Vec::new(),
        tier: Tier::Default,
        hours: None,
        expires_at: None,
        environment: None,
    };
    let agents: Arc<Agents> = Arc::new(AllAreTheirs);
    let made = keys.create(&owner, new, agents).await.unwrap();
    let whose = Owner {
        id: owner.owner,
        project: owner.project,
        name: String::new(),
        created_at: made.key.created_at,
    };
    Tenant {
        caller: Arc::new(principal(&whose, Role::Agent, &made.key.id, Some(agent.clone()))),
        agent,
        key: made.text.expose().to_owned(),
    }
}

fn principal(owner: &Owner, role: Role, key: &KeyId, agent: Option<AgentId>) -> Principal {
    Principal {
        owner: owner.id.clone(),
        project: owner.project.clone(),
        environment: Cluster::Local.environment(),
        scopes: roles::grantable(&role),
        role,
        credential: Credential::ApiKey(key.clone()),
        method: AuthMethod::ApiKey,
        audience: format!("{ORIGIN}/mcp").into(),
        agent,
        user: None,
        client: None,
        tier: Tier::Default,
        bypass: false,
    }
}

fn policy() -> AgentPolicy {
    let input: PolicyInput = serde_json::from_value(json!({
        "preset": "custom",
        "limits": {"perTransaction": "1000000000", "daily": "1000000000000"},
    }))
    .unwrap();
    input.resolve(1).unwrap()
}

fn policy_row(agent: &AgentId, policy: &AgentPolicy, at: Timestamp) -> Vec<portreeve_store::Value> {
    vec![
        agent.value(),
        policy.version.value(),
        serde_json::to_string(policy).unwrap().value(),
        "bench".value(),
        at.value(),
        at.value(),
    ]
}
