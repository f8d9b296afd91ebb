//! What a person grants who has to be there, on both databases.

use {
    crate::{
        consent::{SCOPES, Square, field, wish},
        house::facts,
        people_contract::Town,
    },
    portreeve_kernel::Code,
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
};

facts! {
    what_moves_money_is_granted_within_five_minutes_after_the_passkey_was_shown;
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
