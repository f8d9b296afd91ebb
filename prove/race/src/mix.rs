//! What the clients ask for: a function of seed and ticket, whichever client draws the ticket.
//!
//! Of all tries, 70 in 100 (when nothing else is asked for) are the one agent's whose limit is the matter. The rest go to bystanders, one after the other,
//! so that each of them has a short and crowded history of its own. 30 in 100 use the idempotency key of an earlier try
//! again (one of those in ten with another amount), and 10 in 100 are malformed.

use crate::chance::Chance;

/// Tries under an earlier key, of a hundred.
const REUSED: u64 = 30;
/// Of those, how many ask for something else under it.
const TWISTED: u64 = 10;
/// Malformed tries, of a hundred.
const MALFORMED: u64 = 10;
/// Where streams of this purpose begin.
const PURPOSE: u64 = 1 << 40;

/// How a request is broken. Each must be refused before anything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    NoKey,
    NotJson,
    Negative,
    Float,
    TooLarge,
    Homoglyph,
    UnknownField,
    DuplicateField,
    NoScope,
}

impl Flaw {
    pub const ALL: [Self; 9] = [
        Self::NoKey,
        Self::NotJson,
        Self::Negative,
        Self::Float,
        Self::TooLarge,
        Self::Homoglyph,
        Self::UnknownField,
        Self::DuplicateField,
        Self::NoScope,
    ];
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// 0 is the one agent; the others are bystanders.
    pub agent: usize,
    /// The idempotency key, unless the flaw is that there is none.
    pub key: String,
    /// In units.
    pub units: u64,
    /// What is wrong with it, if anything.
    pub flaw: Option<Flaw>,
}

/// The mix of one run.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// What everything follows from.
    pub seed: u64,
    /// Tickets until the drain begins.
    pub tries: u64,
    /// Tries for the one agent, of a hundred.
    pub same: u64,
    /// Agents beside the one.
    pub bystanders: usize,
}

impl Mix {
    /// What the holder of `ticket` asks for.
    pub fn draw(&self, ticket: u64) -> Try {
        let mut chance = Chance::new(self.seed, PURPOSE + ticket);
        let agent = if chance.percent(self.same) {
            0
        } else {
            self.bystander(ticket)
        };
        if chance.percent(MALFORMED) {
            let flaw = Some(*chance.one(&Flaw::ALL));
            let key = format!("bad-{ticket}");
            return Try {
                agent,
                key,
                units: 1,
                flaw,
            };
        }
        if ticket > 0 && chance.percent(REUSED) {
            // Mostly of a moment ago, because there the races are.
            let back = if chance.percent(75) { 24 } else { ticket };
            let earlier = ticket - chance.between(1, back.clamp(1, ticket));
            let mut again = self.draw(earlier);
            if again.flaw.is_none() {
                if chance.percent(TWISTED) {
                    again.units += 100;
                }
                return again;
            }
        }
        let units = if agent == 0 { 1 } else { chance.between(1, 3) };
        Try {
            agent,
            key: format!("pay-{ticket}"),
            units,
            flaw: None,
        }
    }

    /// Bystanders are asked one after the other.
    fn bystander(&self, ticket: u64) -> usize {
        let each = (self.tries / self.bystanders.max(1) as u64).max(1);
        let number = usize::try_from(ticket / each).unwrap();
        if self.bystanders == 0 {
            0
        } else {
            1 + number.min(self.bystanders - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use {super::*, std::collections::BTreeMap};

    const MIX: Mix = Mix {
        seed: 3,
        tries: 10_000,
        same: 70,
        bystanders: 15,
    };

    #[test]
    fn a_ticket_says_the_same_each_time() {
        assert!((0..500).all(|ticket| MIX.draw(ticket) == MIX.draw(ticket)));
        let other = Mix { seed: 4, ..MIX };
        assert!((0..500).any(|ticket| MIX.draw(ticket) != other.draw(ticket)));
    }

    #[test]
    fn the_shares_are_as_promised() {
        let all: Vec<Try> = (0..MIX.tries).map(|ticket| MIX.draw(ticket)).collect();
        let share = |which: &dyn Fn(&Try) -> bool| all.iter().filter(|one| which(one)).count() * 100 / all.len();
        assert!((65..=75).contains(&share(&|one| one.agent == 0)));
        assert!((8..=12).contains(&share(&|one| one.flaw.is_some())));
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        all.iter().for_each(|one| *times.entry(&one.key).or_default() += 1);
        let again = all.len() - times.len();
        assert!((20..=30).contains(&(again * 100 / all.len())), "{again}");
        let twisted = all.iter().filter(|one| one.units > 100).count();
        assert!(twisted > 100, "{twisted}");
    }

    #[test]
    fn each_bystander_has_its_own_stretch() {
        let mut of: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for ticket in 0..MIX.tries {
            let one = MIX.draw(ticket);
            if one.agent > 0 && one.key == format!("pay-{ticket}") {
                of.entry(one.agent).or_default().push(ticket);
            }
        }
        assert_eq!(of.len(), MIX.bystanders);
        for (agent, tickets) in of {
            assert!(tickets.iter().all(|ticket| MIX.bystander(*ticket) == agent));
        }
    }
}
