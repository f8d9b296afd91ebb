//! The whole server is replaced by one that wants the money. It holds the server's socket, database and configuration,
//! speaks to the real signer whatever it likes, and sends all that it gets signed to the real chain. It gets what the
//! owner approved and not one lamport more, and changes nothing about whose wallet it is.

mod robber;
mod wishes;

use {
    crate::{
        estate::{Agent, Estate, SquadsAccount, spend, transaction},
        house::SOL,
    },
    portreeve_chain::{Action, LimitChange, LimitSpec, account::ProgramConfig, pda, squads::Period},
    portreeve_kernel::{Address, AgentId, Amount, Asset, OwnerProof, Timestamp, entropy::Seeded},
    portreeve_policy::{AgentPolicy, Limits, PolicyInput, Whitelist, approval_challenge},
    portreeve_signing::{
        Bytes, Hash, Reason, Receipt,
        key::SecretKey,
        protocol::{Answer, Request},
        resume_challenge,
    },
    robber::Robber,
    serde_json::json,
    std::{sync::Mutex, thread},
    wishes::{forbidden, foreign, wider},
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

fn policy(version: u64, one: u64, day: u64, shop: Address) -> AgentPolicy {
    let body = json!({
        "preset": "custom", "limits": {"perTransaction": one.to_string(), "daily": day.to_string()},
        "whitelist": {"allowedDestinations": [shop]},
    });
    serde_json::from_value::<PolicyInput>(body)
        .unwrap()
        .resolve(version)
        .unwrap()
}

fn take_over(agent: &AgentId, policy: &AgentPolicy, proof: Option<OwnerProof>) -> Request {
    Request::ApprovePolicy {
        agent: agent.clone(),
        policy: Box::new(policy.clone()),
        proof,
    }
}

/// Tries every policy but the owner's; the newest approved one is `newest`.
fn forge_policies(robber: &mut Robber<'_>, agent: &Agent, older: &Request, newest: &AgentPolicy) {
    let estate = robber.estate;
    let next = |change: fn(&mut AgentPolicy)| {
        let mut policy = AgentPolicy {
            version: newest.version + 1,
            ..newest.clone()
        };
        change(&mut policy);
        policy
    };
    let rich = next(|policy| {
        let all = Amount::new(u64::MAX >> 1).unwrap();
        policy.limits = Limits {
            per_transaction: all,
            daily: all,
            weekly: all,
            monthly: all,
        };
    });
    let OwnerProof::Ed25519 { signature, .. } = thief().approve(&approval_challenge(&agent.id, &rich));
    let dressed = OwnerProof::Ed25519 {
        public_key: estate.approval.public(),
        signature,
    };
    let other = AgentId::new(Timestamp::from_seconds(1_800_000_000), &Seeded::new(1));
    let owner = |challenge| Some(estate.approval.approve(challenge));
    let proposals = [
        ("no proof", &rich, None),
        (
            "the thief's proof",
            &rich,
            Some(thief().approve(&approval_challenge(&agent.id, &rich))),
        ),
        ("the thief's proof in the owner's name", &rich, Some(dressed)),
        (
            "a proof for another agent",
            &rich,
            owner(&approval_challenge(&other, &rich)),
        ),
        (
            "a proof of another policy",
            &rich,
            owner(&approval_challenge(&agent.id, newest)),
        ),
        (
            "a proof of something else",
            &rich,
            owner(&resume_challenge(&agent.id, 4)),
        ),
        (
            "any destination",
            &next(|policy| policy.whitelist = Whitelist::default()),
            None,
        ),
        (
            "a larger week",
            &next(|policy| policy.limits.weekly = Amount::new(10 * DAY).unwrap()),
            None,
        ),
        (
            "no interval, no hours, another list",
            &next(|policy| policy.whitelist.allowed_destinations = [thiefs()].into()),
            None,
        ),
    ];
    for (what, policy, proof) in proposals {
        let reason = robber.refused(what, &take_over(&agent.id, policy, proof)).reason;
        assert!(
            matches!(reason, Reason::ProofInvalid | Reason::PolicyLoosens),
            "{what}: {reason:?}"
        );
    }
    assert_eq!(
        robber.refused("the owner did sign this once", older).reason,
        Reason::PolicyOlder
    );
    let renumbered = AgentPolicy {
        version: newest.version,
        ..rich
    };
    assert_eq!(
        robber
            .refused("other content", &take_over(&agent.id, &renumbered, None))
            .reason,
        Reason::PolicyDiffers
    );
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

    for (what, request) in [
        (
            "over the limit of one payment",
            robber.pay(&agent, &agent, 1, shop, ONE + 1),
        ),
        ("over everything", robber.pay(&agent, &agent, 2, shop, u64::MAX >> 1)),
        ("to the thief", robber.pay(&agent, &agent, 3, thiefs(), 1)),
        (
            "to the fee payer",
            robber.pay(&agent, &agent, 4, estate.enrolment.fee_payer, 1),
        ),
        ("out of a sibling's wallet", robber.pay(&agent, &sibling, 5, shop, 1)),
        ("in a sibling's name", robber.pay(&sibling, &agent, 6, shop, 1)),
        (
            "under the id of an honest payment",
            Request::SignSpend {
                transaction: honest["id"].as_str().unwrap().parse().unwrap(),
                agent: agent.id.clone(),
                message: Bytes(spend(&agent.wallet, 7, shop, 1, estate.blockhash()).as_bytes().to_vec()),
            },
        ),
        (
            "under another id than the memo",
            Request::SignSpend {
                transaction: transaction(9),
                agent: agent.id.clone(),
                message: Bytes(spend(&agent.wallet, 8, shop, 1, estate.blockhash()).as_bytes().to_vec()),
            },
        ),
    ] {
        robber.refused(what, &request);
    }

    // Nothing of this may be signed, neither alone nor behind something harmless.
    let remove: Action = agent.wallet.remove_limit(&Asset::Sol).into();
    let harmless = remove.instruction(agent.wallet.programs());
    for (what, instruction) in forbidden(&estate, &agent) {
        for instructions in [vec![instruction.clone()], vec![harmless.clone(), instruction]] {
            let reasons = robber.refused_every_way(what, &agent.id, estate.compile(&instructions).as_bytes());
            let understood = |reason: &Reason| matches!(reason, Reason::Undecodable | Reason::WrongAction);
            assert!(reasons.iter().all(understood), "{what}: {reasons:?}");
        }
    }
    let pay = spend(&agent.wallet, 7_000, shop, 1, estate.blockhash());
    let versioned = [&[0x80], pay.as_bytes(), &[0]].concat();
    let longer = [pay.as_bytes(), &[0]].concat();
    for (what, bytes) in [
        ("a message of version 0", versioned),
        ("a byte too many", longer),
        ("nothing", Vec::new()),
    ] {
        robber.refused_every_way(what, &agent.id, &bytes);
    }
    let limit = LimitSpec {
        asset: Asset::Sol,
        amount: newest.limits.daily,
        destinations: [shop].into(),
    };
    let good = agent.wallet.add_limit(&limit).unwrap();
    for (what, wish) in wider(&good, &agent) {
        let fresh: Vec<Action> = vec![wish.clone().into()];
        for actions in [
            fresh,
            vec![remove.clone(), wish.clone().into()],
            vec![good.clone().into(), wish.into()],
        ] {
            let instructions: Vec<_> = actions
                .iter()
                .map(|action| action.instruction(agent.wallet.programs()))
                .collect();
            robber.refused_every_way(what, &agent.id, estate.compile(&instructions).as_bytes());
        }
    }
    let config = estate
        .house
        .chain
        .data(&pda::program_config(agent.wallet.programs()).to_string());
    let create = agent.wallet.create(ProgramConfig::decode(&config).unwrap().treasury);
    for (what, wish) in foreign(&create) {
        let instruction = Action::from(wish).instruction(agent.wallet.programs());
        robber.refused_every_way(what, &agent.id, estate.compile(&[instruction]).as_bytes());
    }
    let newcomer = AgentId::new(Timestamp::from_seconds(1_800_000_000), &Seeded::new(77));
    robber
        .ask(&Request::CreateAgentKey {
            agent: newcomer.clone(),
        })
        .unwrap();
    let reason = robber
        .refused(
            "an agent the owner never saw",
            &take_over(&newcomer, &policy(1, ONE, DAY, thiefs()), None),
        )
        .reason;
    assert_eq!(reason, Reason::PolicyLoosens);
    robber.refused_every_way(
        "a wallet of the thief's",
        &newcomer,
        &robber.bytes(&agent, &[create.clone().into()]),
    );
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
