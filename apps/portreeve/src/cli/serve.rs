//! `portreeve serve`.

use {
    super::{CliError, Context},
    crate::{
        config::{Flags, Log, Tls},
        serve,
    },
    serde_json::json,
    std::{
        io::{self, BufWriter, IsTerminal, Write},
        net::SocketAddr,
        path::PathBuf,
        thread,
        time::Duration,
    },
    tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard},
    tracing_subscriber::EnvFilter,
};

/// How long a log line may wait for others to be written with it.
const MOMENT: Duration = Duration::from_millis(5);

/// Log lines that wait to be written at most.
const LINES_WAITING: usize = 16_384;

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
    runtime
        .block_on(serve::serve(&context.home, config, listening))
        .map_err(Box::new)?;
    log.end();
    Ok(())
}

/// The log. Its lines are written by a thread of their own: whoever reads them, or no longer does, never holds up a request.
/// What waits in vain is left out, and counted. The audit log is another thing and never leaves anything out.
struct LogLines {
    left_out: ErrorCounter,
    /// Writes what is left when it is dropped.
    _rest: WorkerGuard,
}

/// Writes what comes within a moment at once. The thread flushes whenever nothing waits; waiting a little first saves a
/// system call and a wake-up for each line.
struct Gathering<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        thread::sleep(MOMENT);
        self.0.flush()
    }
}

impl LogLines {
    fn to_stderr(log: &Log) -> Result<Self, CliError> {
        // The MCP library tells of the beginning and end of every request; the access log does that.
        let filter = format!("rmcp=warn,{}", log.filter);
        let filter = EnvFilter::builder().parse(filter).map_err(|error| {
            CliError::NotDone(format!("`log.filter` is no filter such as `info,access=warn`: {error}"))
        })?;
        let (lines, rest) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING)
            .finish(Gathering(BufWriter::with_capacity(64 * 1024, io::stderr())));
        let left_out = lines.error_counter();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(lines)
            .with_ansi(io::stderr().is_terminal());
        if log.json {
            subscriber.json().init();
        } else {
            subscriber.init();
        }
        Ok(Self { left_out, _rest: rest })
    }

    /// Tells how many lines were left out, if any.
    fn end(self) {
        let lines = self.left_out.dropped_lines();
        if lines > 0 {
            tracing::warn!(lines, "log lines were left out, because nobody read them in time");
        }
    }
}
