//! The passphrase of the keystore: from a file that only this user may read, or from the environment.

use {
    crate::{cli::Place, files},
    zeroize::Zeroizing,
};

/// The environment variable that holds the passphrase itself.
const VARIABLE: &str = "PORTREEVE_SIGNER_PASSPHRASE";

/// More than anybody types, less than a mistaken file.
const LONGEST: u64 = 4096;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassphraseError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// Nobody said it.
    #[error("no passphrase: give --passphrase-file, or set {VARIABLE}")]
    Missing,
    /// There is nothing in it.
    #[error("the passphrase is empty")]
    Empty,
}

/// The passphrase, without the line break that editors put at the end.
pub(crate) fn read(place: &Place) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    let text = match &place.passphrase_file {
        Some(path) => Zeroizing::new(files::read_private(path, LONGEST)?),
        None => Zeroizing::new(
            std::env::var(VARIABLE)
                .map_err(|_| PassphraseError::Missing)?
                .into_bytes(),
        ),
    };
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(PassphraseError::Empty);
    }
    Ok(Zeroizing::new(line.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &[u8]) -> Result<Vec<u8>, PassphraseError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        files::write_new(&path, content).unwrap();
        let place = Place {
            dir: folder.path().to_owned(),
            passphrase_file: Some(path),
        };
        read(&place).map(|text| text.to_vec())
    }

    #[test]
    fn one_line_break_at_the_end_is_no_part_of_it() {
        assert_eq!(of(b"a b\n").unwrap(), b"a b");
        assert_eq!(of(b"a b\r\n").unwrap(), b"a b");
        assert_eq!(of(b" a \n\n").unwrap(), b" a \n");
        assert!(matches!(of(b"\n"), Err(PassphraseError::Empty)));
    }
}
