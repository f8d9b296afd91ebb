//! The policy, on the ledger's sums, against the same rules written a second time, slowly and by nobody's shortcut:
//! whatever is asked, both give the same answer in every field.
//!
//! `POLICY_CASES=1000000 POLICY_SEED=7 cargo test --release -p portreeve-policy --test reference -- --nocapture` runs as
//! many cases as are wanted, from another seed.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that overflows fails, which is what we want"
)]

mod cases;
mod slow;

use cases::{Dice, draw};
use portreeve_kernel::{Address, Amount, Asset, Code, Mint, Now, Timestamp, Total};
use portreeve_ledger::Book;
use portreeve_policy::{
    AgentPolicy, Budget, ChainDestinations, Decision, Escalation, GlobalUsage, Hours, Limits, PinnedToken,
    SpendRequest, TimeControl, TokenPolicy, Usage, Violation, Weekday, Whitelist, Window, evaluate,
};
use slow::{Ask, Entry, MOST, No, Rules, Scene, Sums, Verdict, judge};

/// How many cases run when nobody says otherwise.
const CASES: u64 = 100_000;

fn units(units: i128) -> u64 {
    u64::try_from(units).unwrap()
}

fn amount(of: i128) -> Amount {
    Amount::new(units(of)).unwrap()
}

fn total(of: i128) -> Total {
    Total::new(units(of)).unwrap()
}

fn address(number: u8) -> Address {
    Address::new([number; 32])
}

fn mint(number: u8) -> Mint {
    Mint::new(address(number))
}

fn moment(millis: i128) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap())
}

fn limits(sums: &Sums) -> Limits {
    let [daily, weekly, monthly] = sums.windows.map(amount);
    Limits {
        per_transaction: amount(sums.once),
        daily,
        weekly,
        monthly,
    }
}

fn escalation(sums: &Sums) -> Escalation {
    let [low, medium, high, critical] = sums.levels.map(|level| level.map(amount));
    Escalation {
        low,
        medium,
        high,
        critical,
    }
}

fn hour(number: i128) -> u8 {
    u8::try_from(number).unwrap()
}

/// The rules as the product takes them.
fn policy(rules: &Rules) -> AgentPolicy {
    let tokens = rules.tokens.iter().map(|token| {
        let pinned = token.program.map(|program| PinnedToken {
            program: address(program),
            decimals: 6,
        });
        let (limits, escalation) = (limits(&token.sums), escalation(&token.sums));
        (
            mint(token.mint),
            TokenPolicy {
                limits,
                escalation,
                pinned,
            },
        )
    });
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = |day: &i128| {
        epoch
            .checked_add(jiff::Span::new().days(i64::try_from(*day).unwrap()))
            .unwrap()
    };
    let weekday = |day: &i128| Weekday::ALL[usize::try_from(*day).unwrap()];
    AgentPolicy {
        version: 3,
        limits: limits(&rules.sol),
        escalation: escalation(&rules.sol),
        tokens: tokens.collect(),
        whitelist: Whitelist {
            allowed_destinations: rules.destinations.iter().copied().map(address).collect(),
            allowed_programs: rules.programs.iter().copied().map(address).collect(),
            allowed_token_mints: rules.mints.iter().copied().map(mint).collect(),
        },
        time_control: TimeControl {
            operating_hours_utc: rules.hours.map(|(start, end)| Hours {
                start: hour(start),
                end: hour(end),
            }),
            weekdays: rules.weekdays.iter().map(weekday).collect(),
            blackout_dates: rules.closed.iter().map(date).collect(),
        },
        min_interval_seconds: u32::try_from(rules.interval).unwrap(),
        approval_may_exceed_per_transaction: rules.may_exceed_once,
        chain_destinations: ChainDestinations::Any,
    }
}

/// What was settled, as the product keeps it.
fn book(scene: &Scene) -> Book {
    let settled = |entry: &Entry| Some((entry.settled?, entry.amount));
    let mut settled: Vec<_> = scene.entries.iter().filter_map(settled).collect();
    settled.sort_unstable();
    let mut book = Book::default();
    for (at, of) in settled {
        book.push(amount(of), moment(at)).unwrap();
    }
    book
}

/// What counts: of what was settled the ledger says it, and all that is pending counts.
fn usage(scene: &Scene, book: &Book, now: Now) -> Usage {
    let pending = scene.entries.iter().filter(|entry| entry.settled.is_none());
    let pending = units(pending.map(|entry| entry.amount).sum());
    let counted = book.used(now).unwrap();
    let [day, week, month] =
        [Window::Day, Window::Week, Window::Month].map(|window| counted.of(window).plus(pending).unwrap());
    let [of_day, of_week, of_month] = scene.budgets.map(|budget| {
        budget.map(|(limit, used)| Budget {
            limit: amount(limit),
            used: total(used),
        })
    });
    let any = scene.budgets.iter().any(Option::is_some);
    Usage {
        day,
        week,
        month,
        last_spend_at: scene.last_spend.map(moment),
        global: any.then_some(GlobalUsage {
            day: of_day,
            week: of_week,
            month: of_month,
        }),
    }
}

/// What the product says: the policy about the rules, the ledger about what counts and about when that is over.
fn fast(rules: &Rules, ask: &Ask, scene: &Scene) -> Decision {
    let policy = policy(rules);
    assert_eq!(policy.validate(), Ok(()));
    let request = SpendRequest {
        asset: ask.mint.map_or(Asset::Sol, |number| Asset::Token(mint(number))),
        amount: amount(ask.amount),
        destination: address(ask.to),
        program: address(ask.program),
    };
    // In either order: which clock is ahead must not matter.
    let (now, book) = (Now::between(moment(scene.fast), moment(scene.slow)), book(scene));
    let mut decision = evaluate(&policy, &request, &usage(scene, &book, now), now);
    assert_eq!(decision.policy_version, 3);
    let own = |violation: &&Violation| violation.code != Code::PolicyGlobalBudgetExceeded;
    let own = decision.violations.iter().filter(own);
    let over: Vec<_> = own.filter_map(|own| Some((own.window?, own.over_by?))).collect();
    for (window, over_by) in over {
        decision.set_passes_at(window, book.frees_at(window, over_by, now));
    }
    decision
}

/// The product's answer in the reference's words.
fn in_words(decision: &Decision) -> Verdict {
    let millis = |at: Timestamp| i128::from(at.millis());
    let no = |violation: &Violation| No {
        code: violation.code.as_str(),
        level: violation.level.unwrap().as_str(),
        window: violation.window.map(Window::as_str),
        limit: violation.limit.map(|limit| limit.units().into()),
        used: violation.used.map(|used| used.units().into()),
        remaining: violation.remaining.map(|remaining| remaining.units().into()),
        over_by: violation.over_by.map(i128::from),
        passes_at: violation.passes_at.map(millis),
    };
    Verdict {
        outcome: decision.outcome.as_str(),
        level: decision.level.map(|level| level.as_str()),
        noes: decision.violations.iter().map(no).collect(),
        most: decision.max_amount_now.units().into(),
        code: decision.code().map(|code| code.as_str()),
        passes_at: decision.passes_at().map(millis),
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn two_ways_to_write_the_rules_give_one_answer() {
    let (cases, seed) = (number("POLICY_CASES", CASES), number("POLICY_SEED", 1));
    let mut dice = Dice::new(seed);
    let mut outcomes = std::collections::BTreeMap::<&str, u64>::new();
    let mut codes = std::collections::BTreeMap::<&str, u64>::new();
    let mut later = 0_u64;
    for case in 0..cases {
        let (rules, ask, scene) = draw(&mut dice);
        let (expected, found) = (judge(&rules, &ask, &scene), in_words(&fast(&rules, &ask, &scene)));
        assert_eq!(
            found, expected,
            "case {case} of seed {seed}: {ask:#?}\n{scene:#?}\n{rules:#?}"
        );
        *outcomes.entry(found.outcome).or_default() += 1;
        for no in &found.noes {
            *codes.entry(no.code).or_default() += 1;
        }
        later += u64::from(found.passes_at.is_some());
    }
    println!("{cases} cases of seed {seed}, no disagreement; {later} pass later\n{outcomes:#?}\n{codes:#?}");
    if cases >= CASES {
        assert_eq!(
            (outcomes.len(), codes.len()),
            (6, 11),
            "every outcome and every rule came up"
        );
    }
}

#[test]
fn the_largest_amount_is_the_products_too() {
    assert_eq!(Amount::MAX.units(), units(MOST));
}
