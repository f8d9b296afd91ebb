//! Spending limits of the real Squads v4 program: what the third layer of defence holds, and what it does not.
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
    solana_address::Address,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_signer::Signer,
    support::{
        Chain, DAY, SOL,
        squads::{ACCOUNT_NOT_INITIALIZED, ALREADY_IN_USE, INVALID_DESTINATION, Multisig, SPENDING_LIMIT_EXCEEDED},
        transfer,
    },
};

const MEMO: Address = Address::from_str_const("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");

/// A funded multisig whose agent may spend one SOL a day, to one address.
struct Scene {
    chain: Chain,
    owner: Keypair,
    /// Also the create key of the multisig and of the limit.
    agent: Keypair,
    shop: Address,
    multisig: Multisig,
}

impl Scene {
    fn new() -> Self {
        let scene = Self::without_limit(&[]);
        scene.add_limit(SOL);
        scene
    }

    fn without_limit(args: &[&str]) -> Self {
        let args: Vec<&str> = ["--frozen"].iter().chain(args).copied().collect();
        let chain = Chain::start(&args);
        let (owner, agent, shop) = (chain.rich(), chain.rich(), chain.rich().pubkey());
        let multisig = Multisig::new(&agent.pubkey(), &owner.pubkey());
        chain
            .send(&[multisig.create(&agent.pubkey())], &[&owner, &agent])
            .unwrap();
        chain
            .send(&[transfer(&owner, &multisig.vault, 10 * SOL)], &[&owner])
            .unwrap();
        Self {
            chain,
            owner,
            agent,
            shop,
            multisig,
        }
    }

    fn add(&self, lamports: u64) -> Instruction {
        let agent = self.agent.pubkey();
        self.multisig.add_limit(&agent, None, lamports, &agent, &[self.shop])
    }

    fn remove(&self) -> Instruction {
        self.multisig.remove_limit(&self.agent.pubkey())
    }

    fn add_limit(&self, lamports: u64) {
        self.chain.send(&[self.add(lamports)], &[&self.owner]).unwrap();
    }

    fn pay(&self, lamports: u64) -> Instruction {
        self.multisig
            .spend(&self.agent.pubkey(), &self.agent, &self.shop, lamports)
    }

    fn spend(&self, lamports: u64) {
        self.chain.send(&[self.pay(lamports)], &[&self.agent]).unwrap();
    }

    fn refusal(&self, lamports: u64) -> u64 {
        self.chain.refusal(&[self.pay(lamports)], &[&self.agent])
    }
}

#[test]
fn an_agent_spends_exactly_its_limit() {
    let scene = Scene::new();
    let before = scene.chain.balance(&scene.shop);
    scene.spend(SOL - 1);
    scene.spend(1);
    assert_eq!(scene.chain.balance(&scene.shop) - before, SOL);
    assert_eq!(scene.chain.balance(&scene.multisig.vault), 9 * SOL);
}

#[test]
fn one_lamport_over_the_limit_is_refused() {
    let scene = Scene::new();
    assert_eq!(scene.refusal(SOL + 1), SPENDING_LIMIT_EXCEEDED);
    scene.spend(SOL);
    assert_eq!(scene.refusal(1), SPENDING_LIMIT_EXCEEDED);
}

#[test]
fn a_destination_that_is_not_listed_is_refused() {
    let scene = Scene::new();
    let elsewhere = scene
        .multisig
        .spend(&scene.agent.pubkey(), &scene.agent, &scene.owner.pubkey(), 1);
    assert_eq!(scene.chain.refusal(&[elsewhere], &[&scene.agent]), INVALID_DESTINATION);
}

#[test]
fn who_is_no_member_of_the_limit_cannot_spend() {
    let scene = Scene::new();
    let by_owner = scene
        .multisig
        .spend(&scene.agent.pubkey(), &scene.owner, &scene.shop, 1);
    assert!(scene.chain.send(&[by_owner], &[&scene.owner]).is_err());
}

#[test]
fn after_exactly_a_day_it_is_still_the_old_day() {
    let scene = Scene::new();
    scene.spend(SOL);
    scene.chain.warp(DAY);
    assert_eq!(scene.refusal(1), SPENDING_LIMIT_EXCEEDED);
}

#[test]
fn one_second_after_a_day_the_limit_is_fresh() {
    let scene = Scene::new();
    scene.spend(SOL);
    scene.chain.warp(DAY + 1);
    scene.spend(SOL);
    assert_eq!(scene.refusal(1), SPENDING_LIMIT_EXCEEDED);
}

#[test]
fn days_step_from_the_creation_and_not_from_the_spend() {
    let scene = Scene::new();
    scene.chain.warp(DAY - 1);
    scene.spend(SOL);
    scene.chain.warp(2);
    scene.spend(SOL); // two days' worth within two seconds: a chain day is no rolling window
}

#[test]
fn a_removed_limit_lets_nothing_through() {
    let scene = Scene::new();
    let rent = scene.chain.balance(&scene.multisig.limit(&scene.agent.pubkey()));
    let before = scene.chain.balance(&scene.owner.pubkey());
    scene.chain.send(&[scene.remove()], &[&scene.owner]).unwrap();
    assert_eq!(scene.chain.balance(&scene.owner.pubkey()), before + rent - 5000);
    assert_eq!(scene.refusal(1), ACCOUNT_NOT_INITIALIZED);
}

#[test]
fn removing_and_adding_the_same_limit_in_one_transaction_changes_it() {
    let scene = Scene::new();
    scene
        .chain
        .send(&[scene.remove(), scene.add(3 * SOL)], &[&scene.owner])
        .unwrap();
    scene.spend(3 * SOL);
    assert_eq!(scene.refusal(1), SPENDING_LIMIT_EXCEEDED);
}

#[test]
fn re_creating_a_limit_refills_it() {
    let scene = Scene::new();
    scene.spend(SOL);
    assert_eq!(scene.refusal(1), SPENDING_LIMIT_EXCEEDED);
    scene
        .chain
        .send(&[scene.remove(), scene.add(SOL)], &[&scene.owner])
        .unwrap();
    scene.spend(SOL);
}

#[test]
fn a_failed_change_leaves_the_old_limit_in_force() {
    let scene = Scene::new();
    let add_without_amount = scene.add(0);
    assert!(
        scene
            .chain
            .send(&[scene.remove(), add_without_amount], &[&scene.owner])
            .is_err()
    );
    scene.spend(SOL);
}

#[test]
fn the_same_limit_cannot_be_added_twice() {
    let scene = Scene::new();
    assert_eq!(scene.chain.refusal(&[scene.add(SOL)], &[&scene.owner]), ALREADY_IN_USE);
}

#[test]
fn a_limit_that_was_removed_can_be_added_again() {
    let scene = Scene::new();
    scene.chain.send(&[scene.remove()], &[&scene.owner]).unwrap();
    scene.add_limit(2 * SOL);
    scene.spend(2 * SOL);
}

#[test]
fn two_limits_of_one_agent_add_up() {
    let scene = Scene::new();
    let (agent, other) = (scene.agent.pubkey(), Keypair::new().pubkey());
    let second = scene.multisig.add_limit(&other, None, SOL, &agent, &[scene.shop]);
    scene.chain.send(&[second], &[&scene.owner]).unwrap();
    scene.spend(SOL);
    let by_second = scene.multisig.spend(&other, &scene.agent, &scene.shop, SOL);
    scene.chain.send(&[by_second], &[&scene.agent]).unwrap();
}

#[test]
fn an_agent_cannot_change_its_own_limit() {
    let scene = Scene::new();
    let as_agent = Multisig {
        owner: scene.agent.pubkey(),
        ..scene.multisig
    };
    assert!(
        scene
            .chain
            .send(&[as_agent.remove_limit(&scene.agent.pubkey())], &[&scene.agent])
            .is_err()
    );
}

/// With a fee payer of its own and an id in the memo: 1,083 bytes, and 32 more per destination; 20 would be the most.
#[test]
fn sixteen_destinations_fit_an_atomic_change() {
    let scene = Scene::new();
    let payer = scene.chain.rich();
    let shops: Vec<Address> = (0..16).map(|_| Keypair::new().pubkey()).collect();
    let agent = scene.agent.pubkey();
    let add = scene.multisig.add_limit(&agent, None, SOL, &agent, &shops);
    let memo = Instruction {
        program_id: MEMO,
        accounts: vec![],
        data: vec![b'x'; 30],
    };
    let change = scene.chain.sign(&[scene.remove(), add, memo], &[&payer, &scene.owner]);
    assert_eq!(bincode::serialize(&change).unwrap().len(), 1083);
    scene.chain.send_signed(&change).unwrap();
    let to_last = scene.multisig.spend(&agent, &scene.agent, &shops[15], SOL);
    scene.chain.send(&[to_last], &[&scene.agent]).unwrap();
}

#[test]
fn leaving_dust_in_the_vault_is_refused_and_emptying_it_is_not() {
    let scene = Scene::without_limit(&[]);
    scene.add_limit(10 * SOL);
    let error = scene
        .chain
        .send(&[scene.pay(10 * SOL - 1)], &[&scene.agent])
        .unwrap_err();
    assert!(error["data"]["err"]["InsufficientFundsForRent"].is_object(), "{error}");
    scene.spend(10 * SOL);
    assert_eq!(scene.chain.balance(&scene.multisig.vault), 0);
}

#[test]
fn the_creation_fee_goes_to_the_treasury() {
    let scene = Scene::without_limit(&["--creation-fee", "50000000"]);
    let treasury = Address::new_from_array([0x7E; 32]);
    assert_eq!(scene.chain.balance(&treasury), 890_880 + 50_000_000);
}

/// Damaged calls, by a fixed sequence: accounts dropped, doubled and swapped, flags and bytes flipped.
#[test]
fn no_damaged_call_of_the_program_stops_the_chain() {
    let scene = Scene::new();
    let agent = scene.agent.pubkey();
    let whole = [
        scene.multisig.create(&Keypair::new().pubkey()),
        scene.add(SOL),
        scene.remove(),
        scene.pay(1),
    ];
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for round in 0..400 {
        let mut call = whole[round % whole.len()].clone();
        for _ in 0..=next(3) {
            let at = next(call.accounts.len().max(1));
            match next(6) {
                0 if !call.accounts.is_empty() => drop(call.accounts.remove(at)),
                1 if !call.accounts.is_empty() => call.accounts.push(call.accounts[at].clone()),
                2 if call.accounts.len() > 1 => call.accounts.swap(0, at),
                3 if !call.accounts.is_empty() => call.accounts[at].is_writable ^= true,
                4 => call.data.truncate(next(call.data.len() + 1)),
                _ if !call.data.is_empty() => {
                    let byte = next(call.data.len());
                    call.data[byte] ^= 1 << next(8);
                }
                _ => {}
            }
        }
        for meta in &mut call.accounts {
            meta.is_signer = [agent, scene.owner.pubkey()].contains(&meta.pubkey);
        }
        let signers = [&scene.agent, &scene.owner];
        let named = |key: &Keypair| call.accounts.iter().any(|meta| meta.pubkey == key.pubkey());
        let signers: Vec<&Keypair> = signers
            .into_iter()
            .enumerate()
            .filter(|(n, key)| *n == 0 || named(key))
            .map(|(_, key)| key)
            .collect();
        let _ = scene.chain.send(&[call], &signers);
    }
    assert_eq!(scene.chain.ok("getHealth", serde_json::json!([])), "ok");
    assert!(scene.chain.balance(&scene.owner.pubkey()) > 0);
}
