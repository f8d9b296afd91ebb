//! Keys at rest: a passphrase becomes a master key by Argon2id, and the master key seals each private key by
//! XChaCha20-Poly1305 under a fresh nonce. Each sealed key is bound to its name, so that one cannot be put in the place
//! of another.
//!
//! Formats and arithmetic only. Reading files, and chance, are the caller's.

use {
    crate::{key::SecretKey, text::Bytes},
    argon2::{Algorithm, Argon2, Params, Version},
    chacha20poly1305::{
        KeyInit, XChaCha20Poly1305,
        aead::{Aead, Payload},
    },
    portreeve_kernel::{Address, AgentId, Entropy},
    serde::{Deserialize, Serialize},
    zeroize::Zeroizing,
};

/// Why a key cannot be sealed or unsealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Outside what we and Argon2 accept.
    #[error(
        "a key derivation of {memory_kib} KiB and {passes} passes; 8 to 4194304 KiB and 1 to 64 passes are allowed"
    )]
    Cost {
        /// As asked for.
        memory_kib: u32,
        /// As asked for.
        passes: u32,
    },
    /// The memory that the derivation needs is not there, or the salt is too short.
    #[error("key derivation failed: {0}")]
    Derivation(String),
    /// Wrong passphrase, other name, or changed bytes: which, cannot be told.
    #[error("`{0}` does not open: wrong passphrase, or the file was changed")]
    Opening(String),
}

/// What deriving the master key costs whoever guesses passphrases. Stored beside what it protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// 256 MiB and 3 passes: about a second on a server, once at start.
    pub const STANDARD: Self = Self {
        memory_kib: 256 * 1024,
        passes: 3,
    };

    fn check(self) -> Result<Self, SealError> {
        let Self { memory_kib, passes } = self;
        let allowed = (8..=4_194_304).contains(&memory_kib) && (1..=64).contains(&passes);
        allowed.then_some(self).ok_or(SealError::Cost { memory_kib, passes })
    }
}

/// How a passphrase becomes a master key: algorithm, cost and salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "algorithm", rename_all = "camelCase", deny_unknown_fields)]
pub enum Derivation {
    /// Argon2id, version 1.3, one lane.
    Argon2id {
        /// What it costs.
        cost: Cost,
        /// 16 bytes of chance.
        salt: Bytes,
    },
}

impl Derivation {
    /// A new one, with fresh salt.
    #[must_use]
    pub fn new(cost: Cost, entropy: &dyn Entropy) -> Self {
        let mut salt = vec![0; 16];
        entropy.fill(&mut salt);
        Self::Argon2id {
            cost,
            salt: Bytes(salt),
        }
    }

    /// The master key. Slow by design.
    ///
    /// # Errors
    /// [`SealError::Cost`] and [`SealError::Derivation`].
    pub fn master_key(&self, passphrase: &[u8]) -> Result<MasterKey, SealError> {
        let Self::Argon2id { cost, salt } = self;
        let Cost { memory_kib, passes } = cost.check()?;
        let failed = |cause: argon2::Error| SealError::Derivation(cause.to_string());
        let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(failed)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &salt.0, key.as_mut_slice())
            .map_err(failed)?;
        Ok(MasterKey(key))
    }
}

/// Opens everything that was sealed under one passphrase. Wiped when dropped.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// A private key at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedKey {
    /// What the key is for; part of what is sealed.
    pub name: String,
    /// The public half, so that it can be told without opening; part of what is sealed.
    pub public_key: Address,
    /// 24 bytes, never used twice.
    nonce: Bytes,
    /// The seed and its 16-byte tag.
    ciphertext: Bytes,
}

impl MasterKey {
    /// Seals `key` under `name`, with a fresh nonce.
    ///
    /// # Errors
    /// None that this input can cause; the cipher's interface has one.
    pub fn seal(&self, name: &str, key: &SecretKey, entropy: &dyn Entropy) -> Result<SealedKey, SealError> {
        let mut nonce = [0; 24];
        entropy.fill(&mut nonce);
        let public_key = key.public();
        let aad = binding(name, public_key);
        let seed = key.seed();
        let payload = Payload {
            msg: seed.as_slice(),
            aad: &aad,
        };
        let ciphertext = self.cipher().encrypt(&nonce.into(), payload);
        Ok(SealedKey {
            name: name.to_owned(),
            public_key,
            nonce: Bytes(nonce.to_vec()),
            ciphertext: Bytes(ciphertext.map_err(|_| SealError::Opening(name.to_owned()))?),
        })
    }

    /// Opens what [`MasterKey::seal`] made under `name`.
    ///
    /// # Errors
    /// [`SealError::Opening`] unless passphrase, name, public key and every byte are the same.
    pub fn open(&self, name: &str, sealed: &SealedKey) -> Result<SecretKey, SealError> {
        let refuse = || SealError::Opening(name.to_owned());
        let nonce: [u8; 24] = sealed.nonce.0.as_slice().try_into().map_err(|_| refuse())?;
        let aad = binding(name, sealed.public_key);
        let payload = Payload {
            msg: &sealed.ciphertext.0,
            aad: &aad,
        };
        let seed = Zeroizing::new(self.cipher().decrypt(&nonce.into(), payload).map_err(|_| refuse())?);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed.as_slice()).map_err(|_| refuse())?);
        let key = SecretKey::from_seed(&seed);
        if key.public() == sealed.public_key {
            Ok(key)
        } else {
            Err(refuse())
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

/// What a sealed key is bound to.
fn binding(name: &str, public_key: Address) -> Vec<u8> {
    [
        b"portreeve:sealed-key:v1\0".as_slice(),
        public_key.as_bytes(),
        name.as_bytes(),
    ]
    .concat()
}

/// The signer's keystore but for the agents' keys: those lie in files of their own, one [`SealedKey`] each, under the
/// same master key and the name [`agent_key_name`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Keystore {
    /// How the passphrase becomes the master key.
    pub derivation: Derivation,
    /// Config authority and only voter of every multisig. Named [`Keystore::OWNER`].
    pub owner: SealedKey,
    /// Pays fees and rent. Named [`Keystore::FEE_PAYER`].
    pub fee_payer: SealedKey,
    /// Its seed is the key of the journal's MACs; it signs nothing. Named [`Keystore::JOURNAL`].
    pub journal: SealedKey,
}

impl Keystore {
    /// The name of [`Keystore::owner`].
    pub const OWNER: &str = "owner";
    /// The name of [`Keystore::fee_payer`].
    pub const FEE_PAYER: &str = "feePayer";
    /// The name of [`Keystore::journal`].
    pub const JOURNAL: &str = "journal";
}

/// The name under which an agent's key is sealed.
#[must_use]
pub fn agent_key_name(agent: &AgentId) -> String {
    format!("agent:{agent}")
}

/// One key in a file of its own, with all that opening it takes but the passphrase: the owner key's backup, and the
/// approval key on the owner's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyFile {
    /// How the passphrase becomes the master key.
    pub derivation: Derivation,
    /// The key.
    pub key: SealedKey,
}

impl KeyFile {
    /// Seals `key` under `passphrase`.
    ///
    /// # Errors
    /// [`SealError::Cost`] and [`SealError::Derivation`].
    pub fn seal(
        name: &str,
        key: &SecretKey,
        passphrase: &[u8],
        cost: Cost,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let derivation = Derivation::new(cost, entropy);
        let key = derivation.master_key(passphrase)?.seal(name, key, entropy)?;
        Ok(Self { derivation, key })
    }

    /// Opens it again.
    ///
    /// # Errors
    /// [`SealError`], most likely because of the passphrase.
    pub fn open(&self, name: &str, passphrase: &[u8]) -> Result<SecretKey, SealError> {
        self.derivation.master_key(passphrase)?.open(name, &self.key)
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    const QUICK: Cost = Cost {
        memory_kib: 64,
        passes: 1,
    };

    fn sealed() -> (Derivation, SealedKey) {
        let entropy = Seeded::new(1);
        let derivation = Derivation::new(QUICK, &entropy);
        let master = derivation.master_key(b"correct horse").unwrap();
        (
            derivation.clone(),
            master.seal("owner", &SecretKey::from_seed(&[5; 32]), &entropy).unwrap(),
        )
    }

    #[test]
    fn a_sealed_key_opens_with_its_passphrase_and_name() {
        let (derivation, sealed) = sealed();
        let key = derivation
            .master_key(b"correct horse")
            .unwrap()
            .open("owner", &sealed)
            .unwrap();
        assert_eq!(*key.seed(), [5; 32]);
        assert_eq!(key.public(), sealed.public_key);
    }

    #[test]
    fn it_opens_with_no_other_passphrase_name_salt_or_cost() {
        let (derivation, sealed) = sealed();
        let Derivation::Argon2id { cost, salt } = derivation.clone();
        let opens = |derivation: &Derivation, passphrase: &[u8], name| {
            derivation.master_key(passphrase).unwrap().open(name, &sealed).is_ok()
        };
        assert!(!opens(&derivation, b"correct horse ", "owner"));
        assert!(!opens(&derivation, b"correct horse", "fee-payer"));
        let salt_2 = Bytes(vec![0; 16]);
        assert!(!opens(
            &Derivation::Argon2id { cost, salt: salt_2 },
            b"correct horse",
            "owner"
        ));
        let cost = Cost { passes: 2, ..QUICK };
        assert!(!opens(&Derivation::Argon2id { cost, salt }, b"correct horse", "owner"));
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let (derivation, sealed) = sealed();
        let master = derivation.master_key(b"correct horse").unwrap();
        for place in 0..sealed.ciphertext.0.len() {
            let mut changed = sealed.clone();
            changed.ciphertext.0[place] ^= 1;
            assert!(master.open("owner", &changed).is_err(), "ciphertext byte {place}");
        }
        for place in 0..24 {
            let mut changed = sealed.clone();
            changed.nonce.0[place] ^= 1;
            assert!(master.open("owner", &changed).is_err(), "nonce byte {place}");
        }
        let other = SecretKey::from_seed(&[6; 32]).public();
        assert!(
            master
                .open(
                    "owner",
                    &SealedKey {
                        public_key: other,
                        ..sealed.clone()
                    }
                )
                .is_err()
        );
        assert!(
            master
                .open(
                    "owner",
                    &SealedKey {
                        nonce: Bytes(vec![0; 23]),
                        ..sealed.clone()
                    }
                )
                .is_err()
        );
        assert!(
            master
                .open(
                    "owner",
                    &SealedKey {
                        ciphertext: Bytes(vec![]),
                        ..sealed
                    }
                )
                .is_err()
        );
    }

    #[test]
    fn each_sealing_has_another_nonce() {
        let entropy = Seeded::new(1);
        let master = Derivation::new(QUICK, &entropy).master_key(b"p").unwrap();
        let key = SecretKey::from_seed(&[5; 32]);
        let (one, two) = (
            master.seal("k", &key, &entropy).unwrap(),
            master.seal("k", &key, &entropy).unwrap(),
        );
        assert_ne!(one.nonce, two.nonce);
        assert_ne!(one.ciphertext, two.ciphertext);
    }

    #[test]
    fn a_cost_that_would_eat_the_machine_or_protect_nothing_is_refused() {
        for (memory_kib, passes) in [(7, 1), (8, 0), (4_194_305, 1), (8, 65)] {
            let cost = Cost { memory_kib, passes };
            let derivation = Derivation::new(cost, &Seeded::new(1));
            assert_eq!(
                derivation.master_key(b"p").err(),
                Some(SealError::Cost { memory_kib, passes })
            );
        }
    }

    #[test]
    fn the_file_holds_no_seed() {
        let key = SecretKey::from_seed(b"0123456789abcdef0123456789abcdef");
        let file = KeyFile::seal("approval", &key, b"p", QUICK, &Seeded::new(3)).unwrap();
        let json = serde_json::to_string(&file).unwrap();
        assert!(!json.contains("0123456789abcdef") && !json.contains("MDEyMzQ1Njc4OWFiY2RlZg"));
        let read: KeyFile = serde_json::from_str(&json).unwrap();
        assert_eq!(
            *read.open("approval", b"p").unwrap().seed(),
            *b"0123456789abcdef0123456789abcdef"
        );
        assert!(read.open("approval", b"q").is_err());
    }

    #[test]
    fn the_derivation_is_argon2id_1_3() {
        // From the reference implementation's own test.c.
        let salt = Bytes(b"somesalt".to_vec());
        let cost = Cost {
            memory_kib: 256,
            passes: 2,
        };
        let key = Derivation::Argon2id { cost, salt }.master_key(b"password").unwrap();
        let hex: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
    }
}
