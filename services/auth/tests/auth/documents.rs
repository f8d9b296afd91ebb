//! Clients that are called by the address of their own document, on both databases.

use {
    crate::{
        assertions::{Pair, claims, header},
        authenticator::Browser,
        consent::wish,
        house::{House, ORIGIN, START, facts},
        people_contract::Town,
    },
    portreeve_auth::{Issuer, Strangers},
    portreeve_kernel::{Cluster, GrantId, ManualClock, ScopeSet, entropy::Seeded},
    portreeve_oauth::{AuthMethod, Client, ClientId, Grant, RedirectUri},
    portreeve_store::{Sql, StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
    std::sync::Arc,
    tokio::task::JoinSet,
};

facts! {
    a_document_is_its_own_address_or_nothing;
    what_is_no_address_of_a_document_is_never_asked_for;
    a_document_is_used_for_as_long_as_it_is_fresh_and_what_is_none_is_never_kept;
    an_address_that_nobody_let_in_is_not_asked_for_who_is_not_signed_in;
    fifty_who_need_one_document_at_once_ask_for_it_once;
    a_client_signs_with_the_keys_in_its_document_or_at_the_address_it_names;
    documents_can_be_switched_off;
    a_document_gets_a_row_with_its_first_grant;
}

const CLIENT: &str = "https://app.example/client.json";

fn document(of: &str) -> Value {
    json!({"client_id": of, "client_name": "App", "redirect_uris": ["https://app.example/cb"]})
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Somebody let a client of this name in before.
async fn let_in(house: &House, client: &str) {
    let Some(id) = ClientId::parse(client).filter(ClientId::is_document) else {
        return;
    };
    let row = Client {
        id,
        name: "App".to_owned(),
        auth_method: AuthMethod::None,
        grants: [Grant::AuthorizationCode].into_iter().collect(),
        redirect_uris: vec![RedirectUri::register("https://app.example/cb").unwrap()],
        scopes: ScopeSet::default(),
        enabled: true,
    };
    let unit = async move |tx: &mut Tx| {
        assert!(Issuer::keep_client(tx, &row, START).await?);
        Ok(())
    };
    house.db.write::<_, StoreError, _>(unit).await.unwrap();
}

/// Whether there is such a public client: it may end its tokens, of which it has none.
async fn is_there(house: &House, client: &str) -> bool {
    let_in(house, client).await;
    let form = format!("client_id={}&token=x", encoded(client));
    let answer = house.form("/oauth/revoke", &form, None).await;
    match answer.status.as_u16() {
        200 => true,
        _ => {
            assert_eq!(answer.expect(401)["error"], "invalid_client");
            false
        }
    }
}

/// AUTH_CHECKLIST 7.6
async fn a_document_is_its_own_address_or_nothing(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    assert!(!is_there(&house, CLIENT).await, "there is no document");
    house.elsewhere.put(CLIENT, &document(CLIENT), 0);
    assert!(is_there(&house, CLIENT).await);
    let by_itself = format!("grant_type=client_credentials&client_id={}", encoded(CLIENT));
    let by_itself = house.form("/oauth/token", &by_itself, None).await.expect(400);
    assert_eq!(by_itself["error"], "unauthorized_client");
    let metadata = house
        .at_root("GET /.well-known/oauth-authorization-server", &[], None)
        .await;
    assert_eq!(metadata.expect(200)["client_id_metadata_document_supported"], true);

    let mut wrong = vec![
        document("https://app.example/client.json/"),
        document("https://evil.example/client.json"),
    ];
    wrong.push(json!({"redirect_uris": ["https://app.example/cb"]}));
    for (name, value) in [
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("grant_types", json!(["client_credentials"])),
        ("redirect_uris", json!(["http://app.example/cb"])),
        ("redirect_uris", json!([])),
        ("client_name", json!("x".repeat(5 * 1024))),
    ] {
        let mut changed = document(CLIENT);
        changed[name] = value;
        wrong.push(changed);
    }
    wrong.push(json!("nonsense"));
    for document in wrong {
        house.elsewhere.put(CLIENT, &document, 300);
        assert!(!is_there(&house, CLIENT).await, "{document}");
    }
    house.elsewhere.put(CLIENT, &document(CLIENT), 300);
    assert!(is_there(&house, CLIENT).await, "none of that was kept");
}

/// AUTH_CHECKLIST 7.6
async fn what_is_no_address_of_a_document_is_never_asked_for(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    for client in [
        "https://app.example",
        "https://app.example/",
        "https://app.example/a/../client.json",
        "https://app.example/%2e/client.json",
        "https://app.example/client.json#x",
        "https://user@app.example/client.json",
        "https://APP.example/client.json",
        "https://app.example\\@evil.example/client.json",
        "http://app.example/client.json",
        &format!("{ORIGIN}/oauth/jwks"),
        &format!("{ORIGIN}:443/oauth/jwks"),
        &format!("https://app.example/{}", "x".repeat(500)),
    ] {
        house.elsewhere.put(client, &document(client), 300);
        assert!(!is_there(&house, client).await, "{client}");
    }
    assert_eq!(house.elsewhere.asked(), 0);
}

/// AUTH_CHECKLIST 7.6
async fn a_document_is_used_for_as_long_as_it_is_fresh_and_what_is_none_is_never_kept(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    for asked in 1..=3 {
        assert!(!is_there(&house, CLIENT).await);
        assert_eq!(house.elsewhere.asked(), asked, "an error is not remembered");
    }
    house.elsewhere.put(CLIENT, &document(CLIENT), 0);
    for asked in 4..=6 {
        assert!(is_there(&house, CLIENT).await);
        assert_eq!(house.elsewhere.asked(), asked, "it is not to be kept");
    }
    house.elsewhere.put(CLIENT, &document(CLIENT), 300);
    for _ in 0..3 {
        assert!(is_there(&house, CLIENT).await);
    }
    house.elsewhere.take_away(CLIENT);
    assert!(is_there(&house, CLIENT).await);
    assert_eq!(house.elsewhere.asked(), 7, "it is fresh");
    let elsewhere = House::new(database, 2).await;
    assert!(!is_there(&elsewhere, CLIENT).await, "and each node sees for itself");
}

async fn an_address_that_nobody_let_in_is_not_asked_for_who_is_not_signed_in(database: &TestDatabase) {
    let town = Town::new(database).await;
    let house = &town.house;
    house.elsewhere.put(CLIENT, &document(CLIENT), 0);
    let id = encoded(CLIENT);
    for (path, form) in [
        (
            "/oauth/token",
            format!("grant_type=authorization_code&code=x&client_id={id}"),
        ),
        (
            "/oauth/token",
            format!("grant_type=refresh_token&refresh_token=x&client_id={id}"),
        ),
        ("/oauth/revoke", format!("token=x&client_id={id}")),
        ("/oauth/introspect", format!("token=x&client_id={id}")),
        ("/oauth/device_authorization", format!("client_id={id}")),
    ] {
        let refused = house.form(path, &form, None).await;
        assert_eq!(refused.expect(401)["error"], "invalid_client", "{path}");
    }
    let request = wish(CLIENT, &[("redirect_uri", "https://app.example/cb")]);
    let address = format!("/oauth/authorize?{request}");
    let (_, _, signed_in) = town.person(1, "owner").await;
    let page = Browser::new(house).page(&address).await.expect(200);
    assert!(page.as_str().unwrap().contains("id=\"signin\""), "{page}");
    assert_eq!(house.elsewhere.asked(), 0);
    let page = signed_in.page(&address).await.expect(200);
    assert!(page.as_str().unwrap().contains("id=\"consent\""), "{page}");
    assert_eq!(house.elsewhere.asked(), 1);
    assert!(is_there(house, CLIENT).await, "once it was let in");
}

async fn fifty_who_need_one_document_at_once_ask_for_it_once(database: &TestDatabase) {
    let house = Arc::new(House::new(database, 1).await);
    house.elsewhere.put(CLIENT, &document(CLIENT), 300);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let house = Arc::clone(&house);
        all.spawn(async move { is_there(&house, CLIENT).await });
    }
    assert_eq!(all.join_all().await, [true; 50]);
    assert_eq!(house.elsewhere.asked(), 1);
}

/// AUTH_CHECKLIST 6.6, 7.6
async fn a_client_signs_with_the_keys_in_its_document_or_at_the_address_it_names(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let_in(&house, CLIENT).await;
    let (own, other) = (Pair::ed25519(7), Pair::ed25519(8));
    let keys = "https://keys.example/jwks.json";
    let revoke = async |pair: &Pair, jti: &str| {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let jwt = pair.sign(&header("EdDSA"), &claims(CLIENT, jti));
        let form = format!("token=x&client_assertion_type={kind}&client_assertion={jwt}");
        house.form("/oauth/revoke", &form, None).await.status.as_u16()
    };
    let mut signs = document(CLIENT);
    signs["token_endpoint_auth_method"] = json!("private_key_jwt");
    house.elsewhere.put(CLIENT, &signs, 0);
    assert_eq!(revoke(&own, "j").await, 401, "it says nothing of keys");

    signs["jwks"] = json!({"keys": [own.jwk("k1")]});
    house.elsewhere.put(CLIENT, &signs, 0);
    assert_eq!(revoke(&other, "j1").await, 401);
    assert_eq!(revoke(&own, "j1").await, 200);
    assert_eq!(revoke(&own, "j1").await, 401, "an assertion is good once");
    assert!(!is_there(&house, CLIENT).await, "whoever signs has to");

    signs.as_object_mut().unwrap().remove("jwks");
    signs["jwks_uri"] = json!(keys);
    house.elsewhere.put(CLIENT, &signs, 0);
    assert_eq!(revoke(&own, "j2").await, 401, "there are no keys at that address");
    house.elsewhere.put(keys, &json!({"keys": [other.jwk("k1")]}), 300);
    assert_eq!(revoke(&own, "j2").await, 401);
    assert_eq!(revoke(&other, "j2").await, 200);
    let asked = house.elsewhere.asked();
    assert_eq!(revoke(&other, "j3").await, 200);
    assert_eq!(
        house.elsewhere.asked(),
        asked + 1,
        "the document was, the keys are fresh"
    );
}

async fn documents_can_be_switched_off(database: &TestDatabase) {
    let clock = Arc::new(ManualClock::at(START));
    let house = House::open_to(database, 1, clock.clone(), clock, Strangers::default()).await;
    house.elsewhere.put(CLIENT, &document(CLIENT), 300);
    assert!(!is_there(&house, CLIENT).await);
    assert_eq!(house.elsewhere.asked(), 0);
    let metadata = house
        .at_root("GET /.well-known/oauth-authorization-server", &[], None)
        .await;
    assert_eq!(metadata.expect(200)["client_id_metadata_document_supported"], false);
}

async fn a_document_gets_a_row_with_its_first_grant(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, _) = house.owner(10, Cluster::Local).await;
    let client = Client {
        id: ClientId::parse(CLIENT).unwrap(),
        name: "App".to_owned(),
        auth_method: AuthMethod::None,
        grants: [Grant::AuthorizationCode].into_iter().collect(),
        redirect_uris: vec![RedirectUri::register("https://app.example/cb").unwrap()],
        scopes: ScopeSet::default(),
        enabled: true,
    };
    for seed in 1..=2 {
        let (client, owner) = (client.clone(), owner.clone());
        let unit = async move |tx: &mut Tx| {
            assert!(Issuer::keep_client(tx, &client, START).await?);
            let insert = Sql::new(
                "INSERT INTO oauth_grants (id, client_id, kind, project_id, owner_id, role, scopes, created_at) \
                 VALUES ($1, $2, 'person', $3, $4, 'owner', '[]', $5)",
            );
            let insert = insert
                .bind(&GrantId::new(START, &Seeded::new(seed)))
                .bind(client.id.as_str());
            tx.execute(insert.bind(&owner.project).bind(&owner.id).bind(START))
                .await
        };
        house.db.write::<_, StoreError, _>(unit).await.unwrap();
    }
    assert!(
        !is_there(&house, CLIENT).await,
        "the row is not read instead of the document"
    );
}
