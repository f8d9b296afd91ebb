//! What can be asked of a wallet, and why it may be refused.

use {
    crate::{message::MessageError, squads::Currency},
    portreeve_kernel::{Address, AgentId, Amount, Asset, Mint, TransactionId},
    std::collections::BTreeSet,
};

/// As many destinations as go on chain: removing and adding a limit with more may not fit one transaction.
pub const MAX_DESTINATIONS: usize = 16;

/// Why something cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two of the three keys are one, which would give the fee payer or the agent authority it must not have.
    #[error("agent, owner and fee payer have different keys; `{0}` stands for two of them")]
    SharedKey(Address),
    /// Two limits on one asset would add up on chain.
    #[error("there are two limits on {0}")]
    TwoLimits(Asset),
    /// More than [`MAX_DESTINATIONS`].
    #[error("a limit has {0} destinations, more than {MAX_DESTINATIONS}")]
    TooManyDestinations(usize),
    /// The address of all zeros or of Squads itself, which is how Squads writes SOL and a missing mint.
    #[error("`{0}` is no mint: Squads writes SOL or a missing mint that way")]
    NotAMint(Mint),
    /// SOL is held by no token account.
    #[error("a payment in SOL creates no token account")]
    NoTokenAccount,
    /// The multisig's own account: money sent there is lost.
    #[error("`{0}` is the multisig's account, not its vault: money sent there is lost")]
    LostDestination(Address),
    /// Does not fit one transaction.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// The three keys of a wallet, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKeys {
    /// Whose wallet.
    pub agent: AgentId,
    /// Spends under the limits; gives the multisig its address.
    pub agent_key: Address,
    /// Changes the limits; the only voter.
    pub owner_key: Address,
    /// Pays fees and rent, nothing else.
    pub fee_payer: Address,
}

/// A limit as the policy wants it on chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSpec {
    /// What may be spent.
    pub asset: Asset,
    /// The policy's daily limit.
    pub amount: Amount,
    /// The policy's destinations: owners, not token accounts. Empty means anybody.
    pub destinations: BTreeSet<Address>,
}

/// One change to the limits on chain. Each is done whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitChange {
    /// From none to one.
    Add(LimitSpec),
    /// From one to another. The new one starts full.
    Replace(LimitSpec),
    /// From one to none: the agent can no longer spend this asset, on chain.
    Remove(Asset),
}

/// A payment by an agent, as it stands on chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// Which attempt this is; its memo on chain.
    pub transaction: TransactionId,
    /// What is paid.
    pub currency: Currency,
    /// How much, in base units.
    pub amount: Amount,
    /// Who is paid: for tokens the owner of the token account, who is what a policy is about.
    pub destination: Address,
    /// True when the fee payer first pays the rent (about 0.002 SOL) of the destination's token account.
    pub creates_token_account: bool,
}

impl Spend {
    /// What is paid, as a policy calls it.
    #[must_use]
    pub const fn asset(&self) -> Asset {
        self.currency.asset()
    }

    /// The program that moves it, which a policy may list.
    #[must_use]
    pub const fn program(&self) -> Address {
        self.currency.program()
    }
}
