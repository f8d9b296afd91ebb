//! How far the signer's journal is known to have come. The signer hands one out with every answer, the server keeps
//! the newest and shows it with every request: a signer that is shown more than its journal holds has lost memory, by a
//! restored backup or worse, and stops.
//!
//! It carries a MAC under a key that only the signer has, so that a server cannot make one up to stop the signer, and
//! one signer's receipt means nothing to another.

use {
    crate::text::Hash,
    hmac::{Hmac, KeyInit, Mac},
    serde::{Deserialize, Serialize},
    sha2::Sha256,
};

/// Proof that the signer's journal once held `sequence` records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The number of the newest record.
    pub sequence: u64,
    /// The signer's own mark, opaque to everybody else.
    pub mac: Hash,
}

impl Receipt {
    /// For a journal of `sequence` records, under the signer's journal key.
    #[must_use]
    pub fn issue(key: &[u8; 32], sequence: u64) -> Self {
        Self {
            sequence,
            mac: Hash::new(code(key, sequence).finalize().into_bytes().into()),
        }
    }

    /// True when the holder of `key` issued it. Takes the same time whatever is wrong.
    #[must_use]
    pub fn is_from(&self, key: &[u8; 32]) -> bool {
        code(key, self.sequence).verify_slice(self.mac.as_bytes()).is_ok()
    }
}

/// The MAC of `parts` under `key`, each part with its length in front so that none runs into the next.
#[must_use]
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes a key of one block (64 bytes) as it is; shorter ones are filled up with zeros, as RFC 2104 says.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn code(key: &[u8; 32], sequence: u64) -> Hmac<Sha256> {
    mac(key, &[b"receipt", &sequence.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_holds_for_its_key_and_its_sequence_only() {
        let receipt = Receipt::issue(&[7; 32], 12);
        assert!(receipt.is_from(&[7; 32]));
        assert!(!receipt.is_from(&[8; 32]));
        assert!(
            !Receipt {
                sequence: 13,
                ..receipt
            }
            .is_from(&[7; 32])
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let over = |parts: &[&[u8]]| mac(&[1; 32], parts).finalize().into_bytes();
        assert_ne!(over(&[b"ab", b"c"]), over(&[b"a", b"bc"]));
    }

    #[test]
    fn the_mac_is_hmac_sha_256() {
        // RFC 4231 has no 32-byte key; this value is from `openssl dgst -sha256 -mac HMAC`.
        let mut plain = mac(&[0x0b; 32], &[]);
        plain.update(b"Hi There");
        let hex: String = plain
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
    }
}
