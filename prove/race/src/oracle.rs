//! The oracles: pure functions that look for what must not be. Each has tests that show it what never may happen.

mod answers;
mod chain;
mod ledger;
mod linear;
#[cfg(test)]
mod sample;

use {
    crate::{facts::Facts, history::Op},
    serde::Serialize,
};

/// Findings of one kind that are told; a broken run has thousands.
const TOLD: usize = 12;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which oracle says so.
    pub oracle: &'static str,
    /// What it has seen.
    pub what: String,
}

/// The findings of one oracle.
pub(crate) struct Findings {
    oracle: &'static str,
    found: Vec<Finding>,
    more: usize,
}

impl Findings {
    fn of(oracle: &'static str) -> Self {
        Self {
            oracle,
            found: Vec::new(),
            more: 0,
        }
    }

    fn add(&mut self, what: impl Into<String>) {
        if self.found.len() < TOLD {
            self.found.push(Finding {
                oracle: self.oracle,
                what: what.into(),
            });
        } else {
            self.more += 1;
        }
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }

    fn all(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let what = format!("and {} more", self.more);
            self.found.push(Finding {
                oracle: self.oracle,
                what,
            });
        }
        self.found
    }
}

/// What is asked of a run as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Whether clients have kept trying until nothing was left to spend, and every payment had its end.
    pub drained: bool,
    /// How many processes have died or stood still meanwhile: as many payments may have been signed in vain.
    pub interruptions: u64,
    /// Events up to which every agent's history is also searched for an order, not only counted.
    pub searched: usize,
}

/// What the oracles say.
#[derive(Debug, Default)]
pub struct Judgement {
    pub findings: Vec<Finding>,
    /// Histories for which a legal order was found.
    pub ordered: usize,
    /// Histories too tangled to search to the end.
    pub undecided: usize,
}

/// Asks all of them.
pub fn judge(facts: &Facts, history: &[Op], promise: Promise) -> Judgement {
    let mut judgement = Judgement::default();
    for one in [
        ledger::judge(facts, promise),
        chain::judge(facts),
        answers::judge(facts, history),
    ] {
        judgement.findings.extend(one);
    }
    linear::judge(facts, history, promise.searched, &mut judgement);
    judgement
}
