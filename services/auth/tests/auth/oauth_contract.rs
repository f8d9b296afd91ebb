//! What the authorization server promises of its keys and clients, on both databases.

use {
    crate::house::{House, START, facts, owned_client},
    portreeve_auth::{Keys, SealKey, SigningError, SigningKeys},
    portreeve_kernel::{
        AgentId, Clock, Cluster, Credential, Entropy, GrantId, ManualClock, OwnerId, ProjectId, Secret, TokenId,
        control::{CredentialCheck, CredentialControl, NewClientSecret},
        entropy::Seeded,
    },
    portreeve_oauth::{AccessClaims, ClientId},
    portreeve_store::{Database, Fetch, Row, Sql, StoreError, Tx, audit, testing::TestDatabase},
    std::{sync::Arc, time::Duration},
    tokio::{sync::oneshot, task::JoinSet},
};

facts! {
    the_signing_key_is_made_once_however_many_nodes_start;
    a_signing_key_is_not_readable_without_the_file;
    a_signing_key_under_another_name_is_not_used;
    a_client_keeps_no_secret_but_its_hash;
    a_client_is_made_no_wider_than_an_agent_may_be;
    stopping_an_agent_ends_its_clients_and_their_grants_in_one_commit;
    a_resumed_agents_client_gets_a_new_grant_and_the_old_one_stays_dead;
    revoking_an_agents_credentials_ends_its_clients_for_good;
    a_token_revoked_by_itself_takes_no_other_with_it;
    a_stop_waits_for_what_its_tokens_are_doing;
}

fn seal() -> SealKey {
    SealKey::new([7; 32])
}

async fn keys(db: &Database, seed: u64, seal: &SealKey) -> Result<SigningKeys, SigningError> {
    SigningKeys::open(
        db,
        Arc::new(ManualClock::at(START)),
        Arc::new(Seeded::new(seed)),
        seal.clone(),
    )
    .await
}

fn token(keys: &SigningKeys) -> Secret {
    let chance = Seeded::new(1);
    let claims = AccessClaims {
        iss: "https://p.example".to_owned(),
        sub: "clt_000000000000".to_owned(),
        aud: "https://p.example/mcp".to_owned(),
        exp: AccessClaims::ends(START).seconds(),
        iat: START.seconds(),
        jti: TokenId::new(&GrantId::new(START, &chance), &chance).to_string(),
        scope: "agents:read".parse().unwrap(),
        client_id: ClientId::parse("clt_000000000000").unwrap(),
        owner_id: OwnerId::new(START, &chance),
        project_id: ProjectId::new(START, &chance),
        agent_id: None,
        role: None,
        bypass: false,
    };
    keys.sign(&claims).unwrap()
}

async fn rows(db: &Database, sql: &'static str) -> Vec<Row> {
    db.read().fetch_all(Sql::new(sql)).await.unwrap()
}

async fn the_signing_key_is_made_once_however_many_nodes_start(database: &TestDatabase) {
    let mut nodes = Vec::new();
    for _ in 0..8 {
        nodes.push(database.open().await.unwrap());
    }
    let barrier = Arc::new(tokio::sync::Barrier::new(nodes.len()));
    let mut starts = JoinSet::new();
    for (seed, node) in (1..).zip(nodes.clone()) {
        let barrier = barrier.clone();
        starts.spawn(async move {
            barrier.wait().await;
            keys(&node, seed, &seal()).await.unwrap()
        });
    }
    let all = starts.join_all().await;
    let later = keys(&nodes[0], 99, &seal()).await.unwrap();
    for keys in &all {
        assert_eq!(keys.jwks(), later.jwks());
        assert!(later.verified(token(keys).expose()).await.unwrap().is_some());
        assert!(keys.verified(token(&later).expose()).await.unwrap().is_some());
    }
    assert_eq!(later.jwks().keys.len(), 1);
    assert_eq!(rows(&nodes[0], "SELECT kid FROM signing_keys").await.len(), 1);
    let query = audit::Query {
        limit: 100,
        ..audit::Query::default()
    };
    let log = audit::page(&mut nodes[0].read(), &query).await.unwrap();
    let made: Vec<_> = log.into_iter().map(|row| row.kind).collect();
    assert_eq!(made, ["signing_key.created"], "and told of once");
}

async fn a_signing_key_is_not_readable_without_the_file(database: &TestDatabase) {
    let db = database.open().await.unwrap();
    keys(&db, 5, &seal()).await.unwrap();
    let mut seed = [0; 32];
    Seeded::new(5).fill(&mut seed);
    let row = &rows(&db, "SELECT kid, sealed FROM signing_keys").await[0];
    let sealed: Vec<u8> = row.get("sealed").unwrap();
    assert_eq!(sealed.len(), 24 + 32 + 16);
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(!holds(&sealed, &seed[..8]));
    if let Some(file) = database.file() {
        let kid: String = row.get("kid").unwrap();
        let mut found = 0;
        for name in ["", "-wal", "-shm"] {
            let bytes = std::fs::read(format!("{}{name}", file.display())).unwrap_or_default();
            assert!(!holds(&bytes, &seed[..8]));
            found += usize::from(holds(&bytes, kid.as_bytes()));
        }
        assert!(found > 0, "the search would have found it");
    }
    let error = keys(&db, 6, &SealKey::new([8; 32])).await.unwrap_err();
    assert!(matches!(error, SigningError::WrongSeal), "{error}");
    assert!(error.to_string().contains("put back the file"));
    keys(&db, 6, &seal()).await.unwrap();
}

async fn a_signing_key_under_another_name_is_not_used(database: &TestDatabase) {
    let db = database.open().await.unwrap();
    keys(&db, 5, &seal()).await.unwrap();
    let rename = async |tx: &mut Tx| tx.execute(Sql::new("UPDATE signing_keys SET kid = 'mine'")).await;
    db.write::<_, StoreError, _>(rename).await.unwrap();
    let error = keys(&db, 5, &seal()).await.unwrap_err();
    assert!(matches!(error, SigningError::WrongSeal), "{error}");
}

/// An owner whose agents have a client each.
struct Service {
    house: House,
    owner: portreeve_store::tenancy::Owner,
}

impl Service {
    async fn new(database: &TestDatabase) -> Self {
        let house = House::new(database, 1).await;
        let (owner, _) = house.owner(10, Cluster::Local).await;
        Self { house, owner }
    }

    async fn client(&self, agent: &AgentId, scopes: &str) -> NewClientSecret {
        owned_client(&self.house, &self.owner, agent, scopes).await
    }

    /// Does something about an agent's clients, and commits it or not.
    async fn act<T: Send + 'static>(
        &self,
        commit: bool,
        act: impl AsyncFn(&Keys, &mut Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let keys = self.house.keys.clone();
        let unit = async move |tx: &mut Tx| {
            let done = act(&keys, tx).await?;
            if commit { Ok(done) } else { Err(StoreError::Missing) }
        };
        let done = self.house.db.write::<_, StoreError, _>(unit).await;
        assert_eq!(done.is_ok(), commit);
        done.ok()
    }

    async fn stop(&self, agent: &AgentId, commit: bool) {
        let (agent, now) = (agent.clone(), self.house.clock.now());
        self.act(commit, async move |keys, tx| {
            keys.stop_clients_of_agent(tx, &agent, now).await
        })
        .await;
    }

    async fn resume(&self, agent: &AgentId) {
        let (agent, now) = (agent.clone(), self.house.clock.now());
        self.act(true, async move |keys, tx| {
            keys.resume_clients_of_agent(tx, &agent, now).await
        })
        .await;
    }

    async fn good(&self, credentials: &[&Credential]) -> Vec<bool> {
        let asked = credentials.iter().copied().cloned().collect();
        let now = self.house.clock.now();
        let good = self
            .act(true, async move |keys, tx| keys.good_among(tx, &asked, now).await)
            .await
            .unwrap();
        credentials
            .iter()
            .map(|credential| good.contains(*credential))
            .collect()
    }

    /// A token under the grant that the client has now.
    async fn token_of(&self, client: &NewClientSecret) -> Credential {
        Credential::Token(self.token_id_of(client).await)
    }

    async fn token_id_of(&self, client: &NewClientSecret) -> TokenId {
        let sql = Sql::new("SELECT self_grant FROM oauth_clients WHERE id = $1").bind(&*client.client);
        let row = self.house.db.read().fetch_all(sql).await.unwrap().remove(0);
        TokenId::new(&row.get("self_grant").unwrap(), &Seeded::new(3))
    }

    /// Kind and subject of what was told of clients.
    async fn told(&self) -> Vec<(String, String)> {
        let log = self.house.audit().await.into_iter();
        log.filter(|row| row.kind.starts_with("oauth_client."))
            .map(|row| (row.kind, row.subject))
            .collect()
    }
}

fn agent(seed: u64) -> AgentId {
    AgentId::new(START, &Seeded::new(seed))
}

async fn a_client_keeps_no_secret_but_its_hash(database: &TestDatabase) {
    let service = Service::new(database).await;
    let made = service.client(&agent(4), "agents:read").await;
    let text = made.secret.expose();
    assert!(text.starts_with("wcs_") && text.len() == 53);
    assert!(made.client.starts_with("clt_") && made.client.len() == 16);
    let row = &rows(&service.house.db, "SELECT * FROM oauth_clients").await[0];
    let hash: [u8; 32] = row.get("secret_hash").unwrap();
    assert_eq!(hash, portreeve_oauth::SecretHash::of(&made.secret).0);
    for column in [
        "id",
        "name",
        "role",
        "auth_method",
        "grants",
        "scopes",
        "self_grant",
        "created_by",
    ] {
        let value: String = row.get(column).unwrap();
        assert!(!value.contains(&text[4..]), "{column}");
    }
    let log = service.house.audit().await;
    assert!(log.iter().all(|row| !row.data.contains(&text[4..])));
    assert_eq!(
        service.told().await,
        [("oauth_client.created".into(), made.client.to_string())]
    );
    if let Some(file) = database.file() {
        let mut canaries = 0;
        for name in ["", "-wal", "-shm"] {
            let bytes = std::fs::read(format!("{}{name}", file.display())).unwrap_or_default();
            let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!has(&text[4..47]));
            canaries += usize::from(has("canary"));
        }
        assert!(canaries > 0, "the search would have found it");
    }
}

async fn a_client_is_made_no_wider_than_an_agent_may_be(database: &TestDatabase) {
    let service = Service::new(database).await;
    service
        .client(&agent(4), "agents:read agents:write transactions:execute admin:all")
        .await;
    for table in ["SELECT * FROM oauth_clients", "SELECT * FROM oauth_grants"] {
        let row = &rows(&service.house.db, table).await[0];
        let scopes: portreeve_kernel::ScopeSet = row.json("scopes").unwrap();
        assert_eq!(scopes.to_string(), "agents:read transactions:execute");
        assert_eq!(row.get::<String>("role").unwrap(), "agent");
        assert_eq!(row.get::<AgentId>("agent_id").unwrap(), agent(4));
        assert_eq!(row.get::<OwnerId>("owner_id").unwrap(), service.owner.id);
    }
}

async fn stopping_an_agent_ends_its_clients_and_their_grants_in_one_commit(database: &TestDatabase) {
    let service = Service::new(database).await;
    let (one, two, other) = (
        service.client(&agent(4), "agents:read").await,
        service.client(&agent(4), "agents:read").await,
        service.client(&agent(5), "agents:read").await,
    );
    let tokens = [
        &service.token_of(&one).await,
        &service.token_of(&two).await,
        &service.token_of(&other).await,
    ];
    assert_eq!(service.good(&tokens).await, [true, true, true]);
    service.stop(&agent(4), false).await;
    assert_eq!(
        service.good(&tokens).await,
        [true, true, true],
        "a suspension that did not happen ends nothing"
    );

    service.stop(&agent(4), true).await;
    assert_eq!(service.good(&tokens).await, [false, false, true]);
    let stopped = "SELECT id FROM oauth_clients WHERE stopped_at IS NOT NULL";
    assert_eq!(rows(&service.house.db, stopped).await.len(), 2);
    let why = rows(
        &service.house.db,
        "SELECT revoked_why FROM oauth_grants WHERE revoked_at IS NOT NULL",
    )
    .await;
    assert_eq!(why.len(), 2);
    assert!(
        why.iter()
            .all(|row| row.get::<String>("revoked_why").unwrap() == "agent_suspended")
    );

    service.house.after(1);
    service.stop(&agent(4), true).await;
    let times = "SELECT id FROM oauth_clients WHERE stopped_at IS NOT NULL AND stopped_at > 1700000000000";
    assert!(
        rows(&service.house.db, times).await.is_empty(),
        "stopped once is stopped"
    );
    let told = service.told().await;
    let told: Vec<&String> = told
        .iter()
        .filter(|(kind, _)| kind == "oauth_client.stopped")
        .map(|(_, id)| id)
        .collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&&one.client.to_string()) && told.contains(&&two.client.to_string()));
}

async fn a_resumed_agents_client_gets_a_new_grant_and_the_old_one_stays_dead(database: &TestDatabase) {
    let service = Service::new(database).await;
    let client = service.client(&agent(4), "agents:read transactions:execute").await;
    let before = service.token_of(&client).await;
    service.resume(&agent(4)).await;
    assert_eq!(service.token_of(&client).await, before, "nothing was stopped");
    service.stop(&agent(4), true).await;
    service.house.after(60);
    service.resume(&agent(4)).await;
    let after = service.token_of(&client).await;
    assert_eq!(service.good(&[&before, &after]).await, [false, true]);
    let grants = rows(&service.house.db, "SELECT * FROM oauth_grants ORDER BY created_at").await;
    let of = |column: &str| {
        grants
            .iter()
            .map(|row| row.get::<String>(column).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(grants.len(), 2);
    for column in [
        "client_id",
        "kind",
        "project_id",
        "owner_id",
        "agent_id",
        "role",
        "scopes",
    ] {
        let [old, new] = <[String; 2]>::try_from(of(column)).unwrap();
        assert_eq!(old, new, "{column}");
    }
    service.stop(&agent(4), true).await;
    assert_eq!(service.good(&[&before, &after]).await, [false, false]);
    let kinds: Vec<String> = service.told().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        ["created", "stopped", "resumed", "stopped"].map(|kind| format!("oauth_client.{kind}"))
    );
}

async fn revoking_an_agents_credentials_ends_its_clients_for_good(database: &TestDatabase) {
    let service = Service::new(database).await;
    let (client, other) = (
        service.client(&agent(4), "agents:read").await,
        service.client(&agent(5), "agents:read").await,
    );
    let tokens = [&service.token_of(&client).await, &service.token_of(&other).await];
    // As a payment does that is above the last alarm threshold.
    service.stop(&agent(4), true).await;
    let revoke = async |commit| {
        let of = agent(4);
        service
            .act(commit, async move |keys, tx| keys.revoke_of_agent(tx, &of).await)
            .await
    };
    revoke(false).await;
    assert_eq!(revoke(true).await.unwrap(), [], "it had no keys");
    service.resume(&agent(4)).await;
    assert_eq!(service.good(&tokens).await, [false, true]);
    let live = "SELECT id FROM oauth_grants WHERE revoked_at IS NULL";
    assert_eq!(rows(&service.house.db, live).await.len(), 1, "the other agent's");
    let ended = rows(
        &service.house.db,
        "SELECT id FROM oauth_clients WHERE revoked_at IS NOT NULL",
    )
    .await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].get::<String>("id").unwrap(), *client.client);
}

async fn a_token_revoked_by_itself_takes_no_other_with_it(database: &TestDatabase) {
    let service = Service::new(database).await;
    let client = service.client(&agent(4), "agents:read").await;
    let id = service.token_id_of(&client).await;
    let one = Credential::Token(id.clone());
    let sibling = Credential::Token(TokenId::new(id.grant(), &Seeded::new(8)));
    let stranger = Credential::Token(TokenId::new(&GrantId::new(START, &Seeded::new(9)), &Seeded::new(9)));
    let revoke = async move |_: &Keys, tx: &mut Tx| {
        let insert = Sql::new("INSERT INTO oauth_revoked_tokens (jti, expires_at) VALUES ($1, $2)");
        tx.execute(insert.bind(&id).bind(START)).await
    };
    assert_eq!(service.good(&[&one, &sibling, &stranger]).await, [true, true, false]);
    service.act(true, revoke).await;
    assert_eq!(service.good(&[&one, &sibling, &stranger]).await, [false, true, false]);
}

async fn a_stop_waits_for_what_its_tokens_are_doing(database: &TestDatabase) {
    let service = Service::new(database).await;
    let client = service.client(&agent(4), "agents:read").await;
    let token = service.token_of(&client).await;
    let there = database.open().await.unwrap();
    let (found, is_found) = oneshot::channel();
    let (let_go, go_on) = oneshot::channel::<()>();
    let gates = std::sync::Mutex::new(Some((found, go_on)));
    let (keys, now, asked) = (
        service.house.keys.clone(),
        service.house.clock.now(),
        [token.clone()].into(),
    );
    let paying = async move |tx: &mut Tx| {
        let good = keys.good_among(tx, &asked, now).await?;
        let (found, go_on) = gates.lock().unwrap().take().unwrap();
        found.send(()).unwrap();
        go_on.await.unwrap();
        Ok::<_, StoreError>(good.len())
    };
    let here = service.house.db.clone();
    let paying = tokio::spawn(async move { here.write(paying).await });
    is_found.await.unwrap();

    let keys = service.house.keys.clone();
    let stop = async move |tx: &mut Tx| keys.stop_clients_of_agent(tx, &agent(4), now).await;
    let mut stopping = tokio::spawn(async move { there.write::<_, StoreError, _>(stop).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut stopping).await;
    assert!(early.is_err(), "the act is not over");
    let_go.send(()).unwrap();
    assert_eq!(paying.await.unwrap().unwrap(), 1);
    stopping.await.unwrap().unwrap();
    assert_eq!(service.good(&[&token]).await, [false]);
}
