//! What the commands print: tables for people, the server's own JSON for programs. Results go to standard output, all
//! else to standard error.

use {
    comfy_table::{Table, presets},
    indicatif::{ProgressBar, ProgressDrawTarget},
    serde_json::Value,
    std::{
        fmt::Display,
        io::{self, Write},
        time::Duration,
    },
};

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// `json`: as asked for with `--json`.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// The result: `raw` for programs, what `table` makes for people.
    pub(crate) fn result(self, raw: &Value, table: impl FnOnce() -> String) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{raw:#}")
        } else {
            writeln!(out, "{}", table())
        }
    }

    /// Something a person should know besides the result.
    pub(crate) fn note(self, text: impl Display) {
        if !self.json {
            // A closed terminal is no reason to fail what has been done.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// A line that moves while something is waited for; gone when it is dropped.
    pub(crate) fn progress(self, text: impl Into<String>) -> Progress {
        let bar = ProgressBar::new_spinner().with_message(text.into());
        if self.json {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    /// An error, in the same form as results.
    pub(crate) fn error(self, text: &str, raw: Option<&Value>) {
        let mut err = io::stderr().lock();
        // Nothing is left to be done when this fails too.
        let _ = match (self.json, raw) {
            (true, Some(raw)) => writeln!(err, "{raw:#}"),
            (true, None) => writeln!(err, "{:#}", serde_json::json!({"detail": text})),
            (false, _) => writeln!(err, "error: {text}"),
        };
    }
}

/// A wait that a person can see.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// What is waited for now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A list: one line each.
pub(crate) fn list<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    cursor: Option<&str>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    let mut empty = true;
    for row in rows {
        table.add_row(row);
        empty = false;
    }
    if empty {
        return "none".to_owned();
    }
    match cursor {
        Some(cursor) => format!("{}\n\nmore: --cursor {cursor}", table.trim_fmt()),
        None => table.trim_fmt(),
    }
}

/// One thing: a line for each of its fields that has a value.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Option<String>); N]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in pairs {
        if let Some(value) = value {
            table.add_row([name.to_owned(), value]);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_header_and_says_how_to_go_on() {
        let rows = [["a".to_owned(), "1".to_owned()]];
        assert_eq!(
            list(["NAME", "N"], rows, Some("c1")),
            " NAME  N\n a     1\n\nmore: --cursor c1"
        );
        assert_eq!(list(["NAME"], [], None), "none");
    }

    #[test]
    fn fields_without_a_value_are_left_out() {
        let text = fields([("id", Some("x".to_owned())), ("reason", None)]);
        assert_eq!(text, " id  x");
    }
}
