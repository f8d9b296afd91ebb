//! The vault, when the settings say where it lies.

use {
    super::ServeError,
    crate::{config, home::Home},
    portreeve_notes::{Progress, Root},
    portreeve_vault::{Open, OpenError, Place},
    std::sync::Arc,
};

/// After how many notes the log says how far the first reading is.
const TELLS: usize = 20_000;

/// Opens the vault that `settings` name.
pub(super) async fn open(settings: &config::Vault, home: &Home) -> Result<Option<Arc<Open>>, ServeError> {
    let Some(root) = settings.root.clone() else {
        return Ok(None);
    };
    let state = home.vault();
    let opened = tokio::task::spawn_blocking(move || -> Result<Open, OpenError> {
        let root = Root::at(&root)?;
        let tell = |Progress { found, done, .. }| {
            if done.is_multiple_of(TELLS) && done > 0 {
                tracing::info!(found, done, "reading the vault");
            }
        };
        Open::at(Place { root, state }, &tell)
    });
    let opened = opened.await.map_err(std::io::Error::other)??;
    let snapshot = opened.notes().snapshot();
    tracing::info!(notes = snapshot.notes().len(), "the vault is open");
    Ok(Some(Arc::new(opened)))
}
