//! Token-2022: what is plain is paid like any token, what is not has to be listed, and what cannot be paid is refused.

use {
    super::{ONE, policy, wallet},
    crate::estate::Estate,
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::TokenProgram,
    serde_json::{Value, json},
};

/// A fee of one in a hundred, without a maximum, that nobody can change.
fn fee() -> (u16, Vec<u8>) {
    let rate = [
        0_u64.to_le_bytes().as_slice(),
        &u64::MAX.to_le_bytes(),
        &100_u16.to_le_bytes(),
    ]
    .concat();
    (1, [&[0; 72], rate.as_slice(), &rate].concat())
}

/// Somebody who can take it out of any account.
fn delegate() -> (u16, Vec<u8>) {
    (12, vec![7; 32])
}

/// A program that is called with every transfer.
fn hook(program: u8) -> (u16, Vec<u8>) {
    (14, [[7; 32], [program; 32]].concat())
}

/// A Token-2022 mint of six decimals.
fn shape(extensions: &[(u16, Vec<u8>)]) -> Value {
    let extensions: Vec<(u16, String)> = extensions
        .iter()
        .map(|(number, content)| (*number, BASE64_STANDARD.encode(content)))
        .collect();
    json!({"program": "token2022", "decimals": 6, "extensions": extensions})
}

fn listing(mint: &str, units: u64) -> Value {
    let mut listed = policy(&[(mint, units)]);
    listed["whitelist"] = json!({"allowedTokenMints": [mint]});
    listed
}

#[test]
fn a_plain_token_of_the_newer_program_is_paid_like_any() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    // It can be shown with interest, which moves nothing.
    let mint = chain.create_mint(&shape(&[(10, vec![0; 52])]));
    let agent = estate.agent("buyer", &policy(&[(&mint, 10 * ONE)]));
    chain.mint_to(&mint, &agent.vault(), 10 * ONE);
    for (key, opens) in [("1", true), ("2", false)] {
        let payment = estate.until_ended(estate.pay_token(&agent, &wallet(1), (&mint, ONE), key).is(202));
        assert_eq!(
            (&payment["status"], &payment["opensTokenAccount"]),
            (&json!("CONFIRMED"), &json!(opens))
        );
    }
    assert_eq!(chain.tokens(&mint, &wallet(1)), Some(2 * ONE));
    let shown = estate.owner().get(&format!("{}/policy", agent.path())).is(200)["policy"].clone();
    assert_eq!(
        shown["tokens"][&mint]["pinned"]["program"],
        TokenProgram::Token2022.address().to_string()
    );
}

/// What is paid counts whole; who is paid gets it less the fee.
#[test]
fn a_token_with_a_fee_counts_whole_and_arrives_less_the_fee_once_the_owner_has_listed_it() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let mint = chain.create_mint(&shape(&[fee()]));
    let unlisted = estate.try_ask_for_agent("buyer", &policy(&[(&mint, ONE)])).unwrap();
    let problem = unlisted.is_problem(400, "POLICY_INVALID");
    assert_eq!(problem["param"], format!("policy.tokens.{mint}"));
    assert!(problem["detail"].as_str().unwrap().contains("takes a fee"), "{problem}");

    let agent = estate.agent("buyer", &listing(&mint, ONE));
    chain.mint_to(&mint, &agent.vault(), ONE);
    let payment = estate.until_ended(estate.pay_token(&agent, &wallet(1), (&mint, ONE), "k").is(202));
    assert_eq!(
        (&payment["status"], &payment["amount"]),
        (&json!("CONFIRMED"), &json!(ONE.to_string()))
    );
    assert_eq!(chain.tokens(&mint, &agent.vault()), Some(0), "all of it has left");
    assert_eq!(
        chain.tokens(&mint, &wallet(1)),
        Some(ONE - ONE / 100),
        "and less has arrived"
    );
    assert_eq!(estate.used_today_of(&agent.id, &mint), ONE, "all of it counts");
    let more = estate.pay_token(&agent, &wallet(1), (&mint, 1), "k2");
    more.is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
}

#[test]
fn a_mint_with_a_delegate_or_something_unknown_has_to_be_listed_and_a_hook_is_refused_always() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let asks = |mint: &str, listed: bool| {
        let wish = if listed {
            listing(mint, ONE)
        } else {
            policy(&[(mint, ONE)])
        };
        estate.try_ask_for_agent("asks", &wish).unwrap()
    };
    for risk in [
        delegate(),
        hook(0),
        (6, vec![1]),
        (3, vec![7; 32]),
        (4_000, vec![1, 2, 3]),
    ] {
        let mint = chain.create_mint(&shape(std::slice::from_ref(&risk)));
        let problem = asks(&mint, false);
        let problem = problem.is_problem(400, "POLICY_INVALID");
        assert!(
            problem["detail"].as_str().unwrap().contains("allowedTokenMints"),
            "{} {problem}",
            risk.0
        );
        asks(&mint, true).is(201);
    }
    for obstacle in [hook(5), (9, vec![])] {
        let mint = chain.create_mint(&shape(&[delegate(), obstacle]));
        for listed in [false, true] {
            asks(&mint, listed).is_problem(400, "POLICY_INVALID");
        }
    }
}

/// What a mint is, is looked at again with every payment: it may have been closed and made anew since.
#[test]
fn a_mint_that_has_become_another_is_refused_by_the_server() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let mint = chain.create_mint(&shape(&[]));
    let agent = estate.agent("buyer", &policy(&[(&mint, ONE)]));
    chain.mint_to(&mint, &agent.vault(), ONE);
    chain.mint_to(&mint, &wallet(1), 0);
    let becomes = |change: Value| {
        let mut shape = change;
        shape["address"] = json!(mint);
        chain.create_mint(&shape);
    };
    let refused = |key: &str, code: &str, says: &str| {
        let answer = estate.pay_token(&agent, &wallet(1), (&mint, 1), key);
        let problem = answer.is_problem(403, code);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
        let id = problem["transactionId"].as_str().unwrap();
        assert_eq!(
            estate.owner().get(&format!("/api/v1/transactions/{id}")).is(200)["stage"],
            "DENIED"
        );
        let body = json!({"to": wallet(1), "amount": "1", "mint": mint});
        let dry = estate
            .house
            .api(&agent.key)
            .post(&format!("{}/policy/check", agent.path()), &body);
        assert_eq!(dry.is(200)["code"], code, "the dry run says the same");
    };
    becomes(shape(&[delegate()]));
    refused("1", "POLICY_TOKEN_NOT_ALLOWED", "permanent delegate");
    becomes(shape(&[hook(5)]));
    refused("2", "POLICY_TOKEN_NOT_ALLOWED", "listed or not");
    let mut other = shape(&[]);
    other["decimals"] = json!(5);
    becomes(other);
    refused("3", "POLICY_TOKEN_NOT_ALLOWED", "other decimals");
    becomes(json!({"decimals": 6}));
    refused("4", "POLICY_PROGRAM_NOT_ALLOWED", "");
    assert_eq!(estate.used_today_of(&agent.id, &mint), 0);
    becomes(shape(&[]));
    let payment = estate.until_ended(estate.pay_token(&agent, &wallet(1), (&mint, 1), "5").is(202));
    assert_eq!(payment["status"], "CONFIRMED", "as the owner knows it, it is paid");
}

/// Frozen from the start, as its mint has it: the chain refuses the dry run, and the words say why.
#[test]
fn a_payment_into_a_frozen_account_is_refused_before_it_is_signed() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let mint = chain.create_mint(&shape(&[]));
    let agent = estate.agent("buyer", &listing(&mint, ONE));
    chain.mint_to(&mint, &agent.vault(), ONE);
    let mut frozen = shape(&[(6, vec![2])]);
    frozen["address"] = json!(mint);
    chain.create_mint(&frozen);
    let refused = estate.pay_token(&agent, &wallet(1), (&mint, 1), "k");
    let problem = refused.is_problem(422, "TRANSACTION_SIMULATION_FAILED");
    assert!(problem["detail"].as_str().unwrap().contains("frozen"), "{problem}");
    assert_eq!(estate.used_today_of(&agent.id, &mint), 0, "released");
}
