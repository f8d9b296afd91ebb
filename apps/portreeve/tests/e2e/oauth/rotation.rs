//! Another signing key takes over, while everybody goes on.

use {
    super::{Service, refused},
    crate::estate::{Estate, until},
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    serde_json::Value,
    std::{
        sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
        thread,
    },
};

/// The key that signed a token.
fn signed_by(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// The names of the published keys, oldest first.
fn published(service: &Service<'_>) -> Vec<String> {
    let keys = service.anybody().get("/oauth/jwks").is(200)["keys"].clone();
    let names = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned());
    names.collect()
}

/// Somebody who works while keys change: asks for tokens and reads, with new ones and with one from before.
fn work(service: &Service<'_>, old: &str, (stop, done): (&AtomicBool, &AtomicU32)) {
    while !stop.load(SeqCst) {
        let token = service.token();
        service.looks(&token).is(200);
        service.looks(old).is(200);
        let keys = published(service);
        assert!(
            keys.contains(&signed_by(&token)),
            "a token under a key that nobody can know"
        );
        done.fetch_add(1, SeqCst);
    }
}

#[test]
fn signing_keys_rotate_under_load_without_a_failed_request() {
    let estate = Estate::open();
    let service = Service::new(&estate, "shopper");
    let old = service.token();
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let more_is_done = || {
        let before = done.load(SeqCst);
        until("everybody goes on", || (done.load(SeqCst) >= before + 8).then_some(()));
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| work(&service, &old, (&stop, &done))))
            .collect();
        let mut names = vec![signed_by(&old)];
        for _ in 0..2 {
            more_is_done();
            let newest = estate.house.cli(&["issuer", "rotate", "--json"]).json();
            let newest = newest["kid"].as_str().unwrap().to_owned();
            let again = estate.house.cli(&["issuer", "rotate"]).ok().to_owned();
            assert!(again.contains(&newest), "it waits for its turn: {again}");
            names.push(newest.clone());
            assert_eq!(published(&service), names, "known before it signs");
            assert_ne!(signed_by(&service.token()), newest);
            more_is_done();
            estate.house.chain.warp(361);
            until("the new key signs", || {
                (signed_by(&service.token()) == newest).then_some(())
            });
            more_is_done();
        }
        stop.store(true, SeqCst);
        for worker in workers {
            worker.join().unwrap();
        }
    });
    service.looks(&old).is(200);
    estate.house.chain.warp(180);
    until("the first token is over", || {
        Some(service.looks(&old)).filter(|answer| answer.status == 401)
    });
    // The first key signed for the last time nine minutes ago.
    assert_eq!(published(&service).len(), 3);
    estate.house.chain.warp(17 * 60);
    until("old keys leave", || (published(&service).len() == 1).then_some(()));
    service.looks(&service.token()).is(200);
}

#[test]
fn a_leaked_signing_key_ends_with_every_token_it_signed_and_clients_go_on_with_new_ones() {
    let mut estate = Estate::open();
    let left = {
        let service = Service::new(&estate, "shopper");
        let before = service.token();
        service.looks(&before).is(200);
        let text = estate.house.cli(&["issuer", "rotate", "--now"]).ok().to_owned();
        let left = published(&service);
        assert_eq!(left.len(), 1);
        assert!(text.contains(&left[0]) && text.contains("have ended"), "{text}");
        refused(&service.looks(&before), "AUTH_KEY_INVALID");
        let after = service.token();
        assert_eq!(signed_by(&after), left[0]);
        service.looks(&after).is(200);
        left
    };
    let kinds: Vec<String> = estate.books().audit().into_iter().map(|row| row.kind).collect();
    assert!(kinds.iter().any(|kind| kind == "signing_key.revoked"), "{kinds:?}");
    estate.house.stop();
    estate.house.serve(&[]);
    let again = Service::new(&estate, "again");
    assert_eq!(published(&again), left, "also after a new start");
    again.looks(&again.token()).is(200);
}
