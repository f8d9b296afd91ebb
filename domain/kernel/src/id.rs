//! Identifiers: a prefix that helps whoever reads a log, and a ULID that sorts by time.
//!
//! Each noun has its own type, so a transaction cannot stand where an agent is meant.

use crate::{entropy::Entropy, time::Timestamp};

/// Crockford's Base32 as ULIDs use it: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form `{prefix}_` followed by {length} characters")]
pub struct IdError {
    prefix: &'static str,
    length: usize,
    text: String,
}

impl IdError {
    /// `text` is cut, because it is somebody's input and ends up in an error message.
    #[must_use]
    pub fn new(prefix: &'static str, length: usize, text: &str) -> Self {
        Self {
            prefix,
            length,
            text: text.chars().take(64).collect(),
        }
    }
}

/// `prefix`, an underscore, and the 26 characters of a ULID: 48 bits of milliseconds, 80 bits of chance.
#[must_use]
pub fn ulid(prefix: &str, at: Timestamp, entropy: &dyn Entropy) -> String {
    let mut chance = [0_u8; 16];
    let (_, tail) = chance.split_at_mut(6);
    entropy.fill(tail);
    let millis = u64::try_from(at.millis()).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    let value = u128::from_be_bytes(chance) | (u128::from(millis) << 80);
    // Every request is given one: no more memory is asked for than it takes.
    let mut text = String::with_capacity(prefix.len().saturating_add(27));
    text.push_str(prefix);
    text.push('_');
    push_base32(&mut text, value, 26);
    text
}

/// Appends the lowest `length` Base32 digits of `value`, most significant first.
fn push_base32(text: &mut String, value: u128, length: u32) {
    for place in (0..length).rev() {
        let index = usize::try_from(value.unbounded_shr(place.saturating_mul(5)) & 31).unwrap_or_default();
        text.push(ALPHABET.get(index).map_or('0', |byte| char::from(*byte)));
    }
}

/// `length` characters of chance, for ids that carry no time.
#[must_use]
pub fn random_base32(length: u32, entropy: &dyn Entropy) -> String {
    let mut chance = [0_u8; 16];
    entropy.fill(&mut chance);
    let mut text = String::new();
    push_base32(&mut text, u128::from_be_bytes(chance), length.min(25));
    text
}

/// True for exactly `length` characters of the ULID alphabet.
#[must_use]
pub fn is_base32(text: &str, length: usize) -> bool {
    let is_one =
        |byte| matches!(byte, b'0'..=b'9' | b'A'..=b'H' | b'J' | b'K' | b'M' | b'N' | b'P'..=b'T' | b'V'..=b'Z');
    text.len() == length && text.bytes().all(is_one)
}

/// Declares id types: `ids! { /// doc AgentId = "agt"; }`.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// What comes before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id that sorts by `at`.
            #[must_use]
            pub fn new(at: $crate::time::Timestamp, entropy: &dyn $crate::entropy::Entropy) -> Self {
                Self($crate::id::ulid($prefix, at, entropy).into())
            }

            /// The whole id, prefix included.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        $crate::id_text!($name, 26);
    )+};
}

/// What every id type can do with text: parse, print, and travel in JSON.
#[macro_export]
macro_rules! id_text {
    ($name:ident, $length:literal) => {
        impl ::std::str::FromStr for $name {
            type Err = $crate::id::IdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix(Self::PREFIX)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .filter(|rest| $crate::id::is_base32(rest, $length))
                    .map(|_| Self(text.into()))
                    .ok_or_else(|| $crate::id::IdError::new(Self::PREFIX, $length, text))
            }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}

ids! {
    /// A person or organisation that owns agents and money.
    OwnerId = "own";
    /// A name and a cluster; owners, agents, keys and clients belong to one.
    ProjectId = "prj";
    /// An AI agent with a wallet of its own.
    AgentId = "agt";
    /// One attempt to spend. Also the memo of its transaction on chain.
    TransactionId = "tx";
    /// One HTTP request, for tracing only.
    RequestId = "req";
    /// An event for webhooks; the same on every delivery try.
    EventId = "evt";
    /// A piece of background work.
    JobId = "job";
    /// What an OAuth client was granted, by a person or for itself. All of its tokens live and end with it.
    GrantId = "grt";
    /// A person who signs in.
    UserId = "usr";
    /// One sign-in of a person, in one browser.
    SessionId = "ses";
    /// A service that takes our tokens, under an audience of its own.
    ResourceServerId = "rsv";
}

/// The public half of an API key: `key_` and 12 characters. Carries no time, so that a key's age does not show.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// What comes before the underscore.
    pub const PREFIX: &'static str = "key";

    /// A new id.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(format!("key_{}", random_base32(12, entropy)).into())
    }

    /// The whole id, prefix included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

id_text!(KeyId, 12);

#[cfg(test)]
mod tests {
    use {super::*, crate::entropy::Seeded};

    #[test]
    fn an_id_round_trips_through_its_text() {
        let id = AgentId::new(Timestamp::from_millis(1_700_000_000_000), &Seeded::new(1));
        assert_eq!(id.as_str().len(), 4 + 26);
        assert_eq!(id.as_str().parse::<AgentId>().unwrap(), id);
    }

    #[test]
    fn ids_sort_by_time() {
        let early = TransactionId::new(Timestamp::from_millis(1), &Seeded::new(9));
        let late = TransactionId::new(Timestamp::from_millis(2), &Seeded::new(1));
        assert!(early < late);
    }

    #[test]
    fn the_time_of_a_ulid_is_its_first_ten_characters() {
        // From the ULID specification's own example: 1469918176385 ms is `01ARYZ6S41`.
        let id = ulid("a", Timestamp::from_millis(1_469_918_176_385), &Seeded::new(3));
        assert!(id.starts_with("a_01ARYZ6S41"), "{id}");
    }

    #[test]
    fn another_prefix_length_or_letter_is_refused() {
        let good = AgentId::new(Timestamp::from_millis(5), &Seeded::new(1)).to_string();
        assert!(good.replace("agt_", "tx_").parse::<AgentId>().is_err());
        assert!(good.to_lowercase().parse::<AgentId>().is_err());
        assert!(format!("{good}0").parse::<AgentId>().is_err());
        assert!("agt_IIIIIIIIIIIIIIIIIIIIIIIIII".parse::<AgentId>().is_err());
        assert!("".parse::<AgentId>().is_err());
    }

    #[test]
    fn a_key_id_has_twelve_characters() {
        let id = KeyId::new(&Seeded::new(4));
        assert_eq!(id.as_str().len(), 16);
        assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
    }
}
