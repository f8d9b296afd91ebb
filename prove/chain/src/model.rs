//! What the Squads program does with spending limits, in as few words as it takes. Held against the real program, call by
//! call and field by field.
//!
//! - A period is over when *more* than its length has passed; the next one begins a whole number of lengths after the
//!   creation, not when it is first used. A limit for once never begins again.
//! - A refused call changes nothing, not even the beginning of the period.
//! - To change a limit is to remove it and add another, which is full and begins now.
//! - Each limit counts for itself: two of them let through the sum.

use {
    portreeve_chain::{
        account::SpendingLimit,
        squads::{AddSpendingLimit, Period},
    },
    portreeve_kernel::{Address, Asset},
    std::collections::BTreeMap,
};

/// Why the program refuses, by its number in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such limit (Anchor: the account is not initialized).
    Gone = 3012,
    /// The key is no member of the limit.
    Unauthorized = 6004,
    /// The destination is not on the limit's list.
    Destination = 6025,
    /// More than is left.
    Exceeded = 6026,
    /// The account to be made is there (system program).
    InUse = 0,
}

impl Refusal {
    /// As the chain writes it.
    pub(crate) const fn number(self) -> u64 {
        self as u64
    }
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    asset: Asset,
    amount: u64,
    period: Period,
    left: u64,
    began: i64,
    members: Vec<Address>,
    destinations: Vec<Address>,
}

/// All limits of one multisig, by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(BTreeMap<Address, Limit>);

/// Its length in seconds; `None` for once.
const fn length(period: Period) -> Option<i64> {
    match period {
        Period::OneTime => None,
        Period::Day => Some(86_400),
        Period::Week => Some(604_800),
        Period::Month => Some(2_592_000),
    }
}

impl Limit {
    fn new(add: &AddSpendingLimit, now: i64) -> Self {
        let mut members = add.members.clone();
        members.sort_unstable();
        Self {
            asset: add.asset,
            amount: add.amount.units(),
            period: add.period,
            left: add.amount.units(),
            began: now,
            members,
            destinations: add.destinations.clone(),
        }
    }

    /// The same in the period that runs at `now`.
    fn at(&self, now: i64) -> Self {
        let mut current = self.clone();
        if let Some(length) = length(self.period) {
            let passed = now - self.began;
            if passed > length {
                current.left = self.amount;
                current.began = self.began + passed / length * length;
            }
        }
        current
    }

    fn used(&self, now: i64, by: Address, to: Address, amount: u64) -> Result<Self, Refusal> {
        if !self.members.contains(&by) {
            return Err(Refusal::Unauthorized);
        }
        if !self.destinations.is_empty() && !self.destinations.contains(&to) {
            return Err(Refusal::Destination);
        }
        let mut current = self.at(now);
        current.left = current.left.checked_sub(amount).ok_or(Refusal::Exceeded)?;
        Ok(current)
    }

    /// What differs from the account on chain.
    pub(crate) fn difference(&self, found: &SpendingLimit) -> Option<String> {
        let on_chain = Self {
            asset: found.asset,
            amount: found.amount,
            period: found.period,
            left: found.remaining_amount,
            began: found.last_reset,
            members: found.members.clone(),
            destinations: found.destinations.clone(),
        };
        (*self != on_chain).then(|| format!("the model says {self:?}, the program {on_chain:?}"))
    }
}

impl Limits {
    /// Adds one at `at`.
    pub(crate) fn add(&mut self, at: Address, add: &AddSpendingLimit, now: i64) -> Result<(), Refusal> {
        if self.0.contains_key(&at) {
            return Err(Refusal::InUse);
        }
        self.0.insert(at, Limit::new(add, now));
        Ok(())
    }

    /// Takes one away, whatever was left of it.
    pub(crate) fn remove(&mut self, at: Address) -> Result<(), Refusal> {
        self.0.remove(&at).map(|_| ()).ok_or(Refusal::Gone)
    }

    /// Spends under the one at `at`.
    pub(crate) fn spend(
        &mut self,
        at: Address,
        now: i64,
        by: Address,
        to: Address,
        amount: u64,
    ) -> Result<(), Refusal> {
        let limit = self.0.get_mut(&at).ok_or(Refusal::Gone)?;
        *limit = limit.used(now, by, to, amount)?;
        Ok(())
    }

    /// What the one at `at` would still let through at `now`; nothing when there is none.
    pub(crate) fn left(&self, at: Address, now: i64) -> u64 {
        self.0.get(&at).map_or(0, |limit| limit.at(now).left)
    }

    /// Whom the one at `at` pays; empty for anybody.
    pub(crate) fn destinations(&self, at: Address) -> &[Address] {
        self.0.get(&at).map_or(&[], |limit| &limit.destinations)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Address, &Limit)> {
        self.0.iter()
    }

    /// The one at `at`.
    pub(crate) fn get(&self, at: Address) -> Option<&Limit> {
        self.0.get(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_kernel::Amount;

    const AGENT: Address = Address::new([1; 32]);
    const SHOP: Address = Address::new([2; 32]);
    const HERE: Address = Address::new([3; 32]);
    const DAY: i64 = 86_400;

    fn add(amount: u64, period: Period) -> AddSpendingLimit {
        AddSpendingLimit {
            multisig: Address::new([9; 32]),
            config_authority: Address::new([9; 32]),
            rent_payer: Address::new([9; 32]),
            create_key: HERE,
            vault_index: 0,
            asset: Asset::Sol,
            amount: Amount::new(amount).unwrap(),
            period,
            members: vec![AGENT],
            destinations: vec![SHOP],
            memo: None,
        }
    }

    fn limits(period: Period) -> Limits {
        let mut limits = Limits::default();
        limits.add(HERE, &add(10, period), 0).unwrap();
        limits
    }

    #[test]
    fn a_day_is_over_after_more_than_a_day() {
        let mut limits = limits(Period::Day);
        limits.spend(HERE, 5, AGENT, SHOP, 10).unwrap();
        assert_eq!(limits.spend(HERE, DAY, AGENT, SHOP, 1), Err(Refusal::Exceeded));
        assert_eq!(limits.spend(HERE, DAY + 1, AGENT, SHOP, 10), Ok(()));
    }

    #[test]
    fn days_step_from_the_creation() {
        let mut limits = limits(Period::Day);
        limits.spend(HERE, 3 * DAY + 7, AGENT, SHOP, 10).unwrap();
        assert_eq!(limits.left(HERE, 4 * DAY), 0);
        assert_eq!(limits.left(HERE, 4 * DAY + 1), 10);
    }

    #[test]
    fn once_is_never_again() {
        let mut limits = limits(Period::OneTime);
        limits.spend(HERE, 0, AGENT, SHOP, 10).unwrap();
        assert_eq!(limits.left(HERE, 9_000 * DAY), 0);
    }

    #[test]
    fn re_created_it_is_full_and_begins_anew() {
        let mut limits = limits(Period::Day);
        limits.spend(HERE, 0, AGENT, SHOP, 10).unwrap();
        assert_eq!(limits.add(HERE, &add(4, Period::Day), 7), Err(Refusal::InUse));
        limits.remove(HERE).unwrap();
        assert_eq!(limits.spend(HERE, 7, AGENT, SHOP, 1), Err(Refusal::Gone));
        limits.add(HERE, &add(4, Period::Day), 7).unwrap();
        limits.spend(HERE, 7, AGENT, SHOP, 4).unwrap();
        assert_eq!(limits.left(HERE, DAY + 7), 0);
        assert_eq!(limits.left(HERE, DAY + 8), 4);
    }

    #[test]
    fn strangers_and_other_destinations_are_refused_and_a_refusal_changes_nothing() {
        let mut limits = limits(Period::Day);
        let before = limits.get(HERE).cloned();
        let late = 2 * DAY;
        assert_eq!(limits.spend(HERE, late, SHOP, SHOP, 1), Err(Refusal::Unauthorized));
        assert_eq!(limits.spend(HERE, late, AGENT, AGENT, 1), Err(Refusal::Destination));
        assert_eq!(limits.spend(HERE, late, AGENT, SHOP, 11), Err(Refusal::Exceeded));
        assert_eq!(limits.get(HERE).cloned(), before);
    }
}
