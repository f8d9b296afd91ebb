//! From an empty folder to a signed spend, and back after a restart.

use {
    crate::support::*,
    portreeve_kernel::Asset,
    portreeve_signing::{
        Reason,
        key::verifies,
        protocol::{Answer, Request},
        resume_challenge,
        sealed::KeyFile,
    },
    std::fs,
};

#[test]
fn a_wallet_is_set_up_and_spends_within_policy_across_a_restart() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let setup = [wallet.wallet.create(secret(70).public()).into(), wallet.add_limit(300)];
    client.done(&Request::SignSetup {
        agent: agent(1),
        message: wallet.message(&setup),
    });
    let request = wallet.pay(1, 100);
    let first = client.signed(&request);
    let Request::SignSpend { message, .. } = &request else {
        panic!()
    };
    assert_eq!(first.signatures.len(), 2);
    for signature in &first.signatures {
        assert!(verifies(signature.key, &message.0, &signature.signature));
    }
    client.signed(&wallet.pay(2, 100));
    signer.kill();

    let signer = place.serve();
    let mut client = signer.client();
    let again = client.signed(&request);
    assert_eq!(
        (again.signatures, again.journal_sequence),
        (first.signatures, first.journal_sequence)
    );
    assert_eq!(client.booked(1), 200);
    client.signed(&wallet.pay(3, 100));
    assert_eq!(client.refused(&wallet.pay(4, 1)).reason, Reason::Policy);
}

#[test]
fn suspension_resumption_and_destruction_hold_across_restarts() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let Answer::Suspension(first) = client.done(&Request::Suspend { agent: agent(1) }) else {
        panic!()
    };
    signer.kill();

    let signer = place.serve();
    let mut client = signer.client();
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::Suspended);
    let proof = approval().approve(&resume_challenge(&agent(1), first.suspension));
    client.done(&Request::Resume { agent: agent(1), proof });
    client.signed(&wallet.pay(1, 1));
    let key = place.data("keys").join(format!("{}.json", agent(1)));
    assert!(key.exists());
    client.done(&Request::DestroyKey { agent: agent(1) });
    assert!(!key.exists(), "wiped with the answer");
    signer.kill();

    let signer = place.serve();
    let mut client = signer.client();
    assert_eq!(client.refused(&wallet.pay(2, 1)).reason, Reason::KeyDestroyed);
    assert!(
        client.signed(&wallet.pay(1, 1)).replayed,
        "what was signed stays signed"
    );
}

#[test]
fn a_key_file_put_back_after_destruction_is_of_no_use_and_is_removed() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let key = place.data("keys").join(format!("{}.json", agent(1)));
    let kept = place.path("kept");
    fs::copy(&key, &kept).unwrap();
    client.done(&Request::DestroyKey { agent: agent(1) });
    fs::copy(&kept, &key).unwrap();
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::KeyDestroyed);
    signer.kill();
    let signer = place.serve();
    assert!(!key.exists());
    assert_eq!(signer.client().refused(&wallet.pay(1, 1)).reason, Reason::KeyDestroyed);
}

#[test]
fn inspect_tells_what_the_signer_knows_even_while_it_runs() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(7, 100, 300));
    client.signed(&wallet.pay(1, 42));
    let done = place.run("inspect", &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["enrolment"]["approvalKey"], approval().public().to_string());
    assert_eq!(report["sequence"], 4);
    assert_eq!(report["agents"][0]["agent"], agent(1).to_string());
    assert_eq!(report["agents"][0]["policyVersion"], 7);
    assert_eq!(report["agents"][0]["sums"][0]["day"], "42");
    let done = place.run("inspect", &[]);
    let text = String::from_utf8(done.stdout).unwrap();
    for fact in [
        "version 7",
        "SOL: 42 in 24 h",
        "active",
        &wallet.enrolment.fee_payer.to_string(),
    ] {
        assert!(text.contains(fact), "{fact} is not in {text}");
    }
}

#[test]
fn the_owner_keys_backup_opens_with_the_passphrase_and_gives_the_owner_key() {
    let place = Place::new();
    let backup: KeyFile = serde_json::from_slice(&fs::read(place.data("owner-key-backup.json")).unwrap()).unwrap();
    let owner = backup.open("owner", PASSPHRASE.as_bytes()).unwrap();
    let signer = place.serve();
    let Answer::Enrolment(enrolment) = signer.client().done(&Request::Enrolment) else {
        panic!()
    };
    assert_eq!(enrolment.owner_key, owner.public());
}

#[test]
fn a_signer_is_set_up_once() {
    let place = Place::new();
    let before = fs::read(place.data("journal")).unwrap();
    let key = approval().public().to_string();
    let done = place.run("init", &["--cluster", "devnet", "--approval-key", &key]);
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("is not empty"));
    assert_eq!(fs::read(place.data("journal")).unwrap(), before);
}

#[test]
fn the_budget_of_one_asset_and_agent_is_its_own() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let one = client.enrol(1, &policy(1, 300, 300));
    let two = client.enrol(2, &policy(1, 300, 300));
    client.signed(&one.pay(1, 300));
    client.signed(&two.pay(2, 300));
    assert_eq!(client.refused(&one.pay(3, 1)).reason, Reason::Policy);
    let Answer::Headroom(room) = client.done(&Request::Headroom {
        agent: agent(2),
        asset: Asset::Sol,
    }) else {
        panic!()
    };
    assert_eq!(
        (room.day.units(), room.policy_version, room.suspended),
        (300, Some(1), false)
    );
}
