//! Many connections, one budget.

use {
    crate::support::*,
    portreeve_signing::protocol::{Answer, Outcome},
    std::{
        collections::BTreeSet,
        sync::{Arc, Barrier},
        thread,
    },
};

/// What each of `threads` connections gets signed, when all ask for `each` payments of `units` at once.
fn race(signer: &Signer, wallet: &Wallet, threads: u64, each: u64, units: u64) -> Vec<u64> {
    let start = Arc::new(Barrier::new(usize::try_from(threads).unwrap()));
    let run = |thread: u64| {
        let (mut client, wallet, start) = (signer.client(), wallet.clone(), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            let ids = (0..each).map(|place| thread * each + place);
            let signed = ids.filter(|id| client.ask(&wallet.pay(*id, units)).is_ok());
            signed.collect::<Vec<u64>>()
        })
    };
    let running: Vec<_> = (0..threads).map(run).collect();
    running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn two_connections_get_exactly_the_limit() {
    let place = Place::new();
    let signer = place.serve();
    let wallet = signer.client().enrol(1, &policy(1, 7, 100));
    let signed = race(&signer, &wallet, 2, 40, 7);
    assert_eq!(signed.len(), 14, "14 × 7 = 98 fit in 100");
    assert_eq!(signer.client().booked(1), 98);
}

#[test]
fn sixteen_connections_get_exactly_the_limit_and_a_restart_knows_it() {
    let place = Place::new();
    let signer = place.serve();
    let wallet = signer.client().enrol(1, &policy(1, 1, 100));
    let signed = race(&signer, &wallet, 16, 20, 1);
    assert_eq!(signed.len(), 100);
    assert_eq!(signed.iter().collect::<BTreeSet<_>>().len(), 100);
    signer.kill();
    assert_eq!(place.serve().client().booked(1), 100);
}

#[test]
fn the_same_transaction_from_many_connections_is_booked_once() {
    let place = Place::new();
    let signer = place.serve();
    let wallet = signer.client().enrol(1, &policy(1, 100, 300));
    let start = Arc::new(Barrier::new(8));
    let run = |_| {
        let (mut client, wallet, start) = (signer.client(), wallet.clone(), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            client.signed(&wallet.pay(1, 100)).signatures
        })
    };
    let running: Vec<_> = (0..8).map(run).collect();
    let all: Vec<_> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(signer.client().booked(1), 100);
}

#[test]
fn a_policy_that_tightens_in_the_middle_of_a_race_holds_from_then_on() {
    let place = Place::new();
    let signer = place.serve();
    let mut owner = signer.client();
    let wallet = owner.enrol(1, &policy(1, 1, 10_000));
    let spender = thread::spawn({
        let (mut client, wallet) = (signer.client(), wallet.clone());
        move || {
            for id in 0.. {
                match client.try_ask(&wallet.pay(id, 1)).unwrap().outcome {
                    Outcome::Done(Answer::Spend(spend)) => assert_eq!(spend.policy_version, 1),
                    other => return (id, other),
                }
            }
            panic!("never refused")
        }
    });
    while owner.booked(1) < 5 {
        thread::yield_now();
    }
    owner.done(&approved(1, &policy(2, 1, 1)));
    let (signed, _) = spender.join().unwrap();
    assert_eq!(
        owner.booked(1),
        signed,
        "what was signed before still counts, and nothing came after"
    );
}
