//! What the issuer says that a credential is good for (RFC 7662), remembered for a moment.
//!
//! What must stay true: an answer is used for [`TOLD`] from before it was asked for; no failure is remembered; and what is
//! remembered is found by a hash, so that no credential lies in memory.

use {
    moka::sync::Cache,
    portreeve_oauth::{Expected, Told},
    portreeve_outbound::Trusted,
    sha2::{Digest, Sha256},
    std::{sync::Arc, time::Duration},
    tokio::time::Instant,
};

/// For how long an answer is used: what was revoked is refused after that at the latest.
pub const TOLD: Duration = Duration::from_secs(5);

/// How many answers are kept at most.
const CAPACITY: u64 = 50_000;

/// Larger than any answer.
const MOST: usize = 64 * 1024;

#[derive(Clone)]
struct Kept {
    asked_at: Instant,
    told: Option<Arc<Told>>,
}

pub(super) struct Introspection {
    issuer: Arc<dyn Trusted>,
    answers: Cache<[u8; 32], Kept>,
}

impl Introspection {
    pub(super) fn new(issuer: Arc<dyn Trusted>) -> Self {
        Self {
            issuer,
            answers: Cache::builder().max_capacity(CAPACITY).time_to_live(TOLD).build(),
        }
    }

    /// What was told a moment ago: good, for what it says, or not good.
    pub(super) fn known(&self, credential: &str) -> Option<Option<Arc<Told>>> {
        let kept = self.answers.get(&hash(credential))?;
        (kept.asked_at.elapsed() < TOLD).then_some(kept.told)
    }

    /// Asks at `path`.
    ///
    /// # Errors
    /// There is no answer, or none that can be believed.
    pub(super) async fn ask(
        &self,
        path: &str,
        credential: &str,
        expected: Expected<'_>,
    ) -> Result<Option<Arc<Told>>, String> {
        let asked_at = Instant::now();
        let answer = self.issuer.answer(path, &[("token", credential)], MOST).await;
        let answer =
            answer.map_err(|error| format!("the issuer does not say what a credential is good for: {error}"))?;
        let told = Told::read(&answer, expected).map_err(|error| error.to_string())?;
        let told = told.map(Arc::new);
        let kept = Kept {
            asked_at,
            told: told.clone(),
        };
        self.answers.insert(hash(credential), kept);
        Ok(told)
    }
}

fn hash(credential: &str) -> [u8; 32] {
    Sha256::digest(credential.as_bytes()).into()
}
