//! `portreeve-signer`: the process that holds the keys.
//!
//! It has a folder of its own, a socket of its own and, where possible, a user of its own. The rules are in
//! `portreeve-signing`; here is what they need of the world: a keystore, a journal, a clock, and a socket that only
//! known users reach. What must stay true: **nothing leaves before the journal holds it on disk**, keys never leave at
//! all, and in doubt the process stops.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod cli;
mod clock;
mod entropy;
mod files;
mod init;
mod inspect;
mod journal;
mod keystore;
mod passphrase;
mod peers;
mod serve;
mod shield;
mod worker;

use {
    clap::Parser,
    std::{
        io::{self, Write},
        process::ExitCode,
    },
};

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = shield::raise().map_err(Failure::from).and_then(|()| match cli.command {
        cli::Command::Init(arguments) => init::run(&arguments),
        cli::Command::Serve(arguments) => serve::run(&arguments),
        cli::Command::Inspect(arguments) => inspect::run(&arguments),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            note(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Why the process ends.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error(transparent)]
    Passphrase(#[from] passphrase::PassphraseError),
    #[error(transparent)]
    Keystore(#[from] keystore::KeystoreError),
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    #[error(transparent)]
    Clock(#[from] clock::ClockError),
    #[error(transparent)]
    Socket(#[from] serve::SocketError),
    #[error("cannot forbid core dumps: {0}")]
    Shield(#[from] shield::ShieldError),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Other(String),
}

/// One line for whoever keeps the logs. Never a secret.
fn note(what: &dyn std::fmt::Display) {
    // Without anybody to tell there is nothing better to do than to go on.
    let _ = writeln!(io::stderr(), "portreeve-signer: {what}");
}
