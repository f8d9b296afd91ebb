//! The database: tables, and a log on a disk. A group of units is computed, written to the log, synced, and only then
//! visible to anybody. Who dies before that does not know what became of it; the log does.
//!
//! Rows are moved by the product's own rules (`domain/ledger`, `domain/payment`); what is modelled is that a group is one
//! transaction, that nobody else writes meanwhile, and that a crash leaves all of it or nothing.

use {
    crate::{
        dice::Dice,
        disk::{File, Loss},
        estate::name,
    },
    portreeve_kernel::{Address, Amount, Now, OwnerProof, Timestamp, TransactionId},
    portreeve_ledger::{
        AccountKey, AccountState, Before, Entry, LedgerError, Proof, ReservationState, Sheet, Window, cutoff, used,
    },
    portreeve_payment::{Payment, Stage, Standing},
    portreeve_policy::AgentPolicy,
    portreeve_signing::Receipt,
    std::{
        collections::{BTreeMap, BTreeSet},
        rc::Rc,
    },
};

/// An agent's row.
#[derive(Debug, Clone)]
pub(crate) struct AgentRow {
    pub(crate) active: bool,
    pub(crate) stage: Option<AgentStage>,
    /// How often it was suspended.
    pub(crate) suspensions: u64,
    pub(crate) policy: Rc<AgentPolicy>,
    pub(crate) last_spend_at: Option<Timestamp>,
    pub(crate) destroyed: bool,
    pub(crate) resume_proof: Option<OwnerProof>,
    pub(crate) limits_until: Option<u64>,
}

/// What is being done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgentStage {
    Suspending,
    Resuming,
}

impl AgentRow {
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            active: self.active,
            suspensions: self.suspensions,
        }
    }
}

/// A payment's row.
#[derive(Debug, Clone)]
pub(crate) struct PaymentRow {
    pub(crate) id: TransactionId,
    pub(crate) agent: u8,
    pub(crate) asset: u8,
    pub(crate) amount: Amount,
    pub(crate) to: Address,
    pub(crate) hash: String,
    pub(crate) stage: Stage,
    pub(crate) policy_version: u64,
    pub(crate) created_at: Timestamp,
    /// Of the agent, when this was decided.
    pub(crate) suspensions: u64,
    pub(crate) message: Option<Rc<Vec<u8>>>,
    pub(crate) last_valid_height: Option<u64>,
    pub(crate) signature: Option<String>,
}

impl PaymentRow {
    pub(crate) fn course(&self) -> Payment {
        Payment {
            stage: self.stage,
            created_at: self.created_at,
            suspensions: self.suspensions,
            last_valid_height: self.last_valid_height,
        }
    }
}

/// An account with its entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) state: AccountState,
    pub(crate) entries: Vec<Entry>,
}

/// A reservation in its accounts.
#[derive(Debug, Clone)]
pub(crate) struct Reservation {
    pub(crate) amount: Amount,
    pub(crate) parts: BTreeMap<AccountKey, ReservationState>,
}

/// What background work is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Agent(u8),
    Payment(u64),
}

/// Background work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) run_at: Timestamp,
    pub(crate) lease: Option<(u8, u64, Timestamp)>,
    pub(crate) attempts: u32,
    pub(crate) asked: u64,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) agents: Vec<AgentRow>,
    pub(crate) payments: BTreeMap<u64, Rc<PaymentRow>>,
    pub(crate) keys: BTreeMap<(u8, u32), u64>,
    pub(crate) accounts: BTreeMap<AccountKey, Rc<Account>>,
    pub(crate) reservations: BTreeMap<u64, Rc<Reservation>>,
    pub(crate) jobs: BTreeMap<Subject, Job>,
    pub(crate) receipt: Option<Receipt>,
}

impl Tables {
    fn before(&self, key: &AccountKey, now: Now) -> Before {
        let total = |window: Window| {
            let latest = cutoff(now, window);
            let entries = self
                .accounts
                .get(key)
                .map(|account| account.entries.as_slice())
                .unwrap_or_default();
            let gone = entries.iter().rev().find(|entry| entry.settled_at <= latest);
            gone.map(|entry| entry.running_total).unwrap_or_default()
        };
        Before {
            day: total(Window::Day),
            week: total(Window::Week),
            month: total(Window::Month),
        }
    }

    /// The sums of some accounts, for decisions.
    pub(crate) fn sheet(&self, keys: &BTreeSet<AccountKey>, now: Now) -> Sheet {
        Sheet::new(keys.iter().map(|key| {
            let state = self.accounts.get(key).map(|account| account.state).unwrap_or_default();
            (key.clone(), (state, self.before(key, now)))
        }))
    }

    /// What counts in one account.
    pub(crate) fn usage(&self, key: &AccountKey, now: Now) -> portreeve_ledger::WindowUse {
        let state = self.accounts.get(key).map(|account| account.state).unwrap_or_default();
        used(&state, &self.before(key, now)).unwrap()
    }

    /// Writes what decisions reserved.
    pub(crate) fn write(&mut self, sheet: &Sheet, reserved: Vec<(u64, BTreeSet<AccountKey>, Amount)>) {
        for (key, state) in sheet.changed() {
            let account = self.accounts.entry(key.clone()).or_default();
            Rc::make_mut(account).state = *state;
        }
        for (id, keys, amount) in reserved {
            let parts = keys.into_iter().map(|key| (key, ReservationState::Reserved)).collect();
            self.reservations.insert(id, Rc::new(Reservation { amount, parts }));
        }
    }

    /// Settles a reservation where `which` says so and it has not happened.
    pub(crate) fn settle(
        &mut self,
        id: u64,
        which: impl Fn(&AccountKey) -> bool,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        let reservation = Rc::make_mut(self.reservations.get_mut(&id).unwrap());
        for (key, part) in reservation.parts.iter_mut().filter(|(key, _)| which(key)) {
            let Some(next) = part.settle()? else { continue };
            let account = Rc::make_mut(self.accounts.get_mut(key).unwrap());
            let (state, entry) = portreeve_ledger::settle(&account.state, reservation.amount, at)?;
            account.state = state;
            account.entries.push(entry);
            *part = next;
        }
        Ok(())
    }

    /// Gives a reservation back wherever it is still reserved.
    pub(crate) fn release(&mut self, id: u64, proof: &Proof) -> Result<(), LedgerError> {
        let reservation = Rc::make_mut(self.reservations.get_mut(&id).unwrap());
        for (key, part) in &mut reservation.parts {
            let Some(next) = part.release(key, proof)? else {
                continue;
            };
            let account = Rc::make_mut(self.accounts.get_mut(key).unwrap());
            account.state = portreeve_ledger::release(&account.state, reservation.amount, proof)?;
            *part = next;
        }
        Ok(())
    }

    /// Moves a payment from one stage to the next; false when somebody else did already.
    pub(crate) fn advance(&mut self, id: u64, from: Stage, to: Stage, change: impl FnOnce(&mut PaymentRow)) -> bool {
        assert!(from.may_become(to), "the state machine has no step from {from} to {to}");
        let row = self.payments.get_mut(&id).unwrap();
        if row.stage != from {
            return false;
        }
        let row = Rc::make_mut(row);
        row.stage = to;
        change(row);
        true
    }

    /// Sets the last height at which a sent payment can land, of which nobody knew one.
    pub(crate) fn bound(&mut self, id: u64, last_valid_height: u64) {
        let row = self.payments.get_mut(&id).unwrap();
        if row.stage == Stage::Submitted && row.last_valid_height.is_none() {
            Rc::make_mut(row).last_valid_height = Some(last_valid_height);
        }
    }

    /// Payments of an agent that are allowed and not signed yet.
    pub(crate) fn unsigned(&self, agent: u8) -> u64 {
        let waits = |row: &&Rc<PaymentRow>| row.agent == agent && matches!(row.stage, Stage::Reserved | Stage::Signing);
        self.payments.values().filter(waits).count() as u64
    }

    /// Asks for background work.
    pub(crate) fn enqueue(&mut self, subject: Subject, run_at: Timestamp) {
        let job = self.jobs.entry(subject).or_insert(Job {
            run_at,
            lease: None,
            attempts: 0,
            asked: 0,
        });
        job.run_at = job.run_at.min(run_at);
        job.asked += 1;
    }

    /// Keeps the newest receipt.
    pub(crate) fn keep_receipt(&mut self, receipt: Option<Receipt>) {
        let newer = |receipt: &Receipt| self.receipt.is_none_or(|kept| kept.sequence < receipt.sequence);
        self.receipt = receipt.filter(newer).or(self.receipt);
    }
}

/// A group that is being committed.
pub(crate) struct Pending {
    id: u64,
    tables: Tables,
}

/// The database.
pub(crate) struct Database {
    /// What everybody sees, and what is on disk.
    pub(crate) live: Rc<Tables>,
    pub(crate) pending: Option<Pending>,
    log: File,
    end: usize,
    last: u64,
}

impl Database {
    pub(crate) fn new(tables: Tables) -> Self {
        Self {
            live: Rc::new(tables),
            pending: None,
            log: File::default(),
            end: 0,
            last: 0,
        }
    }

    /// Writes a group to the log, unsynced.
    pub(crate) fn begin(&mut self, tables: Tables) {
        assert!(self.pending.is_none(), "two groups at once");
        let id = self.last + 1;
        let body = name(&id.to_be_bytes()).repeat(3 + (id as usize * 7) % 40);
        let record = [
            id.to_be_bytes().as_slice(),
            &(body.len() as u64).to_be_bytes(),
            &body,
            &name(&body),
        ]
        .concat();
        self.log.write(self.end, record);
        self.pending = Some(Pending { id, tables });
    }

    /// The log is synced: the group is there, for all and for ever.
    pub(crate) fn finish(&mut self) {
        self.log.sync();
        self.keep();
    }

    /// Makes the pending group the present. The log is begun anew now and then, as a checkpoint does.
    fn keep(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        (self.live, self.last) = (Rc::new(pending.tables), pending.id);
        self.end = self.log.read().len();
        if self.end > 4_096 {
            self.log = File::default();
            self.end = 0;
        }
    }

    /// The process died: reads the log and keeps the pending group if all of it is there. True when it was kept.
    pub(crate) fn recover(&mut self) -> bool {
        let Some(pending) = &self.pending else { return false };
        let bytes = self.log.read();
        let whole = bytes.get(self.end..).and_then(record) == Some(pending.id);
        if whole {
            self.log.sync();
            self.keep();
        } else {
            self.log.cut(self.end);
            self.log.sync();
            self.pending = None;
        }
        whole
    }

    /// The process died before it had written anything.
    pub(crate) fn forget(&mut self) {
        if self.pending.take().is_some() {
            self.log.cut(self.end);
            self.log.sync();
        }
    }

    /// The power went.
    pub(crate) fn lose_power(&mut self, dice: &mut Dice) -> Loss {
        self.log.lose_power(dice)
    }
}

/// The number of a record, if it is whole.
fn record(bytes: &[u8]) -> Option<u64> {
    let number = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (id, length) = (number(0)?, usize::try_from(number(8)?).ok()?);
    let body = bytes.get(16..16usize.checked_add(length)?)?;
    let seal = bytes.get(16 + length..16 + length + 32)?;
    (seal == name(body)).then_some(id)
}
