//! Payments in tokens, from the order to the chain: limits of their own, accounts at the fee payer's cost, mints that are
//! not plain, and the signer that believes the owner alone.

mod cli;
mod hostile;
mod kinds;

use {
    crate::{
        estate::{Agent, Estate},
        house::{Answer, SOL},
    },
    portreeve_chain::{TokenProgram, pda},
    portreeve_kernel::{Address, Asset, Mint, Seconds, Timestamp},
    portreeve_payment::{OPENED_MAX, OPENED_WINDOW},
    portreeve_signing::key::SecretKey,
    serde_json::{Value, json},
};

/// One whole token of six decimals.
const ONE: u64 = 1_000_000;

/// A wallet address that nobody has used.
fn wallet(number: u8) -> String {
    SecretKey::from_seed(&[number; 32]).public().to_string()
}

/// The usual policy in SOL, and `daily` units of each mint.
fn policy(daily: &[(&str, u64)]) -> Value {
    let mut policy = crate::estate::policy();
    for (mint, units) in daily {
        policy["tokens"][*mint] = json!({"limits": {"daily": units.to_string()}});
    }
    policy
}

fn associated(owner: &str, mint: &str, program: TokenProgram) -> String {
    let mint = Mint::new(mint.parse().unwrap());
    pda::associated_token(&owner.parse().unwrap(), &mint, program).to_string()
}

/// A payment that is refused before anything is kept, for the sake of one field.
#[track_caller]
fn is_about<'a>(answer: &'a Answer, param: &str) -> &'a str {
    let problem = answer.is_problem(400, "VALIDATION_OUT_OF_RANGE");
    assert_eq!(problem["param"], param, "{problem}");
    assert!(problem["transactionId"].is_null(), "{problem}");
    problem["detail"].as_str().unwrap()
}

/// A house, a token, and an agent that may spend ten of it a day and holds a hundred.
struct Scene {
    estate: Estate,
    mint: String,
    agent: Agent,
}

impl Scene {
    fn open() -> Self {
        let estate = Estate::open();
        let mint = estate.house.chain.create_mint(&json!({"decimals": 6}));
        let agent = estate.agent("buyer", &policy(&[(&mint, 10 * ONE)]));
        estate.house.chain.mint_to(&mint, &agent.vault(), 100 * ONE);
        Self { estate, mint, agent }
    }

    fn pay(&self, to: &str, units: u64, key: &str) -> Answer {
        self.estate.pay_token(&self.agent, to, (&self.mint, units), key)
    }

    #[track_caller]
    fn paid(&self, to: &str, units: u64, key: &str) -> Value {
        let payment = self.estate.until_ended(self.pay(to, units, key).is(202));
        assert_eq!(payment["status"], "CONFIRMED", "{payment}");
        payment
    }

    fn held(&self, owner: &str) -> Option<u64> {
        self.estate.house.chain.tokens(&self.mint, owner)
    }

    fn used(&self) -> u64 {
        self.estate.used_today_of(&self.agent.id, &self.mint)
    }
}

#[test]
fn a_token_is_paid_within_its_own_limits_and_the_chain_shows_it() {
    let scene = Scene::open();
    let Scene { estate, mint, agent } = &scene;
    let (shop, vault) = (wallet(1), agent.vault());
    estate.house.chain.mint_to(mint, &shop, 0);
    let limits: Vec<(Asset, u64)> = estate
        .limits(agent)
        .iter()
        .map(|(_, limit)| (limit.asset, limit.amount))
        .collect();
    let asset = Asset::Token(Mint::new(mint.parse().unwrap()));
    assert_eq!(limits.len(), 2);
    assert!(
        limits.contains(&(Asset::Sol, 5 * SOL)) && limits.contains(&(asset, 10 * ONE)),
        "{limits:?}"
    );
    let shown = estate.owner().get(&format!("{}/policy", agent.path())).is(200)["policy"].clone();
    let pinned = json!({"program": TokenProgram::Token.address(), "decimals": 6});
    assert_eq!(shown["tokens"][mint]["pinned"], pinned, "what the owner approved");

    let payment = scene.paid(&shop, 4 * ONE, "k1");
    assert_eq!(
        (&payment["type"], &payment["mint"]),
        (&json!("TOKEN_TRANSFER"), &json!(mint))
    );
    assert_eq!(
        (&payment["decimals"], &payment["opensTokenAccount"]),
        (&json!(6), &json!(false))
    );
    assert_eq!(
        payment["policyChecks"],
        json!({"server": true, "signer": true, "chain": true})
    );
    assert_eq!((scene.held(&shop), scene.held(&vault)), (Some(4 * ONE), Some(96 * ONE)));
    assert_eq!(
        (scene.used(), estate.used_today(&agent.id)),
        (4 * ONE, 0),
        "SOL has windows of its own"
    );
    assert_eq!(
        scene.pay(&shop, 4 * ONE, "k1").header("idempotency-replayed"),
        Some("true")
    );
    scene
        .pay(&shop, 4 * ONE + 1, "k1")
        .is_problem(422, "REQUEST_IDEMPOTENCY_MISMATCH");
    estate
        .pay(agent, &shop, 4 * ONE, "k1")
        .is_problem(422, "REQUEST_IDEMPOTENCY_MISMATCH");

    let refused = scene.pay(&shop, 6 * ONE + 1, "k2");
    let problem = refused.is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    assert_eq!(problem["maxAmountNow"], (6 * ONE).to_string());
    scene.paid(&shop, 6 * ONE, "k3");
    scene.pay(&shop, 1, "k4").is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    estate.paid(agent, &shop, SOL, "k5");
    assert_eq!(
        (scene.held(&shop), scene.held(&vault)),
        (Some(10 * ONE), Some(90 * ONE))
    );
    let remaining = |asset| {
        estate
            .limits(agent)
            .into_iter()
            .find(|(_, limit)| limit.asset == asset)
            .unwrap()
            .1
            .remaining_amount
    };
    assert_eq!((remaining(asset), remaining(Asset::Sol)), (0, 4 * SOL), "on chain too");

    let balance = estate.owner().get(&format!("{}/balance", agent.path())).is(200)["tokens"].clone();
    let expected = json!([{
        "mint": mint, "tokenProgram": TokenProgram::Token.address(), "amount": "90000000", "decimals": 6,
        "uiAmount": "90.000000", "tokenAccount": associated(&vault, mint, TokenProgram::Token),
    }]);
    assert_eq!(balance, expected);
    estate.house.chain.warp(86_400 + 300 + 2);
    scene.paid(&shop, 10 * ONE, "k6");
}

#[test]
fn each_mint_has_limits_and_windows_of_its_own_and_one_without_limits_is_refused() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let [one, other, third] = [0, 6, 9].map(|decimals| chain.create_mint(&json!({"decimals": decimals})));
    let agent = estate.agent("buyer", &policy(&[(&one, 5), (&other, 7)]));
    let shop = wallet(1);
    for mint in [&one, &other, &third] {
        chain.mint_to(mint, &agent.vault(), 1_000);
        chain.mint_to(mint, &shop, 0);
    }
    let pay = |mint: &str, units, key: &str| estate.pay_token(&agent, &shop, (mint, units), key);
    let paid = |mint: &str, units, key: &str| {
        let payment = estate.until_ended(pay(mint, units, key).is(202));
        assert_eq!(payment["status"], "CONFIRMED", "{payment}");
    };
    let places: Vec<Address> = estate.limits(&agent).iter().map(|(place, _)| *place).collect();
    for mint in [&one, &other] {
        let asset = Asset::Token(Mint::new(mint.parse().unwrap()));
        assert_eq!(
            places
                .iter()
                .filter(|place| **place == agent.wallet.limit(&asset))
                .count(),
            1
        );
    }
    assert_eq!(places.len(), 3, "one limit per mint, and SOL's");
    paid(&one, 5, "1");
    pay(&one, 1, "2").is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    pay(&other, 8, "3").is_problem(403, "POLICY_PER_TX_LIMIT_EXCEEDED");
    paid(&other, 7, "4");
    assert_eq!(
        (chain.tokens(&one, &shop), chain.tokens(&other, &shop)),
        (Some(5), Some(7))
    );
    let refused = pay(&third, 1, "5");
    let problem = refused.is_problem(403, "POLICY_TOKEN_NOT_ALLOWED");
    let kept = estate.owner().get(&format!(
        "/api/v1/transactions/{}",
        problem["transactionId"].as_str().unwrap()
    ));
    assert_eq!(kept.is(200)["stage"], "DENIED", "and it is on record");
    assert_eq!(chain.tokens(&third, &shop), Some(0));
}

/// Wrapped SOL is a token: what the policy says of SOL is not about it.
#[test]
fn wrapped_sol_is_not_sol() {
    const WRAPPED: &str = "So11111111111111111111111111111111111111112";
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let shop = wallet(1);
    chain.mint_to(WRAPPED, &shop, 0);
    let plain = estate.agent("plain", &crate::estate::policy());
    chain.mint_to(WRAPPED, &plain.vault(), SOL);
    let refused = estate.pay_token(&plain, &shop, (WRAPPED, 1), "k");
    refused.is_problem(403, "POLICY_TOKEN_NOT_ALLOWED");
    let wrapping = estate.agent("wrapping", &policy(&[(WRAPPED, SOL)]));
    chain.mint_to(WRAPPED, &wrapping.vault(), 2 * SOL);
    let payment = estate.pay_token(&wrapping, &shop, (WRAPPED, SOL), "k");
    assert_eq!(estate.until_ended(payment.is(202))["status"], "CONFIRMED");
    let over = estate.pay_token(&wrapping, &shop, (WRAPPED, 1), "k2");
    over.is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    assert_eq!(estate.used_today(&wrapping.id), 0, "SOL's budget is whole");
    assert_eq!((chain.tokens(WRAPPED, &shop), chain.balance(&shop)), (Some(SOL), 0));
}

#[test]
fn an_account_is_opened_for_whoever_has_none_at_the_fee_payers_cost_and_only_so_often() {
    let scene = Scene::open();
    let Scene { estate, mint, agent } = &scene;
    let chain = &estate.house.chain;
    let payer = estate.enrolment.fee_payer.to_string();
    let before = chain.balance(&payer);
    let most = u8::try_from(OPENED_MAX).unwrap();
    for number in 1..=most {
        let payment = scene.paid(&wallet(number), 1, &format!("open-{number}"));
        assert_eq!(payment["opensTokenAccount"], true);
        assert_eq!(scene.held(&wallet(number)), Some(1));
    }
    let rent = chain
        .call("getMinimumBalanceForRentExemption", &json!([165]))
        .as_u64()
        .unwrap();
    let cost = before - chain.balance(&payer);
    assert!(
        cost >= u64::from(most) * rent && cost < u64::from(most) * (rent + 20_000),
        "{cost}"
    );
    assert_eq!(chain.balance(&agent.vault()), 10 * SOL, "the vault pays none of it");

    let refused = scene.pay(&wallet(most + 1), 1, "one-more");
    let problem = refused.is_problem(403, "POLICY_TOKEN_ACCOUNTS_EXCEEDED");
    let first = estate
        .owner()
        .get(&format!("{}/transactions?limit=100", agent.path()))
        .is(200)["items"]
        .clone();
    let opened: Vec<Timestamp> = first
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["stage"] == "FINALIZED")
        .map(|one| serde_json::from_value(one["createdAt"].clone()).unwrap())
        .collect();
    let oldest = *opened.iter().min().unwrap();
    assert_eq!(
        problem["passesAt"],
        json!(oldest.plus(OPENED_WINDOW)),
        "when the oldest leaves"
    );
    assert_eq!(scene.held(&wallet(most + 1)), None);
    assert_eq!(scene.used(), u64::from(most), "nothing is reserved");
    let asked = estate.house.api(&agent.key).post(
        &format!("{}/policy/check", agent.path()),
        &json!({"to": wallet(most + 1), "amount": "1", "mint": mint}),
    );
    assert_eq!(
        asked.is(200)["code"],
        "POLICY_TOKEN_ACCOUNTS_EXCEEDED",
        "the dry run says the same"
    );
    scene.paid(&wallet(1), 1, "has-one-by-now");

    chain.warp(u64::from(Seconds(OPENED_WINDOW.0 + 60).0));
    scene.paid(&wallet(most + 1), 1, "a-day-on");
}

#[test]
fn what_cannot_be_paid_is_refused_by_the_name_of_its_field_and_reserves_nothing() {
    let scene = Scene::open();
    let Scene { estate, mint, agent } = &scene;
    let chain = &estate.house.chain;
    let shop = wallet(1);
    let account = chain.mint_to(mint, &shop, 0);
    let off_curve = associated(&wallet(2), mint, TokenProgram::Token);
    let program = TokenProgram::Token.address().to_string();
    for (to, says) in [
        (account.as_str(), "is a token account"),
        (mint, "is a token account or a mint"),
        (&off_curve, "no key can sign for it"),
        (&program, "is no wallet"),
        (&agent.vault(), "own wallet"),
        (&agent.wallet.multisig().to_string(), "own wallet"),
        ("11111111111111111111111111111111", "system program"),
    ] {
        let refused = scene.pay(to, 1, "field");
        let detail = is_about(&refused, "to");
        assert!(detail.contains(says), "{to}: {detail}");
    }
    for no_mint in [
        shop.as_str(),
        &account,
        "11111111111111111111111111111111",
        &agent.vault(),
    ] {
        let refused = estate.pay_token(agent, &wallet(2), (no_mint, 1), "field");
        let detail = is_about(&refused, "mint");
        assert!(detail.contains("no token mint"), "{no_mint}: {detail}");
    }
    let body = json!({"to": shop, "amount": "1", "mint": "SOL"});
    let refused = estate.house.api(&agent.key).send(
        minreq::Method::Post,
        "/api/v1/transactions",
        Some(&body),
        &[("Idempotency-Key", "field")],
    );
    assert_eq!(refused.is_problem(400, "VALIDATION_INVALID_FORMAT")["param"], "mint");
    let policy = policy(&[(&account, 5)]);
    let asked = estate.try_ask_for_agent("other", &policy).unwrap();
    let problem = asked.is_problem(400, "POLICY_INVALID");
    assert_eq!(problem["param"], format!("policy.tokens.{account}"));
    assert_eq!(scene.used(), 0);
    let none = estate.owner().get(&format!("{}/transactions", agent.path()));
    assert_eq!(none.is(200)["items"], json!([]), "none of it is kept");
}

#[test]
fn a_program_owned_wallet_is_paid_when_the_owner_has_listed_it() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let mint = chain.create_mint(&json!({"decimals": 6}));
    let empty = estate.agent("saver", &crate::estate::policy());
    let vault = empty.vault();
    let off_curve = associated(&wallet(2), &mint, TokenProgram::Token2022);
    let mut listed = policy(&[(&mint, ONE)]);
    listed["whitelist"] = json!({"allowedDestinations": [off_curve, vault]});
    let agent = estate.agent("buyer", &listed);
    chain.mint_to(&mint, &agent.vault(), ONE);
    for (to, key) in [(&vault, "1"), (&off_curve, "2")] {
        let payment = estate.until_ended(estate.pay_token(&agent, to, (&mint, 5), key).is(202));
        assert_eq!(payment["status"], "CONFIRMED", "{payment}");
        assert_eq!(chain.tokens(&mint, to), Some(5));
    }
}

#[test]
fn a_vault_without_the_token_or_with_too_little_says_so_and_its_budget_comes_back() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let mint = chain.create_mint(&json!({"decimals": 6}));
    let agent = estate.agent("buyer", &policy(&[(&mint, 10 * ONE)]));
    let shop = wallet(1);
    chain.mint_to(&mint, &shop, 0);
    let short = |units, key: &str, says: &str| {
        let refused = estate.pay_token(&agent, &shop, (&mint, units), key);
        let problem = refused.is_problem(422, "TRANSACTION_INSUFFICIENT_BALANCE");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
        assert_eq!(estate.used_today_of(&agent.id, &mint), 0, "released");
        let id = problem["transactionId"].as_str().unwrap();
        assert_eq!(
            estate.owner().get(&format!("/api/v1/transactions/{id}")).is(200)["stage"],
            "SIMULATION_FAILED"
        );
    };
    short(ONE, "1", "no token account for it yet");
    chain.mint_to(&mint, &agent.vault(), 0);
    short(ONE, "2", "the vault has 0.000000");
    chain.mint_to(&mint, &agent.vault(), ONE - 1);
    short(ONE, "3", "the vault has 0.999999");
    let rest = estate.pay_token(&agent, &shop, (&mint, ONE - 1), "4");
    assert_eq!(estate.until_ended(rest.is(202))["status"], "CONFIRMED");
    assert_eq!(chain.tokens(&mint, &agent.vault()), Some(0));
}

#[test]
fn a_fee_payer_without_lamports_opens_nothing_and_the_budget_comes_back() {
    let scene = Scene::open();
    let Scene { estate, mint, agent } = &scene;
    let chain = &estate.house.chain;
    let payer = estate.enrolment.fee_payer.to_string();
    chain.set_balance(&payer, 1_500_000);
    let refused = scene.pay(&wallet(1), 1, "k");
    let problem = refused.is_problem(422, "TRANSACTION_SIMULATION_FAILED");
    assert!(problem["detail"].as_str().unwrap().contains("fee payer"), "{problem}");
    assert_eq!((scene.used(), scene.held(&wallet(1))), (0, None));
    chain.mint_to(mint, &wallet(1), 0);
    scene.paid(&wallet(1), 1, "an-account-is-there");
    assert_eq!(agent.wallet.keys().fee_payer.to_string(), payer);
}
