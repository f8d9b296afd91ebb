//! What was asked, answered and done to whom, with times, in a file outside of the system under test. One JSON object
//! per line; a request has a line when it is sent and one when its outcome is known, so a history that breaks off is
//! still a history.

use {
    serde::{Deserialize, Serialize},
    std::{
        collections::BTreeMap,
        fs::File,
        io::{self, BufRead, BufReader, BufWriter, Write},
        path::{Path, PathBuf},
        sync::Mutex,
        time::Instant,
    },
};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum Line {
    /// A request is about to be sent.
    Asked {
        /// Microseconds since the run began.
        at: u64,
        ticket: u64,
        node: usize,
        agent: usize,
        key: String,
        units: u64,
        /// Its flaw, when it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flaw: Option<String>,
    },
    /// And what came of it.
    Answered { at: u64, ticket: u64, reply: Reply },
    /// Something was done to the system, or it did something by itself.
    Event { at: u64, event: String },
}

/// The outcome of a request, as its client knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// An HTTP answer.
    Http {
        status: u16,
        /// The problem's code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The payment it speaks of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<String>,
        /// The payment's public status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<String>,
        /// Whether it says that the same was answered before.
        replayed: bool,
    },
    /// Nobody listened: the request was never sent.
    NotSent,
    /// It was sent, and no whole answer came.
    Lost,
}

/// A request with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub ticket: u64,
    pub agent: usize,
    pub key: String,
    pub units: u64,
    pub malformed: bool,
    pub asked: u64,
    /// When the outcome was known; `None`: never.
    pub answered: Option<u64>,
    pub reply: Reply,
}

/// The open file.
pub struct Recorder {
    began: Instant,
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Recorder {
    /// A new file at `path`.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = Mutex::new(BufWriter::new(File::create(path)?));
        let (began, path) = (now(), path.to_owned());
        Ok(Self { began, path, file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Microseconds since the run began.
    pub fn at(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap()
    }

    /// Writes one line; `make` gets the time, which is taken when it is this line's turn.
    pub fn write(&self, make: impl FnOnce(u64) -> Line) {
        let mut file = self.file.lock().unwrap();
        let line = serde_json::to_string(&make(self.at())).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// Notes something that is no request.
    pub fn event(&self, event: impl Into<String>) {
        self.write(|at| Line::Event {
            at,
            event: event.into(),
        });
        self.flush();
    }

    /// Gives everything to the system.
    pub fn flush(&self) {
        self.file.lock().unwrap().flush().unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the stopwatch of an observer; no decision of the product depends on it"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// A number that nobody knows before.
pub fn chance() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    // The standard library seeds its hash maps from the system.
    (RandomState::new().hash_one(1) >> 32) as u32
}

/// Reads the requests of a history. One without outcome counts as lost.
pub fn read(path: &Path) -> io::Result<Vec<Op>> {
    let mut ops: BTreeMap<u64, Op> = BTreeMap::new();
    for line in BufReader::new(File::open(path)?).lines() {
        match serde_json::from_str(&line?).map_err(io::Error::other)? {
            Line::Asked {
                at,
                ticket,
                agent,
                key,
                units,
                flaw,
                ..
            } => {
                let malformed = flaw.is_some();
                let op = Op {
                    ticket,
                    agent,
                    key,
                    units,
                    malformed,
                    asked: at,
                    answered: None,
                    reply: Reply::Lost,
                };
                ops.insert(ticket, op);
            }
            Line::Answered { at, ticket, reply } => {
                let op = ops
                    .get_mut(&ticket)
                    .ok_or_else(|| io::Error::other("an answer to nothing"))?;
                (op.answered, op.reply) = (Some(at), reply);
            }
            Line::Event { .. } => {}
        }
    }
    Ok(ops.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_was_never_answered_counts_as_lost() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&folder.path().join("history.jsonl")).unwrap();
        for ticket in [1, 2] {
            let key = format!("pay-{ticket}");
            recorder.write(|at| Line::Asked {
                at,
                ticket,
                node: 0,
                agent: 0,
                key,
                units: 1,
                flaw: None,
            });
        }
        recorder.event("node 0: killed");
        recorder.write(|at| Line::Answered {
            at,
            ticket: 1,
            reply: Reply::NotSent,
        });
        recorder.flush();
        let ops = read(recorder.path()).unwrap();
        assert_eq!(ops.len(), 2);
        assert_eq!((&ops[0].reply, ops[0].answered.is_some()), (&Reply::NotSent, true));
        assert_eq!((&ops[1].reply, ops[1].answered), (&Reply::Lost, None));
        assert!(ops[0].asked <= ops[1].asked);
    }
}
