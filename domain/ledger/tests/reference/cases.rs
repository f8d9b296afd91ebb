//! Random cases, most of them near an edge: of an amount, of a window, of an hour, of a day.

use crate::slow::{Ask, DAY, Entry, HOUR, MOST, Rules, Scene, Sums, Token, WINDOWS};
use portreeve_kernel::{Entropy, entropy::Seeded};

/// 2027-12-28T00:00:00Z, in milliseconds: a year's end and a leap day are near.
const START: i128 = 1_829_952_000_000;

/// Throws that belong to one seed.
pub(crate) struct Dice(Seeded);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    fn below(&mut self, bound: i128) -> i128 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        i128::from(u64::from_le_bytes(bytes)) % bound
    }

    fn between(&mut self, least: i128, most: i128) -> i128 {
        least + self.below(most - least + 1)
    }

    fn chance(&mut self, times: i128, of: i128) -> bool {
        self.below(of) < times
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as i128)).unwrap()]
    }

    /// Most of them, in order; mostly none.
    fn some<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        if self.chance(3, 4) {
            return Vec::new();
        }
        all.iter().copied().filter(|_| self.chance(2, 3)).collect()
    }

    fn units(&mut self) -> i128 {
        match self.below(20) {
            0 => MOST - self.below(3),
            1 => self.between(1, MOST),
            _ => self.between(1, 40),
        }
    }

    fn ascending<const N: usize>(&mut self) -> [i128; N] {
        let mut all = [0; N];
        all.iter_mut().for_each(|one| *one = self.units());
        all.sort_unstable();
        all
    }

    fn sums(&mut self) -> Sums {
        let [once, day, week, month] = self.ascending();
        // Above most of what counts already, so that not everything is refused.
        let room = if self.chance(3, 4) { 60 } else { 0 };
        let [day, week, month] = [day, week, month].map(|limit| (limit + room).min(MOST));
        let levels = self.ascending::<4>().map(|amount| self.chance(1, 4).then_some(amount));
        Sums {
            once,
            windows: [day, week, month],
            levels,
        }
    }
}

/// One case.
pub(crate) fn draw(dice: &mut Dice) -> (Rules, Ask, Scene) {
    let rules = rules(dice);
    let slow = moment(dice);
    let fast = slow
        + if dice.chance(1, 3) {
            dice.pick(&[1, 999, 1_000, HOUR / 2, HOUR, 3 * HOUR, 25 * HOUR])
        } else {
            0
        };
    let scene = Scene {
        entries: entries(dice, slow),
        last_spend: dice.chance(1, 2).then(|| last_spend(dice, slow, rules.interval)),
        budgets: [(); 3].map(|()| dice.chance(1, 10).then(|| (dice.units(), dice.units()))),
        slow,
        fast,
    };
    let mint = dice.pick(&[None, None, Some(21), Some(22), Some(23)]);
    let amount = amount(dice, &rules, mint, &scene);
    let ask = Ask {
        mint,
        amount,
        to: dice.pick(&[1, 2, 3, 4]),
        program: dice.pick(&[0, 1, 2]),
    };
    (rules, ask, scene)
}

fn rules(dice: &mut Dice) -> Rules {
    let listed: Vec<u8> = [21, 22, 23].into_iter().filter(|_| dice.chance(5, 6)).collect();
    let tokens = listed.into_iter().map(|mint| Token {
        mint,
        sums: dice.sums(),
        program: dice.chance(1, 8).then(|| dice.pick(&[0, 1, 2])),
    });
    let tokens = tokens.collect();
    let first = START / DAY;
    let closed: Vec<i128> = (first - 2..first + 8).collect();
    let in_time = dice.chance(1, 2);
    let start = dice.below(24);
    Rules {
        sol: dice.sums(),
        tokens,
        destinations: dice.some(&[1, 2, 3, 4]),
        programs: dice.some(&[0, 1, 2]),
        mints: dice.some(&[21, 22, 23]),
        hours: (in_time && dice.chance(1, 2)).then(|| (start, (start + 1 + dice.below(23)) % 24)),
        weekdays: if in_time {
            dice.some(&[0, 1, 2, 3, 4, 5, 6])
        } else {
            Vec::new()
        },
        closed: if in_time { dice.some(&closed) } else { Vec::new() },
        interval: dice.pick(&[0, 0, 0, 0, 0, 0, 1, 60, 86_400, 2_592_000]),
        may_exceed_once: dice.chance(1, 2),
    }
}

/// Often within a millisecond of an hour's edge.
fn moment(dice: &mut Dice) -> i128 {
    let hour = START + dice.between(0, 240) * HOUR;
    hour + if dice.chance(1, 2) {
        dice.between(-1, 1)
    } else {
        dice.below(HOUR)
    }
}

fn last_spend(dice: &mut Dice, now: i128, interval: i128) -> i128 {
    match dice.below(3) {
        0 => now - interval * 1000 + dice.between(-1, 1),
        1 => now + dice.between(-5_000, 5_000),
        _ => now - dice.below(2 * DAY),
    }
}

/// Small ones, and at most one that is not, so that no sum is above the largest there is.
fn entries(dice: &mut Dice, now: i128) -> Vec<Entry> {
    let huge = dice.below(40);
    (0..dice.pick(&[0, 0, 1, 2, 3, 5, 8]))
        .map(|place| Entry {
            amount: if place == huge { MOST - 200 } else { dice.between(1, 10) },
            settled: dice.chance(4, 5).then(|| settled(dice, now)),
        })
        .collect()
}

/// Often within a millisecond of leaving a window.
fn settled(dice: &mut Dice, now: i128) -> i128 {
    let (_, days) = dice.pick(&WINDOWS);
    let edge = now - days * DAY - 1000;
    match dice.below(4) {
        0 => edge + dice.between(-1, 1),
        1 => edge + dice.pick(&[-1000, 1000]),
        2 => now - dice.below(40 * DAY),
        _ => now + dice.between(-2_000, 300_000),
    }
}

/// Often what some rule, or all of them, just allow, or one to either side.
fn amount(dice: &mut Dice, rules: &Rules, mint: Option<u8>, scene: &Scene) -> i128 {
    let token = mint.and_then(|mint| rules.tokens.iter().find(|token| token.mint == mint));
    let sums = token.map_or(&rules.sol, |token| &token.sums);
    let mut edges = vec![sums.once];
    for (place, (_, days)) in WINDOWS.into_iter().enumerate() {
        edges.extend([sums.windows[place], sums.windows[place] - scene.used(days, scene.slow)]);
        edges.extend(scene.budgets[place].map(|(limit, used)| limit - used));
    }
    edges.extend(sums.levels.into_iter().flatten());
    let amount = match dice.below(6) {
        0 => dice.units(),
        1..=2 => dice.pick(&edges) + dice.between(-1, 1),
        3 => 1,
        _ => edges.iter().copied().filter(|edge| *edge > 0).min().unwrap_or(1) + dice.between(-1, 1),
    };
    amount.clamp(1, MOST)
}
