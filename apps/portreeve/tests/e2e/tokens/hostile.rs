//! Whoever holds the server's socket gets no more of a token than the owner approved, and not the fee payer's money.

use {
    super::{ONE, policy, wallet},
    crate::estate::{Agent, Estate, transaction},
    portreeve_chain::{
        Action, Spend, TokenProgram, Transaction,
        squads::Currency,
        token::{CreateTokenAccount, TransferToken},
    },
    portreeve_kernel::{Amount, Mint},
    portreeve_signing::{
        ACCOUNTS_PER_DAY, Bytes, Reason, Refusal,
        protocol::{Answer, Request},
    },
    serde_json::json,
};

struct Robber<'a> {
    estate: &'a Estate,
    agent: &'a Agent,
    mint: Mint,
}

impl Robber<'_> {
    fn token(&self, program: TokenProgram, decimals: u8) -> Currency {
        Currency::Token {
            mint: self.mint,
            program,
            decimals,
        }
    }

    fn spend(&self, id: u64, currency: Currency, units: u64) -> Spend {
        Spend {
            transaction: transaction(id),
            currency,
            amount: Amount::new(units).unwrap(),
            destination: wallet(1).parse().unwrap(),
            creates_token_account: false,
        }
    }

    /// Has `actions` signed as the payment with this number, and sends what comes of it to the chain.
    fn ask(&self, id: u64, actions: &[Action]) -> Result<(), Refusal> {
        let message = self.agent.wallet.message(self.estate.blockhash(), actions).unwrap();
        let request = Request::SignSpend {
            transaction: transaction(id),
            agent: self.agent.id.clone(),
            message: Bytes(message.as_bytes().to_vec()),
        };
        let Answer::Spend(spend) = self.estate.house.signer_client().ask(&request)? else {
            panic!("another answer than asked for")
        };
        let signed: Vec<_> = spend.signatures.iter().map(|one| (one.key, one.signature)).collect();
        let _ = self.estate.broadcast(&Transaction::assemble(message, &signed).unwrap());
        Ok(())
    }

    fn pay(&self, spend: &Spend) -> Result<(), Refusal> {
        let number = (0..1_000)
            .find(|number| transaction(*number) == spend.transaction)
            .unwrap();
        self.ask(number, &self.agent.wallet.spend(spend).unwrap())
    }
}

#[test]
fn a_hostile_server_gets_no_more_of_a_token_than_approved_and_no_more_accounts_than_a_day_allows() {
    let estate = Estate::open();
    let chain = &estate.house.chain;
    let mint = chain.create_mint(&json!({"decimals": 6}));
    let other = chain.create_mint(&json!({"decimals": 6}));
    let agent = estate.agent("victim", &policy(&[(&mint, 10 * ONE)]));
    for mint in [&mint, &other] {
        chain.mint_to(mint, &agent.vault(), 100 * ONE);
        chain.mint_to(mint, &wallet(1), 0);
    }
    let robber = Robber {
        estate: &estate,
        agent: &agent,
        mint: Mint::new(mint.parse().unwrap()),
    };
    let plain = robber.token(TokenProgram::Token, 6);
    let reason = |outcome: Result<(), Refusal>| outcome.unwrap_err().reason;

    // Another token, another program, other decimals, more than there may be.
    let mut foreign = robber.spend(1, plain, 1);
    foreign.currency = Currency::Token {
        mint: Mint::new(other.parse().unwrap()),
        program: TokenProgram::Token,
        decimals: 6,
    };
    assert_eq!(robber.pay(&foreign).unwrap_err().codes, ["POLICY_TOKEN_NOT_ALLOWED"]);
    let newer = robber.spend(2, robber.token(TokenProgram::Token2022, 6), 1);
    assert_eq!(robber.pay(&newer).unwrap_err().codes, ["POLICY_PROGRAM_NOT_ALLOWED"]);
    let scaled = robber.spend(3, robber.token(TokenProgram::Token, 0), 1);
    assert_eq!(reason(robber.pay(&scaled)), Reason::WrongToken);
    let greedy = robber.spend(4, plain, 10 * ONE + 1);
    assert!(
        robber
            .pay(&greedy)
            .unwrap_err()
            .codes
            .contains(&"POLICY_DAILY_LIMIT_EXCEEDED".to_owned())
    );

    // Tokens moved some other way, and accounts without a payment.
    let open = |owner: u8| CreateTokenAccount {
        payer: estate.enrolment.fee_payer,
        owner: wallet(owner).parse().unwrap(),
        mint: robber.mint,
        program: TokenProgram::Token,
    };
    let direct = TransferToken {
        program: TokenProgram::Token,
        source: agent.wallet.token_account(&robber.mint, TokenProgram::Token),
        mint: robber.mint,
        destination: wallet(1).parse().unwrap(),
        authority: agent.wallet.keys().agent_key,
        amount: Amount::new(1).unwrap(),
        decimals: 6,
    };
    assert_eq!(reason(robber.ask(5, &[direct.into()])), Reason::WrongAction);
    assert_eq!(reason(robber.ask(5, &[open(2).into()])), Reason::WrongAction);
    let paid = agent.wallet.spend(&robber.spend(5, plain, 1)).unwrap();
    let twice: Vec<Action> = [open(2).into(), open(3).into()]
        .into_iter()
        .chain(paid.clone())
        .collect();
    assert_eq!(reason(robber.ask(5, &twice)), Reason::WrongAction);
    let for_another: Vec<Action> = [open(2).into()].into_iter().chain(paid).collect();
    assert!(
        robber.ask(5, &for_another).is_err(),
        "an account of somebody who is not paid"
    );

    // One account after the other.
    let payer = estate.enrolment.fee_payer.to_string();
    let before = chain.balance(&payer);
    let opened = (0..ACCOUNTS_PER_DAY + 5).filter(|number| {
        let mut spend = robber.spend(100 + u64::try_from(*number).unwrap(), plain, 1);
        spend.destination = wallet(50 + u8::try_from(*number).unwrap()).parse().unwrap();
        spend.creates_token_account = true;
        let outcome = robber.pay(&spend);
        assert!(
            outcome.is_ok() || reason(outcome.clone()) == Reason::TooManyAccounts,
            "{outcome:?}"
        );
        outcome.is_ok()
    });
    assert_eq!(opened.count(), ACCOUNTS_PER_DAY);
    let rent = chain
        .call("getMinimumBalanceForRentExemption", &json!([165]))
        .as_u64()
        .unwrap();
    let most = u64::try_from(ACCOUNTS_PER_DAY).unwrap() * (rent + 20_000);
    assert!(before - chain.balance(&payer) <= most, "of the fee payer's");

    // As much as there may be, bit by bit.
    let taken = (200..300).filter(|number| robber.pay(&robber.spend(*number, plain, ONE)).is_ok());
    assert_eq!(taken.count(), 9, "ten less what the accounts took");
    let left = chain.tokens(&mint, &agent.vault()).unwrap();
    assert!(left >= 90 * ONE, "{left}");
    assert_eq!(chain.tokens(&other, &agent.vault()), Some(100 * ONE));
}
