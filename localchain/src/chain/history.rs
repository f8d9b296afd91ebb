//! The transactions that have landed.

use {
    super::tokens::Holding, litesvm::types::TransactionMetadata, solana_address::Address,
    solana_message::v0::LoadedAddresses, solana_signature::Signature,
    solana_transaction::versioned::VersionedTransaction, solana_transaction_error::TransactionError,
    std::collections::HashMap,
};

/// What one account held when a transaction began or ended.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    pub(crate) lamports: u64,
    /// Set for token accounts.
    pub(crate) tokens: Option<Holding>,
}

/// A transaction that has landed, failed or not: it has paid its fee.
pub(crate) struct Record {
    pub(crate) slot: u64,
    /// Unix seconds of the slot.
    pub(crate) time: i64,
    pub(crate) transaction: VersionedTransaction,
    /// What address lookup tables added to the message's keys.
    pub(crate) loaded: LoadedAddresses,
    pub(crate) error: Option<TransactionError>,
    pub(crate) meta: TransactionMetadata,
    /// Before and after, in the order of the keys: the message's own, then the loaded.
    pub(crate) before: Vec<Balance>,
    pub(crate) after: Vec<Balance>,
}

impl Record {
    /// Every account the transaction names, in the order its instructions count them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Address> {
        let own = self.transaction.message.static_account_keys().iter();
        own.chain(&self.loaded.writable).chain(&self.loaded.readonly)
    }
}

/// All records, by signature and by account.
#[derive(Default)]
pub(crate) struct History {
    records: HashMap<Signature, Record>,
    /// Oldest first.
    by_account: HashMap<Address, Vec<Signature>>,
}

impl History {
    pub(crate) fn add(&mut self, signature: Signature, record: Record) {
        for key in record.keys() {
            let signatures = self.by_account.entry(*key).or_default();
            if signatures.last() != Some(&signature) {
                signatures.push(signature);
            }
        }
        self.records.insert(signature, record);
    }

    pub(crate) fn get(&self, signature: &Signature) -> Option<&Record> {
        self.records.get(signature)
    }

    /// What has touched `account`, newest first.
    pub(crate) fn of(&self, account: &Address) -> impl Iterator<Item = (&Signature, &Record)> {
        let signatures = self.by_account.get(account).into_iter().flatten().rev();
        signatures.filter_map(|signature| Some((signature, self.records.get(signature)?)))
    }
}
