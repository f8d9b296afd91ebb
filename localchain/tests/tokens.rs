//! SPL tokens: balances over RPC, and a spending limit in a token.
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
    serde_json::{Value, json},
    solana_address::Address,
    solana_keypair::Keypair,
    solana_signer::Signer,
    support::{
        Chain, SOL,
        squads::{
            INVALID_DESTINATION, Mint, Multisig, SPENDING_LIMIT_EXCEEDED, TOKEN, make_mint, make_token_account, mint_to,
        },
        transfer,
    },
};

const UNIT: u64 = 1_000_000;

/// A multisig whose vault holds 100 tokens, an agent that may spend 10 a day, and a shop with a token account.
struct Scene {
    chain: Chain,
    agent: Keypair,
    multisig: Multisig,
    mint: Mint,
    shop: Address,
    vault_tokens: Address,
    shop_tokens: Address,
}

fn scene() -> Scene {
    let chain = Chain::frozen();
    let (owner, agent, shop) = (chain.rich(), chain.rich(), Keypair::new().pubkey());
    let multisig = Multisig::new(&agent.pubkey(), &owner.pubkey());
    chain
        .send(&[multisig.create(&agent.pubkey())], &[&owner, &agent])
        .unwrap();
    chain
        .send(&[transfer(&owner, &multisig.vault, SOL)], &[&owner])
        .unwrap();
    let [mint_key, from_key, to_key] = [Keypair::new(), Keypair::new(), Keypair::new()];
    let mint = Mint {
        address: mint_key.pubkey(),
        decimals: 6,
    };
    let payer = owner.pubkey();
    let rent = |bytes: u64| {
        chain
            .ok("getMinimumBalanceForRentExemption", json!([bytes]))
            .as_u64()
            .unwrap()
    };
    chain
        .send(&make_mint(&payer, &mint, &payer, rent(82)), &[&owner, &mint_key])
        .unwrap();
    let vault = make_token_account(&payer, &from_key.pubkey(), &mint, &multisig.vault, rent(165));
    let shops = make_token_account(&payer, &to_key.pubkey(), &mint, &shop, rent(165));
    chain
        .send(&[vault, shops].concat(), &[&owner, &from_key, &to_key])
        .unwrap();
    chain
        .send(&[mint_to(&mint, &from_key.pubkey(), &payer, 100 * UNIT)], &[&owner])
        .unwrap();
    let limit = multisig.add_limit(&agent.pubkey(), Some(mint.address), 10 * UNIT, &agent.pubkey(), &[shop]);
    chain.send(&[limit], &[&owner]).unwrap();
    Scene {
        chain,
        agent,
        multisig,
        mint,
        shop,
        vault_tokens: from_key.pubkey(),
        shop_tokens: to_key.pubkey(),
    }
}

impl Scene {
    fn pay(&self, amount: u64, to_account: Address) -> solana_instruction::Instruction {
        let accounts = [self.vault_tokens, to_account];
        self.multisig.spend_token(
            &self.agent.pubkey(),
            &self.agent,
            &self.shop,
            amount,
            &self.mint,
            accounts,
        )
    }

    fn tokens(&self, account: &Address) -> Value {
        self.chain.value("getTokenAccountBalance", json!([account.to_string()]))
    }
}

#[test]
fn an_agent_spends_tokens_within_its_limit_and_no_more() {
    let scene = scene();
    scene
        .chain
        .send(&[scene.pay(10 * UNIT, scene.shop_tokens)], &[&scene.agent])
        .unwrap();
    assert_eq!(scene.tokens(&scene.shop_tokens)["uiAmountString"], "10");
    assert_eq!(scene.tokens(&scene.vault_tokens)["amount"], "90000000");
    let more = scene.pay(1, scene.shop_tokens);
    assert_eq!(scene.chain.refusal(&[more], &[&scene.agent]), SPENDING_LIMIT_EXCEEDED);
}

#[test]
fn a_token_spend_to_somebody_not_listed_is_refused() {
    let scene = scene();
    let own = [scene.vault_tokens, scene.vault_tokens];
    let agent = scene.agent.pubkey();
    let to_vault = scene
        .multisig
        .spend_token(&agent, &scene.agent, &scene.multisig.vault, 1, &scene.mint, own);
    assert_eq!(scene.chain.refusal(&[to_vault], &[&scene.agent]), INVALID_DESTINATION);
}

#[test]
fn a_token_account_of_somebody_else_does_not_pass_for_the_listed_one() {
    let scene = scene();
    assert!(
        scene
            .chain
            .send(&[scene.pay(1, scene.vault_tokens)], &[&scene.agent])
            .is_err()
    );
}

#[test]
fn token_balances_before_and_after_are_told_with_the_transaction() {
    let scene = scene();
    let signature = scene
        .chain
        .send(&[scene.pay(UNIT, scene.shop_tokens)], &[&scene.agent])
        .unwrap();
    let told = scene
        .chain
        .ok("getTransaction", json!([signature, {"encoding": "base64"}]));
    let shops = |side: &str| {
        let rows = told["meta"][side].as_array().unwrap();
        let row = rows.iter().find(|row| row["owner"] == scene.shop.to_string()).unwrap();
        row["uiTokenAmount"]["amount"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (shops("preTokenBalances"), shops("postTokenBalances")),
        ("0".into(), "1000000".into())
    );
    assert!(!told["meta"]["innerInstructions"].as_array().unwrap().is_empty());
}

#[test]
fn token_accounts_are_found_by_owner_and_mint_or_program() {
    let scene = scene();
    let owner = scene.shop.to_string();
    for filter in [
        json!({"mint": scene.mint.address.to_string()}),
        json!({"programId": TOKEN.to_string()}),
    ] {
        let found = scene.chain.value(
            "getTokenAccountsByOwner",
            json!([owner, filter, {"encoding": "jsonParsed"}]),
        );
        assert_eq!(found.as_array().unwrap().len(), 1);
        assert_eq!(found[0]["pubkey"], scene.shop_tokens.to_string());
        let info = &found[0]["account"]["data"]["parsed"]["info"];
        assert_eq!(
            (&info["owner"], &info["tokenAmount"]["decimals"]),
            (&json!(owner), &json!(6))
        );
    }
    let supply = scene
        .chain
        .value("getTokenSupply", json!([scene.mint.address.to_string()]));
    assert_eq!(supply["amount"], "100000000");
}

#[test]
fn mints_of_any_shape_and_their_tokens_come_out_of_nothing() {
    let chain = Chain::frozen();
    let owner = Keypair::new().pubkey().to_string();
    let fees = [
        [0; 72].as_slice(),
        &[0; 8],
        &u64::MAX.to_le_bytes(),
        &[100, 0],
        &[0; 8],
        &u64::MAX.to_le_bytes(),
        &[100, 0],
    ];
    let fees = BASE64_STANDARD.encode(fees.concat());
    for (shape, bytes) in [
        (json!({"decimals": 6}), 165),
        (json!({"decimals": 0, "program": "token2022"}), 170),
        (
            json!({"decimals": 9, "program": "token2022", "extensions": [[1, fees]]}),
            182,
        ),
        (
            json!({"decimals": 2, "address": Address::new_from_array([9; 32]).to_string()}),
            165,
        ),
    ] {
        let mint = chain.ok("localnet_createMint", json!([shape]));
        let account = chain.ok("localnet_mintTo", json!([mint, owner, 0]));
        for total in [5, 10] {
            assert_eq!(chain.ok("localnet_mintTo", json!([mint, owner, 5])), account);
            let held = chain.value("getTokenAccountBalance", json!([account]));
            assert_eq!(
                (&held["amount"], &held["decimals"]),
                (&json!(total.to_string()), &shape["decimals"])
            );
        }
        assert_eq!(chain.value("getTokenSupply", json!([mint]))["amount"], "10");
        let data = chain.data(&account.as_str().unwrap().parse().unwrap()).unwrap();
        assert_eq!(data.len(), bytes, "the real program has made it: {shape}");
    }
    let wrapped = chain.ok(
        "localnet_mintTo",
        json!(["So11111111111111111111111111111111111111112", owner, 7]),
    );
    assert_eq!(chain.value("getTokenAccountBalance", json!([wrapped]))["amount"], "7");
    chain.ok("localnet_setLamports", json!([owner, 5]));
    assert_eq!(chain.balance(&owner.parse().unwrap()), 5);
    assert_ne!(
        chain.ok("localnet_createMint", json!([{"decimals": 6}])),
        chain.ok("localnet_createMint", json!([{"decimals": 6}]))
    );
    chain.err("localnet_mintTo", json!([owner, owner, 1]));
    chain.err("localnet_createMint", json!([{"decimals": 256}]));
    chain.err(
        "localnet_createMint",
        json!([{"decimals": 6, "extensions": [[1, "?"]]}]),
    );
}
