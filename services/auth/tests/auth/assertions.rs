//! Clients that prove themselves by what they sign, on both databases.

use {
    crate::house::{Answer, House, ORIGIN, START, facts},
    base64::{
        Engine,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    },
    jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk},
    portreeve_kernel::{Cluster, Code},
    portreeve_store::{Fetch, Sql, testing::TestDatabase},
    serde_json::{Value, json},
    std::sync::Arc,
    tokio::task::JoinSet,
};

facts! {
    an_assertion_is_good_once_for_us_and_for_an_hour;
    fifty_uses_of_one_assertion_at_once_make_one_token;
    an_assertion_is_signed_with_a_key_that_its_client_registered;
    a_client_that_signs_has_no_secret_and_one_with_a_secret_does_not_sign;
    keys_that_are_none_are_not_registered;
    used_assertions_are_forgotten_when_they_are_over;
}

/// P-256, PKCS #8.
const EC: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqG2NhM9IIasO7Y4RoHh8ek+U3Nt+45FI5vIj7Zyv34yhRANCAASIXTwDrD86KRSkBjt/lyvKOnk/1DiNvFSIgZVvDaChxDs5OmJuRwarm4BVBQeqkTqnfox3ayYjeNkVq0oDUgxO";
/// 2048 bits, PKCS #1.
const RSA: &str = "MIIEogIBAAKCAQEAwIugG2wO8wPK7dHNzAgldsjXmw6aHDRmagcK1YBrdLJrZ7qRkyNV2U01COoH1NORg1nBIe4bWdMh67cBB1xGqbw07qUhCPp5L4N39SNkPgIFeIF9DgN86V47hdPhzC8rQPQuhvEklrrZGzlSELBGhBm+wLI1sHEqcOAIENvFC7YdVoB1vHPJNU5WXQEvqQoqloTUFxhWoxRb+ULVD3S+HNuTUPjB/DaR25N27fj5gLQI7c0JbLWCCQJQ4j1SQsRB43nzYY51oCQdJrJHiuHIe7Ef/H+vgpWNz7bnQIso3xoScmD9B+7PvaroXqP0q2h4twdRDirekv4O0swOtJ+vAwIDAQABAoIBAFNh4/McJ5kr0kyNJ/8so/S940jd2PVP5+4QoKt20pIV1hd0nyhGDB5vpgD3QG71NDXav52O/L84hJ8MgGCMoHlO7OlQD29Q8PwXhfJd4kJMI8xc3ygbcJOrYEGDUWxYHPYjCKcddMfloLF+cECT5eW9NHNEeaWwTD3Xdwa99aYs9ggVsmMqMe4lN+L8OXEm06kS7MeporoNo5MUbeF+U5TIt+/Va3JB+5lb40c92nGu2FEsOc1Ke+YnFT7lCJis4jWJG7IHc8WeroHrP3AIBJ7yBuJ40ZWGvI4tosK3cuULtvztO9zNJIO8frA/vUF3S1ENHQ35DAiEKG3Am6qoY0ECgYEA6zxJYEYvhrx1nzyAm6pJ3PpEdlFhzMuprtVG/lp2ArwrS92nqu9/ygapFw/GiJP1Fy0o1Cbh3uod9/PJhzYuEatAAKrslxehy63MQ+19HZSY4Au/KwSSAPiSo738iSC3A2ISy0j9pCFhE3iJkIKToxOYTaINjTtZioCUXcl/pCECgYEA0YqnRZXnaiqhuni6H2N+lZLiHcvca1/THVgn9NpawSiZShIBJrYk31gU6qjL92RSr1QEKhL6S7NxycznaupVPEs1+iddSoV+A7aiZ7VkQ8tHpJwHWh8jKjllZgbcwoC1/VC5ooYrXYUY+945g99Um0HQZMREaS+8ZMUEKhVUbqMCgYAzmNKjamGsVRQbrGKtQknXTZHMvgcMq7N5ZNCgo+j0qp94kZLgXI4UGyflphEvDf0Za09kUW8DvSh7pZ6TqN+sAnsUamlgrs9PZLzEPYhO/7QUmJ8C6Yq46c0IW3jT/zgFZvKmYkk4QhYP9kV+TBXkFD048g2058q5JYDlnXgA4QKBgATrr5/ntEZ+98tMOHqyOG/EwkCW3/c5idifkFikpArzLB5cK+C/2D/SbrNQAXIuze5GF87xISWT8jEd+bU+CYBf98WHFR7B4cKukEPFM7SP2n/YFigcoRPFw0bRFHAQ27U2JxXU9sG8dWi8wDcDkJYQxpcHMOATeeYX5lAirhfnAoGATySflVqxpWNgUb85604DU1fpfnLViqgrGnyREQZdND0r3o/4fKw/6QUHCFAysRAwMlXZSk2ofUK72arU2qdWA75fLwRQ2dFtb4kSW3r9+Ctfw+Bauk73iNJpO6s6lho0ccktu3iKebKZ29Ebs+PDsCDBa8TcPD+lbPNdg01xRFE=";

/// A key pair, and what it signs with.
#[derive(Clone)]
pub(crate) struct Pair {
    secret: EncodingKey,
    algorithm: Algorithm,
}

impl Pair {
    pub(crate) fn ed25519(seed: u8) -> Self {
        let prefix = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ];
        Self {
            secret: EncodingKey::from_ed_der(&[prefix.as_slice(), &[seed; 32]].concat()),
            algorithm: Algorithm::EdDSA,
        }
    }

    fn p256() -> Self {
        Self {
            secret: EncodingKey::from_ec_der(&BASE64_STANDARD.decode(EC).unwrap()),
            algorithm: Algorithm::ES256,
        }
    }

    fn rsa(algorithm: Algorithm) -> Self {
        Self {
            secret: EncodingKey::from_rsa_der(&BASE64_STANDARD.decode(RSA).unwrap()),
            algorithm,
        }
    }

    /// The public half, as a client registers it.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.secret, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        // RSA keys are good for both of their algorithms.
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.secret, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

struct World {
    house: Arc<House>,
    key: String,
}

impl World {
    async fn new(database: &TestDatabase) -> Self {
        let house = House::new(database, 1).await;
        let (_, first) = house.owner(10, Cluster::Local).await;
        Self {
            house: Arc::new(house),
            key: first.text.expose().to_owned(),
        }
    }

    async fn make(&self, body: &Value) -> Answer {
        self.house
            .call("POST /auth/clients", &self.key, "198.51.100.7", Some(body))
            .await
    }

    /// A client that signs with these.
    async fn client(&self, keys: &[Value]) -> String {
        let told = self
            .make(&json!({"name": "x", "scopes": ["agents:read"], "jwks": {"keys": keys}}))
            .await
            .expect(201);
        assert_eq!(told["authMethod"], "private_key_jwt");
        assert!(told.get("clientSecret").is_none());
        told["id"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, jwt: &str, beside: &str) -> Answer {
        ask(&self.house, jwt, beside).await
    }
}

async fn ask(house: &House, jwt: &str, beside: &str) -> Answer {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let form = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={jwt}{beside}");
    house.form("/oauth/token", &form, None).await
}

pub(crate) fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "typ": "JWT"})
}

pub(crate) fn claims(client: &str, jti: &str) -> Value {
    let now = START.seconds();
    json!({"iss": client, "sub": client, "aud": ORIGIN, "exp": now + 60, "iat": now, "jti": jti})
}

#[track_caller]
fn refused(answer: Answer, what: &str) {
    assert_eq!(answer.status.as_u16(), 401, "{what}: {}", answer.body);
    assert_eq!(answer.body["error"], "invalid_client", "{what}");
}

/// AUTH_CHECKLIST 6.6, 8.5
async fn an_assertion_is_good_once_for_us_and_for_an_hour(database: &TestDatabase) {
    let world = World::new(database).await;
    let pair = Pair::ed25519(7);
    let client = world.client(&[pair.jwk("k1")]).await;
    let with = |jti: &str, name: &str, value: Value| {
        let mut claims = claims(&client, jti);
        claims[name] = value;
        pair.sign(&header("EdDSA"), &claims)
    };
    let first = with("j1", "nbf", json!(START.seconds()));
    world.ask(&first, "").await.expect(200);
    refused(world.ask(&first, "").await, "the same one again");
    let there = House::new(database, 2).await;
    refused(ask(&there, &first, "").await, "the same one on another node");
    refused(
        world.ask(&with("j1", "exp", json!(START.seconds() + 61)), "").await,
        "the same `jti`",
    );

    for (number, aud) in [
        json!(ORIGIN),
        json!([ORIGIN]),
        json!(["https://other.example", ORIGIN]),
        json!(format!("{ORIGIN}/oauth/token")),
        json!(format!("{ORIGIN}/")),
    ]
    .into_iter()
    .enumerate()
    {
        let jwt = with(&format!("aud{number}"), "aud", aud.clone());
        world.ask(&jwt, &format!("&client_id={client}")).await.expect(200);
    }
    let now = START.seconds();
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("aud", json!([])),
        ("iss", json!("clt_000000000000")),
        ("sub", json!("clt_000000000000")),
        ("exp", json!(now)),
        ("exp", json!(now + 3661)),
        ("exp", json!((now + 60).to_string())),
        ("exp", json!(null)),
        ("nbf", json!(now + 61)),
        ("iat", json!(now + 61)),
        ("jti", json!("")),
        ("jti", json!(1)),
    ] {
        refused(
            world.ask(&with("bad", name, value.clone()), "").await,
            &format!("{name} {value}"),
        );
    }
    let jwt = with("j2", "iat", json!(now));
    refused(
        world.ask(&jwt, "&client_id=clt_000000000000").await,
        "another client beside it",
    );
    let two_ways = world.ask(&jwt, "&client_secret=x").await;
    assert_eq!(two_ways.expect(400)["error"], "invalid_request");
    world.ask(&jwt, "").await.expect(200);
}

async fn fifty_uses_of_one_assertion_at_once_make_one_token(database: &TestDatabase) {
    let world = World::new(database).await;
    let pair = Pair::ed25519(7);
    let client = world.client(&[pair.jwk("k1")]).await;
    let jwt = pair.sign(&header("EdDSA"), &claims(&client, "j1"));
    let mut tries = JoinSet::new();
    for _ in 0..50 {
        let (house, jwt) = (Arc::clone(&world.house), jwt.clone());
        tries.spawn(async move { ask(&house, &jwt, "").await.status.as_u16() });
    }
    let mut statuses = tries.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 401), "{statuses:?}");
}

/// AUTH_CHECKLIST 2.6, 6.6
async fn an_assertion_is_signed_with_a_key_that_its_client_registered(database: &TestDatabase) {
    let world = World::new(database).await;
    let pairs = [
        ("EdDSA", Pair::ed25519(7)),
        ("ES256", Pair::p256()),
        ("RS256", Pair::rsa(Algorithm::RS256)),
        ("PS256", Pair::rsa(Algorithm::PS256)),
    ];
    let [ed, ec, rsa, _] = &pairs;
    let client = world.client(&[ed.1.jwk("ed"), ec.1.jwk("ec"), rsa.1.jwk("rsa")]).await;
    for (name, pair) in &pairs {
        let jwt = pair.sign(&header(name), &claims(&client, name));
        world.ask(&jwt, "").await.expect(200);
    }
    let pair = &ed.1;
    for (name, good) in [
        (json!({"alg": "EdDSA"}), true),
        (
            json!({"alg": "EdDSA", "typ": "client-authentication+jwt", "kid": "ed"}),
            true,
        ),
        (json!({"alg": "EdDSA", "kid": "ec"}), false),
        (json!({"alg": "EdDSA", "kid": "unknown"}), false),
        (json!({"alg": "EdDSA", "typ": "at+jwt"}), false),
        (json!({"alg": "ES256", "typ": "JWT"}), false),
        (json!({"alg": "none", "typ": "JWT"}), false),
        (json!({"alg": "EdDSA", "jwk": pair.jwk("ed")}), false),
        (json!({"alg": "EdDSA", "jku": "https://p.example/keys"}), false),
        (json!({"alg": "EdDSA", "crit": ["exp"]}), false),
    ] {
        let answer = world
            .ask(&pair.sign(&name, &claims(&client, &name.to_string())), "")
            .await;
        match good {
            true => drop(answer.expect(200)),
            false => refused(answer, &name.to_string()),
        }
    }
    // Somebody else's key, also when the header brings it along.
    let thief = Pair::ed25519(8);
    for header in [
        header("EdDSA"),
        json!({"alg": "EdDSA", "jwk": thief.jwk("ed")}),
        json!({"alg": "EdDSA", "kid": "ed"}),
    ] {
        refused(
            world.ask(&thief.sign(&header, &claims(&client, "t")), "").await,
            &header.to_string(),
        );
    }
    let theirs = world.client(&[thief.jwk("ed")]).await;
    refused(
        world
            .ask(&thief.sign(&header("EdDSA"), &claims(&client, "t")), "")
            .await,
        "another client's key",
    );
    world
        .ask(&thief.sign(&header("EdDSA"), &claims(&theirs, "t")), "")
        .await
        .expect(200);

    // A public key is no shared secret.
    let public = BASE64_URL_SAFE_NO_PAD
        .decode(ed.1.jwk("ed")["x"].as_str().unwrap())
        .unwrap();
    let hmac = Pair {
        secret: EncodingKey::from_secret(&public),
        algorithm: Algorithm::HS256,
    };
    refused(
        world.ask(&hmac.sign(&header("HS256"), &claims(&client, "h")), "").await,
        "HS256",
    );
    let good = pair.sign(&header("EdDSA"), &claims(&client, "x"));
    let (message, _) = good.rsplit_once('.').unwrap();
    for bad in [
        format!("{message}."),
        message.to_owned(),
        format!("{good}A"),
        "a.b.c".to_owned(),
        "A".repeat(9000),
    ] {
        refused(world.ask(&bad, "").await, &bad);
    }
    world.ask(&good, "").await.expect(200);
}

async fn a_client_that_signs_has_no_secret_and_one_with_a_secret_does_not_sign(database: &TestDatabase) {
    let world = World::new(database).await;
    let pair = Pair::ed25519(7);
    let signs = world.client(&[pair.jwk("k1")]).await;
    let told = world
        .make(&json!({"name": "y", "scopes": ["agents:read"]}))
        .await
        .expect(201);
    let secret = told["id"].as_str().unwrap();
    refused(
        world.ask(&pair.sign(&header("EdDSA"), &claims(secret, "j")), "").await,
        "it registered a secret",
    );
    for form in [
        format!("client_id={signs}"),
        format!("client_id={signs}&client_secret=x"),
    ] {
        let form = format!("grant_type=client_credentials&{form}");
        refused(
            world.house.form("/oauth/token", &form, None).await,
            "it registered keys",
        );
    }
    let line = format!("POST /auth/clients/{signs}/secret");
    let refused = world.house.call(&line, &world.key, "198.51.100.7", None).await;
    assert_eq!(refused.is(Code::ValidationInvalidFormat)["param"], "clientId");
    world
        .ask(&pair.sign(&header("EdDSA"), &claims(&signs, "j")), "")
        .await
        .expect(200);
    // The same way leads to the end of its tokens.
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let jwt = pair.sign(&header("EdDSA"), &claims(&signs, "k"));
    let form = format!("token=x&client_assertion_type={kind}&client_assertion={jwt}");
    world.house.form("/oauth/revoke", &form, None).await.expect(200);
}

/// AUTH_CHECKLIST 7.4
async fn keys_that_are_none_are_not_registered(database: &TestDatabase) {
    let world = World::new(database).await;
    let mut private = Pair::ed25519(7).jwk("k1");
    private["d"] = json!("AAAA");
    for jwks in [
        json!({"keys": []}),
        json!({"keys": [private]}),
        json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        json!([]),
        json!("keys"),
    ] {
        let body = json!({"name": "x", "scopes": ["agents:read"], "jwks": jwks});
        let told = world.make(&body).await.is(Code::ValidationInvalidFormat);
        assert_eq!(told["param"], "jwks", "{jwks}");
    }
}

async fn used_assertions_are_forgotten_when_they_are_over(database: &TestDatabase) {
    let world = World::new(database).await;
    let pair = Pair::ed25519(7);
    let client = world.client(&[pair.jwk("k1")]).await;
    let jwt = pair.sign(&header("EdDSA"), &claims(&client, "j1"));
    world.ask(&jwt, "").await.expect(200);
    let rows = async || {
        let all = Sql::new("SELECT name FROM oauth_assertions");
        world.house.db.read().fetch_all(all).await.unwrap().len()
    };
    world.house.after(59);
    world.house.keys.sweep().await.unwrap();
    assert_eq!(rows().await, 1);
    refused(world.ask(&jwt, "").await, "still remembered");
    world.house.after(1);
    world.house.keys.sweep().await.unwrap();
    assert_eq!(rows().await, 0);
    refused(world.ask(&jwt, "").await, "it is over");
}
