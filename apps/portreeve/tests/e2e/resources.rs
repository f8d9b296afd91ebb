//! A third party's resource server in another process than the issuer: it has the library and a credential, and nothing of
//! the issuer's database. What it takes and refuses, through the real binary.

mod server;

use {
    crate::{
        estate::until,
        house::{Answer, House, Person},
    },
    base64::{
        Engine,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    },
    portreeve_guard::remote::TokenCheck,
    serde_json::{Value, json},
    server::Reports,
    sha2::{Digest, Sha256},
    std::time::{Duration, Instant},
};

const BACK: &str = "https://reader.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// A client of the owner's that acts by itself: its `Authorization`.
fn service(house: &House, scopes: &[&str]) -> String {
    let mut args = vec!["client", "create", "service", "--json"];
    args.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let made = house.cli(&args).json();
    let pair = format!(
        "{}:{}",
        made["id"].as_str().unwrap(),
        made["clientSecret"].as_str().unwrap()
    );
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

fn asks(house: &House, basic: &str, resource: &str) -> Answer {
    let form = form(&[("grant_type", "client_credentials"), ("resource", resource)]);
    house.api("").form("/oauth/token", &form, &[("Authorization", basic)])
}

fn token(house: &House, basic: &str, resource: &str) -> String {
    asks(house, basic, resource).is(200)["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// An API key of the owner's: its text and its id.
fn key(house: &House, scope: &str) -> (String, String) {
    let made = house.cli(&["key", "create", "k", "--scope", scope, "--json"]).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

/// What a person's program gets when they consent: a token for `resource`.
fn consented(house: &House, person: &mut Person, resource: &str) -> String {
    let args = ["client", "create", "reader", "--redirect", BACK, "--public", "--json"];
    let made = house.cli(&args).json();
    let client = made["id"].as_str().unwrap();
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let request = form(&[
        ("response_type", "code"),
        ("client_id", client),
        ("scope", "reports:read"),
        ("resource", resource),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let next = person.allows(house, &request, &["reports:read"], None);
    let query = next.split_once('?').unwrap().1.to_owned();
    let code = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let pairs = form(&[
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ]);
    let told = house.api("").form("/oauth/token", &pairs, &[]);
    told.is(200)["access_token"].as_str().unwrap().to_owned()
}

fn claims(token: &str) -> Value {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn a_stranger_service_registers_like_the_wallet_and_gets_tokens_of_its_own() {
    let house = House::open();
    let reports = Reports::registered(&house, &[], TokenCheck::Asked);
    let list = house.cli(&["resource", "list", "--json"]).json();
    assert_eq!(list["items"][0]["resource"], format!("{}/mcp", house.origin()));
    assert_eq!(list["items"][1]["resource"], json!(reports.resource));

    // Whoever knows nothing finds the way: from the 401 to its document, and from there to the issuer.
    let bare = reports.api("").get("/reports");
    bare.is_problem(401, "AUTH_KEY_INVALID");
    let challenge = bare.header("www-authenticate").unwrap().to_owned();
    let named = format!("{}/.well-known/oauth-protected-resource/mcp", reports.url);
    assert!(
        challenge.contains(&format!("resource_metadata=\"{named}\"")),
        "{challenge}"
    );
    let document = reports
        .api("")
        .get("/.well-known/oauth-protected-resource/mcp")
        .is(200)
        .clone();
    assert_eq!(document["authorization_servers"], json!([house.origin()]));
    assert_eq!(document["resource"], json!(reports.resource));

    let both = service(&house, &["reports:read", "agents:read"]);
    let theirs = token(&house, &both, &reports.resource);
    let said = claims(&theirs);
    assert_eq!(
        (&said["aud"], &said["scope"], &said["role"]),
        (&json!(reports.resource), &json!("reports:read"), &json!("owner"))
    );
    let seen = reports.api(&theirs).get("/reports").is(200).clone();
    assert_eq!(
        (&seen["role"], &seen["scopes"], &seen["owner"]),
        (&json!("owner"), &json!("reports:read"), &said["owner_id"])
    );
    let refused = reports.api(&theirs).post("/reports", &json!({}));
    assert_eq!(
        refused.is_problem(403, "AUTH_SCOPE_INSUFFICIENT")["requiredScope"],
        "reports:write"
    );
    let (key, id) = key(&house, "reports:read");
    assert_eq!(reports.api(&key).get("/reports").is(200)["credential"], json!(id));
    reports
        .api(&house.owner_key())
        .get("/reports")
        .is_problem(401, "AUTH_KEY_INVALID");
    assert_eq!(asks(&house, &both, &reports.url).is(400)["error"], "invalid_target");
}

/// AUTH_CHECKLIST 2.3
#[test]
fn a_wallet_token_is_refused_at_another_resource() {
    let house = House::open();
    let (asked, signed) = (
        Reports::registered(&house, &[], TokenCheck::Asked),
        Reports::named(&house, "Others", "others:read", &[], TokenCheck::Signed),
    );
    let all = service(&house, &["reports:read", "others:read", "agents:read"]);
    let wallet = format!("{}/mcp", house.origin());
    let at_wallet = |token: &str| house.api(token).get("/api/v1/agents");
    let ours = token(&house, &all, &wallet);
    at_wallet(&ours).is(200);
    for (server, other) in [(&asked, &signed), (&signed, &asked)] {
        let theirs = token(&house, &all, &server.resource);
        server.api(&ours).get("/whoami").is_problem(401, "AUTH_KEY_INVALID");
        at_wallet(&theirs).is_problem(401, "AUTH_KEY_INVALID");
        server.api(&theirs).get("/whoami").is(200);
        other.api(&theirs).get("/whoami").is_problem(401, "AUTH_KEY_INVALID");
        // Also once its own server has asked about it.
        at_wallet(&theirs).is_problem(401, "AUTH_KEY_INVALID");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is promised is so many seconds of everybody's clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long `credential` got in after the moment when it was ended.
fn gets_in_for(reports: &Reports, credential: &str, code: &str) -> Duration {
    let ended = now();
    until("it is refused", || {
        let answer = reports.api(credential).get("/whoami");
        (answer.status != 200).then_some(())
    });
    let after = ended.elapsed();
    reports.api(credential).get("/whoami").is_problem(401, code);
    after
}

/// AUTH_CHECKLIST 2.8
#[test]
fn a_revoked_key_is_refused_by_a_remote_server_within_five_seconds() {
    let house = House::open();
    let reports = Reports::registered(&house, &[], TokenCheck::Asked);
    let (key, id) = key(&house, "reports:read");
    let basic = service(&house, &["reports:read"]);
    let token = token(&house, &basic, &reports.resource);
    reports.api(&key).get("/whoami").is(200);
    house.cli(&["key", "revoke", &id]).ok();
    // The request that is refused takes a moment, too.
    let limit = Duration::from_millis(5_500);
    assert!(gets_in_for(&reports, &key, "AUTH_KEY_INVALID") < limit);
    reports.api(&token).get("/whoami").is(200);
    let about = form(&[("token", &token)]);
    house
        .api("")
        .form("/oauth/revoke", &about, &[("Authorization", &basic)])
        .is(200);
    assert!(gets_in_for(&reports, &token, "AUTH_TOKEN_REVOKED") < limit);
}

/// A program that goes on with a key that was taken from it must not lock out its successor, at the same address.
#[test]
fn a_key_that_was_good_costs_its_holder_no_trust_at_a_remote_server() {
    let house = House::open();
    let reports = Reports::registered(&house, &[], TokenCheck::Asked);
    let (old, id) = key(&house, "reports:read");
    reports.api(&old).get("/whoami").is(200);
    house.cli(&["key", "revoke", &id]).ok();
    gets_in_for(&reports, &old, "AUTH_KEY_INVALID");
    for _ in 0..20 {
        reports.api(&old).get("/whoami").is_problem(401, "AUTH_KEY_INVALID");
    }
    let (new, _) = key(&house, "reports:read");
    reports.api(&new).get("/whoami").is(200);
}

#[test]
fn a_resource_server_asks_beside_what_its_address_has() {
    let mut house = House::built();
    house.serve(&[]);
    let reports = Reports::registered(&house, &[], TokenCheck::Asked);
    let (key, _) = key(&house, "reports:read");
    let basic = service(&house, &["reports:read"]);
    house.kill();
    house.serve(&[
        ("PORTREEVE__LIMITS__PER_ADDRESS", "12"),
        ("PORTREEVE__LIMITS__INTROSPECTIONS", "60"),
    ]);
    let about = form(&[("token", &key)]);
    let asks = |authorization: &str| {
        let answer = house
            .api("")
            .form("/oauth/introspect", &about, &[("Authorization", authorization)]);
        answer.status
    };
    // An ordinary client, which may ask as well, counts as anybody.
    let owns = (0..6).filter(|_| asks(&basic) == 200).count();
    assert_eq!(owns, 6);
    assert_eq!(asks(&reports.basic), 200, "and so does a server the first time");
    let told = (0..50).filter(|_| asks(&reports.basic) == 200).count();
    assert_eq!(told, 50, "then it has a share of its own");
    while house.api("").get("/healthz").status == 200 {}
    house.api("").get("/healthz").is_problem(429, "SYSTEM_RATE_LIMITED");
    assert_eq!(asks(&reports.basic), 200, "which others there do not use up");
    let refused = (0..60).find(|_| asks(&reports.basic) == 429);
    assert!(refused.is_some(), "and which has an end");
}

#[test]
fn a_bypass_role_helps_no_key_no_service_and_no_other_server() {
    let house = House::open();
    let reports = Reports::registered(
        &house,
        &["--role", "chief=reports:read", "--bypass", "chief"],
        TokenCheck::Asked,
    );
    let others = Reports::named(
        &house,
        "Others",
        "others:read",
        &["--role", "chief=others:read"],
        TokenCheck::Asked,
    );
    let mut chief = house.person(1, "chief");
    let token = consented(&house, &mut chief, &reports.resource);
    assert_eq!(claims(&token)["bypass"], true);
    // Its token holds `reports:read`, and it writes.
    let wrote = reports.api(&token).post("/reports", &json!({}));
    assert_eq!(wrote.is(200)["scopes"], "reports:read");
    assert_eq!(reports.bypassed(), ["reports:write"], "and that is told");

    let (key, _) = key(&house, "reports:read");
    let machine = service(&house, &["reports:read", "others:read"]);
    for credential in [key, self::token(&house, &machine, &reports.resource)] {
        reports.api(&credential).get("/reports").is(200);
        reports
            .api(&credential)
            .post("/reports", &json!({}))
            .is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
    }
    others
        .api(&token)
        .post("/reports", &json!({}))
        .is_problem(401, "AUTH_KEY_INVALID");
    house
        .api(&token)
        .get("/api/v1/agents")
        .is_problem(401, "AUTH_KEY_INVALID");
    let machine = self::token(&house, &machine, &others.resource);
    others
        .api(&machine)
        .post("/reports", &json!({}))
        .is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
    // At the wallet the role is worth nothing.
    let page = chief.opens(&house, "/signin");
    assert!(page.is(200).as_str().unwrap().contains("chief"));
    assert_eq!(reports.bypassed().len(), 1);
    // Another role, and it is over: with the answer for what the issuer is asked, and here a moment later.
    house.cli(&["user", "role", &chief.id, "viewer"]).ok();
    assert!(gets_in_for(&reports, &token, "AUTH_TOKEN_REVOKED") < Duration::from_millis(5_500));
}

#[test]
fn a_removed_server_gets_no_tokens_and_learns_nothing_any_more() {
    let house = House::open();
    let reports = Reports::registered(&house, &[], TokenCheck::Asked);
    let basic = service(&house, &["reports:read", "agents:read"]);
    let token = token(&house, &basic, &reports.resource);
    reports.api(&token).get("/whoami").is(200);
    house.cli(&["resource", "remove", &reports.id]).ok();
    assert_eq!(
        asks(&house, &basic, &reports.resource).is(400)["error"],
        "invalid_target"
    );
    let about = form(&[("token", &token)]);
    let asked = house
        .api("")
        .form("/oauth/introspect", &about, &[("Authorization", &reports.basic)]);
    assert_eq!(asked.is(401)["error"], "invalid_client");
    // It cannot find out who anybody is, so nobody gets in.
    until("it lets nobody in", || {
        let answer = reports.api(&token).get("/whoami");
        (answer.status != 200).then(|| {
            answer.is_problem(503, "SYSTEM_ISSUER_UNAVAILABLE");
        })
    });
    house
        .api(&self::token(&house, &basic, &format!("{}/mcp", house.origin())))
        .get("/api/v1/agents")
        .is(200);
}

#[test]
fn a_server_whose_issuer_is_gone_lets_nobody_in() {
    let mut house = House::open();
    let reports = Reports::registered(&house, &[], TokenCheck::Asked);
    let (key, _) = key(&house, "reports:read");
    reports.api(&key).get("/whoami").is(200);
    house.kill();
    until("what it was told is over", || {
        let answer = reports.api(&key).get("/whoami");
        (answer.status != 200).then(|| {
            answer.is_problem(503, "SYSTEM_ISSUER_UNAVAILABLE");
        })
    });
}
