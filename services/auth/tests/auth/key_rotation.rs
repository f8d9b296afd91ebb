//! A key that takes another one's place, on both databases.

use {
    crate::house::{House, START, facts},
    portreeve_kernel::{AgentId, Cluster, Code, entropy::Seeded},
    portreeve_store::{Fetch, Sql, testing::TestDatabase},
    serde_json::{Value, json},
    std::collections::BTreeMap,
};

facts! {
    both_keys_are_good_for_the_grace_and_one_after_it;
    a_key_is_rotated_once_and_never_past_its_own_end;
    nobody_rotates_what_is_wider_than_themselves_over_or_somebody_elses;
    a_revoked_key_ends_at_once_though_its_grace_goes_on;
    a_reported_key_takes_its_agent_with_it_and_an_owners_key_tells_what_it_made;
    what_was_made_with_a_leaked_key_is_told_and_ends_with_it_when_asked;
}

async fn rotate(house: &House, by: &str, id: &str, body: Value) -> crate::house::Answer {
    let line = format!("POST /auth/keys/{id}/rotate");
    house.call(&line, by, "198.51.100.7", Some(&body)).await
}

async fn shown(house: &House, owner: &str, id: &str) -> Value {
    let list = house.get("/auth/keys", owner).await.expect(200);
    let keys = list["items"].as_array().unwrap();
    keys.iter().find(|key| key["id"] == id).unwrap().clone()
}

async fn both_keys_are_good_for_the_grace_and_one_after_it(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let owner = first.text.expose();
    let body = json!({"name": "reader", "scopes": ["agents:read"], "allowedIps": ["198.18.0.0/15"]});
    let (old, id) = house.made(owner, body).await;
    // Remembered, so that what is remembered has to be forgotten.
    house.look(&old).await.is(Code::AuthScopeInsufficient);
    let made = rotate(&house, owner, &id, json!({"graceSeconds": 3600}))
        .await
        .expect(201);
    let new = made["key"].as_str().unwrap();
    assert_eq!(
        (&made["name"], &made["scopes"], &made["allowedIps"]),
        (&json!("reader"), &json!(["agents:read"]), &json!(["198.18.0.0/15"]))
    );
    let told = shown(&house, owner, &id).await;
    assert_eq!(
        (&told["status"], &told["successorId"]),
        (&json!("rotating"), &made["id"])
    );
    house.after(3599);
    for key in [&*old, new] {
        house.look(key).await.is(Code::AuthScopeInsufficient);
    }
    house.after(1);
    house.look(&old).await.is(Code::AuthKeyExpired);
    house.look(new).await.is(Code::AuthScopeInsufficient);
    assert_eq!(shown(&house, owner, &id).await["status"], "expired");
    let kinds: Vec<String> = house.audit().await.into_iter().map(|row| row.kind).collect();
    assert!(kinds.contains(&"api_key.rotated".to_owned()), "{kinds:?}");
}

async fn a_key_is_rotated_once_and_never_past_its_own_end(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let owner = first.text.expose();
    let body = json!({"name": "short", "scopes": ["agents:read"], "expiresAt": "2023-11-14T23:13:20Z"});
    let (old, id) = house.made(owner, body).await;
    let made = rotate(&house, owner, &id, json!({})).await.expect(201);
    assert_eq!(
        made["expiresAt"], "2023-11-14T23:13:20Z",
        "no key outlives what it was made for"
    );
    let again = rotate(&house, owner, &id, json!({}))
        .await
        .is(Code::ValidationDuplicate);
    assert!(again["detail"].as_str().unwrap().contains(made["id"].as_str().unwrap()));
    house.after(3600);
    house.look(&old).await.is(Code::AuthKeyExpired);
    for bad in [json!({"graceSeconds": 259_201}), json!({"graceSeconds": u32::MAX})] {
        let refused = rotate(&house, owner, made["id"].as_str().unwrap(), bad).await;
        assert_eq!(refused.is(Code::ValidationOutOfRange)["param"], "graceSeconds");
    }
}

async fn nobody_rotates_what_is_wider_than_themselves_over_or_somebody_elses(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (_, stranger) = house.owner(77, Cluster::Local).await;
    let owner = first.text.expose();
    let (narrow, _) = house.made(owner, json!({"name": "n", "scopes": ["admin:all"]})).await;
    let (wide, wide_id) = house
        .made(owner, json!({"name": "w", "scopes": ["admin:all", "mcp:write"]}))
        .await;
    rotate(&house, &narrow, &wide_id, json!({}))
        .await
        .is(Code::AuthScopeInsufficient);
    let foreign = rotate(&house, stranger.text.expose(), &wide_id, json!({})).await;
    foreign.is(Code::AuthKeyNotFound);
    house.get("/auth/keys", &wide).await.expect(200);
    house.revoke(owner, &wide_id).await.expect(204);
    rotate(&house, owner, &wide_id, json!({}))
        .await
        .is(Code::AuthKeyNotFound);
}

async fn a_revoked_key_ends_at_once_though_its_grace_goes_on(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let owner = first.text.expose();
    let (old, id) = house.made(owner, json!({"name": "r", "scopes": ["agents:read"]})).await;
    let made = rotate(&house, owner, &id, json!({})).await.expect(201);
    house.look(&old).await.is(Code::AuthScopeInsufficient);
    house.revoke(owner, &id).await.expect(204);
    house.look(&old).await.is(Code::AuthKeyRevoked);
    house
        .look(made["key"].as_str().unwrap())
        .await
        .is(Code::AuthScopeInsufficient);
}

async fn a_reported_key_takes_its_agent_with_it_and_an_owners_key_tells_what_it_made(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (who, first) = house.owner(10, Cluster::Local).await;
    let (_, stranger) = house.owner(77, Cluster::Local).await;
    let owner = first.text.expose();
    let agent = AgentId::new(START, &Seeded::new(4));
    house.wallet.adds(&agent, &who.id);
    let body = json!({"name": "a", "scopes": ["agents:read"], "agentId": agent});
    let (bound, id) = house.made(owner, body).await;
    house.look(&bound).await.is(Code::AuthScopeInsufficient);
    let line = format!("POST /auth/keys/{id}/report-leak");
    let foreign = house.call(&line, stranger.text.expose(), "198.51.100.7", None).await;
    foreign.is(Code::AuthKeyNotFound);
    house.look(&bound).await.is(Code::AuthScopeInsufficient);
    let told = house.call(&line, owner, "198.51.100.7", None).await.expect(200);
    assert_eq!(
        told,
        json!({"keyId": id, "agentId": agent, "agentSuspended": true, "made": [], "madeInAll": 0})
    );
    house.look(&bound).await.is(Code::AuthKeyRevoked);
    let again = house.call(&line, owner, "198.51.100.7", None).await.expect(200);
    assert_eq!(again["agentSuspended"], false, "it ended before");

    // A key that ends itself.
    let (own, own_id) = house.made(owner, json!({"name": "o", "scopes": ["admin:all"]})).await;
    let line = format!("POST /auth/keys/{own_id}/report-leak");
    let told = house.call(&line, &own, "198.51.100.7", None).await.expect(200);
    assert_eq!(
        told,
        json!({"keyId": own_id, "agentSuspended": false, "made": [], "madeInAll": 0})
    );
    house.look(&own).await.is(Code::AuthKeyRevoked);
    let kinds: Vec<String> = house.audit().await.into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "api_key.leaked").count(), 2);
    let sql = Sql::new("SELECT COUNT(*) AS n FROM outbox WHERE kind = 'credential.leaked'");
    let row = house.db.read().fetch_one(sql).await.unwrap();
    assert_eq!(row.get::<i64>("n").unwrap(), 2);
}

/// Whoever knew an owner's key made others with it first.
async fn what_was_made_with_a_leaked_key_is_told_and_ends_with_it_when_asked(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let owner = first.text.expose();
    let admin = json!({"name": "a", "scopes": ["admin:all"]});
    let (leaked, id) = house.made(owner, admin.clone()).await;
    let (second, second_id) = house.made(&leaked, admin.clone()).await;
    let (third, third_id) = house
        .made(&second, json!({"name": "t", "scopes": ["agents:read"]}))
        .await;
    let (beside, _) = house.made(owner, json!({"name": "b", "scopes": ["agents:read"]})).await;
    let body = json!({"name": "service", "scopes": ["agents:read"]});
    let client = house
        .call("POST /auth/clients", &second, "198.51.100.7", Some(&body))
        .await;
    let client = client.expect(201)["id"].as_str().unwrap().to_owned();
    let line = format!("POST /auth/keys/{id}/report-leak");
    let all = json!({"withWhatItMade": true});
    let told = async |by: &str, body: Option<&Value>| {
        let told = house.call(&line, by, "198.51.100.7", body).await.expect(200);
        let made = told["made"].as_array().unwrap();
        assert_eq!(told["madeInAll"], made.len());
        let of = |one: &Value| (one["id"].as_str().unwrap().to_owned(), one["ended"].as_bool().unwrap());
        made.iter().map(of).collect::<BTreeMap<String, bool>>()
    };
    let expected = |ended: &[(&String, bool)]| -> BTreeMap<String, bool> {
        ended.iter().map(|(id, ended)| ((*id).clone(), *ended)).collect()
    };
    let made = expected(&[(&second_id, false), (&third_id, false), (&client, false)]);
    assert_eq!(told(owner, None).await, made);
    house.look(&third).await.is(Code::AuthScopeInsufficient);

    // Asked with one that it made: everything else ends, also now that it is over itself.
    let made = expected(&[(&second_id, false), (&third_id, true), (&client, true)]);
    assert_eq!(told(&second, Some(&all)).await, made);
    house.look(&third).await.is(Code::AuthKeyRevoked);
    let shown = house.get(&format!("/auth/clients/{client}"), owner).await.expect(200);
    assert_eq!(shown["status"], "revoked");
    assert_eq!(
        told(owner, Some(&all)).await,
        expected(&[(&second_id, true)]),
        "what was left"
    );
    house.look(&second).await.is(Code::AuthKeyRevoked);
    assert_eq!(told(owner, Some(&all)).await, expected(&[]));
    house.look(&beside).await.is(Code::AuthScopeInsufficient);
}
