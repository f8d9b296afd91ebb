//! The owner's approval key: made by `init`, kept on the owner's side, and used to sign only what was looked at.
//!
//! What must stay true: nothing is signed because a server asked for it. The challenge is computed here, from the policy or
//! the suspension itself, and a server that asks for another one is refused.

use {
    crate::home::{self, FileError, OwnerFolder},
    portreeve_kernel::{Address, AgentId, Entropy, OwnerProof, proof::Challenge},
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{
        Passkey,
        key::SecretKey,
        pins::pin_challenge,
        resume_challenge,
        sealed::{Cost, KeyFile, SealError},
    },
    std::path::PathBuf,
};

/// What the key is sealed as.
const NAME: &str = "approval";

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnerError {
    /// The key or its passphrase cannot be read.
    #[error("{0}\nThe approval key is in the owner's folder; name it with --owner")]
    File(#[from] FileError),
    /// The key's file is not one.
    #[error("`{}` is no key file: {cause}", file.display())]
    NotAKey {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: serde_json::Error,
    },
    /// The passphrase does not open the key.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The server asks for a signature over something else than it shows.
    #[error(
        "the server asks to sign `{asked}`, but what it shows is `{computed}`; nothing was signed. \
         Do not trust this server"
    )]
    OtherChallenge {
        /// By the server.
        asked: String,
        /// Here.
        computed: Challenge,
    },
}

/// The approval key, opened.
#[derive(Debug)]
pub(crate) struct ApprovalKey(SecretKey);

impl ApprovalKey {
    /// Makes a key and a passphrase and writes both to `folder`.
    pub(crate) fn make(folder: &OwnerFolder, entropy: &dyn Entropy) -> Result<Self, OwnerError> {
        let key = SecretKey::from_seed(&drawn(entropy));
        let passphrase = passphrase(entropy);
        let sealed = KeyFile::seal(NAME, &key, passphrase.as_bytes(), Cost::STANDARD, entropy)?;
        let file = folder.approval_key();
        let text = serde_json::to_string_pretty(&sealed).map_err(|cause| OwnerError::NotAKey {
            file: file.clone(),
            cause,
        })?;
        home::write_private_file(&file, &format!("{text}\n"))?;
        home::write_private_file(&folder.passphrase(), &format!("{passphrase}\n"))?;
        Ok(Self(key))
    }

    /// Opens the key in `folder`.
    pub(crate) fn open(folder: &OwnerFolder) -> Result<Self, OwnerError> {
        let file = folder.approval_key();
        let sealed: KeyFile =
            serde_json::from_str(&home::read(&file)?).map_err(|cause| OwnerError::NotAKey { file, cause })?;
        let passphrase = home::read(&folder.passphrase())?;
        Ok(Self(sealed.open(NAME, passphrase.trim_end().as_bytes())?))
    }

    /// The public half, which the signer pins.
    pub(crate) fn public(&self) -> Address {
        self.0.public()
    }

    /// Approves `policy` for `agent`, if that is what the server asks to have signed.
    pub(crate) fn approve_policy(
        &self,
        agent: &AgentId,
        policy: &AgentPolicy,
        asked: &str,
    ) -> Result<OwnerProof, OwnerError> {
        self.sign(approval_challenge(agent, policy), asked)
    }

    /// Ends one suspension of `agent`, if that is what the server asks to have signed.
    pub(crate) fn approve_resume(
        &self,
        agent: &AgentId,
        suspension: u64,
        asked: &str,
    ) -> Result<OwnerProof, OwnerError> {
        self.sign(resume_challenge(agent, suspension), asked)
    }

    /// Consents to pin `passkey` beside what the signer has pinned at `revision`. Nobody asks for that signature: it is made
    /// over what is shown here.
    pub(crate) fn approve_pin(&self, revision: u64, passkey: &Passkey) -> OwnerProof {
        self.0.approve(&pin_challenge(revision, passkey))
    }

    fn sign(&self, computed: Challenge, asked: &str) -> Result<OwnerProof, OwnerError> {
        if computed.to_string() == asked {
            Ok(self.0.approve(&computed))
        } else {
            Err(OwnerError::OtherChallenge {
                asked: asked.chars().take(64).collect(),
                computed,
            })
        }
    }
}

/// A new passphrase: 256 bits, in letters that survive copying.
pub(crate) fn passphrase(entropy: &dyn Entropy) -> String {
    Address::new(drawn(entropy)).to_string()
}

fn drawn(entropy: &dyn Entropy) -> [u8; 32] {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Timestamp, entropy::Seeded},
        portreeve_policy::PolicyInput,
        portreeve_signing::Pins,
    };

    fn key() -> ApprovalKey {
        ApprovalKey(SecretKey::from_seed(&[7; 32]))
    }

    fn policy(json: &str) -> AgentPolicy {
        serde_json::from_str::<PolicyInput>(json).unwrap().resolve(1).unwrap()
    }

    fn agent(seed: u64) -> AgentId {
        AgentId::new(Timestamp::EPOCH, &Seeded::new(seed))
    }

    #[test]
    fn a_key_opens_again_with_the_passphrase_beside_it_and_with_no_other() {
        let place = tempfile::tempdir().unwrap();
        let folder = OwnerFolder::new(place.path().to_owned());
        let made = ApprovalKey::make(&folder, &Seeded::new(1)).unwrap();
        assert_eq!(ApprovalKey::open(&folder).unwrap().public(), made.public());
        std::fs::write(folder.passphrase(), "another").unwrap();
        assert!(matches!(ApprovalKey::open(&folder), Err(OwnerError::Sealed(_))));
    }

    #[test]
    fn what_is_shown_is_what_is_signed() {
        let shown = policy(r#"{"preset": "standard"}"#);
        let challenge = approval_challenge(&agent(1), &shown);
        let proof = key().approve_policy(&agent(1), &shown, &challenge.to_string()).unwrap();
        assert!(Pins::new(key().public()).prove(&proof, &challenge));
    }

    #[test]
    fn a_server_that_shows_one_policy_and_asks_for_another_gets_no_signature() {
        let shown = policy(r#"{"preset": "standard"}"#);
        let wider = policy(r#"{"preset": "permissive"}"#);
        let challenge = approval_challenge(&agent(1), &wider).to_string();
        assert!(matches!(
            key().approve_policy(&agent(1), &shown, &challenge),
            Err(OwnerError::OtherChallenge { .. })
        ));
        let other_agent = approval_challenge(&agent(2), &shown).to_string();
        assert!(key().approve_policy(&agent(1), &shown, &other_agent).is_err());
    }

    #[test]
    fn consent_to_end_one_suspension_is_not_given_for_another() {
        let asked = resume_challenge(&agent(1), 5).to_string();
        assert!(key().approve_resume(&agent(1), 5, &asked).is_ok());
        assert!(key().approve_resume(&agent(1), 6, &asked).is_err());
    }
}
