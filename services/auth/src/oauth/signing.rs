//! The keys that access tokens are signed with.
//!
//! What must stay true: one installation has one set of keys, however many nodes make it at once; a seed is on disk only
//! as sealed by a key that the database does not hold; and a row that was moved, swapped or changed opens nothing. Who can
//! write into the database can therefore not have us sign, or believe, with a key of their own.

use {
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    chacha20poly1305::{
        XChaCha20Poly1305,
        aead::{Aead, Payload},
    },
    hmac::{Hmac, KeyInit, Mac},
    jsonwebtoken::{
        Algorithm as JwtAlgorithm, DecodingKey, EncodingKey, Header,
        jwk::{AlgorithmParameters, Jwk, ThumbprintHash},
    },
    portreeve_kernel::{Clock, Entropy, Secret, Timestamp},
    portreeve_oauth::{AccessClaims, Algorithm, JsonWebKey, JsonWebKeySet, TokenHeader},
    portreeve_store::{AuditEntry, Database, Fetch, Row, Sql, StoreError, Tx},
    serde_json::json,
    sha2::Sha256,
    std::{fmt, sync::Arc},
    zeroize::Zeroizing,
};

/// The type of our access tokens (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";

/// PKCS #8 of an Ed25519 key, as far as the seed (RFC 8410, 7).
const DER_PREFIX: [u8; 16] = [
    0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

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
    /// Not caused by any input.
    #[error("the cryptographic library refused")]
    Crypto,
}

/// What seals the signing keys, and what browsers keep for us. Lives in a file beside the database and never in it.
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
    fn cipher(&self, purpose: Purpose) -> Result<XChaCha20Poly1305, SigningError> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.0).map_err(|_| SigningError::Crypto)?;
        let mac = mac.chain_update(purpose.label()).finalize();
        let key = Zeroizing::new(<[u8; 32]>::from(mac.into_bytes()));
        XChaCha20Poly1305::new_from_slice(&*key).map_err(|_| SigningError::Crypto)
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
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SigningKeys => b"portreeve:issuer:signing-keys:v1",
            Self::Ceremonies => b"portreeve:issuer:ceremonies:v1",
        }
    }
}

/// One key, both halves.
struct SigningKey {
    /// The thumbprint of its public half (RFC 7638), so no two keys share one.
    kid: String,
    /// The public half in base64url.
    x: String,
    secret: EncodingKey,
    public: DecodingKey,
}

impl SigningKey {
    fn from_seed(seed: &[u8; 32]) -> Result<Self, SigningError> {
        let crypto = |_| SigningError::Crypto;
        let der = Zeroizing::new([DER_PREFIX.as_slice(), seed].concat());
        let secret = EncodingKey::from_ed_der(&der);
        let jwk = Jwk::from_encoding_key(&secret, JwtAlgorithm::EdDSA).map_err(crypto)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(crypto)?;
        let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else {
            return Err(SigningError::Crypto);
        };
        Ok(Self {
            kid,
            public: DecodingKey::from_ed_components(&pair.x).map_err(crypto)?,
            x: pair.x,
            secret,
        })
    }

    fn sign(&self, claims: &AccessClaims) -> Result<Secret, SigningError> {
        let mut header = Header::new(JwtAlgorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        let text = jsonwebtoken::encode(&header, claims, &self.secret);
        text.map(Secret::new).map_err(|_| SigningError::Crypto)
    }

    fn has_signed(&self, token: &str) -> bool {
        let Some((message, signature)) = token.rsplit_once('.') else {
            return false;
        };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.public, JwtAlgorithm::EdDSA).unwrap_or(false)
    }
}

/// The keys of this installation: one that signs, and all whose tokens are believed.
pub struct SigningKeys {
    signs: Arc<SigningKey>,
    published: Vec<Arc<SigningKey>>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("signs", &self.signs.kid).finish()
    }
}

impl SigningKeys {
    /// Reads the keys, and makes the first one when there is none.
    ///
    /// # Errors
    /// [`SigningError`].
    pub async fn open(
        db: &Database,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        seal: &SealKey,
    ) -> Result<Self, SigningError> {
        let now = clock.now().for_expiry();
        let mut rows = read(&mut db.read()).await?;
        if rows.is_empty() {
            let mut seed = Zeroizing::new([0; 32]);
            entropy.fill(seed.as_mut_slice());
            let kid = SigningKey::from_seed(&seed)?.kid;
            let sealed = seal.seal(Purpose::SigningKeys, &kid, &*seed, entropy)?;
            rows = db.write(async move |tx| first(tx, &kid, &sealed, now).await).await?;
        }
        Self::unsealed(&rows, seal, now)
    }

    /// True when a key was sealed already, so that losing what seals it would be noticed.
    ///
    /// # Errors
    /// The store's.
    pub async fn are_there(db: &Database) -> Result<bool, StoreError> {
        let one = Sql::new("SELECT kid FROM signing_keys LIMIT 1");
        Ok(db.read().fetch_optional(one).await?.is_some())
    }

    fn unsealed(rows: &[Sealed], seal: &SealKey, now: Timestamp) -> Result<Self, SigningError> {
        let (mut signs, mut published) = (None, Vec::with_capacity(rows.len()));
        for row in rows {
            let key = Arc::new(SigningKey::from_seed(&*seal.seed(&row.kid, &row.sealed)?)?);
            if key.kid != row.kid {
                return Err(SigningError::WrongSeal);
            }
            // The first signs even when the clock was put back behind its beginning.
            if signs.is_none() || row.signs_from <= now {
                signs = Some(Arc::clone(&key));
            }
            published.push(key);
        }
        let signs = signs.ok_or(StoreError::Missing)?;
        Ok(Self { signs, published })
    }

    /// Makes a token of `claims`.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub fn sign(&self, claims: &AccessClaims) -> Result<Secret, SigningError> {
        self.signs.sign(claims)
    }

    /// The payload of an access token that one of these keys signed; `None` for anything else. What it claims is not
    /// judged yet.
    #[must_use]
    pub fn verified(&self, token: &str) -> Option<Vec<u8>> {
        let header = TokenHeader::read(token, &[TYPE]).ok()?;
        if header.algorithm != Algorithm::EdDsa {
            return None;
        }
        let kid = header.key?;
        let key = self.published.iter().find(|key| key.kid == kid)?;
        if !key.has_signed(token) {
            return None;
        }
        let payload = token.split('.').nth(1)?;
        BASE64_URL_SAFE_NO_PAD.decode(payload).ok()
    }

    /// The public halves, for everybody.
    #[must_use]
    pub fn jwks(&self) -> JsonWebKeySet {
        let keys = self.published.iter();
        let keys = keys.map(|key| JsonWebKey::ed25519(key.kid.clone(), key.x.clone()));
        JsonWebKeySet { keys: keys.collect() }
    }
}

/// A key as the database has it.
struct Sealed {
    kid: String,
    sealed: Vec<u8>,
    signs_from: Timestamp,
}

/// All that are not retired, oldest first.
async fn read(from: &mut (impl Fetch + Send)) -> Result<Vec<Sealed>, StoreError> {
    let sql = Sql::new("SELECT kid, sealed, signs_from FROM signing_keys WHERE retired_at IS NULL ORDER BY generation");
    let read = |row: &Row| {
        Ok(Sealed {
            kid: row.get("kid")?,
            sealed: row.get("sealed")?,
            signs_from: row.get("signs_from")?,
        })
    };
    from.fetch_all(sql).await?.iter().map(read).collect()
}

/// Writes the first key down unless another node was faster, and says which keys there are then.
async fn first(tx: &mut Tx, kid: &str, sealed: &[u8], at: Timestamp) -> Result<Vec<Sealed>, StoreError> {
    let insert = Sql::new(
        "INSERT INTO signing_keys (generation, kid, sealed, created_at, signs_from) VALUES (1, $1, $2, $3, $4) \
         ON CONFLICT (generation) DO NOTHING",
    );
    if tx.execute(insert.bind(kid).bind(sealed).bind(at).bind(at)).await? == 1 {
        tx.audit(AuditEntry {
            at,
            kind: "signing_key.created".into(),
            actor: "issuer".to_owned(),
            owner: None,
            project: None,
            subject: kid.to_owned(),
            data: json!({"generation": 1}),
        });
    }
    read(tx).await
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{GrantId, Now, OwnerId, ProjectId, TokenId, entropy::Seeded},
        portreeve_oauth::{ClientId, Expected},
    };

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const ISSUER: &str = "https://p.example";

    fn claims() -> AccessClaims {
        let chance = Seeded::new(1);
        AccessClaims {
            iss: ISSUER.to_owned(),
            sub: "clt_000000000000".to_owned(),
            aud: "https://p.example/mcp".to_owned(),
            exp: AccessClaims::ends(AT).seconds(),
            iat: AT.seconds(),
            jti: TokenId::new(&GrantId::new(AT, &chance), &chance).to_string(),
            scope: "agents:read".parse().unwrap(),
            client_id: ClientId::parse("clt_000000000000").unwrap(),
            owner_id: OwnerId::new(AT, &chance),
            project_id: ProjectId::new(AT, &chance),
            agent_id: None,
        }
    }

    fn keys(seeds: &[u8]) -> SigningKeys {
        let published: Vec<_> = seeds
            .iter()
            .map(|seed| Arc::new(SigningKey::from_seed(&[*seed; 32]).unwrap()))
            .collect();
        SigningKeys {
            signs: published.last().unwrap().clone(),
            published,
        }
    }

    #[test]
    fn public_half_and_name_are_those_of_the_rfc() {
        // RFC 8037, A.1 to A.3.
        let seed = BASE64_URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
        assert_eq!(key.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_signed_is_believed_and_says_what_was_claimed() {
        let keys = keys(&[1]);
        let token = keys.sign(&claims()).unwrap();
        let payload = keys.verified(token.expose()).unwrap();
        let expected = Expected {
            issuer: ISSUER,
            audience: "https://p.example/mcp",
        };
        assert_eq!(AccessClaims::accept(&payload, expected, Now::at(AT)), Ok(claims()));
    }

    #[test]
    fn tokens_of_an_older_key_are_believed_as_long_as_it_is_published() {
        let token = keys(&[1]).sign(&claims()).unwrap();
        assert!(keys(&[1, 2]).verified(token.expose()).is_some());
        assert!(keys(&[2]).verified(token.expose()).is_none());
        assert_eq!(keys(&[1, 2]).jwks().keys.len(), 2);
    }

    /// AUTH_CHECKLIST 2.5: a public key is no secret.
    #[test]
    fn a_token_under_a_secret_made_of_the_public_key_is_not_believed() {
        let keys = keys(&[1]);
        let kid = keys.signs.kid.clone();
        let public = BASE64_URL_SAFE_NO_PAD.decode(&keys.signs.x).unwrap();
        let payload = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).unwrap());
        for alg in ["HS256", "EdDSA"] {
            let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{kid}"}}"#);
            let message = format!("{}.{payload}", BASE64_URL_SAFE_NO_PAD.encode(header));
            for secret in [&public, keys.signs.x.as_bytes()] {
                let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
                let signature = mac.chain_update(message.as_bytes()).finalize().into_bytes();
                let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
                assert!(keys.verified(&format!("{message}.{signature}")).is_none(), "{alg}");
            }
        }
        let header = format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#);
        let unsigned = format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(header));
        assert!(keys.verified(&unsigned).is_none());
    }

    #[test]
    fn a_token_that_differs_in_one_character_is_not_ours() {
        let keys = keys(&[1]);
        let token = keys.sign(&claims()).unwrap().expose().to_owned();
        for place in 0..token.len() {
            for other in *b"Aw_." {
                let mut changed = token.clone().into_bytes();
                if changed[place] == other {
                    continue;
                }
                changed[place] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert!(keys.verified(&changed).is_none(), "{changed}");
            }
        }
        for cut in 0..token.len() {
            assert!(keys.verified(&token[..cut]).is_none());
        }
    }

    /// AUTH_CHECKLIST 2.5, 2.6, 2.7
    #[test]
    fn another_kind_of_token_is_not_believed_though_the_key_signed_it() {
        let keys = keys(&[1]);
        let kid = keys.signs.kid.clone();
        let signed = |header: &str| {
            let message = format!(
                "{}.{}",
                BASE64_URL_SAFE_NO_PAD.encode(header),
                BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).unwrap())
            );
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &keys.signs.secret, JwtAlgorithm::EdDSA).unwrap();
            keys.verified(&format!("{message}.{signature}")).is_some()
        };
        assert!(signed(&format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#)));
        for header in [
            format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#),
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#.to_owned(),
            r#"{"alg":"EdDSA","typ":"at+jwt","kid":"other"}"#.to_owned(),
            format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","crit":["exp"]}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","jku":"https://p.example/oauth/jwks"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","x5u":"https://p.example/x"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","x5c":[]}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","jwk":{{"kty":"OKP"}}}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","zip":"DEF"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","enc":"A256GCM"}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","b64":false}}"#),
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","p2c":1000000000}}"#),
        ] {
            assert!(!signed(&header), "{header}");
        }
    }

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

    #[test]
    fn the_newest_key_signs_from_its_moment_on() {
        let seal = SealKey::new([7; 32]);
        let row = |seed: u8, signs_from: Timestamp| {
            let kid = SigningKey::from_seed(&[seed; 32]).unwrap().kid;
            Sealed {
                sealed: seal
                    .seal(Purpose::SigningKeys, &kid, &[seed; 32], &Seeded::new(1))
                    .unwrap(),
                kid,
                signs_from,
            }
        };
        let rows = [row(1, AT), row(2, AT.plus_millis(1000))];
        let signs = |millis: i64| {
            let keys = SigningKeys::unsealed(&rows, &seal, AT.plus_millis(millis)).unwrap();
            assert_eq!(keys.published.len(), 2);
            keys.signs.kid.clone()
        };
        assert_eq!([signs(-1), signs(0), signs(999)], [0; 3].map(|_| rows[0].kid.clone()));
        assert_eq!(signs(1000), rows[1].kid);
    }
}
