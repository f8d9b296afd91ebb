//! A message and its signatures, as they travel.

use {
    crate::{
        bytes::{Malformed, Reader, Writer},
        message::{Message, MessageError},
    },
    portreeve_kernel::Address,
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{fmt, str::FromStr},
};

/// The text is not the right number of bytes of Base58.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {bytes} bytes of Base58")]
pub struct Base58Error {
    text: String,
    bytes: usize,
}

/// Declares a fixed number of bytes that is written in Base58.
macro_rules! base58 {
    ($($(#[$doc:meta])* $name:ident, $bytes:literal bytes, at most $longest:literal characters;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// From its bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Base58Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let refuse = || Base58Error { text: text.chars().take(96).collect(), bytes: $bytes };
                let mut bytes = [0; $bytes];
                // Longer texts are refused before the quadratic decoding.
                if text.len() <= $longest && bs58::decode(text).onto(&mut bytes) == Ok($bytes) {
                    Ok(Self(bytes))
                } else {
                    Err(refuse())
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&bs58::encode(&self.0).into_string())
            }
        }

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

base58! {
    /// A recent block's hash. A transaction lands only within about 150 blocks of it, so it cannot wait for ever.
    Blockhash, 32 bytes, at most 44 characters;
    /// An Ed25519 signature over a message. The fee payer's is also the transaction's name on chain.
    Signature, 64 bytes, at most 88 characters;
}

/// Why signatures and message do not make a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A key that has to sign did not, or did twice.
    #[error("`{0}` has to sign exactly once")]
    Signer(Address),
    /// A signature by a key that the message does not ask to sign.
    #[error("`{0}` is no signer of this message")]
    Stranger(Address),
}

/// What goes over the wire: the signatures in the order of their keys, then the message they are over.
///
/// Signatures are counted, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    message: Message,
    /// The fee payer's, which is also the first of `signatures`.
    name: Signature,
    signatures: Vec<Signature>,
}

impl Transaction {
    /// Puts each signature where its key stands.
    ///
    /// # Errors
    /// [`AssembleError`] unless every required key signed exactly once, and nobody else did.
    pub fn assemble(message: Message, signed: &[(Address, Signature)]) -> Result<Self, AssembleError> {
        if let Some((stranger, _)) = signed.iter().find(|(key, _)| !message.signers().contains(key)) {
            return Err(AssembleError::Stranger(*stranger));
        }
        let signature = |key: &Address| {
            let mut own = signed.iter().filter(|(signer, _)| signer == key);
            match (own.next(), own.next()) {
                (Some((_, signature)), None) => Ok(*signature),
                _ => Err(AssembleError::Signer(*key)),
            }
        };
        let name = signature(&message.fee_payer())?;
        let signatures = message.signers().iter().map(signature).collect::<Result<_, _>>()?;
        Ok(Self {
            message,
            name,
            signatures,
        })
    }

    /// Reads a transaction off the wire.
    ///
    /// # Errors
    /// [`MessageError`] when the bytes are not one legacy transaction and nothing else.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let count = reader.compact_u16("signatures")?;
        let signatures = (0..count)
            .map(|_| reader.array("signature").map(Signature::new))
            .collect::<Result<Vec<_>, Malformed>>()?;
        let message = Message::parse(reader.rest())?;
        match signatures.first() {
            Some(name) if signatures.len() == message.signers().len() => Ok(Self {
                message,
                name: *name,
                signatures,
            }),
            _ => Err(MessageError::Signatures {
                expected: message.signers().len(),
                found: count,
            }),
        }
    }

    /// The bytes to send, at most [`crate::MAX_TRANSACTION_BYTES`].
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let count = u16::try_from(self.signatures.len()).unwrap_or(u16::MAX);
        let signatures = self.signatures.iter();
        signatures
            .fold(Writer::default().compact_u16(count), |to, signature| {
                to.put(signature.as_bytes())
            })
            .put(self.message.as_bytes())
            .into_bytes()
    }

    /// The transaction's name on chain: the fee payer's signature.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        self.name
    }

    /// What was signed.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// All signatures, in the order of [`Message::signers`].
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}
