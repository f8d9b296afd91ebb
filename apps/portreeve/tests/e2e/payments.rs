//! Payments: within policy they reach the chain once; what policy does not allow does not.

use {
    crate::house::{House, SOL, item},
    serde_json::{Value, json},
    std::{thread, time::Duration},
};

#[test]
fn an_agent_pays_with_its_own_key_and_the_chain_shows_it() {
    let house = House::open();
    let agent = house.agent(&["--daily", "5sol", "--per-transaction", "2sol"]);
    let payee = house.somebody();
    let made = house
        .cli(&[
            "key",
            "create",
            "pay",
            "--agent",
            &agent.id,
            "--scope",
            "transactions:execute",
            "--scope",
            "transactions:read",
            "--json",
        ])
        .json();
    let key = [("PORTREEVE_KEY", made["key"].as_str().unwrap())];
    let paid = house.cli_with(
        &[
            "tx",
            "send",
            "--to",
            &payee,
            "--amount",
            "1sol",
            "--memo",
            "invoice 42",
            "--json",
        ],
        &key,
    );
    let paid = paid.json();
    assert_eq!(
        (&paid["status"], &paid["commitment"]),
        (&json!("CONFIRMED"), &json!("finalized"))
    );
    assert_eq!(
        paid["policyChecks"],
        json!({"server": true, "signer": true, "chain": true})
    );
    assert_eq!(
        (house.chain.balance(&payee), house.chain.balance(&agent.vault)),
        (SOL, 9 * SOL)
    );
    let landed = house
        .chain
        .call("getSignatureStatuses", &json!([[paid["txSignature"]]]));
    assert!(
        landed["value"][0]["err"].is_null() && !landed["value"][0].is_null(),
        "{landed}"
    );

    let id = paid["id"].as_str().unwrap();
    let shown = house.cli_with(&["tx", "show", id], &key).ok().to_owned();
    assert!(
        shown.contains("invoice 42") && shown.contains("1 SOL") && shown.contains("CONFIRMED"),
        "{shown}"
    );
    let list = house
        .cli_with(&["tx", "list", &agent.id, "--status", "confirmed", "--json"], &key)
        .json();
    assert_eq!(item(&list, "id", id)["to"], payee);
    assert_eq!(
        house
            .cli_with(&["tx", "list", &agent.id, "--status", "REJECTED"], &key)
            .ok(),
        "none\n"
    );
    let balance = house.cli(&["agent", "balance", &agent.id]).ok().to_owned();
    assert!(balance.contains("9 SOL"), "{balance}");
    let usage = house.cli(&["policy", "usage", &agent.id]).ok().to_owned();
    assert!(usage.contains("1 SOL") && usage.contains("4 SOL"), "{usage}");
}

#[test]
fn what_the_policy_does_not_allow_is_refused_with_what_would_pass() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent(&["--daily", "3sol", "--per-transaction", "2sol", "--to", &payee]);
    house.send(&agent.id, &payee, "2sol").ok();

    let refused = house.pay(&agent.id, &payee, "2000000001");
    let problem = refused.is_problem(403, "POLICY_PER_TX_LIMIT_EXCEEDED");
    assert_eq!(problem["maxAmountNow"], "1000000000");
    let codes: Vec<&Value> = problem["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"])
        .collect();
    assert_eq!(
        codes,
        ["POLICY_PER_TX_LIMIT_EXCEEDED", "POLICY_DAILY_LIMIT_EXCEEDED"],
        "all of them, limits first"
    );
    let stranger = house.somebody();
    house
        .pay(&agent.id, &stranger, "1")
        .is_problem(403, "POLICY_DESTINATION_NOT_ALLOWED");

    let error = house.send(&agent.id, &payee, "2sol").fails_with(3).to_owned();
    assert!(
        error.contains("POLICY_DAILY_LIMIT_EXCEEDED") && error.contains("would pass now: 1 SOL"),
        "{error}"
    );
    let asked = house.cli(&[
        "policy", "check", &agent.id, "--to", &payee, "--amount", "2sol", "--json",
    ]);
    asked.fails_with(3);
    let decision: Value = serde_json::from_str(&asked.stdout).unwrap();
    assert_eq!(
        (&decision["outcome"], &decision["maxAmountNow"]),
        (&json!("DENY"), &json!("1000000000"))
    );
    house
        .cli(&["policy", "check", &agent.id, "--to", &payee, "--amount", "1sol"])
        .ok();
    assert_eq!(house.chain.balance(&payee), 2 * SOL);
    assert_eq!(house.chain.balance(&stranger), 0);
}

#[test]
fn a_day_and_a_second_later_the_budget_is_back() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent(&["--daily", "2sol", "--per-transaction", "2sol"]);
    house.send(&agent.id, &payee, "2sol").ok();
    house.send(&agent.id, &payee, "1sol").fails_with(3);
    // The signer counts from the latest moment the payment could have landed, five minutes later.
    house.chain.warp(86_400 + 300 + 2);
    house.send(&agent.id, &payee, "2sol").ok();
    assert_eq!(house.chain.balance(&payee), 4 * SOL);
}

#[test]
fn one_idempotency_key_pays_once_and_answers_for_ever() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent(&["--daily", "5sol"]);
    let send = |amount: &str| {
        house.cli(&[
            "tx",
            "send",
            "--agent",
            &agent.id,
            "--to",
            &payee,
            "--amount",
            amount,
            "--idempotency-key",
            "k1",
            "--json",
        ])
    };
    let first = send("1sol").json();
    let again = send("1sol").json();
    assert_eq!((&first["id"], &again["status"]), (&again["id"], &json!("CONFIRMED")));
    let body = json!({"agentId": agent.id, "to": payee, "amount": "1000000000", "memo": null});
    let owner = house.api(&house.owner_key());
    let replay = owner.send(
        minreq::Method::Post,
        "/api/v1/transactions",
        Some(&body),
        &[("Idempotency-Key", "k1")],
    );
    assert_eq!(
        (replay.status, replay.header("idempotency-replayed")),
        (202, Some("true"))
    );
    let error = send("2sol").fails_with(1).to_owned();
    assert!(error.contains("REQUEST_IDEMPOTENCY_MISMATCH"), "{error}");
    owner
        .post("/api/v1/transactions", &body)
        .is_problem(428, "REQUEST_IDEMPOTENCY_KEY_MISSING");
    assert_eq!(house.chain.balance(&payee), SOL);
}

#[test]
fn an_amount_that_needs_approval_is_held_and_moves_nothing() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent_with(&json!({
        "preset": "custom", "limits": {"daily": "5000000000"}, "escalation": {"medium": "1000000000"},
    }));
    let held = house
        .cli(&[
            "tx", "send", "--agent", &agent.id, "--to", &payee, "--amount", "1sol", "--json",
        ])
        .json();
    assert_eq!(
        (&held["status"], &held["stage"]),
        (&json!("AWAITING_APPROVAL"), &json!("HELD"))
    );
    assert_eq!(house.chain.balance(&payee), 0);
    house.send(&agent.id, &payee, "0.999999999sol").ok();
}

#[test]
fn an_alarming_amount_suspends_the_agent_on_chain_too() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent_with(&json!({
        "preset": "custom", "limits": {"daily": "5000000000"}, "escalation": {"high": "3000000000"},
    }));
    house.send(&agent.id, &payee, "3sol").fails_with(3);
    let left = (0..200).map(|_| {
        thread::sleep(Duration::from_millis(50));
        house.chain.spending_limits(&agent.multisig).len()
    });
    assert!(left.into_iter().any(|count| count == 0), "the limit stays on chain");
    house.pay(&agent.id, &payee, "1").is_problem(409, "AGENT_SUSPENDED");
    assert_eq!(house.chain.balance(&payee), 0);
}

#[test]
fn a_wallet_short_of_funds_pays_nothing_and_loses_no_budget() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent(&[
        "--preset",
        "permissive",
        "--daily",
        "40sol",
        "--per-transaction",
        "40sol",
    ]);
    let refused = house.pay(&agent.id, &payee, "20000000000");
    refused.is_problem(422, "TRANSACTION_INSUFFICIENT_BALANCE");
    let usage = house.cli(&["policy", "usage", &agent.id, "--json"]).json();
    assert_eq!(usage["assets"][0]["day"]["used"], "0");
}

#[test]
fn without_waiting_the_answer_comes_before_the_chains() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent(&["--daily", "5sol"]);
    let sent = house
        .cli(&[
            "tx",
            "send",
            "--agent",
            &agent.id,
            "--to",
            &payee,
            "--amount",
            "1sol",
            "--no-wait",
            "--json",
        ])
        .json();
    let id = sent["id"].as_str().unwrap();
    let ended = (0..200).map(|_| {
        thread::sleep(Duration::from_millis(50));
        house.cli(&["tx", "show", id, "--json"]).json()["status"].clone()
    });
    assert!(ended.into_iter().any(|status| status == "CONFIRMED"));
}

#[test]
fn payments_are_listed_newest_first_however_close_and_however_far_the_chains_clock_is_ahead() {
    let house = House::open();
    house.chain.warp(3_600);
    let payee = house.somebody();
    let agent = house.agent(&["--daily", "5sol"]);
    let owner = house.api(&house.owner_key());
    let pay = |n: u64| {
        let body = json!({"agentId": agent.id, "to": payee, "amount": (n * 1_000_000).to_string()});
        let key = format!("order-{n}");
        let headers = [("Idempotency-Key", key.as_str())];
        let answer = owner.send(minreq::Method::Post, "/api/v1/transactions", Some(&body), &headers);
        answer.is(202)["id"].clone()
    };
    let mut made: Vec<Value> = (1..=8).map(pay).collect();
    made.reverse();
    let list = owner.get(&format!("/api/v1/agents/{}/transactions", agent.id));
    let shown: Vec<&Value> = list.is(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["id"])
        .collect();
    assert_eq!(shown, made.iter().collect::<Vec<_>>());
}

#[test]
fn a_dead_signer_means_503_and_nothing_reserved_and_it_comes_back() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house.agent(&["--daily", "5sol"]);
    house.kill_signer();
    let refused = house.pay(&agent.id, &payee, "1000000000");
    if refused.status != 202 {
        refused.is_problem(503, "SYSTEM_SIGNER_UNAVAILABLE");
        let usage = house.cli(&["policy", "usage", &agent.id, "--json"]).json();
        assert_eq!(usage["assets"][0]["day"]["used"], "0");
    }
    let ready = (0..400).map(|_| {
        thread::sleep(Duration::from_millis(50));
        house.api("").get("/readyz").status
    });
    assert!(
        ready.into_iter().any(|status| status == 200),
        "the signer is not started again"
    );
    house.send(&agent.id, &payee, "1sol").ok();
}
