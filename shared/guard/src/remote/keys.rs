//! The issuer's keys and endpoints, as they were last read.
//!
//! What must stay true: an unknown key is looked for once in [`PAUSE`], however many show it; and what was read longer ago
//! than [`STALE`] is used by nobody.

use {
    super::PublicKey,
    portreeve_oauth::{Endpoints, signing_keys},
    portreeve_outbound::Trusted,
    std::{
        collections::HashMap,
        sync::{Arc, PoisonError, RwLock},
        time::Duration,
    },
    tokio::{sync::Mutex, time::Instant},
};

/// For how long keys are used before they are read again: what the issuer says of its list.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// For how long they are used when the issuer cannot be reached.
pub const STALE: Duration = Duration::from_secs(60 * 60);

/// How often the issuer is asked at most, whatever is shown and however it answers.
pub const PAUSE: Duration = Duration::from_secs(10);

/// Larger than any issuer's documents.
const MOST: usize = 64 * 1024;

/// What was read at one time.
struct Known {
    endpoints: Arc<Endpoints>,
    keys: HashMap<String, PublicKey>,
    read_at: Instant,
}

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    issuer: Arc<dyn Trusted>,
    name: Box<str>,
    known: RwLock<Option<Arc<Known>>>,
    /// Held while somebody looks; when that was last done, and what came of it when it failed.
    looking: Mutex<Option<(Instant, Option<String>)>>,
}

impl IssuerKeys {
    pub(super) fn new(issuer: Arc<dyn Trusted>, name: Box<str>) -> Self {
        Self {
            issuer,
            name,
            known: RwLock::new(None),
            looking: Mutex::new(None),
        }
    }

    /// The key of this name; `None` when the issuer has none.
    ///
    /// # Errors
    /// It cannot be found out.
    pub(super) async fn find(self: &Arc<Self>, kid: &str) -> Result<Option<PublicKey>, String> {
        let fits = |known: &Known| known.keys.contains_key(kid);
        Ok(self.known_that(fits).await?.keys.get(kid).cloned())
    }

    /// Where the issuer is asked.
    ///
    /// # Errors
    /// It cannot be found out.
    pub(super) async fn endpoints(self: &Arc<Self>) -> Result<Arc<Endpoints>, String> {
        Ok(Arc::clone(&self.known_that(|_| true).await?.endpoints))
    }

    /// What is known, read again when it does not fit or is not fresh, as far as that may be done.
    async fn known_that(self: &Arc<Self>, fits: impl Fn(&Known) -> bool) -> Result<Arc<Known>, String> {
        let good = |known: &Arc<Known>| known.read_at.elapsed() < FRESH && fits(known);
        if let Some(known) = self.known().filter(good) {
            return Ok(known);
        }
        let mut looking = self.looking.lock().await;
        // Whoever was here before may have found it.
        if let Some(known) = self.known().filter(good) {
            return Ok(known);
        }
        if looking.as_ref().is_none_or(|(at, _)| at.elapsed() >= PAUSE) {
            *looking = Some((Instant::now(), None));
            // By a task of its own: who asks may go away in the middle, and others would ask again.
            let own = Arc::clone(self);
            let looked = tokio::spawn(async move { own.look().await }).await;
            if let Err(why) = looked.unwrap_or_else(|_| Err("the look was cut off".to_owned())) {
                tracing::warn!(issuer = %self.name, %why, "the issuer's keys cannot be read");
                *looking = Some((Instant::now(), Some(why)));
            }
        }
        let why = looking.as_ref().and_then(|(_, why)| why.clone());
        drop(looking);
        let usable = self.known().filter(|known| known.read_at.elapsed() < STALE);
        usable.ok_or_else(|| why.unwrap_or_else(|| "the issuer's keys are not known yet".to_owned()))
    }

    async fn look(&self) -> Result<(), String> {
        let read_at = Instant::now();
        let document = self.issuer.document(Endpoints::DOCUMENT, MOST).await;
        let document = document.map_err(|error| error.to_string())?;
        let endpoints = Endpoints::read(&document, &self.name);
        let endpoints = endpoints.ok_or("its document is none of RFC 8414, of another issuer, or leads elsewhere")?;
        let set = self.issuer.document(&endpoints.keys, MOST).await;
        let set = set.map_err(|error| error.to_string())?;
        let keys = signing_keys(&set).ok_or("its keys are no list (RFC 7517)")?;
        let keys = keys
            .into_iter()
            .filter_map(|(kid, x)| Some((kid, PublicKey::ed25519(&x)?)));
        let known = Known {
            endpoints: Arc::new(endpoints),
            keys: keys.collect(),
            read_at,
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
        Ok(())
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
