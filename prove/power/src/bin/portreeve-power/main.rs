//! Power cuts, one after another, on a house whose clients pay: signer, server and a real local chain. Whatever the disk
//! made of what was not synced, the programs start on it and
//!
//! - the database is whole, and the audit log is one chain,
//! - nothing that a client was told is lost or undone,
//! - the ledger is never above a limit,
//! - the signer's folder is good, it has booked every signature that ever left it, and signed nothing twice,
//! - every payment that was under way comes to its end, and the chain has moved exactly what was confirmed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a proof that fails may panic, and says what it found and how long it took"
)]

mod image;
mod story;
mod world;

use {
    clap::Parser,
    image::{Law, check, signatures},
    portreeve_power::{Dice, Recording, lay},
    serde_json::json,
    std::{path::PathBuf, process::ExitCode, thread, time::Instant},
    world::{LIMIT, World},
};

const AFTER_HELP: &str = "\
Examples:
  portreeve-power                        60 power cuts, 8 images of each
  portreeve-power --cuts 500 --seed 7    a long run
  portreeve-power --cuts 1 --images 100  one cut, looked at closely

It needs libportreeve_recorder.so, portreeve and portreeve-signer of the same build beside it, and the local chain, which
PORTREEVE_LOCALCHAIN_BIN names. Exit code 0: every promise held. 1: one did not; what the disk held is kept for you to
look at. The cuts follow from the seed, but the programs race, so the same seed is another run each time.";

/// Whether anything that was promised is lost when the power goes
#[derive(Debug, Clone, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Args {
    /// How often the power goes
    #[arg(long, default_value_t = 60)]
    cuts: u64,

    /// What each cut may leave is drawn so often and looked at; the programs start on the last
    #[arg(long, default_value_t = 8)]
    images: u64,

    /// What chance is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Houses side by side
    #[arg(long, default_value_t = 2)]
    jobs: u64,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// A house is given up for a new one after so many cuts: what it holds is read again for every image.
const CUTS_OF_A_HOUSE: u64 = 30;

/// What was done.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    cuts: u64,
    early: u64,
    images: u64,
    requests: u64,
    told: u64,
    confirmed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let began = Instant::now();
    let outcomes: Vec<Result<Tally, String>> = thread::scope(|scope| {
        let jobs: Vec<_> = (0..args.jobs.max(1))
            .map(|job| {
                let args = &args;
                scope.spawn(move || one_after_another(args, job))
            })
            .collect();
        jobs.into_iter()
            .map(|job| job.join().unwrap_or_else(|_| Err("see above".to_owned())))
            .collect()
    });
    let mut all = Tally::default();
    let mut broken = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(tally) => all.add(tally),
            Err(what) => broken.push(what),
        }
    }
    let seconds = began.elapsed().as_secs();
    if args.json {
        let Tally {
            cuts,
            early,
            images,
            requests,
            told,
            confirmed,
        } = all;
        println!(
            "{}",
            json!({
                "seed": args.seed, "cuts": cuts, "cutsWhileRecovering": early, "images": images, "diskRequests": requests,
                "answersHeld": told, "paymentsConfirmed": confirmed, "seconds": seconds, "broken": broken,
            })
        );
    } else {
        println!(
            "{} power cuts ({} of them while recovering from the one before), {} images of the disk, {} requests to it recorded;\n\
             {} answers held, {} payments confirmed, in {seconds} s (seed {})",
            all.cuts, all.early, all.images, all.requests, all.told, all.confirmed, args.seed
        );
    }
    for what in &broken {
        eprintln!("\nbroken: {what}");
    }
    if broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One job's share of the cuts, in as many houses as that takes.
fn one_after_another(args: &Args, job: u64) -> Result<Tally, String> {
    let mut left = args.cuts / args.jobs + u64::from(job < args.cuts % args.jobs);
    let mut dice = Dice::new(args.seed.wrapping_mul(1_000_003).wrapping_add(job));
    let mut all = Tally::default();
    while left > 0 {
        let cuts = left.min(CUTS_OF_A_HOUSE);
        all.add(live(args, cuts, &mut dice)?);
        left -= cuts;
        if !args.json {
            eprintln!(
                "job {job}: {} cuts, {} images, {} answers held",
                all.cuts, all.images, all.told
            );
        }
    }
    Ok(all)
}

/// A house and its power cuts.
fn live(args: &Args, cuts: u64, dice: &mut Dice) -> Result<Tally, String> {
    let mut world = World::build();
    let mut tally = Tally::default();
    for nth in 0..cuts {
        let recording = Recording::begin(&world.estate.house.home());
        // Now and then the power goes while everybody still recovers from the last time.
        let early = nth > 0 && dice.one_in(4);
        if early {
            recording.go_on_until(dice.below(80) as u64);
            tally.early += 1;
        }
        let started = world.start(&recording.variables());
        if started.is_ok() && !early {
            world.settle(&recording)?;
            if dice.one_in(6) {
                world.sleep();
            }
            recording.go_on_until(recording.count() + 1 + span(dice));
        }
        if let Err(why) = &started
            && !recording.is_over()
        {
            return Err(format!("after cut {nth}: {why}"));
        }
        if started.is_ok() {
            world.work(&recording, dice);
            if !recording.is_over() {
                return Err(format!("after cut {nth} the server went away by itself"));
            }
        }
        world.kill(&recording);
        let tape = recording.end();
        tally.cuts += 1;
        tally.requests += tape.count();
        look(args, &mut world, &tape, dice, &mut tally).map_err(|why| format!("cut {nth}: {why}"))?;
    }
    let recording = Recording::begin(&world.estate.house.home());
    world.start(&recording.variables())?;
    world.settle(&recording)?;
    // A process that ends by itself may do so between a request and its record.
    world.kill(&recording);
    world.remember(&recording.end());
    tally.told = world.told.len() as u64;
    tally.confirmed = world.confirmed();
    Ok(tally)
}

/// How much more is asked of the disk before the power goes: about as often little as much.
fn span(dice: &mut Dice) -> u64 {
    let most = 10 << dice.below(7);
    dice.below(most) as u64
}

/// Looks at what the cut, and earlier ones, could have left, and leaves the house with what this one did.
fn look(
    args: &Args,
    world: &mut World,
    tape: &portreeve_power::Tape,
    dice: &mut Dice,
    tally: &mut Tally,
) -> Result<(), String> {
    let (before, payers) = (world.told.clone(), world.payer_ids());
    let all = tape.count();
    for nth in 1..=args.images {
        let last = nth == args.images;
        let count = if last { all } else { dice.below(all as usize + 1) as u64 };
        let notes = tape.notes_before(count);
        let told: Vec<_> = before
            .iter()
            .cloned()
            .chain(notes.iter().map(|note| serde_json::from_str(note).unwrap()))
            .collect();
        let folder = tempfile::Builder::new().prefix("portreeve-image-").tempdir().unwrap();
        let home = folder.path().join("home");
        // In a folder of its own: who closes a database may still be tidying up there.
        let unhurt = folder.path().join("unhurt");
        lay(&tape.disk_after(count).kept(), &unhurt);
        let left = signatures(&unhurt)?;
        let content = tape.image(count, dice);
        lay(&content, &home);
        let law = Law {
            told: &told,
            payers: &payers,
            limit: LIMIT,
            since: world.since,
            left: &left,
        };
        if let Err(why) = check(&home, &law) {
            let kept: PathBuf = folder.keep();
            let place = kept.join("home");
            lay(&content, &place);
            return Err(format!(
                "after {count} of {all} requests: {why}; what the disk held is in {}",
                place.display()
            ));
        }
        tally.images += 1;
        if last {
            lay(&content, &world.estate.house.home());
        }
    }
    world.remember(tape);
    Ok(())
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.early += other.early;
        self.images += other.images;
        self.requests += other.requests;
        self.told += other.told;
        self.confirmed += other.confirmed;
    }
}
