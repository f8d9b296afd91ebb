//! Whether there is an order in which the answers make sense: every decision somewhere between its request and its
//! answer, and at each the budget a counter that has room for what was allowed and none for what was denied.
//!
//! A request without answer may have been decided at any time after it was sent; the books say whether it ever was. So
//! each payment becomes one or two events with an interval each: it is reserved or denied, and perhaps given back. On any
//! history the events are counted: never certainly more than the limit, never denied where there was certainly room. That
//! finds most of what is illegal and never errs. On short histories an order is searched for (as Wing and Gong do), and
//! then the answer is certain either way.

use {
    super::{Finding, Findings, Judgement, answers::is_creation},
    crate::{
        facts::{Agent, Facts, Payment},
        history::{Op, Reply},
    },
    std::collections::{BTreeMap, HashSet},
};

/// Steps after which a search is given up.
const PATIENCE: u32 = 3_000_000;

/// No later bound.
const NEVER: u64 = u64::MAX;

/// What happened to the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Reserve,
    Deny,
    /// Gives back what the event at this place reserved.
    Release(usize),
}

/// One change, or refusal to change, and when it may have been.
#[derive(Debug, Clone)]
struct Event {
    act: Act,
    units: u64,
    from: u64,
    to: u64,
    name: String,
}

pub(super) fn judge(facts: &Facts, history: &[Op], searched: usize, judgement: &mut Judgement) {
    for (place, agent) in facts.agents.iter().enumerate() {
        let Some(limit) = agent.counter() else { continue };
        let mut found = Findings::of("linearizable history");
        let events = events(facts, agent, place, history, &mut found);
        count(&events, limit, &agent.id, &mut found);
        if events.len() <= searched {
            match search(&events, limit) {
                Some(true) => judgement.ordered += 1,
                Some(false) => found.add(format!(
                    "no order of the {} events of {} is legal",
                    events.len(),
                    agent.id
                )),
                None => judgement.undecided += 1,
            }
        }
        judgement.findings.extend::<Vec<Finding>>(found.all());
    }
}

fn events(facts: &Facts, agent: &Agent, place: usize, history: &[Op], found: &mut Findings) -> Vec<Event> {
    let mut asked: BTreeMap<&str, Vec<&Op>> = BTreeMap::new();
    for op in history.iter().filter(|op| op.agent == place && !op.malformed) {
        asked.entry(&op.key).or_default().push(op);
    }
    let mut events = Vec::new();
    for payment in facts.books.payments.iter().filter(|payment| payment.agent == agent.id) {
        let Some(ops) = asked.get(payment.key.as_str()) else {
            continue;
        };
        let act = match payment.code.as_deref() {
            // Other rules do not look at the counter.
            Some(code) if payment.was_refused() && !is_of_window(code) => continue,
            _ if payment.was_refused() => Act::Deny,
            _ => Act::Reserve,
        };
        let units = payment.lamports / facts.unit;
        let decided = |op: &&&Op| is_known(&op.reply);
        let to = ops
            .iter()
            .filter(decided)
            .filter_map(|op| op.answered)
            .min()
            .unwrap_or(NEVER);
        // Whoever made it, or might have.
        let creation = ops.iter().find(|op| is_creation(&op.reply));
        let candidates = ops
            .iter()
            .filter(|op| matches!(op.reply, Reply::Lost | Reply::Http { status: 500.., .. }));
        let from = match creation {
            Some(creation) => Some(creation.asked),
            None => candidates.map(|op| op.asked).min(),
        };
        let Some(from) = from.filter(|from| *from <= to) else {
            found.add(format!("{} was known before anybody can have made it", payment.id));
            continue;
        };
        let (name, place) = (payment.id.clone(), events.len());
        events.push(Event {
            act,
            units,
            from,
            to,
            name: name.clone(),
        });
        if act == Act::Reserve && was_given_back(payment) {
            let from = ops
                .iter()
                .filter(|op| saw(op, true))
                .map(|op| op.asked)
                .max()
                .map_or(from, |seen| seen.max(from));
            let to = ops
                .iter()
                .filter(|op| saw(op, false))
                .filter_map(|op| op.answered)
                .min()
                .unwrap_or(NEVER);
            events.push(Event {
                act: Act::Release(place),
                units,
                from,
                to,
                name,
            });
        }
    }
    events
}

fn is_of_window(code: &str) -> bool {
    [
        "POLICY_DAILY_LIMIT_EXCEEDED",
        "POLICY_WEEKLY_LIMIT_EXCEEDED",
        "POLICY_MONTHLY_LIMIT_EXCEEDED",
    ]
    .contains(&code)
}

/// Whether its budget came back. What was signed stays spent at the signer, landed or not.
fn was_given_back(payment: &Payment) -> bool {
    !payment.is_open() && !payment.is_settled() && payment.signature.is_none()
}

/// Whether whoever got the reply knows that the payment has been decided.
fn is_known(reply: &Reply) -> bool {
    match reply {
        Reply::Http {
            status: 409 | 422,
            code: Some(code),
            ..
        } if code == "REQUEST_IDEMPOTENCY_MISMATCH" => true,
        Reply::Http { status: 202, .. } => true,
        reply => is_creation(reply),
    }
}

/// Whether the reply shows a payment that counts, or one that has failed.
fn saw(op: &Op, counting: bool) -> bool {
    match &op.reply {
        Reply::Http {
            status: 202,
            state: Some(state),
            ..
        } => {
            let dead = ["FAILED", "EXPIRED", "REJECTED"].contains(&state.as_str());
            dead != counting
        }
        Reply::Http {
            status: 409 | 422,
            code: Some(code),
            ..
        } => !counting && code.starts_with("TRANSACTION_"),
        _ => false,
    }
}

/// Whether at some moment there was certainly too much, or certainly room for what was denied.
fn count(events: &[Event], limit: u64, agent: &str, found: &mut Findings) {
    // At each moment: what is certainly reserved, and what may be.
    let mut moments: Vec<u64> = events
        .iter()
        .flat_map(|event| [event.from, event.to])
        .filter(|at| *at < NEVER)
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let place = |at: u64| moments.partition_point(|moment| *moment < at);
    let mut certain = vec![0_i128; moments.len() + 1];
    let mut possible = certain.clone();
    for event in events {
        let units = i128::from(event.units);
        match event.act {
            Act::Reserve => {
                certain[place(event.to)] += units;
                possible[place(event.from)] += units;
            }
            // Perhaps at once, and for certain only after its last moment.
            Act::Release(_) => {
                certain[place(event.from)] -= units;
                possible[(place(event.to) + 1).min(moments.len())] -= units;
            }
            Act::Deny => {}
        }
    }
    let mut sum = 0;
    for (at, change) in moments.iter().zip(&certain) {
        sum += change;
        found.check(sum <= i128::from(limit), || {
            format!("{agent} has {sum} of {limit} units reserved at {at} µs")
        });
    }
    let mut sum = 0;
    let at_most: Vec<i128> = possible
        .iter()
        .map(|change| {
            sum += change;
            sum
        })
        .collect();
    for event in events.iter().filter(|event| event.act == Act::Deny) {
        let range = place(event.from)..=place(event.to).min(moments.len() - 1);
        let most = at_most[range].iter().max().copied().unwrap_or(0);
        found.check(most + i128::from(event.units) > i128::from(limit), || {
            format!(
                "{agent} had at most {most} of {limit} units reserved when {} was denied {}",
                event.name, event.units
            )
        });
    }
}

/// Whether a legal order exists; `None` when it was not found out.
fn search(events: &[Event], limit: u64) -> Option<bool> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|place| events[*place].to);
    let mut search = Search {
        events,
        order,
        limit,
        dead: HashSet::new(),
        left: PATIENCE,
    };
    let mut done = vec![0_u64; events.len().div_ceil(64)];
    search.from(&mut done, 0, 0)
}

struct Search<'a> {
    events: &'a [Event],
    /// Those that have to be over first come first.
    order: Vec<usize>,
    limit: u64,
    /// Sets of events after which nothing legal follows. The counter depends on the set alone.
    dead: HashSet<Vec<u64>>,
    left: u32,
}

impl Search<'_> {
    fn from(&mut self, done: &mut Vec<u64>, used: u64, count: usize) -> Option<bool> {
        if count == self.events.len() {
            return Some(true);
        }
        if self.dead.contains(done) {
            return Some(false);
        }
        self.left = self.left.checked_sub(1)?;
        let is_done = |done: &[u64], place: usize| done[place / 64] & (1 << (place % 64)) != 0;
        let waiting: Vec<usize> = self
            .order
            .iter()
            .copied()
            .filter(|place| !is_done(done, *place))
            .collect();
        let first_end = self.events[waiting[0]].to;
        for place in waiting {
            let event = &self.events[place];
            if event.from > first_end {
                continue;
            }
            let next = match event.act {
                Act::Reserve if used + event.units <= self.limit => used + event.units,
                Act::Deny if used + event.units > self.limit => used,
                Act::Release(of) if is_done(done, of) => used - event.units,
                _ => continue,
            };
            let harmless = event.act == Act::Deny;
            done[place / 64] |= 1 << (place % 64);
            let legal = self.from(done, next, count + 1);
            done[place / 64] &= !(1 << (place % 64));
            // What changes nothing can always come first: there is no need to try it later.
            if legal != Some(false) || harmless {
                if legal == Some(false) {
                    self.dead.insert(done.clone());
                }
                return legal;
            }
        }
        self.dead.insert(done.clone());
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use {
        super::{super::sample, *},
        crate::chance::Chance,
    };

    fn event(act: Act, units: u64, from: u64, to: u64) -> Event {
        Event {
            act,
            units,
            from,
            to,
            name: "p".into(),
        }
    }

    fn counted(events: &[Event], limit: u64) -> Vec<Finding> {
        let mut found = Findings::of("test");
        count(events, limit, "a", &mut found);
        found.all()
    }

    fn judged(facts: &Facts, history: &[Op]) -> Judgement {
        let mut judgement = Judgement::default();
        judge(facts, history, 200, &mut judgement);
        judgement
    }

    #[test]
    fn a_history_as_it_should_be_has_an_order() {
        let judgement = judged(&sample::run(), &sample::history());
        assert_eq!(
            (judgement.findings, judgement.ordered, judgement.undecided),
            (vec![], 1, 0)
        );
    }

    #[test]
    fn a_denial_while_there_was_room_is_found() {
        let mut history = sample::history();
        // Now it comes before anything was reserved.
        (history[2].asked, history[2].answered) = (0, Some(0));
        for (place, op) in history.iter_mut().enumerate().filter(|(place, _)| *place != 2) {
            (op.asked, op.answered) = (place as u64 * 10 + 100, Some(place as u64 * 10 + 105));
        }
        let judgement = judged(&sample::run(), &history);
        let told: Vec<_> = judgement.findings.iter().map(|one| one.what.as_str()).collect();
        assert!(
            told.iter().any(|what| what.contains("when tx_c was denied 1")),
            "{told:?}"
        );
        assert!(told.iter().any(|what| what.contains("no order")), "{told:?}");
    }

    #[test]
    fn more_than_the_limit_is_found() {
        let mut facts = sample::run();
        facts.agents[0].limits = [1; 3];
        let judgement = judged(&facts, &sample::history());
        assert!(
            judgement.findings.iter().any(|one| one.what.contains("2 of 1 units")),
            "{judgement:?}"
        );
    }

    #[test]
    fn a_payment_that_was_known_before_it_was_asked_for_is_found() {
        let mut history = sample::history();
        history.remove(0);
        let judgement = judged(&sample::run(), &history);
        assert!(
            judgement.findings.iter().any(|one| one.what.contains("known before")),
            "{judgement:?}"
        );
    }

    #[test]
    fn what_was_never_answered_may_have_been_decided_at_any_time_after() {
        let mut history = sample::history();
        (history[0].answered, history[0].reply) = (None, Reply::Lost);
        assert_eq!(judged(&sample::run(), &history).findings, []);
    }

    #[test]
    fn what_was_given_back_makes_room_again_and_only_then() {
        let run = |release: (u64, u64)| {
            [
                event(Act::Reserve, 1, 0, 1),
                event(Act::Release(0), 1, release.0, release.1),
                event(Act::Reserve, 1, 4, 5),
            ]
        };
        assert_eq!(
            (counted(&run((2, 3)), 1), search(&run((2, 3)), 1)),
            (vec![], Some(true))
        );
        assert_eq!(
            (counted(&run((2, NEVER)), 1), search(&run((2, NEVER)), 1)),
            (vec![], Some(true))
        );
        assert_eq!(search(&run((6, 7)), 1), Some(false));
        assert_ne!(counted(&run((6, 7)), 1), []);
    }

    #[test]
    fn the_search_finds_what_counting_does_not() {
        // Of two that overlap with a denial of one unit, one is still to come: there is an order. But a second denial
        // for which the first must not have been reserved makes it impossible.
        let two = [
            event(Act::Reserve, 2, 0, 10),
            event(Act::Deny, 2, 2, 3),
            event(Act::Deny, 1, 4, 5),
            event(Act::Reserve, 1, 0, 10),
        ];
        assert_eq!(search(&two, 3), Some(true));
        let impossible = [
            event(Act::Reserve, 1, 0, 10),
            event(Act::Deny, 1, 2, 3),
            event(Act::Release(0), 1, 0, 10),
            event(Act::Reserve, 1, 4, 5),
            event(Act::Deny, 1, 6, 7),
            event(Act::Release(3), 1, 8, 9),
            event(Act::Deny, 1, 10, 11),
        ];
        assert_eq!(counted(&impossible[..6], 1), []);
        assert_eq!(search(&impossible[..6], 1), Some(true));
        assert_eq!(search(&impossible, 1), Some(false));
    }

    /// Every order, tried out.
    fn brute(events: &[Event], limit: u64, done: &mut Vec<usize>, used: u64) -> bool {
        if done.len() == events.len() {
            return true;
        }
        (0..events.len()).any(|place| {
            let event = &events[place];
            let after_all = (0..events.len()).all(|other| done.contains(&other) || events[other].to >= event.from);
            if done.contains(&place) || !after_all {
                return false;
            }
            let next = match event.act {
                Act::Reserve if used + event.units <= limit => used + event.units,
                Act::Deny if used + event.units > limit => used,
                Act::Release(of) if done.contains(&of) => used - event.units,
                _ => return false,
            };
            done.push(place);
            let legal = brute(events, limit, done, next);
            done.pop();
            legal
        })
    }

    #[test]
    fn the_search_agrees_with_trying_every_order_and_counting_never_errs() {
        let mut legal = 0;
        for seed in 0..1500 {
            let mut chance = Chance::new(seed, 9);
            let mut events = Vec::new();
            while events.len() < 6 {
                let from = chance.below(12);
                let to = if chance.percent(15) {
                    NEVER
                } else {
                    from + chance.below(5)
                };
                let act = if chance.percent(60) { Act::Reserve } else { Act::Deny };
                let units = chance.between(1, 2);
                events.push(event(act, units, from, to));
                if act == Act::Reserve && chance.percent(30) {
                    let release = Act::Release(events.len() - 1);
                    events.push(event(release, units, from + chance.below(4), NEVER));
                }
            }
            let truth = brute(&events, 3, &mut Vec::new(), 0);
            assert_eq!(search(&events, 3), Some(truth), "{events:?}");
            if truth {
                legal += 1;
                assert_eq!(counted(&events, 3), [], "{events:?}");
            }
        }
        assert!((150..1350).contains(&legal), "{legal}");
    }
}
