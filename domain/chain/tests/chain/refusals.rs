//! What the signer believes: a message tells all it does, or it is refused.

use {
    crate::common::*,
    portreeve_chain::{
        AccountMeta, Action, DecodeError, Instruction, InstructionError, Malformed, Message, decode, pda, program,
        system::TransferSol,
    },
    portreeve_kernel::Address,
};

fn call(program: Address, data: Vec<u8>) -> Instruction {
    let accounts = vec![AccountMeta::writable(FEE_PAYER).signing(), AccountMeta::writable(SHOP)];
    Instruction {
        program,
        accounts,
        data,
    }
}

/// What `decode` says to a message of this one instruction.
fn refusal(call: Instruction) -> InstructionError {
    let message = Message::compile(FEE_PAYER, HASH, &[call]).unwrap();
    match decode(message.as_bytes(), &programs()) {
        Err(DecodeError::Instruction { position: 0, cause }) => cause,
        other => panic!("{other:?}"),
    }
}

fn spend() -> Instruction {
    wallet().spend(&sol_spend()).unwrap()[0].instruction(&programs())
}

fn token_spend_call() -> Instruction {
    wallet().spend(&token_spend()).unwrap()[1].instruction(&programs())
}

fn numbered(program: Address, number: &[u8]) -> InstructionError {
    refusal(call(program, [number, &[0; 40]].concat()))
}

#[test]
fn nonce_instructions_are_refused_by_name() {
    for (number, name) in [
        (4_u32, "AdvanceNonceAccount"),
        (5, "WithdrawNonceAccount"),
        (6, "InitializeNonceAccount"),
        (7, "AuthorizeNonceAccount"),
        (12, "UpgradeNonceAccount"),
        (0, "CreateAccount"),
        (1, "Assign"),
        (11, "TransferWithSeed"),
    ] {
        let expected = InstructionError::Refused {
            program: "system",
            name,
        };
        assert_eq!(numbered(Address::SYSTEM_PROGRAM, &number.to_le_bytes()), expected);
    }
}

#[test]
fn token_instructions_that_give_power_away_are_refused_by_name() {
    for token in [program::TOKEN, program::TOKEN_2022] {
        for (number, name) in [
            (3_u8, "Transfer"),
            (4, "Approve"),
            (6, "SetAuthority"),
            (8, "Burn"),
            (9, "CloseAccount"),
            (13, "ApproveChecked"),
            (35, "InitializePermanentDelegate"),
        ] {
            let expected = InstructionError::Refused { program: "token", name };
            assert_eq!(numbered(token, &[number]), expected);
        }
    }
    for (number, name) in [(0_u8, "Create"), (2, "RecoverNested")] {
        let program = "associated token";
        assert_eq!(
            numbered(program::ASSOCIATED_TOKEN, &[number]),
            InstructionError::Refused { program, name }
        );
    }
}

#[test]
fn squads_instructions_that_are_not_ours_are_refused_by_name() {
    // Discriminators as the program's published interface lists them.
    for (discriminator, name) in [
        ([1, 219, 215, 108, 184, 229, 214, 8], "multisig_add_member"),
        ([217, 117, 177, 210, 182, 145, 218, 72], "multisig_remove_member"),
        ([141, 42, 15, 126, 169, 92, 62, 181], "multisig_change_threshold"),
        ([148, 154, 121, 77, 212, 254, 155, 72], "multisig_set_time_lock"),
        ([143, 93, 199, 143, 92, 169, 193, 232], "multisig_set_config_authority"),
        ([48, 204, 65, 57, 210, 70, 156, 74], "multisig_set_rent_collector"),
        ([48, 250, 78, 168, 208, 226, 218, 211], "vault_transaction_create"),
        ([194, 8, 161, 87, 153, 164, 25, 171], "vault_transaction_execute"),
        ([196, 71, 187, 176, 2, 35, 170, 165], "vault_transaction_accounts_close"),
        ([220, 60, 73, 224, 30, 108, 79, 159], "proposal_create"),
        ([144, 37, 164, 136, 188, 216, 42, 248], "proposal_approve"),
        ([243, 62, 134, 156, 230, 106, 246, 135], "proposal_reject"),
        ([205, 41, 194, 61, 220, 139, 16, 247], "proposal_cancel_v2"),
    ] {
        let expected = InstructionError::Refused {
            program: "Squads",
            name,
        };
        assert_eq!(numbered(program::SQUADS_V4, &discriminator), expected);
    }
}

#[test]
fn what_nobody_knows_is_refused() {
    let stranger = Address::new([0x99; 32]);
    assert_eq!(numbered(stranger, &[]), InstructionError::UnknownProgram(stranger));
    for (program, name, number) in [
        (program::SQUADS_V4, "Squads", vec![9; 8]),
        (Address::SYSTEM_PROGRAM, "system", vec![14, 0, 0, 0]),
        (program::TOKEN, "token", vec![45]),
        (program::ASSOCIATED_TOKEN, "associated token", vec![3]),
        (program::COMPUTE_BUDGET, "compute budget", vec![5]),
    ] {
        assert_eq!(numbered(program, &number), InstructionError::UnknownInstruction(name));
    }
    let heap = InstructionError::Refused {
        program: "compute budget",
        name: "RequestHeapFrame",
    };
    assert_eq!(numbered(program::COMPUTE_BUDGET, &[1]), heap);
}

#[test]
fn an_instruction_too_short_to_be_one_is_refused() {
    for program in [
        program::SQUADS_V4,
        Address::SYSTEM_PROGRAM,
        program::TOKEN,
        program::COMPUTE_BUDGET,
    ] {
        assert!(matches!(
            refusal(call(program, vec![])),
            InstructionError::UnknownInstruction(_)
        ));
    }
    // No data at all is the associated token program's oldest way to say `Create`.
    let create = InstructionError::Refused {
        program: "associated token",
        name: "Create",
    };
    assert_eq!(refusal(call(program::ASSOCIATED_TOKEN, vec![])), create);
}

#[test]
fn data_that_is_not_exactly_the_fields_is_refused() {
    const NAME: &str = "spending_limit_use";
    let data = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut call = spend();
        change(&mut call.data);
        match refusal(call) {
            InstructionError::Data { name: NAME, cause } => cause,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(data(&|data| data.push(0)), Malformed::Trailing(1));
    assert_eq!(data(&|data| data.truncate(20)), Malformed::Truncated("memo"));
    assert_eq!(
        data(&|data| data[17] = 2),
        Malformed::Value {
            field: "memo",
            value: 2
        }
    );
    assert_eq!(
        data(&|data| data[16] = 6),
        Malformed::Value {
            field: "decimals",
            value: 6
        }
    );
    assert_eq!(
        data(&|data| data[8..16].fill(0)),
        Malformed::Value {
            field: "amount",
            value: 0
        }
    );
    assert_eq!(
        data(&|data| data[8..16].fill(0xFF)),
        Malformed::Value {
            field: "amount",
            value: u64::MAX
        }
    );
    assert_eq!(data(&|data| data[25] = 0xFF), Malformed::Text("memo"));
}

#[test]
fn an_account_too_many_or_too_few_is_refused() {
    let count = |change: &dyn Fn(&mut Vec<AccountMeta>)| {
        let mut call = spend();
        change(&mut call.accounts);
        refusal(call)
    };
    for (found, error) in [
        (9, count(&|accounts| accounts.truncate(9))),
        (11, count(&|accounts| accounts.push(AccountMeta::readonly(SHOP)))),
    ] {
        let (name, expected) = ("spending_limit_use", 10);
        assert_eq!(error, InstructionError::AccountCount { name, expected, found });
    }
}

#[test]
fn a_vault_of_another_multisig_or_number_is_refused() {
    let wallet = wallet();
    for other in [
        pda::vault(&programs(), &wallet.multisig(), 1),
        pda::vault(&programs(), &SHOP, 0),
        SHOP,
    ] {
        let mut call = spend();
        call.accounts[3].address = other;
        let (name, position, expected, found) = ("spending_limit_use", 3, wallet.vault(), other);
        assert_eq!(
            refusal(call),
            InstructionError::WrongAccount {
                name,
                position,
                expected,
                found
            }
        );
    }
}

#[test]
fn a_token_account_that_is_not_the_owners_associated_one_is_refused() {
    let other = Address::new([0x66; 32]);
    for position in [7, 8] {
        let mut call = token_spend_call();
        let expected = call.accounts[position].address;
        call.accounts[position].address = other;
        let (name, found) = ("spending_limit_use", other);
        assert_eq!(
            refusal(call),
            InstructionError::WrongAccount {
                name,
                position,
                expected,
                found
            }
        );
    }
}

#[test]
fn tokens_are_moved_by_a_token_program_only() {
    let mut call = token_spend_call();
    call.accounts[9].address = SHOP;
    let (name, found) = ("spending_limit_use", SHOP);
    assert_eq!(refusal(call), InstructionError::NotATokenProgram { name, found });
}

#[test]
fn a_payment_in_sol_that_also_names_a_mint_or_token_accounts_is_refused() {
    for position in 6..10 {
        let mut call = spend();
        call.accounts[position].address = SHOP;
        assert!(
            matches!(
                refusal(call),
                InstructionError::WrongAccount { .. } | InstructionError::NotATokenProgram { .. }
            ),
            "{position}"
        );
    }
}

#[test]
fn an_account_that_should_sign_or_be_writable_and_does_not_is_refused() {
    let mut unsigned = spend();
    unsigned.accounts[1].signer = false;
    let (name, position, account, right) = ("spending_limit_use", 1, AGENT_KEY, "sign");
    assert_eq!(
        refusal(unsigned),
        InstructionError::Privilege {
            name,
            position,
            account,
            right
        }
    );
    let mut readonly = spend();
    readonly.accounts[4].writable = false;
    let (position, account, right) = (4, SHOP, "be changed");
    assert_eq!(
        refusal(readonly),
        InstructionError::Privilege {
            name,
            position,
            account,
            right
        }
    );
}

#[test]
fn a_right_that_nobody_needs_is_refused() {
    for (position, signs) in [(0, false), (1, false), (0, true), (4, true), (5, false)] {
        let mut call = spend();
        call.accounts[position].signer |= signs;
        call.accounts[position].writable |= !signs;
        let message = Message::compile(FEE_PAYER, HASH, &[call]).unwrap();
        assert_eq!(
            decode(message.as_bytes(), &programs()),
            Err(DecodeError::NotCanonical),
            "{position}"
        );
    }
}

#[test]
fn an_account_that_no_instruction_uses_is_refused() {
    let message = spend_message(&sol_spend());
    let mut bytes = message.as_bytes().to_vec();
    bytes[2] += 1; // one more read-only account
    let count = usize::from(bytes[3]);
    bytes[3] += 1;
    bytes.splice(4 + 32 * count..4 + 32 * count, [0xEE; 32]);
    assert!(Message::parse(&bytes).is_ok());
    assert_eq!(decode(&bytes, &programs()), Err(DecodeError::NotCanonical));
}

#[test]
fn accounts_in_another_order_are_refused_though_the_meaning_is_the_same() {
    let message = spend_message(&sol_spend());
    let mut bytes = message.as_bytes().to_vec();
    let key = |place: usize| 4 + 32 * place..36 + 32 * place;
    let (a, b) = (bytes[key(2)].to_vec(), bytes[key(3)].to_vec());
    bytes[key(2)].copy_from_slice(&b);
    bytes[key(3)].copy_from_slice(&a);
    let calls = 4 + 32 * usize::from(bytes[3]) + 33;
    for index in &mut bytes[calls + 2..calls + 12] {
        *index = match *index {
            2 => 3,
            3 => 2,
            other => other,
        };
    }
    let same = Message::parse(&bytes).unwrap();
    assert_eq!(same.instructions(), message.instructions());
    assert_eq!(decode(&bytes, &programs()), Err(DecodeError::NotCanonical));
}

#[test]
fn the_position_of_the_bad_instruction_is_told() {
    let pay = TransferSol {
        from: FEE_PAYER,
        to: SHOP,
        amount: amount(1),
    };
    let good = Action::from(pay).instruction(&programs());
    let bad = call(Address::SYSTEM_PROGRAM, vec![4, 0, 0, 0]);
    let message = Message::compile(FEE_PAYER, HASH, &[good, bad]).unwrap();
    let error = decode(message.as_bytes(), &programs()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "instruction 1: `AdvanceNonceAccount` of the system program is refused"
    );
}

#[test]
fn an_action_prints_all_its_fields() {
    let text = wallet().spend(&sol_spend()).unwrap()[0].to_string();
    for part in [
        "spending_limit_use",
        &SHOP.to_string(),
        "Amount(1000000000)",
        "currency=Sol",
        "tx_01ARYZ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
