//! The whole server is replaced by one that wants the money. It holds the server's socket, database and configuration,
//! speaks to the real signer whatever it likes, and sends all that it gets signed to the real chain. It gets what the
//! owner approved and not one lamport more, and changes nothing about whose wallet it is.

mod attempts;
mod robber;
mod wishes;

use {
    crate::{
        estate::{Agent, Estate, SquadsAccount, transaction},
        house::SOL,
    },
    attempts::{
        ask_for_an_agent_of_its_own, ask_for_forbidden_messages, ask_for_wider_limits, ask_for_wrong_payments,
        forge_policies, policy, take_over,
    },
    portreeve_chain::{LimitChange, LimitSpec, squads::Period},
    portreeve_kernel::{Address, Asset},
    portreeve_policy::approval_challenge,
    portreeve_signing::{
        Bytes, Hash, Reason, Receipt,
        key::SecretKey,
        protocol::{Answer, Request},
        resume_challenge,
    },
    robber::Robber,
    serde_json::json,
    std::{collections::BTreeMap, sync::Mutex, thread},
};

/// Approved for a day, and for one payment of it.
const DAY: u64 = 2 * SOL;
const ONE: u64 = SOL;

fn thief() -> SecretKey {
    SecretKey::from_seed(&[99; 32])
}

fn thiefs() -> Address {
    thief().public()
}

/// Asks for payments until nothing more is signed: whole ones on many connections first, the rest lamport by lamport.
/// Says how much was signed.
fn drain(estate: &Estate, agent: &Agent, shop: Address, first_id: u64) -> u64 {
    let signed = Mutex::new(0);
    thread::scope(|scope| {
        for number in 0..4_u64 {
            let signed = &signed;
            scope.spawn(move || {
                let mut robber = Robber::new(estate);
                for round in 0..12 {
                    let lamports = [ONE / 10, ONE, 3 * ONE / 10, ONE + 1, 7][usize::try_from(round % 5).unwrap()];
                    let wish = robber.pay(agent, agent, first_id + 100 * number + round, shop, lamports);
                    if robber.ask(&wish).is_ok() {
                        assert!(lamports <= ONE);
                        *signed.lock().unwrap() += lamports;
                    }
                }
            });
        }
    });
    let mut robber = Robber::new(estate);
    let mut step = ONE;
    let mut id = first_id + 1_000;
    while step > 0 {
        id += 1;
        assert!(*signed.lock().unwrap() <= DAY, "more is signed than was approved");
        let wish = robber.pay(agent, agent, id, shop, step);
        match robber.ask(&wish) {
            Ok(_) => *signed.lock().unwrap() += step,
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::Policy);
                step /= 2;
            }
        }
    }
    signed.into_inner().unwrap()
}

#[test]
fn a_hostile_server_gets_what_the_owner_approved_and_not_one_lamport_more() {
    let mut estate = Estate::open();
    let shop: Address = estate.house.somebody().parse().unwrap();
    estate.house.chain.airdrop(&shop.to_string(), SOL);
    let wish = json!({
        "preset": "custom", "limits": {"perTransaction": (2 * ONE).to_string(), "daily": (2 * DAY).to_string()},
        "whitelist": {"allowedDestinations": [shop]},
    });
    let agent = estate.agent("victim", &wish);
    let sibling = estate.agent("sibling", &wish);
    let honest = estate.paid(&agent, &shop.to_string(), ONE / 2, "honest");
    let whose = estate.multisig(&agent);
    let fees = estate.house.chain.balance(&agent.wallet.keys().fee_payer.to_string());

    // The server is gone. Its socket, its database and its configuration are somebody else's now.
    assert_eq!(estate.house.stop().code, 0);
    let _signer = estate.house.lone_signer(&[]);
    let estate = estate;
    let mut robber = Robber::new(&estate);

    // The owner has lowered the limits since; what was approved first is in the database still.
    let first = policy(1, 2 * ONE, 2 * DAY, shop);
    let older = take_over(
        &agent.id,
        &first,
        Some(estate.approval.approve(&approval_challenge(&agent.id, &first))),
    );
    let newest = policy(2, ONE, DAY, shop);
    let proof = estate.approval.approve(&approval_challenge(&agent.id, &newest));
    robber.ask(&take_over(&agent.id, &newest, Some(proof))).unwrap();
    forge_policies(&mut robber, &agent, &older, &newest);

    let limit = LimitSpec {
        asset: Asset::Sol,
        amount: newest.limits.daily,
        destinations: [shop].into(),
    };
    ask_for_wrong_payments(&mut robber, &agent, &sibling, shop, &honest);
    ask_for_forbidden_messages(&mut robber, &agent, shop);
    ask_for_wider_limits(&mut robber, &agent, &limit);
    ask_for_an_agent_of_its_own(&mut robber, &agent);
    assert_eq!(robber.signed, 0, "so far nothing");

    // What the owner did approve is signed as often as it is asked for, and is worth no more for that: the chain's limit
    // starts full each time, the signer's sums do not.
    let replace = agent
        .wallet
        .limit_transactions(&[LimitChange::Replace(limit)])
        .unwrap()
        .remove(0);
    let restore = |robber: &mut Robber<'_>| {
        let message = Bytes(robber.bytes(&agent, &replace));
        let agent = agent.id.clone();
        robber.ask(&Request::SignLimitRestore { agent, message })
    };
    restore(&mut robber).unwrap();
    let mut signed = drain(&estate, &agent, shop, 10_000);
    restore(&mut robber).unwrap();
    restore(&mut robber).unwrap();
    signed += drain(&estate, &agent, shop, 20_000);
    assert_eq!(
        signed,
        DAY - ONE / 2,
        "to the lamport, with what the honest server had signed"
    );

    // A receipt that is not the signer's does not even freeze it.
    let forged = Receipt {
        sequence: u64::MAX,
        mac: Hash::new([1; 32]),
    };
    robber.client.show(forged);
    assert_eq!(
        robber.refused("a forged receipt", &Request::Health).reason,
        Reason::ForeignReceipt
    );
    robber.client = estate.house.signer_client();
    robber.ask(&Request::Health).unwrap();

    // It may stop the agent. It cannot let it go on.
    let Ok(Answer::Suspension(stop)) = robber.ask(&Request::Suspend {
        agent: agent.id.clone(),
    }) else {
        panic!()
    };
    let challenge = resume_challenge(&agent.id, stop.suspension);
    let agent_id = agent.id.clone();
    let forged = Request::Resume {
        agent: agent_id,
        proof: thief().approve(&challenge),
    };
    assert_eq!(
        robber.refused("a forged resumption", &forged).reason,
        Reason::ProofInvalid
    );
    assert_eq!(restore(&mut robber).unwrap_err().reason, Reason::Suspended);

    let chain = &estate.house.chain;
    assert_eq!(chain.balance(&agent.vault()), 10 * SOL - DAY, "not one lamport more");
    assert_eq!(chain.balance(&shop.to_string()), SOL + DAY);
    assert_eq!(chain.balance(&sibling.vault()), 10 * SOL);
    assert_eq!(chain.balance(&thiefs().to_string()), 0);
    let spent = fees - chain.balance(&agent.wallet.keys().fee_payer.to_string());
    assert!(
        spent < SOL / 100,
        "fees of what was signed, and nothing else: {spent} lamports"
    );
    assert_eq!(
        estate.multisig(&agent),
        whose,
        "members, threshold, config authority: as they were"
    );
    assert_eq!(
        estate.squads_accounts(&agent),
        [SquadsAccount::Limit],
        "one limit, no proposal, nothing else"
    );
    let [(place, limit)] = &estate.limits(&agent)[..] else {
        panic!()
    };
    assert_eq!(*place, agent.wallet.limit(&Asset::Sol));
    assert_eq!((limit.amount, limit.period), (DAY, Period::Day));
    assert_eq!(
        (&limit.members[..], &limit.destinations[..]),
        (&[agent.wallet.keys().agent_key][..], &[shop][..])
    );
    assert_eq!(estate.squads_accounts(&sibling), [SquadsAccount::Limit]);
}

#[test]
fn a_hostile_server_gets_no_more_in_a_week_or_a_month_and_nothing_that_was_given_up() {
    let mut estate = Estate::open();
    let shop: Address = estate.house.somebody().parse().unwrap();
    estate.house.chain.airdrop(&shop.to_string(), SOL);
    let limits = [
        ("perTransaction", SOL),
        ("daily", 2 * SOL),
        ("weekly", 3 * SOL),
        ("monthly", 4 * SOL),
    ];
    let limits: BTreeMap<_, _> = limits
        .into_iter()
        .map(|(name, most)| (name, most.to_string()))
        .collect();
    let agent = estate.agent("victim", &json!({"preset": "custom", "limits": limits}));
    assert_eq!(estate.house.stop().code, 0);
    let _signer = estate.house.lone_signer(&[]);
    let mut robber = Robber::new(&estate);

    let given_up = robber.pay(&agent, &agent, 1, shop, 1);
    let void = Request::VoidSpend {
        transaction: transaction(1),
        agent: agent.id.clone(),
    };
    robber.ask(&void).unwrap();
    let refused = robber.refused("a payment that was given up", &given_up);
    assert_eq!(refused.reason, Reason::TransactionVoided);

    let mut id = 1;
    let mut take = || {
        let mut signed = 0;
        loop {
            id += 1;
            match robber.ask(&robber.pay(&agent, &agent, id, shop, SOL / 2)) {
                Ok(_) => signed += SOL / 2,
                Err(refusal) => {
                    assert_eq!(refusal.reason, Reason::Policy);
                    return signed;
                }
            }
        }
    };
    // What was signed counts from when it could last have landed.
    let landing = 600;
    assert_eq!(take(), 2 * SOL, "a day");
    estate.house.chain.warp(86_400 + landing);
    assert_eq!(take(), SOL, "a week");
    estate.house.chain.warp(7 * 86_400 + landing);
    assert_eq!(take(), SOL, "a month");
    assert_eq!(estate.house.chain.balance(&agent.vault()), 6 * SOL);
}
