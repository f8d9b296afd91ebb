//! What is found after a run: the books, what the chain has finalized, what the signer says it signed. Plain values, so
//! that the oracles are pure and can be shown facts that never were.

use std::collections::BTreeMap;

/// Milliseconds since 1970.
pub type Millis = i64;

/// An agent, and what its owner allowed.
#[derive(Debug, Clone)]
pub struct Agent {
    pub id: String,
    /// The limits of a day, a week and a month, in units.
    pub limits: [u64; 3],
    /// Lamports in its vault before the first try.
    pub funded: u64,
}

impl Agent {
    /// The limit of an agent whose windows all have the same: no run is as long as a month, so nothing leaves them, and
    /// the agent's budget is a counter.
    pub fn counter(&self) -> Option<u64> {
        let [day, week, month] = self.limits;
        (day == week && week == month).then_some(day)
    }
}

/// A row of `transactions`.
#[derive(Debug, Clone)]
pub struct Payment {
    pub id: String,
    pub agent: String,
    pub key: String,
    pub lamports: u64,
    pub stage: String,
    /// What clients are shown of the stage.
    pub status: String,
    pub code: Option<String>,
    pub signature: Option<String>,
}

impl Payment {
    /// Whether it is neither done nor dead.
    pub fn is_open(&self) -> bool {
        ["RESERVED", "SIGNING", "SUBMITTED"].contains(&self.stage.as_str())
    }

    /// Whether the money has moved, as the books say.
    pub fn is_settled(&self) -> bool {
        self.stage == "FINALIZED"
    }

    /// Whether budget was never taken for it.
    pub fn was_refused(&self) -> bool {
        self.stage == "DENIED"
    }
}

/// A row of the audit log, as far as it is about a payment.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: u64,
    pub at: Millis,
    pub kind: String,
    /// The payment.
    pub payment: String,
    /// When it landed, for those that did.
    pub landed_at: Option<Millis>,
}

/// A row of `reservation_accounts`, with its reservation's amount.
#[derive(Debug, Clone)]
pub struct Reservation {
    pub payment: String,
    pub account: String,
    pub state: String,
    pub lamports: u64,
}

/// A row of `ledger_accounts`.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub settled: u64,
    pub pending: u64,
    pub next_seq: u64,
}

/// A row of `ledger_entries`.
#[derive(Debug, Clone)]
pub struct Booking {
    pub account: String,
    pub seq: u64,
    pub payment: String,
    pub at: Millis,
    pub lamports: u64,
    pub running: u64,
}

/// The database.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub payments: Vec<Payment>,
    /// In sequence.
    pub entries: Vec<Entry>,
    /// Entries of the audit log of every kind.
    pub audit_size: u64,
    /// Why the audit log is no chain, if it is none.
    pub audit_broken: Option<String>,
    pub reservations: Vec<Reservation>,
    pub accounts: Vec<Account>,
    /// By account and sequence.
    pub bookings: Vec<Booking>,
}

/// A transaction that touched a vault and that the chain has finalized.
#[derive(Debug, Clone)]
pub struct Landed {
    pub signature: String,
    /// The payment that its memo names.
    pub payment: Option<String>,
    pub failed: bool,
    /// Lamports that left the vault.
    pub lamports: i128,
}

/// What the chain holds about one agent.
#[derive(Debug, Clone, Default)]
pub struct OnChain {
    pub landed: Vec<Landed>,
    /// Lamports in the vault now.
    pub vault: u64,
}

/// What the signer says about one agent.
#[derive(Debug, Clone, Default)]
pub struct Signed {
    /// Lamports it has signed for in the last 30 days, by its own sums.
    pub lamports: u64,
    /// Of each payment in the books: the signature, or that there is none and never will be.
    pub payments: BTreeMap<String, Option<String>>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub agents: Vec<Agent>,
    /// Lamports of one unit.
    pub unit: u64,
    pub books: Books,
    /// In the order of the agents.
    pub chain: Vec<OnChain>,
    pub signer: Vec<Signed>,
}

impl Facts {
    /// The place of an agent in the lists.
    pub fn agent(&self, id: &str) -> Option<usize> {
        self.agents.iter().position(|agent| agent.id == id)
    }
}
