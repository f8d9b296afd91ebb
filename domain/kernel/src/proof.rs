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

/// Evidence that the owner consented to one [`Challenge`].
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
    /// An assertion by a passkey (WebAuthn, 7.2) whose challenge is [`Challenge::as_bytes`]. Every part in base64url
    /// without padding.
    #[serde(rename_all = "camelCase")]
    Passkey {
        /// Which passkey.
        credential_id: String,
        /// What the authenticator says of the site, of the person and of itself.
        authenticator_data: String,
        /// What the browser says of the page: the bytes of its JSON.
        client_data: String,
        /// By the passkey's key over both, as DER has it.
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

    #[test]
    fn a_proof_that_was_kept_before_passkeys_came_reads_on() {
        let key = crate::address::Address::SYSTEM_PROGRAM;
        let kept = format!(r#"{{"kind":"ed25519","publicKey":"{key}","signature":"abc"}}"#);
        let proof: OwnerProof = serde_json::from_str(&kept).unwrap();
        assert_eq!(serde_json::to_string(&proof).unwrap(), kept);
    }

    #[test]
    fn a_proof_of_one_kind_holds_nothing_of_another() {
        let good =
            r#"{"kind":"passkey","credentialId":"AQ","authenticatorData":"Ag","clientData":"Aw","signature":"BA"}"#;
        let proof: OwnerProof = serde_json::from_str(good).unwrap();
        assert_eq!(serde_json::to_string(&proof).unwrap(), good);
        for bad in [
            good.replace("passkey", "ed25519"),
            good.replace("\"clientData\":\"Aw\",", ""),
            good.replace("\"signature\"", "\"signature\":\"x\",\"signature\""),
            good.replace('}', ",\"publicKey\":\"11111111111111111111111111111111\"}"),
        ] {
            assert!(serde_json::from_str::<OwnerProof>(&bad).is_err(), "{bad}");
        }
    }
}
