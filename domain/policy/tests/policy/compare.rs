//! What counts as loosening, rule by rule.

use crate::support::{address, amount, limits, mint, open_policy};
use portreeve_policy::{
    AgentPolicy, ChainDestinations, Escalation, Hours, Limits, PinnedToken, TimeControl, TokenPolicy, Weekday, loosens,
};

/// A policy with every kind of rule.
fn strict() -> AgentPolicy {
    let mut policy = AgentPolicy {
        version: 5,
        limits: limits(10, 100, 700, 3000),
        escalation: Escalation {
            low: Some(amount(2)),
            medium: Some(amount(4)),
            high: Some(amount(20)),
            critical: Some(amount(40)),
        },
        min_interval_seconds: 60,
        time_control: TimeControl {
            operating_hours_utc: Some(Hours { start: 9, end: 17 }),
            weekdays: [Weekday::Monday, Weekday::Tuesday].into(),
            blackout_dates: ["2027-12-25".parse().unwrap()].into(),
        },
        ..open_policy()
    };
    policy.whitelist.allowed_destinations = [address(1), address(2)].into();
    policy.whitelist.allowed_programs = [address(0)].into();
    policy.whitelist.allowed_token_mints = [mint(9)].into();
    let rules = TokenPolicy {
        limits: limits(1, 2, 3, 4),
        escalation: Escalation::default(),
        pinned: None,
    };
    policy.tokens.insert(mint(9), rules);
    policy
}

fn changed(change: impl FnOnce(&mut AgentPolicy)) -> bool {
    let mut new = strict();
    change(&mut new);
    loosens(&strict(), &new)
}

#[test]
fn any_limit_raised_by_one_unit_loosens_and_lowered_does_not() {
    let each: [fn(&mut Limits, u64); 4] = [
        |limits, units| limits.per_transaction = amount(units),
        |limits, units| limits.daily = amount(units),
        |limits, units| limits.weekly = amount(units),
        |limits, units| limits.monthly = amount(units),
    ];
    for (set, present) in each.into_iter().zip([10, 100, 700, 3000]) {
        assert!(changed(|new| set(&mut new.limits, present + 1)), "{present}");
        assert!(!changed(|new| set(&mut new.limits, present)), "{present}");
        assert!(!changed(|new| set(&mut new.limits, present - 1)), "{present}");
    }
    assert!(
        changed(|new| new.tokens.get_mut(&mint(9)).unwrap().limits.daily = amount(3)),
        "of a token too"
    );
}

#[test]
fn a_threshold_raised_or_removed_loosens() {
    assert!(changed(|new| new.escalation.critical = Some(amount(41))));
    assert!(changed(|new| new.escalation.critical = None));
    assert!(changed(|new| new.escalation.high = Some(amount(21))));
    assert!(changed(|new| new.escalation.medium = None), "what was held is paid");
    assert!(
        changed(|new| new.escalation.low = Some(amount(3))),
        "the owner hears less"
    );
    assert!(!changed(|new| new.escalation.high = Some(amount(19))));
    assert!(
        !changed(|new| new.escalation.medium = Some(amount(2))),
        "what was told is held"
    );
    assert!(
        !changed(|new| {
            new.escalation.low = None;
            new.escalation.medium = Some(amount(2));
        }),
        "the milder level gave way to the harder one"
    );
    assert!(
        !changed(|new| new.tokens.get_mut(&mint(9)).unwrap().escalation.high = Some(amount(1))),
        "a level where there was none"
    );
}

#[test]
fn a_token_more_loosens_and_a_token_less_does_not() {
    let rules = TokenPolicy {
        limits: limits(1, 1, 1, 1),
        escalation: Escalation::default(),
        pinned: None,
    };
    assert!(changed(|new| {
        new.tokens.insert(mint(8), rules);
    }));
    assert!(!changed(|new| new.tokens.clear()));
}

#[test]
fn what_is_pinned_of_a_token_may_be_added_and_never_changed_or_taken_away() {
    let pinned = |program, decimals| {
        let mut policy = strict();
        policy.tokens.get_mut(&mint(9)).unwrap().pinned = Some(PinnedToken {
            program: address(program),
            decimals,
        });
        policy
    };
    assert!(!loosens(&strict(), &pinned(1, 6)));
    assert!(!loosens(&pinned(1, 6), &pinned(1, 6)));
    for other in [pinned(2, 6), pinned(1, 7), strict()] {
        assert!(loosens(&pinned(1, 6), &other));
    }
}

#[test]
fn a_list_that_grows_or_becomes_empty_loosens() {
    assert!(changed(
        |new| new.whitelist.allowed_destinations = [address(1), address(2), address(3)].into()
    ));
    assert!(
        changed(|new| new.whitelist.allowed_destinations = [address(3)].into()),
        "another one"
    );
    assert!(
        changed(|new| new.whitelist.allowed_destinations.clear()),
        "empty means any"
    );
    assert!(changed(|new| new.whitelist.allowed_programs.clear()));
    assert!(changed(|new| new.whitelist.allowed_token_mints.clear()));
    assert!(!changed(|new| new.whitelist.allowed_destinations = [address(2)].into()));
    let mut open = strict();
    open.whitelist.allowed_destinations.clear();
    assert!(!loosens(&open, &strict()), "from any to some");
    assert!(loosens(&strict(), &open));
}

#[test]
fn an_hour_a_day_or_a_date_more_loosens() {
    let hours =
        |start, end| move |new: &mut AgentPolicy| new.time_control.operating_hours_utc = Some(Hours { start, end });
    assert!(changed(hours(9, 18)));
    assert!(changed(hours(8, 17)));
    assert!(changed(hours(17, 9)), "the other half of the day");
    assert!(changed(|new| new.time_control.operating_hours_utc = None));
    assert!(!changed(hours(10, 16)));
    assert!(!changed(hours(12, 12)), "never");
    assert!(changed(|new| new.time_control.weekdays.clear()), "empty means all");
    assert!(changed(|new| new.time_control.weekdays = [Weekday::Sunday].into()));
    assert!(!changed(|new| new.time_control.weekdays = [Weekday::Monday].into()));
    assert!(changed(|new| new.time_control.blackout_dates.clear()));
    assert!(!changed(|new| new
        .time_control
        .blackout_dates
        .extend(["2027-12-24".parse::<jiff::civil::Date>().unwrap()])));
}

#[test]
fn the_remaining_switches_loosen_in_one_direction() {
    assert!(changed(|new| new.min_interval_seconds = 59));
    assert!(!changed(|new| new.min_interval_seconds = 61));
    assert!(changed(|new| new.approval_may_exceed_per_transaction = true));
    assert!(changed(|new| new.chain_destinations = ChainDestinations::Any));
    let relaxed = AgentPolicy {
        approval_may_exceed_per_transaction: true,
        chain_destinations: ChainDestinations::Any,
        ..strict()
    };
    assert!(!loosens(&relaxed, &strict()));
}

#[test]
fn the_version_is_no_rule() {
    assert!(!changed(|new| new.version = 6));
    assert!(!changed(|new| new.version = 4));
}

#[test]
fn nothing_weighs_up_a_loosened_rule() {
    assert!(changed(|new| {
        new.limits = limits(1, 1, 1, 1);
        new.min_interval_seconds = 59;
    }));
}
