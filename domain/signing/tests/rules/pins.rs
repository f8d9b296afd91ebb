//! Whose word is the owner's: by whom that is changed, and what follows.

use {
    crate::{authenticator::Authenticator, world::*},
    portreeve_kernel::{OwnerProof, proof::Challenge},
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{
        Passkey, Pins, Reason,
        passkey::PasskeyError,
        pins::{MAX_PASSKEYS, pin_challenge},
        protocol::{Answer, Request},
        resume_challenge,
    },
};

fn pins(answer: Answer) -> Pins {
    match answer {
        Answer::Pins(pins) => pins,
        other => panic!("not the pins: {other:?}"),
    }
}

/// The request to pin what `device` holds, by who says `word` to the challenge.
fn pinned(world: &World, device: &Authenticator, word: impl FnOnce(&Challenge) -> OwnerProof) -> Request {
    let passkey = device.passkey();
    let proof = word(&world.state.pins().challenge(&passkey));
    Request::PinPasskey { passkey, proof }
}

fn by_key(seed: u8) -> impl FnOnce(&Challenge) -> OwnerProof {
    move |challenge| secret(seed).approve(challenge)
}

/// The request to pin passkey `seed`, by the approval key.
fn by_owner(world: &World, seed: u8) -> Request {
    pinned(world, &Authenticator::new(seed), by_key(APPROVAL))
}

fn unpin(seed: u8) -> Request {
    let credential_id = Authenticator::new(seed).passkey().credential_id;
    Request::UnpinPasskey { credential_id }
}

fn looser(version: u64) -> AgentPolicy {
    AgentPolicy {
        limits: limits(101, 300, 1_000, 2_000),
        ..policy(version)
    }
}

fn approved_by(device: &Authenticator, policy: &AgentPolicy) -> Request {
    let proof = device.approve(&approval_challenge(&agent(1), policy));
    proposed(1, policy, Some(proof))
}

#[test]
fn a_pinned_passkey_approves_policies_and_ends_suspensions() {
    let (mut world, device) = (World::ready(), Authenticator::new(1));
    assert_eq!(
        world.refused(approved_by(&device, &looser(2))),
        Reason::ProofInvalid,
        "not pinned yet"
    );
    let request = by_owner(&world, 1);
    assert_eq!(pins(world.done(request)).passkeys, [device.passkey()]);
    world.done(approved_by(&device, &looser(2)));
    world.done(pay(1, 101));
    let Answer::Suspension(found) = world.done(Request::Suspend { agent: agent(1) }) else {
        panic!()
    };
    let resume = |suspension| Request::Resume {
        agent: agent(1),
        proof: device.approve(&resume_challenge(&agent(1), suspension)),
    };
    assert_eq!(world.refused(resume(found.suspension + 1)), Reason::ProofInvalid);
    world.done(resume(found.suspension));
    world.approve(1, policy(3)); // The approval key's word counts on.
}

#[test]
fn a_passkey_is_pinned_by_who_is_pinned_already_and_by_nobody_else() {
    let mut world = World::ready();
    let (first, second, stranger) = (Authenticator::new(1), Authenticator::new(2), Authenticator::new(3));
    let by_itself = pinned(&world, &first, |challenge| first.approve(challenge));
    let by_a_stranger = pinned(&world, &first, |challenge| stranger.approve(challenge));
    for request in [
        by_itself,
        by_a_stranger,
        pinned(&world, &first, by_key(9)),
        pinned(&world, &first, by_key(OWNER)),
    ] {
        assert_eq!(world.refused(request), Reason::ProofInvalid);
    }
    let good = by_owner(&world, 1);
    world.done(good);
    let by_the_first = pinned(&world, &second, |challenge| first.approve(challenge));
    assert_eq!(
        pins(world.done(by_the_first)).passkeys,
        [first.passkey(), second.passkey()]
    );
    world.done(unpin(1));
    let by_who_was = pinned(&world, &stranger, |challenge| first.approve(challenge));
    assert_eq!(world.refused(by_who_was), Reason::ProofInvalid);
}

#[test]
fn consent_to_pin_one_passkey_pins_no_other_and_no_other_content() {
    let mut world = World::ready();
    let (mine, theirs) = (Authenticator::new(1), Authenticator::new(3));
    let Request::PinPasskey { passkey, proof } = by_owner(&world, 1) else {
        panic!()
    };
    let other = theirs.passkey();
    for wish in [
        other.clone(),
        Passkey {
            credential_id: passkey.credential_id.clone(),
            ..other
        },
        Passkey {
            public_key: theirs.passkey().public_key,
            ..passkey.clone()
        },
        Passkey {
            origin: "https://a.portreeve.example".to_owned(),
            ..passkey.clone()
        },
        Passkey {
            rp_id: "example".to_owned(),
            ..passkey.clone()
        },
    ] {
        let request = Request::PinPasskey {
            passkey: wish,
            proof: proof.clone(),
        };
        assert_eq!(world.refused(request), Reason::ProofInvalid);
    }
    let other_act = secret(APPROVAL).approve(&approval_challenge(&agent(1), &looser(2)));
    let request = Request::PinPasskey {
        passkey: mine.passkey(),
        proof: other_act,
    };
    assert_eq!(world.refused(request), Reason::ProofInvalid);
    world.done(Request::PinPasskey { passkey, proof });
}

#[test]
fn a_passkey_that_was_given_up_is_not_brought_back_by_an_old_consent() {
    let mut world = World::ready();
    let consent = by_owner(&world, 1);
    let first = pins(world.done(consent.clone()));
    assert_eq!(pins(world.done(consent.clone())), first, "a lost answer is given again");
    let records = world.journal.len();
    let without = pins(world.done(unpin(1)));
    assert!(without.passkeys.is_empty() && without.revision > first.revision);
    assert_eq!(pins(world.done(unpin(1))), without, "again is no error");
    assert_eq!(world.journal.len(), records + 1);
    assert_eq!(world.refused(consent), Reason::ProofInvalid);
    assert_eq!(
        world.refused(approved_by(&Authenticator::new(1), &looser(2))),
        Reason::ProofInvalid
    );
    let anew = by_owner(&world, 1);
    world.done(anew);
}

#[test]
fn of_two_consents_given_at_once_one_pins() {
    let mut world = World::ready();
    let (one, two) = (by_owner(&world, 1), by_owner(&world, 2));
    world.done(one);
    assert_eq!(world.refused(two), Reason::ProofInvalid);
}

#[test]
fn what_is_no_passkey_or_another_under_a_pinned_id_is_refused_though_the_owner_consents() {
    let mut world = World::ready();
    let request = by_owner(&world, 1);
    world.done(request);
    let pin = |world: &mut World, passkey: Passkey| {
        let proof = secret(APPROVAL).approve(&pin_challenge(world.state.pins().revision, &passkey));
        world.refused(Request::PinPasskey { passkey, proof })
    };
    let (held, other) = (Authenticator::new(1).passkey(), Authenticator::new(2).passkey());
    let same_id = Passkey {
        credential_id: held.credential_id,
        ..other.clone()
    };
    assert_eq!(pin(&mut world, same_id), Reason::PasskeyInvalid);
    let plain = Passkey {
        origin: "http://portreeve.example".to_owned(),
        ..other
    };
    assert_eq!(plain.check(), Err(PasskeyError::Origin));
    assert_eq!(pin(&mut world, plain), Reason::PasskeyInvalid);
}

#[test]
fn there_are_only_so_many_and_all_of_them_fit_an_answer() {
    let mut world = World::ready();
    let most = u8::try_from(MAX_PASSKEYS).unwrap();
    let longest = |seed: u8| {
        let name = ["a"; 126].join(".");
        Passkey {
            credential_id: crate::authenticator::text(vec![seed; 1_023]),
            rp_id: name.clone(),
            origin: format!("https://{name}:65535"),
            ..Authenticator::new(seed).passkey()
        }
    };
    for seed in 1..=most {
        let passkey = longest(seed);
        let proof = secret(APPROVAL).approve(&world.state.pins().challenge(&passkey));
        let told = world.done(Request::PinPasskey { passkey, proof });
        portreeve_signing::frame::encode(&told).unwrap();
    }
    let request = by_owner(&world, most + 1);
    assert_eq!(world.refused(request), Reason::TooManyPasskeys);
    let credential_id = longest(1).credential_id;
    world.done(Request::UnpinPasskey { credential_id });
    let request = by_owner(&world, most + 1);
    world.done(request);
}

#[test]
fn pins_survive_a_restart_and_so_does_what_was_given_up() {
    let mut world = World::ready();
    let first = by_owner(&world, 1);
    world.done(first.clone());
    let second = by_owner(&world, 2);
    world.done(second);
    world.done(unpin(1));
    let before = world.state.pins().clone();
    world.state = world.restarted(world.journal.len());
    assert_eq!(*world.state.pins(), before);
    assert_eq!(world.refused(first), Reason::ProofInvalid);
    world.done(approved_by(&Authenticator::new(2), &looser(2)));
}

#[test]
fn a_signer_that_has_lost_records_pins_nothing_and_lets_go_all_the_same() {
    let mut world = World::ready();
    let first = by_owner(&world, 1);
    world.done(first);
    world.shown = Some(1_000);
    assert!(matches!(
        world.ask(&Request::Health).outcome,
        portreeve_signing::protocol::Outcome::Refused(_)
    ));
    world.shown = None;
    let second = by_owner(&world, 2);
    assert_eq!(world.refused(second), Reason::Frozen);
    assert!(pins(world.done(unpin(1))).passkeys.is_empty());
}
