//! What `services/wallet/src/agents` does so that signer and chain follow an agent's row: suspend, resume, and the
//! owner's new limits.

use {
    crate::{
        db::{AgentRow, AgentStage, Subject, Tables},
        estate::estate,
        node::{self, Ctx, SignerError},
        rpc::{self, Silent},
    },
    portreeve_chain::{Blockhash, LimitChange, LimitSpec, Transaction},
    portreeve_kernel::{Now, OwnerProof},
    portreeve_ledger::EXPIRY_MARGIN_BLOCKS,
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{
        Bytes, Reason, limits_on_chain,
        protocol::{Answer, Request},
        resume_challenge,
    },
    std::rc::Rc,
};

/// How long the job waits for a configuration to land, and between two looks, in milliseconds.
const PATIENCE: i64 = 30_000;
const POLL: i64 = 1_000;

/// Tried again later.
#[derive(Debug)]
pub(crate) struct Later;

impl From<Silent> for Later {
    fn from(_: Silent) -> Self {
        Self
    }
}

impl From<node::StoreError> for Later {
    fn from(_: node::StoreError) -> Self {
        Self
    }
}

impl From<SignerError> for Later {
    fn from(_: SignerError) -> Self {
        Self
    }
}

/// `Hands::suspend`: at once in the database, and by a job in signer and on chain.
pub(crate) fn stop(tables: &mut Tables, agent: u8, now: Now, for_good: bool) {
    let row = &mut tables.agents[usize::from(agent)];
    row.active = false;
    row.stage = Some(AgentStage::Suspending);
    row.resume_proof = None;
    row.suspensions += 1;
    row.destroyed |= for_good;
    tables.enqueue(Subject::Agent(agent), now.for_release());
}

/// The owner stops an agent.
pub(crate) async fn suspend(ctx: &Ctx, agent: u8) -> Result<(), Later> {
    let now = ctx.clock();
    ctx.unit(move |tables| {
        let row = &tables.agents[usize::from(agent)];
        if row.active || row.stage == Some(AgentStage::Resuming) {
            stop(tables, agent, now, false);
        }
    })
    .await?;
    let _ = ctx
        .ask(Request::Suspend {
            agent: estate().agents[usize::from(agent)].id.clone(),
        })
        .await;
    Ok(())
}

/// The owner lets it go on; with `forged` somebody else tries to.
pub(crate) async fn resume(ctx: &Ctx, agent: u8, forged: bool) -> Result<(), Later> {
    let found = &estate().agents[usize::from(agent)];
    let seen = ctx.read().agents[usize::from(agent)].clone();
    if seen.active || seen.stage.is_some() || seen.destroyed {
        return Err(Later);
    }
    let Answer::Suspension(asked) = ctx
        .ask(Request::ResumeChallenge {
            agent: found.id.clone(),
        })
        .await?
    else {
        return Err(Later);
    };
    let challenge = resume_challenge(&found.id, asked.suspension);
    let signer = if forged { &estate().thief } else { &estate().approval };
    let proof = signer.approve(&challenge);
    // The server looks at the proof too; a broken one does not. The signer has to hold alone.
    let now = ctx.clock().for_release();
    ctx.unit(move |tables| {
        let row = &mut tables.agents[usize::from(agent)];
        if row.active || row.stage.is_some() || row.suspensions != seen.suspensions || row.destroyed {
            return;
        }
        row.stage = Some(AgentStage::Resuming);
        row.resume_proof = Some(proof);
        tables.enqueue(Subject::Agent(agent), now);
    })
    .await?;
    Ok(())
}

/// The job.
pub(crate) async fn sync(ctx: &Ctx, agent: u8) -> node::Next {
    let row = ctx.read().agents[usize::from(agent)].clone();
    let done = match (row.active, row.stage) {
        (false, Some(AgentStage::Suspending)) => suspending(ctx, agent, &row).await,
        (false, Some(AgentStage::Resuming)) => resuming(ctx, agent, &row).await,
        (true, _) => verify(ctx, agent, &row).await,
        (false, None) => Ok(()),
    };
    match done {
        Ok(()) => node::Next::Done,
        Err(Later) => node::Next::Failed,
    }
}

async fn suspending(ctx: &Ctx, agent: u8, row: &AgentRow) -> Result<(), Later> {
    let id = estate().agents[usize::from(agent)].id.clone();
    match ctx.ask(Request::Suspend { agent: id.clone() }).await {
        Ok(_) => {}
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::KeyDestroyed => {}
        Err(error) => return Err(error.into()),
    }
    ctx.point("wallet.suspend.signer").await;
    if row.destroyed {
        ctx.ask(Request::DestroyKey { agent: id }).await?;
    }
    let limits = rpc::limits(&ctx.w, agent).await?;
    let there = (0..).zip(limits).filter(|(_, limit)| limit.is_some());
    let changes: Vec<LimitChange> = there
        .map(|(asset, _)| LimitChange::Remove(estate().asset(asset)))
        .collect();
    configure(ctx, agent, &changes, false).await?;
    let until = ctx.read().agents[usize::from(agent)].limits_until;
    if until.is_some() && rpc::finalized_height(&ctx.w).await?.agreed <= until.unwrap_or_default() {
        ctx.w.count("limits may still land");
        return Err(Later);
    }
    if rpc::limits(&ctx.w, agent).await? != [None, None] {
        return Err(Later);
    }
    ctx.point("wallet.suspend.landed").await;
    finish(ctx, agent, row, |_| {}).await
}

async fn resuming(ctx: &Ctx, agent: u8, row: &AgentRow) -> Result<(), Later> {
    let id = estate().agents[usize::from(agent)].id.clone();
    let Some(proof) = row.resume_proof.clone() else {
        return Err(Later);
    };
    match ctx.ask(Request::Resume { agent: id, proof }).await {
        Ok(_) => {}
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::NotSuspended => {}
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::ProofInvalid => {
            ctx.w.count("resume without consent refused");
            return stop_if(ctx, agent, row).await;
        }
        Err(error) => return Err(error.into()),
    }
    ctx.point("wallet.resume.signer").await;
    ensure_limits(ctx, agent, &row.policy).await?;
    ctx.point("wallet.resume.landed").await;
    finish(ctx, agent, row, |row| row.active = true).await
}

async fn ensure_limits(ctx: &Ctx, agent: u8, policy: &AgentPolicy) -> Result<(), Later> {
    let there = rpc::limits(&ctx.w, agent).await?;
    let mut changes = Vec::new();
    for limit in limits_on_chain(policy) {
        let asset = usize::from(limit.asset != portreeve_kernel::Asset::Sol);
        changes.extend(change(there[asset], limit));
    }
    configure(ctx, agent, &changes, true).await?;
    let wanted = policy.limits.daily.units();
    if rpc::limits(&ctx.w, agent).await? == [Some(wanted); 2] {
        Ok(())
    } else {
        Err(Later)
    }
}

fn change(there: Option<u64>, limit: LimitSpec) -> Option<LimitChange> {
    match there {
        None => Some(LimitChange::Add(limit)),
        Some(amount) if amount == limit.amount.units() => None,
        Some(_) => Some(LimitChange::Replace(limit)),
    }
}

/// Signs and sends one transaction after the other, and waits for each until it is final.
async fn configure(ctx: &Ctx, agent: u8, changes: &[LimitChange], puts: bool) -> Result<(), Later> {
    let (found, w) = (&estate().agents[usize::from(agent)], &ctx.w);
    for actions in found.wallet.limit_transactions(changes).unwrap() {
        ctx.point("wallet.configure.before").await;
        let (hash, last_valid) = rpc::latest_blockhash(w).await?;
        let last_valid = last_valid.or((!puts).then_some(u64::MAX)).ok_or(Later)?;
        let message = found.wallet.message(Blockhash::new(hash), &actions).unwrap();
        if rpc::simulate(w, &crate::chain::effects(&actions)).await?.is_err() {
            return Err(Later);
        }
        if puts {
            ctx.unit(move |tables| {
                let until = &mut tables.agents[usize::from(agent)].limits_until;
                *until = (*until).max(Some(last_valid.saturating_add(EXPIRY_MARGIN_BLOCKS)));
            })
            .await?;
        }
        let (agent, bytes) = (found.id.clone(), Bytes(message.as_bytes().to_vec()));
        let request = match puts {
            true => Request::SignLimitRestore { agent, message: bytes },
            false => Request::SignLimitRemoval { agent, message: bytes },
        };
        let Answer::Signed(signed) = ctx.ask(request).await? else {
            return Err(Later);
        };
        ctx.point("wallet.configure.signed").await;
        let signed: Vec<_> = signed
            .signatures
            .into_iter()
            .map(|one| (one.key, one.signature))
            .collect();
        let transaction = Transaction::assemble(message, &signed).unwrap();
        let (wire, signature) = (transaction.to_wire(), transaction.signature().to_string());
        let begun = w.now();
        loop {
            rpc::send(w, &signature, &wire).await?;
            match rpc::status(w, &signature).await? {
                Some(seen) if seen.finalized => {
                    if seen.failed.is_some() {
                        return Err(Later);
                    }
                    break;
                }
                None if rpc::finalized_height(w).await?.agreed > last_valid => return Err(Later),
                _ => {}
            }
            if w.now() - begun > PATIENCE {
                return Err(Later);
            }
            w.exec.sleep(POLL).await;
        }
        ctx.point("wallet.configure.landed").await;
    }
    Ok(())
}

/// An agent that should be able to pay: when signer or chain say otherwise, that is how it is here too.
async fn verify(ctx: &Ctx, agent: u8, row: &AgentRow) -> Result<(), Later> {
    let limits = rpc::limits(&ctx.w, agent).await?;
    let (id, asset) = (estate().agents[usize::from(agent)].id.clone(), estate().asset(0));
    let Answer::Headroom(booked) = ctx.ask(Request::Headroom { agent: id, asset }).await? else {
        return Err(Later);
    };
    if limits.iter().all(Option::is_some) && !booked.suspended {
        return Ok(());
    }
    stop_if(ctx, agent, row).await
}

async fn stop_if(ctx: &Ctx, agent: u8, seen: &AgentRow) -> Result<(), Later> {
    let (now, seen) = (ctx.clock(), (seen.active, seen.stage));
    ctx.w.count("suspended because signer or chain say so");
    ctx.unit(move |tables| {
        let row = &tables.agents[usize::from(agent)];
        if (row.active, row.stage) == seen {
            stop(tables, agent, now, false);
        } else {
            tables.enqueue(Subject::Agent(agent), now.for_release());
        }
    })
    .await?;
    Ok(())
}

/// Writes that the agent is in step, unless its row asks for something else by now.
async fn finish(
    ctx: &Ctx,
    agent: u8,
    seen: &AgentRow,
    change: impl FnOnce(&mut AgentRow) + 'static,
) -> Result<(), Later> {
    let asks = |row: &AgentRow| {
        (
            row.active,
            row.stage,
            row.suspensions,
            row.destroyed,
            row.policy.version,
        )
    };
    let (now, seen, receipt) = (ctx.clock(), seen.clone(), ctx.receipt());
    ctx.unit(move |tables| {
        let row = &mut tables.agents[usize::from(agent)];
        if asks(row) != asks(&seen) {
            tables.enqueue(Subject::Agent(agent), now.for_release());
            return;
        }
        change(row);
        (row.stage, row.resume_proof, row.limits_until) = (None, None, None);
        tables.keep_receipt(receipt);
    })
    .await?;
    Ok(())
}

/// The owner approves another daily limit. Lower: server first. Higher: signer and chain first. The chain of an agent
/// that is stopped follows when it is resumed.
pub(crate) async fn limit(ctx: &Ctx, agent: u8, daily: u64, version: u64) -> Result<(), Later> {
    let found = &estate().agents[usize::from(agent)];
    let row = ctx.read().agents[usize::from(agent)].clone();
    let policy = estate().policy(&ctx.w.plan.setup, version, daily);
    let lower = !portreeve_policy::loosens(&row.policy, &policy) || row.policy.version == version;
    if lower {
        take(ctx, agent, &policy).await?;
    }
    let proof: Option<OwnerProof> =
        (!lower).then(|| estate().approval.approve(&approval_challenge(&found.id, &policy)));
    let request = Request::ApprovePolicy {
        agent: found.id.clone(),
        policy: Box::new(policy.clone()),
        proof,
    };
    match ctx.ask(request).await {
        Ok(_) => {}
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::KeyDestroyed => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    ctx.point("wallet.approve.signer").await;
    if row.active && ensure_limits(ctx, agent, &policy).await.is_err() {
        // A suspension that came late may have stopped the signer behind the server's back: the job looks.
        let now = ctx.clock().for_release();
        ctx.unit(move |tables| tables.enqueue(Subject::Agent(agent), now))
            .await?;
        return Err(Later);
    }
    if !lower {
        take(ctx, agent, &policy).await?;
    }
    Ok(())
}

async fn take(ctx: &Ctx, agent: u8, policy: &AgentPolicy) -> Result<(), Later> {
    let policy = Rc::new(policy.clone());
    ctx.unit(move |tables| {
        let row = &mut tables.agents[usize::from(agent)];
        if row.policy.version < policy.version {
            row.policy = policy;
        }
    })
    .await?;
    Ok(())
}
