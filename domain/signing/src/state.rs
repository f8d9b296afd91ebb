//! All the signer knows: its journal, folded.
//!
//! What must stay true: a spend that was signed counts until its windows have passed; one that was given up is never signed; a policy is replaced only by a
//! newer one; a suspension ends only by its own number; a destroyed key never comes back; a passkey is pinned once at a time; numbers and times of records
//! never go back.

use {
    crate::{
        event::{BookedSpend, Event, Record, Subject},
        pins::Pins,
        protocol::Enrolment,
        rules::CLOCKS_APART_MILLIS,
        text::Hash,
    },
    portreeve_chain::{AgentKeys, AgentWallet, LimitSpec, Programs},
    portreeve_kernel::{Address, AgentId, Asset, Now, Seconds, Timestamp, TransactionId},
    portreeve_ledger::{Book, WindowUse},
    portreeve_policy::AgentPolicy,
    std::collections::{BTreeMap, HashMap, HashSet},
};

/// For what is bounded per day.
pub(crate) const DAY: Seconds = Seconds(86_400);

/// A record that cannot follow those before it. The journal's chain of hashes should have shown it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence} of the journal contradicts those before it: {what}")]
pub struct Inconsistent {
    /// Which record.
    pub sequence: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// The signer's state after some record.
#[derive(Debug, Clone)]
pub struct SignerState {
    pub(crate) sequence: u64,
    pub(crate) latest: Timestamp,
    pub(crate) enrolment: Enrolment,
    pub(crate) pins: Pins,
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    pub(crate) spends: HashMap<TransactionId, SpendEntry>,
    /// Transactions that will never be signed.
    pub(crate) voided: HashSet<TransactionId>,
    pub(crate) frozen: bool,
    /// The record that goes to the journal with the next one.
    #[cfg(seeded_bug = "sign_before_reserve")]
    pub(crate) behind: Option<Record>,
}

/// A spend, with where and when it was booked.
#[derive(Debug, Clone)]
pub(crate) struct SpendEntry {
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) booked: BookedSpend,
}

/// One agent.
#[derive(Debug, Clone)]
pub struct Agent {
    pub(crate) wallet: AgentWallet,
    pub(crate) destroyed: bool,
    /// The number of the record that suspended it.
    pub(crate) suspension: Option<u64>,
    pub(crate) policy: Option<AgentPolicy>,
    pub(crate) books: BTreeMap<Asset, Book>,
    pub(crate) last_spend_at: Option<Timestamp>,
    /// When spends of the last day opened token accounts at the fee payer's cost.
    pub(crate) opened: Vec<Timestamp>,
    /// The different messages of the last day that put something on chain.
    pub(crate) put: Vec<Put>,
    /// When transactions of the last day were given up.
    pub(crate) voided: Vec<Timestamp>,
}

/// A message that put something on chain.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) at: Timestamp,
    pub(crate) message: Hash,
    pub(crate) subjects: Vec<Subject>,
}

impl SignerState {
    /// From the journal's first record.
    ///
    /// # Errors
    /// [`Inconsistent`] unless it is number 1 and an enrolment.
    pub fn begin(first: Record) -> Result<Self, Inconsistent> {
        let Record { sequence, at, event } = first;
        match event {
            Event::Enrolled { enrolment } if sequence == 1 => Ok(Self {
                sequence,
                latest: at,
                pins: Pins::new(enrolment.approval_key),
                enrolment,
                agents: BTreeMap::new(),
                spends: HashMap::new(),
                voided: HashSet::new(),
                frozen: false,
                #[cfg(seeded_bug = "sign_before_reserve")]
                behind: None,
            }),
            _ => Err(Inconsistent {
                sequence,
                what: "the first record is number 1 and an enrolment",
            }),
        }
    }

    /// Takes the next record in.
    ///
    /// # Errors
    /// [`Inconsistent`] when it does not follow; the state is then as it was.
    pub fn apply(&mut self, record: Record) -> Result<(), Inconsistent> {
        let Record { sequence, at, event } = record;
        let wrong = |what| Inconsistent { sequence, what };
        if Some(sequence) != self.sequence.checked_add(1) {
            return Err(wrong("its number is not the next"));
        }
        if at < self.latest {
            return Err(wrong("its time lies before the last one's"));
        }
        match event {
            Event::Enrolled { .. } => return Err(wrong("the signer is enrolled already")),
            Event::KeyCreated { agent, key } => {
                let new = Agent::new(
                    self.wallet(&agent, key)
                        .ok_or(wrong("the key serves another purpose"))?,
                );
                if self.agents.contains_key(&agent) {
                    return Err(wrong("the agent has a key already"));
                }
                self.agents.insert(agent, new);
            }
            Event::SpendSigned { spend } => self.book(sequence, at, *spend)?,
            Event::SpendVoided { transaction, agent } => {
                if self.spends.contains_key(&transaction) {
                    return Err(wrong("the transaction was signed already"));
                }
                let agent = self.agents.get_mut(&agent).ok_or(wrong("the agent is unknown"))?;
                agent.forget(at);
                agent.voided.push(at);
                self.voided.insert(transaction);
            }
            Event::Frozen { .. } => self.frozen = true,
            Event::PolicyApproved { agent, policy, .. } => {
                let agent = self.agents.get_mut(&agent).ok_or(wrong("the agent is unknown"))?;
                if agent.policy.as_ref().is_some_and(|old| old.version >= policy.version) {
                    return Err(wrong("the policy is not newer"));
                }
                agent.policy = Some(*policy);
            }
            Event::MessageSigned {
                agent,
                message,
                subjects,
            } => {
                let agent = self.agents.get_mut(&agent).ok_or(wrong("the agent is unknown"))?;
                agent.forget(at);
                if !subjects.is_empty() {
                    agent.put.push(Put { at, message, subjects });
                }
            }
            Event::Suspended { agent } => {
                let agent = self.agents.get_mut(&agent).ok_or(wrong("the agent is unknown"))?;
                agent.suspension = Some(sequence);
            }
            Event::Resumed { agent, .. } => {
                let agent = self.agents.get_mut(&agent).ok_or(wrong("the agent is unknown"))?;
                agent.suspension = None;
            }
            Event::KeyDestroyed { agent } => {
                let agent = self.agents.get_mut(&agent).ok_or(wrong("the agent is unknown"))?;
                agent.destroyed = true;
            }
            Event::PasskeyPinned { passkey, .. } => {
                if self.pins.find(&passkey.credential_id).is_some() {
                    return Err(wrong("the passkey is pinned already"));
                }
                self.pins.passkeys.push(passkey);
                self.pins.revision = sequence;
            }
            Event::PasskeyUnpinned { credential_id } => {
                if self.pins.find(&credential_id).is_none() {
                    return Err(wrong("the passkey is not pinned"));
                }
                self.pins.passkeys.retain(|one| one.credential_id != credential_id);
                self.pins.revision = sequence;
            }
        }
        (self.sequence, self.latest) = (sequence, at);
        Ok(())
    }

    fn book(&mut self, sequence: u64, at: Timestamp, booked: BookedSpend) -> Result<(), Inconsistent> {
        let wrong = |what| Inconsistent { sequence, what };
        if self.spends.contains_key(&booked.transaction) {
            return Err(wrong("the transaction was signed already"));
        }
        if self.voided.contains(&booked.transaction) {
            return Err(wrong("the transaction was given up"));
        }
        let agent = self
            .agents
            .get_mut(&booked.agent)
            .ok_or(wrong("the agent is unknown"))?;
        let book = agent.books.entry(booked.asset).or_default();
        book.push(booked.amount, booked.counts_until_base)
            .map_err(|_| wrong("the sum is too large to keep"))?;
        agent.last_spend_at = Some(at);
        agent.forget(at);
        if booked.opens_account {
            agent.opened.push(at);
        }
        self.spends
            .insert(booked.transaction.clone(), SpendEntry { sequence, at, booked });
        Ok(())
    }

    /// The wallet that `key` would open for `agent`; `None` when the key is the owner's or the fee payer's.
    pub(crate) fn wallet(&self, agent: &AgentId, key: Address) -> Option<AgentWallet> {
        let Enrolment {
            squads,
            owner_key,
            fee_payer,
            ..
        } = self.enrolment;
        let keys = AgentKeys {
            agent: agent.clone(),
            agent_key: key,
            owner_key,
            fee_payer,
        };
        AgentWallet::new(keys, Programs { squads }).ok()
    }

    /// Records so far.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The newest record's time.
    #[must_use]
    pub const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// What the signer was set up with.
    #[must_use]
    pub const fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// Whose word is the owner's.
    #[must_use]
    pub const fn pins(&self) -> &Pins {
        &self.pins
    }

    /// True once a receipt has shown that the journal lost records.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Every agent that ever had a key.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, &Agent)> {
        self.agents.iter()
    }
}

/// What the chain is to hold of a policy: one limit per asset, the day's, to the destinations it is told of. Server
/// and signer have to mean the same.
#[must_use]
pub fn limits_on_chain(policy: &AgentPolicy) -> Vec<LimitSpec> {
    let spec = |asset| {
        let amount = policy.limits_of(asset)?.daily;
        let destinations = policy.destinations_on_chain().collect();
        Some(LimitSpec {
            asset,
            amount,
            destinations,
        })
    };
    policy.assets().filter_map(spec).collect()
}

impl Agent {
    fn new(wallet: AgentWallet) -> Self {
        Self {
            wallet,
            destroyed: false,
            suspension: None,
            policy: None,
            books: BTreeMap::new(),
            last_spend_at: None,
            opened: Vec::new(),
            put: Vec::new(),
            voided: Vec::new(),
        }
    }

    /// Its addresses on chain.
    #[must_use]
    pub const fn wallet(&self) -> &AgentWallet {
        &self.wallet
    }

    /// True when its key is gone.
    #[must_use]
    pub const fn is_destroyed(&self) -> bool {
        self.destroyed
    }

    /// The number of the record that suspended it, while it is suspended.
    #[must_use]
    pub const fn suspension(&self) -> Option<u64> {
        self.suspension
    }

    /// The newest approved policy.
    #[must_use]
    pub const fn policy(&self) -> Option<&AgentPolicy> {
        self.policy.as_ref()
    }

    /// What counts now of `asset`. A sum that cannot be made counts as the largest there is.
    #[must_use]
    pub fn used(&self, asset: &Asset, now: Now) -> WindowUse {
        self.books.get(asset).map_or_else(WindowUse::default, |book| {
            let full = portreeve_kernel::Total::new(portreeve_kernel::money::MAX).unwrap_or_default();
            book.used(now).unwrap_or(WindowUse {
                day: full,
                week: full,
                month: full,
            })
        })
    }

    /// Every asset it ever spent.
    pub fn spent_assets(&self) -> impl Iterator<Item = &Asset> {
        self.books.keys()
    }

    /// When it last spent, whatever the asset.
    #[must_use]
    pub const fn last_spend_at(&self) -> Option<Timestamp> {
        self.last_spend_at
    }

    /// The limits that the newest approved policy wants on chain.
    pub(crate) fn limits(&self) -> Vec<LimitSpec> {
        self.policy.as_ref().map(limits_on_chain).unwrap_or_default()
    }

    /// Drops what is older than a day by every clock: `at` is the fastest, and they may be so far apart. What counts of
    /// the rest is for the rules to say.
    fn forget(&mut self, at: Timestamp) {
        let since = at.minus(DAY).plus_millis(CLOCKS_APART_MILLIS.saturating_neg());
        self.opened.retain(|opened| *opened > since);
        self.put.retain(|put| put.at > since);
        self.voided.retain(|voided| *voided > since);
    }
}
