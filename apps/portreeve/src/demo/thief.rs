//! What somebody does who has broken in: first into the server, then into the signer's keystore as well.

use {
    super::{DemoError, chain::LocalChain, stage::Stage},
    crate::{home, world::SystemEntropy},
    portreeve_chain::{AgentKeys, AgentWallet, Programs, Spend, Transaction, squads::Currency},
    portreeve_kernel::{Address, AgentId, Amount, Entropy, Timestamp, TransactionId},
    portreeve_signing::{
        Refusal,
        key::SecretKey,
        protocol::Enrolment,
        sealed::{Keystore, SealedKey, agent_key_name},
    },
    portreeve_wallet::{
        ports::{Signer, SignerError},
        signer_client::SignerClient,
    },
    serde::de::DeserializeOwned,
    serde_json::Value,
    std::path::Path,
};

/// Enough for a thief's fees.
const THIEFS_FEES: u64 = 100_000_000;

/// What a thief knows of an agent.
pub(super) struct Thief<'a> {
    stage: &'a Stage,
    agent: AgentId,
    agent_key: Address,
    enrolment: Enrolment,
    signer: SignerClient,
    /// Pays the thief's own fees.
    purse: SecretKey,
    /// Once stolen.
    stolen: Option<SecretKey>,
}

impl<'a> Thief<'a> {
    pub(super) async fn new(stage: &'a Stage, agent: AgentId, agent_key: Address) -> Result<Self, DemoError> {
        let signer = SignerClient::new(stage.home.signer_socket(), None);
        let enrolment = (&signer as &dyn Signer).enrolment().await?;
        let mut seed = [0; 32];
        SystemEntropy.fill(&mut seed);
        let purse = SecretKey::from_seed(&seed);
        stage.chain.airdrop(purse.public(), THIEFS_FEES).await?;
        Ok(Self {
            stage,
            agent,
            agent_key,
            enrolment,
            signer,
            purse,
            stolen: None,
        })
    }

    /// Past the server: a forged request straight to the signer. The refusal it gets; a signature is a broken promise.
    pub(super) async fn ask_signer(&self, to: Address, amount: Amount) -> Result<Refusal, DemoError> {
        let wallet = self.wallet(self.enrolment.fee_payer)?;
        let id = self.transaction().await?;
        let message = message(&wallet, &self.stage.chain, &id, to, amount).await?;
        match (&self.signer as &dyn Signer)
            .sign_spend(&id, &self.agent, message.as_bytes())
            .await
        {
            Err(SignerError::Refused(refusal)) => Ok(refusal),
            Err(other) => Err(other.into()),
            Ok(_) => Err(DemoError::not_as_promised(
                "the signer refuses a forged request",
                "it signed",
            )),
        }
    }

    /// Reads the agent's key out of the keystore that this demo made, with the passphrase that lies beside it.
    pub(super) fn steal_key(&mut self) -> Result<(), DemoError> {
        let folder = self.stage.home.signer();
        let passphrase = home::read(&self.stage.home.signer_passphrase())?;
        let keystore: Keystore = json(&folder.join("keystore.json"))?;
        let sealed: SealedKey = json(&folder.join("keys").join(format!("{}.json", self.agent)))?;
        let master = keystore.derivation.master_key(passphrase.trim_end().as_bytes())?;
        self.stolen = Some(master.open(&agent_key_name(&self.agent), &sealed)?);
        Ok(())
    }

    /// Past the signer too: a transaction signed with the stolen key, straight to the chain. The chain's reason to
    /// refuse it; money that moves is a broken promise.
    pub(super) async fn ask_chain(&self, to: Address, amount: Amount) -> Result<Value, DemoError> {
        let key = self
            .stolen
            .as_ref()
            .ok_or_else(|| DemoError::Build("no key is stolen yet".into()))?;
        let wallet = self.wallet(self.purse.public())?;
        let id = self.transaction().await?;
        let message = message(&wallet, &self.stage.chain, &id, to, amount).await?;
        let signed = [&self.purse, key].map(|key| (key.public(), key.sign(message.as_bytes())));
        let transaction = Transaction::assemble(message, &signed).map_err(build)?;
        match self.stage.chain.send(&transaction.to_wire()).await? {
            Err(refused) => Ok(refused),
            Ok(()) => Err(DemoError::not_as_promised("Squads refuses the stolen key", "it paid")),
        }
    }

    fn wallet(&self, fee_payer: Address) -> Result<AgentWallet, DemoError> {
        let keys = AgentKeys {
            agent: self.agent.clone(),
            agent_key: self.agent_key,
            owner_key: self.enrolment.owner_key,
            fee_payer,
        };
        AgentWallet::new(keys, Programs::default()).map_err(build)
    }

    async fn transaction(&self) -> Result<TransactionId, DemoError> {
        let now: Timestamp = self.stage.chain.now().await?;
        Ok(TransactionId::new(now, &SystemEntropy))
    }
}

async fn message(
    wallet: &AgentWallet,
    chain: &LocalChain,
    id: &TransactionId,
    to: Address,
    amount: Amount,
) -> Result<portreeve_chain::Message, DemoError> {
    let spend = Spend {
        transaction: id.clone(),
        currency: Currency::Sol,
        amount,
        destination: to,
        creates_token_account: false,
    };
    let actions = wallet.spend(&spend).map_err(build)?;
    wallet.message(chain.blockhash().await?, &actions).map_err(build)
}

fn build(error: impl ToString) -> DemoError {
    DemoError::Build(error.to_string())
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, DemoError> {
    serde_json::from_str(&home::read(path)?).map_err(|error| DemoError::Build(format!("`{}`: {error}", path.display())))
}
