//! The interval between spends, and what holds when two clocks differ.

use crate::{
    support::{at, codes, moment, open_policy, sol},
    time::{blackout, hours, timed},
};
use portreeve_kernel::{Code, Now};
use portreeve_policy::{AgentPolicy, Hours, Outcome, Usage, evaluate};

#[test]
fn the_interval_since_the_last_spend_ends_with_its_last_second() {
    let policy = AgentPolicy {
        min_interval_seconds: 60,
        ..open_policy()
    };
    let usage = Usage {
        last_spend_at: Some(moment("2027-06-15T10:00:00Z")),
        ..Usage::default()
    };
    let ask = |now| evaluate(&policy, &sol(1), &usage, at(now));
    let early = ask("2027-06-15T10:00:59.999Z");
    assert_eq!(
        (early.outcome, codes(&early)),
        (Outcome::Deny, vec![Code::PolicyMinInterval])
    );
    assert_eq!(early.passes_at(), Some(moment("2027-06-15T10:01:00Z")));
    assert_eq!(ask("2027-06-15T10:01:00Z").outcome, Outcome::Allow);
    assert_eq!(
        ask("2027-06-15T09:00:00Z").outcome,
        Outcome::Deny,
        "a last spend in the future is recent"
    );
    let first = evaluate(&policy, &sol(1), &Usage::default(), at("2027-06-15T10:00:00Z"));
    assert_eq!(first.outcome, Outcome::Allow, "the first spend waits for nothing");
}

#[test]
fn an_interval_that_ends_after_closing_time_passes_at_the_next_opening() {
    let policy = AgentPolicy {
        min_interval_seconds: 3600,
        ..timed(hours(9, 17))
    };
    let usage = Usage {
        last_spend_at: Some(moment("2027-06-15T16:30:00Z")),
        ..Usage::default()
    };
    let no = evaluate(&policy, &sol(1), &usage, at("2027-06-15T16:45:00Z"));
    assert_eq!(codes(&no), [Code::PolicyMinInterval]);
    assert_eq!(no.passes_at(), Some(moment("2027-06-16T09:00:00Z")));
}

#[test]
fn where_two_clocks_differ_both_must_be_open() {
    let office = timed(hours(9, 17));
    let ask = |slow, fast| {
        evaluate(
            &office,
            &sol(1),
            &Usage::default(),
            Now::between(moment(slow), moment(fast)),
        )
    };
    assert_eq!(
        ask("2027-06-15T09:00:00Z", "2027-06-15T09:00:20Z").outcome,
        Outcome::Allow
    );
    let opening = ask("2027-06-15T08:59:50Z", "2027-06-15T09:00:10Z");
    assert_eq!(
        (opening.outcome, opening.passes_at()),
        (Outcome::Deny, Some(moment("2027-06-15T09:00:00Z")))
    );
    let closing = ask("2027-06-15T16:59:50Z", "2027-06-15T17:00:10Z");
    assert_eq!(
        (closing.outcome, closing.passes_at()),
        (Outcome::Deny, Some(moment("2027-06-16T09:00:00Z")))
    );
    let dated = timed(blackout(&["2027-06-16"]));
    let eve = Now::between(moment("2027-06-15T23:59:50Z"), moment("2027-06-16T00:00:10Z"));
    let no = evaluate(&dated, &sol(1), &Usage::default(), eve);
    assert_eq!(
        (codes(&no), no.passes_at()),
        (vec![Code::PolicyBlackoutDate], Some(moment("2027-06-17T00:00:00Z")))
    );
}

#[test]
fn the_interval_is_measured_by_the_slowest_clock() {
    let policy = AgentPolicy {
        min_interval_seconds: 60,
        ..open_policy()
    };
    let usage = Usage {
        last_spend_at: Some(moment("2027-06-15T10:00:00Z")),
        ..Usage::default()
    };
    let now = Now::between(moment("2027-06-15T10:00:50Z"), moment("2027-06-15T10:01:10Z"));
    let no = evaluate(&policy, &sol(1), &usage, now);
    assert_eq!(
        (codes(&no), no.passes_at()),
        (vec![Code::PolicyMinInterval], Some(moment("2027-06-15T10:01:00Z")))
    );
}

#[test]
fn clocks_further_apart_than_any_opening_are_never_both_in_one() {
    let office = timed(hours(9, 10));
    let apart = Now::between(moment("2027-06-15T09:30:00Z"), moment("2027-06-15T11:30:00Z"));
    let no = evaluate(&office, &sol(1), &Usage::default(), apart);
    assert_eq!((no.outcome, no.passes_at()), (Outcome::Deny, None));
}

#[test]
fn hours_by_themselves_are_open_when_both_clocks_are_in_them() {
    let office = Hours { start: 9, end: 17 };
    let between = |slow, fast| Now::between(moment(slow), moment(fast));
    let both = between("2027-06-15T16:59:58Z", "2027-06-15T16:59:59.999Z");
    assert!(office.open_now(both));
    assert_eq!(office.open_from(both), Some(both.for_release()));
    for apart in [
        between("2027-06-15T16:59:59.999Z", "2027-06-15T17:00:00Z"),
        between("2027-06-15T08:59:59.999Z", "2027-06-15T09:00:00Z"),
    ] {
        assert!(!office.open_now(apart), "{apart:?}");
    }
    assert_eq!(
        office.open_from(between("2027-06-15T16:59:59Z", "2027-06-15T17:00:00Z")),
        Some(moment("2027-06-16T09:00:00Z"))
    );
    assert_eq!(Hours { start: 9, end: 9 }.open_from(both), None, "never");
    assert_eq!(office.to_string(), "9:00 to 17:00 UTC");
}
