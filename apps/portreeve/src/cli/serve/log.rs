//! Where the log's lines go.

use {
    super::{super::CliError, access::Lines},
    crate::config::Log,
    std::{
        io::{self, BufWriter, IsTerminal, Write},
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

/// The log. Its lines are written by a thread of their own: whoever reads them, or no longer does, never holds up a request.
/// What waits in vain is left out, and counted. The audit log is another thing and never leaves anything out.
pub(super) struct LogLines {
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
    pub(super) fn to_stderr(log: &Log) -> Result<Self, CliError> {
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
            subscriber.event_format(Lines::new()).init();
        }
        Ok(Self { left_out, _rest: rest })
    }

    /// Tells how many lines were left out, if any.
    pub(super) fn end(self) {
        let lines = self.left_out.dropped_lines();
        if lines > 0 {
            tracing::warn!(lines, "log lines were left out, because nobody read them in time");
        }
    }
}
