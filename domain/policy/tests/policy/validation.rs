//! Which policies make sense, and what is said about those that do not.

use crate::support::{address, amount, limits, mint, open_policy};
use portreeve_kernel::{Address, Code, Mint};
use portreeve_policy::{
    AgentPolicy, ChainDestinations, Escalation, Hours, MAX_BLACKOUT_DATES, MAX_CHAIN_DESTINATIONS, MAX_DESTINATIONS,
    MAX_MIN_INTERVAL_SECONDS, MAX_PROGRAMS, MAX_TOKENS, TokenPolicy,
};

fn after(change: impl FnOnce(&mut AgentPolicy)) -> Vec<String> {
    let mut policy = open_policy();
    change(&mut policy);
    let Err(errors) = policy.validate() else {
        return Vec::new();
    };
    assert!(
        errors
            .iter()
            .all(|error| error.code == Code::ValidationOutOfRange && !error.detail.is_empty())
    );
    errors.into_iter().map(|error| error.param).collect()
}

fn addresses(count: usize) -> impl Iterator<Item = Address> {
    (1..=count).map(|number| address(u8::try_from(number).unwrap()))
}

#[test]
fn a_longer_window_may_equal_the_shorter_and_not_be_below_it() {
    assert_eq!(after(|policy| policy.limits = limits(5, 5, 5, 5)), [""; 0]);
    assert_eq!(after(|policy| policy.limits = limits(6, 5, 5, 5)), ["limits.daily"]);
    assert_eq!(after(|policy| policy.limits = limits(5, 5, 4, 5)), ["limits.weekly"]);
    assert_eq!(after(|policy| policy.limits = limits(5, 5, 5, 4)), ["limits.monthly"]);
    assert_eq!(
        after(|policy| policy.limits = limits(4, 3, 2, 1)),
        ["limits.daily", "limits.weekly", "limits.monthly"],
        "all at once"
    );
}

#[test]
fn a_higher_level_may_equal_the_milder_and_not_begin_before_it() {
    let levels = |low, medium, high, critical: Option<u64>| {
        let set = |units: Option<u64>| units.map(amount);
        let escalation = Escalation {
            low: set(low),
            medium: set(medium),
            high: set(high),
            critical: set(critical),
        };
        after(|policy| policy.escalation = escalation)
    };
    assert_eq!(levels(Some(5), Some(5), Some(5), Some(5)), [""; 0]);
    assert_eq!(levels(Some(5), Some(4), Some(5), Some(5)), ["escalation.medium"]);
    assert_eq!(
        levels(Some(5), None, None, Some(4)),
        ["escalation.critical"],
        "over those that are not set"
    );
    assert_eq!(levels(None, Some(5), Some(4), Some(5)), ["escalation.high"]);
    assert_eq!(
        levels(Some(9), Some(5), Some(3), None),
        ["escalation.medium", "escalation.high"]
    );
}

#[test]
fn the_rules_of_a_token_are_checked_under_its_own_path() {
    let rules = TokenPolicy {
        limits: limits(2, 1, 1, 1),
        escalation: Escalation {
            low: Some(amount(2)),
            high: Some(amount(1)),
            ..Escalation::default()
        },
        pinned: None,
    };
    let path = format!("tokens.{}", mint(9));
    assert_eq!(
        after(|policy| {
            policy.tokens.insert(mint(9), rules);
        }),
        [format!("{path}.limits.daily"), format!("{path}.escalation.high")]
    );
}

#[test]
fn seventeen_destinations_need_the_owner_to_keep_them_off_chain() {
    let named = |count, on_chain| {
        after(|policy| {
            policy.whitelist.allowed_destinations = addresses(count).collect();
            policy.chain_destinations = on_chain;
        })
    };
    assert_eq!(named(MAX_CHAIN_DESTINATIONS, ChainDestinations::Whitelist), [""; 0]);
    assert_eq!(
        named(MAX_CHAIN_DESTINATIONS + 1, ChainDestinations::Whitelist),
        ["whitelist.allowedDestinations"]
    );
    assert_eq!(named(MAX_DESTINATIONS, ChainDestinations::Any), [""; 0]);
    assert_eq!(
        named(MAX_DESTINATIONS + 1, ChainDestinations::Any),
        ["whitelist.allowedDestinations"]
    );
    let mut policy = open_policy();
    policy.whitelist.allowed_destinations = addresses(17).collect();
    let errors = policy.validate().unwrap_err();
    assert!(
        errors[0].detail.contains("`chainDestinations: \"any\"`"),
        "{}",
        errors[0]
    );
}

#[test]
fn the_system_program_is_no_destination() {
    assert_eq!(
        after(|policy| policy.whitelist.allowed_destinations = [Address::SYSTEM_PROGRAM].into()),
        ["whitelist.allowedDestinations"]
    );
    assert_eq!(
        after(|policy| policy.whitelist.allowed_programs = [Address::SYSTEM_PROGRAM].into()),
        [""; 0]
    );
}

#[test]
fn the_system_program_is_no_mint() {
    let sol = Mint::new(Address::SYSTEM_PROGRAM);
    let rules = TokenPolicy {
        limits: limits(1, 1, 1, 1),
        escalation: Escalation::default(),
        pinned: None,
    };
    assert_eq!(
        after(|policy| {
            policy.tokens.insert(sol, rules);
        }),
        [format!("tokens.{sol}")],
        "Squads writes SOL that way, so the limit would be a second one on SOL"
    );
}

#[test]
fn lists_are_bounded() {
    let programs = |count| after(|policy| policy.whitelist.allowed_programs = addresses(count).collect());
    assert_eq!(
        (programs(MAX_PROGRAMS).len(), programs(MAX_PROGRAMS + 1)),
        (0, vec!["whitelist.allowedPrograms".into()])
    );
    let listed = |count| {
        after(|policy| {
            policy.whitelist.allowed_token_mints = addresses(count).map(portreeve_kernel::Mint::new).collect();
        })
    };
    assert_eq!(
        (listed(MAX_TOKENS).len(), listed(MAX_TOKENS + 1)),
        (0, vec!["whitelist.allowedTokenMints".into()])
    );
    let rules = TokenPolicy {
        limits: limits(1, 1, 1, 1),
        escalation: Escalation::default(),
        pinned: None,
    };
    let limited = |count| {
        after(|policy| {
            policy.tokens = addresses(count)
                .map(|mint| (portreeve_kernel::Mint::new(mint), rules))
                .collect();
        })
    };
    assert_eq!(
        (limited(MAX_TOKENS).len(), limited(MAX_TOKENS + 1)),
        (0, vec!["tokens".into()])
    );
    let first: jiff::civil::Date = "2028-01-01".parse().unwrap();
    let closed = |count| {
        let dates = first.series(jiff::Span::new().days(1)).take(count).collect();
        after(|policy| policy.time_control.blackout_dates = dates)
    };
    assert_eq!(closed(MAX_BLACKOUT_DATES), [""; 0]);
    assert_eq!(closed(MAX_BLACKOUT_DATES + 1), ["timeControl.blackoutDates"]);
}

#[test]
fn hours_are_0_to_23_and_never_empty() {
    let hours = |start, end| after(|policy| policy.time_control.operating_hours_utc = Some(Hours { start, end }));
    let path = |field: &str| format!("timeControl.operatingHoursUtc{field}");
    assert_eq!(hours(0, 23), [""; 0]);
    assert_eq!(hours(23, 0), [""; 0]);
    assert_eq!(hours(24, 9), [path(".start")]);
    assert_eq!(hours(0, 24), [path(".end")]);
    assert_eq!(hours(9, 9), [path("")]);
    assert_eq!(hours(24, 24), [path(".start"), path(".end"), path("")]);
}

#[test]
fn an_interval_is_at_most_thirty_days() {
    assert_eq!(
        after(|policy| policy.min_interval_seconds = MAX_MIN_INTERVAL_SECONDS),
        [""; 0]
    );
    assert_eq!(
        after(|policy| policy.min_interval_seconds = MAX_MIN_INTERVAL_SECONDS + 1),
        ["minIntervalSeconds"]
    );
}
