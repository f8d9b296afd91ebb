//! `cargo xtask prove`: what we claim, put to the proof by programs of their own (`prove/`).
//!
//! The proofs that drive real processes run against the same build as the tests do, kill points and all. The simulation
//! and the vaults need none of them, only speed.

mod seeded;

use {
    crate::{
        command::{self, ChoreError},
        flavour::Flavour,
        layout::Layout,
        postgres::Postgres,
        test,
    },
    clap::ValueEnum,
    std::{path::PathBuf, process::Command},
};

const AFTER_HELP: &str = "\
Examples:
  cargo xtask prove all                       everything, in a small size
  cargo xtask prove sim --seeds 1000000       what the simulation takes is passed on to it
  cargo xtask prove sim -- --help             the options of one proof
  cargo xtask prove power --cuts 500 --seed 7
  cargo xtask prove vault --entities 100000
  cargo xtask prove seeded                    whether the proofs find bugs that are put in on purpose";

/// What to prove, and how much of it.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[arg(value_enum)]
    what: What,

    /// Passed on to the proof
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pass_on: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The decisions alone, on a simulated disk and chain: many seeds, every fault
    Sim,
    /// Real processes that race, stop and die, with the chain as witness
    Race,
    /// The power goes at every moment, and the disk keeps what it likes of what was not synced
    Power,
    /// The server's idea of a spending limit against the real program's
    Chain,
    /// Vaults made up by seed, read as they were written
    Vault,
    /// Bugs that are put in, one after another: each has to be found
    Seeded,
    /// All of them, each in its small size
    All,
}

/// One of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Sim,
    Race,
    Power,
    Chain,
    Vault,
}

impl Proof {
    const ALL: [Self; 5] = [Self::Sim, Self::Vault, Self::Chain, Self::Power, Self::Race];

    /// The package and its program.
    const fn program(self) -> &'static str {
        match self {
            Self::Sim => "portreeve-sim",
            Self::Race => "portreeve-race",
            Self::Power => "portreeve-power",
            Self::Chain => "portreeve-chain-proof",
            Self::Vault => "portreeve-vault-proof",
        }
    }

    /// What it runs, and itself.
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Sim => &["portreeve-sim"],
            Self::Race => &["portreeve", "portreeve-signer", "portreeve-race"],
            Self::Power => &["portreeve", "portreeve-signer", "portreeve-recorder", "portreeve-power"],
            Self::Chain => &["portreeve-chain-proof"],
            Self::Vault => &["portreeve-vault-proof"],
        }
    }

    /// What continuous integration asks of it.
    const fn small(self) -> &'static [&'static str] {
        match self {
            Self::Sim => &["--seeds", "20000"],
            Self::Race => &["--small", "--seed", "1"],
            Self::Power => &["--cuts", "60"],
            Self::Chain => &["--traces", "1000"],
            Self::Vault => &["--entities", "600", "--entities", "10000"],
        }
    }

    const fn needs_postgres(self) -> bool {
        matches!(self, Self::Race)
    }

    /// Builds what it needs, and says where it lies.
    fn build(self, layout: &Layout) -> Result<PathBuf, ChoreError> {
        if matches!(self, Self::Sim | Self::Vault) {
            command::run(&mut layout.cargo(&["build", "--locked", "--profile", "prove", "--package", self.program()]))?;
            return Ok(layout.fast_binaries().join(self.program()));
        }
        test::build(layout)?;
        Ok(layout.binaries_of(Flavour::KillPoints).join(self.program()))
    }

    fn run<S: AsRef<std::ffi::OsStr>>(self, layout: &Layout, args: &[S]) -> Result<(), ChoreError> {
        let mut proof = Command::new(self.build(layout)?);
        test::with_companions(&mut proof, layout, Flavour::KillPoints).args(args);
        if self.needs_postgres() {
            let postgres = Postgres::start()?;
            return command::run(proof.env("TEST_POSTGRES_URL", postgres.url()));
        }
        command::run(&mut proof)
    }
}

/// Runs one proof with what it is told, or all of them.
pub(crate) fn run(layout: &Layout, args: &Args) -> Result<(), ChoreError> {
    let proof = match args.what {
        What::Sim => Proof::Sim,
        What::Race => Proof::Race,
        What::Power => Proof::Power,
        What::Chain => Proof::Chain,
        What::Vault => Proof::Vault,
        What::Seeded => return seeded::run(layout),
        What::All => return all(layout),
    };
    proof.run(layout, &args.pass_on)
}

/// Every proof in its small size.
pub(crate) fn all(layout: &Layout) -> Result<(), ChoreError> {
    Proof::ALL
        .into_iter()
        .try_for_each(|proof| proof.run(layout, proof.small()))?;
    seeded::run(layout)
}
