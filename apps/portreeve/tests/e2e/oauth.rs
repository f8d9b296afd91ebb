//! Access tokens: the way to one from nothing but an address, what it opens, and what ends it.

pub(crate) mod code;
mod hostile;
mod rotation;

use {
    crate::{
        estate::{Agent, Client, Estate, policy, until},
        house::{Answer, Api, Chain, House, SOL, item},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_signing::key::SecretKey,
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
    std::{env, fs},
};

/// An agent of an estate, what its client proves itself by, and what its server is called.
struct Service<'a> {
    estate: &'a Estate,
    origin: String,
    agent: Agent,
    client: Client,
}

impl<'a> Service<'a> {
    fn new(estate: &'a Estate, nickname: &str) -> Self {
        let (agent, client) = estate.agent_with_client(nickname, &policy());
        Self {
            estate,
            origin: estate.house.url().replace("127.0.0.1", "localhost"),
            agent,
            client,
        }
    }

    /// Whoever knows nothing.
    fn anybody(&self) -> Api {
        self.estate.house.api("")
    }

    /// The path of an address, which has to be one of this server's.
    #[track_caller]
    fn path<'b>(&self, address: &'b str) -> &'b str {
        let path = address.strip_prefix(&self.origin);
        path.unwrap_or_else(|| panic!("`{address}` is not at `{}`", self.origin))
    }

    fn asks(&self, form: &str) -> Answer {
        let headers = [("Authorization", self.client.basic())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.anybody().form("/oauth/token", form, &headers)
    }

    #[track_caller]
    fn token(&self) -> String {
        let told = self.asks("grant_type=client_credentials");
        told.is(200)["access_token"].as_str().unwrap().to_owned()
    }

    /// Looks at its own agent.
    fn looks(&self, token: &str) -> Answer {
        self.estate.house.api(token).get(&self.agent.path())
    }
}

/// The parameters of a bearer challenge.
fn challenge(answer: &Answer) -> Vec<(String, String)> {
    let text = answer.header("www-authenticate").unwrap();
    let parameters = text.strip_prefix("Bearer ").unwrap_or_else(|| panic!("{text}"));
    let pairs = parameters.split(", ").map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        (name.to_owned(), value.to_owned())
    });
    pairs.collect()
}

fn named(pairs: &[(String, String)], name: &str) -> Option<String> {
    let mut found = pairs.iter().filter(|(found, _)| found == name);
    let value = found.next().map(|(_, value)| value.clone());
    assert!(found.next().is_none(), "`{name}` stands twice in {pairs:?}");
    value
}

fn refused(answer: &Answer, code: &str) {
    answer.is_problem(401, code);
    assert_eq!(named(&challenge(answer), "error").as_deref(), Some("invalid_token"));
}

/// From a bare 401 to a payment, with no address known but the server's.
fn finds_its_way(estate: &Estate) {
    let service = Service::new(estate, "shopper");
    let anybody = service.anybody();
    let bare = anybody.get(&service.agent.path());
    bare.is_problem(401, "AUTH_KEY_INVALID");
    let bare = challenge(&bare);
    assert_eq!(named(&bare, "error"), None, "nothing was sent, so nothing is wrong");
    assert_eq!(named(&bare, "scope").as_deref(), Some("agents:read"));

    let resource = anybody
        .get(service.path(&named(&bare, "resource_metadata").unwrap()))
        .is(200)
        .clone();
    assert_eq!(resource["resource"], format!("{}/mcp", service.origin));
    assert_eq!(resource["bearer_methods_supported"], json!(["header"]));
    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    let server = format!("{issuer}/.well-known/oauth-authorization-server");
    let server = anybody.get(service.path(&server)).is(200).clone();
    assert_eq!(server["issuer"], issuer, "byte for byte");
    let methods = server["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("client_secret_basic")));

    let form = format!(
        "grant_type=client_credentials&resource={}&scope=agents%3Aread+transactions%3Aexecute+transactions%3Aread",
        resource["resource"]
            .as_str()
            .unwrap()
            .replace(':', "%3A")
            .replace('/', "%2F")
    );
    let basic = service.client.basic();
    let told = anybody.form(
        service.path(server["token_endpoint"].as_str().unwrap()),
        &form,
        &[("Authorization", &basic)],
    );
    assert_eq!(told.header("cache-control"), Some("no-store"));
    let told = told.is(200);
    assert_eq!(
        (&told["token_type"], &told["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    let token = told["access_token"].as_str().unwrap();

    let shown = service.looks(token);
    assert_eq!(shown.is(200)["id"], service.agent.id.as_str());
    let payee = estate.house.somebody();
    let body = json!({"to": payee, "amount": (SOL / 2).to_string()});
    let headers = [("Idempotency-Key", "by-token")];
    let own = estate.house.api(token);
    let asked = own.send(minreq::Method::Post, "/api/v1/transactions", Some(&body), &headers);
    let paid = estate.until_ended(asked.is(202));
    assert_eq!(paid["status"], "CONFIRMED", "{paid}");
    assert_eq!(estate.house.chain.balance(&payee), SOL / 2);

    let balance = own.get(&format!("{}/balance", service.agent.path()));
    let lacking = balance.is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
    assert_eq!(
        lacking["requiredScope"], "wallets:read",
        "the token holds what it asked for and no more"
    );
    let lacking = challenge(&balance);
    assert_eq!(named(&lacking, "error").as_deref(), Some("insufficient_scope"));
    assert_eq!(named(&lacking, "scope").as_deref(), Some("wallets:read"));
    assert!(named(&lacking, "resource_metadata").is_some());
}

/// AUTH_CHECKLIST 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 1.9, 1.11, 6.2, 6.15
#[test]
fn a_service_finds_its_way_from_a_bare_401_and_pays_as_its_agent() {
    finds_its_way(&Estate::open());
}

#[test]
#[ignore = "needs TEST_POSTGRES_URL"]
fn a_service_finds_its_way_on_postgres() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::postgres("e2e_oauth", &[])).unwrap();
    let mut house = House::on(Chain::start(), &env::temp_dir());
    house.init_quick(&["--database-url", database.url()]);
    house.serve(&[]);
    let mut estate = Estate::of(house);
    finds_its_way(&estate);
    estate.house.stop();
    runtime.block_on(database.remove()).unwrap();
}

/// AUTH_CHECKLIST 2.1, 2.2
#[test]
fn a_token_is_read_from_the_one_header_and_nowhere_else() {
    let estate = Estate::open();
    let service = Service::new(&estate, "shopper");
    let (token, path) = (service.token(), service.agent.path());
    let anybody = service.anybody();
    let with = |headers: &[(&str, &str)]| anybody.send(minreq::Method::Get, &path, None, headers);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        with(&[("Authorization", &format!("{scheme} {token}"))]).is(200);
    }
    for header in [
        ("Cookie", format!("access_token={token}")),
        ("X-Api-Key", token.clone()),
        ("Authorization", format!("Basic {token}")),
        ("Authorization", token.clone()),
    ] {
        with(&[(header.0, &header.1)]).is_problem(401, "AUTH_KEY_INVALID");
    }
    let in_address = anybody.get(&format!("{path}?access_token={token}"));
    in_address.is_problem(400, "VALIDATION_INVALID_FORMAT");
    with(&[]).is_problem(401, "AUTH_KEY_INVALID");
}

/// AUTH_CHECKLIST 2.8
#[test]
fn a_suspended_agents_tokens_die_with_the_answer_and_its_client_gets_none() {
    let estate = Estate::open();
    let (one, other) = (Service::new(&estate, "one"), Service::new(&estate, "other"));
    let (before, sibling) = (one.token(), other.token());
    one.looks(&before).is(200);

    let suspended = estate
        .owner()
        .post(&format!("{}/suspend", one.agent.path()), &json!({}));
    assert_eq!(suspended.is(200)["status"], "SUSPENDED");
    refused(&one.looks(&before), "AUTH_TOKEN_REVOKED");
    let none = one.asks("grant_type=client_credentials");
    assert_eq!(none.is(401)["error"], "invalid_client");
    other.looks(&sibling).is(200);
    other.looks(&other.token()).is(200);

    estate.until_settled(&one.agent.id, "SUSPENDED");
    estate.resume(&one.agent);
    one.looks(&one.token()).is(200);
    refused(&one.looks(&before), "AUTH_TOKEN_REVOKED");
    let kinds: Vec<String> = estate.books().audit().into_iter().map(|row| row.kind).collect();
    for kind in ["oauth_client.created", "oauth_client.stopped", "oauth_client.resumed"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind} is not in {kinds:?}");
    }
}

/// AUTH_CHECKLIST 2.8, 8.1, 8.2
#[test]
fn a_client_ends_one_of_its_tokens_and_asks_what_the_others_are_good_for() {
    let estate = Estate::open();
    let (service, other) = (Service::new(&estate, "one"), Service::new(&estate, "other"));
    let (one, next) = (service.token(), service.token());
    let server = service
        .anybody()
        .get("/.well-known/oauth-authorization-server")
        .is(200)
        .clone();
    let post = |by: &Service<'_>, endpoint: &str, token: &str| {
        let path = service.path(server[endpoint].as_str().unwrap());
        let form = format!("token={token}&token_type_hint=refresh_token");
        service
            .anybody()
            .form(path, &form, &[("Authorization", &by.client.basic())])
    };
    let asked = post(&service, "introspection_endpoint", &one).is(200).clone();
    assert_eq!(
        (&asked["active"], &asked["agent_id"]),
        (&json!(true), &json!(service.agent.id))
    );
    let inactive = json!({"active": false});
    assert_eq!(*post(&other, "introspection_endpoint", &one).is(200), inactive);

    post(&other, "revocation_endpoint", &one).is(200);
    service.looks(&one).is(200);
    post(&service, "revocation_endpoint", &one).is(200);
    refused(&service.looks(&one), "AUTH_TOKEN_REVOKED");
    service.looks(&next).is(200);
    assert_eq!(*post(&service, "introspection_endpoint", &one).is(200), inactive);
}

#[test]
fn an_agents_token_sees_nothing_of_its_siblings() {
    let estate = Estate::open();
    let (one, other) = (Service::new(&estate, "one"), Service::new(&estate, "other"));
    let own = estate.house.api(&one.token());
    own.get(&one.agent.path()).is(200);
    own.get(&other.agent.path()).is_problem(404, "AGENT_NOT_FOUND");
    let list = own.get("/api/v1/agents").is(200)["items"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1);
    own.get("/api/v1/auth/keys").is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
}

/// AUTH_CHECKLIST 2.3, 2.5
#[test]
fn a_token_is_good_where_it_was_made_for_also_after_a_restart_and_not_elsewhere() {
    let mut estate = Estate::of({
        let mut house = House::built();
        house.serve(&[("PORTREEVE__SERVER__ORIGIN", "https://one.example")]);
        house
    });
    let (token, client) = {
        let mut service = Service::new(&estate, "shopper");
        service.origin = "https://one.example".to_owned();
        let token = service.token();
        let bare = challenge(&service.anybody().get(&service.agent.path()));
        let metadata = named(&bare, "resource_metadata").unwrap();
        assert_eq!(metadata, "https://one.example/.well-known/oauth-protected-resource/mcp");
        service.looks(&token).is(200);
        (token, service.client.clone())
    };
    let look = |house: &House| house.api(&token).get("/api/v1/agents");
    estate.house.stop();
    estate
        .house
        .serve(&[("PORTREEVE__SERVER__ORIGIN", "https://two.example")]);
    refused(&look(&estate.house), "AUTH_KEY_INVALID");
    let form = "grant_type=client_credentials&resource=https%3A%2F%2Fone.example%2Fmcp";
    let other = estate
        .house
        .api("")
        .form("/oauth/token", form, &[("Authorization", &client.basic())]);
    assert_eq!(other.is(400)["error"], "invalid_target");

    estate.house.stop();
    estate
        .house
        .serve(&[("PORTREEVE__SERVER__ORIGIN", "https://one.example")]);
    look(&estate.house).is(200);
    estate.house.stop();
    let refuses = estate
        .house
        .try_serve(&[("PORTREEVE__SERVER__ORIGIN", "https://one.example/")]);
    assert!(!refuses, "with a slash it would be another issuer");
}

#[test]
fn a_token_ends_after_a_quarter_of_an_hour_and_its_holder_is_told() {
    let estate = Estate::open();
    let service = Service::new(&estate, "shopper");
    let token = service.token();
    service.looks(&token).is(200);
    estate.house.chain.warp(901);
    let over = until("the server knows that it is later", || {
        Some(service.looks(&token)).filter(|answer| answer.status != 200)
    });
    refused(&over, "AUTH_TOKEN_EXPIRED");
    service.looks(&service.token()).is(200);
}

/// AUTH_CHECKLIST 8.8
#[test]
fn tokens_and_secrets_are_in_no_log_and_no_table() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__LOG__FILTER", "debug")]);
    let mut estate = Estate::of(house);
    let (token, secret) = {
        let service = Service::new(&estate, "canary");
        let token = service.token();
        service.looks(&token).is(200);
        service.looks(&format!("{token}x")).is(401);
        let mut wrong = service.client.clone();
        wrong.secret.push('x');
        let form = "grant_type=client_credentials";
        let basic = wrong.basic();
        service
            .anybody()
            .form("/oauth/token", form, &[("Authorization", &basic)])
            .is(401);
        (token, service.client.secret.clone())
    };
    let log = estate.house.stop().stderr;
    assert!(log.contains("/oauth/token"), "the search would have found it: {log}");
    let (_, signature) = token.rsplit_once('.').unwrap();
    for hidden in [token.as_str(), signature, &secret, &secret[4..40]] {
        assert!(!log.contains(hidden), "a secret is in the log");
    }
    let mut canaries = 0;
    for entry in fs::read_dir(estate.house.home()).unwrap().flatten() {
        let Ok(bytes) = fs::read(entry.path()) else { continue };
        let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        canaries += usize::from(holds("canary"));
        for hidden in [signature, &secret[4..40]] {
            assert!(!holds(hidden), "a secret is in {}", entry.path().display());
        }
    }
    assert!(canaries > 0, "the search would have found it");
}

#[test]
fn the_command_line_makes_an_agent_with_a_client_and_shows_its_secret_once() {
    let house = House::open();
    let create = ["agent", "create", "bot", "--daily", "1sol", "--oauth-client"];
    let made = house.cli(&[&create[..], &["--json"]].concat()).json();
    assert_eq!(made["status"], "ACTIVE");
    let client = |made: &Value| Client {
        id: made["oauthClient"]["clientId"].as_str().unwrap().to_owned(),
        secret: made["oauthClient"]["clientSecret"].as_str().unwrap().to_owned(),
    };
    let endpoint = made["oauthClient"]["tokenEndpoint"].as_str().unwrap();
    let path = endpoint
        .strip_prefix(&house.url().replace("127.0.0.1", "localhost"))
        .unwrap();
    let basic = client(&made).basic();
    let told = house
        .api("")
        .form(path, "grant_type=client_credentials", &[("Authorization", &basic)]);
    let scopes = "agents:read policies:read transactions:execute transactions:read wallets:read";
    assert_eq!(told.is(200)["scope"], scopes);
    let told_scopes: Vec<&str> = scopes.split(' ').collect();
    assert_eq!(made["oauthClient"]["scopes"], json!(told_scopes));

    let text = house.cli(&create).ok().to_owned();
    assert!(text.contains("clt_") && text.matches("wcs_").count() == 1, "{text}");
    assert!(text.contains("/oauth/token"), "{text}");
    let id = made["id"].as_str().unwrap();
    let shown = house.cli(&["agent", "show", id, "--json"]).json();
    assert!(!shown.to_string().contains("wcs_") && shown.get("oauthClient").is_none());
    let plain = house
        .cli(&["agent", "create", "plain", "--daily", "1sol", "--json"])
        .json();
    assert!(plain.get("oauthClient").is_none());
}

#[test]
fn a_client_is_made_shown_renewed_and_ended_over_the_command_line() {
    let house = House::open();
    let made = house
        .cli(&[
            "client",
            "create",
            "accounting",
            "--scope",
            "agents:read",
            "--scope",
            "admin:all",
            "--json",
        ])
        .json();
    let id = made["id"].as_str().unwrap();
    let client = |told: &Value| Client {
        id: id.to_owned(),
        secret: told["clientSecret"].as_str().unwrap().to_owned(),
    };
    let asks = |client: &Client| {
        let form = "grant_type=client_credentials";
        house
            .api("")
            .form("/oauth/token", form, &[("Authorization", &client.basic())])
    };
    let first = client(&made);
    let token = asks(&first).is(200)["access_token"].as_str().unwrap().to_owned();
    house.api(&token).get("/api/v1/agents").is(200);
    house.api(&token).get("/api/v1/auth/keys").is(200);

    let list = house.cli(&["client", "list", "--json"]).json();
    assert_eq!(item(&list, "id", id)["name"], "accounting");
    let text = house.cli(&["client", "list", "--limit", "1"]).ok().to_owned();
    assert!(text.contains("accounting") && text.contains("active"), "{text}");
    let shown = house.cli(&["client", "show", id]).ok().to_owned();
    assert!(shown.contains("client_secret_basic"), "{shown}");
    assert!(
        ![&list.to_string(), &text, &shown]
            .iter()
            .any(|said| said.contains("wcs_")),
        "a secret is shown once"
    );

    let renewed = client(&house.cli(&["client", "secret", id, "--json"]).json());
    assert_eq!(asks(&first).is(401)["error"], "invalid_client");
    asks(&renewed).is(200);
    let text = house.cli(&["client", "secret", id]).ok().to_owned();
    assert!(
        text.matches("wcs_").count() == 1 && text.contains("shown this once"),
        "{text}"
    );
    house.api(&token).get("/api/v1/agents").is(200);

    house.cli(&["client", "revoke", id]).ok();
    refused(&house.api(&token).get("/api/v1/agents"), "AUTH_TOKEN_REVOKED");
    assert_eq!(asks(&renewed).is(401)["error"], "invalid_client");
    let list = house.cli(&["client", "list", "--json"]).json();
    assert_eq!(item(&list, "id", id)["status"], "revoked");
    let error = house.cli(&["client", "secret", id]).fails_with(1).to_owned();
    assert!(error.contains("AUTH_CLIENT_NOT_FOUND"), "{error}");

    // A page after another.
    for name in ["b", "c"] {
        house.cli(&["client", "create", name, "--scope", "agents:read"]).ok();
    }
    let page = house.cli(&["client", "list", "--limit", "2", "--json"]).json();
    let cursor = page["cursor"].as_str().unwrap();
    let rest = house
        .cli(&["client", "list", "--limit", "2", "--cursor", cursor, "--json"])
        .json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_client_made_for_a_suspended_agent_waits_until_it_is_resumed() {
    let estate = Estate::open();
    let agent = estate.agent("one", &policy());
    estate.suspend(&agent);
    let create = [
        "client",
        "create",
        "late",
        "--agent",
        agent.id.as_str(),
        "--scope",
        "agents:read",
        "--json",
    ];
    let made = estate.house.cli(&create).json();
    assert_eq!(made["status"], "stopped");
    let client = Client {
        id: made["id"].as_str().unwrap().to_owned(),
        secret: made["clientSecret"].as_str().unwrap().to_owned(),
    };
    let asks = || {
        let form = "grant_type=client_credentials";
        let basic = client.basic();
        estate
            .house
            .api("")
            .form("/oauth/token", form, &[("Authorization", &basic)])
    };
    assert_eq!(asks().is(401)["error"], "invalid_client");
    estate.resume(&agent);
    let token = asks().is(200)["access_token"].as_str().unwrap().to_owned();
    estate.house.api(&token).get(&agent.path()).is(200);
}

/// AUTH_CHECKLIST 8.2
#[test]
fn an_owners_service_may_ask_about_the_owners_keys() {
    let estate = Estate::open();
    let made = estate
        .house
        .cli(&["client", "create", "guard", "--scope", "admin:all", "--json"])
        .json();
    let client = Client {
        id: made["id"].as_str().unwrap().to_owned(),
        secret: made["clientSecret"].as_str().unwrap().to_owned(),
    };
    let key = estate.key(&json!({"name": "far", "scopes": ["agents:read"], "allowedIps": ["192.0.2.0/24"]}));
    let form = format!("token={key}");
    let asked = estate
        .house
        .api("")
        .form("/oauth/introspect", &form, &[("Authorization", &client.basic())]);
    let told = asked.is(200);
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("agents:read")));
    assert_eq!(
        told["allowed_ips"],
        json!(["192.0.2.0/24"]),
        "who asks has to see to that"
    );
}

/// A JWT with which a client that holds `key` proves itself to the server at `origin`.
pub(crate) fn assertion(key: &SecretKey, client: &str, origin: &str, (at, jti): (i64, &str)) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "EdDSA", "typ": "JWT"}));
    let claims = json!({"iss": client, "sub": client, "aud": origin, "exp": at + 60, "iat": at, "jti": jti});
    let message = format!("{header}.{}", part(claims));
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_bytes()))
}

/// AUTH_CHECKLIST 4.5, 6.6, 8.5
#[test]
fn a_client_that_signs_needs_no_secret_and_what_it_signed_is_good_once() {
    let house = House::open();
    let origin = house.url().replace("127.0.0.1", "localhost");
    let server = house
        .api("")
        .get("/.well-known/oauth-authorization-server")
        .is(200)
        .clone();
    let methods = server["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")));
    let algorithms = &server["token_endpoint_auth_signing_alg_values_supported"];
    assert_eq!(*algorithms, json!(["EdDSA", "Ed25519", "ES256", "RS256", "PS256"]));

    let (key, other) = (SecretKey::from_seed(&[5; 32]), SecretKey::from_seed(&[6; 32]));
    let x = BASE64_URL_SAFE_NO_PAD.encode(key.public().as_bytes());
    let file = house.home().join("public.json");
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1"}]});
    fs::write(&file, keys.to_string()).unwrap();
    let create = [
        "client",
        "create",
        "robot",
        "--scope",
        "agents:read",
        "--jwks",
        file.to_str().unwrap(),
    ];
    let made = house.cli(&[&create[..], &["--json"]].concat()).json();
    assert!(made.get("clientSecret").is_none(), "{made}");
    let id = made["id"].as_str().unwrap();
    let now = house.chain.call("localnet_clock", &json!([]))["unixTimestamp"]
        .as_i64()
        .unwrap();
    let asks = |jwt: &str| {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let form = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={jwt}");
        house.api("").form("/oauth/token", &form, &[])
    };
    let jwt = assertion(&key, id, &origin, (now, "one"));
    let token = asks(&jwt).is(200)["access_token"].as_str().unwrap().to_owned();
    house.api(&token).get("/api/v1/agents").is(200);
    for bad in [
        jwt,
        assertion(&other, id, &origin, (now, "two")),
        assertion(&key, id, "https://other.example", (now, "three")),
        assertion(&key, id, &origin, (now - 3600, "four")),
    ] {
        assert_eq!(asks(&bad).is(401)["error"], "invalid_client");
    }
    let text = house.cli(&create).ok().to_owned();
    assert!(text.contains("private_key_jwt") && !text.contains("wcs_"), "{text}");
    let error = house.cli(&["client", "secret", id]).fails_with(1).to_owned();
    assert!(error.contains("has no secret"), "{error}");
    fs::write(&file, "no JSON").unwrap();
    let error = house.cli(&create).fails_with(1).to_owned();
    assert!(error.contains("field: jwks"), "{error}");
}
