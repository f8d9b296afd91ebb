//! When an entry counts, to the second. The spare second is what keeps the chain from refusing what we allowed: the
//! chain opens a new period only when `now − last reset > period`, in whole seconds.

use {
    portreeve_kernel::{Now, Seconds, Timestamp},
    portreeve_policy::Window,
};

/// Added to every window.
const SPARE: Seconds = Seconds(1);

/// From this moment on (by the slowest clock) an entry settled at `settled_at` no longer counts.
#[must_use]
pub const fn leaves_at(settled_at: Timestamp, window: Window) -> Timestamp {
    settled_at.plus(window.length()).plus(SPARE)
}

/// The latest `settled_at` that no longer counts. Later ones do.
#[must_use]
pub const fn cutoff(now: Now, window: Window) -> Timestamp {
    let now = if cfg!(seeded_bug = "fast_release_clock") {
        now.for_expiry()
    } else {
        now.for_release()
    };
    now.minus(window.length()).minus(SPARE)
}

/// True while an entry settled at `settled_at` counts.
#[must_use]
pub fn counts(settled_at: Timestamp, window: Window, now: Now) -> bool {
    settled_at > cutoff(now, window)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn an_entry_counts_until_its_window_and_one_second_have_passed() {
        for window in Window::ALL {
            let end = leaves_at(T, *window);
            assert_eq!(end.millis_since(T), (i64::from(window.seconds()) + 1) * 1000);
            assert!(counts(T, *window, Now::at(end.plus_millis(-1))), "{window}");
            assert!(!counts(T, *window, Now::at(end)), "{window}");
        }
    }

    #[test]
    fn the_slowest_clock_says_when_budget_returns() {
        let end = leaves_at(T, Window::Day);
        let ahead = end.plus(Seconds(1000));
        assert!(counts(T, Window::Day, Now::between(ahead, end.plus_millis(-1))));
        assert!(!counts(T, Window::Day, Now::between(ahead, end)));
    }

    #[test]
    fn an_entry_settled_in_the_future_counts() {
        assert!(counts(T.plus(Seconds(300)), Window::Day, Now::at(T)));
    }
}
