//! Messages that nothing here ever builds: every one is refused by every request that signs.

use {
    crate::world::*,
    portreeve_chain::{AccountMeta, Instruction, Message, program},
    portreeve_kernel::{Address, Asset},
    portreeve_signing::{Bytes, Reason, protocol::Request},
    sha2::{Digest, Sha256},
};

/// An instruction of Squads by name, with the accounts that config authorities use.
fn squads(name: &str, arguments: &[u8]) -> Instruction {
    let hash: [u8; 32] = Sha256::digest(format!("global:{name}")).into();
    let programs = portreeve_chain::Programs::default();
    Instruction {
        program: programs.squads,
        accounts: vec![
            AccountMeta::writable(wallet(1).multisig()),
            AccountMeta::readonly(address(OWNER)).signing(),
            AccountMeta::writable(address(FEE_PAYER)).signing(),
            AccountMeta::readonly(Address::SYSTEM_PROGRAM),
        ],
        data: [&hash[..8], arguments].concat(),
    }
}

/// An instruction of a program that is not Squads.
fn other(id: Address, data: &[u8], accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: id,
        accounts,
        data: data.to_vec(),
    }
}

/// What a thief with the socket would like to have signed.
fn wishes() -> Vec<(&'static str, Instruction)> {
    let thief = address(66);
    let owner = AccountMeta::readonly(address(OWNER)).signing();
    let payer = AccountMeta::writable(address(FEE_PAYER)).signing();
    let agent_key = AccountMeta::writable(wallet(1).keys().agent_key).signing();
    let to = AccountMeta::writable(thief);
    let key = thief.as_bytes().as_slice();
    let lamports = |kind: u32| [kind.to_le_bytes().as_slice(), &1_000_u64.to_le_bytes()].concat();
    vec![
        ("add a member", squads("multisig_add_member", &[key, &[7, 0]].concat())),
        (
            "remove the owner",
            squads(
                "multisig_remove_member",
                &[address(OWNER).as_bytes().as_slice(), &[0]].concat(),
            ),
        ),
        ("change the threshold", squads("multisig_change_threshold", &[2, 0, 0])),
        ("set a time lock", squads("multisig_set_time_lock", &[1, 0, 0, 0, 0])),
        (
            "take the authority",
            squads("multisig_set_config_authority", &[key, &[0]].concat()),
        ),
        (
            "take the rent",
            squads("multisig_set_rent_collector", &[&[1], key, &[0]].concat()),
        ),
        ("propose", squads("vault_transaction_create", &[0, 0, 0, 0, 0, 0, 0])),
        ("approve", squads("proposal_approve", &[0])),
        ("execute", squads("vault_transaction_execute", &[])),
        (
            "empty the fee payer",
            other(Address::SYSTEM_PROGRAM, &lamports(2), vec![payer, to]),
        ),
        (
            "empty the agent's key",
            other(Address::SYSTEM_PROGRAM, &lamports(2), vec![agent_key, to]),
        ),
        (
            "assign the owner",
            other(
                Address::SYSTEM_PROGRAM,
                &[&1_u32.to_le_bytes(), key].concat(),
                vec![owner],
            ),
        ),
        (
            "advance a nonce",
            other(Address::SYSTEM_PROGRAM, &4_u32.to_le_bytes(), vec![to, to, owner]),
        ),
        (
            "withdraw a nonce",
            other(Address::SYSTEM_PROGRAM, &lamports(5), vec![to, to, to, to, owner]),
        ),
        (
            "approve a delegate",
            other(program::TOKEN, &[4, 1, 0, 0, 0, 0, 0, 0, 0], vec![to, to, owner]),
        ),
        (
            "set a token authority",
            other(program::TOKEN, &[&[6, 2, 1], key].concat(), vec![to, owner]),
        ),
        ("close an account", other(program::TOKEN, &[9], vec![to, to, owner])),
        ("call a stranger", other(address(68), &[1], vec![owner, to])),
        ("upgrade the loader", other(address(67), &[3, 0, 0, 0], vec![owner])),
    ]
}

fn requests(bytes: &[u8]) -> [Request; 4] {
    let (agent, message) = (agent(1), Bytes(bytes.to_vec()));
    [
        Request::SignSpend {
            transaction: transaction(1),
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

fn bytes(instructions: &[Instruction]) -> Vec<u8> {
    Message::compile(address(FEE_PAYER), blockhash(0), instructions)
        .unwrap()
        .as_bytes()
        .to_vec()
}

#[test]
fn no_request_signs_any_of_it_alone_or_beside_something_good() {
    let mut world = World::ready();
    let programs = portreeve_chain::Programs::default();
    let spend = wallet(1).spend(&payment(1, 1, shop())).unwrap();
    let good = [
        spend[0].instruction(&programs),
        portreeve_chain::Action::from(wallet(1).remove_limit(&Asset::Sol)).instruction(&programs),
    ];
    for (wish, instruction) in wishes() {
        let mut messages = vec![bytes(std::slice::from_ref(&instruction))];
        for beside in &good {
            messages.push(bytes(&[beside.clone(), instruction.clone()]));
            messages.push(bytes(&[instruction.clone(), beside.clone()]));
        }
        for message in messages {
            for request in requests(&message) {
                let reason = world.refused(request);
                assert!(
                    matches!(reason, Reason::Undecodable | Reason::WrongAction),
                    "{wish}: {reason:?}"
                );
            }
        }
    }
    assert_eq!(world.journal.len(), 3, "nothing happened");
}

#[test]
fn a_spend_from_another_agents_wallet_is_refused() {
    let mut world = World::ready();
    world.done(Request::CreateAgentKey { agent: agent(2) });
    world.approve(2, policy(1));
    let actions = wallet(2).spend(&payment(1, 1, shop())).unwrap();
    let (transaction, message) = (transaction(1), message(2, &actions, 0));
    assert_eq!(
        world.refused(Request::SignSpend {
            transaction,
            agent: agent(1),
            message
        }),
        Reason::WrongWallet
    );
}

#[test]
fn two_payments_in_one_message_are_refused() {
    let mut world = World::ready();
    let one = wallet(1).spend(&payment(1, 1, shop())).unwrap();
    let both = [one.as_slice(), &one].concat();
    let (transaction, message) = (transaction(1), message(1, &both, 0));
    assert_eq!(
        world.refused(Request::SignSpend {
            transaction,
            agent: agent(1),
            message
        }),
        Reason::WrongAction
    );
}

#[test]
fn a_version_0_message_with_a_lookup_table_is_refused() {
    let mut world = World::ready();
    let Bytes(legacy) = bytes_of(&pay(1, 1));
    let table = [&[1][..], address(50).as_bytes(), &[1, 0, 0]].concat();
    let v0 = [&[0x80][..], &legacy, &table].concat();
    for request in requests(&v0) {
        assert_eq!(world.refused(request), Reason::Undecodable);
    }
}
