//! What the issuer says that a credential is good for (RFC 7662), remembered for a moment.
//!
//! What must stay true: an answer is used for [`TOLD`] from before it was asked for; who asks about the same at the same time
//! asks once; no failure is remembered; and what is remembered is found by a hash, so that no credential lies in memory.

use {
    super::keys::IssuerKeys,
    moka::{future::Cache, sync::Cache as Seen},
    portreeve_oauth::{Expected, Told},
    portreeve_outbound::Trusted,
    sha2::{Digest, Sha256},
    std::{sync::Arc, time::Duration},
    tokio::time::Instant,
};

/// For how long an answer is used: what was revoked is refused after that at the latest.
pub const TOLD: Duration = Duration::from_secs(5);

/// For how long it is known that a key was good: that earns it nothing but to be asked about again.
const LATELY: Duration = Duration::from_secs(60 * 60);

/// How many answers are kept at most.
const CAPACITY: u64 = 50_000;

/// Larger than any answer.
const MOST: usize = 64 * 1024;

#[derive(Clone)]
struct Kept {
    asked_at: Instant,
    told: Option<Arc<Told>>,
}

impl Kept {
    fn is_old(&self) -> bool {
        self.asked_at.elapsed() >= TOLD
    }
}

pub(super) struct Introspection {
    issuer: Arc<dyn Trusted>,
    keys: Arc<IssuerKeys>,
    answers: Cache<[u8; 32], Kept>,
    good: Seen<[u8; 32], ()>,
}

impl Introspection {
    pub(super) fn new(issuer: Arc<dyn Trusted>, keys: Arc<IssuerKeys>) -> Self {
        Self {
            issuer,
            keys,
            answers: Cache::builder().max_capacity(CAPACITY).time_to_live(TOLD).build(),
            good: Seen::builder().max_capacity(CAPACITY).time_to_live(LATELY).build(),
        }
    }

    /// What the issuer says of `credential`, or said a moment ago.
    ///
    /// # Errors
    /// There is no answer, or none that can be believed.
    pub(super) async fn ask(&self, credential: &str, expected: Expected<'_>) -> Result<Option<Arc<Told>>, String> {
        let hash = hash(credential);
        if let Some(kept) = self.answers.get(&hash).await {
            if !kept.is_old() {
                return Ok(kept.told);
            }
            // The cache counts from the answer.
            self.answers.invalidate(&hash).await;
        }
        let asked = self.answers.try_get_with(hash, self.question(credential, expected));
        let kept = asked.await.map_err(Arc::unwrap_or_clone)?;
        if kept.is_old() {
            return Err("the issuer took too long to say what a credential is good for".to_owned());
        }
        Ok(kept.told)
    }

    /// Whether the issuer said lately that it is a good key.
    pub(super) fn was_good(&self, credential: &str) -> bool {
        self.good.contains_key(&hash(credential))
    }

    async fn question(&self, credential: &str, expected: Expected<'_>) -> Result<Kept, String> {
        let endpoints = self.keys.endpoints().await?;
        let (asked_at, path) = (Instant::now(), &endpoints.introspection);
        let answer = self.issuer.answer(path, &[("token", credential)], MOST).await;
        let answer =
            answer.map_err(|error| format!("the issuer does not say what a credential is good for: {error}"))?;
        let told = Told::read(&answer, expected).map_err(|error| error.to_string())?;
        match &told {
            Some(told) if told.key_id.is_some() => self.good.insert(hash(credential), ()),
            Some(_) => {}
            None => self.good.invalidate(&hash(credential)),
        }
        Ok(Kept {
            asked_at,
            told: told.map(Arc::new),
        })
    }
}

fn hash(credential: &str) -> [u8; 32] {
    Sha256::digest(credential.as_bytes()).into()
}
