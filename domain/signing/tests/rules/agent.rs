//! Keys, suspension and destruction.

use {
    crate::world::*,
    portreeve_kernel::proof::Challenge,
    portreeve_signing::{
        Event, Reason,
        protocol::{Answer, Request},
        resume_challenge,
    },
};

fn suspend(world: &mut World) -> u64 {
    match world.done(Request::Suspend { agent: agent(1) }) {
        Answer::Suspension(found) => {
            assert_eq!(
                found.challenge,
                resume_challenge(&agent(1), found.suspension).to_string()
            );
            found.suspension
        }
        other => panic!("{other:?}"),
    }
}

fn resume(challenge: &Challenge, seed: u8) -> Request {
    Request::Resume {
        agent: agent(1),
        proof: secret(seed).approve(challenge),
    }
}

#[test]
fn an_agents_key_is_made_once() {
    let mut world = World::new();
    let first = world.done(Request::CreateAgentKey { agent: agent(1) });
    assert_eq!(world.done(Request::CreateAgentKey { agent: agent(1) }), first);
    let other = world.done(Request::CreateAgentKey { agent: agent(2) });
    assert_ne!(first, other);
    assert_eq!(world.journal.len(), 3);
}

#[test]
fn a_key_that_cannot_be_kept_is_not_told() {
    let mut world = World::new();
    world.keys.working.set(false);
    assert_eq!(
        world.refused(Request::CreateAgentKey { agent: agent(1) }),
        Reason::KeyUnavailable
    );
}

#[test]
fn a_suspended_agent_gets_no_signature_until_the_owner_resumes_this_very_suspension() {
    let mut world = World::ready();
    let suspension = suspend(&mut world);
    assert_eq!(world.refused(pay(1, 1)), Reason::Suspended);
    let challenge = resume_challenge(&agent(1), suspension);
    assert_eq!(
        world.refused(resume(&challenge, 9)),
        Reason::ProofInvalid,
        "not the owner"
    );
    let wrong = [
        resume_challenge(&agent(1), suspension + 1),
        resume_challenge(&agent(2), suspension),
        Challenge::over("policy", b""),
    ];
    for other in wrong {
        assert_eq!(world.refused(resume(&other, APPROVAL)), Reason::ProofInvalid);
    }
    assert_eq!(world.refused(pay(1, 1)), Reason::Suspended);
    assert_eq!(world.done(resume(&challenge, APPROVAL)), Answer::Resumed);
    world.done(pay(1, 1));
}

#[test]
fn suspending_again_voids_the_consent_that_was_given_before() {
    let mut world = World::ready();
    let first = suspend(&mut world);
    let consent = resume(&resume_challenge(&agent(1), first), APPROVAL);
    assert_ne!(suspend(&mut world), first, "not resumed in between");
    assert_eq!(world.refused(consent), Reason::ProofInvalid);
}

#[test]
fn consent_to_end_one_suspension_ends_no_later_one() {
    let mut world = World::ready();
    let first = suspend(&mut world);
    let consent = resume(&resume_challenge(&agent(1), first), APPROVAL);
    world.done(consent.clone());
    assert_eq!(world.refused(consent.clone()), Reason::NotSuspended);
    assert_ne!(suspend(&mut world), first);
    assert_eq!(world.refused(consent), Reason::ProofInvalid);
    assert_eq!(world.refused(pay(1, 1)), Reason::Suspended);
}

#[test]
fn a_suspension_survives_a_restart_and_a_new_policy() {
    let mut world = World::ready();
    let suspension = suspend(&mut world);
    world.approve(1, policy(2));
    world.state = world.restarted(world.journal.len());
    assert_eq!(world.refused(pay(1, 1)), Reason::Suspended);
    let Answer::Suspension(found) = world.done(Request::ResumeChallenge { agent: agent(1) }) else {
        panic!()
    };
    assert_eq!(found.suspension, suspension);
}

#[test]
fn resuming_gives_no_budget_back() {
    let mut world = World::ready();
    for id in 1..=3 {
        world.done(pay(id, 100));
    }
    let suspension = suspend(&mut world);
    world.done(resume(&resume_challenge(&agent(1), suspension), APPROVAL));
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
}

#[test]
fn a_destroyed_key_signs_nothing_and_comes_back_by_no_way() {
    let mut world = World::ready();
    assert_eq!(
        world.done(Request::DestroyKey { agent: agent(1) }),
        Answer::KeyDestroyed
    );
    assert_eq!(
        world.done(Request::DestroyKey { agent: agent(1) }),
        Answer::KeyDestroyed,
        "again is no error"
    );
    let destroyed = |record: &&portreeve_signing::Record| matches!(record.event, Event::KeyDestroyed { .. });
    assert_eq!(world.journal.iter().filter(destroyed).count(), 1);
    world.state = world.restarted(world.journal.len());
    for request in [
        pay(1, 1),
        Request::CreateAgentKey { agent: agent(1) },
        approved(1, &policy(2), APPROVAL),
        Request::Suspend { agent: agent(1) },
        Request::ResumeChallenge { agent: agent(1) },
        resume(&resume_challenge(&agent(1), 1), APPROVAL),
    ] {
        assert_eq!(world.refused(request), Reason::KeyDestroyed);
    }
}

#[test]
fn what_has_no_key_is_unknown() {
    let mut world = World::new();
    for request in [
        Request::Suspend { agent: agent(1) },
        Request::ResumeChallenge { agent: agent(1) },
        Request::DestroyKey { agent: agent(1) },
        Request::Headroom {
            agent: agent(1),
            asset: portreeve_kernel::Asset::Sol,
        },
        approved(1, &policy(1), APPROVAL),
    ] {
        assert_eq!(world.refused(request), Reason::UnknownAgent);
    }
}
