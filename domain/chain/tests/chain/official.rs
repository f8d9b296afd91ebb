//! Our bytes against those of Solana's own crates.

use {
    crate::common::*,
    portreeve_chain::{
        AccountMeta, Action, Instruction, Message, MessageError, TokenProgram,
        compute::{SetComputeUnitLimit, SetComputeUnitPrice},
        pda, program,
        system::TransferSol,
        token::{CreateTokenAccount, TransferToken},
    },
    portreeve_kernel::Address,
    proptest::{collection::vec, prelude::*},
    solana_message::{Hash, Instruction as Theirs},
};

fn theirs(address: Address) -> solana_address::Address {
    solana_address::Address::new_from_array(*address.as_bytes())
}

fn their_instruction(ours: &Instruction) -> Theirs {
    let meta = |meta: &AccountMeta| solana_message::AccountMeta {
        pubkey: theirs(meta.address),
        is_signer: meta.signer,
        is_writable: meta.writable,
    };
    Theirs {
        program_id: theirs(ours.program),
        accounts: ours.accounts.iter().map(meta).collect(),
        data: ours.data.clone(),
    }
}

/// Program, accounts with their rights, data. A macro, because the crates are not all of one version.
macro_rules! parts {
    ($instruction:expr) => {{
        let it = $instruction;
        let accounts: Vec<([u8; 32], bool, bool)> = it
            .accounts
            .iter()
            .map(|meta| (meta.pubkey.to_bytes(), meta.is_signer, meta.is_writable))
            .collect();
        (it.program_id.to_bytes(), accounts, it.data)
    }};
}

type Parts = ([u8; 32], Vec<([u8; 32], bool, bool)>, Vec<u8>);

fn our_parts(action: impl Into<Action>) -> Parts {
    parts!(their_instruction(&action.into().instruction(&programs())))
}

#[test]
fn the_programs_are_where_solana_says() {
    assert_eq!(program::TOKEN.as_bytes(), &spl_token_interface::ID.to_bytes());
    let associated = spl_associated_token_account_interface::program::ID;
    assert_eq!(program::ASSOCIATED_TOKEN.as_bytes(), &associated.to_bytes());
    let compute = solana_compute_budget_interface::ID;
    assert_eq!(program::COMPUTE_BUDGET.as_bytes(), &compute.to_bytes());
    assert_eq!(
        Address::SYSTEM_PROGRAM.as_bytes(),
        &solana_system_interface::program::ID.to_bytes()
    );
}

#[test]
fn a_sol_transfer_is_the_system_programs() {
    let official = solana_system_interface::instruction::transfer(&theirs(AGENT_KEY), &theirs(SHOP), 77);
    let ours = TransferSol {
        from: AGENT_KEY,
        to: SHOP,
        amount: amount(77),
    };
    assert_eq!(our_parts(ours), parts!(official));
}

#[test]
fn a_token_transfer_is_the_token_programs() {
    let [source, destination] = [Address::new([1; 32]), Address::new([2; 32])];
    let official = spl_token_interface::instruction::transfer_checked(
        &spl_token_interface::ID,
        &theirs(source),
        &theirs(MINT.address()),
        &theirs(destination),
        &theirs(AGENT_KEY),
        &[],
        77,
        6,
    );
    let ours = TransferToken {
        program: TokenProgram::Token,
        source,
        mint: MINT,
        destination,
        authority: AGENT_KEY,
        amount: amount(77),
        decimals: 6,
    };
    assert_eq!(our_parts(ours), parts!(official.unwrap()));
}

#[test]
fn creating_a_token_account_is_the_associated_token_programs() {
    use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent as official;
    for program in [TokenProgram::Token, TokenProgram::Token2022] {
        let official = official(
            &theirs(FEE_PAYER),
            &theirs(SHOP),
            &theirs(MINT.address()),
            &theirs(program.address()),
        );
        let ours = CreateTokenAccount {
            payer: FEE_PAYER,
            owner: SHOP,
            mint: MINT,
            program,
        };
        assert_eq!(our_parts(ours), parts!(official));
    }
}

#[test]
fn compute_budget_instructions_are_solanas() {
    use solana_compute_budget_interface::ComputeBudgetInstruction as Official;
    let limit = Official::set_compute_unit_limit(200_000);
    assert_eq!(our_parts(SetComputeUnitLimit { units: 200_000 }), parts!(limit));
    let price = Official::set_compute_unit_price(1_234_567);
    let ours = SetComputeUnitPrice {
        micro_lamports: 1_234_567,
    };
    assert_eq!(our_parts(ours), parts!(price));
}

/// Instructions as nobody would write them: few accounts, met again with other rights, as program and as signer.
fn any_instruction() -> impl Strategy<Value = Instruction> {
    let address = || (0..12_u8).prop_map(|n| Address::new([n; 32]));
    let meta = (address(), any::<bool>(), any::<bool>()).prop_map(|(address, signer, writable)| AccountMeta {
        address,
        signer,
        writable,
    });
    let program = (100..104_u8).prop_map(|n| Address::new([n; 32]));
    let program = prop_oneof![9 => program, 1 => address()];
    (program, vec(meta, 0..20), vec(any::<u8>(), 0..300)).prop_map(|(program, accounts, data)| Instruction {
        program,
        accounts,
        data,
    })
}

proptest! {
    #[test]
    fn addresses_of_programs_are_those_that_solana_finds(
        program in any_address(),
        seeds in vec(vec(any::<u8>(), 0..=32), 0..5),
    ) {
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        let (address, bump) = pda::find(&program, &seeds);
        let official = solana_address::Address::find_program_address(&seeds, &theirs(program));
        prop_assert_eq!((theirs(address), bump), official);
    }

    #[test]
    fn the_curve_is_solanas(bytes in any::<[u8; 32]>()) {
        let official = solana_address::bytes_are_curve_point(bytes);
        prop_assert_eq!(pda::is_on_curve(&Address::new(bytes)), official);
    }

    #[test]
    fn associated_token_accounts_are_those_that_solana_derives(owner in any_address(), mint in any_address()) {
        use spl_associated_token_account_interface::address::get_associated_token_address_with_program_id as official;
        for program in [TokenProgram::Token, TokenProgram::Token2022] {
            let ours = pda::associated_token(&owner, &portreeve_kernel::Mint::new(mint), program);
            let official = official(&theirs(owner), &theirs(mint), &theirs(program.address()));
            prop_assert_eq!(theirs(ours), official);
        }
    }

    #[test]
    fn a_message_is_compiled_as_solana_compiles_it(
        instructions in vec(any_instruction(), 1..4),
        payer in (0..14_u8).prop_map(|n| Address::new([n; 32])),
    ) {
        let calls: Vec<Theirs> = instructions.iter().map(their_instruction).collect();
        let official = solana_message::Message::new_with_blockhash(
            &calls,
            Some(&theirs(payer)),
            &Hash::new_from_array(*HASH.as_bytes()),
        );
        match Message::compile(payer, HASH, &instructions) {
            Ok(ours) => {
                prop_assert_eq!(ours.as_bytes(), official.serialize());
                for meta in ours.instructions().iter().flat_map(|call| &call.accounts) {
                    let place = official.account_keys.iter().position(|key| *key == theirs(meta.address)).unwrap();
                    prop_assert_eq!(meta.signer, official.is_signer(place));
                    prop_assert_eq!(meta.writable, official.header_allows_writing(place));
                }
            }
            Err(MessageError::PrivilegedProgram(program)) => {
                let place = official.account_keys.iter().position(|key| *key == theirs(program)).unwrap();
                prop_assert!(official.is_signer(place) || official.header_allows_writing(place));
            }
            Err(MessageError::TooLarge { bytes }) => prop_assert!(bytes > 1232),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn what_we_build_is_compiled_as_solana_compiles_it(actions in vec(any_action(), 1..4)) {
        let calls: Vec<Theirs> =
            actions.iter().map(|action| their_instruction(&action.instruction(&programs()))).collect();
        let hash = Hash::new_from_array(*HASH.as_bytes());
        let official = solana_message::Message::new_with_blockhash(&calls, Some(&theirs(FEE_PAYER)), &hash);
        if let Ok(ours) = wallet().message(HASH, &actions) {
            prop_assert_eq!(ours.as_bytes(), official.serialize());
            let signers: Vec<_> = ours.signers().iter().copied().map(theirs).collect();
            prop_assert_eq!(signers.iter().collect::<Vec<_>>(), official.signer_keys());
        }
    }
}

trait HeaderAllowsWriting {
    fn header_allows_writing(&self, place: usize) -> bool;
}

impl HeaderAllowsWriting for solana_message::Message {
    /// By the header alone, before the runtime takes the right away from programs.
    fn header_allows_writing(&self, place: usize) -> bool {
        let count = |number: u8| usize::from(number);
        let signers = count(self.header.num_required_signatures);
        if place < signers {
            place < signers - count(self.header.num_readonly_signed_accounts)
        } else {
            place < self.account_keys.len() - count(self.header.num_readonly_unsigned_accounts)
        }
    }
}
