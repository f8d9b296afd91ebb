//! API keys over the command line and over HTTP.

use {
    crate::house::{House, item},
    serde_json::json,
};

#[test]
fn a_key_is_made_listed_used_and_revoked() {
    let house = House::open();
    let made = house
        .cli(&[
            "key",
            "create",
            "reader",
            "--scope",
            "agents:read",
            "--ip",
            "127.0.0.0/8",
            "--json",
        ])
        .json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());

    let list = house.cli(&["key", "list", "--json"]).json();
    assert_eq!(item(&list, "id", id)["name"], "reader");
    assert!(!list.to_string().contains(key), "a key is shown once");
    let text = house.cli(&["key", "list"]).ok().to_owned();
    assert!(text.contains("reader") && text.contains("agents:read"), "{text}");

    house.api(key).get("/api/v1/agents").is(200);
    house
        .api(key)
        .get("/api/v1/auth/keys")
        .is_problem(403, "AUTH_SCOPE_INSUFFICIENT");

    house.cli(&["key", "revoke", id]).ok();
    house.api(key).get("/api/v1/agents").is_problem(401, "AUTH_KEY_REVOKED");
    let list = house.cli(&["key", "list", "--json"]).json();
    assert_eq!(item(&list, "id", id)["status"], "revoked");
}

#[test]
fn a_key_is_good_in_its_hours_alone() {
    let house = House::open();
    // The server's own clock, which is the chain's.
    let list = house.cli(&["key", "list", "--json"]).json();
    let hour: u8 = list["items"][0]["createdAt"].as_str().unwrap()[11..13].parse().unwrap();
    let made = |from: u8, to: u8| {
        let hours = format!("{}-{}", (hour + from) % 24, (hour + to) % 24);
        let made = house.cli(&[
            "key",
            "create",
            "office",
            "--scope",
            "agents:read",
            "--hours",
            &hours,
            "--json",
        ]);
        house.api(made.json()["key"].as_str().unwrap())
    };
    // Two hours each way, whatever the clock says when it is asked.
    made(22, 2).get("/api/v1/agents").is(200);
    let refused = made(2, 22).get("/api/v1/agents");
    assert!(refused.is_problem(403, "AUTH_OUTSIDE_HOURS")["opensAt"].is_string());
    let line = house.cli(&["key", "create", "office", "--scope", "agents:read", "--hours", "9"]);
    assert!(line.fails_with(2).contains("such as 8-18"), "{line:?}");
    let line = house.cli(&["key", "create", "office", "--scope", "agents:read", "--hours", "9-9"]);
    assert!(line.fails_with(1).contains("the same hour"), "{line:?}");
}

#[test]
fn a_key_for_another_network_does_not_work_from_here() {
    let house = House::open();
    let made = house
        .cli(&[
            "key",
            "create",
            "far",
            "--scope",
            "agents:read",
            "--ip",
            "192.0.2.0/24",
            "--json",
        ])
        .json();
    let refused = house.api(made["key"].as_str().unwrap()).get("/api/v1/agents");
    refused.is_problem(403, "AUTH_IP_BLOCKED");
}

#[test]
fn a_proxy_is_believed_only_when_the_settings_name_it() {
    let mut house = House::open();
    let made = house
        .cli(&[
            "key",
            "create",
            "far",
            "--scope",
            "agents:read",
            "--ip",
            "192.0.2.0/24",
            "--json",
        ])
        .json();
    let key = made["key"].as_str().unwrap().to_owned();
    let forwarded = [("X-Forwarded-For", "192.0.2.7")];
    let ask = |house: &House| {
        house
            .api(&key)
            .send(minreq::Method::Get, "/api/v1/agents", None, &forwarded)
    };
    ask(&house).is_problem(403, "AUTH_IP_BLOCKED");
    house.stop();
    house.serve(&[("PORTREEVE__SERVER__PROXIES", "{ networks = [\"127.0.0.1/32\"] }")]);
    ask(&house).is(200);
}

#[test]
fn a_key_ends_when_the_chain_says_that_its_time_is_over() {
    let house = House::open();
    let now = house.chain.call("localnet_clock", &json!([]))["unixTimestamp"]
        .as_i64()
        .unwrap();
    let soon = portreeve_kernel::Timestamp::from_seconds(now + 3600).to_string();
    let made = house
        .cli(&[
            "key",
            "create",
            "short",
            "--scope",
            "agents:read",
            "--expires",
            &soon,
            "--json",
        ])
        .json();
    let key = made["key"].as_str().unwrap();
    house.api(key).get("/api/v1/agents").is(200);
    house.chain.warp(3601);
    // The server looks at the chain's clock a few times a second.
    let expired = (0..100).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        house.api(key).get("/api/v1/agents")
    });
    expired
        .into_iter()
        .find(|answer| answer.status != 200)
        .unwrap()
        .is_problem(401, "AUTH_KEY_EXPIRED");
}

#[test]
fn a_key_wider_than_its_creator_is_refused_by_the_name_of_the_scope() {
    let house = House::open();
    let made = house
        .cli(&[
            "key",
            "create",
            "manager",
            "--scope",
            "agents:read",
            "--scope",
            "admin:all",
            "--json",
        ])
        .json();
    let manager = made["key"].as_str().unwrap();
    let error = house
        .cli_with(
            &["key", "create", "wide", "--scope", "mcp:write"],
            &[("PORTREEVE_KEY", manager)],
        )
        .fails_with(1)
        .to_owned();
    assert!(
        error.contains("AUTH_SCOPE_INSUFFICIENT") && error.contains("mcp:write"),
        "{error}"
    );
}

#[test]
fn without_a_credential_or_with_garbage_the_answers_are_alike() {
    let house = House::open();
    for key in ["wai_test_garbage", "x", "a.b.c"] {
        let refused = house.api(key).get("/api/v1/agents");
        refused.is_problem(401, "AUTH_KEY_INVALID");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    house.api("").get("/api/v1/agents").is_problem(401, "AUTH_KEY_INVALID");
}

#[test]
fn an_error_is_json_when_json_is_asked_for() {
    let house = House::open();
    let error = house
        .cli(&["key", "revoke", "key_0123456789AB", "--json"])
        .fails_with(1)
        .to_owned();
    let problem: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!(problem["code"], "AUTH_KEY_NOT_FOUND");
}

#[test]
fn a_rotated_key_works_beside_its_successor_and_a_leaked_one_stops_its_agent() {
    let house = House::open();
    let agent = house.agent(&["--daily", "1sol"]);
    let create = [
        "key",
        "create",
        "shopper",
        "--agent",
        &agent.id,
        "--scope",
        "agents:read",
    ];
    let made = house.cli(&[&create[..], &["--json"]].concat()).json();
    let path = format!("/api/v1/agents/{}", agent.id);
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let text = house.cli(&["key", "rotate", id, "--grace", "3600"]).ok().to_owned();
    assert!(text.contains("shown this once"), "{text}");
    let new = text
        .split_whitespace()
        .find(|word| word.starts_with("wai_test_"))
        .unwrap();
    for key in [old, new] {
        house.api(key).get(&path).is(200);
    }
    let list = house.cli(&["key", "list", "--json"]).json();
    let rotated = item(&list, "id", id);
    assert_eq!(rotated["status"], "rotating");
    let successor = rotated["successorId"].as_str().unwrap();
    let error = house.cli(&["key", "rotate", id]).fails_with(1).to_owned();
    assert!(error.contains(successor), "{error}");

    let service = [
        "client",
        "create",
        "service",
        "--agent",
        &agent.id,
        "--scope",
        "agents:read",
    ];
    let client = house.cli(&[&service[..], &["--json"]].concat()).json();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client["id"].as_str().unwrap(),
        client["clientSecret"].as_str().unwrap()
    );
    let token = house.api("").form("/oauth/token", &form, &[]).is(200)["access_token"].clone();
    let token = token.as_str().unwrap();
    house.api(token).get(&path).is(200);
    let text = house.cli(&["key", "leaked", successor]).ok().to_owned();
    assert!(text.contains("suspended"), "{text}");
    house.api(new).get(&path).is_problem(401, "AUTH_KEY_REVOKED");
    house.api(token).get(&path).is_problem(401, "AUTH_TOKEN_REVOKED");
    assert_eq!(house.api(old).get(&path).is(200)["status"], "SUSPENDED");
    let again = house.cli(&["key", "leaked", id]).ok().to_owned();
    assert!(again.contains("was not running"), "{again}");
}

/// What somebody may have made with an owner's key before it was noticed.
#[test]
fn a_leaked_owners_key_names_what_it_made_and_takes_it_along_when_asked() {
    let house = House::open();
    let make = |by: &str, scope: &str| {
        let body = json!({"name": "k", "scopes": [scope]});
        let made = house.api(by).post("/api/v1/auth/keys", &body).is(201).clone();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("key"), text("id"))
    };
    let (leaked, id) = make(&house.owner_key(), "admin:all");
    let (theirs, their_id) = make(&leaked, "admin:all");
    let (last, last_id) = make(&theirs, "agents:read");
    // What others made can be made one's own.
    let person = house
        .cli(&["user", "invite", "Ann", "--role", "viewer", "--json"])
        .json();
    let service = house
        .cli(&["client", "create", "s", "--scope", "agents:read", "--json"])
        .json();
    let [person, service] = [&person, &service].map(|made| made["id"].as_str().unwrap());
    let thief = house.api(&theirs);
    thief
        .post(&format!("/api/v1/auth/users/{person}/link"), &json!({}))
        .is(201);
    thief
        .post(&format!("/api/v1/auth/clients/{service}/secret"), &json!({}))
        .is(200);
    let server = json!({
        "name": "Theirs", "resource": "https://theirs.example/mcp", "scopes": [{"scope": "theirs:read", "words": "Read"}],
    });
    let server = thief.post("/api/v1/auth/resource-servers", &server).is(201)["id"].clone();
    let server = server.as_str().unwrap();
    let text = house.cli(&["key", "leaked", &id]).ok().to_owned();
    for made in [
        format!("{server} (resource_server"),
        format!("{their_id} (api_key"),
        format!("{last_id} (api_key"),
        format!("{person} (user_link"),
        format!("{service} (client_secret"),
    ] {
        assert!(text.contains("still good") && text.contains(&made), "{made}: {text}");
    }
    house.api(&last).get("/api/v1/agents").is(200);
    let text = house
        .cli(&["key", "leaked", &id, "--with-what-it-made"])
        .ok()
        .to_owned();
    let (ended, good) = text.split_once("still good").unwrap();
    assert!(
        ended.contains(&their_id) && ended.contains(&last_id) && !good.contains("api_key"),
        "{text}"
    );
    assert!(good.contains(person) && good.contains(service), "{text}");
    // A resource server goes with the client by which it asks, and not the one without the other.
    assert!(good.contains(server) && !text.contains("(oauth_client"), "{text}");
    for key in [&leaked, &theirs, &last] {
        house.api(key).get("/api/v1/agents").is_problem(401, "AUTH_KEY_REVOKED");
    }
    house.api(&house.owner_key()).get("/api/v1/agents").is(200);
    // A body that is none of ours is refused, and none at all is taken.
    let line = format!("/api/v1/auth/keys/{id}/report-leak");
    house
        .api(&house.owner_key())
        .post(&line, &json!({"withwhatitmade": true}))
        .is_problem(400, "VALIDATION_INVALID_FORMAT");
}
