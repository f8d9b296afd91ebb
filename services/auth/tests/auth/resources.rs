//! Resource servers: registered, asked for tokens for, told what is for them, removed. On both databases.

use {
    crate::{
        authenticator::Browser,
        consent::{BACK, SCOPES, WALLET, ask, click, data, form, of, pair, program, redeeming, refused, told, wish},
        house::{Answer, House, ORIGIN, START, facts},
        own_servers::started,
        people_contract::Town,
    },
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_kernel::{Cluster, Code, entropy::Seeded},
    portreeve_store::{Fetch, Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
};

facts! {
    a_stranger_is_registered_like_the_wallet_and_gets_tokens_of_its_own;
    the_wallet_registers_itself_once_and_follows_its_address;
    whoever_is_at_our_own_address_is_us;
    whoever_has_a_scope_of_ours_ends_when_we_start;
    nobody_registers_what_is_ours_or_anothers;
    names_that_a_removed_server_had_are_no_other_servers;
    servers_and_scopes_are_counted_by_owner;
    a_server_is_told_what_is_for_it_and_nothing_of_anything_else;
    keys_and_clients_hold_what_a_server_brought_along_by_who_may_register_servers;
    a_custom_role_holds_exactly_what_its_rows_say;
    only_a_person_in_their_own_browser_passes_the_checks_of_one_server;
}

pub(crate) const REPORTS: &str = "https://reports.example/mcp";

pub(crate) fn reports() -> Value {
    json!({
        "name": "Reports", "resource": REPORTS,
        "scopes": [
            {"scope": "reports:read", "words": "Read the reports", "isDefault": true},
            {"scope": "reports:write", "words": "Write reports"},
        ],
        "roles": [
            {"role": "reporter", "scopes": ["reports:read"]},
            {"role": "chief", "scopes": ["reports:read"], "bypass": true},
        ],
    })
}

/// A registered server.
pub(crate) struct Stranger {
    pub(crate) id: String,
    pub(crate) basic: String,
}

pub(crate) async fn register(town: &Town, body: &Value) -> Stranger {
    let made = town.call("POST /auth/resource-servers", Some(body)).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap();
    assert_eq!(made["issuer"], ORIGIN);
    let pair = format!(
        "{}:{}",
        text("introspectionClientId"),
        text("introspectionClientSecret")
    );
    Stranger {
        id: text("id").to_owned(),
        basic: format!("Basic {}", BASE64_STANDARD.encode(pair)),
    }
}

impl Stranger {
    pub(crate) async fn asks(&self, town: &Town, credential: &str) -> Value {
        let answer = self.post(town, credential).await;
        answer.expect(200)
    }

    pub(crate) async fn post(&self, town: &Town, credential: &str) -> Answer {
        let form = format!("token={credential}");
        town.house.form("/oauth/introspect", &form, Some(&self.basic)).await
    }
}

/// A client of the owner's that acts by itself: its `Authorization`.
pub(crate) async fn service(town: &Town, scopes: &[&str]) -> String {
    let body = json!({"name": "service", "scopes": scopes});
    let made = town.call("POST /auth/clients", Some(&body)).await.expect(201);
    let pair = format!(
        "{}:{}",
        made["id"].as_str().unwrap(),
        made["clientSecret"].as_str().unwrap()
    );
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

pub(crate) async fn token_for(town: &Town, basic: &str, resource: &str) -> Answer {
    let form = form(&[("grant_type", "client_credentials"), ("resource", resource)]);
    town.house.form("/oauth/token", &form, Some(basic)).await
}

pub(crate) fn text(told: &Value, name: &str) -> String {
    told[name].as_str().unwrap().to_owned()
}

pub(crate) fn inactive() -> Value {
    json!({"active": false})
}

async fn a_stranger_is_registered_like_the_wallet_and_gets_tokens_of_its_own(database: &TestDatabase) {
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    let list = town.call("GET /auth/resource-servers", None).await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["resource"], &items[0]["builtIn"]),
        (2, &json!(WALLET), &json!(true))
    );
    assert_eq!(
        (&items[1]["id"], &items[1]["builtIn"]),
        (&json!(reports.id), &json!(false))
    );
    let shown = town
        .call(&format!("GET /auth/resource-servers/{}", reports.id), None)
        .await
        .expect(200);
    assert_eq!(shown, items[1]);
    assert_eq!(shown["scopes"][0]["words"], "Read the reports");
    assert_eq!(shown["roles"][0]["bypass"], true);
    assert!(!shown.to_string().contains("wcs_"), "the secret is shown once");
    let page = town.call("GET /auth/resource-servers?limit=1", None).await.expect(200);
    let next = format!("GET /auth/resource-servers?limit=1&cursor={}", text(&page, "cursor"));
    let next = town.call(&next, None).await.expect(200);
    assert_eq!(
        (&next["items"][0]["id"], &next["cursor"]),
        (&json!(reports.id), &Value::Null)
    );

    let both = service(&town, &["reports:read", "agents:read"]).await;
    let theirs = token_for(&town, &both, REPORTS).await.expect(200);
    assert_eq!(
        theirs["scope"], "reports:read",
        "what only the wallet understands is not in it"
    );
    let ours = token_for(&town, &both, WALLET).await.expect(200);
    assert_eq!(ours["scope"], "agents:read");
    let plain = form(&[("grant_type", "client_credentials")]);
    let plain = town.house.form("/oauth/token", &plain, Some(&both)).await.expect(200);
    assert_eq!(plain["scope"], "agents:read", "the wallet is meant by who names none");
    refused(
        token_for(&town, &both, "https://reports.example").await,
        "invalid_target",
    );
    let only = service(&town, &["agents:read"]).await;
    refused(token_for(&town, &only, REPORTS).await, "invalid_scope");

    // Theirs is refused at the wallet, and ours is not for them.
    let (theirs, ours) = (text(&theirs, "access_token"), text(&ours, "access_token"));
    town.house.look(&theirs).await.is(Code::AuthKeyInvalid);
    town.house.look(&ours).await.is(Code::AuthScopeInsufficient);
    let told = reports.asks(&town, &theirs).await;
    assert_eq!(
        (&told["active"], &told["aud"], &told["scope"]),
        (&json!(true), &json!(REPORTS), &json!("reports:read"))
    );
    assert_eq!((&told["role"], told.get("bypass")), (&json!("owner"), None));
    // Also after it was told of: what is good there is good for nothing here.
    town.house.look(&theirs).await.is(Code::AuthKeyInvalid);
    assert_eq!(reports.asks(&town, &ours).await, inactive());
}

async fn rows(house: &House) -> Vec<(String, String, bool)> {
    let sql = Sql::new("SELECT id, resource, removed_at FROM resource_servers ORDER BY id");
    let rows = house.db.read().fetch_all(sql).await.unwrap();
    let read = |row: &portreeve_store::Row| {
        let removed: Option<i64> = row.get_optional("removed_at").unwrap();
        (row.get("id").unwrap(), row.get("resource").unwrap(), removed.is_some())
    };
    rows.iter().map(read).collect()
}

async fn the_wallet_registers_itself_once_and_follows_its_address(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let first = rows(&house).await;
    assert_eq!(first.len(), 1);
    started(&house, ORIGIN, 2, false).await;
    assert_eq!(rows(&house).await, first, "nothing is written for what is there");
    let kinds = async || {
        let log = house.audit().await;
        let servers = log.into_iter().filter(|row| row.kind.starts_with("resource_server."));
        servers.map(|row| (row.kind.clone(), data(&row))).collect::<Vec<_>>()
    };
    let told = kinds().await;
    assert_eq!(told.len(), 1, "{told:?}");
    started(&house, "https://elsewhere.test", 3, false).await;
    let moved = rows(&house).await;
    assert_eq!(
        moved,
        [(first[0].0.clone(), "https://elsewhere.test/mcp".to_owned(), false)]
    );
    let told = kinds().await;
    let (kind, about) = &told[1];
    assert_eq!(
        (kind.as_str(), &about["from"], &about["to"]),
        (
            "resource_server.changed",
            &json!(WALLET),
            &json!("https://elsewhere.test/mcp")
        )
    );
}

async fn whoever_is_at_our_own_address_is_us(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut body = reports();
    body["resource"] = json!("https://elsewhere.test/mcp");
    let stranger = register(&town, &body).await;
    started(&town.house, "https://elsewhere.test", 3, false).await;
    let left: Vec<_> = rows(&town.house)
        .await
        .into_iter()
        .filter(|(_, _, removed)| !removed)
        .collect();
    assert_eq!((left.len(), left[0].1.as_str()), (1, "https://elsewhere.test/mcp"));
    assert_ne!(left[0].0, stranger.id);
    stranger.post(&town, "x").await.expect(401);
}

async fn whoever_has_a_scope_of_ours_ends_when_we_start(database: &TestDatabase) {
    let town = Town::new(database).await;
    let stranger = register(&town, &reports()).await;
    let before = rows(&town.house).await;
    started(&town.house, ORIGIN, 2, false).await;
    assert_eq!(rows(&town.house).await, before);
    // As if it were registered when that was not built in yet.
    let unit = async move |tx: &mut Tx| {
        let rename = "UPDATE resource_scopes SET scope = 'wallets:fund' WHERE scope = 'reports:write'";
        tx.execute(Sql::new(rename)).await
    };
    assert_eq!(town.house.db.write::<_, StoreError, _>(unit).await.unwrap(), 1);
    started(&town.house, ORIGIN, 3, false).await;
    let left: Vec<_> = rows(&town.house)
        .await
        .into_iter()
        .filter(|(_, _, removed)| !removed)
        .collect();
    assert_eq!((left.len(), left[0].1.as_str()), (1, WALLET));
    stranger.post(&town, "x").await.expect(401);
    let log = town.house.audit().await;
    let told = log.iter().find(|row| row.kind == "resource_server.removed").unwrap();
    assert_eq!(
        (told.subject.as_str(), told.actor.as_str()),
        (stranger.id.as_str(), "serve")
    );
}

/// Another server, with other names.
fn other() -> Value {
    json!({
        "name": "Other", "resource": "https://other.example/mcp", "scopes": [{"scope": "other:read", "words": "x"}],
        "roles": [{"role": "reader", "scopes": ["other:read"]}],
    })
}

async fn names_that_a_removed_server_had_are_no_other_servers(database: &TestDatabase) {
    let town = Town::new(database).await;
    let first = register(&town, &reports()).await;
    let (key, _) = town
        .house
        .made(&town.key, json!({"name": "k", "scopes": ["reports:write"]}))
        .await;
    town.call(&format!("DELETE /auth/resource-servers/{}", first.id), None)
        .await
        .expect(204);
    let mut scope = other();
    scope["scopes"][0]["scope"] = json!("reports:write");
    scope["roles"] = json!([]);
    let mut role = other();
    role["roles"][0]["role"] = json!("chief");
    for (body, param) in [(&scope, "scopes"), (&role, "roles")] {
        let told = town.call("POST /auth/resource-servers", Some(body)).await;
        assert_eq!(told.is(Code::ValidationDuplicate)["param"], param);
    }
    assert_eq!(rows(&town.house).await.len(), 2, "and nothing was registered");
    // Under its own address it has its names again, and whoever has them still gets in.
    let again = register(&town, &reports()).await;
    assert_eq!(again.asks(&town, &key).await["active"], true);
    // Now everybody sees whose role that is, and may mean it.
    register(&town, &role).await;
}

async fn servers_and_scopes_are_counted_by_owner(database: &TestDatabase) {
    let town = Town::new(database).await;
    let numbered = |number: u8| {
        json!({
            "name": "Many", "resource": format!("https://many{number}.example/mcp"),
            "scopes": [{"scope": format!("many{number}:read"), "words": "x"}],
        })
    };
    for number in 0..50 {
        register(&town, &numbered(number)).await;
    }
    let told = town.call("POST /auth/resource-servers", Some(&numbered(50))).await;
    assert_eq!(told.is(Code::ValidationDuplicate)["param"], "resource");
    let (_, stranger) = town.house.owner(11, Cluster::Local).await;
    let stranger = stranger.text.expose();
    let post = async |body: &Value| {
        let line = "POST /auth/resource-servers";
        town.house.call(line, stranger, "198.51.100.7", Some(body)).await
    };
    let told = post(&numbered(1)).await.is(Code::ValidationDuplicate);
    assert_eq!(told["param"], "resource", "an address is one server's over all");
    let mut same = numbered(50);
    same["scopes"][0]["scope"] = json!("many1:read");
    post(&same).await.expect(201);
}

async fn nobody_registers_what_is_ours_or_anothers(database: &TestDatabase) {
    let town = Town::new(database).await;
    register(&town, &reports()).await;
    let with = |change: &[(&str, Value)]| {
        let mut body = json!({
            "name": "Other", "resource": "https://other.example/mcp",
            "scopes": [{"scope": "other:read", "words": "x"}], "roles": [{"role": "reader", "scopes": []}],
        });
        for (name, value) in change {
            body[*name] = value.clone();
        }
        body
    };
    let scope = |name: &str| json!([{"scope": name, "words": "x"}]);
    let role = |name: &str, bypass: bool| json!([{"role": name, "scopes": [], "bypass": bypass}]);
    let many: Vec<Value> = (0..51)
        .map(|number| json!({"scope": format!("s:{number}"), "words": "x"}))
        .collect();
    let long: Vec<Value> = (0..50)
        .map(|number| json!({"scope": format!("s:{number:030}"), "words": "x"}))
        .collect();
    let roles: Vec<Value> = (0..21)
        .map(|number| json!({"role": format!("r{number}"), "scopes": []}))
        .collect();
    let (format, range, duplicate) = (
        Code::ValidationInvalidFormat,
        Code::ValidationOutOfRange,
        Code::ValidationDuplicate,
    );
    for (change, code, param) in [
        (("resource", json!(REPORTS)), duplicate, "resource"),
        (("resource", json!(WALLET)), duplicate, "resource"),
        (("scopes", scope("reports:read")), duplicate, "scopes"),
        (("scopes", scope("admin:all")), format, "scopes"),
        (("scopes", scope("mcp:read")), format, "scopes"),
        (("scopes", scope("mcp:delete")), format, "scopes"),
        (("scopes", scope("Wallets:drain")), format, "scopes"),
        (("roles", role("owner", false)), format, "roles"),
        (("roles", role("viewer", true)), format, "roles"),
        (("roles", role("Chief", false)), format, "roles"),
        (("resource", json!("http://reports.example/mcp")), format, "resource"),
        (("resource", json!("https://reports.example/mcp#x")), format, "resource"),
        (("scopes", json!([])), range, "scopes"),
        (("scopes", json!(many)), range, "scopes"),
        (("scopes", json!(long)), range, "scopes"),
        (("roles", json!(roles)), range, "roles"),
    ] {
        let told = town
            .call(
                "POST /auth/resource-servers",
                Some(&with(std::slice::from_ref(&change))),
            )
            .await;
        assert_eq!(told.is(code)["param"], param, "{change:?}");
    }
    let untouched = rows(&town.house).await;
    assert_eq!(untouched.len(), 2, "{untouched:?}");
    let clients = Sql::new("SELECT id FROM oauth_clients");
    let clients = town.house.db.read().fetch_all(clients).await.unwrap();
    assert_eq!(clients.len(), 1, "and no client of what was not registered");
    register(&town, &with(&[])).await;

    let wallet = rows(&town.house)
        .await
        .into_iter()
        .find(|row| row.1 == WALLET)
        .unwrap()
        .0;
    let refused = town
        .call(&format!("DELETE /auth/resource-servers/{wallet}"), None)
        .await;
    assert_eq!(refused.is(format)["param"], "serverId");
}

/// AUTH_CHECKLIST 8.2
async fn a_server_is_told_what_is_for_it_and_nothing_of_anything_else(database: &TestDatabase) {
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    let other = json!({
        "name": "Other", "resource": "https://other.example/mcp", "scopes": [{"scope": "other:read", "words": "x"}],
    });
    let other = register(&town, &other).await;
    let basic = service(&town, &["reports:read", "agents:read"]).await;
    let token = text(&token_for(&town, &basic, REPORTS).await.expect(200), "access_token");
    let body = json!({
        "name": "k", "scopes": ["reports:read", "agents:read"], "allowedIps": ["10.0.0.0/8"],
        "expiresAt": "2030-01-01T00:00:00Z",
    });
    let (key, id) = town.house.made(&town.key, body).await;
    let told = reports.asks(&town, &key).await;
    assert_eq!(
        (&told["active"], &told["key_id"], &told["sub"]),
        (&json!(true), &json!(id), &json!(id))
    );
    assert_eq!(
        (&told["scope"], &told["aud"], &told["iss"]),
        (&json!("reports:read"), &json!(REPORTS), &json!(ORIGIN))
    );
    assert_eq!(
        (&told["role"], &told["owner_id"]),
        (&json!("owner"), &json!(town.owner))
    );
    assert_eq!(
        (&told["allowed_ips"], &told["exp"]),
        (&json!(["10.0.0.0/8"]), &json!(1_893_456_000))
    );
    assert!(told["project_id"].is_string() && told.get("bypass").is_none());
    for (server, credential) in [(&other, &token), (&other, &key), (&reports, &town.key)] {
        assert_eq!(server.asks(&town, credential).await, inactive());
    }
    for garbage in ["x", "wai_test_", "a.b.c", &token[..token.len() - 2]] {
        assert_eq!(reports.asks(&town, garbage).await, inactive(), "{garbage}");
    }
    // It asks, and does nothing else.
    refused(token_for(&town, &reports.basic, REPORTS).await, "unauthorized_client");
    town.house.revoke(&town.key, &id).await.expect(204);
    assert_eq!(reports.asks(&town, &key).await, inactive());
    let revoked = town
        .house
        .form("/oauth/revoke", &format!("token={token}"), Some(&basic))
        .await;
    revoked.expect(200);
    assert_eq!(
        reports.asks(&town, &token).await,
        inactive(),
        "a client ends its tokens of any audience"
    );
}

async fn keys_and_clients_hold_what_a_server_brought_along_by_who_may_register_servers(database: &TestDatabase) {
    let town = Town::new(database).await;
    let wants = json!({"name": "k", "scopes": ["reports:read"]});
    town.house
        .make(&town.key, wants.clone())
        .await
        .is(Code::AuthScopeInsufficient);
    let reports = register(&town, &reports()).await;
    let (key, _) = town.house.made(&town.key, wants.clone()).await;
    assert_eq!(reports.asks(&town, &key).await["active"], true);
    town.house.get("/auth/keys", &key).await.is(Code::AuthScopeInsufficient);
    // No agent holds it, whoever makes its key.
    let agent = portreeve_kernel::AgentId::new(START, &Seeded::new(4));
    town.house.wallet.adds(&agent, &town.owner);
    let for_agent = json!({"name": "k", "scopes": ["reports:read"], "agentId": agent});
    town.house
        .make(&town.key, for_agent)
        .await
        .is(Code::AuthScopeInsufficient);
    // Registration with an initial access token goes as far as its holder.
    let metadata = json!({
        "client_name": "x", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post",
        "scope": "reports:read",
    });
    let headers = [
        ("authorization", format!("Bearer {}", town.key)),
        ("content-type", "application/json".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let made = town
        .house
        .at_root("POST /oauth/register", &headers, Some(&metadata.to_string()))
        .await
        .expect(201);
    assert_eq!(made["scope"], "reports:read");
    let form = form(&[
        ("grant_type", "client_credentials"),
        ("resource", REPORTS),
        ("client_id", made["client_id"].as_str().unwrap()),
        ("client_secret", made["client_secret"].as_str().unwrap()),
    ]);
    assert_eq!(
        town.house.form("/oauth/token", &form, None).await.expect(200)["scope"],
        "reports:read"
    );
}

/// Somebody consents for `client`, and it gets its tokens.
pub(crate) async fn consented(
    town: &Town,
    browser: &mut Browser<'_>,
    client: &str,
    scopes: &[&str],
) -> (String, String) {
    let request = wish(client, &[("resource", REPORTS), ("scope", &scopes.join(" "))]);
    let next = click(browser, &request, json!({"scopes": scopes})).await.expect(200)["next"].clone();
    let told = told(next.as_str().unwrap());
    let code = of(&told, "code").to_owned();
    pair(&ask(&town.house, client, &redeeming(&code, &[])).await.expect(200))
}

async fn a_custom_role_holds_exactly_what_its_rows_say(database: &TestDatabase) {
    let town = Town::new(database).await;
    let invite = json!({"name": "Ana", "role": "reporter"});
    let told = town
        .call("POST /auth/users", Some(&invite))
        .await
        .is(Code::ValidationInvalidEnum);
    assert_eq!(told["param"], "role");
    let reports = register(&town, &reports()).await;
    for nobody in ["agent", "stranger", "Analyst", ""] {
        let invite = json!({"name": "x", "role": nobody});
        town.call("POST /auth/users", Some(&invite))
            .await
            .is(Code::ValidationInvalidEnum);
    }
    let (_, _, mut browser) = town.person(1, "reporter").await;
    let client = program(&town, "Reader").await;
    let both = wish(
        &client,
        &[("resource", REPORTS), ("scope", "reports:read reports:write")],
    );
    let page = browser.page(&format!("/oauth/authorize?{both}")).await.expect(200);
    let page = page.as_str().unwrap();
    assert!(
        page.contains("Read the reports") && !page.contains("Write reports"),
        "{page}"
    );
    assert!(page.contains("At Reports it may") && page.contains(REPORTS) && !page.contains("passes every check"));
    let beyond = click(
        &mut browser,
        &both,
        json!({"scopes": ["reports:read", "reports:write"]}),
    )
    .await;
    beyond.is(Code::AuthScopeInsufficient);
    let (token, refresh) = consented(&town, &mut browser, &client, &["reports:read"]).await;
    let told = reports.asks(&town, &token).await;
    assert_eq!(
        (&told["scope"], &told["role"], told.get("bypass")),
        (&json!("reports:read"), &json!("reporter"), None)
    );
    let refreshing = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("resource", REPORTS),
    ];
    let again = ask(&town.house, &client, &refreshing).await.expect(200);
    assert_eq!(reports.asks(&town, &text(&again, "access_token")).await["active"], true);
    let elsewhere = [
        ("grant_type", "refresh_token"),
        ("refresh_token", again["refresh_token"].as_str().unwrap()),
        ("resource", WALLET),
    ];
    refused(ask(&town.house, &client, &elsewhere).await, "invalid_target");
    // At the wallet there is nothing that this role could grant.
    let page = browser
        .page(&format!("/oauth/authorize?{}", wish(&client, &[])))
        .await
        .expect(200);
    assert!(page.as_str().unwrap().contains("It asks for nothing that your role"));
    let nothing = click(
        &mut browser,
        &wish(&client, &[]),
        json!({"scopes": SCOPES.split(' ').collect::<Vec<_>>()}),
    )
    .await;
    nothing.is(Code::AuthScopeInsufficient);
}

async fn only_a_person_in_their_own_browser_passes_the_checks_of_one_server(database: &TestDatabase) {
    let town = Town::new(database).await;
    let reports = register(&town, &reports()).await;
    let other = json!({
        "name": "Other", "resource": "https://other.example/mcp", "scopes": [{"scope": "other:read", "words": "x"}],
        "roles": [{"role": "chief", "scopes": ["other:read"]}],
    });
    let other = register(&town, &other).await;
    let (_, _, mut browser) = town.person(1, "chief").await;
    let client = program(&town, "Reader").await;
    let request = wish(&client, &[("resource", REPORTS), ("scope", "reports:read")]);
    let page = browser.page(&format!("/oauth/authorize?{request}")).await.expect(200);
    assert!(
        page.as_str().unwrap().contains("passes every check of Reports"),
        "{page}"
    );
    let (token, _) = consented(&town, &mut browser, &client, &["reports:read"]).await;
    let told = reports.asks(&town, &token).await;
    assert_eq!(
        (&told["bypass"], &told["scope"]),
        (&json!(true), &json!("reports:read"))
    );
    town.house.keys.flush_issues().await.unwrap();
    let log = town.house.audit().await;
    let made = log.iter().rfind(|row| row.kind == "oauth.token_issued").unwrap();
    assert_eq!(data(made)["bypass"], true, "{made:?}");

    // The same person at another server, where the same role does not pass.
    let elsewhere = wish(
        &client,
        &[("resource", "https://other.example/mcp"), ("scope", "other:read")],
    );
    let next = click(&mut browser, &elsewhere, json!({"scopes": ["other:read"]}))
        .await
        .expect(200)["next"]
        .clone();
    let code = of(&self::told(next.as_str().unwrap()), "code").to_owned();
    let (theirs, _) = pair(&ask(&town.house, &client, &redeeming(&code, &[])).await.expect(200));
    assert_eq!(other.asks(&town, &theirs).await.get("bypass"), None);

    // The same person through a program that nobody here made known.
    let metadata = json!({"client_name": "Stranger", "redirect_uris": [BACK]});
    let headers = [("content-type", "application/json")];
    let made = town
        .house
        .at_root("POST /oauth/register", &headers, Some(&metadata.to_string()))
        .await
        .expect(201);
    let stranger = text(&made, "client_id");
    let page = wish(&stranger, &[("resource", REPORTS), ("scope", "reports:read")]);
    let page = browser.page(&format!("/oauth/authorize?{page}")).await.expect(200);
    assert!(!page.as_str().unwrap().contains("passes every check"));
    let request = wish(&stranger, &[("resource", REPORTS), ("scope", "reports:read")]);
    let next = click(&mut browser, &request, json!({"scopes": ["reports:read"]}))
        .await
        .expect(200)["next"]
        .clone();
    let code = of(&self::told(next.as_str().unwrap()), "code").to_owned();
    let told = ask(&town.house, &stranger, &redeeming(&code, &[])).await.expect(200);
    let theirs = text(&told, "access_token");
    assert_eq!(reports.asks(&town, &theirs).await.get("bypass"), None);

    // A key and a service, whatever role stands in their rows.
    let (key, _) = town
        .house
        .made(&town.key, json!({"name": "k", "scopes": ["reports:read"]}))
        .await;
    let basic = service(&town, &["reports:read"]).await;
    let chief = async |tx: &mut portreeve_store::Tx| {
        tx.execute(Sql::new("UPDATE api_keys SET role = 'chief'")).await?;
        tx.execute(Sql::new(
            "UPDATE oauth_clients SET role = 'chief' WHERE kind = 'service'",
        ))
        .await?;
        tx.execute(Sql::new("UPDATE oauth_grants SET role = 'chief' WHERE kind = 'client'"))
            .await
    };
    town.house
        .db
        .write::<_, portreeve_store::StoreError, _>(chief)
        .await
        .unwrap();
    let service = text(&token_for(&town, &basic, REPORTS).await.expect(200), "access_token");
    for credential in [&key, &service] {
        let told = reports.asks(&town, credential).await;
        assert_eq!(
            (&told["active"], &told["role"], told.get("bypass")),
            (&json!(true), &json!("chief"), None)
        );
    }
    // And the person's own grant, once it is for an agent.
    let agent = async |tx: &mut portreeve_store::Tx| {
        let update = Sql::new("UPDATE oauth_grants SET agent_id = $1 WHERE kind = 'person'");
        tx.execute(update.bind("agt_01ARYZ6S41TSV4RRFFQ69G5FAV")).await
    };
    town.house
        .db
        .write::<_, portreeve_store::StoreError, _>(agent)
        .await
        .unwrap();
    assert_eq!(reports.asks(&town, &token).await.get("bypass"), None);
}
