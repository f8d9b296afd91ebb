//! The ledger: a VM, plus what a cluster adds around it (slots, recent blockhashes, clock, history, commitment).
//!
//! - [`submit`] judges transactions and runs them;
//! - [`read`] shows accounts as a given commitment sees them;
//! - the rest are the parts this file puts together.

mod blockhashes;
mod clock;
mod finality;
mod history;
mod mint;
mod read;
mod submit;
pub(crate) mod tokens;
mod undo;

use {
    crate::{genesis, squads},
    blockhashes::Blockhashes,
    clock::ChainClock,
    finality::Finality,
    history::History,
    litesvm::{LiteSVM, error::LiteSVMError},
    solana_clock::Clock,
    solana_hash::Hash,
    solana_signature::Signature,
    std::{collections::BTreeMap, io, path::PathBuf},
    undo::Undo,
};
pub(crate) use {
    finality::Commitment,
    history::{Balance, Record},
    mint::NewMint,
    read::View,
    submit::{Checks, Failed, Simulated},
};

/// Slots per epoch, as on mainnet.
pub(crate) const EPOCH_SLOTS: u64 = 432_000;

/// Slots whose time is remembered.
const TIMES_KEPT: usize = 100_000;

/// What can be chosen when a chain begins.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Lamports that Squads charges for a multisig.
    pub(crate) creation_fee: u64,
    /// Slots from landing to finalized.
    pub(crate) finality_slots: u64,
    /// Chain time at the start, in Unix milliseconds.
    pub(crate) start_unix_ms: i64,
    /// Whether time stands still at first.
    pub(crate) frozen: bool,
    /// Whether any number of transactions fits into a slot; otherwise each begins a new one.
    pub(crate) busy: bool,
    /// A compiled Squads program in place of the built-in one.
    pub(crate) squads_so: Option<PathBuf>,
}

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot load the first accounts and programs: {0}")]
    Vm(#[from] LiteSVMError),
    #[error("cannot start the chain's thread: {0}")]
    Thread(#[from] io::Error),
    #[error("the chain's thread died at its start")]
    Died,
}

/// The whole state of the local cluster.
pub(crate) struct Chain {
    svm: LiteSVM,
    clock: ChainClock,
    /// The newest slot. Every slot has a block, so it is the block height too.
    slot: u64,
    /// Unix seconds of the newest slot.
    time: i64,
    times: BTreeMap<u64, i64>,
    hashes: Blockhashes,
    finality: Finality,
    undo: Undo,
    history: History,
    landed: u64,
    busy: bool,
}

impl Chain {
    /// A new chain at slot 1.
    /// # Errors
    /// When the VM does not take its first accounts, or the compiled program at `squads_so`.
    pub(crate) fn new(settings: Settings) -> Result<Self, StartError> {
        let mut svm = LiteSVM::new()
            // The VM knows only the newest blockhash and one signature policy for all calls, so `submit` does what a
            // validator does before execution.
            .with_blockhash_check(false)
            .with_sigverify(false)
            .with_transaction_history(0);
        squads::install(&mut svm, settings.squads_so.as_deref())?;
        genesis::seed(&mut svm, settings.creation_fee)?;
        let finality = Finality(settings.finality_slots);
        let mut chain = Self {
            svm,
            clock: ChainClock::new(settings.start_unix_ms, settings.frozen),
            slot: 0,
            time: 0,
            times: BTreeMap::new(),
            hashes: Blockhashes::new(run_mark(), finality.lag(Commitment::Finalized)),
            finality,
            undo: Undo::default(),
            history: History::default(),
            landed: 0,
            busy: settings.busy,
        };
        chain.advance(1);
        Ok(chain)
    }

    /// Lets the slots pass that real time owes. To be called before every request.
    pub(crate) fn tick(&mut self) {
        match self.clock.take_slots() {
            0 => {}
            slots => self.advance(slots),
        }
    }

    /// Moves the clock forward; the slot goes on by one, so that the new time has a block.
    pub(crate) fn warp_seconds(&mut self, seconds: u64) {
        self.clock.warp(seconds);
        self.advance(1);
    }

    /// Lets slots pass at once. The clock stands.
    pub(crate) fn warp_slots(&mut self, slots: u64) {
        self.advance(slots);
    }

    /// Stops time and slots, or lets them run on.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.clock.freeze(frozen);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.clock.is_frozen()
    }

    /// Unix seconds of the newest slot, as programs see it.
    pub(crate) fn time(&self) -> i64 {
        self.time
    }

    /// Unix seconds of `slot`; `None` when it is to come or long past.
    pub(crate) fn time_of(&self, slot: u64) -> Option<i64> {
        if slot > self.slot {
            return None;
        }
        self.times.range(..=slot).next_back().map(|(_, time)| *time)
    }

    /// How many transactions have landed.
    pub(crate) fn landed(&self) -> u64 {
        self.landed
    }

    /// The newest blockhash in `view`, and the last block height at which it is good.
    pub(crate) fn latest_blockhash(&self, view: View) -> (Hash, u64) {
        self.hashes.latest(view.slot)
    }

    pub(crate) fn is_recent(&self, hash: &Hash, view: View) -> bool {
        self.hashes.is_recent(hash, view.slot)
    }

    /// A landed transaction, however sure it is.
    pub(crate) fn record(&self, signature: &Signature) -> Option<&Record> {
        self.history.get(signature)
    }

    /// What has touched `account`, newest first.
    pub(crate) fn records_of(&self, account: &solana_address::Address) -> impl Iterator<Item = (&Signature, &Record)> {
        self.history.of(account)
    }

    /// How sure a record is by now.
    pub(crate) fn commitment_of(&self, record: &Record) -> Commitment {
        self.finality.reached(record.slot, self.slot)
    }

    fn advance(&mut self, slots: u64) {
        self.slot = self.slot.saturating_add(slots);
        self.time = self.clock.unix();
        self.times.insert(self.slot, self.time);
        while self.times.len() > TIMES_KEPT {
            self.times.pop_first();
        }
        self.hashes.reach(self.slot);
        self.undo.forget_until(self.view(Commitment::Finalized).slot);
        let epoch = self.slot / EPOCH_SLOTS;
        self.svm.set_sysvar(&Clock {
            slot: self.slot,
            epoch_start_timestamp: self.time,
            epoch,
            leader_schedule_epoch: epoch.saturating_add(1),
            unix_timestamp: self.time,
        });
    }
}

/// Differs at every start: the standard library seeds its hash maps from the operating system.
fn run_mark() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let [one, two] = [RandomState::new().hash_one(1), RandomState::new().hash_one(2)];
    ((u128::from(one) << 64) | u128::from(two)).to_le_bytes()
}
