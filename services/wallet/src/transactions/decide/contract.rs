//! What a decision promises, on both databases: written once, run on SQLite and on PostgreSQL.

use {
    super::*,
    crate::{
        agents::{AgentStatus, ChainSync, PolicyRow},
        migrations::SCHEMA,
        tokens::Route,
        transactions::row,
    },
    portreeve_chain::TokenProgram,
    portreeve_kernel::{
        Amount, Asset, Clock, Cluster, GrantId, KeyId, Mint, Seconds, Timestamp, TokenId,
        control::{AgentClient, Boxed, CredentialCheck, CredentialControl, NewClientSecret},
        entropy::Seeded,
    },
    portreeve_payment::OPENED_MAX,
    portreeve_policy::PolicyInput,
    portreeve_store::{Batcher, Database, Sql, tenancy, testing::TestDatabase},
};

pub(super) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SOL: u64 = 1_000_000_000;

/// Stands for the auth service, which this one may not know: remembers whose keys were revoked.
#[derive(Default)]
struct Keys {
    revoked_of: Mutex<Vec<AgentId>>,
    stopped_of: Mutex<Vec<AgentId>>,
    bad: Mutex<BTreeSet<Credential>>,
}

impl CredentialControl<Tx, StoreError> for Keys {
    fn revoke_of_agent<'a>(&'a self, _: &'a mut Tx, agent: &'a AgentId) -> Boxed<'a, Result<Vec<KeyId>, StoreError>> {
        self.revoked_of.lock().unwrap().push(agent.clone());
        Box::pin(async { Ok(Vec::new()) })
    }

    fn client_for_agent<'a>(
        &'a self,
        _: &'a mut Tx,
        _: &'a AgentClient,
        _: Now,
    ) -> Boxed<'a, Result<NewClientSecret, StoreError>> {
        Box::pin(async { Err(StoreError::Missing) })
    }

    fn stop_clients_of_agent<'a>(
        &'a self,
        _: &'a mut Tx,
        agent: &'a AgentId,
        _: Now,
    ) -> Boxed<'a, Result<(), StoreError>> {
        self.stopped_of.lock().unwrap().push(agent.clone());
        Box::pin(async { Ok(()) })
    }

    fn resume_clients_of_agent<'a>(
        &'a self,
        _: &'a mut Tx,
        _: &'a AgentId,
        _: Now,
    ) -> Boxed<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

impl CredentialCheck<Tx, StoreError> for Keys {
    fn good_among<'a>(
        &'a self,
        _: &'a mut Tx,
        credentials: &'a BTreeSet<Credential>,
        _: Now,
    ) -> Boxed<'a, Result<BTreeSet<Credential>, StoreError>> {
        let good = credentials.difference(&self.bad.lock().unwrap()).cloned().collect();
        Box::pin(async { Ok(good) })
    }
}

/// Two clocks that are moved by hand: the one that is behind, and the one that is ahead or with it. In milliseconds.
pub(super) struct Clocks(Mutex<(i64, i64)>);

impl Clocks {
    fn at(moment: Timestamp) -> Self {
        Self(Mutex::new((moment.millis(), moment.millis())))
    }

    pub(super) fn advance(&self, by: Seconds) {
        self.move_apart(by, 0);
    }

    /// Moves the one that is behind, and the other to so much before it; never back.
    pub(super) fn move_apart(&self, by: Seconds, ahead: i64) {
        let (slowest, fastest) = &mut *self.0.lock().unwrap();
        *slowest += i64::from(by.0) * 1000;
        *fastest = (*fastest).max(*slowest + ahead);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Now {
        let (slowest, fastest) = *self.0.lock().unwrap();
        Now::between(Timestamp::from_millis(slowest), Timestamp::from_millis(fastest))
    }
}

/// An owner with one active agent.
pub(super) struct World {
    test: TestDatabase,
    pub(super) database: Database,
    pub(super) decider: Batcher<Decider>,
    pub(super) clock: Arc<Clocks>,
    keys: Arc<Keys>,
    entropy: Arc<Seeded>,
    owner: OwnerId,
    project: ProjectId,
    pub(super) agent: AgentId,
}

fn hands(clock: &Arc<Clocks>, keys: &Arc<Keys>, seed: u64) -> Hands {
    let (credentials, checks) = (Arc::clone(keys), Arc::clone(keys));
    Hands {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        wall: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: Arc::new(Seeded::new(seed)),
        credentials,
        checks,
    }
}

fn decider(database: &Database, clock: &Arc<Clocks>, keys: &Arc<Keys>, seed: u64) -> Batcher<Decider> {
    database.batcher(Decider::new(hands(clock, keys, seed)))
}

impl World {
    fn hands(&self) -> Hands {
        hands(&self.clock, &self.keys, 13)
    }

    pub(super) async fn new(test: TestDatabase, policy: &str) -> Self {
        let policy: PolicyInput = serde_json::from_str(policy).unwrap();
        Self::with(test, policy.resolve(1).unwrap()).await
    }

    pub(super) async fn with(test: TestDatabase, policy: AgentPolicy) -> Self {
        let database = test.open().await.unwrap();
        let clock = Arc::new(Clocks::at(START));
        let (keys, entropy) = (Arc::new(Keys::default()), Arc::new(Seeded::new(7)));
        let policy = PolicyRow {
            body: policy,
            created_by: "key".into(),
            created_at: START,
            approved_at: None,
        };
        let (owner, project) = (OwnerId::new(START, &*entropy), ProjectId::new(START, &*entropy));
        let agent = AgentRow {
            id: AgentId::new(START, &*entropy),
            project: project.clone(),
            owner: owner.clone(),
            nickname: "a".into(),
            tags: Vec::new(),
            status: AgentStatus::Active,
            stage: None,
            status_reason: None,
            status_changed_at: START,
            suspensions: 0,
            public_key: None,
            multisig: None,
            vault: None,
            policy_version: 1,
            last_spend_at: None,
            chain_sync: ChainSync::Synced,
            last_synced_at: None,
            key_destroyed: false,
            resume_proof: None,
            limits_until: None,
            created_at: START,
            updated_at: START,
        };
        let id = agent.id.clone();
        let (of, whose) = (project.clone(), owner.clone());
        let unit = async move |tx: &mut Tx| {
            let at = START;
            let cluster = Cluster::Local;
            let (id, name) = (of.clone(), "p".to_owned());
            tenancy::add_project(
                tx,
                &tenancy::Project {
                    id,
                    name,
                    cluster,
                    created_at: at,
                },
            )
            .await?;
            let (id, project, name) = (whose.clone(), of.clone(), "o".to_owned());
            tenancy::add_owner(
                tx,
                &tenancy::Owner {
                    id,
                    project,
                    name,
                    created_at: at,
                },
            )
            .await?;
            agent.insert(tx, &policy).await
        };
        database.write::<_, StoreError, _>(unit).await.unwrap();
        let decider = decider(&database, &clock, &keys, 11);
        Self {
            test,
            database,
            decider,
            clock,
            keys,
            entropy,
            owner,
            project,
            agent: id,
        }
    }

    pub(super) fn spend(&self, key: &str, amount: u64) -> Spend {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("idempotency-key", key.parse().unwrap());
        Spend {
            id: TransactionId::new(self.clock.now().for_expiry(), &*self.entropy),
            owner: self.owner.clone(),
            project: self.project.clone(),
            credential: Credential::ApiKey(KeyId::new(&Seeded::new(1))),
            order: Order {
                agent: self.agent.clone(),
                asset: Asset::Sol,
                amount: Amount::new(amount).unwrap(),
                to: Address::new([9; 32]),
                memo: None,
            },
            key: IdempotencyKey::from_headers(&headers).unwrap(),
            token: None,
        }
    }

    /// One unit of the token with this number, for somebody who has no account for it.
    fn opening(&self, key: &str, token: u8) -> Spend {
        let mut spend = self.spend(key, 1);
        spend.order = spend.order.paid_in(Some(mint(token)));
        let route = Route {
            program: TokenProgram::Token,
            decimals: 6,
            opens_account: true,
        };
        spend.by(Some(Found { route, concern: None }))
    }

    async fn ask(&self, key: &str, amount: u64) -> Decided {
        self.decider.submit(self.spend(key, amount)).await.unwrap()
    }

    pub(super) async fn agent(&self) -> AgentRow {
        agents::find(&mut self.database.read(), &self.agent)
            .await
            .unwrap()
            .unwrap()
    }

    async fn count(&self, table: &'static str) -> u64 {
        let sql = match table {
            "reservations" => Sql::new("SELECT COUNT(*) AS n FROM reservations"),
            "transactions" => Sql::new("SELECT COUNT(*) AS n FROM transactions"),
            _ => Sql::new("SELECT COUNT(*) AS n FROM jobs"),
        };
        self.database.read().fetch_one(sql).await.unwrap().get("n").unwrap()
    }

    async fn settle(&self, id: &TransactionId) {
        let (id, at) = (id.clone(), self.clock.now().for_expiry());
        let unit = async move |tx: &mut Tx| ledger::settle(tx, &id, at).await.map(|_| ());
        self.database.write::<_, StoreError, _>(unit).await.unwrap();
    }

    pub(super) async fn end(self) {
        self.database.close().await;
        self.test.remove().await.unwrap();
    }
}

fn new(decided: Decided) -> TransactionRow {
    match decided {
        Decided::New(row) => *row,
        other => panic!("not decided anew: {other:?}"),
    }
}

pub(super) fn mint(number: u8) -> Mint {
    Mint::new(Address::new([number; 32]))
}

/// 1 SOL a payment, 5 a day; high at 5, critical at 10.
const STANDARD: &str = r#"{"preset":"standard"}"#;

/// 64 tasks on two nodes ask for what fits a hundred times, and get it a hundred times.
async fn a_race_admits_exactly_what_the_limit_allows(test: TestDatabase) {
    let policy = r#"{"preset":"custom","limits":{"perTransaction":"100","daily":"1000"}}"#;
    let world = World::new(test, policy).await;
    // SQLite has one node; two handles on its one writer would be two writers.
    let second = match world.test.file() {
        Some(_) => None,
        None => Some(world.test.open().await.unwrap()),
    };
    let other = second
        .as_ref()
        .map(|database| decider(database, &world.clock, &world.keys, 12));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64_u32 {
        let decider = match (&other, task % 2) {
            (Some(other), 1) => other.clone(),
            _ => world.decider.clone(),
        };
        let spends: Vec<_> = (0..5).map(|nth| world.spend(&format!("k{task}-{nth}"), 10)).collect();
        tasks.spawn(async move {
            let mut admitted = 0_u64;
            for spend in spends {
                if new(decider.submit(spend).await.unwrap()).stage == Stage::Reserved {
                    admitted += 1;
                }
            }
            admitted
        });
    }
    let admitted: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(admitted, 100);
    assert_eq!(world.count("reservations").await, 100);
    assert_eq!(world.count("transactions").await, 320, "what was denied is as durable");
    assert_eq!(world.count("jobs").await, 100);
    if let Some(second) = second {
        second.close().await;
    }
    world.end().await;
}

async fn one_key_is_one_payment_for_ever(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (decider, spend) = (world.decider.clone(), world.spend("k", SOL));
        tasks.spawn(async move { decider.submit(spend).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let first: Vec<_> = answers
        .iter()
        .filter(|answer| matches!(answer, Decided::New(_)))
        .collect();
    let again = answers
        .iter()
        .filter(|answer| matches!(answer, Decided::Replayed(_)))
        .count();
    assert_eq!((first.len(), again), (1, 15));
    assert!(
        matches!(world.ask("k", SOL + 1).await, Decided::Mismatch(_)),
        "same key, other body"
    );
    // Asked before any rule: the same answer when nothing would pass any more, and after the agent was stopped.
    assert_eq!(new(world.ask("too-much", 7 * SOL).await).stage, Stage::Denied);
    assert_eq!(world.agent().await.status, AgentStatus::Suspended);
    assert!(matches!(world.ask("k", SOL).await, Decided::Replayed(_)));
    assert_eq!(world.count("reservations").await, 1);
    world.end().await;
}

async fn a_denial_says_when_the_same_payment_would_pass(test: TestDatabase) {
    let policy = r#"{"preset":"custom","limits":{"perTransaction":"600","daily":"1000"}}"#;
    let world = World::new(test, policy).await;
    let first = new(world.ask("1", 600).await);
    let pending = new(world.ask("2", 600).await);
    assert_eq!(pending.failure.as_ref().unwrap().0, Code::PolicyDailyLimitExceeded);
    assert_eq!(pending.decision.passes_at, None, "what is pending may stay for ever");
    assert_eq!(pending.decision.max_amount_now, "400");
    world.clock.advance(Seconds(60));
    world.settle(&first.id).await;
    let settled = new(world.ask("3", 600).await);
    let leaves = START.plus(Seconds(60 + 86_400 + 1));
    assert_eq!(settled.decision.passes_at, Some(leaves));
    world.clock.advance(Seconds(86_400));
    assert_eq!(
        new(world.ask("4", 600).await).stage,
        Stage::Denied,
        "one second too early"
    );
    world.clock.advance(Seconds(1));
    assert_eq!(new(world.ask("5", 600).await).stage, Stage::Reserved);
    world.end().await;
}

async fn what_the_signer_counts_counts_here(test: TestDatabase) {
    let policy = r#"{"preset":"custom","limits":{"perTransaction":"1000","daily":"1000"}}"#;
    let world = World::new(test, policy).await;
    let paid = new(world.ask("1", 700).await);
    // Signed, and then proven dead: the chain never took it, but the signer goes on counting it.
    let (id, at) = (paid.id, world.clock.now().for_expiry());
    let unit = async move |tx: &mut Tx| {
        let of_signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
        ledger::settle_accounts(tx, &id, of_signer, at).await?;
        let proof = portreeve_ledger::Proof::FailedOnChain { slot: 1 };
        ledger::release(tx, &id, &proof).await.map(|_| ())
    };
    world.database.write::<_, StoreError, _>(unit).await.unwrap();
    let refused = new(world.ask("2", 301).await);
    assert_eq!(refused.failure.as_ref().unwrap().0, Code::PolicyDailyLimitExceeded);
    assert_eq!(new(world.ask("3", 300).await).stage, Stage::Reserved);
    world.end().await;
}

async fn a_large_amount_stops_the_agent_in_the_same_commit(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    assert_eq!(new(world.ask("1", 5 * SOL).await).decision.outcome, "DENY_SUSPEND");
    let agent = world.agent().await;
    assert_eq!(
        (agent.status, agent.chain_sync),
        (AgentStatus::Suspended, ChainSync::Pending)
    );
    assert!(!agent.key_destroyed && world.keys.revoked_of.lock().unwrap().is_empty());
    assert_eq!(
        *world.keys.stopped_of.lock().unwrap(),
        std::slice::from_ref(&world.agent)
    );
    assert!(matches!(
        world.ask("2", 1).await,
        Decided::Refused(Code::AgentSuspended)
    ));
    assert_eq!(world.count("jobs").await, 1, "signer and chain are told");
    assert_eq!(world.count("reservations").await, 0);
    world.end().await;
}

async fn a_critical_amount_revokes_the_agents_keys_too(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    assert_eq!(
        new(world.ask("1", 10 * SOL).await).decision.outcome,
        "DENY_SUSPEND_REVOKE"
    );
    assert!(world.agent().await.key_destroyed);
    assert_eq!(
        *world.keys.revoked_of.lock().unwrap(),
        std::slice::from_ref(&world.agent)
    );
    world.end().await;
}

async fn a_held_payment_reserves_nothing(test: TestDatabase) {
    let policy = r#"{"preset":"custom","limits":{"perTransaction":"100","daily":"1000"},"escalation":{"medium":"50"}}"#;
    let world = World::new(test, policy).await;
    assert_eq!(new(world.ask("1", 50).await).stage, Stage::Held);
    assert_eq!(new(world.ask("2", 49).await).stage, Stage::Reserved);
    assert_eq!(world.count("reservations").await, 1);
    world.end().await;
}

async fn somebody_elses_agent_does_not_exist(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    let entropy = Seeded::new(99);
    for (owner, project) in [
        (OwnerId::new(START, &entropy), world.project.clone()),
        (world.owner.clone(), ProjectId::new(START, &entropy)),
    ] {
        let spend = Spend {
            owner,
            project,
            ..world.spend("k", 1)
        };
        let answer = world.decider.submit(spend).await.unwrap();
        assert!(matches!(answer, Decided::Refused(Code::AgentNotFound)));
    }
    assert_eq!(world.count("transactions").await, 0);
    world.end().await;
}

async fn a_credential_revoked_since_the_request_came_in_moves_nothing(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    world.keys.bad.lock().unwrap().insert(world.spend("1", 1).credential);
    assert!(matches!(
        world.ask("1", 1).await,
        Decided::Refused(Code::AuthKeyRevoked)
    ));
    let grant = GrantId::new(Timestamp::EPOCH, &Seeded::new(3));
    let token = Credential::Token(TokenId::new(&grant, &Seeded::new(3)));
    world.keys.bad.lock().unwrap().insert(token.clone());
    let by_token = Spend {
        credential: token,
        ..world.spend("2", 1)
    };
    let answer = world.decider.submit(by_token).await.unwrap();
    assert!(matches!(answer, Decided::Refused(Code::AuthTokenRevoked)));
    assert_eq!(world.count("transactions").await, 0);
    world.end().await;
}

/// The revoked one comes first and last, so that its place among the others cannot decide.
async fn in_one_group_a_revoked_credential_is_refused_and_a_good_one_pays(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    let revoked = Credential::ApiKey(KeyId::new(&Seeded::new(2)));
    world.keys.bad.lock().unwrap().insert(revoked.clone());
    let by_revoked = |key| Spend {
        credential: revoked.clone(),
        ..world.spend(key, 1)
    };
    let (good, group) = (world.spend("good", 1), Decider::new(world.hands()));
    let spends = [by_revoked("first"), good.clone(), by_revoked("last")];
    let unit = async move |tx: &mut Tx| group.decide(tx, &spends).await;
    let answers = world.database.write::<_, StoreError, _>(unit).await.unwrap();
    let [
        Decided::Refused(Code::AuthKeyRevoked),
        Decided::New(paid),
        Decided::Refused(Code::AuthKeyRevoked),
    ] = answers.as_slice()
    else {
        panic!("{answers:?}");
    };
    assert_eq!((&paid.id, paid.stage), (&good.id, Stage::Reserved));
    for table in ["transactions", "reservations", "jobs"] {
        assert_eq!(world.count(table).await, 1, "{table}");
    }
    world.end().await;
}

async fn a_stage_is_left_once_and_only_to_where_it_leads(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    let id = new(world.ask("1", 1).await).id;
    let step = async |from, to| {
        let id = id.clone();
        let unit = async move |tx: &mut Tx| row::advance(tx, &id, from, to, &row::Change::default(), START).await;
        world.database.write::<_, StoreError, _>(unit).await
    };
    assert!(step(Stage::Reserved, Stage::Signing).await.unwrap());
    assert!(
        !step(Stage::Reserved, Stage::Signing).await.unwrap(),
        "somebody did it already"
    );
    assert!(!step(Stage::Reserved, Stage::Voided).await.unwrap(), "too late to void");
    assert!(step(Stage::Signing, Stage::Finalized).await.is_err(), "no such step");
    world.end().await;
}

const TWO_TOKENS: &str = r#"{"preset":"standard","tokens":{
    "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR":{"limits":{"daily":"100"}},
    "CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8":{"limits":{"daily":"100"}}}}"#;

/// On all nodes together, whatever the token.
async fn only_so_many_token_accounts_are_opened_in_a_day(test: TestDatabase) {
    let world = World::new(test, TWO_TOKENS).await;
    let second = match world.test.file() {
        Some(_) => None,
        None => Some(world.test.open().await.unwrap()),
    };
    let other = second
        .as_ref()
        .map(|database| decider(database, &world.clock, &world.keys, 12));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..32_u8 {
        let decider = match (&other, task % 2) {
            (Some(other), 1) => other.clone(),
            _ => world.decider.clone(),
        };
        let spend = world.opening(&format!("k{task}"), 2 + task % 4 / 2);
        tasks.spawn(async move { new(decider.submit(spend).await.unwrap()) });
    }
    let rows = tasks.join_all().await;
    let (opened, refused): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.stage == Stage::Reserved);
    assert_eq!((opened.len(), refused.len()), (OPENED_MAX, 32 - OPENED_MAX));
    let back = START.plus(OPENED_WINDOW);
    for row in refused {
        assert_eq!(row.failure.unwrap().0, Code::PolicyTokenAccountsExceeded);
        assert_eq!(row.decision.passes_at, Some(back));
    }
    let mut there = world.opening("has-one", 2);
    there.token.as_mut().unwrap().route.opens_account = false;
    assert_eq!(new(world.decider.submit(there).await.unwrap()).stage, Stage::Reserved);

    // What nobody was asked to sign has opened nothing.
    let id = opened[0].id.clone();
    let change = row::Change::default();
    let unit = async move |tx: &mut Tx| row::advance(tx, &id, Stage::Reserved, Stage::Voided, &change, START).await;
    assert!(world.database.write::<_, StoreError, _>(unit).await.unwrap());
    let ask = async |key| new(world.decider.submit(world.opening(key, 2)).await.unwrap()).stage;
    assert_eq!(ask("voided").await, Stage::Reserved);
    assert_eq!(ask("full-again").await, Stage::Denied);
    world.clock.advance(Seconds(OPENED_WINDOW.0 - 1));
    assert_eq!(ask("a-second-early").await, Stage::Denied);
    world.clock.advance(Seconds(1));
    assert_eq!(ask("in-time").await, Stage::Reserved);
    if let Some(second) = second {
        second.close().await;
    }
    world.end().await;
}

async fn each_token_has_windows_of_its_own_and_one_without_limits_is_refused(test: TestDatabase) {
    let world = World::new(test, TWO_TOKENS).await;
    let pay = async |key: &str, token: u8, amount: u64| {
        let mut spend = world.opening(key, token);
        spend.order.amount = Amount::new(amount).unwrap();
        spend.token.as_mut().unwrap().route.opens_account = false;
        new(world.decider.submit(spend).await.unwrap())
    };
    assert_eq!(pay("1", 2, 100).await.stage, Stage::Reserved);
    let over = pay("2", 2, 1).await;
    assert_eq!(over.failure.unwrap().0, Code::PolicyDailyLimitExceeded);
    let other = pay("3", 3, 100).await;
    assert_eq!(other.stage, Stage::Reserved, "another mint's is untouched");
    assert_eq!(new(world.ask("4", SOL).await).stage, Stage::Reserved, "and so is SOL's");
    let unknown = pay("5", 4, 1).await;
    assert_eq!(unknown.failure.unwrap().0, Code::PolicyTokenNotAllowed);
    let kept = row::find(&mut world.database.read(), &other.id).await.unwrap().unwrap();
    assert_eq!(kept, other, "read back as it was decided, route included");
    world.end().await;
}

/// All of it happens in one moment of the clock: what counts is the order.
async fn what_was_decided_before_a_suspension_is_not_paid_after_it(test: TestDatabase) {
    let world = World::new(test, STANDARD).await;
    let before = new(world.ask("before", SOL).await);
    let hands = world.hands();
    let id = world.agent.clone();
    let unit = async move |tx: &mut Tx| {
        let mut agent = agents::lock_all(tx, [&id]).await?.remove(0);
        hands.suspend(tx, &mut agent, None, "key", START).await?;
        agent.status = AgentStatus::Active;
        agent.update(tx).await
    };
    world.database.write::<_, StoreError, _>(unit).await.unwrap();
    let after = new(world.ask("after", SOL).await);
    assert_eq!(before.created_at, after.created_at);
    let agent = Some(world.agent().await.standing());
    assert!(before.course().may_be_fixed(agent).is_some());
    assert_eq!(after.course().may_be_fixed(agent), None);
    world.end().await;
}

macro_rules! on_both_databases {
    ($($fact:ident)+) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $fact() {
                super::$fact(TestDatabase::sqlite(&[portreeve_jobs::SCHEMA, SCHEMA]).unwrap()).await;
            })+
        }
        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs TEST_POSTGRES_URL"]
            async fn $fact() {
                let test = TestDatabase::postgres(stringify!($fact), &[portreeve_jobs::SCHEMA, SCHEMA]);
                super::$fact(test.await.unwrap()).await;
            })+
        }
    };
}
on_both_databases! {
    what_was_decided_before_a_suspension_is_not_paid_after_it
    a_race_admits_exactly_what_the_limit_allows
    one_key_is_one_payment_for_ever
    a_denial_says_when_the_same_payment_would_pass
    what_the_signer_counts_counts_here
    a_large_amount_stops_the_agent_in_the_same_commit
    a_critical_amount_revokes_the_agents_keys_too
    a_held_payment_reserves_nothing
    somebody_elses_agent_does_not_exist
    a_credential_revoked_since_the_request_came_in_moves_nothing
    in_one_group_a_revoked_credential_is_refused_and_a_good_one_pays
    a_stage_is_left_once_and_only_to_where_it_leads
    only_so_many_token_accounts_are_opened_in_a_day
    each_token_has_windows_of_its_own_and_one_without_limits_is_refused
}
