//! Ed25519 keys, and what a signature by the owner's approval key is worth.

use {
    ed25519_dalek::{Signer, SigningKey, VerifyingKey},
    portreeve_chain::Signature,
    portreeve_kernel::{Address, OwnerProof, proof::Challenge},
    std::fmt,
    zeroize::Zeroizing,
};

/// A private key. It does not print, and it is wiped when dropped.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that belongs to a seed of 32 bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed again, to be sealed. Wiped when dropped.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> Address {
        Address::new(self.0.verifying_key().to_bytes())
    }

    /// Signs. Deterministic: the same message always gets the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature::new(self.0.sign(message).to_bytes())
    }

    /// Consents to `challenge`, when this is an approval key.
    #[must_use]
    pub fn approve(&self, challenge: &Challenge) -> OwnerProof {
        OwnerProof::Ed25519 {
            public_key: self.public(),
            signature: self.sign(challenge.as_bytes()).to_string(),
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[secret key of {}]", self.public())
    }
}

/// True when `proof` is a signature by the holder of `pinned` over exactly `challenge`.
#[must_use]
pub(crate) fn proves(proof: &OwnerProof, pinned: Address, challenge: &Challenge) -> bool {
    let OwnerProof::Ed25519 { public_key, signature } = proof else {
        return false;
    };
    let signature: Option<Signature> = signature.parse().ok();
    *public_key == pinned && signature.is_some_and(|signature| verifies(pinned, challenge.as_bytes(), &signature))
}

/// True when `signature` is by `key` over `message`, in the strict reading that leaves no second signature for one
/// message and no key of small order.
#[must_use]
pub fn verifies(key: Address, message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    VerifyingKey::from_bytes(key.as_bytes()).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(of: &[u8]) -> Challenge {
        Challenge::over("test", of)
    }

    #[test]
    fn the_owners_signature_over_the_challenge_is_consent() {
        let key = SecretKey::from_seed(&[1; 32]);
        let proof = key.approve(&challenge(b"x"));
        assert!(proves(&proof, key.public(), &challenge(b"x")));
        assert!(!proves(&proof, key.public(), &challenge(b"y")), "other act");
    }

    #[test]
    fn nobody_elses_signature_is_consent() {
        let (owner, stranger) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        let theirs = stranger.approve(&challenge(b"x"));
        assert!(!proves(&theirs, owner.public(), &challenge(b"x")));
        let OwnerProof::Ed25519 { signature, .. } = theirs else {
            panic!()
        };
        let dressed = OwnerProof::Ed25519 {
            public_key: owner.public(),
            signature,
        };
        assert!(
            !proves(&dressed, owner.public(), &challenge(b"x")),
            "their signature under the owner's name"
        );
        let OwnerProof::Ed25519 { signature, .. } = owner.approve(&challenge(b"x")) else {
            panic!()
        };
        let misnamed = OwnerProof::Ed25519 {
            public_key: stranger.public(),
            signature,
        };
        assert!(
            !proves(&misnamed, owner.public(), &challenge(b"x")),
            "the owner's signature under their name"
        );
    }

    #[test]
    fn what_is_no_signature_is_no_consent() {
        let owner = SecretKey::from_seed(&[1; 32]);
        let good = owner.sign(challenge(b"x").as_bytes()).to_string();
        for signature in [
            String::new(),
            "1".repeat(64),
            good[1..].to_owned(),
            format!("{good}1"),
            "0OIl".to_owned(),
        ] {
            let proof = OwnerProof::Ed25519 {
                public_key: owner.public(),
                signature,
            };
            assert!(!proves(&proof, owner.public(), &challenge(b"x")), "{proof:?}");
        }
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The neutral element as key and as R, with S = 0: accepted by a lax verifier for every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verifies(Address::new(neutral), b"any", &Signature::new(signature)));
    }

    #[test]
    fn the_key_is_ed25519_of_rfc_8032() {
        // RFC 8032, 7.1, test 1: the empty message.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let bytes: Vec<u8> = (0..32)
            .map(|i| u8::from_str_radix(&seed[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let key = SecretKey::from_seed(&bytes.try_into().unwrap());
        let hex: String = key
            .sign(b"")
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(hex.starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"));
    }

    #[test]
    fn a_secret_key_does_not_print() {
        let key = SecretKey::from_seed(&[9; 32]);
        assert_eq!(format!("{key:?}"), format!("[secret key of {}]", key.public()));
    }
}
