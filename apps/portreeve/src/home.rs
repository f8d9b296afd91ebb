//! The data folder: what belongs to one installation, and who may read it.
//!
//! ```text
//! ~/.portreeve            0700
//!   portreeve.toml        settings
//!   portreeve.db          the database, unless the settings name another
//!   signer/               the signer's own: keys, journal, policies, and the owner key's backup
//!   signer.pass           opens the signer's keys
//!   signer.sock           where the signer listens
//!   issuer.key            seals the keys that access tokens are signed with, and keys the revisions of notes
//!   tls/                  the local authority
//!     ca.pem              its certificate: who trusts it believes this server
//!     ca.key              its key; what it signs is for this machine alone
//!     server.pem          the server's certificate and key, renewed by the server
//!   node                  the name of the server that runs here, and its lock
//!   owner/                the owner's side; may move to another machine
//!     api.key             the owner's first API key
//!     approval.json       the key whose signature is the owner's word, sealed
//!     passphrase          opens it
//! ```

use std::{
    env, fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// One installation's data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

/// The owner's folder: what the owner signs and asks with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnerFolder(PathBuf);

/// A file or folder that cannot be read or made.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {cause}", path.display())]
pub(crate) struct FileError {
    path: PathBuf,
    cause: io::Error,
}

impl FileError {
    /// For use with `map_err`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |cause| Self { path, cause }
    }

    /// True when there is no such file.
    pub(crate) fn is_missing(&self) -> bool {
        self.cause.kind() == io::ErrorKind::NotFound
    }
}

impl Home {
    /// As named, or `~/.portreeve`; `None` when there is no home folder to put it in. Absolute, so that it stays the
    /// same wherever it is used.
    pub(crate) fn choose(named: Option<&Path>) -> Option<Self> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => env::home_dir()?.join(".portreeve"),
        };
        std::path::absolute(path).ok().map(Self)
    }

    /// The folder at `path`.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Settings.
    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("portreeve.toml")
    }

    /// The database, unless the settings name another.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("portreeve.db")
    }

    /// The signer's own folder.
    pub(crate) fn signer(&self) -> PathBuf {
        self.0.join("signer")
    }

    /// What opens the signer's keys.
    pub(crate) fn signer_passphrase(&self) -> PathBuf {
        self.0.join("signer.pass")
    }

    /// Where the signer listens.
    pub(crate) fn signer_socket(&self) -> PathBuf {
        self.0.join("signer.sock")
    }

    /// What seals the keys that access tokens are signed with. Every node of an installation has the same.
    pub(crate) fn issuer_key(&self) -> PathBuf {
        self.0.join("issuer.key")
    }

    /// The local authority, and what it has signed.
    pub(crate) fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The local authority's certificate, for whoever is to believe the server.
    pub(crate) fn tls_authority(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// The local authority's key.
    pub(crate) fn tls_authority_key(&self) -> PathBuf {
        self.tls().join("ca.key")
    }

    /// The server's certificate by the local authority, and its key.
    pub(crate) fn tls_server(&self) -> PathBuf {
        self.tls().join("server.pem")
    }

    /// What is kept of the vault's notes, so that the next start need not read all of them.
    pub(crate) fn vault(&self) -> PathBuf {
        self.0.join("vault")
    }

    /// Locked by the server that runs on this folder, and its name.
    pub(crate) fn node(&self) -> PathBuf {
        self.0.join("node")
    }

    /// The owner's folder, where it was made.
    pub(crate) fn owner(&self) -> OwnerFolder {
        OwnerFolder(self.0.join("owner"))
    }
}

impl OwnerFolder {
    /// The folder at `path`.
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The owner's first API key.
    pub(crate) fn api_key(&self) -> PathBuf {
        self.0.join("api.key")
    }

    /// The approval key, sealed.
    pub(crate) fn approval_key(&self) -> PathBuf {
        self.0.join("approval.json")
    }

    /// What opens the approval key.
    pub(crate) fn passphrase(&self) -> PathBuf {
        self.0.join("passphrase")
    }
}

/// Reads a whole text file.
pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(FileError::at(path))
}

/// Makes a folder that only its owner may enter.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(FileError::at(path))
}

/// Makes a new file that only its owner may read, and waits until it is on disk. An existing file is an error.
pub(crate) fn write_private_file(path: &Path, content: &str) -> Result<(), FileError> {
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    write().map_err(FileError::at(path))
}

#[cfg(test)]
mod tests {
    use {super::*, std::os::unix::fs::PermissionsExt};

    #[test]
    fn what_is_private_can_be_read_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("inner"), folder.path().join("inner/secret"));
        make_private_folder(&inner).unwrap();
        write_private_file(&file, "x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_secret_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        write_private_file(&file, "first").unwrap();
        assert!(write_private_file(&file, "second").is_err());
        assert_eq!(read(&file).unwrap(), "first");
    }

    #[test]
    fn a_file_error_names_the_file() {
        let error = read(Path::new("/nonexistent/file")).unwrap_err();
        assert!(error.is_missing());
        assert!(error.to_string().starts_with("`/nonexistent/file`: "));
    }
}
