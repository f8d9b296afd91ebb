//! What was found good lately, so that a request need not ask the database: keys, access tokens, OAuth clients.
//!
//! What must stay true: once a revocation on this node has been answered, nothing that was loaded before it is used
//! again, however long its load took; and what is kept is used for at most [`LIFE`], which bounds how long other nodes
//! go on. Each load notes an epoch before it reads; a revocation ends the epoch after its commit.

use {
    crate::token::Hash,
    portreeve_guard::Network,
    portreeve_kernel::{Now, Principal, ScopeSet, Timestamp},
    portreeve_policy::Hours,
    quick_cache::sync::Cache,
    sha2::{Digest, Sha256},
    std::{
        fmt,
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

/// How long nothing is kept of what is being revoked: longer than a transaction may take to commit.
const DISTRUST: Duration = Duration::from_secs(30);

/// How many of one kind are held at most; those beyond cost a read per request.
const CAPACITY: usize = 50_000;

/// Epochs are shared, so that a revocation makes a few others load again and not all of them.
const SHARDS: usize = 256;

/// What a request has to know of a key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) principal: Arc<Principal>,
    /// All that it was granted, also what only other resource servers understand.
    pub(crate) granted: ScopeSet,
    /// Empty for anywhere.
    pub(crate) networks: Box<[Network]>,
    /// `None` for all.
    pub(crate) hours: Option<Hours>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Entry {
    /// Whether it depends on the time at all.
    pub(crate) const fn is_timed(&self) -> bool {
        self.expires_at.is_some() || self.hours.is_some()
    }

    pub(crate) fn is_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| at >= end)
    }

    /// The hours that it is used outside of.
    pub(crate) fn closed(&self, now: Now) -> Option<Hours> {
        self.hours.filter(|hours| !hours.open_now(now))
    }

    pub(crate) fn allows(&self, client: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(client))
    }
}

/// What shares an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard(u8);

impl Shard {
    /// That of a hash.
    pub(crate) const fn of(hash: &Hash) -> Self {
        let [first, ..] = hash;
        Self(*first)
    }

    /// That of whatever `name` stands for.
    pub(crate) fn named(name: &str) -> Self {
        Self::of(&Sha256::digest(name.as_bytes()).into())
    }
}

#[derive(Clone)]
struct Kept<V> {
    value: V,
    shard: Shard,
    epoch: u64,
    loaded_at: Instant,
}

#[derive(Debug, Default)]
struct Epoch {
    number: AtomicU64,
    /// Milliseconds after the cache was made.
    distrusted_until: AtomicU64,
}

/// The moment before a load read the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    shard: Shard,
    epoch: u64,
    at: Instant,
}

/// Values by a hash. What a hash is of decides what its shard is: a key is its own, a token has that of the grant it
/// lives by.
pub(crate) struct Recent<V> {
    kept: Cache<Hash, Kept<V>>,
    epochs: [Epoch; SHARDS],
    made_at: Instant,
}

impl<V> fmt::Debug for Recent<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent")
    }
}

impl<V: Clone + Send + Sync + 'static> Recent<V> {
    pub(crate) fn new() -> Self {
        Self {
            kept: Cache::new(CAPACITY),
            epochs: std::array::from_fn(|_| Epoch::default()),
            made_at: Instant::now(),
        }
    }

    pub(crate) fn get(&self, hash: &Hash) -> Option<V> {
        let kept = self.kept.get(hash)?;
        let fresh = kept.loaded_at.elapsed() < LIFE && kept.epoch == self.epoch(kept.shard).number.load(SeqCst);
        fresh.then_some(kept.value)
    }

    /// To be called before the database is read.
    pub(crate) fn before_load(&self, shard: Shard) -> Before {
        Before {
            shard,
            epoch: self.epoch(shard).number.load(SeqCst),
            at: Instant::now(),
        }
    }

    /// Keeps what a load found that began at `before`.
    pub(crate) fn keep(&self, hash: Hash, before: Before, value: V) {
        if self.now() < self.epoch(before.shard).distrusted_until.load(SeqCst) {
            return;
        }
        let kept = Kept {
            value,
            shard: before.shard,
            epoch: before.epoch,
            loaded_at: before.at,
        };
        self.kept.insert(hash, kept);
    }

    /// To be called once a revocation has been committed and before it is answered.
    pub(crate) fn forget(&self, shard: Shard) {
        // What is being loaded now may have read what was true before.
        self.epoch(shard).number.fetch_add(1, SeqCst);
    }

    /// To be called within the transaction of a revocation, for nobody may be there to [`Recent::forget`] after its
    /// commit: what is kept is forgotten, and until the commit must have happened nothing new is kept.
    pub(crate) fn distrust(&self, shard: Shard) {
        let distrust = u64::try_from(DISTRUST.as_millis()).unwrap_or(u64::MAX);
        // Before the epoch ends: who begins to load in the new one has to see it.
        self.epoch(shard)
            .distrusted_until
            .fetch_max(self.now().saturating_add(distrust), SeqCst);
        self.forget(shard);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.made_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn epoch(&self, shard: Shard) -> &Epoch {
        let [zero, ..] = &self.epochs;
        self.epochs.get(usize::from(shard.0)).unwrap_or(zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = [7; 32];
    const SHARD: Shard = Shard::of(&HASH);

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_used_for_five_seconds_from_before_its_load() {
        let recent = Recent::new();
        let before = recent.before_load(SHARD);
        tokio::time::advance(Duration::from_secs(2)).await;
        recent.keep(HASH, before, ());
        tokio::time::advance(Duration::from_millis(2999)).await;
        assert!(recent.get(&HASH).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(recent.get(&HASH).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_loaded_before_a_revocation_is_not_used_after_it() {
        let recent = Recent::new();
        recent.keep(HASH, recent.before_load(SHARD), ());
        recent.forget(SHARD);
        assert!(recent.get(&HASH).is_none(), "kept before");

        let before = recent.before_load(SHARD);
        recent.forget(SHARD);
        recent.keep(HASH, before, ());
        assert!(recent.get(&HASH).is_none(), "read before, kept after");

        recent.keep(HASH, recent.before_load(SHARD), ());
        assert!(recent.get(&HASH).is_some(), "read after");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_while_a_revocation_may_be_under_way() {
        let recent = Recent::new();
        let early = recent.before_load(SHARD);
        recent.distrust(SHARD);
        recent.keep(HASH, early, ());
        recent.keep(HASH, recent.before_load(SHARD), ());
        assert!(recent.get(&HASH).is_none());
        tokio::time::advance(DISTRUST).await;
        recent.keep(HASH, early, ());
        assert!(recent.get(&HASH).is_none());
        recent.keep(HASH, recent.before_load(SHARD), ());
        assert!(recent.get(&HASH).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_of_another_shard_is_not_touched_by_a_revocation() {
        let recent = Recent::new();
        let other = [8; 32];
        recent.keep(other, recent.before_load(Shard::of(&other)), ());
        recent.distrust(SHARD);
        assert!(recent.get(&other).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_lives_by_something_else_ends_with_that() {
        let recent = Recent::new();
        let grant = Shard::named("grt_1");
        assert_ne!(grant, SHARD);
        recent.keep(HASH, recent.before_load(grant), ());
        recent.forget(SHARD);
        assert!(recent.get(&HASH).is_some());
        recent.forget(grant);
        assert!(recent.get(&HASH).is_none());
    }
}
