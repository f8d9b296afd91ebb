//! Files and folders that are this user's alone, written so that a crash leaves the old or the new, never half.

use {
    rustix::fs::{CWD, RenameFlags, renameat_with},
    std::{
        fs::{self, DirBuilder, File, OpenOptions},
        io::{self, Read, Write},
        os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
        path::{Path, PathBuf},
    },
};

/// What failed, and where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The system says no.
    #[error("cannot {doing} `{}`: {cause}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    /// Somebody else could read or change it.
    #[error("`{}` has mode {mode:o}; others must not read or write it (chmod {wanted:o})", path.display())]
    Open { path: PathBuf, mode: u32, wanted: u32 },
    /// Larger than anything of ours.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    /// Not what it should be.
    #[error("`{}` is not the file it should be: {cause}", path.display())]
    Content { path: PathBuf, cause: String },
}

impl FileError {
    /// For `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |cause| Self::Io { doing, path, cause }
    }

    /// For `map_err`, when the content is wrong.
    pub(crate) fn content<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self + use<E> {
        let path = path.to_owned();
        move |cause| Self::Content {
            path,
            cause: cause.to_string(),
        }
    }

    /// True when there is no such file.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// Makes a folder that only this user enters. One that exists is an error.
pub(crate) fn make_folder(path: &Path) -> Result<(), FileError> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(FileError::io("make", path))
}

/// Refuses what others may read or write.
pub(crate) fn check_private(path: &Path) -> Result<(), FileError> {
    let found = fs::metadata(path).map_err(FileError::io("look at", path))?;
    let mode = found.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let wanted = if found.is_dir() { 0o700 } else { 0o600 };
    Err(FileError::Open {
        path: path.to_owned(),
        mode,
        wanted,
    })
}

/// The content of a file that only this user may read, of at most `limit` bytes.
pub(crate) fn read_private(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    check_private(path)?;
    let file = File::open(path).map_err(FileError::io("open", path))?;
    let mut content = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(FileError::io("read", path))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(content)
}

/// Writes a new file that only this user may read, and returns once it is on disk under its name. An existing one is
/// an error.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let half = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .map_err(FileError::io("make", &half))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(FileError::io("write", &half))?;
    renameat_with(CWD, &half, CWD, path, RenameFlags::NOREPLACE)
        .map_err(|cause| FileError::io("make", path)(cause.into()))?;
    sync_folder_of(path)
}

/// Overwrites a file's bytes and removes it. Some disks keep old bytes elsewhere; what lay there was encrypted.
pub(crate) fn wipe(path: &Path) -> Result<(), FileError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(FileError::io("open", path)(cause)),
    };
    let length = file.metadata().map_err(FileError::io("look at", path))?.len();
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    file.write_all(&zeros)
        .and_then(|()| file.sync_all())
        .map_err(FileError::io("overwrite", path))?;
    fs::remove_file(path).map_err(FileError::io("remove", path))?;
    sync_folder_of(path)
}

/// Makes names in the folder of `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(FileError::io("sync", folder))
}

#[cfg(test)]
mod tests {
    use {super::*, std::os::unix::fs::PermissionsExt};

    #[test]
    fn a_new_file_is_this_users_alone_and_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.json");
        write_new(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(write_new(&path, b"two").is_err());
        assert_eq!(read_private(&path, 3).unwrap(), b"one");
        assert!(matches!(read_private(&path, 2), Err(FileError::TooLarge { .. })));
    }

    #[test]
    fn what_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write_new(&path, b"x").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(read_private(&path, 9), Err(FileError::Open { .. })),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn wiping_removes_and_may_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        write_new(&path, b"seed").unwrap();
        wipe(&path).unwrap();
        assert!(!path.exists());
        wipe(&path).unwrap();
    }
}
