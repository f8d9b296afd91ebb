//! The envelope: what is no message is refused before anybody asks what it says.

use {
    crate::common::*,
    portreeve_chain::{
        AccountMeta, AssembleError, Blockhash, Instruction, MAX_TRANSACTION_BYTES, Malformed, Message, MessageError,
        Signature, Transaction,
    },
    portreeve_kernel::Address,
    proptest::{collection::vec, prelude::*},
};

const PROGRAM: Address = Address::new([0x77; 32]);

fn call(accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    Instruction {
        program: PROGRAM,
        accounts,
        data,
    }
}

/// Header 1 0 2; fee payer, SHOP (writable), PROGRAM, AGENT_KEY; one instruction with accounts 1 and 3, data 9.
fn bytes() -> Vec<u8> {
    let accounts = vec![AccountMeta::writable(SHOP), AccountMeta::readonly(AGENT_KEY)];
    let message = Message::compile(FEE_PAYER, HASH, &[call(accounts, vec![9])]).unwrap();
    message.as_bytes().to_vec()
}

const HEADER: std::ops::Range<usize> = 0..3;
const COUNT: usize = 3;
const KEYS: usize = 4;
const AFTER_KEYS: usize = KEYS + 4 * 32;
const CALL: usize = AFTER_KEYS + 32 + 1;

fn with(change: impl FnOnce(&mut Vec<u8>)) -> Result<Message, MessageError> {
    let mut bytes = bytes();
    change(&mut bytes);
    Message::parse(&bytes)
}

#[test]
fn a_message_is_laid_out_as_the_format_says() {
    let bytes = bytes();
    assert_eq!(bytes[HEADER], [1, 0, 2]);
    assert_eq!(bytes[COUNT], 4);
    assert_eq!(&bytes[KEYS..KEYS + 32], FEE_PAYER.as_bytes());
    assert_eq!(&bytes[CALL..], [2, 2, 1, 3, 1, 9]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.fee_payer(), FEE_PAYER);
    assert_eq!(message.signers(), [FEE_PAYER]);
    assert_eq!(message.recent_blockhash(), HASH);
    assert!(message.instructions()[0].accounts[0].writable);
    assert!(!message.instructions()[0].accounts[1].writable);
}

#[test]
fn a_versioned_message_is_refused_because_its_lookup_tables_hide_accounts() {
    let versioned = [vec![0x80], bytes()].concat();
    assert_eq!(Message::parse(&versioned), Err(MessageError::Versioned(0)));
    assert_eq!(with(|bytes| bytes[0] = 0x81), Err(MessageError::Versioned(1)));
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let bytes = bytes();
    for length in 0..bytes.len() {
        assert!(Message::parse(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_byte_too_many_is_refused() {
    assert_eq!(
        with(|bytes| bytes.push(0)),
        Err(MessageError::Malformed(Malformed::Trailing(1)))
    );
}

#[test]
fn a_count_in_a_longer_form_is_refused() {
    let longer = with(|bytes| {
        bytes.splice(COUNT..=COUNT, [0x84, 0x00]);
    });
    assert_eq!(longer, Err(MessageError::Malformed(Malformed::Length("accounts"))));
}

#[test]
fn an_account_listed_twice_is_refused() {
    let twice = with(|bytes| bytes.copy_within(KEYS + 32..KEYS + 64, KEYS + 64));
    assert_eq!(twice, Err(MessageError::DuplicateAccount(SHOP)));
}

#[test]
fn a_header_that_contradicts_the_accounts_is_refused() {
    for (header, why) in [
        ([0, 0, 2], "nobody signs"),
        ([1, 1, 2], "the fee payer is read-only"),
        ([2, 3, 1], "more read-only signers than signers"),
        ([5, 0, 0], "more signers than accounts"),
        ([1, 0, 4], "more read-only accounts than there are"),
        ([3, 0, 2], "an account both signs and is no signer"),
    ] {
        let result = with(|bytes| bytes[HEADER].copy_from_slice(&header));
        assert!(matches!(result, Err(MessageError::Header { .. })), "{why}: {result:?}");
    }
}

#[test]
fn an_index_beyond_the_accounts_is_refused() {
    assert_eq!(with(|bytes| bytes[CALL] = 4), Err(MessageError::NoSuchAccount(4)));
    assert_eq!(
        with(|bytes| bytes[CALL + 2] = 200),
        Err(MessageError::NoSuchAccount(200))
    );
}

#[test]
fn the_fee_payer_is_no_program() {
    assert_eq!(
        with(|bytes| bytes[CALL] = 0),
        Err(MessageError::PrivilegedProgram(FEE_PAYER))
    );
    let compiled = Message::compile(PROGRAM, HASH, &[call(Vec::new(), Vec::new())]);
    assert_eq!(compiled, Err(MessageError::PrivilegedProgram(PROGRAM)));
}

#[test]
fn a_program_that_may_be_written_is_refused() {
    assert_eq!(
        with(|bytes| bytes[CALL] = 1),
        Err(MessageError::PrivilegedProgram(SHOP))
    );
    let compiled = Message::compile(
        FEE_PAYER,
        HASH,
        &[call(vec![AccountMeta::writable(PROGRAM)], Vec::new())],
    );
    assert_eq!(compiled, Err(MessageError::PrivilegedProgram(PROGRAM)));
}

#[test]
fn a_program_that_has_to_sign_is_refused() {
    let signing = AccountMeta::readonly(PROGRAM).signing();
    let compiled = Message::compile(FEE_PAYER, HASH, &[call(vec![signing], Vec::new())]);
    assert_eq!(compiled, Err(MessageError::PrivilegedProgram(PROGRAM)));
}

#[test]
fn each_account_has_the_rights_that_its_place_gives_it() {
    let address = |n| Address::new([n; 32]);
    let accounts = vec![
        AccountMeta::writable(address(1)).signing(),
        AccountMeta::readonly(address(2)).signing(),
        AccountMeta::readonly(address(3)).signing(),
        AccountMeta::writable(address(4)),
        AccountMeta::writable(address(5)),
        AccountMeta::readonly(address(6)),
    ];
    let message = Message::compile(FEE_PAYER, HASH, &[call(accounts.clone(), Vec::new())]).unwrap();
    assert_eq!(message.as_bytes()[HEADER], [4, 2, 2]);
    assert_eq!(message.instructions()[0].accounts, accounts);
    assert_eq!(message.signers(), [FEE_PAYER, address(1), address(2), address(3)]);
}

#[test]
fn a_message_that_asks_for_nothing_is_refused() {
    assert_eq!(Message::compile(FEE_PAYER, HASH, &[]), Err(MessageError::Empty));
    let emptied = with(|bytes| {
        bytes.truncate(CALL);
        bytes[CALL - 1] = 0;
    });
    assert_eq!(emptied, Err(MessageError::Empty));
}

#[test]
fn a_transaction_is_at_most_1232_bytes_with_its_signatures() {
    let message = |data: usize| Message::compile(FEE_PAYER, HASH, &[call(Vec::new(), vec![0; data])]);
    let room = MAX_TRANSACTION_BYTES - message(200).unwrap().transaction_bytes() + 200;
    let largest = message(room).unwrap();
    assert_eq!(largest.transaction_bytes(), 1232);
    let signed = Transaction::assemble(largest, &[(FEE_PAYER, Signature::new([1; 64]))]).unwrap();
    assert_eq!(signed.to_wire().len(), 1232);
    assert_eq!(message(room + 1), Err(MessageError::TooLarge { bytes: 1233 }));
    assert!(matches!(message(100_000), Err(MessageError::TooLarge { .. })));
}

#[test]
fn more_accounts_than_an_index_can_name_are_refused() {
    let many = |count: u16| -> Vec<AccountMeta> {
        let address = |n: u16| Address::new(std::array::from_fn(|at| if at < 2 { n.to_le_bytes()[at] } else { 1 }));
        (0..count).map(|n| AccountMeta::readonly(address(n))).collect()
    };
    let compiled = Message::compile(FEE_PAYER, HASH, &[call(many(255), Vec::new())]);
    assert_eq!(compiled, Err(MessageError::TooManyAccounts(257)));
}

#[test]
fn signatures_stand_in_the_order_of_their_keys_whatever_order_they_come_in() {
    let message = spend_message(&sol_spend());
    let [payer, agent] = [Signature::new([1; 64]), Signature::new([2; 64])];
    for signed in [
        [(FEE_PAYER, payer), (AGENT_KEY, agent)],
        [(AGENT_KEY, agent), (FEE_PAYER, payer)],
    ] {
        let transaction = Transaction::assemble(message.clone(), &signed).unwrap();
        assert_eq!(transaction.signature(), payer);
        assert_eq!(transaction.signatures(), [payer, agent]);
        let wire = transaction.to_wire();
        assert_eq!(wire.len(), message.transaction_bytes());
        assert_eq!(&wire[..1 + 64], [vec![2], vec![1; 64]].concat());
        assert_eq!(Transaction::from_wire(&wire).unwrap(), transaction);
    }
}

#[test]
fn a_signature_missing_twice_or_by_a_stranger_makes_no_transaction() {
    let message = || spend_message(&sol_spend());
    let [payer, agent, owner] = [FEE_PAYER, AGENT_KEY, OWNER_KEY].map(|key| (key, Signature::new([1; 64])));
    let refused = |signed: &[_]| Transaction::assemble(message(), signed).unwrap_err();
    assert_eq!(refused(&[payer]), AssembleError::Signer(AGENT_KEY));
    assert_eq!(refused(&[payer, agent, agent]), AssembleError::Signer(AGENT_KEY));
    assert_eq!(refused(&[]), AssembleError::Signer(FEE_PAYER));
    assert_eq!(refused(&[payer, agent, owner]), AssembleError::Stranger(OWNER_KEY));
}

#[test]
fn a_wire_with_fewer_or_more_signatures_than_signers_is_refused() {
    let message = spend_message(&sol_spend());
    for count in [0_u8, 1, 3] {
        let wire = [
            vec![count],
            vec![1; 64 * usize::from(count)],
            message.as_bytes().to_vec(),
        ]
        .concat();
        let expected = MessageError::Signatures {
            expected: 2,
            found: usize::from(count),
        };
        assert_eq!(Transaction::from_wire(&wire), Err(expected));
    }
}

#[test]
fn hashes_and_signatures_are_base58_of_their_size() {
    let text = Signature::new([7; 64]).to_string();
    assert_eq!(text.parse::<Signature>().unwrap(), Signature::new([7; 64]));
    assert_eq!(HASH.to_string().parse::<Blockhash>().unwrap(), HASH);
    for bad in [
        "",
        "0",
        &text[1..],
        &format!("{text}1"),
        &HASH.to_string(),
        &"1".repeat(65),
    ] {
        assert!(bad.parse::<Signature>().is_err(), "{bad}");
    }
    assert!(text.parse::<Blockhash>().is_err());
    assert_eq!("1".repeat(64).parse::<Signature>().unwrap(), Signature::new([0; 64]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn reading_any_bytes_never_panics(bytes in vec(any::<u8>(), 0..1400)) {
        let _ = Message::parse(&bytes);
        let _ = Transaction::from_wire(&bytes);
    }

    #[test]
    fn what_was_compiled_is_read_again(actions in vec(any_action(), 1..4)) {
        if let Ok(message) = wallet().message(HASH, &actions) {
            prop_assert_eq!(Message::parse(message.as_bytes()), Ok(message));
        }
    }
}
