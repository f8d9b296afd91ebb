//! The signer's side: its own rules on its own state, and keys that follow from the trace.

use {
    portreeve_chain::{AgentWallet, Programs, Signature},
    portreeve_kernel::{Address, AgentId, Asset, Cluster, Now, OwnerProof, Timestamp},
    portreeve_ledger::WindowUse,
    portreeve_policy::{AgentPolicy, approval_challenge, loosens},
    portreeve_signing::{
        Context, Event, KeyError, Keys, Record, Refusal, Signatory, SignerState,
        key::SecretKey,
        protocol::{Answer, Enrolment, KeySignature, Outcome, Request},
        resume_challenge,
    },
};

/// The keys that all traces of a chain share.
pub(crate) struct Household {
    pub(crate) owner: SecretKey,
    pub(crate) fee_payer: SecretKey,
    /// Pays the fees of whoever stole a key.
    pub(crate) purse: SecretKey,
    /// Member of no limit.
    pub(crate) stranger: SecretKey,
    approval: SecretKey,
}

impl Household {
    pub(crate) fn new() -> Self {
        let key = |seed| SecretKey::from_seed(&[seed; 32]);
        Self {
            owner: key(1),
            fee_payer: key(2),
            purse: key(3),
            stranger: key(4),
            approval: key(5),
        }
    }
}

/// All keys that the signer of one agent holds.
struct Ring<'a> {
    household: &'a Household,
    agent_key: SecretKey,
}

/// A signer with one agent.
pub(crate) struct Desk<'a> {
    ring: Ring<'a>,
    agent: AgentId,
    state: SignerState,
}

impl Keys for Ring<'_> {
    fn create(&self, _: &AgentId) -> Result<Address, KeyError> {
        Ok(self.agent_key.public())
    }

    fn sign(&self, who: Signatory<'_>, message: &[u8]) -> Result<Signature, KeyError> {
        Ok(match who {
            Signatory::Owner => self.household.owner.sign(message),
            Signatory::FeePayer => self.household.fee_payer.sign(message),
            Signatory::Agent(_) => self.agent_key.sign(message),
        })
    }
}

impl<'a> Desk<'a> {
    /// Enrolled, with the agent's key made.
    pub(crate) fn new(household: &'a Household, agent: AgentId, agent_key: SecretKey, at: Timestamp) -> Self {
        let enrolment = Enrolment {
            cluster: Cluster::Local,
            squads: Programs::default().squads,
            owner_key: household.owner.public(),
            fee_payer: household.fee_payer.public(),
            approval_key: household.approval.public(),
        };
        let first = Record {
            sequence: 1,
            at,
            event: Event::Enrolled { enrolment },
        };
        let mut desk = Self {
            ring: Ring { household, agent_key },
            agent,
            state: SignerState::begin(first).unwrap(),
        };
        let agent = desk.agent.clone();
        desk.ask(&Request::CreateAgentKey { agent }, Now::at(at)).unwrap();
        desk
    }

    /// The agent's key, for those who steal it.
    pub(crate) const fn agent_key(&self) -> &SecretKey {
        &self.ring.agent_key
    }

    /// What the signer itself counts.
    pub(crate) fn used(&self, asset: Asset, now: Now) -> WindowUse {
        self.state.agents().next().unwrap().1.used(&asset, now)
    }

    pub(crate) fn wallet(&self) -> AgentWallet {
        self.state.agents().next().unwrap().1.wallet().clone()
    }

    /// Asks as the server does.
    pub(crate) fn ask(&mut self, request: &Request, now: Now) -> Result<Answer, Refusal> {
        let context = Context {
            now: Some(now),
            shown: None,
            keys: &self.ring,
        };
        match self.state.answer(request, &context).outcome {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    /// Has a policy approved; with the owner's proof only where it is needed.
    pub(crate) fn approve(&mut self, policy: &AgentPolicy, now: Now) -> Result<(), Refusal> {
        let old = self.state.agents().next().and_then(|(_, agent)| agent.policy());
        let proof: Option<OwnerProof> = old.is_none_or(|old| loosens(old, policy)).then(|| {
            self.ring
                .household
                .approval
                .approve(&approval_challenge(&self.agent, policy))
        });
        let request = Request::ApprovePolicy {
            agent: self.agent.clone(),
            policy: Box::new(policy.clone()),
            proof,
        };
        self.ask(&request, now).map(|_| ())
    }

    pub(crate) fn suspend(&mut self, now: Now) {
        let agent = self.agent.clone();
        self.ask(&Request::Suspend { agent }, now).unwrap();
    }

    pub(crate) fn resume(&mut self, now: Now) {
        let suspension = self.state.agents().next().unwrap().1.suspension().unwrap();
        let proof = self
            .ring
            .household
            .approval
            .approve(&resume_challenge(&self.agent, suspension));
        let agent = self.agent.clone();
        self.ask(&Request::Resume { agent, proof }, now).unwrap();
    }

    /// The signatures under a configuration.
    pub(crate) fn configure(&mut self, request: &Request, now: Now) -> Result<Vec<KeySignature>, Refusal> {
        match self.ask(request, now)? {
            Answer::Signed(signed) => Ok(signed.signatures),
            other => panic!("not a signed message: {other:?}"),
        }
    }
}
