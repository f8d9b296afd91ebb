//! OAuth clients as their owner has them, on both databases.

use {
    crate::house::{Answer, House, START, facts},
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_kernel::{AgentId, Clock, Cluster, Code, control::CredentialControl, entropy::Seeded},
    portreeve_store::{StoreError, Tx, tenancy::Owner, testing::TestDatabase},
    serde_json::{Value, json},
};

facts! {
    a_client_is_made_seen_renewed_and_ended;
    a_client_is_never_wider_than_who_made_it_or_than_its_role;
    a_client_for_a_suspended_agent_waits_with_it;
    a_client_that_is_not_yours_does_not_exist;
    every_change_of_a_client_is_in_the_audit_log_without_its_secret;
    whoever_was_revoked_meanwhile_changes_no_client;
}

struct World {
    house: House,
    owner: Owner,
    key: String,
}

fn agent() -> AgentId {
    AgentId::new(START, &Seeded::new(4))
}

impl World {
    async fn new(database: &TestDatabase) -> Self {
        let house = House::new(database, 1).await;
        let (owner, first) = house.owner(10, Cluster::Local).await;
        house.wallet.adds(&agent(), &owner.id);
        let key = first.text.expose().to_owned();
        Self { house, owner, key }
    }

    async fn call(&self, line: &str, body: Option<&Value>) -> Answer {
        self.house.call(line, &self.key, "198.51.100.7", body).await
    }

    async fn make(&self, body: Value) -> Value {
        self.call("POST /auth/clients", Some(&body)).await.expect(201)
    }

    /// Asks for a token with id and secret as they were told.
    async fn token(&self, told: &Value) -> Answer {
        let (id, secret) = (told["id"].as_str().unwrap(), told["clientSecret"].as_str().unwrap());
        let basic = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        let form = "grant_type=client_credentials";
        self.house
            .form("/oauth/token", form, Some(&format!("Basic {basic}")))
            .await
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

async fn a_client_is_made_seen_renewed_and_ended(database: &TestDatabase) {
    let world = World::new(database).await;
    let made = world.make(json!({"name": "accounting", "scopes": ["admin:all"]})).await;
    let id = text(&made, "id");
    assert!(id.starts_with("clt_") && text(&made, "clientSecret").starts_with("wcs_"));
    assert_eq!(made["tokenEndpoint"], "https://portreeve.test/oauth/token");
    assert_eq!((&made["role"], &made["status"]), (&json!("owner"), &json!("active")));
    let token = text(&world.token(&made).await.expect(200), "access_token");
    world.house.get("/auth/keys", &token).await.expect(200);

    let shown = world.call(&format!("GET /auth/clients/{id}"), None).await.expect(200);
    let mut about = made.clone();
    for secret in ["clientSecret", "tokenEndpoint"] {
        about.as_object_mut().unwrap().remove(secret);
    }
    assert_eq!(shown, about, "the secret is told once");
    let list = world.call("GET /auth/clients", None).await.expect(200);
    assert_eq!(list["items"], json!([shown]));

    let renewed = world
        .call(&format!("POST /auth/clients/{id}/secret"), None)
        .await
        .expect(200);
    assert_ne!(renewed["clientSecret"], made["clientSecret"]);
    assert_eq!(world.token(&made).await.expect(401)["error"], "invalid_client");
    world.token(&renewed).await.expect(200);
    world.house.get("/auth/keys", &token).await.expect(200);

    for _ in 0..2 {
        world
            .call(&format!("DELETE /auth/clients/{id}"), None)
            .await
            .expect(204);
        world.house.get("/auth/keys", &token).await.is(Code::AuthTokenRevoked);
        assert_eq!(world.token(&renewed).await.expect(401)["error"], "invalid_client");
    }
    let shown = world.call(&format!("GET /auth/clients/{id}"), None).await.expect(200);
    assert_eq!(shown["status"], "revoked");
    world
        .call(&format!("POST /auth/clients/{id}/secret"), None)
        .await
        .is(Code::AuthClientNotFound);

    for number in 0..3 {
        world
            .make(json!({"name": number.to_string(), "scopes": ["agents:read"]}))
            .await;
    }
    let page = world.call("GET /auth/clients?limit=3", None).await.expect(200);
    let cursor = text(&page, "cursor");
    let rest = world
        .call(&format!("GET /auth/clients?limit=3&cursor={cursor}"), None)
        .await
        .expect(200);
    assert_eq!(
        (
            page["items"].as_array().unwrap().len(),
            rest["items"].as_array().unwrap().len()
        ),
        (3, 1)
    );
    world
        .call("GET /auth/clients?cursor=eA", None)
        .await
        .is(Code::ValidationInvalidFormat);
}

async fn a_client_is_never_wider_than_who_made_it_or_than_its_role(database: &TestDatabase) {
    let world = World::new(database).await;
    let own = json!({"name": "x", "agentId": agent(), "scopes": ["agents:read", "agents:write"]});
    let refused = world
        .call("POST /auth/clients", Some(&own))
        .await
        .is(Code::AuthScopeInsufficient);
    assert_eq!(
        (&refused["param"], &refused["requiredScope"]),
        (&json!("scopes"), &json!("agents:write"))
    );
    let (narrow, _) = world
        .house
        .made(&world.key, json!({"name": "k", "scopes": ["admin:all"]}))
        .await;
    let wide = json!({"name": "x", "scopes": ["mcp:write"]});
    let refused = world
        .house
        .call("POST /auth/clients", &narrow, "198.51.100.7", Some(&wide))
        .await;
    assert_eq!(refused.is(Code::AuthScopeInsufficient)["requiredScope"], "mcp:write");

    let made = world
        .make(json!({"name": "x", "agentId": agent(), "scopes": ["agents:read"]}))
        .await;
    assert_eq!((&made["role"], &made["agentId"]), (&json!("agent"), &json!(agent())));
    let told = world.token(&made).await.expect(200);
    assert_eq!(told["scope"], "agents:read");
    world
        .house
        .get("/auth/keys", told["access_token"].as_str().unwrap())
        .await
        .is(Code::AuthScopeInsufficient);
    let list = world.call("GET /auth/clients", None).await.expect(200);
    assert_eq!(
        list["items"].as_array().unwrap().len(),
        1,
        "what was refused was not made"
    );
}

async fn a_client_for_a_suspended_agent_waits_with_it(database: &TestDatabase) {
    let world = World::new(database).await;
    world.house.wallet.suspends(&agent());
    let made = world
        .make(json!({"name": "x", "agentId": agent(), "scopes": ["agents:read"]}))
        .await;
    assert_eq!(made["status"], "stopped");
    assert_eq!(world.token(&made).await.expect(401)["error"], "invalid_client");

    let (keys, now) = (world.house.keys.clone(), world.house.clock.now());
    let resume = async move |tx: &mut Tx| keys.resume_clients_of_agent(tx, &agent(), now).await;
    world.house.db.write::<_, StoreError, _>(resume).await.unwrap();
    let token = text(&world.token(&made).await.expect(200), "access_token");
    world
        .house
        .get("/auth/keys", &token)
        .await
        .is(Code::AuthScopeInsufficient);
}

async fn a_client_that_is_not_yours_does_not_exist(database: &TestDatabase) {
    let world = World::new(database).await;
    let made = world.make(json!({"name": "x", "scopes": ["agents:read"]})).await;
    let token = text(&world.token(&made).await.expect(200), "access_token");
    let (_, other) = world.house.owner(11, Cluster::Local).await;
    let other = other.text.expose();
    let told = async |line: &str, id: &str| {
        let line = line.replace("{}", id);
        let mut body = world
            .house
            .call(&line, other, "198.51.100.7", None)
            .await
            .is(Code::AuthClientNotFound);
        let members = body.as_object_mut().unwrap();
        members.remove("requestId");
        members.remove("instance");
        body
    };
    for line in [
        "GET /auth/clients/{}",
        "POST /auth/clients/{}/secret",
        "DELETE /auth/clients/{}",
    ] {
        let nothing = told(line, "clt_000000000000").await;
        for id in [&text(&made, "id"), "x", "https:%2F%2Fa.example%2Fc", "%20"] {
            assert_eq!(told(line, id).await, nothing, "{line} {id}");
        }
    }
    let theirs = world.house.get("/auth/clients", other).await.expect(200);
    assert_eq!(theirs["items"], json!([]));
    let for_agent = json!({"name": "x", "agentId": agent(), "scopes": ["agents:read"]});
    let refused = world
        .house
        .call("POST /auth/clients", other, "198.51.100.7", Some(&for_agent))
        .await;
    refused.is(Code::AgentNotFound);
    world
        .house
        .get("/auth/keys", &token)
        .await
        .is(Code::AuthScopeInsufficient);
    world.token(&made).await.expect(200);
}

async fn every_change_of_a_client_is_in_the_audit_log_without_its_secret(database: &TestDatabase) {
    let world = World::new(database).await;
    let made = world.make(json!({"name": "x", "scopes": ["agents:read"]})).await;
    let id = text(&made, "id");
    let renewed = world
        .call(&format!("POST /auth/clients/{id}/secret"), None)
        .await
        .expect(200);
    world
        .call(&format!("DELETE /auth/clients/{id}"), None)
        .await
        .expect(204);
    world
        .call(&format!("DELETE /auth/clients/{id}"), None)
        .await
        .expect(204);
    let log = world.house.audit().await;
    let told: Vec<&str> = log
        .iter()
        .filter(|row| row.subject == id)
        .map(|row| row.kind.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "oauth_client.created",
            "oauth_client.secret_changed",
            "oauth_client.revoked"
        ]
    );
    for row in log.iter().filter(|row| row.subject == id) {
        assert_eq!(
            (row.owner.as_ref(), row.project.as_ref()),
            (Some(&world.owner.id), Some(&world.owner.project))
        );
        assert!(row.actor.starts_with("key_"));
    }
    for secret in [text(&made, "clientSecret"), text(&renewed, "clientSecret")] {
        assert!(log.iter().all(|row| !row.data.contains(&secret[4..])));
    }
}

async fn whoever_was_revoked_meanwhile_changes_no_client(database: &TestDatabase) {
    let world = World::new(database).await;
    let made = world.make(json!({"name": "x", "scopes": ["agents:read"]})).await;
    let id = text(&made, "id");
    let service = world.make(json!({"name": "y", "scopes": ["admin:all"]})).await;
    let token = text(&world.token(&service).await.expect(200), "access_token");
    let there = House::new(database, 2).await;
    there.get("/auth/clients", &token).await.expect(200);
    let end = format!("DELETE /auth/clients/{}", text(&service, "id"));
    world.call(&end, None).await.expect(204);
    // The other node may still read by it, but whatever changes rights asks within its transaction.
    there.get("/auth/clients", &token).await.expect(200);
    let body = json!({"name": "z", "scopes": ["agents:read"]});
    for (line, body) in [
        (format!("DELETE /auth/clients/{id}"), None),
        (format!("POST /auth/clients/{id}/secret"), None),
        ("POST /auth/clients".to_owned(), Some(&body)),
    ] {
        let refused = there.call(&line, &token, "198.51.100.7", body).await;
        refused.is(Code::AuthTokenRevoked);
    }
    world.token(&made).await.expect(200);
}
