//! The job that carries a payment on: sign, send, send again, until the chain has finalized it or proven it dead.
//!
//! It may stop anywhere and start again. What to do next is `domain/payment`'s to say, from the row and from what is found
//! out; here it is done.

use {
    super::{
        failure::explain,
        prepare,
        row::{self, Change, TransactionRow},
    },
    crate::{
        Wallet, agents,
        error::Failure,
        events,
        ports::{ChainError, Commitment, SignerError},
    },
    portreeve_chain::{Message, Transaction},
    portreeve_jobs as jobs,
    portreeve_kernel::{Code, Seconds, Timestamp, TransactionId, kill},
    portreeve_ledger::{AccountKey, Proof},
    portreeve_payment::{self as course, End, Next, Seen, Stage},
    portreeve_signing::protocol::SignedSpend,
    portreeve_store::{StoreError, Tx, ledger},
    serde_json::{Value, json},
    std::time::Duration,
};

/// The job's kind. Its subject is the payment's id.
pub(crate) const JOB: &str = "transaction.advance";

/// How often one run looks at the chain before it lets other payments have its place, and how long between two looks.
const LOOKS: u32 = 4;
const POLL: Duration = Duration::from_millis(100);

/// Why a payment is not carried on just now.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error("{0}")]
    Other(String),
}

impl From<Failure> for Stuck {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => Self::Store(error),
            Failure::Refused(problem) => Self::Other(format!("{} {:?}", problem.code(), problem.cause())),
        }
    }
}

/// Carries one payment on as far as it goes now.
pub(crate) async fn advance(wallet: Wallet, subject: String) -> jobs::Next {
    let Ok(id) = subject.parse::<TransactionId>() else {
        return jobs::Next::Failed {
            reason: "the subject is no transaction id".into(),
        };
    };
    let mut looks = LOOKS;
    while looks > 0 {
        match step(&wallet, &id).await {
            Ok(Step::Ended) => {
                wallet.recovered(&id);
                return jobs::Next::Done;
            }
            Ok(Step::Moved) => {}
            Ok(Step::Waiting) => {
                looks = looks.saturating_sub(1);
                tokio::time::sleep(POLL).await;
            }
            Err(stuck) => {
                return jobs::Next::Failed {
                    reason: stuck.to_string(),
                };
            }
        }
    }
    jobs::Next::Again { after: Seconds(1) }
}

/// What one look at the payment brought.
enum Step {
    Ended,
    Moved,
    Waiting,
}

async fn step(wallet: &Wallet, id: &TransactionId) -> Result<Step, Stuck> {
    wallet.chain().refresh_time().await?;
    let Some(payment) = row::find(&mut wallet.database().read(), id).await? else {
        return Ok(Step::Ended);
    };
    let mut next = payment.course().next(wallet.hands().clock.now());
    let mut signed = None;
    loop {
        next = match next {
            Next::Rest => return Ok(Step::Ended),
            Next::Wait => return Ok(Step::Waiting),
            Next::Prepare => return prepare(wallet, payment).await,
            Next::LookAtAgent => {
                let agent = agents::find(&mut wallet.database().read(), &payment.agent).await?;
                payment.course().may_be_signed(agent.map(|agent| agent.standing()))
            }
            Next::LookAtHeight => {
                let height = wallet.chain().finalized_height().await.ok();
                payment.course().has_time_to_land(height, wallet.hands().clock.now())
            }
            Next::Sign => sign(wallet, &payment, &mut signed).await?,
            Next::Void(end) => {
                let voided = wallet.signer().void_spend(&payment.id, &payment.agent).await?;
                kill::point("wallet.sign.voided");
                signed = voided.signed;
                course::voided(end, signed.is_some())
            }
            Next::Keep => {
                let spend = signed.ok_or_else(|| Stuck::Other("signatures that are not there".into()))?;
                return keep_signed(wallet, &payment, spend).await;
            }
            Next::Send => submit(wallet, &payment).await?,
            Next::AskHeight => payment
                .course()
                .may_still_land(wallet.chain().finalized_height().await?),
            Next::Bound { last_valid_height } => {
                let id = id.clone();
                let unit = async move |tx: &mut Tx| row::bound(tx, &id, last_valid_height).await;
                wallet.database().write::<_, StoreError, _>(unit).await?;
                return Ok(Step::Waiting);
            }
            Next::AskOperators => {
                let evidence = wallet
                    .chain()
                    .evidence(payment.signature.as_deref().unwrap_or_default())
                    .await;
                payment.course().is_dead(&evidence, wallet.chain().min_operators())
            }
            Next::Settle { slot } => return settle(wallet, &payment, slot).await,
            Next::End(how) if payment.stage == Stage::Reserved => {
                let ended = prepare::give_up(wallet, payment, how).await;
                ended.map_err(|problem| Stuck::from(Failure::from(problem)))?;
                return Ok(Step::Ended);
            }
            Next::End(how) => return end(wallet, &payment, how).await,
        };
    }
}

async fn prepare(wallet: &Wallet, payment: TransactionRow) -> Result<Step, Stuck> {
    let blockhash = wallet.chain().latest_blockhash().await?;
    let prepared = prepare::prepare(wallet, payment, blockhash).await;
    let prepared = prepared.map_err(|problem| Stuck::from(Failure::from(problem)))?;
    // Still RESERVED means that the chain did not answer: the job fails for now, and is tried again.
    match prepared.stage {
        Stage::Reserved => Err(Stuck::Other("the chain does not try the payment dry".into())),
        _ => Ok(Step::Moved),
    }
}

/// Has the fixed bytes signed.
async fn sign(wallet: &Wallet, payment: &TransactionRow, signed: &mut Option<SignedSpend>) -> Result<Next, Stuck> {
    let bytes = payment.message.as_deref().unwrap_or_default();
    kill::point("wallet.sign.before");
    match wallet.signer().sign_spend(&payment.id, &payment.agent, bytes).await {
        Ok(spend) => {
            kill::point("wallet.sign.signed");
            *signed = Some(spend);
            Ok(Next::Keep)
        }
        Err(SignerError::Refused(refusal)) => match course::refused(refusal.reason.code(), refusal.detail.clone()) {
            Some(next) => Ok(next),
            None => Err(SignerError::Refused(refusal).into()),
        },
        // A signer without connection may be well again soon.
        Err(error) => Err(error.into()),
    }
}

async fn keep_signed(wallet: &Wallet, payment: &TransactionRow, spend: SignedSpend) -> Result<Step, Stuck> {
    let bytes = payment.message.as_deref().unwrap_or_default();
    let message = Message::parse(bytes).map_err(|error| Stuck::Other(error.to_string()))?;
    let signed: Vec<_> = spend.signatures.iter().map(|one| (one.key, one.signature)).collect();
    let transaction = Transaction::assemble(message, &signed).map_err(|error| Stuck::Other(error.to_string()))?;
    let signature = transaction.signature().to_string();
    let change = Change {
        wire: Some(transaction.to_wire()),
        signature: Some(signature.clone()),
        ..Change::default()
    };
    let (own, payment, counts_from) = (wallet.clone(), payment.clone(), spend.counts_until_base);
    let unit = async move |tx: &mut Tx| {
        let now = own.hands().clock.now().for_expiry();
        // The agent before its accounts, as everybody locks them.
        agents::lock_all(tx, [&payment.agent]).await?;
        if row::advance(tx, &payment.id, Stage::Signing, Stage::Submitted, &change, now).await? {
            // The signer counts this for good, from here.
            let of_signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
            ledger::settle_accounts(tx, &payment.id, of_signer, counts_from).await?;
            agents::signed(tx, &payment.agent, spend.signed_at).await?;
            let data =
                json!({"agentId": payment.agent, "txSignature": signature, "journalSequence": spend.journal_sequence});
            tx.audit(events::entry(
                &payment,
                now,
                "transaction.signed",
                events::SYSTEM,
                data.clone(),
            ));
            tx.emit(events::event(
                own.hands().entropy(),
                &payment,
                now,
                "transaction.submitted",
                data,
            ));
            own.keep_receipt(tx).await?;
        }
        Ok::<_, StoreError>(())
    };
    wallet.database().write(unit).await?;
    kill::point("wallet.sign.kept");
    Ok(Step::Moved)
}

/// Sends the signed bytes, and sees what became of them.
async fn submit(wallet: &Wallet, payment: &TransactionRow) -> Result<Next, Stuck> {
    let (Some(wire), Some(signature)) = (&payment.wire, &payment.signature) else {
        return Err(Stuck::Other("a submitted payment without its bytes".into()));
    };
    kill::point("wallet.submit.before");
    // Lost or refused, only the status tells; the same bytes can be sent again and again.
    if let Err(error) = wallet.chain().send(wire).await {
        tracing::warn!(transaction.id = %payment.id, %error, "not sent; trying again");
    }
    kill::point("wallet.submit.sent");
    let status = wallet.chain().status(signature).await?;
    Ok(course::seen(status.map(|status| Seen {
        slot: status.slot,
        finalized: status.commitment == Commitment::Finalized,
        failed: status.error.map(|error| {
            let failure = explain(&error, Code::TransactionFailed);
            (failure.code, failure.detail)
        }),
    })))
}

/// The money has moved, irreversibly.
async fn settle(wallet: &Wallet, payment: &TransactionRow, slot: u64) -> Result<Step, Stuck> {
    let block_time = wallet.chain().block_time(slot).await?;
    let (own, payment) = (wallet.clone(), payment.clone());
    let unit = async move |tx: &mut Tx| {
        let clocks = own.hands().clock.now();
        let now = clocks.for_expiry();
        let landed = course::landed_at(block_time, payment.created_at, clocks);
        let change = Change {
            slot: Some(slot),
            confirmed_at: Some(landed),
            ..Change::default()
        };
        if row::advance(tx, &payment.id, Stage::Submitted, Stage::Finalized, &change, now).await? {
            ledger::settle(tx, &payment.id, landed).await?;
            let data = told(
                &payment,
                json!({"slot": slot, "confirmedAt": landed, "txSignature": payment.signature}),
            );
            tell(tx, &own, &payment, now, "transaction.confirmed", data);
        }
        Ok::<_, StoreError>(())
    };
    wallet.database().write(unit).await?;
    kill::point("wallet.settled");
    Ok(Step::Ended)
}

/// The money has not moved and never will: the budget comes back, because of the proof.
async fn end(wallet: &Wallet, payment: &TransactionRow, how: End) -> Result<Step, Stuck> {
    let (own, payment) = (wallet.clone(), payment.clone());
    let End { to, proof, why } = how;
    let change = Change {
        failure: Some(why),
        slot: match proof {
            Proof::FailedOnChain { slot } => Some(slot),
            Proof::NeverSigned | Proof::Expired(_) => None,
        },
        ..Change::default()
    };
    let unit = async move |tx: &mut Tx| {
        let now = own.hands().clock.now().for_expiry();
        if row::advance(tx, &payment.id, payment.stage, to, &change, now).await? {
            ledger::release(tx, &payment.id, &proof).await?;
            own.keep_receipt(tx).await?;
            let (code, detail) = change
                .failure
                .as_ref()
                .map(|(code, detail)| (code.as_str(), detail))
                .unzip();
            let data = told(
                &payment,
                json!({"errorCode": code, "errorDetail": detail, "proof": proof.to_string()}),
            );
            tell(tx, &own, &payment, now, "transaction.failed", data);
        }
        Ok::<_, StoreError>(())
    };
    wallet.database().write(unit).await?;
    kill::point("wallet.released");
    Ok(Step::Ended)
}

fn told(payment: &TransactionRow, mut data: Value) -> Value {
    for (name, value) in [
        ("agentId", json!(payment.agent)),
        ("to", json!(payment.destination)),
        ("amount", json!(payment.amount)),
    ] {
        if let Some(members) = data.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    }
    data
}

fn tell(tx: &mut Tx, wallet: &Wallet, payment: &TransactionRow, at: Timestamp, kind: &'static str, data: Value) {
    tx.audit(events::entry(payment, at, kind, events::SYSTEM, data.clone()));
    tx.emit(events::event(wallet.hands().entropy(), payment, at, kind, data));
}
