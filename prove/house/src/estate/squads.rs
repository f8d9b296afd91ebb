//! What the Squads program holds about an agent, found by looking through all it has.

use {
    super::{Agent, Estate},
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::account::{Multisig, SpendingLimit},
    portreeve_kernel::Address,
    serde_json::{Value, json},
};

/// What hangs on a multisig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SquadsAccount {
    /// A spending limit.
    Limit,
    /// A proposal, a transaction, a batch.
    Other,
}

impl Estate {
    /// The agent's multisig as it stands on chain.
    pub fn multisig(&self, agent: &Agent) -> Multisig {
        self.house.chain.multisig(&agent.wallet.multisig().to_string())
    }

    /// Every spending limit of the agent's multisig, wherever it lies.
    pub fn limits(&self, agent: &Agent) -> Vec<(Address, SpendingLimit)> {
        let read = |(address, data): (Address, Vec<u8>)| Some((address, SpendingLimit::decode(&data).ok()?));
        self.held(agent).into_iter().filter_map(read).collect()
    }

    /// Everything of Squads that names the agent's multisig as its own: limits, proposals, transactions, batches.
    pub fn squads_accounts(&self, agent: &Agent) -> Vec<SquadsAccount> {
        let kind = |data: &[u8]| match SpendingLimit::decode(data) {
            Ok(_) => SquadsAccount::Limit,
            Err(_) => SquadsAccount::Other,
        };
        self.held(agent).iter().map(|(_, data)| kind(data)).collect()
    }

    /// Every account of the program in which the multisig's address follows the discriminator, as Squads writes all
    /// that belongs to one.
    fn held(&self, agent: &Agent) -> Vec<(Address, Vec<u8>)> {
        let (multisig, program) = (agent.wallet.multisig(), agent.wallet.programs().squads);
        let filter = json!([{"memcmp": {"offset": 8, "bytes": multisig.to_string()}}]);
        let params = json!([program.to_string(), {"encoding": "base64", "filters": filter}]);
        let found = self.house.chain.call("getProgramAccounts", &params);
        let read = |entry: &Value| {
            let data = entry["account"]["data"][0].as_str().unwrap();
            let address = entry["pubkey"].as_str().unwrap().parse().unwrap();
            (address, BASE64_STANDARD.decode(data).unwrap())
        };
        found.as_array().unwrap().iter().map(read).collect()
    }
}
