//! Accounts as a given commitment sees them.

use {
    super::{
        Chain, Commitment,
        tokens::{self, Holding},
    },
    solana_account::Account,
    solana_address::Address,
};

/// The chain as it was at the end of a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) slot: u64,
}

impl Chain {
    /// The newest slot that is as sure as `commitment`.
    pub(crate) fn view(&self, commitment: Commitment) -> View {
        View {
            slot: self.slot.saturating_sub(self.finality.lag(commitment)),
        }
    }

    /// The account at `address`; one without lamports does not exist.
    pub(crate) fn account(&self, view: View, address: &Address) -> Option<Account> {
        let account = match self.undo.before_changes_after(view.slot, address) {
            Some(before) => before.clone(),
            None => self.svm.get_account(address),
        };
        account.filter(|account| account.lamports > 0)
    }

    /// All accounts of `program`, in the order of their addresses.
    pub(crate) fn program_accounts(&self, view: View, program: &Address) -> Vec<(Address, Account)> {
        let changed = self.undo.changed_after(view.slot);
        let mut found = self.svm.get_program_accounts(program);
        found.retain(|(address, account)| account.lamports > 0 && !changed.contains(address));
        let older = changed
            .into_iter()
            .filter_map(|address| Some((address, self.account(view, &address)?)));
        found.extend(older.filter(|(_, account)| account.owner == *program));
        found.sort_by_key(|(address, _)| *address);
        found
    }

    /// What `account` holds, if it is a token account.
    pub(crate) fn holding(&self, view: View, account: &Account) -> Option<Holding> {
        tokens::holding(account, |mint| self.account(view, mint))
    }

    /// Lamports that keep an account of `bytes` alive.
    pub(crate) fn rent_exemption(&self, bytes: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(bytes)
    }

    /// A VM whose accounts stand as `view` sees them; `None` when the newest state is that already.
    pub(super) fn vm_at(&self, view: View) -> Option<litesvm::LiteSVM> {
        let changed = self.undo.changed_after(view.slot);
        if changed.is_empty() {
            return None;
        }
        let mut svm = self.svm.clone();
        for address in changed {
            let account = self.account(view, &address).unwrap_or_default();
            // Fails for a damaged sysvar or program only, and neither is ever written by a transaction here.
            let _ = svm.set_account(address, account);
        }
        Some(svm)
    }
}
