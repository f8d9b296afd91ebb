//! Clients that nobody registered: their id is the address of a document that describes them (client ID metadata
//! documents). And the keys of clients that say where those are.
//!
//! What must stay true: a document speaks for its own address alone; one that is not there, or not good, is no client, at
//! every step and whatever it was before; only good ones are kept, for as long as their servers say; and whoever names an
//! address learns nothing of what is there.

use {
    crate::{
        oauth::{
            Strangers,
            clients::{Registered, Signs},
        },
        origin::Origin,
    },
    moka::{Expiry, future::Cache},
    portreeve_guard::text::shown,
    portreeve_oauth::{ClientId, ClientKeys, Described, KeySource, OAuthError, Registration, registered},
    portreeve_outbound::{Fetched, OutboundError, Outside},
    std::{
        sync::Arc,
        time::{Duration, Instant},
    },
};

/// What a document may measure, in bytes.
const DOCUMENT_MAX: usize = 5 * 1024;

/// What ten keys of the longest kind may measure.
const KEYS_MAX: usize = 16 * 1024;

/// How many of either kind are kept at most; those beyond are asked for each time.
const CAPACITY: u64 = 2_000;

/// Why there is no such client. For the log alone.
#[derive(Debug, Clone, thiserror::Error)]
enum Missing {
    #[error("there can be no document at that address")]
    Nowhere,
    #[error(transparent)]
    Outside(#[from] OutboundError),
    #[error(transparent)]
    Content(#[from] OAuthError),
    #[error("the answer is no JSON")]
    NoJson,
}

/// What was read of a document, for as long as it is good.
#[derive(Debug)]
struct Kept<V> {
    value: Arc<V>,
    fresh_for: Duration,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            fresh_for: self.fresh_for,
        }
    }
}

struct AsLongAsItIsGood;

impl<K, V> Expiry<K, Kept<V>> for AsLongAsItIsGood {
    fn expire_after_create(&self, _: &K, kept: &Kept<V>, _: Instant) -> Option<Duration> {
        Some(kept.fresh_for)
    }
}

/// What clients say of themselves where they are at home.
pub(crate) struct Documents {
    outside: Option<Arc<dyn Outside>>,
    /// Whether clients are called by their documents.
    are_clients: bool,
    /// What every address of ours begins with: nobody has us call ourselves.
    own: Box<str>,
    clients: Cache<ClientId, Kept<Registered>>,
    keys: Cache<String, Kept<ClientKeys>>,
}

impl Documents {
    pub(crate) fn new(origin: &Origin, strangers: Strangers) -> Self {
        Self {
            are_clients: strangers.documents && strangers.outside.is_some(),
            outside: strangers.outside,
            own: origin.at("/").into(),
            clients: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(AsLongAsItIsGood)
                .build(),
            keys: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(AsLongAsItIsGood)
                .build(),
        }
    }

    /// Whether a client may be called by the address of its document.
    pub(crate) const fn are_taken(&self) -> bool {
        self.are_clients
    }

    /// The client that its own document describes.
    pub(crate) async fn client(&self, id: &ClientId) -> Option<Arc<Registered>> {
        if !self.are_clients {
            return None;
        }
        // Many who wait for one document wait for one request.
        let found = self.clients.try_get_with_by_ref(id, self.described(id)).await;
        noted(id.as_str(), found)
    }

    /// The keys at `address`, which a client named.
    pub(crate) async fn keys(&self, address: &str) -> Option<Arc<ClientKeys>> {
        let found = self.keys.try_get_with_by_ref(address, self.published(address)).await;
        noted(address, found)
    }

    async fn described(&self, id: &ClientId) -> Result<Kept<Registered>, Missing> {
        let address = id.document().ok_or(Missing::Nowhere)?;
        let Fetched { body, fresh_for } = self.fetch(address, DOCUMENT_MAX).await?;
        let Described { client, keys } = registered(&body, &Registration::Document(id.clone()), id.clone())?;
        let signs = match keys {
            KeySource::None => Signs::Never,
            KeySource::Here(set) => Signs::With(Arc::new(ClientKeys::parse(&set)?)),
            KeySource::At(address) => Signs::WithThoseAt(address.into()),
        };
        let value = Arc::new(Registered {
            client,
            owner: None,
            secret: None,
            signs,
            own: None,
        });
        Ok(Kept { value, fresh_for })
    }

    async fn published(&self, address: &str) -> Result<Kept<ClientKeys>, Missing> {
        let Fetched { body, fresh_for } = self.fetch(address, KEYS_MAX).await?;
        let set = serde_json::from_slice(&body).map_err(|_| Missing::NoJson)?;
        let value = Arc::new(ClientKeys::parse(&set)?);
        Ok(Kept { value, fresh_for })
    }

    async fn fetch(&self, address: &str, most: usize) -> Result<Fetched, Missing> {
        // The usual port may be written or not.
        let is_own = address.replacen(":443/", "/", 1).starts_with(&*self.own);
        let outside = self.outside.as_ref().filter(|_| !is_own);
        Ok(outside.ok_or(Missing::Nowhere)?.json(address, most).await?)
    }
}

/// What was found. Why nothing was is for the log: whoever named the address would learn what else is there.
fn noted<V>(address: &str, found: Result<Kept<V>, Arc<Missing>>) -> Option<Arc<V>> {
    match found {
        Ok(kept) => Some(kept.value),
        Err(why) => {
            let (address, why) = (shown(address), shown(&why.to_string()));
            tracing::info!(%address, %why, "no document of a client");
            None
        }
    }
}
