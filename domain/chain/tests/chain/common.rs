//! A wallet, an action of every kind, and chance for property tests.

use {
    portreeve_chain::{
        Action, AgentKeys, AgentWallet, Blockhash, DecodedMessage, LimitSpec, Message, Programs, Spend, TokenProgram,
        compute::{SetComputeUnitLimit, SetComputeUnitPrice},
        decode,
        squads::{AddSpendingLimit, CreateMultisig, Currency, Member, Period, RemoveSpendingLimit, UseSpendingLimit},
        system::TransferSol,
        token::{CreateTokenAccount, TransferToken},
    },
    portreeve_kernel::{Address, AgentId, Amount, Asset, Mint, TransactionId},
    proptest::{collection::vec, option, prelude::*},
};

pub(crate) const HASH: Blockhash = Blockhash::new([0x11; 32]);
pub(crate) const TREASURY: Address = Address::new([0x22; 32]);
pub(crate) const SHOP: Address = Address::new([0x33; 32]);
pub(crate) const MINT: Mint = Mint::new(Address::new([0x44; 32]));
pub(crate) const AGENT_KEY: Address = Address::new([0xA1; 32]);
pub(crate) const OWNER_KEY: Address = Address::new([0xA2; 32]);
pub(crate) const FEE_PAYER: Address = Address::new([0xA3; 32]);

/// Somebody who should get nothing.
pub(crate) const THIEF: Address = Address::new([0xEE; 32]);

/// A copy with something changed.
pub(crate) fn with<T: Clone>(good: &T, change: impl FnOnce(&mut T)) -> T {
    let mut changed = good.clone();
    change(&mut changed);
    changed
}

pub(crate) fn programs() -> Programs {
    Programs::default()
}

pub(crate) fn agent() -> AgentId {
    "agt_01ARYZ6S4100000000000000AA".parse().unwrap()
}

pub(crate) fn transaction() -> TransactionId {
    "tx_01ARYZ6S4100000000000000TX".parse().unwrap()
}

pub(crate) fn keys() -> AgentKeys {
    AgentKeys {
        agent: agent(),
        agent_key: AGENT_KEY,
        owner_key: OWNER_KEY,
        fee_payer: FEE_PAYER,
    }
}

pub(crate) fn wallet() -> AgentWallet {
    AgentWallet::new(keys(), programs()).unwrap()
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) const TOKEN: Currency = Currency::Token {
    mint: MINT,
    program: TokenProgram::Token,
    decimals: 6,
};

pub(crate) fn sol_spend() -> Spend {
    Spend {
        transaction: transaction(),
        currency: Currency::Sol,
        amount: amount(1_000_000_000),
        destination: SHOP,
        creates_token_account: false,
    }
}

pub(crate) fn token_spend() -> Spend {
    Spend {
        currency: TOKEN,
        amount: amount(2_500_000),
        creates_token_account: true,
        ..sol_spend()
    }
}

pub(crate) fn spend_message(spend: &Spend) -> Message {
    wallet().message(HASH, &wallet().spend(spend).unwrap()).unwrap()
}

/// So many different destinations.
pub(crate) fn destinations(count: u8) -> std::collections::BTreeSet<Address> {
    (0..count).map(|n| Address::new([n.wrapping_add(0xC0); 32])).collect()
}

/// SOL first, then tokens, each with so many destinations.
pub(crate) fn limits(assets: u8, each: u8) -> Vec<LimitSpec> {
    let asset = |n| match n {
        0 => Asset::Sol,
        n => Asset::Token(Mint::new(Address::new([n; 32]))),
    };
    let limit = |n: u8| LimitSpec {
        asset: asset(n),
        amount: amount(u64::from(n) + 1),
        destinations: destinations(each),
    };
    (0..assets).map(limit).collect()
}

/// What `decode` makes of the one message that does `actions` for the test wallet.
pub(crate) fn decoded(actions: &[Action]) -> DecodedMessage {
    let message = wallet().message(HASH, actions).unwrap();
    decode(message.as_bytes(), &programs()).unwrap()
}

pub(crate) fn any_address() -> impl Strategy<Value = Address> {
    any::<[u8; 32]>().prop_map(Address::new)
}

/// Small numbers of parties meet often, so that one account stands in several places.
fn party() -> impl Strategy<Value = Address> {
    prop_oneof![(1..6_u8).prop_map(|n| Address::new([n; 32])), any_address()]
}

fn mint() -> impl Strategy<Value = Mint> {
    party().prop_map(Mint::new)
}

fn amounts() -> impl Strategy<Value = Amount> {
    (1..=u64::MAX / 2).prop_map(amount)
}

fn memo() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{0,40}")
}

fn asset() -> impl Strategy<Value = Asset> {
    prop_oneof![Just(Asset::Sol), mint().prop_map(Asset::Token)]
}

fn token_program() -> impl Strategy<Value = TokenProgram> {
    prop_oneof![Just(TokenProgram::Token), Just(TokenProgram::Token2022)]
}

fn currency() -> impl Strategy<Value = Currency> {
    let token = (mint(), token_program(), any::<u8>());
    let token = token.prop_map(|(mint, program, decimals)| Currency::Token {
        mint,
        program,
        decimals,
    });
    prop_oneof![Just(Currency::Sol), token]
}

fn period() -> impl Strategy<Value = Period> {
    prop_oneof![
        Just(Period::OneTime),
        Just(Period::Day),
        Just(Period::Week),
        Just(Period::Month)
    ]
}

fn member() -> impl Strategy<Value = Member> {
    (party(), any::<u8>()).prop_map(|(key, permissions)| Member { key, permissions })
}

fn create_multisig() -> impl Strategy<Value = Action> {
    let parties = (party(), party(), party(), option::of(party()), option::of(party()));
    (parties, any::<u16>(), vec(member(), 0..4), any::<u32>(), memo()).prop_map(
        |((treasury, create_key, creator, config_authority, rent_collector), threshold, members, time_lock, memo)| {
            Action::from(CreateMultisig {
                treasury,
                create_key,
                creator,
                config_authority,
                threshold,
                members,
                time_lock,
                rent_collector,
                memo,
            })
        },
    )
}

fn add_limit() -> impl Strategy<Value = Action> {
    let parties = (party(), party(), party(), party());
    let what = (any::<u8>(), asset(), amounts(), period());
    (parties, what, vec(party(), 0..3), vec(party(), 0..5), memo()).prop_map(
        |((multisig, config_authority, rent_payer, create_key), what, members, destinations, memo)| {
            let (vault_index, asset, amount, period) = what;
            Action::from(AddSpendingLimit {
                multisig,
                config_authority,
                rent_payer,
                create_key,
                vault_index,
                asset,
                amount,
                period,
                members,
                destinations,
                memo,
            })
        },
    )
}

/// Any action; small enough that three fit a transaction more often than not.
pub(crate) fn any_action() -> impl Strategy<Value = Action> {
    let remove = (party(), party(), party(), party(), memo()).prop_map(
        |(multisig, config_authority, limit, rent_collector, memo)| {
            Action::from(RemoveSpendingLimit {
                multisig,
                config_authority,
                limit,
                rent_collector,
                memo,
            })
        },
    );
    let spend = ((party(), party(), party(), party()), currency(), amounts(), memo()).prop_map(
        |((multisig, member, limit, destination), currency, amount, memo)| {
            Action::from(UseSpendingLimit {
                multisig,
                member,
                limit,
                destination,
                currency,
                amount,
                memo,
            })
        },
    );
    let create_token = (party(), party(), mint(), token_program()).prop_map(|(payer, owner, mint, program)| {
        Action::from(CreateTokenAccount {
            payer,
            owner,
            mint,
            program,
        })
    });
    let transfer = (party(), party(), amounts()).prop_map(|(from, to, amount)| TransferSol { from, to, amount }.into());
    let parties = (party(), party(), party());
    let transfer_token = (parties, mint(), token_program(), amounts(), any::<u8>()).prop_map(
        |((source, destination, authority), mint, program, amount, decimals)| {
            Action::from(TransferToken {
                program,
                source,
                mint,
                destination,
                authority,
                amount,
                decimals,
            })
        },
    );
    let units = any::<u32>().prop_map(|units| SetComputeUnitLimit { units }.into());
    let price = any::<u64>().prop_map(|micro_lamports| SetComputeUnitPrice { micro_lamports }.into());
    prop_oneof![
        create_multisig(),
        add_limit(),
        remove,
        spend,
        create_token,
        transfer,
        transfer_token,
        units,
        price
    ]
}
