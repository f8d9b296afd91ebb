//! An agent's wallet: one multisig, whose vault 0 holds the money, and one daily limit per asset.
//!
//! The owner's key is config authority and only voter. The agent's key gives the multisig its address, and after that
//! stands nowhere but in the limits. The fee payer pays fees and rent and has authority over nothing. Those who build
//! transactions and those who check them share this file, so there is one opinion of what belongs in them.

mod check;
mod order;
mod pack;

pub use {
    check::{Configuration, Mismatch},
    order::{AgentKeys, BuildError, LimitChange, LimitSpec, MAX_DESTINATIONS, Spend},
};

use {
    crate::{
        action::Action,
        decode,
        message::{Message, MessageError},
        pda,
        program::{Programs, TokenProgram},
        squads::{
            AddSpendingLimit, CreateMultisig, Currency, Member, PERMISSION_ALL, Period, RemoveSpendingLimit,
            UseSpendingLimit, VAULT,
        },
        token::CreateTokenAccount,
        transaction::Blockhash,
    },
    portreeve_kernel::{Address, Asset, Mint},
};

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
        let asset = self.real(limit.asset)?;
        Ok(AddSpendingLimit {
            multisig: self.multisig,
            config_authority: self.keys.owner_key,
            rent_payer: self.keys.fee_payer,
            create_key: pda::limit_create_key(&self.keys.agent, &asset),
            vault_index: VAULT,
            asset,
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
        let mut seen = Vec::new();
        let step = |change| {
            let (asset, step) = match change {
                LimitChange::Add(limit) => (limit.asset, vec![self.add_limit(&limit)?.into()]),
                LimitChange::Replace(limit) => {
                    let (remove, add) = (self.remove_limit(&limit.asset), self.add_limit(&limit)?);
                    (limit.asset, vec![remove.into(), add.into()])
                }
                LimitChange::Remove(asset) => (asset, vec![self.remove_limit(&asset).into()]),
            };
            if seen.contains(&asset) {
                return Err(BuildError::TwoLimits(asset));
            }
            seen.push(asset);
            Ok(step)
        };
        changes.into_iter().map(step).collect()
    }

    /// A payment out of the vault on the agent's signature.
    ///
    /// # Errors
    /// [`BuildError::NotAMint`], [`BuildError::LostDestination`], [`BuildError::NoTokenAccount`].
    pub fn spend(&self, spend: &Spend) -> Result<Vec<Action>, BuildError> {
        if spend.destination == self.multisig {
            return Err(BuildError::LostDestination(spend.destination));
        }
        let asset = self.real(spend.asset())?;
        let create = match (spend.creates_token_account, spend.currency) {
            (false, _) => None,
            (true, Currency::Sol) => return Err(BuildError::NoTokenAccount),
            (true, Currency::Token { mint, program, .. }) => Some(CreateTokenAccount {
                payer: self.keys.fee_payer,
                owner: spend.destination,
                mint,
                program,
            }),
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

    /// Refuses the two mints that Squads does not take for one: it writes SOL as all zeros, and "no mint" as itself.
    fn real(&self, asset: Asset) -> Result<Asset, BuildError> {
        match asset {
            Asset::Token(mint) if [Address::SYSTEM_PROGRAM, self.programs.squads].contains(&mint.address()) => {
                Err(BuildError::NotAMint(mint))
            }
            other => Ok(other),
        }
    }

    /// The message that does `actions`, with this wallet's fee payer.
    ///
    /// # Errors
    /// [`MessageError::TooLarge`].
    pub fn message(&self, recent_blockhash: Blockhash, actions: &[Action]) -> Result<Message, MessageError> {
        decode::compile(&self.programs, self.keys.fee_payer, recent_blockhash, actions)
    }
}
