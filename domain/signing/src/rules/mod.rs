//! The rules: state and request in, record and answer out. [`SignerState::answer`] is the only way to a signature.
//!
//! Order matters in one place only: a transaction's id is looked up before any rule is asked, so that a repeated
//! request gets its answer again whatever has changed since.

mod agent;
mod pins;
mod policy;
mod spend;
mod wallet;

pub use spend::{ACCOUNTS_PER_DAY, LANDING_MARGIN, VOIDS_PER_DAY};
pub use {agent::MAX_AGENTS, policy::MAX_UNPROVEN_STEP, wallet::PUTS_PER_DAY};

use {
    crate::{
        event::{Event, Record},
        key::verifies,
        protocol::{Answer, Headroom, Health, KeySignature, Outcome, Request},
        refusal::{Reason, Refusal},
        state::{Agent, SignerState},
    },
    portreeve_chain::{DecodedMessage, Programs, Signature, decode},
    portreeve_kernel::{Address, AgentId, Asset, Now, Timestamp},
};

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatory<'a> {
    /// Config authority and only voter of every multisig.
    Owner,
    /// Pays fees and rent.
    FeePayer,
    /// An agent's.
    Agent(&'a AgentId),
}

/// The keystore gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the keystore: {0}")]
pub struct KeyError(pub String);

/// The keystore, as the rules see it. Keys are used where they lie; none comes out.
pub trait Keys {
    /// Makes a key for `agent` and keeps it, or names the one that was made before.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be kept.
    fn create(&self, agent: &AgentId) -> Result<Address, KeyError>;

    /// Signs `message`.
    ///
    /// # Errors
    /// [`KeyError`] when the key is not there or does not open.
    fn sign(&self, who: Signatory<'_>, message: &[u8]) -> Result<Signature, KeyError>;
}

/// What an answer depends on besides state and request.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The clocks; `None` when they cannot be read. Then nothing is signed that depends on time.
    pub now: Option<Now>,
    /// The sequence of the receipt that the caller showed, once its MAC was found to be ours.
    pub shown: Option<u64>,
    /// The keys.
    pub keys: &'a dyn Keys,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the state has taken in already, and the journal must hold before the outcome is told to anybody.
    pub record: Option<Record>,
    /// The answer.
    pub outcome: Outcome,
}

/// What a rule decides: an answer, and the event that makes it true, if it was not already.
type Decided = Result<(Option<Event>, Answer), Refusal>;

fn refuse<T>(reason: Reason, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(reason, detail))
}

impl SignerState {
    /// Answers one request, and takes in what happened.
    pub fn answer(&mut self, request: &Request, context: &Context<'_>) -> Step {
        let moment = Moment::of(self, context);
        let lost = context.shown.filter(|shown| *shown > self.sequence && !self.frozen);
        let (event, outcome) = if let Some(proven) = lost {
            (Some(Event::Frozen { proven }), Outcome::Refused(frozen()))
        } else {
            match self.decide(request, context, &moment) {
                Ok((event, answer)) => (event, Outcome::Done(answer)),
                Err(refusal) => (None, Outcome::Refused(refusal)),
            }
        };
        let Some(event) = event else {
            return Step { record: None, outcome };
        };
        let record = Record {
            sequence: moment.sequence,
            at: moment.stamp,
            event,
        };
        match self.apply(record.clone()) {
            #[cfg(seeded_bug = "sign_before_reserve")]
            Ok(()) => Step {
                record: match (&self.behind, &record.event) {
                    (Some(_), _) | (None, Event::SpendSigned { .. }) => self.behind.replace(record),
                    (None, _) => Some(record),
                },
                outcome,
            },
            #[cfg(not(seeded_bug = "sign_before_reserve"))]
            Ok(()) => Step {
                record: Some(record),
                outcome,
            },
            Err(cause) => {
                let refusal = Refusal::new(Reason::Malformed, cause.to_string());
                Step {
                    record: None,
                    outcome: Outcome::Refused(refusal),
                }
            }
        }
    }

    fn decide(&self, request: &Request, context: &Context<'_>, moment: &Moment) -> Decided {
        match request {
            Request::Health => Ok((None, Answer::Health(self.health(context)))),
            Request::Enrolment => Ok((None, Answer::Enrolment(self.enrolment.clone()))),
            Request::CreateAgentKey { agent } => self.create_key(agent, context),
            Request::ApprovePolicy { agent, policy, proof } => self.approve(agent, policy, proof.as_ref()),
            Request::SignSpend {
                transaction,
                agent,
                message,
            } => self.sign_spend(transaction, agent, &message.0, context, moment),
            Request::VoidSpend { transaction, agent } => self.void_spend(transaction, agent, moment),
            Request::SignSetup { agent, message } => self.sign_setup(agent, &message.0, context, moment),
            Request::SignLimitRemoval { agent, message } => self.sign_removal(agent, &message.0, context),
            Request::SignLimitRestore { agent, message } => self.sign_restore(agent, &message.0, context, moment),
            Request::Suspend { agent } => self.suspend(agent, moment),
            Request::ResumeChallenge { agent } => self.challenge(agent),
            Request::Resume { agent, proof } => self.resume(agent, proof),
            Request::DestroyKey { agent } => self.destroy(agent),
            Request::Headroom { agent, asset } => self.headroom(agent, asset, moment),
            Request::Pins => Ok((None, Answer::Pins(self.pins.clone()))),
            Request::PinPasskey { passkey, proof } => self.pin(passkey, proof, moment),
            Request::UnpinPasskey { credential_id } => Ok(self.unpin(credential_id, moment)),
        }
    }

    fn health(&self, context: &Context<'_>) -> Health {
        Health {
            sequence: self.sequence,
            frozen: self.frozen,
            time: context.now.map(Now::for_expiry),
        }
    }

    fn headroom(&self, agent: &AgentId, asset: &Asset, moment: &Moment) -> Decided {
        let agent = self.known(agent)?;
        let used = agent.used(asset, moment.now()?);
        Ok((
            None,
            Answer::Headroom(Headroom {
                day: used.day,
                week: used.week,
                month: used.month,
                policy_version: agent.policy.as_ref().map(|policy| policy.version),
                last_spend_at: agent.last_spend_at,
                suspended: agent.suspension.is_some(),
                frozen: self.frozen,
            }),
        ))
    }

    /// The agent, whatever became of it.
    fn known(&self, agent: &AgentId) -> Result<&Agent, Refusal> {
        self.agents
            .get(agent)
            .ok_or_else(|| Refusal::new(Reason::UnknownAgent, format!("`{agent}` has no key here")))
    }

    /// The agent, if it still has its key.
    fn with_key(&self, agent: &AgentId) -> Result<&Agent, Refusal> {
        let found = self.known(agent)?;
        if found.destroyed {
            return refuse(Reason::KeyDestroyed, format!("the key of `{agent}` was destroyed"));
        }
        Ok(found)
    }

    /// The agent, if it may spend and have limits put on chain: it has its key, a policy, and is not suspended.
    fn in_force(&self, agent: &AgentId) -> Result<&Agent, Refusal> {
        self.thawed()?;
        let found = self.with_key(agent)?;
        if let Some(suspension) = found.suspension {
            let detail = format!("`{agent}` is suspended since record {suspension}, until the owner resumes it");
            return refuse(Reason::Suspended, detail);
        }
        if found.policy.is_none() {
            return refuse(
                Reason::NoPolicy,
                format!("the owner has approved no policy for `{agent}` yet"),
            );
        }
        Ok(found)
    }

    fn thawed(&self) -> Result<(), Refusal> {
        if self.frozen { Err(frozen()) } else { Ok(()) }
    }

    /// What the bytes would do, whole.
    fn decode(&self, message: &[u8]) -> Result<DecodedMessage, Refusal> {
        let programs = Programs {
            squads: self.enrolment.squads,
        };
        decode(message, &programs).map_err(|cause| Refusal::new(Reason::Undecodable, cause.to_string()))
    }

    /// Signs for every key the message asks for, each of which must be among `allowed`.
    fn signatures(
        &self,
        signers: &[Address],
        allowed: &[(Address, Signatory<'_>)],
        message: &[u8],
        keys: &dyn Keys,
    ) -> Result<Vec<KeySignature>, Refusal> {
        let sign = |key: &Address| {
            let Some((_, who)) = allowed.iter().find(|(known, _)| known == key) else {
                return refuse(
                    Reason::WrongWallet,
                    format!("`{key}` has to sign, and has no part in this"),
                );
            };
            let signature = keys
                .sign(*who, message)
                .map_err(|cause| Refusal::new(Reason::KeyUnavailable, cause.to_string()))?;
            // A key file in another's place, or a fault in the arithmetic, must not get out.
            if !verifies(*key, message, &signature) {
                return refuse(
                    Reason::KeyUnavailable,
                    format!("the keystore's signature is not `{key}`'s"),
                );
            }
            Ok(KeySignature { key: *key, signature })
        };
        signers.iter().map(sign).collect()
    }
}

fn frozen() -> Refusal {
    let detail = "the journal has lost records; put the newest copy of it back and start the signer again";
    Refusal::new(Reason::Frozen, detail)
}

/// How far apart the clocks may read, in milliseconds, before none is believed.
pub(crate) const CLOCKS_APART_MILLIS: i64 = 120_000;

/// When and where in the journal a request is answered.
struct Moment {
    /// The number its record will have.
    sequence: u64,
    /// The time its record will have: the clock furthest ahead, and never before the newest record.
    stamp: Timestamp,
    /// The clocks, if they can be read.
    now: Option<Now>,
}

impl Moment {
    fn of(state: &SignerState, context: &Context<'_>) -> Self {
        // Two clocks this far apart cannot both be right, and the wrong one must not get into the journal.
        let agree = |now: &Now| now.for_expiry().millis_since(now.for_release()) <= CLOCKS_APART_MILLIS;
        // A clock that went back still says when budget returns, which is then later; it ends no grant earlier.
        let now = context
            .now
            .filter(agree)
            .map(|now| Now::between(now.for_release(), now.for_expiry().max(state.latest)));
        Self {
            sequence: state.sequence.saturating_add(1),
            stamp: now.map_or(state.latest, Now::for_expiry),
            now,
        }
    }

    fn now(&self) -> Result<Now, Refusal> {
        self.now
            .ok_or_else(|| Refusal::new(Reason::ClockUnavailable, "the signer's clock cannot be read"))
    }
}
