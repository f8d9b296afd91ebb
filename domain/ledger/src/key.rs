//! Which account: whose budget, for which asset. Printed, it is the key of the account's row.

use {
    portreeve_kernel::{AgentId, Asset, OwnerId},
    std::{fmt, str::FromStr},
};

/// An account of the ledger. Its order is the order in which accounts are locked: owner, agent, signer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKey {
    /// What all agents of an owner spend together.
    Owner {
        /// Whose budget.
        owner: OwnerId,
        /// Of what.
        asset: Asset,
    },
    /// What one agent spends.
    Agent {
        /// Which agent.
        agent: AgentId,
        /// Of what.
        asset: Asset,
    },
    /// What the signer has counted for one agent: the mirror of its own sums, which never give back what was signed.
    /// The usage that decides is the larger one of this and [`AccountKey::Agent`].
    Signer {
        /// Which agent.
        agent: AgentId,
        /// Of what.
        asset: Asset,
    },
}

/// The text names no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an account such as `agent:agt_01ARZ3NDEKTSV4RRFFQ69G5FAV:SOL`")]
pub struct AccountKeyError(String);

impl AccountKey {
    /// The place in the lock order: 0 owner, 1 agent, 2 signer.
    #[must_use]
    pub const fn rank(&self) -> i64 {
        match self {
            Self::Owner { .. } => 0,
            Self::Agent { .. } => 1,
            Self::Signer { .. } => 2,
        }
    }

    /// What the account counts.
    #[must_use]
    pub const fn asset(&self) -> Asset {
        match self {
            Self::Owner { asset, .. } | Self::Agent { asset, .. } | Self::Signer { asset, .. } => *asset,
        }
    }

    /// The owner, when the account is an owner's.
    #[must_use]
    pub const fn owner(&self) -> Option<&OwnerId> {
        match self {
            Self::Owner { owner, .. } => Some(owner),
            Self::Agent { .. } | Self::Signer { .. } => None,
        }
    }

    /// The agent, when the account is an agent's, or the signer's for an agent.
    #[must_use]
    pub const fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Owner { .. } => None,
            Self::Agent { agent, .. } | Self::Signer { agent, .. } => Some(agent),
        }
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner { owner, asset } => write!(f, "owner:{owner}:{asset}"),
            Self::Agent { agent, asset } => write!(f, "agent:{agent}:{asset}"),
            Self::Signer { agent, asset } => write!(f, "signer:{agent}:{asset}"),
        }
    }
}

impl FromStr for AccountKey {
    type Err = AccountKeyError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (kind, rest) = text.split_once(':')?;
            let (whose, asset) = rest.split_once(':')?;
            let asset = asset.parse().ok()?;
            match kind {
                "owner" => Some(Self::Owner {
                    owner: whose.parse().ok()?,
                    asset,
                }),
                "agent" => Some(Self::Agent {
                    agent: whose.parse().ok()?,
                    asset,
                }),
                "signer" => Some(Self::Signer {
                    agent: whose.parse().ok()?,
                    asset,
                }),
                _ => None,
            }
        };
        parse().ok_or_else(|| AccountKeyError(text.chars().take(128).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    const USDC: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";

    #[test]
    fn a_key_round_trips_through_its_text() {
        for text in [
            format!("owner:own_{ULID}:SOL"),
            format!("agent:agt_{ULID}:SOL"),
            format!("signer:agt_{ULID}:{USDC}"),
        ] {
            assert_eq!(text.parse::<AccountKey>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_text_that_names_no_account_is_refused() {
        for text in [
            String::new(),
            format!("agent:own_{ULID}:SOL"),
            format!("owner:agt_{ULID}:SOL"),
            format!("Agent:agt_{ULID}:SOL"),
            format!("agent:agt_{ULID}:sol"),
            format!("agent:agt_{ULID}"),
            format!("agent:agt_{ULID}:SOL:SOL"),
            format!("vault:agt_{ULID}:SOL"),
        ] {
            assert!(text.parse::<AccountKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn accounts_sort_in_the_order_they_are_locked() {
        let key = |kind: &str, who: &str| format!("{kind}:{who}_{ULID}:SOL").parse::<AccountKey>().unwrap();
        let (owner, agent, signer) = (key("owner", "own"), key("agent", "agt"), key("signer", "agt"));
        assert!(owner < agent && agent < signer);
        assert_eq!([owner.rank(), agent.rank(), signer.rank()], [0, 1, 2]);
    }
}
