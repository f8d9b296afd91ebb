//! Clients that register themselves, on both databases.

use {
    crate::{
        assertions::{Pair, claims, header},
        house::{Answer, House, START, facts},
    },
    portreeve_auth::{Issuer, Strangers},
    portreeve_kernel::{Cluster, Code, GrantId, ManualClock, ScopeSet, entropy::Seeded},
    portreeve_oauth::{AuthMethod, Client, ClientId, Grant, RedirectUri},
    portreeve_store::{Fetch, Sql, StoreError, Tx, tenancy::Owner, testing::TestDatabase},
    serde_json::{Value, json},
    std::sync::Arc,
};

facts! {
    anybody_registers_a_public_code_flow_client_and_nothing_more;
    a_redirect_that_could_lead_elsewhere_is_not_registered;
    a_credential_registers_any_client_up_to_what_it_holds_itself;
    a_credential_that_is_shown_is_good_or_nothing_is_registered;
    a_client_that_registered_where_its_keys_are_signs_with_those;
    a_client_nobody_let_in_is_gone_after_a_day_and_a_used_one_stays;
    one_more_than_a_thousand_unused_clients_takes_the_place_of_the_oldest;
    registration_can_be_closed_to_anybody;
    a_client_that_is_gone_is_granted_nothing;
}

const CALLBACK: &str = "http://127.0.0.1:33418/callback";

async fn register(house: &House, credential: &str, metadata: &Value) -> Answer {
    let bearer = format!("Bearer {credential}");
    let mut headers = vec![("content-type", "application/json")];
    if !credential.is_empty() {
        headers.push(("authorization", &bearer));
    }
    let body = metadata.to_string();
    house.at_root("POST /oauth/register", &headers, Some(&body)).await
}

async fn registered(house: &House, credential: &str, metadata: &Value) -> Value {
    register(house, credential, metadata).await.expect(201)
}

#[track_caller]
fn refused(answer: Answer, error: &str, what: &Value) {
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.expect(400)["error"], error, "{what}");
}

/// Whether there is such a public client: it may end its tokens, of which it has none.
async fn is_there(house: &House, client: &str) -> bool {
    let answer = house
        .form("/oauth/revoke", &format!("client_id={client}&token=x"), None)
        .await;
    answer.status.as_u16() == 200
}

fn id(told: &Value) -> String {
    told["client_id"].as_str().unwrap().to_owned()
}

/// AUTH_CHECKLIST 7.1, 7.3, 7.4, 7.5
async fn anybody_registers_a_public_code_flow_client_and_nothing_more(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let metadata = json!({
        "client_name": "Claude Code", "redirect_uris": [CALLBACK, "https://app.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "scope": "admin:all",
        "application_type": "web", "contacts": ["a@app.example"], "logo_uri": "https://app.example/logo",
        "client_id": "clt_chosen", "client_secret": "chosen", "nonsense": {"a": 1},
    });
    let answer = register(&house, "", &metadata).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let mut told = answer.expect(201);
    let client = id(&told);
    assert!(client.starts_with("clt_") && client != "clt_chosen", "{client}");
    told.as_object_mut().unwrap().remove("client_id");
    let as_it_is = json!({
        "client_id_issued_at": START.seconds(), "client_name": "Claude Code",
        "redirect_uris": [CALLBACK, "https://app.example/cb"], "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "none",
    });
    assert_eq!(told, as_it_is, "no secret, and a scope at registration is no ceiling");
    assert!(is_there(&house, &client).await);
    let form = format!("grant_type=client_credentials&client_id={client}");
    let by_itself = house.form("/oauth/token", &form, None).await.expect(400);
    assert_eq!(by_itself["error"], "unauthorized_client");

    let least = registered(&house, "", &json!({"redirect_uris": [CALLBACK]})).await;
    assert_eq!(
        (
            &least["client_name"],
            &least["grant_types"],
            &least["token_endpoint_auth_method"]
        ),
        (&json!("127.0.0.1"), &json!(["authorization_code"]), &json!("none"))
    );
    let audit = house.audit().await;
    let told: Vec<_> = audit.iter().filter(|row| row.kind == "oauth_client.created").collect();
    assert_eq!(
        (told.len(), told[0].actor.as_str(), told[0].subject.as_str()),
        (2, "anonymous", client.as_str())
    );
    assert!(
        told[0].owner.is_none() && told[0].data.contains("\"ip\":\"198.51.100.7\""),
        "{:?}",
        told[0]
    );

    for (name, value) in [
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!(["authorization_code", "client_credentials"])),
        ("grant_types", json!(["urn:ietf:params:oauth:grant-type:device_code"])),
        ("grant_types", json!(["implicit"])),
        ("response_types", json!(["token"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("software_statement", json!("a.b.c")),
        ("jwks", json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "d": "x"}]})),
        ("client_name", json!("x".repeat(101))),
    ] {
        let mut metadata = json!({"redirect_uris": [CALLBACK]});
        metadata[name] = value;
        refused(
            register(&house, "", &metadata).await,
            "invalid_client_metadata",
            &metadata,
        );
    }
    for body in ["", "[]", "null", "{", "{\"redirect_uris\":[],\"redirect_uris\":[]}"] {
        let headers = [("content-type", "application/json")];
        let answer = house.at_root("POST /oauth/register", &headers, Some(body)).await;
        refused(answer, "invalid_client_metadata", &json!(body));
    }
    let form = house.form("/oauth/register", "redirect_uris=x", None).await;
    refused(form, "invalid_client_metadata", &json!("a form"));
}

/// AUTH_CHECKLIST 7.2
async fn a_redirect_that_could_lead_elsewhere_is_not_registered(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    for redirect in [
        "http://app.example/cb",
        "https://app.example/cb#x",
        "https://*.app.example/cb",
        "https://user@app.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "com.example.app:/cb",
        "",
    ] {
        let metadata = json!({"redirect_uris": [CALLBACK, redirect]});
        refused(register(&house, "", &metadata).await, "invalid_redirect_uri", &metadata);
    }
    for none in [
        json!({}),
        json!({"redirect_uris": []}),
        json!({"redirect_uris": vec![CALLBACK; 21]}),
    ] {
        refused(register(&house, "", &none).await, "invalid_redirect_uri", &none);
    }
    for good in [
        "http://localhost/cb",
        "http://[::1]:1/cb",
        "https://app.example:8443/cb?x=1",
    ] {
        registered(&house, "", &json!({"redirect_uris": [good]})).await;
    }
}

async fn admin(house: &House) -> (Owner, String) {
    let (owner, first) = house.owner(10, Cluster::Local).await;
    (owner, first.text.expose().to_owned())
}

/// AUTH_CHECKLIST 7.3, 7.5
async fn a_credential_registers_any_client_up_to_what_it_holds_itself(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, key) = admin(&house).await;
    let service =
        json!({"client_name": "Books", "grant_types": ["client_credentials"], "scope": "agents:read audit:read"});
    let told = registered(&house, &key, &service).await;
    assert_eq!(
        (
            &told["token_endpoint_auth_method"],
            &told["client_secret_expires_at"],
            &told["scope"]
        ),
        (
            &json!("client_secret_basic"),
            &json!(0),
            &json!("agents:read audit:read")
        )
    );
    let (client, secret) = (id(&told), told["client_secret"].as_str().unwrap().to_owned());
    let form = format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
    let token = house.form("/oauth/token", &form, None).await.expect(200);
    assert_eq!(token["scope"], "agents:read audit:read");
    let listed = house.get(&format!("/auth/clients/{client}"), &key).await.expect(200);
    assert_eq!((&listed["name"], &listed["role"]), (&json!("Books"), &json!("owner")));

    let mut wider = service.clone();
    wider["scope"] = json!("agents:read reports:run");
    refused(register(&house, &key, &wider).await, "invalid_client_metadata", &wider);
    let mut nothing = service;
    nothing["scope"] = json!("");
    refused(
        register(&house, &key, &nothing).await,
        "invalid_client_metadata",
        &nothing,
    );

    let app = json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_post"});
    let told = registered(&house, &key, &app).await;
    assert!(
        told["client_secret"].is_string() && told.get("scope").is_none(),
        "{told}"
    );
    let own: Vec<_> = house
        .audit()
        .await
        .into_iter()
        .filter(|row| row.kind == "oauth_client.created")
        .collect();
    assert!(own.iter().all(|row| row.owner.as_ref() == Some(&owner.id)) && own.len() == 2);
    house.after(24 * 60 * 60);
    house.keys.sweep().await.unwrap();
    house
        .get(&format!("/auth/clients/{}", id(&told)), &key)
        .await
        .expect(200);
}

async fn a_credential_that_is_shown_is_good_or_nothing_is_registered(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, key) = admin(&house).await;
    let (reader, _) = house.made(&key, json!({"name": "x", "scopes": ["agents:read"]})).await;
    let (gone, gone_id) = house.made(&key, json!({"name": "x", "scopes": ["admin:all"]})).await;
    house.revoke(&key, &gone_id).await.expect(204);
    let metadata = json!({"redirect_uris": [CALLBACK]});
    for (credential, code) in [
        (reader.as_str(), Code::AuthScopeInsufficient),
        (gone.as_str(), Code::AuthKeyRevoked),
        ("nonsense", Code::AuthKeyInvalid),
    ] {
        let answer = register(&house, credential, &metadata).await;
        let challenge = answer.headers["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        answer.is(code);
    }
    assert!(house.audit().await.iter().all(|row| row.kind != "oauth_client.created"));
}

async fn a_client_that_registered_where_its_keys_are_signs_with_those(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, key) = admin(&house).await;
    let address = "https://books.example/jwks.json";
    let service = json!({
        "grant_types": ["client_credentials"], "scope": "agents:read",
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": address,
    });
    let told = registered(&house, &key, &service).await;
    assert!(
        told.get("client_secret").is_none() && told["jwks_uri"] == address,
        "{told}"
    );
    let client = id(&told);
    let pair = Pair::ed25519(7);
    let ask = async |jti: &str| {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let jwt = pair.sign(&header("EdDSA"), &claims(&client, jti));
        let form = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={jwt}");
        house.form("/oauth/token", &form, None).await.status.as_u16()
    };
    assert_eq!(ask("j1").await, 401, "there is nothing at that address yet");
    house.elsewhere.put(address, &json!({"keys": [pair.jwk("k1")]}), 0);
    assert_eq!(ask("j1").await, 200, "which was not remembered");
    house
        .elsewhere
        .put(address, &json!({"keys": [Pair::ed25519(8).jwk("k1")]}), 0);
    assert_eq!(ask("j2").await, 401, "it has another key now");
}

/// What a consent will do: the client is kept, and given a grant.
async fn let_in(house: &House, owner: &Owner, client: &str, marked: bool) {
    let grant = GrantId::new(START, &Seeded::new(client.bytes().map(u64::from).sum()));
    let (owner, client) = (owner.clone(), client.to_owned());
    let unit = async move |tx: &mut Tx| {
        if marked {
            assert!(Issuer::keep_client(tx, &public(&client), START).await?);
        }
        let insert = Sql::new(
            "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, role, scopes, created_at) \
             VALUES ($1, $2, 'person', $3, $4, 'owner', '[]', $5)",
        );
        let insert = insert.bind(&grant).bind(client.as_str()).bind(&owner.project);
        tx.execute(insert.bind(&owner.id).bind(START)).await
    };
    house.db.write::<_, StoreError, _>(unit).await.unwrap();
}

fn public(id: &str) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        name: "App".to_owned(),
        auth_method: AuthMethod::None,
        grants: [Grant::AuthorizationCode].into_iter().collect(),
        redirect_uris: vec![RedirectUri::register(CALLBACK).unwrap()],
        scopes: ScopeSet::default(),
        enabled: true,
    }
}

/// AUTH_CHECKLIST 7.1
async fn a_client_nobody_let_in_is_gone_after_a_day_and_a_used_one_stays(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, _) = admin(&house).await;
    let metadata = json!({"redirect_uris": [CALLBACK]});
    let [unused, used, granted] = [
        id(&registered(&house, "", &metadata).await),
        id(&registered(&house, "", &metadata).await),
        id(&registered(&house, "", &metadata).await),
    ];
    let_in(&house, &owner, &used, true).await;
    let_in(&house, &owner, &granted, false).await;
    house.after(24 * 60 * 60 - 1);
    house.keys.sweep().await.unwrap();
    let there = House::new(database, 2).await;
    assert!(is_there(&there, &unused).await, "a second before a day is over");
    house.after(1);
    house.keys.sweep().await.unwrap();
    let there = House::new(database, 3).await;
    assert!(!is_there(&there, &unused).await);
    assert!(is_there(&there, &used).await && is_there(&there, &granted).await);
    let swept: Vec<_> = house
        .audit()
        .await
        .into_iter()
        .filter(|row| row.kind == "oauth_client.unused")
        .collect();
    assert_eq!((swept.len(), swept[0].data.as_str()), (1, "{\"count\":1}"));

    let late = registered(&house, "", &metadata).await;
    house.after(24 * 60 * 60);
    registered(&house, "", &metadata).await;
    assert!(
        !is_there(&House::new(database, 4).await, &id(&late)).await,
        "the next one takes it along"
    );
}

async fn one_more_than_a_thousand_unused_clients_takes_the_place_of_the_oldest(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let unit = async move |tx: &mut Tx| {
        for number in 0_i64..999 {
            let insert = Sql::new(
                "INSERT INTO oauth_clients (id, kind, name, role, auth_method, grants, redirect_uris, scopes, created_at, \
                 created_by) VALUES ($1, 'dynamic', 'x', 'none', 'none', '[]', '[]', '[]', $2, 'x')",
            );
            let at = START.plus_millis(number - 2_000);
            tx.execute(insert.bind(format!("clt_{number:012}").as_str()).bind(at))
                .await?;
        }
        Ok(())
    };
    house.db.write::<_, StoreError, _>(unit).await.unwrap();
    let count = async || {
        let row = house
            .db
            .read()
            .fetch_optional(Sql::new("SELECT COUNT(*) AS n FROM oauth_clients"))
            .await;
        row.unwrap().unwrap().get::<i64>("n").unwrap()
    };
    let metadata = json!({"redirect_uris": [CALLBACK]});
    registered(&house, "", &metadata).await;
    assert_eq!(count().await, 1_000, "there was room for one more");
    assert!(is_there(&house, "clt_000000000000").await);
    let newest = id(&registered(&house, "", &metadata).await);
    assert_eq!(count().await, 1_000);
    let there = House::new(database, 2).await;
    assert!(!is_there(&there, "clt_000000000000").await, "the oldest went");
    assert!(is_there(&there, "clt_000000000001").await && is_there(&there, &newest).await);
}

async fn registration_can_be_closed_to_anybody(database: &TestDatabase) {
    let clock = Arc::new(ManualClock::at(START));
    let closed = Strangers {
        documents: true,
        ..Strangers::default()
    };
    let house = House::open_to(database, 1, clock.clone(), clock, closed).await;
    let (_, key) = admin(&house).await;
    let metadata = json!({"redirect_uris": [CALLBACK]});
    let answer = register(&house, "", &metadata).await;
    let challenge = answer.headers["www-authenticate"].to_str().unwrap().to_owned();
    assert!(
        challenge.contains("scope=\"admin:all\"") && !challenge.contains("error"),
        "{challenge}"
    );
    answer.is(Code::AuthKeyInvalid);
    registered(&house, &key, &metadata).await;
}

async fn a_client_that_is_gone_is_granted_nothing(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, key) = admin(&house).await;
    let service = json!({"redirect_uris": [CALLBACK]});
    let client = id(&registered(&house, &key, &service).await);
    let keep = async |id: &str| {
        let client = public(id);
        let unit = async move |tx: &mut Tx| Issuer::keep_client(tx, &client, START).await;
        house.db.write::<_, StoreError, _>(unit).await.unwrap()
    };
    assert!(keep(&client).await && keep(&client).await);
    let ended = house
        .call(&format!("DELETE /auth/clients/{client}"), &key, "198.51.100.7", None)
        .await;
    ended.expect(204);
    assert!(!keep(&client).await, "ended meanwhile");
    assert!(!keep("clt_000000000000").await, "never there");
}
