//! The signer: its real rules and its real journal, on a simulated disk. The order of writes and syncs is that of
//! `apps/signer`.

use {
    crate::{
        disk::File,
        estate::{Keystore, START, estate, journal_key},
        exec::{Owner, Slot},
        plan::{Setup, Whose},
        world::W,
    },
    portreeve_policy::approval_challenge,
    portreeve_signing::{
        Context, Event, Reason, Receipt, Record, Refusal, SignerState,
        journal::{Mark, Tail},
        protocol::{Envelope, Outcome, Reply, Request},
        recovery::{Recovered, Recovery, SLOTS, Unrecoverable, newest_mark},
    },
    std::{cell::RefCell, collections::BTreeMap},
};

/// Journal and mark, as they lie on a disk.
type Disk = (Vec<u8>, Vec<u8>);

/// A request and where its reply goes.
type Asked = (Envelope, Slot<Reply>);

/// The signer's machine: the disk, and the process while it runs.
pub(crate) struct SignerBox {
    journal: File,
    marks: File,
    process: Option<Process>,
    /// What waits to be answered, and the bell that says so.
    inbox: Vec<Asked>,
    bell: Option<Slot<()>>,
    /// How wrong its wall clock was when it started.
    pub(crate) set_at_start: i64,
    keystore: Keystore,
}

struct Process {
    state: SignerState,
    tail: Tail,
    length: usize,
    next_slot: usize,
}

impl SignerBox {
    /// Set up, with keys for all agents and their first policies.
    pub(crate) fn new(setup: &Setup) -> Self {
        thread_local! {
            /// Signing and checking the owner's consent takes longer than most worlds.
            static SET_UP: RefCell<BTreeMap<String, Disk>> = const { RefCell::new(BTreeMap::new()) };
        }
        let Setup {
            daily,
            per_transaction,
            weekly_tenths,
            interval,
            high,
            medium,
            ..
        } = setup;
        let name = format!("{:?}", (daily, per_transaction, weekly_tenths, interval, high, medium));
        let (journal_bytes, mark_bytes) =
            SET_UP.with_borrow_mut(|made| made.entry(name).or_insert_with(|| set_up(setup)).clone());
        let (mut journal, mut marks) = (File::default(), File::default());
        journal.write(0, journal_bytes);
        journal.sync();
        marks.write(0, mark_bytes);
        marks.sync();
        Self {
            journal,
            marks,
            process: None,
            inbox: Vec::new(),
            bell: None,
            set_at_start: 0,
            keystore: Keystore::default(),
        }
    }

    /// Reads the disk as a starting signer does.
    fn open(&mut self) -> Result<Process, Unrecoverable> {
        let (journal, marks) = (self.journal.read(), self.marks.read());
        let slot = |at: u64| {
            let at = at as usize;
            marks.get(at..at + Mark::LENGTH)
        };
        let (mark, slot) = newest_mark(SLOTS.map(slot), &journal_key())?;
        let mut recovery = Recovery::new(journal_key(), mark);
        for line in journal.split_inclusive(|byte| *byte == b'\n') {
            if !recovery.line(line)? {
                break;
            }
        }
        let Recovered {
            state,
            tail,
            length,
            marked,
            torn,
        } = recovery.end()?;
        let (length, marked) = (length as usize, marked as usize);
        if torn {
            self.journal.cut(length);
        }
        // A record that a killed process wrote may be seen and not be on disk; from here on it counts.
        self.journal.write(marked, journal[marked..length].to_vec());
        self.journal.sync();
        let mut process = Process {
            state,
            tail,
            length,
            next_slot: slot ^ 1,
        };
        self.mark(&mut process);
        self.marks.sync();
        Ok(process)
    }

    fn mark(&mut self, process: &mut Process) {
        let bytes = process.tail.mark().write(process.tail.key());
        self.marks.write(SLOTS[process.next_slot] as usize, bytes);
        process.next_slot ^= 1;
    }

    /// Hears a request; nobody does while it is down.
    pub(crate) fn hear(&mut self, asked: Asked) {
        if self.process.is_some() {
            self.inbox.push(asked);
            if let Some(bell) = &self.bell {
                bell.put(());
            }
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// The process is gone; what it wrote is not.
    pub(crate) fn die(&mut self) {
        self.process = None;
        self.inbox.clear();
        self.bell = None;
    }

    /// The power went as well.
    pub(crate) fn lose_power(&mut self, dice: &mut crate::dice::Dice) -> [crate::disk::Loss; 2] {
        [self.journal.lose_power(dice), self.marks.lose_power(dice)]
    }
}

/// Journal and mark of a signer that was just set up.
fn set_up(setup: &Setup) -> Disk {
    let keystore = Keystore::default();
    let mut tail = Tail::new(journal_key());
    let first = Record {
        sequence: 1,
        at: START,
        event: Event::Enrolled {
            enrolment: estate().enrolment(),
        },
    };
    let mut bytes = tail.write(&first).unwrap();
    let mut state = SignerState::begin(first).unwrap();
    for (agent, daily) in estate().agents.iter().zip(setup.daily) {
        let policy = estate().policy(setup, 1, daily);
        let proof = estate().approval.approve(&approval_challenge(&agent.id, &policy));
        let requests = [
            Request::CreateAgentKey {
                agent: agent.id.clone(),
            },
            Request::ApprovePolicy {
                agent: agent.id.clone(),
                policy: Box::new(policy),
                proof: Some(proof),
            },
        ];
        for request in requests {
            let now = Some(portreeve_kernel::Now::at(START));
            let step = state.answer(
                &request,
                &Context {
                    now,
                    shown: None,
                    keys: &keystore,
                },
            );
            bytes.extend(
                step.record
                    .map(|record| tail.write(&record).unwrap())
                    .unwrap_or_default(),
            );
        }
    }
    let mark = tail.mark().write(tail.key());
    (bytes, mark)
}

/// Starts the signer.
pub(crate) fn start(w: &W) {
    let jump = w.jump(Whose::Signer).min(0);
    let opened = {
        let mut signer = w.signer.borrow_mut();
        signer.set_at_start = jump;
        let opened = signer.open();
        opened.map(|process| {
            let sequence = process.state.sequence();
            signer.process = Some(process);
            signer.bell = Some(Slot::new(&w.exec));
            sequence
        })
    };
    match opened {
        Ok(sequence) => {
            w.note(format_args!("the signer starts with {sequence} records"));
            w.oracle.borrow_mut().signer_starts(sequence);
            let own = w.clone();
            w.exec.spawn(Owner::Signer, async move { serve(own).await });
        }
        Err(error) => w.broken(format!("the signer cannot start: {error}")),
    }
}

/// Answers group after group.
async fn serve(w: W) {
    loop {
        let bell = w.signer.borrow().bell.clone().unwrap();
        bell.wait(3_600_000).await;
        let group = std::mem::take(&mut w.signer.borrow_mut().inbox);
        if !group.is_empty() {
            answer(&w, group).await;
        }
    }
}

async fn answer(w: &W, group: Vec<Asked>) {
    let (replies, records) = {
        let mut signer = w.signer.borrow_mut();
        let mut process = signer.process.take().unwrap();
        let now = clock(w, signer.set_at_start);
        signer
            .keystore
            .broken
            .set(w.trouble.borrow().keystore_gone_until > w.now());
        let (mut replies, mut records) = (Vec::new(), Vec::new());
        for (envelope, to) in group {
            let (record, outcome) = decide(&mut process.state, &envelope, now, &signer.keystore);
            records.extend(record);
            replies.push((outcome, to));
        }
        signer.process = Some(process);
        (replies, records)
    };
    for record in &records {
        w.note(format_args!("signer #{}: {}", record.sequence, told(&record.event)));
        crate::oracle::on_signed(w, record);
    }
    if !records.is_empty() {
        keep(w, &records).await;
    }
    w.point(Owner::Signer, "signer.reply.before").await;
    let sequence = w.signer.borrow().process.as_ref().unwrap().state.sequence();
    let receipt = Some(Receipt::issue(&journal_key(), sequence));
    for (outcome, to) in replies {
        to.put(Reply { receipt, outcome });
    }
}

/// Journal, sync, mark, sync.
async fn keep(w: &W, records: &[Record]) {
    w.point(Owner::Signer, "signer.journal.before").await;
    {
        let mut signer = w.signer.borrow_mut();
        let mut process = signer.process.take().unwrap();
        let lines: Vec<u8> = records
            .iter()
            .flat_map(|record| process.tail.write(record).unwrap())
            .collect();
        signer.journal.write(process.length, lines.clone());
        process.length += lines.len();
        signer.process = Some(process);
    }
    w.point(Owner::Signer, "signer.journal.written").await;
    w.exec.sleep(w.between(1, 8)).await;
    w.signer.borrow_mut().journal.sync();
    w.point(Owner::Signer, "signer.journal.after").await;
    {
        let mut signer = w.signer.borrow_mut();
        let mut process = signer.process.take().unwrap();
        signer.mark(&mut process);
        signer.process = Some(process);
    }
    w.point(Owner::Signer, "signer.mark.written").await;
    w.exec.sleep(w.between(1, 8)).await;
    w.signer.borrow_mut().marks.sync();
}

fn clock(w: &W, set_at_start: i64) -> Option<portreeve_kernel::Now> {
    let gone = w.trouble.borrow().clock_gone_until > w.now();
    (!gone).then(|| w.read_clock(Whose::Signer, set_at_start))
}

fn decide(
    state: &mut SignerState,
    envelope: &Envelope,
    now: Option<portreeve_kernel::Now>,
    keys: &Keystore,
) -> (Option<Record>, Outcome) {
    if envelope.seen.is_some_and(|seen| !seen.is_from(&journal_key())) {
        return (
            None,
            Outcome::Refused(Refusal::new(Reason::ForeignReceipt, "another signer's")),
        );
    }
    let shown = envelope.seen.map(|seen| seen.sequence);
    let step = state.answer(&envelope.request, &Context { now, shown, keys });
    (step.record, step.outcome)
}

fn told(event: &Event) -> String {
    match event {
        Event::SpendSigned { spend } => format!("signs {} for {} units", spend.transaction, spend.amount),
        Event::SpendVoided { transaction, .. } => format!("will never sign {transaction}"),
        Event::PolicyApproved { policy, .. } => format!("takes policy {} over", policy.version),
        Event::Suspended { .. } => "suspends the agent".to_owned(),
        Event::Resumed { .. } => "resumes the agent".to_owned(),
        Event::MessageSigned { .. } => "signs a change of limits".to_owned(),
        Event::KeyDestroyed { .. } => "destroys the agent's key".to_owned(),
        Event::Frozen { proven } => format!("freezes: {proven} records are proven"),
        Event::PasskeyPinned { passkey, .. } => format!("pins passkey {}", passkey.credential_id),
        Event::PasskeyUnpinned { credential_id } => format!("unpins passkey {credential_id}"),
        Event::Enrolled { .. } | Event::KeyCreated { .. } => "is set up".to_owned(),
    }
}
