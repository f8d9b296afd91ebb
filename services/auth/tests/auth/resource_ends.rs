//! What ends with a resource server, and what comes back with it. On both databases.

use {
    crate::{
        consent::{WALLET, ask, form, program, refused, wish},
        house::{House, START, facts},
        people_contract::Town,
        resources::{REPORTS, consented, inactive, register, reports, service, text, token_for},
    },
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_kernel::{Cluster, Code, GrantId, entropy::Seeded},
    portreeve_store::{Bind, Fetch, Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
};

facts! {
    what_a_removed_server_had_ends_with_the_answer;
    any_number_of_grants_ends_with_their_server;
    a_server_that_comes_back_does_not_bring_its_tokens_back;
    another_node_knows_it_within_its_next_look;
    a_server_is_the_business_of_its_own_project;
}

async fn what_a_removed_server_had_ends_with_the_answer(database: &TestDatabase) {
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    let (_, _, mut browser) = town.person(1, "reporter").await;
    let client = program(&town, "Reader").await;
    let (token, refresh) = consented(&town, &mut browser, &client, &["reports:read"]).await;
    let basic = service(&town, &["reports:read", "agents:read"]).await;
    let ours = text(&token_for(&town, &basic, WALLET).await.expect(200), "access_token");
    assert_eq!(reports.asks(&town, &token).await["active"], true);
    let line = format!("DELETE /auth/resource-servers/{}", reports.id);
    town.call(&line, None).await.expect(204);

    reports.post(&town, &token).await.expect(401);
    refused(token_for(&town, &basic, REPORTS).await, "invalid_target");
    let refreshing = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    refused(ask(&town.house, &client, &refreshing).await, "invalid_grant");
    let request = wish(&client, &[("resource", REPORTS), ("scope", "reports:read")]);
    let page = browser.page(&format!("/oauth/authorize?{request}")).await;
    let location = page.headers["location"].to_str().unwrap();
    assert!(location.contains("error=invalid_target"), "{location}");
    town.house.look(&ours).await.is(Code::AuthScopeInsufficient);
    let grants = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(grants["items"][0]["revokedWhy"], "server_removed", "{grants}");
    town.call(&line, None).await.is(Code::ResourceServerNotFound);
    town.call(&line.replace("DELETE", "GET"), None)
        .await
        .is(Code::ResourceServerNotFound);
    let log = town.house.audit().await;
    let told: Vec<&str> = log.iter().map(|row| row.kind.as_str()).collect();
    for kind in [
        "resource_server.registered",
        "resource_server.removed",
        "oauth_client.revoked",
    ] {
        assert!(told.contains(&kind), "{kind}");
    }
    assert!(!log.iter().any(|row| row.data.contains("wcs_")));
    // The role is nobody's any more, and whoever has it holds nothing.
    let invite = json!({"name": "Bo", "role": "reporter"});
    town.call("POST /auth/users", Some(&invite))
        .await
        .is(Code::ValidationInvalidEnum);
}

async fn any_number_of_grants_ends_with_their_server(database: &TestDatabase) {
    const MANY: i64 = 17_000;
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    service(&town, &["reports:read"]).await;
    let owner = town.owner.clone();
    let unit = async move |tx: &mut Tx| {
        let own = tx.fetch_one(Sql::new("SELECT * FROM oauth_grants")).await?;
        let (client, project): (String, String) = (own.get("client_id")?, own.get("project_id")?);
        let chance = Seeded::new(99);
        let grant = |_| {
            vec![
                GrantId::new(START, &chance).value(),
                client.as_str().value(),
                "person".value(),
                project.as_str().value(),
                owner.value(),
                "owner".value(),
                REPORTS.value(),
                "[]".value(),
                START.value(),
            ]
        };
        let head =
            "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, role, resource, scopes, created_at)";
        tx.insert(head, (0..MANY).map(grant).collect(), "").await
    };
    town.house.db.write::<_, StoreError, _>(unit).await.unwrap();
    town.call(&format!("DELETE /auth/resource-servers/{}", reports.id), None)
        .await
        .expect(204);
    let ended =
        "SELECT COUNT(*) AS n FROM oauth_grants WHERE revoked_why = 'server_removed' AND revoked_at IS NOT NULL";
    assert_eq!(town.count(ended).await, MANY);
}

async fn a_server_that_comes_back_does_not_bring_its_tokens_back(database: &TestDatabase) {
    let town = Town::new(database).await;
    let first = register(&town, &reports()).await;
    let basic = service(&town, &["reports:read"]).await;
    let before = text(&token_for(&town, &basic, REPORTS).await.expect(200), "access_token");
    town.call(&format!("DELETE /auth/resource-servers/{}", first.id), None)
        .await
        .expect(204);
    // Within the same second.
    let second = register(&town, &reports()).await;
    assert_ne!(first.id, second.id);
    assert_eq!(second.asks(&town, &before).await, inactive());
    town.house.after(1);
    assert_eq!(second.asks(&town, &before).await, inactive());
    let after = text(&token_for(&town, &basic, REPORTS).await.expect(200), "access_token");
    assert_eq!(second.asks(&town, &after).await["active"], true);
}

async fn another_node_knows_it_within_its_next_look(database: &TestDatabase) {
    let town = Town::new(database).await;
    let other = House::new(database, 2).await;
    let reports = register(&town, &reports()).await;
    let basic = service(&town, &["reports:read"]).await;
    let form = form(&[("grant_type", "client_credentials"), ("resource", REPORTS)]);
    refused(other.form("/oauth/token", &form, Some(&basic)).await, "invalid_target");
    // To look at the list is to look.
    other.get("/auth/resource-servers", &town.key).await.expect(200);
    other.form("/oauth/token", &form, Some(&basic)).await.expect(200);
    town.call(&format!("DELETE /auth/resource-servers/{}", reports.id), None)
        .await
        .expect(204);
    other.get("/auth/resource-servers", &town.key).await.expect(200);
    refused(other.form("/oauth/token", &form, Some(&basic)).await, "invalid_target");
}

async fn a_server_is_the_business_of_its_own_project(database: &TestDatabase) {
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    let (_, stranger) = town.house.owner(11, Cluster::Local).await;
    let stranger = stranger.text.expose();
    let call = async |line: &str, body: Option<&Value>| town.house.call(line, stranger, "198.51.100.7", body).await;
    let list = call("GET /auth/resource-servers", None).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "the wallet's alone");
    call(&format!("GET /auth/resource-servers/{}", reports.id), None)
        .await
        .is(Code::ResourceServerNotFound);
    call(&format!("DELETE /auth/resource-servers/{}", reports.id), None)
        .await
        .is(Code::ResourceServerNotFound);
    let wants = json!({"name": "k", "scopes": ["reports:read"]});
    town.house.make(stranger, wants).await.is(Code::AuthScopeInsufficient);
    let invite = json!({"name": "x", "role": "reporter"});
    call("POST /auth/users", Some(&invite))
        .await
        .is(Code::ValidationInvalidEnum);
    let made = json!({"name": "s", "scopes": ["agents:read"]});
    let made = call("POST /auth/clients", Some(&made)).await.expect(201);
    let pair = format!(
        "{}:{}",
        made["id"].as_str().unwrap(),
        made["clientSecret"].as_str().unwrap()
    );
    let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
    refused(token_for(&town, &basic, REPORTS).await, "invalid_target");
}
