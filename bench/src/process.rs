//! The programs that are measured, as they are shipped: of the same build as this one, unless `PORTREEVE_BIN` and
//! `PORTREEVE_SIGNER_BIN` name others.

use {
    portreeve_house::house::{self, Chain},
    std::{
        env,
        fs::{self, File},
        io::{BufRead, BufReader, Write},
        net::SocketAddr,
        path::{Path, PathBuf},
        process::{Child, Command, Stdio},
    },
    tempfile::TempDir,
};

/// Ticks of processor time in a second, as `/proc` counts them on every Linux.
const TICKS: f64 = 100.0;

/// A program that serves HTTP. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it, tells it `input`, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command, input: &str) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        process.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .and_then(|text| text.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{command:?} says `{line}`"));
        Self { process, address }
    }

    /// Seconds of processor time that it has used, those of the system on its behalf included.
    pub(crate) fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The name before it may hold anything, but no later parenthesis.
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let ticks = |place: usize| -> f64 { rest.split(' ').nth(place).unwrap().parse().unwrap() };
        (ticks(11) + ticks(12)) / TICKS
    }

    /// Resident memory now, in megabytes (10⁶ bytes).
    pub(crate) fn memory(&self) -> f64 {
        resident(self.process.id(), "VmRSS:")
    }

    /// The most it ever was.
    pub(crate) fn peak_memory(&self) -> f64 {
        resident(self.process.id(), "VmHWM:")
    }

    /// The memory of its only child: the server's signer.
    pub(crate) fn signer_memory(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let children: String = tasks
            .map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap())
            .collect();
        resident(children.trim().parse().unwrap(), "VmRSS:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn resident(process: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    let kibibytes: f64 = value.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024.0 / 1e6
}

/// An installation on a chain of its own, as `portreeve init` makes it.
pub(crate) struct Installation {
    // Stopped before its folder goes.
    _chain: Chain,
    folder: TempDir,
}

impl Installation {
    /// Makes one in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let chain = Chain::start();
        let folder = tempfile::tempdir_in(folder).unwrap();
        let made = Self { _chain: chain, folder };
        let mut init = made.command();
        init.args(["init", "--rpc", &made._chain.url]);
        let output = init.output().unwrap();
        assert!(
            output.status.success(),
            "{init:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        made
    }

    /// The address of its database.
    pub(crate) fn database(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.home().join("portreeve.db").display())
    }

    /// Serves it with the settings that `init` wrote, on a free port. The log, access log included, goes to a file.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The same, with these settings too.
    pub(crate) fn serve_with(&self, settings: &[(&str, &Path)]) -> Server {
        let mut command = self.command();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(settings.iter().copied());
        command.stderr(File::create(self.log()).unwrap());
        Server::start(command, "")
    }

    /// The first key of its owner.
    pub(crate) fn owner_key(&self) -> String {
        let text = fs::read_to_string(self.home().join("owner/api.key")).unwrap();
        text.trim().to_owned()
    }

    /// Where the server's log is.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Its data folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(house::portreeve());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PORTREEVE_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command
            .env("PORTREEVE_HOME", self.home())
            .env("PORTREEVE_SIGNER_BIN", house::signer())
            .env(house::PLAIN.0, house::PLAIN.1)
            .envs(house::LIMITS.iter().copied());
        command
    }
}

/// The bare handler: where `PORTREEVE_BARE_BIN` says, or beside this program.
pub(crate) fn bare() -> PathBuf {
    let named = env::var_os("PORTREEVE_BARE_BIN").map(PathBuf::from);
    named.unwrap_or_else(|| env::current_exe().unwrap().with_file_name("portreeve-bare"))
}
