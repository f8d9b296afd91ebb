//! What the change of signing keys promises, on both databases and between nodes.

use {
    crate::house::{House, START, facts, owned_client},
    portreeve_kernel::{AgentId, Cluster, Code, control::NewClientSecret, entropy::Seeded},
    portreeve_store::{Fetch, Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::Value,
    std::{sync::Arc, time::Duration},
};

facts! {
    two_nodes_that_rotate_at_once_make_one_key;
    a_key_is_changed_after_thirty_days_by_one_of_the_nodes_that_look;
    an_old_key_stays_published_until_its_last_token_is_over;
    a_key_that_is_asked_for_twice_is_made_once;
    a_leaked_key_goes_at_once_with_every_token_and_on_other_nodes_with_their_next_look;
    a_key_of_another_node_is_looked_for_when_it_is_met_and_not_more_often_than_that;
    who_may_not_changes_no_key;
    a_row_that_was_put_in_by_hand_changes_nothing;
}

const MINUTE: u32 = 60;
const DAY: u32 = 24 * 60 * MINUTE;

/// Two nodes on one database, an owner, and a client of an agent of theirs.
struct Estate {
    one: Arc<House>,
    other: Arc<House>,
    owner: String,
    client: NewClientSecret,
}

impl Estate {
    async fn new(database: &TestDatabase) -> Self {
        let one = House::new(database, 1).await;
        let other = House::new(database, 2).await;
        let (owner, key) = one.owner(3, Cluster::Local).await;
        let client = owned_client(&one, &owner, &AgentId::new(START, &Seeded::new(4)), "agents:read").await;
        Self {
            one: Arc::new(one),
            other: Arc::new(other),
            owner: key.text.expose().to_owned(),
            client,
        }
    }

    fn nodes(&self) -> [&Arc<House>; 2] {
        [&self.one, &self.other]
    }

    fn after(&self, seconds: u32) {
        for node in self.nodes() {
            node.after(seconds);
        }
    }

    async fn token(&self, node: &House) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            self.client.client,
            self.client.secret.expose()
        );
        let told = node.form("/oauth/token", &form, None).await.expect(200);
        told["access_token"].as_str().unwrap().to_owned()
    }

    async fn rotate(&self, node: &House) -> Value {
        let path = "POST /auth/signing-keys/rotate";
        node.call(path, &self.owner, "198.51.100.7", None).await.expect(200)
    }

    async fn revoke(&self, node: &House) -> Value {
        let path = "POST /auth/signing-keys/revoke";
        node.call(path, &self.owner, "198.51.100.7", None).await.expect(200)
    }
}

/// The names of the keys that `node` publishes, oldest first.
async fn published(node: &House) -> Vec<String> {
    let keys = node.at_root("GET /oauth/jwks", &[], None).await.expect(200)["keys"].clone();
    let names = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned());
    names.collect()
}

async fn rows(node: &House) -> usize {
    let sql = Sql::new("SELECT kid FROM signing_keys");
    node.db.read().fetch_all(sql).await.unwrap().len()
}

/// It is good, and may not list keys.
async fn is_good(node: &House, token: &str) {
    node.look(token).await.is(Code::AuthScopeInsufficient);
}

async fn is_not_ours(node: &House, token: &str) {
    node.look(token).await.is(Code::AuthKeyInvalid);
}

fn signed_by(token: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn two_nodes_that_rotate_at_once_make_one_key(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let (one, other) = tokio::join!(estate.rotate(&estate.one), estate.rotate(&estate.other));
    assert_eq!(one, other, "both are told of the same");
    assert_eq!(rows(&estate.one).await, 2);
    let names = published(&estate.one).await;
    assert_eq!((names.len(), &names), (2, &published(&estate.other).await));
    assert_eq!(one["kid"], names[1]);
    let made = estate.one.audit().await;
    let made = made.iter().filter(|row| row.kind == "signing_key.created");
    assert_eq!(made.count(), 2, "the first and this one");
}

async fn a_key_is_changed_after_thirty_days_by_one_of_the_nodes_that_look(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    estate.after(30 * DAY - 1);
    for node in estate.nodes() {
        node.signing.look_after().await.unwrap();
    }
    assert_eq!(rows(&estate.one).await, 1);
    estate.after(1);
    let both = tokio::join!(estate.one.signing.look_after(), estate.other.signing.look_after());
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(rows(&estate.one).await, 2);
    for node in estate.nodes() {
        node.signing.look_after().await.unwrap();
    }
    assert_eq!(rows(&estate.one).await, 2, "and no third");
    let last = estate.one.audit().await.pop().unwrap();
    assert_eq!(
        (last.kind.as_str(), last.actor.as_str()),
        ("signing_key.created", "issuer")
    );
}

/// AUTH_CHECKLIST 4.8
async fn an_old_key_stays_published_until_its_last_token_is_over(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let (one, other) = (&estate.one, &estate.other);
    let old = published(one).await;
    let newest = estate.rotate(one).await["kid"].clone();
    other.signing.look_after().await.unwrap();
    estate.after(6 * MINUTE - 1);
    let last = estate.token(one).await;
    assert_eq!(
        vec![signed_by(&last)],
        old,
        "the new key is published and does not sign yet"
    );
    assert_eq!(published(other).await.len(), 2);
    estate.after(1);
    for node in estate.nodes() {
        assert_eq!(signed_by(&estate.token(node).await), newest.as_str().unwrap());
        is_good(node, &last).await;
    }
    estate.after(15 * MINUTE - 2);
    for node in estate.nodes() {
        node.signing.look_after().await.unwrap();
        is_good(node, &last).await;
    }
    estate.after(1);
    one.look(&last).await.is(Code::AuthTokenExpired);
    estate.after(2 * MINUTE);
    assert_eq!(published(one).await.len(), 2);
    estate.after(1);
    assert_eq!(
        published(one).await,
        [newest.as_str().unwrap()],
        "without a look at the database"
    );
    assert_eq!(rows(one).await, 2);
    let both = tokio::join!(one.signing.look_after(), other.signing.look_after());
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(rows(one).await, 1, "and it is destroyed");
    is_not_ours(one, &last).await;
    let log = one.audit().await;
    let gone: Vec<_> = log.iter().filter(|row| row.kind == "signing_key.destroyed").collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].subject, old[0]);
    is_good(one, &estate.token(other).await).await;
}

async fn a_key_that_is_asked_for_twice_is_made_once(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let first = estate.rotate(&estate.one).await;
    assert_eq!(estate.rotate(&estate.one).await, first, "as after a lost answer");
    assert_eq!(estate.rotate(&estate.other).await, first);
    estate.after(6 * MINUTE);
    let second = estate.rotate(&estate.other).await;
    assert_ne!(second, first, "once it signs, there can be a next");
    assert_eq!(rows(&estate.one).await, 3);
    estate.one.signing.look_after().await.unwrap();
    assert_eq!(published(&estate.one).await.len(), 3);
}

async fn a_leaked_key_goes_at_once_with_every_token_and_on_other_nodes_with_their_next_look(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let (one, other) = (&estate.one, &estate.other);
    let waiting = estate.rotate(one).await;
    let token = estate.token(one).await;
    for node in estate.nodes() {
        // Remembered as good.
        is_good(node, &token).await;
        is_good(node, &token).await;
    }
    let newest = estate.revoke(one).await;
    assert_ne!(
        newest["kid"], waiting["kid"],
        "the one that waited has leaked with the others"
    );
    assert_eq!(published(one).await, [newest["kid"].as_str().unwrap()]);
    assert_eq!(rows(one).await, 1, "their seeds are gone");
    is_not_ours(one, &token).await;
    is_good(one, &estate.token(one).await).await;
    other.signing.look_after().await.unwrap();
    is_not_ours(other, &token).await;
    assert_eq!(published(other).await, published(one).await);
    let log = one.audit().await;
    let log: Vec<_> = log.iter().filter(|row| row.kind.starts_with("signing_key")).collect();
    let kinds: Vec<_> = log.iter().rev().take(3).map(|row| row.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["signing_key.created", "signing_key.revoked", "signing_key.revoked"]
    );
    let last = log.last().unwrap();
    assert!(last.data.contains("leaked"), "{}", last.data);

    let (first, second) = tokio::join!(estate.revoke(one), estate.revoke(other));
    assert_eq!(rows(one).await, 1, "{first} {second}");
    for node in estate.nodes() {
        node.signing.look_after().await.unwrap();
    }
    is_good(one, &estate.token(other).await).await;
}

async fn a_key_of_another_node_is_looked_for_when_it_is_met_and_not_more_often_than_that(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let (one, other) = (&estate.one, &estate.other);
    estate.revoke(one).await;
    let token = estate.token(one).await;
    is_good(other, &token).await;
    estate.revoke(one).await;
    let next = estate.token(one).await;
    // A key that nobody knows costs a look in ten seconds, whoever shows it.
    is_not_ours(other, &next).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(10)).await;
    tokio::time::resume();
    is_good(other, &next).await;
    is_not_ours(other, &token).await;
}

async fn who_may_not_changes_no_key(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let one = &estate.one;
    let before = published(one).await;
    let token = estate.token(one).await;
    for path in ["/auth/signing-keys/rotate", "/auth/signing-keys/revoke"] {
        let line = format!("POST {path}");
        one.call(&line, "", "198.51.100.7", None).await.is(Code::AuthKeyInvalid);
        let by_token = one.call(&line, &token, "198.51.100.7", None).await;
        by_token.is(Code::AuthScopeInsufficient);
    }
    assert_eq!((published(one).await, rows(one).await), (before, 1));
}

async fn a_row_that_was_put_in_by_hand_changes_nothing(database: &TestDatabase) {
    let estate = Estate::new(database).await;
    let one = &estate.one;
    let (before, token) = (published(one).await, estate.token(one).await);
    let insert = async |tx: &mut Tx| {
        let copy = "INSERT INTO signing_keys (generation, kid, sealed, created_at, signs_from) \
                    SELECT 2, 'mine', sealed, created_at, signs_from FROM signing_keys";
        tx.execute(Sql::new(copy)).await
    };
    one.db.write::<_, StoreError, _>(insert).await.unwrap();
    let error = one.signing.look_after().await.unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
    assert_eq!(published(one).await, before);
    is_good(one, &token).await;
    let empty = async |tx: &mut Tx| tx.execute(Sql::new("DELETE FROM signing_keys")).await;
    one.db.write::<_, StoreError, _>(empty).await.unwrap();
    assert!(one.signing.look_after().await.is_err());
    is_good(one, &token).await;
}
