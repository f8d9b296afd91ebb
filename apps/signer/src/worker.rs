//! The one thread that decides. It takes what has queued up, answers each request against the state the one before
//! left, writes all their records in one go, and tells nobody anything before that is on disk.

use {
    crate::{
        clock::Clock,
        journal::{Journal, JournalError},
        keystore::Keystore,
        note,
    },
    portreeve_kernel::{AgentId, Now, kill},
    portreeve_signing::{
        Context, Event, Reason, Receipt, Record, Refusal, SignerState,
        protocol::{Envelope, Outcome, Reply},
    },
    std::sync::mpsc::{Receiver, SyncSender},
};

/// As many requests as are answered with one sync.
const GROUP: usize = 256;

/// What the connections send.
pub(crate) enum Job {
    /// A request, and where its reply goes.
    Answer(Box<Envelope>, SyncSender<Reply>),
    /// Finish what is queued before this, then stop.
    Stop,
}

/// All a signer has.
pub(crate) struct Worker {
    state: SignerState,
    journal: Journal,
    keystore: Keystore,
    clock: Clock,
    /// The clock's last complaint, so that it is noted once.
    complaint: Option<String>,
}

impl Worker {
    /// Starts from what the journal says, and removes keys whose destruction a crash interrupted.
    pub(crate) fn new(state: SignerState, journal: Journal, keystore: Keystore, clock: Clock) -> Self {
        let worker = Self {
            state,
            journal,
            keystore,
            clock,
            complaint: None,
        };
        for (agent, found) in worker.state.agents() {
            if found.is_destroyed() {
                worker.wipe(agent);
            }
        }
        worker
    }

    /// Answers until it is told to stop.
    ///
    /// # Errors
    /// When the journal cannot be written. Then nothing more may be answered, not even what is decided already.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) -> Result<(), JournalError> {
        while let Ok(first) = jobs.recv() {
            let mut group = vec![first];
            group.extend(jobs.try_iter().take(GROUP.saturating_sub(1)));
            if self.answer(group)? {
                break;
            }
        }
        Ok(())
    }

    /// Answers a group; true when it was the last.
    fn answer(&mut self, group: Vec<Job>) -> Result<bool, JournalError> {
        let now = self.now();
        let (mut records, mut outcomes, mut last) = (Vec::new(), Vec::new(), false);
        for job in group {
            match job {
                Job::Answer(envelope, to) => {
                    let (record, told) = self.decide(&envelope, now);
                    records.extend(record);
                    outcomes.push((to, told));
                }
                Job::Stop => last = true,
            }
        }
        if !records.is_empty() {
            self.journal.append(&records)?;
        }
        for record in records {
            if let Event::KeyDestroyed { agent } = record.event {
                self.wipe(&agent);
            }
        }
        kill::point("signer.reply.before");
        let receipt = Receipt::issue(self.journal.key(), self.state.sequence());
        for (to, (outcome, ours)) in outcomes {
            let receipt = ours.then_some(receipt);
            // A connection that is gone asks again.
            let _ = to.send(Reply { receipt, outcome });
        }
        Ok(last)
    }

    /// What came of one request, and whether the caller is one of this signer's.
    fn decide(&mut self, envelope: &Envelope, now: Option<Now>) -> (Option<Record>, (Outcome, bool)) {
        if envelope.seen.is_some_and(|seen| !seen.is_from(self.journal.key())) {
            let detail = "the receipt is another signer's: the server's records do not belong to this one";
            let refusal = Refusal::new(Reason::ForeignReceipt, detail);
            return (None, (Outcome::Refused(refusal), false));
        }
        let shown = envelope.seen.map(|seen| seen.sequence);
        let context = Context {
            now,
            shown,
            keys: &self.keystore,
        };
        let step = self.state.answer(&envelope.request, &context);
        (step.record, (step.outcome, true))
    }

    fn now(&mut self) -> Option<Now> {
        let read = self.clock.read();
        let complaint = read.as_ref().err().cloned();
        if complaint != self.complaint {
            note(&complaint.as_deref().unwrap_or("the clock can be read again"));
            self.complaint = complaint;
        }
        read.ok()
    }

    fn wipe(&self, agent: &AgentId) {
        // The journal forbids the key's use in any case; the next start tries again.
        if let Err(cause) = self.keystore.wipe(agent) {
            note(&cause);
        }
    }
}
