//! What the authorization server promises of its keys and clients, on both databases.

use {
    crate::house::{START, facts},
    portreeve_auth::{SealKey, SigningError, SigningKeys},
    portreeve_kernel::{Entropy, GrantId, ManualClock, OwnerId, ProjectId, Secret, TokenId, entropy::Seeded},
    portreeve_oauth::{AccessClaims, ClientId},
    portreeve_store::{Database, Fetch, Row, Sql, StoreError, Tx, audit, testing::TestDatabase},
    std::sync::Arc,
    tokio::task::JoinSet,
};

facts! {
    the_signing_key_is_made_once_however_many_nodes_start;
    a_signing_key_is_not_readable_without_the_file;
    a_signing_key_under_another_name_is_not_used;
}

fn seal() -> SealKey {
    SealKey::new([7; 32])
}

async fn keys(db: &Database, seed: u64, seal: &SealKey) -> Result<SigningKeys, SigningError> {
    SigningKeys::open(db, &ManualClock::at(START), &Seeded::new(seed), seal).await
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
        assert!(later.verified(token(keys).expose()).is_some());
        assert!(keys.verified(token(&later).expose()).is_some());
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
