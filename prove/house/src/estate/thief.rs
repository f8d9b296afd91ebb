//! What somebody does who has the signer's keystore and its passphrase.

use {
    super::{Agent, Estate},
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::{AgentWallet, Blockhash, Instruction, Message, Spend, Transaction, squads::Currency},
    portreeve_kernel::{Address, Amount, Timestamp, TransactionId, entropy::Seeded},
    portreeve_signing::{
        key::SecretKey,
        sealed::{Keystore, SealedKey, agent_key_name},
    },
    serde::de::DeserializeOwned,
    serde_json::{Value, json},
    std::{fs, path::Path},
};

/// A transaction id that no server made.
pub fn transaction(number: u64) -> TransactionId {
    TransactionId::new(Timestamp::from_seconds(1_800_000_000), &Seeded::new(number))
}

impl Estate {
    /// A blockhash to build on.
    pub fn blockhash(&self) -> Blockhash {
        let answer = self.house.chain.call("getLatestBlockhash", &json!([]));
        answer["value"]["blockhash"].as_str().unwrap().parse().unwrap()
    }

    /// The agent's key, out of the keystore.
    pub fn stolen_key(&self, agent: &Agent) -> SecretKey {
        let home = self.house.home();
        let passphrase = fs::read_to_string(home.join("signer.pass")).unwrap();
        let keystore: Keystore = read(&home.join("signer/keystore.json"));
        let sealed: SealedKey = read(&home.join("signer/keys").join(format!("{}.json", agent.id)));
        let master = keystore.derivation.master_key(passphrase.trim().as_bytes()).unwrap();
        master.open(&agent_key_name(&agent.id), &sealed).unwrap()
    }

    /// Pays out of the agent's vault with its stolen key, past server and signer; the chain's error when it refuses.
    pub fn pay_stolen(&self, agent: &Agent, key: &SecretKey, to: Address, lamports: u64) -> Result<(), Value> {
        let purse = SecretKey::from_seed(&[66; 32]);
        self.house.chain.airdrop(&purse.public().to_string(), 100_000_000);
        let keys = portreeve_chain::AgentKeys {
            fee_payer: purse.public(),
            ..agent.wallet.keys().clone()
        };
        let wallet = AgentWallet::new(keys, *agent.wallet.programs()).unwrap();
        let message = spend(&wallet, 1, to, lamports, self.blockhash());
        let signed = [&purse, key].map(|key| (key.public(), key.sign(message.as_bytes())));
        self.broadcast(&Transaction::assemble(message, &signed).unwrap())
    }

    /// Sends a signed transaction; the chain's error when it refuses.
    pub fn broadcast(&self, transaction: &Transaction) -> Result<(), Value> {
        let wire = BASE64_STANDARD.encode(transaction.to_wire());
        let sent = self
            .house
            .chain
            .try_call("sendTransaction", &json!([wire, {"encoding": "base64"}]));
        sent.map(|_| ()).map_err(|error| error["data"]["err"].clone())
    }

    /// The message of any instructions, paid for by the house's fee payer.
    pub fn compile(&self, instructions: &[Instruction]) -> Message {
        Message::compile(self.enrolment.fee_payer, self.blockhash(), instructions).unwrap()
    }
}

/// A payment in SOL, as the server would build it.
pub fn spend(wallet: &AgentWallet, id: u64, to: Address, lamports: u64, blockhash: Blockhash) -> Message {
    let spend = Spend {
        transaction: transaction(id),
        currency: Currency::Sol,
        amount: Amount::new(lamports).unwrap(),
        destination: to,
        creates_token_account: false,
    };
    wallet.message(blockhash, &wallet.spend(&spend).unwrap()).unwrap()
}

fn read<T: DeserializeOwned>(file: &Path) -> T {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}
