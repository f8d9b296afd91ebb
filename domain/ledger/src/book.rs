//! An account held in memory with its entries: the signer's own sums, which only ever grow.

use {
    crate::{
        LedgerError,
        account::{AccountState, Before, Entry, WindowUse, reserve, settle, used},
        window::{cutoff, leaves_at},
    },
    portreeve_kernel::{Amount, Now, Timestamp, Total},
    portreeve_policy::Window,
};

/// Entries of one account, oldest first. Sums take O(log n), because each entry carries the running total.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    state: AccountState,
    entries: Vec<Entry>,
}

impl Book {
    /// Adds `amount`, which counts until the window and one second have passed after `base`. `base` may lie ahead of
    /// now; when it lies before the last entry's, that one's is used.
    ///
    /// # Errors
    /// [`LedgerError::Overflow`]; the book is then unchanged.
    pub fn push(&mut self, amount: Amount, base: Timestamp) -> Result<(), LedgerError> {
        let (state, entry) = settle(&reserve(&self.state, amount)?, amount, base)?;
        self.state = state;
        self.entries.push(entry);
        Ok(())
    }

    /// What counts now.
    ///
    /// # Errors
    /// [`LedgerError::Contradiction`], which no sequence of pushes leads to.
    pub fn used(&self, now: Now) -> Result<WindowUse, LedgerError> {
        let before = Before {
            day: self.before(Window::Day, now),
            week: self.before(Window::Week, now),
            month: self.before(Window::Month, now),
        };
        used(&self.state, &before)
    }

    /// The earliest moment, by the slowest clock, at which `over_by` base units of what counts now have left `window`.
    /// `None` when less than that counts, so that waiting will not do.
    #[must_use]
    pub fn frees_at(&self, window: Window, over_by: u64, now: Now) -> Option<Timestamp> {
        if over_by == 0 {
            return Some(now.for_release());
        }
        let enough = self.before(window, now).plus(over_by)?;
        let place = self.entries.partition_point(|entry| entry.running_total < enough);
        self.entries.get(place).map(|entry| leaves_at(entry.settled_at, window))
    }

    fn before(&self, window: Window, now: Now) -> Total {
        let latest = cutoff(now, window);
        let counting_from = self.entries.partition_point(|entry| entry.settled_at <= latest);
        counting_from
            .checked_sub(1)
            .and_then(|last| self.entries.get(last))
            .map_or(Total::ZERO, |entry| entry.running_total)
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::Seconds};

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn an_empty_book_has_nothing_to_free() {
        let book = Book::default();
        assert_eq!(book.used(Now::at(T)).unwrap(), WindowUse::default());
        assert_eq!(book.frees_at(Window::Day, 0, Now::at(T)), Some(T));
        assert_eq!(book.frees_at(Window::Day, 1, Now::at(T)), None);
    }

    #[test]
    fn budget_is_free_when_enough_old_entries_have_left() {
        let mut book = Book::default();
        for (units, after) in [(5, 0), (3, 10), (4, 20)] {
            book.push(Amount::new(units).unwrap(), T.plus(Seconds(after))).unwrap();
        }
        let now = Now::at(T.plus(Seconds(60)));
        let left = |after| Some(leaves_at(T.plus(Seconds(after)), Window::Day));
        for (over_by, expected) in [
            (1, left(0)),
            (5, left(0)),
            (6, left(10)),
            (8, left(10)),
            (9, left(20)),
            (12, left(20)),
            (13, None),
        ] {
            assert_eq!(book.frees_at(Window::Day, over_by, now), expected, "{over_by}");
        }
    }

    #[test]
    fn a_refused_push_leaves_the_book_as_it_was() {
        let mut book = Book::default();
        book.push(Amount::new(portreeve_kernel::money::MAX).unwrap(), T)
            .unwrap();
        let full = book.clone();
        assert_eq!(book.push(Amount::new(1).unwrap(), T), Err(LedgerError::Overflow));
        assert_eq!(book, full);
    }
}
