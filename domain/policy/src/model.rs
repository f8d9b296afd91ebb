//! The policy of one agent, complete: presets resolved, defaults filled in, version fixed.
//!
//! Its JSON is camelCase and strict: an unknown field is an error, because a rule that is silently ignored is a hole.
//! Reading it checks the shape only, so that what is stored stays readable; [`AgentPolicy::validate`] checks the sense.

use {
    crate::{calendar::TimeControl, words::words},
    portreeve_kernel::{Address, Amount, Asset, Level, Mint, Seconds},
    serde::{Deserialize, Serialize},
    std::collections::{BTreeMap, BTreeSet},
};

words! {
    /// A length over which spending is summed. It rolls, exact to the second; it knows no calendar.
    Window {
        /// 24 hours.
        Day = "24h",
        /// 7 days.
        Week = "7d",
        /// 30 days.
        Month = "30d",
    }
}

impl Window {
    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 2_592_000,
        }
    }

    /// Its length.
    #[must_use]
    pub const fn length(self) -> Seconds {
        Seconds(self.seconds())
    }
}

words! {
    /// Which destinations the limit on chain is told.
    ChainDestinations {
        /// The whitelist: the chain itself refuses every other address. At most
        /// [`MAX_CHAIN_DESTINATIONS`](crate::MAX_CHAIN_DESTINATIONS), since they must fit one transaction.
        Whitelist = "whitelist",
        /// None: server and signer keep the whitelist, the chain pays any address.
        Any = "any",
    }
}

/// What an owner allows an agent. Amounts are base units: lamports, or the mint's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentPolicy {
    /// Counts up with every change; an older one is never accepted again.
    pub version: u64,
    /// How much SOL.
    pub limits: Limits,
    /// From which amounts of SOL the owner is told, asked, or the agent stopped.
    pub escalation: Escalation,
    /// The same for tokens. A mint that is not here is refused.
    pub tokens: BTreeMap<Mint, TokenPolicy>,
    /// To whom, by which program, in which tokens.
    pub whitelist: Whitelist,
    /// When.
    pub time_control: TimeControl,
    /// Least time between two spends of this agent, in seconds; 0 for none.
    pub min_interval_seconds: u32,
    /// True when the owner may approve a single amount above `limits.perTransaction`: it is then held, not denied.
    /// Sums over time are never exceeded, approved or not.
    pub approval_may_exceed_per_transaction: bool,
    /// Whether the whitelist of destinations also goes on chain.
    pub chain_destinations: ChainDestinations,
}

/// Upper bounds, inclusive: what equals the limit passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// For one spend.
    pub per_transaction: Amount,
    /// For any 24 hours. Also the amount of the limit on chain.
    pub daily: Amount,
    /// For any 7 days.
    pub weekly: Amount,
    /// For any 30 days.
    pub monthly: Amount,
}

/// Lower bounds, inclusive, judged on the requested amount even when a limit refuses it anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Escalation {
    /// From here the owner is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Amount>,
    /// From here the owner is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Amount>,
    /// From here it is denied and the agent suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Amount>,
    /// From here the agent is suspended and its keys are revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<Amount>,
}

/// What holds for one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenPolicy {
    /// How much.
    pub limits: Limits,
    /// What large amounts trigger.
    pub escalation: Escalation,
    /// The token as the owner has approved it. `None` in a policy that was made without a look at the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<PinnedToken>,
}

/// What a token was when the owner approved its limits. Amounts mean nothing without the decimals, and two programs may
/// not both hold it: a payment that says otherwise is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PinnedToken {
    /// The program that holds the mint: SPL Token or Token-2022.
    pub program: Address,
    /// Digits after the point.
    pub decimals: u8,
}

/// Who and what may be involved. An empty list means any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Whitelist {
    /// Wallets that may be paid; for a token the wallet that owns the token account.
    pub allowed_destinations: BTreeSet<Address>,
    /// Programs that may move the asset: System, Token, Token-2022.
    pub allowed_programs: BTreeSet<Address>,
    /// Tokens that may be spent, each of which needs limits as well. SOL is no token.
    pub allowed_token_mints: BTreeSet<Mint>,
}

impl AgentPolicy {
    /// The limits of `asset`; `None` for a mint without limits, which is refused.
    #[must_use]
    pub fn limits_of(&self, asset: Asset) -> Option<&Limits> {
        match asset {
            Asset::Sol => Some(&self.limits),
            Asset::Token(mint) => self.tokens.get(&mint).map(|token| &token.limits),
        }
    }

    /// The escalation of `asset`; `None` for a mint without limits.
    #[must_use]
    pub fn escalation_of(&self, asset: Asset) -> Option<&Escalation> {
        match asset {
            Asset::Sol => Some(&self.escalation),
            Asset::Token(mint) => self.tokens.get(&mint).map(|token| &token.escalation),
        }
    }

    /// What was pinned of `asset`; nothing ever is of SOL.
    #[must_use]
    pub fn pinned_of(&self, asset: Asset) -> Option<&PinnedToken> {
        match asset {
            Asset::Sol => None,
            Asset::Token(mint) => self.tokens.get(&mint).and_then(|token| token.pinned.as_ref()),
        }
    }

    /// Every asset that has limits, SOL first: one limit on chain each.
    pub fn assets(&self) -> impl Iterator<Item = Asset> + '_ {
        std::iter::once(Asset::Sol).chain(self.tokens.keys().copied().map(Asset::Token))
    }

    /// Least time between two spends of this agent.
    #[must_use]
    pub const fn min_interval(&self) -> Seconds {
        Seconds(self.min_interval_seconds)
    }

    /// The destinations of the limits on chain, in order. None means that the chain pays any address.
    pub fn destinations_on_chain(&self) -> impl Iterator<Item = Address> + '_ {
        let listed = match self.chain_destinations {
            ChainDestinations::Whitelist => Some(&self.whitelist.allowed_destinations),
            ChainDestinations::Any => None,
        };
        listed.into_iter().flatten().copied()
    }
}

impl Limits {
    /// The limit of one window.
    #[must_use]
    pub const fn of(&self, window: Window) -> Amount {
        match window {
            Window::Day => self.daily,
            Window::Week => self.weekly,
            Window::Month => self.monthly,
        }
    }
}

impl Escalation {
    /// The threshold that is set for `level`.
    #[must_use]
    pub const fn at(&self, level: Level) -> Option<Amount> {
        match level {
            Level::Low => self.low,
            Level::Medium => self.medium,
            Level::High => self.high,
            Level::Critical => self.critical,
        }
    }

    /// The smallest amount that reaches `level` or a higher one; `None` when none does.
    #[must_use]
    pub fn reaches(&self, level: Level) -> Option<Amount> {
        [Level::Low, Level::Medium, Level::High, Level::Critical]
            .into_iter()
            .filter(|candidate| *candidate >= level)
            .filter_map(|candidate| self.at(candidate))
            .min()
    }

    /// The highest level that `amount` reaches.
    #[must_use]
    pub fn level_of(&self, amount: Amount) -> Option<Level> {
        [Level::Critical, Level::High, Level::Medium, Level::Low]
            .into_iter()
            .find(|level| self.at(*level).is_some_and(|threshold| amount >= threshold))
    }
}
