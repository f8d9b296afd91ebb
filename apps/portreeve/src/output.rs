//! What the commands print: tables for people, lines for pipes, the server's own JSON for programs. Results go to standard
//! output, all else to standard error.
//!
//! What must stay true: whatever a server or a user wrote into a text, no terminal acts on it.

mod line;
mod look;
mod view;

use {
    indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle},
    portreeve_guard::text::is_plain,
    serde_json::Value,
    std::{
        fmt::Display,
        io::{self, IsTerminal, Write},
        time::Duration,
    },
};

pub(crate) use {
    line::Line,
    look::{Colour, Look},
    view::{View, fields, list},
};

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    out: Look,
    err: Look,
}

impl Output {
    /// `json` and `colour`: as asked for on the command line.
    pub(crate) fn new(json: bool, colour: Colour) -> Self {
        let look = |is_terminal| Look::of(is_terminal, colour, |name| std::env::var_os(name));
        Self {
            json,
            out: look(io::stdout().is_terminal()),
            err: look(io::stderr().is_terminal()),
        }
    }

    /// Whether JSON was asked for.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// The same in JSON.
    pub(crate) const fn in_json(self) -> Self {
        Self { json: true, ..self }
    }

    /// The result: `raw` for programs, what `view` makes for everybody else.
    pub(crate) fn result<V: Into<View>>(self, raw: &Value, view: impl FnOnce() -> V) -> io::Result<()> {
        let text = if self.json {
            escaped(&format!("{raw:#}"))
        } else {
            view().into().text(self.out)
        };
        writeln!(io::stdout().lock(), "{text}")
    }

    /// A text of our own that is for another program, such as a script or a page: every byte of it.
    pub(crate) fn verbatim(self, raw: &Value, text: &str) -> io::Result<()> {
        if self.json {
            return self.result(raw, String::new);
        }
        writeln!(io::stdout().lock(), "{text}")
    }

    /// One line of several that come as things happen.
    pub(crate) fn line(self, raw: &Value, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", escaped(&raw.to_string()))?;
        } else {
            writeln!(out, "{text}")?;
        }
        out.flush()
    }

    /// Where something is shown again whenever it has changed.
    pub(crate) const fn screen(self) -> Screen {
        Screen {
            output: self,
            last: None,
        }
    }

    /// Something a person should know besides the result.
    pub(crate) fn note(self, text: impl Display) {
        if !self.json {
            // A closed terminal is no reason to fail what has been done.
            let _ = writeln!(io::stderr().lock(), "{}", harmless(&text.to_string()));
        }
    }

    /// Something that nobody can be told again, also when programs read the result.
    pub(crate) fn insist(self, text: impl Display) {
        // A closed terminal is no reason to fail what has been done.
        let _ = writeln!(io::stderr().lock(), "{}", harmless(&text.to_string()));
    }

    /// A line that moves while something is waited for; gone when it is dropped. On a terminal only.
    pub(crate) fn progress(self, text: impl Into<String>) -> Progress {
        let bar = ProgressBar::new_spinner().with_message(harmless(&text.into()));
        if self.json || !self.err.terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    /// An error, in the same form as results.
    pub(crate) fn error(self, text: &str, raw: Option<&Value>) {
        let mut err = io::stderr().lock();
        // Nothing is left to be done when this fails too.
        let _ = match (self.json, raw) {
            (true, Some(raw)) => writeln!(err, "{}", escaped(&format!("{raw:#}"))),
            (true, None) => writeln!(err, "{:#}", serde_json::json!({"detail": text})),
            (false, _) => writeln!(err, "{} {}", self.err.alarm("error:"), harmless(text)),
        };
    }
}

/// A place where one thing is shown as it changes: redrawn on a terminal, a block of lines or a line of JSON for each
/// change everywhere else.
#[derive(Debug)]
pub(crate) struct Screen {
    output: Output,
    last: Option<String>,
}

impl Screen {
    /// Shows it, unless it is as it was. `hint` is for people at a terminal.
    pub(crate) fn show<V: Into<View>>(&mut self, raw: &Value, view: impl FnOnce() -> V, hint: &str) -> io::Result<()> {
        let text = if self.output.json {
            escaped(&raw.to_string())
        } else {
            view().into().text(self.output.out)
        };
        if self.last.as_ref() == Some(&text) {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match (self.output.json, self.output.out.terminal, &self.last) {
            (true, _, _) | (false, false, None) => writeln!(out, "{text}")?,
            (false, false, Some(_)) => writeln!(out, "\n{text}")?,
            // To the upper left corner, and nothing below it.
            (false, true, _) => writeln!(out, "\x1b[H\x1b[2J{text}\n\n{hint}")?,
        }
        out.flush()?;
        self.last = Some(text);
        Ok(())
    }
}

/// A wait that a person can see.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// What is waited for now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.set_message(harmless(&text.into()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The same text, in which nothing but the ends of lines does anything.
fn harmless(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(portreeve_guard::text::shown).collect();
    lines.join("\n")
}

/// The same JSON, in which what a terminal would act on is written as JSON writes it in ASCII. Outside of strings there
/// is no such character but the ends of lines.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || is_plain(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    #[test]
    fn what_somebody_wrote_does_nothing_to_a_terminal() {
        assert_eq!(
            harmless("a\u{1b}]0;x\u{7}\nb\u{202e}"),
            "a\\u{1b}]0;x\\u{7}\nb\\u{202e}"
        );
    }

    #[test]
    fn json_stays_the_same_json() {
        let raw = json!({"a": "\u{1b}[2J\u{85}\u{202e}\u{e0041} é\n"});
        let text = escaped(&format!("{raw:#}"));
        assert!(text.chars().all(|c| c == '\n' || is_plain(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), raw);
    }
}
