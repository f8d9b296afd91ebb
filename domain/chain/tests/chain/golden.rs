//! The bytes of every instruction and of one message for each. What builds them was tried on the real programs.
//! A difference here is a difference on chain.

use {
    crate::common::*,
    portreeve_chain::{
        Action, Programs, TokenProgram,
        compute::{SetComputeUnitLimit, SetComputeUnitPrice},
        decode,
        squads::Currency,
        system::TransferSol,
        token::{CreateTokenAccount, TransferToken},
    },
    portreeve_kernel::{Address, Asset},
    std::fmt::Write,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One of every kind, as the wallet builds them.
fn examples() -> Vec<(&'static str, Vec<Action>)> {
    let wallet = wallet();
    let limits = limits(2, 2);
    let add = |n: usize| wallet.add_limit(limits.get(n).unwrap()).unwrap().into();
    let token_2022 = Currency::Token {
        mint: MINT,
        program: TokenProgram::Token2022,
        decimals: 2,
    };
    let known_account = portreeve_chain::Spend {
        creates_token_account: false,
        currency: token_2022,
        ..token_spend()
    };
    vec![
        ("create a multisig", vec![wallet.create(TREASURY).into()]),
        ("add a limit on SOL", vec![add(0)]),
        ("add a limit on a token", vec![add(1)]),
        ("remove a limit", vec![wallet.remove_limit(&Asset::Sol).into()]),
        ("spend SOL", wallet.spend(&sol_spend()).unwrap()),
        (
            "spend a token, creating its account",
            wallet.spend(&token_spend()).unwrap(),
        ),
        ("spend a token of Token-2022", wallet.spend(&known_account).unwrap()),
        (
            "fund with SOL",
            vec![
                SetComputeUnitLimit { units: 200_000 }.into(),
                SetComputeUnitPrice { micro_lamports: 1_000 }.into(),
                TransferSol {
                    from: FEE_PAYER,
                    to: wallet.vault(),
                    amount: amount(5_000_000_000),
                }
                .into(),
            ],
        ),
        (
            "fund with a token",
            vec![
                CreateTokenAccount {
                    payer: FEE_PAYER,
                    owner: wallet.vault(),
                    mint: MINT,
                    program: TokenProgram::Token,
                }
                .into(),
                TransferToken {
                    program: TokenProgram::Token,
                    source: Address::new([0x55; 32]),
                    mint: MINT,
                    destination: wallet.token_account(&MINT, TokenProgram::Token),
                    authority: OWNER_KEY,
                    amount: amount(42),
                    decimals: 6,
                }
                .into(),
            ],
        ),
    ]
}

fn render() -> String {
    let mut text = String::new();
    for (name, actions) in examples() {
        writeln!(text, "# {name}").unwrap();
        for action in &actions {
            writeln!(text, "{action}").unwrap();
            let call = action.instruction(&programs());
            writeln!(text, "  program {}", call.program).unwrap();
            for meta in &call.accounts {
                let rights = [("s", meta.signer), ("w", meta.writable)];
                let rights: String = rights
                    .iter()
                    .filter(|(_, has)| *has)
                    .map(|(letter, _)| *letter)
                    .collect();
                writeln!(text, "  {:2} {}", rights, meta.address).unwrap();
            }
            writeln!(text, "  data {}", hex(&call.data)).unwrap();
        }
        let message = wallet().message(HASH, &actions).unwrap();
        writeln!(text, "message {}\n", hex(message.as_bytes())).unwrap();
    }
    text
}

#[test]
fn the_bytes_are_the_golden_ones() {
    let (found, golden) = (render(), include_str!("golden.txt"));
    for (number, (found, golden)) in found.lines().zip(golden.lines()).enumerate() {
        assert_eq!(found, golden, "line {}", number + 1);
    }
    assert_eq!(found.lines().count(), golden.lines().count());
}

#[test]
fn the_golden_messages_say_what_they_were_built_from() {
    let golden = include_str!("golden.txt");
    let messages: Vec<&str> = golden
        .lines()
        .filter_map(|line| line.strip_prefix("message "))
        .collect();
    let examples = examples();
    assert_eq!(messages.len(), examples.len());
    for (message, (name, actions)) in messages.iter().zip(examples) {
        let bytes: Vec<u8> = (0..message.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(message.get(at..at + 2).unwrap(), 16).unwrap())
            .collect();
        let decoded = decode(&bytes, &programs()).unwrap();
        assert_eq!(decoded.actions, actions, "{name}");
        assert_eq!(
            (decoded.fee_payer, decoded.recent_blockhash),
            (FEE_PAYER, HASH),
            "{name}"
        );
    }
}

#[test]
fn another_squads_program_has_other_addresses_and_its_messages_are_not_ours() {
    let elsewhere = Programs {
        squads: "novabpN56UHHXTFRnJrwuaJaQqCoBeXupf8fsiFA2r2".parse().unwrap(),
    };
    let message = spend_message(&sol_spend());
    assert!(decode(message.as_bytes(), &elsewhere).is_err());
    let there = portreeve_chain::AgentWallet::new(keys(), elsewhere).unwrap();
    assert_ne!(there.multisig(), wallet().multisig());
    let actions = there.spend(&sol_spend()).unwrap();
    let message = there.message(HASH, &actions).unwrap();
    let decoded = decode(message.as_bytes(), &elsewhere).unwrap();
    assert_eq!(there.check_spend(&decoded), Ok(sol_spend()));
    assert!(wallet().check_spend(&decoded).is_err());
}
