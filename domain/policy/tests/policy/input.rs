//! What a preset gives and what an owner's own fields make of it.

use crate::support::{address, amount, limits, mint};
use portreeve_kernel::{Amount, Code};
use portreeve_policy::{
    AgentPolicy, ChainDestinations, Escalation, FieldError, Hours, PolicyInput, Preset, TimeControl, Weekday,
};
use serde_json::{Value, json};

const SOL: u64 = 1_000_000_000;

fn resolve(input: Value) -> Result<AgentPolicy, Vec<FieldError>> {
    let input: PolicyInput = serde_json::from_value(input).unwrap();
    input.resolve(7)
}

fn refused(input: Value) -> Vec<(String, Code)> {
    let errors = resolve(input).unwrap_err();
    errors.into_iter().map(|error| (error.param, error.code)).collect()
}

fn range(param: &str) -> (String, Code) {
    (param.into(), Code::ValidationOutOfRange)
}

fn required(param: &str) -> (String, Code) {
    (param.into(), Code::ValidationRequiredField)
}

#[test]
fn conservative_is_small_sums_in_office_hours_to_named_destinations() {
    let policy =
        resolve(json!({"preset": "conservative", "whitelist": {"allowedDestinations": [address(1)]}})).unwrap();
    assert_eq!(policy.version, 7);
    assert_eq!(policy.limits, limits(SOL / 10, SOL / 2, 2 * SOL, 5 * SOL));
    let levels = Escalation {
        low: Some(amount(SOL / 20)),
        medium: Some(amount(SOL / 10)),
        high: Some(amount(SOL * 3 / 10)),
        critical: Some(amount(SOL / 2)),
    };
    assert_eq!(policy.escalation, levels);
    let office = TimeControl {
        operating_hours_utc: Some(Hours { start: 9, end: 17 }),
        weekdays: Weekday::ALL[..5].iter().copied().collect(),
        ..TimeControl::default()
    };
    assert_eq!(policy.time_control, office);
    assert_eq!(policy.whitelist.allowed_destinations, [address(1)].into());
}

#[test]
fn conservative_without_a_destination_is_refused() {
    let refusal = resolve(json!({"preset": "conservative"})).unwrap_err();
    assert_eq!(refusal[0].param, "whitelist.allowedDestinations");
    assert_eq!(refusal[0].code, Code::ValidationRequiredField);
    assert!(
        refusal[0]
            .to_string()
            .starts_with("`whitelist.allowedDestinations`: the preset `conservative`")
    );
}

#[test]
fn standard_and_permissive_run_round_the_clock_and_stop_the_agent_late() {
    let standard = resolve(json!({"preset": "standard"})).unwrap();
    assert_eq!(standard.limits, limits(SOL, 5 * SOL, 25 * SOL, 50 * SOL));
    let levels = |high, critical| Escalation {
        high,
        critical,
        ..Escalation::default()
    };
    assert_eq!(
        standard.escalation,
        levels(Some(amount(5 * SOL)), Some(amount(10 * SOL)))
    );
    let permissive = resolve(json!({"preset": "permissive"})).unwrap();
    assert_eq!(permissive.limits, limits(10 * SOL, 50 * SOL, 200 * SOL, 500 * SOL));
    assert_eq!(permissive.escalation, levels(None, Some(amount(100 * SOL))));
    for policy in [standard, permissive] {
        assert_eq!(policy.time_control, TimeControl::default());
        assert!(policy.tokens.is_empty() && policy.whitelist.allowed_destinations.is_empty());
        assert_eq!(
            (policy.min_interval_seconds, policy.approval_may_exceed_per_transaction),
            (0, false)
        );
        assert_eq!(policy.chain_destinations, ChainDestinations::Whitelist);
    }
}

#[test]
fn custom_needs_a_daily_limit_and_derives_the_others_from_it() {
    assert_eq!(refused(json!({"preset": "custom"})), [required("limits.daily")]);
    assert_eq!(
        refused(json!({"preset": "custom", "limits": {"weekly": "5"}})),
        [required("limits.daily")]
    );
    let policy = resolve(json!({"preset": "custom", "limits": {"daily": "100"}})).unwrap();
    assert_eq!(policy.limits, limits(100, 100, 700, 3000));
    assert_eq!(policy.escalation, Escalation::default());
}

#[test]
fn a_derived_limit_stops_at_the_largest_amount() {
    let policy = resolve(json!({"preset": "custom", "limits": {"daily": Amount::MAX}})).unwrap();
    assert_eq!(
        (policy.limits.weekly, policy.limits.monthly),
        (Amount::MAX, Amount::MAX)
    );
}

#[test]
fn what_is_given_stands_and_the_presets_other_limits_stay_where_they_fit() {
    let standard = |limits: Value| resolve(json!({"preset": "standard", "limits": limits})).unwrap().limits;
    assert_eq!(
        standard(json!({"daily": (6 * SOL).to_string()})),
        limits(SOL, 6 * SOL, 25 * SOL, 50 * SOL),
        "all still in order"
    );
    assert_eq!(
        standard(json!({"daily": (SOL / 2).to_string()})),
        limits(SOL / 2, SOL / 2, 25 * SOL, 50 * SOL),
        "per transaction follows daily down"
    );
    assert_eq!(
        standard(json!({"daily": (30 * SOL).to_string()})),
        limits(SOL, 30 * SOL, 210 * SOL, 900 * SOL),
        "weekly is 7 times, monthly 30 times daily"
    );
    assert_eq!(
        standard(json!({"weekly": (60 * SOL).to_string()})),
        limits(SOL, 5 * SOL, 60 * SOL, 150 * SOL),
        "monthly is 30 times daily"
    );
    assert_eq!(
        standard(json!({"perTransaction": "1", "monthly": (25 * SOL).to_string()})),
        limits(1, 5 * SOL, 25 * SOL, 25 * SOL)
    );
}

#[test]
fn what_is_given_is_never_adjusted_but_refused_where_it_contradicts() {
    let above = (6 * SOL).to_string();
    assert_eq!(
        refused(json!({"preset": "standard", "limits": {"perTransaction": above}})),
        [range("limits.daily")]
    );
    assert_eq!(
        refused(json!({"preset": "standard", "limits": {"weekly": "1"}})),
        [range("limits.weekly")]
    );
    assert_eq!(
        refused(json!({"preset": "standard", "limits": {"monthly": "1"}})),
        [range("limits.monthly")]
    );
    assert_eq!(
        refused(json!({"preset": "custom", "limits": {"daily": "1", "weekly": "40"}})),
        [range("limits.monthly")],
        "30 times daily is below the weekly that was given"
    );
}

#[test]
fn null_removes_what_the_preset_has_and_absence_keeps_it() {
    let policy = resolve(json!({
        "preset": "conservative",
        "whitelist": {"allowedDestinations": [address(1)]},
        "escalation": {"low": null, "high": "400000000"},
        "timeControl": {"operatingHoursUtc": null},
    }))
    .unwrap();
    assert_eq!(policy.escalation.low, None);
    assert_eq!(policy.escalation.medium, Some(amount(SOL / 10)));
    assert_eq!(policy.escalation.high, Some(amount(400_000_000)));
    assert_eq!(policy.time_control.operating_hours_utc, None);
    assert_eq!(policy.time_control.weekdays.len(), 5, "not mentioned");
    let all_week = resolve(json!({
        "preset": "conservative",
        "whitelist": {"allowedDestinations": [address(1)]},
        "timeControl": {"weekdays": [], "operatingHoursUtc": {"start": 22, "end": 6}, "blackoutDates": ["2028-02-29"]},
    }))
    .unwrap();
    assert!(all_week.time_control.weekdays.is_empty());
    assert_eq!(
        all_week.time_control.operating_hours_utc,
        Some(Hours { start: 22, end: 6 })
    );
    assert_eq!(all_week.time_control.blackout_dates.len(), 1);
}

#[test]
fn a_token_needs_a_daily_limit_and_gets_the_same_defaults() {
    let token = |rules: Value| {
        let mut tokens = serde_json::Map::new();
        tokens.insert(mint(9).to_string(), rules);
        json!({"preset": "standard", "tokens": tokens})
    };
    let policy = resolve(token(json!({"limits": {"daily": "10"}, "escalation": {"high": "100"}}))).unwrap();
    let rules = policy.tokens[&mint(9)];
    assert_eq!(rules.limits, limits(10, 10, 70, 300));
    assert_eq!(rules.escalation.high, Some(amount(100)));
    let daily = format!("tokens.{}.limits.daily", mint(9));
    assert_eq!(refused(token(json!({}))), [required(&daily)]);
    assert_eq!(
        refused(token(json!({"limits": {"perTransaction": "11", "daily": "10"}}))),
        [range(&daily)]
    );
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let tokens = json!({mint(9).to_string(): {}, mint(8).to_string(): {"limits": {"weekly": "1"}}});
    let missing = refused(json!({"preset": "custom", "tokens": tokens}));
    assert_eq!(missing.len(), 3);
    assert_eq!(missing[0], required("limits.daily"));
}

#[test]
fn the_switches_have_defaults_and_can_be_set() {
    let policy = resolve(json!({
        "preset": "standard",
        "minIntervalSeconds": 30,
        "approvalMayExceedPerTransaction": true,
        "chainDestinations": "any",
        "whitelist": {"allowedPrograms": [address(0)], "allowedTokenMints": [mint(9)]},
    }))
    .unwrap();
    assert_eq!(
        (policy.min_interval_seconds, policy.approval_may_exceed_per_transaction),
        (30, true)
    );
    assert_eq!(policy.chain_destinations, ChainDestinations::Any);
    assert_eq!(
        (
            policy.whitelist.allowed_programs.len(),
            policy.whitelist.allowed_token_mints.len()
        ),
        (1, 1)
    );
}

#[test]
fn a_preset_is_required_and_is_one_of_four() {
    let error = |text| serde_json::from_str::<PolicyInput>(text).unwrap_err().to_string();
    assert!(error("{}").contains("missing field `preset`"));
    let unknown = "unknown variant `loose`, expected one of `conservative`, `standard`, `permissive`, `custom`";
    assert!(error(r#"{"preset": "loose"}"#).contains(unknown));
    let long = error(&format!(r#"{{"preset": "{}"}}"#, "é".repeat(5_000)));
    assert!(
        long.contains(&format!("`{}`", "é".repeat(64))),
        "somebody's input is cut: {long}"
    );
    assert_eq!("custom".parse(), Ok(Preset::Custom));
}

#[test]
fn an_unknown_field_is_refused_at_every_depth() {
    for text in [
        r#"{"preset": "standard", "limit": {}}"#,
        r#"{"preset": "standard", "limits": {"hourly": "1"}}"#,
        r#"{"preset": "standard", "escalation": {"severe": "1"}}"#,
        r#"{"preset": "standard", "whitelist": {"destinations": []}}"#,
        r#"{"preset": "standard", "timeControl": {"operatingHours": null}}"#,
        r#"{"preset": "standard", "timeControl": {"operatingHoursUtc": {"start": 1, "end": 2, "zone": "CET"}}}"#,
        r#"{"preset": "standard", "version": 1}"#,
    ] {
        let error = serde_json::from_str::<PolicyInput>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{text}: {error}");
    }
}

#[test]
fn amounts_are_strings_of_digits_and_dates_have_one_form() {
    for text in [
        r#"{"preset": "standard", "limits": {"daily": 5}}"#,
        r#"{"preset": "standard", "limits": {"daily": "0"}}"#,
        r#"{"preset": "standard", "limits": {"daily": "1.5"}}"#,
        r#"{"preset": "standard", "limits": {"daily": "-1"}}"#,
        r#"{"preset": "standard", "escalation": {"low": "0"}}"#,
        r#"{"preset": "standard", "minIntervalSeconds": -1}"#,
        r#"{"preset": "standard", "whitelist": {"allowedDestinations": ["nowhere"]}}"#,
        r#"{"preset": "standard", "timeControl": {"weekdays": ["Monday"]}}"#,
        r#"{"preset": "standard", "timeControl": {"blackoutDates": ["2027-02-29"]}}"#,
        r#"{"preset": "standard", "timeControl": {"blackoutDates": ["20271225"]}}"#,
        r#"{"preset": "standard", "timeControl": {"blackoutDates": ["2027-12-25T00:00"]}}"#,
        r#"{"preset": "standard", "timeControl": {"blackoutDates": ["2027-1-5"]}}"#,
        r#"{"preset": "standard", "timeControl": {"blackoutDates": ["-002027-12-25"]}}"#,
    ] {
        assert!(serde_json::from_str::<PolicyInput>(text).is_err(), "{text}");
    }
}
