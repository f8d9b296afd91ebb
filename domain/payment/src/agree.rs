//! Whether server and signer tell the same story. When the signer has booked more, the server's ledger has lost payments
//! (a restored backup, a failover), and what they spent must not be spent again.

use {
    portreeve_kernel::{Now, Seconds},
    portreeve_ledger::WindowUse,
};

/// How far the signer's clock may be from ours.
pub const CLOCKS_APART: Seconds = Seconds(120);

/// Why nothing new is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disagreement {
    /// The signer has found that its journal lost records.
    Frozen,
    /// The signer has the agent suspended.
    Suspended,
    /// The signer has booked what our ledger does not hold.
    Lost,
}

/// The moment at which to count our mirror of the signer's account: its clock may be a little behind ours, and count a
/// little longer.
#[must_use]
pub const fn mirrored_at(now: Now) -> Now {
    Now::at(now.for_release().minus(CLOCKS_APART))
}

/// Compares what the signer has `booked` with what our mirror counted at [`mirrored_at`]. The signer has to be asked
/// first: whatever it has booked by then was reserved here before.
///
/// # Errors
/// [`Disagreement`]: nothing may be decided.
pub fn agree(frozen: bool, suspended: bool, booked: WindowUse, counted: WindowUse) -> Result<(), Disagreement> {
    if frozen {
        return Err(Disagreement::Frozen);
    }
    if suspended {
        return Err(Disagreement::Suspended);
    }
    if counted.max(booked) == counted {
        Ok(())
    } else {
        Err(Disagreement::Lost)
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Timestamp, Total},
    };

    fn used(day: u64, week: u64, month: u64) -> WindowUse {
        let total = |units| Total::new(units).unwrap();
        WindowUse {
            day: total(day),
            week: total(week),
            month: total(month),
        }
    }

    #[test]
    fn a_signer_that_has_booked_more_in_any_window_stops_payments() {
        let ours = used(5, 6, 7);
        assert_eq!(agree(false, false, ours, ours), Ok(()));
        assert_eq!(agree(false, false, used(0, 0, 0), ours), Ok(()));
        for more in [used(6, 6, 7), used(5, 7, 7), used(0, 0, 8)] {
            assert_eq!(agree(false, false, more, ours), Err(Disagreement::Lost), "{more:?}");
        }
    }

    #[test]
    fn a_frozen_or_suspending_signer_stops_payments_too() {
        let none = WindowUse::default();
        assert_eq!(agree(true, true, none, none), Err(Disagreement::Frozen));
        assert_eq!(agree(false, true, none, none), Err(Disagreement::Suspended));
    }

    #[test]
    fn the_mirror_counts_two_minutes_longer_by_the_slowest_clock() {
        let now = Now::between(Timestamp::from_seconds(1_000), Timestamp::from_seconds(500));
        assert_eq!(mirrored_at(now), Now::at(Timestamp::from_seconds(380)));
    }
}
