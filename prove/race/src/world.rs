//! The system under test: a chain, a signer, servers, a database, agents with money. Everything in a folder of its own.

use {
    crate::{
        cli::{Args, Kind},
        client::{Customer, Desk},
        disk::Disk,
        facts,
        process::Process,
    },
    portreeve_house::{
        estate::{Agent, Estate},
        house::{Chain, House, signer},
    },
    portreeve_store::{Database, testing::TestDatabase},
    serde_json::{Value, json},
    std::{
        fs::{self, Permissions},
        net::{Ipv4Addr, TcpListener},
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
        process::Command,
        thread,
        time::Duration,
    },
    tokio::runtime::Runtime,
};

/// Lamports of one unit: enough to open an account with.
pub const UNIT: u64 = 1_000_000;

/// Units that a bystander may spend.
const BYSTANDER: u64 = 60;

/// Units that the one whose windows turn may spend in a day.
const TURNER: u64 = 12;

/// Everything that runs but the processes that may die.
pub struct World {
    pub estate: Estate,
    /// First the one whose limit is the matter, then those whose day turns, then bystanders.
    pub agents: Vec<Agent>,
    pub facts: Vec<facts::Agent>,
    pub desk: Desk,
    pub runtime: Runtime,
    /// The books, as an observer opens them.
    pub database: Database,
    /// Where the data folders are; `None` where nobody may mount.
    pub disk: Option<Disk>,
    pub site: Site,
    test_database: Option<TestDatabase>,
}

/// Where everything is.
pub struct Site {
    pub kind: Kind,
    /// Where each server listens.
    nodes: Vec<String>,
    /// The data folder of each.
    homes: Vec<PathBuf>,
    /// The database.
    url: String,
    /// By which the servers' connections to it are known.
    pub application: String,
    /// Both operators of the chain, when two have to agree.
    operators: Option<String>,
}

/// The processes that may die.
pub struct Crew {
    pub nodes: Vec<Process>,
    /// One of its own; a lone server has its signer as a child.
    pub signer: Option<Process>,
}

impl World {
    /// Builds everything and starts the processes, with history and logs in `folder`.
    pub fn build(args: &Args, bystanders: usize, folder: &Path) -> (Self, Crew) {
        let runtime = Runtime::new().unwrap();
        let place = folder.join("disk");
        let disk = Disk::mount(&place).ok();
        fs::create_dir_all(&place).unwrap();
        let mut house = House::on(Chain::start_with(&["--busy"]), &place);
        let application = format!("portreeve_race_{}", std::process::id());
        let test_database = match args.database {
            Kind::Sqlite => None,
            Kind::Postgres => Some(
                runtime
                    .block_on(TestDatabase::postgres("race", &[]))
                    .unwrap_or_else(|error| {
                        panic!("no PostgreSQL ({error}); `cargo xtask prove race` starts one, or: --database sqlite")
                    }),
            ),
        };
        match &test_database {
            None => house.init_quick(&[]),
            Some(database) => {
                house.init_quick(&["--database-url", database.url()]);
            }
        }
        let url = match &test_database {
            None => format!("sqlite://{}?mode=rw", house.home().join("portreeve.db").display()),
            Some(database) => database.url().to_owned(),
        };
        let schemas = [portreeve_jobs::SCHEMA, portreeve_auth::SCHEMA, portreeve_wallet::SCHEMA];
        let database = runtime.block_on(Database::open(&url, &schemas)).unwrap();
        // Every node has a data folder: the first the one that `init` made, the others their own, with nothing in it but
        // what seals the issuer's keys.
        let mut homes = vec![house.home()];
        for number in 1..args.node_count() {
            let home = house.home().with_file_name(format!("home {}", number + 1));
            fs::create_dir(&home).unwrap();
            fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
            fs::copy(house.home().join("issuer.key"), home.join("issuer.key")).unwrap();
            homes.push(home);
        }
        let site = Site {
            nodes: homes
                .iter()
                .map(|_| format!("http://127.0.0.1:{}", free_port()))
                .collect(),
            operators: (args.node_count() > 1).then(|| json!([house.chain.url, house.chain.liar]).to_string()),
            kind: args.database,
            homes,
            url,
            application,
        };
        let mut crew = Crew {
            nodes: (0..site.homes.len())
                .map(|number| Process::new(&format!("node {number}"), folder))
                .collect(),
            signer: (args.database == Kind::Postgres).then(|| Process::new("signer", folder)),
        };
        if let Some(process) = &mut crew.signer {
            process.start(site.signer_command(&house), None);
        }
        for (number, process) in crew.nodes.iter_mut().enumerate() {
            process.start(site.node_command(&house, number), None);
        }
        site.nodes.iter().for_each(|node| until_ready(node));
        house.ask_at(&site.nodes[0]);
        let estate = Estate::of(house);
        let shop = estate.house.somebody();
        estate.house.chain.airdrop(&shop, 1_000_000_000);
        let limits = limits(args.limit_admits, bystanders);
        let agents = settle(&estate, &limits);
        let facts = agents.iter().zip(&limits).map(|(agent, limits)| facts::Agent {
            id: agent.id.to_string(),
            limits: *limits,
            funded: estate.house.chain.balance(&agent.vault()),
        });
        let facts = facts.collect();
        let customer = |agent: &Agent| Customer {
            key: agent.key.clone(),
            reader: estate.key(&json!({"name": "reader", "agentId": agent.id, "scopes": ["transactions:read"]})),
        };
        let desk = Desk {
            nodes: site.nodes.clone(),
            agents: agents.iter().map(customer).collect(),
            shop,
            unit: UNIT,
        };
        let world = Self {
            estate,
            agents,
            facts,
            desk,
            runtime,
            database,
            disk,
            site,
            test_database,
        };
        (world, crew)
    }

    /// The server with this number.
    pub fn node_command(&self, number: usize) -> Command {
        self.site.node_command(&self.estate.house, number)
    }

    /// The signer that is nobody's child.
    pub fn signer_command(&self) -> Command {
        self.site.signer_command(&self.estate.house)
    }

    /// One call to the chain's own switches.
    pub fn chain(&self, method: &str, params: &Value) -> Value {
        self.estate.house.chain.call(method, params)
    }

    /// Takes everything down. The database goes as well.
    pub fn remove(self) {
        self.runtime.block_on(self.database.close());
        if let Some(database) = self.test_database {
            self.runtime.block_on(database.remove()).unwrap();
        }
    }
}

impl Site {
    fn node_command(&self, house: &House, number: usize) -> Command {
        let mut command = house.command();
        let listen = self.nodes[number].strip_prefix("http://").unwrap();
        command.args(["serve", "--listen", listen]);
        command
            .env("PORTREEVE_HOME", &self.homes[number])
            .env("PORTREEVE__LOG__FILTER", "warn");
        if let Some(operators) = &self.operators {
            command
                .env("PORTREEVE__CHAIN__RPC", operators)
                .env("PORTREEVE__CHAIN__RELEASE_MIN_OPERATORS", "2");
        }
        if self.kind == Kind::Postgres {
            let url = format!("{}&application_name={}", self.url, self.application);
            command.env_remove("PORTREEVE_SIGNER_BIN");
            command
                .env("PORTREEVE__SIGNER__SOCKET", house.signer_socket())
                .env("PORTREEVE__DATABASE__URL", url);
        }
        command
    }

    fn signer_command(&self, house: &House) -> Command {
        let mut command = house.program(&signer());
        command.arg("serve").arg("--dir").arg(house.home().join("signer"));
        command.arg("--passphrase-file").arg(house.home().join("signer.pass"));
        command.arg("--socket").arg(house.signer_socket());
        command.args(["--local-rpc", &house.chain.url, "--exit-with-parent"]);
        command
    }
}

/// The limits of each agent, by day, week and month.
fn limits(admits: u64, bystanders: usize) -> Vec<[u64; 3]> {
    let turner = [TURNER, 7 * TURNER, 30 * TURNER];
    [[admits; 3], turner]
        .into_iter()
        .chain((1..bystanders).map(|_| [BYSTANDER; 3]))
        .collect()
}

/// Makes an agent for each of `limits`, several at a time.
fn settle(estate: &Estate, limits: &[[u64; 3]]) -> Vec<Agent> {
    let make = |number: usize, [day, week, month]: [u64; 3]| {
        let units = |count: u64| (count * UNIT).to_string();
        let limits = json!({
            "perTransaction": units(3), "daily": units(day), "weekly": units(week), "monthly": units(month),
        });
        let agent = estate.agent(
            &format!("agent {number}"),
            &json!({"preset": "custom", "limits": limits}),
        );
        estate.house.chain.airdrop(&agent.vault(), month * UNIT);
        agent
    };
    let mut agents = Vec::new();
    for (chunk, some) in limits.chunks(8).enumerate() {
        agents.extend(thread::scope(|scope| {
            let makers: Vec<_> = some
                .iter()
                .enumerate()
                .map(|(place, limits)| scope.spawn(move || make(chunk * 8 + place, *limits)))
                .collect();
            makers
                .into_iter()
                .map(|maker| maker.join().unwrap())
                .collect::<Vec<_>>()
        }));
    }
    agents
}

/// Waits until everything that a server needs is there, for a minute at most.
pub fn until_ready(node: &str) {
    for _ in 0..1200 {
        let ready = minreq::get(format!("{node}/readyz")).with_timeout(5).send();
        if ready.is_ok_and(|answer| answer.status_code == 200) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{node} does not become ready");
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
