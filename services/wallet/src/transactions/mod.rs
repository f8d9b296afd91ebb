//! Payments: decided, prepared, and carried on until the chain has the last word.

mod advance;
mod decide;
mod failure;
mod order;
mod prepare;
mod refused;
mod row;
mod usage;
mod view;

pub use portreeve_payment::{Stage, Status};
pub(crate) use {
    advance::{JOB, advance},
    decide::{Decided, Decider, Spend},
    order::{IdempotencyKey, Order},
    refused::Refusals,
    row::{TransactionRow, in_flight, is_open},
    usage::{UsageView, check, usage},
    view::{DecisionView, TransactionView},
};

use {
    crate::{
        Wallet, agents,
        error::{self, Failure},
        ports::{Blockhash, SignerError},
        tokens,
    },
    portreeve_guard::{Page, Paging, Problem, RequestContext, caller::revoked, not_found},
    portreeve_kernel::{AgentId, Asset, Code, Now, Principal, TransactionId},
    portreeve_ledger::{AccountKey, WindowUse},
    portreeve_payment::{Disagreement, Known, known, mirrored_at},
    portreeve_signing::Reason,
    portreeve_store::{Tx, ledger},
};

/// The answer to a payment.
pub(crate) struct Paid {
    pub(crate) transaction: TransactionView,
    /// True when the same request was answered before.
    pub(crate) replayed: bool,
}

impl Paid {
    fn replayed(row: &TransactionRow) -> Self {
        Self {
            transaction: row.into(),
            replayed: true,
        }
    }
}

/// Decides a payment and, when it is allowed, prepares it for the signer.
pub(crate) async fn pay(
    wallet: &Wallet,
    caller: &Principal,
    context: &RequestContext,
    order: Order,
    key: IdempotencyKey,
) -> Result<Paid, Problem> {
    let agent = order.agent.clone();
    match decide(wallet, caller, context, order, key).await {
        Ok(Asked::Answered(paid)) => Ok(*paid),
        Ok(Asked::New(row, blockhash)) => new(wallet, *row, blockhash).await,
        Err(problem) => {
            let now = wallet.hands().clock.now().for_expiry();
            wallet.refusals().note(caller, &agent, problem.code(), now);
            Err(problem)
        }
    }
}

/// What came of asking.
enum Asked {
    /// The answer of another time.
    Answered(Box<Paid>),
    /// A payment that was decided now, and a blockhash to build it on.
    New(Box<TransactionRow>, Blockhash),
}

/// Decides a payment. Everything that has to be there for money to move is asked for before anything is reserved.
async fn decide(
    wallet: &Wallet,
    caller: &Principal,
    context: &RequestContext,
    order: Order,
    key: IdempotencyKey,
) -> Result<Asked, Problem> {
    let mut read = wallet.database().read();
    let agent = agents::reach(&mut read, caller, &order.agent).await?;
    // A retry of what is known needs nobody else. The decision looks again, under the lock.
    if let Some(row) = row::find_by_key(&mut read, &order.agent, key.as_str())
        .await
        .map_err(Failure::from)?
    {
        return match known(&row.body_hash, &order.hash()) {
            Known::Same => Ok(Asked::Answered(Box::new(Paid::replayed(&row)))),
            Known::Other => Err(mismatch(&row.id)),
        };
    }
    // Only who may speak for an agent uses up what it has.
    wallet.gate().count_payment(context, &order.agent)?;
    if wallet.is_recovering(&order.agent).await.map_err(Failure::from)? {
        return Err(Code::SystemRecovering.into());
    }
    agent.status.may_pay()?;
    order.is_to_somebody_else(&agent)?;
    let now = wallet.now().await?;
    // Asked now, because once something is reserved it is too late to answer that the signer is away.
    wallet.enrolment().await?;
    let blockhash = wallet
        .chain()
        .latest_blockhash()
        .await
        .map_err(|error| error::chain(&error))?;
    // The decision has the policy at hand; only what is asked of the chain about a token needs it here.
    let token = match order.asset {
        Asset::Sol => None,
        Asset::Token(mint) => {
            let policy = agents::policy_of(&mut read, &agent).await?.body;
            Some(tokens::find(wallet.chain(), &order, mint, &policy).await?)
        }
    };
    agree(wallet, &order, now).await?;
    let id = TransactionId::new(wallet.hands().wall(), wallet.hands().entropy());
    let spend = Spend::new(id, caller, order, key).by(token);
    match wallet
        .decider()
        .submit(spend)
        .await
        .map_err(|error| error::store(&error))?
    {
        Decided::Replayed(row) => Ok(Asked::Answered(Box::new(Paid::replayed(&row)))),
        Decided::Mismatch(id) => Err(mismatch(&id)),
        Decided::Refused(Code::AuthKeyRevoked | Code::AuthTokenRevoked) => Err(revoked(&caller.credential)),
        Decided::Refused(Code::AgentNotFound) => Err(not_found::<AgentId>()),
        Decided::Refused(code) => Err(code.into()),
        Decided::New(row) => Ok(Asked::New(row, blockhash)),
    }
}

/// Goes on with what was decided.
async fn new(wallet: &Wallet, row: TransactionRow, blockhash: Blockhash) -> Result<Paid, Problem> {
    let row = match row.stage {
        Stage::Denied => return Err(denied(&row)),
        Stage::Held => row,
        _ => {
            let row = prepare::prepare(wallet, row, blockhash).await?;
            if let Some((code, detail)) = &row.failure {
                return Err(Problem::new(*code).detail(detail).with("transactionId", &row.id));
            }
            row
        }
    };
    Ok(Paid {
        transaction: (&row).into(),
        replayed: false,
    })
}

/// Asks the signer whether it lives, and whether what it has booked is in our ledger too.
async fn agree(wallet: &Wallet, order: &Order, now: Now) -> Result<(), Problem> {
    // The signer first: whatever it has booked by then was reserved here before.
    let booked = match wallet.signer().headroom(&order.agent, order.asset).await {
        Ok(booked) => booked,
        // It has never signed for this agent. Whether the agent may pay is for the decision to say.
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::UnknownAgent => return Ok(()),
        Err(error) => return Err(error::signer(&error)),
    };
    let mirror = AccountKey::Signer {
        agent: order.agent.clone(),
        asset: order.asset,
    };
    let (mut read, now) = (wallet.database().read(), mirrored_at(now));
    let counted = ledger::usage(&mut read, std::slice::from_ref(&mirror), now)
        .await
        .map_err(Failure::from)?
        .get(&mirror)
        .copied()
        .unwrap_or_default();
    let (frozen, suspended) = (booked.frozen, booked.suspended);
    let booked = WindowUse {
        day: booked.day,
        week: booked.week,
        month: booked.month,
    };
    match portreeve_payment::agree(frozen, suspended, booked, counted) {
        Ok(()) => Ok(()),
        Err(Disagreement::Frozen) => Err(Problem::because(Code::SystemSignerUnavailable, "the signer is frozen")),
        Err(Disagreement::Suspended) => {
            // It is not here: have it looked into.
            let (hands, id) = (wallet.hands().clone(), order.agent.clone());
            let unit = async move |tx: &mut Tx| hands.sync(tx, &id).await;
            wallet
                .database()
                .write(unit)
                .await
                .map_err(|error| error::store(&error))?;
            Err(Code::AgentSuspended.into())
        }
        Err(Disagreement::Lost) => {
            let detail = "the signer has booked payments that this server's ledger does not hold";
            tracing::error!(agent.id = %order.agent, detail, "restore the newest database, or wait until they have left the windows");
            Err(Problem::new(Code::SystemRecovering).detail(detail))
        }
    }
}

/// One payment.
pub(crate) async fn show(wallet: &Wallet, caller: &Principal, id: &TransactionId) -> Result<TransactionView, Problem> {
    let row = row::find(&mut wallet.database().read(), id)
        .await
        .map_err(Failure::from)?;
    let row = row
        .filter(|row| row.is_seen_by(caller))
        .ok_or_else(not_found::<TransactionId>)?;
    Ok((&row).into())
}

/// A page of an agent's payments, newest first.
pub(crate) async fn list(
    wallet: &Wallet,
    caller: &Principal,
    agent: &AgentId,
    paging: &Paging,
    status: Option<Status>,
) -> Result<Page<TransactionView>, Problem> {
    let mut read = wallet.database().read();
    agents::reach(&mut read, caller, agent).await?;
    let stages: Vec<Stage> = status.map_or_else(|| Stage::ALL.to_vec(), |status| status.stages().collect());
    let rows = row::page(&mut read, agent, &stages, paging.after(), paging.limit())
        .await
        .map_err(Failure::from)?;
    let page = Page::cut(rows, paging.limit(), |last| last.id.to_string());
    Ok(page.map(|row| (&row).into()))
}

/// The status that a list is asked for.
///
/// # Errors
/// `VALIDATION_INVALID_ENUM`.
pub(crate) fn status(asked: Option<&str>) -> Result<Option<Status>, Problem> {
    let status = asked.map(|text| Status::parse(text).ok_or(text)).transpose();
    status.map_err(|text| {
        let all = "PENDING, APPROVED, AWAITING_APPROVAL, SUBMITTED, CONFIRMED, FAILED, REJECTED, EXPIRED";
        Problem::new(Code::ValidationInvalidEnum)
            .detail(format_args!("`{text}` is not one of {all}"))
            .param("status")
    })
}

fn mismatch(first: &TransactionId) -> Problem {
    Problem::new(Code::RequestIdempotencyMismatch)
        .param("Idempotency-Key")
        .detail(format_args!("this key stands for `{first}`, whose body was another"))
        .with("transactionId", first)
}

fn denied(row: &TransactionRow) -> Problem {
    let (code, detail) = row
        .failure
        .clone()
        .unwrap_or((Code::SystemInternalError, String::new()));
    Problem::new(code)
        .detail(detail)
        .with("transactionId", &row.id)
        .with("violations", &row.decision.violations)
        .with("maxAmountNow", &row.decision.max_amount_now)
        .with("passesAt", row.decision.passes_at)
        .with("outcome", &row.decision.outcome)
        .with("escalation", &row.decision.level)
        .with("policyVersion", row.decision.policy_version)
        .with("mint", row.mint())
        .with("decimals", row.decimals())
}
