//! Where the binary meets the world: the system's clock, its source of chance, and the local chain's time. Made here and
//! nowhere else; everything below gets them through the ports of the kernel.

use {
    portreeve_kernel::{Clock, Entropy, Now, Timestamp},
    rustix::time::{ClockId, clock_gettime},
    std::{
        cell::RefCell,
        sync::atomic::{AtomicI64, Ordering},
    },
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

/// The same, fetched many bytes at a time for each thread: for names, of which every request needs one. Bytes are given
/// out once. Secrets are not made of these, so that none waits in memory before it is one.
pub(crate) struct NamesEntropy;

/// Names' worth of chance that is fetched at once, in bytes.
const FETCHED: usize = 1024;

thread_local! {
    static FRESH: RefCell<([u8; FETCHED], usize)> = const { RefCell::new(([0; FETCHED], FETCHED)) };
}

impl Entropy for NamesEntropy {
    fn fill(&self, out: &mut [u8]) {
        FRESH.with_borrow_mut(|(fetched, given)| {
            let end = given.saturating_add(out.len());
            if let Some(next) = fetched.get(*given..end) {
                out.copy_from_slice(next);
                *given = end;
                return;
            }
            SystemEntropy.fill(fetched);
            *given = 0;
            // More than is fetched at once comes from the system itself.
            match fetched.get(..out.len()) {
                Some(next) => {
                    out.copy_from_slice(next);
                    *given = out.len();
                }
                None => SystemEntropy.fill(out),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use {super::*, std::collections::BTreeSet};

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

    #[test]
    fn no_bytes_are_given_out_twice_however_they_are_asked_for() {
        let mut seen = BTreeSet::new();
        for length in [8, 10, 16, 100, FETCHED, FETCHED + 1].into_iter().cycle().take(3_000) {
            let mut drawn = vec![0; length];
            NamesEntropy.fill(&mut drawn);
            for part in drawn.chunks_exact(8) {
                assert!(seen.insert(part.to_vec()), "{length}");
            }
        }
    }
}
