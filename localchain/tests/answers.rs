//! The shapes of answers: what clients written for Solana expect to read.
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
    base64::{Engine, prelude::BASE64_STANDARD},
    serde_json::json,
    solana_address::Address,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_message::{VersionedMessage, v0},
    solana_signer::Signer,
    solana_transaction::versioned::VersionedTransaction,
    support::{Chain, SOL, transfer, wire},
};

#[test]
fn an_old_status_needs_the_history_search() {
    let chain = Chain::frozen();
    let signature = chain.ok("requestAirdrop", json!([Keypair::new().pubkey().to_string(), SOL]));
    chain.ok("localnet_warpSlots", json!([301]));
    assert_eq!(chain.value("getSignatureStatuses", json!([[signature]])), json!([null]));
    let found = chain.value(
        "getSignatureStatuses",
        json!([[signature], {"searchTransactionHistory": true}]),
    );
    assert_eq!(found[0]["confirmationStatus"], "finalized");
}

#[test]
fn a_landed_transaction_is_told_in_full() {
    let chain = Chain::start(&["--frozen", "--start-time", "1767225600"]);
    let (from, to) = (chain.rich(), Keypair::new().pubkey());
    let tx = chain.sign(&[transfer(&from, &to, SOL)], &[&from]);
    let signature = chain.send_signed(&tx).unwrap();
    let told = chain.ok(
        "getTransaction",
        json!([signature, {"encoding": "base64", "maxSupportedTransactionVersion": 0}]),
    );
    assert_eq!(told["transaction"], json!([wire(&tx), "base64"]));
    assert_eq!(
        (&told["version"], &told["blockTime"]),
        (&json!("legacy"), &json!(1_767_225_600))
    );
    let meta = &told["meta"];
    assert_eq!(meta["preBalances"], json!([100 * SOL, 0, 1]));
    assert_eq!(meta["postBalances"], json!([99 * SOL - 5000, SOL, 1]));
    assert_eq!((&meta["fee"], &meta["err"]), (&json!(5000), &json!(null)));
    let plain = chain.ok("getTransaction", json!([signature]));
    assert_eq!(plain["transaction"]["message"]["accountKeys"][1], to.to_string());
}

#[test]
fn an_account_leads_to_its_transactions_newest_first() {
    let chain = Chain::frozen();
    let from = chain.rich();
    let to = Keypair::new().pubkey();
    let sent: Vec<String> = (1..=3)
        .map(|n| chain.send(&[transfer(&from, &to, n * SOL)], &[&from]).unwrap())
        .collect();
    let rows = |config| -> Vec<String> {
        let rows = chain.ok("getSignaturesForAddress", json!([to.to_string(), config]));
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["signature"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(rows(json!({})), [&*sent[2], &*sent[1], &*sent[0]]);
    assert_eq!(rows(json!({"limit": 1})), [&*sent[2]]);
    assert_eq!(rows(json!({"before": sent[2]})), [&*sent[1], &*sent[0]]);
    assert_eq!(rows(json!({"until": sent[0]})), [&*sent[2], &*sent[1]]);
}

#[test]
fn program_accounts_are_found_by_size_and_bytes() {
    let chain = Chain::frozen();
    let owner = chain.rich();
    let multisig = support::squads::Multisig::new(&owner.pubkey(), &owner.pubkey());
    chain.send(&[multisig.create(&owner.pubkey())], &[&owner]).unwrap();
    let discriminator = bs58::encode([224, 116, 121, 186, 68, 161, 79, 236]).into_string();
    let found = |filters| {
        let config = json!({"encoding": "base64", "filters": filters});
        chain
            .ok("getProgramAccounts", json!([support::squads::ID.to_string(), config]))
            .as_array()
            .unwrap()
            .clone()
    };
    let multisigs = found(json!([{"memcmp": {"offset": 0, "bytes": discriminator}}]));
    assert_eq!(multisigs.len(), 1);
    assert_eq!(multisigs[0]["pubkey"], multisig.address.to_string());
    assert_eq!(found(json!([])).len(), 2, "the program config is there too");
    assert_eq!(found(json!([{"dataSize": 144}])).len(), 1);
    assert!(found(json!([{"dataSize": 1}])).is_empty());
}

#[test]
fn a_simulation_changes_nothing_and_shows_the_accounts_asked_for() {
    let chain = Chain::frozen();
    let (from, to) = (chain.rich(), Keypair::new().pubkey());
    let tx = chain.sign(&[transfer(&from, &to, SOL)], &[&from]);
    let config = json!({"encoding": "base64", "sigVerify": true,
                        "accounts": {"encoding": "base64", "addresses": [to.to_string()]}});
    let simulated = chain.value("simulateTransaction", json!([wire(&tx), config]));
    assert_eq!(
        (&simulated["err"], &simulated["accounts"][0]["lamports"]),
        (&json!(null), &json!(SOL))
    );
    assert_eq!(chain.balance(&to), 0);
    let replaced = json!({"encoding": "base64", "replaceRecentBlockhash": true});
    chain.ok("localnet_warpSlots", json!([200]));
    assert_eq!(
        chain.value("simulateTransaction", json!([wire(&tx), {"encoding": "base64"}]))["err"],
        "BlockhashNotFound"
    );
    let simulated = chain.value("simulateTransaction", json!([wire(&tx), replaced]));
    assert_eq!(simulated["err"], json!(null));
    assert!(simulated["replacementBlockhash"]["blockhash"].is_string());
}

#[test]
fn fees_and_rent_are_those_of_mainnet() {
    let chain = Chain::frozen();
    let from = chain.rich();
    let tx = chain.sign(&[transfer(&from, &from.pubkey(), 1)], &[&from]);
    let message = BASE64_STANDARD.encode(tx.message.serialize());
    assert_eq!(chain.value("getFeeForMessage", json!([message])), 5000);
    assert_eq!(chain.ok("getMinimumBalanceForRentExemption", json!([0])), 890_880);
    assert_eq!(chain.ok("getMinimumBalanceForRentExemption", json!([165])), 2_039_280);
    chain.ok("localnet_warpSlots", json!([151]));
    assert_eq!(
        chain.value("getFeeForMessage", json!([message])),
        json!(null),
        "its blockhash is gone"
    );
}

#[test]
fn several_accounts_come_in_the_order_asked_for() {
    let chain = Chain::frozen();
    let (rich, nobody) = (
        chain.rich().pubkey().to_string(),
        Address::new_from_array([9; 32]).to_string(),
    );
    let accounts = chain.value("getMultipleAccounts", json!([[nobody, rich], {"encoding": "base64"}]));
    assert_eq!(
        (&accounts[0], &accounts[1]["lamports"]),
        (&json!(null), &json!(100 * SOL))
    );
}

#[test]
fn a_caller_ahead_of_the_chain_is_told_so() {
    let chain = Chain::frozen();
    let error = chain.err("getSlot", json!([{"minContextSlot": 1_000_000}]));
    assert_eq!(error["code"], -32016);
}

#[test]
fn a_batch_is_answered_in_order_and_nonsense_by_the_standard_codes() {
    let chain = Chain::frozen();
    let code = |body: &str| {
        let answer = support::post(chain.port, body).unwrap().body;
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()["error"]["code"].clone()
    };
    assert_eq!(
        (code("{"), code("[]"), code("7")),
        (json!(-32700), json!(-32600), json!(-32600))
    );
    assert_eq!(chain.err("getNothing", json!([]))["code"], -32601);
    assert_eq!(chain.err("getBalance", json!(["no address"]))["code"], -32602);
    let batch = r#"[{"id":1,"method":"getHealth"},{"id":"b","method":"getSlot"}]"#;
    let answers: serde_json::Value = serde_json::from_str(&support::post(chain.port, batch).unwrap().body).unwrap();
    assert_eq!((&answers[0]["result"], &answers[1]["id"]), (&json!("ok"), &json!("b")));
}

#[test]
fn a_version_0_transaction_is_shown_to_who_understands_it() {
    let chain = Chain::frozen();
    let from = chain.rich();
    let instructions = [transfer(&from, &from.pubkey(), 1)];
    let message = v0::Message::try_compile(&from.pubkey(), &instructions, &[], chain.blockhash()).unwrap();
    let tx = VersionedTransaction::try_new(VersionedMessage::V0(message), &[&from]).unwrap();
    let signature = chain.send_signed(&tx).unwrap();
    assert_eq!(
        chain.err("getTransaction", json!([signature, "base64"]))["code"],
        -32015
    );
    let config = json!({"encoding": "base64", "maxSupportedTransactionVersion": 0});
    assert_eq!(chain.ok("getTransaction", json!([signature, config]))["version"], 0);
}

#[test]
fn a_memo_is_listed_with_its_length_and_makes_equal_transfers_differ() {
    let chain = Chain::frozen();
    let (from, to) = (chain.rich(), Keypair::new().pubkey());
    let blockhash = chain.blockhash();
    let sign = |text: &str| {
        let program_id = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr".parse().unwrap();
        let memo = Instruction {
            program_id,
            accounts: vec![],
            data: text.as_bytes().to_vec(),
        };
        let pay = [transfer(&from, &to, SOL), memo];
        let message = v0::Message::try_compile(&from.pubkey(), &pay, &[], blockhash).unwrap();
        VersionedTransaction::try_new(VersionedMessage::V0(message), &[&from]).unwrap()
    };
    for id in ["tx_1", "tx_2"] {
        chain.send_signed(&sign(id)).unwrap();
    }
    assert_eq!(chain.balance(&to), 2 * SOL);
    let rows = chain.ok("getSignaturesForAddress", json!([to.to_string()]));
    assert_eq!(
        (&rows[0]["memo"], &rows[1]["memo"]),
        (&json!("[4] tx_2"), &json!("[4] tx_1"))
    );
}
