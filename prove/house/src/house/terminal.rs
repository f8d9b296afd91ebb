//! A command as somebody at a terminal runs it: what it draws is seen, and keys can be pressed.

use {
    super::House,
    crate::ran,
    std::{
        io::{Read, Write},
        process::{Child, ChildStdin, Command, Stdio},
        sync::{Arc, Mutex},
        thread::{self, JoinHandle},
        time::Duration,
    },
};

/// A command at a terminal of 200 columns. Killed when dropped.
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    seen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl House {
    /// Runs `portreeve` at a terminal, with more variables. Standard output and standard error are both the terminal.
    pub fn at_terminal(&self, args: &[&str], variables: &[(&str, &str)]) -> Terminal {
        let own = self.command();
        ran::note(own.get_program(), args.iter().map(AsRef::as_ref));
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let mut line = vec![quoted(own.get_program().to_str().unwrap())];
        line.extend(args.iter().map(|arg| quoted(arg)));
        // `script` gives it a terminal of its own, through which Ctrl-C arrives as it does from a keyboard.
        let mut command = Command::new("script");
        command.arg("-qefc");
        command.arg(format!("stty cols 200 rows 50; exec {}", line.join(" ")));
        command.arg("/dev/null");
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        if !self.url.is_empty() {
            command.env("PORTREEVE_SERVER", &self.url);
        }
        command.envs(variables.iter().copied());
        Terminal::open(command.current_dir(own.get_current_dir().unwrap()))
    }
}

impl Terminal {
    fn open(command: &mut Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let keys = child.stdin.take().unwrap();
        let mut out = child.stdout.take().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut part) {
                kept.lock().unwrap().extend_from_slice(&part[..length]);
            }
        });
        Self {
            child,
            keys,
            seen,
            reader: Some(reader),
        }
    }

    /// Everything that has been drawn so far, control sequences included.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits at most half a minute until `text` has been drawn.
    #[track_caller]
    pub fn until(&self, text: &str) -> String {
        for _ in 0..1500 {
            let seen = self.seen();
            if seen.contains(text) {
                return seen;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("`{text}` is never drawn, only: {}", self.seen());
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&mut self) {
        self.keys.write_all(b"\x03").unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits at most half a minute until it has ended; its exit code and everything it has drawn.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        for _ in 0..1500 {
            if let Some(status) = self.child.try_wait().unwrap() {
                if let Some(reader) = self.reader.take() {
                    reader.join().unwrap();
                }
                return (status.code().unwrap_or(-1), self.seen());
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end: {}", self.seen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
