//! From the click of a person to the tokens of a program, on both databases.

use {
    crate::{
        authenticator::{Authenticator, Browser},
        house::{Answer, House, ORIGIN, START, facts},
        people_contract::Town,
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_kernel::{AgentId, Cluster, Code, entropy::Seeded},
    portreeve_store::{Fetch, Sql, audit::AuditRow, testing::TestDatabase},
    serde_json::{Value, json},
    sha2::{Digest, Sha256},
    tokio::task::JoinSet,
};

facts! {
    a_click_becomes_a_code_and_the_code_tokens_that_speak_for_the_person;
    a_program_acts_for_the_one_agent_that_was_chosen;
    nothing_is_granted_without_the_click_of_who_was_shown_this_very_request;
    of_fifty_who_redeem_one_code_at_once_one_gets_tokens_and_the_rest_end_them;
    a_code_that_comes_back_ends_its_tokens_and_a_stranger_with_it_ends_nothing;
    a_code_is_bound_to_client_verifier_address_resource_and_its_minute;
    whatever_ends_person_client_agent_or_grant_ends_code_and_tokens_with_the_answer;
    codes_and_refresh_tokens_are_nowhere_in_the_database;
    what_nobody_can_use_any_more_is_forgotten;
    grants_are_listed_and_ended_by_their_owner_alone;
}

pub(crate) const WALLET: &str = "https://portreeve.test/mcp";
pub(crate) const BACK: &str = "https://planner.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const SCOPES: &str = "agents:read transactions:execute";

fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// What a program would send a browser with, `change`d.
pub(crate) fn wish(client: &str, change: &[(&str, &str)]) -> String {
    let hashed = challenge(VERIFIER);
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", BACK),
        ("state", "s t&a=te"),
        ("code_challenge", &hashed),
        ("code_challenge_method", "S256"),
        ("scope", SCOPES),
    ];
    for (name, value) in change {
        all.retain(|(known, _)| known != name);
        all.push((name, value));
    }
    all.retain(|(_, value)| *value != "-");
    form(&all)
}

/// The value of a hidden field.
pub(crate) fn field(page: &Value, name: &str) -> String {
    let page = page.as_str().unwrap();
    let rest = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
    let value = rest.split_once('"').unwrap().0;
    let text = value.replace("&#38;", "&").replace("&#34;", "\"").replace("&#39;", "'");
    text.replace("&#60;", "<").replace("&#62;", ">")
}

/// The parameters that a browser is sent back with.
pub(crate) fn told(location: &str) -> Vec<(String, String)> {
    let query = location.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

pub(crate) fn of<'a>(told: &'a [(String, String)], name: &str) -> &'a str {
    told.iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}

/// A town with somebody signed in, and a program that its people use.
pub(crate) struct Square<'a> {
    pub(crate) town: &'a Town,
    user: String,
    pub(crate) browser: Browser<'a>,
    pub(crate) device: Authenticator,
    pub(crate) client: String,
    pub(crate) agent: AgentId,
}

impl<'a> Square<'a> {
    pub(crate) async fn new(town: &'a Town) -> Self {
        let (user, device, browser) = town.person(1, "owner").await;
        let client = program(town, "Travel planner").await;
        let agent = AgentId::new(START, &Seeded::new(4));
        Self {
            town,
            user,
            browser,
            device,
            client,
            agent,
        }
    }

    /// Looks at the page and clicks.
    pub(crate) async fn click(&mut self, request: &str, change: Value) -> Answer {
        click(&mut self.browser, request, change).await
    }

    /// A code for all that was asked.
    async fn code(&mut self, change: &[(&str, &str)]) -> String {
        let request = wish(&self.client, change);
        let next = self.click(&request, json!({})).await.expect(200)["next"].clone();
        of(&told(next.as_str().unwrap()), "code").to_owned()
    }

    pub(crate) async fn ask(&self, pairs: &[(&str, &str)]) -> Answer {
        ask(&self.town.house, &self.client, pairs).await
    }

    async fn redeem(&self, code: &str, change: &[(&str, &str)]) -> Answer {
        self.ask(&redeeming(code, change)).await
    }

    /// Tokens: the one for access, and the one for the next.
    pub(crate) async fn tokens(&mut self) -> (String, String) {
        let code = self.code(&[]).await;
        pair(&self.redeem(&code, &[]).await.expect(200))
    }

    pub(crate) async fn refresh(&self, token: &str, change: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        pairs.extend(change);
        self.ask(&pairs).await
    }

    /// Who lacks the scope has been let in.
    pub(crate) async fn is_good(&self, token: &str) {
        self.town.house.look(token).await.is(Code::AuthScopeInsufficient);
    }

    pub(crate) async fn is_dead(&self, token: &str) {
        self.town.house.look(token).await.is(Code::AuthTokenRevoked);
    }

    async fn grant(&self) -> String {
        let list = self.town.call("GET /auth/grants", None).await.expect(200);
        list["items"][0]["id"].as_str().unwrap().to_owned()
    }
}

/// A program that people of the town use, and that keeps no secret.
pub(crate) async fn program(town: &Town, name: &str) -> String {
    let body = json!({"name": name, "redirectUris": [BACK], "authMethod": "none"});
    let made = town.call("POST /auth/clients", Some(&body)).await.expect(201);
    assert_eq!(made.get("clientSecret"), None);
    made["id"].as_str().unwrap().to_owned()
}

/// Looks at the page and clicks as it stands, `change`d.
pub(crate) async fn click(browser: &mut Browser<'_>, request: &str, change: Value) -> Answer {
    let page = browser.page(&format!("/oauth/authorize?{request}")).await.expect(200);
    let mut body = json!({
        "request": field(&page, "request"),
        "formToken": field(&page, "formToken"),
        "decision": "allow",
        "scopes": SCOPES.split(' ').collect::<Vec<_>>(),
        "agentId": null,
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    browser.ask("/oauth/consent", &body).await
}

pub(crate) fn redeeming<'a>(code: &'a str, change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", BACK),
    ];
    for (name, value) in change {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    pairs
}

pub(crate) async fn ask(house: &House, client: &str, pairs: &[(&str, &str)]) -> Answer {
    let mut pairs = pairs.to_vec();
    if pairs.iter().all(|(name, _)| *name != "client_id") {
        pairs.push(("client_id", client));
    }
    house.form("/oauth/token", &form(&pairs), None).await
}

pub(crate) fn pair(told: &Value) -> (String, String) {
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

pub(crate) fn data(row: &AuditRow) -> Value {
    serde_json::from_str(&row.data).unwrap()
}

#[track_caller]
pub(crate) fn refused(answer: Answer, error: &str) {
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.expect(400);
    assert_eq!(body["error"], error, "{body}");
}

/// AUTH_CHECKLIST 4.6, 5.10
async fn a_click_becomes_a_code_and_the_code_tokens_that_speak_for_the_person(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let request = wish(&square.client, &[]);
    let page = square
        .browser
        .page(&format!("/oauth/authorize?{request}"))
        .await
        .expect(200);
    let page = page.as_str().unwrap();
    for part in [
        "“Travel planner”",
        "<strong>planner.example</strong>",
        "Portreeve wallet",
        WALLET,
        "Pay, as far as the policy allows",
        "transactions:execute",
        "person 1, owner",
    ] {
        assert!(page.contains(part), "`{part}` in {page}");
    }
    assert!(!page.contains("warning"), "{page}");

    let answer = square.click(&request, json!({})).await.expect(200);
    let next = answer["next"].as_str().unwrap();
    assert!(next.starts_with(&format!("{BACK}?")), "{next}");
    let back = told(next);
    assert_eq!((of(&back, "state"), of(&back, "iss")), ("s t&a=te", ORIGIN));
    let code = of(&back, "code");
    assert!(code.starts_with("wac_") && code.len() > 43, "{code}");

    let answer = square.redeem(code, &[]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.expect(200);
    assert_eq!(
        (&told["token_type"], &told["scope"]),
        (&json!("Bearer"), &json!(SCOPES))
    );
    let (access, refresh) = pair(&told);
    assert!(refresh.starts_with("wrt_"));
    square.is_good(&access).await;
    let payload = town.house.signing.verified(&access).await.unwrap().unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(
        (
            &claims["sub"],
            &claims["client_id"],
            &claims["aud"],
            claims.get("agent_id")
        ),
        (&json!(square.user), &json!(square.client), &json!(WALLET), None)
    );
    town.house.look(&refresh).await.is(Code::AuthKeyInvalid);
    let kinds = town.house.audit().await;
    let granted = kinds.iter().find(|row| row.kind == "oauth.granted").unwrap();
    assert_eq!((&granted.actor, &granted.subject), (&square.user, &square.client));
}

async fn a_program_acts_for_the_one_agent_that_was_chosen(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let (owner, _) = town.house.owner(77, Cluster::Local).await;
    let foreign = AgentId::new(START, &Seeded::new(5));
    town.house.wallet.adds(&foreign, &owner.id);
    town.house.wallet.adds(&square.agent, &town.owner);
    let all = ["agents:read", "agents:write", "transactions:execute"];
    let request = wish(&square.client, &[("scope", &all.join(" "))]);
    let page = square
        .browser
        .page(&format!("/oauth/authorize?{request}"))
        .await
        .expect(200);
    let page = page.as_str().unwrap();
    let chosen = format!("<option value=\"{}\" selected>", square.agent);
    assert!(page.contains(&chosen) && !page.contains(foreign.as_str()), "{page}");
    assert_eq!(page.matches("not for a single agent").count(), 1, "{page}");

    let refused = square.click(&request, json!({"agentId": foreign})).await;
    refused.is(Code::AgentNotFound);
    let agent = square.agent.clone();
    let next = square
        .click(&request, json!({"agentId": agent, "scopes": all}))
        .await
        .expect(200);
    let code = of(&told(next["next"].as_str().unwrap()), "code").to_owned();
    let told = square.redeem(&code, &[]).await.expect(200);
    assert_eq!(told["scope"], SCOPES, "an agent writes nothing");
    let payload = town.house.signing.verified(&pair(&told).0).await.unwrap().unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["agent_id"], json!(agent));
    let list = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(
        (&list["items"][0]["role"], &list["items"][0]["agentId"]),
        (&json!("agent"), &json!(agent))
    );

    let nothing = json!({"agentId": agent, "scopes": ["agents:write"]});
    square.click(&request, nothing).await.is(Code::ValidationOutOfRange);
    town.house.wallet.suspends(&agent);
    square
        .click(&request, json!({"agentId": agent}))
        .await
        .is(Code::AgentSuspended);
}

/// AUTH_CHECKLIST 5.9
async fn nothing_is_granted_without_the_click_of_who_was_shown_this_very_request(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let (_, _, mut other) = town.person(2, "owner").await;
    let (_, _, mut viewer) = town.person(3, "viewer").await;
    let request = wish(&square.client, &[]);
    let path = format!("/oauth/authorize?{request}");
    let page = square.browser.page(&path).await.expect(200);
    square.browser.page(&path).await.expect(200);
    let body = |change: Value| {
        let mut body = json!({
            "request": field(&page, "request"), "formToken": field(&page, "formToken"), "decision": "allow",
            "scopes": ["agents:read"], "agentId": null,
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let another = wish(&square.client, &[("scope", "agents:read agents:write")]);
    for change in [
        json!({"request": another}),
        json!({"formToken": ""}),
        json!({"formToken": "x"}),
        json!({"request": format!("{request}&x=1")}),
    ] {
        let refused = square.browser.ask("/oauth/consent", &body(change)).await;
        refused.is(Code::RequestOriginNotAllowed);
    }
    other
        .ask("/oauth/consent", &body(json!({})))
        .await
        .is(Code::RequestOriginNotAllowed);
    let mut stranger = Browser::new(&town.house);
    stranger
        .ask("/oauth/consent", &body(json!({})))
        .await
        .is(Code::AuthSessionOver);
    // What was not asked, and what is not one's own to grant.
    for scopes in [
        json!(["agents:write"]),
        json!(["agents:read", "admin:all"]),
        json!(["mcp:read"]),
    ] {
        let refused = square
            .browser
            .ask("/oauth/consent", &body(json!({"scopes": scopes})))
            .await;
        refused.is(Code::AuthScopeInsufficient);
    }
    let none = square.browser.ask("/oauth/consent", &body(json!({"scopes": []}))).await;
    none.is(Code::ValidationOutOfRange);
    click(&mut viewer, &request, json!({}))
        .await
        .is(Code::AuthScopeInsufficient);
    // From a page of somebody else's, whatever cookie the browser adds.
    let headers = [
        ("content-type", "application/json"),
        ("origin", "https://evil.example"),
        ("cookie", &square.browser.cookie),
    ];
    let text = body(json!({})).to_string();
    let forged = town.house.at_root("POST /oauth/consent", &headers, Some(&text)).await;
    forged.is(Code::RequestOriginNotAllowed);

    let denied = square.click(&request, json!({"decision": "deny"})).await.expect(200);
    let back = told(denied["next"].as_str().unwrap());
    assert_eq!(
        (
            of(&back, "error"),
            of(&back, "state"),
            of(&back, "iss"),
            of(&back, "code")
        ),
        ("access_denied", "s t&a=te", ORIGIN, "")
    );
    let list = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(list["items"], json!([]), "nothing was granted");
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM oauth_codes").await, 0);

    // And a session that was ended while the page was open.
    let late = body(json!({}));
    let cookie = square.browser.cookie.clone();
    let token = {
        let page = square.browser.page("/signin").await.expect(200);
        field(&page, "formToken")
    };
    square
        .browser
        .ask("/signout", &json!({"formToken": token}))
        .await
        .expect(204);
    square.browser.cookie = cookie;
    square
        .browser
        .ask("/oauth/consent", &late)
        .await
        .is(Code::AuthSessionOver);
}

/// AUTH_CHECKLIST 6.10
async fn of_fifty_who_redeem_one_code_at_once_one_gets_tokens_and_the_rest_end_them(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let code = square.code(&[]).await;
    let house = std::sync::Arc::new(House::new(database, 2).await);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (house, client, code) = (house.clone(), square.client.clone(), code.clone());
        all.spawn(async move { ask(&house, &client, &redeeming(&code, &[])).await });
    }
    let answers = all.join_all().await;
    let (won, lost): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 49));
    let (access, refresh) = pair(&won[0].body);
    for answer in lost {
        refused(answer, "invalid_grant");
    }
    house.look(&access).await.is(Code::AuthTokenRevoked);
    refused(square.refresh(&refresh, &[]).await, "invalid_grant");
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM oauth_refresh_tokens").await, 1);
}

/// AUTH_CHECKLIST 5.13, 6.8, 6.9
async fn a_code_that_comes_back_ends_its_tokens_and_a_stranger_with_it_ends_nothing(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let another = program(&town, "Another").await;
    let code = square.code(&[]).await;
    let strangers = |code: &str| {
        let wrong = "x".repeat(43);
        [
            redeeming(code, &[("client_id", &another)])
                .iter()
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect::<Vec<_>>(),
            redeeming(code, &[("code_verifier", &wrong)])
                .iter()
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
            redeeming(code, &[("redirect_uri", "https://planner.example/callbacks")])
                .iter()
                .map(|(n, v)| (n.to_string(), v.to_string()))
                .collect(),
        ]
    };
    for pairs in strangers(&code) {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        refused(square.ask(&pairs).await, "invalid_grant");
    }
    let (access, refresh) = pair(&square.redeem(&code, &[]).await.expect(200));
    for pairs in strangers(&code) {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        refused(square.ask(&pairs).await, "invalid_grant");
    }
    square.is_good(&access).await;
    // Long after its minute, and by who proves to be the client.
    town.house.after(600);
    refused(square.redeem(&code, &[]).await, "invalid_grant");
    square.is_dead(&access).await;
    refused(square.refresh(&refresh, &[]).await, "invalid_grant");
    let log = town.house.audit().await;
    let ended = log.iter().find(|row| row.kind == "oauth.grant_revoked").unwrap();
    assert_eq!(data(ended)["why"], "code_replayed");
    for (who, count) in [(&another, 2), (&square.client, 6)] {
        let refused = log
            .iter()
            .filter(|row| row.kind == "auth.failed" && row.actor == **who)
            .map(data);
        let refused: Vec<Value> = refused.collect();
        assert!(
            refused
                .iter()
                .all(|one| one["reason"] == "grant_refused" && one["clientId"] == **who)
        );
        assert_eq!(
            refused.iter().filter_map(|one| one["count"].as_u64()).sum::<u64>(),
            count,
            "{who}"
        );
    }
}

/// AUTH_CHECKLIST 5.13, 6.8
async fn a_code_is_bound_to_client_verifier_address_resource_and_its_minute(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let code = square.code(&[]).await;
    for (change, error) in [
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", &VERIFIER[..42]), "invalid_grant"),
        (("redirect_uri", "https://planner.example/callbacks"), "invalid_grant"),
        (("resource", "https://portreeve.test/vault/mcp"), "invalid_target"),
        (("code", ""), "invalid_request"),
        (("code", "wac_x"), "invalid_grant"),
    ] {
        refused(square.redeem(&code, &[change]).await, error);
    }
    town.house.after(59);
    square.redeem(&code, &[("resource", WALLET)]).await.expect(200);
    let late = square.code(&[]).await;
    town.house.after(60);
    refused(square.redeem(&late, &[]).await, "invalid_grant");
    // The address may be left out where it was not asked with, and where it was: the verifier binds the code.
    for asked in ["-", BACK] {
        let code = square.code(&[("redirect_uri", asked)]).await;
        square.redeem(&code, &[("redirect_uri", "")]).await.expect(200);
    }
}

async fn whatever_ends_person_client_agent_or_grant_ends_code_and_tokens_with_the_answer(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    town.person(2, "owner").await;
    for what in ["grant", "role", "client", "user"] {
        let code = square.code(&[]).await;
        let (access, refresh) = square.tokens().await;
        square.is_good(&access).await;
        let (user, client) = (square.user.clone(), square.client.clone());
        match what {
            "grant" => {
                let path = format!("DELETE /auth/grants/{}", square.grant().await);
                town.call(&path, None).await.expect(204);
                town.call(&path, None).await.expect(204);
            }
            "role" => {
                let path = format!("PATCH /auth/users/{user}");
                town.call(&path, Some(&json!({"role": "viewer"}))).await.expect(200);
                refused(square.redeem(&code, &[]).await, "invalid_grant");
                town.call(&path, Some(&json!({"role": "owner"}))).await.expect(200);
                let mut device = square.device.clone();
                device.counter += 10;
                square.browser.sign_in(&mut device).await.expect(200);
                square.device = device;
            }
            "client" => {
                town.call(&format!("DELETE /auth/clients/{client}"), None)
                    .await
                    .expect(204);
                square.ask(&redeeming(&code, &[])).await.expect(401);
                square.refresh(&refresh, &[]).await.expect(401);
                let gone = square
                    .browser
                    .page(&format!("/oauth/authorize?{}", wish(&client, &[])))
                    .await;
                gone.expect(400);
                square.client = program(&town, "Planner again").await;
            }
            _ => {
                town.call(&format!("DELETE /auth/users/{user}"), None).await.expect(204);
                refused(square.redeem(&code, &[]).await, "invalid_grant");
            }
        }
        square.is_dead(&access).await;
        if what != "client" {
            refused(square.refresh(&refresh, &[]).await, "invalid_grant");
        }
    }
}

/// AUTH_CHECKLIST 8.8
async fn codes_and_refresh_tokens_are_nowhere_in_the_database(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let code = square.code(&[]).await;
    let (_, first) = pair(&square.redeem(&code, &[]).await.expect(200));
    let (_, second) = pair(&square.refresh(&first, &[]).await.expect(200));
    let mut held = Vec::new();
    for sql in [
        "SELECT redirect_uri || scopes AS n FROM oauth_codes",
        "SELECT grant_id AS n FROM oauth_refresh_tokens",
        "SELECT scopes || id AS n FROM oauth_grants",
        "SELECT data || subject || actor AS n FROM audit_log",
    ] {
        for row in town.house.db.read().fetch_all(Sql::new(sql)).await.unwrap() {
            held.extend(row.get::<String>("n").unwrap().into_bytes());
        }
    }
    for sql in ["SELECT hash FROM oauth_codes", "SELECT hash FROM oauth_refresh_tokens"] {
        for row in town.house.db.read().fetch_all(Sql::new(sql)).await.unwrap() {
            held.extend(row.get::<[u8; 32]>("hash").unwrap());
        }
    }
    let holds = |place: &[u8], part: &[u8]| place.windows(part.len()).any(|window| window == part);
    for secret in [&code, &first, &second] {
        assert!(
            holds(&held, &Sha256::digest(secret.as_bytes())),
            "known by its hash alone"
        );
        let part = &secret.as_bytes()[4..44];
        assert!(!holds(&held, part));
        if let Some(file) = database.file() {
            for name in ["", "-wal"] {
                let bytes = std::fs::read(format!("{}{name}", file.display())).unwrap();
                assert!(!holds(&bytes, part), "{name}");
            }
        }
    }
}

async fn what_nobody_can_use_any_more_is_forgotten(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    square.code(&[]).await;
    let (_, first) = square.tokens().await;
    let counts = async || {
        let codes = town.count("SELECT COUNT(*) AS n FROM oauth_codes").await;
        let tokens = town.count("SELECT COUNT(*) AS n FROM oauth_refresh_tokens").await;
        let live = town
            .count("SELECT COUNT(*) AS n FROM oauth_grants WHERE kind = 'person' AND revoked_at IS NULL")
            .await;
        (codes, tokens, live)
    };
    town.house.after(6 * 86_400);
    let (_, second) = pair(&square.refresh(&first, &[]).await.expect(200));
    town.house.keys.sweep().await.unwrap();
    assert_eq!(counts().await, (2, 2, 2));
    town.house.after(24 * 86_400 + 1);
    town.house.keys.sweep().await.unwrap();
    assert_eq!(counts().await, (0, 1, 1), "what came back lately is remembered");
    refused(square.refresh(&second, &[]).await, "invalid_grant");
    town.house.after(7 * 86_400);
    town.house.keys.sweep().await.unwrap();
    assert_eq!(counts().await, (0, 0, 0));
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM sessions").await, 0);
    assert_eq!(town.count("SELECT COUNT(*) AS n FROM user_links").await, 0);
}

async fn grants_are_listed_and_ended_by_their_owner_alone(database: &TestDatabase) {
    let town = Town::new(database).await;
    let mut square = Square::new(&town).await;
    let (access, _) = square.tokens().await;
    let grant = square.grant().await;
    let (_, stranger) = town.house.owner(77, Cluster::Local).await;
    let stranger = stranger.text.expose().to_owned();
    let theirs = town.house.get("/auth/grants", &stranger).await.expect(200);
    assert_eq!(theirs["items"], json!([]));
    let path = format!("DELETE /auth/grants/{grant}");
    let missing = town.house.call(&path, &stranger, "198.51.100.7", None).await;
    missing.is(Code::AuthGrantNotFound);
    square.is_good(&access).await;
    square.tokens().await;
    let first = town.call("GET /auth/grants?limit=1", None).await.expect(200);
    let cursor = first["cursor"].as_str().unwrap();
    let next = town
        .call(&format!("GET /auth/grants?limit=1&cursor={cursor}"), None)
        .await;
    assert_eq!(next.expect(200)["items"][0]["id"], json!(grant), "newest first");
    // A client's own grant is not one that a person gave.
    let body = json!({"name": "robot", "scopes": ["agents:read"]});
    town.call("POST /auth/clients", Some(&body)).await.expect(201);
    let all = town.call("GET /auth/grants", None).await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    assert_eq!(all["items"][1]["clientName"], "Travel planner");
}
