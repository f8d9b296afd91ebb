//! Where the binary meets the world: the system's clock, its source of chance, and the local chain's time. Made here and
//! nowhere else; everything below gets them through the ports of the kernel.

use {
    portreeve_kernel::{Clock, Entropy, Now, Timestamp},
    rustix::time::{ClockId, clock_gettime},
    std::sync::atomic::{AtomicI64, Ordering},
};

/// Two clocks of this machine: the one people set, and the one that only counts on, also while the machine sleeps. They
/// agree until somebody sets the first; then money is released by whichever is behind and grants expire by whichever is
/// ahead. Neither reading goes back.
#[derive(Debug)]
pub(crate) struct SystemClock {
    /// The settable clock less the counting one, in milliseconds, when we started.
    offset: i64,
    slowest: AtomicI64,
    fastest: AtomicI64,
}

impl SystemClock {
    /// Starts counting.
    pub(crate) fn start() -> Self {
        let wall = millis(ClockId::Realtime);
        Self {
            offset: wall.saturating_sub(millis(ClockId::Boottime)),
            slowest: AtomicI64::new(wall),
            fastest: AtomicI64::new(wall),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = Timestamp::from_millis(millis(ClockId::Realtime));
        let counted = Timestamp::from_millis(self.offset.saturating_add(millis(ClockId::Boottime)));
        let read = Now::between(wall, counted);
        Now::between(
            onwards(&self.slowest, read.for_release()),
            onwards(&self.fastest, read.for_expiry()),
        )
    }
}

fn millis(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec
        .saturating_mul(1_000)
        .saturating_add(time.tv_nsec.checked_div(1_000_000).unwrap_or(0))
}

/// The later of `reading` and everything read before.
fn onwards(latest: &AtomicI64, reading: Timestamp) -> Timestamp {
    let before = latest.fetch_max(reading.millis(), Ordering::AcqRel);
    Timestamp::from_millis(before.max(reading.millis()))
}

/// The system's source of chance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where chance comes in")]
    #[expect(
        clippy::panic,
        reason = "without chance every secret would be guessable; there is no way to go on"
    )]
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the system gives no random bytes: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_keeps_money_and_ends_grants() {
        let latest = AtomicI64::new(0);
        assert_eq!(onwards(&latest, Timestamp::from_millis(20)).millis(), 20);
        assert_eq!(
            onwards(&latest, Timestamp::from_millis(10)).millis(),
            20,
            "never goes back"
        );
        assert_eq!(onwards(&latest, Timestamp::from_millis(30)).millis(), 30);
    }

    #[test]
    fn the_clocks_agree_while_nobody_sets_them() {
        let now = SystemClock::start().now();
        assert!(now.for_expiry().millis_since(now.for_release()) < 1000);
        assert!(now.for_release() > Timestamp::from_seconds(1_700_000_000));
    }

    #[test]
    fn two_draws_differ() {
        let (mut one, mut other) = ([0; 16], [0; 16]);
        SystemEntropy.fill(&mut one);
        SystemEntropy.fill(&mut other);
        assert_ne!(one, other);
    }
}
