//! What holds for every policy, request, usage and clock.

use crate::{
    random::{amounts, changes, clocks, policies, requests, tightenings, time_controls, usages},
    support::{codes, open_policy, unlimited},
};
use portreeve_kernel::{Amount, Code, Entropy, Now, Timestamp, Total, entropy::Seeded};
use portreeve_policy::{
    AgentPolicy, Decision, Escalation, Hours, Outcome, PolicyInput, SpendRequest, TimeControl, Usage, evaluate, lint,
    loosens,
};
use proptest::prelude::*;
use serde_json::Value;

const TIME: [Code; 3] = [
    Code::PolicyOutsideOperatingHours,
    Code::PolicyBlackoutDate,
    Code::PolicyMinInterval,
];

fn about_time(decision: &Decision) -> bool {
    codes(decision).iter().any(|code| TIME.contains(code))
}

/// The policy taken apart: each rule in a policy that is open otherwise.
fn rule_by_rule(policy: &AgentPolicy) -> Vec<AgentPolicy> {
    let open = || {
        let mut open = open_policy();
        open.tokens.clone_from(&policy.tokens);
        for token in open.tokens.values_mut() {
            token.limits = unlimited();
            token.escalation = Escalation::default();
            token.pinned = None;
        }
        open
    };
    let mut rules = vec![open(); 8];
    rules[0].limits = policy.limits;
    rules[1].tokens.clone_from(&policy.tokens);
    rules[2]
        .whitelist
        .allowed_destinations
        .clone_from(&policy.whitelist.allowed_destinations);
    rules[3]
        .whitelist
        .allowed_programs
        .clone_from(&policy.whitelist.allowed_programs);
    rules[4]
        .whitelist
        .allowed_token_mints
        .clone_from(&policy.whitelist.allowed_token_mints);
    rules[5].time_control.operating_hours_utc = policy.time_control.operating_hours_utc;
    rules[5].time_control.weekdays.clone_from(&policy.time_control.weekdays);
    rules[6]
        .time_control
        .blackout_dates
        .clone_from(&policy.time_control.blackout_dates);
    rules[7].min_interval_seconds = policy.min_interval_seconds;
    rules
}

/// The policy as its owner may send it.
fn as_sent(policy: &AgentPolicy) -> Value {
    let mut sent = serde_json::to_value(policy).unwrap();
    let members = sent.as_object_mut().unwrap();
    members.remove("version");
    members.insert("preset".into(), "custom".into());
    sent
}

/// `items` in an order that `chance` throws.
fn shuffled<T>(items: impl IntoIterator<Item = T>, chance: &Seeded) -> Vec<T> {
    let mut bytes = [0; 8];
    let mut drawn: Vec<([u8; 8], T)> = items
        .into_iter()
        .map(|item| {
            chance.fill(&mut bytes);
            (bytes, item)
        })
        .collect();
    drawn.sort_by_key(|(place, _)| *place);
    drawn.into_iter().map(|(_, item)| item).collect()
}

/// `value` as JSON, with the members of objects and the items of lists in any order. Written by hand, because a map of
/// `serde_json` puts its members back in order.
fn in_any_order(value: &Value, chance: &Seeded) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| in_any_order(item, chance)).collect();
            format!("[{}]", shuffled(items, chance).join(","))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name:?}:{}", in_any_order(value, chance));
            format!("{{{}}}", shuffled(members.iter().map(member), chance).join(","))
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_larger_amount_never_gets_a_milder_outcome(
        policy in policies(), request in requests(), more in amounts(), usage in usages(), now in clocks(),
    ) {
        let larger = SpendRequest { amount: request.amount.max(more), ..request };
        let smaller = SpendRequest { amount: request.amount.min(more), ..request };
        let (large, small) = (evaluate(&policy, &larger, &usage, now), evaluate(&policy, &smaller, &usage, now));
        prop_assert!(large.outcome >= small.outcome);
        prop_assert!(large.level >= small.level);
        prop_assert_eq!(large.max_amount_now, small.max_amount_now, "the largest that passes does not depend on what is asked");
    }

    #[test]
    fn the_largest_amount_that_passes_passes_and_one_more_does_not(
        policy in policies(), request in requests(), usage in usages(), now in clocks(),
    ) {
        let most = evaluate(&policy, &request, &usage, now).max_amount_now;
        if let Ok(amount) = Amount::new(most.units()) {
            let decision = evaluate(&policy, &SpendRequest { amount, ..request }, &usage, now);
            prop_assert!(decision.outcome.is_allowed(), "{decision:?}");
        }
        if let Ok(amount) = Amount::new(most.units() + 1) {
            let decision = evaluate(&policy, &SpendRequest { amount, ..request }, &usage, now);
            prop_assert!(!decision.outcome.is_allowed(), "{decision:?}");
        }
    }

    #[test]
    fn what_does_not_loosen_allows_nothing_that_was_not_allowed(
        (old, new) in changes(), requests in proptest::collection::vec((requests(), usages(), clocks()), 16),
    ) {
        for ((old, new), (request, usage, now)) in [(&old, &new), (&new, &old)]
            .into_iter()
            .filter(|(old, new)| !loosens(old, new))
            .flat_map(|pair| requests.iter().map(move |request| (pair, request)))
        {
            let (before, after) = (evaluate(old, request, usage, *now), evaluate(new, request, usage, *now));
            if after.outcome.is_allowed() {
                prop_assert!(before.outcome.is_allowed());
            }
            prop_assert!(after.max_amount_now <= before.max_amount_now);
            prop_assert!(after.outcome.min(Outcome::Deny) >= before.outcome.min(Outcome::Deny));
            if new.limits_of(request.asset).is_some() {
                prop_assert!(after.outcome >= before.outcome, "nor is anything answered more mildly");
            }
        }
    }

    #[test]
    fn every_rule_is_judged_by_itself(
        policy in policies(), request in requests(), usage in usages(), now in clocks(),
    ) {
        let usage = Usage { global: None, ..usage };
        let together = codes(&evaluate(&policy, &request, &usage, now));
        let mut apart = Vec::new();
        for rule in rule_by_rule(&policy) {
            for code in codes(&evaluate(&rule, &request, &usage, now)) {
                if !apart.contains(&code) {
                    apart.push(code);
                }
            }
        }
        prop_assert_eq!(together.len(), apart.len());
        prop_assert!(together.iter().all(|code| apart.contains(code)), "{:?} {:?}", together, apart);
    }

    #[test]
    fn the_whole_is_as_strict_as_its_strictest_rule(
        policy in policies(), request in requests(), usage in usages(), now in clocks(),
    ) {
        let usage = Usage { global: None, ..usage };
        let mut rules = rule_by_rule(&policy);
        rules.push(AgentPolicy { escalation: policy.escalation, ..rules[7].clone() });
        let (mut outcome, mut most) = (Outcome::Allow, Total::from(Amount::MAX));
        for mut rule in rules {
            rule.approval_may_exceed_per_transaction = policy.approval_may_exceed_per_transaction;
            let decision = evaluate(&rule, &request, &usage, now);
            outcome = outcome.max(decision.outcome);
            most = most.min(decision.max_amount_now);
        }
        let together = evaluate(&policy, &request, &usage, now);
        prop_assert_eq!((together.outcome, together.max_amount_now), (outcome, most));
    }

    #[test]
    fn rules_in_any_order_give_the_same_decision(
        policy in policies(), request in requests(), usage in usages(), now in clocks(), seed in any::<u64>(),
    ) {
        let text = in_any_order(&serde_json::to_value(&policy).unwrap(), &Seeded::new(seed));
        let stored: AgentPolicy = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(evaluate(&stored, &request, &usage, now), evaluate(&policy, &request, &usage, now), "{}", text);
        prop_assert_eq!(stored.hash(), policy.hash());
        prop_assert_eq!(stored, policy);
    }

    #[test]
    fn rules_sent_in_any_order_give_the_same_decision(
        policy in policies(), request in requests(), usage in usages(), now in clocks(), seed in any::<u64>(),
    ) {
        // What is pinned of a token nobody sends: it comes from the chain.
        let mut policy = policy;
        policy.tokens.values_mut().for_each(|token| token.pinned = None);
        let text = in_any_order(&as_sent(&policy), &Seeded::new(seed));
        let input: PolicyInput = serde_json::from_str(&text).unwrap();
        let sent = input.resolve(policy.version).unwrap();
        prop_assert_eq!(evaluate(&sent, &request, &usage, now), evaluate(&policy, &request, &usage, now), "{}", text);
        prop_assert_eq!(sent.hash(), policy.hash());
        prop_assert_eq!(sent, policy);
    }

    #[test]
    fn more_that_counts_already_never_allows_more(
        policy in policies(), request in requests(), usage in usages(), more in usages(), now in clocks(),
    ) {
        let heavier = Usage {
            day: usage.day.max(more.day),
            week: usage.week.max(more.week),
            month: usage.month.max(more.month),
            last_spend_at: usage.last_spend_at.max(more.last_spend_at),
            global: usage.global.or(more.global),
        };
        let (light, heavy) = (evaluate(&policy, &request, &usage, now), evaluate(&policy, &request, &heavier, now));
        prop_assert!(heavy.outcome >= light.outcome);
        prop_assert!(heavy.max_amount_now <= light.max_amount_now);
    }

    #[test]
    fn two_clocks_allow_no_more_than_either(
        policy in policies(), request in requests(), usage in usages(), now in clocks(),
    ) {
        let both = evaluate(&policy, &request, &usage, now);
        for reading in [now.for_release(), now.for_expiry()] {
            let one = evaluate(&policy, &request, &usage, Now::at(reading));
            prop_assert!(both.outcome >= one.outcome);
        }
    }

    #[test]
    fn the_outcome_and_the_violations_agree(
        policy in policies(), request in requests(), usage in usages(), now in clocks(),
    ) {
        let decision = evaluate(&policy, &request, &usage, now);
        prop_assert_eq!(decision.code().is_some(), decision.outcome.is_refused());
        prop_assert_eq!(decision.outcome.is_allowed(), request.amount.units() <= decision.max_amount_now.units());
        for violation in &decision.violations {
            let Some((limit, remaining)) = violation.limit.zip(violation.remaining) else {
                prop_assert_eq!(decision.max_amount_now, Total::ZERO);
                continue;
            };
            let spent = violation.used.unwrap_or(Total::ZERO).units();
            prop_assert_eq!(u128::from(violation.over_by.unwrap()), u128::from(spent) + u128::from(violation.requested.units()) - u128::from(limit.units()));
            prop_assert_eq!(remaining.units(), limit.units().saturating_sub(spent));
            prop_assert!(decision.max_amount_now <= remaining);
        }
    }

    #[test]
    fn a_random_policy_is_valid_and_can_be_linted(policy in policies()) {
        prop_assert_eq!(policy.validate(), Ok(()));
        for warning in lint(&policy) {
            prop_assert!(!warning.detail.is_empty());
        }
    }
}

proptest! {
    // Each of the rules has to meet a request that it alone decides.
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn one_rule_more_never_allows_more(
        (old, new) in tightenings(), requests in proptest::collection::vec((requests(), usages(), clocks()), 16),
    ) {
        for (request, usage, now) in requests {
            let (before, after) = (evaluate(&old, &request, &usage, now), evaluate(&new, &request, &usage, now));
            prop_assert!(after.outcome.min(Outcome::Deny) >= before.outcome.min(Outcome::Deny));
            prop_assert!(after.max_amount_now <= before.max_amount_now);
        }
        prop_assert!(!loosens(&old, &new), "and it is known to be no loosening");
        prop_assert!(!loosens(&old, &old));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn rules_about_time_pass_at_the_moment_they_say_and_not_before(
        time_control in time_controls(), min_interval_seconds in 0_u32..200_000, usage in usages(), now in clocks(),
    ) {
        let policy = AgentPolicy { time_control, min_interval_seconds, ..open_policy() };
        let request = crate::support::sol(1);
        let usage = Usage { last_spend_at: usage.last_spend_at, ..Usage::default() };
        let decision = evaluate(&policy, &request, &usage, now);
        prop_assume!(about_time(&decision));
        let apart = now.for_expiry().millis_since(now.for_release());
        let passes = |slowest: Timestamp| {
            let then = Now::between(slowest, slowest.plus_millis(apart));
            !about_time(&evaluate(&policy, &request, &usage, then))
        };
        let promised = decision.passes_at();
        if let Some(at) = promised {
            prop_assert!(passes(at), "{at}");
            prop_assert!(!passes(at.plus_millis(-1)), "{at}");
        }
        // Nothing passes earlier: looked at every 20 minutes, up to the promise or for the next 3 weeks.
        let mut moment = now.for_release();
        let end = promised.unwrap_or_else(|| moment.plus_millis(21 * 86_400_000));
        while moment < end {
            prop_assert!(!passes(moment), "{moment}, promised was {promised:?}");
            moment = moment.plus_millis(1_200_000);
        }
    }

    #[test]
    fn any_numbers_at_all_get_an_answer(
        policy in policies(),
        units in any::<[u64; 8]>(),
        hours in option(any::<(u8, u8)>()),
        millis in any::<[i64; 3]>(),
        min_interval_seconds in any::<u32>(),
        request in requests(),
        usage in usages(),
    ) {
        let number = |index: usize| Amount::new((units[index] >> 1).max(1)).unwrap();
        let mut wild = AgentPolicy { min_interval_seconds, ..policy };
        // Contradictory on purpose: whoever skips validation still gets an answer.
        wild.limits.per_transaction = number(0);
        wild.limits.daily = number(1);
        wild.limits.weekly = number(2);
        wild.limits.monthly = number(3);
        wild.escalation.low = Some(number(4));
        wild.escalation.high = Some(number(5));
        wild.time_control = TimeControl {
            operating_hours_utc: hours.map(|(start, end)| Hours { start, end }),
            ..wild.time_control
        };
        let usage = Usage { last_spend_at: Some(Timestamp::from_millis(millis[0])), day: number(6).into(), ..usage };
        let request = SpendRequest { amount: number(7), ..request };
        let now = Now::between(Timestamp::from_millis(millis[1]), Timestamp::from_millis(millis[2]));
        let decision = evaluate(&wild, &request, &usage, now);
        let _ = (decision.code(), decision.passes_at(), wild.validate(), lint(&wild), wild.hash());
        prop_assert!(!loosens(&wild, &wild));
    }
}

fn option<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    proptest::option::of(strategy)
}
