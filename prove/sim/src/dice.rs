//! Chance, all of it from one seed. Each thing that is drawn has throws of its own, so that leaving one out of a plan
//! changes as little as possible of the rest.

/// Throws that repeat exactly for the same seed and name.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

/// Two numbers into one, well stirred (SplitMix64's finish).
pub(crate) const fn mix(one: u64, other: u64) -> u64 {
    let mut word = one
        ^ other
            .wrapping_mul(0xD6E8_FEB8_6659_FD93)
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

impl Dice {
    /// The throws that belong to `seed` and the thing called `about`.
    pub(crate) const fn new(seed: u64, about: u64) -> Self {
        Self(mix(seed, about))
    }

    pub(crate) const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0, 0)
    }

    /// Less than `bound`, which is not 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// From `least` up to `most`, both included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below((most - least + 1).unsigned_abs()) as i64
    }

    /// True `percent` times in a hundred.
    pub(crate) const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `all`, which is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}
