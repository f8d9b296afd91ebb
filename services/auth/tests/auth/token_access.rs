//! What an access token opens, on both databases. The endpoints of this service need `admin:all`, which an agent's token
//! never holds: who is told of the scope has been let in as somebody.

use {
    crate::house::{Answer, House, ORIGIN, START, facts, owned_client},
    portreeve_kernel::{
        AgentId, Cluster, Code, GrantId, TokenId,
        control::{CredentialControl, NewClientSecret},
        entropy::Seeded,
    },
    portreeve_oauth::{AccessClaims, ClientId},
    portreeve_store::{Fetch, Sql, StoreError, Tx, tenancy::Owner, testing::TestDatabase},
};

facts! {
    a_token_speaks_for_its_agent_with_what_its_grant_says_now;
    no_token_but_ours_for_here_and_now_gets_in;
    a_token_that_is_over_says_so_to_its_holder_and_a_revoked_one_too;
    no_check_that_begins_after_a_stop_succeeds;
    another_node_stops_within_five_seconds;
}

struct Service {
    house: House,
    owner: Owner,
    client: NewClientSecret,
    /// What its tokens live by.
    grant: GrantId,
}

fn agent() -> AgentId {
    AgentId::new(START, &Seeded::new(4))
}

impl Service {
    async fn new(database: &TestDatabase) -> Self {
        let house = House::new(database, 1).await;
        let (owner, _) = house.owner(10, Cluster::Local).await;
        let client = owned_client(&house, &owner, &agent(), "agents:read transactions:execute").await;
        let sql = Sql::new("SELECT self_grant FROM oauth_clients WHERE id = $1").bind(&*client.client);
        let grant = house.db.read().fetch_one(sql).await.unwrap().get("self_grant").unwrap();
        Self {
            house,
            owner,
            client,
            grant,
        }
    }

    /// The claims of a token that is good.
    fn claims(&self, chance: u64) -> AccessClaims {
        AccessClaims {
            iss: ORIGIN.to_owned(),
            sub: self.client.client.to_string(),
            aud: format!("{ORIGIN}/mcp"),
            exp: AccessClaims::ends(START).seconds(),
            iat: START.seconds(),
            jti: TokenId::new(&self.grant, &Seeded::new(chance)).to_string(),
            scope: "agents:read".parse().unwrap(),
            client_id: ClientId::parse(&self.client.client).unwrap(),
            owner_id: self.owner.id.clone(),
            project_id: self.owner.project.clone(),
            agent_id: Some(agent()),
            role: None,
            bypass: false,
        }
    }

    fn token(&self, claims: &AccessClaims) -> String {
        self.house.signing.sign(claims).unwrap().expose().to_owned()
    }

    async fn shows(&self, claims: &AccessClaims) -> Answer {
        self.house.look(&self.token(claims)).await
    }

    async fn sql(&self, text: &'static str) {
        let unit = async move |tx: &mut Tx| tx.execute(Sql::new(text)).await;
        self.house.db.write::<_, StoreError, _>(unit).await.unwrap();
    }

    async fn stop(&self) {
        let (keys, now) = (
            self.house.keys.clone(),
            portreeve_kernel::Clock::now(&*self.house.clock),
        );
        let unit = async move |tx: &mut Tx| keys.stop_clients_of_agent(tx, &agent(), now).await;
        self.house.db.write::<_, StoreError, _>(unit).await.unwrap();
    }

    async fn principal(&self, chance: u64) -> std::sync::Arc<portreeve_kernel::Principal> {
        use portreeve_guard::Authenticate;
        let token = self.token(&self.claims(chance));
        let tokens = portreeve_auth::Tokens::new(&self.house.keys, self.house.signing.clone());
        tokens.authenticate(&token, [127, 0, 0, 1].into()).await.unwrap()
    }
}

async fn a_token_speaks_for_its_agent_with_what_its_grant_says_now(database: &TestDatabase) {
    let service = Service::new(database).await;
    let who = service.principal(1).await;
    assert_eq!((&who.owner, &who.project), (&service.owner.id, &service.owner.project));
    assert_eq!((who.agent.clone(), who.role.as_str()), (Some(agent()), "agent"));
    assert_eq!(who.client.as_deref(), Some(&*service.client.client));
    assert_eq!(&*who.audience, "https://portreeve.test/mcp");
    assert_eq!(who.scopes.to_string(), "agents:read");
    assert!(who.credential.to_string().starts_with(service.grant.as_str()));

    // Another token is not in this node's memory yet, so its grant is asked.
    service
        .sql("UPDATE oauth_grants SET scopes = '[\"transactions:execute\"]'")
        .await;
    assert_eq!(
        service.principal(2).await.scopes.to_string(),
        "",
        "nothing is left of what it asked for"
    );
    service.sql("UPDATE oauth_grants SET scopes = '[\"admin:all\"]'").await;
    assert_eq!(service.principal(3).await.scopes.to_string(), "agents:read");
    service.sql("UPDATE oauth_grants SET role = 'member'").await;
    assert_eq!(
        service.principal(4).await.scopes.to_string(),
        "",
        "a role bounds what its grants hold"
    );
}

/// AUTH_CHECKLIST 1.1, 2.3, 2.5
async fn no_token_but_ours_for_here_and_now_gets_in(database: &TestDatabase) {
    let service = Service::new(database).await;
    service.shows(&service.claims(1)).await.is(Code::AuthScopeInsufficient);
    let text = |text: &str| text.to_owned();
    type Change = fn(&mut AccessClaims, String);
    let change: [(&str, Change, String); 15] = [
        ("iss", |claims, new| claims.iss = new, text("https://portreeve.test/")),
        ("iss", |claims, new| claims.iss = new, text("https://evil.example")),
        ("aud", |claims, new| claims.aud = new, text("https://portreeve.test")),
        (
            "aud",
            |claims, new| claims.aud = new,
            text("https://portreeve.test/mcp/"),
        ),
        (
            "aud",
            |claims, new| claims.aud = new,
            text("https://portreeve.test/mcp2"),
        ),
        (
            "aud",
            |claims, new| claims.aud = new,
            text("HTTPS://portreeve.test/mcp"),
        ),
        (
            "aud",
            |claims, new| claims.aud = new,
            text("https://portreeve.test/vault/mcp"),
        ),
        ("jti", |claims, new| claims.jti = new, text("t1")),
        ("jti", |claims, new| claims.jti = new, text("")),
        (
            "jti",
            |claims, new| claims.jti = new,
            TokenId::new(&GrantId::new(START, &Seeded::new(77)), &Seeded::new(1)).to_string(),
        ),
        ("iat", |claims, _| claims.iat += 61, text("")),
        (
            "client_id",
            |claims, new| claims.client_id = ClientId::parse(&new).unwrap(),
            text("clt_000000000000"),
        ),
        (
            "owner_id",
            |claims, new| claims.owner_id = new.parse().unwrap(),
            text("own_01ARYZ6S41TSV4RRFFQ69G5FAV"),
        ),
        (
            "project_id",
            |claims, new| claims.project_id = new.parse().unwrap(),
            text("prj_01ARYZ6S41TSV4RRFFQ69G5FAV"),
        ),
        ("aud", |claims, new| claims.aud = new, text("")),
    ];
    let mut told = Vec::new();
    for (name, change, value) in change {
        let mut claims = service.claims(1);
        change(&mut claims, value.clone());
        let answer = service.shows(&claims).await;
        assert_eq!(answer.status.as_u16(), 401, "{name} {value}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap().to_owned();
        let mut body = answer.is(Code::AuthKeyInvalid);
        body.as_object_mut().unwrap().remove("requestId");
        told.push((challenge, body));
    }
    let good = service.token(&service.claims(1));
    for bad in [
        format!("{good}x"),
        format!("x{good}"),
        format!("{good}."),
        format!("{good}.{good}"),
        good.to_lowercase(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        "wai_test_a.b.c".to_owned(),
    ] {
        let answer = service.house.look(&bad).await;
        let challenge = answer.headers["www-authenticate"].to_str().unwrap().to_owned();
        let mut body = answer.is(Code::AuthKeyInvalid);
        body.as_object_mut().unwrap().remove("requestId");
        told.push((challenge, body));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert!(told[0].0.contains("error=\"invalid_token\""));
    service
        .sql("UPDATE oauth_grants SET resource = 'https://portreeve.test/vault/mcp'")
        .await;
    service.shows(&service.claims(2)).await.is(Code::AuthKeyInvalid);
}

async fn a_token_that_is_over_says_so_to_its_holder_and_a_revoked_one_too(database: &TestDatabase) {
    let service = Service::new(database).await;
    let claims = service.claims(1);
    service.shows(&claims).await.is(Code::AuthScopeInsufficient);
    service.house.after(899);
    service.shows(&claims).await.is(Code::AuthScopeInsufficient);
    service.house.after(1);
    // From memory, and then with the memory of another token.
    service.shows(&claims).await.is(Code::AuthTokenExpired);
    let other = service.claims(2);
    service.shows(&other).await.is(Code::AuthTokenExpired);
    service
        .house
        .get("/auth/keys", &format!("{}x", service.token(&claims)))
        .await
        .is(Code::AuthKeyInvalid);
    let mut elsewhere = service.claims(3);
    elsewhere.aud.push('2');
    service.shows(&elsewhere).await.is(Code::AuthKeyInvalid);

    service.stop().await;
    service.shows(&other).await.is(Code::AuthTokenRevoked);
    let log = service.house.audit().await;
    for reason in ["expired", "revoked", "invalid"] {
        let found = log
            .iter()
            .find(|row| row.data.contains(&format!("\"{reason}\"")))
            .unwrap();
        let by = if reason == "invalid" {
            "anonymous"
        } else {
            service.grant.as_str()
        };
        assert!(found.actor.starts_with(by), "{reason}: {}", found.actor);
    }
}

/// AUTH_CHECKLIST 2.8
async fn no_check_that_begins_after_a_stop_succeeds(database: &TestDatabase) {
    let service = Service::new(database).await;
    for chance in 0..8 {
        service
            .shows(&service.claims(chance))
            .await
            .is(Code::AuthScopeInsufficient);
    }
    service.stop().await;
    for chance in 0..16 {
        service.shows(&service.claims(chance)).await.is(Code::AuthTokenRevoked);
    }
}

async fn another_node_stops_within_five_seconds(database: &TestDatabase) {
    let service = Service::new(database).await;
    let there = House::new(database, 2).await;
    let token = service.token(&service.claims(1));
    there.get("/auth/keys", &token).await.is(Code::AuthScopeInsufficient);
    service.stop().await;
    service.house.get("/auth/keys", &token).await.is(Code::AuthTokenRevoked);
    there.get("/auth/keys", &token).await.is(Code::AuthScopeInsufficient);
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    tokio::time::resume();
    there.get("/auth/keys", &token).await.is(Code::AuthTokenRevoked);
}
