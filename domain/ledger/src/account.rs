//! One account: what was settled, what is pending, and the moves between the two.

use {
    crate::{LedgerError, reservation::Proof},
    portreeve_kernel::{Amount, Timestamp, Total},
    portreeve_policy::Window,
};

/// An account as it stands. Invariant: `settled_total + pending` is at most 2⁶³ − 1, so settling never overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountState {
    /// Everything ever settled, in base units: the running total of the last entry.
    pub settled_total: Total,
    /// Everything reserved and not yet settled or released, in base units.
    pub pending: Total,
    /// When the last entry settled; entries never go back in time.
    pub last_settled_at: Option<Timestamp>,
    /// The sequence number the next entry gets. The first entry has 0.
    pub next_seq: u64,
}

/// What an account had settled when each window began, in base units: the running total of the last entry that no
/// longer counts, or zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Before {
    /// Before the last 24 hours.
    pub day: Total,
    /// Before the last 7 days.
    pub week: Total,
    /// Before the last 30 days.
    pub month: Total,
}

/// What counts against each window's limit, in base units, pending included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowUse {
    /// In the last 24 hours.
    pub day: Total,
    /// In the last 7 days.
    pub week: Total,
    /// In the last 30 days.
    pub month: Total,
}

/// A settled amount. Never changed, never deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the account, from 0, without gaps.
    pub seq: u64,
    /// From when its windows run.
    pub settled_at: Timestamp,
    /// How much.
    pub amount: Amount,
    /// The account's total with this entry, in base units.
    pub running_total: Total,
}

impl WindowUse {
    /// The use of one window.
    #[must_use]
    pub const fn of(&self, window: Window) -> Total {
        match window {
            Window::Day => self.day,
            Window::Week => self.week,
            Window::Month => self.month,
        }
    }

    /// Per window, whichever is larger.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            day: self.day.max(other.day),
            week: self.week.max(other.week),
            month: self.month.max(other.month),
        }
    }
}

impl Before {
    /// The total before one window.
    #[must_use]
    pub const fn of(&self, window: Window) -> Total {
        match window {
            Window::Day => self.day,
            Window::Week => self.week,
            Window::Month => self.month,
        }
    }
}

/// What counts now: `settled_total − before + pending`.
///
/// # Errors
/// [`LedgerError::Contradiction`] when `before` is no earlier state of this account.
pub fn used(state: &AccountState, before: &Before) -> Result<WindowUse, LedgerError> {
    let of = |window| {
        let settled = state.settled_total.minus(before.of(window).units());
        if cfg!(seeded_bug = "check_then_act") {
            return settled.ok_or(LedgerError::Contradiction);
        }
        settled
            .and_then(|settled| settled.plus(state.pending.units()))
            .ok_or(LedgerError::Contradiction)
    };
    Ok(WindowUse {
        day: of(Window::Day)?,
        week: of(Window::Week)?,
        month: of(Window::Month)?,
    })
}

/// Takes `amount` out of the budget, before anything is signed. Limits are the policy's matter; this keeps the sums.
///
/// # Errors
/// [`LedgerError::Overflow`].
pub fn reserve(state: &AccountState, amount: Amount) -> Result<AccountState, LedgerError> {
    let pending = state.pending.plus(amount.units()).ok_or(LedgerError::Overflow)?;
    state.settled_total.plus(pending.units()).ok_or(LedgerError::Overflow)?;
    Ok(AccountState { pending, ..*state })
}

/// Turns reserved money into spent money, because the chain says so. The entry counts from `at`, or from the last
/// entry's time when that is later: later is the careful side, and it keeps an account's entries in order.
///
/// # Errors
/// [`LedgerError::NotPending`]; [`LedgerError::Overflow`] for a state that [`reserve`] did not make.
pub fn settle(state: &AccountState, amount: Amount, at: Timestamp) -> Result<(AccountState, Entry), LedgerError> {
    let pending = take_from_pending(state, amount)?;
    let entry = Entry {
        seq: state.next_seq,
        settled_at: state.last_settled_at.map_or(at, |last| last.max(at)),
        amount,
        running_total: state.settled_total.plus(amount.units()).ok_or(LedgerError::Overflow)?,
    };
    let state = AccountState {
        settled_total: entry.running_total,
        pending,
        last_settled_at: Some(entry.settled_at),
        next_seq: state.next_seq.checked_add(1).ok_or(LedgerError::Overflow)?,
    };
    Ok((state, entry))
}

/// Gives reserved money back. It takes a [`Proof`] so that nobody does it because of a timeout: unknown is spent.
///
/// # Errors
/// [`LedgerError::NotPending`].
pub fn release(state: &AccountState, amount: Amount, _because: &Proof) -> Result<AccountState, LedgerError> {
    let pending = take_from_pending(state, amount)?;
    Ok(AccountState { pending, ..*state })
}

fn take_from_pending(state: &AccountState, amount: Amount) -> Result<Total, LedgerError> {
    state.pending.minus(amount.units()).ok_or(LedgerError::NotPending {
        pending: state.pending.units(),
        amount: amount.units(),
    })
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::money::MAX};

    fn amount(units: u64) -> Amount {
        Amount::new(units).unwrap()
    }

    fn total(units: u64) -> Total {
        Total::new(units).unwrap()
    }

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn reserved_and_settled_both_count() {
        let state = reserve(&AccountState::default(), amount(7)).unwrap();
        let (state, entry) = settle(&state, amount(5), T).unwrap();
        assert_eq!(entry.running_total, total(5));
        assert_eq!(state.pending, total(2));
        assert_eq!(used(&state, &Before::default()).unwrap().day, total(7));
        let a_day_on = Before {
            day: entry.running_total,
            ..Before::default()
        };
        let left = used(&state, &a_day_on).unwrap();
        assert_eq!((left.day, left.week, left.month), (total(2), total(7), total(7)));
    }

    #[test]
    fn released_money_no_longer_counts() {
        let state = reserve(&AccountState::default(), amount(7)).unwrap();
        let state = release(&state, amount(7), &Proof::NeverSigned).unwrap();
        assert_eq!(state, AccountState::default());
    }

    #[test]
    fn more_than_is_pending_is_neither_settled_nor_released() {
        let state = reserve(&AccountState::default(), amount(7)).unwrap();
        let refused = LedgerError::NotPending { pending: 7, amount: 8 };
        assert_eq!(settle(&state, amount(8), T), Err(refused.clone()));
        assert_eq!(release(&state, amount(8), &Proof::NeverSigned), Err(refused));
    }

    #[test]
    fn an_entry_never_settles_before_the_one_it_follows() {
        let state = reserve(&AccountState::default(), amount(2)).unwrap();
        let (state, first) = settle(&state, amount(1), T).unwrap();
        let (state, second) = settle(&state, amount(1), Timestamp::EPOCH).unwrap();
        assert_eq!((first.settled_at, second.settled_at), (T, T));
        assert_eq!((first.seq, second.seq, state.next_seq), (0, 1, 2));
    }

    #[test]
    fn an_account_takes_two_to_the_63_minus_one_in_its_life_and_not_one_more() {
        let nearly = AccountState {
            settled_total: total(MAX - 5),
            pending: total(3),
            ..AccountState::default()
        };
        assert_eq!(reserve(&nearly, amount(3)), Err(LedgerError::Overflow));
        let full = reserve(&nearly, amount(2)).unwrap();
        assert_eq!(settle(&full, amount(5), T).unwrap().0.settled_total, total(MAX));
        assert_eq!(
            reserve(&AccountState::default(), amount(MAX)).unwrap().pending,
            total(MAX)
        );
    }

    #[test]
    fn a_window_that_began_with_more_than_there_is_now_is_an_error_and_not_zero() {
        let before = Before {
            month: total(1),
            ..Before::default()
        };
        assert_eq!(used(&AccountState::default(), &before), Err(LedgerError::Contradiction));
    }
}
