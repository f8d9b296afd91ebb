//! One commit per write, by whoever asked for it. Git is run as it is for scripts: nobody is asked anything, no hook runs, nothing is
//! signed, no setting of the machine counts, and nothing but the one path is committed, whatever else is staged.
//!
//! A write waits for its commit while it holds the vault's lock, so that commits come in the order of the writes. So git has
//! [`PATIENCE`] and twice [`GRACE`], which is less than the next writer waits; and once it was too slow it is not asked for
//! [`REST`], or a row of writers would wait behind one another.

use {
    portreeve_kernel::Timestamp,
    rustix::process::{Pid, Signal, kill_process},
    std::{
        io,
        path::PathBuf,
        process::Stdio,
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    },
    tokio::{
        process::Command,
        time::{Instant, timeout_at},
    },
};

/// The longest that git may take. A write is done by then; it is only told that it is not committed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long git may take to clean up behind itself, and then we behind it.
const GRACE: Duration = Duration::from_secs(1);
/// For how many milliseconds it is not asked after it took too long.
const REST: i64 = 60_000;

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

/// The repository that a vault lies in. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    /// The vault's folder, which need not be the repository's.
    root: PathBuf,
    pub(super) patience: Duration,
    /// Until when it is not asked, in milliseconds since 1970.
    rests: Arc<AtomicI64>,
}

/// What is to be committed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    /// Of the vault, as the disk spells it: git compares bytes.
    pub(super) path: &'a str,
    /// Whether it is there no more.
    pub(super) gone: bool,
    pub(super) message: &'a str,
    pub(super) by: &'a str,
}

/// Why there is no commit.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    #[error("git cannot be run")]
    Run(#[from] io::Error),
    #[error("git took too long")]
    Slow,
    #[error("git took too long a moment ago and is not asked now")]
    Rests,
    #[error("git {act}: {said}")]
    Refused { act: &'static str, said: String },
}

impl Git {
    pub(crate) fn at(root: PathBuf) -> Self {
        Self {
            root,
            patience: PATIENCE,
            rests: Arc::default(),
        }
    }

    /// Commits what became of one path. Where that fails, what others have staged is as it was.
    pub(super) async fn commit(&self, change: Change<'_>, now: Timestamp) -> Result<(), GitError> {
        if now.millis() < self.rests.load(Ordering::Relaxed) {
            return Err(GitError::Rests);
        }
        let until = after(self.patience);
        // What is new has to be known before it can be committed alone.
        let is_new = !change.gone && !self.knows(change.path, until).await?;
        let done = self.add_and_commit(change, is_new, until).await;
        if done.is_err() && is_new {
            let forget = ["--force-remove", "--", change.path];
            let undone = self.run("update-index", &forget, after(GRACE)).await;
            if let Err(error) = undone {
                tracing::warn!(%error, "what was not committed stays staged");
            }
        }
        if matches!(done, Err(GitError::Slow)) {
            let rests = now.plus_millis(REST).millis();
            self.rests.store(rests, Ordering::Relaxed);
        }
        done
    }

    async fn knows(&self, path: &str, until: Instant) -> Result<bool, GitError> {
        match self.run("ls-files", &["--error-unmatch", "--", path], until).await {
            Ok(()) => Ok(true),
            // Also where there is no repository: what comes next says so.
            Err(GitError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn add_and_commit(&self, change: Change<'_>, is_new: bool, until: Instant) -> Result<(), GitError> {
        let Change { path, message, by, .. } = change;
        if is_new {
            self.run("add", &["--intent-to-add", "--", path], until).await?;
        }
        let author = format!("--author={by} <{by}@portreeve.invalid>");
        let message = format!("--message={message}");
        let args = ["--quiet", "--no-verify", "--only", &author, &message, "--", path];
        self.run("commit", &args, until).await
    }

    async fn run(&self, act: &'static str, args: &[&str], until: Instant) -> Result<(), GitError> {
        let mut command = Command::new("git");
        command
            .arg("--literal-pathspecs")
            .arg("-C")
            .arg(&self.root)
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
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = command.spawn()?;
        let process = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let mut ended = std::pin::pin!(child.wait_with_output());
        let Ok(output) = timeout_at(until, &mut ended).await else {
            // Asked to end, it takes its locks away, in which people's own git would run; killed at once, it would not.
            if let Some(process) = process {
                let _ = kill_process(process, Signal::TERM);
            }
            let _ = timeout_at(after(GRACE), ended).await;
            return Err(GitError::Slow);
        };
        let output = output?;
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
}

fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}
