//! The chain through Solana JSON-RPC: a primary operator and fallbacks.
//!
//! Reads go to the first operator that answers; a transaction goes to all of them; proof that one can never land, and
//! what an agent's limits are, is asked of each separately, because one operator may lie or lag.

use {
    crate::ports::{Account, Blockhash, Chain, ChainError, Commitment, Sighting, SignatureStatus, SimulationError},
    async_trait::async_trait,
    base64::{Engine, prelude::BASE64_STANDARD},
    futures_util::{StreamExt, stream::FuturesUnordered},
    portreeve_kernel::{Address, Timestamp},
    portreeve_ledger::OperatorEvidence,
    portreeve_payment::{Height, agreed_height},
    serde_json::{Value, json},
    std::{
        collections::{BTreeMap, BTreeSet},
        fmt,
        net::IpAddr,
        sync::{
            Arc,
            atomic::{AtomicI64, AtomicU64, Ordering},
        },
        time::Duration,
    },
};

/// Time as the local chain tells it, shared with the clock that the binary makes. Only goes forward.
#[derive(Debug, Default)]
pub struct ChainTime(AtomicI64);

impl ChainTime {
    /// The latest moment the chain has told; the epoch before it has told any.
    #[must_use]
    pub fn read(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Acquire))
    }

    fn advance(&self, to: Timestamp) {
        self.0.fetch_max(to.millis(), Ordering::AcqRel);
    }
}

/// How long those are waited for who say how high the chain is, once as many have said it as a proof takes.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A JSON-RPC client over one or more operators.
#[derive(Debug)]
pub struct RpcChain {
    http: reqwest::Client,
    operators: Vec<Operator>,
    min_operators: usize,
    /// Set on the local chain, which is the clock there.
    time: Option<Arc<ChainTime>>,
    next_id: AtomicU64,
}

/// One RPC operator.
#[derive(Clone)]
struct Operator {
    /// Secret: providers put keys into it.
    url: String,
    /// Its host: what logs and proofs call it. Two addresses at one host are one witness. On loopback, where several
    /// stand-ins live on one host, with the port.
    name: String,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Operator {
    fn new(url: String) -> Result<Self, ChainError> {
        let parsed = reqwest::Url::parse(&url).map_err(|_| malformed("an RPC operator's address is no URL"))?;
        let host = parsed
            .host_str()
            .ok_or_else(|| malformed("an RPC operator's address has no host"))?;
        let loopback = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|ip: IpAddr| ip.is_loopback());
        let port = parsed.port_or_known_default().filter(|_| loopback);
        let name = port.map_or_else(|| host.to_owned(), |port| format!("loopback:{port}"));
        Ok(Self { url, name })
    }
}

/// Why one call to one operator gave no result.
enum CallError {
    /// Not reached, or an answer that is no JSON-RPC.
    Transport(String),
    /// A JSON-RPC error object.
    Rpc(Value),
}

impl CallError {
    fn words(self) -> String {
        match self {
            Self::Transport(why) => why,
            Self::Rpc(error) => error.to_string(),
        }
    }
}

impl RpcChain {
    /// `operators`: URLs, the primary first. `time`: where the local chain's time goes, `None` elsewhere.
    ///
    /// # Errors
    /// [`ChainError::Malformed`] when there is no operator, or fewer than `min_operators`.
    pub fn new(operators: Vec<String>, min_operators: usize, time: Option<Arc<ChainTime>>) -> Result<Self, ChainError> {
        let operators: Vec<Operator> = operators.into_iter().map(Operator::new).collect::<Result<_, _>>()?;
        let distinct = operators
            .iter()
            .map(|operator| &operator.name)
            .collect::<BTreeSet<_>>()
            .len();
        if distinct < min_operators.max(1) {
            return Err(ChainError::Malformed(format!(
                "{distinct} different RPC operators are configured, {} are needed",
                min_operators.max(1)
            )));
        }
        let over_tls = operators.iter().any(|operator| operator.url.starts_with("https:"));
        let http = match over_tls {
            true => reqwest::Client::builder(),
            // Nobody is asked who they are, so the machine's authorities need not be there.
            false => reqwest::Client::builder().tls_certs_only([]),
        };
        let http = http
            .timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(3))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ChainError::Unavailable(error.to_string()))?;
        Ok(Self {
            http,
            operators,
            min_operators: min_operators.max(1),
            time,
            next_id: AtomicU64::new(1),
        })
    }

    async fn call_one(&self, operator: &Operator, method: &str, params: &Value) -> Result<Value, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let transport = |error: reqwest::Error| CallError::Transport(error.without_url().to_string());
        let answer = self
            .http
            .post(&operator.url)
            .json(&body)
            .send()
            .await
            .map_err(transport)?;
        let answer = answer.error_for_status().map_err(transport)?;
        let mut answer: Value = answer.json().await.map_err(transport)?;
        if answer.get("id").and_then(Value::as_u64) != Some(id) {
            return Err(CallError::Transport("an answer to another request".into()));
        }
        match (
            answer.get_mut("result").map(Value::take),
            answer.get_mut("error").map(Value::take),
        ) {
            (_, Some(error)) if !error.is_null() => Err(CallError::Rpc(error)),
            (Some(result), _) => Ok(result),
            _ => Err(CallError::Transport("an answer with neither result nor error".into())),
        }
    }

    /// The first result that an operator gives. One that answers with an error may lag or be overloaded, so the next is
    /// asked; when none gives a result, the last error is the answer.
    async fn call(&self, method: &str, params: Value) -> Result<Result<Value, Value>, ChainError> {
        let mut refused = None;
        let mut lost = String::new();
        for operator in &self.operators {
            match self.call_one(operator, method, &params).await {
                Ok(result) => return Ok(Ok(result)),
                Err(CallError::Rpc(error)) => {
                    tracing::debug!(method, operator = operator.name, %error, "an RPC operator answers with an error");
                    refused = Some(error);
                }
                Err(CallError::Transport(why)) => {
                    tracing::warn!(method, operator = operator.name, why, "an RPC operator does not answer");
                    lost = why;
                }
            }
        }
        refused.map(Err).ok_or(ChainError::Unavailable(lost))
    }

    /// As [`Self::call`], where an RPC error means that no operator can serve us.
    async fn ask(&self, method: &str, params: Value) -> Result<Value, ChainError> {
        self.call(method, params)
            .await?
            .map_err(|error| ChainError::Unavailable(error.to_string()))
    }

    /// A blockhash of one operator, unless it has expired: that one stands still or lies, and what is built on it would be
    /// signed in vain.
    async fn blockhash_of(&self, operator: &Operator) -> Result<Blockhash, ChainError> {
        // Finalized, so that no fork can forget the hash and make the transaction's life shorter than it says.
        let params = json!([{"commitment": "finalized"}]);
        let answer = self.call_one(operator, "getLatestBlockhash", &params).await;
        let answer = answer.map_err(|error| ChainError::Unavailable(error.words()))?;
        // Asked afterwards: what the chain grows by meanwhile must not make the hash look older than it is.
        let height = self.finalized_height().await.ok();
        let name = answer
            .pointer("/value/blockhash")
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("blockhash"))?;
        let claimed = number(&answer, "/value/lastValidBlockHeight")?;
        if height.is_some_and(|height| claimed <= height.agreed) {
            let why = format!("`{}` gives a blockhash that has expired", operator.name);
            return Err(ChainError::Unavailable(why));
        }
        Ok(Blockhash {
            hash: hash(name)?,
            last_valid_block_height: height.map(|height| height.last_valid(claimed)),
        })
    }

    /// What one operator says that `addresses` hold.
    async fn sighting(&self, operator: &Operator, addresses: &[Address]) -> Result<Sighting, String> {
        // Height first, then accounts that were read no earlier: behind one address there may be several nodes.
        let finalized = json!([{"commitment": "finalized"}]);
        let epoch = self
            .call_one(operator, "getEpochInfo", &finalized)
            .await
            .map_err(CallError::words)?;
        let senseless = |error: ChainError| error.to_string();
        let height = number(&epoch, "/blockHeight").map_err(senseless)?;
        let slot = number(&epoch, "/absoluteSlot").map_err(senseless)?;
        let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
        let params = json!([names, {"encoding": "base64", "commitment": "finalized", "minContextSlot": slot}]);
        let answer = self
            .call_one(operator, "getMultipleAccounts", &params)
            .await
            .map_err(CallError::words)?;
        if number(&answer, "/context/slot").map_err(senseless)? < slot {
            return Err("an answer from before the question".to_owned());
        }
        let accounts = answer.get("value").and_then(Value::as_array).map(Vec::as_slice);
        let accounts = accounts.filter(|accounts| accounts.len() == addresses.len());
        let accounts = accounts.ok_or("another number of accounts than asked for")?;
        let accounts = accounts
            .iter()
            .map(|value| (!value.is_null()).then(|| account(value)).transpose());
        Ok(Sighting {
            operator: operator.name.clone(),
            height,
            accounts: accounts.collect::<Result<_, _>>().map_err(senseless)?,
        })
    }

    /// The genesis hash that each operator tells, of those that answer: which chain each is on.
    ///
    /// # Errors
    /// [`ChainError`] when none answers.
    pub async fn genesis_hashes(&self) -> Result<Vec<String>, ChainError> {
        let mut all = Vec::with_capacity(self.operators.len());
        let mut lost = String::new();
        for operator in &self.operators {
            match self.call_one(operator, "getGenesisHash", &json!([])).await {
                Ok(hash) => all.push(text(&hash, "genesis hash")?),
                Err(CallError::Rpc(error)) => lost = error.to_string(),
                Err(CallError::Transport(why)) => lost = why,
            }
        }
        if all.is_empty() {
            return Err(ChainError::Unavailable(lost));
        }
        Ok(all)
    }
}

/// Fewer operators than a proof takes agree on how high the chain is.
pub(crate) fn no_height() -> ChainError {
    ChainError::Unavailable("too few operators agree on how high the chain is".into())
}

fn malformed(what: &str) -> ChainError {
    ChainError::Malformed(what.to_owned())
}

fn text(value: &Value, what: &str) -> Result<String, ChainError> {
    value.as_str().map(str::to_owned).ok_or_else(|| malformed(what))
}

fn number(value: &Value, pointer: &str) -> Result<u64, ChainError> {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| malformed(pointer))
}

fn hash(text: &str) -> Result<[u8; 32], ChainError> {
    let address: Address = text.parse().map_err(|_| malformed("blockhash"))?;
    Ok(*address.as_bytes())
}

fn account(value: &Value) -> Result<Account, ChainError> {
    let data = value
        .pointer("/data/0")
        .and_then(Value::as_str)
        .ok_or_else(|| malformed("account data"))?;
    Ok(Account {
        lamports: number(value, "/lamports")?,
        owner: text(value.get("owner").unwrap_or(&Value::Null), "account owner")?
            .parse()
            .map_err(|_| malformed("account owner"))?,
        data: BASE64_STANDARD.decode(data).map_err(|_| malformed("account data"))?,
    })
}

fn status(value: &Value) -> Result<Option<SignatureStatus>, ChainError> {
    if value.is_null() {
        return Ok(None);
    }
    let commitment = value
        .get("confirmationStatus")
        .and_then(Value::as_str)
        .and_then(Commitment::parse);
    Ok(Some(SignatureStatus {
        slot: number(value, "/slot")?,
        commitment: commitment.ok_or_else(|| malformed("confirmationStatus"))?,
        error: value.get("err").filter(|error| !error.is_null()).map(Value::to_string),
    }))
}

#[async_trait]
impl Chain for RpcChain {
    async fn refresh_time(&self) -> Result<(), ChainError> {
        let Some(time) = &self.time else { return Ok(()) };
        let clock = self.ask("localnet_clock", json!([])).await?;
        let seconds = clock
            .get("unixTimestamp")
            .and_then(Value::as_i64)
            .ok_or_else(|| malformed("unixTimestamp"))?;
        time.advance(Timestamp::from_seconds(seconds));
        Ok(())
    }

    async fn latest_blockhash(&self) -> Result<Blockhash, ChainError> {
        let mut lost = ChainError::Unavailable("there is no operator".into());
        for operator in &self.operators {
            match self.blockhash_of(operator).await {
                Ok(blockhash) => return Ok(blockhash),
                Err(error) => lost = error,
            }
        }
        Err(lost)
    }

    async fn finalized_height(&self) -> Result<Height, ChainError> {
        let params = json!([{"commitment": "finalized"}]);
        let mut asked: FuturesUnordered<_> = self
            .operators
            .iter()
            .map(async |operator| (&operator.name, self.call_one(operator, "getBlockHeight", &params).await))
            .collect();
        // By name: two addresses at one host are one witness.
        let mut said = BTreeMap::new();
        loop {
            let next = asked.next();
            let next = if said.len() < self.min_operators {
                next.await
            } else {
                tokio::time::timeout(LAST_WORD, next).await.unwrap_or_default()
            };
            match next {
                Some((name, answer)) => {
                    if let Some(height) = answer.ok().and_then(|height| height.as_u64()) {
                        let highest: &mut u64 = said.entry(name).or_default();
                        *highest = height.max(*highest);
                    }
                }
                None => break,
            }
        }
        agreed_height(said.into_values(), self.min_operators).ok_or_else(no_height)
    }

    async fn sightings(&self, addresses: &[Address]) -> Vec<Sighting> {
        let mut all = Vec::with_capacity(self.operators.len());
        for operator in &self.operators {
            match self.sighting(operator, addresses).await {
                Ok(sighting) => all.push(sighting),
                Err(why) => {
                    tracing::warn!(
                        operator = operator.name,
                        why,
                        "an RPC operator does not say what accounts hold"
                    );
                }
            }
        }
        all
    }

    async fn accounts(&self, addresses: &[Address], at: Commitment) -> Result<Vec<Option<Account>>, ChainError> {
        let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
        let params = json!([names, {"encoding": "base64", "commitment": at.as_str()}]);
        let answer = self.ask("getMultipleAccounts", params).await?;
        let found = answer.get("value").and_then(Value::as_array).map(Vec::as_slice);
        let found = found.filter(|found| found.len() == addresses.len());
        let found = found.ok_or_else(|| malformed("another number of accounts than asked for"))?;
        found
            .iter()
            .map(|value| (!value.is_null()).then(|| account(value)).transpose())
            .collect()
    }

    async fn balance(&self, address: Address) -> Result<(u64, u64), ChainError> {
        let answer = self
            .ask("getBalance", json!([address.to_string(), {"commitment": "confirmed"}]))
            .await?;
        Ok((number(&answer, "/value")?, number(&answer, "/context/slot")?))
    }

    async fn simulate(&self, wire: &[u8]) -> Result<Result<(), SimulationError>, ChainError> {
        let params = json!([
            BASE64_STANDARD.encode(wire),
            {"encoding": "base64", "sigVerify": false, "commitment": "processed"},
        ]);
        let answer = self.ask("simulateTransaction", params).await?;
        let value = answer.get("value").ok_or_else(|| malformed("simulation"))?;
        let error = value.get("err").ok_or_else(|| malformed("simulation"))?;
        if error.is_null() {
            return Ok(Ok(()));
        }
        let logs = value
            .get("logs")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(Err(SimulationError {
            error: error.to_string(),
            logs: logs.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        }))
    }

    async fn send(&self, wire: &[u8]) -> Result<(), ChainError> {
        let params = json!([
            BASE64_STANDARD.encode(wire),
            {"encoding": "base64", "skipPreflight": true, "maxRetries": 0},
        ]);
        let mut answered = false;
        for operator in &self.operators {
            match self.call_one(operator, "sendTransaction", &params).await {
                Ok(_) => answered = true,
                // `already processed` and its like: the status will tell.
                Err(CallError::Rpc(error)) => {
                    answered = true;
                    tracing::debug!(%error, "an operator did not take a transaction");
                }
                Err(CallError::Transport(why)) => tracing::warn!(why, "an operator did not take a transaction"),
            }
        }
        if answered {
            Ok(())
        } else {
            Err(ChainError::Unavailable("no operator took the transaction".into()))
        }
    }

    async fn status(&self, signature: &str) -> Result<Option<SignatureStatus>, ChainError> {
        let params = json!([[signature], {"searchTransactionHistory": true}]);
        let mut last = Err(ChainError::Unavailable(
            "no operator tells what became of a transaction".into(),
        ));
        let mut finalized: BTreeMap<&str, SignatureStatus> = BTreeMap::new();
        for operator in &self.operators {
            let answer = self.call_one(operator, "getSignatureStatuses", &params).await;
            let Ok(Ok(seen)) = answer.map(|answer| status(answer.pointer("/value/0").unwrap_or(&Value::Bool(false))))
            else {
                continue;
            };
            match seen {
                Some(status) if status.commitment == Commitment::Finalized => {
                    finalized.insert(&operator.name, status);
                }
                // Not final for one is on its way for us, whatever another has not seen yet.
                Some(status) => last = Ok(Some(status)),
                None if last.is_err() => last = Ok(None),
                None => {}
            }
            let mut statuses = finalized.values();
            let first = statuses.next();
            if statuses.any(|other| Some(other) != first) {
                tracing::error!(
                    signature,
                    ?finalized,
                    "RPC operators disagree on a finalized transaction"
                );
                return Err(malformed("operators disagree on a finalized transaction"));
            }
            if finalized.len() >= self.min_operators {
                return Ok(first.cloned());
            }
        }
        match finalized.into_values().next() {
            Some(alone) => Ok(Some(SignatureStatus {
                commitment: Commitment::Confirmed,
                ..alone
            })),
            None => last,
        }
    }

    async fn block_time(&self, slot: u64) -> Result<Option<Timestamp>, ChainError> {
        // An RPC error here says that the block is not known yet, or no more.
        let answer = self.call("getBlockTime", json!([slot])).await?;
        Ok(answer
            .ok()
            .and_then(|value| value.as_i64())
            .map(Timestamp::from_seconds))
    }

    async fn evidence(&self, signature: &str) -> Vec<OperatorEvidence> {
        let mut all = Vec::with_capacity(self.operators.len());
        for operator in &self.operators {
            // Height first, then a status that was read no earlier: behind one address there may be several nodes.
            let epoch = self
                .call_one(operator, "getEpochInfo", &json!([{"commitment": "finalized"}]))
                .await;
            let params = json!([[signature], {"searchTransactionHistory": true}]);
            let seen = self.call_one(operator, "getSignatureStatuses", &params).await;
            let (Ok(epoch), Ok(seen)) = (epoch, seen) else { continue };
            let height = epoch.get("blockHeight").and_then(Value::as_u64);
            let read_at = seen.pointer("/context/slot").and_then(Value::as_u64);
            let of_slot = epoch.get("absoluteSlot").and_then(Value::as_u64);
            let (Some(finalized_height), Some(value)) = (height, seen.pointer("/value/0")) else {
                continue;
            };
            if of_slot.is_none() || read_at < of_slot {
                continue;
            }
            let (operator, signature_seen) = (operator.name.clone(), !value.is_null());
            all.push(OperatorEvidence {
                operator,
                finalized_height,
                signature_seen,
            });
        }
        all
    }

    fn min_operators(&self) -> usize {
        self.min_operators
    }
}
