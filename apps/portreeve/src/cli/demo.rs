//! `portreeve demo`.

use {
    super::{CliError, Context},
    crate::demo::{self, Programs},
    std::path::PathBuf,
};

const AFTER_HELP: &str = "\
Examples:
  portreeve demo
  portreeve demo --keep      leave the server running afterwards, with a key to play with
  portreeve demo --json      the same story, a line of JSON for each part of it

It needs no network and no settings, and touches nothing outside a temporary folder. It exits with 1 when anything
is not as promised.";

/// What is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DemoArgs {
    /// Leave the server running until Ctrl-C, and print a key
    #[arg(long)]
    keep: bool,

    /// The local chain's program [default: portreeve-localchain beside this one]
    #[arg(long, value_name = "FILE", env = "PORTREEVE_LOCALCHAIN_BIN")]
    localchain_bin: Option<PathBuf>,

    /// The signer's program [default: portreeve-signer beside this one]
    #[arg(long, value_name = "FILE", env = "PORTREEVE_SIGNER_BIN")]
    signer_bin: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, args: DemoArgs) -> Result<(), CliError> {
    let programs = Programs {
        localchain: args.localchain_bin,
        signer: args.signer_bin,
    };
    Ok(demo::run(&programs, args.keep, context.out).await.map_err(Box::new)?)
}
