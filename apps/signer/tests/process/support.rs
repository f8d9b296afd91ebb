//! A signer in a folder of its own, an owner with an approval key, and a client.

use {
    portreeve_chain::{Action, AgentKeys, AgentWallet, Blockhash, LimitSpec, Programs, Spend, squads::Currency},
    portreeve_kernel::{Address, AgentId, Amount, Asset, Timestamp, TransactionId, entropy::Seeded},
    portreeve_policy::{
        AgentPolicy, ChainDestinations, Escalation, Limits, TimeControl, Whitelist, approval_challenge,
    },
    portreeve_signing::{
        Bytes, Receipt, Refusal, frame,
        key::SecretKey,
        protocol::{Answer, Enrolment, Envelope, Outcome, Reply, Request, SignedSpend},
    },
    std::{
        collections::BTreeMap,
        fs,
        io::{BufRead, BufReader, Read, Write},
        os::unix::{
            fs::{PermissionsExt, chown},
            net::UnixStream,
        },
        path::{Path, PathBuf},
        process::{Child, Command, ExitStatus, Output, Stdio},
        time::Duration,
    },
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_portreeve-signer");
pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// The owner's approval key.
pub(crate) fn approval() -> SecretKey {
    secret(3)
}

pub(crate) fn shop() -> Address {
    secret(40).public()
}

pub(crate) fn agent(number: u64) -> AgentId {
    AgentId::new(Timestamp::from_seconds(1_800_000_000), &Seeded::new(number))
}

pub(crate) fn transaction(number: u64) -> TransactionId {
    TransactionId::new(Timestamp::from_seconds(1_800_000_000), &Seeded::new(number))
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

/// `per_transaction` at once and `daily` a day, to the shop only; a week and a month allow no more than ten days' worth.
pub(crate) fn policy(version: u64, per_transaction: u64, daily: u64) -> AgentPolicy {
    AgentPolicy {
        version,
        limits: Limits {
            per_transaction: amount(per_transaction),
            daily: amount(daily),
            weekly: amount(daily * 10),
            monthly: amount(daily * 10),
        },
        escalation: Escalation::default(),
        tokens: BTreeMap::new(),
        whitelist: Whitelist {
            allowed_destinations: [shop()].into(),
            ..Whitelist::default()
        },
        time_control: TimeControl::default(),
        min_interval_seconds: 0,
        approval_may_exceed_per_transaction: false,
        chain_destinations: ChainDestinations::Whitelist,
    }
}

pub(crate) fn approved(number: u64, policy: &AgentPolicy) -> Request {
    let proof = approval().approve(&approval_challenge(&agent(number), policy));
    Request::ApprovePolicy {
        agent: agent(number),
        policy: Box::new(policy.clone()),
        proof: Some(proof),
    }
}

/// A folder with a signer's data, a passphrase and a place for the socket.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// Set up for devnet, so that the system is its clock.
    pub(crate) fn new() -> Self {
        Self::with(&["--cluster", "devnet"])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let place = Self { folder };
        place.write_passphrase("pass", PASSPHRASE);
        let approval_key = approval().public().to_string();
        let cheap = [
            "--approval-key",
            &approval_key,
            "--kdf-memory-kib",
            "64",
            "--kdf-passes",
            "1",
            "--json",
        ];
        let done = place.run("init", &[arguments, &cheap].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        place
    }

    pub(crate) fn write_passphrase(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.path("signer").join(name)
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.arg(name).arg("--dir").arg(self.path("signer"));
        command.env("PORTREEVE_SIGNER_PASSPHRASE_FILE", self.path("pass"));
        command
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name).args(arguments).output().unwrap()
    }

    /// Runs `serve` though it should refuse, and returns what it says.
    pub(crate) fn refused_start(&self) -> String {
        let socket = self.path("signer.sock");
        let mut serve = self.command("serve");
        // With nobody at standard input it ends at once, should it start after all.
        serve
            .arg("--socket")
            .arg(socket)
            .arg("--exit-with-parent")
            .stdin(Stdio::null());
        let done = serve.output().unwrap();
        assert!(!done.status.success(), "it started");
        String::from_utf8_lossy(&done.stderr).into_owned()
    }

    pub(crate) fn serve(&self) -> Signer {
        self.serve_with(|_| {})
    }

    pub(crate) fn serve_with(&self, how: impl FnOnce(&mut Command)) -> Signer {
        self.spawn(self.command("serve"), how)
    }

    /// Runs `serve` at the end of a shell script, as `"$@"`.
    pub(crate) fn serve_under(&self, script: &str, how: impl FnOnce(&mut Command)) -> Signer {
        let serve = self.command("serve");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script, "sh"])
            .arg(serve.get_program())
            .args(serve.get_args());
        shell.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.spawn(shell, how)
    }

    fn spawn(&self, mut command: Command, how: impl FnOnce(&mut Command)) -> Signer {
        let socket = self.path("signer.sock");
        command.arg("--socket").arg(&socket).arg("--exit-with-parent");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        how(&mut command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        if !line.starts_with("listening on ") {
            let done = child.wait_with_output().unwrap();
            panic!("did not start: {}", String::from_utf8_lossy(&done.stderr));
        }
        Signer { child, socket }
    }

    /// Makes everything here another user's.
    pub(crate) fn give_to(&self, uid: u32) {
        give(self.folder.path(), uid);
    }

    /// Puts a signer's data that was kept in place of this one's.
    pub(crate) fn put(&self, kept: &Path) {
        copy_folder(kept, &self.path("signer"));
        close(&self.path("signer"));
    }

    /// Copies the signer's data to another folder of that name, over what is there.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        copy_folder(&self.path(from), &self.path(to));
    }
}

fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

/// Takes from everybody else what Git gives to all.
fn close(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            close(&path);
        } else {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A running signer. Killed when dropped.
pub(crate) struct Signer {
    pub(crate) child: Child,
    pub(crate) socket: PathBuf,
}

impl Signer {
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket).unwrap()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until it ends, and returns what it wrote to standard error.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    /// The newest receipt, which it shows only when told to.
    pub(crate) newest: Option<Receipt>,
    pub(crate) shows: Option<Receipt>,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self {
            stream,
            newest: None,
            shows: None,
        })
    }

    /// The reply, or an error when the signer hangs up.
    pub(crate) fn try_ask(&mut self, request: &Request) -> std::io::Result<Reply> {
        let envelope = Envelope {
            seen: self.shows,
            request: request.clone(),
        };
        self.stream.write_all(&frame::encode(&envelope).unwrap())?;
        let reply = self.read()?;
        self.newest = reply.receipt.or(self.newest);
        Ok(reply)
    }

    pub(crate) fn read(&mut self) -> std::io::Result<Reply> {
        let mut header = [0; frame::HEADER];
        self.stream.read_exact(&mut header)?;
        let mut body = vec![0; frame::body_length(header).unwrap()];
        self.stream.read_exact(&mut body)?;
        Ok(frame::decode(&body).unwrap())
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Result<Answer, Refusal> {
        match self.try_ask(request).unwrap().outcome {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    pub(crate) fn done(&mut self, request: &Request) -> Answer {
        self.ask(request)
            .unwrap_or_else(|refusal| panic!("{request:?} was refused: {refusal:?}"))
    }

    pub(crate) fn refused(&mut self, request: &Request) -> Refusal {
        self.ask(request)
            .err()
            .unwrap_or_else(|| panic!("{request:?} was done"))
    }

    pub(crate) fn signed(&mut self, request: &Request) -> SignedSpend {
        match self.done(request) {
            Answer::Spend(spend) => spend,
            other => panic!("not a signed spend: {other:?}"),
        }
    }

    /// Makes agent `number`'s key, has `policy` approved, and returns what the agent's messages are built with.
    pub(crate) fn enrol(&mut self, number: u64, policy: &AgentPolicy) -> Wallet {
        let wallet = self.wallet(number);
        self.done(&approved(number, policy));
        wallet
    }

    pub(crate) fn wallet(&mut self, number: u64) -> Wallet {
        let Answer::Enrolment(enrolment) = self.done(&Request::Enrolment) else {
            panic!()
        };
        let Answer::AgentKey(key) = self.done(&Request::CreateAgentKey { agent: agent(number) }) else {
            panic!()
        };
        Wallet::new(number, key.agent_key, enrolment)
    }

    /// What the signer has booked in SOL for the day.
    pub(crate) fn booked(&mut self, number: u64) -> u64 {
        match self.done(&Request::Headroom {
            agent: agent(number),
            asset: Asset::Sol,
        }) {
            Answer::Headroom(found) => found.day.units(),
            other => panic!("not the headroom: {other:?}"),
        }
    }
}

/// What one agent's messages are built with.
#[derive(Clone)]
pub(crate) struct Wallet {
    pub(crate) number: u64,
    pub(crate) enrolment: Enrolment,
    pub(crate) wallet: AgentWallet,
}

impl Wallet {
    fn new(number: u64, agent_key: Address, enrolment: Enrolment) -> Self {
        let Enrolment {
            owner_key,
            fee_payer,
            squads,
            ..
        } = enrolment;
        let keys = AgentKeys {
            agent: agent(number),
            agent_key,
            owner_key,
            fee_payer,
        };
        let wallet = AgentWallet::new(keys, Programs { squads }).unwrap();
        Self {
            number,
            enrolment,
            wallet,
        }
    }

    pub(crate) fn message(&self, actions: &[Action]) -> Bytes {
        let message = self.wallet.message(Blockhash::new([5; 32]), actions).unwrap();
        Bytes(message.as_bytes().to_vec())
    }

    /// The request to sign a payment.
    pub(crate) fn pay_to(&self, id: u64, units: u64, destination: Address) -> Request {
        let spend = Spend {
            transaction: transaction(id),
            currency: Currency::Sol,
            amount: amount(units),
            destination,
            creates_token_account: false,
        };
        let message = self.message(&self.wallet.spend(&spend).unwrap());
        Request::SignSpend {
            transaction: transaction(id),
            agent: agent(self.number),
            message,
        }
    }

    /// The request to sign a payment to the shop.
    pub(crate) fn pay(&self, id: u64, units: u64) -> Request {
        self.pay_to(id, units, shop())
    }

    pub(crate) fn add_limit(&self, units: u64) -> Action {
        let limit = LimitSpec {
            asset: Asset::Sol,
            amount: amount(units),
            destinations: [shop()].into(),
        };
        self.wallet.add_limit(&limit).unwrap().into()
    }

    pub(crate) fn remove_limit(&self) -> Action {
        self.wallet.remove_limit(&Asset::Sol).into()
    }
}
