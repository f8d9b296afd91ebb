//! What accounts held before the newest transactions, for readers who want to be surer than that.

use {
    solana_account::Account,
    solana_address::Address,
    std::collections::{HashSet, VecDeque},
};

struct Change {
    slot: u64,
    address: Address,
    /// `None`: there was no such account.
    before: Option<Account>,
}

/// Account changes that are not final yet, oldest first.
#[derive(Default)]
pub(crate) struct Undo(VecDeque<Change>);

impl Undo {
    /// Notes that a transaction at `slot` changes `address`, which held `before`.
    pub(crate) fn remember(&mut self, slot: u64, address: Address, before: Option<Account>) {
        self.0.push_back(Change { slot, address, before });
    }

    /// What `address` held at the end of `slot`; `None` when nothing has changed it since.
    pub(crate) fn before_changes_after(&self, slot: u64, address: &Address) -> Option<&Option<Account>> {
        let mut changes = self.0.iter();
        changes
            .find(|change| change.slot > slot && change.address == *address)
            .map(|change| &change.before)
    }

    /// Every address that was changed after `slot`.
    pub(crate) fn changed_after(&self, slot: u64) -> HashSet<Address> {
        self.0
            .iter()
            .filter(|change| change.slot > slot)
            .map(|change| change.address)
            .collect()
    }

    /// Drops what no reader looks behind any more.
    pub(crate) fn forget_until(&mut self, slot: u64) {
        while self.0.front().is_some_and(|change| change.slot <= slot) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_oldest_change_that_is_newer_than_it() {
        let address = Address::new_from_array([7; 32]);
        let holding = |lamports| {
            Some(Account {
                lamports,
                ..Account::default()
            })
        };
        let mut undo = Undo::default();
        undo.remember(5, address, None);
        undo.remember(8, address, holding(3));
        assert_eq!(undo.before_changes_after(4, &address), Some(&None));
        assert_eq!(undo.before_changes_after(5, &address), Some(&holding(3)));
        assert_eq!(undo.before_changes_after(8, &address), None);
    }
}
