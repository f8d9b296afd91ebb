//! The ledger: LiteSVM plus what a cluster adds around it (slots, recent blockhashes, clock,
//! transaction statuses).

use {
    crate::squads,
    litesvm::{
        LiteSVM,
        types::{FailedTransactionMetadata, SimulatedTransactionInfo, TransactionMetadata},
    },
    solana_account::Account,
    solana_address::Address,
    solana_clock::Clock,
    solana_hash::Hash,
    solana_signature::Signature,
    solana_transaction::versioned::VersionedTransaction,
    solana_transaction_error::TransactionError,
    std::{
        collections::{HashMap, VecDeque},
        time::{Duration, Instant, SystemTime, UNIX_EPOCH},
    },
};

const SLOT: Duration = Duration::from_millis(400);
const MAX_AGE: u64 = 150;

pub struct Record {
    pub slot: u64,
    pub time: i64,
    pub tx: Option<VersionedTransaction>,
    pub err: Option<TransactionError>,
    pub meta: TransactionMetadata,
}

pub struct Chain {
    pub svm: LiteSVM,
    pub slot: u64,
    pub genesis: Hash,
    started: Instant,
    offset: i64,
    hashes: VecDeque<(Hash, u64)>,
    pub records: HashMap<Signature, Record>,
    pub order: Vec<Signature>,
}

fn wall() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs() as i64)
}

impl Chain {
    pub fn new(creation_fee: u64) -> Self {
        let mut svm = LiteSVM::new()
            // The VM knows only the newest blockhash and one signature policy for all calls, so
            // `check` below does what a validator does before execution.
            .with_blockhash_check(false)
            .with_sigverify(false)
            .with_transaction_history(0);
        squads::install(&mut svm);
        let genesis = svm.latest_blockhash();
        let mut chain = Self {
            svm,
            slot: 0,
            genesis,
            started: Instant::now(),
            offset: 0,
            hashes: VecDeque::new(),
            records: HashMap::new(),
            order: Vec::new(),
        };
        chain.seed_program_config(creation_fee);
        chain.advance(1);
        chain
    }

    /// `multisig_create_v2` reads the program config and pays its treasury.
    fn seed_program_config(&mut self, creation_fee: u64) {
        let authority = Address::new_from_array([0xA1; 32]);
        let treasury = Address::new_from_array([0x7E; 32]);
        let (key, _) = Address::find_program_address(&[b"multisig", b"program_config"], &squads::ID);
        let mut data = vec![196, 210, 90, 231, 144, 149, 140, 63]; // sha256("account:ProgramConfig")
        data.extend_from_slice(authority.as_ref());
        data.extend_from_slice(&creation_fee.to_le_bytes());
        data.extend_from_slice(treasury.as_ref());
        data.extend_from_slice(&[0; 64]);
        let lamports = self.svm.minimum_balance_for_rent_exemption(data.len());
        let account = Account {
            lamports,
            data,
            owner: squads::ID,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm.set_account(key, account).expect("program config");
        let lamports = self.svm.minimum_balance_for_rent_exemption(0);
        let account = Account {
            lamports,
            ..Account::default()
        };
        self.svm.set_account(treasury, account).expect("treasury");
    }

    pub fn now(&self) -> i64 {
        wall() + self.offset
    }

    pub fn warp_seconds(&mut self, seconds: i64) {
        self.offset += seconds;
        self.advance(self.slot + 1);
    }

    /// Called before every request: slots pass with wall time.
    pub fn tick(&mut self) {
        let due = 1 + (self.started.elapsed().as_millis() / SLOT.as_millis()) as u64;
        if due > self.slot {
            self.advance(due);
        }
    }

    fn advance(&mut self, slot: u64) {
        self.slot = slot;
        self.svm.expire_blockhash();
        self.hashes.push_front((self.svm.latest_blockhash(), slot));
        while self.hashes.back().is_some_and(|(_, s)| slot - s > MAX_AGE) {
            self.hashes.pop_back();
        }
        let epoch = slot / 432_000;
        let now = self.now();
        self.svm.set_sysvar(&Clock {
            slot,
            epoch_start_timestamp: now,
            epoch,
            leader_schedule_epoch: epoch + 1,
            unix_timestamp: now,
        });
    }

    /// (hash, last valid block height)
    pub fn latest_blockhash(&self) -> (Hash, u64) {
        let (hash, slot) = self.hashes.front().expect("genesis");
        (*hash, slot + MAX_AGE)
    }

    pub fn is_recent(&self, hash: &Hash) -> bool {
        self.hashes.iter().any(|(h, s)| h == hash && self.slot - s <= MAX_AGE)
    }

    fn check(&self, tx: &VersionedTransaction, signatures: bool) -> Result<(), FailedTransactionMetadata> {
        let err = if tx.sanitize().is_err() {
            TransactionError::SanitizeFailure
        } else if signatures && !tx.verify_with_results().iter().all(|ok| *ok) {
            TransactionError::SignatureFailure
        } else if signatures && self.records.contains_key(&tx.signatures[0]) {
            TransactionError::AlreadyProcessed
        } else if !self.is_recent(tx.message.recent_blockhash()) {
            TransactionError::BlockhashNotFound
        } else {
            return Ok(());
        };
        Err(FailedTransactionMetadata {
            err,
            meta: TransactionMetadata::default(),
        })
    }

    pub fn simulate(
        &self,
        mut tx: VersionedTransaction,
        signatures: bool,
        replace_blockhash: bool,
    ) -> Result<SimulatedTransactionInfo, FailedTransactionMetadata> {
        if replace_blockhash {
            tx.message.set_recent_blockhash(self.latest_blockhash().0);
        }
        self.check(&tx, signatures)?;
        self.svm.simulate_transaction(tx)
    }

    /// Runs the transaction; failures that reach execution are recorded too and pay their fee.
    pub fn send(&mut self, tx: VersionedTransaction) -> Result<Signature, FailedTransactionMetadata> {
        self.check(&tx, true)?;
        let signature = tx.signatures[0];
        let (meta, err) = match self.svm.send_transaction(tx.clone()) {
            Ok(meta) => (meta, None),
            Err(failed) if matches!(failed.err, TransactionError::InstructionError(..)) => {
                (failed.meta, Some(failed.err))
            }
            Err(failed) => return Err(failed),
        };
        self.record(signature, Some(tx), err, meta);
        self.advance(self.slot + 1); // so that the next equal transaction differs by blockhash
        Ok(signature)
    }

    pub fn airdrop(&mut self, to: &Address, lamports: u64) -> Result<Signature, FailedTransactionMetadata> {
        self.advance(self.slot + 1); // a new blockhash, so that equal airdrops differ
        let meta = self.svm.airdrop(to, lamports)?;
        let signature = meta.signature;
        self.record(signature, None, None, meta);
        Ok(signature)
    }

    fn record(
        &mut self,
        signature: Signature,
        tx: Option<VersionedTransaction>,
        err: Option<TransactionError>,
        meta: TransactionMetadata,
    ) {
        let (slot, time) = (self.slot, self.now());
        self.records.insert(
            signature,
            Record {
                slot,
                time,
                tx,
                err,
                meta,
            },
        );
        self.order.push(signature);
    }
}
