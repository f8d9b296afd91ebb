//! A line whose parts look different on a terminal, and read the same without colours.

use {super::look::Look, portreeve_guard::text::shown};

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Head,
    State,
    Mark,
}

/// See the top of this file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Tone, String)>);

impl Line {
    /// Words as they stand.
    pub(crate) fn plain(self, text: impl Into<String>) -> Self {
        self.with(Tone::Plain, text)
    }

    /// What it is about.
    pub(crate) fn head(self, text: impl Into<String>) -> Self {
        self.with(Tone::Head, text)
    }

    /// A state, whose first word says how good it is.
    pub(crate) fn state(self, text: impl Into<String>) -> Self {
        self.with(Tone::State, text)
    }

    /// What was looked for.
    pub(crate) fn mark(self, text: impl Into<String>) -> Self {
        self.with(Tone::Mark, text)
    }

    fn with(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// As text for a stream of this look. It stays one line, whatever is in its parts.
    pub(super) fn text(&self, look: Look) -> String {
        let parts = self.0.iter().map(|(tone, text)| {
            let text = shown(text);
            match tone {
                Tone::Plain => text,
                Tone::Head => look.head(&text),
                Tone::State => look.state(&text),
                Tone::Mark => look.mark(&text),
            }
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_the_same_with_and_without_colours_and_stays_one() {
        let line = Line::default()
            .head("a.md:1")
            .plain(": ")
            .state("error")
            .plain(" x\ny ")
            .mark("found");
        let plain = Look {
            terminal: false,
            colour: false,
        };
        let coloured = Look {
            terminal: true,
            colour: true,
        };
        assert_eq!(line.text(plain), "a.md:1: error x\\u{a}y found");
        assert_eq!(
            line.text(coloured),
            "\x1b[1ma.md:1\x1b[0m: \x1b[31merror\x1b[0m x\\u{a}y \x1b[30m\x1b[43mfound\x1b[0m"
        );
    }
}
