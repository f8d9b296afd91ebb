//! One installation with its own chain in its own folder. Everything stops when it is dropped.

mod api;
mod chain;
mod dialogue;
mod person;
mod process;
mod signer;
mod terminal;

pub use {
    api::{Answer, Api},
    chain::Chain,
    dialogue::Dialogue,
    person::Person,
    process::{Done, Running},
    signer::SignerClient,
    terminal::Terminal,
};

use {
    portreeve_kernel::Address,
    portreeve_notes::testing::{Manifest, Plan},
    serde_json::{Value, json},
    std::{
        path::{Path, PathBuf},
        process::{Command, Stdio},
        sync::atomic::{AtomicU64, Ordering},
    },
    tempfile::TempDir,
};

/// Lamports in one SOL.
pub const SOL: u64 = 1_000_000_000;

/// Limits that nobody here reaches: whoever drives a server asks more than anybody else. The layers stay on.
pub const LIMITS: [(&str, &str); 4] = [
    ("PORTREEVE__LIMITS__PER_ADDRESS", "100_000_000"),
    ("PORTREEVE__LIMITS__PER_CREDENTIAL", "100_000_000"),
    ("PORTREEVE__LIMITS__AGENT_PAYMENTS", "100_000_000"),
    ("PORTREEVE__LIMITS__REGISTRATIONS", "100_000_000"),
];

/// Plain HTTP, so that whoever drives a server sends and sees bytes as they are. [`House::secured`] is without it.
pub const PLAIN: (&str, &str) = ("PORTREEVE__SERVER__TLS", "off");

/// An agent that can pay.
pub struct Agent {
    /// Its id.
    pub id: String,
    /// Where its money is.
    pub vault: String,
    /// Its Squads multisig.
    pub multisig: String,
}

/// An installation. Tests of one that is not there yet begin with [`House::empty`].
pub struct House {
    // Dropped first: a server without its chain or folder would complain.
    server: Option<Running>,
    url: String,
    counter: AtomicU64,
    has_tls: bool,
    portreeve: PathBuf,
    /// Its chain.
    pub chain: Chain,
    folder: TempDir,
}

impl House {
    /// A chain and a place for a data folder, and nothing in it.
    pub fn empty() -> Self {
        Self::on(Chain::start(), &std::env::temp_dir())
    }

    /// The same on a chain that runs, in `place`.
    pub fn on(chain: Chain, place: &Path) -> Self {
        let mut folder = tempfile::Builder::new();
        Self {
            server: None,
            url: String::new(),
            counter: AtomicU64::new(1),
            has_tls: false,
            portreeve: portreeve(),
            chain,
            folder: folder.prefix("portreeve e2e ").tempdir_in(place).unwrap(),
        }
    }

    /// Set up, not running.
    pub fn built() -> Self {
        let house = Self::empty();
        house.init(&[]);
        house
    }

    /// Set up as it is by default, with TLS, not running.
    pub fn secured() -> Self {
        let mut house = Self::empty();
        house.has_tls = true;
        house.init(&[]);
        house
    }

    /// Sets it up and gives its fee payer something to pay with.
    fn init(&self, args: &[&str]) {
        let init = ["init", "--rpc", &self.chain.url, "--json"];
        let made = self.cli(&[init.as_slice(), args].concat()).json();
        let payer = made["signer"]["feePayer"].as_str().unwrap();
        self.chain.airdrop(payer, 100 * SOL);
    }

    /// Set up and running.
    pub fn open() -> Self {
        let mut house = Self::built();
        house.serve(&[]);
        house
    }

    /// Set up and running with a vault that was made up by this plan.
    pub fn with_vault(plan: &Plan) -> (Self, Manifest) {
        let mut house = Self::built();
        let manifest = plan.write(house.folder.path()).unwrap();
        house.says_where_the_vault_is();
        house.serve(&[]);
        (house, manifest)
    }

    /// Where the vault's notes lie.
    pub fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// In the settings, so that it is there after a restart too.
    fn says_where_the_vault_is(&self) {
        let file = self.home().join("portreeve.toml");
        let settings = std::fs::read_to_string(&file).unwrap();
        let (before, after) = settings.split_once("# root = \"/srv/vault\"\n").unwrap();
        std::fs::write(&file, format!("{before}root = {:?}\n{after}", self.notes())).unwrap();
    }

    /// The data folder. Its name has a space in it, because somebody's will.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Starts the server, with more variables, and returns when it answers.
    pub fn serve(&mut self, variables: &[(&str, &str)]) {
        if !self.try_serve(variables) {
            panic!("the server does not start: {}", self.wait_for_end().stderr);
        }
    }

    /// The same; false when it ended before it answered.
    pub fn try_serve(&mut self, variables: &[(&str, &str)]) -> bool {
        self.start(self.command(), variables)
    }

    fn start(&mut self, mut command: Command, variables: &[(&str, &str)]) -> bool {
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied());
        let (server, line) = Running::try_start(command);
        self.server = Some(server);
        self.url = line.strip_prefix("listening on ").unwrap_or_default().to_owned();
        !self.url.is_empty()
    }

    /// Whether the server has ended, by itself.
    pub fn has_ended(&mut self) -> bool {
        self.server.as_mut().unwrap().has_ended()
    }

    /// The process id of the server.
    pub fn server_id(&self) -> u32 {
        self.server.as_ref().unwrap().id()
    }

    /// How the server ended, by itself.
    pub fn wait_for_end(&mut self) -> Done {
        self.server.take().unwrap().wait()
    }

    /// Stops the server as an operator does, and says how it ended.
    pub fn stop(&mut self) -> Done {
        self.server.take().unwrap().stop()
    }

    /// Kills the server as a power cut does.
    pub fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// Runs a command with the owner's key, against this house's server.
    pub fn cli(&self, args: &[&str]) -> Done {
        self.cli_with(args, &[])
    }

    /// The same with more variables.
    pub fn cli_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Done {
        let mut command = self.command();
        if !self.url.is_empty() {
            command.env("PORTREEVE_SERVER", &self.url);
        }
        Done::of(command.args(args).envs(variables.iter().copied()))
    }

    /// From here on the house is asked at `url`, by whomever the server there was started.
    pub fn ask_at(&mut self, url: &str) {
        url.clone_into(&mut self.url);
    }

    /// From here on server and commands are those of another build.
    pub fn use_build(&mut self, portreeve: &Path) {
        portreeve.clone_into(&mut self.portreeve);
    }

    /// Where the server listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the server calls itself, unless its settings say otherwise.
    pub fn origin(&self) -> String {
        let port = self.url.rsplit(':').next().unwrap();
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://localhost:{port}")
    }

    /// The owner's first API key.
    pub fn owner_key(&self) -> String {
        std::fs::read_to_string(self.home().join("owner/api.key"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// An active agent with ten SOL in its vault; `args` are those of `agent create` after the name.
    pub fn agent(&self, args: &[&str]) -> Agent {
        let create = ["agent", "create", "tester", "--json"];
        let made = self.cli(&[create.as_slice(), args].concat()).json();
        self.fund(&made)
    }

    /// The same with a policy as the API takes it.
    pub fn agent_with(&self, policy: &Value) -> Agent {
        let file = self.folder.path().join("policy.json");
        std::fs::write(&file, policy.to_string()).unwrap();
        self.agent(&["--policy", file.to_str().unwrap()])
    }

    fn fund(&self, made: &Value) -> Agent {
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let agent = Agent {
            id: text("id"),
            vault: text("vaultAddress"),
            multisig: text("multisigAddress"),
        };
        self.chain.airdrop(&agent.vault, 10 * SOL);
        agent
    }

    /// Waits until the agent's wallet is on chain.
    pub fn until_active(&self, agent: &str) {
        let owner = self.api(&self.owner_key());
        for _ in 0..400 {
            if owner.get(&format!("/api/v1/agents/{agent}")).is(200)["status"] == "ACTIVE" {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("`{agent}` does not become active");
    }

    /// Pays over the command line, and waits for the chain.
    pub fn send(&self, agent: &str, to: &str, amount: &str) -> Done {
        self.cli(&["tx", "send", "--agent", agent, "--to", to, "--amount", amount])
    }

    /// Asks for a payment over HTTP, with the owner's key and an idempotency key of its own.
    pub fn pay(&self, agent: &str, to: &str, lamports: &str) -> Answer {
        let body = json!({"agentId": agent, "to": to, "amount": lamports});
        let key = self.fresh().to_string();
        let owner = self.api(&self.owner_key());
        owner.send(
            minreq::Method::Post,
            "/api/v1/transactions",
            Some(&body),
            &[("Idempotency-Key", &key)],
        )
    }

    /// An address that nobody has used.
    pub fn somebody(&self) -> String {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&self.fresh().to_be_bytes());
        Address::new(bytes).to_string()
    }

    /// Another number every time.
    fn fresh(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::SeqCst)
    }

    /// The process id of the signer that the server started; `None` while there is none.
    pub fn signer(&self) -> Option<String> {
        let server = self.server_id();
        let tasks = std::fs::read_dir(format!("/proc/{server}/task")).ok()?;
        let children = tasks
            .flatten()
            .map(|task| std::fs::read_to_string(task.path().join("children")));
        let all = children.flatten().collect::<Vec<_>>().join(" ");
        let all: Vec<&str> = all.split_whitespace().collect();
        assert!(all.len() <= 1, "the signer is the server's only child: {all:?}");
        all.first().map(|pid| (*pid).to_owned())
    }

    /// Kills the signer, as the system might.
    pub fn kill_signer(&self) {
        let signer = self.signer().unwrap();
        assert!(
            Command::new("kill")
                .args(["-KILL", &signer])
                .status()
                .unwrap()
                .success()
        );
    }

    /// The API, called with `key`; without a credential when it is empty.
    pub fn api(&self, key: &str) -> Api {
        Api::new(&self.url, key)
    }

    /// `portreeve` in this house.
    pub fn command(&self) -> Command {
        self.program(&self.portreeve)
    }

    /// The demo as it is by default, with its own place for temporary files.
    pub fn demo(&self, place: &Path, args: &[&str]) -> Command {
        let mut command = self.command();
        command.arg("demo").args(args).stdin(Stdio::null());
        command
            .arg("--localchain-bin")
            .arg(Chain::program())
            .env_remove(PLAIN.0)
            .env("TMPDIR", place);
        crate::ran::note_command(&command);
        command
    }

    /// A program of this build in this house, without the variables of whoever runs the tests.
    pub fn program(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PORTREEVE_") {
                command.env_remove(name);
            }
        }
        command
            .env("PORTREEVE_HOME", self.home())
            .env("PORTREEVE_SIGNER_BIN", signer())
            .envs(LIMITS.iter().copied());
        if !self.has_tls {
            command.env(PLAIN.0, PLAIN.1);
        }
        command.current_dir(self.folder.path());
        command
    }
}

/// The server and command line of the same build.
#[must_use]
pub fn portreeve() -> PathBuf {
    crate::program("PORTREEVE_BIN", "portreeve")
}

/// The signer of the same build.
#[must_use]
pub fn signer() -> PathBuf {
    crate::program("PORTREEVE_SIGNER_BIN", "portreeve-signer")
}

/// The one item of a list whose `field` is `value`.
pub fn item<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let items = list["items"].as_array().unwrap_or_else(|| panic!("{list}"));
    items
        .iter()
        .find(|item| item[field] == value)
        .unwrap_or_else(|| panic!("no {field} `{value}` in {list}"))
}
