//! Solana addresses: 32 bytes, written in Base58. Wallets, programs and mints are all addresses; a mint has a type of
//! its own, because it names a currency and not a place money can go.

use {
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{fmt, str::FromStr},
};

/// The text is not 32 bytes of Base58.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Solana address (32 bytes in Base58)")]
pub struct AddressError(String);

/// A place on chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 32]);

/// A token's mint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mint(Address);

impl Address {
    /// The system program, whose address is all zeros.
    pub const SYSTEM_PROGRAM: Self = Self([0; 32]);

    /// From the 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Mint {
    /// The token whose mint account is `address`.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self(address)
    }

    /// Where the mint account lives.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || AddressError(text.chars().take(64).collect());
        // 44 characters hold any 32 bytes; longer texts are refused before the quadratic decoding.
        if text.len() > 44 {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        match bs58::decode(text).onto(&mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(&self.0).into_string())
    }
}

impl FromStr for Mint {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! base58_text {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
base58_text!(Address, Mint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_exactly_32_bytes_of_base58() {
        let squads = "SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf";
        assert_eq!(squads.parse::<Address>().unwrap().to_string(), squads);
        for bad in [
            "",
            "abc",
            "0OIl",
            &squads.replace('S', "5S"),
            &"1".repeat(33),
            &"1".repeat(31),
            " 1",
            "0x00",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
        assert_eq!("1".repeat(32).parse::<Address>().unwrap(), Address::SYSTEM_PROGRAM);
    }

    #[test]
    fn a_homoglyph_is_refused() {
        assert!(
            "SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52рCf"
                .parse::<Address>()
                .is_err(),
            "Cyrillic er"
        );
    }
}
