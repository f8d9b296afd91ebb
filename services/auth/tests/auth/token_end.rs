//! Ending a token, and asking what one is good for, on both databases.

use {
    crate::house::{Answer, House, ORIGIN, START, facts, owned_client},
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_kernel::{AgentId, Cluster, Code, control::NewClientSecret, entropy::Seeded},
    portreeve_store::{Fetch, Sql, StoreError, Tx, tenancy::Owner, testing::TestDatabase},
    serde_json::{Value, json},
};

facts! {
    a_revoked_token_is_refused_with_the_next_request_and_its_sibling_is_not;
    a_token_is_ended_by_a_node_that_takes_its_server_for_a_newer_one;
    revoking_somebody_elses_token_changes_nothing_and_says_200;
    whoever_is_no_client_ends_nothing_and_asks_nothing;
    revoked_tokens_are_forgotten_when_they_are_over;
    a_flood_of_what_is_over_is_forgotten_at_one_time;
    a_client_is_told_what_its_own_token_is_good_for;
    what_is_not_good_or_not_ones_to_know_is_one_answer;
    an_owners_service_is_told_of_the_owners_keys_and_tokens_and_of_no_other;
    a_key_outside_its_hours_is_good_for_nothing_to_whoever_asks_about_it;
    introspection_needs_a_client_that_keeps_a_secret;
    tokens_that_were_made_are_in_the_audit_log_once_a_minute_for_all_that_are_alike;
}

struct World {
    house: House,
    owner: Owner,
    owner_key: String,
}

fn agent(seed: u64) -> AgentId {
    AgentId::new(START, &Seeded::new(seed))
}

impl World {
    async fn new(database: &TestDatabase) -> Self {
        let house = House::new(database, 1).await;
        let (owner, first) = house.owner(10, Cluster::Local).await;
        let owner_key = first.text.expose().to_owned();
        Self {
            house,
            owner,
            owner_key,
        }
    }

    async fn client(&self, of: u64) -> NewClientSecret {
        owned_client(&self.house, &self.owner, &agent(of), "agents:read").await
    }

    /// A client that does everything for `owner`, as there is no way yet to make one.
    async fn service(&self, owner: &Owner) -> NewClientSecret {
        let client = owned_client(&self.house, owner, &agent(99), "agents:read").await;
        let id = client.client.clone();
        let unit = async move |tx: &mut Tx| {
            let update = Sql::new(
                "UPDATE oauth_clients SET agent_id = NULL, role = 'owner', scopes = '[\"admin:all\"]' WHERE id = $1",
            );
            tx.execute(update.bind(&*id)).await?;
            let update = Sql::new(
                "UPDATE oauth_grants SET agent_id = NULL, role = 'owner', scopes = '[\"admin:all\"]' WHERE client_id = $1",
            );
            tx.execute(update.bind(&*id)).await
        };
        self.house.db.write::<_, StoreError, _>(unit).await.unwrap();
        client
    }

    async fn post(&self, path: &str, client: &NewClientSecret, form: &str) -> Answer {
        let basic = BASE64_STANDARD.encode(format!("{}:{}", client.client, client.secret.expose()));
        self.house.form(path, form, Some(&format!("Basic {basic}"))).await
    }

    async fn token(&self, client: &NewClientSecret) -> String {
        let told = self
            .post("/oauth/token", client, "grant_type=client_credentials")
            .await
            .expect(200);
        told["access_token"].as_str().unwrap().to_owned()
    }

    async fn revoke(&self, client: &NewClientSecret, form: &str) {
        let answer = self.post("/oauth/revoke", client, form).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.expect(200), Value::Null);
    }

    async fn ask(&self, client: &NewClientSecret, token: &str) -> Value {
        let answer = self.post("/oauth/introspect", client, &format!("token={token}")).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.expect(200)
    }

    /// Who lacks the scope has been let in.
    async fn is_good(&self, token: &str) {
        self.house
            .get("/auth/keys", token)
            .await
            .is(Code::AuthScopeInsufficient);
    }

    async fn is_revoked(&self, token: &str) {
        self.house.get("/auth/keys", token).await.is(Code::AuthTokenRevoked);
    }

    async fn revoked_rows(&self) -> usize {
        let all = Sql::new("SELECT jti FROM oauth_revoked_tokens");
        self.house.db.read().fetch_all(all).await.unwrap().len()
    }
}

/// AUTH_CHECKLIST 2.8, 8.1
async fn a_revoked_token_is_refused_with_the_next_request_and_its_sibling_is_not(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(4).await;
    let (one, other) = (world.token(&client).await, world.token(&client).await);
    world.is_good(&one).await;
    world.is_good(&other).await;
    // A wrong hint still finds it.
    world
        .revoke(&client, &format!("token={one}&token_type_hint=refresh_token"))
        .await;
    world.is_revoked(&one).await;
    world.is_good(&other).await;
    world.revoke(&client, &format!("token={one}")).await;
    assert_eq!(world.revoked_rows().await, 1);
    world
        .revoke(&client, &format!("token={other}&token_type_hint=nonsense"))
        .await;
    world.is_revoked(&other).await;
    let again = world.token(&client).await;
    world.is_good(&again).await;

    let log = world.house.audit().await;
    let told: Vec<_> = log.iter().filter(|row| row.kind == "oauth.token_revoked").collect();
    assert_eq!(told.len(), 2, "each once");
    assert!(
        told.iter()
            .all(|row| row.actor == *client.client && !row.data.contains(&one))
    );
}

async fn a_token_is_ended_by_a_node_that_takes_its_server_for_a_newer_one(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(4).await;
    let token = world.token(&client).await;
    world.is_good(&token).await;
    // As after the first start with a list of servers: the row is younger than tokens that are out.
    let later = async |tx: &mut Tx| {
        tx.execute(Sql::new(
            "UPDATE resource_servers SET created_at = created_at + 9999999",
        ))
        .await
    };
    world.house.db.write::<_, StoreError, _>(later).await.unwrap();
    let node = House::new(database, 2).await;
    node.look(&token).await.is(Code::AuthScopeInsufficient);
    let form = format!("token={token}");
    let basic = BASE64_STANDARD.encode(format!("{}:{}", client.client, client.secret.expose()));
    node.form("/oauth/revoke", &form, Some(&format!("Basic {basic}")))
        .await
        .expect(200);
    node.get("/auth/keys", &token).await.is(Code::AuthTokenRevoked);
}

/// AUTH_CHECKLIST 8.1
async fn revoking_somebody_elses_token_changes_nothing_and_says_200(database: &TestDatabase) {
    let world = World::new(database).await;
    let (client, thief) = (world.client(4).await, world.client(5).await);
    let token = world.token(&client).await;
    for form in [
        format!("token={token}"),
        format!("token={token}&token_type_hint=access_token"),
        format!("token={token}x"),
        "token=garbage".to_owned(),
        format!("token={}", world.owner_key),
    ] {
        world.revoke(&thief, &form).await;
    }
    world.is_good(&token).await;
    world.house.get("/auth/keys", &world.owner_key).await.expect(200);
    assert_eq!(world.revoked_rows().await, 0);
    world.house.after(900);
    world.revoke(&client, &format!("token={token}")).await;
    assert_eq!(world.revoked_rows().await, 0, "what is over needs no end");
}

/// AUTH_CHECKLIST 8.1, 8.2
async fn whoever_is_no_client_ends_nothing_and_asks_nothing(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(4).await;
    let token = world.token(&client).await;
    for path in ["/oauth/revoke", "/oauth/introspect"] {
        let form = format!("token={token}");
        let refused = world.house.form(path, &form, None).await;
        assert_eq!(refused.expect(400)["error"], "invalid_request", "{path}");
        let alone = format!("{form}&client_id={}", client.client);
        let refused = world.house.form(path, &alone, None).await;
        assert_eq!(refused.expect(401)["error"], "invalid_client", "{path}");
        let bearer = format!("Bearer {token}");
        let refused = world.house.form(path, &form, Some(&bearer)).await;
        assert_eq!(refused.expect(401)["error"], "invalid_client", "{path}");
        for form in ["", "token=", "token=a&token=b"] {
            let refused = world.post(path, &client, form).await;
            assert_eq!(refused.expect(400)["error"], "invalid_request", "{path} {form}");
        }
        let got = world
            .house
            .at_root(&format!("GET {path}?token={token}"), &[], None)
            .await;
        assert_eq!(got.status.as_u16(), 405);
    }
    world.is_good(&token).await;
}

async fn revoked_tokens_are_forgotten_when_they_are_over(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(4).await;
    let early = world.token(&client).await;
    world.revoke(&client, &format!("token={early}")).await;
    world.house.after(600);
    let late = world.token(&client).await;
    world.revoke(&client, &format!("token={late}")).await;
    world.house.keys.sweep().await.unwrap();
    assert_eq!(world.revoked_rows().await, 2);
    world.house.after(300);
    world.house.keys.sweep().await.unwrap();
    assert_eq!(world.revoked_rows().await, 1);
    world.is_revoked(&late).await;
    world.house.get("/auth/keys", &early).await.is(Code::AuthTokenExpired);
}

/// AUTH_CHECKLIST 8.2
async fn a_client_is_told_what_its_own_token_is_good_for(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(4).await;
    let token = world.token(&client).await;
    let told = world.ask(&client, &token).await;
    assert_eq!(
        told,
        json!({
            "active": true, "scope": "agents:read", "client_id": &*client.client, "sub": &*client.client,
            "aud": format!("{ORIGIN}/mcp"), "iss": ORIGIN, "iat": START.seconds(), "exp": START.seconds() + 900,
            "jti": told["jti"], "token_type": "Bearer", "owner_id": world.owner.id, "project_id": world.owner.project,
            "agent_id": agent(4), "role": "agent",
        })
    );
    assert!(told["jti"].as_str().unwrap().starts_with("grt_"));
}

/// AUTH_CHECKLIST 8.2
async fn what_is_not_good_or_not_ones_to_know_is_one_answer(database: &TestDatabase) {
    let world = World::new(database).await;
    let (client, other) = (world.client(4).await, world.client(5).await);
    let inactive = json!({"active": false});
    let (old, foreign) = (world.token(&client).await, world.token(&other).await);
    let (agents_key, _) = world
        .house
        .made(&world.owner_key, json!({"name": "x", "scopes": ["agents:read"]}))
        .await;
    for token in [
        "garbage",
        "a.b.c",
        &foreign,
        &agents_key,
        &world.owner_key,
        &format!("{old}x"),
    ] {
        assert_eq!(world.ask(&client, token).await, inactive, "{token}");
    }
    world.revoke(&client, &format!("token={old}")).await;
    assert_eq!(world.ask(&client, &old).await, inactive, "at once");
    let over = world.token(&client).await;
    assert_eq!(world.ask(&client, &over).await["active"], true);
    world.house.after(900);
    assert_eq!(world.ask(&client, &over).await, inactive);
}

async fn an_owners_service_is_told_of_the_owners_keys_and_tokens_and_of_no_other(database: &TestDatabase) {
    let world = World::new(database).await;
    let service = world.service(&world.owner).await;
    let client = world.client(4).await;
    let token = world.token(&client).await;
    assert_eq!(world.ask(&service, &token).await["client_id"], *client.client);

    let body = json!({"name": "x", "scopes": ["agents:read"], "allowedIps": ["192.0.2.0/24"], "expiresAt": "2023-11-14T22:14:20Z"});
    let (key, id) = world.house.made(&world.owner_key, body).await;
    let told = world.ask(&service, &key).await;
    assert_eq!(
        told,
        json!({
            "active": true, "scope": "agents:read", "sub": id, "key_id": id, "aud": format!("{ORIGIN}/mcp"), "iss": ORIGIN,
            "exp": START.seconds() + 60, "allowed_ips": ["192.0.2.0/24"], "token_type": "Bearer",
            "owner_id": world.owner.id, "project_id": world.owner.project, "role": "owner",
        })
    );
    let inactive = json!({"active": false});
    let (other, others) = world.house.owner(11, Cluster::Local).await;
    assert_eq!(world.ask(&service, others.text.expose()).await, inactive);
    let theirs = world.service(&other).await;
    assert_eq!(world.ask(&theirs, &key).await, inactive);
    assert_eq!(world.ask(&theirs, &token).await, inactive);
    assert_eq!(world.ask(&theirs, others.text.expose()).await["active"], true);

    world.house.after(60);
    assert_eq!(world.ask(&service, &key).await, inactive, "its time is over");
    let (key, id) = world
        .house
        .made(&world.owner_key, json!({"name": "y", "scopes": ["agents:read"]}))
        .await;
    assert_eq!(world.ask(&service, &key).await["active"], true);
    world.house.revoke(&world.owner_key, &id).await.expect(204);
    assert_eq!(world.ask(&service, &key).await, inactive, "at once");
}

async fn a_key_outside_its_hours_is_good_for_nothing_to_whoever_asks_about_it(database: &TestDatabase) {
    let world = World::new(database).await;
    let service = world.service(&world.owner).await;
    let body = json!({"name": "late", "scopes": ["agents:read"], "allowedHoursUtc": {"start": 22, "end": 23}});
    let (late, _) = world.house.made(&world.owner_key, body).await;
    assert_eq!(world.ask(&service, &late).await["active"], true);
    // From 22:13:20 to 23:00.
    world.house.after(2_800);
    assert_eq!(world.ask(&service, &late).await, json!({"active": false}));
}

/// AUTH_CHECKLIST 8.2
async fn introspection_needs_a_client_that_keeps_a_secret(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(4).await;
    let token = world.token(&client).await;
    let public = async |tx: &mut Tx| {
        tx.execute(Sql::new("UPDATE oauth_clients SET auth_method = 'none'"))
            .await
    };
    world.house.db.write::<_, StoreError, _>(public).await.unwrap();
    let there = House::new(database, 2).await;
    let form = format!("token={token}&client_id={}", client.client);
    let refused = there.form("/oauth/introspect", &form, None).await;
    assert_eq!(refused.expect(400)["error"], "unauthorized_client");
    // It may end its own tokens, though.
    there.form("/oauth/revoke", &form, None).await.expect(200);
    there.get("/auth/keys", &token).await.is(Code::AuthTokenRevoked);
}

async fn tokens_that_were_made_are_in_the_audit_log_once_a_minute_for_all_that_are_alike(database: &TestDatabase) {
    let world = World::new(database).await;
    let client = world.client(1).await;
    let house = &world.house;
    let ask = |address: &'static str, scope: &str| {
        let secret = client.secret.expose();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={secret}{scope}",
            client.client
        );
        async move { house.form_from(address, "/oauth/token", &form, None).await }
    };
    for _ in 0..3 {
        ask("192.0.2.1", "").await.expect(200);
    }
    ask("192.0.2.2", "").await.expect(200);
    ask("192.0.2.2", "&scope=agents%3Awrite").await.expect(400);
    let issued = async || {
        let log = house.audit().await;
        log.into_iter()
            .filter(|row| row.kind == "oauth.token_issued")
            .collect::<Vec<_>>()
    };
    assert_eq!(issued().await.len(), 0, "asking writes nothing");
    house.keys.flush_issues().await.unwrap();
    let told = issued().await;
    let data: Vec<Value> = told
        .iter()
        .map(|row| serde_json::from_str(&row.data).unwrap())
        .collect();
    let mut counts: Vec<_> = data
        .iter()
        .map(|data| (data["ip"].as_str().unwrap(), data["count"].as_u64().unwrap()))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [("192.0.2.1", 3), ("192.0.2.2", 1)]);
    assert!(told.iter().all(|row| row.actor == *client.client && row.at == START));
    assert!(!told.iter().any(|row| row.data.contains(client.secret.expose())));
    house.keys.flush_issues().await.unwrap();
    assert_eq!(issued().await.len(), 2, "and not twice");
}

async fn a_flood_of_what_is_over_is_forgotten_at_one_time(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let unit = async move |tx: &mut Tx| {
        for number in 0..1201 {
            let insert = Sql::new("INSERT INTO oauth_revoked_tokens (jti, expires_at) VALUES ($1, $2)");
            tx.execute(insert.bind(format!("t{number}").as_str()).bind(START))
                .await?;
        }
        Ok(())
    };
    house.db.write::<_, StoreError, _>(unit).await.unwrap();
    house.after(1);
    house.keys.sweep().await.unwrap();
    let sql = Sql::new("SELECT COUNT(*) AS n FROM oauth_revoked_tokens");
    let left: i64 = house.db.read().fetch_one(sql).await.unwrap().get("n").unwrap();
    assert_eq!(left, 0);
}
