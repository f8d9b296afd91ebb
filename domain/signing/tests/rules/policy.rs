//! Which policies are believed.

use {
    crate::world::*,
    portreeve_kernel::OwnerProof,
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{MAX_UNPROVEN_STEP, Reason, protocol::Request},
};

fn tighter(version: u64) -> AgentPolicy {
    AgentPolicy {
        limits: limits(50, 200, 1_000, 2_000),
        ..policy(version)
    }
}

fn looser(version: u64) -> AgentPolicy {
    AgentPolicy {
        limits: limits(101, 300, 1_000, 2_000),
        ..policy(version)
    }
}

/// The version in force, by what it allows at once.
fn in_force(world: &World) -> u64 {
    world
        .state
        .agents()
        .find(|(id, _)| **id == agent(1))
        .unwrap()
        .1
        .policy()
        .unwrap()
        .version
}

#[test]
fn the_owners_proof_brings_any_newer_policy_into_force() {
    let mut world = World::ready();
    world.approve(1, looser(2));
    assert_eq!(in_force(&world), 2);
    world.done(pay(1, 101));
    world.approve(1, tighter(7_000));
    assert_eq!(in_force(&world), 7_000);
}

#[test]
fn without_proof_only_tightening_is_accepted() {
    let mut world = World::ready();
    assert_eq!(world.refused(proposed(1, &looser(2), None)), Reason::PolicyLoosens);
    world.done(proposed(1, &tighter(2), None));
    assert_eq!(in_force(&world), 2);
    assert_eq!(world.refused(pay(1, 51)), Reason::Policy);
    assert_eq!(
        world.refused(proposed(1, &policy(3), None)),
        Reason::PolicyLoosens,
        "the first again is looser"
    );
}

#[test]
fn a_forged_proof_is_refused_even_for_a_policy_that_would_need_none() {
    let mut world = World::ready();
    let good = approval_challenge(&agent(1), &tighter(2));
    let stranger = secret(9).approve(&good);
    let OwnerProof::Ed25519 { signature, .. } = stranger.clone() else {
        panic!()
    };
    let dressed = OwnerProof::Ed25519 {
        public_key: address(APPROVAL),
        signature,
    };
    let other_version = secret(APPROVAL).approve(&approval_challenge(&agent(1), &tighter(3)));
    let other_agent = secret(APPROVAL).approve(&approval_challenge(&agent(2), &tighter(2)));
    let other_content = secret(APPROVAL).approve(&approval_challenge(&agent(1), &policy(2)));
    let other_act = secret(APPROVAL).approve(&portreeve_signing::resume_challenge(&agent(1), 2));
    for proof in [stranger, dressed, other_version, other_agent, other_content, other_act] {
        assert_eq!(
            world.refused(proposed(1, &tighter(2), Some(proof))),
            Reason::ProofInvalid
        );
    }
    assert_eq!(in_force(&world), 1);
}

#[test]
fn an_older_policy_is_refused_though_the_owner_once_signed_it() {
    let mut world = World::ready();
    let old = approved(1, &looser(2), APPROVAL);
    world.done(old.clone());
    world.done(proposed(1, &tighter(3), None));
    assert_eq!(world.refused(old), Reason::PolicyOlder);
    assert_eq!(world.refused(approved(1, &policy(1), APPROVAL)), Reason::PolicyOlder);
    assert_eq!(in_force(&world), 3);
}

#[test]
fn the_policy_in_force_may_be_sent_again_and_another_under_its_number_may_not() {
    let mut world = World::ready();
    let records = world.journal.len();
    world.done(approved(1, &policy(1), APPROVAL));
    world.done(proposed(1, &policy(1), None));
    assert_eq!(world.journal.len(), records);
    assert_eq!(world.refused(approved(1, &looser(1), APPROVAL)), Reason::PolicyDiffers);
    assert_eq!(world.refused(proposed(1, &tighter(1), None)), Reason::PolicyDiffers);
}

#[test]
fn one_agents_policy_says_nothing_about_another() {
    let mut world = World::ready();
    world.done(Request::CreateAgentKey { agent: agent(2) });
    let proof = secret(APPROVAL).approve(&approval_challenge(&agent(1), &policy(1)));
    assert_eq!(
        world.refused(proposed(2, &policy(1), Some(proof))),
        Reason::ProofInvalid
    );
    assert_eq!(world.refused(proposed(2, &policy(1), None)), Reason::PolicyLoosens);
    assert_eq!(world.refused(approved(3, &policy(1), APPROVAL)), Reason::UnknownAgent);
}

#[test]
fn the_numbers_cannot_be_used_up_without_the_owner() {
    let mut world = World::ready();
    assert_eq!(
        world.refused(proposed(1, &tighter(u64::MAX), None)),
        Reason::PolicySkips
    );
    assert_eq!(
        world.refused(proposed(1, &tighter(2 + MAX_UNPROVEN_STEP), None)),
        Reason::PolicySkips
    );
    world.done(proposed(1, &tighter(1 + MAX_UNPROVEN_STEP), None));
}

#[test]
fn a_policy_that_contradicts_itself_is_refused_though_the_owner_signed_it() {
    let mut world = World::ready();
    let upside_down = AgentPolicy {
        limits: limits(100, 50, 20, 10),
        ..policy(2)
    };
    let refusal = world.refusal(approved(1, &upside_down, APPROVAL));
    assert_eq!(refusal.reason, Reason::PolicyInvalid);
    assert!(refusal.detail.contains("limits."), "{}", refusal.detail);
}

#[test]
fn the_policy_in_force_survives_a_restart_and_older_ones_stay_refused() {
    let mut world = World::ready();
    world.approve(1, looser(2));
    world.done(proposed(1, &tighter(3), None));
    world.state = world.restarted(world.journal.len());
    assert_eq!(in_force(&world), 3);
    assert_eq!(world.refused(approved(1, &looser(2), APPROVAL)), Reason::PolicyOlder);
}
