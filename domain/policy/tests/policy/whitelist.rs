//! To whom, by which program, in which tokens.

use crate::support::{address, ask, codes, limits, mint, open_policy, sol, some_time, token, total};
use portreeve_kernel::{Address, Code, Level, Total};
use portreeve_policy::{AgentPolicy, Escalation, Outcome, PinnedToken, SpendRequest, TokenPolicy, Usage, evaluate};

fn judge(policy: &AgentPolicy, request: &SpendRequest) -> (Outcome, Vec<Code>, Total) {
    let decision = evaluate(policy, request, &Usage::default(), some_time());
    (decision.outcome, codes(&decision), decision.max_amount_now)
}

#[test]
fn an_empty_list_means_any() {
    assert_eq!(ask(&open_policy(), 1).outcome, Outcome::Allow);
}

#[test]
fn a_destination_that_is_not_listed_is_refused_at_any_amount() {
    let mut policy = open_policy();
    policy.whitelist.allowed_destinations = [address(1), address(2)].into();
    assert_eq!(ask(&policy, 1).outcome, Outcome::Allow);
    let elsewhere = SpendRequest {
        destination: address(3),
        ..sol(1)
    };
    let (outcome, codes, most) = judge(&policy, &elsewhere);
    assert_eq!(
        (outcome, codes.as_slice(), most),
        (Outcome::Deny, &[Code::PolicyDestinationNotAllowed][..], Total::ZERO)
    );
    let no = evaluate(&policy, &elsewhere, &Usage::default(), some_time());
    let violation = no.violations[0];
    assert_eq!(
        (violation.level, violation.limit, violation.over_by),
        (Some(Level::High), None, None)
    );
    assert_eq!(no.passes_at(), None, "waiting does not help");
}

#[test]
fn a_program_that_is_not_listed_is_refused() {
    let mut policy = open_policy();
    policy.whitelist.allowed_programs = [Address::SYSTEM_PROGRAM].into();
    assert_eq!(ask(&policy, 1).outcome, Outcome::Allow);
    let (outcome, codes, _) = judge(
        &policy,
        &SpendRequest {
            program: address(3),
            ..sol(1)
        },
    );
    assert_eq!((outcome, codes), (Outcome::Deny, vec![Code::PolicyProgramNotAllowed]));
}

#[test]
fn a_token_needs_limits_and_a_place_on_the_list_when_there_is_one() {
    let rules = TokenPolicy {
        limits: limits(5, 5, 5, 5),
        escalation: Escalation::default(),
        pinned: None,
    };
    let mut policy = open_policy();
    policy.tokens.insert(mint(9), rules);
    assert_eq!(judge(&policy, &token(5, 9)), (Outcome::Allow, vec![], total(5)));

    policy.whitelist.allowed_token_mints = [mint(8)].into();
    let refused = (Outcome::Deny, vec![Code::PolicyTokenNotAllowed], Total::ZERO);
    assert_eq!(judge(&policy, &token(5, 9)), refused, "limits, but not listed");
    assert_eq!(judge(&policy, &token(5, 8)), refused, "listed, but no limits");
    assert_eq!(judge(&policy, &token(5, 7)), refused, "neither, and said once");
    assert_eq!(ask(&policy, 5).outcome, Outcome::Allow, "SOL is no token");

    policy.whitelist.allowed_token_mints.insert(mint(9));
    assert_eq!(judge(&policy, &token(5, 9)).0, Outcome::Allow);
}

#[test]
fn a_token_is_moved_by_the_program_that_was_pinned_and_by_no_other() {
    let rules = TokenPolicy {
        limits: limits(5, 5, 5, 5),
        escalation: Escalation::default(),
        pinned: Some(PinnedToken {
            program: address(30),
            decimals: 6,
        }),
    };
    let mut policy = open_policy();
    policy.tokens.insert(mint(9), rules);
    let by = |program| SpendRequest {
        program: address(program),
        ..token(1, 9)
    };
    assert_eq!(judge(&policy, &by(30)), (Outcome::Allow, vec![], total(5)));
    let refused = (Outcome::Deny, vec![Code::PolicyProgramNotAllowed], Total::ZERO);
    assert_eq!(judge(&policy, &by(31)), refused);
    policy.whitelist.allowed_programs = [address(31), Address::SYSTEM_PROGRAM].into();
    assert_eq!(judge(&policy, &by(31)), refused, "listed, but not the token's");
    assert_eq!(judge(&policy, &by(30)), refused, "the token's, but not listed");
    assert_eq!(ask(&policy, 1).outcome, Outcome::Allow, "SOL is no token");
}

#[test]
fn a_refusal_from_outside_the_policy_is_added_once_before_those_about_time() {
    let mut policy = open_policy();
    policy.time_control.weekdays = [portreeve_policy::Weekday::Sunday].into();
    let mut decision = ask(&policy, 1);
    let later = some_time().for_release().plus(portreeve_kernel::Seconds(9));
    decision.refuse(Code::PolicyTokenNotAllowed, sol(1).amount, Some(later));
    assert_eq!(
        codes(&decision),
        [Code::PolicyTokenNotAllowed, Code::PolicyOutsideOperatingHours]
    );
    assert_eq!(decision.violations[0].passes_at, Some(later));
    decision.refuse(Code::PolicyTokenNotAllowed, sol(1).amount, None);
    assert_eq!(decision.violations.len(), 2);
    assert_eq!(decision.passes_at(), None, "once never, always never");

    let mut allowed = ask(&open_policy(), 1);
    allowed.refuse(Code::PolicyTokenNotAllowed, sol(1).amount, Some(later));
    assert_eq!((allowed.outcome, allowed.max_amount_now), (Outcome::Deny, Total::ZERO));
    assert_eq!(
        (allowed.code(), allowed.passes_at()),
        (Some(Code::PolicyTokenNotAllowed), Some(later))
    );
}

#[test]
fn codes_come_in_the_order_limits_whitelist_time() {
    let mut policy = AgentPolicy {
        limits: limits(1, 9, 9, 9),
        min_interval_seconds: 60,
        ..open_policy()
    };
    policy.whitelist.allowed_destinations = [address(2)].into();
    policy.whitelist.allowed_programs = [address(2)].into();
    policy.time_control.weekdays = [portreeve_policy::Weekday::Sunday].into();
    policy.time_control.blackout_dates = ["2027-06-15".parse().unwrap()].into();
    let usage = Usage {
        last_spend_at: Some(some_time().for_release()),
        ..Usage::default()
    };
    let all = evaluate(&policy, &sol(2), &usage, some_time());
    assert_eq!(
        codes(&all),
        [
            Code::PolicyPerTxLimitExceeded,
            Code::PolicyDestinationNotAllowed,
            Code::PolicyProgramNotAllowed,
            Code::PolicyOutsideOperatingHours,
            Code::PolicyBlackoutDate,
            Code::PolicyMinInterval,
        ]
    );
    let no_limit = evaluate(&policy, &sol(1), &usage, some_time());
    assert_eq!(no_limit.code(), Some(Code::PolicyDestinationNotAllowed));
}
