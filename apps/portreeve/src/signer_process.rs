//! The signer as a child: found beside this program, set up once by `init`, and kept alive by `serve`.

mod isolation;

use {
    portreeve_kernel::{Address, Cluster, Secret},
    portreeve_signing::protocol::Enrolment,
    serde::Deserialize,
    std::{
        env, io,
        path::{Path, PathBuf},
        pin::pin,
        process::{Output, Stdio},
        time::Duration,
    },
    tokio::{
        process::{Child, Command},
        sync::watch,
        task::JoinHandle,
        time::{sleep, timeout},
    },
};

pub(crate) use isolation::{CURE, Isolation};

/// How the program is called when nothing says where it is.
const NAME: &str = "portreeve-signer";

/// How long a signer may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(5);

/// The pause before a dead signer is started again: doubled each time it dies young.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A signer that lived this long died of something new.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// The signer's program.
#[derive(Debug, Clone)]
pub(crate) struct SignerProgram(PathBuf);

/// Why there is no signer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignerProcessError {
    /// It is not where it should be.
    #[error("`{}` is not there; build it, or name it with --signer-bin", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be started.
    #[error("cannot start `{}`: {cause}", path.display())]
    Start {
        /// What.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It could not be set up.
    #[error("the signer could not be set up: {0}")]
    Setup(String),
}

/// What the signer is set up for, once and for all.
#[derive(Debug)]
pub(crate) struct Enrol<'a> {
    /// Where it keeps what it has.
    pub(crate) folder: &'a Path,
    /// What opens its keys.
    pub(crate) passphrase: &'a Path,
    /// The chain its keys are for.
    pub(crate) cluster: Cluster,
    /// The Squads program, when it is not the usual one.
    pub(crate) squads: Option<Address>,
    /// Whose signature is the owner's word.
    pub(crate) approval_key: Address,
}

/// What the signer says when it is set up.
#[derive(Debug, Deserialize)]
struct Told {
    enrolment: Enrolment,
}

/// How the signer runs.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Where it keeps what it has.
    pub(crate) folder: PathBuf,
    /// What opens its keys.
    pub(crate) passphrase: PathBuf,
    /// Where it listens.
    pub(crate) socket: PathBuf,
    /// The chain that tells it the time, on the local chain alone.
    pub(crate) local_chain: Option<Secret>,
}

impl SignerProgram {
    /// As configured, or beside this program.
    pub(crate) fn find(configured: Option<&Path>) -> Result<Self, SignerProcessError> {
        let beside = || env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(NAME)));
        let path = configured
            .map(Path::to_owned)
            .or_else(beside)
            .unwrap_or_else(|| PathBuf::from(NAME));
        if path.is_file() {
            Ok(Self(path))
        } else {
            Err(SignerProcessError::Missing { path })
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Sets it up. Answers its public keys, as it tells them.
    pub(crate) async fn enrol(&self, enrol: &Enrol<'_>) -> Result<Enrolment, SignerProcessError> {
        let mut command = self.command();
        command
            .arg("init")
            .arg("--dir")
            .arg(enrol.folder)
            .arg("--passphrase-file")
            .arg(enrol.passphrase);
        command.args(["--cluster", enrol.cluster.as_str()]);
        command.args(["--approval-key", &enrol.approval_key.to_string()]);
        if let Some(squads) = enrol.squads {
            command.args(["--squads-program", &squads.to_string()]);
        }
        command.arg("--json");
        let Output { status, stdout, stderr } = command.output().await.map_err(self.cannot_start())?;
        if !status.success() {
            let said = String::from_utf8_lossy(&stderr).trim().to_owned();
            return Err(SignerProcessError::Setup(said));
        }
        let told: Told = serde_json::from_slice(&stdout)
            .map_err(|error| SignerProcessError::Setup(format!("it does not say what it made: {error}")))?;
        Ok(told.enrolment)
    }

    /// Keeps a signer running until `stopped`, then stops it.
    pub(crate) async fn keep_alive(self, run: Run, stopped: impl Future<Output = ()>) {
        let mut stopped = pin!(stopped);
        let mut pause = FIRST_PAUSE;
        loop {
            let started = tokio::time::Instant::now();
            match self.start(&run) {
                Ok(mut child) => {
                    // Waiting for a child closes the pipe to it, which is its sign to stop; so the pipe is held here.
                    let _lifeline = child.stdin.take();
                    tracing::info!(process = child.id(), "signer started");
                    tokio::select! {
                        status = child.wait() => match status {
                            Ok(status) => tracing::error!(%status, "the signer ended; it is started again"),
                            Err(error) => tracing::error!(%error, "the signer is lost; it is started again"),
                        },
                        () = &mut stopped => return end(child).await,
                    }
                }
                Err(error) => tracing::error!(%error, "no signer"),
            }
            if started.elapsed() >= HEALTHY_AFTER {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = &mut stopped => return,
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn start(&self, run: &Run) -> Result<Child, SignerProcessError> {
        let mut command = self.command();
        command
            .arg("serve")
            .arg("--dir")
            .arg(&run.folder)
            .arg("--passphrase-file")
            .arg(&run.passphrase);
        command.arg("--socket").arg(&run.socket);
        if let Some(chain) = &run.local_chain {
            command.args(["--local-rpc", chain.expose()]);
        }
        // It stops when this pipe closes, which it does even when we are killed. A Ctrl-C at the terminal is for us: in
        // a group of its own the signer does not get it, and goes last.
        command
            .arg("--exit-with-parent")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        command.spawn().map_err(self.cannot_start())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn cannot_start(&self) -> impl FnOnce(io::Error) -> SignerProcessError {
        let path = self.0.clone();
        move |cause| SignerProcessError::Start { path, cause }
    }
}

/// A signer that is kept running.
#[derive(Debug)]
pub(crate) struct SignerChild {
    say: watch::Sender<bool>,
    kept: JoinHandle<()>,
}

impl SignerChild {
    /// Starts one and keeps it running.
    pub(crate) fn start(program: SignerProgram, run: Run) -> Self {
        let (say, stop) = watch::channel(false);
        let kept = tokio::spawn(program.keep_alive(run, stopped(&stop)));
        Self { say, kept }
    }

    /// Stops it, and returns when it has ended.
    pub(crate) async fn stop(self) {
        self.say.send_replace(true);
        // It only fails when it panicked, which it has then logged.
        let _ = self.kept.await;
    }
}

/// Ready when `stop` turns true, or when nobody can say so any more.
pub(crate) fn stopped(stop: &watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
    let mut stop = stop.clone();
    async move {
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// Asks it to stop; kills it when it does not.
async fn end(mut child: Child) {
    let asked = child
        .id()
        .and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(process) = asked
        && let Err(error) = rustix::process::kill_process(process, rustix::process::Signal::TERM)
    {
        tracing::warn!(%error, "the signer cannot be asked to stop");
    }
    match timeout(STOP, child.wait()).await {
        Ok(_) => tracing::info!("signer stopped"),
        // `kill_on_drop` does the rest.
        Err(_) => tracing::warn!("the signer did not stop in time and is killed"),
    }
}

#[cfg(test)]
mod tests {
    use {super::*, std::os::unix::fs::PermissionsExt};

    fn script(folder: &Path, text: &str) -> SignerProgram {
        let path = folder.join("signer");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        SignerProgram::find(Some(&path)).unwrap()
    }

    fn run(folder: &Path) -> Run {
        Run {
            folder: folder.to_owned(),
            passphrase: folder.join("passphrase"),
            socket: folder.join("socket"),
            local_chain: None,
        }
    }

    async fn lines(path: &Path, least: usize) -> usize {
        for _ in 0..200 {
            let count = std::fs::read_to_string(path).unwrap_or_default().lines().count();
            if count >= least {
                return count;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("`{}` never had {least} lines", path.display());
    }

    #[tokio::test]
    async fn a_signer_that_dies_is_started_again_until_we_stop() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let program = script(folder.path(), &format!("echo x >> {}", log.display()));
        let (say, stop) = watch::channel(false);
        let kept = tokio::spawn(program.keep_alive(run(folder.path()), stopped(&stop)));
        lines(&log, 2).await;
        say.send_replace(true);
        timeout(Duration::from_secs(5), kept).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_running_signer_is_asked_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let text = format!(
            "trap 'echo asked >> {0}; exit 0' TERM; echo up >> {0}; while :; do sleep 0.02; done",
            log.display()
        );
        let program = script(folder.path(), &text);
        let (say, stop) = watch::channel(false);
        let kept = tokio::spawn(program.keep_alive(run(folder.path()), stopped(&stop)));
        lines(&log, 1).await;
        say.send_replace(true);
        timeout(Duration::from_secs(5), kept).await.unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "up\nasked\n");
    }

    #[tokio::test]
    async fn what_the_signer_says_when_it_cannot_be_set_up_reaches_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "echo 'no room' >&2; exit 1");
        let enrol = Enrol {
            folder: folder.path(),
            passphrase: folder.path(),
            cluster: Cluster::Local,
            squads: None,
            approval_key: Address::new([1; 32]),
        };
        let error = program.enrol(&enrol).await.unwrap_err();
        assert_eq!(error.to_string(), "the signer could not be set up: no room");
    }

    #[test]
    fn a_missing_signer_is_named() {
        let error = SignerProgram::find(Some(Path::new("/nonexistent/signer"))).unwrap_err();
        assert!(
            error.to_string().starts_with("`/nonexistent/signer` is not there"),
            "{error}"
        );
    }
}
