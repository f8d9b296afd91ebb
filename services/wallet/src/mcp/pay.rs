//! `execute_transaction`: decides like `POST /transactions`, then waits a while for the chain.
//!
//! What must stay true: who waits only looks. Whether somebody waits, goes away or asks again changes nothing about the
//! payment.

use {
    super::arguments::{Pay, whose},
    crate::{
        Wallet, scopes,
        transactions::{self, IdempotencyKey, Order, Paid, Status, TransactionView},
    },
    portreeve_guard::{
        Caller, Problem,
        mcp::{Call, Progress},
    },
    portreeve_kernel::{Code, Principal, TransactionId, id::random_base32},
    portreeve_payment::Stage,
    serde::Serialize,
    std::time::Duration,
    tokio::time::{Instant, sleep},
    utoipa::ToSchema,
};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// A payment that was not refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Payment")]
pub(super) struct Payment {
    /// As it is now.
    transaction: TransactionView,
    /// What named this payment; send it again when you retry.
    idempotency_key: String,
    /// True when the same call was answered before: nothing was paid a second time.
    replayed: bool,
    /// What to do next; null when the payment is final.
    next: Option<String>,
}

/// Pays, and tells how far it is.
pub(super) async fn execute(
    wallet: Wallet,
    caller: Caller<scopes::TransactionsExecute>,
    arguments: Pay,
    Call { context, progress }: Call,
) -> Result<Payment, Problem> {
    let (wait, key) = (arguments.wait()?, arguments.key()?);
    let key = key.map_or_else(|| new_key(&wallet), Ok)?;
    let caller = caller.principal;
    let agent = whose(&caller, arguments.agent_id)?;
    let order = Order::check(&caller, Some(agent), arguments.to, arguments.amount, arguments.memo)?;
    let order = order.paid_in(arguments.mint);
    let until = Instant::now().checked_add(wait);
    let Paid { transaction, replayed } = transactions::pay(&wallet, &caller, &context, order, key.clone())
        .await
        .map_err(in_our_words)?;
    let transaction = follow(&wallet, &caller, transaction, until, &progress).await?;
    Ok(Payment {
        next: next(&transaction)?,
        idempotency_key: key.as_str().to_owned(),
        transaction,
        replayed,
    })
}

/// A key for who sent none. Not made of the arguments: who wants to pay the same twice says so by calling twice.
fn new_key(wallet: &Wallet) -> Result<IdempotencyKey, Problem> {
    let text = format!("mcp_{}", random_base32(26, wallet.hands().entropy()));
    IdempotencyKey::parse(&text).ok_or_else(|| Problem::internal("an idempotency key of our own is malformed"))
}

/// The refusals of a payment call things as HTTP does.
fn in_our_words(problem: Problem) -> Problem {
    match problem.code() {
        Code::RequestIdempotencyMismatch => problem.param("idempotency_key"),
        _ => problem,
    }
}

/// Looks until it is final or `until`, whichever is first.
async fn follow(
    wallet: &Wallet,
    caller: &Principal,
    begun: TransactionView,
    until: Option<Instant>,
    progress: &Progress,
) -> Result<TransactionView, Problem> {
    let id: TransactionId = begun.id.parse().map_err(Problem::internal)?;
    let (mut seen, mut told) = (begun, 0);
    loop {
        let step = steps(seen.stage);
        if step > told {
            told = step;
            progress.tell(step, STEPS, said(seen.stage)).await;
        }
        if !seen.stage.is_in_flight() || until.is_none_or(|until| Instant::now() >= until) {
            return Ok(seen);
        }
        sleep(PAUSE).await;
        seen = transactions::show(wallet, caller, &id).await?;
    }
}

const STEPS: u8 = 4;

const fn steps(stage: Stage) -> u8 {
    match stage {
        Stage::Reserved => 1,
        Stage::Signing => 2,
        Stage::Submitted => 3,
        _ => STEPS,
    }
}

const fn said(stage: Stage) -> &'static str {
    match stage {
        Stage::Reserved => "allowed by the policy, budget reserved",
        Stage::Signing => "being signed",
        Stage::Submitted => "signed and sent to the chain",
        Stage::Finalized => "final on chain",
        Stage::Held => "waiting for the owner",
        _ => "ended without being paid",
    }
}

/// What the model should do now.
///
/// # Errors
/// What became of a payment that was not made.
fn next(seen: &TransactionView) -> Result<Option<String>, Problem> {
    match seen.status {
        Status::Confirmed => Ok(None),
        Status::AwaitingApproval => Ok(Some(format!(
            "The owner has to approve this payment. Nothing is reserved until then. Call get_transaction with tx_id {} to see.",
            seen.id
        ))),
        Status::Pending | Status::Approved | Status::Submitted => Ok(Some(format!(
            "Not final yet, and carried on without you. Call get_transaction with tx_id {} in a few seconds; do not pay again.",
            seen.id
        ))),
        Status::Failed | Status::Rejected | Status::Expired => Err(not_made(seen)),
    }
}

fn not_made(seen: &TransactionView) -> Problem {
    let failure = seen.failure.as_ref();
    let code = failure.and_then(|failure| Code::ALL.iter().find(|code| code.as_str() == failure.code));
    let problem = Problem::new(code.copied().unwrap_or(Code::TransactionFailed)).with("transaction", seen);
    match failure {
        Some(failure) => problem.detail(&failure.detail),
        None => problem,
    }
}
