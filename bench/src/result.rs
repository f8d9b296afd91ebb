//! What a measurement says: figures with their units, what each is held to, and under which circumstances it was taken.

use serde::{Deserialize, Serialize};

/// One run, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Report {
    /// When, RFC 3339.
    pub(crate) taken_at: String,
    /// Of which commit; with `+` at its end when files differed from it.
    pub(crate) commit: String,
    /// A run too short for its numbers to count.
    pub(crate) quick: bool,
    /// On what.
    pub(crate) machine: Machine,
    /// What was measured.
    pub(crate) measurements: Vec<Measurement>,
}

/// The machine and how busy it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Machine {
    /// The processor's own name.
    pub(crate) cpu: String,
    /// How many of them this process may use.
    pub(crate) cores: usize,
    /// The system's name and release.
    pub(crate) kernel: String,
    /// Kind of the file system that the databases are on.
    pub(crate) file_system: String,
    /// What it takes to append 4 KiB and be sure of it: median, in microseconds.
    pub(crate) fsync_p50_us: f64,
    /// Processes that wanted a processor in the minute before the run, and in the minute before its end.
    pub(crate) load: (f64, f64),
}

/// One of the subcommands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Measurement {
    /// As the command line calls it.
    pub(crate) name: String,
    /// What was run: everything one has to know to repeat it.
    pub(crate) setting: Vec<String>,
    /// What came out.
    pub(crate) figures: Vec<Figure>,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Figure {
    /// What it says.
    pub(crate) what: String,
    /// How much.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: String,
    /// What it is held to; `None` for what explains the others.
    pub(crate) target: Option<Target>,
}

/// What a figure is held to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Target {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Measurement {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            setting: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Adds a circumstance.
    pub(crate) fn with(&mut self, circumstance: impl Into<String>) {
        self.setting.push(circumstance.into());
    }

    /// Adds a figure that explains others.
    pub(crate) fn tell(&mut self, what: impl Into<String>, value: f64, unit: &str) {
        self.figure(what, value, unit, None);
    }

    /// Adds a figure that has a target.
    pub(crate) fn hold(&mut self, what: impl Into<String>, value: f64, unit: &str, target: Target) {
        self.figure(what, value, unit, Some(target));
    }

    fn figure(&mut self, what: impl Into<String>, value: f64, unit: &str, target: Option<Target>) {
        self.figures.push(Figure {
            what: what.into(),
            // What three digits cannot show is noise.
            value: (value * 1000.0).round() / 1000.0,
            unit: unit.to_owned(),
            target,
        });
    }
}

impl Target {
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    pub(crate) const fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", number(most)),
            Self::AtLeast(least) => format!("≥ {}", number(least)),
        }
    }
}

/// A number with as many digits as say something.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let whole = format!("{value:.0}");
        let (sign, digits) = whole.strip_prefix('-').map_or(("", whole.as_str()), |rest| ("-", rest));
        let mut grouped = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("{sign}{grouped}")
    } else if size >= 100.0 || (value - value.round()).abs() < 1e-9 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        for (value, text) in [
            (0.0, "0"),
            (0.756, "0.76"),
            (8.0, "8"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_target_is_met_by_what_equals_it() {
        assert!(Target::AtMost(1.0).is_met(1.0) && !Target::AtMost(1.0).is_met(1.01));
        assert!(Target::AtLeast(8.0).is_met(8.0) && !Target::AtLeast(8.0).is_met(7.99));
    }
}
