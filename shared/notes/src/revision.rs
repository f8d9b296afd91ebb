//! By what it is told whether a file is still the one that somebody has read.
//!
//! A file holds more than everybody may see, so what is shown of its bytes must not let anybody try out guesses of the rest: a
//! revision is made with a key. Whatever only compares bytes takes a [`Digest`], which cannot be shown.

use {
    hmac::{Hmac, KeyInit, Mac},
    serde::{Serialize, Serializer},
    sha2::{Digest as _, Sha256},
    std::fmt,
};

/// What revisions are made with. One vault has one, also after a restart, or nobody could change what they read before it.
///
/// The default is known to everybody: for who shows revisions to nobody but those who may read the files.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Seal([u8; 32]);

/// Which bytes a file had, for those who may not know all of them: 128 bits of HMAC-SHA-256 under a [`Seal`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision([u8; 16]);

/// Which bytes a file has, for ourselves: their SHA-256. It is neither shown nor kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Seal {
    /// From 32 bytes that nobody can guess.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The revision of these bytes.
    #[must_use]
    pub fn revision(&self, bytes: &[u8]) -> Revision {
        Revision::of(self.begin().chain_update(bytes))
    }

    pub(crate) fn begin(&self) -> Hmac<Sha256> {
        // A key that is shorter than a block is filled up with zeros (RFC 2104, 2).
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(self.0) {
            *to = from;
        }
        <Hmac<Sha256> as KeyInit>::new(&block.into())
    }
}

impl Revision {
    pub(crate) fn of(all: Hmac<Sha256>) -> Self {
        Self::from_bytes(&all.finalize().into_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut revision = [0; 16];
        for (to, from) in revision.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(revision)
    }

    /// Reads what [`Revision`] prints.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut revision = [0; 16];
        if text.len() != 32 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (place, byte) in revision.iter_mut().enumerate() {
            let start = place.saturating_mul(2);
            *byte = u8::from_str_radix(text.get(start..start.saturating_add(2))?, 16).ok()?;
        }
        Some(Self(revision))
    }

    pub(crate) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Seal")
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Digest")
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_read_as_it_is_printed_and_is_hmac_sha_256_under_the_seal() {
        // RFC 4231, test case 2, whose key is shorter than 32 bytes and filled up with zeros here as there.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let revision = Seal::new(key).revision(b"what do ya want for nothing?");
        assert_eq!(revision.to_string(), "5bdcc146bf60754e6a042426089575c7");
        assert_eq!(Revision::parse(&revision.to_string()), Some(revision));
        for bad in [
            "",
            "5bdcc146bf60754e6a042426089575c",
            "5BDCC146BF60754E6A042426089575C7",
            "+bdcc146bf60754e6a042426089575c7",
        ] {
            assert_eq!(Revision::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn neither_a_seal_nor_a_digest_is_printed() {
        assert_eq!(
            format!("{:?} {:?}", Seal::new([7; 32]), Digest::of(b"x")),
            "Seal Digest"
        );
    }
}
