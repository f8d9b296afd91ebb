//! Our own resource servers when several programs, or nodes with other settings, start on one database. On both databases.

use {
    crate::{
        consent::{WALLET, data, refused},
        house::{House, ORIGIN, START, facts},
        people_contract::Town,
        resources::{inactive, register, reports, service, text, token_for},
    },
    portreeve_auth::Keys,
    portreeve_kernel::{Code, ManualClock, entropy::Seeded},
    portreeve_store::{Fetch, Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
    std::{
        io::Write,
        sync::{Arc, Mutex},
        time::Duration,
    },
};

facts! {
    a_newer_program_writes_its_scopes_over_an_older_ones;
    an_older_program_leaves_the_scopes_of_a_newer_one_and_gives_none_of_them_away;
    an_older_program_moves_ours_to_its_address_and_changes_nothing_else;
    an_older_program_removes_nobody_for_a_scope;
    of_two_that_start_at_once_the_newer_has_the_last_word;
    a_server_that_has_to_go_for_ours_is_told_of_with_the_reason;
    a_node_without_a_vault_knows_none_and_leaves_it_to_the_others;
    what_was_granted_for_a_vault_is_good_again_when_it_is_served_again;
}

const VAULT: &str = "https://portreeve.test/vault/mcp";
const METADATA: &str = "GET /.well-known/oauth-protected-resource/vault/mcp";

/// Another process on the same database.
pub(crate) async fn started(house: &House, origin: &str, seed: u64, has_vault: bool) -> Arc<Keys> {
    let clock = Arc::new(ManualClock::at(START));
    let keys = Keys::new(
        house.db.clone(),
        clock,
        Arc::new(Seeded::new(seed)),
        origin.parse().unwrap(),
    );
    let keys = Arc::new(keys);
    keys.open_registry(has_vault).await.unwrap();
    keys
}

async fn run(house: &House, sql: &'static str) {
    let unit = async move |tx: &mut Tx| tx.execute(Sql::new(sql)).await;
    assert_eq!(house.db.write::<_, StoreError, _>(unit).await.unwrap(), 1, "{sql}");
}

/// As a program wrote it that is newer, or older: it has one scope more and one less.
async fn written_by(house: &House, revision: &'static str) {
    run(house, revision).await;
    run(
        house,
        "UPDATE resource_scopes SET scope = 'wallets:lend', words = 'Lend' WHERE scope = 'wallets:fund'",
    )
    .await;
}

const BY_A_NEWER: &str = "UPDATE resource_servers SET revision = 1000000 WHERE own = 'wallet'";
const BY_AN_OLDER: &str = "UPDATE resource_servers SET revision = 0 WHERE own = 'wallet'";

/// What stands with the wallet.
async fn wallet(house: &House) -> (i64, String, Vec<String>) {
    let sql = "SELECT id, revision, resource FROM resource_servers WHERE own = 'wallet' AND removed_at IS NULL";
    let row = house.db.read().fetch_one(Sql::new(sql)).await.unwrap();
    let scopes = Sql::new("SELECT scope FROM resource_scopes WHERE server_id = $1 ORDER BY scope");
    let scopes = scopes.bind(row.get::<String>("id").unwrap());
    let scopes = house.db.read().fetch_all(scopes).await.unwrap();
    let scopes = scopes.iter().map(|row| row.get("scope").unwrap()).collect();
    (row.get("revision").unwrap(), row.get("resource").unwrap(), scopes)
}

async fn changes(house: &House) -> Vec<Value> {
    let log = house.audit().await;
    let told = log.iter().filter(|row| row.kind == "resource_server.changed");
    told.map(data).collect()
}

async fn a_newer_program_writes_its_scopes_over_an_older_ones(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let ours = wallet(&house).await;
    assert!(ours.0 > 0 && ours.2.contains(&"wallets:fund".to_owned()), "{ours:?}");
    written_by(&house, BY_AN_OLDER).await;
    started(&house, ORIGIN, 2, false).await;
    assert_eq!(wallet(&house).await, ours);
    let told = changes(&house).await;
    assert_eq!(
        (told.len(), &told[0]["before"], &told[0]["revision"]),
        (1, &json!(0), &json!(ours.0))
    );
    // The next older one is the one that started first: what it wrote is no newer for that.
    run(&house, BY_AN_OLDER).await;
    started(&house, ORIGIN, 3, false).await;
    assert_eq!(
        wallet(&house).await,
        ours,
        "the number is raised also where the scopes are the same"
    );
}

async fn an_older_program_leaves_the_scopes_of_a_newer_one_and_gives_none_of_them_away(database: &TestDatabase) {
    let town = Town::new(database).await;
    written_by(&town.house, BY_A_NEWER).await;
    let newer = wallet(&town.house).await;
    assert!(newer.2.contains(&"wallets:lend".to_owned()));
    for seed in 2..4 {
        started(&town.house, ORIGIN, seed, false).await;
        assert_eq!(wallet(&town.house).await, newer);
    }
    assert_eq!(changes(&town.house).await, Vec::<Value>::new());
    // This node is as old: who may hold the new scope it does not know, so nobody gets it here.
    let list = town.call("GET /auth/resource-servers", None).await.expect(200);
    let told = list["items"][0]["scopes"].to_string();
    assert!(told.contains("agents:read") && !told.contains("wallets:lend"), "{told}");
    let wants = json!({"name": "k", "scopes": ["wallets:lend"]});
    town.house.make(&town.key, wants).await.is(Code::AuthScopeInsufficient);
}

async fn an_older_program_moves_ours_to_its_address_and_changes_nothing_else(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    written_by(&house, BY_A_NEWER).await;
    let (revision, _, scopes) = wallet(&house).await;
    started(&house, "https://elsewhere.test", 2, false).await;
    let moved = (revision, "https://elsewhere.test/mcp".to_owned(), scopes);
    assert_eq!(wallet(&house).await, moved);
    let told = changes(&house).await;
    assert_eq!((&told[0]["from"], &told[0]["to"]), (&json!(WALLET), &json!(moved.1)));
}

/// Somebody else's server that has a scope which is built in, as if it were registered when that was not.
async fn with_a_scope_of_ours(town: &Town) -> crate::resources::Stranger {
    let stranger = register(town, &reports()).await;
    let rename = "UPDATE resource_scopes SET scope = 'wallets:fund' WHERE scope = 'reports:write'";
    run(&town.house, rename).await;
    stranger
}

async fn an_older_program_removes_nobody_for_a_scope(database: &TestDatabase) {
    let town = Town::new(database).await;
    written_by(&town.house, BY_A_NEWER).await;
    let stranger = with_a_scope_of_ours(&town).await;
    started(&town.house, ORIGIN, 2, false).await;
    assert_eq!(stranger.asks(&town, "x").await, inactive(), "it still asks");
}

async fn of_two_that_start_at_once_the_newer_has_the_last_word(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let ours = wallet(&house).await;
    // As if nobody had started before; then an older program is about to commit its row when this one wants to write its own.
    run(
        &house,
        "UPDATE resource_servers SET removed_at = 1, resource = 'https://gone.test'",
    )
    .await;
    let (wrote, is_written) = tokio::sync::oneshot::channel();
    let wrote = Mutex::new(Some(wrote));
    let older = async |db: portreeve_store::Database| {
        let unit = async move |tx: &mut Tx| {
            let row = "INSERT INTO resource_servers (id, own, name, resource, position, created_at, created_by) \
                       VALUES ('rsv_01ARYZ6S41TSV4RRFFQ69G5FAV', 'wallet', 'Older', 'https://portreeve.test/mcp', 0, 1, 'serve')";
            tx.execute(Sql::new(row)).await?;
            if let Some(wrote) = wrote.lock().unwrap().take() {
                wrote.send(()).unwrap();
            }
            // Until the other one waits for this.
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok::<_, StoreError>(())
        };
        db.write(unit).await.unwrap();
    };
    let newer = async {
        is_written.await.unwrap();
        let other = database.open().await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let keys = Keys::new(other, clock, Arc::new(Seeded::new(2)), ORIGIN.parse().unwrap());
        Arc::new(keys).open_registry(false).await.unwrap();
    };
    tokio::join!(older(house.db.clone()), newer);
    assert_eq!(wallet(&house).await, ours);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn a_server_that_has_to_go_for_ours_is_told_of_with_the_reason(database: &TestDatabase) {
    let town = Town::new(database).await;
    let by_scope = with_a_scope_of_ours(&town).await;
    let mut body = json!({"name": "Near", "resource": VAULT, "scopes": [{"scope": "near:read", "words": "x"}]});
    body["roles"] = json!([]);
    let by_address = register(&town, &body).await;
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || to.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    started(&town.house, ORIGIN, 2, true).await;
    drop(guard);
    let log = town.house.audit().await;
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for (id, why, scopes, resource) in [
        (
            &by_scope.id,
            "our_scopes",
            json!(["wallets:fund"]),
            "https://reports.example/mcp",
        ),
        (&by_address.id, "our_address", json!([]), VAULT),
    ] {
        let told = log
            .iter()
            .find(|row| row.kind == "resource_server.removed" && row.subject == *id);
        let told = data(told.unwrap());
        assert_eq!((&told["why"], &told["scopes"]), (&json!(why), &scopes));
        let line = logged.lines().find(|line| line.contains(id.as_str())).unwrap();
        assert!(
            line.contains(" WARN ") && line.contains(why) && line.contains(resource),
            "{line}"
        );
        assert_eq!(line.contains("wallets:fund"), why == "our_scopes", "{line}");
    }
    // Its owner's own word is no reason of ours.
    let third = json!({"name": "Third", "resource": "https://third.example", "scopes": [{"scope": "third:read", "words": "x"}]});
    let third = register(&town, &third).await;
    let end = format!("DELETE /auth/resource-servers/{}", third.id);
    town.call(&end, None).await.expect(204);
    let log = town.house.audit().await;
    let told = log.iter().rfind(|row| row.kind == "resource_server.removed").unwrap();
    assert_eq!(
        (told.subject.as_str(), &data(told)["why"]),
        (third.id.as_str(), &json!("asked"))
    );
}

/// What the node of `town` says of its vault: in the list, in its documents, and to who wants a token.
async fn says_of_its_vault(town: &Town, basic: &str) -> (bool, bool, u16, u16) {
    let list = town.call("GET /auth/resource-servers", None).await.expect(200);
    let is_listed = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .any(|server| server["resource"] == VAULT);
    let issuer = "GET /.well-known/oauth-authorization-server";
    let issuer = town.house.at_root(issuer, &[], None).await.expect(200);
    let is_named = issuer["protected_resources"].to_string().contains(VAULT);
    let document = town.house.at_root(METADATA, &[], None).await.status.as_u16();
    let token = token_for(town, basic, VAULT).await.status.as_u16();
    (is_listed, is_named, document, token)
}

const SERVED: (bool, bool, u16, u16) = (true, true, 200, 200);
const NOT_SERVED: (bool, bool, u16, u16) = (false, false, 404, 400);

async fn a_node_without_a_vault_knows_none_and_leaves_it_to_the_others(database: &TestDatabase) {
    let town = Town::new(database).await;
    let basic = service(&town, &["mcp:read"]).await;
    assert_eq!(says_of_its_vault(&town, &basic).await, NOT_SERVED);
    started(&town.house, ORIGIN, 2, true).await;
    assert_eq!(
        says_of_its_vault(&town, &basic).await,
        NOT_SERVED,
        "another node's is none of this one"
    );
    refused(token_for(&town, &basic, VAULT).await, "invalid_target");
    // Called by its address of before, it is none of this one either.
    run(
        &town.house,
        "UPDATE resource_servers SET resource = 'https://before.test/vault/mcp' WHERE own = 'vault'",
    )
    .await;
    let list = town.call("GET /auth/resource-servers", None).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");

    let with = Town {
        house: House::new(database, 3).await,
        key: town.key.clone(),
        owner: town.owner.clone(),
    };
    with.house.keys.open_registry(true).await.unwrap();
    assert_eq!(says_of_its_vault(&with, &basic).await, SERVED);
    started(&with.house, ORIGIN, 4, false).await;
    assert_eq!(
        says_of_its_vault(&with, &basic).await,
        SERVED,
        "a node without one takes it from nobody"
    );
    assert_eq!(says_of_its_vault(&town, &basic).await, NOT_SERVED);
}

async fn what_was_granted_for_a_vault_is_good_again_when_it_is_served_again(database: &TestDatabase) {
    let town = Town::new(database).await;
    let serve = async |has_vault| town.house.keys.open_registry(has_vault).await.unwrap();
    serve(true).await;
    let basic = service(&town, &["mcp:read"]).await;
    let token = text(&token_for(&town, &basic, VAULT).await.expect(200), "access_token");
    let asked = async |token: &str| {
        let form = format!("token={token}");
        let answer = town.house.form("/oauth/introspect", &form, Some(&basic)).await;
        answer.expect(200)["active"] == true
    };
    assert!(asked(&token).await);
    serve(false).await;
    assert_eq!(says_of_its_vault(&town, &basic).await, NOT_SERVED);
    assert!(!asked(&token).await, "good for nothing that is served here");
    serve(true).await;
    assert_eq!(says_of_its_vault(&town, &basic).await, SERVED);
    assert!(asked(&token).await, "nothing ended it");
    let log = town.house.audit().await;
    let of_it = log.iter().filter(|row| row.kind.starts_with("resource_server."));
    let of_it: Vec<_> = of_it.map(|row| row.kind.as_str()).collect();
    assert_eq!(
        of_it, ["resource_server.registered"; 2],
        "the wallet and the vault, once"
    );
    // What is ended while it is not served stays so.
    serve(false).await;
    let form = format!("token={token}");
    town.house.form("/oauth/revoke", &form, Some(&basic)).await.expect(200);
    serve(true).await;
    assert!(!asked(&token).await);
}
