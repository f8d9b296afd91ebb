//! A person's consent and what becomes of it, through the real binary. What a browser makes of the page is in
//! `tests/clients`.

use {
    crate::{
        estate::{Estate, policy},
        house::{Answer, House, Person},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    serde_json::{Value, json},
    sha2::{Digest, Sha256},
    std::thread,
};

const BACK: &str = "https://planner.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SCOPES: [&str; 2] = ["agents:read", "transactions:execute"];

/// A program that people use.
pub(crate) struct Program {
    id: String,
}

/// What it gets.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        let told = answer.is(200);
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

impl Program {
    fn known_to(house: &House) -> Self {
        let args = ["client", "create", "planner", "--redirect", BACK, "--public", "--json"];
        let made = house.cli(&args).json();
        Self {
            id: made["id"].as_str().unwrap().to_owned(),
        }
    }

    /// The id of a grant that somebody new gives to a new program, for an agent.
    pub(crate) fn granted(house: &House, seed: u8, agent: &str) -> String {
        let (program, mut person) = (Self::known_to(house), house.person(seed, "owner"));
        program.code(house, &mut person, Some(agent));
        let list = house.api(&house.owner_key()).get("/api/v1/auth/grants").is(200).clone();
        let grant = crate::house::item(&list, "clientId", &program.id);
        grant["id"].as_str().unwrap().to_owned()
    }

    fn code(&self, house: &House, person: &mut Person, agent: Option<&str>) -> String {
        self.code_for(house, person, &SCOPES, agent)
    }

    fn code_for(&self, house: &House, person: &mut Person, scopes: &[&str], agent: Option<&str>) -> String {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let request = form(&[
            ("response_type", "code"),
            ("client_id", &self.id),
            ("scope", &scopes.join(" ")),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let next = person.allows(house, &request, scopes, agent);
        let (back, query) = next.split_once('?').unwrap();
        assert_eq!(back, BACK);
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    fn asks(&self, house: &House, pairs: &[(&str, &str)]) -> Answer {
        let all = [&[("client_id", &*self.id)], pairs].concat();
        house.api("").form("/oauth/token", &form(&all), &[])
    }

    fn redeems(&self, house: &House, code: &str) -> Answer {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.asks(house, &pairs)
    }

    fn refreshes(&self, house: &House, token: &str) -> Answer {
        self.asks(house, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }
}

#[test]
fn a_program_pays_for_the_agent_that_a_person_chose_and_stops_with_it() {
    let estate = Estate::open();
    let (house, agent) = (&estate.house, estate.agent("shopper", &policy()));
    let (program, mut person) = (Program::known_to(house), house.person(1, "owner"));
    let code = program.code(house, &mut person, Some(agent.id.as_str()));
    let tokens = Tokens::of(&program.redeems(house, &code));
    let body = json!({"agentId": agent.id, "to": house.somebody(), "amount": "1000000"});
    let path = "/api/v1/transactions";
    let pay = |token: &str, key: &str| {
        let headers = [("Idempotency-Key", key)];
        house.api(token).send(minreq::Method::Post, path, Some(&body), &headers)
    };
    let paid = pay(&tokens.access, "one");
    assert_eq!(paid.is(202)["agentId"], json!(agent.id));

    let tokens = Tokens::of(&program.refreshes(house, &tokens.refresh));
    house.cli(&["agent", "suspend", agent.id.as_str()]).ok();
    pay(&tokens.access, "two").is_problem(401, "AUTH_TOKEN_REVOKED");
    assert_eq!(
        program.refreshes(house, &tokens.refresh).is(400)["error"],
        "invalid_grant"
    );
    house.cli(&["agent", "resume", agent.id.as_str()]).ok();
    pay(&tokens.access, "two").is_problem(401, "AUTH_TOKEN_REVOKED");
}

#[test]
fn whoever_let_a_program_in_ends_that_themselves_and_nobody_else_does() {
    let mut house = House::open();
    // Whatever port it gets next time.
    let origin = house.origin();
    let (program, mut vi) = (Program::known_to(&house), house.person(1, "viewer"));
    let mut other = house.person(2, "owner");
    let code = program.code_for(&house, &mut vi, &["agents:read"], None);
    let tokens = Tokens::of(&program.redeems(&house, &code));
    house.api(&tokens.access).get("/api/v1/agents").is(200);
    let (grant, form) = vi.let_in(&house).remove(0);
    assert_eq!(other.let_in(&house), []);
    other
        .asks(&house, "/grants/end", &form)
        .is_problem(403, "REQUEST_ORIGIN_NOT_ALLOWED");
    house.api(&tokens.access).get("/api/v1/agents").is(200);
    vi.asks(&house, "/grants/end", &form).is(204);
    house
        .api(&tokens.access)
        .get("/api/v1/agents")
        .is_problem(401, "AUTH_TOKEN_REVOKED");
    assert_eq!(
        program.refreshes(&house, &tokens.refresh).is(400)["error"],
        "invalid_grant"
    );
    assert_eq!(vi.let_in(&house), []);
    let list = house.cli(&["grant", "list", "--json"]).json();
    let ended = crate::house::item(&list, "id", &grant);
    assert_eq!(ended["revokedWhy"], "revoked");

    // Again changes nothing, and it has ended for good.
    vi.asks(&house, "/grants/end", &form).is(204);
    house.kill();
    house.serve(&[("PORTREEVE__SERVER__ORIGIN", &*origin)]);
    house
        .api(&tokens.access)
        .get("/api/v1/agents")
        .is_problem(401, "AUTH_TOKEN_REVOKED");
}

#[test]
fn fifty_exchanges_of_one_code_make_one_token_and_fifty_refreshes_one_successor() {
    let house = House::open();
    let (program, mut person) = (Program::known_to(&house), house.person(1, "owner"));
    let fifty = |ask: &(dyn Fn() -> Answer + Sync)| -> Vec<Answer> {
        thread::scope(|scope| {
            let all: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let code = program.code(&house, &mut person, None);
    let answers = fifty(&|| program.redeems(&house, &code));
    let (won, lost): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 49));
    assert!(lost.iter().all(|answer| answer.is(400)["error"] == "invalid_grant"));
    // Whoever came again ended what the first had bought.
    let tokens = Tokens::of(won[0]);
    house
        .api(&tokens.access)
        .get("/api/v1/agents")
        .is_problem(401, "AUTH_TOKEN_REVOKED");

    let tokens = Tokens::of(&program.redeems(&house, &program.code(&house, &mut person, None)));
    let answers = fifty(&|| program.refreshes(&house, &tokens.refresh));
    let mut successors: Vec<String> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    let next = Tokens::of(&program.refreshes(&house, &successors[0]));
    house.api(&next.access).get("/api/v1/agents").is(200);
}

#[test]
fn what_a_person_granted_outlives_a_kill_and_a_code_is_still_good_once() {
    let mut house = House::open();
    // Whatever port it gets next time.
    let origin = house.origin();
    let called = [("PORTREEVE__SERVER__ORIGIN", &*origin)];
    let (program, mut person) = (Program::known_to(&house), house.person(1, "owner"));
    let code = program.code(&house, &mut person, None);
    let used = program.code(&house, &mut person, None);
    let tokens = Tokens::of(&program.redeems(&house, &used));
    house.kill();
    house.serve(&called);
    assert_eq!(program.redeems(&house, &used).is(400)["error"], "invalid_grant");
    assert_eq!(
        program.refreshes(&house, &tokens.refresh).is(400)["error"],
        "invalid_grant",
        "the replay ended it"
    );
    let tokens = Tokens::of(&program.redeems(&house, &code));
    let next = Tokens::of(&program.refreshes(&house, &tokens.refresh));
    house.kill();
    house.serve(&called);
    // As when the answer had been lost.
    let again = Tokens::of(&program.refreshes(&house, &tokens.refresh));
    assert_eq!(again.refresh, next.refresh);
}

#[test]
fn a_program_without_a_browser_waits_until_a_person_has_decided_elsewhere() {
    let house = House::open();
    let made = house
        .cli(&["client", "create", "kiosk", "--device", "--public", "--json"])
        .json();
    let kiosk = Program {
        id: made["id"].as_str().unwrap().to_owned(),
    };
    let begun = house
        .api("")
        .form("/oauth/device_authorization", &form(&[("client_id", &kiosk.id)]), &[]);
    let begun = begun.is(200).clone();
    assert_eq!(begun["verification_uri"], json!(format!("{}/device", house.origin())));
    let device_code = begun["device_code"].as_str().unwrap();
    let asks = || {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        kiosk.asks(&house, &[("grant_type", grant), ("device_code", device_code)])
    };
    assert_eq!(asks().is(400)["error"], "authorization_pending");
    assert_eq!(asks().is(400)["error"], "slow_down");
    let user_code = begun["user_code"].as_str().unwrap();
    house
        .person(1, "viewer")
        .allows_device(&house, user_code, &["agents:read"]);
    let owner = house.api(&house.owner_key());
    let server_time = || {
        let body = json!({"name": "clock", "scopes": ["agents:read"]});
        owner.post("/api/v1/auth/keys", &body).is(201)["createdAt"].clone()
    };
    let before = server_time();
    house.chain.warp(11);
    // Asking meanwhile would make it wait longer.
    crate::estate::until("the server knows the chain's time", || {
        (server_time() != before).then_some(())
    });
    let tokens = Tokens::of(&asks());
    house.api(&tokens.access).get("/api/v1/agents").is(200);
    house
        .api(&tokens.access)
        .get("/api/v1/auth/keys")
        .is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
    assert_eq!(asks().is(400)["error"], "invalid_grant");
}

/// AUTH_CHECKLIST 4.3, 4.5, 4.6
#[test]
fn the_metadata_names_the_code_flow_and_it_is_there() {
    let house = House::open();
    let server = house
        .api("")
        .get("/.well-known/oauth-authorization-server")
        .is(200)
        .clone();
    let origin = house.origin();
    assert_eq!(
        server["authorization_endpoint"],
        json!(format!("{origin}/oauth/authorize"))
    );
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["authorization_response_iss_parameter_supported"], json!(true));
    let grants: Vec<&Value> = server["grant_types_supported"].as_array().unwrap().iter().collect();
    assert_eq!(grants.len(), 4);
    assert_eq!(
        server["device_authorization_endpoint"],
        json!(format!("{origin}/oauth/device_authorization"))
    );
    let methods = server["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("none")));
    let page = house.api("").get("/oauth/authorize");
    assert!(page.is(400).as_str().unwrap().contains("<h1>"), "a page, and no JSON");
}
