//! What is believed of RPC operators that may lie or lag.

/// For how many blocks a blockhash is good.
pub const BLOCKHASH_LIFE: u64 = 150;

/// The height of the chain, from what operators say, of which fewer than `min_operators` lie. When the honest outnumber
/// them for certain it is the `min_operators`-th highest: an honest one has said at least as much, and an honest one no
/// more. When too few answer for that, it is the highest: too high holds budget back for longer, too low would give it
/// back for what can still land. `None` when nobody answers.
#[must_use]
pub fn agreed_height(said: impl IntoIterator<Item = u64>, min_operators: usize) -> Option<u64> {
    let mut said: Vec<u64> = said.into_iter().collect();
    said.sort_unstable_by(|one, other| other.cmp(one));
    let liars = min_operators.max(1).saturating_sub(1);
    let outnumbered = said.len() > liars.saturating_mul(2);
    said.get(if outnumbered { liars } else { 0 }).copied()
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
    fn two_that_differ_are_as_high_as_the_higher() {
        assert_eq!(agreed_height([0, 1_000], 2), Some(1_000));
        assert_eq!(agreed_height([9_999, 1_000], 2), Some(9_999));
    }

    #[test]
    fn who_answers_alone_is_believed_and_silence_is_no_height() {
        assert_eq!(agreed_height([7], 2), Some(7));
        assert_eq!(agreed_height([7, 9], 1), Some(9));
        assert_eq!(agreed_height([], 1), None);
    }

    #[test]
    fn a_blockhash_lives_no_shorter_than_150_blocks_and_no_longer_than_300() {
        assert_eq!(last_valid_height(0, 1_000), 1_150);
        assert_eq!(last_valid_height(1_170, 1_000), 1_170);
        assert_eq!(last_valid_height(u64::MAX, 1_000), 1_300);
    }
}
