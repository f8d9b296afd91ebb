//! Tokens that are nearly right. Most are signed by the issuer's own key, which the test takes from the house as a thief of
//! its disk would: what refuses them is what they say, and not that nobody could make them.

use {
    super::{Service, refused},
    crate::{estate::Estate, house::House},
    base64::{
        Engine,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    },
    chacha20poly1305::{
        XChaCha20Poly1305,
        aead::{Aead, KeyInit as _, Payload},
    },
    hmac::{Hmac, Mac},
    portreeve_signing::key::SecretKey,
    portreeve_store::Sql,
    serde_json::{Value, json},
    sha2::Sha256,
    std::fs,
};

fn encoded(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn mac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// The issuer's key, and its name.
fn stolen(estate: &Estate) -> (SecretKey, String) {
    let file = fs::read_to_string(estate.house.home().join("issuer.key")).unwrap();
    let seal = mac(
        &BASE64_STANDARD.decode(file.trim()).unwrap(),
        b"portreeve:issuer:signing-keys:v1",
    );
    let (kid, sealed) = estate.books().write(async |tx| {
        use portreeve_store::Fetch;
        let row = tx.fetch_one(Sql::new("SELECT kid, sealed FROM signing_keys")).await?;
        Ok((row.get::<String>("kid")?, row.get::<Vec<u8>>("sealed")?))
    });
    let (nonce, sealed) = sealed.split_first_chunk::<24>().unwrap();
    let payload = Payload {
        msg: sealed,
        aad: kid.as_bytes(),
    };
    let seed = XChaCha20Poly1305::new_from_slice(&seal)
        .unwrap()
        .decrypt(nonce.into(), payload)
        .unwrap();
    (SecretKey::from_seed(&seed.try_into().unwrap()), kid)
}

/// What makes tokens of anything.
struct Forge {
    key: SecretKey,
    kid: String,
    /// The claims of a token that is good.
    claims: Value,
}

impl Forge {
    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", encoded(signature.as_bytes()))
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    /// With another header.
    fn under(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header();
        change(&mut header);
        self.sign(&header.to_string(), &self.claims.to_string())
    }

    /// With other claims.
    fn saying(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// With a claim more, in front, as text: it may be there twice.
    fn with(&self, member: &str) -> String {
        let claims = self.claims.to_string();
        self.sign(&self.header().to_string(), &format!("{{{member},{}", &claims[1..]))
    }

    /// Under a secret that everybody knows.
    fn under_public_key(&self, alg: &str) -> Vec<String> {
        let public = self.key.public();
        let text = encoded(public.as_bytes());
        let mut header = self.header();
        header["alg"] = json!(alg);
        let message = format!("{}.{}", encoded(header.to_string()), encoded(self.claims.to_string()));
        let under = |secret: &[u8]| format!("{message}.{}", encoded(mac(secret, message.as_bytes())));
        vec![under(public.as_bytes()), under(text.as_bytes()), under(b"")]
    }
}

/// AUTH_CHECKLIST 2.3, 2.5, 2.6, 2.7, 2.11
#[test]
fn a_token_that_is_nearly_right_is_refused_and_told_nothing() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__SERVER__PROXIES", "{ networks = [\"127.0.0.1/32\"] }")]);
    let estate = Estate::of(house);
    let service = Service::new(&estate, "shopper");
    let good = service.token();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(good.split('.').nth(1).unwrap()).unwrap();
    let (key, kid) = stolen(&estate);
    let forge = Forge {
        key,
        kid,
        claims: serde_json::from_slice(&claims).unwrap(),
    };
    service.looks(&forge.under(|_| {})).is(200);
    service
        .looks(&forge.saying(|claims| claims["aud"] = json!([claims["aud"]])))
        .is(200);

    let iat = forge.claims["iat"].as_i64().unwrap();
    let exp = forge.claims["exp"].as_i64().unwrap();
    let aud = forge.claims["aud"].as_str().unwrap().to_owned();
    let iss = forge.claims["iss"].as_str().unwrap().to_owned();
    let origin = service.origin.clone();
    let mut bad: Vec<(String, String)> = Vec::new();
    let mut row = |what: &str, token: String| bad.push((what.to_owned(), token));

    let unsigned = |alg: &str| {
        let mut header = forge.header();
        header["alg"] = json!(alg);
        format!("{}.{}.", encoded(header.to_string()), encoded(forge.claims.to_string()))
    };
    for alg in ["none", "None", "NONE", ""] {
        row(&format!("alg {alg:?}, unsigned"), unsigned(alg));
        row(
            &format!("alg {alg:?}, signed"),
            forge.under(|header| header["alg"] = json!(alg)),
        );
    }
    for alg in ["HS256", "EdDSA", "RS256"] {
        for token in forge.under_public_key(alg) {
            row(&format!("{alg} under the public key"), token);
        }
    }
    for alg in ["ES256", "RS256", "Ed25519", "eddsa"] {
        row(alg, forge.under(|header| header["alg"] = json!(alg)));
    }
    for typ in [
        json!("JWT"),
        json!("jwt"),
        json!("id_token+jwt"),
        json!(1),
        json!(["at+jwt"]),
        Value::Null,
    ] {
        row(&format!("typ {typ}"), forge.under(|header| header["typ"] = typ));
    }
    for gone in ["typ", "kid", "alg"] {
        row(
            &format!("no {gone}"),
            forge.under(|header| drop(header.as_object_mut().unwrap().remove(gone))),
        );
    }
    for kid in [
        json!("other"),
        json!(""),
        json!("../../issuer.key"),
        json!("' OR 1=1 --"),
        json!(1),
        Value::Null,
    ] {
        row(&format!("kid {kid}"), forge.under(|header| header["kid"] = kid));
    }
    let own = json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(forge.key.public().as_bytes())});
    for (name, value) in [
        ("jku", json!(format!("{origin}/oauth/jwks"))),
        ("x5u", json!(format!("{origin}/x5u"))),
        ("jwk", own),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        row(name, forge.under(|header| header[name] = value));
    }
    let header = forge.header().to_string();
    for twice in [
        r#""alg":"none""#,
        r#""alg":"EdDSA""#,
        r#""kid":"other""#,
        r#""typ":"JWT""#,
    ] {
        let header = format!("{{{twice},{}", &header[1..]);
        row(
            &format!("{twice} twice"),
            forge.sign(&header, &forge.claims.to_string()),
        );
    }

    for (name, values) in [
        (
            "aud",
            vec![
                json!(origin),
                json!(format!("{aud}/")),
                json!(format!("{aud}2")),
                json!(aud.to_uppercase()),
                json!([]),
                json!([origin]),
                json!("*"),
                json!(""),
                json!({"0": aud}),
                Value::Null,
            ],
        ),
        (
            "iss",
            vec![
                json!(format!("{iss}/")),
                json!("https://evil.example"),
                json!([iss]),
                json!(""),
                Value::Null,
            ],
        ),
        (
            "exp",
            vec![
                json!(exp.to_string()),
                json!("never"),
                json!(1e308),
                json!([exp]),
                json!(true),
                json!({}),
                Value::Null,
                json!(u64::MAX),
            ],
        ),
        // The chain's clock moves on by itself, a minute's leeway is given, and nobody waits here for ten.
        (
            "iat",
            vec![json!(iat + 600), json!(iat.to_string()), json!(i64::MAX), Value::Null],
        ),
        (
            "nbf",
            vec![json!(iat + 600), json!(iat.to_string()), json!(i64::MAX), json!([])],
        ),
        (
            "jti",
            vec![
                json!("t1"),
                json!(""),
                json!(1),
                json!("grt_01ARYZ6S41TSV4RRFFQ69G5FAV.0123456789ABCDEF"),
                Value::Null,
            ],
        ),
        ("client_id", vec![json!("clt_000000000000"), json!(""), Value::Null]),
        (
            "owner_id",
            vec![json!("own_01ARYZ6S41TSV4RRFFQ69G5FAV"), json!("me"), Value::Null],
        ),
        ("project_id", vec![json!("prj_01ARYZ6S41TSV4RRFFQ69G5FAV"), Value::Null]),
        (
            "scope",
            vec![
                json!(["agents:read"]),
                json!("agents:read\u{a0}x"),
                json!(1),
                Value::Null,
            ],
        ),
        (
            "cnf",
            vec![json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({})],
        ),
    ] {
        for value in values {
            row(&format!("{name} {value}"), forge.saying(|claims| claims[name] = value));
        }
    }
    for gone in [
        "aud",
        "iss",
        "exp",
        "iat",
        "jti",
        "client_id",
        "owner_id",
        "project_id",
        "scope",
        "sub",
    ] {
        row(
            &format!("no {gone}"),
            forge.saying(|claims| drop(claims.as_object_mut().unwrap().remove(gone))),
        );
    }
    for twice in [
        format!(r#""exp":{}"#, exp + 1000),
        r#""aud":"https://evil.example""#.to_owned(),
        r#""jti":"x""#.to_owned(),
    ] {
        row(&format!("{twice} twice"), forge.with(&twice));
    }
    for payload in ["", "null", "[]", "{}", "\u{feff}{}", "x"] {
        row(&format!("payload {payload:?}"), forge.sign(&header, payload));
    }

    let parts: Vec<&str> = good.split('.').collect();
    let other = SecretKey::from_seed(&[9; 32]).sign(format!("{}.{}", parts[0], parts[1]).as_bytes());
    row(
        "another key",
        format!("{}.{}.{}", parts[0], parts[1], encoded(other.as_bytes())),
    );
    row("no signature", format!("{}.{}.", parts[0], parts[1]));
    row("five parts", format!("{good}.AAAA.AAAA"));
    row("padded signature", format!("{good}=="));
    row("padded header", format!("{}=.{}.{}", parts[0], parts[1], parts[2]));
    let standard = BASE64_STANDARD.encode(BASE64_URL_SAFE_NO_PAD.decode(parts[2]).unwrap());
    row(
        "signature in padded Base64",
        format!("{}.{}.{standard}", parts[0], parts[1]),
    );
    row("long", format!("{good}{}", "A".repeat(4_097)));

    let mut told = Vec::new();
    // Each from an address of its own, because whoever shows several that are wrong is not listened to any more.
    let mut addresses = 1_u32..;
    let mut looks = |token: &str| {
        let address = format!("198.18.{}.{}", addresses.start / 250, addresses.next().unwrap() % 250);
        let (token, path) = (format!("Bearer {token}"), service.agent.path());
        let headers = [("Authorization", token.as_str()), ("X-Forwarded-For", &address)];
        service.anybody().send(minreq::Method::Get, &path, None, &headers)
    };
    for (what, token) in &bad {
        let answer = looks(token);
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert_eq!(answer.body["code"], "AUTH_KEY_INVALID", "{what}");
        refused(&answer, "AUTH_KEY_INVALID");
        let mut body = answer.body.clone();
        body.as_object_mut().unwrap().remove("requestId");
        told.push((body, answer.header("www-authenticate").unwrap().to_owned()));
    }
    assert!(bad.len() > 100, "{}", bad.len());
    assert!(told.iter().all(|one| *one == told[0]), "they are told apart");
    for past in [json!(iat - 1), json!(0), json!(-1), json!(i64::MIN)] {
        refused(
            &service.looks(&forge.saying(|claims| claims["exp"] = past)),
            "AUTH_TOKEN_EXPIRED",
        );
    }
    let (path, anybody) = (service.agent.path(), service.anybody());
    for name in ["access_token", "token", "Authorization"] {
        let in_address = anybody.get(&format!("{path}?{name}={good}"));
        assert!([400, 401].contains(&in_address.status), "{name}: {}", in_address.body);
    }
    service.looks(&good).is(200);
}
