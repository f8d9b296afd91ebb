//! Accounts as the real programs wrote them, on a local chain whose clock stood at 2026-01-01T00:00:00Z.

use {
    portreeve_chain::{
        Malformed, Programs,
        account::{MintAccount, Multisig, ProgramConfig, SpendingLimit, TokenAccount},
        pda,
        squads::{Member, Period},
    },
    portreeve_kernel::{Address, Asset},
    proptest::{collection::vec, prelude::*},
};

/// Name and hex of each.
const ACCOUNTS: &str = include_str!("accounts.txt");

fn bytes(name: &str) -> Vec<u8> {
    let hex = ACCOUNTS
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .unwrap();
    let digits = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(digits).collect()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

const AGENT: &str = "AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9";
const OWNER: &str = "9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu";
const FEE_PAYER: &str = "GyGKxMyg1p9SsHfm15MkNUu1u9TN2JtTspcdmrtGUdse";
const VAULT: &str = "817TPJUpbXvfSG3VsAc855UuZK8uaQaZjUSkDeMWmY74";

#[test]
fn a_multisig_is_read_as_squads_wrote_it() {
    let found = Multisig::decode(&bytes("multisig")).unwrap();
    let expected = Multisig {
        create_key: address(AGENT),
        config_authority: address(OWNER),
        threshold: 1,
        time_lock: 0,
        transaction_index: 0,
        stale_transaction_index: 0,
        rent_collector: Some(address(FEE_PAYER)),
        bump: 254,
        members: vec![Member {
            key: address(OWNER),
            permissions: 7,
        }],
    };
    assert_eq!(found, expected);
}

#[test]
fn a_spending_limit_is_read_as_squads_wrote_it() {
    let found = SpendingLimit::decode(&bytes("limit")).unwrap();
    let multisig = pda::multisig(&Programs::default(), &address(AGENT));
    let expected = SpendingLimit {
        multisig,
        create_key: address("E6qNeeaXU4LfFq6BSmZa1WYAJGEwkuL9bezNpuCc2SG7"),
        vault_index: 0,
        asset: Asset::Sol,
        amount: 2_000_000_000,
        period: Period::Day,
        remaining_amount: 2_000_000_000,
        last_reset: 1_767_225_600,
        bump: 255,
        members: vec![address(AGENT)],
        destinations: vec![],
    };
    assert_eq!(found, expected);
    assert_eq!(pda::vault(&Programs::default(), &multisig, 0), address(VAULT));
}

#[test]
fn the_program_config_tells_fee_and_treasury() {
    let found = ProgramConfig::decode(&bytes("program_config")).unwrap();
    assert_eq!(found.multisig_creation_fee, 0);
    assert_eq!(
        (found.authority, found.treasury),
        (Address::new([0xA1; 32]), Address::new([0x7E; 32]))
    );
}

#[test]
fn balances_and_decimals_are_read_from_both_token_programs() {
    let mint = MintAccount::decode(&bytes("mint")).unwrap();
    assert_eq!((mint.supply, mint.decimals), (100_000_000, 6));
    assert_eq!(
        (mint.mint_authority, mint.freeze_authority),
        (Some(address(FEE_PAYER)), None)
    );
    let tokens = TokenAccount::decode(&bytes("tokens")).unwrap();
    assert_eq!((tokens.amount, tokens.owner), (100_000_000, address(VAULT)));
    assert_eq!(tokens.mint.to_string(), "8SFqwqnq4whPhs8icwHA2hQg3hUoN1qrCLK1SBx3WKwe");
    assert_eq!((tokens.delegate, tokens.frozen), (None, false));
    let tokens = TokenAccount::decode(&bytes("tokens_2022")).unwrap();
    assert_eq!((tokens.amount, tokens.owner), (0, address(VAULT)));
}

#[test]
fn extensions_are_told_by_number() {
    assert_eq!(MintAccount::decode(&bytes("mint")).unwrap().extensions, []);
    assert_eq!(TokenAccount::decode(&bytes("tokens")).unwrap().extensions, []);
    let mint = MintAccount::decode(&bytes("mint_2022")).unwrap();
    assert_eq!((mint.decimals, mint.extensions), (2, vec![3]), "mint close authority");
    let tokens = TokenAccount::decode(&bytes("tokens_2022")).unwrap();
    assert_eq!(tokens.extensions, [7], "immutable owner");
    // Two more, one of two bytes, and then unused room.
    let more = [bytes("tokens_2022"), vec![8, 0, 0, 0, 9, 0, 2, 0, 1, 1, 0, 0, 0, 0, 0]].concat();
    assert_eq!(TokenAccount::decode(&more).unwrap().extensions, [7, 8, 9]);
    let cut = [bytes("tokens_2022"), vec![8, 0, 1, 0]].concat();
    assert_eq!(TokenAccount::decode(&cut), Err(Malformed::Truncated("extension")));
}

#[test]
fn one_kind_of_account_never_passes_for_another() {
    let squads = ["multisig", "limit", "program_config"].map(bytes);
    for (place, data) in squads.iter().enumerate() {
        assert_eq!(Multisig::decode(data).is_ok(), place == 0);
        assert_eq!(SpendingLimit::decode(data).is_ok(), place == 1);
        assert_eq!(ProgramConfig::decode(data).is_ok(), place == 2);
    }
    for data in ["mint", "mint_2022"].map(bytes) {
        assert_eq!(TokenAccount::decode(&data), Err(Malformed::Kind("token")));
    }
    for data in ["tokens", "tokens_2022"].map(bytes) {
        assert_eq!(MintAccount::decode(&data), Err(Malformed::Kind("mint")));
    }
    // The token programs' own multisig has neither kind nor state, whatever its keys look like.
    let mut multisig = bytes("tokens_2022");
    multisig.resize(355, 0);
    assert_eq!(TokenAccount::decode(&multisig), Err(Malformed::Kind("token")));
}

#[test]
fn an_account_that_was_never_initialised_is_none() {
    assert_eq!(TokenAccount::decode(&[0; 165]), Err(Malformed::Kind("token")));
    assert_eq!(MintAccount::decode(&[0; 82]), Err(Malformed::Kind("mint")));
    assert_eq!(Multisig::decode(&[]), Err(Malformed::Kind("multisig")));
}

#[test]
fn a_frozen_or_delegated_account_says_so() {
    let mut data = bytes("tokens");
    data[72] = 1;
    data[76..108].fill(0xDD);
    data[108] = 2;
    let tokens = TokenAccount::decode(&data).unwrap();
    assert_eq!((tokens.delegate, tokens.frozen), (Some(Address::new([0xDD; 32])), true));
    data[72] = 2;
    assert_eq!(
        TokenAccount::decode(&data),
        Err(Malformed::Value {
            field: "delegate",
            value: 2
        })
    );
}

#[test]
fn room_behind_the_last_field_is_normal_and_a_missing_byte_is_not() {
    for account in ["multisig", "limit"] {
        let decodes = |data: &[u8]| Multisig::decode(data).is_ok() || SpendingLimit::decode(data).is_ok();
        let data = bytes(account);
        assert!(decodes(&[data.clone(), vec![0; 330]].concat()));
        for length in 0..data.len() {
            assert!(!decodes(&data[..length]), "{length}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(
        account in 0_usize..7,
        changes in vec((0_usize..400, any::<u8>()), 0..6),
        extra in vec(any::<u8>(), 0..200),
    ) {
        let mut data = bytes(["program_config", "multisig", "limit", "mint", "tokens", "mint_2022", "tokens_2022"][account]);
        data.extend(extra);
        for (at, value) in changes {
            if let Some(byte) = data.get_mut(at) {
                *byte = value;
            }
        }
        let _ = (Multisig::decode(&data), SpendingLimit::decode(&data), ProgramConfig::decode(&data));
        let _ = (TokenAccount::decode(&data), MintAccount::decode(&data));
    }
}
