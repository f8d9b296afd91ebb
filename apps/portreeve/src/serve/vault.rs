//! The vault, when the settings say where it lies.

use {
    super::ServeError,
    crate::{config, home::Home},
    portreeve_notes::Root,
    portreeve_vault::{Open, OpenError, Place, told},
    std::sync::Arc,
};

/// Opens the vault that `settings` name.
pub(super) async fn open(settings: &config::Vault, home: &Home) -> Result<Option<Arc<Open>>, ServeError> {
    let Some(root) = settings.root.clone() else {
        return Ok(None);
    };
    let state = home.vault();
    let opened = tokio::task::spawn_blocking(move || -> Result<Open, OpenError> {
        let root = Root::at(&root)?;
        Open::at(Place { root, state }, &told("reading the vault"))
    });
    let opened = opened.await.map_err(std::io::Error::other)??;
    let snapshot = opened.notes().snapshot();
    tracing::info!(notes = snapshot.notes().len(), "the vault is open");
    Ok(Some(Arc::new(opened)))
}
