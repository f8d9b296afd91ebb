//! What becomes of refresh tokens, on both databases.

use {
    crate::{
        consent::{SCOPES, Square, WALLET, ask, data, form, of, pair, program, redeeming, refused, told, wish},
        house::{House, facts},
        people_contract::Town,
    },
    portreeve_store::testing::TestDatabase,
    serde_json::json,
    std::sync::Arc,
    tokio::task::JoinSet,
};

facts! {
    a_refresh_token_is_exchanged_and_within_the_grace_the_same_successor_comes_again;
    a_refresh_token_that_comes_back_after_the_grace_ends_the_family_and_a_stranger_ends_nothing;
    of_fifty_who_refresh_at_once_all_get_the_same_successor;
    a_refresh_never_widens_and_narrowing_does_not_shrink_the_grant;
    a_refresh_token_that_cannot_be_served_is_not_used_up;
    a_code_that_cannot_be_served_is_not_used_up;
    giving_a_refresh_token_back_ends_its_access_tokens_and_nobody_elses;
}

/// AUTH_CHECKLIST 6.11
async fn a_refresh_token_is_exchanged_and_within_the_grace_the_same_successor_comes_again(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let (_, first) = square.tokens().await;
    let (access, second) = pair(&square.refresh(&first, &[]).await.expect(200));
    assert_ne!(first, second);
    square.is_good(&access).await;
    town.house.after(19);
    let (again, same) = pair(&square.refresh(&first, &[]).await.expect(200));
    assert_eq!(same, second, "an answer that was lost is given again");
    assert_ne!(again, access);
    let (_, third) = pair(&square.refresh(&second, &[]).await.expect(200));
    town.house.after(7 * 86_400 - 1);
    let (_, fourth) = pair(&square.refresh(&third, &[]).await.expect(200));
    town.house.after(7 * 86_400);
    refused(square.refresh(&fourth, &[]).await, "invalid_grant");
}

/// AUTH_CHECKLIST 6.11, 6.13
async fn a_refresh_token_that_comes_back_after_the_grace_ends_the_family_and_a_stranger_ends_nothing(
    database: &TestDatabase,
) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let another = program(&town, "Another").await;
    let (_, first) = square.tokens().await;
    let (access, second) = pair(&square.refresh(&first, &[]).await.expect(200));
    town.house.after(20);
    let stolen = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*first),
        ("client_id", &another),
    ];
    refused(square.ask(&stolen).await, "invalid_grant");
    square.is_good(&access).await;
    refused(square.refresh("wrt_x", &[]).await, "invalid_grant");
    refused(square.refresh(&first, &[]).await, "invalid_grant");
    square.is_dead(&access).await;
    refused(square.refresh(&second, &[]).await, "invalid_grant");
    let log = town.house.audit().await;
    let ended = log.iter().find(|row| row.kind == "oauth.grant_revoked").unwrap();
    assert_eq!(data(ended)["why"], "refresh_reused");
}

async fn of_fifty_who_refresh_at_once_all_get_the_same_successor(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let (_, first) = square.tokens().await;
    let house = Arc::new(House::new(database, 2).await);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (house, client, first) = (house.clone(), square.client.clone(), first.clone());
        all.spawn(async move {
            let pairs = [("grant_type", "refresh_token"), ("refresh_token", &*first)];
            let told = ask(&house, &client, &pairs).await.expect(200);
            pair(&told).1
        });
    }
    let mut successors = all.join_all().await;
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM oauth_refresh_tokens").await, 2);
}

/// AUTH_CHECKLIST 6.12
async fn a_refresh_never_widens_and_narrowing_does_not_shrink_the_grant(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let (_, first) = square.tokens().await;
    for wider in [
        "agents:write",
        "agents:read agents:write",
        "admin:all",
        "Agents:read",
        " ",
    ] {
        refused(square.refresh(&first, &[("scope", wider)]).await, "invalid_scope");
    }
    let other = [("resource", "https://portreeve.test/vault/mcp")];
    refused(square.refresh(&first, &other).await, "invalid_target");
    let narrow = square.refresh(&first, &[("scope", "agents:read")]).await.expect(200);
    assert_eq!(narrow["scope"], "agents:read");
    let whole = square
        .refresh(&pair(&narrow).1, &[("resource", WALLET)])
        .await
        .expect(200);
    assert_eq!(whole["scope"], SCOPES);
}

/// A server that `other` does not know, which was there before it: as when it is being removed.
async fn unknown_to_others(town: &Town) -> &'static str {
    let resource = "https://reports.example/mcp";
    let server = json!({
        "name": "Reports", "resource": resource,
        "scopes": [{"scope": "reports:read", "words": "Read the reports"}],
    });
    town.call("POST /auth/resource-servers", Some(&server))
        .await
        .expect(201);
    resource
}

async fn a_refresh_token_that_cannot_be_served_is_not_used_up(database: &TestDatabase) {
    let town = Town::new(database).await;
    // It does not look again while the test goes on.
    let other = House::new(database, 9).await;
    let resource = unknown_to_others(&town).await;
    let mut square = Square::new(&town).await;
    let code = code_for(&mut square, resource).await;
    let redeemed = square.ask(&redeeming(&code, &[])).await.expect(200);
    let (_, refresh) = pair(&redeemed);
    let asked = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    refused(ask(&other, &square.client, &asked).await, "invalid_target");
    town.house.after(21);
    square.refresh(&refresh, &[]).await.expect(200);
}

async fn code_for(square: &mut Square<'_>, resource: &str) -> String {
    let request = wish(&square.client, &[("resource", resource), ("scope", "reports:read")]);
    let next = square.click(&request, json!({"scopes": ["reports:read"]})).await;
    let next = next.expect(200)["next"].clone();
    of(&told(next.as_str().unwrap()), "code").to_owned()
}

async fn a_code_that_cannot_be_served_is_not_used_up(database: &TestDatabase) {
    let town = Town::new(database).await;
    let other = House::new(database, 9).await;
    let resource = unknown_to_others(&town).await;
    let mut square = Square::new(&town).await;
    let code = code_for(&mut square, resource).await;
    for _ in 0..2 {
        refused(
            ask(&other, &square.client, &redeeming(&code, &[])).await,
            "invalid_target",
        );
    }
    let tokens = town.count("SELECT COUNT(*) AS n FROM oauth_refresh_tokens").await;
    assert_eq!(tokens, 0, "nobody would ever see them");
    let (_, refresh) = pair(&square.ask(&redeeming(&code, &[])).await.expect(200));
    square.refresh(&refresh, &[]).await.expect(200);
    // Whoever shows it again still ends what it bought.
    refused(
        ask(&other, &square.client, &redeeming(&code, &[])).await,
        "invalid_grant",
    );
    refused(square.refresh(&refresh, &[]).await, "invalid_grant");
}

/// AUTH_CHECKLIST 8.1
async fn giving_a_refresh_token_back_ends_its_access_tokens_and_nobody_elses(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let another = program(&town, "Another").await;
    let (access, refresh) = square.tokens().await;
    let (other, _) = square.tokens().await;
    let give = async |client: &str, token: &str| {
        let pairs = [
            ("token", token),
            ("client_id", client),
            ("token_type_hint", "access_token"),
        ];
        town.house.form("/oauth/revoke", &form(&pairs), None).await.expect(200)
    };
    give(&another, &refresh).await;
    give(&square.client, "wrt_nobodys").await;
    square.is_good(&access).await;
    give(&square.client, &refresh).await;
    square.is_dead(&access).await;
    square.is_good(&other).await;
    refused(square.refresh(&refresh, &[]).await, "invalid_grant");
}
