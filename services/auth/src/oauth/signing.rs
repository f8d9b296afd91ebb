//! The keys that access tokens are signed with.
//!
//! What must stay true: one installation has one set of keys, however many nodes make it at once; a seed is on disk only
//! as sealed by a key that the database does not hold; and a row that was moved, swapped or changed opens nothing. Who can
//! write into the database can therefore not have us sign, or believe, with a key of their own.

mod ring;
mod rotate;

pub(crate) use rotate::{Fresh, Rotated, Rotation};

use {
    crate::{token, upkeep::every},
    chacha20poly1305::{
        XChaCha20Poly1305,
        aead::{Aead, Payload},
    },
    hmac::{Hmac, KeyInit, Mac},
    portreeve_kernel::{Clock, Entropy, Secret, Timestamp},
    portreeve_oauth::{AccessClaims, JsonWebKeySet, UserCode, successor},
    portreeve_store::{Database, Fetch, Sql, StoreError, Tx, peek},
    ring::{Judged, Ring},
    sha2::Sha256,
    std::{
        fmt,
        future::Future,
        sync::{
            Arc, PoisonError, RwLock,
            atomic::{AtomicU64, Ordering::SeqCst},
        },
        time::Duration,
    },
    tokio::{sync::Mutex, time::Instant},
    zeroize::Zeroizing,
};

/// How often each node looks which keys there are. A leaked key is believed elsewhere for as long at most.
const LOOKS: Duration = Duration::from_secs(5);

/// How often a key that nobody knows makes a node look. Whoever shows it need not be anybody.
const UNKNOWN: Duration = Duration::from_secs(10);

const NONCE: usize = 24;

/// Why there are no keys to sign with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SigningError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file was lost, replaced, or is another installation's; or the row was changed.
    #[error(
        "the issuer's key file does not open the signing keys of this database; put back the file that belongs to it"
    )]
    WrongSeal,
    /// Somebody emptied the table.
    #[error("the database holds no signing key any more; start the server again to have one made")]
    None,
    /// Not caused by any input.
    #[error("the cryptographic library refused")]
    Crypto,
}

/// What seals the signing keys, and what browsers keep for us. Lives in a file beside the database and never in it.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

impl SealKey {
    /// From 32 bytes of chance.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The file's own bytes seal nothing: each purpose has a key of its own.
    fn key(&self, purpose: Purpose) -> Result<Zeroizing<[u8; 32]>, SigningError> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.0).map_err(|_| SigningError::Crypto)?;
        let mac = mac.chain_update(purpose.label()).finalize();
        Ok(Zeroizing::new(mac.into_bytes().into()))
    }

    /// What revisions of a vault's notes are made with: the same on every node that has this file, and after a restart.
    ///
    /// # Errors
    /// [`SigningError::Crypto`], never.
    pub fn of_the_vault(&self) -> Result<Zeroizing<[u8; 32]>, SigningError> {
        self.key(Purpose::Revisions)
    }

    fn cipher(&self, purpose: Purpose) -> Result<XChaCha20Poly1305, SigningError> {
        XChaCha20Poly1305::new_from_slice(&*self.key(purpose)?).map_err(|_| SigningError::Crypto)
    }

    /// Seals `open` under `name`, which has to be named again to open it.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        name: &str,
        open: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SigningError> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce);
        let payload = Payload {
            msg: open,
            aad: name.as_bytes(),
        };
        let sealed = self.cipher(purpose)?.encrypt(&nonce.into(), payload);
        Ok([nonce.as_slice(), &sealed.map_err(|_| SigningError::Crypto)?].concat())
    }

    /// What was sealed for this purpose under this name, and not changed since.
    pub(crate) fn open(&self, purpose: Purpose, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(SigningError::WrongSeal)?;
        let payload = Payload {
            msg: sealed,
            aad: name.as_bytes(),
        };
        let open = self.cipher(purpose)?.decrypt(&(*nonce).into(), payload);
        open.map(Zeroizing::new).map_err(|_| SigningError::WrongSeal)
    }

    fn seed(&self, kid: &str, sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, SigningError> {
        let seed = self.open(Purpose::SigningKeys, kid, sealed)?;
        let seed = <[u8; 32]>::try_from(seed.as_slice()).map_err(|_| SigningError::WrongSeal)?;
        Ok(Zeroizing::new(seed))
    }
}

/// What is sealed. What was sealed for one purpose opens for no other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The seeds of signing keys, each under the key's own name.
    SigningKeys,
    /// WebAuthn ceremonies under way, while the browser keeps them.
    Ceremonies,
    /// What a refresh token's successor is made with.
    Successors,
    /// What stands for a code that people type: short enough to be guessed from a mere hash.
    UserCodes,
    /// Revisions of a vault's notes, which must not be a mere hash of them.
    Revisions,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SigningKeys => b"portreeve:issuer:signing-keys:v1",
            Self::Ceremonies => b"portreeve:issuer:ceremonies:v1",
            Self::Successors => b"portreeve:issuer:successors:v1",
            Self::UserCodes => b"portreeve:issuer:user-codes:v1",
            Self::Revisions => b"portreeve:vault:revisions:v1",
        }
    }
}

/// The keys of this installation: one that signs, and all whose tokens are believed.
pub struct SigningKeys {
    db: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    seal: SealKey,
    ring: RwLock<Arc<Ring>>,
    /// How often keys have gone. What was found good before is looked at again after.
    gone: AtomicU64,
    /// Held while the keys are read, so that what was read first is never believed last. When that was last done for the
    /// sake of an unknown key.
    looking: Mutex<Option<Instant>>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys")
            .field("newest", &self.ring().newest())
            .finish()
    }
}

impl SigningKeys {
    /// Reads the keys, and makes the first one when there is none.
    ///
    /// # Errors
    /// [`SigningError`].
    pub async fn open(
        db: &Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        seal: SealKey,
    ) -> Result<Self, SigningError> {
        let mut rows = rotate::read(&mut db.read()).await?;
        if rows.is_empty() {
            let (first, at) = (Fresh::make(&seal, &*entropy)?, clock.now().for_expiry());
            let unit = async move |tx: &mut Tx| {
                first.begin(tx, at).await?;
                rotate::read(tx).await
            };
            rows = db.write::<_, StoreError, _>(unit).await?;
        }
        let ring = Ring::unsealed(&rows, &seal)?;
        Ok(Self {
            db: db.clone(),
            clock,
            entropy,
            seal,
            ring: RwLock::new(Arc::new(ring)),
            gone: AtomicU64::new(0),
            looking: Mutex::new(None),
        })
    }

    /// True when a key was sealed already, so that losing what seals it would be noticed.
    ///
    /// # Errors
    /// The store's.
    pub async fn are_there(db: &Database) -> Result<bool, StoreError> {
        let one = Sql::new("SELECT kid FROM signing_keys LIMIT 1");
        Ok(db.read().fetch_optional(one).await?.is_some())
    }

    /// Whether `seal` opens the keys in the database at `url`, without changing anything there: how many they are.
    ///
    /// # Errors
    /// [`SigningError::WrongSeal`]; [`SigningError::None`] before the first start; the store's.
    pub async fn opened_by(seal: &SealKey, url: &str) -> Result<usize, SigningError> {
        let rows = peek(url, async |reader| rotate::read(reader).await).await?;
        Ring::unsealed(&rows, seal)?;
        Ok(rows.len())
    }

    /// The one refresh token that follows `spent` in this installation.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub(crate) fn successor(&self, spent: &Secret) -> Result<Secret, SigningError> {
        let made = successor(&*self.seal.key(Purpose::Successors)?, spent);
        Ok(Secret::new(format!("{}{}", token::REFRESH, made.expose())))
    }

    /// What stands for a user code in the database. Who has that alone cannot try codes.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub(crate) fn user_code(&self, code: &UserCode) -> Result<token::Hash, SigningError> {
        let key = self.seal.key(Purpose::UserCodes)?;
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*key).map_err(|_| SigningError::Crypto)?;
        Ok(mac.chain_update(code.to_string()).finalize().into_bytes().into())
    }

    /// Makes a token of `claims`.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub fn sign(&self, claims: &AccessClaims) -> Result<Secret, SigningError> {
        self.ring().sign(claims, self.clock.now())
    }

    /// The payload of an access token that one of these keys signed; `None` for anything else. What it claims is not
    /// judged yet. Another node may have made a key a moment ago, so one that is not known is looked for, now and then.
    ///
    /// # Errors
    /// It could not be looked for.
    pub async fn verified(&self, token: &str) -> Result<Option<Vec<u8>>, SigningError> {
        let now = self.clock.now();
        let mut judged = self.ring().judge(token, now);
        if judged == Judged::UnknownKey {
            self.look_for_unknown().await?;
            judged = self.ring().judge(token, now);
        }
        Ok(match judged {
            Judged::Ours(payload) => Some(payload),
            Judged::UnknownKey | Judged::Not => None,
        })
    }

    /// The public halves, for everybody.
    #[must_use]
    pub fn jwks(&self) -> JsonWebKeySet {
        self.ring().jwks(self.clock.now())
    }

    /// Changes when a key has gone. To be asked before a token is verified, and when that is remembered.
    pub(crate) fn gone(&self) -> u64 {
        self.gone.load(SeqCst)
    }

    /// A key to take over from the newest.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub(crate) fn fresh(&self) -> Result<Fresh, SigningError> {
        Fresh::make(&self.seal, &*self.entropy)
    }

    /// The name of the newest key, and when it begins to sign.
    pub(crate) fn newest(&self) -> Option<(String, Timestamp)> {
        let ring = self.ring();
        ring.newest().map(|(kid, signs_from)| (kid.to_owned(), signs_from))
    }

    /// Reads which keys there are now. One that cannot be opened changes nothing: what was there goes on.
    ///
    /// # Errors
    /// [`SigningError`].
    pub(crate) async fn look(&self) -> Result<(), SigningError> {
        let looking = self.looking.lock().await;
        let outcome = self.look_alone().await;
        drop(looking);
        outcome
    }

    async fn look_for_unknown(&self) -> Result<(), SigningError> {
        let mut looking = self.looking.lock().await;
        if looking.is_some_and(|last| last.elapsed() < UNKNOWN) {
            return Ok(());
        }
        *looking = Some(Instant::now());
        self.look_alone().await
    }

    /// To be called by who holds `looking`.
    async fn look_alone(&self) -> Result<(), SigningError> {
        let rows = rotate::read(&mut self.db.read()).await?;
        let later = Arc::new(Ring::unsealed(&rows, &self.seal)?);
        let loses = self.ring().loses_by(&later);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = later;
        // After the ring: who verifies under the old one has asked for the old number before.
        if loses {
            self.gone.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    /// Looks which keys there are, has another take over from one that is old, and destroys what nothing is good under
    /// any more. Several nodes may do so at once.
    ///
    /// # Errors
    /// [`SigningError`]; the next time will do.
    pub async fn look_after(&self) -> Result<(), SigningError> {
        self.look().await?;
        let (ring, now) = (self.ring(), self.clock.now());
        let over = ring.over(now);
        if !over.is_empty() {
            rotate::destroy(&self.db, over, now.for_expiry()).await?;
            self.look().await?;
        }
        if ring.is_due(now) {
            let (fresh, at) = (self.fresh()?, now.for_expiry());
            let unit = async move |tx: &mut Tx| fresh.take_over(tx, Rotation::Due, "issuer", at).await;
            // Outrun, there is one as well.
            self.db.write::<_, StoreError, _>(unit).await?;
            self.look().await?;
        }
        Ok(())
    }

    /// [`SigningKeys::look_after`] every few seconds until `shutdown`. One task per process.
    pub async fn upkeep(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        every(LOOKS, shutdown, || async {
            if let Err(error) = self.look_after().await {
                tracing::error!(%error, "the signing keys are used as they were last seen");
            }
        })
        .await;
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    #[test]
    fn a_sealed_key_opens_only_whole_under_its_name_and_with_its_seal() {
        let (seal, seed) = (SealKey::new([7; 32]), [9; 32]);
        let sealed = seal.seal(Purpose::SigningKeys, "k1", &seed, &Seeded::new(1)).unwrap();
        assert_eq!(*seal.open(Purpose::SigningKeys, "k1", &sealed).unwrap(), seed);
        assert!(seal.open(Purpose::Ceremonies, "k1", &sealed).is_err());
        assert!(seal.open(Purpose::SigningKeys, "k2", &sealed).is_err());
        assert!(SealKey::new([8; 32]).open(Purpose::SigningKeys, "k1", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(seal.open(Purpose::SigningKeys, "k1", &changed).is_err(), "byte {place}");
            assert!(
                seal.open(Purpose::SigningKeys, "k1", &sealed[..place]).is_err(),
                "cut at {place}"
            );
        }
    }
}
