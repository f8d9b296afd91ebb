//! What one policy evaluation costs: the time, and what it asks of the allocator.

use {
    crate::{
        Effort,
        result::{Measurement, Target},
        stats::{median, percentile, thread_time},
    },
    portreeve_kernel::{Address, Amount, Asset, Mint, Now, Timestamp},
    portreeve_policy::{AgentPolicy, Budget, GlobalUsage, PolicyInput, SpendRequest, Usage, evaluate},
    serde_json::{Value, json},
    std::{
        env,
        ffi::OsString,
        hint::black_box,
        process::{Command, Stdio},
    },
};

/// Evaluations between two looks at the clock.
const AT_ONCE: u32 = 10_000;

/// The case that is also put to Cedar.
const ASKED_OF_CEDAR: &str = "all rules, SOL";

/// One question, as often as it is asked.
struct Case {
    name: &'static str,
    policy: AgentPolicy,
    request: SpendRequest,
    usage: Usage,
    allowed: bool,
}

/// Measures every case.
pub(crate) fn measure(effort: Effort) -> Measurement {
    let mut result = Measurement::new("policy");
    let rounds = effort.pick(300, 5);
    result.with(format!(
        "portreeve_policy::evaluate, {AT_ONCE} times a round on one thread, processor time, median of {rounds} rounds"
    ));
    result.with("all rules: 4 limits, 3 global budgets, 4 levels, 16 destinations, 3 programs, a mint, hours, weekdays, 2 blackout dates, an interval");
    let now: Timestamp = "2027-06-15T10:30:00Z".parse().unwrap();
    let now = Now::between(now, now.plus_millis(20));
    for case in cases() {
        let ask = || {
            evaluate(
                black_box(&case.policy),
                black_box(&case.request),
                black_box(&case.usage),
                black_box(now),
            )
        };
        assert_eq!(ask().outcome.is_allowed(), case.allowed, "{}", case.name);
        let nanoseconds = time(rounds, || drop(black_box(ask())));
        let counted = allocation_counter::measure(|| drop(black_box(ask())));
        let allocations = f64::from(u32::try_from(counted.count_total).unwrap());
        if case.allowed {
            result.hold(
                format!("{}, time", case.name),
                median(&nanoseconds),
                "ns",
                Target::AtMost(1000.0),
            );
            result.hold(
                format!("{}, allocations", case.name),
                allocations,
                "",
                Target::AtMost(0.0),
            );
        } else {
            result.tell(format!("{}, time", case.name), median(&nanoseconds), "ns");
            result.tell(format!("{}, allocations", case.name), allocations, "");
        }
        result.tell(
            format!("{}, slowest round but 1 %", case.name),
            percentile(&nanoseconds, 99),
            "ns",
        );
        if case.name == ASKED_OF_CEDAR
            && let Some(program) = env::var_os("PORTREEVE_CEDAR_BIN")
        {
            compare(&mut result, program, median(&nanoseconds));
        }
    }
    result
}

/// Has Cedar decide the same, in the same way of measuring (`bench/cedar`).
fn compare(result: &mut Measurement, program: OsString, ours: f64) {
    let output = Command::new(program).stderr(Stdio::inherit()).output().unwrap();
    assert!(
        output.status.success(),
        "Cedar's measurement ends with {}",
        output.status
    );
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| told[name].as_f64().unwrap();
    result.with(format!(
        "Cedar {}: the rules of \"{ASKED_OF_CEDAR}\" as one policy without a schema, parsed beforehand",
        told["version"].as_str().unwrap()
    ));
    result.tell("Cedar, time, of a request put together beforehand", of("decided"), "ns");
    result.tell("Cedar, time, with the request", of("askedAndDecided"), "ns");
    result.tell("Cedar's time to ours", of("decided") / ours, "×");
}

/// Nanoseconds of one call, once per round.
pub(crate) fn time(rounds: u32, mut call: impl FnMut()) -> Vec<f64> {
    let mut round = || {
        let start = thread_time();
        for _ in 0..AT_ONCE {
            call();
        }
        (thread_time() - start).as_secs_f64() * 1e9 / f64::from(AT_ONCE)
    };
    // The first warms caches and the processor.
    round();
    (0..rounds).map(|_| round()).collect()
}

fn cases() -> [Case; 4] {
    let mint = Mint::new(Address::new([99; 32]));
    let all = policy(&json!({
        "preset": "custom",
        "limits": {"perTransaction": "1000", "daily": "5000", "weekly": "20000", "monthly": "50000"},
        "escalation": {"low": "500", "medium": "1001", "high": "3000", "critical": "5000"},
        "tokens": {mint.to_string(): {
            "limits": {"perTransaction": "1000", "daily": "5000"},
            "escalation": {"low": "500"},
        }},
        "whitelist": {
            "allowedDestinations": (1..=16_u8).map(|number| Address::new([number; 32])).collect::<Vec<_>>(),
            "allowedPrograms": (0..3_u8).map(|number| Address::new([number; 32])).collect::<Vec<_>>(),
            "allowedTokenMints": [mint],
        },
        "timeControl": {
            "operatingHoursUtc": {"start": 8, "end": 18},
            "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "blackoutDates": ["2027-12-24", "2027-12-25"],
        },
        "minIntervalSeconds": 60,
    }));
    let ask = |asset, amount| SpendRequest {
        asset,
        amount: Amount::new(amount).unwrap(),
        destination: Address::new([16; 32]),
        program: Address::SYSTEM_PROGRAM,
    };
    let budget = Some(Budget {
        limit: Amount::MAX,
        used: Amount::new(7).unwrap().into(),
    });
    let busy = Usage {
        day: Amount::new(100).unwrap().into(),
        week: Amount::new(200).unwrap().into(),
        month: Amount::new(300).unwrap().into(),
        last_spend_at: Some("2027-06-15T10:00:00Z".parse().unwrap()),
        global: Some(GlobalUsage {
            day: budget,
            week: budget,
            month: budget,
        }),
    };
    [
        Case {
            name: "standard preset",
            policy: policy(&json!({"preset": "standard"})),
            request: ask(Asset::Sol, 600),
            usage: Usage { global: None, ..busy },
            allowed: true,
        },
        Case {
            name: ASKED_OF_CEDAR,
            policy: all.clone(),
            request: ask(Asset::Sol, 600),
            usage: busy,
            allowed: true,
        },
        Case {
            name: "all rules, a token",
            policy: all.clone(),
            request: ask(Asset::Token(mint), 600),
            usage: busy,
            allowed: true,
        },
        Case {
            name: "all rules, refused by four limits",
            policy: all,
            request: ask(Asset::Sol, 60_000),
            usage: busy,
            allowed: false,
        },
    ]
}

fn policy(text: &serde_json::Value) -> AgentPolicy {
    let input: PolicyInput = serde_json::from_value(text.clone()).unwrap();
    input.resolve(1).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_answered_as_it_says() {
        measure(Effort::Quick);
    }
}
