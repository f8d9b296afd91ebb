//! Judging and running transactions: what a validator does around the VM.

use {
    super::{Balance, Chain, Commitment, Record, View},
    crate::genesis,
    litesvm::types::{FailedTransactionMetadata, TransactionMetadata},
    solana_account::{Account, AccountSharedData},
    solana_address::Address,
    solana_message::{VersionedMessage, v0::LoadedAddresses},
    solana_signature::Signature,
    solana_signer::Signer,
    solana_transaction::versioned::VersionedTransaction,
    solana_transaction_error::TransactionError,
};

/// Bytes in front of the addresses of a lookup table.
const LOOKUP_TABLE_META: usize = 56;

/// A transaction that did not go through. `meta` is empty when it did not get as far as running.
pub(crate) type Failed = Box<FailedTransactionMetadata>;

/// What a simulation tells.
pub(crate) struct Simulated {
    pub(crate) meta: TransactionMetadata,
    pub(crate) accounts: Vec<(Address, AccountSharedData)>,
}

/// Which of a validator's checks apply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checks {
    pub(crate) signatures: bool,
    /// Refuse a transaction that has landed already.
    pub(crate) repeated: bool,
}

impl Checks {
    /// What a leader does before it puts a transaction into a block.
    pub(crate) const ALL: Self = Self {
        signatures: true,
        repeated: true,
    };
}

impl Chain {
    /// Runs a transaction without keeping what it does.
    /// # Errors
    /// What it would fail with.
    pub(crate) fn simulate(&self, tx: VersionedTransaction, checks: Checks, view: View) -> Result<Simulated, Failed> {
        self.check(&tx, checks, view)?;
        let older = self.vm_at(view);
        let info = older
            .as_ref()
            .unwrap_or(&self.svm)
            .simulate_transaction(tx)
            .map_err(Box::new)?;
        Ok(Simulated {
            meta: info.meta,
            accounts: info.post_accounts,
        })
    }

    /// Runs a transaction. One that fails after it has paid lands all the same, and is no error of this function.
    /// # Errors
    /// Why it cannot land.
    pub(crate) fn submit(&mut self, tx: VersionedTransaction) -> Result<Signature, Failed> {
        let newest = self.view(Commitment::Processed);
        self.check(&tx, Checks::ALL, newest)?;
        let signature = tx.signatures.first().copied().unwrap_or_default();
        let loaded = self.loaded_addresses(&tx.message);
        let own = tx.message.static_account_keys().iter();
        let keys: Vec<Address> = own.chain(&loaded.writable).chain(&loaded.readonly).copied().collect();
        let accounts: Vec<Option<Account>> = keys.iter().map(|key| self.svm.get_account(key)).collect();
        let before = self.balances(&accounts);
        let (meta, error) = match self.svm.send_transaction(tx.clone()) {
            Ok(meta) => (meta, None),
            Err(failed) if self.has_paid(&keys, &before) => (failed.meta, Some(failed.err)),
            Err(failed) => return Err(Box::new(failed)),
        };
        let now: Vec<Option<Account>> = keys.iter().map(|key| self.svm.get_account(key)).collect();
        let after = self.balances(&now);
        if self.finality.0 > 0 {
            for ((key, old), new) in keys.iter().zip(accounts).zip(now) {
                if old != new {
                    self.undo.remember(self.slot, *key, old);
                }
            }
        }
        let (slot, time) = (self.slot, self.time);
        let record = Record {
            slot,
            time,
            transaction: tx,
            loaded,
            error,
            meta,
            before,
            after,
        };
        self.history.add(signature, record);
        self.landed = self.landed.saturating_add(1);
        if !self.busy {
            self.advance(1); // so that the next equal transaction differs by its blockhash
        }
        Ok(signature)
    }

    /// Sends lamports from the faucet.
    /// # Errors
    /// When the faucet is empty, or `to` would be left with too little to live.
    pub(crate) fn airdrop(&mut self, to: &Address, lamports: u64) -> Result<Signature, Failed> {
        let faucet = genesis::faucet().pubkey();
        self.by_faucet(&[solana_system_interface::instruction::transfer(&faucet, to, lamports)])
    }

    fn check(&self, tx: &VersionedTransaction, checks: Checks, view: View) -> Result<(), Failed> {
        let landed = || {
            tx.signatures
                .first()
                .is_some_and(|signature| self.history.get(signature).is_some())
        };
        if tx.sanitize().is_err() {
            Err(refused(TransactionError::SanitizeFailure))
        } else if checks.signatures && !tx.verify_with_results().iter().all(|good| *good) {
            Err(refused(TransactionError::SignatureFailure))
        } else if checks.repeated && landed() {
            Err(refused(TransactionError::AlreadyProcessed))
        } else if !self.is_recent(tx.message.recent_blockhash(), view) {
            Err(refused(TransactionError::BlockhashNotFound))
        } else {
            Ok(())
        }
    }

    /// The VM takes the fee of a failed transaction if it ran at all, and this is how it shows.
    fn has_paid(&self, keys: &[Address], before: &[Balance]) -> bool {
        let (Some(payer), Some(before)) = (keys.first(), before.first()) else {
            return false;
        };
        self.svm.get_balance(payer).unwrap_or(0) < before.lamports
    }

    fn balances(&self, accounts: &[Option<Account>]) -> Vec<Balance> {
        let newest = self.view(Commitment::Processed);
        let balance = |account: &Option<Account>| Balance {
            lamports: account.as_ref().map_or(0, |account| account.lamports),
            tokens: account.as_ref().and_then(|account| self.holding(newest, account)),
        };
        accounts.iter().map(balance).collect()
    }

    fn loaded_addresses(&self, message: &VersionedMessage) -> LoadedAddresses {
        let mut loaded = LoadedAddresses::default();
        for lookup in message.address_table_lookups().unwrap_or_default() {
            let table = self.svm.get_account(&lookup.account_key).unwrap_or_default().data;
            loaded.writable.extend(looked_up(&table, &lookup.writable_indexes));
            loaded.readonly.extend(looked_up(&table, &lookup.readonly_indexes));
        }
        loaded
    }
}

fn looked_up(table: &[u8], indexes: &[u8]) -> Vec<Address> {
    let (addresses, _) = table.get(LOOKUP_TABLE_META..).unwrap_or_default().as_chunks::<32>();
    let found = indexes.iter().filter_map(|index| addresses.get(usize::from(*index)));
    found.map(|bytes| Address::new_from_array(*bytes)).collect()
}

pub(super) fn refused(err: TransactionError) -> Failed {
    Box::new(FailedTransactionMetadata {
        err,
        meta: TransactionMetadata::default(),
    })
}
