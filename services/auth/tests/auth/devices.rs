//! Programs without a browser, and the people who let them in, on both databases.

use {
    crate::{
        authenticator::Browser,
        consent::field,
        house::{Answer, House, facts},
        people_contract::Town,
        resources::{REPORTS, register, reports},
    },
    portreeve_kernel::{Cluster, Code, Secret},
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
    std::sync::Arc,
    tokio::task::JoinSet,
};

facts! {
    a_program_without_a_browser_gets_tokens_when_a_person_says_yes_elsewhere;
    a_program_that_asks_too_often_has_to_wait_longer_each_time;
    nobody_decides_twice_and_a_no_is_told;
    of_fifty_who_fetch_at_once_one_gets_tokens;
    a_device_code_is_its_clients_and_over_in_ten_minutes;
    a_device_code_that_cannot_be_served_is_not_used_up;
    user_codes_cannot_be_tried;
    a_wrong_code_is_told_of_whether_it_was_opened_or_clicked;
    nothing_is_decided_without_the_click_of_who_was_shown_that_code;
    what_is_over_is_forgotten;
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn kiosk(town: &Town) -> String {
    let body = json!({"name": "Kiosk", "onDevice": true, "authMethod": "none"});
    let made = town.call("POST /auth/clients", Some(&body)).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn begin(house: &House, client: &str) -> Value {
    let form = format!("client_id={client}&scope=agents%3Aread+transactions%3Aexecute");
    let answer = house.form("/oauth/device_authorization", &form, None).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.expect(200)
}

async fn poll(house: &House, client: &str, begun: &Value) -> Answer {
    let code = begun["device_code"].as_str().unwrap();
    let form = format!("grant_type={GRANT}&client_id={client}&device_code={code}");
    house.form("/oauth/token", &form, None).await
}

#[track_caller]
fn refused(answer: Answer, error: &str) {
    assert_eq!(answer.expect(400)["error"], error);
}

/// Opens the page with the code and clicks, `change`d.
async fn click(browser: &mut Browser<'_>, begun: &Value, change: Value) -> Answer {
    let code = begun["user_code"].as_str().unwrap();
    let page = browser.page(&format!("/device?user_code={code}")).await.expect(200);
    assert!(
        page.as_str().unwrap().contains(&format!("<strong>{code}</strong>")),
        "{page}"
    );
    let mut body = json!({
        "userCode": field(&page, "userCode"), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": ["agents:read", "transactions:execute"], "agentId": null,
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    browser.ask("/device", &body).await
}

async fn a_program_without_a_browser_gets_tokens_when_a_person_says_yes_elsewhere(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (user, _, mut browser) = town.person(1, "owner").await;
    let client = kiosk(&town).await;
    let begun = begin(&town.house, &client).await;
    assert_eq!((&begun["interval"], &begun["expires_in"]), (&json!(5), &json!(600)));
    let shown = begun["user_code"].as_str().unwrap();
    assert_eq!(begun["verification_uri"], "https://portreeve.test/device");
    assert_eq!(
        begun["verification_uri_complete"],
        json!(format!("https://portreeve.test/device?user_code={shown}"))
    );
    refused(poll(&town.house, &client, &begun).await, "authorization_pending");
    // As people type: small letters, no hyphen. Whoever is not signed in comes back to it.
    let typed = shown.to_lowercase().replace('-', "");
    let page = Browser::new(&town.house)
        .page(&format!("/device?user_code={typed}"))
        .await
        .expect(200);
    assert_eq!(field(&page, "next"), format!("/device?user_code={shown}"));
    let next = click(&mut browser, &begun, json!({})).await.expect(200);
    assert_eq!(next["next"], "/device/done");
    browser.page("/device/done").await.expect(200);

    town.house.after(5);
    let told = poll(&town.house, &client, &begun).await.expect(200);
    assert_eq!(told["scope"], "agents:read transactions:execute");
    let access = told["access_token"].as_str().unwrap();
    town.house.look(access).await.is(Code::AuthScopeInsufficient);
    let payload = town.house.signing.verified(access).await.unwrap().unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["sub"], json!(user));
    let refresh = told["refresh_token"].as_str().unwrap();
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&client_id={client}");
    town.house.form("/oauth/token", &form, None).await.expect(200);
    refused(poll(&town.house, &client, &begun).await, "invalid_grant");
    town.house.look(access).await.is(Code::AuthScopeInsufficient);
}

async fn a_program_that_asks_too_often_has_to_wait_longer_each_time(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let client = kiosk(&town).await;
    let begun = begin(&town.house, &client).await;
    refused(poll(&town.house, &client, &begun).await, "authorization_pending");
    town.house.after(4);
    refused(poll(&town.house, &client, &begun).await, "slow_down");
    click(&mut browser, &begun, json!({})).await.expect(200);
    // Another node has not asked, and knows all the same.
    let other = House::new(database, 7).await;
    other.after(4 + 9);
    refused(poll(&other, &client, &begun).await, "slow_down");
    other.after(15);
    poll(&other, &client, &begun).await.expect(200);
}

async fn nobody_decides_twice_and_a_no_is_told(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let (_, _, mut other) = town.person(2, "owner").await;
    let client = kiosk(&town).await;
    let begun = begin(&town.house, &client).await;
    let code = begun["user_code"].as_str().unwrap();
    let page = other.page(&format!("/device?user_code={code}")).await.expect(200);
    click(&mut browser, &begun, json!({"decision": "deny"}))
        .await
        .expect(200);
    refused(poll(&town.house, &client, &begun).await, "access_denied");
    let body = json!({
        "userCode": field(&page, "userCode"), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": ["agents:read"], "agentId": null,
    });
    other.ask("/device", &body).await.is(Code::AuthDeviceNotFound);
    refused(poll(&town.house, &client, &begun).await, "access_denied");
    let grants = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(grants["items"], json!([]));
    let kinds: Vec<String> = town.house.audit().await.into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "oauth.denied").count(), 1);
}

async fn of_fifty_who_fetch_at_once_one_gets_tokens(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let client = kiosk(&town).await;
    let begun = Arc::new(begin(&town.house, &client).await);
    click(&mut browser, &begun, json!({})).await.expect(200);
    let house = Arc::new(House::new(database, 2).await);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (house, client, begun) = (house.clone(), client.clone(), begun.clone());
        all.spawn(async move { poll(&house, &client, &begun).await });
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM oauth_refresh_tokens").await, 1);
}

async fn a_device_code_is_its_clients_and_over_in_ten_minutes(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, mut device, mut browser) = town.person(1, "owner").await;
    let (client, other) = (kiosk(&town).await, kiosk(&town).await);
    let begun = begin(&town.house, &client).await;
    click(&mut browser, &begun, json!({})).await.expect(200);
    refused(poll(&town.house, &other, &begun).await, "invalid_grant");
    let unknown = json!({"device_code": "wdc_x"});
    refused(poll(&town.house, &client, &unknown).await, "invalid_grant");
    town.house.after(600);
    refused(poll(&town.house, &client, &begun).await, "expired_token");
    let late = begin(&town.house, &client).await;
    town.house.after(600);
    let code = late["user_code"].as_str().unwrap();
    browser.page(&format!("/device?user_code={code}")).await.expect(404);

    // What ends the grant ends what waits to be fetched.
    browser.sign_in(&mut device).await.expect(200);
    let begun = begin(&town.house, &client).await;
    click(&mut browser, &begun, json!({})).await.expect(200);
    let list = town.call("GET /auth/grants?limit=1", None).await.expect(200);
    let grant = list["items"][0]["id"].as_str().unwrap();
    town.call(&format!("DELETE /auth/grants/{grant}"), None)
        .await
        .expect(204);
    refused(poll(&town.house, &client, &begun).await, "invalid_grant");
    // And a client that did not register the grant begins nothing.
    let body = json!({"name": "robot", "scopes": ["agents:read"]});
    let robot = town.call("POST /auth/clients", Some(&body)).await.expect(201);
    let form = format!(
        "client_id={}&client_secret={}",
        robot["id"].as_str().unwrap(),
        robot["clientSecret"].as_str().unwrap()
    );
    let refusal = town.house.form("/oauth/device_authorization", &form, None).await;
    refused(refusal, "unauthorized_client");
}

async fn a_device_code_that_cannot_be_served_is_not_used_up(database: &TestDatabase) {
    let town = Town::new(database).await;
    // It does not look again while the test goes on.
    let other = House::new(database, 9).await;
    register(&town, &reports()).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let client = kiosk(&town).await;
    let form = format!("client_id={client}&resource={REPORTS}&scope=reports%3Aread");
    let begun = town
        .house
        .form("/oauth/device_authorization", &form, None)
        .await
        .expect(200);
    click(&mut browser, &begun, json!({"scopes": ["reports:read"]}))
        .await
        .expect(200);
    for _ in 0..2 {
        refused(poll(&other, &client, &begun).await, "invalid_target");
    }
    let told = poll(&town.house, &client, &begun).await.expect(200);
    assert_eq!(told["scope"], "reports:read");
    refused(poll(&town.house, &client, &begun).await, "invalid_grant");
}

async fn user_codes_cannot_be_tried(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    for tried in ["BBBB-BBBB", "x", "%00", "BBBBBBBBB", ""] {
        let page = browser.page(&format!("/device?user_code={tried}")).await.expect(404);
        assert!(
            page.as_str().unwrap().contains("No program waits with that code"),
            "{tried}"
        );
    }
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(browser.page("/device?user_code=BBBB-BBBC").await.status.as_u16());
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    // A plain hash of the code is nowhere: who has the database cannot try them all.
    let client = kiosk(&town).await;
    let begun = begin(&town.house, &client).await;
    let code = begun["user_code"].as_str().unwrap();
    use portreeve_store::{Fetch, Sql};
    use sha2::{Digest, Sha256};
    let rows = town
        .house
        .db
        .read()
        .fetch_all(Sql::new("SELECT user_hash FROM oauth_devices"))
        .await;
    let kept: [u8; 32] = rows.unwrap()[0].get("user_hash").unwrap();
    assert_ne!(kept.as_slice(), Sha256::digest(code).as_slice());
    assert_ne!(kept.as_slice(), Sha256::digest(code.replace('-', "")).as_slice());
}

async fn a_wrong_code_is_told_of_whether_it_was_opened_or_clicked(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let cookie = Secret::new(browser.cookie.split_once('=').unwrap().1.to_owned());
    // Whoever holds the session makes the form's token without the page, and tries codes by clicks.
    let body = |code: &str, decision: &str| {
        json!({
            "userCode": code, "formToken": portreeve_pages::form_token::of(&cookie, &format!("device {code}")),
            "decision": decision, "scopes": ["agents:read"], "agentId": null,
        })
    };
    browser.page("/device?user_code=BBBB-BBBB").await.expect(404);
    for (code, decision) in [
        ("BBBB-BBBB", "allow"),
        ("BBBB-BBBC", "deny"),
        ("no code at all", "allow"),
    ] {
        let refused = browser.ask("/device", &body(code, decision)).await;
        refused.is(Code::AuthDeviceNotFound);
    }
    let log = town.house.audit().await;
    let told = log
        .iter()
        .filter(|row| row.kind == "auth.failed" && row.data.contains("/device"));
    let mut told: Vec<(String, u64)> = told
        .map(|row| {
            let data: Value = serde_json::from_str(&row.data).unwrap();
            assert!(!row.data.contains("BBBB"), "{}", row.data);
            (
                data["method"].as_str().unwrap().to_owned(),
                data["count"].as_u64().unwrap(),
            )
        })
        .collect();
    told.sort();
    assert_eq!(told, [("GET".to_owned(), 1), ("POST".to_owned(), 3)]);
    // And each was a strike.
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(
            browser
                .ask("/device", &body("no code at all", "allow"))
                .await
                .status
                .as_u16(),
        );
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

async fn nothing_is_decided_without_the_click_of_who_was_shown_that_code(database: &TestDatabase) {
    let town = Town::new(database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let (_, _, mut other) = town.person(2, "owner").await;
    let client = kiosk(&town).await;
    let (one, two) = (begin(&town.house, &client).await, begin(&town.house, &client).await);
    let path = |begun: &Value| format!("/device?user_code={}", begun["user_code"].as_str().unwrap());
    let page = browser.page(&path(&one)).await.expect(200);
    let body = |code: &Value| {
        json!({
            "userCode": code, "formToken": field(&page, "formToken"), "decision": "allow",
            "scopes": ["agents:read"], "agentId": null,
        })
    };
    browser
        .ask("/device", &body(&two["user_code"]))
        .await
        .is(Code::RequestOriginNotAllowed);
    other
        .ask("/device", &body(&one["user_code"]))
        .await
        .is(Code::RequestOriginNotAllowed);
    let mut stranger = Browser::new(&town.house);
    stranger
        .ask("/device", &body(&one["user_code"]))
        .await
        .is(Code::AuthSessionOver);
    let wide = json!({"scopes": ["admin:all"]});
    click(&mut browser, &one, wide).await.is(Code::AuthScopeInsufficient);
    for begun in [&one, &two] {
        refused(poll(&town.house, &client, begun).await, "authorization_pending");
    }
    // A program of another owner's people waits for them.
    let (owner, key) = town.house.owner(77, Cluster::Local).await;
    let theirs = Town {
        house: House::new(database, 3).await,
        key: key.text.expose().to_owned(),
        owner: owner.id,
    };
    let foreign = begin(&town.house, &kiosk(&theirs).await).await;
    browser.page(&path(&foreign)).await.expect(404);
    // Whoever makes the form's token themselves decides no more than who was shown the page.
    let code = foreign["user_code"].as_str().unwrap();
    let cookie = browser.cookie.split_once('=').unwrap().1.to_owned();
    let token = portreeve_pages::form_token::of(&Secret::new(cookie), &format!("device {code}"));
    let mut forged = body(&foreign["user_code"]);
    forged["formToken"] = json!(token);
    browser.ask("/device", &forged).await.is(Code::AuthDeviceNotFound);
}

async fn what_is_over_is_forgotten(database: &TestDatabase) {
    let town = Town::new(database).await;
    let client = kiosk(&town).await;
    begin(&town.house, &client).await;
    town.house.keys.sweep().await.unwrap();
    let count = async || town.count("SELECT COUNT(*) AS n FROM oauth_devices").await;
    assert_eq!(count().await, 1);
    town.house.after(86_401);
    town.house.keys.sweep().await.unwrap();
    assert_eq!(count().await, 0);
}
