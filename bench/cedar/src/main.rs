//! The question of "all rules, SOL" (`bench/src/policy.rs`), put to Cedar: the same limits, sums, destinations, programs
//! and times as one policy, decided as often, in the same way of measuring. Prints nanoseconds per decision as JSON.
//!
//! Cedar is a language for any question, ours is one fixed question: the numbers say what the generality costs, not that
//! one is better made. Not in it, because Cedar has no such thing: amounts at which somebody is asked or stopped, and
//! what would pass instead. Policies are parsed beforehand on both sides; that the request's facts are put together for
//! each decision is measured on its own.

use {
    cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression},
    rustix::time::{ClockId, clock_gettime},
    std::{hint::black_box, time::Duration},
};

/// Decisions between two looks at the clock.
const AT_ONCE: u32 = 1_000;
const ROUNDS: usize = 100;

fn main() {
    let policies: PolicySet = policy().parse().expect("a policy");
    let (authorizer, entities) = (Authorizer::new(), Entities::empty());
    let ask = |request: &Request| {
        authorizer
            .is_authorized(black_box(request), &policies, &entities)
            .decision()
    };
    let allowed = request(600);
    assert_eq!(ask(&allowed), Decision::Allow);
    assert_eq!(ask(&request(1_001)), Decision::Deny, "above the limit of one payment");
    let decided = time(|| assert_eq!(black_box(ask(&allowed)), Decision::Allow));
    let asked = time(|| assert_eq!(black_box(ask(&request(600))), Decision::Allow));
    println!(
        "{}",
        serde_json::json!({"version": version(), "decided": decided, "askedAndDecided": asked})
    );
}

/// Of the library, as the lock file has it.
fn version() -> String {
    let lock = include_str!("../Cargo.lock");
    let after = lock.split("name = \"cedar-policy\"\nversion = \"").nth(1);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("?").to_owned()
}

/// An address as it is written.
fn address(number: u8) -> String {
    format!("{:0>44}", u64::from(number) + 1_000_000_007)
}

fn policy() -> String {
    let list = |numbers: std::ops::RangeInclusive<u8>| {
        let all: Vec<String> = numbers.map(|number| format!("{:?}", address(number))).collect();
        all.join(", ")
    };
    let (destinations, programs) = (list(1..=16), list(0..=2));
    format!(
        r#"permit(principal == Agent::"a", action == Action::"pay", resource == Asset::"SOL") when {{
            context.amount <= 1000 &&
            context.day + context.amount <= 5000 &&
            context.week + context.amount <= 20000 &&
            context.month + context.amount <= 50000 &&
            context.budgetDay + context.amount <= 9000000000000000000 &&
            context.budgetWeek + context.amount <= 9000000000000000000 &&
            context.budgetMonth + context.amount <= 9000000000000000000 &&
            [{destinations}].contains(context.destination) &&
            [{programs}].contains(context.program) &&
            8 <= context.hour && context.hour < 18 &&
            ["monday", "tuesday", "wednesday", "thursday", "friday"].contains(context.weekday) &&
            !(["2027-12-24", "2027-12-25"].contains(context.date)) &&
            context.secondsSinceLast >= 60
        }};"#
    )
}

fn request(amount: i64) -> Request {
    let long = RestrictedExpression::new_long;
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let facts = [
        ("amount", long(amount)),
        ("day", long(100)),
        ("week", long(200)),
        ("month", long(300)),
        ("budgetDay", long(7)),
        ("budgetWeek", long(7)),
        ("budgetMonth", long(7)),
        ("destination", text(&address(16))),
        ("program", text(&address(0))),
        ("hour", long(10)),
        ("weekday", text("tuesday")),
        ("date", text("2027-06-15")),
        ("secondsSinceLast", long(1_800)),
    ];
    let context = Context::from_pairs(facts.map(|(name, value)| (name.to_owned(), value))).expect("a context");
    let name = |text: &str| -> EntityUid { text.parse().expect("a name") };
    Request::new(
        name(r#"Agent::"a""#),
        name(r#"Action::"pay""#),
        name(r#"Asset::"SOL""#),
        context,
        None,
    )
    .expect("a request")
}

fn now() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a time")
}

/// Nanoseconds of processor time of one call: the median of all rounds.
fn time(mut call: impl FnMut()) -> f64 {
    let mut round = || {
        let start = now();
        for _ in 0..AT_ONCE {
            call();
        }
        (now() - start).as_secs_f64() * 1e9 / f64::from(AT_ONCE)
    };
    round();
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
