//! How fast the product is, as shipped. Every ratio compares two things measured in turn in one run, because what the
//! machine gives changes from minute to minute; every run says on what it was taken.
//!
//! `cargo xtask bench` builds what is measured and runs this.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it reads the clock, prints, and stops at the first surprise"
)]

mod decisions;
mod estate;
mod growth;
mod history;
mod jwt_read;
mod load;
mod machine;
mod mcp_call;
mod memory;
mod pace;
mod peers;
mod plot;
mod policy;
mod process;
mod processors;
mod read;
mod result;
mod served;
mod side;
mod stats;
mod table;
mod tokens;
mod vault;

use {
    clap::{Parser, Subcommand, ValueEnum},
    portreeve_kernel::Clock as _,
    result::{Measurement, Report},
    std::{env, fs, path::PathBuf},
};

const AFTER_HELP: &str = "\
Examples:
  portreeve-bench run                        measure everything, print a table
  portreeve-bench run --only policy          one measurement; --only can be repeated
  portreeve-bench run --quick                show in a minute that everything runs; its numbers count for nothing
  portreeve-bench run --keep bench/history   keep the result there, and write the page and the plot of that folder
  portreeve-bench render bench/history       write page and plot anew from what is kept

What asks a server needs portreeve, portreeve-signer and portreeve-bare beside this program, the local chain where
PORTREEVE_LOCALCHAIN_BIN says, and what it is compared with (Fastify, oidc-provider, FastMCP, FastAPI) in the folder that
PORTREEVE_PEERS names. With TEST_POSTGRES_URL `decisions` also measures PostgreSQL, with PORTREEVE_CEDAR_BIN `policy` also
measures Cedar.";

/// How fast Portreeve is
#[derive(Debug, Parser)]
#[command(name = "portreeve-bench", after_help = AFTER_HELP)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure
    Run {
        /// This measurement alone; can be repeated
        #[arg(long, value_enum)]
        only: Vec<What>,
        /// As little of each as shows that it runs
        #[arg(long)]
        quick: bool,
        /// Print the report as JSON instead of a table
        #[arg(long)]
        json: bool,
        /// Keep the report in this folder
        #[arg(long, conflicts_with = "quick")]
        keep: Option<PathBuf>,
        /// Where the databases are put: on the disk that matters. The default is beside this program
        #[arg(long)]
        disk: Option<PathBuf>,
    },
    /// Write the page and the plot of a folder of reports
    Render {
        /// The folder
        folder: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// One policy evaluation: time and allocations
    Policy,
    /// Durable decisions: many that share a commit against one commit each
    Decisions,
    /// A decision on an account with a short and with a long past
    Growth,
    /// A read by API key, against a bare axum handler and against Fastify
    Read,
    /// A read by access token, against Fastify with jose
    JwtRead,
    /// Access tokens by `client_credentials`, against oidc-provider
    Tokens,
    /// A call of an MCP tool, against FastMCP
    McpCall,
    /// The server's memory with many keys and agents
    Memory,
    /// A large vault: its start, its memory, an entity against FastAPI, searches while notes change
    Vault,
}

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// As much as makes the numbers steady.
    Full,
    /// As little as shows that it runs.
    Quick,
}

impl Effort {
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

#[tokio::main]
async fn main() {
    match Args::parse().command {
        Command::Run {
            only,
            quick,
            json,
            keep,
            disk,
        } => {
            let disk = disk.unwrap_or_else(|| env::current_exe().unwrap().with_file_name("bench"));
            fs::create_dir_all(&disk).unwrap();
            let effort = if quick { Effort::Quick } else { Effort::Full };
            let report = run(&only, effort, &disk).await;
            if json {
                println!("{}", serde_json::to_string_pretty(&report).unwrap());
            } else {
                println!("{}", table::plain(&report));
            }
            if let Some(folder) = keep {
                eprintln!("kept as {}", history::keep(&folder, &report).display());
            }
        }
        Command::Render { folder } => history::render(&folder),
    }
}

async fn run(only: &[What], effort: Effort, disk: &std::path::Path) -> Report {
    let mut report = Report {
        taken_at: estate::Wall.now().for_expiry().to_string(),
        commit: machine::commit(),
        quick: effort == Effort::Quick,
        machine: machine::look(disk),
        measurements: Vec::new(),
    };
    let postgres = env::var(portreeve_store::testing::POSTGRES).is_ok();
    for what in What::value_variants() {
        if only.is_empty() || only.contains(what) {
            eprintln!("measuring {what:?} …");
            let measured: Measurement = match what {
                What::Policy => policy::measure(effort),
                What::Decisions => decisions::measure(effort, disk, postgres).await,
                What::Growth => growth::measure(effort, disk).await,
                What::Read => read::measure(effort, disk).await,
                What::JwtRead => jwt_read::measure(effort, disk).await,
                What::Tokens => tokens::measure(effort, disk).await,
                What::McpCall => mcp_call::measure(effort, disk).await,
                What::Memory => memory::measure(effort, disk).await,
                What::Vault => vault::measure(effort, disk).await,
            };
            report.measurements.push(measured);
        }
    }
    report.machine.load.1 = machine::load();
    report
}
