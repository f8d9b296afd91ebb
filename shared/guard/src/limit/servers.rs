//! From where resource servers of others ask what credentials are good for.
//!
//! They ask for all their callers together, so an address at which one proved to be itself has a share of its own for that:
//! until then, and for everything else, it counts as any. Whoever asks there without being believed takes of that share, too,
//! and gains nothing but tries at secrets of 256 bits.

use {
    super::Network,
    std::{
        collections::HashMap,
        sync::{Mutex, MutexGuard, PoisonError},
        time::Duration,
    },
    tokio::time::Instant,
};

/// For how long it is remembered. A server that is used asks every few seconds.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// How many addresses are remembered. Beyond that nobody new is, and counts as anybody.
const MOST: usize = 10_000;

/// Where servers proved to be themselves, and when last.
#[derive(Debug, Default)]
pub(super) struct Servers(Mutex<HashMap<Network, Instant>>);

impl Servers {
    /// One proved itself there just now.
    pub(super) fn note(&self, at: Network) {
        let mut all = self.lock();
        if all.len() < MOST || all.contains_key(&at) {
            all.insert(at, Instant::now());
        }
    }

    /// Whether one did lately.
    pub(super) fn are_at(&self, network: Network) -> bool {
        self.lock()
            .get(&network)
            .is_some_and(|last| last.elapsed() < REMEMBERED)
    }

    /// Forgets where none did lately.
    pub(super) fn forget_old(&self) {
        self.lock().retain(|_, last| last.elapsed() < REMEMBERED);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
