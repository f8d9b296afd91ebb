//! One writer at a time, over all processes that write into a vault.

use {
    super::{FOLDER, Jail, ROOT, Refused, refusal},
    rustix::{
        fd::OwnedFd,
        fs::{FlockOperation, Mode, flock},
        io::Errno,
    },
};

/// Held by whoever writes. It ends when it is dropped, and when its process does, however that happens.
///
/// It lies on the root itself, so whoever writes into the same vault meets it, wherever they keep what is theirs. Editors and
/// git do not ask for it: what they do is seen from the bytes ([`Write::Over`](super::Write::Over)).
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] OwnedFd);

impl Jail {
    /// Takes the lock, unless somebody has it, also in this process.
    ///
    /// # Errors
    /// [`Refused`] when the system has no lock for us.
    pub fn try_lock(&self) -> Result<Option<Lock>, Refused> {
        // Opened anew: the lock belongs to what was opened, not to the process.
        let root = self.resolve(ROOT, FOLDER, Mode::empty()).map_err(refusal)?;
        match flock(&root, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock(root))),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(refusal(errno)),
        }
    }
}
