//! `portreeve serve`.

mod access;
mod lines;
mod log;

use {
    super::{CliError, Context},
    crate::{
        config::{Flags, Tls},
        serve,
    },
    log::LogLines,
    serde_json::json,
    std::{net::SocketAddr, path::PathBuf},
};

const AFTER_HELP: &str = "\
Examples:
  portreeve serve
  portreeve serve --listen 127.0.0.1:0                     any free port; it is printed
  portreeve serve --vault-root ~/notes                     with a vault
  PORTREEVE__LOG__FILTER=debug portreeve serve

SIGTERM and SIGINT stop it once what is under way is done.";

/// How the server runs.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ServeArgs {
    /// Where to listen; a loopback address, unless there is TLS
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The signer's program [default: portreeve-signer beside this one]
    #[arg(long, value_name = "FILE", env = "PORTREEVE_SIGNER_BIN")]
    signer_bin: Option<PathBuf>,

    /// A folder of Markdown notes to serve as the vault
    #[arg(long, value_name = "FOLDER")]
    vault_root: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: ServeArgs) -> Result<(), CliError> {
    let flags = Flags {
        listen: args.listen,
        signer_binary: args.signer_bin,
        vault_root: args.vault_root,
    };
    let config = context.config(flags)?;
    let scheme = match config.server.tls {
        Tls::Off => "http",
        Tls::Local | Tls::Own { .. } => "https",
    };
    let log = LogLines::to_stderr(&config.log)?;
    let listening = |address: SocketAddr| {
        let url = format!("{scheme}://{address}");
        context
            .out
            .line(&json!({"listening": url}), &format!("listening on {url}"))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve::serve(&context.home, config, log.access(), listening));
    // Also when it failed: what was told last says most.
    log.end();
    Ok(served.map_err(Box::new)?)
}
