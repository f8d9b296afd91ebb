//! Random policies, requests and clocks from a small world, so that rules meet each other often.

use crate::support::{address, amount, mint, total, unlimited};
use portreeve_kernel::{Address, Amount, Asset, Mint, Now, Timestamp, Total};
use portreeve_policy::{
    AgentPolicy, Budget, ChainDestinations, Escalation, GlobalUsage, Hours, Limits, PinnedToken, SpendRequest,
    TimeControl, TokenPolicy, Usage, Weekday, Whitelist,
};
use proptest::{collection, option, prelude::*, sample};
use std::collections::BTreeSet;

/// 2027-12-28T00:00:00Z: a year's end and a leap day are near.
pub(crate) const START: i64 = 1_829_952_000_000;

pub(crate) fn amounts() -> impl Strategy<Value = Amount> {
    prop_oneof![
        20 => (1_u64..40).prop_map(amount),
        1 => (Amount::MAX.units() - 2..=Amount::MAX.units()).prop_map(amount),
    ]
}

pub(crate) fn totals() -> impl Strategy<Value = Total> {
    prop_oneof![
        20 => (0_u64..40).prop_map(total),
        1 => (Amount::MAX.units() - 2..=Amount::MAX.units()).prop_map(total),
    ]
}

pub(crate) fn limits() -> impl Strategy<Value = Limits> {
    [amounts(), amounts(), amounts(), amounts()].prop_map(|mut all| {
        all.sort_unstable();
        let [per_transaction, daily, weekly, monthly] = all;
        Limits {
            per_transaction,
            daily,
            weekly,
            monthly,
        }
    })
}

pub(crate) fn escalations() -> impl Strategy<Value = Escalation> {
    ([amounts(), amounts(), amounts(), amounts()], any::<[bool; 4]>()).prop_map(|(mut all, set)| {
        all.sort_unstable();
        let [low, medium, high, critical] = all;
        Escalation {
            low: set[0].then_some(low),
            medium: set[1].then_some(medium),
            high: set[2].then_some(high),
            critical: set[3].then_some(critical),
        }
    })
}

fn some_of<T: Clone + Ord + std::fmt::Debug + 'static>(pool: Vec<T>) -> impl Strategy<Value = BTreeSet<T>> {
    let all = pool.len();
    prop_oneof![
        1 => Just(BTreeSet::new()),
        2 => sample::subsequence(pool, 1..=all).prop_map(|picked| picked.into_iter().collect()),
    ]
}

fn wallets() -> Vec<Address> {
    (1..=4).map(address).collect()
}

fn programs() -> Vec<Address> {
    (0..=2).map(address).collect()
}

fn mints() -> Vec<Mint> {
    (21..=23).map(mint).collect()
}

pub(crate) fn time_controls() -> impl Strategy<Value = TimeControl> {
    let hours = (0_u8..24, 1_u8..24).prop_map(|(start, length)| Hours {
        start,
        end: (start + length) % 24,
    });
    let first: jiff::civil::Date = "2027-12-28".parse().unwrap();
    let dates = (0_i64..10)
        .map(|day| first.checked_add(jiff::Span::new().days(day)).unwrap())
        .collect();
    (option::of(hours), some_of(Weekday::ALL.to_vec()), some_of(dates)).prop_map(
        |(operating_hours_utc, weekdays, blackout_dates)| TimeControl {
            operating_hours_utc,
            weekdays,
            blackout_dates,
        },
    )
}

pub(crate) fn policies() -> impl Strategy<Value = AgentPolicy> {
    let pinned = option::of(
        (sample::select(programs()), 0_u8..3).prop_map(|(program, decimals)| PinnedToken { program, decimals }),
    );
    let tokens = collection::btree_map(
        sample::select(mints()),
        (limits(), escalations(), pinned).prop_map(|(limits, escalation, pinned)| TokenPolicy {
            limits,
            escalation,
            pinned,
        }),
        0..=3,
    );
    let whitelist = (some_of(wallets()), some_of(programs()), some_of(mints())).prop_map(
        |(allowed_destinations, allowed_programs, allowed_token_mints)| Whitelist {
            allowed_destinations,
            allowed_programs,
            allowed_token_mints,
        },
    );
    let time = prop_oneof![Just(TimeControl::default()), time_controls()];
    let interval = prop_oneof![Just(0), 1_u32..100_000];
    let on_chain = prop_oneof![Just(ChainDestinations::Whitelist), Just(ChainDestinations::Any)];
    (
        limits(),
        escalations(),
        tokens,
        whitelist,
        time,
        interval,
        any::<bool>(),
        on_chain,
    )
        .prop_map(
            |(
                limits,
                escalation,
                tokens,
                whitelist,
                time_control,
                min_interval_seconds,
                exceed,
                chain_destinations,
            )| {
                AgentPolicy {
                    version: 3,
                    limits,
                    escalation,
                    tokens,
                    whitelist,
                    time_control,
                    min_interval_seconds,
                    approval_may_exceed_per_transaction: exceed,
                    chain_destinations,
                }
            },
        )
}

pub(crate) fn requests() -> impl Strategy<Value = SpendRequest> {
    let asset = prop_oneof![Just(Asset::Sol), sample::select(mints()).prop_map(Asset::Token)];
    (asset, amounts(), sample::select(wallets()), sample::select(programs())).prop_map(
        |(asset, amount, destination, program)| SpendRequest {
            asset,
            amount,
            destination,
            program,
        },
    )
}

pub(crate) fn moments() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (0_i64..10 * 86_400_000).prop_map(|after| Timestamp::from_millis(START + after)),
        (0_i64..10 * 24).prop_map(|after| Timestamp::from_millis(START + after * 3_600_000)),
    ]
}

/// Clocks that agree, or differ by up to three hours.
pub(crate) fn clocks() -> impl Strategy<Value = Now> {
    let apart = prop_oneof![Just(0_i64), 1_i64..3 * 3_600_000];
    (moments(), apart).prop_map(|(slow, apart)| Now::between(slow, slow.plus_millis(apart)))
}

pub(crate) fn budgets() -> impl Strategy<Value = Option<GlobalUsage>> {
    let budget = || option::of((amounts(), totals()).prop_map(|(limit, used)| Budget { limit, used }));
    option::of((budget(), budget(), budget()).prop_map(|(day, week, month)| GlobalUsage { day, week, month }))
}

pub(crate) fn usages() -> impl Strategy<Value = Usage> {
    let small = || prop_oneof![3 => (0_u64..10).prop_map(total), 1 => totals()];
    (small(), small(), small(), option::of(moments()), budgets()).prop_map(
        |(day, week, month, last_spend_at, global)| Usage {
            day,
            week,
            month,
            last_spend_at,
            global,
        },
    )
}

/// A policy and one that differs from it in one place, or anywhere.
pub(crate) fn changes() -> impl Strategy<Value = (AgentPolicy, AgentPolicy)> {
    (policies(), policies(), 0_u8..12).prop_map(|(old, other, place)| {
        let mut new = old.clone();
        match place {
            0 => new.limits = other.limits,
            1 => new.escalation = other.escalation,
            2 => new.tokens = other.tokens,
            3 => new.whitelist.allowed_destinations = other.whitelist.allowed_destinations,
            4 => new.whitelist.allowed_programs = other.whitelist.allowed_programs,
            5 => new.whitelist.allowed_token_mints = other.whitelist.allowed_token_mints,
            6 => new.time_control.operating_hours_utc = other.time_control.operating_hours_utc,
            7 => new.time_control.weekdays = other.time_control.weekdays,
            8 => new.time_control.blackout_dates = other.time_control.blackout_dates,
            9 => new.min_interval_seconds = other.min_interval_seconds,
            10 => new.approval_may_exceed_per_transaction = other.approval_may_exceed_per_transaction,
            _ => new = other,
        }
        (old, new)
    })
}

/// Some of what `mine` lists, or of `pool` where `mine` is empty and so means any.
fn listed<T: Ord + Clone>(mine: &BTreeSet<T>, pool: Vec<T>) -> BTreeSet<T> {
    match mine.first() {
        Some(first) => BTreeSet::from([first.clone()]),
        None => pool.into_iter().take(2).collect(),
    }
}

/// The smaller of both, or the one there is: a level that is reached earlier, or at all.
fn earlier(one: Option<Amount>, other: Option<Amount>) -> Option<Amount> {
    one.into_iter().chain(other).min()
}

/// The tokens of `old`, each tightened by what `other` says of it.
fn each_token(old: &mut AgentPolicy, other: &AgentPolicy, tighten: impl Fn(&mut TokenPolicy, &TokenPolicy)) {
    for (mint, token) in &mut old.tokens {
        if let Some(other) = other.tokens.get(mint) {
            tighten(token, other);
        }
    }
}

/// A policy and the same with one more rule, or one rule made stricter. Half of them have no limits, so that the other
/// rules have the say.
pub(crate) fn tightenings() -> impl Strategy<Value = (AgentPolicy, AgentPolicy)> {
    (policies(), policies(), 0_u8..22, any::<bool>()).prop_map(|(mut old, other, place, without_limits)| {
        if without_limits {
            old.limits = unlimited();
            old.tokens.values_mut().for_each(|token| token.limits = unlimited());
        }
        let mut new = old.clone();
        let (levels, hours) = (&mut new.escalation, old.time_control.operating_hours_utc);
        match place {
            0 => new.limits.per_transaction = old.limits.per_transaction.min(other.limits.per_transaction),
            1 => new.limits.daily = old.limits.daily.min(other.limits.daily),
            2 => new.limits.weekly = old.limits.weekly.min(other.limits.weekly),
            3 => new.limits.monthly = old.limits.monthly.min(other.limits.monthly),
            4 => levels.low = earlier(levels.low, other.escalation.low),
            5 => levels.medium = earlier(levels.medium, other.escalation.medium),
            6 => levels.high = earlier(levels.high, other.escalation.high),
            7 => levels.critical = earlier(levels.critical, other.escalation.critical),
            8 => {
                new.tokens.pop_first();
            }
            9 => each_token(&mut new, &other, |token, other| {
                token.limits = Limits {
                    per_transaction: token.limits.per_transaction.min(other.limits.per_transaction),
                    daily: token.limits.daily.min(other.limits.daily),
                    weekly: token.limits.weekly.min(other.limits.weekly),
                    monthly: token.limits.monthly.min(other.limits.monthly),
                };
            }),
            10 => each_token(&mut new, &other, |token, other| {
                token.escalation.medium = earlier(token.escalation.medium, other.escalation.medium);
            }),
            11 => each_token(&mut new, &other, |token, other| {
                token.escalation.high = earlier(token.escalation.high, other.escalation.high);
            }),
            12 => each_token(&mut new, &other, |token, other| {
                token.pinned = token.pinned.or(other.pinned)
            }),
            13 => new.whitelist.allowed_destinations = listed(&old.whitelist.allowed_destinations, wallets()),
            14 => new.whitelist.allowed_programs = listed(&old.whitelist.allowed_programs, programs()),
            15 => new.whitelist.allowed_token_mints = listed(&old.whitelist.allowed_token_mints, mints()),
            16 => new.time_control.operating_hours_utc = hours.or(Some(Hours { start: 22, end: 6 })),
            17 => {
                let shorter = |hours: Hours| Hours {
                    start: (hours.start + 1) % 24,
                    ..hours
                };
                let shortened = hours.map(shorter).filter(|hours| hours.start != hours.end);
                new.time_control.operating_hours_utc = shortened.or(hours);
            }
            18 => new.time_control.weekdays = listed(&old.time_control.weekdays, Weekday::ALL.to_vec()),
            19 => new
                .time_control
                .blackout_dates
                .extend(&other.time_control.blackout_dates),
            20 => new.min_interval_seconds = old.min_interval_seconds.max(other.min_interval_seconds),
            _ => new.approval_may_exceed_per_transaction = false,
        }
        (old, new)
    })
}
