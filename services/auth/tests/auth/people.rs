//! What does not depend on the database: what an authenticator may say, what a page may ask, what a person may be.

use {
    crate::{
        authenticator::{Authenticator, Browser, PRESENT_AND_VERIFIED, cbor_bytes, phone},
        house::{House, ORIGIN},
        people_contract::Town,
    },
    portreeve_auth::SCHEMA,
    portreeve_kernel::{Cluster, Code},
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
};

fn database() -> TestDatabase {
    TestDatabase::sqlite(&[SCHEMA]).unwrap()
}

#[tokio::test]
async fn an_assertion_for_another_origin_site_or_act_or_without_the_person_is_refused() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, mut device, mut browser) = town.person(1, "owner").await;
    let (_, other, _) = town.person(2, "owner").await;
    browser.sign_in(&mut device).await.expect(200);
    type Change = fn(&mut Authenticator);
    let wrong: [(&str, Change); 9] = [
        ("another origin", |one| {
            one.origin = "https://portreeve.test.evil.example".into()
        }),
        ("a subdomain", |one| one.origin = "https://evil.portreeve.test".into()),
        ("another port", |one| one.origin = format!("{ORIGIN}:8443")),
        ("plain http", |one| one.origin = ORIGIN.replace("https", "http")),
        ("another site", |one| one.site = "evil.example".into()),
        ("nobody there", |one| one.flags = PRESENT_AND_VERIFIED & !0x01),
        ("nobody checked", |one| one.flags = PRESENT_AND_VERIFIED & !0x04),
        ("in a frame of another", |one| one.cross_origin = true),
        ("a credential that is not known", |one| one.id = vec![9; 20]),
    ];
    let mut details = Vec::new();
    for (what, change) in wrong {
        let mut bent = device.clone();
        change(&mut bent);
        let refused = Browser::new(&town.house).sign_in(&mut bent).await;
        assert!(refused.headers.get("set-cookie").is_none(), "{what}");
        assert_eq!(refused.body["code"], "AUTH_PASSKEY_REFUSED", "{what}");
        details.push((refused.body["detail"].clone(), refused.body["status"].clone()));
    }
    details.dedup();
    assert_eq!(details.len(), 1, "all are told alike");

    let mut anon = Browser::new(&town.house);
    let begun = anon.begin_sign_in().await;
    device.counter += 1;
    let good = device.show(&begun);
    let swapped = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (what, body) in [
        ("another act", device.show_as("webauthn.create", &begun)),
        (
            "another's handle",
            swapped("userHandle", other.show(&begun)["userHandle"].clone()),
        ),
        ("no handle", swapped("userHandle", json!(""))),
        (
            "another's signature",
            swapped("signature", other.show(&begun)["signature"].clone()),
        ),
        ("no signature", swapped("signature", json!(""))),
        ("no base64", swapped("clientData", json!("!"))),
        ("no client data", swapped("clientData", json!(""))),
        (
            "another ceremony",
            swapped("ceremony", anon.begin_sign_in().await["ceremony"].clone()),
        ),
        ("no ceremony", swapped("ceremony", json!(""))),
    ] {
        assert_eq!(
            anon.ask("/signin/finish", &body).await.body["code"],
            "AUTH_PASSKEY_REFUSED",
            "{what}"
        );
    }
    anon.ask("/signin/finish", &good).await.expect(200);
}

#[tokio::test]
async fn a_passkey_that_is_made_elsewhere_or_without_the_person_is_not_kept_and_the_link_stays_good() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, link) = town.invite("Ada", "owner").await;
    type Change = fn(&mut Authenticator);
    let wrong: [(&str, Change); 5] = [
        ("another origin", |one| one.origin = "https://evil.example".into()),
        ("another site", |one| one.site = "evil.example".into()),
        ("nobody checked", |one| one.flags = PRESENT_AND_VERIFIED & !0x04),
        ("in a frame of another", |one| one.cross_origin = true),
        ("an RSA key", |one| {
            // { kty: RSA, alg: RS256, n, e }
            let start = [0xA4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00].as_slice();
            let (n, e) = (cbor_bytes(&[0xC5; 256]), cbor_bytes(&[1, 0, 1]));
            one.cose_key = Some([start, &[0x20], &n, &[0x21], &e].concat());
        }),
    ];
    for (what, change) in wrong {
        let mut device = phone(1);
        change(&mut device);
        let refused = Browser::new(&town.house).enrol(&link, &mut device).await;
        assert_eq!(refused.body["code"], "AUTH_PASSKEY_REFUSED", "{what}");
    }
    let mut browser = Browser::new(&town.house);
    browser.enrol(&link, &mut phone(1)).await.expect(200);
    let (_, again) = town.invite("Bo", "owner").await;
    let taken = browser.enrol(&again, &mut phone(1)).await;
    taken.is(Code::AuthPasskeyRefused);
    browser.enrol(&again, &mut phone(2)).await.expect(200);
}

#[tokio::test]
async fn a_passkey_is_asked_for_that_knows_its_user_checks_the_person_and_can_be_checked_by_the_signer() {
    let database = database();
    let town = Town::new(&database).await;
    let (id, link) = town.invite("Ada", "owner").await;
    let mut browser = Browser::new(&town.house);
    let options = browser.begin_enrolment(&link).await.expect(200)["options"].clone();
    let selection = &options["authenticatorSelection"];
    assert_eq!(
        (&selection["residentKey"], &selection["userVerification"]),
        (&json!("required"), &json!("required"))
    );
    let algorithms: Vec<&Value> = options["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["alg"])
        .collect();
    assert_eq!(algorithms, [&json!(-7)]);
    assert_eq!(options["rp"]["id"], "portreeve.test");
    assert!(
        !options["user"]["id"].as_str().unwrap().contains(&id),
        "the handle is not the id"
    );
    let asked = browser.begin_sign_in().await["options"].clone();
    assert_eq!(asked["userVerification"], "required");
    assert_eq!(asked["allowCredentials"], json!([]), "nobody is asked for by name");

    // Who has a passkey already is not offered to make it again.
    browser.enrol(&link, &mut phone(3)).await.expect(200);
    let more = town
        .call(&format!("POST /auth/users/{id}/link"), None)
        .await
        .expect(201);
    let options = browser
        .begin_enrolment(more["link"].as_str().unwrap())
        .await
        .expect(200)["options"]
        .clone();
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_done_for_a_page_of_another_origin() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    for path in [
        "/enrol/begin",
        "/enrol/finish",
        "/signin/begin",
        "/signin/finish",
        "/signout",
    ] {
        for lines in [
            vec![],
            vec![("origin", "https://evil.example")],
            vec![("origin", "null")],
            vec![("origin", ORIGIN), ("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
        ] {
            let mut headers = vec![
                ("content-type", "application/json"),
                ("cookie", browser.cookie.as_str()),
            ];
            headers.extend(lines);
            // Not even what is wrong with the body.
            let refused = town.house.at_root(&format!("POST {path}"), &headers, Some("?")).await;
            refused.is(Code::RequestOriginNotAllowed);
        }
    }
    assert!(browser.who().await.is_some());
}

#[tokio::test]
async fn who_is_nobody_writes_nothing() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, link) = town.invite("Ada", "owner").await;
    let before = town.house.db.generation();
    let mut browser = Browser::new(&town.house);
    for _ in 0..3 {
        browser.begin_sign_in().await;
        browser.begin_enrolment(&link).await.expect(200);
        browser.sign_in(&mut phone(7)).await.is(Code::AuthPasskeyRefused);
        browser.begin_enrolment("#x").await.is(Code::AuthLinkInvalid);
        browser.page("/signin").await.expect(200);
    }
    assert!(before.is_some());
    assert_eq!(town.house.db.generation(), before);
    let failed: Vec<_> = town
        .house
        .audit()
        .await
        .into_iter()
        .filter(|row| row.kind == "auth.failed")
        .collect();
    assert_eq!(failed.len(), 2, "and is told of, once for each way");
    assert!(failed[0].data.contains("\"reason\":\"invalid\""), "{}", failed[0].data);
}

#[tokio::test]
async fn a_session_is_for_pages_and_opens_nothing_of_the_api() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let headers = [
        ("cookie", browser.cookie.as_str()),
        ("origin", ORIGIN),
        ("sec-fetch-site", "same-origin"),
    ];
    let refused = town.house.at_root("GET /api/v1/auth/users", &headers, None).await;
    refused.is(Code::AuthKeyInvalid);
    let value = browser.cookie.split_once('=').unwrap().1;
    town.house.get("/auth/users", value).await.is(Code::AuthKeyInvalid);
}

#[tokio::test]
async fn signing_in_leads_to_a_place_of_ours_and_nowhere_else() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, mut device, browser) = town.person(1, "viewer").await;
    let there = browser.page("/signin?next=%2Foauth%2Fauthorize%3Fa%3D1").await;
    assert_eq!(
        (there.status.as_u16(), &there.headers["location"]),
        (303, &"/oauth/authorize?a=1".parse().unwrap())
    );
    let mut nobody = Browser::new(&town.house);
    let page = nobody.page("/signin?next=%2Fx%3Fa%3D%22%3E").await.expect(200);
    assert!(page.as_str().unwrap().contains("value=\"/x?a=&#34;&#62;\""), "{page}");
    for bad in [
        "//evil.example",
        "https://evil.example",
        "%2F%5Cevil.example",
        "x",
        "",
        "/a%0Ab",
    ] {
        let refused = nobody.page(&format!("/signin?next={bad}")).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert!(refused.headers.get("location").is_none());
        assert!(refused.body.as_str().unwrap().contains("not one of ours"), "{bad}");
    }
    for (next, expected) in [
        (json!("/x"), Some("/x")),
        (json!(null), Some("/signin")),
        (json!("//evil.example"), None),
    ] {
        let begun = nobody.begin_sign_in().await;
        device.counter += 1;
        let mut body = device.show(&begun);
        body["next"] = next;
        let answer = nobody.ask("/signin/finish", &body).await;
        match expected {
            Some(next) => assert_eq!(answer.expect(200)["next"], next),
            None => assert_eq!(answer.is(Code::ValidationInvalidFormat)["param"], "next"),
        }
    }
}

#[tokio::test]
async fn the_cookie_has_every_attribute_that_binds_it() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, mut device, mut browser) = town.person(1, "viewer").await;
    let answer = browser.sign_in(&mut device).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-portreeve=wse_"), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200"),
        "{cookie}"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let page = browser.page("/signin").await;
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["x-frame-options"], "DENY");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
}

#[tokio::test]
async fn nobody_makes_somebody_wider_than_themselves() {
    let database = database();
    let house = House::new(&database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let (narrow, _) = house
        .made(first.text.expose(), json!({"name": "n", "scopes": ["admin:all"]}))
        .await;
    let (wide, narrow) = (
        Town {
            house,
            owner: owner.id,
            key: first.text.expose().to_owned(),
        },
        narrow,
    );
    let with_narrow =
        async |line: &str, body: Option<&Value>| wide.house.call(line, &narrow, "198.51.100.7", body).await;
    for (role, fits) in [("viewer", true), ("auditor", true), ("owner", false), ("member", false)] {
        let answer = with_narrow("POST /auth/users", Some(&json!({"name": "x", "role": role}))).await;
        if fits {
            answer.expect(201);
        } else {
            let told = answer.is(Code::AuthScopeInsufficient);
            assert_eq!(
                (&told["param"], &told["requiredScope"]),
                (&json!("role"), &json!("mcp:read")),
                "{role}"
            );
        }
    }
    let (owner, _) = wide.invite("Ada", "owner").await;
    wide.invite("Bo", "owner").await;
    let (viewer, _) = wide.invite("Vi", "viewer").await;
    let body = json!({"role": "owner"});
    with_narrow(&format!("PATCH /auth/users/{viewer}"), Some(&body))
        .await
        .is(Code::AuthScopeInsufficient);
    with_narrow(&format!("POST /auth/users/{owner}/link"), None)
        .await
        .is(Code::AuthScopeInsufficient);
    with_narrow(&format!("POST /auth/users/{viewer}/link"), None)
        .await
        .expect(201);
    with_narrow(&format!("DELETE /auth/users/{owner}"), None)
        .await
        .expect(204);
}

#[tokio::test]
async fn a_user_that_is_wrong_is_told_where() {
    let database = database();
    let town = Town::new(&database).await;
    for (body, code, param) in [
        (json!({"role": "owner"}), Code::ValidationRequiredField, "name"),
        (json!({"name": "x"}), Code::ValidationRequiredField, "role"),
        (json!({"name": "", "role": "owner"}), Code::ValidationOutOfRange, "name"),
        (
            json!({"name": "x".repeat(101), "role": "owner"}),
            Code::ValidationOutOfRange,
            "name",
        ),
        (
            json!({"name": "a\u{202E}b", "role": "owner"}),
            Code::ValidationInvalidFormat,
            "name",
        ),
        (
            json!({"name": "x", "role": "agent"}),
            Code::ValidationInvalidEnum,
            "role",
        ),
        (
            json!({"name": "x", "role": "Owner"}),
            Code::ValidationInvalidEnum,
            "role",
        ),
        (
            json!({"name": "x", "role": "owner", "id": "1"}),
            Code::ValidationInvalidFormat,
            "id",
        ),
    ] {
        let told = town.call("POST /auth/users", Some(&body)).await.is(code);
        assert_eq!(told["param"], param, "{body}");
    }
    let (_, link) = town.invite("Ada", "owner").await;
    let mut browser = Browser::new(&town.house);
    let begun = browser.begin_enrolment(&link).await.expect(200);
    let mut made = phone(1).make(&begun);
    made["name"] = json!("");
    assert_eq!(
        browser.ask("/enrol/finish", &made).await.is(Code::ValidationOutOfRange)["param"],
        "name"
    );
}

#[tokio::test]
async fn markup_in_a_name_is_text_on_the_page() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, link) = town.invite("<script>alert(1)</script>", "viewer").await;
    let mut browser = Browser::new(&town.house);
    browser.enrol(&link, &mut phone(1)).await.expect(200);
    let page = browser.who().await.unwrap();
    assert!(
        page.contains("&#60;script&#62;") && !page.contains("<script>alert"),
        "{page}"
    );
}

#[tokio::test]
async fn the_files_of_pages_are_there_under_the_names_that_pages_use() {
    let database = database();
    let town = Town::new(&database).await;
    let browser = Browser::new(&town.house);
    let page = browser.page("/enrol").await.expect(200);
    let page = page.as_str().unwrap();
    let names: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(names.len(), 2);
    for name in names {
        let file = browser.page(name).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
    }
    for wrong in ["/assets/passkey.js", "/assets/x", "/assets/%FF", "/assets/..%2Fx"] {
        browser.page(wrong).await.is(Code::RequestNotFound);
    }
}

#[tokio::test]
async fn an_address_that_shows_too_many_wrong_links_or_passkeys_has_to_pause() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, mut device, mut browser) = town.person(1, "viewer").await;
    let mut guesser = Browser::new(&town.house);
    for _ in 0..5 {
        guesser.begin_enrolment("#wlk_1").await.is(Code::AuthLinkInvalid);
        guesser.sign_in(&mut phone(7)).await.is(Code::AuthPasskeyRefused);
    }
    guesser.begin_enrolment("#wlk_1").await.is(Code::SystemRateLimited);
    guesser.sign_in(&mut phone(7)).await.is(Code::SystemRateLimited);
    // A right one passes, from there and from anywhere.
    guesser.sign_in(&mut device).await.expect(200);
    browser.sign_in(&mut device).await.expect(200);
}
