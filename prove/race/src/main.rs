//! The torture: one agent whose limit admits exactly so many payments, far more tries than that, and processes that race,
//! stop and die all the while.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a proof that is not as it should be ends, and says what"
)]

mod chance;
mod cli;
mod client;
mod disk;
mod facts;
mod gather;
mod history;
mod mix;
mod oracle;
mod process;
mod report;
mod run;
mod supervisor;
mod world;

use {
    clap::Parser,
    cli::Args,
    report::Report,
    std::{
        fs,
        io::{IsTerminal, Write, stderr},
        path::PathBuf,
        process::ExitCode,
    },
};

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(why) = args.contradiction() {
        eprintln!("portreeve-race: {why}");
        return ExitCode::from(2);
    }
    let seed = args
        .seed
        .unwrap_or_else(|| u64::from(std::process::id()) << 20 ^ u64::from(history::chance()));
    let runs = if args.small {
        args.small_runs(seed).to_vec()
    } else {
        vec![args.clone()]
    };
    let reports: Vec<Report> = runs.iter().map(|run| one(run, seed)).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&reports).unwrap());
    }
    if reports.iter().all(Report::is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One run, told as it goes.
fn one(args: &Args, seed: u64) -> Report {
    eprintln!("{}", run::title(args, seed));
    let (folder, kept) = folder(args, seed);
    let on_terminal = stderr().is_terminal();
    let progress = |line: &str| {
        if on_terminal {
            eprint!("\r\x1b[2K{line}");
            // A line that does not show is no harm.
            let _ = stderr().flush();
        }
    };
    let report = run::run(args, seed, &folder, &progress);
    progress("");
    if args.json {
        eprintln!("{report}\n");
    } else {
        println!("{report}\n");
    }
    if report.is_good() && !kept {
        fs::remove_dir_all(&folder).unwrap();
    }
    report
}

/// Where history and logs go, and whether they stay there in any case.
fn folder(args: &Args, seed: u64) -> (PathBuf, bool) {
    let Some(folder) = &args.keep else {
        let folder = tempfile::Builder::new()
            .prefix("portreeve-race-")
            .disable_cleanup(true)
            .tempdir()
            .unwrap();
        return (folder.path().to_owned(), false);
    };
    let name = format!("{:?}-{}-{seed}", args.database, args.tries).to_lowercase();
    let folder = folder.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    (folder, true)
}
