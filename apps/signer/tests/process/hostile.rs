//! A program that holds the socket, and everything the server knows, and asks for everything. It gets what the owner
//! approved and not one lamport more; no configuration but the approved one; no older policy.

use {
    crate::support::*,
    portreeve_chain::{AccountMeta, Action, Blockhash, Instruction, Message, program, squads::AddSpendingLimit},
    portreeve_kernel::{Address, Asset, OwnerProof},
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{
        Bytes, Reason,
        protocol::{Answer, Request},
        resume_challenge,
    },
    sha2::{Digest, Sha256},
    std::{
        sync::{Arc, Barrier},
        thread,
    },
};

fn thief() -> Address {
    secret(66).public()
}

/// An instruction of Squads by its name, signed by the owner key.
fn squads(wallet: &Wallet, name: &str, arguments: &[u8]) -> Instruction {
    let hash: [u8; 32] = Sha256::digest(format!("global:{name}")).into();
    Instruction {
        program: wallet.enrolment.squads,
        accounts: vec![
            AccountMeta::writable(wallet.wallet.multisig()),
            AccountMeta::readonly(wallet.enrolment.owner_key).signing(),
            AccountMeta::writable(wallet.enrolment.fee_payer).signing(),
            AccountMeta::readonly(Address::SYSTEM_PROGRAM),
        ],
        data: [&hash[..8], arguments].concat(),
    }
}

fn other(id: Address, data: &[u8], accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: id,
        accounts,
        data: data.to_vec(),
    }
}

/// Messages that take authority or money by other ways than a limit.
fn forbidden(wallet: &Wallet) -> Vec<(&'static str, Instruction)> {
    let key = thief().as_bytes().to_vec();
    let owner = AccountMeta::readonly(wallet.enrolment.owner_key).signing();
    let payer = AccountMeta::writable(wallet.enrolment.fee_payer).signing();
    let to = AccountMeta::writable(thief());
    let transfer = [2_u32.to_le_bytes().as_slice(), &1_000_000_u64.to_le_bytes()].concat();
    let with = |head: &[u8], tail: &[u8]| [head, key.as_slice(), tail].concat();
    vec![
        ("add_member", squads(wallet, "multisig_add_member", &with(&[], &[7, 0]))),
        (
            "remove_member",
            squads(wallet, "multisig_remove_member", &with(&[], &[0])),
        ),
        (
            "change_threshold",
            squads(wallet, "multisig_change_threshold", &[1, 0, 0]),
        ),
        (
            "set_time_lock",
            squads(wallet, "multisig_set_time_lock", &[0, 0, 0, 0, 0]),
        ),
        (
            "set_config_authority",
            squads(wallet, "multisig_set_config_authority", &with(&[], &[0])),
        ),
        (
            "set_rent_collector",
            squads(wallet, "multisig_set_rent_collector", &with(&[1], &[0])),
        ),
        (
            "config_transaction_create",
            squads(wallet, "config_transaction_create", &[0, 0, 0, 0, 0]),
        ),
        (
            "vault_transaction_create",
            squads(wallet, "vault_transaction_create", &[0; 8]),
        ),
        ("proposal_approve", squads(wallet, "proposal_approve", &[0])),
        (
            "vault_transaction_execute",
            squads(wallet, "vault_transaction_execute", &[]),
        ),
        (
            "a transfer out of the fee payer",
            other(Address::SYSTEM_PROGRAM, &transfer, vec![payer, to]),
        ),
        (
            "a durable nonce",
            other(Address::SYSTEM_PROGRAM, &4_u32.to_le_bytes(), vec![to, to, owner]),
        ),
        (
            "SetAuthority",
            other(program::TOKEN, &with(&[6, 2, 1], &[]), vec![to, owner]),
        ),
        (
            "Approve",
            other(program::TOKEN, &[4, 1, 0, 0, 0, 0, 0, 0, 0], vec![to, to, owner]),
        ),
        ("an unknown program", other(secret(68).public(), &[1], vec![owner, to])),
    ]
}

fn every_way(bytes: &Bytes) -> [Request; 4] {
    let (agent, message) = (agent(1), bytes.clone());
    [
        Request::SignSpend {
            transaction: transaction(900),
            agent: agent.clone(),
            message: message.clone(),
        },
        Request::SignSetup {
            agent: agent.clone(),
            message: message.clone(),
        },
        Request::SignLimitRemoval {
            agent: agent.clone(),
            message: message.clone(),
        },
        Request::SignLimitRestore { agent, message },
    ]
}

#[test]
fn no_configuration_or_other_program_is_signed_by_any_request() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let records = client.newest.unwrap().sequence;
    let programs = *wallet.wallet.programs();
    let cover = wallet.remove_limit().instruction(&programs);
    for (wish, instruction) in forbidden(&wallet) {
        for instructions in [vec![instruction.clone()], vec![cover.clone(), instruction]] {
            let payer = wallet.enrolment.fee_payer;
            let message = Message::compile(payer, Blockhash::new([5; 32]), &instructions).unwrap();
            for request in every_way(&Bytes(message.as_bytes().to_vec())) {
                let refusal = client.refused(&request);
                assert!(
                    matches!(refusal.reason, Reason::Undecodable | Reason::WrongAction),
                    "{wish}: {refusal:?}"
                );
            }
        }
    }
    assert_eq!(client.newest.unwrap().sequence, records, "and nothing was written");
}

#[test]
fn no_limit_but_the_approved_one_is_signed() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let Action::AddSpendingLimit(good) = wallet.add_limit(300) else {
        panic!()
    };
    let wishes = [
        AddSpendingLimit {
            amount: amount(301),
            ..good.clone()
        },
        AddSpendingLimit {
            destinations: vec![],
            ..good.clone()
        },
        AddSpendingLimit {
            destinations: vec![shop(), thief()],
            ..good.clone()
        },
        AddSpendingLimit {
            members: vec![thief()],
            ..good.clone()
        },
        AddSpendingLimit {
            members: vec![wallet.wallet.keys().agent_key, thief()],
            ..good.clone()
        },
        AddSpendingLimit {
            create_key: thief(),
            ..good.clone()
        },
        AddSpendingLimit {
            vault_index: 1,
            ..good.clone()
        },
        AddSpendingLimit {
            period: portreeve_chain::squads::Period::OneTime,
            ..good.clone()
        },
    ];
    for wish in wishes {
        for actions in [
            vec![wish.clone().into()],
            vec![wallet.remove_limit(), wish.clone().into()],
        ] {
            for request in every_way(&wallet.message(&actions)) {
                client.refused(&request);
            }
        }
    }
    let twice = [Action::from(good.clone()), good.clone().into()];
    for request in every_way(&wallet.message(&twice)) {
        client.refused(&request);
    }
    client.done(&Request::SignLimitRestore {
        agent: agent(1),
        message: wallet.message(&[good.into()]),
    });
}

#[test]
fn no_policy_but_the_owners_is_believed() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let old = approved(1, &policy(2, 200, 600));
    client.done(&old);
    client.done(&approved(1, &policy(3, 50, 100)));
    let rich = policy(4, 1_000_000, 1_000_000);
    let forged = |seed: u8, public: Address| {
        let OwnerProof::Ed25519 { signature, .. } = secret(seed).approve(&approval_challenge(&agent(1), &rich)) else {
            panic!()
        };
        OwnerProof::Ed25519 {
            public_key: public,
            signature,
        }
    };
    let approval_key = approval().public();
    let proposals = [
        (&rich, None),
        (&rich, Some(forged(66, thief()))),
        (&rich, Some(forged(66, approval_key))),
        (&rich, Some(approval().approve(&approval_challenge(&agent(2), &rich)))),
        (
            &rich,
            Some(approval().approve(&approval_challenge(&agent(1), &policy(4, 50, 100)))),
        ),
        (&rich, Some(approval().approve(&resume_challenge(&agent(1), 4)))),
    ];
    for (policy, proof) in proposals {
        let refusal = client.refused(&Request::ApprovePolicy {
            agent: agent(1),
            policy: Box::new(policy.clone()),
            proof,
        });
        assert!(
            matches!(refusal.reason, Reason::ProofInvalid | Reason::PolicyLoosens),
            "{refusal:?}"
        );
    }
    let open = AgentPolicy {
        whitelist: portreeve_policy::Whitelist::default(),
        ..policy(4, 50, 100)
    };
    let request = Request::ApprovePolicy {
        agent: agent(1),
        policy: Box::new(open),
        proof: None,
    };
    assert_eq!(client.refused(&request).reason, Reason::PolicyLoosens);
    assert_eq!(
        client.refused(&old).reason,
        Reason::PolicyOlder,
        "the owner did sign it, once"
    );
    assert_eq!(client.refused(&wallet.pay(1, 51)).reason, Reason::Policy);
    client.signed(&wallet.pay(1, 50));
}

#[test]
fn nobody_but_the_owner_resumes_a_suspended_agent() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let Answer::Suspension(found) = client.done(&Request::Suspend { agent: agent(1) }) else {
        panic!()
    };
    let challenge = resume_challenge(&agent(1), found.suspension);
    let consent = Request::Resume {
        agent: agent(1),
        proof: approval().approve(&challenge),
    };
    let theft = Request::Resume {
        agent: agent(1),
        proof: secret(66).approve(&challenge),
    };
    assert_eq!(client.refused(&theft).reason, Reason::ProofInvalid);
    client.done(&consent);
    client.done(&Request::Suspend { agent: agent(1) });
    assert_eq!(
        client.refused(&consent).reason,
        Reason::ProofInvalid,
        "it was for the first suspension"
    );
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::Suspended);
    let message = wallet.message(&[wallet.add_limit(300)]);
    assert_eq!(
        client
            .refused(&Request::SignLimitRestore {
                agent: agent(1),
                message
            })
            .reason,
        Reason::Suspended
    );
}

#[test]
fn over_every_wish_on_many_connections_the_sum_signed_is_the_approved_limit() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 1_000));
    let sibling = client.enrol(2, &policy(1, 100, 1_000));
    let start = Arc::new(Barrier::new(4));
    let run = |thread: u64| {
        let (mut client, start) = (signer.client(), Arc::clone(&start));
        let (wallet, sibling) = (wallet.clone(), sibling.clone());
        thread::spawn(move || {
            start.wait();
            let mut signed = 0_u64;
            for round in 0..60_u64 {
                let id = 1_000 * (thread + 1) + round;
                let units = [100, 101, 250, 1_000, 1, 99, u64::MAX >> 1][usize::try_from(round % 7).unwrap()];
                let mut wish = wallet.pay(id, units);
                match (round % 10, &mut wish) {
                    // The sibling's wallet in this agent's name, and the other way round.
                    (3, Request::SignSpend { agent: asker, .. }) => *asker = agent(2),
                    (4, _) => {
                        wish = sibling.pay(id, units);
                        if let Request::SignSpend { agent: asker, .. } = &mut wish {
                            *asker = agent(1);
                        }
                    }
                    // A second message under an id that was used.
                    (5, Request::SignSpend { transaction: used, .. }) => *used = transaction(id - 1),
                    (6, _) => wish = wallet.pay_to(id, units, thief()),
                    _ => {}
                }
                if let Ok(Answer::Spend(spend)) = client.ask(&wish) {
                    assert!(!matches!(round % 10, 3..=6), "{wish:?}");
                    assert!(!spend.replayed);
                    signed += units;
                }
                // Whatever refills the chain's limit refills nothing here.
                let refill = wallet.message(&[wallet.remove_limit(), wallet.add_limit(1_000)]);
                let _ = client.ask(&Request::SignLimitRestore {
                    agent: agent(1),
                    message: refill,
                });
                let tighter = policy(1, 100, 1_000);
                let request = Request::ApprovePolicy {
                    agent: agent(1),
                    policy: Box::new(tighter),
                    proof: None,
                };
                client.ask(&request).unwrap();
            }
            signed
        })
    };
    let running: Vec<_> = (0..4).map(run).collect();
    let mut signed: u64 = running.into_iter().map(|thread| thread.join().unwrap()).sum();
    // And the rest, lamport by lamport.
    for id in 50_000.. {
        match client.ask(&wallet.pay(id, 1)) {
            Ok(_) => signed += 1,
            Err(refusal) => {
                assert_eq!(refusal.codes, ["POLICY_DAILY_LIMIT_EXCEEDED"]);
                break;
            }
        }
    }
    assert_eq!(signed, 1_000);
    assert_eq!(client.booked(1), 1_000);
    assert_eq!(client.booked(2), 0);
    let Answer::Headroom(room) = client.done(&Request::Headroom {
        agent: agent(1),
        asset: Asset::Sol,
    }) else {
        panic!()
    };
    assert_eq!(room.month.units(), 1_000);
}
