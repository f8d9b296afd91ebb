//! A file of our own that is whole or nothing: its format, what it holds, and a digest of both. What is torn, foreign or of another
//! version is not opened.

use {
    sha2::{Digest, Sha256},
    std::{
        fs::{self, File},
        io::{self, BufWriter, Write},
        path::Path,
    },
};

const DIGEST: usize = 32;

/// Which kind of file it is, and which version of it.
pub(crate) type Format = [u8; 16];

/// What a file of this format holds.
pub(crate) fn opened<'a>(bytes: &'a [u8], format: &Format) -> Option<&'a [u8]> {
    let (kept, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    let held = kept.strip_prefix(format)?;
    (*Sha256::digest(kept) == *digest).then_some(held)
}

/// Writes a file in place of what was there, so that it outlasts a power cut.
///
/// # Errors
/// What the file system says. What was there before is then still there, unless only the folder could not be synced: then the new file is, and
/// may not outlast a power cut.
pub(crate) fn replace(
    file: &Path,
    format: &Format,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let scratch = file.with_file_name(name);
    let mut to = Digested {
        to: BufWriter::new(File::create(&scratch)?),
        digest: Sha256::new(),
    };
    to.write_all(format)?;
    write(&mut to)?;
    let Digested { mut to, digest } = to;
    to.write_all(&digest.finalize())?;
    to.into_inner()?.sync_all()?;
    fs::rename(&scratch, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

struct Digested {
    to: BufWriter<File>,
    digest: Sha256,
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write_all(bytes)?;
        self.digest.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &Format = b"portreeve-tests1";

    #[test]
    fn what_is_torn_changed_or_of_another_format_is_not_opened() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a.b");
        replace(&file, FORMAT, |to| to.write_all(b"held")).unwrap();
        let good = fs::read(&file).unwrap();
        assert_eq!(opened(&good, FORMAT), Some(&b"held"[..]));
        assert_eq!(opened(&good, b"portreeve-tests2"), None);
        for place in 0..good.len() {
            assert_eq!(opened(&good[..place], FORMAT), None);
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert_eq!(opened(&bad, FORMAT), None, "{place}");
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a");
        replace(&file, FORMAT, |to| to.write_all(b"first")).unwrap();
        let failed = replace(&file, FORMAT, |_| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(opened(&fs::read(&file).unwrap(), FORMAT), Some(&b"first"[..]));
    }
}
