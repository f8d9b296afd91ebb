//! A journal that has lost records, and records that cannot follow.

use {
    crate::world::*,
    portreeve_chain::Action,
    portreeve_kernel::{Asset, Seconds},
    portreeve_signing::{
        Event, Reason, Record, SignerState,
        protocol::{Answer, Outcome, Request},
    },
};

#[test]
fn a_restored_older_journal_stops_the_signer_once_the_server_shows_its_receipt() {
    let mut world = World::ready();
    for id in 1..=3 {
        world.done(pay(id, 100));
    }
    let shown = world.state.sequence();
    world.state = world.restarted(world.journal.len() - 1);
    world.journal.pop();
    world.shown = Some(shown);
    let step = world.ask(&pay(4, 1));
    let Outcome::Refused(refusal) = step.outcome else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::Frozen);
    assert!(!refusal.reason.proves_never_signed());
    assert!(matches!(step.record, Some(Record { event: Event::Frozen { proven }, .. }) if proven == shown));
}

#[test]
fn a_frozen_signer_stays_so_across_restarts_and_does_only_what_tightens() {
    let mut world = World::ready();
    world.done(Request::CreateAgentKey { agent: agent(2) });
    world.shown = Some(99);
    world.ask(&Request::Health);
    world.shown = None;
    world.state = world.restarted(world.journal.len());
    assert!(world.state.is_frozen());
    let limit: Action = wallet(1).remove_limit(&Asset::Sol).into();
    for request in [
        pay(1, 1),
        approved(1, &policy(2), APPROVAL),
        Request::CreateAgentKey { agent: agent(3) },
        Request::SignLimitRestore {
            agent: agent(1),
            message: message(1, std::slice::from_ref(&limit), 0),
        },
    ] {
        assert_eq!(world.refused(request), Reason::Frozen);
    }
    let Answer::Health(health) = world.done(Request::Health) else {
        panic!()
    };
    assert!(health.frozen);
    world.done(Request::Suspend { agent: agent(1) });
    world.done(Request::SignLimitRemoval {
        agent: agent(1),
        message: message(1, &[limit], 0),
    });
    world.done(Request::DestroyKey { agent: agent(2) });
}

#[test]
fn a_receipt_for_what_the_journal_holds_stops_nothing() {
    let mut world = World::ready();
    world.shown = Some(world.state.sequence());
    world.done(pay(1, 1));
    world.shown = Some(1);
    world.done(pay(2, 1));
}

#[test]
fn a_request_that_freezes_makes_no_key() {
    let mut world = World::new();
    world.shown = Some(99);
    let step = world.ask(&Request::CreateAgentKey { agent: agent(1) });
    assert!(matches!(step.record.unwrap().event, Event::Frozen { .. }));
    assert_eq!(world.state.agents().count(), 0);
}

#[test]
fn records_that_cannot_follow_are_refused() {
    let mut world = World::ready();
    world.done(pay(1, 1));
    let state = &world.state;
    let next = state.sequence() + 1;
    let follows = |sequence, at, event: &Event| {
        state.clone().apply(Record {
            sequence,
            at,
            event: event.clone(),
        })
    };
    let suspended = Event::Suspended { agent: agent(1) };
    assert!(follows(next, T, &suspended).is_ok());
    assert!(follows(next + 1, T, &suspended).is_err(), "a gap");
    assert!(follows(next - 1, T, &suspended).is_err(), "a repetition");
    assert!(follows(next, T.minus(Seconds(1)), &suspended).is_err(), "back in time");
    for record in &world.journal {
        assert!(follows(next, T, &record.event).is_err(), "a second time: {record:?}");
    }
    assert!(
        follows(next, T, &Event::Suspended { agent: agent(2) }).is_err(),
        "an unknown agent"
    );
}

#[test]
fn a_journal_begins_with_an_enrolment() {
    let world = World::ready();
    let [first, second, _] = world.journal.as_slice() else {
        panic!()
    };
    assert!(SignerState::begin(second.clone()).is_err());
    assert!(
        SignerState::begin(Record {
            sequence: 2,
            ..first.clone()
        })
        .is_err()
    );
}
