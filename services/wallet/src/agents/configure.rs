//! Brings an agent's wallet on chain to what its status asks: made, with one limit per asset, or with none.
//!
//! Every step begins by reading the chain, so a step that was done before a crash is seen and not done again, and a
//! transaction that lands twice cannot: what it makes has a fixed address.

use {
    super::row,
    crate::{
        Wallet,
        ports::{Chain, ChainError, Commitment, Signer, SignerError, unsigned},
    },
    portreeve_chain::{
        Action, AgentWallet, Blockhash, BuildError, LimitChange, LimitSpec, MessageError, Transaction,
        account::{ProgramConfig, SpendingLimit},
        pda,
        squads::Period,
    },
    portreeve_kernel::{AgentId, Asset, kill},
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
    #[error("a transaction that changes the limits may land until block {0}")]
    UnderWay(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what is on chain cannot be read: {0}")]
    Unreadable(String),
}

/// Who signs a configuration: each kind is judged by other rules of the signer.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Setup,
    Removal,
    Restore,
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

    /// The multisig exists and has exactly `limits`.
    pub(crate) async fn ensure_limits(&self, limits: &[LimitSpec]) -> Result<(), ConfigureError> {
        if self
            .chain
            .account(self.wallet.multisig(), Commitment::Finalized)
            .await?
            .is_none()
        {
            let treasury = self.treasury().await?;
            let steps = self.wallet.setup_transactions(limits, treasury)?;
            return self.run(steps, Kind::Setup).await;
        }
        let mut changes = Vec::new();
        for limit in limits {
            match self.limit_on_chain(&limit.asset).await? {
                None => changes.push(LimitChange::Add(limit.clone())),
                Some(there) if self.says(&there, limit) => {}
                Some(_) => changes.push(LimitChange::Replace(limit.clone())),
            }
        }
        self.run(self.wallet.limit_transactions(&changes)?, Kind::Restore).await
    }

    /// None of `assets` has a limit: the agent's key can spend nothing, whoever holds it.
    ///
    /// `limits_until` is the height until which an earlier transaction may still land that puts limits there. Until it
    /// has passed, seeing none proves nothing.
    pub(crate) async fn ensure_no_limits(
        &self,
        assets: impl Iterator<Item = Asset>,
        limits_until: Option<u64>,
    ) -> Result<(), ConfigureError> {
        let mut changes = Vec::new();
        for asset in assets {
            if self.limit_on_chain(&asset).await?.is_some() {
                changes.push(LimitChange::Remove(asset));
            }
        }
        self.run(self.wallet.limit_transactions(&changes)?, Kind::Removal)
            .await?;
        match limits_until {
            Some(height) if self.chain.finalized_height().await? <= height => Err(ConfigureError::UnderWay(height)),
            _ => Ok(()),
        }
    }

    /// Whether the multisig has a limit for each of `assets`.
    pub(crate) async fn has_limits(&self, assets: impl Iterator<Item = Asset>) -> Result<bool, ConfigureError> {
        for asset in assets {
            if self.limit_on_chain(&asset).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn limit_on_chain(&self, asset: &Asset) -> Result<Option<SpendingLimit>, ConfigureError> {
        let account = self
            .chain
            .account(self.wallet.limit(asset), Commitment::Finalized)
            .await?;
        let Some(account) = account.filter(|account| account.owner == self.wallet.programs().squads) else {
            return Ok(None);
        };
        let limit = SpendingLimit::decode(&account.data);
        limit
            .map(Some)
            .map_err(|error| ConfigureError::Unreadable(error.to_string()))
    }

    async fn treasury(&self) -> Result<portreeve_kernel::Address, ConfigureError> {
        let address = pda::program_config(self.wallet.programs());
        let account = self.chain.account(address, Commitment::Finalized).await?;
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
        let message = self.wallet.message(Blockhash::new(recent.hash), actions)?;
        // The signer signs only so many of these a day; what the chain would refuse must not use them up.
        if let Err(refusal) = self.chain.simulate(&unsigned(&message)?).await? {
            return Err(ConfigureError::Refused(refusal.error));
        }
        if !matches!(kind, Kind::Removal) {
            let (agent, height) = (self.agent.clone(), recent.last_valid_block_height);
            let note = async move |tx: &mut Tx| row::limits_until(tx, &agent, height).await;
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
                    None if self.chain.finalized_height().await? > recent.last_valid_block_height => {
                        return Err(ConfigureError::Expired);
                    }
                    None => {}
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConfigureError::UnderWay(recent.last_valid_block_height)),
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
