//! Brings an agent's wallet on chain to what its status asks: made, with one limit per asset, or with none.
//!
//! Every step begins by reading the chain, so a step that was done before a crash is seen and not done again, and a
//! transaction that lands twice cannot: what it makes has a fixed address. And it ends so: that limits are there, or
//! gone, is believed of as many RPC operators as a proof takes, and only of blocks in which it can be seen.

use {
    super::{
        row,
        witness::{Agreed, NoWitness, agreed},
    },
    crate::{
        Wallet,
        ports::{Account, Chain, ChainError, Commitment, Signer, SignerError, unsigned},
    },
    portreeve_chain::{
        Action, AgentWallet, Blockhash, BuildError, LimitChange, LimitSpec, MessageError, Transaction,
        account::{ProgramConfig, SpendingLimit},
        pda,
        squads::Period,
    },
    portreeve_kernel::{Address, AgentId, Asset, kill},
    portreeve_ledger::EXPIRY_MARGIN_BLOCKS,
    portreeve_signing::protocol::Signed,
    portreeve_store::{Database, StoreError, Tx},
    std::time::Duration,
};

/// How often the chain is asked what became of a configuration.
const POLL: Duration = Duration::from_millis(200);

/// How long the job waits at most before it lets others have its place, and begins by reading the chain again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the chain is not configured yet. All are worth another try.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigureError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error("the chain refuses the configuration: {0}")]
    Refused(String),
    #[error("the configuration did not land before its blockhash expired")]
    Expired,
    #[error("a transaction that changes the limits has not landed yet")]
    UnderWay,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what is on chain cannot be read: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Witness(#[from] NoWitness),
    #[error("the chain does not hold what it should hold by now")]
    NotThere,
}

/// Who signs a configuration: each kind is judged by other rules of the signer.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Setup,
    Removal,
    Restore,
}

/// What the chain holds of a wallet.
struct Seen {
    multisig: bool,
    /// One for each asset that was asked for.
    limits: Vec<Option<SpendingLimit>>,
    /// Of a block in which all that can be seen.
    height: u64,
}

/// A wallet and the ways to reach what it lives on.
pub(crate) struct Configurator<'a> {
    agent: &'a AgentId,
    wallet: &'a AgentWallet,
    database: &'a Database,
    chain: &'a dyn Chain,
    signer: &'a dyn Signer,
}

impl<'a> Configurator<'a> {
    pub(crate) fn new(house: &'a Wallet, agent: &'a AgentId, wallet: &'a AgentWallet) -> Self {
        let (database, chain, signer) = (house.database(), house.chain(), house.signer());
        Self {
            agent,
            wallet,
            database,
            chain,
            signer,
        }
    }

    /// The multisig exists and has exactly `limits`. Answers the height of a block in which they can be seen.
    pub(crate) async fn ensure_limits(&self, limits: &[LimitSpec]) -> Result<u64, ConfigureError> {
        let assets = || limits.iter().map(|limit| limit.asset);
        let there = self.look(assets(), None).await?;
        if there.multisig {
            let changes = limits
                .iter()
                .zip(there.limits)
                .filter_map(|(limit, there)| match there {
                    None => Some(LimitChange::Add(limit.clone())),
                    Some(there) if self.says(&there, limit) => None,
                    Some(_) => Some(LimitChange::Replace(limit.clone())),
                });
            let changes: Vec<LimitChange> = changes.collect();
            self.run(self.wallet.limit_transactions(&changes)?, Kind::Restore)
                .await?;
        } else {
            let steps = self.wallet.setup_transactions(limits, self.treasury().await?)?;
            self.run(steps, Kind::Setup).await?;
        }
        let there = self.look(assets(), None).await?;
        let as_wanted = limits
            .iter()
            .zip(&there.limits)
            .all(|(limit, there)| there.as_ref().is_some_and(|there| self.says(there, limit)));
        if as_wanted {
            Ok(there.height)
        } else {
            Err(ConfigureError::NotThere)
        }
    }

    /// None of `assets` has a limit: the agent's key can spend nothing, whoever holds it.
    ///
    /// `limits_until` is the height until which limits may have been put there. In no block before can it be seen that
    /// there are none.
    pub(crate) async fn ensure_no_limits(
        &self,
        assets: &[Asset],
        limits_until: Option<u64>,
    ) -> Result<(), ConfigureError> {
        // What is there already goes at once, whatever may come after it.
        let there = match self.look(assets.iter().copied(), limits_until).await {
            Err(ConfigureError::Witness(_)) => self.look(assets.iter().copied(), None).await,
            other => other,
        }?;
        let limited = assets.iter().zip(there.limits).filter(|(_, limit)| limit.is_some());
        let changes: Vec<_> = limited.map(|(asset, _)| LimitChange::Remove(*asset)).collect();
        self.run(self.wallet.limit_transactions(&changes)?, Kind::Removal)
            .await?;
        let there = self.look(assets.iter().copied(), limits_until).await?;
        if there.limits.iter().any(Option::is_some) {
            return Err(ConfigureError::NotThere);
        }
        Ok(())
    }

    /// Whether the multisig has a limit for each of `assets`.
    pub(crate) async fn has_limits(&self, assets: &[Asset], limits_until: Option<u64>) -> Result<bool, ConfigureError> {
        let there = self.look(assets.iter().copied(), limits_until).await?;
        Ok(there.limits.iter().all(Option::is_some))
    }

    /// What the chain holds of the wallet, by as many operators as a proof takes, in a block past `past`.
    async fn look(&self, assets: impl Iterator<Item = Asset>, past: Option<u64>) -> Result<Seen, ConfigureError> {
        let limits = assets.map(|asset| self.wallet.limit(&asset));
        let addresses: Vec<Address> = [self.wallet.multisig()].into_iter().chain(limits).collect();
        let Agreed { accounts, height } = self.agreed(&addresses, past).await?;
        let squads = self.wallet.programs().squads;
        let mut accounts = accounts
            .into_iter()
            .map(|account| account.filter(|account| account.owner == squads));
        let multisig = accounts.next().flatten().is_some();
        let decode = |account: Account| {
            SpendingLimit::decode(&account.data).map_err(|error| ConfigureError::Unreadable(error.to_string()))
        };
        let limits = accounts.map(|account| account.map(decode).transpose());
        Ok(Seen {
            multisig,
            limits: limits.collect::<Result<_, _>>()?,
            height,
        })
    }

    async fn agreed(&self, addresses: &[Address], past: Option<u64>) -> Result<Agreed, ConfigureError> {
        let sightings = self.chain.sightings(addresses).await;
        Ok(agreed(sightings, past, self.chain.min_operators())?)
    }

    async fn treasury(&self) -> Result<Address, ConfigureError> {
        let address = pda::program_config(self.wallet.programs());
        let account = self.agreed(&[address], None).await?.accounts.into_iter().next();
        let account = account.flatten();
        let account = account.ok_or_else(|| ConfigureError::Unreadable("Squads has no program config here".into()))?;
        let config = ProgramConfig::decode(&account.data);
        config
            .map(|config| config.treasury)
            .map_err(|error| ConfigureError::Unreadable(error.to_string()))
    }

    async fn run(&self, steps: Vec<Vec<Action>>, kind: Kind) -> Result<(), ConfigureError> {
        for actions in steps {
            kill::point("wallet.configure.before");
            self.land(&actions, kind).await?;
            kill::point("wallet.configure.landed");
        }
        Ok(())
    }

    /// Signs and sends one transaction, and waits until the chain has made it final.
    async fn land(&self, actions: &[Action], kind: Kind) -> Result<(), ConfigureError> {
        let recent = self.chain.latest_blockhash().await?;
        // Taking a limit away may come at any time. Of one that is put there it has to be known when it no longer can.
        let last_valid = match (recent.last_valid_block_height, kind) {
            (Some(height), _) => height,
            (None, Kind::Removal) => u64::MAX,
            (None, Kind::Setup | Kind::Restore) => return Err(crate::rpc::no_height().into()),
        };
        let message = self.wallet.message(Blockhash::new(recent.hash), actions)?;
        // The signer signs only so many of these a day; what the chain would refuse must not use them up.
        if let Err(refusal) = self.chain.simulate(&unsigned(&message)?).await? {
            return Err(ConfigureError::Refused(refusal.error));
        }
        if !matches!(kind, Kind::Removal) {
            // With the margin that a proof takes: once they are gone nobody looks again.
            let (agent, until) = (self.agent.clone(), last_valid.saturating_add(EXPIRY_MARGIN_BLOCKS));
            let note = async move |tx: &mut Tx| row::limits_until(tx, &agent, until).await;
            self.database.write::<_, StoreError, _>(note).await?;
        }
        let Signed { signatures } = match kind {
            Kind::Setup => self.signer.sign_setup(self.agent, message.as_bytes()).await?,
            Kind::Removal => self.signer.sign_limit_removal(self.agent, message.as_bytes()).await?,
            Kind::Restore => self.signer.sign_limit_restore(self.agent, message.as_bytes()).await?,
        };
        kill::point("wallet.configure.signed");
        let signed: Vec<_> = signatures.into_iter().map(|one| (one.key, one.signature)).collect();
        let transaction = Transaction::assemble(message, &signed)
            .map_err(|error| SignerError::Unavailable(format!("signatures that do not fit: {error}")))?;
        let (wire, signature) = (transaction.to_wire(), transaction.signature().to_string());
        let settled = async {
            loop {
                self.chain.send(&wire).await?;
                match self.chain.status(&signature).await? {
                    Some(status) if status.commitment < Commitment::Finalized => {}
                    Some(status) => return status.error.map_or(Ok(()), |error| Err(ConfigureError::Refused(error))),
                    None if self.chain.finalized_height().await?.agreed > last_valid => {
                        return Err(ConfigureError::Expired);
                    }
                    None => {}
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConfigureError::UnderWay),
        }
    }

    /// Whether a limit on chain is what the policy asks for, but for how much of it is left.
    fn says(&self, there: &SpendingLimit, wanted: &LimitSpec) -> bool {
        there.amount == wanted.amount.units()
            && there.period == Period::Day
            && there.members == [self.wallet.keys().agent_key]
            && there.destinations.len() == wanted.destinations.len()
            && there
                .destinations
                .iter()
                .all(|destination| wanted.destinations.contains(destination))
    }
}
