//! Running other programs, and saying what went wrong when one fails.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::{Command, ExitStatus},
};

/// Why a chore stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChoreError {
    /// The program is missing or cannot be started.
    #[error("cannot start `{command}`: {cause}")]
    Start {
        /// As one would type it.
        command: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The program ran and was not content.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// As one would type it.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A stage of the tests failed.
    #[error("stage `{stage}` failed: {cause}\nrun it alone with: cargo xtask test --stage {stage}")]
    Stage {
        /// Its name.
        stage: &'static str,
        /// What failed in it.
        cause: Box<ChoreError>,
    },
    /// Something the tests need is not installed and cannot be installed from here.
    #[error("`{what}` is missing; {fix}")]
    Missing {
        /// The program.
        what: &'static str,
        /// What to type.
        fix: &'static str,
    },
    /// A file or directory could not be made or read.
    #[error("`{path}`: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// PostgreSQL did not come up.
    #[error("the private PostgreSQL did not answer within 60 s; its log:\n{log}")]
    Postgres {
        /// What it wrote.
        log: String,
    },
    /// A proof does not find what is wrong, so it proves nothing.
    #[error("not found: {0}")]
    Missed(String),
    /// Standard output is closed.
    #[error("cannot write: {0}")]
    Output(io::Error),
}

/// Tells the person at the terminal. Progress goes to standard error, so that standard output holds results only.
pub(crate) fn say(line: &str) {
    // A closed terminal is no reason to stop a test run.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Runs to the end, with our own input and output.
pub(crate) fn run(command: &mut Command) -> Result<(), ChoreError> {
    say(&format!("$ {}", shown(command)));
    let status = command.status().map_err(|cause| ChoreError::Start {
        command: shown(command),
        cause,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(ChoreError::Failed {
            command: shown(command),
            status,
        })
    }
}

/// Runs to the end, and answers what it said on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, ChoreError> {
    let output = command.output().map_err(|cause| ChoreError::Start {
        command: shown(command),
        cause,
    })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(ChoreError::Failed {
            command: shown(command),
            status: output.status,
        })
    }
}

/// The command as one would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_arguments_and_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("portreeve-no-such-program")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot start `portreeve-no-such-program`")
        );
    }
}
