//! How much: the last unit that fits, the first that does not, and what the answer says about it.

use crate::support::{amount, ask, codes, limits, open_policy, sol, some_time, token, total, unlimited, used};
use portreeve_kernel::{Amount, Code, Level, Timestamp, Total};
use portreeve_policy::{
    AgentPolicy, Budget, Escalation, GlobalUsage, Limits, Outcome, TokenPolicy, Usage, Violation, Window, evaluate,
};

fn limited(limits: Limits) -> AgentPolicy {
    AgentPolicy {
        limits,
        ..open_policy()
    }
}

#[test]
fn each_limit_takes_its_last_unit_and_refuses_the_next() {
    let most = Amount::MAX.units();
    for (code, limits, usage, fits) in [
        (
            Code::PolicyPerTxLimitExceeded,
            limits(100, most, most, most),
            used(0, 0, 0),
            100,
        ),
        (
            Code::PolicyPerTxLimitExceeded,
            limits(1, most, most, most),
            used(0, 0, 0),
            1,
        ),
        (
            Code::PolicyDailyLimitExceeded,
            limits(most, 100, most, most),
            used(60, 60, 60),
            40,
        ),
        (
            Code::PolicyWeeklyLimitExceeded,
            limits(most, most, 100, most),
            used(0, 99, 99),
            1,
        ),
        (
            Code::PolicyMonthlyLimitExceeded,
            limits(most, most, most, 100),
            used(0, 0, 30),
            70,
        ),
    ] {
        let policy = limited(limits);
        let yes = evaluate(&policy, &sol(fits), &usage, some_time());
        assert_eq!((yes.outcome, yes.code()), (Outcome::Allow, None), "{code}");
        assert_eq!(yes.max_amount_now, total(fits), "{code}");
        let no = evaluate(&policy, &sol(fits + 1), &usage, some_time());
        assert_eq!((no.outcome, codes(&no)), (Outcome::Deny, vec![code]));
        assert_eq!(no.max_amount_now, total(fits), "{code}");
    }
}

#[test]
fn a_violated_window_says_limit_used_requested_remaining_and_by_how_much() {
    let no = evaluate(
        &limited(limits(50, 100, 700, 3000)),
        &sol(50),
        &used(80, 80, 80),
        some_time(),
    );
    assert_eq!(
        no.violations,
        [Violation {
            code: Code::PolicyDailyLimitExceeded,
            level: Some(Level::Low),
            limit: Some(amount(100)),
            used: Some(total(80)),
            requested: amount(50),
            remaining: Some(total(20)),
            over_by: Some(30),
            window: Some(Window::Day),
            passes_at: None,
        }]
    );
    assert_eq!((no.max_amount_now, no.policy_version), (total(20), 1));
}

#[test]
fn a_limit_lowered_below_what_is_used_leaves_nothing() {
    let no = evaluate(
        &limited(limits(10, 10, 700, 3000)),
        &sol(1),
        &used(80, 80, 80),
        some_time(),
    );
    let violation = no.violations[0];
    assert_eq!((violation.remaining, violation.over_by), (Some(Total::ZERO), Some(71)));
    assert_eq!(no.max_amount_now, Total::ZERO);
}

#[test]
fn all_violated_limits_are_told_and_the_first_gives_the_code() {
    let no = evaluate(&limited(limits(1, 2, 3, 4)), &sol(5), &Usage::default(), some_time());
    assert_eq!(
        codes(&no),
        [
            Code::PolicyPerTxLimitExceeded,
            Code::PolicyDailyLimitExceeded,
            Code::PolicyWeeklyLimitExceeded,
            Code::PolicyMonthlyLimitExceeded
        ]
    );
    assert_eq!(no.code(), Some(Code::PolicyPerTxLimitExceeded));
}

#[test]
fn the_owners_global_budget_refuses_what_the_agent_alone_could_spend() {
    let budget = |limit, used| {
        Some(Budget {
            limit: amount(limit),
            used: total(used),
        })
    };
    for (global, window) in [
        (
            GlobalUsage {
                day: budget(100, 90),
                ..GlobalUsage::default()
            },
            Window::Day,
        ),
        (
            GlobalUsage {
                week: budget(100, 90),
                ..GlobalUsage::default()
            },
            Window::Week,
        ),
        (
            GlobalUsage {
                month: budget(100, 90),
                ..GlobalUsage::default()
            },
            Window::Month,
        ),
    ] {
        let usage = Usage {
            global: Some(global),
            ..Usage::default()
        };
        let yes = evaluate(&open_policy(), &sol(10), &usage, some_time());
        assert_eq!((yes.outcome, yes.max_amount_now), (Outcome::Allow, total(10)));
        let no = evaluate(&open_policy(), &sol(11), &usage, some_time());
        assert_eq!(no.code(), Some(Code::PolicyGlobalBudgetExceeded));
        assert_eq!(
            (no.violations[0].window, no.violations[0].level),
            (Some(window), Some(Level::Medium))
        );
    }
}

#[test]
fn a_token_has_limits_of_its_own_and_a_mint_without_limits_is_refused() {
    let mut policy = limited(limits(1, 1, 1, 1));
    let rules = TokenPolicy {
        limits: limits(50, 100, 200, 300),
        escalation: Escalation::default(),
        pinned: None,
    };
    policy.tokens.insert(crate::support::mint(9), rules);
    let yes = evaluate(&policy, &token(20, 9), &used(80, 80, 80), some_time());
    assert_eq!((yes.outcome, yes.max_amount_now), (Outcome::Allow, total(20)));
    let over = evaluate(&policy, &token(21, 9), &used(80, 80, 80), some_time());
    assert_eq!(over.code(), Some(Code::PolicyDailyLimitExceeded));
    let unknown = evaluate(&policy, &token(1, 8), &Usage::default(), some_time());
    assert_eq!(
        (unknown.outcome, unknown.code()),
        (Outcome::Deny, Some(Code::PolicyTokenNotAllowed))
    );
    assert_eq!(unknown.max_amount_now, Total::ZERO);
}

#[test]
fn a_mint_without_limits_is_still_judged_by_every_other_rule() {
    let mut policy = open_policy();
    policy.whitelist.allowed_destinations.insert(crate::support::address(5));
    let budget = Budget {
        limit: amount(1),
        used: total(1),
    };
    let global = GlobalUsage {
        day: Some(budget),
        ..GlobalUsage::default()
    };
    let no = evaluate(
        &policy,
        &token(1, 8),
        &Usage {
            global: Some(global),
            ..Usage::default()
        },
        some_time(),
    );
    assert_eq!(
        codes(&no),
        [
            Code::PolicyGlobalBudgetExceeded,
            Code::PolicyDestinationNotAllowed,
            Code::PolicyTokenNotAllowed
        ]
    );
}

#[test]
fn the_largest_numbers_there_are_neither_pass_wrongly_nor_overflow() {
    let most = Amount::MAX.units();
    assert_eq!(ask(&open_policy(), most).outcome, Outcome::Allow);
    let no = evaluate(&limited(unlimited()), &sol(most), &used(most, most, most), some_time());
    assert_eq!(no.violations.len(), 3);
    assert_eq!(no.violations[0].over_by, Some(most));
}

#[test]
fn when_a_window_passes_is_filled_in_by_who_holds_the_ledger() {
    let policy = limited(limits(50, 100, 200, 3000));
    let mut no = evaluate(&policy, &sol(50), &used(80, 180, 180), some_time());
    assert_eq!((codes(&no).len(), no.passes_at()), (2, None));
    let (early, late) = (Timestamp::from_seconds(10), Timestamp::from_seconds(20));
    no.set_passes_at(Window::Day, Some(late));
    assert_eq!(no.passes_at(), None, "the week is still unknown");
    no.set_passes_at(Window::Week, Some(early));
    assert_eq!(no.passes_at(), Some(late), "the latest decides");
    no.set_passes_at(Window::Day, None);
    assert_eq!(no.passes_at(), None);
}

#[test]
fn waiting_never_helps_an_amount_above_the_limit_itself() {
    let policy = limited(limits(500, 100, 3000, 3000));
    let mut no = evaluate(&policy, &sol(101), &Usage::default(), some_time());
    no.set_passes_at(Window::Day, Some(Timestamp::from_seconds(10)));
    assert_eq!((no.violations[0].passes_at, no.passes_at()), (None, None));
    let mut no = evaluate(&policy, &sol(100), &used(1, 1, 1), some_time());
    no.set_passes_at(Window::Day, Some(Timestamp::from_seconds(10)));
    assert_eq!(no.passes_at(), Some(Timestamp::from_seconds(10)));
}

#[test]
fn the_agents_window_and_the_owners_window_are_filled_in_apart() {
    let budget = Budget {
        limit: amount(100),
        used: total(80),
    };
    let global = GlobalUsage {
        day: Some(budget),
        ..GlobalUsage::default()
    };
    let usage = Usage {
        global: Some(global),
        ..used(80, 80, 80)
    };
    let mut no = evaluate(&limited(limits(100, 100, 1000, 1000)), &sol(50), &usage, some_time());
    no.set_passes_at(Window::Day, Some(Timestamp::from_seconds(10)));
    assert_eq!(no.passes_at(), None);
    no.set_global_passes_at(Window::Day, Some(Timestamp::from_seconds(5)));
    assert_eq!(no.passes_at(), Some(Timestamp::from_seconds(10)));
    assert_eq!(no.violations[1].passes_at, Some(Timestamp::from_seconds(5)));
}

#[test]
fn a_window_is_a_number_of_seconds_and_has_a_name() {
    for (window, seconds, text) in [
        (Window::Day, 86_400, "24h"),
        (Window::Week, 604_800, "7d"),
        (Window::Month, 2_592_000, "30d"),
    ] {
        assert_eq!(
            (window.seconds(), window.length().0, window.as_str()),
            (seconds, seconds, text)
        );
        assert_eq!(text.parse(), Ok(window));
    }
    let error = "1d".parse::<Window>().unwrap_err();
    assert_eq!(error.to_string(), "`1d` is not one of 24h, 7d, 30d");
}
