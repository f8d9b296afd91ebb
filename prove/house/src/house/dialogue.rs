//! A program that is spoken to line by line.

use {
    super::process::Done,
    serde_json::Value,
    std::{
        io::{BufRead, BufReader, Read, Write},
        process::{Child, ChildStdin, Command, Stdio},
        sync::mpsc::{Receiver, channel},
        thread::{self, JoinHandle},
        time::Duration,
    },
};

/// A program that answers lines of JSON with lines of JSON. Killed when dropped.
pub struct Dialogue {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Dialogue {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        crate::ran::note_command(&command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (heard, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = heard.send(line);
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            stdin: child.stdin.take(),
            stderr: Some(stderr),
            child,
            lines,
        }
    }

    /// Says one line.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// The next line, which must be JSON and come within `patience`.
    pub fn hear_within(&self, patience: Duration) -> Option<Value> {
        let line = self.lines.recv_timeout(patience).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}")))
    }

    /// The same within half a minute.
    #[track_caller]
    pub fn hear(&self) -> Value {
        self.hear_within(Duration::from_secs(30))
            .unwrap_or_else(|| panic!("nothing is heard"))
    }

    /// Says no more, and waits until it has ended; what it said meanwhile is in the answer.
    pub fn end(mut self) -> Done {
        drop(self.stdin.take());
        let rest: Vec<String> = self.lines.iter().collect();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Done {
            code,
            stdout: rest.join("\n"),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
