//! The blockhashes a transaction may name: a ring, one per slot, each good for 150 slots after its own.

use {solana_hash::Hash, solana_sha256_hasher::hashv, std::collections::VecDeque};

/// Slots a blockhash outlives its own; the same on every Solana cluster.
pub(crate) const MAX_AGE: u64 = 150;

/// Recent blockhashes, newest first.
pub(crate) struct Blockhashes {
    ring: VecDeque<(u64, Hash)>,
    /// What makes this run's hashes differ from every other's, so that no transaction of one fits into another.
    run: [u8; 16],
    /// How far behind the newest slot the slowest reader looks.
    lag: u64,
}

impl Blockhashes {
    /// An empty ring for readers that look up to `lag` slots back.
    pub(crate) fn new(run: [u8; 16], lag: u64) -> Self {
        Self {
            ring: VecDeque::new(),
            run,
            lag,
        }
    }

    /// Adds the hashes of all slots up to and including `slot`, as far as anybody could still ask for them.
    pub(crate) fn reach(&mut self, slot: u64) {
        let keep = MAX_AGE.saturating_add(self.lag);
        let oldest = slot.saturating_sub(keep);
        let next = self.ring.front().map_or(0, |(newest, _)| newest.saturating_add(1));
        for number in next.max(oldest)..=slot {
            self.ring
                .push_front((number, hashv(&[&self.run, &number.to_le_bytes()])));
        }
        while self.ring.back().is_some_and(|(number, _)| *number < oldest) {
            self.ring.pop_back();
        }
    }

    /// The newest hash a reader at `slot` knows, and the last slot at which it is good.
    pub(crate) fn latest(&self, slot: u64) -> (Hash, u64) {
        let found = self
            .ring
            .iter()
            .find(|(number, _)| *number <= slot)
            .or(self.ring.back());
        found.map_or((Hash::default(), 0), |(number, hash)| {
            (*hash, number.saturating_add(MAX_AGE))
        })
    }

    /// Whether a reader at `slot` takes `hash` for a recent one.
    pub(crate) fn is_recent(&self, hash: &Hash, slot: u64) -> bool {
        let mut known = self.ring.iter();
        known.any(|(number, known)| known == hash && *number <= slot && slot.saturating_sub(*number) <= MAX_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blockhash_is_good_for_150_slots_and_not_for_151() {
        let mut hashes = Blockhashes::new([0; 16], 0);
        hashes.reach(10);
        let (hash, last) = hashes.latest(10);
        assert_eq!(last, 160);
        hashes.reach(160);
        assert!(hashes.is_recent(&hash, 160));
        hashes.reach(161);
        assert!(!hashes.is_recent(&hash, 161));
    }

    #[test]
    fn a_reader_who_looks_back_does_not_know_the_newest_hash() {
        let mut hashes = Blockhashes::new([0; 16], 32);
        hashes.reach(1_000_000);
        let (newest, _) = hashes.latest(1_000_000);
        let (older, last) = hashes.latest(999_968);
        assert_ne!(newest, older);
        assert_eq!(last, 999_968 + MAX_AGE);
        assert!(!hashes.is_recent(&newest, 999_968));
    }

    #[test]
    fn two_runs_share_no_hash() {
        let (mut one, mut other) = (Blockhashes::new([1; 16], 0), Blockhashes::new([2; 16], 0));
        one.reach(1);
        other.reach(1);
        assert_ne!(one.latest(1), other.latest(1));
    }
}
