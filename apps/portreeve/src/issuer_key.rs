//! The file that seals the keys which access tokens are signed with: 32 bytes of chance in base64, made by `init`.
//!
//! What must stay true: it is made only while nothing is sealed with it. Made anew later it would open nothing, and hide
//! that the right one is missing.

use {
    crate::{
        home::{self, FileError, Home},
        world::SystemEntropy,
    },
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_auth::{SealKey, SigningKeys},
    portreeve_kernel::{Entropy, Secret},
    portreeve_store::{Database, StoreError},
    std::path::PathBuf,
};

/// Why there is nothing to seal with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerKeyError {
    /// It cannot be read or made.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is something else.
    #[error("`{}` is not the issuer's key: 32 bytes in base64; put back the file that `init` made", .0.display())]
    Malformed(PathBuf),
    /// It was there once.
    #[error(
        "`{}` is not there, and the database holds keys that are sealed with it; put back the file that `init` made", .0.display()
    )]
    Lost(PathBuf),
    /// The database cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the file. An existing one is an error.
pub(crate) fn make(home: &Home) -> Result<(), FileError> {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    let text = Secret::new(format!("{}\n", BASE64_STANDARD.encode(bytes)));
    home::write_private_file(&home.issuer_key(), text.expose())
}

/// Reads the file, and makes it when there is none and nothing was sealed yet: for an installation that is older than it.
pub(crate) async fn open(home: &Home, database: &Database) -> Result<SealKey, IssuerKeyError> {
    let path = home.issuer_key();
    if !path.exists() {
        if SigningKeys::are_there(database).await? {
            return Err(IssuerKeyError::Lost(path));
        }
        make(home)?;
    }
    read(home)
}

/// Reads the file.
pub(crate) fn read(home: &Home) -> Result<SealKey, IssuerKeyError> {
    let path = home.issuer_key();
    let text = Secret::new(home::read(&path)?);
    let bytes = BASE64_STANDARD.decode(text.expose().trim()).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(SealKey::new).ok_or(IssuerKeyError::Malformed(path))
}
