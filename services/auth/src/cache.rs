//! Keys that were found good lately, so that a request need not ask the database.
//!
//! What must stay true: once a revocation on this node has been answered, no entry that was loaded before it is used
//! again, however long its load took; and an entry is used for at most [`LIFE`], which bounds how long other nodes
//! go on. Each load notes an epoch before it reads; a revocation ends the epoch after its commit.

use {
    crate::token::Hash,
    moka::sync::Cache,
    portreeve_guard::Network,
    portreeve_kernel::{Principal, Timestamp},
    std::{
        net::IpAddr,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering::SeqCst},
        },
        time::Duration,
    },
    tokio::time::Instant,
};

/// How long an entry is used.
pub(crate) const LIFE: Duration = Duration::from_secs(5);

/// How long nothing is kept of a key whose revocation is under way: longer than a transaction may take to commit.
const DISTRUST: Duration = Duration::from_secs(30);

/// Keys share epochs, so that a revocation makes a few others load again and not all of them.
const SHARDS: usize = 256;

/// What a request has to know of a key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) principal: Arc<Principal>,
    /// Empty for anywhere.
    pub(crate) networks: Box<[Network]>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Entry {
    pub(crate) fn is_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| at >= end)
    }

    pub(crate) fn allows(&self, client: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(client))
    }
}

#[derive(Debug, Clone)]
struct Kept {
    entry: Arc<Entry>,
    epoch: u64,
    loaded_at: Instant,
}

#[derive(Debug, Default)]
struct Shard {
    epoch: AtomicU64,
    /// Milliseconds after the cache was made.
    distrusted_until: AtomicU64,
}

/// The moment before a load read the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    epoch: u64,
    at: Instant,
}

#[derive(Debug)]
pub(crate) struct KeyCache {
    kept: Cache<Hash, Kept>,
    shards: [Shard; SHARDS],
    made_at: Instant,
}

impl KeyCache {
    /// Holds at most `capacity` keys.
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            kept: Cache::new(capacity),
            shards: std::array::from_fn(|_| Shard::default()),
            made_at: Instant::now(),
        }
    }

    pub(crate) fn get(&self, hash: &Hash) -> Option<Arc<Entry>> {
        let kept = self.kept.get(hash)?;
        let fresh = kept.loaded_at.elapsed() < LIFE && kept.epoch == self.shard(hash).epoch.load(SeqCst);
        fresh.then_some(kept.entry)
    }

    /// To be called before the database is read.
    pub(crate) fn before_load(&self, hash: &Hash) -> Before {
        Before {
            epoch: self.shard(hash).epoch.load(SeqCst),
            at: Instant::now(),
        }
    }

    /// Keeps what a load found that began at `before`.
    pub(crate) fn keep(&self, hash: Hash, before: Before, entry: Arc<Entry>) {
        if self.now() < self.shard(&hash).distrusted_until.load(SeqCst) {
            return;
        }
        let kept = Kept {
            entry,
            epoch: before.epoch,
            loaded_at: before.at,
        };
        self.kept.insert(hash, kept);
    }

    /// To be called once a revocation has been committed and before it is answered.
    pub(crate) fn forget(&self, hash: &Hash) {
        // What is being loaded now may have read what was true before.
        self.shard(hash).epoch.fetch_add(1, SeqCst);
        self.kept.invalidate(hash);
    }

    /// To be called within the transaction of a revocation, for nobody may be there to [`KeyCache::forget`] after its
    /// commit: what is kept is forgotten, and until the commit must have happened nothing new is kept.
    pub(crate) fn distrust(&self, hash: &Hash) {
        let distrust = u64::try_from(DISTRUST.as_millis()).unwrap_or(u64::MAX);
        // Before the epoch ends: who begins to load in the new one has to see it.
        self.shard(hash)
            .distrusted_until
            .fetch_max(self.now().saturating_add(distrust), SeqCst);
        self.forget(hash);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.made_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn shard(&self, hash: &Hash) -> &Shard {
        let [first, ..] = hash;
        let [zero, ..] = &self.shards;
        self.shards.get(usize::from(*first)).unwrap_or(zero)
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::*};

    const HASH: Hash = [7; 32];

    fn entry() -> Arc<Entry> {
        Arc::new(Entry {
            principal: Arc::new(Principal::stranger(Timestamp::EPOCH, &entropy::Seeded::new(1))),
            networks: Box::default(),
            expires_at: None,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_used_for_five_seconds_from_before_its_load() {
        let cache = KeyCache::new(10);
        let before = cache.before_load(&HASH);
        tokio::time::advance(Duration::from_secs(2)).await;
        cache.keep(HASH, before, entry());
        tokio::time::advance(Duration::from_millis(2999)).await;
        assert!(cache.get(&HASH).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(cache.get(&HASH).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_loaded_before_a_revocation_is_not_used_after_it() {
        let cache = KeyCache::new(10);
        cache.keep(HASH, cache.before_load(&HASH), entry());
        cache.forget(&HASH);
        assert!(cache.get(&HASH).is_none(), "kept before");

        let before = cache.before_load(&HASH);
        cache.forget(&HASH);
        cache.keep(HASH, before, entry());
        assert!(cache.get(&HASH).is_none(), "read before, kept after");

        cache.keep(HASH, cache.before_load(&HASH), entry());
        assert!(cache.get(&HASH).is_some(), "read after");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_while_a_revocation_may_be_under_way() {
        let cache = KeyCache::new(10);
        let early = cache.before_load(&HASH);
        cache.distrust(&HASH);
        cache.keep(HASH, early, entry());
        cache.keep(HASH, cache.before_load(&HASH), entry());
        assert!(cache.get(&HASH).is_none());
        tokio::time::advance(DISTRUST).await;
        cache.keep(HASH, early, entry());
        assert!(cache.get(&HASH).is_none());
        cache.keep(HASH, cache.before_load(&HASH), entry());
        assert!(cache.get(&HASH).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_of_another_shard_is_not_touched_by_a_revocation() {
        let cache = KeyCache::new(10);
        let other = [8; 32];
        cache.keep(other, cache.before_load(&other), entry());
        cache.distrust(&HASH);
        assert!(cache.get(&other).is_some());
    }
}
