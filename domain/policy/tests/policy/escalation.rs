//! What an amount brings by its size: one outcome, never milder for more.

use crate::support::{amount, ask, codes, limits, open_policy, sol, some_time, total, used};
use portreeve_kernel::{Code, Level, Timestamp, Total};
use portreeve_policy::{AgentPolicy, Escalation, Outcome, Window, evaluate};

fn levels(low: u64, medium: u64, high: u64, critical: u64) -> Escalation {
    Escalation {
        low: Some(amount(low)),
        medium: Some(amount(medium)),
        high: Some(amount(high)),
        critical: Some(amount(critical)),
    }
}

fn escalating(escalation: Escalation) -> AgentPolicy {
    AgentPolicy {
        escalation,
        ..open_policy()
    }
}

#[test]
fn each_threshold_is_the_first_amount_of_its_level() {
    let policy = escalating(levels(10, 20, 30, 40));
    for (units, outcome, level, code) in [
        (9, Outcome::Allow, None, None),
        (10, Outcome::AllowNotify, Some(Level::Low), None),
        (19, Outcome::AllowNotify, Some(Level::Low), None),
        (20, Outcome::Hold, Some(Level::Medium), None),
        (29, Outcome::Hold, Some(Level::Medium), None),
        (
            30,
            Outcome::DenySuspend,
            Some(Level::High),
            Some(Code::PolicyAmountCritical),
        ),
        (
            39,
            Outcome::DenySuspend,
            Some(Level::High),
            Some(Code::PolicyAmountCritical),
        ),
        (
            40,
            Outcome::DenySuspendRevoke,
            Some(Level::Critical),
            Some(Code::PolicyAmountCritical),
        ),
    ] {
        let decision = ask(&policy, units);
        assert_eq!(
            (decision.outcome, decision.level, decision.code()),
            (outcome, level, code),
            "{units}"
        );
        assert_eq!(decision.violations, []);
        assert_eq!(
            decision.max_amount_now,
            total(19),
            "{units}: the most that passes without asking"
        );
    }
}

#[test]
fn the_level_is_judged_on_the_requested_amount_even_when_a_limit_refuses_it_too() {
    let policy = AgentPolicy {
        limits: limits(5, 5, 5, 5),
        ..escalating(levels(10, 20, 30, 40))
    };
    for (units, outcome) in [
        (6, Outcome::Deny),
        (10, Outcome::Deny),
        (20, Outcome::Deny),
        (30, Outcome::DenySuspend),
        (40, Outcome::DenySuspendRevoke),
    ] {
        let decision = ask(&policy, units);
        assert_eq!(decision.outcome, outcome, "{units}");
        assert_eq!(
            decision.code(),
            Some(Code::PolicyPerTxLimitExceeded),
            "{units}: the violation gives the code"
        );
        assert_eq!(decision.max_amount_now, total(5), "{units}");
    }
}

#[test]
fn a_level_that_is_not_set_never_comes() {
    let only_high = Escalation {
        high: Some(amount(30)),
        ..Escalation::default()
    };
    assert_eq!(ask(&escalating(only_high), 29).outcome, Outcome::Allow);
    assert_eq!(ask(&escalating(only_high), u64::MAX >> 1).outcome, Outcome::DenySuspend);
    let only_critical = Escalation {
        critical: Some(amount(1)),
        ..Escalation::default()
    };
    let decision = ask(&escalating(only_critical), 1);
    assert_eq!(
        (decision.outcome, decision.max_amount_now),
        (Outcome::DenySuspendRevoke, Total::ZERO)
    );
}

#[test]
fn equal_thresholds_bring_the_higher_level() {
    assert_eq!(
        ask(&escalating(levels(10, 10, 10, 10)), 10).outcome,
        Outcome::DenySuspendRevoke
    );
    assert_eq!(ask(&escalating(levels(10, 10, 20, 20)), 10).outcome, Outcome::Hold);
}

#[test]
fn an_approval_may_stand_in_for_the_limit_per_transaction_and_for_nothing_else() {
    let mut policy = AgentPolicy {
        approval_may_exceed_per_transaction: true,
        limits: limits(10, 25, 100, 100),
        ..escalating(Escalation {
            high: Some(amount(24)),
            ..Escalation::default()
        })
    };
    let held = ask(&policy, 11);
    assert_eq!(
        (held.outcome, held.code(), held.passes_at()),
        (Outcome::Hold, None, None)
    );
    assert_eq!(
        codes(&held),
        [Code::PolicyPerTxLimitExceeded],
        "the owner sees what is approved"
    );
    assert_eq!(held.max_amount_now, total(10), "a hold is no yes");
    assert_eq!(ask(&policy, 23).outcome, Outcome::Hold);
    assert_eq!(
        ask(&policy, 24).outcome,
        Outcome::DenySuspend,
        "from high on no approval helps"
    );

    policy.escalation = Escalation::default();
    assert_eq!(
        ask(&policy, 25).outcome,
        Outcome::Hold,
        "without high, up to the daily limit"
    );
    assert_eq!(ask(&policy, 26).outcome, Outcome::Deny);
    let with_usage = evaluate(&policy, &sol(11), &used(15, 15, 15), some_time());
    assert_eq!(with_usage.outcome, Outcome::Deny, "sums over time are never exceeded");

    policy.whitelist.allowed_destinations.insert(crate::support::address(2));
    assert_eq!(ask(&policy, 11).outcome, Outcome::Deny, "a second violation");
    policy.approval_may_exceed_per_transaction = false;
    policy.whitelist.allowed_destinations.clear();
    assert_eq!(ask(&policy, 11).outcome, Outcome::Deny, "without the flag");
}

#[test]
fn waiting_does_not_help_an_amount_that_stops_the_agent() {
    let policy = AgentPolicy {
        limits: limits(50, 50, 100, 100),
        ..escalating(levels(10, 20, 30, 40))
    };
    let mut decision = evaluate(&policy, &sol(30), &used(30, 30, 30), some_time());
    decision.set_passes_at(Window::Day, Some(Timestamp::from_seconds(1)));
    assert_eq!((decision.outcome, decision.passes_at()), (Outcome::DenySuspend, None));
}

#[test]
fn outcomes_are_ordered_and_say_what_they_do() {
    assert!(Outcome::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    let told: Vec<_> = Outcome::ALL
        .iter()
        .map(|outcome| {
            (
                outcome.as_str(),
                outcome.is_allowed(),
                outcome.is_refused(),
                outcome.suspends(),
                outcome.revokes(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ALLOW", true, false, false, false),
            ("ALLOW_NOTIFY", true, false, false, false),
            ("HOLD", false, false, false, false),
            ("DENY", false, true, false, false),
            ("DENY_SUSPEND", false, true, true, false),
            ("DENY_SUSPEND_REVOKE", false, true, true, true),
        ]
    );
}
