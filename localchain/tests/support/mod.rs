//! A running chain and the smallest client that can talk to it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail, and no test file uses all helpers"
)]

pub mod squads;

use {
    base64::{Engine, prelude::BASE64_STANDARD},
    serde_json::{Value, json},
    solana_address::Address,
    solana_hash::Hash,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_message::{Message, VersionedMessage},
    solana_signer::Signer,
    solana_transaction::versioned::VersionedTransaction,
    std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpStream,
        process::{Child, Command, Stdio},
        time::Duration,
    },
};

pub const SOL: u64 = 1_000_000_000;
pub const DAY: u64 = 86_400;

/// The binary, running; stopped when dropped.
pub struct Chain {
    process: Child,
    pub port: u16,
}

/// What came back over HTTP.
#[derive(Debug)]
pub struct Http {
    pub status: u16,
    pub body: String,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portreeve-localchain"));
    command
        .args(["--port", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .env_remove("SQUADS_SO");
    command
}

impl Chain {
    /// A chain whose time stands still, so that every second in a test is the test's own.
    pub fn frozen() -> Self {
        Self::start(&["--frozen"])
    }

    pub fn start(args: &[&str]) -> Self {
        let mut process = command().args(args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line
            .trim()
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap_or_else(|_| panic!("`{line}`"));
        Self { process, port }
    }

    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }

    /// The result of a call that must succeed.
    pub fn ok(&self, method: &str, params: Value) -> Value {
        self.call(method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The error object of a call that must fail.
    pub fn err(&self, method: &str, params: Value) -> Value {
        match self.call(method, params) {
            Err(error) => error,
            Ok(result) => panic!("{method} succeeded: {result}"),
        }
    }

    pub fn call(&self, method: &str, params: Value) -> Result<Value, Value> {
        call(self.port, method, params)
    }

    /// `value` of a result that has one.
    pub fn value(&self, method: &str, params: Value) -> Value {
        self.ok(method, params)["value"].take()
    }

    pub fn fault(&self, name: &str, settings: Value) {
        self.ok("localnet_setFault", json!([name, settings]));
    }

    pub fn struck(&self, name: &str) -> u64 {
        self.ok("localnet_faults", json!([]))["struck"][name]
            .as_u64()
            .unwrap_or(0)
    }

    pub fn warp(&self, seconds: u64) {
        self.ok("localnet_warpSeconds", json!([seconds]));
    }

    pub fn blockhash(&self) -> Hash {
        self.value("getLatestBlockhash", json!([]))["blockhash"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub fn balance(&self, address: &Address) -> u64 {
        self.value("getBalance", json!([address.to_string()])).as_u64().unwrap()
    }

    /// The data of an account that may not exist.
    pub fn data(&self, address: &Address) -> Option<Vec<u8>> {
        let account = self.value("getAccountInfo", json!([address.to_string(), {"encoding": "base64"}]));
        Some(BASE64_STANDARD.decode(account["data"][0].as_str()?).unwrap())
    }

    /// A new key with money.
    pub fn rich(&self) -> Keypair {
        let key = Keypair::new();
        self.ok("requestAirdrop", json!([key.pubkey().to_string(), 100 * SOL]));
        key
    }

    /// Signs with all of `signers`, the first of whom pays.
    pub fn sign(&self, instructions: &[Instruction], signers: &[&Keypair]) -> VersionedTransaction {
        let message = Message::new_with_blockhash(instructions, Some(&signers[0].pubkey()), &self.blockhash());
        VersionedTransaction::try_new(VersionedMessage::Legacy(message), signers).unwrap()
    }

    /// Signs and sends; gives the signature, or the error object.
    pub fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<String, Value> {
        self.send_signed(&self.sign(instructions, signers))
    }

    pub fn send_signed(&self, tx: &VersionedTransaction) -> Result<String, Value> {
        let sent = self.call("sendTransaction", json!([wire(tx), {"encoding": "base64"}]))?;
        Ok(sent.as_str().unwrap().to_owned())
    }

    /// The number of a program's own error, of the first instruction or any.
    pub fn refusal(&self, instructions: &[Instruction], signers: &[&Keypair]) -> u64 {
        let error = self.send(instructions, signers).expect_err("the chain should refuse");
        let err = &error["data"]["err"]["InstructionError"][1];
        err["Custom"].as_u64().unwrap_or_else(|| panic!("{error}"))
    }

    pub fn status(&self, signature: &str) -> Value {
        self.value("getSignatureStatuses", json!([[signature]]))[0].take()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn call(port: u16, method: &str, params: Value) -> Result<Value, Value> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer = post(port, &request.to_string()).unwrap();
    assert_eq!(answer.status, 200, "{method}: {}", answer.body);
    let mut answer: Value = serde_json::from_str(&answer.body).unwrap();
    match answer.get_mut("error") {
        Some(error) => Err(error.take()),
        None => Ok(answer["result"].take()),
    }
}

/// `None` when the connection closes without a byte.
pub fn post(port: u16, body: &str) -> Option<Http> {
    let length = body.len();
    exchange(
        port,
        &format!("POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
}

pub fn get(port: u16, path: &str) -> Option<Http> {
    exchange(
        port,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
}

fn exchange(port: u16, request: &str) -> Option<Http> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Http {
        status,
        body: body.to_owned(),
    })
}

/// A transaction as `sendTransaction` takes it.
pub fn wire(tx: &VersionedTransaction) -> String {
    BASE64_STANDARD.encode(bincode::serialize(tx).unwrap())
}

pub fn transfer(from: &Keypair, to: &Address, lamports: u64) -> Instruction {
    solana_system_interface::instruction::transfer(&from.pubkey(), to, lamports)
}
