//! The vault, when the settings say where it lies.

use {
    super::ServeError,
    crate::{config, home::Home},
    portreeve_auth::SealKey,
    portreeve_kernel::Timestamp,
    portreeve_notes::{Root, Seal},
    portreeve_vault::{Open, OpenError, Place, told},
    std::sync::Arc,
};

/// Opens the vault that `settings` name.
///
/// Revisions are made with a key of the issuer's, so that all nodes that have its file agree on them.
pub(super) async fn open(
    settings: &config::Vault,
    home: &Home,
    key: &SealKey,
    now: Timestamp,
) -> Result<Option<Arc<Open>>, ServeError> {
    let Some(root) = settings.root.clone() else {
        return Ok(None);
    };
    let state = home.vault();
    let seal = Seal::new(*key.of_the_vault()?);
    let opened = tokio::task::spawn_blocking(move || -> Result<Open, OpenError> {
        let root = Root::at(&root)?;
        Open::at(Place { root, state }, seal, &told("reading the vault"))
    });
    let opened = opened.await.map_err(std::io::Error::other)??;
    let opened = Arc::new(opened);
    let swept = Arc::clone(&opened);
    tokio::task::spawn_blocking(move || swept.sweep(now));
    let snapshot = opened.notes().snapshot();
    tracing::info!(notes = snapshot.notes().len(), "the vault is open");
    Ok(Some(opened))
}
