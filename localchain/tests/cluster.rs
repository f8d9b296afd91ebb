//! The cluster around the program: blockhashes, time, commitment, and what lands.
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
    serde_json::json,
    solana_keypair::Keypair,
    solana_signer::Signer,
    support::{Chain, SOL, transfer, wire},
};

const CLOCK: &str = "SysvarC1ock11111111111111111111111111111111";

#[test]
fn the_genesis_hash_is_the_same_at_every_start() {
    for _ in 0..2 {
        let genesis = Chain::frozen().ok("getGenesisHash", json!([]));
        assert_eq!(genesis, "51VtkXEMH419GpzhP1bZb4nNrFY6xWt9NzZ55VeSAKkz");
    }
}

#[test]
fn two_starts_share_no_blockhash() {
    assert_ne!(Chain::frozen().blockhash(), Chain::frozen().blockhash());
}

#[test]
fn an_airdrop_and_a_transfer_move_lamports_and_the_sender_pays_the_fee() {
    let chain = Chain::frozen();
    let (from, to) = (chain.rich(), Keypair::new().pubkey());
    assert_eq!(chain.balance(&from.pubkey()), 100 * SOL);
    let signature = chain.send(&[transfer(&from, &to, SOL)], &[&from]).unwrap();
    assert_eq!(chain.balance(&to), SOL);
    assert_eq!(chain.balance(&from.pubkey()), 99 * SOL - 5000);
    let status = chain.status(&signature);
    assert_eq!(
        (&status["err"], &status["confirmationStatus"]),
        (&json!(null), &json!("finalized"))
    );
    assert_eq!(status["status"], json!({"Ok": null}));
}

#[test]
fn two_equal_airdrops_land_on_a_busy_chain_too() {
    let chain = Chain::start(&["--frozen", "--busy"]);
    let to = Keypair::new().pubkey();
    for _ in 0..2 {
        chain.ok("requestAirdrop", json!([to.to_string(), SOL]));
    }
    assert_eq!(chain.balance(&to), 2 * SOL);
}

#[test]
fn a_blockhash_is_good_at_its_last_valid_height_and_dead_one_slot_later() {
    let chain = Chain::frozen();
    let from = chain.rich();
    let latest = chain.value("getLatestBlockhash", json!([]));
    let at_last = chain.sign(&[transfer(&from, &from.pubkey(), 1)], &[&from]);
    let too_late = chain.sign(&[transfer(&from, &from.pubkey(), 2)], &[&from]);
    let now = chain.ok("getBlockHeight", json!([])).as_u64().unwrap();
    let last = latest["lastValidBlockHeight"].as_u64().unwrap();
    assert_eq!(last, now + 150);
    chain.ok("localnet_warpSlots", json!([last - now]));
    assert_eq!(chain.value("isBlockhashValid", json!([latest["blockhash"]])), true);
    chain.send_signed(&at_last).unwrap(); // and its slot is the one beyond
    assert_eq!(chain.value("isBlockhashValid", json!([latest["blockhash"]])), false);
    let error = chain.send_signed(&too_late).unwrap_err();
    assert_eq!(
        (&error["code"], &error["data"]["err"]),
        (&json!(-32002), &json!("BlockhashNotFound"))
    );
    assert_eq!(error["message"], "Transaction simulation failed: Blockhash not found");
}

#[test]
fn slots_pass_by_themselves_unless_time_is_frozen() {
    let (running, frozen) = (Chain::start(&[]), Chain::frozen());
    let slot = |chain: &Chain| chain.ok("getSlot", json!([])).as_u64().unwrap();
    let before = (slot(&running), slot(&frozen));
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert!(slot(&running) >= before.0 + 2);
    assert_eq!(slot(&frozen), before.1);
}

#[test]
fn a_transaction_sent_twice_is_already_processed() {
    let chain = Chain::frozen();
    let (from, to) = (chain.rich(), Keypair::new().pubkey());
    let tx = chain.sign(&[transfer(&from, &to, SOL)], &[&from]);
    chain.send_signed(&tx).unwrap();
    let error = chain.send_signed(&tx).unwrap_err();
    assert_eq!(
        (&error["code"], &error["data"]["err"]),
        (&json!(-32002), &json!("AlreadyProcessed"))
    );
    assert_eq!(chain.balance(&to), SOL);
}

#[test]
fn a_wrong_signature_is_refused_before_all_else() {
    let chain = Chain::frozen();
    let from = chain.rich();
    let mut tx = chain.sign(&[transfer(&from, &from.pubkey(), 1)], &[&from]);
    tx.signatures[0] = Default::default();
    assert_eq!(chain.send_signed(&tx).unwrap_err()["code"], -32003);
}

#[test]
fn a_failed_transaction_lands_when_preflight_is_skipped_and_pays_its_fee() {
    let chain = Chain::frozen();
    let (from, to) = (chain.rich(), Keypair::new().pubkey());
    let tx = chain.sign(&[transfer(&from, &to, 1000 * SOL)], &[&from]);
    let refused = chain.send_signed(&tx).unwrap_err();
    assert_eq!(refused["data"]["err"], json!({"InstructionError": [0, {"Custom": 1}]}));
    assert!(refused["data"]["logs"].as_array().is_some_and(|logs| !logs.is_empty()));
    assert_eq!(chain.balance(&from.pubkey()), 100 * SOL);
    let sent = chain.ok(
        "sendTransaction",
        json!([wire(&tx), {"encoding": "base64", "skipPreflight": true}]),
    );
    assert_eq!(
        chain.status(sent.as_str().unwrap())["err"],
        json!({"InstructionError": [0, {"Custom": 1}]})
    );
    assert_eq!(chain.balance(&from.pubkey()), 100 * SOL - 5000);
}

#[test]
fn time_moves_forward_by_warps_and_programs_see_it() {
    let chain = Chain::start(&["--frozen", "--start-time", "2026-01-01T00:00:00Z"]);
    let clock = chain.ok("localnet_clock", json!([]));
    assert_eq!(clock["unixTimestamp"], 1_767_225_600);
    let after = chain.ok("localnet_warpSeconds", json!([86_400]));
    assert_eq!(after["unixTimestamp"], 1_767_312_000);
    assert_eq!(after["slot"].as_u64(), clock["slot"].as_u64().map(|slot| slot + 1));
    let sysvar = chain.data(&CLOCK.parse().unwrap()).unwrap();
    assert_eq!(sysvar[..8], after["slot"].as_u64().unwrap().to_le_bytes());
    assert_eq!(sysvar[32..40], 1_767_312_000_i64.to_le_bytes());
    assert_eq!(chain.ok("getBlockTime", json!([clock["slot"]])), 1_767_225_600);
    assert_eq!(chain.ok("getBlockTime", json!([after["slot"]])), 1_767_312_000);
    assert_eq!(chain.err("getBlockTime", json!([1_000_000]))["code"], -32004);
}

#[test]
fn time_never_goes_back() {
    let chain = Chain::frozen();
    assert_eq!(chain.err("localnet_warpSeconds", json!([-1]))["code"], -32602);
    assert_eq!(chain.err("localnet_warpSlots", json!([-1]))["code"], -32602);
    assert_eq!(chain.err("localnet_warpSeconds", json!([]))["code"], -32602);
}

#[test]
fn with_the_delay_a_transaction_is_processed_then_confirmed_then_finalized() {
    let chain = Chain::start(&["--frozen", "--finality-slots", "32"]);
    chain.ok("localnet_warpSlots", json!([100]));
    let to = Keypair::new().pubkey().to_string();
    let signature = chain.ok("requestAirdrop", json!([to, SOL]));
    let at = |commitment: &str| {
        chain
            .value("getBalance", json!([to, {"commitment": commitment}]))
            .as_u64()
            .unwrap()
    };
    let seen = || {
        let status = chain.status(signature.as_str().unwrap());
        (
            status["confirmationStatus"].as_str().unwrap().to_owned(),
            at("processed"),
            at("confirmed"),
            at("finalized"),
        )
    };
    assert_eq!(seen(), ("processed".into(), SOL, 0, 0));
    assert_eq!(chain.ok("getTransaction", json!([signature, "base64"])), json!(null));
    chain.ok("localnet_warpSlots", json!([15]));
    assert_eq!(seen(), ("confirmed".into(), SOL, SOL, 0));
    let confirmed = json!({"commitment": "confirmed", "encoding": "base64"});
    assert!(chain.ok("getTransaction", json!([signature, confirmed])).is_object());
    chain.ok("localnet_warpSlots", json!([15]));
    assert_eq!(seen(), ("confirmed".into(), SOL, SOL, 0));
    chain.ok("localnet_warpSlots", json!([1]));
    assert_eq!(seen(), ("finalized".into(), SOL, SOL, SOL));
    let heights = ["processed", "confirmed", "finalized"].map(|commitment| {
        chain
            .ok("getSlot", json!([{"commitment": commitment}]))
            .as_u64()
            .unwrap()
    });
    assert_eq!((heights[0] - heights[1], heights[0] - heights[2]), (16, 32));
}

#[test]
fn with_the_delay_a_preflight_sees_only_what_its_commitment_sees() {
    let chain = Chain::start(&["--frozen", "--finality-slots", "32"]);
    chain.ok("localnet_warpSlots", json!([100]));
    let from = chain.rich(); // not final yet
    let tx = chain.sign(&[transfer(&from, &from.pubkey(), 1)], &[&from]);
    assert_eq!(chain.send_signed(&tx).unwrap_err()["data"]["err"], "AccountNotFound");
    let config = json!({"encoding": "base64", "preflightCommitment": "processed"});
    chain.ok("sendTransaction", json!([wire(&tx), config]));
}

#[test]
fn a_running_chain_can_be_frozen_and_thawed() {
    let chain = Chain::start(&[]);
    assert_eq!(chain.ok("localnet_freeze", json!([true]))["frozen"], true);
    let slot = chain.ok("getSlot", json!([]));
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert_eq!(chain.ok("getSlot", json!([])), slot);
    assert_eq!(chain.ok("localnet_freeze", json!([false]))["frozen"], false);
    assert_eq!(chain.err("localnet_freeze", json!(["maybe"]))["code"], -32602);
}
