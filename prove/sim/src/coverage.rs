//! What occurred in all worlds together: a simulation in which a fault never happens proves nothing about it.

use {
    portreeve_sim::{Told, plan::POINTS},
    std::{collections::BTreeMap, fmt},
};

/// What has to occur somewhere in 20,000 worlds.
const EXPECTED: &[&str] = &[
    "503: recovering",
    "503: signer has booked more",
    "RPC reply delayed",
    "RPC reply lost",
    "RPC silent",
    "answer: known",
    "answer: mismatch",
    "answer: refused, agent may not pay",
    "chain halts",
    "chain refuses: no limit",
    "chain refuses: vault",
    "client asks again",
    "commit died with its writer",
    "commit outcome unknown",
    "commit survived its writer",
    "database down",
    "fork forgets a transaction",
    "group of several units",
    "landed",
    "lapsed lease taken over",
    "lease lost",
    "lie: block of 1970",
    "lie: block of next month",
    "lie: blockhash lifetime",
    "lie: dry run fails",
    "lie: failed",
    "lie: high chain",
    "lie: low chain",
    "lie: never seen",
    "lie: paid",
    "limits may still land",
    "node killed",
    "node paused",
    "node recovers payments",
    "operators disagree",
    "owner lowers a limit",
    "owner raises a limit",
    "owner resumes",
    "owner suspends",
    "power cut",
    "resume without consent refused",
    "signer is suspended, server is not",
    "signer killed",
    "signer refuses: clock",
    "signer refuses: given up",
    "signer refuses: key",
    "signer refuses: policy",
    "signer refuses: suspended",
    "signer reply lost",
    "signer request delayed",
    "last height learnt later",
    "operator silent",
    "operator stands still",
    "signer request twice",
    "signer silent",
    "somebody forges consent",
    "stage DENIED",
    "stage EXPIRED",
    "stage FAILED_ON_CHAIN",
    "stage FINALIZED",
    "stage HELD",
    "stage RESERVED",
    "stage SIGNER_REFUSED",
    "stage SIGNING",
    "stage SIMULATION_FAILED",
    "stage SUBMITTED",
    "stage VOIDED",
    "transaction dropped",
    "transaction sent twice",
    "transaction slow to land",
    "unsynced write kept",
    "unsynced write lost",
    "unsynced write torn",
    "void came too late",
    "wall clock set ahead",
    "wall clock set back",
];

/// Counts over many worlds.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    worlds: u64,
    traces: u64,
    counts: BTreeMap<&'static str, u64>,
    kills: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub(crate) fn add(&mut self, told: &Told) {
        self.worlds += 1;
        self.traces = self.traces.wrapping_add(told.hash);
        for (to, from) in [(&mut self.counts, &told.counts), (&mut self.kills, &told.kills)] {
            for (what, times) in from {
                *to.entry(what).or_default() += times;
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.traces = self.traces.wrapping_add(other.traces);
        for (to, from) in [(&mut self.counts, other.counts), (&mut self.kills, other.kills)] {
            for (what, times) in from {
                *to.entry(what).or_default() += times;
            }
        }
    }

    pub(crate) const fn worlds(&self) -> u64 {
        self.worlds
    }

    /// The sum of all traces' hashes, whatever order they were played in.
    pub(crate) const fn traces(&self) -> u64 {
        self.traces
    }

    pub(crate) const fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    pub(crate) const fn kills(&self) -> &BTreeMap<&'static str, u64> {
        &self.kills
    }

    /// What should have occurred and did not.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let never = EXPECTED.iter().filter(|what| !self.counts.contains_key(*what));
        never
            .chain(POINTS.iter().filter(|point| !self.kills.contains_key(*point)))
            .copied()
            .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in &self.counts {
            let killed = self
                .kills
                .get(what)
                .map(|times| format!(", killed there {times} times"));
            writeln!(f, "{times:>12}  {what}{}", killed.unwrap_or_default())?;
        }
        Ok(())
    }
}
