//! What people do with a browser when a program asks for access.

use {
    crate::{
        browser::Browser,
        house::{Answer, House},
        people::{enrol, invite, says},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    serde_json::{Value, json},
    sha2::{Digest, Sha256},
    std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    },
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A program on this machine that people use, waiting for its answer.
struct Program {
    id: String,
    back: String,
}

impl Program {
    fn known_to(house: &House, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let back = format!("http://127.0.0.1:{}/cb", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 8192]);
                let page = "<!doctype html><title>back</title><main>Back at the program</main>";
                let head = format!("Content-Type: text/html\r\nContent-Length: {}\r\n", page.len());
                let _ = write!(stream, "HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n{page}");
            }
        });
        let args = [
            "client",
            "create",
            name,
            "--redirect",
            "http://127.0.0.1/cb",
            "--public",
            "--json",
        ];
        let made = house.cli(&args).json();
        assert_eq!(made["authMethod"], "none");
        Self {
            id: made["id"].as_str().unwrap().to_owned(),
            back,
        }
    }

    /// Where it sends the browser.
    fn wish(&self, house: &House, scope: &str) -> String {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", &self.id),
                ("redirect_uri", &self.back),
                ("scope", scope),
                ("state", "its own&"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        format!("{}/oauth/authorize?{query}", house.origin())
    }

    /// What it was told, by the address that the browser came back to.
    fn told(&self, seen: &Value) -> Vec<(String, String)> {
        let url = seen["url"].as_str().unwrap();
        let query = url
            .strip_prefix(&format!("{}?", self.back))
            .unwrap_or_else(|| panic!("{seen:#}"));
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    fn asks(&self, house: &House, pairs: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.id)
            .extend_pairs(pairs)
            .finish();
        house.api("").form("/oauth/token", &form, &[])
    }

    fn redeems(&self, house: &House, code: &str) -> Answer {
        self.asks(
            house,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("code_verifier", VERIFIER),
                ("redirect_uri", &self.back),
            ],
        )
    }
}

fn of<'a>(told: &'a [(String, String)], name: &str) -> &'a str {
    told.iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}

fn at(agent: &str) -> String {
    format!("/api/v1/agents/{agent}")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// AUTH_CHECKLIST 5.10
#[test]
fn a_person_lets_a_program_act_for_one_agent_until_the_grant_is_ended() {
    let mut house = House::open();
    let agent = house.agent(&["--daily", "1sol"]);
    let (_, link) = invite(&house, "Ada", "owner");
    let mut browser = Browser::open();
    enrol(&mut browser, &link);
    browser.press("Sign out");

    let program = Program::known_to(&house, "Travel <i>planner</i>");
    let seen = browser.go(&program.wish(&house, "agents:read agents:write transactions:execute"));
    assert_eq!(seen["heading"], "Sign in", "{seen:#}");
    let seen = browser.press("Sign in with a passkey");
    assert_eq!(seen["heading"], "A program asks for access", "{seen:#}");
    for part in [
        "“Travel <i>planner</i>”",
        "127.0.0.1",
        "That is your own computer",
        "Pay, as far as the policy allows",
        "agents:write; not for a single agent",
        "signed in as Ada, owner",
    ] {
        says(&seen, part);
    }
    browser.untick("Make agents, suspend and resume them");
    let seen = browser.press("Allow");
    let back = program.told(&seen);
    assert_eq!(seen["title"], "back");
    assert_eq!((of(&back, "state"), of(&back, "iss")), ("its own&", &*house.origin()));
    assert_eq!(
        browser.complaints(),
        json!([]),
        "nothing on a page was kept from running"
    );

    let code = of(&back, "code").to_owned();
    let told = program.redeems(&house, &code).is(200).clone();
    assert_eq!(told["scope"], "agents:read transactions:execute");
    let (access, refresh) = (text(&told["access_token"]), text(&told["refresh_token"]));
    let shown = house.api(&access).get(&at(&agent.id));
    assert_eq!(shown.is(200)["id"], agent.id);
    let other = house.agent(&["--daily", "1sol"]);
    house
        .api(&access)
        .get(&at(&other.id))
        .is_problem(404, "AGENT_NOT_FOUND");

    let next = program.asks(&house, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    let access = text(&next.is(200)["access_token"]);
    let refresh = text(&next.is(200)["refresh_token"]);
    house.api(&access).get(&at(&agent.id)).is(200);

    let list = house.cli(&["grant", "list", "--json"]).json();
    let grant = &list["items"][0];
    assert_eq!(
        (&grant["clientName"], &grant["agentId"], &grant["role"]),
        (&json!("Travel <i>planner</i>"), &json!(agent.id), &json!("agent"))
    );
    let table = house.cli(&["grant", "list"]).ok().to_owned();
    assert!(
        table.contains("transactions:execute") && table.contains("good"),
        "{table}"
    );
    let id = text(&grant["id"]);
    assert!(house.cli(&["grant", "revoke", &id]).ok().contains("its tokens with it"));
    house
        .api(&access)
        .get(&at(&agent.id))
        .is_problem(401, "AUTH_TOKEN_REVOKED");
    let over = program.asks(&house, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    assert_eq!(over.is(400)["error"], "invalid_grant");
    let error = house
        .cli(&["grant", "revoke", "grt_01ARYZ6S41TSV4RRFFQ69G5FAV"])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("AUTH_GRANT_NOT_FOUND"), "{error}");

    let log = house.stop().stderr;
    assert!(log.contains("/oauth/authorize"), "{log}");
    for secret in [&code, &access, &refresh] {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
    }
}

#[test]
fn a_person_says_no_and_a_program_without_a_right_address_gets_nothing() {
    let house = House::open();
    let (_, link) = invite(&house, "Bo", "viewer");
    let mut browser = Browser::launched(json!({"width": 320}));
    enrol(&mut browser, &link);
    let program = Program::known_to(&house, &"Wolfeschlegelsteinhausen".repeat(4));
    let url = program.wish(&house, "agents:read transactions:execute");
    let seen = browser.go(&url);
    assert_eq!(seen["tooWide"], false, "{seen:#}");
    let text = seen["text"].as_str().unwrap();
    assert!(
        !text.contains("transactions:execute"),
        "a viewer does not grant it: {text}"
    );
    let back = program.told(&browser.press("Deny"));
    assert_eq!((of(&back, "error"), of(&back, "code")), ("access_denied", ""));
    assert_eq!(house.cli(&["grant", "list", "--json"]).json()["items"], json!([]));

    // Nothing is chosen for who has no agent: nothing is granted by pressing alone.
    browser.go(&url);
    browser.choose("It acts for", "you: all that you see as viewer");
    let back = program.told(&browser.press("Allow"));
    let told = program.redeems(&house, of(&back, "code"));
    assert_eq!(told.is(200)["scope"], "agents:read");

    // And ended by who let it in, whatever their role.
    let seen = browser.go(&format!("{}/signin", house.origin()));
    assert_eq!(seen["tooWide"], false, "{seen:#}");
    says(&seen, "It acts for");
    let seen = browser.press("End the access of");
    assert_eq!(seen["heading"], "You are signed in", "{seen:#}");
    says(&seen, "You have let no program in, or what you let in has ended.");
    assert_eq!(browser.complaints(), json!([]));
    let next = program.asks(
        &house,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", told.is(200)["refresh_token"].as_str().unwrap()),
        ],
    );
    assert_eq!(next.is(400)["error"], "invalid_grant");

    let seen = browser.go(&url.replace("%2Fcb", "%2Fcc"));
    assert_eq!(seen["heading"], "The program's request cannot be answered", "{seen:#}");
    says(&seen, "Request req_");
}

#[test]
fn a_person_types_the_code_that_a_program_shows_on_another_device() {
    let house = House::open();
    let (_, link) = invite(&house, "Cy", "viewer");
    let mut browser = Browser::launched(json!({"width": 320}));
    enrol(&mut browser, &link);
    let made = house
        .cli(&["client", "create", "Kiosk", "--device", "--public", "--json"])
        .json();
    let form = format!("client_id={}", made["id"].as_str().unwrap());
    let begun = house
        .api("")
        .form("/oauth/device_authorization", &form, &[])
        .is(200)
        .clone();
    let seen = browser.go(begun["verification_uri"].as_str().unwrap());
    assert_eq!(
        (&seen["heading"], &seen["tooWide"]),
        (&json!("Connect a device"), &json!(false))
    );
    browser.fill("The code that the program shows", "bcdf ghjk");
    says(&browser.press("Go on"), "No program waits with that code");
    let code = begun["user_code"].as_str().unwrap();
    browser.fill("The code that the program shows", &code.to_lowercase());
    let seen = browser.press("Go on");
    assert_eq!(seen["heading"], "A program asks for access", "{seen:#}");
    says(&seen, code);
    says(&seen, "waits on another device");
    browser.choose("It acts for", "you: all that you see as viewer");
    let seen = browser.press("Allow");
    assert_eq!(seen["heading"], "Decided", "{seen:#}");
    // It was asked with: what was wrong is no complaint of the page's.
    assert_eq!(browser.complaints(), json!([]));
    let grants = house.cli(&["grant", "list", "--json"]).json();
    assert_eq!(grants["items"][0]["clientName"], "Kiosk");
}
