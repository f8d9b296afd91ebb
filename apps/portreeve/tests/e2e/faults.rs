//! What the world around the server does to it: answers get lost, the chain is away, the signer hangs, the power fails.
//! Money moves once or not at all, and no budget is lost or won by it.

use {
    crate::{
        estate::{Agent, Estate, policy, until},
        house::{House, SOL},
    },
    portreeve_store::Sql,
    serde_json::{Value, json},
    std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, thread},
};

const UNIT: u64 = SOL / 100;

/// A blockhash lives 150 slots, and a proof of its death takes 32 more.
const DEAD: u64 = 150 + 32 + 10;

/// One agent in a world of faults, and what it should have paid by now.
struct Story {
    estate: Estate,
    agent: Agent,
    shop: String,
    /// Payments so far, for idempotency keys.
    asked: u64,
    /// Lamports that landed.
    landed: u64,
    /// Lamports that the signer has signed for.
    signed: u64,
}

impl Story {
    fn begin() -> Self {
        Self::in_house(House::built())
    }

    fn in_house(mut house: House) -> Self {
        house.serve(&[]);
        let estate = Estate::of(house);
        let shop = estate.house.somebody();
        estate.house.chain.airdrop(&shop, SOL);
        let agent = estate.agent("tester", &policy());
        Self {
            estate,
            agent,
            shop,
            asked: 0,
            landed: 0,
            signed: 0,
        }
    }

    fn fault(&self, name: &str, settings: &Value) {
        self.estate
            .house
            .chain
            .call("localnet_setFault", &json!([name, settings]));
    }

    fn heal(&self) {
        self.estate.house.chain.call("localnet_clearFaults", &json!([]));
    }

    fn key(&mut self) -> String {
        self.asked += 1;
        format!("payment-{}", self.asked)
    }

    /// Asks for a payment and notes that it lands.
    #[track_caller]
    fn pays(&mut self) {
        let key = self.key();
        self.estate.paid(&self.agent, &self.shop, UNIT, &key);
        self.landed += UNIT;
        self.signed += UNIT;
    }

    /// A payment that is asked for in vain, and then again under the same key when the fault is over.
    #[track_caller]
    fn waits_out(&mut self, code: &str) {
        let key = self.key();
        let refused = self.estate.pay(&self.agent, &self.shop, UNIT, &key);
        let problem = refused.is_problem(503, code);
        assert_eq!(problem["retryable"], true);
        assert!(refused.header("retry-after").is_some());
        self.heal();
        self.balanced();
        self.estate.paid(&self.agent, &self.shop, UNIT, &key);
        self.landed += UNIT;
        self.signed += UNIT;
    }

    /// Asks for a payment while the chain lets nothing land, and waits until it is signed and sent. The payment and its
    /// signature.
    #[track_caller]
    fn under_way(&mut self) -> (Value, Value) {
        self.fault("hold", &json!({}));
        let key = self.key();
        let payment = self.estate.pay(&self.agent, &self.shop, UNIT, &key).is(202).clone();
        self.signed += UNIT;
        let signature = until("it is signed and sent", || {
            let signature = self.shown(&payment)["txSignature"].clone();
            self.held().contains(&signature).then_some(signature)
        });
        (payment, signature)
    }

    #[track_caller]
    fn shown(&self, payment: &Value) -> Value {
        let path = format!("/api/v1/transactions/{}", payment["id"].as_str().unwrap());
        self.estate.owner().get(&path).is(200).clone()
    }

    /// What the chain has accepted and holds back.
    fn held(&self) -> Vec<Value> {
        let faults = self.estate.house.chain.call("localnet_faults", &json!([]));
        faults["held"].as_array().unwrap().clone()
    }

    /// Waits until the server has sent the same bytes again, seen that they have not landed, and drawn its conclusions.
    #[track_caller]
    fn until_looked_at(&self) {
        let struck = || {
            let faults = self.estate.house.chain.call("localnet_faults", &json!([]));
            faults["struck"]["hold"].as_u64().unwrap()
        };
        let before = struck();
        until("the server looks again, and again", || {
            (struck() >= before + 3).then_some(())
        });
    }

    /// Lets one of those land; the chain's error.
    fn release(&self, signature: &Value) -> Value {
        let released = self
            .estate
            .house
            .chain
            .call("localnet_releaseHeld", &json!([signature]));
        released[0]["err"].clone()
    }

    /// The chain, the server's books, its mirror of the signer's, and what the owner is shown, all say the same.
    #[track_caller]
    fn balanced(&self) {
        let Self { estate, agent, .. } = self;
        assert_eq!(estate.house.chain.balance(&self.shop), SOL + self.landed, "paid");
        assert_eq!(
            estate.house.chain.balance(&agent.vault()),
            10 * SOL - self.landed,
            "left"
        );
        assert_eq!(
            estate.booked_today(&agent.id),
            (self.landed, self.signed),
            "server and signer"
        );
        assert_eq!(
            estate.used_today(&agent.id),
            self.signed.max(self.landed),
            "the larger of the two counts"
        );
    }
}

#[test]
fn what_the_chain_does_to_a_payment_moves_its_money_once_or_not_at_all() {
    let mut story = Story::begin();

    for how in ["close", "http500"] {
        story.fault("dropReply", &json!({"count": 3, "how": how}));
        story.pays();
        story.balanced();
    }
    story.fault("duplicate", &json!({"count": 1}));
    story.pays();
    story.fault("refuse", &json!({"count": 2, "methods": ["sendTransaction"]}));
    story.pays();
    story.fault("refuse", &json!({"count": 1, "methods": ["getSignatureStatuses"]}));
    story.pays();
    story.fault("delay", &json!({"count": 2, "ms": 700, "methods": ["sendTransaction"]}));
    story.pays();
    story.heal();
    story.balanced();

    // The chain refuses a dry run: nobody was asked to sign.
    for (err, code) in [
        (
            json!({"InstructionError": [0, {"Custom": 1}]}),
            "TRANSACTION_INSUFFICIENT_BALANCE",
        ),
        (
            json!({"InstructionError": [0, {"Custom": 6026}]}),
            "TRANSACTION_SIMULATION_FAILED",
        ),
        (
            json!({"InsufficientFundsForRent": {"account_index": 4}}),
            "TRANSACTION_RENT_VIOLATION",
        ),
    ] {
        story.fault("failSimulation", &json!({"err": err}));
        let key = story.key();
        let refused = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
        let id = refused.is_problem(422, code)["transactionId"].clone();
        story.heal();
        story.balanced();
        let again = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
        assert_eq!(again.is(202)["id"], id, "the same key is the same payment, for ever");
        assert_eq!(
            (&again.body["status"], &again.body["failure"]["code"]),
            (&json!("FAILED"), &json!(code))
        );
    }
    story.pays();

    // The chain is away before anything is decided, or in the middle.
    story.fault("refuse", &json!({}));
    story.waits_out("SYSTEM_RPC_UNAVAILABLE");
    story.fault("refuse", &json!({"methods": ["getLatestBlockhash"]}));
    story.waits_out("SYSTEM_RPC_UNAVAILABLE");
    story.fault("refuse", &json!({"count": 1, "methods": ["simulateTransaction"]}));
    story.pays();
    story.balanced();

    // Accepted and never landed: the server's budget comes back when that is proven, not before. The signer's does not.
    let (held, signature) = story.under_way();
    let booked = (story.landed + UNIT, story.signed);
    story.estate.house.chain.call("localnet_warpSlots", &json!([150]));
    story.until_looked_at();
    assert_eq!(story.shown(&held)["status"], "SUBMITTED");
    assert_eq!(story.estate.booked_today(&story.agent.id), booked, "it may still land");
    story
        .estate
        .house
        .chain
        .call("localnet_warpSlots", &json!([DEAD - 150]));
    let expired = story.estate.until_ended(&held);
    assert_eq!(
        (&expired["status"], &expired["failure"]["code"]),
        (&json!("EXPIRED"), &json!("TRANSACTION_EXPIRED"))
    );
    assert_eq!(
        story.release(&signature),
        "BlockhashNotFound",
        "what is given up is dead"
    );
    story.heal();
    story.balanced();
    story.pays();
    story.balanced();

    // Landed and failed there, because its limit was taken away while it was under way.
    let (held, signature) = story.under_way();
    let suspended = story
        .estate
        .owner()
        .post(&format!("{}/suspend", story.agent.path()), &json!({}));
    assert_eq!(suspended.is(200)["status"], "SUSPENDED");
    let removal = until("the removal of the limit is sent", || {
        story.held().into_iter().find(|one| *one != signature)
    });
    assert_eq!(story.release(&removal), Value::Null);
    assert_eq!(
        story.release(&signature),
        json!({"InstructionError": [0, {"Custom": 3012}]})
    );
    story.heal();
    let failed = story.estate.until_ended(&held);
    assert_eq!(
        (
            &failed["status"],
            &failed["failure"]["code"],
            &failed["policyChecks"]["chain"]
        ),
        (&json!("FAILED"), &json!("TRANSACTION_FAILED"), &json!(false))
    );
    story.estate.until_settled(&story.agent.id, "SUSPENDED");
    story.balanced();
    story.estate.resume(&story.agent);
    story.pays();
    story.balanced();
    let audit = story.estate.books().audit();
    let confirmed = audit
        .iter()
        .filter(|entry| entry.kind == "transaction.confirmed")
        .count();
    assert_eq!(
        u64::try_from(confirmed).unwrap(),
        story.landed / UNIT,
        "each payment was confirmed once"
    );
}

/// Sends a signal to a process that is not our child.
fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args([name, process]).status().unwrap().success());
}

#[test]
fn what_happens_to_the_processes_moves_the_money_once_or_not_at_all() {
    let mut story = Story::begin();
    story.pays();

    // A signer that hangs, and one that dies. The server says so, and reserves nothing.
    let signer = story.estate.house.signer().unwrap();
    signal("-STOP", &signer);
    let key = story.key();
    let refused = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
    refused.is_problem(503, "SYSTEM_SIGNER_UNAVAILABLE");
    let ready = story.estate.house.api("").get("/readyz");
    assert_eq!((ready.status, &ready.body["checks"]["signer"]), (503, &json!("down")));
    assert_eq!(
        story.estate.house.api("").get("/healthz").status,
        200,
        "the server itself lives"
    );
    story.balanced();
    signal("-CONT", &signer);
    story.estate.paid(&story.agent, &story.shop, UNIT, &key);
    story.landed += UNIT;
    story.signed += UNIT;
    story.balanced();

    signal("-KILL", &signer);
    let key = story.key();
    until(
        "the dead signer is replaced, and the payment made under the same key",
        || {
            let answer = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
            if answer.status != 202 {
                answer.is_problem(503, "SYSTEM_SIGNER_UNAVAILABLE");
            }
            (answer.status == 202).then_some(answer)
        },
    );
    story.estate.paid(&story.agent, &story.shop, UNIT, &key);
    story.landed += UNIT;
    story.signed += UNIT;
    assert_ne!(story.estate.house.signer().unwrap(), signer);
    story.balanced();

    // The power fails between "accepted" and "confirmed", while the chain holds the transaction back.
    let (held, _) = story.under_way();
    story.estate.house.kill();
    story.estate.house.serve(&[]);
    let other = story.key();
    let waits = story.estate.pay(&story.agent, &story.shop, UNIT, &other);
    waits.is_problem(503, "SYSTEM_RECOVERING");
    assert_eq!(
        story.shown(&held)["status"],
        "SUBMITTED",
        "what is known can be read meanwhile"
    );
    story.heal();
    let ended = story.estate.until_ended(&held);
    assert_eq!(ended["status"], "CONFIRMED", "{ended}");
    story.landed += UNIT;
    until("the agent may pay again", || {
        let answer = story.estate.pay(&story.agent, &story.shop, UNIT, &other);
        (answer.status == 202).then_some(())
    });
    story.estate.paid(&story.agent, &story.shop, UNIT, &other);
    story.landed += UNIT;
    story.signed += UNIT;
    story.balanced();

    // The chain is away while an agent is suspended: no at once, on chain as soon as it is back.
    story.fault("refuse", &json!({}));
    let suspended = story
        .estate
        .owner()
        .post(&format!("{}/suspend", story.agent.path()), &json!({}));
    assert_eq!(suspended.is(200)["status"], "SUSPENDED");
    let key = story.key();
    let refused = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
    assert!([409, 503].contains(&refused.status), "{}", refused.body);
    story.heal();
    story.estate.until_settled(&story.agent.id, "SUSPENDED");
    assert_eq!(story.estate.limits(&story.agent), []);
    let refused = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
    refused.is_problem(409, "AGENT_SUSPENDED");
    story.balanced();
    story.estate.books().audit();
}

#[test]
fn of_two_operators_one_may_lie_and_both_may_be_slow() {
    let house = House::built_quick();
    let config = house.home().join("portreeve.toml");
    let (alone, both) = (
        format!("rpc = [\"{}\"]", house.chain.url),
        format!(
            "rpc = [\"{}\", \"{}\"]\nrelease_min_operators = 2",
            house.chain.url, house.chain.liar
        ),
    );
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&alone));
    fs::write(&config, text.replace(&alone, &both)).unwrap();
    let mut story = Story::in_house(house);
    story.pays();

    // Heights far in the future and no signature known: the payment would be dead, if only one more said so.
    story.fault("lie", &json!({}));
    let (held, signature) = story.under_way();
    story.until_looked_at();
    assert_eq!(story.shown(&held)["status"], "SUBMITTED");
    assert_eq!(story.release(&signature), Value::Null);
    story.landed += UNIT;
    story.until_looked_at();
    assert_eq!(
        story.shown(&held)["status"],
        "SUBMITTED",
        "nor does one alone say that it landed"
    );
    story.heal();
    assert_eq!(story.estate.until_ended(&held)["status"], "CONFIRMED");
    story.balanced();

    // Made while nobody knew how high the chain is. From when on it is dead is learnt as soon as two agree again.
    story.fault("lie", &json!({}));
    let (held, signature) = story.under_way();
    story.until_looked_at();
    let warp = |slots: u64| story.estate.house.chain.call("localnet_warpSlots", &json!([slots]));
    warp(DEAD);
    story.until_looked_at();
    story.estate.house.chain.call("localnet_clearFaults", &json!(["lie"]));
    story.until_looked_at();
    assert_eq!(story.shown(&held)["status"], "SUBMITTED", "nobody knows how old it is");
    warp(DEAD + 2 * 150);
    assert_eq!(story.estate.until_ended(&held)["status"], "EXPIRED");
    assert_eq!(story.release(&signature), "BlockhashNotFound");
    story.heal();
    story.balanced();

    // Both are asked for a dry run, and take their time: 10 s until the first is given up, 9 s more for the second. By
    // then the payment has been made in the background, and whoever asked for it comes too late to change anything.
    let slow = |ms: u64| {
        let settings = json!({"ms": ms, "count": 1, "methods": ["simulateTransaction"]});
        story.fault("delay", &settings);
    };
    slow(12_000);
    let answer = thread::scope(|scope| {
        let asked = scope.spawn(|| story.estate.pay(&story.agent, &story.shop, UNIT, "slow"));
        until("the first is asked", || {
            let faults = story.estate.house.chain.call("localnet_faults", &json!([]));
            faults["on"]["delay"].is_null().then_some(())
        });
        slow(9_000);
        asked.join().unwrap()
    });
    story.landed += UNIT;
    story.signed += UNIT;
    assert_eq!(
        answer.is(202)["status"],
        "CONFIRMED",
        "made while it was waited for: {}",
        answer.body
    );
    story.balanced();
    assert_eq!(story.shown(&answer.body)["status"], "CONFIRMED");
    story.pays();
    story.balanced();
}

/// Copies a folder, or what of it begins with `name`, in place of what is there.
fn copy(from: &Path, to: &Path, name: &str) {
    let begins = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(name);
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for old in fs::read_dir(to).unwrap().flatten().filter(begins) {
        if old.path().is_dir() {
            fs::remove_dir_all(old.path()).unwrap();
        } else {
            fs::remove_file(old.path()).unwrap();
        }
    }
    for entry in fs::read_dir(from).unwrap().flatten().filter(begins) {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place, "");
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

#[test]
fn a_backup_that_is_put_back_refills_no_budget() {
    let mut story = Story::begin();
    let home = story.estate.house.home();
    let aside = |name: &str| home.with_file_name(name);
    story.pays();
    story.estate.house.stop();
    copy(&home, &aside("old"), "portreeve.db");
    copy(&home.join("signer"), &aside("old signer"), "");
    story.estate.house.serve(&[]);
    story.pays();
    story.balanced();
    story.estate.house.stop();
    copy(&home, &aside("new"), "portreeve.db");
    copy(&home.join("signer"), &aside("new signer"), "");

    // The signer has lost a payment that the server knows of. It is shown so, and signs nothing any more.
    copy(&aside("old signer"), &home.join("signer"), "");
    story.estate.house.serve(&[]);
    let key = story.key();
    let refused = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
    refused.is_problem(503, "SYSTEM_SIGNER_UNAVAILABLE");
    assert_eq!(story.estate.house.api("").get("/readyz").status, 503);
    story.balanced();
    story.estate.house.stop();

    // The server has lost a payment that the signer knows of. It does not spend that again.
    copy(&aside("new signer"), &home.join("signer"), "");
    copy(&aside("old"), &home, "portreeve.db");
    story.estate.house.serve(&[]);
    let refused = story.estate.pay(&story.agent, &story.shop, UNIT, &key);
    refused.is_problem(503, "SYSTEM_RECOVERING");
    assert_eq!(story.estate.house.chain.balance(&story.shop), SOL + story.landed);
    story.estate.house.stop();

    copy(&aside("new"), &home, "portreeve.db");
    story.estate.house.serve(&[]);
    story.pays();
    story.balanced();
}

#[test]
fn what_was_in_flight_is_taken_up_from_its_own_row() {
    let mut story = Story::begin();
    let forget_jobs = |story: &Story| {
        story
            .estate
            .books()
            .write(async |tx| tx.execute(Sql::new("DELETE FROM jobs")).await);
    };
    let (held, _) = story.under_way();
    story.estate.house.kill();
    forget_jobs(&story);
    story.heal();
    story.estate.house.serve(&[]);
    assert_eq!(story.estate.until_ended(&held)["status"], "CONFIRMED");
    story.landed += UNIT;
    story.balanced();

    story.fault("refuse", &json!({"methods": ["sendTransaction"]}));
    let path = format!("{}/suspend", story.agent.path());
    story.estate.owner().post(&path, &json!({})).is(200);
    story.estate.house.kill();
    forget_jobs(&story);
    story.heal();
    story.estate.house.serve(&[]);
    story.estate.until_settled(&story.agent.id, "SUSPENDED");
    assert_eq!(story.estate.limits(&story.agent), []);
    for key in ["one", "two", "three"] {
        let refused = story.estate.pay(&story.agent, &story.shop, UNIT, key);
        refused.is_problem(409, "AGENT_SUSPENDED");
    }
    let told = until("the refusals are in the audit log", || {
        let audit = story.estate.books().audit();
        audit.into_iter().find(|entry| entry.kind == "transaction.refused")
    });
    assert_eq!(told.subject, story.agent.id.as_str());
    assert!(told.data.contains("AGENT_SUSPENDED"), "{}", told.data);
}
