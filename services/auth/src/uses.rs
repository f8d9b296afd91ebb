//! When keys were last used, gathered here and written down all together.

use {
    crate::rows,
    portreeve_kernel::{KeyId, Timestamp},
    portreeve_store::{Database, StoreError},
    std::{
        collections::HashMap,
        mem,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    },
};

/// Uses that are not written down yet. A key is noted when it is loaded into the cache, which an active one is every
/// five seconds: exact enough, and requests that the cache answers pay nothing.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<KeyId, Timestamp>>);

impl Uses {
    pub(crate) fn note(&self, key: &KeyId, at: Timestamp) {
        self.lock().insert(key.clone(), at);
    }

    /// Writes everything down in one statement. What could not be written is kept for the next time.
    pub(crate) async fn flush(&self, db: &Database) -> Result<(), StoreError> {
        let uses = Arc::new(mem::take(&mut *self.lock()));
        if uses.is_empty() {
            return Ok(());
        }
        let written = Arc::clone(&uses);
        let done = db.write(async move |tx| rows::note_uses(tx, &written).await).await;
        if done.is_err() {
            let mut waiting = self.lock();
            for (key, at) in uses.iter() {
                waiting.entry(key.clone()).or_insert(*at);
            }
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
