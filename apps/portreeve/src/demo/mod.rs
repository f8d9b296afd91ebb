//! `portreeve demo`: the promise, shown. A local chain, a server and its signer are started from nothing; an agent spends
//! within its policy and is stopped by each of three layers as the ones before it are taken away.
//!
//! Every line that is printed was checked: what is not as promised ends the demo with an error.

mod chain;
mod stage;
mod story;
mod thief;

use {
    crate::{
        client::ClientError, home::FileError, init::InitError, output::Output, signer_process::SignerProcessError,
    },
    portreeve_signing::sealed::SealError,
    portreeve_wallet::ports::SignerError,
    stage::Stage,
    std::{io, path::PathBuf},
};

/// Where the demo's programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// `portreeve-localchain`, when it is not beside this program.
    pub(crate) localchain: Option<PathBuf>,
    /// `portreeve-signer`, when it is not beside this program.
    pub(crate) signer: Option<PathBuf>,
}

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The point of the demo: a promise that does not hold.
    #[error("not as promised: {promise}, but {instead}")]
    NotAsPromised {
        /// What should have happened.
        promise: String,
        /// What did.
        instead: String,
    },
    /// The local chain is missing.
    #[error("`{}` is not there; `cargo xtask demo` builds it, --localchain-bin names it", .0.display())]
    NoLocalchain(PathBuf),
    /// A program did not start.
    #[error("{0} did not start: {1}")]
    Start(&'static str, String),
    /// The local chain did not answer.
    #[error("the local chain does not answer: {0}")]
    Chain(String),
    /// A transaction of the demo's own cannot be built.
    #[error("the demo's own transaction: {0}")]
    Build(String),
    /// The server's.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The installation.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The signer's program.
    #[error(transparent)]
    SignerProgram(#[from] SignerProcessError),
    /// The signer's socket.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The keystore.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl DemoError {
    fn not_as_promised(promise: impl Into<String>, instead: impl ToString) -> Self {
        Self::NotAsPromised {
            promise: promise.into(),
            instead: instead.to_string(),
        }
    }
}

/// Tells the whole story. With `keep` the server goes on running until it is interrupted.
pub(crate) async fn run(programs: &Programs, keep: bool, out: Output) -> Result<(), DemoError> {
    let mut stage = Stage::set(programs, out).await?;
    let agent = story::tell(&stage).await?;
    if keep {
        story::leave_running(&stage, &agent)?;
        stage.wait_for_interrupt().await?;
    }
    stage.clear().await;
    Ok(())
}
