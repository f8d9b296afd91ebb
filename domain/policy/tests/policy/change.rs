//! When a changed policy takes effect.

use {
    crate::support::{limits, mint, open_policy},
    portreeve_kernel::{Now, Seconds, Timestamp},
    portreeve_policy::{AgentPolicy, Effective, Escalation, Limits, TokenPolicy, takes_effect},
};

const SLOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const FAST: Timestamp = Timestamp::from_seconds(1_800_000_060);
const DELAY: Seconds = Seconds(3_600);

fn with(limits: Limits) -> AgentPolicy {
    AgentPolicy {
        limits,
        ..open_policy()
    }
}

fn at(new: &AgentPolicy, asked: Effective) -> Timestamp {
    takes_effect(
        &with(limits(10, 100, 700, 3000)),
        new,
        asked,
        DELAY,
        Now::between(SLOW, FAST),
    )
}

#[test]
fn what_tightens_acts_at_once_unless_the_owner_leaves_the_period_alone() {
    for (new, period) in [
        (limits(10, 50, 700, 3000), 86_400),
        (limits(10, 50, 600, 3000), 604_800),
        (limits(10, 100, 700, 2999), 2_592_000),
        (limits(9, 100, 700, 3000), 0),
        (limits(10, 100, 700, 3000), 0),
    ] {
        let new = with(new);
        assert_eq!(at(&new, Effective::Now), FAST);
        assert_eq!(
            at(&new, Effective::NextPeriod),
            FAST.plus(Seconds(period)),
            "{:?}",
            new.limits
        );
    }
}

#[test]
fn what_loosens_waits_for_the_delay_by_the_slowest_clock() {
    let looser = with(limits(10, 101, 707, 3000));
    assert_eq!(at(&looser, Effective::Now), SLOW.plus(DELAY));
    assert_eq!(at(&looser, Effective::NextPeriod), SLOW.plus(DELAY));
    let at_once = takes_effect(
        &with(limits(10, 100, 700, 3000)),
        &looser,
        Effective::Now,
        Seconds(0),
        Now::between(SLOW, FAST),
    );
    assert_eq!(at_once, FAST, "and never before it was asked for");
}

#[test]
fn one_rule_that_loosens_makes_the_whole_change_wait() {
    let mixed = with(limits(11, 50, 350, 1500));
    assert_eq!(at(&mixed, Effective::Now), SLOW.plus(DELAY));
    assert_eq!(at(&mixed, Effective::NextPeriod), SLOW.plus(Seconds(2_592_000)));
}

#[test]
fn a_token_that_is_given_up_leaves_after_its_longest_window() {
    let mut old = with(limits(10, 100, 700, 3000));
    let rules = TokenPolicy {
        limits: limits(1, 2, 3, 4),
        escalation: Escalation::default(),
        pinned: None,
    };
    old.tokens.insert(mint(9), rules);
    let new = with(limits(10, 100, 700, 3000));
    let now = Now::at(SLOW);
    assert_eq!(takes_effect(&old, &new, Effective::Now, DELAY, now), SLOW);
    let later = takes_effect(&old, &new, Effective::NextPeriod, DELAY, now);
    assert_eq!(later, SLOW.plus(Seconds(2_592_000)));
}
