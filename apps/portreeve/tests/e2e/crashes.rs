//! A process dies at every named place, as by a power cut. After a restart the work is done, once.
//!
//! Needs binaries with kill points compiled in, which `cargo xtask test` builds.

use {
    crate::house::{Agent, House, SOL},
    portreeve_chain::squads::Period,
    serde_json::{Value, json},
    std::{collections::BTreeSet, fs, path::Path, thread, time::Duration},
};

/// Looks every 50 ms, for at most half a minute.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("never: {what}");
}

/// Starts the server so that it, or its signer, dies at `point`; lets `act` meet that; starts a healthy one.
fn die_at(house: &mut House, point: &str, act: impl FnOnce(&House)) {
    if house.try_serve(&[("PORTREEVE_KILL_POINT", point)]) {
        let signer = house.signer();
        act(house);
        if point.starts_with("signer.") {
            until(&format!("the signer dies at {point}"), || {
                (house.signer() != signer).then_some(())
            });
            house.kill();
        } else {
            let ended = house.wait_for_end();
            assert_eq!(ended.code, -1, "ended by itself at {point}: {}", ended.stderr);
        }
    }
    house.serve(&[]);
}

/// The owner makes an agent, the power fails, the owner goes on where the agent is.
fn creation_survives(point: &str) {
    let mut house = House::built();
    die_at(&mut house, point, |house| {
        house.cli(&["agent", "create", "survivor", "--daily", "5sol"]);
    });
    let owner = house.api(&house.owner_key());
    let list = owner.get("/api/v1/agents").is(200).clone();
    let agent = match list["items"].as_array().unwrap().as_slice() {
        [] => house
            .cli(&["agent", "create", "survivor", "--daily", "5sol", "--json"])
            .json(),
        [agent] => agent.clone(),
        _ => panic!("more than one: {list}"),
    };
    let id = agent["id"].as_str().unwrap();
    let path = format!("/api/v1/agents/{id}");
    until("the policy is approved", || {
        let waits = !owner.get(&path).is(200)["policyApproval"].is_null();
        (!waits || house.cli(&["policy", "approve", id, "--yes"]).code == 0).then_some(())
    });
    house.until_active(id);
    let agent = owner.get(&path).is(200).clone();
    let multisig = agent["multisigAddress"].as_str().unwrap();
    let limits = house.chain.spending_limits(multisig);
    assert_eq!(limits.len(), 1, "exactly one limit");
    assert_eq!(
        (limits[0].amount, limits[0].remaining_amount, limits[0].period),
        (5 * SOL, 5 * SOL, Period::Day)
    );
    assert_eq!(house.chain.multisig(multisig).members.len(), 1);
    house.chain.airdrop(agent["vaultAddress"].as_str().unwrap(), 2 * SOL);
    house.send(id, &house.somebody(), "1sol").ok();
}

fn usage(house: &House, agent: &Agent) -> Value {
    house.cli(&["policy", "usage", &agent.id, "--json"]).json()["assets"][0]["day"]["used"].clone()
}

/// A payment is asked for, the power fails, the client asks again under the same key, as it was told to.
fn payment_survives(point: &str) {
    let mut house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    let payee = house.somebody();
    house.stop();
    let body = json!({"agentId": agent.id, "to": payee, "amount": SOL.to_string()});
    let ask = |house: &House| {
        let key = [("Idempotency-Key", "once")];
        house
            .api(&house.owner_key())
            .try_send(minreq::Method::Post, "/api/v1/transactions", Some(&body), &key)
    };
    die_at(&mut house, point, |house| {
        ask(house);
    });
    let id = until("the payment is taken", || {
        let answer = ask(&house)?;
        if answer.status != 202 {
            assert_eq!(answer.body["retryable"], true, "{}", answer.body);
            return None;
        }
        Some(answer.body["id"].as_str().unwrap().to_owned())
    });
    until("the payment is final", || {
        let payment = house.cli(&["tx", "show", &id, "--json"]).json();
        assert!(payment["failure"].is_null(), "{payment}");
        (payment["status"] == "CONFIRMED").then_some(())
    });
    assert_eq!(house.chain.balance(&payee), SOL, "paid once");
    assert_eq!(usage(&house, &agent), SOL.to_string(), "counted once");
    house.send(&agent.id, &payee, "1sol").ok();
    assert_eq!(
        (house.chain.balance(&payee), usage(&house, &agent)),
        (2 * SOL, json!((2 * SOL).to_string()))
    );
}

/// A payment is sent, the chain lets it lie until it can never land, and the power fails while its budget is given back.
fn expiry_survives(point: &str) {
    let mut house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    let payee = house.somebody();
    house.stop();
    house.chain.call("localnet_setFault", &json!(["hold", {}]));
    let mut payment = String::new();
    die_at(&mut house, point, |house| {
        let taken = house.pay(&agent.id, &payee, &SOL.to_string()).is(202).clone();
        taken["id"].as_str().unwrap().clone_into(&mut payment);
        until("the payment is sent", || {
            let stage = house.cli(&["tx", "show", &payment, "--json"]).json()["stage"].clone();
            (stage == "SUBMITTED").then_some(())
        });
        house.chain.call("localnet_warpSlots", &json!([400]));
    });
    until("the payment is given up", || {
        let shown = house.cli(&["tx", "show", &payment, "--json"]).json();
        (shown["status"] == "EXPIRED").then(|| assert_eq!(shown["failure"]["code"], "TRANSACTION_EXPIRED"))
    });
    house.chain.call("localnet_clearFaults", &json!([]));
    assert_eq!(house.chain.balance(&payee), 0);
    house.send(&agent.id, &payee, "1sol").ok();
    assert_eq!(house.chain.balance(&payee), SOL);
}

/// A payment is taken, the power fails before it is signed and stays away until there is no time left to send it, and
/// fails again while it is given up.
fn giving_up_survives(point: &str) {
    let mut house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    let payee = house.somebody();
    house.stop();
    assert!(house.try_serve(&[("PORTREEVE_KILL_POINT", "wallet.sign.before")]));
    let body = json!({"agentId": agent.id, "to": payee, "amount": SOL.to_string()});
    let key = [("Idempotency-Key", "once")];
    // Whether the answer comes before the end is chance.
    house
        .api(&house.owner_key())
        .try_send(minreq::Method::Post, "/api/v1/transactions", Some(&body), &key);
    house.wait_for_end();
    house.chain.call("localnet_warpSlots", &json!([400]));
    die_at(&mut house, point, |_| {});
    let shown = until("the payment is given up", || {
        let list = house.cli(&["tx", "list", &agent.id, "--json"]).json();
        let shown = list["items"][0].clone();
        (!shown["failure"].is_null()).then_some(shown)
    });
    assert_eq!(shown["failure"]["code"], "TRANSACTION_EXPIRED", "{shown}");
    assert_eq!(
        (house.chain.balance(&payee), usage(&house, &agent)),
        (0, json!("0")),
        "the signer promised, so it is free"
    );
    house.send(&agent.id, &payee, "1sol").ok();
    assert_eq!(house.chain.balance(&payee), SOL);
}

/// The owner suspends an agent and lets it go on; the power fails in between.
fn suspension_survives(point: &str) {
    let mut house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    house.stop();
    die_at(&mut house, point, |house| {
        house.cli(&["agent", "suspend", &agent.id]);
        house.cli(&["agent", "resume", &agent.id]);
    });
    let owner = house.api(&house.owner_key());
    let path = format!("/api/v1/agents/{}", agent.id);
    let settled = |house: &House| {
        until("signer and chain are as the server says", || {
            let shown = owner.get(&path).is(200).clone();
            (shown["chainSync"] == "synced" && shown["stage"].is_null()).then_some(shown)
        });
        owner_status(house, &agent)
    };
    if settled(&house) == "ACTIVE" {
        house.cli(&["agent", "suspend", &agent.id]).ok();
    }
    assert_eq!(house.chain.spending_limits(&agent.multisig).len(), 0);
    house
        .pay(&agent.id, &house.somebody(), "1")
        .is_problem(409, "AGENT_SUSPENDED");
    house.cli(&["agent", "resume", &agent.id]).ok();
    assert_eq!(house.chain.spending_limits(&agent.multisig).len(), 1);
    house.send(&agent.id, &house.somebody(), "1sol").ok();
}

fn owner_status(house: &House, agent: &Agent) -> Value {
    house.cli(&["agent", "show", &agent.id, "--json"]).json()["status"].clone()
}

/// One test per place, so that a failure names it.
macro_rules! places {
    ($($story:ident { $($name:ident $point:literal,)+ })+) => {
        $($(
            #[test]
            #[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
            fn $name() {
                $story($point);
            }
        )+)+

        /// Every place that is tried here.
        const PLACES: &[&str] = &[$($($point),+),+];
    };
}

places! {
    creation_survives {
        creation_with_the_key_made "wallet.approve.key",
        creation_with_the_policy_at_the_signer "wallet.approve.signer",
        creation_before_the_setup_is_sent "wallet.configure.before",
        creation_with_the_setup_signed "wallet.configure.signed",
        creation_with_the_setup_landed "wallet.configure.landed",
        creation_with_the_wallet_built "wallet.build.landed",
        creation_before_the_signer_writes "signer.journal.before",
        creation_after_the_signer_wrote "signer.journal.after",
        creation_before_the_third_commit "store.commit.before#3",
        creation_after_the_third_commit "store.commit.after#3",
        creation_before_the_fourth_commit "store.commit.before#4",
        creation_after_the_fifth_commit "store.commit.after#5",
    }
    payment_survives {
        payment_reserved "wallet.pay.reserved",
        payment_before_it_is_signed "wallet.sign.before",
        payment_signed "wallet.sign.signed",
        payment_with_the_signature_kept "wallet.sign.kept",
        payment_before_it_is_sent "wallet.submit.before",
        payment_sent "wallet.submit.sent",
        payment_settled "wallet.settled",
        payment_before_the_signer_writes "signer.journal.before",
        payment_after_the_signer_wrote "signer.journal.after",
        payment_before_the_signer_answers "signer.reply.before#3",
        payment_before_the_third_commit "store.commit.before#3",
        payment_after_the_third_commit "store.commit.after#3",
        payment_before_the_fifth_commit "store.commit.before#5",
        payment_after_the_fifth_commit "store.commit.after#5",
    }
    expiry_survives {
        payment_given_up "wallet.released",
    }
    giving_up_survives {
        payment_voided "wallet.sign.voided",
    }
    suspension_survives {
        suspension_with_the_signer_told "wallet.suspend.signer",
        suspension_with_the_limits_gone "wallet.suspend.landed",
        resumption_with_the_signer_told "wallet.resume.signer",
        resumption_with_the_limits_back "wallet.resume.landed",
    }
}

/// Every kill point in the sources, by name.
fn points(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            points(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let calls = text.split("kill::point(\"").skip(1);
            found.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
}

#[test]
fn every_kill_point_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut there = BTreeSet::new();
    for folder in ["shared", "services", "apps"] {
        for package in fs::read_dir(root.join(folder)).unwrap().flatten() {
            points(&package.path().join("src"), &mut there);
        }
    }
    let tried: BTreeSet<String> = PLACES
        .iter()
        .filter_map(|point| point.split('#').next())
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = there.difference(&tried).collect();
    assert!(missing.is_empty(), "try these too: {missing:?}");
}
