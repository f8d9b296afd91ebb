//! Programs that run, and programs that have run.

use {
    serde_json::Value,
    std::{
        io::{BufRead, BufReader, Read},
        process::{Child, Command, Output, Stdio},
        thread::{self, JoinHandle},
        time::Duration,
    },
};

/// A program that says one line on standard output when it is ready. Killed when dropped.
pub struct Running {
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it and waits for its line. Its standard input stays open as long as it is ours.
    pub fn start(command: Command) -> (Self, String) {
        let name = format!("{command:?}");
        let (mut running, line) = Self::try_start(command);
        if line.is_empty() {
            let done = running.wait();
            panic!("{name} said nothing and ended with {}: {}", done.code, done.stderr);
        }
        (running, line)
    }

    /// The same; the line is empty when it ended without one.
    pub fn try_start(mut command: Command) -> (Self, String) {
        crate::ran::note_command(&command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let stderr = Some(stderr);
        (Self { child, stderr }, line.trim().to_owned())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Asks it to stop and waits.
    pub fn stop(mut self) -> Done {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.wait()
    }

    /// Kills it and waits.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits at most half a minute until it ends by itself.
    pub fn wait(&mut self) -> Done {
        for _ in 0..1500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Done {
                    // A signal ends without a code.
                    code: status.code().unwrap_or(-1),
                    stdout: String::new(),
                    stderr: self.stderr.take().unwrap().join().unwrap(),
                };
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has run.
#[derive(Debug)]
pub struct Done {
    /// −1 for a signal.
    pub code: i32,
    /// What it said.
    pub stdout: String,
    /// And complained.
    pub stderr: String,
}

impl Done {
    /// Runs it to its end, with nobody at the terminal.
    pub fn of(command: &mut Command) -> Self {
        crate::ran::note_command(command);
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        Self {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// What it said, given that it did what it was asked.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        &self.stdout
    }

    /// The same as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let text = self.ok();
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in `{text}`"))
    }

    /// Its complaint, given that it ended with `code`.
    #[track_caller]
    pub fn fails_with(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        &self.stderr
    }
}
