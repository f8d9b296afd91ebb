//! What is tried, in turn. Nothing of this may be signed.

use {
    super::{
        DAY, ONE,
        robber::Robber,
        thief, thiefs,
        wishes::{forbidden, foreign, wider},
    },
    crate::estate::{Agent, spend, transaction},
    portreeve_chain::{Action, LimitSpec, account::ProgramConfig, pda},
    portreeve_kernel::{Address, AgentId, Amount, Asset, OwnerProof, Timestamp, entropy::Seeded},
    portreeve_policy::{AgentPolicy, Limits, PolicyInput, Whitelist, approval_challenge},
    portreeve_signing::{Bytes, Reason, protocol::Request, resume_challenge},
    serde_json::{Value, json},
};

pub(super) fn policy(version: u64, one: u64, day: u64, shop: Address) -> AgentPolicy {
    let body = json!({
        "preset": "custom", "limits": {"perTransaction": one.to_string(), "daily": day.to_string()},
        "whitelist": {"allowedDestinations": [shop]},
    });
    serde_json::from_value::<PolicyInput>(body)
        .unwrap()
        .resolve(version)
        .unwrap()
}

pub(super) fn take_over(agent: &AgentId, policy: &AgentPolicy, proof: Option<OwnerProof>) -> Request {
    Request::ApprovePolicy {
        agent: agent.clone(),
        policy: Box::new(policy.clone()),
        proof,
    }
}

/// Tries every policy but the owner's; the newest approved one is `newest`.
pub(super) fn forge_policies(robber: &mut Robber<'_>, agent: &Agent, older: &Request, newest: &AgentPolicy) {
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
    let OwnerProof::Ed25519 { signature, .. } = thief().approve(&approval_challenge(&agent.id, &rich)) else {
        panic!()
    };
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

/// Payments that the policy does not allow, or that are somebody else's.
pub(super) fn ask_for_wrong_payments(
    robber: &mut Robber<'_>,
    agent: &Agent,
    sibling: &Agent,
    shop: Address,
    honest: &Value,
) {
    let estate = robber.estate;
    for (what, request) in [
        (
            "over the limit of one payment",
            robber.pay(agent, agent, 1, shop, ONE + 1),
        ),
        ("over everything", robber.pay(agent, agent, 2, shop, u64::MAX >> 1)),
        ("to the thief", robber.pay(agent, agent, 3, thiefs(), 1)),
        (
            "to the fee payer",
            robber.pay(agent, agent, 4, estate.enrolment.fee_payer, 1),
        ),
        ("out of a sibling's wallet", robber.pay(agent, sibling, 5, shop, 1)),
        ("in a sibling's name", robber.pay(sibling, agent, 6, shop, 1)),
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
}

/// What only the owner key, the fee payer or the agent's key could do on chain, alone and beside something harmless, and
/// bytes that are no plain message.
pub(super) fn ask_for_forbidden_messages(robber: &mut Robber<'_>, agent: &Agent, shop: Address) {
    let estate = robber.estate;
    let remove: Action = agent.wallet.remove_limit(&Asset::Sol).into();
    let harmless = remove.instruction(agent.wallet.programs());
    let pay = spend(&agent.wallet, 7_000, shop, 1, estate.blockhash());
    let payment = pay.instructions()[0].clone();
    for (what, instruction) in forbidden(estate, agent) {
        for instructions in [
            vec![instruction.clone()],
            vec![harmless.clone(), instruction.clone()],
            vec![payment.clone(), instruction.clone()],
            vec![instruction, payment.clone()],
        ] {
            let reasons = robber.refused_every_way(what, &agent.id, estate.compile(&instructions).as_bytes());
            let understood = |reason: &Reason| matches!(reason, Reason::Undecodable | Reason::WrongAction);
            assert!(reasons.iter().all(understood), "{what}: {reasons:?}");
        }
    }
    let versioned = [&[0x80], pay.as_bytes(), &[0]].concat();
    let longer = [pay.as_bytes(), &[0]].concat();
    for (what, bytes) in [
        ("a message of version 0", versioned),
        ("a byte too many", longer),
        ("nothing", Vec::new()),
    ] {
        robber.refused_every_way(what, &agent.id, &bytes);
    }
}

/// Limits and multisigs that say more than the approved one, which is `limit`.
pub(super) fn ask_for_wider_limits(robber: &mut Robber<'_>, agent: &Agent, limit: &LimitSpec) {
    let estate = robber.estate;
    let remove: Action = agent.wallet.remove_limit(&limit.asset).into();
    let good = agent.wallet.add_limit(limit).unwrap();
    for (what, wish) in wider(&good, agent) {
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
}

/// An agent that the owner has never seen.
pub(super) fn ask_for_an_agent_of_its_own(robber: &mut Robber<'_>, agent: &Agent) {
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
        &robber.bytes(agent, &[agent.wallet.remove_limit(&Asset::Sol).into()]),
    );
}
