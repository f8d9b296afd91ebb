//! Wallets for agents: what they may spend, what they did, and how it gets on chain.
//!
//! The promise of this service: an agent never spends more than its limits, whatever crashes or races. It rests on
//! three things here: the decision is one transaction with the reservation (`transactions/decide`); from the moment
//! a signature can exist, only proof gives budget back (`transactions/advance.rs`); and whatever was begun is carried
//! on from its row (`portreeve_jobs`).
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod agents;
mod error;
mod events;
mod hands;
mod http;
pub mod mcp;
mod migrations;
mod passkeys;
pub mod ports;
pub mod rpc;
pub mod scopes;
pub mod signer_client;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod transactions;

pub use {
    agents::{AgentStage, AgentStatus, ChainSync},
    http::{pages_router, router},
    migrations::SCHEMA,
    transactions::{Stage, Status},
};

use {
    crate::{
        agents::Shown,
        error::Failure,
        hands::Hands,
        ports::{Chain, Signer},
        transactions::{Decider, Refusals},
    },
    portreeve_chain::{AgentKeys, AgentWallet, Programs},
    portreeve_guard::{Gate, Origin, Problem},
    portreeve_jobs::Runner,
    portreeve_kernel::{
        AgentId, Clock, Code, Entropy, Now, OwnerId, TransactionId,
        control::{AgentControl, Boxed, CredentialCheck, CredentialControl, NamedAgent, PasskeyControl, Standing},
    },
    portreeve_pages::Visitors,
    portreeve_signing::{Receipt, protocol::Enrolment},
    portreeve_store::{Batcher, Database, Fetch, Sql, StoreError, Tx},
    std::{
        collections::HashMap,
        pin::pin,
        sync::{Arc, Mutex, OnceLock, PoisonError},
        time::Duration,
    },
};

/// How many jobs are enqueued in one write when the server starts.
const RECOVER_AT_ONCE: usize = 500;

/// How often refused payments are written into the audit log.
const UPKEEP: Duration = Duration::from_secs(1);

/// What the wallet needs from the house.
#[derive(Clone)]
pub struct Parts {
    /// Where everything is kept.
    pub database: Database,
    /// Who may come in.
    pub gate: Gate,
    /// The time that budgets and policies live by: on the local chain the chain's, elsewhere the wall's.
    pub clock: Arc<dyn Clock>,
    /// The wall's time, by which background work is planned.
    pub wall: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// Where money moves.
    pub chain: Arc<dyn Chain>,
    /// Who signs.
    pub signer: Arc<dyn Signer>,
    /// Whose keys are revoked when an agent is stopped for good.
    pub credentials: Arc<dyn CredentialControl<Tx, StoreError>>,
    /// Whether a credential is still good when an act commits.
    pub checks: Arc<dyn CredentialCheck<Tx, StoreError>>,
    /// Whose passkeys may speak for an owner.
    pub passkeys: Arc<dyn PasskeyControl<StoreError>>,
    /// Who is signed in, for our pages.
    pub visitors: Arc<dyn Visitors>,
    /// Where the programs are.
    pub programs: Programs,
}

/// The wallet service. Cheap to clone; the state of its router.
#[derive(Clone)]
pub struct Wallet(Arc<Inner>);

struct Inner {
    parts: Parts,
    hands: Hands,
    decider: Batcher<Decider>,
    /// What never changes for this installation, once the signer has said it.
    enrolment: OnceLock<Enrolment>,
    /// Agents with payments that an earlier life left in flight: they get no new ones until those have ended.
    recovering: Mutex<HashMap<TransactionId, AgentId>>,
    /// Payments that were refused before any rule was asked, until they are in the audit log.
    refusals: Refusals,
    shown: Shown,
}

impl Wallet {
    /// Makes the service. Call [`Wallet::recover`] before serving.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let hands = Hands {
            clock: Arc::clone(&parts.clock),
            wall: Arc::clone(&parts.wall),
            entropy: Arc::clone(&parts.entropy),
            credentials: Arc::clone(&parts.credentials),
            checks: Arc::clone(&parts.checks),
        };
        let decider = parts.database.batcher(Decider::new(hands.clone()));
        let (enrolment, recovering) = (OnceLock::new(), Mutex::new(HashMap::new()));
        Self(Arc::new(Inner {
            parts,
            hands,
            decider,
            enrolment,
            recovering,
            refusals: Refusals::default(),
            shown: Shown::default(),
        }))
    }

    /// Finds what an earlier life left unfinished and has it carried on. Until its payments have ended, an agent gets no
    /// new ones. Answers how many there are.
    ///
    /// # Errors
    /// As any statement.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let mut read = self.database().read();
        let left = transactions::in_flight(&mut read).await?;
        let count = left.len();
        let payments = left.iter().map(|(id, _)| (transactions::JOB, id.to_string()));
        let agents = agents::out_of_step(&mut read).await?;
        let agents = agents.iter().map(|id| (agents::JOB, id.to_string()));
        let jobs: Vec<(&'static str, String)> = agents.chain(payments).collect();
        self.recovering().extend(left);
        for some in jobs.chunks(RECOVER_AT_ONCE) {
            let (own, some) = (self.clone(), some.to_vec());
            let unit = async move |tx: &mut Tx| {
                for (kind, subject) in &some {
                    portreeve_jobs::enqueue(tx, kind, subject, own.hands().wall()).await?;
                }
                Ok::<_, StoreError>(())
            };
            self.database().write(unit).await?;
        }
        Ok(count)
    }

    /// Adds the work on payments to `runner`.
    #[must_use]
    pub fn payment_jobs(&self, runner: Runner) -> Runner {
        let own = self.clone();
        runner.register(transactions::JOB, move |subject| {
            transactions::advance(own.clone(), subject)
        })
    }

    /// Adds the work on agents to `runner`, which is another than that of the payments: stopping an agent does not wait
    /// behind them.
    #[must_use]
    pub fn agent_jobs(&self, runner: Runner) -> Runner {
        let own = self.clone();
        runner.register(agents::JOB, move |subject| agents::sync(own.clone(), subject))
    }

    /// Writes refusals into the audit log once a second until `stopped`, and once more then.
    pub async fn upkeep(self, stopped: impl Future<Output = ()>) {
        let mut stopped = pin!(stopped);
        let mut over = false;
        while !over {
            tokio::select! {
                () = &mut stopped => over = true,
                () = tokio::time::sleep(UPKEEP) => {}
            }
            let now = self.hands().clock.now().for_expiry();
            if let Err(error) = self.refusals().flush(self.database(), now).await {
                tracing::warn!(%error, "refused payments are not in the audit log yet");
            }
        }
    }

    /// The newest receipt of the signer that `database` keeps, to start the signer's client with.
    ///
    /// # Errors
    /// As any read.
    pub async fn receipt(database: &Database) -> Result<Option<Receipt>, StoreError> {
        let sql = Sql::new("SELECT receipt FROM signer_receipts WHERE signer = 'signer'");
        database
            .read()
            .fetch_optional(sql)
            .await?
            .map(|row| row.json("receipt"))
            .transpose()
    }

    /// Keeps the newest receipt, so that a signer that loses its memory is found out even after a restart.
    async fn keep_receipt(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let Some(receipt) = self.signer().receipt() else {
            return Ok(());
        };
        let sql = Sql::new(
            "INSERT INTO signer_receipts (signer, sequence, receipt) VALUES ('signer', $1, $2) \
             ON CONFLICT (signer) DO UPDATE SET sequence = excluded.sequence, receipt = excluded.receipt \
             WHERE signer_receipts.sequence < excluded.sequence",
        );
        tx.execute(sql.bind(receipt.sequence).bind_json(&receipt))
            .await
            .map(|_| ())
    }

    fn gate(&self) -> &Gate {
        &self.0.parts.gate
    }

    fn database(&self) -> &Database {
        &self.0.parts.database
    }

    fn shown(&self) -> &Shown {
        &self.0.shown
    }

    fn chain(&self) -> &dyn Chain {
        &*self.0.parts.chain
    }

    fn signer(&self) -> &dyn Signer {
        &*self.0.parts.signer
    }

    fn passkeys(&self) -> &dyn PasskeyControl<StoreError> {
        &*self.0.parts.passkeys
    }

    fn visitors(&self) -> &dyn Visitors {
        &*self.0.parts.visitors
    }

    fn programs(&self) -> Programs {
        self.0.parts.programs
    }

    fn hands(&self) -> &Hands {
        &self.0.hands
    }

    fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    fn decider(&self) -> &Batcher<Decider> {
        &self.0.decider
    }

    /// The present, after the chain was asked where it is the clock.
    async fn now(&self) -> Result<Now, Problem> {
        self.chain()
            .refresh_time()
            .await
            .map_err(|error| error::chain(&error))?;
        Ok(self.hands().clock.now())
    }

    /// The keys that all wallets here share.
    async fn enrolment(&self) -> Result<Enrolment, Problem> {
        if let Some(known) = self.0.enrolment.get() {
            return Ok(known.clone());
        }
        let told = self.signer().enrolment().await.map_err(|error| error::signer(&error))?;
        Ok(self.0.enrolment.get_or_init(|| told).clone())
    }

    /// The addresses of an agent that has a key.
    async fn wallet_of(&self, agent: &agents::AgentRow) -> Result<AgentWallet, Problem> {
        let agent_key = agent.public_key.ok_or(Code::AgentCreating)?;
        let shared = self.enrolment().await?;
        let keys = AgentKeys {
            agent: agent.id.clone(),
            agent_key,
            owner_key: shared.owner_key,
            fee_payer: shared.fee_payer,
        };
        AgentWallet::new(keys, self.programs()).map_err(|error| Failure::from(Problem::internal(error)).into())
    }

    fn recovering(&self) -> std::sync::MutexGuard<'_, HashMap<TransactionId, AgentId>> {
        self.0.recovering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether payments of an earlier life are still open. Another node may have ended them, so the rows are asked.
    async fn is_recovering(&self, agent: &AgentId) -> Result<bool, StoreError> {
        let of_agent = |(_, whose): &(&TransactionId, &AgentId)| *whose == agent;
        let open: Vec<TransactionId> = self
            .recovering()
            .iter()
            .filter(of_agent)
            .map(|(id, _)| id.clone())
            .collect();
        for id in open {
            if transactions::is_open(&mut self.database().read(), &id).await? {
                return Ok(true);
            }
            self.recovered(&id);
        }
        Ok(false)
    }

    fn recovered(&self, payment: &TransactionId) {
        self.recovering().remove(payment);
    }
}

impl AgentControl<Tx, StoreError> for Wallet {
    fn belongs_to<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
    ) -> Boxed<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            Ok(agents::find(tx, agent)
                .await?
                .is_some_and(|agent| agent.owner == *owner))
        })
    }

    fn suspend<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
        actor: &'a str,
    ) -> Boxed<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let agent = agents::lock(tx, agent).await?.filter(|agent| agent.owner == *owner);
            let Some(mut agent) = agent.filter(agents::may_be_stopped) else {
                return Ok(false);
            };
            let now = self.hands().clock.now().for_expiry();
            let reason = Some("a credential leaked".to_owned());
            self.hands().suspend(tx, &mut agent, reason, actor, now).await?;
            Ok(true)
        })
    }

    fn of_owner<'a>(&'a self, owner: &'a OwnerId, most: u32) -> Boxed<'a, Result<Vec<NamedAgent>, StoreError>> {
        Box::pin(async move { agents::named(&mut self.database().read(), owner, most).await })
    }

    fn lock<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
    ) -> Boxed<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async move {
            let agent = agents::lock(tx, agent).await?.filter(|agent| agent.owner == *owner);
            Ok(agent.map(|agent| match agent.status {
                AgentStatus::Suspended => Standing::Suspended,
                AgentStatus::Creating | AgentStatus::Active => Standing::Going,
            }))
        })
    }
}

impl axum::extract::FromRef<Wallet> for Origin {
    fn from_ref(wallet: &Wallet) -> Self {
        wallet.visitors().origin()
    }
}

impl axum::extract::FromRef<Wallet> for Gate {
    fn from_ref(wallet: &Wallet) -> Self {
        wallet.0.parts.gate.clone()
    }
}
