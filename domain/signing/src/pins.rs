//! Whose word is the owner's: the approval key that the signer was set up with, and the passkeys pinned since.
//!
//! What must stay true: a passkey is pinned by who is pinned already, and by nobody else; and consent to a pin is good once,
//! so that a passkey which was given up is not brought back by an old one.

use {
    crate::{key, passkey::Passkey},
    portreeve_kernel::{Address, OwnerProof, proof::Challenge},
    serde::{Deserialize, Serialize},
};

/// As many passkeys as are pinned at once. All of them, as long as can be, have to fit one frame.
pub const MAX_PASSKEYS: usize = 16;

/// All that are pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pins {
    /// The number of the record that last changed the passkeys; 0 before any.
    pub revision: u64,
    /// The Ed25519 key of the enrolment. It is never unpinned.
    pub approval_key: Address,
    /// In the order in which they were pinned.
    pub passkeys: Vec<Passkey>,
}

impl Pins {
    /// The approval key and nothing else.
    #[must_use]
    pub const fn new(approval_key: Address) -> Self {
        Self {
            revision: 0,
            approval_key,
            passkeys: Vec::new(),
        }
    }

    /// True when `proof` is the owner's consent to exactly `challenge`.
    #[must_use]
    pub fn prove(&self, proof: &OwnerProof, challenge: &Challenge) -> bool {
        match proof {
            OwnerProof::Ed25519 { .. } => key::proves(proof, self.approval_key, challenge),
            OwnerProof::Passkey { credential_id, .. } => self
                .find(credential_id)
                .is_some_and(|one| one.asserts(proof, challenge)),
        }
    }

    /// What has to be consented to, for `passkey` to be pinned beside those that are there now.
    #[must_use]
    pub fn challenge(&self, passkey: &Passkey) -> Challenge {
        pin_challenge(self.revision, passkey)
    }

    /// The pinned passkey with that id.
    #[must_use]
    pub fn find(&self, credential_id: &str) -> Option<&Passkey> {
        self.passkeys.iter().find(|one| one.credential_id == credential_id)
    }
}

/// What the owner consents to when `passkey` is to be pinned while the pins are at `revision`: after the next change of them
/// that consent is void.
#[must_use]
pub fn pin_challenge(revision: u64, passkey: &Passkey) -> Challenge {
    let Passkey {
        credential_id,
        public_key,
        rp_id,
        origin,
    } = passkey;
    let mut body = revision.to_be_bytes().to_vec();
    for part in [credential_id, public_key, rp_id, origin] {
        // With its length in front, so that none runs into the next.
        body.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        body.extend(part.as_bytes());
    }
    Challenge::over("passkey:pin", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_to_one_pin_is_consent_to_no_other() {
        let passkey = |parts: [&str; 4]| {
            let [credential_id, public_key, rp_id, origin] = parts.map(str::to_owned);
            Passkey {
                credential_id,
                public_key,
                rp_id,
                origin,
            }
        };
        let all = [
            pin_challenge(0, &passkey(["a", "b", "c", "d"])),
            pin_challenge(1, &passkey(["a", "b", "c", "d"])),
            pin_challenge(0, &passkey(["ab", "", "c", "d"])),
            pin_challenge(0, &passkey(["a", "bc", "", "d"])),
            pin_challenge(0, &passkey(["a", "b", "cd", ""])),
            pin_challenge(0, &passkey(["a", "b", "c", "e"])),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[place + 1..].contains(one), "{place}");
        }
    }
}
