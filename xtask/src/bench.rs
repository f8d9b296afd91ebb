//! `cargo xtask bench`: how fast the product is, built as it is shipped. A whole run is kept with date and commit.

use {
    crate::{
        command::{self, ChoreError},
        layout::Layout,
        postgres::{self, Postgres},
        tools,
    },
    std::process::Command,
};

const AFTER_HELP: &str = "\
Examples:
  cargo xtask bench                  measure everything (about twelve minutes on an idle machine), keep it in bench/history
  cargo xtask bench --only policy    one measurement, not kept; --only can be repeated
  cargo xtask bench --quick          show in a minute that everything runs; its numbers count for nothing

Measurements: policy, decisions, growth, memory; and against servers made of what a user would take instead (bench/peers,
installed from npm and PyPI by their lock files): read and jwt-read (Fastify; read also against a bare axum handler), tokens
(oidc-provider), mcp-call (FastMCP), vault (FastAPI). It takes two processors, one for what is measured and one for who asks; everything else on the
machine should rest meanwhile.";

/// What to measure.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// This measurement alone; can be repeated. The result is printed and not kept
    #[arg(long, value_name = "MEASUREMENT")]
    only: Vec<String>,

    /// As little of each as shows that it runs; not kept
    #[arg(long)]
    quick: bool,
}

/// Builds what is measured and measures it.
pub(crate) fn run(layout: &Layout, args: &Args) -> Result<(), ChoreError> {
    command::run(&mut layout.cargo_in_localchain(&["build", "--locked"]))?;
    let release = ["build", "--locked", "--release", "--package"];
    // By themselves, as they are shipped: no feature that only the measurement needs.
    command::run(
        layout
            .cargo(&release)
            .args(["portreeve", "--package", "portreeve-signer"]),
    )?;
    command::run(layout.cargo(&release).arg("portreeve-bench"))?;
    command::run(&mut layout.cargo_in("bench/cedar", &["build", "--locked", "--release"]))?;
    let mut bench = Command::new(layout.release_binaries().join("portreeve-bench"));
    bench.arg("run");
    bench.env("PORTREEVE_LOCALCHAIN_BIN", layout.localchain());
    bench.env("PORTREEVE_CEDAR_BIN", layout.cedar());
    tools::install_peers(layout)?;
    bench.env("PORTREEVE_PEERS", tools::peers(layout)?);
    for name in &args.only {
        bench.args(["--only", name]);
    }
    if args.quick {
        bench.arg("--quick");
    } else if args.only.is_empty() {
        bench.arg("--keep").arg(layout.root().join("bench/history"));
    }
    // Where there is none, decisions are measured on SQLite alone.
    let postgres = postgres::binaries().map(|_| Postgres::start()).transpose()?;
    if let Some(postgres) = &postgres {
        bench.env("TEST_POSTGRES_URL", postgres.url());
    }
    command::run(&mut bench)
}
