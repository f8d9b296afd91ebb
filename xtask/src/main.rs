//! The project's own chores, so that a fresh clone needs two commands and no reading: `cargo xtask demo` builds and runs
//! the demo, `cargo xtask test` installs what the tests need and runs all of them.
//!
//! What must stay true: a chore stops at the first failure, says which command failed, and exits non-zero.

mod bench;
mod command;
mod demo;
mod docs;
mod flavour;
mod layout;
mod postgres;
mod prove;
mod stage;
mod test;
mod tools;

use {
    clap::{Parser, Subcommand},
    command::ChoreError,
    flavour::Flavour,
    std::{io::Write, process::ExitCode},
};

const AFTER_HELP: &str = "\
Examples:
  cargo xtask demo                     build everything, run the demo
  cargo xtask demo --keep              the same, and leave the server running
  cargo xtask test                     install what the tests need, run all of them
  cargo xtask test --stage lint        one stage alone; --stage can be repeated
  cargo xtask prove all                every proof in a small size; `cargo xtask prove --help`
  cargo xtask bench                    measure how fast it is; `cargo xtask bench --help`
  cargo xtask docs                     write the pages in docs that follow from the code
  cargo xtask test --stage e2e -- key  end-to-end tests whose name contains `key`

Build products go to CARGO_TARGET_DIR, or to `target` in the clone.";

/// The project's own chores
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", after_help = AFTER_HELP)]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Build both workspaces and run `portreeve demo`
    Demo {
        /// Passed on to `portreeve demo`; see `cargo xtask demo -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        pass_on: Vec<String>,
    },
    /// Install what the tests need and run all of them
    Test(test::Args),
    /// Put what we claim to the proof
    Prove(prove::Args),
    /// Measure how fast it is
    Bench(bench::Args),
    /// Write the pages that follow from the code: docs/errors, docs/cli.md, docs/config.md, docs/man
    Docs,
    /// Build all binaries and tests with the kill points compiled in, and print where they are
    KillBuild,
}

fn main() -> ExitCode {
    match flavour::compile_if_called().and_then(|()| run(Args::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::say(&format!("\ncargo xtask: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), ChoreError> {
    let layout = layout::Layout::find()?;
    match args.chore {
        Chore::Demo { pass_on } => demo::run(&layout, &pass_on),
        Chore::Test(args) => test::run(&layout, &args),
        Chore::Prove(args) => prove::run(&layout, &args),
        Chore::Bench(args) => bench::run(&layout, &args),
        Chore::Docs => docs::run(&layout),
        Chore::KillBuild => {
            test::build(&layout)?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", layout.binaries_of(Flavour::KillPoints).display()).map_err(ChoreError::Output)
        }
    }
}
