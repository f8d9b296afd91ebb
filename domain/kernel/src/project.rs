//! Projects: a name and a cluster. Real money lives on mainnet, and only live keys reach it.

use {
    serde::{Deserialize, Serialize},
    std::{fmt, str::FromStr},
};

/// The chain a project's wallets live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cluster {
    /// Real money.
    Mainnet,
    /// Solana's public test network.
    Devnet,
    /// The chain that comes with Portreeve.
    Local,
}

/// The half of the world a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Mainnet projects.
    Live,
    /// All others.
    Test,
}

/// The text names none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of {1}")]
pub struct UnknownName(String, &'static str);

impl UnknownName {
    /// `text`, as far as it is worth repeating, beside the names there are.
    pub(crate) fn new(text: &str, names: &'static str) -> Self {
        Self(text.chars().take(64).collect(), names)
    }
}

impl Cluster {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Mainnet, Self::Devnet, Self::Local];

    /// Its name in configuration and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Devnet => "devnet",
            Self::Local => "local",
        }
    }

    /// The hash of its first block, Base58: by it a chain is known, whatever its address says.
    #[must_use]
    pub const fn genesis_hash(self) -> &'static str {
        match self {
            Self::Mainnet => "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
            Self::Devnet => "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG",
            Self::Local => "51VtkXEMH419GpzhP1bZb4nNrFY6xWt9NzZ55VeSAKkz",
        }
    }

    /// The chain whose first block has this hash.
    #[must_use]
    pub fn of_genesis(hash: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cluster| cluster.genesis_hash() == hash)
    }

    /// Which keys may act here.
    #[must_use]
    pub const fn environment(self) -> Environment {
        match self {
            Self::Mainnet => Environment::Live,
            Self::Devnet | Self::Local => Environment::Test,
        }
    }
}

impl Environment {
    /// Its name in keys and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl FromStr for Cluster {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|cluster| cluster.as_str() == text)
            .ok_or_else(|| UnknownName::new(text, "mainnet, devnet, local"))
    }
}

impl FromStr for Environment {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Live, Self::Test]
            .into_iter()
            .find(|environment| environment.as_str() == text)
            .ok_or_else(|| UnknownName::new(text, "live, test"))
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mainnet_is_live() {
        assert_eq!(Cluster::Mainnet.environment(), Environment::Live);
        assert_eq!(Cluster::Devnet.environment(), Environment::Test);
        assert_eq!(Cluster::Local.environment(), Environment::Test);
        assert!("testnet".parse::<Cluster>().is_err());
    }

    #[test]
    fn a_chain_is_known_by_its_first_block() {
        for cluster in Cluster::ALL {
            assert_eq!(Cluster::of_genesis(cluster.genesis_hash()), Some(cluster));
            assert_eq!(cluster.as_str().parse(), Ok(cluster));
        }
        assert_eq!(Cluster::of_genesis("1111"), None);
    }
}
