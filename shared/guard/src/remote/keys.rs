//! The issuer's keys and endpoints, as they were last read.
//!
//! What must stay true: nobody waits whose key is known; an unknown key is looked for once in [`PAUSE`], however many show it;
//! that there is none is said only by a look that began after the question; and what was read longer ago than [`STALE`] is
//! used by nobody.

use {
    super::PublicKey,
    portreeve_oauth::{Endpoints, signing_keys},
    portreeve_outbound::Trusted,
    std::{
        collections::HashMap,
        sync::{Arc, PoisonError, RwLock},
        time::Duration,
    },
    tokio::{
        sync::{Mutex, OwnedMutexGuard},
        task::JoinHandle,
        time::Instant,
    },
};

/// How old keys are when they are read again, once somebody comes: what the issuer says of its list.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// For how long they are used at most, whatever comes of that.
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

/// The last look, when there was one.
#[derive(Default)]
struct Last {
    ended_at: Option<Instant>,
    /// Why nothing came of it.
    failure: Option<String>,
}

impl Last {
    /// Whether there may be another.
    fn is_past(&self) -> bool {
        self.ended_at.is_none_or(|at| at.elapsed() >= PAUSE)
    }
}

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    issuer: Arc<dyn Trusted>,
    name: Box<str>,
    known: RwLock<Option<Arc<Known>>>,
    /// Held by whoever looks.
    last: Arc<Mutex<Last>>,
}

impl IssuerKeys {
    pub(super) fn new(issuer: Arc<dyn Trusted>, name: Box<str>) -> Self {
        Self {
            issuer,
            name,
            known: RwLock::new(None),
            last: Arc::default(),
        }
    }

    /// The key of this name; `None` when the issuer has none. Only a look that began after the question says so: otherwise
    /// strangers with keys of their own invention would use up the looks, and what was signed with a new key would be wrong
    /// instead of not known yet.
    ///
    /// # Errors
    /// It cannot be found out now.
    pub(super) async fn find(self: &Arc<Self>, kid: &str) -> Result<Option<PublicKey>, String> {
        let asked_at = Instant::now();
        let known = self.known_that(|known| known.keys.contains_key(kid)).await?;
        match known.keys.get(kid) {
            Some(key) => Ok(Some(key.clone())),
            None if known.read_at >= asked_at => Ok(None),
            None => Err("a key is not known, and was not to be looked for now".to_owned()),
        }
    }

    /// Where the issuer is asked.
    ///
    /// # Errors
    /// It cannot be found out.
    pub(super) async fn endpoints(self: &Arc<Self>) -> Result<Arc<Endpoints>, String> {
        Ok(Arc::clone(&self.known_that(|_| true).await?.endpoints))
    }

    /// What is known. When that fits, nobody waits for it to be read again; when it does not, it is read as far as that may
    /// be done, and then it may fit or not.
    async fn known_that(self: &Arc<Self>, fits: impl Fn(&Known) -> bool) -> Result<Arc<Known>, String> {
        if let Some(known) = self.usable().filter(|known| fits(known)) {
            if known.read_at.elapsed() >= FRESH {
                self.look_behind();
            }
            return Ok(known);
        }
        let last = Arc::clone(&self.last).lock_owned().await;
        // Whoever was here before may have found it.
        if let Some(known) = self.usable().filter(|known| fits(known)) {
            return Ok(known);
        }
        let failure = if last.is_past() {
            let looked = self.look(last).await;
            looked.unwrap_or_else(|_| Some("the look was cut off".to_owned()))
        } else {
            last.failure.clone()
        };
        let why = || failure.unwrap_or_else(|| "the issuer's keys are not known yet".to_owned());
        self.usable().ok_or_else(why)
    }

    /// Has somebody look who is waited for by nobody, unless somebody looks or has just looked.
    fn look_behind(self: &Arc<Self>) {
        if let Ok(last) = Arc::clone(&self.last).try_lock_owned()
            && last.is_past()
        {
            drop(self.look(last));
        }
    }

    /// Looks, and says why nothing came of it. By a task of its own: who asks may go away in the middle, and the next would
    /// ask again.
    fn look(self: &Arc<Self>, mut last: OwnedMutexGuard<Last>) -> JoinHandle<Option<String>> {
        let own = Arc::clone(self);
        tokio::spawn(async move {
            // Should the look be cut off, there is a pause all the same.
            last.ended_at = Some(Instant::now());
            last.failure = own.read().await.err();
            last.ended_at = Some(Instant::now());
            if let Some(why) = &last.failure {
                tracing::warn!(issuer = %own.name, %why, "the issuer's keys cannot be read");
            }
            last.failure.clone()
        })
    }

    async fn read(&self) -> Result<(), String> {
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

    fn usable(&self) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| known.read_at.elapsed() < STALE)
    }
}
