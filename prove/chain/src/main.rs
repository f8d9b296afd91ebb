//! Random traces of payments, clock moves and policy edits, with the product's own rules on one side and the real
//! Squads program on the other. What must hold, in every trace:
//!
//! - *the chain never refuses what the server allowed*, and the signer signs it,
//! - *our model of a spending limit is the program*: it foretells every acceptance, every refusal and its number, and
//!   every field that the program keeps.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a proof that fails may panic, and says what it found"
)]

mod books;
mod desk;
mod dice;
mod group;
mod life;
mod model;
mod node;
mod plan;
mod shrink;
mod world;

use {
    clap::Parser,
    group::{Trouble, live},
    indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle},
    life::Tally,
    plan::{GROUP, Plan, draw},
    serde_json::json,
    shrink::shrink,
    std::{
        io::IsTerminal,
        panic::{catch_unwind, resume_unwind},
        process::ExitCode,
        sync::{
            Mutex,
            atomic::{AtomicU64, Ordering},
        },
        thread,
        time::{Duration, Instant},
    },
};

/// Chains that are tried for a group of traces.
const TRIES: u32 = 3;

const AFTER_HELP: &str = "\
Examples:
  portreeve-chain-proof                           1,000 traces
  portreeve-chain-proof --traces 10000 --json     a long run, its summary as JSON
  portreeve-chain-proof --seed 7 --only 123       one trace again, alone

The local chain is the program that PORTREEVE_LOCALCHAIN_BIN names, or target/localchain/debug/portreeve-localchain.
Exit code 0: everything agreed. 1: something did not, and it is printed with its seed, made as small as possible.";

/// Whether the chain ever refuses what the server allowed: random traces on the real Squads program
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Args {
    /// How many traces
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    traces: u64,

    /// What the traces are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Live this trace alone, and print it
    #[arg(long, value_name = "TRACE")]
    only: Option<u64>,

    /// Chains side by side; absent: one per processor
    #[arg(long)]
    jobs: Option<usize>,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(number) = args.only {
        return only(&args, number);
    }
    let began = now();
    let (tally, mut troubles) = all(&args);
    troubles.sort_by_key(|trouble| trouble.number);
    let took = began.elapsed();
    if args.json {
        println!("{}", summary(&args, &tally, &troubles, took));
    } else {
        println!("{}", told(&args, &tally, &troubles, took));
    }
    let Some(first) = troubles.first() else {
        return ExitCode::SUCCESS;
    };
    eprintln!(
        "\ntrace {} of seed {}, round {}: {}",
        first.number, args.seed, first.round, first.what
    );
    eprintln!("making it smaller …");
    match shrink(&draw(args.seed, first.number)) {
        Some((plan, trouble)) => show(&plan, &trouble),
        None => eprintln!(
            "alone it does not fail: it needs its group, {} … {}",
            group_of(first.number),
            GROUP - 1
        ),
    }
    eprintln!(
        "\nagain: portreeve-chain-proof --seed {} --only {}",
        args.seed, first.number
    );
    ExitCode::FAILURE
}

const fn group_of(number: u64) -> u64 {
    number / GROUP * GROUP
}

fn only(args: &Args, number: u64) -> ExitCode {
    let plan = draw(args.seed, number);
    let (tally, troubles) = live(std::slice::from_ref(&plan));
    let Some(trouble) = troubles.first() else {
        println!("{plan:#?}\n{tally:?}");
        return ExitCode::SUCCESS;
    };
    show(&plan, trouble);
    ExitCode::FAILURE
}

fn show(plan: &Plan, trouble: &Trouble) {
    eprintln!("{:?}, amounts × {}", plan.terms, plan.scale);
    for (place, round) in plan.rounds.iter().enumerate() {
        eprintln!("  round {place}: +{} s, {:?}", round.wait, round.clock);
        for act in &round.acts {
            eprintln!("    {act:?}");
        }
    }
    eprintln!("round {}: {}", trouble.round, trouble.what);
}

/// Lives all traces, group by group, on as many chains as there are jobs.
fn all(args: &Args) -> (Tally, Vec<Trouble>) {
    let jobs = args
        .jobs
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into));
    let bar = ProgressBar::new(args.traces);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} traces, {eta} left").unwrap());
    let next = AtomicU64::new(0);
    let found = Mutex::new((Tally::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(GROUP, Ordering::Relaxed);
                    if first >= args.traces {
                        return;
                    }
                    let plans: Vec<Plan> = (first..args.traces.min(first + GROUP))
                        .map(|number| draw(args.seed, number))
                        .collect();
                    let (tally, troubles) = lived(&plans);
                    let mut found = found.lock().unwrap();
                    found.0.add(&tally);
                    found.1.extend(troubles);
                    bar.inc(plans.len() as u64);
                    let done = bar.position();
                    if bar.is_hidden() && done / 500 != (done - plans.len() as u64) / 500 {
                        eprintln!("{done} of {} traces, {} disagreements", args.traces, found.1.len());
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    found.into_inner().unwrap()
}

/// A chain that does not answer in time says nothing about the traces on it: they begin anew on another, and how often is
/// told. Whatever else goes wrong ends the proof.
fn lived(plans: &[Plan]) -> (Tally, Vec<Trouble>) {
    for again in 0..u64::from(TRIES) {
        match catch_unwind(|| live(plans)) {
            Ok((tally, troubles)) => return (Tally { again, ..tally }, troubles),
            Err(silence) if silence.is::<node::Silent>() => {}
            Err(other) => resume_unwind(other),
        }
    }
    panic!("traces {} and on do not come to an end", plans[0].number)
}

fn summary(args: &Args, tally: &Tally, troubles: &[Trouble], took: Duration) -> serde_json::Value {
    let disagreements: Vec<_> = troubles
        .iter()
        .map(|trouble| json!({"trace": trouble.number, "round": trouble.round, "what": trouble.what}))
        .collect();
    json!({
        "traces": args.traces, "seed": args.seed, "seconds": took.as_secs_f64(),
        "allowed": tally.allowed, "denied": tally.denied, "landed": tally.landed, "lost": tally.lost,
        "configurations": tally.configured, "spentPastUs": tally.attempts, "stolen": tally.stolen,
        "refusedByChain": tally.refused_by_chain, "accountsCompared": tally.compared,
        "groupsBegunAnew": tally.again, "disagreements": disagreements,
    })
}

fn told(args: &Args, tally: &Tally, troubles: &[Trouble], took: Duration) -> String {
    let Tally {
        allowed,
        denied,
        landed,
        lost,
        configured,
        attempts,
        refused_by_chain,
        stolen,
        compared,
        again,
    } = tally;
    format!(
        "{} traces of seed {} in {:.0} s\n\
         the server allowed {allowed} payments and denied {denied}; {landed} landed, {lost} were lost\n\
         {configured} configurations, {stolen} thefts and {attempts} acts past us landed, {refused_by_chain} were refused as foretold\n\
         {compared} accounts on chain compared with the model; {again} groups of traces begun anew\n\
         {} disagreements",
        args.traces,
        args.seed,
        took.as_secs_f64(),
        troubles.len(),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch for people; no decision depends on it"
)]
fn now() -> Instant {
    Instant::now()
}
