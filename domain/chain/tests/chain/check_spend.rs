//! A payment that passes is this wallet's in every byte.

use {
    crate::common::*,
    portreeve_chain::{
        Action, AgentKeys, AgentWallet, BuildError, Mismatch, Spend, TokenProgram,
        compute::SetComputeUnitPrice,
        squads::{Currency, UseSpendingLimit},
        system::TransferSol,
        token::{CreateTokenAccount, TransferToken},
    },
    portreeve_kernel::{Address, Asset, Mint},
};

fn pay(spend: &Spend) -> UseSpendingLimit {
    match wallet().spend(spend).unwrap().pop() {
        Some(Action::UseSpendingLimit(pay)) => pay,
        other => panic!("{other:?}"),
    }
}

fn check(actions: &[Action]) -> Result<Spend, Mismatch> {
    wallet().check_spend(&decoded(actions))
}

fn token_account() -> CreateTokenAccount {
    CreateTokenAccount {
        payer: FEE_PAYER,
        owner: SHOP,
        mint: MINT,
        program: TokenProgram::Token,
    }
}

#[test]
fn a_payment_is_read_back_as_it_was_built() {
    let token_2022 = Currency::Token {
        mint: MINT,
        program: TokenProgram::Token2022,
        decimals: 0,
    };
    for spend in [
        sol_spend(),
        token_spend(),
        Spend {
            creates_token_account: false,
            ..token_spend()
        },
        Spend {
            currency: token_2022,
            ..token_spend()
        },
        Spend {
            destination: wallet().vault(),
            ..sol_spend()
        },
    ] {
        assert_eq!(check(&wallet().spend(&spend).unwrap()), Ok(spend));
    }
    assert_eq!(token_spend().asset(), Asset::Token(MINT));
    assert_eq!(token_spend().program(), TokenProgram::Token.address());
    assert_eq!(
        (sol_spend().asset(), sol_spend().program()),
        (Asset::Sol, Address::SYSTEM_PROGRAM)
    );
}

#[test]
fn a_payment_under_another_limit_or_wallet_is_refused() {
    let good = pay(&sol_spend());
    let objection = |change: fn(&mut UseSpendingLimit)| match check(&[with(&good, change).into()]) {
        Err(Mismatch::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(objection(|it| it.limit = THIEF), "limit");
    assert_eq!(objection(|it| it.limit = wallet().limit(&Asset::Token(MINT))), "limit");
    assert_eq!(objection(|it| it.currency = TOKEN), "limit");
    assert_eq!(objection(|it| it.member = OWNER_KEY), "member");
    assert_eq!(objection(|it| it.multisig = THIEF), "multisig");
}

#[test]
fn a_payment_that_another_pays_the_fee_for_is_refused() {
    let actions = wallet().spend(&sol_spend()).unwrap();
    let message = portreeve_chain::compile(&programs(), THIEF, HASH, &actions).unwrap();
    let told = portreeve_chain::decode(message.as_bytes(), &programs()).unwrap();
    let expected = Mismatch::FeePayer {
        expected: FEE_PAYER,
        found: THIEF,
    };
    assert_eq!(wallet().check_spend(&told), Err(expected));
}

#[test]
fn the_memo_is_a_transaction_id() {
    for memo in [
        "",
        "hello",
        "agt_01ARYZ6S4100000000000000AA",
        "tx_01ARYZ6S4100000000000000TX ",
    ] {
        let other = with(&pay(&sol_spend()), |it| it.memo = Some(memo.into()));
        assert_eq!(check(&[other.into()]), Err(Mismatch::Memo(memo.into())));
    }
    let none = with(&pay(&sol_spend()), |it| it.memo = None);
    assert_eq!(check(&[none.into()]), Err(Mismatch::Memo(String::new())));
}

#[test]
fn nothing_rides_along_with_a_payment() {
    let pay = || Action::from(pay(&sol_spend()));
    let steal = |from| {
        Action::from(TransferSol {
            from,
            to: THIEF,
            amount: amount(1),
        })
    };
    let account = || Action::from(token_account());
    let tokens = Action::from(TransferToken {
        program: TokenProgram::Token,
        source: wallet().token_account(&MINT, TokenProgram::Token),
        mint: MINT,
        destination: THIEF,
        authority: FEE_PAYER,
        amount: amount(1),
        decimals: 6,
    });
    let price = Action::from(SetComputeUnitPrice {
        micro_lamports: u64::MAX,
    });
    for actions in [
        vec![],
        vec![steal(FEE_PAYER)],
        vec![steal(AGENT_KEY)],
        vec![steal(OWNER_KEY)],
        vec![pay(), steal(FEE_PAYER)],
        vec![steal(FEE_PAYER), pay()],
        vec![account(), pay(), steal(FEE_PAYER)],
        vec![tokens.clone()],
        vec![tokens, pay()],
        vec![price, pay()],
        vec![pay(), pay()],
        vec![account()],
        vec![account(), account(), pay()],
        vec![pay(), account()],
        vec![wallet().remove_limit(&Asset::Sol).into(), pay()],
        vec![wallet().create(TREASURY).into()],
    ] {
        // A message of nothing is refused even earlier.
        let told = portreeve_chain::DecodedMessage {
            actions,
            ..decoded(&[pay()])
        };
        assert!(
            matches!(wallet().check_spend(&told), Err(Mismatch::NotASpend(_))),
            "{told:?}"
        );
    }
    assert_eq!(check(&[account(), pay()]), Err(BuildError::NoTokenAccount.into()));
}

#[test]
fn the_only_account_a_payment_creates_is_the_destinations_at_the_fee_payers_cost() {
    let objection = |change: fn(&mut CreateTokenAccount)| {
        let actions = [with(&token_account(), change).into(), pay(&token_spend()).into()];
        match check(&actions) {
            Err(Mismatch::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(objection(|it| it.owner = THIEF), "owner");
    assert_eq!(objection(|it| it.payer = AGENT_KEY), "payer");
    assert_eq!(objection(|it| it.mint = Mint::new(SHOP)), "mint");
    assert_eq!(objection(|it| it.program = TokenProgram::Token2022), "program");
}

#[test]
fn money_sent_to_the_multisig_itself_would_be_lost_and_is_refused() {
    let multisig = wallet().multisig();
    let lost = BuildError::LostDestination(multisig);
    assert_eq!(
        wallet().spend(&Spend {
            destination: multisig,
            ..sol_spend()
        }),
        Err(lost.clone())
    );
    let pay = UseSpendingLimit {
        destination: multisig,
        ..pay(&sol_spend())
    };
    assert_eq!(check(&[pay.into()]), Err(lost.into()));
}

#[test]
fn another_agents_payment_is_not_ours() {
    let other = AgentKeys {
        agent_key: THIEF,
        ..keys()
    };
    let other = AgentWallet::new(other, programs()).unwrap();
    let told = decoded(&other.spend(&sol_spend()).unwrap());
    assert!(matches!(
        wallet().check_spend(&told),
        Err(Mismatch::Field { field: "multisig", .. })
    ));
    assert_eq!(other.check_spend(&told), Ok(sol_spend()));
}
