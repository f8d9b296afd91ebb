//! Bytes that travel in JSON, as standard Base64 with padding. Any other spelling of the same bytes is refused.

use {
    base64::{Engine, engine::general_purpose::STANDARD},
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    sha2::{Digest, Sha256},
    std::{borrow::Cow, fmt},
};

/// Bytes of any length.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

/// A SHA-256 value, or anything else of exactly 32 bytes that is no address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// From its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from).map(Self)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = read(from)?;
        let bytes = bytes.try_into().map_err(|_| serde::de::Error::custom("not 32 bytes"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        let read = |text: &str| {
            serde_json::from_str::<Bytes>(&format!("\"{text}\""))
                .map(|bytes| bytes.0)
                .ok()
        };
        assert_eq!(read("AQI="), Some(vec![1, 2]));
        for other in ["AQI", "AQJ=", "AQI=\\n", " AQI=", "AQI==", "A-I="] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_hash_is_exactly_32_bytes() {
        let hash = Hash::of(b"x");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<Hash>("\"AQI=\"").is_err());
    }
}
