//! What the demo plays on: a folder of its own, a local chain, a server with its signer.

use {
    super::{DemoError, Programs, chain::LocalChain},
    crate::{
        client::Client,
        home::Home,
        init::{self, Wish},
        output::Output,
        owner::ApprovalKey,
        signer_process::SignerProgram,
        trust::Trust,
    },
    portreeve_guard::Origin,
    portreeve_kernel::{Address, Cluster, Secret},
    serde_json::json,
    std::{env, io, path::PathBuf, process::Stdio, time::Duration},
    tempfile::TempDir,
    tokio::{
        io::{AsyncBufReadExt, BufReader},
        process::{Child, ChildStdin, Command},
        signal,
        time::timeout,
    },
};

/// How long a program may take until it says that it listens.
const START: Duration = Duration::from_secs(30);

/// How long the server may take to stop.
const STOP: Duration = Duration::from_secs(10);

/// Enough for the fees and the rent of a demo.
const FEES: u64 = 2_000_000_000;

/// Everything is up.
pub(super) struct Stage {
    pub(super) home: Home,
    pub(super) chain: LocalChain,
    pub(super) owner: Client,
    pub(super) approval_key: ApprovalKey,
    pub(super) server_url: String,
    pub(super) fee_payer: Address,
    out: Output,
    server: Program,
    localchain: Program,
    _folder: TempDir,
}

/// A program that ends with us, even when we are killed: it watches a pipe that only we hold.
struct Program {
    child: Child,
    _lifeline: Option<ChildStdin>,
}

impl Program {
    /// Starts it and waits for the line in which it says where it listens.
    async fn start(name: &'static str, mut command: Command) -> Result<(Self, String), DemoError> {
        let failed = |why: String| DemoError::Start(name, why);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let lifeline = child.stdin.take();
        let out = child.stdout.take().ok_or_else(|| failed("it has no output".into()))?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(START, lines.next_line()).await;
        let line = line.map_err(|_| failed(format!("it said nothing for {} s", START.as_secs())))??;
        let url = line.as_deref().and_then(|line| line.strip_prefix("listening on "));
        let url = url.ok_or_else(|| failed(format!("it said {line:?}")))?.to_owned();
        // What else it prints is not ours to keep, but the pipe has to stay open.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok((
            Self {
                child,
                _lifeline: lifeline,
            },
            url,
        ))
    }

    async fn stop(&mut self) {
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // Gone already is as good.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        if timeout(STOP, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

impl Stage {
    /// Starts everything. Nothing outside a new temporary folder is touched.
    pub(super) async fn set(programs: &Programs, out: Output) -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new().prefix("portreeve-demo-").tempdir()?;
        let signer = SignerProgram::find(programs.signer.as_deref())?;

        let mut command = Command::new(localchain(programs)?);
        command.args(["--port", "0", "--exit-with-parent"]);
        let (localchain, url) = Program::start("the local chain", command).await?;
        let chain = LocalChain::new(url)?;

        let wish = Wish {
            name: "demo".to_owned(),
            cluster: Cluster::Local,
            rpc: vec![Secret::new(chain.url().to_owned())],
            database: None,
            origin: Origin::local(0),
            squads: None,
            signer_binary: Some(signer.path().to_owned()),
        };
        let made = init::init(Home::at(&folder.path().join("home")), wish).await?;
        let fee_payer = made.signer.fee_payer;
        chain.airdrop(fee_payer, FEES).await?;

        let mut command = Command::new(env::current_exe()?);
        command
            .arg("--home")
            .arg(made.home.path())
            .args(["serve", "--listen", "127.0.0.1:0", "--signer-bin"]);
        command.arg(signer.path());
        // The story is told faster than anybody would ask.
        command.env("PORTREEVE__LIMITS__PER_CREDENTIAL", "10_000");
        let log = folder.path().join("server.log");
        command.stderr(std::fs::File::create(&log)?);
        let started = Program::start("the server", command).await;
        // The folder goes with us, so what the server wrote last is told.
        let (server, server_url) = started.map_err(|error| match (error, std::fs::read_to_string(&log)) {
            (DemoError::Start(name, why), Ok(log)) => {
                let skipped = log.lines().count().saturating_sub(10);
                let tail: Vec<&str> = log.lines().skip(skipped).collect();
                DemoError::Start(name, format!("{why}\n{}", tail.join("\n")))
            }
            (error, _) => error,
        })?;

        Ok(Self {
            owner: Client::new(&server_url, made.api_key, &Trust::of(&made.home))?,
            approval_key: ApprovalKey::open(&made.home.owner()).map_err(InitOwner::from)?,
            home: made.home,
            chain,
            server_url,
            fee_payer,
            out,
            server,
            localchain,
            _folder: folder,
        })
    }

    /// What happens next, or what came of it all.
    pub(super) fn say(&self, line: &str) -> io::Result<()> {
        self.out.line(&json!({"story": line.trim()}), line)
    }

    /// A promise that held.
    pub(super) fn done(&self, what: &str, detail: &str) -> io::Result<()> {
        let gap = if detail.is_empty() { "" } else { "\n      " };
        let line = format!("  ✔ {what}{gap}{detail}");
        self.out.line(&json!({"held": what, "detail": detail}), &line)
    }

    /// For `--keep`.
    pub(super) async fn wait_for_interrupt(&mut self) -> Result<(), DemoError> {
        tokio::select! {
            interrupted = signal::ctrl_c() => interrupted?,
            _ = self.server.child.wait() => {}
        }
        Ok(())
    }

    /// Takes everything down, in order.
    pub(super) async fn clear(mut self) {
        self.server.stop().await;
        self.localchain.stop().await;
    }
}

type InitOwner = crate::init::InitError;

/// As named, or beside this program.
fn localchain(programs: &Programs) -> Result<PathBuf, DemoError> {
    let beside = || {
        env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.join("portreeve-localchain")))
    };
    let path = programs
        .localchain
        .clone()
        .or_else(beside)
        .unwrap_or_else(|| PathBuf::from("portreeve-localchain"));
    if path.is_file() {
        Ok(path)
    } else {
        Err(DemoError::NoLocalchain(path))
    }
}
