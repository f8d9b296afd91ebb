//! The chain through its RPC operators, as `services/wallet/src/rpc.rs` asks them: reads from the first that answers,
//! transactions to all, proofs from each. What an honest operator says is true but may lag; the liar says what it likes.

use {
    crate::{
        chain::{Chain, Effect, Refusal},
        plan::{Lie, Peer},
        world::W,
    },
    portreeve_kernel::{Code, Timestamp},
    portreeve_ledger::OperatorEvidence,
    portreeve_payment::{BLOCKHASH_LIFE, Height, Seen, agreed_height},
};

/// The chain did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silent;

const HOW_FAR_AHEAD: u64 = 1_000_000;

/// How many operators a proof takes.
pub(crate) fn min_operators(w: &W) -> usize {
    if w.plan.setup.operators >= 2 { 2 } else { 1 }
}

/// The way to the operators and back: takes time, and may end nowhere.
async fn ask<T>(w: &W, question: impl FnOnce(&W) -> T) -> Result<T, Silent> {
    let late = w.lateness(Peer::Rpc);
    if late > 0 {
        w.count("RPC reply delayed");
    }
    w.exec.sleep(w.between(2, 40) + late).await;
    w.chain.borrow_mut().catch_up(w.now());
    crate::oracle::on_blocks(w);
    if w.trouble.borrow().rpc_down_until > w.now() || operators(w).is_empty() {
        w.count("RPC silent");
        return Err(Silent);
    }
    let answer = question(w);
    if w.strikes(|trouble| &mut trouble.lose, Peer::Rpc) {
        w.count("RPC reply lost");
        return Err(Silent);
    }
    if late > 10_000 {
        return Err(Silent);
    }
    Ok(answer)
}

/// Those that answer, in the order in which they are asked.
fn operators(w: &W) -> Vec<u8> {
    let (now, trouble) = (w.now(), w.trouble.borrow());
    let down = |operator: &u8| {
        trouble
            .operators_down_until
            .get(operator)
            .is_some_and(|until| *until > now)
    };
    (0..w.plan.setup.operators).filter(|operator| !down(operator)).collect()
}

/// Whether the first that answers is the liar, and lies so.
fn first_lies(w: &W, how: Lie) -> bool {
    operators(w).first().is_some_and(|first| is_liar(w, *first)) && w.lies(how)
}

fn is_liar(w: &W, operator: u8) -> bool {
    w.plan.setup.liar == Some(operator)
}

/// The final slot at which an operator stands still.
fn stuck_at(w: &W, operator: u8) -> Option<u64> {
    let (now, trouble) = (w.now(), w.trouble.borrow());
    let stuck = trouble.operators_stuck.get(&operator);
    stuck.filter(|(_, until)| *until > now).map(|(slot, _)| *slot)
}

/// The height that one operator calls final.
fn height_at(w: &W, operator: u8) -> u64 {
    let honest = w.chain.borrow().final_slot(w.now()) - u64::from(operator);
    let honest = stuck_at(w, operator).unwrap_or(honest).min(honest);
    match operator {
        liar if is_liar(w, liar) && w.lies(Lie::Low) => honest / 100,
        liar if is_liar(w, liar) && w.lies(Lie::High) => honest + HOW_FAR_AHEAD,
        _ => honest,
    }
}

/// What one operator knows of a signature.
fn status_at(w: &W, operator: u8, signature: &str) -> Option<(u64, bool, Option<Refusal>)> {
    if is_liar(w, operator) {
        let slot = w.chain.borrow().final_slot(w.now());
        if w.lies(Lie::Unseen) {
            return None;
        }
        if w.lies(Lie::Paid) {
            return Some((slot, true, None));
        }
        if w.lies(Lie::Failed) {
            return Some((slot, true, Some(Refusal::Exceeded { made_at: 0 })));
        }
    }
    let known = w.chain.borrow().status(signature);
    known.filter(|(slot, ..)| stuck_at(w, operator).is_none_or(|last| *slot <= last))
}

/// How high the chain is, of all that answer.
pub(crate) async fn finalized_height(w: &W) -> Result<Height, Silent> {
    let said = ask(w, |w| {
        let said = operators(w).into_iter().map(|operator| height_at(w, operator));
        said.collect::<Vec<_>>()
    })
    .await?;
    agreed_height(said, min_operators(w)).ok_or(Silent)
}

/// A blockhash, and the last height at which a transaction that names it can land.
pub(crate) async fn latest_blockhash(w: &W) -> Result<([u8; 32], Option<u64>), Silent> {
    let given = ask(w, |w| {
        let given = operators(w).into_iter().map(|operator| blockhash_of(w, operator));
        given.collect::<Vec<_>>()
    })
    .await?;
    let height = finalized_height(w).await.ok();
    let good = |(_, claimed): &([u8; 32], u64)| height.is_none_or(|height| *claimed > height.agreed);
    let (hash, claimed) = given.into_iter().find(good).ok_or(Silent)?;
    Ok((hash, height.map(|height| height.last_valid(claimed))))
}

/// What one operator gives for the newest final block's hash, and how long it says that it is good.
fn blockhash_of(w: &W, operator: u8) -> ([u8; 32], u64) {
    let final_slot = w.chain.borrow().final_slot(w.now());
    let (hash, claimed) = Chain::blockhash(stuck_at(w, operator).unwrap_or(final_slot));
    match operator {
        liar if is_liar(w, liar) && w.lies(Lie::Lifetime) => match w.now() % 3 {
            0 => (hash, claimed - BLOCKHASH_LIFE + 1),
            // The hash of a block that is not final yet.
            1 => (
                Chain::blockhash(w.chain.borrow().slot(w.now())).0,
                claimed - BLOCKHASH_LIFE + 40,
            ),
            _ => (hash, claimed + HOW_FAR_AHEAD),
        },
        _ => (hash, claimed),
    }
}

/// Tries it dry.
pub(crate) async fn simulate(w: &W, effects: &[Effect]) -> Result<Result<(), Refusal>, Silent> {
    ask(w, |w| {
        if first_lies(w, Lie::Refuses) {
            return Err(Refusal::Exceeded { made_at: 0 });
        }
        w.chain.borrow().simulate(w.now(), effects)
    })
    .await
}

/// Hands a transaction over, to every operator.
pub(crate) async fn send(w: &W, signature: &str, wire: &[u8]) -> Result<(), Silent> {
    let twice = w.strikes(|trouble| &mut trouble.twice, Peer::Rpc);
    ask(w, |w| {
        let (now, trouble) = (w.now(), w.trouble.borrow());
        if trouble.drops_until > now {
            w.count("transaction dropped");
            return;
        }
        let later = if trouble.slow_until > now {
            w.count("transaction slow to land");
            w.between(20, 200)
        } else {
            w.between(0, 5)
        };
        if twice {
            w.count("transaction sent twice");
        }
        for _ in 0..=u8::from(twice) {
            w.chain.borrow_mut().send(now, signature, wire, later.unsigned_abs());
        }
    })
    .await
}

/// What became of a signature. Final only when as many operators say so as a proof takes.
pub(crate) async fn status(w: &W, signature: &str) -> Result<Option<Seen>, Silent> {
    let answers = ask(w, |w| {
        let said = operators(w)
            .into_iter()
            .map(|operator| status_at(w, operator, signature));
        said.collect::<Vec<_>>()
    })
    .await?;
    let mut last = None;
    let mut finalized: Vec<(u64, Option<Refusal>)> = Vec::new();
    for answer in answers {
        match answer {
            Some((slot, true, failed)) => finalized.push((slot, failed)),
            Some((slot, false, failed)) => last = Some((slot, failed)),
            None => {}
        }
        if finalized.iter().any(|other| *other != finalized[0]) {
            w.count("operators disagree");
            return Err(Silent);
        }
        if finalized.len() >= min_operators(w) {
            return Ok(Some(seen(finalized[0], true)));
        }
    }
    Ok(finalized.first().copied().or(last).map(|known| seen(known, false)))
}

fn seen((slot, failed): (u64, Option<Refusal>), finalized: bool) -> Seen {
    let why = |refusal| (Code::TransactionFailed, format!("{refusal:?}"));
    Seen {
        slot,
        finalized,
        failed: failed.map(why),
    }
}

/// When the block of a slot was made.
pub(crate) async fn block_time(w: &W, slot: u64) -> Result<Option<Timestamp>, Silent> {
    ask(w, |w| {
        let honest = w.chain.borrow().block_time(slot);
        let told = match honest {
            Some(_) if first_lies(w, Lie::Epoch) => Some(0),
            Some(at) if first_lies(w, Lie::Future) => Some(at + 30 * 86_400),
            honest => honest,
        };
        told.map(Timestamp::from_seconds)
    })
    .await
}

/// What each operator says about a signature and its height.
pub(crate) async fn evidence(w: &W, signature: &str) -> Vec<OperatorEvidence> {
    let mut all = Vec::new();
    for operator in operators(w) {
        let Ok(finalized_height) = ask(w, |w| height_at(w, operator)).await else {
            continue;
        };
        let Ok(status) = ask(w, |w| status_at(w, operator, signature)).await else {
            continue;
        };
        all.push(OperatorEvidence {
            operator: format!("operator {operator}"),
            finalized_height,
            signature_seen: status.is_some(),
        });
    }
    all
}

/// Which limits an agent has on chain, finally: amounts by asset. Believed of as many operators as a proof takes, of
/// which at most one lies.
pub(crate) async fn limits(w: &W, agent: u8) -> Result<[Option<u64>; 2], Silent> {
    if operators(w).len() < min_operators(w) {
        return Err(Silent);
    }
    ask(w, |w| {
        let chain = w.chain.borrow();
        let limit = |asset| {
            chain
                .accounts(true)
                .limits
                .get(&(agent, asset))
                .map(|limit| limit.amount)
        };
        [limit(0), limit(1)]
    })
    .await
}
