//! A PostgreSQL of our own for the tests: on a free port of loopback, in a folder that is gone afterwards.

use {
    crate::{
        command::{self, ChoreError},
        tools,
    },
    std::{
        fs::{self, File},
        io,
        net::{Ipv4Addr, TcpListener},
        os::unix::{fs::chown, process::CommandExt},
        path::{Path, PathBuf},
        process::{Child, Command, Stdio},
        thread,
        time::Duration,
    },
    tempfile::TempDir,
};

/// A running server. Stops, and takes its data with it, when dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Child,
    port: u16,
    // Declared after `server`, so that it is removed after the server has stopped.
    _folder: TempDir,
}

/// Where the newest installed PostgreSQL keeps its programs.
pub(crate) fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            folder.join("postgres").is_file().then_some((version, folder))
        })
        .max()
        .map(|(_, folder)| folder)
}

impl Postgres {
    /// Makes a cluster and starts its server.
    pub(crate) fn start() -> Result<Self, ChoreError> {
        let programs = binaries().ok_or(ChoreError::Missing {
            what: "postgresql",
            fix: "run: cargo xtask test --stage tools",
        })?;
        let folder = tempfile::tempdir().map_err(file("/tmp"))?;
        let user = if tools::is_root() {
            Some(User::postgres()?)
        } else {
            None
        };
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid), Some(user.gid)).map_err(file(folder.path()))?;
        }
        let data = folder.path().join("data");
        let log_path = folder.path().join("log");
        let log = File::create(&log_path).map_err(file(&log_path))?;
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(folder.path()).stdin(Stdio::null());
            if let Some(user) = &user {
                command.uid(user.uid).gid(user.gid);
            }
            command
        };
        let init = [
            "--username=portreeve",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ];
        command::run(
            program("initdb")
                .args(init)
                .arg("--pgdata")
                .arg(&data)
                .stdout(Stdio::null()),
        )?;

        let port = free_port().map_err(file("127.0.0.1:0"))?;
        // It waits for the disk, although nothing here outlives the tests: the store refuses a server that does not.
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=400",
        ];
        let mut start = program("postgres");
        start.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        start.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let stderr = log.try_clone().map_err(file(&log_path))?;
        let server = start
            .stdout(log)
            .stderr(stderr)
            .spawn()
            .map_err(|cause| ChoreError::Start {
                command: command::shown(&start),
                cause,
            })?;
        let mut started = Self {
            server,
            port,
            _folder: folder,
        };
        started.wait_until_ready(&programs, &log_path)?;
        Ok(started)
    }

    /// For `TEST_POSTGRES_URL`. The user may create databases.
    pub(crate) fn url(&self) -> String {
        format!("postgres://portreeve@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&mut self, programs: &Path, log: &Path) -> Result<(), ChoreError> {
        let port = self.port.to_string();
        for _ in 0..600 {
            let mut ask = Command::new(programs.join("pg_isready"));
            ask.args(["--quiet", "--host=127.0.0.1", "--port", &port]);
            let answer = ask.status().map_err(|cause| ChoreError::Start {
                command: command::shown(&ask),
                cause,
            })?;
            if answer.success() {
                return Ok(());
            }
            if !matches!(self.server.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(ChoreError::Postgres {
            log: fs::read_to_string(log).unwrap_or_default(),
        })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT is PostgreSQL's "immediate shutdown": its workers go with it, and its data is about to go too.
        let asked = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// PostgreSQL refuses to run as root; Debian's package made a user for it.
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    fn postgres() -> Result<Self, ChoreError> {
        let users = fs::read_to_string("/etc/passwd").map_err(file("/etc/passwd"))?;
        Self::in_passwd(&users).ok_or(ChoreError::Missing {
            what: "user postgres",
            fix: "run the tests as another user than root, or: adduser --system --group postgres",
        })
    }

    fn in_passwd(users: &str) -> Option<Self> {
        let line = users.lines().find(|line| line.starts_with("postgres:"))?;
        let mut fields = line.split(':').skip(2);
        Some(Self {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    }
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ChoreError {
    let path = path.into();
    move |cause| ChoreError::File { path, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_the_database_is_found_among_others() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let user = User::in_passwd(users).unwrap();
        assert_eq!((user.uid, user.gid), (101, 104));
        assert!(User::in_passwd("root:x:0:0::/root:/bin/bash\n").is_none());
    }

    #[test]
    #[ignore = "needs the programs of PostgreSQL; `cargo xtask test` installs them"]
    fn the_server_answers_until_it_is_dropped_and_leaves_nothing() {
        let server = Postgres::start().unwrap();
        let (port, folder) = (server.port, server._folder.path().to_owned());
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        drop(server);
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert!(!folder.exists());
    }
}
