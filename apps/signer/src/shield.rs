//! Keeps the process's memory to itself: no core dumps, and no other process of the same user may look into it.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};

/// The system refuses to protect the process.
pub(crate) type ShieldError = rustix::io::Errno;

/// Before the first secret is read. From here on, new files are this user's alone too.
pub(crate) fn raise() -> Result<(), ShieldError> {
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
