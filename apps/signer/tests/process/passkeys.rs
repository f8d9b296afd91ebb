//! Passkeys as the owner's word: pinned by who is pinned already, and by nobody else, whoever holds the socket.

use {
    crate::support::*,
    portreeve_kernel::{OwnerProof, proof::Challenge},
    portreeve_pages::testing::Authenticator,
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{
        Passkey, Pins, Reason,
        protocol::{Answer, Request},
        resume_challenge,
    },
    serde_json::json,
    std::fs,
};

const ORIGIN: &str = "https://portreeve.example";

fn device(seed: u8) -> Authenticator {
    Authenticator::new(seed, ORIGIN)
}

fn passkey(device: &Authenticator) -> Passkey {
    serde_json::from_value(device.pinned()).unwrap()
}

fn consents(device: &Authenticator, challenge: &Challenge) -> OwnerProof {
    serde_json::from_value(device.consent(challenge.as_bytes())).unwrap()
}

fn pins(client: &mut Client) -> Pins {
    match client.done(&Request::Pins) {
        Answer::Pins(pins) => pins,
        other => panic!("not the pins: {other:?}"),
    }
}

/// The request to pin what `device` holds, on whoever's `word`.
fn pin(client: &mut Client, device: &Authenticator, word: impl FnOnce(&Challenge) -> OwnerProof) -> Request {
    let passkey = passkey(device);
    let proof = word(&pins(client).challenge(&passkey));
    Request::PinPasskey { passkey, proof }
}

fn by_owner(challenge: &Challenge) -> OwnerProof {
    approval().approve(challenge)
}

fn unpin(device: &Authenticator) -> Request {
    let credential_id = passkey(device).credential_id;
    Request::UnpinPasskey { credential_id }
}

fn approved_by(device: &Authenticator, policy: &AgentPolicy) -> Request {
    Request::ApprovePolicy {
        agent: agent(1),
        policy: Box::new(policy.clone()),
        proof: Some(consents(device, &approval_challenge(&agent(1), policy))),
    }
}

#[test]
fn a_passkey_is_pinned_by_who_is_pinned_already_and_by_nobody_else() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let (first, second) = (device(1), device(2));
    let by_itself = pin(&mut client, &first, |challenge| consents(&first, challenge));
    assert_eq!(client.refused(&by_itself).reason, Reason::ProofInvalid);
    let on_the_owners_word = pin(&mut client, &first, by_owner);
    client.done(&on_the_owners_word);
    let by_the_first = pin(&mut client, &second, |challenge| consents(&first, challenge));
    client.done(&by_the_first);
    client.done(&approved_by(&second, &policy(2, 200, 600)));
    client.signed(&wallet.pay(1, 200));
    client.done(&unpin(&first));
    signer.kill();

    let signer = place.serve();
    let mut client = signer.client();
    assert_eq!(pins(&mut client).passkeys, [passkey(&second)], "as it was left");
    assert_eq!(
        client.refused(&on_the_owners_word).reason,
        Reason::ProofInvalid,
        "it was for then"
    );
    assert_eq!(
        client.refused(&approved_by(&first, &policy(3, 250, 600))).reason,
        Reason::ProofInvalid
    );
    let Answer::Suspension(found) = client.done(&Request::Suspend { agent: agent(1) }) else {
        panic!()
    };
    client.done(&Request::Resume {
        agent: agent(1),
        proof: consents(&second, &resume_challenge(&agent(1), found.suspension)),
    });
    client.signed(&wallet.pay(2, 200));
}

#[test]
fn a_server_cannot_pin_a_passkey_of_its_own() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let (owners, thiefs) = (device(1), device(66));
    let consent = pin(&mut client, &owners, by_owner);
    client.done(&consent);
    let records = client.newest.unwrap().sequence;
    let Request::PinPasskey { passkey: pinned, proof } = &consent else {
        panic!()
    };
    let own = passkey(&thiefs);
    let same_id = Passkey {
        credential_id: pinned.credential_id.clone(),
        ..own.clone()
    };
    let rich = policy(2, 1_000_000, 1_000_000);
    // All that the owner ever signed, and what the thief can sign.
    let words = [
        proof.clone(),
        approval().approve(&approval_challenge(&agent(1), &policy(1, 100, 300))),
        consents(&owners, &approval_challenge(&agent(1), &policy(1, 100, 300))),
        consents(&thiefs, &pins(&mut client).challenge(&own)),
        secret(66).approve(&pins(&mut client).challenge(&own)),
    ];
    for proof in words {
        for passkey in [&own, &same_id] {
            let request = Request::PinPasskey {
                passkey: passkey.clone(),
                proof: proof.clone(),
            };
            let reason = client.refused(&request).reason;
            assert!(
                matches!(reason, Reason::ProofInvalid | Reason::PasskeyInvalid),
                "{reason:?}"
            );
        }
    }
    // In the owner's name, from the right page, by the thief's key; and the owner's, from the thief's page.
    let mut dressed = device(66);
    dressed.id.clone_from(&owners.id);
    let mut elsewhere = owners.clone();
    elsewhere.origin = "https://portreeve.example.evil.example".to_owned();
    let mut unseen = owners.clone();
    unseen.flags = 0x01;
    let mut framed = owners.clone();
    framed.cross_origin = true;
    for device in [&thiefs, &dressed, &elsewhere, &unseen, &framed] {
        assert_eq!(client.refused(&approved_by(device, &rich)).reason, Reason::ProofInvalid);
    }
    assert_eq!(client.newest.unwrap().sequence, records, "and nothing was written");
    assert_eq!(client.refused(&wallet.pay(1, 101)).reason, Reason::Policy);
    // It can let the owner's go, which brings it nothing, and then not back.
    client.done(&unpin(&owners));
    assert_eq!(client.refused(&consent).reason, Reason::ProofInvalid);
    assert_eq!(
        client.refused(&approved_by(&owners, &rich)).reason,
        Reason::ProofInvalid
    );
}

#[test]
fn inspect_tells_which_passkeys_are_pinned() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let request = pin(&mut client, &device(1), by_owner);
    client.done(&request);
    let report: serde_json::Value = serde_json::from_slice(&place.run("inspect", &["--json"]).stdout).unwrap();
    assert_eq!(report["passkeys"], json!([device(1).pinned()]));
    let text = String::from_utf8(place.run("inspect", &[]).stdout).unwrap();
    let line = format!("passkey       {} at {ORIGIN}", passkey(&device(1)).credential_id);
    assert!(text.contains(&line), "{text}");
}

/// `fixtures/before-passkeys` was written by the last version that knew none: an agent with a policy of 100 and 300, a
/// signed payment of 60, and a suspension that the owner ended.
#[test]
fn an_old_journal_is_read_on() {
    let place = Place::new();
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/fixtures/before-passkeys");
    place.put(std::path::Path::new(old));
    let before = fs::read(place.data("journal")).unwrap();
    let signer = place.serve();
    let mut client = signer.client();
    let Answer::Pins(found) = client.done(&Request::Pins) else {
        panic!()
    };
    assert_eq!(found, Pins::new(approval().public()));
    let wallet = client.wallet(1);
    assert!(client.signed(&wallet.pay(1, 60)).replayed);
    client.signed(&wallet.pay(2, 100));
    let request = pin(&mut client, &device(1), by_owner);
    client.done(&request);
    let after = fs::read(place.data("journal")).unwrap();
    assert!(after.starts_with(&before) && after.len() > before.len());
}
