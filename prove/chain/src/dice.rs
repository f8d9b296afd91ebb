//! Chance, all of it from one seed.

use portreeve_kernel::{Entropy, entropy::Seeded};

/// Throws that repeat exactly for the same seed.
pub(crate) struct Dice(Seeded);

impl Dice {
    /// The throws that belong to a seed and one of the things that are drawn from it.
    pub(crate) fn new(seed: u64, about: u64) -> Self {
        let mut first = Self(Seeded::new(seed));
        Self(Seeded::new(first.word() ^ about.wrapping_mul(0xD6E8_FEB8_6659_FD93)))
    }

    fn word(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Less than `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// From `least` up to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True `times` out of `of`.
    pub(crate) fn chance(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }

    /// One of `all`, which is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}
