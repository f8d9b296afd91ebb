//! The stages of the tests and how long each took.

use {
    crate::command::{self, ChoreError},
    clap::ValueEnum,
    std::time::{Duration, Instant},
};

/// One part of `cargo xtask test`, in the order they run: what is quick to fail comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// Install what is missing: PostgreSQL, cargo-deny, Chromium, strace, Graphviz, and what npm provides
    Tools,
    /// `cargo fmt --check` in both workspaces
    Format,
    /// `cargo deny check` in both workspaces: licences, sources, banned crates
    Deny,
    /// Parse every Mermaid diagram in the documents
    Diagrams,
    /// Clippy with warnings as errors, in both workspaces
    Lint,
    /// Build the local chain, and everything else with kill points compiled in
    Build,
    /// Every test but the end-to-end ones, on SQLite and PostgreSQL, and the examples in the documentation
    Unit,
    /// The local chain's own tests
    Localchain,
    /// The real binaries against the local chain, on SQLite and PostgreSQL
    E2e,
    /// People and foreign clients against the real binaries: Chromium with an authenticator, and MCP's conformance suite
    Clients,
    /// The proofs, each in a small size
    Prove,
    /// The demo, with binaries built as they are shipped
    Demo,
}

impl Stage {
    /// As it is written after `--stage`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Format => "format",
            Self::Deny => "deny",
            Self::Diagrams => "diagrams",
            Self::Lint => "lint",
            Self::Build => "build",
            Self::Unit => "unit",
            Self::Localchain => "localchain",
            Self::E2e => "e2e",
            Self::Clients => "clients",
            Self::Prove => "prove",
            Self::Demo => "demo",
        }
    }
}

/// Runs stages and remembers how long they took.
#[derive(Debug, Default)]
pub(crate) struct Watch(Vec<(&'static str, Duration)>);

impl Watch {
    /// Runs `body` as `stage`.
    pub(crate) fn time(
        &mut self,
        stage: Stage,
        body: impl FnOnce() -> Result<(), ChoreError>,
    ) -> Result<(), ChoreError> {
        command::say(&format!("\n== {} ==", stage.name()));
        let start = now();
        let outcome = body();
        self.0.push((stage.name(), start.elapsed()));
        outcome.map_err(|cause| ChoreError::Stage {
            stage: stage.name(),
            cause: Box::new(cause),
        })
    }

    /// One line per stage, then their sum.
    pub(crate) fn table(&self) -> String {
        let total: Duration = self.0.iter().map(|(_, took)| *took).sum();
        let lines = self.0.iter().copied().chain([("total", total)]);
        lines
            .map(|(name, took)| format!("{name:<12}{:>7.1} min", took.as_secs_f64() / 60.0))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch for people; no decision depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_the_ones_the_command_line_takes() {
        for stage in Stage::value_variants() {
            assert_eq!(Stage::from_str(stage.name(), false), Ok(*stage));
        }
    }

    #[test]
    fn the_table_gives_minutes_per_stage_and_their_sum() {
        let watch = Watch(vec![
            ("lint", Duration::from_secs(90)),
            ("unit", Duration::from_secs(30)),
        ]);
        assert_eq!(
            watch.table(),
            "lint            1.5 min\nunit            0.5 min\ntotal           2.0 min"
        );
    }

    #[test]
    fn a_failed_stage_says_how_to_run_it_alone() {
        let missing = || ChoreError::Missing { what: "x", fix: "y" };
        let error = Watch::default().time(Stage::Deny, || Err(missing())).unwrap_err();
        assert!(error.to_string().ends_with("cargo xtask test --stage deny"), "{error}");
    }
}
