//! How far the signer is kept apart from the server on this machine. Only one with a user of its own, and its passphrase
//! where the server cannot read it, holds when the server's process is taken over.

use {
    crate::home::Home,
    std::{fs::File, path::Path},
    tokio::net::UnixStream,
};

/// What the server could reach of the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Isolation {
    /// Both run as one user; `None` when no signer answers.
    same_user: Option<bool>,
    /// The signer's passphrase lies in the data folder, and we can read it.
    passphrase: bool,
}

impl Isolation {
    /// Looks at who listens at `socket`, and into the data folder.
    pub(crate) async fn look(home: &Home, socket: &Path) -> Self {
        let peer = match UnixStream::connect(socket).await {
            Ok(stream) => stream.peer_cred().ok().map(|peer| peer.uid()),
            Err(_) => None,
        };
        Self {
            same_user: peer.map(|uid| uid == rustix::process::geteuid().as_raw()),
            passphrase: File::open(home.signer_passphrase()).is_ok(),
        }
    }

    /// True when the signer answers, runs as another user, and its passphrase is out of our reach.
    pub(crate) fn holds(self) -> bool {
        self.same_user == Some(false) && !self.passphrase
    }

    /// What is weak about it, in words for the owner; `None` when nothing is known to be.
    pub(crate) const fn weakness(self) -> Option<&'static str> {
        match (self.same_user, self.passphrase) {
            (Some(true), true) => Some(
                "server and signer run as one user, and the signer's passphrase lies in the data folder: whoever takes \
                 over the server's process can open every key, the owner's too, and then no limit holds, not even the \
                 chain's",
            ),
            (Some(true), false) => Some(
                "server and signer run as one user: whoever takes over the server's process can read and change the \
                 signer's files",
            ),
            (Some(false) | None, true) => Some("the server can read the signer's passphrase in the data folder"),
            (Some(false) | None, false) => None,
        }
    }
}

/// What to do about any of that.
pub(crate) const CURE: &str = "give the signer a user of its own, and its passphrase a place that only that user can read: \
                               SECURITY.md, \"A signer of its own\"";
