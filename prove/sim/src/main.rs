//! `portreeve-sim`: plays many worlds, and stops at the first in which a promise is broken.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a proof that fails may panic, and its output is for people"
)]

mod coverage;

use {
    clap::Parser,
    coverage::Coverage,
    indicatif::{ProgressBar, ProgressStyle},
    portreeve_sim::{Plan, play, shrink},
    serde_json::json,
    std::{
        fs,
        path::PathBuf,
        process::ExitCode,
        sync::{
            Mutex,
            atomic::{AtomicBool, AtomicU64, Ordering},
        },
        thread,
        time::Duration,
    },
};

const AFTER_HELP: &str = "\
Examples:
  portreeve-sim --seeds 20000                  what continuous integration runs
  portreeve-sim --seeds 1000000 --jobs 2       the long run
  portreeve-sim --seed 4711 --trace            one world, told line by line
  portreeve-sim --replay broken-4711.json      a plan that was written down, cut down or changed by hand

A world is broken when server, signer and chain do not keep what docs/proof.md claims. Then its plan is cut down to what
is needed to break it, told as a story, and written to a file that --replay takes. Exit status: 0 nothing broke, 1
something did, or a fault that should occur never did.";

/// Plays server, signer and chain under every fault that a seed brings
#[derive(Debug, Parser)]
#[command(name = "portreeve-sim", after_help = AFTER_HELP)]
struct Args {
    /// How many worlds
    #[arg(long, default_value_t = 1_000, conflicts_with_all = ["seed", "replay"])]
    seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,

    /// How many worlds at a time [default: one per core]
    #[arg(long)]
    jobs: Option<usize>,

    /// How many of the first worlds are played twice, to see that they come out the same
    #[arg(long, default_value_t = 100)]
    twice: u64,

    /// Go on after a world is broken, and list them all
    #[arg(long)]
    all: bool,

    /// One world alone
    #[arg(long)]
    seed: Option<u64>,

    /// A plan from a file
    #[arg(long, conflicts_with = "seed")]
    replay: Option<PathBuf>,

    /// Tell what happens, line by line
    #[arg(long)]
    trace: bool,

    /// Where a broken plan is written
    #[arg(long, default_value = ".")]
    out: PathBuf,

    /// The result as JSON on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let one = match (&args.replay, args.seed) {
        (Some(file), _) => Some(serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()),
        (None, Some(seed)) => Some(Plan::draw(seed)),
        (None, None) => None,
    };
    let broke = match one {
        Some(plan) => single(&args, &plan),
        None => many(&args),
    };
    ExitCode::from(u8::from(broke))
}

/// One world; true when it breaks.
fn single(args: &Args, plan: &Plan) -> bool {
    let told = play(plan, args.trace);
    told.lines.iter().for_each(|line| println!("{line}"));
    match &told.broken {
        Some(what) => println!("seed {}: BROKEN: {what}", plan.seed),
        None => println!("seed {}: nothing broke; trace {:016x}", plan.seed, told.hash),
    }
    if told.broken.is_some() && args.replay.is_none() {
        explain(args, plan);
    }
    told.broken.is_some()
}

/// Many worlds; true when one breaks, when one comes out differently the second time, or when a fault never occurs.
fn many(args: &Args) -> bool {
    let jobs = args
        .jobs
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
        .max(1);
    let style = "{bar:30} {pos}/{len} worlds, {per_sec}, {eta} left";
    let progress = ProgressBar::new(args.seeds).with_style(ProgressStyle::with_template(style).unwrap());
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (coverage, first) = (Mutex::new(Coverage::default()), Mutex::new(None::<(u64, String)>));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut mine = Coverage::default();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= args.seeds || stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let seed = args.from + turn;
                    let told = play(&Plan::draw(seed), false);
                    mine.add(&told);
                    let again = (turn < args.twice).then(|| play(&Plan::draw(seed), false).hash);
                    let differs = again.is_some_and(|again| again != told.hash);
                    let broken = told
                        .broken
                        .or_else(|| differs.then(|| "it came out differently the second time".into()));
                    if let Some(what) = broken {
                        stop.store(!args.all, Ordering::Relaxed);
                        if args.all {
                            progress.suspend(|| eprintln!("seed {seed}: {what}"));
                        }
                        let mut first = first.lock().unwrap();
                        if first.as_ref().is_none_or(|(earlier, _)| seed < *earlier) {
                            *first = Some((seed, what));
                        }
                    }
                    progress.inc(1);
                }
                coverage.lock().unwrap().merge(mine);
            });
        }
    });
    progress.finish_and_clear();
    let (coverage, first, took) = (
        coverage.into_inner().unwrap(),
        first.into_inner().unwrap(),
        progress.elapsed(),
    );
    let missing = if first.is_none() && args.seeds >= 20_000 {
        coverage.missing()
    } else {
        Vec::new()
    };
    report(args, jobs, &coverage, first.as_ref(), &missing, took);
    if let Some((seed, _)) = &first {
        explain(args, &Plan::draw(*seed));
    }
    first.is_some() || !missing.is_empty()
}

fn report(
    args: &Args,
    jobs: usize,
    coverage: &Coverage,
    first: Option<&(u64, String)>,
    missing: &[&str],
    took: Duration,
) {
    let played = coverage.worlds();
    if args.json {
        let result = json!({
            "from": args.from, "worlds": played, "jobs": jobs, "seconds": took.as_secs_f64(),
            "playedTwice": args.twice.min(played), "brokenSeed": first.map(|(seed, _)| seed),
            "broken": first.map(|(_, what)| what), "neverOccurred": missing,
            "occurred": coverage.counts(), "killedAt": coverage.kills(), "traces": format!("{:016x}", coverage.traces()),
        });
        println!("{}", serde_json::to_string_pretty(&result).unwrap());
        return;
    }
    print!("{coverage}");
    println!(
        "{played} worlds from seed {} in {:.1} s ({:.0} a second, {jobs} at a time); the first {} played twice; all traces: {:016x}",
        args.from,
        took.as_secs_f64(),
        f64::from(u32::try_from(played).unwrap_or(u32::MAX)) / took.as_secs_f64(),
        args.twice.min(played),
        coverage.traces(),
    );
    for fault in missing {
        println!("NEVER OCCURRED: {fault}");
    }
    match first {
        Some((seed, what)) => println!("seed {seed}: BROKEN: {what}"),
        None => println!("no promise was broken"),
    }
}

/// Cuts a broken plan down, tells its story and writes it to a file.
fn explain(args: &Args, plan: &Plan) {
    eprintln!("cutting the plan of seed {} down …", plan.seed);
    let (small, tried) = shrink::shrink(plan);
    let told = play(&small, true);
    eprintln!(
        "{} of {} things are needed ({tried} plans tried):",
        small.items.len(),
        plan.items.len()
    );
    eprintln!("  {:?}", small.setup);
    told.lines.iter().for_each(|line| eprintln!("  {line}"));
    let file = args.out.join(format!("broken-{}.json", plan.seed));
    fs::write(&file, serde_json::to_string_pretty(&small).unwrap()).unwrap();
    eprintln!("again: portreeve-sim --seed {} --trace", plan.seed);
    eprintln!("   or: portreeve-sim --replay {} --trace", file.display());
}
