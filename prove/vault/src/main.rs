//! Vaults made up by seed, read by the product. What must hold of every one:
//!
//! - it is read as it was written: every count, planted word, relation, link and odd file, and nothing else is told,
//! - full text finds each planted word in exactly the notes that hold it,
//! - what was kept of it is what was read, and the next start reads nothing again,
//! - hostile files change nothing for the others, cost a second each at most, and little memory.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a proof that fails may panic, and says what it found"
)]

mod one;

use {
    clap::Parser,
    one::{Case, prove},
    std::{
        path::PathBuf,
        process::{Command, ExitCode},
    },
};

const AFTER_HELP: &str = "\
Examples:
  portreeve-vault-proof                          vaults of 600 and 10,000 entities
  portreeve-vault-proof --entities 100000        the largest; half a gigabyte on the disk
  portreeve-vault-proof --entities 600 --from 7 --seeds 1

Exit code 0: everything agreed. 1: something did not, and it is printed with its seed.";

/// How many bytes more the peak of memory may be with hostile files: 64 MiB.
const HOSTILE_MEMORY: u64 = 64 << 20;

/// Whether a vault is read as it was written: vaults made up by seed, against their manifests
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Args {
    /// About how many entities; can be repeated
    #[arg(long, default_values_t = [600, 10_000])]
    entities: Vec<usize>,

    /// How many seeds of each
    #[arg(long, default_value_t = 3)]
    seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,

    /// Where the vaults are put for a while
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,

    /// One vault alone, whose peak of memory is printed: a process of its own, so that nothing else counts
    #[arg(long, hide = true)]
    hostile: Option<bool>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut sound = true;
    for entities in &args.entities {
        for seed in args.from..args.from.saturating_add(args.seeds) {
            let case = |hostile| Case {
                entities: *entities,
                seed,
                hostile,
            };
            if let Some(hostile) = args.hostile {
                let peak = prove(case(hostile), &args.folder);
                println!("{}", peak.unwrap_or_else(|found| panic!("{found}")));
                continue;
            }
            let peaks = [false, true].map(|hostile| in_a_process_of_its_own(&args, case(hostile)));
            let told = match peaks {
                [Some(plain), Some(hostile)] if hostile <= plain + HOSTILE_MEMORY => {
                    format!(
                        "as written; memory {} MB, with hostile files {} MB",
                        plain / 1_000_000,
                        hostile / 1_000_000
                    )
                }
                [Some(plain), Some(hostile)] => {
                    sound = false;
                    format!("hostile files cost {} bytes of memory", hostile - plain)
                }
                _ => {
                    sound = false;
                    "NOT as written".to_owned()
                }
            };
            println!("{entities} entities, seed {seed}: {told}");
        }
    }
    ExitCode::from(u8::from(!sound))
}

/// The peak of its memory; none when it failed, and has said why.
fn in_a_process_of_its_own(args: &Args, case: Case) -> Option<u64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--entities", &case.entities.to_string(), "--seeds", "1"]);
    command.args(["--from", &case.seed.to_string(), "--hostile", &case.hostile.to_string()]);
    let output = command
        .arg("--folder")
        .arg(&args.folder)
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    told.trim().parse().ok().filter(|_| output.status.success())
}
