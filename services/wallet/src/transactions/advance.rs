//! The job that carries a payment on: sign, send, send again, until the chain has finalized it or proven it dead.
//!
//! It may stop anywhere and start again. What it does next depends on the row alone: from SIGNING on it repeats the
//! same bytes, to the signer and to the chain, because only those can have been signed.

use {
    super::{
        failure::explain,
        prepare,
        row::{self, Change, TransactionRow},
        stage::Stage,
    },
    crate::{
        Wallet, agents,
        error::Failure,
        events,
        ports::{ChainError, Commitment, SignatureStatus, SignerError},
    },
    portreeve_chain::{Message, Transaction},
    portreeve_jobs::Next,
    portreeve_kernel::{Code, Seconds, Timestamp, TransactionId, kill},
    portreeve_ledger::{AccountKey, ExpiredProof, Proof},
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

/// Blocks that have to be left before anything is signed: what is signed counts at the signer, landed or not.
const BLOCKS_TO_LAND: u64 = 30;

/// How far a block time may be ahead of our own.
const CLOCK_MARGIN: Seconds = Seconds(300);

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
pub(crate) async fn advance(wallet: Wallet, subject: String) -> Next {
    let Ok(id) = subject.parse::<TransactionId>() else {
        return Next::Failed {
            reason: "the subject is no transaction id".into(),
        };
    };
    let mut looks = LOOKS;
    while looks > 0 {
        match step(&wallet, &id).await {
            Ok(Step::Ended) => {
                wallet.recovered(&id);
                return Next::Done;
            }
            Ok(Step::Moved) => {}
            Ok(Step::Waiting) => {
                looks = looks.saturating_sub(1);
                tokio::time::sleep(POLL).await;
            }
            Err(stuck) => {
                return Next::Failed {
                    reason: stuck.to_string(),
                };
            }
        }
    }
    Next::Again { after: Seconds(1) }
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
    match payment.stage {
        Stage::Reserved => {
            if prepare::is_late(wallet, &payment) {
                let ended = prepare::give_up_late(wallet, payment).await;
                ended.map_err(|problem| Stuck::from(Failure::from(problem)))?;
                return Ok(Step::Ended);
            }
            let blockhash = wallet.chain().latest_blockhash().await?;
            let prepared = prepare::prepare(wallet, payment, blockhash).await;
            let prepared = prepared.map_err(|problem| Stuck::from(Failure::from(problem)))?;
            // Still RESERVED means that the chain did not answer: the job fails for now, and is tried again.
            match prepared.stage {
                Stage::Reserved => Err(Stuck::Other("the chain does not try the payment dry".into())),
                _ => Ok(Step::Moved),
            }
        }
        Stage::Signing => sign(wallet, &payment).await,
        Stage::Submitted => submit(wallet, &payment).await,
        _ => Ok(Step::Ended),
    }
}

/// Has the fixed bytes signed, unless there is no point in it any more.
async fn sign(wallet: &Wallet, payment: &TransactionRow) -> Result<Step, Stuck> {
    let agent = agents::find(&mut wallet.database().read(), &payment.agent).await?;
    if agent.is_none_or(|agent| !agent.pays_for(payment)) {
        let why = (
            Code::AgentSuspended,
            "the agent was suspended before the payment was signed".to_owned(),
        );
        return give_up(wallet, payment, Stage::Voided, why).await;
    }
    let height = wallet.chain().finalized_height().await?;
    let last_valid = payment.last_valid_height.unwrap_or_default();
    if height.saturating_add(BLOCKS_TO_LAND) > last_valid {
        let why = (
            Code::TransactionExpired,
            "there was no time left to sign and send the payment".to_owned(),
        );
        return give_up(wallet, payment, Stage::Voided, why).await;
    }
    let bytes = payment.message.as_deref().unwrap_or_default();
    kill::point("wallet.sign.before");
    match wallet.signer().sign_spend(&payment.id, &payment.agent, bytes).await {
        Ok(spend) => {
            kill::point("wallet.sign.signed");
            keep_signed(wallet, payment, bytes, spend).await
        }
        Err(SignerError::Refused(refusal)) if !refusal.reason.code().retryable() => {
            let why = (Code::TransactionSigningFailed, refusal.detail);
            give_up(wallet, payment, Stage::SignerRefused, why).await
        }
        // A signer without clock, keystore or connection may be well again soon.
        Err(error) => Err(error.into()),
    }
}

/// Gives up a payment that may have been asked to be signed. The signer has the last word: it promises never to sign
/// it, which is the proof that gives the budget back, or shows that it has signed, and then the payment goes on.
async fn give_up(wallet: &Wallet, payment: &TransactionRow, to: Stage, why: (Code, String)) -> Result<Step, Stuck> {
    let voided = wallet.signer().void_spend(&payment.id, &payment.agent).await?;
    kill::point("wallet.sign.voided");
    match voided.signed {
        Some(spend) => {
            let bytes = payment.message.as_deref().unwrap_or_default();
            keep_signed(wallet, payment, bytes, spend).await
        }
        None => end(wallet, payment, to, Proof::NeverSigned, Some(why), Change::default()).await,
    }
}

async fn keep_signed(
    wallet: &Wallet,
    payment: &TransactionRow,
    bytes: &[u8],
    spend: SignedSpend,
) -> Result<Step, Stuck> {
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
async fn submit(wallet: &Wallet, payment: &TransactionRow) -> Result<Step, Stuck> {
    let (Some(wire), Some(signature)) = (&payment.wire, &payment.signature) else {
        return Err(Stuck::Other("a submitted payment without its bytes".into()));
    };
    kill::point("wallet.submit.before");
    // Lost or refused, only the status tells; the same bytes can be sent again and again.
    if let Err(error) = wallet.chain().send(wire).await {
        tracing::warn!(transaction.id = %payment.id, %error, "not sent; trying again");
    }
    kill::point("wallet.submit.sent");
    match wallet.chain().status(signature).await? {
        Some(SignatureStatus {
            commitment: Commitment::Finalized,
            slot,
            error: None,
        }) => settle(wallet, payment, slot).await,
        Some(SignatureStatus {
            commitment: Commitment::Finalized,
            slot,
            error: Some(error),
        }) => {
            let failure = explain(&error, Code::TransactionFailed);
            let why = Some((failure.code, failure.detail));
            let change = Change {
                slot: Some(slot),
                ..Change::default()
            };
            end(
                wallet,
                payment,
                Stage::FailedOnChain,
                Proof::FailedOnChain { slot },
                why,
                change,
            )
            .await
        }
        Some(_) => Ok(Step::Waiting),
        None => expire(wallet, payment, signature).await,
    }
}

/// Gives up a payment of which it is proven that it can never land.
async fn expire(wallet: &Wallet, payment: &TransactionRow, signature: &str) -> Result<Step, Stuck> {
    let Some(last_valid) = payment.last_valid_height else {
        return Err(Stuck::Other("a submitted payment without its last height".into()));
    };
    // One look at the height saves asking every operator while the payment may still land.
    if wallet.chain().finalized_height().await? <= last_valid {
        return Ok(Step::Waiting);
    }
    let evidence = wallet.chain().evidence(signature).await;
    let Some(proof) = ExpiredProof::new(last_valid, &evidence, wallet.chain().min_operators()) else {
        return Ok(Step::Waiting);
    };
    let why = (
        Code::TransactionExpired,
        "the transaction did not land before its blockhash expired".to_owned(),
    );
    end(
        wallet,
        payment,
        Stage::Expired,
        Proof::Expired(proof),
        Some(why),
        Change::default(),
    )
    .await
}

/// The money has moved, irreversibly.
async fn settle(wallet: &Wallet, payment: &TransactionRow, slot: u64) -> Result<Step, Stuck> {
    let block_time = wallet.chain().block_time(slot).await?;
    let (own, payment) = (wallet.clone(), payment.clone());
    let unit = async move |tx: &mut Tx| {
        let now = own.hands().clock.now().for_expiry();
        // Without a block time the present stands in for it: later, so the budget comes back later.
        // One far in the future, by a chain's or a node's mistake, would keep the budget for as long.
        let landed = block_time
            .unwrap_or(now)
            .max(payment.created_at)
            .min(now.plus(CLOCK_MARGIN));
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

/// The money has not moved and never will: the budget comes back, because of `proof`.
async fn end(
    wallet: &Wallet,
    payment: &TransactionRow,
    to: Stage,
    proof: Proof,
    failure: Option<(Code, String)>,
    change: Change,
) -> Result<Step, Stuck> {
    let (own, payment) = (wallet.clone(), payment.clone());
    let change = Change { failure, ..change };
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
