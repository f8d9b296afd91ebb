//! A program under a service manager: started, watched, started again when it dies. What it says goes to a file.

use {
    rustix::process::{Pid, Signal, kill_process},
    std::{
        fs::OpenOptions,
        os::unix::process::ExitStatusExt,
        path::{Path, PathBuf},
        process::{Child, Command, ExitStatus, Stdio},
        thread,
        time::Duration,
    },
};

/// One program.
pub struct Process {
    /// What people call it.
    pub name: String,
    /// Where it is to die, when it was told.
    pub armed: Option<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// One that does not run yet, and will write to `<folder>/<name>.log`.
    pub fn new(name: &str, folder: &Path) -> Self {
        let log = folder.join(format!("{}.log", name.replace(' ', "-")));
        Self {
            name: name.to_owned(),
            armed: None,
            log,
            child: None,
        }
    }

    /// Starts it, and has it die at `armed` if there is such a place.
    pub fn start(&mut self, mut command: Command, armed: Option<String>) {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        if let Some(point) = &armed {
            command.env("PORTREEVE_KILL_POINT", point);
        }
        // The signer ends when its standard input does: it must not outlive us.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        self.armed = armed;
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.as_ref()?.id()).unwrap())
    }

    /// How it ended, told once.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().unwrap()?;
        self.child = None;
        Some(status)
    }

    /// Sends it a signal, if it is there to get one.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // It may have died a moment ago.
            let _ = kill_process(pid, signal);
        }
    }

    /// The processes that it has started itself.
    pub fn children(&self) -> Vec<Pid> {
        let Some(pid) = self.pid() else { return Vec::new() };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))
            .into_iter()
            .flatten()
            .flatten();
        let lists: Vec<String> = tasks
            .flat_map(|task| std::fs::read_to_string(task.path().join("children")))
            .collect();
        let numbers = lists.iter().flat_map(|list| list.split_whitespace());
        numbers
            .filter_map(|number| Pid::from_raw(number.parse().ok()?))
            .collect()
    }

    /// Asks it to stop, and says whether it did in good order within 20 seconds.
    pub fn stop(&mut self) -> bool {
        self.signal(Signal::TERM);
        for _ in 0..1000 {
            match self.ended() {
                Some(status) => return status.success(),
                None if self.child.is_none() => return true,
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How a process ended, in words.
pub fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
