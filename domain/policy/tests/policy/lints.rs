//! What is worth a warning before it is saved.

use crate::support::{address, amount, limits, mint, open_policy};
use portreeve_kernel::Address;
use portreeve_policy::{
    AgentPolicy, ChainDestinations, Escalation, PolicyInput, Preset, TokenPolicy, WarningCode, lint,
};

fn codes(policy: &AgentPolicy) -> Vec<WarningCode> {
    lint(policy).iter().map(|warning| warning.code).collect()
}

/// A policy that nobody warns about.
fn sound() -> AgentPolicy {
    let mut policy = AgentPolicy {
        limits: limits(10, 100, 700, 3000),
        escalation: Escalation {
            low: Some(amount(5)),
            medium: Some(amount(8)),
            high: Some(amount(20)),
            critical: Some(amount(40)),
        },
        ..open_policy()
    };
    policy.whitelist.allowed_destinations.insert(address(1));
    policy
}

fn after(change: impl FnOnce(&mut AgentPolicy)) -> Vec<WarningCode> {
    let mut policy = sound();
    change(&mut policy);
    codes(&policy)
}

#[test]
fn a_sound_policy_gets_no_warning() {
    assert_eq!(lint(&sound()), []);
}

#[test]
fn presets_warn_only_that_any_address_may_be_paid() {
    for preset in [Preset::Standard, Preset::Permissive] {
        let policy = PolicyInput::from(preset).resolve(1).unwrap();
        assert_eq!(codes(&policy), [WarningCode::AnyDestination], "{preset}");
    }
    let mut input = PolicyInput::from(Preset::Conservative);
    input.whitelist.allowed_destinations.insert(address(1));
    assert_eq!(codes(&input.resolve(1).unwrap()), []);
}

#[test]
fn an_approval_tier_above_what_the_limits_let_through_is_unreachable() {
    let medium = |units: u64| after(|policy| policy.escalation.medium = Some(amount(units)));
    assert_eq!(medium(10), [], "the limit itself is held");
    assert_eq!(medium(11), [WarningCode::ApprovalTierUnreachable]);
    assert_eq!(
        after(|policy| {
            policy.escalation.medium = Some(amount(11));
            policy.approval_may_exceed_per_transaction = true;
        }),
        [],
        "with the flag up to the daily limit"
    );
    assert_eq!(
        after(|policy| {
            policy.escalation.medium = Some(amount(9));
            policy.escalation.high = Some(amount(9));
        }),
        [WarningCode::ApprovalTierUnreachable, WarningCode::AlarmBelowLimit]
    );
}

#[test]
fn a_notice_that_is_never_sent_and_an_alarm_that_stops_normal_work_are_told() {
    assert_eq!(
        after(|policy| policy.escalation = Escalation {
            low: Some(amount(11)),
            high: Some(amount(12)),
            ..Escalation::default()
        }),
        [WarningCode::NotifyTierUnreachable]
    );
    assert_eq!(
        after(|policy| policy.escalation.low = Some(amount(8))),
        [WarningCode::NotifyTierUnreachable]
    );
    assert_eq!(
        after(|policy| policy.escalation.high = Some(amount(10))),
        [WarningCode::AlarmBelowLimit]
    );
    assert_eq!(after(|policy| policy.escalation.high = Some(amount(11))), []);
    assert_eq!(
        after(|policy| {
            policy.escalation.high = None;
            policy.escalation.critical = None;
        }),
        [WarningCode::NoAlarm]
    );
}

#[test]
fn lists_that_do_less_than_they_seem_are_told() {
    assert_eq!(
        after(|policy| policy.whitelist.allowed_destinations.clear()),
        [WarningCode::AnyDestination]
    );
    assert_eq!(
        after(|policy| policy.chain_destinations = ChainDestinations::Any),
        [WarningCode::ChainPaysAnyone]
    );
    assert_eq!(
        after(|policy| policy.whitelist.allowed_programs = [address(3)].into()),
        [WarningCode::SolCannotMove]
    );
    assert_eq!(
        after(|policy| policy.whitelist.allowed_programs = [Address::SYSTEM_PROGRAM].into()),
        []
    );
    assert_eq!(
        after(|policy| policy.whitelist.allowed_token_mints = [mint(9)].into()),
        [WarningCode::TokenWithoutLimits]
    );
    let rules = TokenPolicy {
        limits: limits(1, 1, 1, 1),
        escalation: Escalation {
            high: Some(amount(5)),
            ..Escalation::default()
        },
        pinned: None,
    };
    assert_eq!(
        after(|policy| {
            policy.whitelist.allowed_token_mints = [mint(9)].into();
            policy.tokens = [(mint(8), rules)].into();
        }),
        [WarningCode::TokenNotListed, WarningCode::TokenWithoutLimits]
    );
}

#[test]
fn a_limit_above_all_sol_there_is_is_told() {
    let billion_sol = 1_000_000_000_000_000_000;
    let daily = |units| after(|policy| policy.limits = limits(10, units, units, units));
    assert_eq!(daily(billion_sol - 1), []);
    assert_eq!(daily(billion_sol), [WarningCode::LimitWithoutEffect]);
}

#[test]
fn a_warning_names_the_asset_and_the_amount() {
    let mut policy = sound();
    let rules = TokenPolicy {
        limits: limits(1, 1, 1, 1),
        escalation: Escalation::default(),
        pinned: None,
    };
    policy.tokens.insert(mint(9), rules);
    let warnings = lint(&policy);
    assert_eq!(warnings[0].code, WarningCode::NoAlarm);
    assert!(
        warnings[0].detail.contains(&mint(9).to_string()),
        "{}",
        warnings[0].detail
    );
}
