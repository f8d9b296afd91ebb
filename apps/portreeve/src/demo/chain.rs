//! The local chain as the demo sees it: as any stranger would, and with its clock in hand.

use {
    super::DemoError,
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::Blockhash,
    portreeve_kernel::{Address, Timestamp},
    serde_json::{Value, json},
};

/// A JSON-RPC client of the local chain.
pub(super) struct LocalChain {
    http: reqwest::Client,
    url: String,
}

impl LocalChain {
    pub(super) fn new(url: String) -> Result<Self, DemoError> {
        // It runs on this machine, without TLS.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
        let http = http.map_err(|error| DemoError::Chain(error.to_string()))?;
        Ok(Self { http, url })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The result, or the error object that the chain answers.
    async fn call(&self, method: &str, params: Value) -> Result<Result<Value, Value>, DemoError> {
        let lost = |error: reqwest::Error| DemoError::Chain(error.to_string());
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.http.post(&self.url).json(&body).send().await.map_err(lost)?;
        let mut answer: Value = answer.json().await.map_err(lost)?;
        match answer.get_mut("error").map(Value::take) {
            Some(error) if !error.is_null() => Ok(Err(error)),
            _ => Ok(Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())),
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Value, DemoError> {
        self.call(method, params)
            .await?
            .map_err(|error| DemoError::Chain(error.to_string()))
    }

    /// Money from nowhere.
    pub(super) async fn airdrop(&self, to: Address, lamports: u64) -> Result<(), DemoError> {
        self.ask("requestAirdrop", json!([to.to_string(), lamports]))
            .await
            .map(|_| ())
    }

    /// Lamports at an address.
    pub(super) async fn balance(&self, of: Address) -> Result<u64, DemoError> {
        let answer = self.ask("getBalance", json!([of.to_string()])).await?;
        let lamports = answer.get("value").and_then(Value::as_u64);
        lamports.ok_or_else(|| DemoError::Chain("no balance".into()))
    }

    pub(super) async fn blockhash(&self) -> Result<Blockhash, DemoError> {
        let answer = self.ask("getLatestBlockhash", json!([])).await?;
        let hash = answer.pointer("/value/blockhash").and_then(Value::as_str);
        let hash = hash.and_then(|text| text.parse().ok());
        hash.ok_or_else(|| DemoError::Chain("no blockhash".into()))
    }

    /// Sends a signed transaction. The inner error is the chain's own reason to refuse it.
    pub(super) async fn send(&self, wire: &[u8]) -> Result<Result<(), Value>, DemoError> {
        let sent = self
            .call(
                "sendTransaction",
                json!([BASE64_STANDARD.encode(wire), {"encoding": "base64"}]),
            )
            .await?;
        Ok(sent
            .map(|_| ())
            .map_err(|error| error.pointer("/data/err").cloned().unwrap_or(error)))
    }

    /// The chain's time.
    pub(super) async fn now(&self) -> Result<Timestamp, DemoError> {
        let clock = self.ask("localnet_clock", json!([])).await?;
        let seconds = clock.get("unixTimestamp").and_then(Value::as_i64);
        seconds
            .map(Timestamp::from_seconds)
            .ok_or_else(|| DemoError::Chain("no time".into()))
    }

    /// Moves the chain's clock, and with it server and signer, to `moment` or just after it.
    pub(super) async fn warp_to(&self, moment: Timestamp) -> Result<(), DemoError> {
        let ahead = moment.millis_since(self.now().await?).max(0);
        let seconds = ahead.saturating_add(999).div_euclid(1000);
        self.ask("localnet_warpSeconds", json!([seconds])).await.map(|_| ())
    }
}
