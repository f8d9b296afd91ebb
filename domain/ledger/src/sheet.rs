//! Accounts held while many decisions are made on them: what one reserves counts for the next one who asks.

use {
    crate::{
        LedgerError,
        account::{AccountState, Before, WindowUse, reserve, used},
        key::AccountKey,
    },
    portreeve_kernel::Amount,
    std::collections::{BTreeMap, BTreeSet},
};

/// Some accounts, as they were read under lock, with what was reserved since.
#[derive(Debug, Default)]
pub struct Sheet(BTreeMap<AccountKey, Held>);

#[derive(Debug)]
struct Held {
    state: AccountState,
    before: Before,
    changed: bool,
}

impl Sheet {
    /// From accounts as they stand, with what each had settled before its windows.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = (AccountKey, (AccountState, Before))>) -> Self {
        let held = |(key, (state, before))| {
            let changed = false;
            (key, Held { state, before, changed })
        };
        Self(accounts.into_iter().map(held).collect())
    }

    /// Whether `key` is among them.
    #[must_use]
    pub fn holds(&self, key: &AccountKey) -> bool {
        self.0.contains_key(key)
    }

    /// What counts against the windows of `key` now, with all that was reserved here already.
    ///
    /// # Errors
    /// [`LedgerError::NoAccount`] for one that is not among them; [`LedgerError::Contradiction`].
    pub fn usage(&self, key: &AccountKey) -> Result<WindowUse, LedgerError> {
        let held = self.0.get(key).ok_or(LedgerError::NoAccount)?;
        used(&held.state, &held.before)
    }

    /// Reserves `amount` in all of `keys`, or in none.
    ///
    /// # Errors
    /// [`LedgerError::NoAccount`] when `keys` is empty or one is not among them; [`LedgerError::Overflow`].
    pub fn reserve(&mut self, keys: &BTreeSet<AccountKey>, amount: Amount) -> Result<(), LedgerError> {
        if keys.is_empty() {
            return Err(LedgerError::NoAccount);
        }
        let mut next = Vec::with_capacity(keys.len());
        for key in keys {
            let held = self.0.get(key).ok_or(LedgerError::NoAccount)?;
            next.push(reserve(&held.state, amount)?);
        }
        for (key, state) in keys.iter().zip(next) {
            if let Some(held) = self.0.get_mut(key) {
                held.state = state;
                held.changed = true;
            }
        }
        Ok(())
    }

    /// Those that something was reserved in, as they are now.
    pub fn changed(&self) -> impl Iterator<Item = (&AccountKey, &AccountState)> {
        let changed = self.0.iter().filter(|(_, held)| held.changed);
        changed.map(|(key, held)| (key, &held.state))
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::Total};

    fn key(rank: &str) -> AccountKey {
        format!("{rank}:agt_01ARZ3NDEKTSV4RRFFQ69G5FAV:SOL").parse().unwrap()
    }

    fn sheet() -> Sheet {
        let empty = (AccountState::default(), Before::default());
        Sheet::new([(key("agent"), empty), (key("signer"), empty)])
    }

    #[test]
    fn what_one_reserves_counts_for_the_next() {
        let (mut sheet, amount) = (sheet(), Amount::new(7).unwrap());
        sheet.reserve(&BTreeSet::from([key("agent")]), amount).unwrap();
        assert_eq!(sheet.usage(&key("agent")).unwrap().day, Total::new(7).unwrap());
        assert_eq!(sheet.usage(&key("signer")).unwrap().day, Total::ZERO);
        assert_eq!(sheet.changed().count(), 1);
    }

    #[test]
    fn a_reservation_is_in_all_its_accounts_or_in_none() {
        let (mut sheet, amount) = (sheet(), Amount::new(7).unwrap());
        let other = "agent:agt_01ARZ3NDEKTSV4RRFFQ69G5FAW:SOL".parse().unwrap();
        let keys = BTreeSet::from([key("agent"), other]);
        assert_eq!(sheet.reserve(&keys, amount), Err(LedgerError::NoAccount));
        assert_eq!(sheet.reserve(&BTreeSet::new(), amount), Err(LedgerError::NoAccount));
        assert_eq!(sheet.changed().count(), 0);
    }
}
