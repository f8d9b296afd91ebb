//! What the issuer says that a credential is good for (RFC 7662), remembered for a moment.
//!
//! What must stay true: an answer is used for [`TOLD`] from before it was asked for; who asks about the same at the same time
//! asks once; no failure is remembered; and what is remembered is found by a hash, so that no credential lies in memory.

use {
    super::keys::IssuerKeys,
    crate::limit::Limiter,
    moka::{future::Cache, sync::Cache as Seen},
    portreeve_oauth::{Expected, Told},
    portreeve_outbound::Trusted,
    sha2::{Digest, Sha256},
    std::{sync::Arc, time::Duration},
    tokio::time::Instant,
};

/// For how long an answer is used: what was revoked is refused after that at the latest.
pub const TOLD: Duration = Duration::from_secs(5);

/// For how long it is known that a key was good: that earns it nothing but to be asked about again, and its holder to be told
/// that it is no longer.
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

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    /// What has the form of a key, which anybody can make up.
    Key(&'a str),
    /// A token that the issuer signed.
    Token(&'a str),
}

pub(super) struct Introspection {
    issuer: Arc<dyn Trusted>,
    keys: Arc<IssuerKeys>,
    answers: Cache<[u8; 32], Kept>,
    good: Seen<[u8; 32], Arc<Told>>,
    limiter: Arc<Limiter>,
}

impl Introspection {
    pub(super) fn new(issuer: Arc<dyn Trusted>, keys: Arc<IssuerKeys>, limiter: Arc<Limiter>) -> Self {
        Self {
            issuer,
            keys,
            answers: Cache::builder().max_capacity(CAPACITY).time_to_live(TOLD).build(),
            good: Seen::builder().max_capacity(CAPACITY).time_to_live(LATELY).build(),
            limiter,
        }
    }

    /// What the issuer says of a credential, or said a moment ago.
    ///
    /// # Errors
    /// There is no answer, or none that can be believed; or too much that is unknown was asked about.
    pub(super) async fn ask(&self, asked: Asked<'_>, expected: Expected<'_>) -> Result<Option<Arc<Told>>, String> {
        let (Asked::Key(credential) | Asked::Token(credential)) = asked;
        let hash = hash(credential);
        if let Some(kept) = self.answers.get(&hash).await {
            if !kept.is_old() {
                return Ok(kept.told);
            }
            // The cache counts from the answer.
            self.answers.invalidate(&hash).await;
        }
        let told = self
            .answers
            .try_get_with(hash, self.question(asked, credential, expected));
        let kept = told.await.map_err(Arc::unwrap_or_clone)?;
        if kept.is_old() {
            return Err("the issuer took too long to say what a credential is good for".to_owned());
        }
        Ok(kept.told)
    }

    /// What the issuer said of a key when it was last good, if that was lately.
    pub(super) fn was_good(&self, credential: &str) -> Option<Arc<Told>> {
        self.good.get(&hash(credential))
    }

    async fn question(&self, asked: Asked<'_>, credential: &str, expected: Expected<'_>) -> Result<Kept, String> {
        let is_unknown = matches!(asked, Asked::Key(key) if self.was_good(key).is_none());
        if is_unknown && self.limiter.unknown_key().is_err() {
            return Err("too many keys of which nothing is known are shown here".to_owned());
        }
        let endpoints = self.keys.endpoints().await?;
        let (asked_at, path) = (Instant::now(), &endpoints.introspection);
        let answer = self.issuer.answer(path, &[("token", credential)], MOST).await;
        let answer =
            answer.map_err(|error| format!("the issuer does not say what a credential is good for: {error}"))?;
        let told = Told::read(&answer, expected).map_err(|error| error.to_string())?;
        let told = told.map(Arc::new);
        if let Some(key) = told.as_ref().filter(|told| told.key_id.is_some()) {
            self.good.insert(hash(credential), Arc::clone(key));
        }
        Ok(Kept { asked_at, told })
    }
}

fn hash(credential: &str) -> [u8; 32] {
    Sha256::digest(credential.as_bytes()).into()
}
