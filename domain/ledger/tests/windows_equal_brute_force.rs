//! The O(log n) sums against a model that adds up every entry, on random traces crowded around the windows' ends.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, which is what we want"
)]

use {
    portreeve_kernel::{Amount, Now, Seconds, Timestamp},
    portreeve_ledger::{Book, Window},
    proptest::prelude::*,
};

const START: i64 = 1_800_000_000_000;

/// Entries of the model: base (made monotone, as the ledger does) and amount.
#[derive(Default)]
struct Model(Vec<(Timestamp, u64)>);

impl Model {
    fn push(&mut self, amount: u64, base: Timestamp) {
        let last = self.0.last().map_or(base, |(at, _)| (*at).max(base));
        self.0.push((last, amount));
    }

    /// Straight from the promise: an entry counts until window + 1 s after settlement.
    fn used(&self, window: Window, now: Timestamp) -> u64 {
        let life = (i64::from(window.seconds()) + 1) * 1000;
        self.0
            .iter()
            .filter(|(at, _)| now.millis() < at.millis() + life)
            .map(|(_, amount)| amount)
            .sum()
    }
}

/// Steps of time that hit the ends of windows exactly, and next to them.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(1),
        0..2_000_i64,
        prop::sample::select(Window::ALL.to_vec()).prop_flat_map(
            |window| (-1_001..=1_001_i64).prop_map(move |near| i64::from(window.seconds()) * 1000 + near)
        ),
        0..864_000_000_i64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn window_sums_equal_the_sum_of_the_entries_that_count(
        trace in prop::collection::vec((step(), 1..1_000_u64, -400_000..400_000_i64), 1..40),
        looks in prop::collection::vec(step(), 1..8),
    ) {
        let (mut book, mut model) = (Book::default(), Model::default());
        let mut now = START;
        for (step, units, skew) in trace {
            now += step;
            let base = Timestamp::from_millis(now + skew);
            book.push(Amount::new(units).unwrap(), base).unwrap();
            model.push(units, base);
            let at = Timestamp::from_millis(now);
            let used = book.used(Now::at(at)).unwrap();
            for window in Window::ALL {
                prop_assert_eq!(used.of(*window).units(), model.used(*window, at));
            }
        }
        for look in looks {
            now += look;
            let at = Timestamp::from_millis(now);
            let used = book.used(Now::between(at, at.plus(Seconds(86_400)))).unwrap();
            for window in Window::ALL {
                prop_assert_eq!(used.of(*window).units(), model.used(*window, at));
            }
        }
    }

    #[test]
    fn budget_is_free_exactly_when_the_ledger_says_and_not_a_millisecond_before(
        trace in prop::collection::vec((step(), 1..1_000_u64), 1..20),
        over_by in 1..3_000_u64,
        window in prop::sample::select(Window::ALL.to_vec()),
    ) {
        let (mut book, mut model) = (Book::default(), Model::default());
        let mut now = START;
        for (step, units) in trace {
            now += step;
            book.push(Amount::new(units).unwrap(), Timestamp::from_millis(now)).unwrap();
            model.push(units, Timestamp::from_millis(now));
        }
        let at = Timestamp::from_millis(now);
        let used = model.used(window, at);
        match book.frees_at(window, over_by, Now::at(at)) {
            None => prop_assert!(over_by > used),
            Some(free) => {
                prop_assert!(model.used(window, free) + over_by <= used);
                prop_assert!(model.used(window, free.plus_millis(-1)) + over_by > used);
            }
        }
    }
}
