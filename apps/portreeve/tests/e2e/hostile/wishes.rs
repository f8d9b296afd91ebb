//! What a thief asks for: everything that Solana, its token program and Squads can do with the keys that the signer
//! holds, but for what the owner approved.

use {
    super::thiefs,
    crate::{
        estate::{Agent, Estate},
        house::SOL,
    },
    portreeve_chain::{
        AccountMeta, Instruction, pda, program,
        squads::{AddSpendingLimit, CreateMultisig, Period},
    },
    portreeve_kernel::{Address, Amount, Asset, Mint},
};

/// Configuration and money by other ways than a limit: instructions of Squads by their raw discriminators, and of other
/// programs, each signed by the owner key, the fee payer or the agent's key as the chain would ask.
pub(super) fn forbidden(estate: &Estate, agent: &Agent) -> Vec<(&'static str, Instruction)> {
    let (multisig, keys) = (agent.wallet.multisig(), agent.wallet.keys());
    let owner = AccountMeta::readonly(keys.owner_key).signing();
    let payer = AccountMeta::writable(keys.fee_payer).signing();
    let spender = AccountMeta::readonly(keys.agent_key).signing();
    let system = AccountMeta::readonly(Address::SYSTEM_PROGRAM);
    let squads = AccountMeta::readonly(agent.wallet.programs().squads);
    let vault = AccountMeta::writable(agent.wallet.vault());
    let to = AccountMeta::writable(thiefs());
    let thief = thiefs().as_bytes().to_vec();
    let instruction = |program: Address, accounts: Vec<AccountMeta>, data: Vec<u8>| Instruction {
        program,
        accounts,
        data,
    };
    let configure = |discriminator: [u8; 8], arguments: &[u8]| {
        let accounts = vec![AccountMeta::writable(multisig), owner, payer, system];
        instruction(
            agent.wallet.programs().squads,
            accounts,
            [discriminator.as_slice(), arguments].concat(),
        )
    };
    let index = [1, 0, 0, 0, 0, 0, 0, 0];
    let seeds = |kind: &[u8]| {
        let tail: &[&[u8]] = if kind == b"proposal" { &[b"proposal"] } else { &[] };
        let start: [&[u8]; 4] = [b"multisig", multisig.as_bytes(), b"transaction", &index];
        pda::find(&agent.wallet.programs().squads, &[&start, tail].concat()).0
    };
    let (proposed, proposal) = (
        AccountMeta::writable(seeds(b"transaction")),
        AccountMeta::writable(seeds(b"proposal")),
    );
    let vote = |discriminator: [u8; 8], accounts: Vec<AccountMeta>, arguments: &[u8]| {
        instruction(
            agent.wallet.programs().squads,
            accounts,
            [discriminator.as_slice(), arguments].concat(),
        )
    };
    // Vault pays thief: one signer, writable; two writable in all; keys vault, thief, system; transfer of 1 SOL.
    let theft = {
        let transfer = [2_u32.to_le_bytes().as_slice(), &SOL.to_le_bytes()].concat();
        let vault = agent.wallet.vault();
        let keys = [vault.as_bytes().as_slice(), &thief, Address::SYSTEM_PROGRAM.as_bytes()].concat();
        let head = [&[1, 1, 1, 3], keys.as_slice(), &[1, 2, 2, 0, 1, 12, 0], &transfer, &[0]].concat();
        let length = u32::try_from(head.len()).unwrap().to_le_bytes();
        [&[0, 0], length.as_slice(), &head, &[0]].concat()
    };
    let execute = vec![squads, proposal, proposed, owner, vault, to, system];
    let transfer = |lamports: u64| [2_u32.to_le_bytes().as_slice(), &lamports.to_le_bytes()].concat();
    let system_call = |accounts, data| instruction(Address::SYSTEM_PROGRAM, accounts, data);
    let token_call = |accounts, data: &[u8]| instruction(program::TOKEN, accounts, data.to_vec());
    let with = |head: &[u8], tail: &[u8]| [head, &thief, tail].concat();
    let blockhashes = AccountMeta::readonly("SysvarRecentB1ockHashes11111111111111111111".parse().unwrap());
    let funds = estate.house.chain.balance(&keys.fee_payer.to_string()) / 2;
    vec![
        (
            "add_member",
            configure([1, 219, 215, 108, 184, 229, 214, 8], &with(&[], &[7, 0])),
        ),
        (
            "remove_member",
            configure([217, 117, 177, 210, 182, 145, 218, 72], &with(&[], &[0])),
        ),
        (
            "change_threshold",
            configure([141, 42, 15, 126, 169, 92, 62, 181], &[1, 0, 0]),
        ),
        (
            "set_time_lock",
            configure([148, 154, 121, 77, 212, 254, 155, 72], &[0, 0, 0, 0, 0]),
        ),
        (
            "set_config_authority",
            configure([143, 93, 199, 143, 92, 169, 193, 232], &with(&[], &[0])),
        ),
        (
            "set_rent_collector",
            configure([48, 204, 65, 57, 210, 70, 156, 74], &with(&[1], &[0])),
        ),
        (
            "vault_transaction_create",
            vote(
                [48, 250, 78, 168, 208, 226, 218, 211],
                vec![AccountMeta::writable(multisig), proposed, owner, payer, system],
                &theft,
            ),
        ),
        (
            "proposal_create",
            vote(
                [220, 60, 73, 224, 30, 108, 79, 159],
                vec![AccountMeta::readonly(multisig), proposal, owner, payer, system],
                &[index.as_slice(), &[0]].concat(),
            ),
        ),
        (
            "proposal_approve",
            vote(
                [144, 37, 164, 136, 188, 216, 42, 248],
                vec![
                    AccountMeta::readonly(multisig),
                    AccountMeta::writable(keys.owner_key).signing(),
                    proposal,
                ],
                &[0],
            ),
        ),
        (
            "vault_transaction_execute",
            vote([194, 8, 161, 87, 153, 164, 25, 171], execute, &[]),
        ),
        (
            "a transfer out of the fee payer",
            system_call(vec![payer, to], transfer(funds)),
        ),
        (
            "a transfer out of the agent's key",
            system_call(vec![spender, to], transfer(1)),
        ),
        (
            "a transfer out of the owner key",
            system_call(vec![owner, to], transfer(1)),
        ),
        (
            "assigning the fee payer to a thief",
            system_call(vec![payer], with(&1_u32.to_le_bytes(), &[])),
        ),
        (
            "a durable nonce",
            system_call(vec![to, blockhashes, payer], 4_u32.to_le_bytes().to_vec()),
        ),
        (
            "SetAuthority of a token account",
            token_call(vec![to, owner], &with(&[6, 2, 1], &[])),
        ),
        (
            "Approve of a token account",
            token_call(vec![to, to, owner], &[4, 1, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("closing a token account", token_call(vec![to, to, owner], &[9])),
        (
            "an unknown program",
            instruction(Address::new([68; 32]), vec![owner, payer, spender, to], vec![1]),
        ),
    ]
}

/// Everything a limit could say that the owner did not.
pub(super) fn wider(good: &AddSpendingLimit, agent: &Agent) -> Vec<(&'static str, AddSpendingLimit)> {
    let with = |change: fn(&mut AddSpendingLimit, &Agent)| {
        let mut wish = good.clone();
        change(&mut wish, agent);
        wish
    };
    vec![
        (
            "a lamport more",
            with(|wish, _| wish.amount = Amount::new(wish.amount.units() + 1).unwrap()),
        ),
        (
            "all there is",
            with(|wish, _| wish.amount = Amount::new(u64::MAX >> 1).unwrap()),
        ),
        ("any destination", with(|wish, _| wish.destinations.clear())),
        ("the thief too", with(|wish, _| wish.destinations.push(thiefs()))),
        ("the thief instead", with(|wish, _| wish.destinations = vec![thiefs()])),
        ("spent by the thief", with(|wish, _| wish.members = vec![thiefs()])),
        ("spent by the thief too", with(|wish, _| wish.members.push(thiefs()))),
        ("spent by nobody", with(|wish, _| wish.members.clear())),
        ("at a second address", with(|wish, _| wish.create_key = thiefs())),
        ("from another vault", with(|wish, _| wish.vault_index = 1)),
        ("once for ever", with(|wish, _| wish.period = Period::OneTime)),
        ("every month", with(|wish, _| wish.period = Period::Month)),
        (
            "for a token",
            with(|wish, _| wish.asset = Asset::Token(Mint::new(Address::new([5; 32])))),
        ),
        ("decided by the thief", with(|wish, _| wish.config_authority = thiefs())),
        ("of another multisig", with(|wish, _| wish.multisig = thiefs())),
    ]
}

/// A multisig as the owner did not ask for it.
pub(super) fn foreign(good: &CreateMultisig) -> Vec<(&'static str, CreateMultisig)> {
    let with = |change: fn(&mut CreateMultisig)| {
        let mut wish = good.clone();
        change(&mut wish);
        wish
    };
    vec![
        ("voted by the thief", with(|wish| wish.members[0].key = thiefs())),
        ("of two voters", with(|wish| wish.members.push(wish.members[0]))),
        (
            "ruled by the thief",
            with(|wish| wish.config_authority = Some(thiefs())),
        ),
        ("ruled by its members", with(|wish| wish.config_authority = None)),
        (
            "paying its rent to the thief",
            with(|wish| wish.rent_collector = Some(thiefs())),
        ),
        ("at another address", with(|wish| wish.create_key = wish.members[0].key)),
    ]
}
