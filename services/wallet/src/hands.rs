//! What the wallet's acts need besides a transaction: time, chance, and the other service.

use {
    crate::{
        agents::{self, AgentRow, AgentStage, AgentStatus, ChainSync},
        error::Failure,
        events,
    },
    portreeve_guard::caller,
    portreeve_jobs as jobs,
    portreeve_kernel::{
        AgentId, Clock, Credential, Entropy, Now, Timestamp,
        control::{CredentialCheck, CredentialControl},
    },
    portreeve_store::{StoreError, Tx},
    serde_json::json,
    std::{collections::BTreeSet, sync::Arc},
};

/// Shared by handlers, jobs and the decider. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hands {
    /// The time that budgets and policies live by. On the local chain it is the chain's.
    pub(crate) clock: Arc<dyn Clock>,
    /// The wall's time, by which background work is planned and what is made is put in order: the local chain's counts
    /// whole seconds.
    pub(crate) wall: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) credentials: Arc<dyn CredentialControl<Tx, StoreError>>,
    pub(crate) checks: Arc<dyn CredentialCheck<Tx, StoreError>>,
}

impl Hands {
    /// For when background work is due, and for new identifiers: by the slowest clock, so that one which was set far ahead for a moment does not
    /// hold it up until then.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall.now().for_release()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Whether the caller's credential is still good, asked in the transaction of the act itself: since the request
    /// came in it may have been revoked, here or by another node.
    pub(crate) async fn still_good(&self, tx: &mut Tx, credential: &Credential) -> Result<(), Failure> {
        let asked = BTreeSet::from([credential.clone()]);
        if self.checks.good_among(tx, &asked, self.clock.now()).await?.is_empty() {
            return Err(caller::revoked(credential).into());
        }
        Ok(())
    }

    /// Suspends `agent` in the database, ends its OAuth clients' tokens in the same commit, and sees to it that signer and
    /// chain follow.
    pub(crate) async fn suspend(
        &self,
        tx: &mut Tx,
        agent: &mut AgentRow,
        reason: Option<String>,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        agent.status = AgentStatus::Suspended;
        agent.stage = Some(AgentStage::Suspending);
        agent.status_reason = reason;
        // Consent to end an earlier suspension is not consent to end this one.
        agent.resume_proof = None;
        agent.status_changed_at = now;
        agent.suspensions = agent.suspensions.saturating_add(1);
        agent.chain_sync = ChainSync::Pending;
        agent.updated_at = now;
        agent.update(tx).await?;
        self.credentials
            .stop_clients_of_agent(tx, &agent.id, Now::at(now))
            .await?;
        let data = json!({"reason": agent.status_reason});
        tx.audit(events::entry(&*agent, now, "agent.suspended", actor, data.clone()));
        tx.emit(events::event(self.entropy(), &*agent, now, "agent.suspended", data));
        self.sync(tx, &agent.id).await
    }

    /// Has signer and chain brought to what the agent's status asks.
    pub(crate) async fn sync(&self, tx: &mut Tx, agent: &AgentId) -> Result<(), StoreError> {
        jobs::enqueue(tx, agents::JOB, agent.as_str(), self.wall()).await
    }
}
