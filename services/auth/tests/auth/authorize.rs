//! What a program may ask people, and where an answer goes.

use {
    crate::{
        authenticator::Browser,
        consent::{click, field, program, told, wish},
        house::{Answer, House},
        people_contract::Town,
    },
    portreeve_auth::SCHEMA,
    portreeve_kernel::{Cluster, Code},
    portreeve_store::{Sql, StoreError, Tx, testing::TestDatabase},
    proptest::prelude::*,
    serde_json::json,
};

const BACK: &str = "https://planner.example/callback";

fn database() -> TestDatabase {
    TestDatabase::sqlite(&[SCHEMA]).unwrap()
}

async fn look(browser: &Browser<'_>, query: &str) -> Answer {
    browser.page(&format!("/oauth/authorize?{query}")).await
}

/// A page for the person, and nothing for anybody else.
#[track_caller]
fn is_page(answer: Answer, what: &str) -> String {
    assert_eq!(answer.headers.get("location"), None, "{what}");
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8", "{what}");
    answer.expect(400).as_str().unwrap().to_owned()
}

/// The error that a browser takes back to the program.
#[track_caller]
fn sent_back(answer: &Answer, what: &str) -> Vec<(String, String)> {
    assert_eq!(answer.status, 303, "{what}: {}", answer.body);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{BACK}?")), "{what}: {location}");
    told(location)
}

fn of<'a>(told: &'a [(String, String)], name: &str) -> &'a str {
    told.iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}

async fn sql(house: &House, text: &'static str, client: &str) {
    let client = client.to_owned();
    let unit = async move |tx: &mut Tx| tx.execute(Sql::new(text).bind(client.as_str())).await;
    house.db.write::<_, StoreError, _>(unit).await.unwrap();
}

/// AUTH_CHECKLIST 5.1, 5.2
#[tokio::test]
async fn a_redirect_that_differs_by_one_character_is_a_page_and_goes_nowhere() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    for (at, letter) in BACK.char_indices() {
        let (before, after) = (&BACK[..at], &BACK[at + letter.len_utf8()..]);
        for changed in [
            format!("{before}{after}"),
            format!("{before}{letter}{letter}{after}"),
            format!("{before}~{after}"),
            format!("{before}{}{after}", letter.to_ascii_uppercase()),
        ] {
            if changed != BACK {
                is_page(
                    look(&browser, &wish(&client, &[("redirect_uri", &changed)])).await,
                    &changed,
                );
            }
        }
    }
    for other in [
        "https://planner.example/callback?x",
        "https://planner.example:443/callback",
        "javascript:alert(1)",
    ] {
        is_page(look(&browser, &wish(&client, &[("redirect_uri", other)])).await, other);
    }
    for id in [
        "-",
        "",
        "clt_000000000000",
        "https://evil.example/client.json",
        "\u{e9}",
    ] {
        is_page(look(&browser, &wish(&client, &[("client_id", id)])).await, id);
    }
    // Whoever is not signed in is told so before being asked to sign in.
    let anybody = Browser::new(&town.house);
    is_page(
        look(&anybody, &wish(&client, &[("redirect_uri", "https://evil.example/")])).await,
        "signed out",
    );
}

/// AUTH_CHECKLIST 5.1, 5.10
#[tokio::test]
async fn only_the_port_of_a_loopback_address_may_be_another() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let body = json!({"name": "Editor", "redirectUris": ["http://127.0.0.1/cb"], "authMethod": "none"});
    let made = town.call("POST /auth/clients", Some(&body)).await.expect(201);
    let client = made["id"].as_str().unwrap();
    let request = wish(client, &[("redirect_uri", "http://127.0.0.1:49152/cb")]);
    let page = look(&browser, &request).await.expect(200);
    let page = page.as_str().unwrap();
    assert!(page.contains("That is your own computer"), "{page}");
    let next = click(&mut browser, &request, json!({})).await.expect(200);
    assert!(
        next["next"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:49152/cb?code=wac_"),
        "{next}"
    );
    for other in [
        "http://127.0.0.1:49152/cb2",
        "http://localhost:49152/cb",
        "http://127.0.0.2/cb",
        "https://127.0.0.1/cb",
    ] {
        is_page(look(&browser, &wish(client, &[("redirect_uri", other)])).await, other);
    }
}

/// AUTH_CHECKLIST 4.6, 5.3, 5.4, 5.6, 5.7, 5.12, 8.3
#[tokio::test]
async fn every_other_mistake_goes_back_to_the_program_with_state_and_issuer() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    for (change, error) in [
        (("code_challenge", "-"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge", &*"=".repeat(43)), "invalid_request"),
        (("code_challenge_method", "-"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", "s256"), "invalid_request"),
        (("response_type", "-"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "Code"), "unsupported_response_type"),
        (("response_type", "code token"), "unsupported_response_type"),
        (("resource", "https://portreeve.test"), "invalid_target"),
        (("resource", "https://portreeve.test/mcp/"), "invalid_target"),
        (("resource", "https://portreeve.test/mcp#x"), "invalid_target"),
        (("scope", "mcp:read"), "invalid_scope"),
        (("scope", "agents:read nonsense"), "invalid_scope"),
        (("scope", "\"x\""), "invalid_scope"),
        (("request", "e30.e30."), "invalid_request"),
        (("request_uri", "https://evil.example/r"), "invalid_request"),
    ] {
        let what = format!("{change:?}");
        let answer = look(&browser, &wish(&client, &[change])).await;
        let back = sent_back(&answer, &what);
        assert_eq!(
            (
                of(&back, "error"),
                of(&back, "state"),
                of(&back, "iss"),
                of(&back, "code")
            ),
            (error, "s t&a=te", "https://portreeve.test", ""),
            "{what}"
        );
        assert!(!of(&back, "error_description").is_empty(), "{what}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
    }
    let long = "&%00\u{fc}".repeat(100);
    let back = sent_back(
        &look(&browser, &wish(&client, &[("state", &long), ("scope", "x")])).await,
        "state",
    );
    assert_eq!(of(&back, "state"), long);
    let none = sent_back(
        &look(&browser, &wish(&client, &[("state", "-"), ("scope", "x")])).await,
        "no state",
    );
    assert!(none.iter().all(|(name, _)| name != "state"));
}

/// AUTH_CHECKLIST 5.5
#[tokio::test]
async fn a_repeated_parameter_is_a_page_and_an_unknown_one_is_nothing() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    let request = wish(&client, &[]);
    for name in ["client_id", "redirect_uri", "state", "scope", "code_challenge", "x"] {
        let twice = format!("{request}&{name}=1&{name}=1");
        is_page(look(&browser, &twice).await, name);
    }
    look(&browser, &format!("{request}&prompt=login&x=1")).await.expect(200);
}

/// AUTH_CHECKLIST 5.8
#[tokio::test]
async fn without_a_scope_the_one_that_the_resources_document_names_is_asked() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    let page = look(&browser, &wish(&client, &[("scope", "-"), ("resource", "-")]))
        .await
        .expect(200);
    let page = page.as_str().unwrap();
    let document = town
        .house
        .at_root("GET /.well-known/oauth-protected-resource/mcp", &[], None)
        .await;
    let document = document.expect(200);
    for scope in document["scopes_supported"].as_array().unwrap() {
        assert!(
            page.contains(&format!("value=\"{}\"", scope.as_str().unwrap())),
            "{scope}"
        );
    }
    assert!(!page.contains("admin:all") && page.contains("https://portreeve.test/mcp"));
}

/// AUTH_CHECKLIST 4.9, 5.9
#[tokio::test]
async fn no_page_of_these_can_be_framed_read_by_another_origin_or_kept() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    let stranger = program(&town, "Stranger").await;
    sql(
        &town.house,
        "UPDATE oauth_clients SET owner_id = NULL WHERE id = $1",
        &stranger,
    )
    .await;
    let anybody = Browser::new(&town.house);
    for (what, answer) in [
        ("consent", look(&browser, &wish(&client, &[])).await),
        ("sign-in", look(&anybody, &wish(&client, &[])).await),
        ("notice", look(&browser, &wish("clt_x", &[])).await),
        ("back", look(&browser, &wish(&stranger, &[("scope", "x")])).await),
    ] {
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"),
            "{what}: {policy}"
        );
        assert_eq!(answer.headers["x-frame-options"], "DENY", "{what}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
        assert_eq!(answer.headers.get("access-control-allow-origin"), None, "{what}");
    }
    let headers = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "GET"),
    ];
    let preflight = town.house.at_root("OPTIONS /oauth/authorize", &headers, None).await;
    assert_eq!(preflight.headers.get("access-control-allow-origin"), None);
}

/// AUTH_CHECKLIST 5.10
#[tokio::test]
async fn markup_in_a_programs_name_is_text_and_a_stranger_is_called_one() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let client = program(&town, "<script>alert(1)</script>\"'&").await;
    let page = look(&browser, &wish(&client, &[])).await.expect(200);
    let page = page.as_str().unwrap();
    assert!(
        !page.contains("<script>alert") && page.contains("&#60;script&#62;alert(1)"),
        "{page}"
    );
    assert!(!page.contains("Nobody here made this program known"));
    sql(
        &town.house,
        "UPDATE oauth_clients SET owner_id = NULL WHERE id = $1",
        &client,
    )
    .await;
    // Another node has not seen it before.
    let other = House::new(&database, 9).await;
    let page = look(&browser.at(&other), &wish(&client, &[])).await.expect(200);
    assert!(
        page.as_str().unwrap().contains("Nobody here made this program known"),
        "{page}"
    );
}

/// AUTH_CHECKLIST 5.12
#[tokio::test]
async fn a_stranger_programs_mistake_leads_nowhere_by_itself_and_nobodys_before_signing_in() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, browser) = town.person(1, "owner").await;
    let (ours, stranger) = (program(&town, "Ours").await, program(&town, "Stranger").await);
    sql(
        &town.house,
        "UPDATE oauth_clients SET owner_id = NULL WHERE id = $1",
        &stranger,
    )
    .await;
    for client in [&ours, &stranger] {
        let answer = look(&Browser::new(&town.house), &wish(client, &[("scope", "x")])).await;
        assert_eq!(answer.headers.get("location"), None);
        let page = answer.expect(200);
        let next = field(&page, "next");
        assert!(
            next.starts_with("/oauth/authorize?response_type=code&client_id="),
            "{next}"
        );
    }
    let page = is_page(look(&browser, &wish(&stranger, &[("scope", "x")])).await, "stranger");
    assert!(
        page.contains("<a href=\"https://planner.example/callback?error=invalid_scope&"),
        "{page}"
    );
    assert!(page.contains("Go back to planner.example"), "{page}");
    sent_back(&look(&browser, &wish(&ours, &[("scope", "x")])).await, "ours");
}

/// AUTH_CHECKLIST 5.11
#[tokio::test]
async fn who_said_yes_is_asked_again() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    let request = wish(&client, &[]);
    click(&mut browser, &request, json!({})).await.expect(200);
    let page = look(&browser, &request).await.expect(200);
    assert!(page.as_str().unwrap().contains("asks for access"));
}

/// AUTH_CHECKLIST 5.13
#[tokio::test]
async fn two_codes_share_nothing() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let client = program(&town, "Planner").await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let next = click(&mut browser, &wish(&client, &[]), json!({})).await.expect(200);
        codes.push(of(&told(next["next"].as_str().unwrap()), "code").to_owned());
    }
    // 43 characters of 62 hold 256 bits.
    assert!(codes.iter().all(|code| code.len() == 4 + 43 + 6));
    let same = codes[0]
        .bytes()
        .zip(codes[1].bytes())
        .skip(4)
        .filter(|(one, other)| one == other)
        .count();
    assert!(same < 12, "{codes:?}");
}

#[tokio::test]
async fn a_program_of_another_owner_is_not_for_ones_people() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, mut browser) = town.person(1, "owner").await;
    let (owner, key) = town.house.owner(77, Cluster::Local).await;
    let other = Town {
        house: House::new(&database, 3).await,
        key: key.text.expose().to_owned(),
        owner: owner.id,
    };
    let theirs = program(&other, "Theirs").await;
    let page = look(&browser, &wish(&theirs, &[])).await.expect(403);
    assert!(page.as_str().unwrap().contains("not for you"));
    let mine = program(&town, "Mine").await;
    let page = look(&browser, &wish(&mine, &[])).await.expect(200);
    let body = json!({
        "request": wish(&theirs, &[]), "formToken": field(&page, "formToken"), "decision": "allow",
        "scopes": ["agents:read"], "agentId": null,
    });
    browser
        .ask("/oauth/consent", &body)
        .await
        .is(Code::RequestOriginNotAllowed);
}

#[tokio::test]
async fn a_member_is_shown_that_there_is_nothing_to_grant() {
    let database = database();
    let town = Town::new(&database).await;
    let (_, _, mut member) = town.person(1, "member").await;
    let client = program(&town, "Planner").await;
    let page = look(&member, &wish(&client, &[])).await.expect(200);
    let text = page.as_str().unwrap();
    assert!(
        text.contains("nothing that your role") && !text.contains("value=\"allow\""),
        "{text}"
    );
    let denied = click(&mut member, &wish(&client, &[]), json!({"decision": "deny"}))
        .await
        .expect(200);
    assert_eq!(of(&told(denied["next"].as_str().unwrap()), "error"), "access_denied");
}

#[tokio::test]
async fn a_client_is_for_people_or_for_itself_and_says_how_it_proves_itself() {
    let database = database();
    let town = Town::new(&database).await;
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
    for (change, code, param) in [
        (json!({"scopes": ["agents:read"]}), Code::ValidationOutOfRange, "scopes"),
        (json!({"redirectUris": []}), Code::ValidationRequiredField, "scopes"),
        (
            json!({"redirectUris": [], "scopes": []}),
            Code::ValidationOutOfRange,
            "scopes",
        ),
        (
            json!({"agentId": "agt_01ARYZ6S41TSV4RRFFQ69G5FAV"}),
            Code::ValidationInvalidFormat,
            "agentId",
        ),
        (
            json!({"redirectUris": ["http://planner.example/cb"]}),
            Code::ValidationInvalidFormat,
            "redirectUris",
        ),
        (
            json!({"redirectUris": vec![BACK; 21]}),
            Code::ValidationOutOfRange,
            "redirectUris",
        ),
        (
            json!({"authMethod": "private_key_jwt"}),
            Code::ValidationInvalidFormat,
            "authMethod",
        ),
        (
            json!({"jwks": keys, "authMethod": "none"}),
            Code::ValidationInvalidFormat,
            "authMethod",
        ),
        (json!({"jwks": {"keys": []}}), Code::ValidationInvalidFormat, "jwks"),
        (
            json!({"redirectUris": [], "scopes": ["agents:read"], "authMethod": "none"}),
            Code::ValidationInvalidFormat,
            "authMethod",
        ),
    ] {
        let mut body = json!({"name": "x", "redirectUris": [BACK]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = town.call("POST /auth/clients", Some(&body)).await;
        assert_eq!(refused.is(code)["param"], param, "{change}");
    }
    for (change, method, secret) in [
        (json!({}), "client_secret_basic", true),
        (json!({"authMethod": "client_secret_post"}), "client_secret_post", true),
        (json!({"authMethod": "none"}), "none", false),
        (json!({"jwks": keys}), "private_key_jwt", false),
    ] {
        let mut body = json!({"name": "x", "redirectUris": [BACK]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = town.call("POST /auth/clients", Some(&body)).await.expect(201);
        assert_eq!(
            (&made["authMethod"], made["clientSecret"].is_string()),
            (&json!(method), secret),
            "{change}"
        );
        assert_eq!(made["redirectUris"], json!([BACK]));
        let id = made["id"].as_str().unwrap();
        let form = format!("grant_type=client_credentials&client_id={id}");
        let secret = made["clientSecret"]
            .as_str()
            .map(|text| format!("&client_secret={text}"))
            .unwrap_or_default();
        let refused = town.house.form("/oauth/token", &format!("{form}{secret}"), None).await;
        assert_ne!(refused.status, 200, "{change}");
        assert!(
            ["unauthorized_client", "invalid_client"].contains(&refused.body["error"].as_str().unwrap()),
            "{}",
            refused.body
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_query_breaks_the_page_or_leaves_for_anywhere_else(query in "[ -~]{0,80}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let database = database();
            let house = House::new(&database, 1).await;
            let clean: String = query.chars().filter(|letter| !matches!(letter, ' ' | '#' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '}' | '|')).collect();
            let answer = house.at_root(&format!("GET /oauth/authorize?{clean}"), &[], None).await;
            (answer.status.as_u16(), answer.headers.get("location").cloned())
        });
        prop_assert_eq!(status, (400, None));
    }
}
