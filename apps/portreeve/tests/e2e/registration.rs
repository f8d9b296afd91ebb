//! Clients that nobody here made: they register themselves, or a document of theirs says what they are. The outside is a
//! server on this machine whose certificate authority the settings name.

use {
    crate::{
        estate::{Books, until},
        house::{Answer, Api, House},
        oauth::assertion,
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_outbound::testing::{Page, World},
    portreeve_signing::key::SecretKey,
    portreeve_store::{Sql, StoreError, Tx},
    serde_json::{Value, json},
};

const CALLBACK: &str = "http://127.0.0.1:33418/callback";

fn register(api: &Api, metadata: &Value) -> Answer {
    api.post("/oauth/register", metadata)
}

fn owner(house: &House) -> Api {
    house.api(&house.owner_key())
}

/// Asks with a form in which `client` stands for a public client.
fn ask(house: &House, path: &str, form: &str, client: &str) -> Answer {
    let client: String = client.bytes().map(|byte| format!("%{byte:02X}")).collect();
    house.api("").form(path, &format!("{form}&client_id={client}"), &[])
}

/// Somebody let a client that is called by its document in before: for nobody else is a document fetched.
fn let_in(house: &House, client: &str) {
    let client = client.to_owned();
    Books::of(house).write(async move |tx: &mut Tx| {
        let row = Sql::new(
            "INSERT INTO oauth_clients (id, kind, name, role, auth_method, grants, redirect_uris, scopes, created_at, \
             created_by) VALUES ($1, 'document', 'App', 'none', 'none', '[]', '[]', '[]', 0, $1) ON CONFLICT (id) DO NOTHING",
        );
        tx.execute(row.bind(client.as_str())).await?;
        Ok::<_, StoreError>(())
    });
}

/// Whether there is such a public client: at each endpoint that asks who comes.
#[track_caller]
fn is_there(house: &House, client: &str) -> bool {
    if client.starts_with("https://") {
        let_in(house, client);
    }
    let revoke = ask(house, "/oauth/revoke", "token=x", client);
    let token = ask(house, "/oauth/token", "grant_type=client_credentials", client);
    if revoke.status == 200 {
        if token.status == 401 {
            // Its time was over in between.
            return is_there(house, client);
        }
        assert_eq!(token.is(400)["error"], "unauthorized_client");
        return true;
    }
    for refused in [revoke, token] {
        // Whoever is wrong often is told no more; whoever is right is always heard.
        let often = refused.status == 429;
        assert!(
            often || refused.is(401)["error"] == "invalid_client",
            "{}",
            refused.body
        );
    }
    false
}

/// AUTH_CHECKLIST 7.1, 7.3, 7.5
#[test]
fn anybody_registers_a_public_client_and_it_is_gone_after_a_day() {
    let house = House::open();
    let anybody = house.api("");
    let server = anybody.get("/.well-known/oauth-authorization-server").is(200).clone();
    assert_eq!(
        server["registration_endpoint"],
        format!("{}/oauth/register", house.origin())
    );
    let metadata = json!({
        "client_name": "Claude Code", "redirect_uris": [CALLBACK], "scope": "agents:read transactions:execute",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native", "software_id": "x", "policy_uri": "x",
    });
    let answer = register(&anybody, &metadata);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let told = answer.is(201).clone();
    let client = told["client_id"].as_str().unwrap();
    assert!(
        client.starts_with("clt_") && told["client_id_issued_at"].is_i64(),
        "{told}"
    );
    for (name, value) in [
        ("client_name", json!("Claude Code")),
        ("redirect_uris", json!([CALLBACK])),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("none")),
        ("client_secret", Value::Null),
        ("client_secret_expires_at", Value::Null),
        ("scope", Value::Null),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert!(is_there(&house, client));
    let listed = owner(&house).get("/api/v1/auth/clients").is(200)["items"].clone();
    assert_eq!(listed, json!([]), "it is nobody's");

    house.chain.warp(24 * 60 * 60);
    until("the server knows that a day is over", || {
        // Whoever comes next takes along what is over.
        register(&anybody, &json!({"redirect_uris": [CALLBACK]})).is(201);
        (!is_there(&house, client)).then_some(())
    });
}

/// AUTH_CHECKLIST 7.2
#[test]
fn a_redirect_goes_to_https_or_to_this_machine_and_nowhere_else() {
    let house = House::open();
    let anybody = house.api("");
    for redirect in [
        "http://app.example/cb",
        "https://app.example/cb#x",
        "https://*.example/cb",
        "https://user@app.example/cb",
        "https://app.example\\@evil.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "claude://callback",
        "//app.example/cb",
    ] {
        let refused = register(&anybody, &json!({"redirect_uris": [CALLBACK, redirect]}));
        assert_eq!(refused.is(400)["error"], "invalid_redirect_uri", "{redirect}");
        assert!(!refused.body.to_string().contains("app.example"), "nothing is repeated");
    }
    for redirect in ["https://app.example/cb", "http://localhost:3000/cb", "http://[::1]/cb"] {
        let told = register(&anybody, &json!({"redirect_uris": [redirect]}))
            .is(201)
            .clone();
        assert_eq!(told["redirect_uris"], json!([redirect]));
    }
}

/// AUTH_CHECKLIST 7.3, 7.4, 7.5
#[test]
fn only_a_credential_registers_what_acts_by_itself_and_never_more_than_it_holds() {
    let house = House::open();
    let (anybody, owner) = (house.api(""), owner(&house));
    let service = json!({
        "client_name": "Books", "grant_types": ["client_credentials"], "scope": "agents:read transactions:read",
    });
    assert_eq!(register(&anybody, &service).is(400)["error"], "invalid_client_metadata");
    let told = register(&owner, &service).is(201).clone();
    assert_eq!(
        (
            &told["client_secret_expires_at"],
            &told["scope"],
            &told["response_types"]
        ),
        (&json!(0), &service["scope"], &json!([]))
    );
    let (client, secret) = (
        told["client_id"].as_str().unwrap(),
        told["client_secret"].as_str().unwrap(),
    );
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    let token = anybody.form("/oauth/token", &form, &[]).is(200).clone();
    let reads = house.api(token["access_token"].as_str().unwrap());
    reads.get("/api/v1/agents").is(200);
    assert_eq!(register(&reads, &service).is(403)["requiredScope"], "admin:all");
    let listed = owner.get("/api/v1/auth/clients").is(200)["items"].clone();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["id"]),
        (1, &json!(client))
    );

    for (name, value) in [
        ("scope", json!("agents:read reports:run")),
        ("scope", json!("")),
        ("token_endpoint_auth_method", json!("none")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("software_statement", json!("a.b.c")),
        (
            "jwks",
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "x", "d": "private"}]}),
        ),
        ("jwks_uri", json!("http://app.example/jwks")),
    ] {
        let mut metadata = service.clone();
        metadata[name] = value;
        assert_eq!(
            register(&owner, &metadata).is(400)["error"],
            "invalid_client_metadata",
            "{metadata}"
        );
    }
    let mut both = service;
    both["token_endpoint_auth_method"] = json!("private_key_jwt");
    both["jwks"] = json!({"keys": [jwk(&SecretKey::from_seed(&[7; 32]))]});
    register(&owner, &both).is(201);
    both["jwks_uri"] = json!("https://app.example/jwks");
    assert_eq!(register(&owner, &both).is(400)["error"], "invalid_client_metadata");
}

/// AUTH_CHECKLIST 7.1
#[test]
fn registration_is_limited_and_can_be_closed() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__LIMITS__REGISTRATIONS", "3")]);
    let (anybody, metadata) = (house.api(""), json!({"redirect_uris": [CALLBACK]}));
    for _ in 0..3 {
        register(&anybody, &metadata).is(201);
        register(&anybody, &json!({})).is(400);
    }
    let refused = register(&anybody, &metadata);
    refused.is_problem(429, "SYSTEM_RATE_LIMITED");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1_100..=1_200).contains(&wait), "{wait}");
    register(&owner(&house), &metadata).is(201);
    anybody.get("/healthz").is(200);

    house.stop();
    house.serve(&[("PORTREEVE__OAUTH__ANONYMOUS_REGISTRATION", "false")]);
    let refused = register(&house.api(""), &metadata);
    refused.is_problem(401, "AUTH_KEY_INVALID");
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains("admin:all"),
        "{challenge}"
    );
    register(&owner(&house), &metadata).is(201);
}

/// A server, and something outside that it may call.
struct Scene {
    house: House,
    world: World,
}

impl Scene {
    fn open() -> Self {
        let world = World::start(&["localhost", "127.0.0.1"]).unwrap();
        let mut house = House::built();
        let ca = house.home().join("outside.pem");
        world.write_ca(&ca).unwrap();
        let own = [
            ("PORTREEVE__OUTBOUND__EXTRA_CA", ca.to_str().unwrap()),
            ("PORTREEVE__OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.0/8\", \"::1\"]"),
            // It would look names up by itself, so nobody asks it.
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
            ("ALL_PROXY", "http://127.0.0.1:1"),
        ];
        house.serve(&own);
        Self { house, world }
    }

    /// The address of `path` outside.
    fn at(&self, path: &str) -> String {
        self.world.at("localhost", path)
    }

    /// Puts a document at `path` that describes itself.
    fn put(&self, path: &str, cache: &str) -> String {
        let address = self.at(path);
        self.world.put(path, Page::json(document(&address), cache));
        address
    }

    fn is_there(&self, client: &str) -> bool {
        is_there(&self.house, client)
    }
}

fn document(address: &str) -> Value {
    json!({"client_id": address, "client_name": "App", "redirect_uris": ["https://app.example/cb"]})
}

/// AUTH_CHECKLIST 4.7, 7.6
#[test]
fn a_client_is_what_its_document_says_now_at_every_step() {
    let scene = Scene::open();
    let server = scene
        .house
        .api("")
        .get("/.well-known/oauth-authorization-server")
        .is(200)
        .clone();
    assert_eq!(server["client_id_metadata_document_supported"], true);

    let client = scene.put("/client.json", "no-store");
    assert!(scene.is_there(&client));
    assert_eq!(scene.world.asked("/client.json"), 2, "once for each step");
    scene.world.take_away("/client.json");
    assert!(!scene.is_there(&client), "it went away");
    scene.put("/client.json", "max-age=300");
    assert!(scene.is_there(&client), "that it was away is not remembered");
    let asked = scene.world.asked("/client.json");
    scene.world.take_away("/client.json");
    assert!(
        scene.is_there(&client) && scene.world.asked("/client.json") == asked,
        "it is fresh"
    );

    for page in [
        Page::json(document(&scene.at("/other.json")), "max-age=300"),
        Page {
            status: 404,
            ..Page::json(document(&scene.at("/wrong.json")), "max-age=300")
        },
        Page {
            status: 302,
            ..Page::json("", "max-age=300").with("Location", &client)
        },
        Page::json(document(&scene.at("/wrong.json")), "max-age=300").with("Content-Type", "text/html"),
        Page::json("x".repeat(6 * 1024), "max-age=300"),
        Page::json(
            json!({
                "client_id": scene.at("/wrong.json"), "redirect_uris": ["https://app.example/cb"],
                "token_endpoint_auth_method": "client_secret_post",
            }),
            "max-age=300",
        ),
    ] {
        scene.world.put("/wrong.json", page.clone());
        assert!(!scene.is_there(&scene.at("/wrong.json")), "{page:?}");
    }
    scene.put("/wrong.json", "max-age=300");
    assert!(scene.is_there(&scene.at("/wrong.json")), "none of that was kept");
    for odd in ["/a/../client.json", "/%2e/client.json", "/", "/client.json#x"] {
        assert!(!scene.is_there(&scene.at(odd)), "{odd}");
    }
    let now = scene.world.asked("/client.json");
    assert_eq!(
        now, asked,
        "the odd ones were not asked for, and the redirect to it was not followed"
    );
}

/// AUTH_CHECKLIST 7.6
#[test]
fn no_document_lies_within() {
    let world = World::start(&["localhost", "127.0.0.1"]).unwrap();
    let mut house = House::built();
    let ca = house.home().join("outside.pem");
    world.write_ca(&ca).unwrap();
    house.serve(&[("PORTREEVE__OUTBOUND__EXTRA_CA", ca.to_str().unwrap())]);
    for host in ["localhost", "127.0.0.1", "127.1", "2130706433"] {
        let client = world.at(host, "/client.json");
        world.put("/client.json", Page::json(document(&client), "max-age=300"));
        assert!(!is_there(&house, &client), "{client}");
    }
    assert_eq!(world.asked("/client.json"), 0, "nobody called");

    house.stop();
    let allowed = ("PORTREEVE__OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.0/8\", \"::1\"]");
    house.serve(&[allowed]);
    let client = world.at("localhost", "/client.json");
    world.put("/client.json", Page::json(document(&client), "max-age=300"));
    assert!(!is_there(&house, &client), "its certificate authority is not believed");

    house.stop();
    let switched_off = ("PORTREEVE__OAUTH__CLIENT_DOCUMENTS", "false");
    house.serve(&[
        allowed,
        ("PORTREEVE__OUTBOUND__EXTRA_CA", ca.to_str().unwrap()),
        switched_off,
    ]);
    assert!(!is_there(&house, &client));
    let server = house
        .api("")
        .get("/.well-known/oauth-authorization-server")
        .is(200)
        .clone();
    assert_eq!(server["client_id_metadata_document_supported"], false);
    assert_eq!(world.asked("/client.json"), 0);

    house.stop();
    std::fs::write(&ca, "nonsense").unwrap();
    assert!(!house.try_serve(&[("PORTREEVE__OUTBOUND__EXTRA_CA", ca.to_str().unwrap())]));
    let said = house.wait_for_end().stderr;
    assert!(
        said.contains("outbound.extra_ca") && said.contains("outside.pem"),
        "{said}"
    );
}

fn jwk(key: &SecretKey) -> Value {
    let x = BASE64_URL_SAFE_NO_PAD.encode(key.public().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x})
}

/// AUTH_CHECKLIST 6.6, 7.6
#[test]
fn a_client_signs_with_the_keys_that_its_document_names() {
    let scene = Scene::open();
    let (own, other) = (SecretKey::from_seed(&[7; 32]), SecretKey::from_seed(&[8; 32]));
    let (client, keys) = (scene.at("/signs.json"), scene.at("/jwks.json"));
    let describe = |name: &str, value: Value| {
        let mut signs = document(&client);
        signs["token_endpoint_auth_method"] = json!("private_key_jwt");
        signs[name] = value;
        scene.world.put("/signs.json", Page::json(signs, "no-store"));
    };
    let publish = |key: &SecretKey| {
        let page = Page::json(json!({"keys": [jwk(key)]}), "no-store");
        scene
            .world
            .put("/jwks.json", page.with("Content-Type", "application/jwk-set+json"));
    };
    let revoke = |key: &SecretKey, jti: &str| {
        let now = scene.house.chain.call("localnet_clock", &json!([]))["unixTimestamp"].as_i64();
        let jwt = assertion(key, &client, &scene.house.origin(), (now.unwrap(), jti));
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let form = format!("token=x&client_assertion_type={kind}&client_assertion={jwt}");
        scene.house.api("").form("/oauth/revoke", &form, &[]).status
    };
    let_in(&scene.house, &client);
    describe("jwks", json!({"keys": [jwk(&own)]}));
    assert_eq!(
        (revoke(&other, "1"), revoke(&own, "1"), revoke(&own, "1")),
        (401, 200, 401)
    );
    assert!(!scene.is_there(&client), "whoever signs has to");

    describe("jwks_uri", json!(keys));
    assert_eq!(revoke(&own, "2"), 401, "there is nothing at that address");
    publish(&own);
    assert_eq!((revoke(&other, "2"), revoke(&own, "2")), (401, 200));
    publish(&other);
    assert_eq!((revoke(&own, "3"), revoke(&other, "3")), (401, 200), "as they are now");
    describe("jwks_uri", json!("https://10.0.0.1/jwks.json"));
    assert_eq!(revoke(&other, "4"), 401, "keys lie nowhere within either");
}
