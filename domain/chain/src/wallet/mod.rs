//! An agent's wallet: one multisig, whose vault 0 holds the money, and one daily limit per asset.
//!
//! The owner's key is config authority and only voter; the agent's key stands nowhere but in the limits; the fee payer
//! pays fees and rent and has authority over nothing. Those who build transactions and those who check them share this
//! file, so there is one opinion of what belongs in them.

mod check;
mod pack;

pub use check::{Configuration, Mismatch};

use {
    crate::{
        action::Action,
        decode,
        message::{Message, MessageError},
        pda,
        program::{Programs, TokenProgram},
        squads::{
            AddSpendingLimit, CreateMultisig, Currency, Member, PERMISSION_ALL, Period, RemoveSpendingLimit,
            UseSpendingLimit,
        },
        token::CreateTokenAccount,
        transaction::Blockhash,
    },
    portreeve_kernel::{Address, AgentId, Amount, Asset, Mint, TransactionId},
    std::collections::BTreeSet,
};

/// As many destinations as go on chain: removing and adding a limit with more may not fit one transaction.
pub const MAX_DESTINATIONS: usize = 16;

/// The vault that holds the money.
const VAULT: u8 = 0;

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
    /// The address of all zeros, which Squads takes for SOL.
    #[error("`{0}` is no mint: Squads takes it for SOL")]
    NotAMint(Mint),
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

/// The addresses of an agent's wallet, and the transactions that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWallet {
    keys: AgentKeys,
    programs: Programs,
    multisig: Address,
    vault: Address,
}

impl AgentWallet {
    /// The wallet of these keys.
    ///
    /// # Errors
    /// [`BuildError::SharedKey`] unless the keys are three.
    pub fn new(keys: AgentKeys, programs: Programs) -> Result<Self, BuildError> {
        if keys.fee_payer == keys.agent_key || keys.fee_payer == keys.owner_key {
            return Err(BuildError::SharedKey(keys.fee_payer));
        }
        if keys.agent_key == keys.owner_key {
            return Err(BuildError::SharedKey(keys.agent_key));
        }
        let multisig = pda::multisig(&programs, &keys.agent_key);
        let vault = pda::vault(&programs, &multisig, VAULT);
        Ok(Self {
            keys,
            programs,
            multisig,
            vault,
        })
    }

    /// Whose wallet, and its keys.
    #[must_use]
    pub const fn keys(&self) -> &AgentKeys {
        &self.keys
    }

    /// Where the programs are that it lives on.
    #[must_use]
    pub const fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The account that holds the rules. Never send money here.
    #[must_use]
    pub const fn multisig(&self) -> Address {
        self.multisig
    }

    /// The account that holds the SOL, and owns the token accounts.
    #[must_use]
    pub const fn vault(&self) -> Address {
        self.vault
    }

    /// The account that holds the tokens of `mint`.
    #[must_use]
    pub fn token_account(&self, mint: &Mint, program: TokenProgram) -> Address {
        pda::associated_token(&self.vault, mint, program)
    }

    /// The one limit on `asset`.
    #[must_use]
    pub fn limit(&self, asset: &Asset) -> Address {
        let create_key = pda::limit_create_key(&self.keys.agent, asset);
        pda::spending_limit(&self.programs, &self.multisig, &create_key)
    }

    /// Makes the multisig.
    #[must_use]
    pub fn create(&self, treasury: Address) -> CreateMultisig {
        CreateMultisig {
            treasury,
            create_key: self.keys.agent_key,
            creator: self.keys.fee_payer,
            config_authority: Some(self.keys.owner_key),
            threshold: 1,
            members: vec![Member {
                key: self.keys.owner_key,
                permissions: PERMISSION_ALL,
            }],
            time_lock: 0,
            rent_collector: Some(self.keys.fee_payer),
            memo: None,
        }
    }

    /// Sets the limit on an asset that has none.
    ///
    /// # Errors
    /// [`BuildError::TooManyDestinations`], [`BuildError::NotAMint`].
    pub fn add_limit(&self, limit: &LimitSpec) -> Result<AddSpendingLimit, BuildError> {
        if limit.destinations.len() > MAX_DESTINATIONS {
            return Err(BuildError::TooManyDestinations(limit.destinations.len()));
        }
        Ok(AddSpendingLimit {
            multisig: self.multisig,
            config_authority: self.keys.owner_key,
            rent_payer: self.keys.fee_payer,
            create_key: pda::limit_create_key(&self.keys.agent, &real(limit.asset)?),
            vault_index: VAULT,
            asset: limit.asset,
            amount: limit.amount,
            period: Period::Day,
            members: vec![self.keys.agent_key],
            destinations: limit.destinations.iter().copied().collect(),
            memo: None,
        })
    }

    /// Ends the limit on an asset.
    #[must_use]
    pub fn remove_limit(&self, asset: &Asset) -> RemoveSpendingLimit {
        self.remove_limit_at(self.limit(asset))
    }

    fn remove_limit_at(&self, limit: Address) -> RemoveSpendingLimit {
        RemoveSpendingLimit {
            multisig: self.multisig,
            config_authority: self.keys.owner_key,
            limit,
            rent_collector: self.keys.fee_payer,
            memo: None,
        }
    }

    /// Everything a new wallet needs on chain, the multisig first. Each inner list is one transaction; together they
    /// are as few as filling them in order allows. `treasury` is what Squads' program config says
    /// ([`crate::account::ProgramConfig`]).
    ///
    /// # Errors
    /// Those of [`Self::add_limit`], and [`BuildError::TwoLimits`].
    pub fn setup_transactions(&self, limits: &[LimitSpec], treasury: Address) -> Result<Vec<Vec<Action>>, BuildError> {
        let mut steps = vec![vec![Action::from(self.create(treasury))]];
        steps.extend(self.steps(limits.iter().cloned().map(LimitChange::Add))?);
        pack::pack(self, steps)
    }

    /// Changes limits of a wallet that exists. Each inner list is one transaction; no change is torn in two.
    ///
    /// # Errors
    /// Those of [`Self::add_limit`], and [`BuildError::TwoLimits`].
    pub fn limit_transactions(&self, changes: &[LimitChange]) -> Result<Vec<Vec<Action>>, BuildError> {
        pack::pack(self, self.steps(changes.iter().cloned())?)
    }

    fn steps(&self, changes: impl IntoIterator<Item = LimitChange>) -> Result<Vec<Vec<Action>>, BuildError> {
        let mut seen = BTreeSet::new();
        let step = |change| {
            let (asset, step) = match change {
                LimitChange::Add(limit) => (limit.asset, vec![self.add_limit(&limit)?.into()]),
                LimitChange::Replace(limit) => {
                    let (remove, add) = (self.remove_limit(&limit.asset), self.add_limit(&limit)?);
                    (limit.asset, vec![remove.into(), add.into()])
                }
                LimitChange::Remove(asset) => (asset, vec![self.remove_limit(&asset).into()]),
            };
            if seen.insert(asset.to_string()) {
                Ok(step)
            } else {
                Err(BuildError::TwoLimits(asset))
            }
        };
        changes.into_iter().map(step).collect()
    }

    /// A payment out of the vault on the agent's signature.
    ///
    /// # Errors
    /// [`BuildError::NotAMint`], [`BuildError::LostDestination`].
    pub fn spend(&self, spend: &Spend) -> Result<Vec<Action>, BuildError> {
        if spend.destination == self.multisig {
            return Err(BuildError::LostDestination(spend.destination));
        }
        let asset = real(spend.asset())?;
        let create = match spend.currency {
            Currency::Token { mint, program, .. } if spend.creates_token_account => Some(CreateTokenAccount {
                payer: self.keys.fee_payer,
                owner: spend.destination,
                mint,
                program,
            }),
            _ => None,
        };
        let pay = UseSpendingLimit {
            multisig: self.multisig,
            member: self.keys.agent_key,
            limit: self.limit(&asset),
            destination: spend.destination,
            currency: spend.currency,
            amount: spend.amount,
            memo: Some(spend.transaction.to_string()),
        };
        Ok(create.map(Action::from).into_iter().chain([pay.into()]).collect())
    }

    /// The message that does `actions`, with this wallet's fee payer.
    ///
    /// # Errors
    /// [`MessageError::TooLarge`].
    pub fn message(&self, recent_blockhash: Blockhash, actions: &[Action]) -> Result<Message, MessageError> {
        decode::compile(&self.programs, self.keys.fee_payer, recent_blockhash, actions)
    }
}

/// Refuses the mint that Squads takes for SOL.
fn real(asset: Asset) -> Result<Asset, BuildError> {
    match asset {
        Asset::Token(mint) if mint.address() == Address::SYSTEM_PROGRAM => Err(BuildError::NotAMint(mint)),
        other => Ok(other),
    }
}
