//! `portreeve serve`.

use {
    super::{CliError, Context},
    crate::{
        config::{Flags, Log},
        serve,
    },
    serde_json::json,
    std::{
        io::{self, IsTerminal},
        net::SocketAddr,
        path::PathBuf,
    },
    tracing_subscriber::EnvFilter,
};

const AFTER_HELP: &str = "\
Examples:
  portreeve serve
  portreeve serve --listen 127.0.0.1:0                     any free port; it is printed
  PORTREEVE__LOG__FILTER=debug portreeve serve

SIGTERM and SIGINT stop it once what is under way is done.";

/// How the server runs.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ServeArgs {
    /// Where to listen; a loopback address, until there is TLS
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The signer's program [default: portreeve-signer beside this one]
    #[arg(long, value_name = "FILE", env = "PORTREEVE_SIGNER_BIN")]
    signer_bin: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: ServeArgs) -> Result<(), CliError> {
    let flags = Flags {
        listen: args.listen,
        signer_binary: args.signer_bin,
    };
    let config = context.config(flags)?;
    log_to_stderr(&config.log)?;
    let listening = |address: SocketAddr| {
        let url = format!("http://{address}");
        context
            .out
            .line(&json!({"listening": url}), &format!("listening on {url}"))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime
        .block_on(serve::serve(&context.home, config, listening))
        .map_err(Box::new)?;
    Ok(())
}

fn log_to_stderr(log: &Log) -> Result<(), CliError> {
    let filter = EnvFilter::builder()
        .parse(&log.filter)
        .map_err(|error| CliError::NotDone(format!("`log.filter` is no filter such as `info,access=warn`: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    if log.json {
        lines.json().init();
    } else {
        lines.init();
    }
    Ok(())
}
