//! A local chain of our own, whose time stands still unless we move it, and batches of JSON-RPC calls to it.

use {
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::{Blockhash, Transaction},
    portreeve_kernel::Address,
    serde_json::{Value, json},
    std::{
        io::{BufRead, BufReader},
        panic::resume_unwind,
        path::PathBuf,
        process::{Child, Command, Stdio},
    },
};

/// Most accounts that one call may ask for.
const ACCOUNTS: usize = 100;

/// A chain did not answer in time.
pub(crate) struct Silent;

/// A chain. Stopped when dropped.
pub(crate) struct Node {
    process: Child,
    url: String,
}

/// Where a transaction has to be built on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tip {
    pub(crate) blockhash: Blockhash,
    /// The last block height at which what is built on it can land.
    pub(crate) last_valid: u64,
    pub(crate) height: u64,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Landed {
        slot: u64,
    },
    /// It landed as failed, with this error.
    Failed {
        slot: u64,
        error: Value,
    },
    /// It never landed, and now cannot.
    Never,
}

/// The program, which another build made: `PORTREEVE_LOCALCHAIN_BIN`, or in this clone's build products.
pub(crate) fn program() -> PathBuf {
    match std::env::var_os("PORTREEVE_LOCALCHAIN_BIN") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/localchain/debug/portreeve-localchain"),
    }
}

impl Node {
    /// Starts one whose clock shows `unix` seconds and stands.
    pub(crate) fn start(unix: i64) -> Self {
        let program = program();
        let mut process = Command::new(&program)
            .args(["--port", "0", "--frozen", "--exit-with-parent", "--start-time"])
            .arg(unix.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env_remove("SQUADS_SO")
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "`{}`: {error}; build it or set PORTREEVE_LOCALCHAIN_BIN",
                    program.display()
                )
            });
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("`{line}`"));
        Self {
            process,
            url: url.to_owned(),
        }
    }

    /// All calls in one request, in order. Unwinds with [`Silent`] when there is no answer in time.
    pub(crate) fn batch(&self, calls: &[(&str, Value)]) -> Vec<Result<Value, Value>> {
        let body: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let request = minreq::post(&self.url).with_header("Content-Type", "application/json");
        let answer = request
            .with_body(Value::Array(body).to_string())
            .with_timeout(120)
            .send()
            .unwrap_or_else(|_| resume_unwind(Box::new(Silent)));
        let answers: Vec<Value> = serde_json::from_slice(answer.as_bytes()).unwrap();
        assert_eq!(answers.len(), calls.len());
        answers
            .into_iter()
            .map(|mut answer| match answer["error"].take() {
                Value::Null => Ok(answer["result"].take()),
                error => Err(error),
            })
            .collect()
    }

    /// One call that has to succeed.
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        self.batch(&[(method, params)])
            .remove(0)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Lets `seconds` pass; says what the clock shows then.
    pub(crate) fn wait(&self, seconds: u64) -> i64 {
        self.call("localnet_warpSeconds", json!([seconds]))["unixTimestamp"]
            .as_i64()
            .unwrap()
    }

    /// Where to build the next transaction on.
    pub(crate) fn tip(&self) -> Tip {
        self.send(&[]).1
    }

    /// Lets each transaction run, in order, without asking first; says what became of them and where the chain is then.
    pub(crate) fn send(&self, transactions: &[&Transaction]) -> (Vec<Outcome>, Tip) {
        let wires = transactions
            .iter()
            .map(|transaction| BASE64_STANDARD.encode(transaction.to_wire()));
        let config = json!({"encoding": "base64", "skipPreflight": true});
        let mut calls: Vec<(&str, Value)> = wires.map(|wire| ("sendTransaction", json!([wire, config]))).collect();
        let names: Vec<String> = transactions
            .iter()
            .map(|transaction| transaction.signature().to_string())
            .collect();
        calls.push(("getSignatureStatuses", json!([names])));
        calls.push(("getLatestBlockhash", json!([])));
        calls.push(("getBlockHeight", json!([])));
        let mut answers: Vec<Value> = self
            .batch(&calls)
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|error| panic!("{error}")))
            .collect();
        let height = answers.pop().unwrap().as_u64().unwrap();
        let latest = answers.pop().unwrap()["value"].take();
        let statuses = answers.pop().unwrap()["value"].take();
        let outcomes = statuses.as_array().unwrap().iter().map(outcome).collect();
        let tip = Tip {
            blockhash: latest["blockhash"].as_str().unwrap().parse().unwrap(),
            last_valid: latest["lastValidBlockHeight"].as_u64().unwrap(),
            height,
        };
        (outcomes, tip)
    }

    /// Lets one run that has to succeed.
    pub(crate) fn must(&self, transaction: &Transaction) {
        let (outcomes, _) = self.send(&[transaction]);
        assert!(matches!(outcomes[..], [Outcome::Landed { .. }]), "{outcomes:?}");
    }

    /// What is kept at each address; `None` where there is nothing.
    pub(crate) fn accounts(&self, addresses: &[Address]) -> Vec<Option<Vec<u8>>> {
        let calls: Vec<(&str, Value)> = addresses
            .chunks(ACCOUNTS)
            .map(|chunk| {
                let names: Vec<String> = chunk.iter().map(ToString::to_string).collect();
                ("getMultipleAccounts", json!([names, {"encoding": "base64"}]))
            })
            .collect();
        let data = |account: &Value| Some(BASE64_STANDARD.decode(account["data"][0].as_str()?).unwrap());
        let answers = self.batch(&calls).into_iter().map(Result::unwrap);
        answers
            .flat_map(|answer| answer["value"].as_array().unwrap().iter().map(data).collect::<Vec<_>>())
            .collect()
    }
}

fn outcome(status: &Value) -> Outcome {
    let Some(slot) = status["slot"].as_u64() else {
        return Outcome::Never;
    };
    match &status["err"] {
        Value::Null => Outcome::Landed { slot },
        error => Outcome::Failed {
            slot,
            error: error.clone(),
        },
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
