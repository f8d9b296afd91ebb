//! What clients were told, and what that promises of every later state.

use {
    portreeve_kernel::AgentId,
    portreeve_payment::Stage,
    serde::{Deserialize, Serialize},
    std::collections::HashMap,
};

/// An answer that somebody got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// A payment is at least there.
    Payment {
        agent: AgentId,
        key: String,
        id: String,
        amount: u64,
        stage: Stage,
    },
    /// The policy says no, now and for ever, to whoever asks under this key.
    Denied { agent: AgentId, key: String },
    /// An agent was made.
    Made { agent: AgentId },
    /// The owner's approval of its policy was taken.
    Approved { agent: AgentId },
}

/// A payment in the database.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) agent: String,
    pub(crate) key: String,
    pub(crate) amount: u64,
    pub(crate) stage: Stage,
    pub(crate) signature: Option<String>,
    /// Milliseconds.
    pub(crate) created_at: i64,
}

/// What a database holds of what clients ask about.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) payments: Vec<Payment>,
    /// Agents, and whether their policy is approved.
    pub(crate) agents: HashMap<String, bool>,
}

impl Held {
    /// Whether everything that was told is so, or further on.
    ///
    /// # Errors
    /// What is not.
    pub(crate) fn keeps(&self, told: &[Told]) -> Result<(), String> {
        let by_key: HashMap<_, _> = self
            .payments
            .iter()
            .map(|payment| ((payment.agent.as_str(), payment.key.as_str()), payment))
            .collect();
        for one in told {
            let kept = match one {
                Told::Payment {
                    agent,
                    key,
                    id,
                    amount,
                    stage,
                } => by_key.get(&(agent.as_str(), key.as_str())).is_some_and(|payment| {
                    payment.id == *id && payment.amount == *amount && may_lead(*stage, payment.stage)
                }),
                Told::Denied { agent, key } => by_key
                    .get(&(agent.as_str(), key.as_str()))
                    .is_some_and(|payment| payment.stage == Stage::Denied),
                Told::Made { agent } => self.agents.contains_key(agent.as_str()),
                Told::Approved { agent } => self.agents.get(agent.as_str()) == Some(&true),
            };
            if !kept {
                let there = match one {
                    Told::Payment { agent, key, .. } | Told::Denied { agent, key } => {
                        format!("{:?}", by_key.get(&(agent.as_str(), key.as_str())))
                    }
                    Told::Made { agent } | Told::Approved { agent } => {
                        format!("{:?}", self.agents.get(agent.as_str()))
                    }
                };
                return Err(format!("somebody was told {one:?}, and there is {there}"));
            }
        }
        Ok(())
    }

    /// What counts against one agent's limit of what was decided after `since`, in milliseconds.
    pub(crate) fn counting(&self, agent: &AgentId, since: i64) -> u64 {
        let counts = |payment: &&Payment| {
            payment.agent == agent.as_str()
                && payment.created_at > since
                && (payment.stage.is_in_flight() || payment.stage == Stage::Finalized)
        };
        self.payments.iter().filter(counts).map(|payment| payment.amount).sum()
    }
}

/// Whether a payment at `now` may have been at `then` before.
fn may_lead(then: Stage, now: Stage) -> bool {
    then == now || then.successors().iter().any(|next| may_lead(*next, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_never_goes_back() {
        assert!(may_lead(Stage::Reserved, Stage::Finalized));
        assert!(may_lead(Stage::Signing, Stage::Signing));
        assert!(!may_lead(Stage::Submitted, Stage::Signing));
        assert!(!may_lead(Stage::Finalized, Stage::Expired));
    }
}
