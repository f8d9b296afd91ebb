//! What is believed of RPC operators that may lie or lag.

/// For how many blocks a blockhash is good.
pub const BLOCKHASH_LIFE: u64 = 150;

/// How far above what is agreed an operator that may lie is believed, in blocks: ten minutes. One that says more would have
/// us wait for ever.
const BELIEVED_ABOVE: u64 = 1_500;

/// How high the chain is, as far as operators can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Height {
    /// What as many as a proof takes agree on. An honest one has said at least as much, so the chain is no lower; but who
    /// is honest may lag behind.
    pub agreed: u64,
    /// What the chain is not above, as far as can be told.
    pub at_most: u64,
}

/// The height of the chain, from what operators say, of which fewer than `min_operators` lie.
///
/// When the honest outnumber them for certain, what is agreed is the `min_operators`-th highest. When they do not, it is
/// the highest, as long as none is so far below that a transaction which one has seen expire could still land by another.
/// `None` when fewer than `min_operators` answer, each of whom may be a liar, or when they differ by more than that: then
/// nobody knows, and nothing may be built on it.
#[must_use]
pub fn agreed_height(said: impl IntoIterator<Item = u64>, min_operators: usize) -> Option<Height> {
    let mut said: Vec<u64> = said.into_iter().collect();
    said.sort_unstable_by(|one, other| other.cmp(one));
    let needed = min_operators.max(1);
    let liars = needed.saturating_sub(1);
    if said.len() < needed {
        return None;
    }
    let (highest, lowest) = (*said.first()?, *said.last()?);
    if said.len() > liars.saturating_mul(2) {
        let agreed = *said.get(liars)?;
        let at_most = highest.min(agreed.saturating_add(BELIEVED_ABOVE));
        return Some(Height { agreed, at_most });
    }
    (highest.saturating_sub(lowest) <= BLOCKHASH_LIFE).then(|| Height {
        agreed: highest,
        // The one who is honest may be the one that lags.
        at_most: highest.saturating_add(BLOCKHASH_LIFE),
    })
}

impl Height {
    /// The last height at which a transaction can land whose blockhash was given out before this height was asked for. What
    /// is `claimed` comes from one operator: one that says too little would have us give up what can still land, one that
    /// says too much would have us wait for ever.
    #[must_use]
    pub fn last_valid(self, claimed: u64) -> u64 {
        let least = self.at_most.saturating_add(BLOCKHASH_LIFE);
        claimed.clamp(least, least.saturating_add(BLOCKHASH_LIFE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(said: &[u64], min_operators: usize) -> Option<u64> {
        agreed_height(said.iter().copied(), min_operators).map(|height| height.agreed)
    }

    #[test]
    fn one_liar_of_three_moves_the_height_neither_up_nor_down() {
        for liar in [0, 990, 1_000, 1_001, 9_999_999] {
            let height = agreed(&[liar, 1_000, 998], 2).unwrap();
            assert!((998..=1_000).contains(&height), "{liar} makes it {height}");
        }
    }

    #[test]
    fn two_that_differ_a_little_are_as_high_as_the_higher() {
        assert_eq!(agreed(&[850, 1_000], 2), Some(1_000));
        assert_eq!(agreed(&[1_000, 1_000], 2), Some(1_000));
    }

    #[test]
    fn of_two_that_differ_by_more_than_a_blockhash_lives_neither_is_believed() {
        for pair in [[849, 1_000], [0, 1_000], [9_999_999, 1_000]] {
            assert_eq!(agreed(&pair, 2), None, "{pair:?}");
        }
    }

    #[test]
    fn fewer_than_a_proof_takes_may_all_be_liars() {
        assert_eq!(agreed(&[7], 2), None);
        assert_eq!(agreed(&[7, 9], 3), None);
        assert_eq!(agreed(&[], 1), None);
        assert_eq!(agreed(&[7, 9], 1), Some(9), "nobody lies where one is enough");
    }

    #[test]
    fn one_that_stands_still_and_one_that_lies_do_not_make_a_payment_die_before_its_blockhash() {
        let truth = 1_000 + BLOCKHASH_LIFE;
        for liar in [0, 800, 1_000, 9_999_999] {
            // The liar gave the blockhash, and claims that it is good for nothing.
            let height = agreed_height([liar, 800, 1_000], 2).unwrap();
            assert!(height.last_valid(0) >= truth, "{liar}");
            assert!(
                height.last_valid(u64::MAX) <= truth + BELIEVED_ABOVE + BLOCKHASH_LIFE,
                "{liar}"
            );
            // The one that does not stand still is silent.
            if let Some(height) = agreed_height([liar, 850], 2) {
                assert!(height.last_valid(0) >= truth, "{liar} and the one that stands still");
            }
        }
    }

    #[test]
    fn a_claimed_life_is_believed_within_reason() {
        let height = agreed_height([1_000], 1).unwrap();
        assert_eq!(height.last_valid(0), 1_150);
        assert_eq!(height.last_valid(1_170), 1_170);
        assert_eq!(height.last_valid(u64::MAX), 1_300);
    }
}
