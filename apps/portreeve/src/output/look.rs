//! What a stream is: a terminal with a person before it, or not, and with colours or not.

use {
    clap::{
        ValueEnum,
        builder::styling::{AnsiColor, Style},
    },
    std::ffi::OsString,
};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set; anywhere when CLICOLOR_FORCE is
    #[default]
    Auto,
    /// Anywhere
    Always,
    /// Nowhere
    Never,
}

/// One stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether it is a terminal that can be drawn on.
    pub(crate) terminal: bool,
    /// Whether it is to have colours.
    pub(super) colour: bool,
}

impl Look {
    /// As <https://no-color.org> and <https://bixense.com/clicolors> say; what was asked for on the command line wins.
    pub(super) fn of(is_terminal: bool, asked: Colour, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).is_some_and(|value| !value.is_empty());
        let forced = || variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        let terminal = is_terminal && variable("TERM").is_none_or(|term| term != "dumb");
        let colour = match asked {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !set("NO_COLOR") && (terminal || forced()),
        };
        Self { terminal, colour }
    }

    /// A headline, or the name of a field.
    pub(super) fn head(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What has gone wrong.
    pub(super) fn alarm(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// What was looked for, where it stands.
    pub(super) fn mark(self, text: &str) -> String {
        let style = Style::new().fg_color(Some(AnsiColor::Black.into()));
        self.paint(style.bg_color(Some(AnsiColor::Yellow.into())), text)
    }

    /// A state, by the first word of it: good is green, bad is red, and what is on its way is yellow.
    pub(super) fn state(self, text: &str) -> String {
        let word = text.split([' ', ':']).next().unwrap_or_default();
        let colour = match word {
            "ACTIVE" | "CONFIRMED" | "ALLOW" | "synced" | "active" | "ok" => AnsiColor::Green,
            "SUSPENDED"
            | "TERMINATED"
            | "FAILED"
            | "REJECTED"
            | "EXPIRED"
            | "DENY"
            | "DENY_SUSPEND"
            | "DENY_SUSPEND_REVOKE"
            | "failed"
            | "revoked"
            | "expired"
            | "fail"
            | "error" => AnsiColor::Red,
            "CREATING" | "PENDING" | "APPROVED" | "SUBMITTED" | "AWAITING_APPROVAL" | "ALLOW_NOTIFY" | "HOLD"
            | "pending" | "warn" | "warning" => AnsiColor::Yellow,
            _ => return text.to_owned(),
        };
        self.paint(colour.on_default(), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(is_terminal: bool, asked: Colour, set: &[(&str, &str)]) -> Look {
        Look::of(is_terminal, asked, |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn colours_follow_the_terminal_then_the_variables_then_the_flag() {
        for (is_terminal, asked, set, colour) in [
            (true, Colour::Auto, &[][..], true),
            (false, Colour::Auto, &[], false),
            (true, Colour::Auto, &[("NO_COLOR", "1")], false),
            (true, Colour::Auto, &[("NO_COLOR", "")], true),
            (true, Colour::Auto, &[("TERM", "dumb")], false),
            (false, Colour::Auto, &[("CLICOLOR_FORCE", "1")], true),
            (false, Colour::Auto, &[("CLICOLOR_FORCE", "0")], false),
            (
                false,
                Colour::Auto,
                &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                false,
            ),
            (true, Colour::Always, &[("NO_COLOR", "1")], true),
            (false, Colour::Always, &[], true),
            (true, Colour::Never, &[("CLICOLOR_FORCE", "1")], false),
        ] {
            assert_eq!(
                look(is_terminal, asked, set).colour,
                colour,
                "{is_terminal} {asked:?} {set:?}"
            );
        }
    }

    #[test]
    fn a_forced_colour_makes_no_terminal() {
        assert!(!look(false, Colour::Always, &[]).terminal);
        assert!(!look(true, Colour::Always, &[("TERM", "dumb")]).terminal);
    }

    #[test]
    fn a_state_is_coloured_by_its_first_word_and_nothing_else_is() {
        let on = look(true, Colour::Auto, &[]);
        assert_eq!(on.state("FAILED (EXPIRED)"), "\x1b[31mFAILED (EXPIRED)\x1b[0m");
        assert_eq!(on.state("5 SOL"), "5 SOL");
        let off = look(false, Colour::Auto, &[]);
        assert_eq!(off.state("FAILED"), "FAILED");
    }
}
