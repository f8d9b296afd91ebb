//! What happened in a world: its hash, its story when somebody wants to read it, and how often each thing occurred.

use std::{
    collections::BTreeMap,
    fmt::{Arguments, Write},
};

/// Everything that is told of one world.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
    line: String,
    counts: BTreeMap<&'static str, u64>,
    kills: BTreeMap<&'static str, u64>,
    broken: Option<String>,
}

impl Trace {
    pub(crate) fn new(told: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            lines: told.then(Vec::new),
            ..Self::default()
        }
    }

    pub(crate) fn note(&mut self, at: i64, what: Arguments<'_>) {
        self.line.clear();
        let _ = write!(self.line, "{at} {what}");
        for byte in self.line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if let Some(lines) = &mut self.lines {
            let (seconds, millis) = (at / 1_000, at % 1_000);
            let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
            let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
            lines.push(format!(
                "day {days} {hours:02}:{minutes:02}:{seconds:02}.{millis:03}  {what}"
            ));
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn killed(&mut self, at: &'static str) {
        *self.kills.entry(at).or_default() += 1;
    }

    /// The first promise that was broken counts; what follows may follow from it.
    pub(crate) fn broken(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub(crate) fn into_told(self) -> Told {
        Told {
            hash: self.hash,
            broken: self.broken,
            lines: self.lines.unwrap_or_default(),
            counts: self.counts,
            kills: self.kills,
        }
    }
}

/// What became of one world.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Of everything that happened, in order.
    pub hash: u64,
    /// The promise that was broken, if one was.
    pub broken: Option<String>,
    /// The story, when it was asked for.
    pub lines: Vec<String>,
    /// How often each thing occurred.
    pub counts: BTreeMap<&'static str, u64>,
    /// How often a process was killed at each place.
    pub kills: BTreeMap<&'static str, u64>,
}
