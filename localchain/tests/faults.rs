//! Misfortunes on demand: each fault switch does what the help says, as often as it was told.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

mod support;

use {
    serde_json::{Value, json},
    solana_keypair::Keypair,
    solana_signer::Signer,
    solana_transaction::versioned::VersionedTransaction,
    std::time::{Duration, Instant},
    support::{Chain, SOL, transfer, wire},
};

fn payment(chain: &Chain) -> VersionedTransaction {
    let from = chain.rich();
    chain.sign(&[transfer(&from, &Keypair::new().pubkey(), SOL)], &[&from])
}

fn send_request(tx: &VersionedTransaction) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "sendTransaction", "params": [wire(tx), {"encoding": "base64"}]})
        .to_string()
}

fn status(chain: &Chain, tx: &VersionedTransaction) -> Value {
    chain.status(&tx.signatures[0].to_string())
}

#[test]
fn a_dropped_reply_is_no_dropped_transaction() {
    let chain = Chain::frozen();
    chain.fault("dropReply", json!({"count": 1}));
    let tx = payment(&chain);
    assert!(
        support::post(chain.port, &send_request(&tx)).is_none(),
        "the connection closes without a byte"
    );
    assert_eq!(status(&chain, &tx)["confirmationStatus"], "finalized");
    assert_eq!(chain.send_signed(&tx).unwrap_err()["data"]["err"], "AlreadyProcessed");
}

#[test]
fn a_reply_can_be_dropped_behind_a_500() {
    let chain = Chain::frozen();
    chain.fault("dropReply", json!({"count": 1, "how": "http500"}));
    let tx = payment(&chain);
    assert_eq!(support::post(chain.port, &send_request(&tx)).unwrap().status, 500);
    assert_eq!(status(&chain, &tx)["confirmationStatus"], "finalized");
}

#[test]
fn a_delay_holds_back_the_answers_it_is_meant_for() {
    let chain = Chain::frozen();
    chain.fault("delay", json!({"count": 1, "ms": 300, "methods": ["getSlot"]}));
    let start = Instant::now();
    chain.ok("getSlot", json!([]));
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(chain.struck("delay"), 1);
}

#[test]
fn a_duplicated_transaction_is_paid_once() {
    let chain = Chain::frozen();
    chain.fault("duplicate", json!({"count": 1}));
    let tx = payment(&chain);
    let signature = chain.send_signed(&tx).unwrap();
    let duplicates = &chain.ok("localnet_faults", json!([]))["duplicates"];
    assert_eq!(
        duplicates,
        &json!([{"signature": signature, "secondErr": "AlreadyProcessed"}])
    );
    let receiver = tx.message.static_account_keys()[1];
    assert_eq!(chain.balance(&receiver), SOL);
}

#[test]
fn a_simulation_fails_on_demand_and_so_does_a_preflight() {
    let chain = Chain::frozen();
    chain.fault(
        "failSimulation",
        json!({"count": 2, "err": {"InstructionError": [0, {"Custom": 6026}]}}),
    );
    let tx = payment(&chain);
    let simulated = chain.value("simulateTransaction", json!([wire(&tx), {"encoding": "base64"}]));
    assert_eq!(simulated["err"]["InstructionError"][1]["Custom"], 6026);
    let error = chain.send_signed(&tx).unwrap_err();
    assert_eq!(
        (&error["code"], &error["data"]["err"]["InstructionError"][1]["Custom"]),
        (&json!(-32002), &json!(6026))
    );
    assert_eq!(status(&chain, &tx), json!(null));
    chain.send_signed(&tx).unwrap();
}

#[test]
fn a_refusing_node_refuses_all_until_cleared_but_the_switches() {
    let chain = Chain::frozen();
    chain.fault("refuse", json!({}));
    for _ in 0..3 {
        assert_eq!(
            support::post(chain.port, r#"{"id":1,"method":"getSlot"}"#)
                .unwrap()
                .status,
            503
        );
    }
    chain.ok("localnet_clearFaults", json!([]));
    chain.ok("getSlot", json!([]));
    assert_eq!(chain.struck("refuse"), 3);
}

#[test]
fn a_refusal_can_be_counted_and_aimed() {
    let chain = Chain::frozen();
    chain.fault("refuse", json!({"count": 1, "methods": ["sendTransaction"]}));
    let tx = payment(&chain);
    assert_eq!(support::post(chain.port, &send_request(&tx)).unwrap().status, 503);
    assert_eq!(status(&chain, &tx), json!(null), "nothing was done");
    chain.send_signed(&tx).unwrap();
}

#[test]
fn a_held_transaction_lands_when_released() {
    let chain = Chain::frozen();
    chain.fault("hold", json!({"count": 1}));
    let tx = payment(&chain);
    let signature = chain.send_signed(&tx).unwrap();
    assert_eq!(status(&chain, &tx), json!(null));
    assert_eq!(chain.ok("localnet_faults", json!([]))["held"], json!([signature]));
    assert_eq!(
        chain.ok("localnet_releaseHeld", json!([])),
        json!([{"signature": signature, "err": null}])
    );
    assert_eq!(status(&chain, &tx)["confirmationStatus"], "finalized");
    assert_eq!(chain.ok("localnet_releaseHeld", json!([])), json!([]));
}

#[test]
fn a_held_transaction_never_lands_once_its_blockhash_is_dead() {
    let chain = Chain::frozen();
    chain.fault("hold", json!({"count": 1}));
    let tx = payment(&chain);
    let signature = chain.send_signed(&tx).unwrap();
    chain.ok("localnet_warpSlots", json!([200]));
    let released = chain.ok("localnet_releaseHeld", json!([signature]));
    assert_eq!(released, json!([{"signature": signature, "err": "BlockhashNotFound"}]));
    assert_eq!(status(&chain, &tx), json!(null));
}

#[test]
fn the_lying_port_hides_a_landed_transaction_and_the_honest_one_does_not() {
    let file = std::env::temp_dir().join(format!("portreeve-localchain-liar-{}", std::process::id()));
    let chain = Chain::start(&["--frozen", "--liar-port", "0", "--port-file", file.to_str().unwrap()]);
    let ports = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let liar: u16 = ports.lines().nth(1).unwrap().parse().unwrap();
    assert_eq!(ports.lines().next().unwrap(), chain.port.to_string());
    let tx = payment(&chain);
    let signature = chain.send_signed(&tx).unwrap();
    let ask = |method, params| support::call(liar, method, params).unwrap();
    let height = chain.ok("getBlockHeight", json!([])).as_u64().unwrap();
    assert_eq!(ask("getBlockHeight", json!([])), height, "honest until switched");
    chain.fault("lie", json!({"heightAhead": 5000}));
    assert_eq!(ask("getBlockHeight", json!([])), height + 5000);
    assert_eq!(
        ask("getSignatureStatuses", json!([[signature]]))["value"],
        json!([null])
    );
    assert_eq!(ask("getTransaction", json!([signature])), json!(null));
    assert_eq!(status(&chain, &tx)["confirmationStatus"], "finalized");
    assert_eq!(chain.ok("getBlockHeight", json!([])), height);

    chain.fault("lie", json!({"heightBehind": 3, "hideAccounts": true}));
    assert_eq!(ask("getBlockHeight", json!([])), height - 3);
    let payer = tx.message.static_account_keys()[0].to_string();
    for (port, there) in [(liar, false), (chain.port, true)] {
        let ask = |method, params| support::call(port, method, params).unwrap()["value"].clone();
        assert_eq!(ask("getAccountInfo", json!([payer])).is_object(), there);
        assert_eq!(ask("getMultipleAccounts", json!([[payer]]))[0].is_object(), there);
    }
    chain.ok("localnet_clearFaults", json!(["lie"]));
    assert_eq!(ask("getBlockHeight", json!([])), height);
}

#[test]
fn an_unknown_fault_or_setting_is_an_error() {
    let chain = Chain::frozen();
    assert_eq!(chain.err("localnet_setFault", json!(["explode"]))["code"], -32602);
    assert_eq!(
        chain.err("localnet_setFault", json!(["hold", {"cuont": 1}]))["code"],
        -32602
    );
}
