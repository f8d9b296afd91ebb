//! One server per data folder, and a name for it that leases are taken under.
//!
//! The name stays the same over restarts, so that a restarted server frees its own leases at once, and it holds the
//! machine's name, so that a copied data folder does not make two servers of one name.

use {
    crate::{
        home::{FileError, Home},
        world::SystemEntropy,
    },
    portreeve_kernel::id::random_base32,
    std::{
        fs::{File, OpenOptions, TryLockError},
        io::{self, Read, Write},
        path::PathBuf,
    },
};

/// Held as long as the server runs.
#[derive(Debug)]
pub(super) struct Node {
    name: String,
    /// Locked until it is closed, which the system does when we die.
    _lock: File,
}

/// Why there cannot be a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// There is no data folder.
    #[error("there is no installation in `{}`; make one with `portreeve init`", .0.display())]
    NotThere(PathBuf),
    /// There is one already.
    #[error("another server runs on `{}`; stop it first", .0.display())]
    Taken(PathBuf),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Node {
    /// Takes the data folder for this process.
    pub(super) fn claim(home: &Home) -> Result<Self, NodeError> {
        let path = home.node();
        let fail = || FileError::at(&path);
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = open.map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => NodeError::NotThere(home.path().to_owned()),
            _ => fail()(cause).into(),
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NodeError::Taken(home.path().to_owned())),
            Err(TryLockError::Error(cause)) => return Err(fail()(cause).into()),
        }
        let mut id = String::new();
        file.read_to_string(&mut id).map_err(fail())?;
        if id.is_empty() {
            id = random_base32(12, &SystemEntropy);
            file.write_all(id.as_bytes()).map_err(fail())?;
        }
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(Self {
            name: format!("{id}@{}", machine.trim()),
            _lock: file,
        })
    }

    /// What leases are taken under.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_per_data_folder_and_the_same_name_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let first = Node::claim(&home).unwrap();
        assert!(matches!(Node::claim(&home), Err(NodeError::Taken(_))));
        let name = first.name().to_owned();
        drop(first);
        assert_eq!(Node::claim(&home).unwrap().name(), name);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Node::claim(&Home::at(other.path())).unwrap().name(), name);
        let nowhere = Home::at(&other.path().join("nowhere"));
        assert!(matches!(Node::claim(&nowhere), Err(NodeError::NotThere(_))));
    }
}
