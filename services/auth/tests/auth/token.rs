//! The token endpoint and the documents that lead to it.

use {
    crate::house::{Answer, House, ORIGIN, START, owned_client},
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_auth::SCHEMA,
    portreeve_kernel::{AgentId, Clock, Cluster, Code, control::NewClientSecret, entropy::Seeded},
    portreeve_oauth::{AccessClaims, Expected},
    portreeve_store::{Fetch, Sql, StoreError, Tx, tenancy::Owner, testing::TestDatabase},
    serde_json::{Value, json},
};

const WALLET: &str = "https://portreeve.test/mcp";

fn agent() -> AgentId {
    AgentId::new(START, &Seeded::new(4))
}

/// A house with one client, which may see agents and pay.
async fn house(database: &TestDatabase) -> (House, Owner, NewClientSecret) {
    let house = House::new(database, 1).await;
    let (owner, _) = house.owner(10, Cluster::Local).await;
    let client = owned_client(&house, &owner, &agent(), "agents:read transactions:execute").await;
    (house, owner, client)
}

fn database() -> TestDatabase {
    TestDatabase::sqlite(&[SCHEMA]).unwrap()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

/// Asks for a token with the `Authorization` header.
async fn ask(house: &House, client: &NewClientSecret, form: &str) -> Answer {
    let header = basic(&client.client, client.secret.expose());
    house.form("/oauth/token", form, Some(&header)).await
}

#[track_caller]
fn refused(answer: Answer, status: u16, error: &str) -> Value {
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["content-type"], "application/json");
    let body = answer.expect(status);
    assert_eq!(body["error"], error, "{body}");
    body
}

/// AUTH_CHECKLIST 6.2, 6.15, 6.16
#[tokio::test]
async fn a_client_gets_a_token_for_the_resource_it_asked_for() {
    let database = database();
    let (house, owner, client) = house(&database).await;
    for form in [
        "grant_type=client_credentials".to_owned(),
        format!("grant_type=client_credentials&resource={WALLET}&scope=agents%3Aread+transactions%3Aexecute"),
    ] {
        let answer = ask(&house, &client, &form).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["pragma"], "no-cache");
        assert_eq!(answer.headers["content-type"], "application/json");
        let told = answer.expect(200);
        assert_eq!(
            (&told["token_type"], &told["expires_in"]),
            (&json!("Bearer"), &json!(900))
        );
        assert_eq!(told["scope"], "agents:read transactions:execute");
        let token = told["access_token"].as_str().unwrap();
        let payload = house.signing.verified(token).await.unwrap().unwrap();
        let expected = Expected {
            issuer: ORIGIN,
            audience: WALLET,
        };
        let claims = AccessClaims::accept(&payload, expected, house.clock.now()).unwrap();
        assert_eq!((claims.exp, claims.iat), (START.seconds() + 900, START.seconds()));
        assert_eq!(
            (&*claims.sub, claims.client_id.as_str()),
            (&*client.client, &*client.client)
        );
        assert_eq!(
            (claims.owner_id, claims.project_id),
            (owner.id.clone(), owner.project.clone())
        );
        assert_eq!(claims.agent_id, Some(agent()));
    }
    let narrow = ask(&house, &client, "grant_type=client_credentials&scope=agents:read")
        .await
        .expect(200);
    assert_eq!(narrow["scope"], "agents:read", "what is granted is told");
    for other in [
        "https://portreeve.test",
        "https://portreeve.test/mcp/",
        "https://portreeve.test/vault/mcp",
    ] {
        let form = format!("grant_type=client_credentials&resource={other}");
        refused(ask(&house, &client, &form).await, 400, "invalid_target");
    }
}

/// AUTH_CHECKLIST 6.3, 6.4
#[tokio::test]
async fn every_way_of_proving_a_client_is_taken_and_two_at_once_are_refused() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let (id, secret) = (&*client.client, client.secret.expose());
    let form = "grant_type=client_credentials";
    let in_body = format!("{form}&client_id={id}&client_secret={secret}");
    let header = basic(id, secret);
    house.form("/oauth/token", form, Some(&header)).await.expect(200);
    house.form("/oauth/token", &in_body, None).await.expect(200);
    // RFC 6749, 2.3.1: id and secret are form-encoded before they are joined.
    let encoded = basic(&id.replace('_', "%5F"), &secret.replace('_', "%5f"));
    house.form("/oauth/token", form, Some(&encoded)).await.expect(200);
    let named_too = format!("{form}&client_id={id}");
    house.form("/oauth/token", &named_too, Some(&header)).await.expect(200);

    refused(
        house.form("/oauth/token", &in_body, Some(&header)).await,
        400,
        "invalid_request",
    );
    let other = format!("{form}&client_id=clt_000000000000");
    refused(
        house.form("/oauth/token", &other, Some(&header)).await,
        400,
        "invalid_request",
    );
    refused(house.form("/oauth/token", form, None).await, 400, "invalid_request");
}

/// AUTH_CHECKLIST 6.5, 6.3
#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_get_one_answer() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let form = "grant_type=client_credentials";
    let wrong = "wcs_0000000000000000000000000000000000000000000000000";
    let mut told = Vec::new();
    for (id, secret) in [
        ("clt_000000000000", wrong),
        (&*client.client, wrong),
        (&*client.client, "x"),
    ] {
        let shown = house.form("/oauth/token", form, Some(&basic(id, secret))).await;
        assert_eq!(shown.headers["www-authenticate"], "Basic realm=\"portreeve\"");
        told.push(refused(shown, 401, "invalid_client"));
        let posted = format!("{form}&client_id={id}&client_secret={secret}");
        let shown = house.form("/oauth/token", &posted, None).await;
        assert!(
            !shown.headers.contains_key("www-authenticate"),
            "it did not use the header"
        );
        told.push(refused(shown, 401, "invalid_client"));
    }
    // Nor by its id alone, nor with somebody else's kind of credential.
    let alone = format!("{form}&client_id={}", &*client.client);
    told.push(refused(
        house.form("/oauth/token", &alone, None).await,
        401,
        "invalid_client",
    ));
    for header in ["Bearer abc", "Basic !!", "Digest x"] {
        let shown = house.form("/oauth/token", form, Some(header)).await;
        assert_eq!(shown.headers["www-authenticate"], "Basic realm=\"portreeve\"");
        told.push(refused(shown, 401, "invalid_client"));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    let log = house.audit().await;
    let failed = log.iter().filter(|row| row.kind == "auth.failed");
    let counted: u64 = failed
        .map(|row| serde_json::from_str::<Value>(&row.data).unwrap())
        .filter(|data| data["endpoint"] == "/oauth/token" && data["reason"] == "invalid")
        .map(|data| data["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 10, "each is in the audit log");
    assert!(log.iter().all(|row| !row.data.contains(wrong)));
}

/// AUTH_CHECKLIST 6.5
#[tokio::test]
async fn guessing_secrets_is_soon_not_listened_to_and_a_right_one_always_is() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let form = "grant_type=client_credentials";
    let (wrong, right) = (
        basic(&client.client, "x"),
        basic(&client.client, client.secret.expose()),
    );
    let ask = async |peer: &str, header: &str| house.form_from(peer, "/oauth/token", form, Some(header)).await;
    for _ in 0..10 {
        refused(ask("192.0.2.1", &wrong).await, 401, "invalid_client");
    }
    let told = ask("192.0.2.1", &wrong).await;
    assert!(told.headers.contains_key("retry-after"));
    told.is(Code::SystemRateLimited);
    ask("192.0.2.1", &right).await.expect(200);
    refused(ask("192.0.2.2", &wrong).await, 401, "invalid_client");
}

/// AUTH_CHECKLIST 6.1
#[tokio::test]
async fn a_repeated_parameter_an_unknown_one_and_one_in_the_address() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let form = "grant_type=client_credentials";
    let told = ask(&house, &client, &format!("{form}&scope=&nonsense=1&resource="))
        .await
        .expect(200);
    assert_eq!(told["scope"], "agents:read transactions:execute", "empty is not sent");
    for bad in [
        "scope=agents:read&scope=agents:read",
        "grant_type=client_credentials",
        "nonsense=1&nonsense=2",
    ] {
        refused(
            ask(&house, &client, &format!("{form}&{bad}")).await,
            400,
            "invalid_request",
        );
    }
    let header = basic(&client.client, client.secret.expose());
    let in_address = format!("/oauth/token?{form}");
    refused(house.form(&in_address, "", Some(&header)).await, 400, "invalid_request");
    refused(
        house.form(&in_address, form, Some(&header)).await,
        400,
        "invalid_request",
    );
    let got = house.at_root("GET /oauth/token", &[], None).await;
    assert_eq!(got.status.as_u16(), 405);
}

/// AUTH_CHECKLIST 6.18, 6.7
#[tokio::test]
async fn password_and_implicit_do_not_exist_and_what_is_not_served_neither() {
    let database = database();
    let (house, _, client) = house(&database).await;
    for grant in [
        "password&username=a&password=b",
        "implicit",
        "Client_Credentials",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ] {
        let answer = ask(&house, &client, &format!("grant_type={grant}")).await;
        refused(answer, 400, "unsupported_grant_type");
    }
    refused(ask(&house, &client, "").await, 400, "invalid_request");
    // What is there, and is not this client's.
    for grant in [
        "authorization_code&code=x",
        "refresh_token&refresh_token=x",
        "urn:ietf:params:oauth:grant-type:device_code&device_code=x",
    ] {
        let answer = ask(&house, &client, &format!("grant_type={grant}")).await;
        refused(answer, 400, "unauthorized_client");
    }
}

/// AUTH_CHECKLIST 6.7
#[tokio::test]
async fn machine_clients_get_no_refresh_token_and_public_ones_nothing() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let form = "grant_type=client_credentials";
    let told = ask(&house, &client, form).await.expect(200);
    let names: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);

    let set = async |column: &'static str, value: &'static str| {
        let id = client.client.clone();
        let unit = async move |tx: &mut Tx| {
            let update = match column {
                "grants" => "UPDATE oauth_clients SET grants = $1 WHERE id = $2",
                _ => "UPDATE oauth_clients SET auth_method = $1 WHERE id = $2",
            };
            tx.execute(Sql::new(update).bind(value).bind(&*id)).await
        };
        house.db.write::<_, StoreError, _>(unit).await.unwrap();
    };
    // Another node has the rows and nothing of this one's memory.
    set("auth_method", "none").await;
    let other = House::new(&database, 2).await;
    let alone = format!("{form}&client_id={}", &*client.client);
    refused(
        other.form("/oauth/token", &alone, None).await,
        400,
        "unauthorized_client",
    );
    refused(ask(&other, &client, form).await, 401, "invalid_client");
    set("auth_method", "client_secret_post").await;
    set("grants", "[\"authorization_code\"]").await;
    let other = House::new(&database, 3).await;
    refused(ask(&other, &client, form).await, 400, "unauthorized_client");
}

/// AUTH_CHECKLIST 6.14
#[tokio::test]
async fn a_scope_that_the_client_may_not_hold_is_refused_whole() {
    let database = database();
    let (house, _, client) = house(&database).await;
    for scope in [
        "agents:write",
        "agents:read+admin:all",
        "Agents:Read",
        "nonsense",
        "a%22b",
        "mcp:read",
    ] {
        let form = format!("grant_type=client_credentials&scope={scope}");
        refused(ask(&house, &client, &form).await, 400, "invalid_scope");
    }
}

/// AUTH_CHECKLIST 6.17
#[tokio::test]
async fn an_error_description_never_repeats_what_was_sent() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let canary = "%22canary%3Cscript%3E";
    for form in [
        format!("grant_type={canary}"),
        format!("grant_type=client_credentials&scope={canary}"),
        format!("grant_type=client_credentials&resource={canary}"),
        format!("grant_type=client_credentials&{canary}=1&{canary}=1"),
        format!("grant_type=client_credentials&client_id={canary}"),
    ] {
        let answer = ask(&house, &client, &form).await;
        let status = answer.status.as_u16();
        let told = answer.expect(status);
        let text = told["error_description"].as_str().unwrap();
        assert_eq!(status, 400, "{form}");
        assert!(!text.contains("canary"), "{text}");
        assert!(
            text.bytes()
                .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)),
            "{text}"
        );
    }
}

/// AUTH_CHECKLIST 1.3, 1.8, 1.9, 1.10, 1.11, 1.12, 4.1, 4.2, 4.3, 4.4
#[tokio::test]
async fn the_documents_name_what_is_served_and_one_issuer() {
    let database = database();
    let (house, ..) = house(&database).await;
    let document = async |path: &str| {
        // A name that somebody else chose must not come back.
        let headers = [("host", "evil.example"), ("x-forwarded-host", "evil.example")];
        let answer = house.at_root(&format!("GET {path}"), &headers, None).await;
        assert_eq!(answer.headers["cache-control"], "public, max-age=300");
        assert_eq!(answer.headers["content-type"], "application/json");
        let told = answer.expect(200);
        assert!(!told.to_string().contains("evil"), "{told}");
        told
    };
    let server = document("/.well-known/oauth-authorization-server").await;
    assert_eq!(server["issuer"], ORIGIN);
    assert_eq!(
        server["grant_types_supported"],
        json!([
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code"
        ])
    );
    assert_eq!(server["response_types_supported"], json!(["code"]));
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["protected_resources"], json!([WALLET]));
    for (name, value) in server.as_object().unwrap() {
        assert!(!value.is_null() && *value != json!("") && *value != json!([]), "{name}");
        let Some(path) = value
            .as_str()
            .and_then(|text| text.strip_prefix(ORIGIN))
            .filter(|path| !path.is_empty())
        else {
            continue;
        };
        let found = house.at_root(&format!("GET {path}"), &[], None).await;
        assert_ne!(found.status.as_u16(), 404, "{name} is not served");
    }
    let wallet = document("/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(
        wallet,
        json!({
            "resource": WALLET,
            "authorization_servers": [ORIGIN],
            "scopes_supported": ["agents:read", "policies:read", "transactions:execute", "transactions:read", "wallets:read"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Portreeve wallet",
        })
    );
    assert_eq!(document("/.well-known/oauth-protected-resource").await, wallet);
    for other in [
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/vault/mcp",
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/mcp",
    ] {
        let answer = house.at_root(&format!("GET {other}"), &[], None).await;
        assert_eq!(answer.status.as_u16(), 404, "{other}");
    }
}

/// AUTH_CHECKLIST 4.8
#[tokio::test]
async fn the_key_set_holds_public_halves_under_names_of_their_own() {
    let database = database();
    let (house, ..) = house(&database).await;
    let set = house.at_root("GET /oauth/jwks", &[], None).await.expect(200);
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let names: Vec<&String> = keys[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"], "no `d`");
    let row = house
        .db
        .read()
        .fetch_one(Sql::new("SELECT kid FROM signing_keys"))
        .await
        .unwrap();
    assert_eq!(keys[0]["kid"], row.get::<String>("kid").unwrap());
}

/// AUTH_CHECKLIST 1.13, 4.9
#[tokio::test]
async fn pages_of_any_origin_may_read_the_documents_and_ask_for_tokens_without_cookies() {
    let database = database();
    let (house, _, client) = house(&database).await;
    let origin = ("origin", "https://page.example");
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/mcp",
        "/oauth/jwks",
    ] {
        let answer = house.at_root(&format!("GET {path}"), &[origin], None).await;
        assert_eq!(answer.headers["access-control-allow-origin"], "*", "{path}");
    }
    let asked = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let preflight = house.at_root("OPTIONS /oauth/token", &asked, None).await;
    assert_eq!(preflight.status.as_u16(), 200);
    assert_eq!(preflight.headers["access-control-allow-origin"], "*");
    assert!(!preflight.headers.contains_key("access-control-allow-credentials"));
    let header = basic(&client.client, client.secret.expose());
    let form = "grant_type=client_credentials";
    let headers = [
        origin,
        ("authorization", header.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = house.at_root("POST /oauth/token", &headers, Some(form)).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(answer.headers["access-control-expose-headers"], "www-authenticate");
    answer.expect(200);
    // The API beside it is nobody else's.
    let preflight = house.at_root("OPTIONS /api/v1/auth/keys", &asked, None).await;
    assert!(!preflight.headers.contains_key("access-control-allow-origin"));
}
