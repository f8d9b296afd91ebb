//! What happens in a trace, drawn from its number before anything runs. Traces of one group share the clock: the same
//! seconds pass for all of them, so that they can live on one chain.
//!
//! Waits are drawn towards the edges: some earlier round's second plus a window, and one second to either side.

use crate::dice::Dice;

/// Traces on one chain. A blockhash lives 150 transactions, and what is under way must be able to land rounds later.
pub(crate) const GROUP: u64 = 8;

const DAY: u64 = 86_400;

/// A trace: what the owner allows at first, and what happens then.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) number: u64,
    /// What all amounts are multiplied with.
    pub(crate) scale: u64,
    pub(crate) terms: Terms,
    /// What is under way lands within minutes, as on a real chain, and not rounds later.
    pub(crate) brisk: bool,
    pub(crate) rounds: Vec<Round>,
}

/// What the owner allows at first.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) sol: Sums,
    pub(crate) token: Sums,
    /// Which of the shops may be paid; none means anybody.
    pub(crate) shops: Vec<u8>,
    pub(crate) interval: u32,
    pub(crate) hours: Option<(u8, u8)>,
}

/// Limits of one asset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) once: u64,
    pub(crate) day: u64,
    pub(crate) week: u64,
    pub(crate) month: u64,
}

/// Some seconds pass, and then this happens, all within one second.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) wait: u64,
    pub(crate) clock: Skew,
    pub(crate) acts: Vec<Act>,
}

/// How our clocks stand beside the chain's, which knows whole seconds only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skew {
    /// Milliseconds of the true time that the chain does not show.
    pub(crate) millis: u32,
    /// Milliseconds that the slowest clock is behind the true time.
    pub(crate) behind: u32,
    /// Milliseconds that the fastest is ahead of it.
    pub(crate) ahead: u32,
}

/// Which asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coin {
    Sol,
    Token,
}

/// How much.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask {
    Exactly(u64),
    /// So many more (or fewer) than the most that passes now.
    Most(i64),
    /// One of so many parts of the most that passes now.
    Part(u64),
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// The agent asks the server to pay. What is allowed is signed at once, and lands now or later.
    Pay { coin: Coin, ask: Ask, to: u8, later: bool },
    /// One of the payments under way lands.
    Land(u8),
    /// One of the payments under way is lost, and proven dead.
    Lose(u8),
    /// The owner changes the policy; the chain follows in the order that is safe.
    Edit(Edit),
    /// The owner stops the agent: its limits leave the chain.
    Suspend,
    /// And lets it go on: they come back.
    Resume,
    /// Whoever holds the agent's key asks the chain for more than is left.
    TryTooMuch { coin: Coin, over: u64, to: u8 },
    /// A key that is no member of the limit asks.
    TryAsStranger { coin: Coin },
    /// Somebody adds the limit once more, beside the one that is there.
    AddAgain(Coin),
    /// The owner's key puts another limit beside ours.
    AddBeside {
        coin: Coin,
        period: u8,
        amount: u64,
        closed: bool,
    },
    /// And takes one of those away.
    RemoveBeside(u8),
    /// The agent's key spends under one of those: past the server, and without touching our limit.
    SpendBeside { which: u8, ask: Ask, to: u8 },
    /// The agent's key spends under our limit, past the server. From here on only the model is held to account.
    Steal { coin: Coin, ask: Ask, to: u8 },
}

/// What the owner changes. One direction at a time: an edit that loosens one thing and tightens another is two.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Daily { coin: Coin, day: u64 },
    Shops(Vec<u8>),
    Interval(u32),
    Nothing(Coin),
}

/// The plan of trace `number` under `seed`.
pub(crate) fn draw(seed: u64, number: u64) -> Plan {
    let waits = waits(&mut Dice::new(seed, number / GROUP));
    let mut dice = Dice::new(seed, (1 << 40) + number);
    let (robbed, delayed, brisk) = (dice.chance(1, 4), dice.chance(2, 3), dice.chance(1, 2));
    let terms = terms(&mut dice);
    let rounds = waits.into_iter().enumerate().map(|(place, wait)| {
        let thieves = robbed && place > 9;
        let count = dice.pick(&[0, 1, 2, 2, 3, 3, 4, 6]);
        Round {
            wait,
            clock: skew(&mut dice),
            acts: (0..count).map(|_| act(&mut dice, thieves, delayed)).collect(),
        }
    });
    let rounds = rounds.collect();
    Plan {
        number,
        scale: dice.pick(&[1, 1, 1, 1_000, 9_973]),
        terms,
        brisk,
        rounds,
    }
}

fn waits(dice: &mut Dice) -> Vec<u64> {
    let mut at = vec![0];
    let mut waits = vec![0];
    for _ in 0..dice.between(14, 26) {
        let last = at[at.len() - 1];
        let mut wait = match dice.below(10) {
            0..=5 => edge(dice, &at).saturating_sub(last),
            6 => dice.between(0, 3),
            7 => dice.between(1, 300),
            8 => dice.between(0, DAY),
            _ => dice.between(0, 3 * DAY),
        };
        // What is signed just before an edge may land after it.
        let short = wait > 300 && dice.chance(1, 5);
        if short {
            wait -= dice.between(1, 250);
        }
        at.push(last + wait);
        waits.push(wait);
        if short {
            let soon = dice.between(1, 300);
            // And what was signed then leaves its window before what landed then leaves the chain's.
            let later = DAY - soon + dice.between(0, 2);
            at.extend([last + wait + soon, last + wait + soon + later]);
            waits.extend([soon, later]);
        }
    }
    waits
}

/// A window after an earlier round, often one of the last, give or take a second.
fn edge(dice: &mut Dice, at: &[u64]) -> u64 {
    let (recent, last) = (at.len().saturating_sub(4), at[at.len() - 1]);
    let from = match dice.below(4) {
        // The chain's days step from the wallet's first second.
        0 => return (last / DAY + dice.between(1, 2)) * DAY + dice.between(0, 2) - 1,
        1 => dice.pick(at),
        _ => dice.pick(&at[recent..]),
    };
    let window = dice.pick(&[DAY, DAY, DAY, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 30 * DAY]);
    // The signer counts from five minutes after it signed.
    let margin = dice.pick(&[0, 0, 0, 300]);
    from + window + margin + dice.between(0, 3) - 1
}

fn skew(dice: &mut Dice) -> Skew {
    let off = |dice: &mut Dice| match dice.below(8) {
        0 => u32::try_from(dice.below(3_000)).unwrap(),
        1 => u32::try_from(dice.below(60_000)).unwrap(),
        _ => 0,
    };
    Skew {
        millis: dice.pick(&[0, 0, 1, 500, 999]),
        behind: off(dice),
        ahead: off(dice),
    }
}

fn sums(dice: &mut Dice) -> Sums {
    let day = dice.between(1, 60);
    let once = if dice.chance(2, 3) { day } else { dice.between(1, day) };
    // Mostly the day's limit binds; where it does not, the chain has more room than we.
    let (week, month) = match dice.below(4) {
        0 => (dice.between(day, 3 * day), dice.between(3 * day, 6 * day)),
        _ => (7 * day, 30 * day),
    };
    Sums { once, day, week, month }
}

fn shops(dice: &mut Dice) -> Vec<u8> {
    let mut all = vec![0, 1, 2];
    match dice.below(3) {
        0 => Vec::new(),
        _ => {
            all.truncate(usize::try_from(dice.between(1, 3)).unwrap());
            all
        }
    }
}

fn interval(dice: &mut Dice) -> u32 {
    dice.pick(&[0, 0, 0, 0, 0, 0, 1, 60, 3_600])
}

fn terms(dice: &mut Dice) -> Terms {
    Terms {
        sol: sums(dice),
        token: sums(dice),
        shops: shops(dice),
        interval: interval(dice),
        hours: dice.chance(1, 12).then(|| dice.pick(&[(6, 18), (20, 8), (0, 12)])),
    }
}

fn coin(dice: &mut Dice) -> Coin {
    dice.pick(&[Coin::Sol, Coin::Token])
}

fn ask(dice: &mut Dice) -> Ask {
    match dice.below(8) {
        0..=2 => Ask::Most(0),
        3 => Ask::Most(1),
        4 => Ask::Most(-1),
        5 => Ask::Part(dice.between(2, 4)),
        _ => Ask::Exactly(dice.between(1, 30)),
    }
}

/// One of the shops; the last is on no list.
fn shop(dice: &mut Dice) -> u8 {
    dice.pick(&[0, 0, 0, 0, 0, 1, 2, 3])
}

fn small(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(8)).unwrap()
}

fn act(dice: &mut Dice, thieves: bool, delayed: bool) -> Act {
    if thieves && dice.chance(1, 3) {
        let (coin, ask, to) = (coin(dice), ask(dice), shop(dice));
        return Act::Steal { coin, ask, to };
    }
    match dice.below(48) {
        0..=26 => Act::Pay {
            coin: coin(dice),
            ask: ask(dice),
            to: shop(dice),
            later: delayed && dice.chance(1, 3),
        },
        27..=29 => Act::Land(small(dice)),
        30 => Act::Lose(small(dice)),
        31..=34 => Act::Edit(edit(dice)),
        35 => Act::Suspend,
        36..=37 => Act::Resume,
        38..=40 => Act::TryTooMuch {
            coin: coin(dice),
            over: dice.pick(&[1, 1, 1, 2, 50]),
            to: shop(dice),
        },
        41 => Act::TryAsStranger { coin: coin(dice) },
        42 => Act::AddAgain(coin(dice)),
        43..=44 => Act::AddBeside {
            coin: coin(dice),
            period: dice.pick(&[0, 1, 1, 2, 3]),
            amount: dice.between(1, 40),
            closed: dice.chance(1, 3),
        },
        45 => Act::RemoveBeside(small(dice)),
        _ => Act::SpendBeside {
            which: small(dice),
            ask: ask(dice),
            to: shop(dice),
        },
    }
}

fn edit(dice: &mut Dice) -> Edit {
    match dice.below(8) {
        0 => Edit::Nothing(coin(dice)),
        1 => Edit::Interval(interval(dice)),
        2..=3 => Edit::Shops(shops(dice)),
        _ => Edit::Daily {
            coin: coin(dice),
            day: dice.between(1, 80),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_plan_and_a_group_one_clock() {
        let text = |number| format!("{:?}", draw(7, number));
        assert_eq!(text(3), text(3));
        let waits = |number| -> Vec<u64> { draw(7, number).rounds.iter().map(|round| round.wait).collect() };
        assert_eq!(waits(0), waits(GROUP - 1));
        assert_ne!(waits(0), waits(GROUP));
        assert_ne!(text(0), text(1));
    }

    #[test]
    fn the_last_second_of_a_window_and_its_neighbours_are_met() {
        let waits: Vec<u64> = (0..50)
            .flat_map(|group| draw(1, group * GROUP).rounds)
            .map(|round| round.wait)
            .collect();
        for edge in [DAY - 1, DAY, DAY + 1, 7 * DAY, 30 * DAY + 1] {
            assert!(waits.contains(&edge), "{edge}");
        }
    }
}
