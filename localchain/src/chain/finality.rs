//! How long a transaction takes from processed to finalized.

/// How sure a reader wants to be. Ordered: later is surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Commitment {
    Processed,
    Confirmed,
    Finalized,
}

impl Commitment {
    /// The name clients use. The old names of early clusters are not known.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "processed" => Some(Self::Processed),
            "confirmed" => Some(Self::Confirmed),
            "finalized" => Some(Self::Finalized),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }
}

/// The delay switch: slots from landing to finalized; 0 is final at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finality(pub(crate) u64);

impl Finality {
    /// How many slots behind the newest a reader at `commitment` looks.
    pub(crate) fn lag(self, commitment: Commitment) -> u64 {
        match commitment {
            Commitment::Processed => 0,
            Commitment::Confirmed => self.0.div_ceil(2),
            Commitment::Finalized => self.0,
        }
    }

    /// How sure a transaction that landed at `landed` is at slot `now`.
    pub(crate) fn reached(self, landed: u64, now: u64) -> Commitment {
        let age = now.saturating_sub(landed);
        let reached = [Commitment::Finalized, Commitment::Confirmed];
        reached
            .into_iter()
            .find(|&one| age >= self.lag(one))
            .unwrap_or(Commitment::Processed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_delay_everything_is_final_at_once() {
        assert_eq!(Finality(0).reached(7, 7), Commitment::Finalized);
    }

    #[test]
    fn half_way_is_confirmed_and_the_whole_way_is_finalized() {
        let finality = Finality(31);
        let at = |age: u64| finality.reached(100, 100 + age);
        assert_eq!((at(15), at(16)), (Commitment::Processed, Commitment::Confirmed));
        assert_eq!((at(30), at(31)), (Commitment::Confirmed, Commitment::Finalized));
    }
}
