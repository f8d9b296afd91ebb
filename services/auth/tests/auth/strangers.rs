//! People let in clients that nobody here made, on both databases.

use {
    crate::{
        authenticator::Browser,
        consent::{BACK, ask, click, field, of, pair, redeeming, told, wish},
        house::{Answer, facts},
        people_contract::Town,
    },
    portreeve_kernel::Code,
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
};

facts! {
    whoever_registered_is_let_in_by_a_person_and_may_ask_for_more_later;
    a_document_is_judged_anew_at_every_step;
    a_consent_to_a_client_that_changed_meanwhile_is_none;
    a_client_that_was_shown_under_another_name_or_address_gets_nothing;
    a_stranger_is_given_nothing_that_the_document_does_not_name;
}

const CLIENT: &str = "https://planner.example/client.json";

fn document(redirect: &str) -> Value {
    json!({
        "client_id": CLIENT, "client_name": "Planner", "redirect_uris": [redirect],
        "grant_types": ["authorization_code", "refresh_token"],
    })
}

/// A code for what stands on the page.
async fn code(browser: &mut Browser<'_>, request: &str, scopes: &[&str]) -> String {
    let next = click(browser, request, json!({"scopes": scopes})).await.expect(200);
    of(&told(next["next"].as_str().unwrap()), "code").to_owned()
}

async fn refresh(town: &Town, client: &str, token: &str) -> Answer {
    ask(
        &town.house,
        client,
        &[("grant_type", "refresh_token"), ("refresh_token", token)],
    )
    .await
}

/// AUTH_CHECKLIST 5.10, 7.1, 7.5
async fn whoever_registered_is_let_in_by_a_person_and_may_ask_for_more_later(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let metadata = json!({
        "client_name": "<b>Planner</b>", "redirect_uris": [BACK], "scope": "agents:read",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let headers = [("content-type", "application/json")];
    let body = metadata.to_string();
    let made = town
        .house
        .at_root("POST /oauth/register", &headers, Some(&body))
        .await
        .expect(201);
    let client = made["client_id"].as_str().unwrap().to_owned();

    let first = wish(&client, &[("scope", "agents:read")]);
    let page = browser.page(&format!("/oauth/authorize?{first}")).await.expect(200);
    let page = page.as_str().unwrap();
    assert!(
        page.contains("planner.example") && !page.contains("<b>Planner"),
        "{page}"
    );
    assert!(page.contains("warning"), "nobody here made it: {page}");
    let shown = code(&mut browser, &first, &["agents:read"]).await;
    let got = ask(&town.house, &client, &redeeming(&shown, &[])).await.expect(200);
    assert_eq!(got["scope"], "agents:read");

    let more = wish(&client, &[("scope", "agents:read transactions:execute")]);
    let shown = code(&mut browser, &more, &["agents:read", "transactions:execute"]).await;
    let got = ask(&town.house, &client, &redeeming(&shown, &[])).await.expect(200);
    assert_eq!(
        got["scope"], "agents:read transactions:execute",
        "what it registered is no ceiling"
    );

    town.house.after(2 * 24 * 60 * 60);
    town.house.keys.sweep().await.unwrap();
    let got = refresh(&town, &client, &pair(&got).1).await.expect(200);
    town.house.look(&pair(&got).0).await.is(Code::AuthScopeInsufficient);
}

/// AUTH_CHECKLIST 7.6
async fn a_document_is_judged_anew_at_every_step(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let there = |is_there: bool| match is_there {
        true => town.house.elsewhere.put(CLIENT, &document(BACK), 0),
        false => town.house.elsewhere.take_away(CLIENT),
    };
    let request = wish(CLIENT, &[("scope", "agents:read")]);
    browser.page(&format!("/oauth/authorize?{request}")).await.expect(400);
    there(true);
    let shown = code(&mut browser, &request, &["agents:read"]).await;

    let redeem = async || ask(&town.house, CLIENT, &redeeming(&shown, &[])).await;
    there(false);
    assert_eq!(redeem().await.expect(401)["error"], "invalid_client");
    there(true);
    let (access, next) = pair(&redeem().await.expect(200));
    town.house.look(&access).await.is(Code::AuthScopeInsufficient);

    there(false);
    assert_eq!(
        refresh(&town, CLIENT, &next).await.expect(401)["error"],
        "invalid_client"
    );
    there(true);
    let (access, _) = pair(&refresh(&town, CLIENT, &next).await.expect(200));
    let revoke = async || {
        let client: String = form_urlencoded::byte_serialize(CLIENT.as_bytes()).collect();
        let form = format!("client_id={client}&token={access}");
        town.house.form("/oauth/revoke", &form, None).await
    };
    there(false);
    assert_eq!(revoke().await.expect(401)["error"], "invalid_client");
    town.house.look(&access).await.is(Code::AuthScopeInsufficient);
    there(true);
    revoke().await.expect(200);
    town.house.look(&access).await.is(Code::AuthTokenRevoked);
    let grants = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(
        (&grants["items"][0]["clientId"], &grants["items"][0]["clientName"]),
        (&json!(CLIENT), &json!("Planner"))
    );
}

async fn a_consent_to_a_client_that_changed_meanwhile_is_none(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    town.house.elsewhere.put(CLIENT, &document(BACK), 0);
    let request = wish(CLIENT, &[("scope", "agents:read")]);
    let page = browser.page(&format!("/oauth/authorize?{request}")).await.expect(200);
    let body = json!({
        "request": field(&page, "request"), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": ["agents:read"], "agentId": null,
    });
    town.house
        .elsewhere
        .put(CLIENT, &document("https://evil.example/callback"), 0);
    browser.ask("/oauth/consent", &body).await.is(Code::AuthClientNotFound);
    town.house.elsewhere.take_away(CLIENT);
    browser.ask("/oauth/consent", &body).await.is(Code::AuthClientNotFound);
    let grants = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(grants["items"], json!([]));
    town.house.elsewhere.put(CLIENT, &document(BACK), 0);
    browser.ask("/oauth/consent", &body).await.expect(200);
}

async fn a_client_that_was_shown_under_another_name_or_address_gets_nothing(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    town.house.elsewhere.put(CLIENT, &document(BACK), 0);
    // It leaves out where the answer goes: the page says what the document has.
    let request = wish(CLIENT, &[("scope", "agents:read"), ("redirect_uri", "-")]);
    let page = browser.page(&format!("/oauth/authorize?{request}")).await.expect(200);
    assert!(page.as_str().unwrap().contains("planner.example"), "{page}");
    let body = json!({
        "request": field(&page, "request"), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": ["agents:read"], "agentId": null,
    });
    let mut renamed = document(BACK);
    renamed["client_name"] = json!("Your bank");
    for other in [document("https://evil.example/callback"), renamed] {
        town.house.elsewhere.put(CLIENT, &other, 0);
        let refused = browser.ask("/oauth/consent", &body).await;
        refused.is(Code::RequestOriginNotAllowed);
    }
    town.house.elsewhere.put(CLIENT, &document(BACK), 0);
    browser.ask("/oauth/consent", &body).await.expect(200);
}

/// AUTH_CHECKLIST 7.5
async fn a_stranger_is_given_nothing_that_the_document_does_not_name(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    town.house.elsewhere.put(CLIENT, &document(BACK), 0);
    let request = wish(CLIENT, &[("scope", "agents:read admin:all policies:write")]);
    let page = browser.page(&format!("/oauth/authorize?{request}")).await.expect(200);
    let text = page.as_str().unwrap();
    assert!(
        text.contains("value=\"agents:read\"") && !text.contains("value=\"admin:all\""),
        "{text}"
    );
    for wider in ["admin:all", "policies:write"] {
        let refused = click(&mut browser, &request, json!({"scopes": ["agents:read", wider]})).await;
        refused.is(Code::AuthScopeInsufficient);
    }
    click(&mut browser, &request, json!({"scopes": ["agents:read"]}))
        .await
        .expect(200);
}
