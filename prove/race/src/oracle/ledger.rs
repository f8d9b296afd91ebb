//! The ledger's prefixes: the audit log is read from its beginning, and at no entry may a window's sum be above the
//! limit. The sums are made here, by adding up; nothing of the product's own arithmetic is asked.
//!
//! Then the tables have to say the same as the log, and the log has to be one chain.

use {
    super::{Finding, Findings, Promise},
    crate::facts::{Books, Facts, Millis, Payment},
    std::{
        cmp::Reverse,
        collections::{BTreeMap, BinaryHeap},
    },
};

/// The windows, in milliseconds, and what an entry counts longer than one.
const WINDOWS: [(&str, Millis); 3] = [("24 h", 86_400_000), ("7 d", 604_800_000), ("30 d", 2_592_000_000)];
const SPARE: Millis = 1000;

/// What the log has told of a payment so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Reserved,
    Signed,
    Confirmed,
    Given,
    Denied,
}

/// What is settled and counts in one window, and when each part leaves it.
type Settled = (u64, BinaryHeap<Reverse<(Millis, u64)>>);

/// What counts against one agent.
#[derive(Default)]
struct Counted {
    /// Reserved and neither settled nor given back.
    pending: u64,
    /// By window.
    settled: [Settled; 3],
}

impl Counted {
    fn in_window(&mut self, window: usize, at: Millis) -> u64 {
        let (sum, leaving) = &mut self.settled[window];
        while leaving.peek().is_some_and(|Reverse((when, _))| *when <= at) {
            *sum -= leaving.pop().unwrap().0.1;
        }
        *sum + self.pending
    }

    /// The windows whose limit is passed: name, sum and limit.
    fn above(&mut self, facts: &Facts, agent: usize, at: Millis) -> Vec<(&'static str, u64, u64)> {
        let limits = facts.agents[agent].limits.map(|units| units * facts.unit);
        let sums = (0..WINDOWS.len()).map(|window| (WINDOWS[window].0, self.in_window(window, at), limits[window]));
        sums.filter(|(_, sum, limit)| sum > limit).collect()
    }

    fn settle(&mut self, lamports: u64, landed: Millis) {
        self.pending -= lamports;
        for ((sum, leaving), (_, length)) in self.settled.iter_mut().zip(WINDOWS) {
            *sum += lamports;
            leaving.push(Reverse((landed + length + SPARE, lamports)));
        }
    }
}

pub(super) fn judge(facts: &Facts, promise: Promise) -> Vec<Finding> {
    let mut found = prefixes(facts);
    found.extend(tables(&facts.books));
    found.extend(audit(&facts.books));
    if promise.drained {
        found.extend(drained(facts, promise.interruptions));
    }
    found
}

fn prefixes(facts: &Facts) -> Vec<Finding> {
    let mut found = Findings::of("ledger prefixes");
    let payments: BTreeMap<&str, &Payment> = facts.books.payments.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    let mut counted: Vec<Counted> = facts.agents.iter().map(|_| Counted::default()).collect();
    let mut signed: Vec<Counted> = facts.agents.iter().map(|_| Counted::default()).collect();
    let by_signer = facts
        .books
        .bookings
        .iter()
        .filter(|booking| booking.account.starts_with("signer:"));
    let by_signer: BTreeMap<&str, Millis> = by_signer
        .map(|booking| (booking.payment.as_str(), booking.at))
        .collect();
    let mut latest = Millis::MIN;
    for entry in &facts.books.entries {
        found.check(entry.at >= latest, || {
            format!("entry {} is older than the one before", entry.seq)
        });
        latest = latest.max(entry.at);
        let Some(payment) = payments.get(entry.payment.as_str()) else {
            found.add(format!(
                "entry {} is about `{}`, which is no payment",
                entry.seq, entry.payment
            ));
            continue;
        };
        let Some(agent) = facts.agent(&payment.agent) else {
            continue;
        };
        let before = told.get(payment.id.as_str()).copied();
        let now = match (entry.kind.as_str(), before) {
            ("transaction.reserved", None) => {
                counted[agent].pending += payment.lamports;
                for (name, sum, limit) in counted[agent].above(facts, agent, entry.at) {
                    let Payment { id, agent, .. } = payment;
                    let seq = entry.seq;
                    found.add(format!(
                        "at entry {seq} {agent} has {sum} of {limit} lamports in {name}, with {id}"
                    ));
                }
                Told::Reserved
            }
            ("transaction.denied", None) => Told::Denied,
            ("transaction.signed", Some(Told::Reserved)) => {
                let counts_from = by_signer.get(payment.id.as_str()).copied().unwrap_or(entry.at);
                signed[agent].pending += payment.lamports;
                signed[agent].settle(payment.lamports, counts_from);
                for (name, sum, limit) in signed[agent].above(facts, agent, entry.at) {
                    let Payment { id, agent, .. } = payment;
                    let seq = entry.seq;
                    found.add(format!(
                        "at entry {seq} {agent} has {sum} of {limit} lamports in {name} signed, with {id}"
                    ));
                }
                Told::Signed
            }
            ("transaction.confirmed", Some(Told::Signed)) => {
                let landed = entry.landed_at.unwrap_or(entry.at);
                counted[agent].settle(payment.lamports, landed);
                Told::Confirmed
            }
            ("transaction.failed" | "transaction.voided", Some(Told::Reserved | Told::Signed)) => {
                counted[agent].pending -= payment.lamports;
                Told::Given
            }
            (kind, before) => {
                found.add(format!(
                    "entry {} says {kind} of {} after {before:?}",
                    entry.seq, payment.id
                ));
                continue;
            }
        };
        told.insert(&payment.id, now);
    }
    for payment in &facts.books.payments {
        let expected: &[Option<Told>] = match payment.stage.as_str() {
            "RESERVED" | "SIGNING" => &[Some(Told::Reserved)],
            "SUBMITTED" => &[Some(Told::Signed)],
            "FINALIZED" => &[Some(Told::Confirmed)],
            "DENIED" => &[Some(Told::Denied)],
            _ => &[Some(Told::Given)],
        };
        let told = told.get(payment.id.as_str()).copied();
        found.check(expected.contains(&told), || {
            format!(
                "{} is {}, and the log's last word on it is {told:?}",
                payment.id, payment.stage
            )
        });
    }
    found.all()
}

/// Reservations, accounts and entries say the same as the payments.
fn tables(books: &Books) -> Vec<Finding> {
    let mut found = Findings::of("ledger tables");
    let payments: BTreeMap<&str, &Payment> = books.payments.iter().map(|one| (one.id.as_str(), one)).collect();
    // What each account must hold: settled, pending, entries.
    let mut sums: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    let mut parts: BTreeMap<&str, u32> = BTreeMap::new();
    for part in &books.reservations {
        let Some(payment) = payments.get(part.payment.as_str()) else {
            found.add(format!("a reservation `{}` of no payment", part.payment));
            continue;
        };
        *parts.entry(&payment.id).or_default() += 1;
        found.check(part.lamports == payment.lamports, || {
            format!(
                "{} reserves {} of {} lamports",
                payment.id, part.lamports, payment.lamports
            )
        });
        let by_signer = part.account.starts_with("signer:");
        let signed = payment.signature.is_some();
        let expected = match payment.stage.as_str() {
            _ if by_signer && signed => "SETTLED",
            "RESERVED" | "SIGNING" | "SUBMITTED" => "RESERVED",
            "FINALIZED" => "SETTLED",
            _ => "RELEASED",
        };
        found.check(part.state.eq_ignore_ascii_case(expected), || {
            format!(
                "{} is {} and {} in {}",
                payment.id, payment.stage, part.state, part.account
            )
        });
        let sum = sums.entry(&part.account).or_default();
        match part.state.to_ascii_uppercase().as_str() {
            "SETTLED" => *sum = (sum.0 + part.lamports, sum.1, sum.2 + 1),
            "RESERVED" => sum.1 += part.lamports,
            _ => {}
        }
    }
    for payment in books.payments.iter().filter(|one| !one.was_refused()) {
        let accounts = parts.get(payment.id.as_str()).copied().unwrap_or(0);
        found.check(accounts == 3, || {
            format!("{} is {} and counts in {accounts} accounts", payment.id, payment.stage)
        });
    }
    for account in &books.accounts {
        let sum = sums.get(account.id.as_str()).copied().unwrap_or_default();
        let holds = (account.settled, account.pending, account.next_seq);
        found.check(holds == sum, || {
            format!("{} holds {holds:?}, its reservations make {sum:?}", account.id)
        });
    }
    let mut last: BTreeMap<&str, (u64, u64, Millis)> = BTreeMap::new();
    for booking in &books.bookings {
        let (seq, running, at) = last
            .get(booking.account.as_str())
            .copied()
            .unwrap_or((0, 0, Millis::MIN));
        let whole = booking.seq == seq && booking.running == running + booking.lamports && booking.at >= at;
        found.check(whole, || {
            format!(
                "entry {} of {} does not follow the one before",
                booking.seq, booking.account
            )
        });
        last.insert(&booking.account, (booking.seq + 1, booking.running, booking.at));
    }
    found.all()
}

fn audit(books: &Books) -> Vec<Finding> {
    let mut found = Findings::of("audit chain");
    if let Some(broken) = &books.audit_broken {
        found.add(broken.clone());
    }
    found.all()
}

/// After the drain everything has its end, and the one agent has spent exactly its limit: settled, or signed and proven
/// dead, which counts as spent at the signer. Only what was under way when somebody died or
/// stood still may be of the second kind.
fn drained(facts: &Facts, interruptions: u64) -> Vec<Finding> {
    let mut found = Findings::of("drain");
    for payment in facts.books.payments.iter().filter(|one| one.is_open()) {
        found.add(format!("{} is still {}", payment.id, payment.stage));
    }
    let one = &facts.agents[0];
    let spent = |which: &dyn Fn(&Payment) -> bool| -> u64 {
        let own = facts
            .books
            .payments
            .iter()
            .filter(|payment| payment.agent == one.id && which(payment));
        own.map(|payment| payment.lamports).sum::<u64>() / facts.unit
    };
    let settled = spent(&Payment::is_settled);
    let burnt = spent(&|payment| !payment.is_settled() && !payment.is_open() && payment.signature.is_some());
    let limit = one.limits[0];
    found.check(settled + burnt == limit, || {
        format!("{settled} settled and {burnt} signed and dead, where {limit} were to be spent")
    });
    found.check(burnt <= interruptions, || {
        format!("{burnt} payments were signed in vain, where {interruptions} processes have died or stood still")
    });
    found.all()
}

#[cfg(test)]
mod tests {
    use super::{super::sample::*, *};

    const PROMISE: Promise = Promise {
        drained: true,
        interruptions: 0,
        searched: 0,
    };

    fn says(facts: &Facts, what: &str) {
        let found = judge(facts, PROMISE);
        assert!(found.iter().any(|one| one.what.contains(what)), "{found:#?}");
    }

    #[test]
    fn a_run_as_it_should_be_is_in_order() {
        assert_eq!(judge(&run(), PROMISE), []);
    }

    #[test]
    fn one_unit_above_the_limit_is_found_at_the_entry_that_takes_it() {
        let mut facts = run();
        facts.agents[0].limits = [1; 3];
        says(&facts, "of 1000 lamports in 24 h, with tx_b");
    }

    #[test]
    fn what_has_left_the_day_still_counts_in_the_week() {
        let mut facts = run();
        facts.agents[0].limits = [1; 3];
        let two_days = 2 * 86_400_000;
        for entry in facts.books.entries.iter_mut().filter(|entry| entry.seq > 2) {
            entry.at += two_days;
            entry.landed_at = entry.landed_at.map(|at| at + two_days);
        }
        let found = judge(
            &facts,
            Promise {
                drained: false,
                ..PROMISE
            },
        );
        assert!(found.iter().all(|one| !one.what.contains("24 h")), "{found:#?}");
        assert!(found.iter().any(|one| one.what.contains("7 d")), "{found:#?}");
    }

    #[test]
    fn an_entry_counts_to_the_end_of_its_window_and_a_second_longer() {
        let mut facts = run();
        facts.agents[0].limits = [1; 3];
        let landed = facts.books.entries[2].landed_at.unwrap();
        let a_month_on = |facts: &mut Facts, more: Millis| {
            for entry in facts.books.entries.iter_mut().filter(|entry| entry.seq > 2) {
                entry.at = landed + 2_592_000_000 + more;
                entry.landed_at = entry.landed_at.map(|_| landed + 2_592_000_000 + more);
            }
        };
        a_month_on(&mut facts, 999);
        assert!(!prefixes(&facts).is_empty());
        a_month_on(&mut facts, 1000);
        assert_eq!(prefixes(&facts), []);
    }

    #[test]
    fn a_payment_that_is_confirmed_twice_or_never_signed_is_found() {
        let mut facts = run();
        let again = facts.books.entries[2].clone();
        facts.books.entries.push(Entry {
            seq: 99,
            at: i64::MAX,
            ..again
        });
        says(&facts, "says transaction.confirmed of tx_a after Some(Confirmed)");
        let mut facts = run();
        facts.books.entries.remove(1);
        says(&facts, "says transaction.confirmed of tx_a after Some(Reserved)");
    }

    #[test]
    fn a_stage_that_the_log_does_not_tell_of_is_found() {
        let mut facts = run();
        facts
            .books
            .entries
            .retain(|entry| entry.kind != "transaction.confirmed");
        says(
            &facts,
            "tx_a is FINALIZED, and the log's last word on it is Some(Signed)",
        );
    }

    #[test]
    fn accounts_that_do_not_add_up_are_found() {
        let mut facts = run();
        facts.books.accounts[0].pending += 1;
        says(&facts, "its reservations make");
        let mut facts = run();
        facts.books.bookings[1].running -= 1;
        says(&facts, "does not follow the one before");
        let mut facts = run();
        facts.books.reservations[0].state = "RELEASED".into();
        says(&facts, "RELEASED in");
        let mut facts = run();
        facts.books.reservations.remove(0);
        says(&facts, "counts in 2 accounts");
    }

    #[test]
    fn a_log_that_is_no_chain_is_found() {
        let mut facts = run();
        facts.books.audit_broken = Some("the audit log is broken at entry 3".into());
        says(&facts, "broken at entry 3");
    }

    #[test]
    fn one_less_than_the_limit_after_the_drain_is_found_and_so_is_what_has_no_end() {
        let mut facts = run();
        facts.agents[0].limits = [3; 3];
        says(&facts, "2 settled and 0 signed and dead, where 3");
        let mut facts = run();
        facts.books.payments[0].stage = "EXPIRED".into();
        says(&facts, "1 payments were signed in vain, where 0");
        let mut facts = run();
        facts.books.payments[0].stage = "SUBMITTED".into();
        says(&facts, "tx_a is still SUBMITTED");
    }

    use crate::facts::Entry;
}
