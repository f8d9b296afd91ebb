//! The id of an access token, which names the grant that it lives by.

use {
    crate::{
        entropy::Entropy,
        id::{GrantId, IdError, is_base32, random_base32},
    },
    serde::{Deserialize, Deserializer},
    std::{borrow::Cow, fmt, str::FromStr},
};

/// How many characters of chance tell the tokens of one grant apart: 80 bits.
const CHANCE: usize = 16;

/// The id of an access token, as it stands in `jti`: its grant, a dot, and chance. So the grant, which decides whether the
/// token is still good, is found without asking for anything else.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId {
    text: Box<str>,
    grant: GrantId,
}

impl TokenId {
    /// A new token of `grant`.
    #[must_use]
    pub fn new(grant: &GrantId, entropy: &dyn Entropy) -> Self {
        Self {
            text: format!("{grant}.{}", random_base32(16, entropy)).into(),
            grant: grant.clone(),
        }
    }

    /// The grant that it lives and ends with.
    #[must_use]
    pub const fn grant(&self) -> &GrantId {
        &self.grant
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TokenId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').filter(|(_, chance)| is_base32(chance, CHANCE));
        let (grant, _) = parts.ok_or_else(|| IdError::new(GrantId::PREFIX, 26 + 1 + CHANCE, text))?;
        Ok(Self {
            grant: grant.parse()?,
            text: text.into(),
        })
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::{entropy::Seeded, time::Timestamp},
    };

    #[test]
    fn a_token_names_its_grant_and_round_trips_through_its_text() {
        let chance = Seeded::new(1);
        let grant = GrantId::new(Timestamp::from_millis(5), &chance);
        let (one, other) = (TokenId::new(&grant, &chance), TokenId::new(&grant, &chance));
        assert_ne!(one, other);
        assert_eq!((one.grant(), one.as_str().len()), (&grant, 30 + 1 + 16));
        assert_eq!(one.as_str().parse::<TokenId>().unwrap(), one);
    }

    #[test]
    fn another_form_is_no_token() {
        let grant = GrantId::new(Timestamp::from_millis(5), &Seeded::new(1));
        let good = TokenId::new(&grant, &Seeded::new(2)).to_string();
        for bad in [
            "",
            ".",
            grant.as_str(),
            &good.replace('.', ""),
            &good.replace("grt_", "agt_"),
            &good.to_lowercase(),
            &format!("{good}0"),
            &format!("{good}.0"),
        ] {
            assert!(bad.parse::<TokenId>().is_err(), "{bad}");
        }
    }
}
