//! An owner's consent to something exact. The signer pins the public half when it is set up and believes nothing else.

use {
    serde::{Deserialize, Serialize},
    sha2::{Digest, Sha256},
    std::fmt,
};

/// 32 bytes that name what is approved: the hash of a policy or of an intent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Hashes `body` under `purpose`, so that consent to one kind of act never passes for another.
    #[must_use]
    pub fn over(purpose: &str, body: &[u8]) -> Self {
        let length = u64::try_from(purpose.len()).unwrap_or(u64::MAX).to_be_bytes();
        let hash = Sha256::new()
            .chain_update(b"portreeve:owner-proof:v1\0")
            .chain_update(length)
            .chain_update(purpose.as_bytes())
            .chain_update(body)
            .finalize();
        Self(hash.into())
    }

    /// The bytes that are signed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).into_string())
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Evidence that the owner consented to one [`Challenge`]. An enum, because passkeys come as a second kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum OwnerProof {
    /// A signature by the owner's approval key, which lives on the owner's side.
    #[serde(rename_all = "camelCase")]
    Ed25519 {
        /// The approval key's public half, Base58.
        public_key: crate::address::Address,
        /// 64 bytes over [`Challenge::as_bytes`], Base58.
        signature: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_to_one_purpose_is_no_consent_to_another() {
        assert_ne!(Challenge::over("policy", b"x"), Challenge::over("intent", b"x"));
        assert_ne!(Challenge::over("a", b"bc"), Challenge::over("ab", b"c"));
    }
}
