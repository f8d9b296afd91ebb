//! Where the log's lines go, and which there are.

use {
    super::{super::CliError, access::AccessLog, lines::Lines},
    crate::config::Log,
    portreeve_guard::{AnswerSink, Traced},
    std::{
        io::{self, IsTerminal},
        sync::Arc,
    },
    tracing_subscriber::EnvFilter,
};

/// The log. The audit log is another thing and never leaves anything out.
pub(super) struct LogLines {
    lines: Lines,
    is_plain: bool,
}

impl LogLines {
    pub(super) fn to_stderr(log: &Log) -> Result<Self, CliError> {
        // The MCP library tells of the beginning and end of every request; the access log does that.
        let filter = format!("rmcp=warn,{}", log.filter);
        let filter = EnvFilter::builder().parse(filter).map_err(|error| {
            CliError::NotDone(format!("`log.filter` is no filter such as `info,access=warn`: {error}"))
        })?;
        let lines = Lines::to(io::stderr())?;
        let has_colours = io::stderr().is_terminal();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(lines.clone())
            .with_ansi(has_colours);
        if log.json {
            subscriber.json().init();
        } else {
            subscriber.init();
        }
        let is_plain = !log.json && !has_colours;
        Ok(Self { lines, is_plain })
    }

    /// Who writes the access log: as plain text by ourselves, as JSON and for a terminal as all other lines.
    pub(super) fn access(&self) -> Arc<dyn AnswerSink> {
        if self.is_plain {
            Arc::new(AccessLog(self.lines.clone()))
        } else {
            Arc::new(Traced)
        }
    }

    /// Writes what waits, and tells how many lines were left out, if any.
    pub(super) fn end(self) {
        let lines = self.lines.left_out();
        if lines > 0 {
            tracing::warn!(lines, "log lines were left out, because nobody read them in time");
        }
        self.lines.end();
    }
}
