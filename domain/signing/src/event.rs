//! What happened, as the journal keeps it. The signer's whole state is these events, one after the other.

use {
    crate::{
        passkey::Passkey,
        protocol::{Enrolment, KeySignature},
        text::Hash,
    },
    portreeve_kernel::{Address, AgentId, Amount, Asset, OwnerProof, Timestamp, TransactionId},
    portreeve_policy::AgentPolicy,
    serde::{Deserialize, Serialize},
};

/// An event, its number and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// 1 for the first, and one more each time.
    pub sequence: u64,
    /// By the clock that is furthest ahead, and never before the record before it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Event {
    /// The signer was set up. The first event, and only the first.
    Enrolled {
        /// With what.
        enrolment: Enrolment,
    },
    /// An agent has a key.
    KeyCreated {
        /// Whose.
        agent: AgentId,
        /// The public half.
        key: Address,
    },
    /// A policy is in force.
    PolicyApproved {
        /// Whose.
        agent: AgentId,
        /// All of it.
        policy: Box<AgentPolicy>,
        /// The owner's; `None` when it allows nothing more than the one before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<OwnerProof>,
    },
    /// A spend was signed. It counts, whatever becomes of it.
    SpendSigned {
        /// All of it.
        spend: Box<BookedSpend>,
    },
    /// A transaction will never be signed.
    SpendVoided {
        /// Which.
        transaction: TransactionId,
        /// Whose.
        agent: AgentId,
    },
    /// A message about the agent's wallet on chain was signed.
    MessageSigned {
        /// Whose wallet.
        agent: AgentId,
        /// The hash of its bytes.
        message: Hash,
        /// What it makes or sets; empty when it only removes.
        subjects: Vec<Subject>,
    },
    /// Spends are no longer signed.
    Suspended {
        /// Whose.
        agent: AgentId,
    },
    /// They are again.
    Resumed {
        /// Whose.
        agent: AgentId,
        /// The owner's.
        proof: OwnerProof,
    },
    /// The agent's key is gone for good.
    KeyDestroyed {
        /// Whose.
        agent: AgentId,
    },
    /// A receipt showed that this journal has lost records.
    Frozen {
        /// How many there were.
        proven: u64,
    },
    /// A passkey's word is the owner's from here on.
    PasskeyPinned {
        /// Which.
        passkey: Passkey,
        /// By who was pinned before.
        proof: OwnerProof,
    },
    /// It is no longer.
    PasskeyUnpinned {
        /// The credential's id.
        credential_id: String,
    },
}

/// A signed spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookedSpend {
    /// Its id, and its memo on chain.
    pub transaction: TransactionId,
    /// Who spends.
    pub agent: AgentId,
    /// The hash of the message's bytes.
    pub message: Hash,
    /// What.
    pub asset: Asset,
    /// How much, in base units.
    pub amount: Amount,
    /// To whom.
    pub destination: Address,
    /// True when the fee payer also pays for a token account of the destination's.
    pub opens_account: bool,
    /// The policy that allowed it.
    pub policy_version: u64,
    /// The latest moment it may land.
    pub counts_until_base: Timestamp,
    /// As handed out.
    pub signatures: Vec<KeySignature>,
}

/// What a message puts on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The agent's multisig.
    Multisig,
    /// The agent's limit on one asset.
    Limit(Asset),
}
