//! `portreeve vault`: a vault's notes, read from the files themselves. No server is asked, and nothing is written but by `new`.

mod check;
mod graph;
mod new;
mod place;
mod search;
mod show;
mod stats;

use {
    super::{CliError, Context},
    crate::config::Flags,
    clap::Subcommand,
    portreeve_notes::{Given, Limits, Root, RootError, Vault},
    std::{
        error::Error,
        path::{Path, PathBuf},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum VaultCommand {
    /// Hold the notes against the vault's own rules. Fit for a pre-commit hook and for CI
    Check(check::CheckArgs),
    /// Find notes by their words
    Search(search::SearchArgs),
    /// Show a note: its fields, who it has to do with, who links to it, what is wrong with it
    Show(show::ShowArgs),
    /// Draw how entities stand to one another: as a tree, for Graphviz, for Mermaid
    Graph(graph::GraphArgs),
    /// Count what there is: types, states, findings, links, bytes
    Stats(stats::StatsArgs),
    /// Write a new task, project, program or hypothesis, by the vault's own rules
    New(new::NewArgs),
}

/// Which vault.
#[derive(Debug, clap::Args)]
struct Rooted {
    /// The vault's folder [default: PORTREEVE__VAULT__ROOT, else `root` under `[vault]` in the settings]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub(super) fn run(context: &Context, command: VaultCommand) -> Result<(), CliError> {
    match command {
        VaultCommand::Check(args) => check::run(context, args),
        VaultCommand::Search(args) => search::run(context, args),
        VaultCommand::Show(args) => show::run(context, args),
        VaultCommand::Graph(args) => graph::run(context, args),
        VaultCommand::Stats(args) => stats::run(context, args),
        VaultCommand::New(args) => new::run(context, args),
    }
}

impl Rooted {
    /// Where the vault lies, as somebody said. With a flag nobody looks at the settings.
    fn find(self, context: &Context) -> Result<Root, CliError> {
        let given = match self.root {
            Some(flag) => Given {
                flag: Some(flag),
                ..Given::default()
            },
            // The settings have the environment over the file already.
            None => Given {
                config: context.config(Flags::default())?.vault.root,
                ..Given::default()
            },
        };
        Root::find(given).map_err(|error| match error {
            RootError::NotGiven => CliError::NotDone(format!(
                "nobody said where the vault lies. Say it with --root DIR, in the variable PORTREEVE__VAULT__ROOT, or as \
                 `root` under `[vault]` in `{}`",
                context.home.config().display()
            )),
            error => not_done(&error),
        })
    }
}

/// Reads all of the vault, for whoever may read its files.
fn open(context: &Context, root: &Root, kept: Option<&Path>) -> Result<Vault, CliError> {
    open_with(context, root, kept, Limits::default())
}

/// Reads the vault, or what has changed since something was kept of it.
fn open_with(context: &Context, root: &Root, kept: Option<&Path>, limits: Limits) -> Result<Vault, CliError> {
    let progress = context.out.progress("reading the vault");
    let tell = |at: portreeve_notes::Progress| {
        progress.say(format!("reading the vault: {} of {} files", at.done, at.found));
    };
    let opened = match kept {
        Some(file) => Vault::open_kept(root, limits, file, &tell),
        None => Vault::open(root, limits, &tell),
    };
    opened.map_err(|error| not_done(&error))
}

/// What went wrong, with all its causes.
fn not_done(error: &dyn Error) -> CliError {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Some say their cause themselves.
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    CliError::NotDone(text)
}

/// `1 note`, `2 notes`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
