//! What is believed of RPC operators that may lie or lag.

/// For how many blocks a blockhash is good.
pub const BLOCKHASH_LIFE: u64 = 150;

/// The height of the chain, from what operators say, of which fewer than `min_operators` lie. When the honest outnumber
/// them for certain it is the `min_operators`-th highest: an honest one has said at least as much, and an honest one no
/// more. When they do not, it is the highest, as long as none is so far below that a transaction which one has seen expire
/// could still land by another: too high holds budget back for longer, too low would give it back for what can still land.
/// `None` when fewer than `min_operators` answer, each of whom may be a liar, or when they differ by more than that: then
/// nobody knows, and nothing may be built on it.
#[must_use]
pub fn agreed_height(said: impl IntoIterator<Item = u64>, min_operators: usize) -> Option<u64> {
    let mut said: Vec<u64> = said.into_iter().collect();
    said.sort_unstable_by(|one, other| other.cmp(one));
    let needed = min_operators.max(1);
    let liars = needed.saturating_sub(1);
    if said.len() < needed {
        return None;
    }
    if said.len() > liars.saturating_mul(2) {
        return said.get(liars).copied();
    }
    let (highest, lowest) = (*said.first()?, *said.last()?);
    (highest.saturating_sub(lowest) <= BLOCKHASH_LIFE).then_some(highest)
}

/// The last height at which a transaction can land whose blockhash was asked for at `height`, an agreed one. What is
/// `claimed` comes from one operator: one that says too little would have us give up what can still land, one that says
/// too much would have us wait for ever.
#[must_use]
pub fn last_valid_height(claimed: u64, height: u64) -> u64 {
    let least = height.saturating_add(BLOCKHASH_LIFE);
    claimed.clamp(least, least.saturating_add(BLOCKHASH_LIFE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_liar_of_three_moves_the_height_neither_up_nor_down() {
        for liar in [0, 990, 1_000, 1_001, 9_999_999] {
            let height = agreed_height([liar, 1_000, 998], 2).unwrap();
            assert!((998..=1_000).contains(&height), "{liar} makes it {height}");
        }
    }

    #[test]
    fn two_that_differ_a_little_are_as_high_as_the_higher() {
        assert_eq!(agreed_height([850, 1_000], 2), Some(1_000));
        assert_eq!(agreed_height([1_000, 1_000], 2), Some(1_000));
    }

    #[test]
    fn of_two_that_differ_by_more_than_a_blockhash_lives_neither_is_believed() {
        for pair in [[849, 1_000], [0, 1_000], [9_999_999, 1_000]] {
            assert_eq!(agreed_height(pair, 2), None, "{pair:?}");
        }
    }

    #[test]
    fn fewer_than_a_proof_takes_may_all_be_liars() {
        assert_eq!(agreed_height([7], 2), None);
        assert_eq!(agreed_height([7, 9], 3), None);
        assert_eq!(agreed_height([], 1), None);
        assert_eq!(agreed_height([7, 9], 1), Some(9), "nobody lies where one is enough");
    }

    #[test]
    fn a_blockhash_lives_no_shorter_than_150_blocks_and_no_longer_than_300() {
        assert_eq!(last_valid_height(0, 1_000), 1_150);
        assert_eq!(last_valid_height(1_170, 1_000), 1_170);
        assert_eq!(last_valid_height(u64::MAX, 1_000), 1_300);
    }
}
