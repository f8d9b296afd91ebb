//! What a person grants who has to be there, on both databases.

use {
    crate::{
        consent::{SCOPES, Square, click, field, program, wish},
        house::facts,
        people_contract::Town,
    },
    portreeve_kernel::Code,
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
};

facts! {
    what_moves_money_is_granted_within_five_minutes_after_the_passkey_was_shown;
    whoever_passes_the_checks_of_a_server_hands_that_on_as_freshly;
}

async fn what_moves_money_is_granted_within_five_minutes_after_the_passkey_was_shown(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let request = wish(&square.client, &[]);
    let address = format!("/oauth/authorize?{request}");
    town.house.after(299);
    let page = square.browser.page(&address).await.expect(200);
    let mut body = json!({
        "request": field(&page, "request"), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": SCOPES.split(' ').collect::<Vec<_>>(), "agentId": null,
    });
    town.house.after(1);
    let refused = square.browser.ask("/oauth/consent", &body).await;
    assert_eq!(refused.is(Code::AuthAssertionRequired)["param"], "scopes");
    // On behalf of an agent it moves money, too.
    town.house.wallet.adds(&square.agent, &town.owner);
    body["agentId"] = json!(square.agent);
    square
        .browser
        .ask("/oauth/consent", &body)
        .await
        .is(Code::AuthAssertionRequired);
    body["agentId"] = Value::Null;
    body["scopes"] = json!(["agents:read"]);
    square.browser.ask("/oauth/consent", &body).await.expect(200);
    // Whoever only reads is asked as before, and whoever pays has to be there.
    let reads = wish(&square.client, &[("scope", "agents:read")]);
    square
        .click(&reads, json!({"scopes": ["agents:read"]}))
        .await
        .expect(200);
    let page = square.browser.page(&address).await.expect(200);
    let page = page.as_str().unwrap();
    assert!(
        page.contains("id=\"signin\"") && !page.contains("id=\"consent\""),
        "{page}"
    );
    square.browser.sign_in(&mut square.device).await.expect(200);
    square.click(&request, json!({})).await.expect(200);
}

async fn whoever_passes_the_checks_of_a_server_hands_that_on_as_freshly(database: &TestDatabase) {
    let town = Town::new(database).await;
    let resource = "https://reports.example/mcp";
    let server = json!({
        "name": "Reports", "resource": resource,
        "scopes": [{"scope": "reports:read", "words": "Read the reports"}],
        "roles": [
            {"role": "reporter", "scopes": ["reports:read"]},
            {"role": "chief", "scopes": ["reports:read"], "bypass": true},
        ],
    });
    town.call("POST /auth/resource-servers", Some(&server))
        .await
        .expect(201);
    let client = program(&town, "Reader").await;
    let request = wish(&client, &[("resource", resource), ("scope", "reports:read")]);
    let chosen = || json!({"scopes": ["reports:read"]});
    let (_, _, mut reporter) = town.person(1, "reporter").await;
    let (_, mut device, mut chief) = town.person(2, "chief").await;
    let address = format!("/oauth/authorize?{request}");
    town.house.after(299);
    let page = chief.page(&address).await.expect(200);
    let body = json!({
        "request": field(&page, "request"), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": ["reports:read"], "agentId": null,
    });
    town.house.after(1);
    chief.ask("/oauth/consent", &body).await.is(Code::AuthAssertionRequired);
    let page = chief.page(&address).await.expect(200);
    assert!(page.as_str().unwrap().contains("id=\"signin\""), "{page}");
    click(&mut reporter, &request, chosen()).await.expect(200);
    chief.sign_in(&mut device).await.expect(200);
    click(&mut chief, &request, chosen()).await.expect(200);
}
