//! The chain's time: counted from the start, moved by warps, stopped by a freeze. It never goes back.

use std::time::{Duration, Instant};

/// A slot per this much real time.
const SLOT: Duration = Duration::from_millis(400);

/// Chain time in milliseconds and the slots that real time owes the chain.
pub(crate) struct ChainClock {
    /// Unix milliseconds at `since`.
    base_ms: i64,
    since: Instant,
    /// Up to when slots have been handed out.
    slots_since: Instant,
    frozen: bool,
}

impl ChainClock {
    /// A clock that shows `unix_ms` now.
    pub(crate) fn new(unix_ms: i64, frozen: bool) -> Self {
        let now = Instant::now();
        Self {
            base_ms: unix_ms,
            since: now,
            slots_since: now,
            frozen,
        }
    }

    /// Unix seconds.
    pub(crate) fn unix(&self) -> i64 {
        self.unix_ms().div_euclid(1000)
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Moves time forward by `seconds`.
    pub(crate) fn warp(&mut self, seconds: u64) {
        let ms = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        self.base_ms = self.base_ms.saturating_add(ms);
    }

    /// Stops time and slots, or lets them run on from where they stand.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.base_ms = self.unix_ms();
        let now = Instant::now();
        self.since = now;
        self.slots_since = now;
        self.frozen = frozen;
    }

    /// Whole slots that have passed since this was last asked.
    pub(crate) fn take_slots(&mut self) -> u64 {
        if self.frozen {
            return 0;
        }
        let slots = self.slots_since.elapsed().as_millis() / SLOT.as_millis();
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        self.slots_since += SLOT.saturating_mul(slots);
        u64::from(slots)
    }

    fn unix_ms(&self) -> i64 {
        let passed = if self.frozen {
            0
        } else {
            self.since.elapsed().as_millis()
        };
        self.base_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_by_warps() {
        let mut clock = ChainClock::new(5_000, true);
        std::thread::sleep(SLOT + SLOT);
        assert_eq!((clock.unix(), clock.take_slots()), (5, 0));
        clock.warp(86_400);
        assert_eq!(clock.unix(), 86_405);
    }

    #[test]
    fn thawing_does_not_make_up_for_lost_time() {
        let mut clock = ChainClock::new(5_000, true);
        std::thread::sleep(SLOT);
        clock.freeze(false);
        assert_eq!((clock.unix(), clock.take_slots()), (5, 0));
    }
}
