//! An agent's key: made, stopped, let go on, destroyed. Stopping and destroying need nobody's consent.

use {
    super::{Context, Decided, Moment, refuse},
    crate::{
        event::Event,
        protocol::{AgentKey, Answer, Suspension},
        refusal::{Reason, Refusal},
        resume_challenge,
        state::SignerState,
    },
    portreeve_kernel::{AgentId, OwnerProof},
};

/// As many agents as one signer keeps, so that a hostile server cannot fill its disk with keys.
pub const MAX_AGENTS: usize = 100_000;

impl SignerState {
    pub(super) fn create_key(&self, agent: &AgentId, context: &Context<'_>) -> Decided {
        self.thawed()?;
        if self.agents.contains_key(agent) {
            let agent_key = self.with_key(agent)?.wallet.keys().agent_key;
            return Ok((None, Answer::AgentKey(AgentKey { agent_key })));
        }
        if self.agents.len() >= MAX_AGENTS {
            return refuse(
                Reason::TooManyAgents,
                format!("this signer keeps {MAX_AGENTS} agents and no more"),
            );
        }
        let unavailable = |cause: String| Refusal::new(Reason::KeyUnavailable, cause);
        let agent_key = context
            .keys
            .create(agent)
            .map_err(|cause| unavailable(cause.to_string()))?;
        if self.wallet(agent, agent_key).is_none() {
            return Err(unavailable(
                "the keystore gave a key that serves another purpose".to_owned(),
            ));
        }
        let event = Event::KeyCreated {
            agent: agent.clone(),
            key: agent_key,
        };
        Ok((Some(event), Answer::AgentKey(AgentKey { agent_key })))
    }

    /// One that is suspended already gets a new number: consent to end the suspension before this one is then void.
    pub(super) fn suspend(&self, agent: &AgentId, moment: &Moment) -> Decided {
        self.with_key(agent)?;
        Ok((
            Some(Event::Suspended { agent: agent.clone() }),
            suspended(agent, moment.sequence),
        ))
    }

    pub(super) fn challenge(&self, agent: &AgentId) -> Decided {
        Ok((None, suspended(agent, self.suspension(agent)?)))
    }

    pub(super) fn resume(&self, agent: &AgentId, proof: &OwnerProof) -> Decided {
        self.thawed()?;
        let challenge = resume_challenge(agent, self.suspension(agent)?);
        if !self.pins.prove(proof, &challenge) {
            return refuse(
                Reason::ProofInvalid,
                "the proof is not the owner's consent to end this very suspension",
            );
        }
        Ok((
            Some(Event::Resumed {
                agent: agent.clone(),
                proof: proof.clone(),
            }),
            Answer::Resumed,
        ))
    }

    pub(super) fn destroy(&self, agent: &AgentId) -> Decided {
        let gone = self.known(agent)?.destroyed;
        let event = (!gone).then(|| Event::KeyDestroyed { agent: agent.clone() });
        Ok((event, Answer::KeyDestroyed))
    }

    fn suspension(&self, agent: &AgentId) -> Result<u64, Refusal> {
        let found = self.with_key(agent)?.suspension;
        found.ok_or_else(|| Refusal::new(Reason::NotSuspended, format!("`{agent}` is not suspended")))
    }
}

fn suspended(agent: &AgentId, suspension: u64) -> Answer {
    let challenge = resume_challenge(agent, suspension).to_string();
    Answer::Suspension(Suspension { suspension, challenge })
}
