//! The job that makes signer and chain follow an agent's status.
//!
//! It looks at the row, does what is missing, and writes that it is done only if the row still asks for the same.

use {
    super::{
        configure::{Configurator, ConfigureError},
        policy_of,
        row::{self, AgentRow},
        state::{AgentStage, AgentStatus, ChainSync},
    },
    crate::{Wallet, error::Failure, events, ports::SignerError},
    portreeve_guard::Problem,
    portreeve_jobs::Next,
    portreeve_kernel::{AgentId, Asset, Now, kill},
    portreeve_policy::AgentPolicy,
    portreeve_signing::{Reason, limits_on_chain},
    portreeve_store::{StoreError, Tx},
    serde_json::json,
};

/// The job's kind. Its subject is the agent's id.
pub(crate) const JOB: &str = "agent.sync";

/// How long signer and chain may take to follow, in milliseconds, before the agent says that they do not.
const PATIENCE_MILLIS: i64 = 60_000;

/// Brings signer and chain to what the agent's status asks.
pub(crate) async fn sync(wallet: Wallet, subject: String) -> Next {
    let Ok(id) = subject.parse::<AgentId>() else {
        return Next::Failed {
            reason: "the subject is no agent id".into(),
        };
    };
    match run(&wallet, &id).await {
        Ok(()) => Next::Done,
        Err(problem) => {
            let reason = problem
                .cause()
                .map_or_else(|| problem.code().to_string(), str::to_owned);
            if let Err(error) = mark_failed(&wallet, &id).await {
                tracing::warn!(agent.id = %id, %error, "cannot even note that the agent is out of step");
            }
            Next::Failed { reason }
        }
    }
}

async fn run(wallet: &Wallet, id: &AgentId) -> Result<(), Problem> {
    let mut read = wallet.database().read();
    let Some(agent) = row::find(&mut read, id).await.map_err(Failure::from)? else {
        return Ok(());
    };
    let policy = policy_of(&mut read, &agent).await?.body;
    match (agent.status, agent.stage) {
        (AgentStatus::Creating, Some(AgentStage::Building)) => build(wallet, &agent, &policy).await,
        (AgentStatus::Suspended, Some(AgentStage::Suspending)) => suspend(wallet, &agent, &policy).await,
        (AgentStatus::Suspended, Some(AgentStage::Resuming)) => resume(wallet, &agent, &policy).await,
        (AgentStatus::Active, _) => verify(wallet, &agent, &policy).await,
        _ => Ok(()),
    }
}

async fn build(wallet: &Wallet, agent: &AgentRow, policy: &AgentPolicy) -> Result<(), Problem> {
    let key = wallet.signer().create_key(&agent.id).await.map_err(Problem::internal)?;
    let keyed = AgentRow {
        public_key: Some(key),
        ..agent.clone()
    };
    let vault = wallet.wallet_of(&keyed).await?;
    let on_chain = Configurator::new(wallet, &agent.id, &vault);
    let seen_at = on_chain.ensure_limits(&limits_on_chain(policy)).await;
    let seen_at = seen_at.map_err(|error| told(&error))?;
    kill::point("wallet.build.landed");
    let (multisig, address) = (vault.multisig(), vault.vault());
    finish(wallet, agent, "agent.created", move |agent| {
        agent.limits_seen(seen_at);
        agent.public_key = Some(key);
        agent.multisig = Some(multisig);
        agent.vault = Some(address);
        agent.status = AgentStatus::Active;
    })
    .await
}

async fn suspend(wallet: &Wallet, agent: &AgentRow, policy: &AgentPolicy) -> Result<(), Problem> {
    match wallet.signer().suspend(&agent.id).await {
        Ok(_) => {}
        // An earlier run got further.
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::KeyDestroyed => {}
        Err(error) => return Err(Problem::internal(error)),
    }
    kill::point("wallet.suspend.signer");
    // Before the chain, which may not answer: without its key nobody spends from the limit either.
    if agent.key_destroyed {
        wallet
            .signer()
            .destroy_key(&agent.id)
            .await
            .map_err(Problem::internal)?;
    }
    // Read after the signer was told: it puts no limits there any more, and all that it did is noted by now.
    let limits_until = match row::find(&mut wallet.database().read(), &agent.id).await {
        Ok(found) => found.and_then(|agent| agent.limits_until),
        Err(error) => return Err(crate::error::store(&error)),
    };
    let vault = wallet.wallet_of(agent).await?;
    let on_chain = Configurator::new(wallet, &agent.id, &vault);
    let assets: Vec<Asset> = policy.assets().collect();
    let removed = on_chain.ensure_no_limits(&assets, limits_until).await;
    removed.map_err(|error| told(&error))?;
    kill::point("wallet.suspend.landed");
    finish(wallet, agent, "agent.limits_removed", |agent| agent.limits_until = None).await
}

async fn resume(wallet: &Wallet, agent: &AgentRow, policy: &AgentPolicy) -> Result<(), Problem> {
    let Some(proof) = &agent.resume_proof else {
        return Err(Problem::internal("an agent resumed without proof"));
    };
    match wallet.signer().resume(&agent.id, proof).await {
        Ok(()) => {}
        // An earlier run got this far.
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::NotSuspended => {}
        // It was suspended again since: that is what holds.
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::ProofInvalid => {
            return stop(wallet, agent, "the consent to resume was void before it took effect").await;
        }
        Err(error) => return Err(Problem::internal(error)),
    }
    kill::point("wallet.resume.signer");
    let vault = wallet.wallet_of(agent).await?;
    let on_chain = Configurator::new(wallet, &agent.id, &vault);
    let seen_at = on_chain.ensure_limits(&limits_on_chain(policy)).await;
    let seen_at = seen_at.map_err(|error| told(&error))?;
    kill::point("wallet.resume.landed");
    finish(wallet, agent, "agent.resumed", move |agent| {
        agent.limits_seen(seen_at);
        agent.status = AgentStatus::Active;
        agent.status_reason = None;
    })
    .await
}

/// An agent that should be able to pay: when signer or chain say otherwise, that is how it is here too, and the owner
/// is told.
async fn verify(wallet: &Wallet, agent: &AgentRow, policy: &AgentPolicy) -> Result<(), Problem> {
    let vault = wallet.wallet_of(agent).await?;
    let on_chain = Configurator::new(wallet, &agent.id, &vault);
    let assets: Vec<Asset> = policy.assets().collect();
    let limited = on_chain.has_limits(&assets, agent.limits_until).await;
    let limited = limited.map_err(|error| told(&error))?;
    let suspended = wallet
        .signer()
        .headroom(&agent.id, Asset::Sol)
        .await
        .map_err(Problem::internal)?
        .suspended;
    if limited && !suspended {
        return Ok(());
    }
    stop(wallet, agent, "signer or chain do not agree that the agent may pay").await
}

/// Suspends an agent, unless its status asks for something else by now.
async fn stop(wallet: &Wallet, seen: &AgentRow, reason: &'static str) -> Result<(), Problem> {
    let (own, seen) = (wallet.clone(), seen.clone());
    let unit = async move |tx: &mut Tx| {
        let now = own.hands().clock.now().for_expiry();
        let mut agent = row::lock(tx, &seen.id).await?.ok_or(StoreError::Missing)?;
        if (agent.status, agent.stage) != (seen.status, seen.stage) {
            return own.hands().sync(tx, &seen.id).await;
        }
        own.hands()
            .suspend(tx, &mut agent, Some(reason.to_owned()), events::SYSTEM, now)
            .await
    };
    wallet
        .database()
        .write(unit)
        .await
        .map_err(|error| crate::error::store(&error))
}

fn told(error: &ConfigureError) -> Problem {
    Problem::internal(error)
}

/// Writes that the agent is in step, unless its status asks for something else by now; then the job runs again.
async fn finish(
    wallet: &Wallet,
    seen: &AgentRow,
    kind: &'static str,
    change: impl Fn(&mut AgentRow) + Send + 'static,
) -> Result<(), Problem> {
    let (own, seen) = (wallet.clone(), seen.clone());
    let unit = async move |tx: &mut Tx| {
        let now = own.hands().clock.now().for_expiry();
        let mut agent = row::lock(tx, &seen.id).await?.ok_or(StoreError::Missing)?;
        let asks = |agent: &AgentRow| (agent.status, agent.stage, agent.suspensions, agent.key_destroyed);
        if asks(&agent) != asks(&seen) {
            return own.hands().sync(tx, &seen.id).await;
        }
        change(&mut agent);
        if agent.status != seen.status {
            agent.status_changed_at = now;
        }
        agent.stage = None;
        agent.resume_proof = None;
        agent.chain_sync = ChainSync::Synced;
        agent.last_synced_at = Some(now);
        agent.updated_at = now;
        agent.update(tx).await?;
        if (seen.status, agent.status) == (AgentStatus::Suspended, AgentStatus::Active) {
            let credentials = &own.hands().credentials;
            credentials.resume_clients_of_agent(tx, &agent.id, Now::at(now)).await?;
        }
        own.keep_receipt(tx).await?;
        let data = json!({"multisigAddress": agent.multisig, "vaultAddress": agent.vault, "status": agent.status});
        tx.audit(events::entry(&agent, now, kind, events::SYSTEM, data.clone()));
        tx.emit(events::event(own.hands().entropy(), &agent, now, kind, data));
        Ok(())
    };
    wallet
        .database()
        .write(unit)
        .await
        .map_err(|error| crate::error::store(&error))
}

async fn mark_failed(wallet: &Wallet, id: &AgentId) -> Result<(), StoreError> {
    let (own, id) = (wallet.clone(), id.clone());
    let unit = async move |tx: &mut Tx| {
        let Some(mut agent) = row::lock(tx, &id).await? else {
            return Ok(());
        };
        let tried_for = own.hands().clock.now().for_expiry().millis_since(agent.updated_at);
        if agent.stage.is_some() && tried_for > PATIENCE_MILLIS {
            agent.chain_sync = ChainSync::Failed;
            agent.update(tx).await?;
        }
        Ok(())
    };
    wallet.database().write(unit).await
}
