//! From RESERVED to SIGNING: build the transaction, let the chain try it dry, and fix its bytes.
//!
//! Until the bytes are fixed nobody can have signed them, so whatever goes wrong here gives the budget back.

use {
    super::{
        advance::JOB,
        failure::explain,
        row::{self, Change, TransactionRow},
        stage::Stage,
    },
    crate::{
        Wallet, agents,
        error::{self, Failure},
        events,
        ports::{Blockhash, unsigned},
    },
    portreeve_chain::{AgentWallet, Message, Spend, squads::Currency},
    portreeve_guard::Problem,
    portreeve_jobs as jobs,
    portreeve_kernel::{Code, kill},
    portreeve_ledger::Proof,
    portreeve_store::{Tx, ledger},
    serde_json::json,
};

/// How long after its decision a payment may still be prepared, in milliseconds. Whoever asked has long given up, and
/// would be surprised.
const DEADLINE_MILLIS: i64 = 120_000;

/// Prepares one payment. A chain that does not answer leaves it RESERVED, for the job to prepare.
pub(super) async fn prepare(
    wallet: &Wallet,
    payment: TransactionRow,
    blockhash: Blockhash,
) -> Result<TransactionRow, Problem> {
    kill::point("wallet.pay.reserved");
    if is_late(wallet, &payment) {
        return give_up_late(wallet, payment).await;
    }
    let message = match build(wallet, &payment, blockhash).await? {
        Ok(message) => message,
        Err(why) => return give_up(wallet, payment, Code::TransactionSimulationFailed, why).await,
    };
    let wire = unsigned(&message).map_err(|error| error::chain(&error))?;
    match wallet.chain().simulate(&wire).await {
        Ok(Ok(())) => fix(wallet, payment, message, blockhash).await,
        Ok(Err(refusal)) => {
            tracing::info!(transaction.id = %payment.id, logs = ?refusal.logs, "the chain refuses a dry run");
            let failure = explain(&refusal.error, Code::TransactionSimulationFailed);
            give_up(wallet, payment, failure.code, failure.detail).await
        }
        Err(error) => {
            tracing::warn!(transaction.id = %payment.id, %error, "no dry run; the job tries again");
            Ok(payment)
        }
    }
}

/// Whether whoever asked has long given up.
pub(super) fn is_late(wallet: &Wallet, payment: &TransactionRow) -> bool {
    wallet.hands().clock.now().for_expiry().millis_since(payment.created_at) > DEADLINE_MILLIS
}

/// Ends a payment that could not be prepared in time.
pub(super) async fn give_up_late(wallet: &Wallet, payment: TransactionRow) -> Result<TransactionRow, Problem> {
    let why = "the chain could not be asked in time; nothing was signed".to_owned();
    give_up(wallet, payment, Code::TransactionExpired, why).await
}

/// The message, or why there can be none.
async fn build(
    wallet: &Wallet,
    payment: &TransactionRow,
    blockhash: Blockhash,
) -> Result<Result<Message, String>, Problem> {
    let agent = agents::find(&mut wallet.database().read(), &payment.agent)
        .await
        .map_err(Failure::from)?;
    let agent = agent.ok_or_else(|| Problem::internal("a payment of no agent"))?;
    let vault: AgentWallet = wallet.wallet_of(&agent).await?;
    let spend = Spend {
        transaction: payment.id.clone(),
        currency: Currency::Sol,
        amount: payment.amount,
        destination: payment.destination,
        creates_token_account: false,
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
        if agent.is_none_or(|agent| !agent.pays_for(&payment)) {
            let why = (
                Code::AgentSuspended,
                "the agent was suspended before the signer was asked".to_owned(),
            );
            let change = Change {
                failure: Some(why.clone()),
                ..Change::default()
            };
            if row::advance(tx, &payment.id, Stage::Reserved, Stage::Voided, &change, now).await? {
                release(tx, &own, &payment, &why, "transaction.voided").await?;
                payment.stage = Stage::Voided;
                payment.failure = Some(why);
                return Ok::<_, Failure>(payment);
            }
            return as_it_is(tx, &payment).await;
        }
        let change = Change {
            message: Some(bytes.clone()),
            last_valid_height: Some(blockhash.last_valid_block_height),
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

/// Ends a payment that the chain would refuse.
async fn give_up(
    wallet: &Wallet,
    payment: TransactionRow,
    code: Code,
    detail: String,
) -> Result<TransactionRow, Problem> {
    let (own, before) = (wallet.clone(), payment);
    let unit = async move |tx: &mut Tx| {
        let mut payment = before.clone();
        let why = (code, detail.clone());
        let change = Change {
            failure: Some(why.clone()),
            ..Change::default()
        };
        let now = own.hands().clock.now().for_expiry();
        if row::advance(tx, &payment.id, Stage::Reserved, Stage::SimulationFailed, &change, now).await? {
            release(tx, &own, &payment, &why, "transaction.failed").await?;
            payment.stage = Stage::SimulationFailed;
            payment.failure = Some(why);
            return Ok::<_, Failure>(payment);
        }
        as_it_is(tx, &payment).await
    };
    Ok(wallet.database().write(unit).await?)
}

/// Somebody else was faster: what they made of the payment counts.
async fn as_it_is(tx: &mut Tx, payment: &TransactionRow) -> Result<TransactionRow, Failure> {
    let found = row::find(tx, &payment.id).await?;
    found.ok_or_else(|| Problem::internal("a payment that is gone").into())
}

/// Gives the budget of a payment back that nobody was asked to sign, and says so.
async fn release(
    tx: &mut Tx,
    wallet: &Wallet,
    payment: &TransactionRow,
    (code, detail): &(Code, String),
    kind: &'static str,
) -> Result<(), Failure> {
    ledger::release(tx, &payment.id, &Proof::NeverSigned).await?;
    let now = wallet.hands().clock.now().for_expiry();
    let data = json!({"agentId": payment.agent, "errorCode": code.as_str(), "errorDetail": detail, "proof": Proof::NeverSigned.to_string()});
    tx.audit(events::entry(payment, now, kind, events::SYSTEM, data.clone()));
    tx.emit(events::event(
        wallet.hands().entropy(),
        payment,
        now,
        "transaction.failed",
        data,
    ));
    Ok(())
}
