//! How much one caller may ask, at the real server.

use {
    crate::{
        estate::{Estate, policy},
        house::{Answer, House},
    },
    serde_json::json,
    std::{thread::sleep, time::Duration},
};

fn number(answer: &Answer, header: &str) -> u64 {
    let value = answer
        .header(header)
        .unwrap_or_else(|| panic!("no {header} in {answer:?}"));
    value.parse().unwrap()
}

/// What the headers say: the limit, what is left, and the second in which all of it is there again.
fn share(answer: &Answer) -> (u64, u64, u64) {
    (
        number(answer, "x-ratelimit-limit"),
        number(answer, "x-ratelimit-remaining"),
        number(answer, "x-ratelimit-reset"),
    )
}

#[test]
fn whoever_asks_too_much_is_told_how_much_is_left_and_when_it_passes() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__LIMITS__PER_CREDENTIAL", "20")]);
    let owner = house.api(&house.owner_key());
    let mut whole_again = Vec::new();
    for left in (0..20).rev() {
        let answer = owner.get("/api/v1/agents");
        answer.is(200);
        let (limit, remaining, reset) = share(&answer);
        // A cell comes back every three seconds.
        assert!(limit == 20 && (left..=left + 2).contains(&remaining), "{answer:?}");
        whole_again.push(reset);
    }
    assert!(
        (56..=59).contains(&(whole_again[19] - whole_again[0])),
        "{whole_again:?}"
    );
    let refused = std::iter::repeat_with(|| owner.get("/api/v1/agents"))
        .take(5)
        .find(|answer| answer.status == 429)
        .expect("no more than twenty at once");
    let body = refused.is_problem(429, "SYSTEM_RATE_LIMITED");
    let wait = number(&refused, "retry-after");
    assert_eq!(
        (body["retryAfter"].as_u64(), body["retryable"].as_bool()),
        (Some(wait), Some(true))
    );
    assert!((1..=3).contains(&wait), "{wait}");
    assert_eq!(share(&refused).1, 0);

    // Another credential has its own, and what the address has left is told where there is none.
    assert_eq!(number(&house.api("").get("/healthz"), "x-ratelimit-limit"), 100_000_000);
    sleep(Duration::from_secs(wait));
    owner.get("/api/v1/agents").is(200);
}

#[test]
fn who_is_signed_in_looks_and_clicks_as_much_as_a_credential_asks() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__LIMITS__PER_CREDENTIAL", "20")]);
    for (seed, path) in [(1, "/signin"), (2, "/grants/end")] {
        let mut who = house.person(seed, "viewer");
        let body = json!({"grantId": "grt_01ARYZ6S41TSV4RRFFQ69G5FAV", "formToken": ""});
        let mut ask = || match path {
            "/signin" => who.opens(&house, path),
            _ => who.asks(&house, path, &body),
        };
        let refused = std::iter::repeat_with(&mut ask)
            .take(30)
            .find(|answer| answer.status == 429)
            .unwrap_or_else(|| panic!("{path}: no more than twenty at once"));
        // What changes something counts as five, and a cell comes back every three seconds.
        assert!((1..=15).contains(&number(&refused, "retry-after")), "{refused:?}");
        if path == "/signin" {
            let page = refused.is(429).as_str().unwrap().to_owned();
            assert!(page.contains("<h1>Too many pages at once</h1>"), "{page}");
        } else {
            refused.is_problem(429, "SYSTEM_RATE_LIMITED");
        }
    }
}

#[test]
fn a_key_may_ask_as_much_as_its_tier_says() {
    let mut house = House::built();
    house.serve(&[
        ("PORTREEVE__LIMITS__PER_CREDENTIAL", "20"),
        ("PORTREEVE__LIMITS__PREMIUM", "30"),
        ("PORTREEVE__LIMITS__ENTERPRISE", "40"),
    ]);
    for (tier, limit) in [("default", 20), ("premium", 30), ("enterprise", 40)] {
        let made = house.cli(&[
            "key",
            "create",
            tier,
            "--scope",
            "agents:read",
            "--tier",
            tier,
            "--json",
        ]);
        let key = house.api(made.json()["key"].as_str().unwrap());
        assert_eq!(share(&key.get("/api/v1/agents")).0, limit, "{tier}");
    }
}

#[test]
fn a_limit_never_holds_up_the_suspension_of_an_agent() {
    let estate = Estate::open();
    let agent = estate.agent("runaway", &policy());
    let Estate { mut house, .. } = estate;
    house.stop();
    house.serve(&[("PORTREEVE__LIMITS__PER_CREDENTIAL", "5")]);
    let owner = house.api(&house.owner_key());
    let path = agent.path();
    while owner.get(&path).status == 200 {}
    owner.get(&path).is_problem(429, "SYSTEM_RATE_LIMITED");
    let stopped = owner.post(&format!("{path}/suspend"), &json!({"reason": "it pays too much"}));
    assert_eq!(stopped.is(200)["status"], "SUSPENDED");
}

#[test]
fn an_agent_pays_so_often_a_minute_and_its_sibling_as_often_and_a_retry_is_free() {
    let estate = Estate::open();
    let (agent, sibling) = (estate.agent("first", &policy()), estate.agent("second", &policy()));
    let Estate { mut house, .. } = estate;
    house.stop();
    house.serve(&[("PORTREEVE__LIMITS__AGENT_PAYMENTS", "2")]);
    let owner = house.api(&house.owner_key());
    let to = house.somebody();
    let pay = |agent: &str, key: &str| {
        let body = json!({"agentId": agent, "to": to, "amount": "1000"});
        let headers = [("Idempotency-Key", key)];
        owner.send(minreq::Method::Post, "/api/v1/transactions", Some(&body), &headers)
    };
    let (first, second) = (agent.id.to_string(), sibling.id.to_string());
    // Refused or not by the policy: it was asked.
    for key in ["one", "two"] {
        assert_ne!(pay(&first, key).status, 429);
    }
    let refused = pay(&first, "three");
    refused.is_problem(429, "SYSTEM_RATE_LIMITED");
    assert_eq!(share(&refused).0, 2, "the tightest limit is told of");
    assert_ne!(pay(&first, "one").status, 429, "what is known is asked of nobody");
    assert_ne!(pay(&second, "three").status, 429);
    let listed = owner.get(&format!("/api/v1/agents/{first}/transactions"));
    assert!(listed.is(200)["items"].as_array().unwrap().len() <= 2, "{listed:?}");
}

#[test]
fn an_address_that_guesses_is_not_answered_and_a_right_key_from_it_is() {
    let house = House::open();
    let right = house.api(&house.owner_key());
    let wrong = house.api(&format!("wai_live_{}", "A".repeat(43)));
    for _ in 0..10 {
        wrong.get("/api/v1/agents").is_problem(401, "AUTH_KEY_INVALID");
    }
    let refused = wrong.get("/api/v1/agents");
    refused.is_problem(429, "SYSTEM_RATE_LIMITED");
    assert!((890..=900).contains(&number(&refused, "retry-after")), "{refused:?}");
    right.get("/api/v1/agents").is(200);
    // Nothing was guessed: who only asks what is needed is told.
    house.api("").get("/api/v1/agents").is(401);
}
