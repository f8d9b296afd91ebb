//! The local chain, running.

use {
    super::process::Running,
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::{
        Programs,
        account::{Multisig, SpendingLimit},
    },
    portreeve_kernel::Address,
    serde_json::{Value, json},
    std::{path::PathBuf, process::Command},
};

/// A chain with the real Squads program. Stopped when dropped.
pub struct Chain {
    _process: Running,
    /// Where it answers.
    pub url: String,
    /// A second operator of the same chain, which lies while the fault `lie` is on.
    pub liar: String,
}

impl Chain {
    /// The program, which another build made.
    pub fn program() -> PathBuf {
        match std::env::var_os("PORTREEVE_LOCALCHAIN_BIN") {
            Some(path) => PathBuf::from(path),
            None => crate::clone().join("target/localchain/debug/portreeve-localchain"),
        }
    }

    /// Starts one on free ports.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more arguments.
    pub fn start_with(args: &[&str]) -> Self {
        let mut command = Command::new(Self::program());
        let ports = tempfile::NamedTempFile::new().unwrap();
        command
            .args(["--port", "0", "--liar-port", "0", "--exit-with-parent", "--port-file"])
            .arg(ports.path())
            .args(args)
            .env_remove("SQUADS_SO");
        let (process, line) = Running::start(command);
        let url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("`{line}`"))
            .to_owned();
        let ports = std::fs::read_to_string(ports.path()).unwrap();
        let liar = format!("http://127.0.0.1:{}", ports.lines().nth(1).unwrap());
        Self {
            _process: process,
            url,
            liar,
        }
    }

    /// One JSON-RPC call.
    #[track_caller]
    pub fn call(&self, method: &str, params: &Value) -> Value {
        self.try_call(method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, or the chain's error.
    #[track_caller]
    pub fn try_call(&self, method: &str, params: &Value) -> Result<Value, Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = minreq::post(&self.url).with_header("Content-Type", "application/json");
        let answer = request.with_body(body.to_string()).with_timeout(20).send().unwrap();
        let mut answer: Value = serde_json::from_slice(answer.as_bytes()).unwrap();
        match answer["error"].take() {
            Value::Null => Ok(answer["result"].take()),
            error => Err(error),
        }
    }

    /// Gives lamports away.
    #[track_caller]
    pub fn airdrop(&self, address: &str, lamports: u64) {
        self.call("requestAirdrop", &json!([address, lamports]));
    }

    /// Lamports at `address`.
    #[track_caller]
    pub fn balance(&self, address: &str) -> u64 {
        self.call("getBalance", &json!([address]))["value"].as_u64().unwrap()
    }

    /// Makes a token: `{decimals, program?, address?, extensions?}`. Answers its mint.
    #[track_caller]
    pub fn create_mint(&self, shape: &Value) -> String {
        let mint = self.call("localnet_createMint", &json!([shape]));
        mint.as_str().unwrap().to_owned()
    }

    /// Gives tokens away. Answers the token account; 0 only opens it.
    #[track_caller]
    pub fn mint_to(&self, mint: &str, owner: &str, units: u64) -> String {
        let account = self.call("localnet_mintTo", &json!([mint, owner, units]));
        account.as_str().unwrap().to_owned()
    }

    /// Leaves `address` with so many lamports, whatever it had.
    #[track_caller]
    pub fn set_balance(&self, address: &str, lamports: u64) {
        self.call("localnet_setLamports", &json!([address, lamports]));
    }

    /// What `owner` has of a token, in base units; `None` without a token account for it.
    #[track_caller]
    pub fn tokens(&self, mint: &str, owner: &str) -> Option<u64> {
        let found = self.call(
            "getTokenAccountsByOwner",
            &json!([owner, {"mint": mint}, {"encoding": "jsonParsed"}]),
        );
        let accounts = found["value"].as_array().unwrap();
        let units = |account: &Value| {
            let amount = &account["account"]["data"]["parsed"]["info"]["tokenAmount"]["amount"];
            amount.as_str().unwrap().parse::<u64>().unwrap()
        };
        (!accounts.is_empty()).then(|| accounts.iter().map(units).sum())
    }

    /// Moves the clock forward.
    #[track_caller]
    pub fn warp(&self, seconds: u64) {
        self.call("localnet_warpSeconds", &json!([seconds]));
    }

    /// What is kept at `address`.
    #[track_caller]
    pub fn data(&self, address: &str) -> Vec<u8> {
        let account = self.call("getAccountInfo", &json!([address, {"encoding": "base64"}]));
        BASE64_STANDARD
            .decode(
                account["value"]["data"][0]
                    .as_str()
                    .unwrap_or_else(|| panic!("{account}")),
            )
            .unwrap()
    }

    /// The multisig at `address`.
    #[track_caller]
    pub fn multisig(&self, address: &str) -> Multisig {
        Multisig::decode(&self.data(address)).unwrap()
    }

    /// Every spending limit of the multisig at `address`, found by looking through all that the program keeps.
    #[track_caller]
    pub fn spending_limits(&self, address: &str) -> Vec<SpendingLimit> {
        let multisig: Address = address.parse().unwrap();
        let program = Programs::default().squads.to_string();
        let accounts = self.call("getProgramAccounts", &json!([program, {"encoding": "base64"}]));
        let data = |account: &Value| {
            BASE64_STANDARD
                .decode(account["account"]["data"][0].as_str().unwrap())
                .unwrap()
        };
        let limits = accounts
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|account| SpendingLimit::decode(&data(account)).ok());
        limits.filter(|limit| limit.multisig == multisig).collect()
    }
}
