//! What a run has shown, for people and for programs.

use {
    crate::{
        cli::Args,
        client::Counters,
        facts::{Facts, Payment},
        oracle::{Finding, Judgement},
        run,
    },
    serde::Serialize,
    std::{
        collections::BTreeMap,
        fmt::{self, Write},
        path::{Path, PathBuf},
        sync::atomic::{AtomicU64, Ordering::Relaxed},
        time::Duration,
    },
};

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub title: String,
    pub seed: u64,
    pub seconds: u64,
    pub requests: Requests,
    pub one_agent: OneAgent,
    pub payments: BTreeMap<String, u64>,
    pub audit_entries: u64,
    pub deaths: u64,
    /// Processes that ended otherwise than by a signal.
    pub quits: u64,
    pub done: BTreeMap<String, u64>,
    /// Whether the disk could be full.
    pub disk: bool,
    /// Histories for which a legal order was found, and those too tangled to search.
    pub ordered: usize,
    pub undecided: usize,
    pub findings: Vec<Finding>,
    pub folder: PathBuf,
}

/// What the clients got.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    pub sent: u64,
    pub new: u64,
    pub replayed: u64,
    pub denied: u64,
    pub refused: u64,
    pub unavailable: u64,
    pub lost: u64,
    pub in_history: usize,
}

/// The one whose limit is the matter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OneAgent {
    pub limit: u64,
    pub settled: u64,
    /// Signed, and proven never to have landed: spent at the signer.
    pub burnt: u64,
    pub denied: u64,
}

/// What was done in a run.
pub struct What {
    done: BTreeMap<String, u64>,
    deaths: u64,
    quits: u64,
    took: Duration,
    in_history: usize,
    disk: bool,
}

impl Report {
    pub fn what(
        done: BTreeMap<String, u64>,
        deaths: u64,
        quits: u64,
        took: Duration,
        in_history: usize,
        disk: bool,
    ) -> What {
        What {
            done,
            deaths,
            quits,
            took,
            in_history,
            disk,
        }
    }

    pub fn new(
        args: &Args,
        seed: u64,
        facts: &Facts,
        counters: &Counters,
        judgement: Judgement,
        what: What,
        folder: &Path,
    ) -> Self {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let one = &facts.agents[0];
        let own = |which: &dyn Fn(&Payment) -> bool| {
            let count = facts
                .books
                .payments
                .iter()
                .filter(|payment| payment.agent == one.id && which(payment))
                .count();
            u64::try_from(count).unwrap()
        };
        let mut payments: BTreeMap<String, u64> = BTreeMap::new();
        for payment in &facts.books.payments {
            *payments.entry(payment.stage.clone()).or_default() += 1;
        }
        Self {
            title: run::title(args, seed),
            seed,
            seconds: what.took.as_secs(),
            requests: Requests {
                sent: of(&counters.sent),
                new: of(&counters.admitted) + of(&counters.beside),
                replayed: of(&counters.replayed),
                denied: of(&counters.denied),
                refused: of(&counters.refused),
                unavailable: of(&counters.unavailable),
                lost: of(&counters.lost),
                in_history: what.in_history,
            },
            one_agent: OneAgent {
                limit: one.limits[0],
                settled: own(&Payment::is_settled),
                burnt: own(&|payment| !payment.is_settled() && !payment.is_open() && payment.signature.is_some()),
                denied: own(&Payment::was_refused),
            },
            payments,
            audit_entries: facts.books.audit_size,
            deaths: what.deaths,
            quits: what.quits,
            done: what.done,
            disk: what.disk,
            ordered: judgement.ordered,
            undecided: judgement.undecided,
            findings: judgement.findings,
            folder: folder.to_owned(),
        }
    }

    /// Whether everything is as promised.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Requests {
            sent,
            new,
            replayed,
            denied,
            refused,
            unavailable,
            lost,
            ..
        } = &self.requests;
        let OneAgent {
            limit,
            settled,
            burnt,
            denied: kept_out,
        } = &self.one_agent;
        let list = |of: &BTreeMap<String, u64>| {
            let mut text = String::new();
            for (name, count) in of {
                let _ = write!(text, "{}{count} {name}", if text.is_empty() { "" } else { ", " });
            }
            text
        };
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  took          {} s", self.seconds)?;
        writeln!(
            f,
            "  requests      {sent}: {new} new, {replayed} replayed, {denied} denied, {refused} refused as malformed"
        )?;
        writeln!(
            f,
            "                or another body, {unavailable} unavailable, {lost} without an answer"
        )?;
        writeln!(
            f,
            "  the one       {settled} settled of {limit}, {burnt} signed in vain, {kept_out} kept out"
        )?;
        writeln!(f, "  payments      {}", list(&self.payments))?;
        writeln!(
            f,
            "  deaths        {}, {} ends without a signal",
            self.deaths, self.quits
        )?;
        writeln!(f, "  what happened {}", list(&self.done))?;
        if !self.disk {
            writeln!(
                f,
                "                (the disk was never full: nobody here may mount one)"
            )?;
        }
        writeln!(f, "  audit log     {} entries in one chain", self.audit_entries)?;
        writeln!(
            f,
            "  histories     {} put in a legal order, {} too tangled",
            self.ordered, self.undecided
        )?;
        for Finding { oracle, what } in &self.findings {
            writeln!(f, "  BROKEN        {oracle}: {what}")?;
        }
        if self.is_good() {
            write!(
                f,
                "  held: no prefix above the limit, no answer lost, one live signature per key, one audit chain"
            )
        } else {
            write!(
                f,
                "  history and logs: {}\n  again: --seed {}",
                self.folder.display(),
                self.seed
            )
        }
    }
}
