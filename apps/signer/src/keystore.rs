//! Keys at rest, and signing where they lie. A key is unsealed for one signature and wiped after it.
//!
//! ```text
//! keystore.json        derivation, owner key, fee payer, journal key
//! keys/agt_….json      one agent's key each
//! ```

use {
    crate::{
        entropy::SystemEntropy,
        files::{self, FileError},
    },
    portreeve_chain::Signature,
    portreeve_kernel::{Address, AgentId, Entropy},
    portreeve_signing::{
        KeyError, Keys, Signatory,
        key::SecretKey,
        sealed::{Cost, Derivation, Keystore as Stored, MasterKey, SealError, SealedKey, agent_key_name},
    },
    std::{
        cell::RefCell,
        collections::HashMap,
        path::{Path, PathBuf},
    },
    zeroize::Zeroizing,
};

const FILE: &str = "keystore.json";
const FOLDER: &str = "keys";

/// Larger than any of the files.
const LARGEST: u64 = 16 * 1024;

/// Why the keystore does not open, or keeps nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeystoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the keystore: {0}")]
    Seal(#[from] SealError),
}

/// The open keystore. Holds sealed keys and what opens them; no open key.
pub(crate) struct Keystore {
    folder: PathBuf,
    master: MasterKey,
    stored: Stored,
    agents: RefCell<HashMap<AgentId, SealedKey>>,
}

fn fresh() -> SecretKey {
    let mut seed = Zeroizing::new([0; 32]);
    SystemEntropy.fill(seed.as_mut_slice());
    SecretKey::from_seed(&seed)
}

impl Keystore {
    /// Makes the three keys every signer has, sealed under `passphrase`, and gives back the owner's for its backup.
    pub(crate) fn create(dir: &Path, passphrase: &[u8], cost: Cost) -> Result<(Self, SecretKey), KeystoreError> {
        let derivation = Derivation::new(cost, &SystemEntropy);
        let master = derivation.master_key(passphrase)?;
        let owner = fresh();
        let stored = Stored {
            owner: master.seal(Stored::OWNER, &owner, &SystemEntropy)?,
            fee_payer: master.seal(Stored::FEE_PAYER, &fresh(), &SystemEntropy)?,
            journal: master.seal(Stored::JOURNAL, &fresh(), &SystemEntropy)?,
            derivation,
        };
        let folder = dir.join(FOLDER);
        files::make_folder(&folder)?;
        files::write_new(&dir.join(FILE), &json(&stored, dir)?)?;
        Ok((
            Self {
                folder,
                master,
                stored,
                agents: RefCell::default(),
            },
            owner,
        ))
    }

    /// Opens the keystore in `dir`. Wrong passphrase or changed file: refused here, not at the first signature.
    pub(crate) fn open(dir: &Path, passphrase: &[u8]) -> Result<Self, KeystoreError> {
        files::check_private(dir)?;
        let path = dir.join(FILE);
        let content = files::read_private(&path, LARGEST)?;
        let stored: Stored = serde_json::from_slice(&content).map_err(FileError::content(&path))?;
        let master = stored.derivation.master_key(passphrase)?;
        for (name, sealed) in [(Stored::OWNER, &stored.owner), (Stored::FEE_PAYER, &stored.fee_payer)] {
            master.open(name, sealed)?;
        }
        Ok(Self {
            folder: dir.join(FOLDER),
            master,
            stored,
            agents: RefCell::default(),
        })
    }

    /// The key of the journal's MACs.
    pub(crate) fn journal_key(&self) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        Ok(self.master.open(Stored::JOURNAL, &self.stored.journal)?.seed())
    }

    /// The owner key's public half.
    pub(crate) const fn owner(&self) -> Address {
        self.stored.owner.public_key
    }

    /// The fee payer's public half.
    pub(crate) const fn fee_payer(&self) -> Address {
        self.stored.fee_payer.public_key
    }

    /// Overwrites and removes an agent's key. One that is gone already is no error.
    pub(crate) fn wipe(&self, agent: &AgentId) -> Result<(), KeystoreError> {
        self.agents.borrow_mut().remove(agent);
        Ok(files::wipe(&self.path(agent))?)
    }

    fn path(&self, agent: &AgentId) -> PathBuf {
        self.folder.join(format!("{agent}.json"))
    }

    fn sealed(&self, agent: &AgentId) -> Result<SealedKey, KeystoreError> {
        if let Some(found) = self.agents.borrow().get(agent) {
            return Ok(found.clone());
        }
        let path = self.path(agent);
        let content = files::read_private(&path, LARGEST)?;
        let sealed: SealedKey = serde_json::from_slice(&content).map_err(FileError::content(&path))?;
        self.agents.borrow_mut().insert(agent.clone(), sealed.clone());
        Ok(sealed)
    }

    fn open_agent(&self, agent: &AgentId) -> Result<SecretKey, KeystoreError> {
        Ok(self.master.open(&agent_key_name(agent), &self.sealed(agent)?)?)
    }

    /// A key that lies there already was made before a crash that the journal never heard of; it is as good as new.
    fn find_or_make(&self, agent: &AgentId) -> Result<Address, KeystoreError> {
        match self.open_agent(agent) {
            Ok(key) => return Ok(key.public()),
            Err(KeystoreError::File(missing)) if missing.is_missing() => {}
            Err(other) => return Err(other),
        }
        let sealed = self.master.seal(&agent_key_name(agent), &fresh(), &SystemEntropy)?;
        let path = self.path(agent);
        files::write_new(&path, &json(&sealed, &path)?)?;
        Ok(sealed.public_key)
    }

    fn key(&self, who: Signatory<'_>) -> Result<SecretKey, KeystoreError> {
        match who {
            Signatory::Owner => Ok(self.master.open(Stored::OWNER, &self.stored.owner)?),
            Signatory::FeePayer => Ok(self.master.open(Stored::FEE_PAYER, &self.stored.fee_payer)?),
            Signatory::Agent(agent) => self.open_agent(agent),
        }
    }
}

impl Keys for Keystore {
    fn create(&self, agent: &AgentId) -> Result<Address, KeyError> {
        self.find_or_make(agent).map_err(|cause| KeyError(cause.to_string()))
    }

    fn sign(&self, who: Signatory<'_>, message: &[u8]) -> Result<Signature, KeyError> {
        let key = self.key(who).map_err(|cause| KeyError(cause.to_string()))?;
        Ok(key.sign(message))
    }
}

/// For a file that people may look at.
pub(crate) fn json<T: serde::Serialize>(content: &T, path: &Path) -> Result<Vec<u8>, FileError> {
    let mut text = serde_json::to_vec_pretty(content).map_err(FileError::content(path))?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Timestamp, entropy::Seeded},
        std::fs,
    };

    const QUICK: Cost = Cost {
        memory_kib: 64,
        passes: 1,
    };

    fn agent(number: u64) -> AgentId {
        AgentId::new(Timestamp::EPOCH, &Seeded::new(number))
    }

    fn folder() -> tempfile::TempDir {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        tempfile::Builder::new().permissions(private).tempdir().unwrap()
    }

    #[test]
    fn the_same_keys_are_there_after_opening_again() {
        let folder = folder();
        let (made, owner) = Keystore::create(folder.path(), b"pass", QUICK).unwrap();
        let key = made.create(&agent(1)).unwrap();
        let opened = Keystore::open(folder.path(), b"pass").unwrap();
        assert_eq!(opened.owner(), owner.public());
        assert_eq!(opened.fee_payer(), made.fee_payer());
        assert_eq!(*opened.journal_key().unwrap(), *made.journal_key().unwrap());
        assert_eq!(opened.create(&agent(1)).unwrap(), key, "not a second one");
        assert_ne!(opened.create(&agent(2)).unwrap(), key);
        let sign = |keys: &Keystore| keys.sign(Signatory::Agent(&agent(1)), b"x").unwrap();
        assert_eq!(sign(&opened), sign(&made));
    }

    #[test]
    fn a_wrong_passphrase_opens_nothing() {
        let folder = folder();
        Keystore::create(folder.path(), b"pass", QUICK).unwrap();
        assert!(matches!(
            Keystore::open(folder.path(), b"Pass"),
            Err(KeystoreError::Seal(_))
        ));
    }

    #[test]
    fn no_file_holds_a_seed() {
        let folder = folder();
        let (made, owner) = Keystore::create(folder.path(), b"pass", QUICK).unwrap();
        made.create(&agent(1)).unwrap();
        let agent_seed = made.open_agent(&agent(1)).unwrap().seed();
        let mut files: Vec<PathBuf> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.push(made.path(&agent(1)));
        for path in files.iter().filter(|path| path.is_file()) {
            let content = fs::read(path).unwrap();
            for seed in [owner.seed(), agent_seed.clone(), made.journal_key().unwrap()] {
                assert!(!content.windows(32).any(|window| window == seed.as_slice()));
            }
        }
    }

    #[test]
    fn one_agents_key_file_in_anothers_place_does_not_open() {
        let folder = folder();
        let (made, _) = Keystore::create(folder.path(), b"pass", QUICK).unwrap();
        made.create(&agent(1)).unwrap();
        made.create(&agent(2)).unwrap();
        fs::copy(made.path(&agent(1)), made.path(&agent(2))).unwrap();
        let opened = Keystore::open(folder.path(), b"pass").unwrap();
        assert!(opened.sign(Signatory::Agent(&agent(2)), b"x").is_err());
        assert!(opened.create(&agent(2)).is_err(), "nor is it replaced");
    }

    #[test]
    fn a_wiped_key_signs_nothing() {
        let folder = folder();
        let (made, _) = Keystore::create(folder.path(), b"pass", QUICK).unwrap();
        made.create(&agent(1)).unwrap();
        made.wipe(&agent(1)).unwrap();
        assert!(made.sign(Signatory::Agent(&agent(1)), b"x").is_err());
        made.wipe(&agent(1)).unwrap();
    }
}
