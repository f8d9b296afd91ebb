//! From RESERVED to SIGNING: build the transaction, let the chain try it dry, and fix its bytes.
//!
//! Until the bytes are fixed nobody can have signed them, so whatever goes wrong here gives the budget back.

use {
    super::{
        advance::JOB,
        failure::{explain, fails_first},
        row::{self, Change, TransactionRow},
    },
    crate::{
        Wallet, agents,
        error::{self, Failure},
        events,
        ports::{Blockhash, unsigned},
        tokens,
    },
    portreeve_chain::{AgentWallet, Message, Spend},
    portreeve_guard::Problem,
    portreeve_jobs as jobs,
    portreeve_kernel::{Asset, Code, kill},
    portreeve_payment::{End, Stage, Why, tried},
    portreeve_store::{Tx, ledger},
    serde_json::json,
};

/// Prepares one payment. A chain that does not answer leaves it RESERVED, for the job to prepare.
pub(super) async fn prepare(
    wallet: &Wallet,
    payment: TransactionRow,
    blockhash: Blockhash,
) -> Result<TransactionRow, Problem> {
    kill::point("wallet.pay.reserved");
    if let Some(late) = payment.course().in_time(wallet.hands().clock.now()) {
        return give_up(wallet, payment, late).await;
    }
    let Some(outcome) = try_dry(wallet, &payment, blockhash).await? else {
        return Ok(payment);
    };
    match tried(outcome) {
        Ok(message) => fix(wallet, payment, message, blockhash).await,
        Err(end) => give_up(wallet, payment, end).await,
    }
}

/// The message that the chain would take, or why it would not; `None` when it does not answer.
async fn try_dry(
    wallet: &Wallet,
    payment: &TransactionRow,
    blockhash: Blockhash,
) -> Result<Option<Result<Message, Why>>, Problem> {
    let message = match build(wallet, payment, blockhash).await? {
        Ok(message) => message,
        Err(why) => return Ok(Some(Err((Code::TransactionSimulationFailed, why)))),
    };
    let wire = unsigned(&message).map_err(|error| error::chain(&error))?;
    match wallet.chain().simulate(&wire).await {
        Ok(Ok(())) => Ok(Some(Ok(message))),
        Ok(Err(refusal)) => {
            tracing::info!(transaction.id = %payment.id, logs = ?refusal.logs, "the chain refuses a dry run");
            if let Some(why) = short_of_tokens(wallet, payment).await? {
                return Ok(Some(Err(why)));
            }
            let failure = explain(&refusal.error, Code::TransactionSimulationFailed);
            let failure = failure.of_opening(payment.opens_account() && fails_first(&refusal.error));
            Ok(Some(Err((failure.code, failure.detail))))
        }
        Err(error) => {
            tracing::warn!(transaction.id = %payment.id, %error, "no dry run; the job tries again");
            Ok(None)
        }
    }
}

/// Why a payment in a token cannot be made for want of it. A token account that is missing fails as many other things
/// do, so it is looked at.
async fn short_of_tokens(wallet: &Wallet, payment: &TransactionRow) -> Result<Option<Why>, Problem> {
    let (Some(route), Asset::Token(mint)) = (payment.route, payment.asset) else {
        return Ok(None);
    };
    let vault = wallet_of(wallet, payment).await?;
    let place = vault.token_account(&mint, route.program);
    // Lost here only means fewer words: the refusal stands.
    let held = tokens::units_at(wallet.chain(), place, mint)
        .await
        .unwrap_or(Some(u64::MAX));
    let short = held.is_none_or(|held| held < payment.amount.units());
    Ok(short.then(|| {
        let there = held.map_or_else(
            || "no token account for it yet".to_owned(),
            |held| tokens::ui_amount(held, route.decimals),
        );
        let asked = tokens::ui_amount(payment.amount.units(), route.decimals);
        let detail = format!("{asked} of the token `{mint}` were to be paid; the vault has {there}");
        (Code::TransactionInsufficientBalance, detail)
    }))
}

async fn wallet_of(wallet: &Wallet, payment: &TransactionRow) -> Result<AgentWallet, Problem> {
    let agent = agents::find(&mut wallet.database().read(), &payment.agent)
        .await
        .map_err(Failure::from)?;
    let agent = agent.ok_or_else(|| Problem::internal("a payment of no agent"))?;
    wallet.wallet_of(&agent).await
}

/// The message, or why there can be none.
async fn build(
    wallet: &Wallet,
    payment: &TransactionRow,
    blockhash: Blockhash,
) -> Result<Result<Message, String>, Problem> {
    let vault = wallet_of(wallet, payment).await?;
    let spend = Spend {
        transaction: payment.id.clone(),
        currency: payment.currency()?,
        amount: payment.amount,
        destination: payment.destination,
        creates_token_account: payment.opens_account(),
    };
    let hash = portreeve_chain::Blockhash::new(blockhash.hash);
    let message = vault.spend(&spend).map_err(|error| error.to_string());
    Ok(message.and_then(|actions| vault.message(hash, &actions).map_err(|error| error.to_string())))
}

/// Fixes the bytes, unless the agent has been stopped meanwhile.
async fn fix(
    wallet: &Wallet,
    payment: TransactionRow,
    message: Message,
    blockhash: Blockhash,
) -> Result<TransactionRow, Problem> {
    let (own, before) = (wallet.clone(), payment.clone());
    let bytes = message.as_bytes().to_vec();
    let unit = async move |tx: &mut Tx| {
        let mut payment = before.clone();
        let now = own.hands().clock.now().for_expiry();
        let agent = agents::lock_all(tx, [&payment.agent]).await?.into_iter().next();
        if let Some(stopped) = payment.course().may_be_fixed(agent.map(|agent| agent.standing())) {
            return end(tx, &own, payment, &stopped).await;
        }
        let change = Change {
            message: Some(bytes.clone()),
            last_valid_height: blockhash.last_valid_block_height,
            ..Change::default()
        };
        if row::advance(tx, &payment.id, Stage::Reserved, Stage::Signing, &change, now).await? {
            jobs::enqueue(tx, JOB, payment.id.as_str(), own.hands().wall()).await?;
            payment.stage = Stage::Signing;
            payment.message = change.message;
            payment.last_valid_height = change.last_valid_height;
            return Ok(payment);
        }
        as_it_is(tx, &payment).await
    };
    Ok(wallet.database().write(unit).await?)
}

/// Ends a payment that nobody was asked to sign.
pub(super) async fn give_up(wallet: &Wallet, payment: TransactionRow, how: End) -> Result<TransactionRow, Problem> {
    let own = wallet.clone();
    let unit = async move |tx: &mut Tx| end(tx, &own, payment.clone(), &how).await;
    Ok(wallet.database().write(unit).await?)
}

/// Gives its budget back and says so, unless somebody else was faster.
async fn end(tx: &mut Tx, wallet: &Wallet, mut payment: TransactionRow, how: &End) -> Result<TransactionRow, Failure> {
    let now = wallet.hands().clock.now().for_expiry();
    let change = Change {
        failure: Some(how.why.clone()),
        ..Change::default()
    };
    if !row::advance(tx, &payment.id, Stage::Reserved, how.to, &change, now).await? {
        return as_it_is(tx, &payment).await;
    }
    ledger::release(tx, &payment.id, &how.proof).await?;
    let (code, detail) = &how.why;
    let data = json!({"agentId": payment.agent, "errorCode": code.as_str(), "errorDetail": detail, "proof": how.proof.to_string()});
    let kind = match how.to {
        Stage::Voided => "transaction.voided",
        _ => "transaction.failed",
    };
    tx.audit(events::entry(&payment, now, kind, events::SYSTEM, data.clone()));
    tx.emit(events::event(
        wallet.hands().entropy(),
        &payment,
        now,
        "transaction.failed",
        data,
    ));
    payment.stage = how.to;
    payment.failure = change.failure;
    Ok(payment)
}

/// Somebody else was faster: what they made of the payment counts.
async fn as_it_is(tx: &mut Tx, payment: &TransactionRow) -> Result<TransactionRow, Failure> {
    let found = row::find(tx, &payment.id).await?;
    found.ok_or_else(|| Problem::internal("a payment that is gone").into())
}
