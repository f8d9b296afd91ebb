//! One commit per write, by whoever asked for it. Git is run as it is for scripts: nobody is asked anything, no hook runs, nothing is
//! signed, no setting of the machine counts, and nothing but the one path is committed, whatever else is staged.

use {
    portreeve_notes::NotePath,
    std::{io, path::Path, process::Stdio, time::Duration},
    tokio::process::Command,
};

/// The longest that git may take. A write is done by then; it is only told that it is not committed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settings of a repository that would run something, ask somebody, or go on behind our back.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.quotePath=false",
    "user.name=Portreeve",
    "user.email=portreeve@localhost",
];

/// Why there is no commit.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    #[error("git cannot be run")]
    Run(#[from] io::Error),
    #[error("git took too long")]
    Slow,
    #[error("git {act}: {said}")]
    Refused { act: &'static str, said: String },
}

/// Commits what became of one path of the vault that lies in `repository`.
pub(super) async fn commit(
    repository: &Path,
    path: &NotePath,
    gone: bool,
    message: &str,
    by: &str,
) -> Result<(), GitError> {
    let path = path.as_str();
    let all = async {
        // What is new has to be known before it can be committed alone.
        if !gone {
            run(repository, "add", &["--", path]).await?;
        }
        let author = format!("--author={by} <{by}@portreeve.invalid>");
        let message = format!("--message={message}");
        let args = ["--quiet", "--no-verify", "--only", &author, &message, "--", path];
        run(repository, "commit", &args).await
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or(Err(GitError::Slow))
}

async fn run(repository: &Path, act: &'static str, args: &[&str]) -> Result<(), GitError> {
    let mut command = Command::new("git");
    command
        .arg("--literal-pathspecs")
        .arg("-C")
        .arg(repository)
        .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
        .arg(act)
        .args(args)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_EDITOR", "false")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    Err(GitError::Refused {
        act,
        said: String::from_utf8_lossy(said).trim().chars().take(500).collect(),
    })
}
