//! An authenticated read over HTTP, with every layer on that there is, against a bare axum handler that answers the same
//! bytes. Measured twice: of agents that nothing was written about, which are shown again as they were, and of agents
//! that have to be read from the database.
//!
//! Both are asked in turn by the same client over as many connections. Beside the rate stands the processor time per
//! request: on a machine where client and server share the processors it is the steadier number.

use {
    crate::{
        Effort,
        estate::{Estate, Tenant},
        load::{self, Until},
        process::{self, Installation, Server},
        result::{Measurement, Target},
        stats::median,
    },
    serde_json::json,
    std::{
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
        path::Path,
        process::Command,
        thread,
        time::Duration,
    },
};

/// Connections, each with an agent and a key of its own.
const CONNECTIONS: usize = 32;

/// Agents that are read in turn, so that none is still known when it is asked for again.
const AGENTS: usize = 4_000;

/// Longer than an agent is shown again without asking the database.
const FORGOTTEN: Duration = Duration::from_millis(1_200);

/// One of the two that are compared.
struct Side {
    server: Server,
    rates: Vec<f64>,
    /// Microseconds of processor time per request.
    costs: Vec<f64>,
    medians: Vec<f64>,
    tails: Vec<f64>,
    bytes: usize,
}

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("read");
    let installation = Installation::new(folder);
    let estate = Estate::open(&installation.database()).await;
    let count = effort.pick(AGENTS, CONNECTIONS);
    let agents = estate.agents(count).await;
    let tenants = estate.tenants(&agents, count).await;
    estate.database.close().await;
    let rounds = effort.pick(7, 1);
    let length = effort.pick(Duration::from_secs(2), Duration::from_millis(300));
    let done = tokio::task::spawn_blocking(move || {
        let all: Vec<Vec<u8>> = tenants
            .iter()
            .map(|tenant| load::request(tenant.agent.as_str(), &tenant.key))
            .collect();
        let requests = &all[..CONNECTIONS];
        let server = installation.serve();
        let answer = example(server.address, &tenants[0]);
        let mut bare = Side::new(bare(&answer));
        let mut ours = Side::new(server);
        for side in [&mut bare, &mut ours] {
            // Warms caches; what it takes does not count.
            side.round(requests, Until::Over(length));
            side.forget();
        }
        for _ in 0..rounds {
            bare.round(requests, Until::Over(length));
            ours.round(requests, Until::Over(length));
        }
        assert_eq!(bare.bytes, ours.bytes, "both answer the same bytes");
        let shown = (median(&ours.rates), median(&ours.costs));
        // Each key is known from the first time on.
        ours.round(&all, Until::AllAnswered);
        ours.forget();
        for _ in 0..rounds {
            thread::sleep(FORGOTTEN);
            ours.round(&all, Until::AllAnswered);
        }
        let read = (median(&ours.rates), median(&ours.costs));
        (bare, ours, shown, read)
    });
    let (bare, ours, shown, read) = done.await.unwrap();
    let (rate, cost) = (median(&bare.rates), median(&bare.costs));
    result.with(
        "GET /api/v1/agents/{agentId}; `portreeve serve` as `init` sets it up, access log to a file, default filter",
    );
    result.with(
        "differences from the default: a free port; no TLS, as on the other side; the chain is the local one; limits that this \
         load stays within (the limiter counts each request). Reads are not audited one by one",
    );
    result.with(format!(
        "client: own, one thread, {CONNECTIONS} keep-alive connections with a key and an agent each, on the same machine; \
         {rounds} rounds of {length:?} each in turn"
    ));
    result.with(format!("bytes per answer: {}, headers included", ours.bytes));
    result.hold(
        "of the bare handler's rate, nothing written meanwhile",
        shown.0 / rate,
        "×",
        Target::AtLeast(0.75),
    );
    result.tell("the same, read from the database", read.0 / rate, "×");
    result.tell(
        "processor time of the bare handler to ours, nothing written meanwhile",
        cost / shown.1,
        "×",
    );
    result.tell("the same, read from the database", cost / read.1, "×");
    for (name, (rate, cost)) in [
        ("bare", (rate, cost)),
        ("ours, nothing written", shown),
        ("ours, from the database", read),
    ] {
        result.tell(format!("{name}: rate"), rate, "/s");
        result.tell(format!("{name}: processor time per request"), cost, "µs");
    }
    for (name, side) in [("bare", &bare), ("ours, from the database", &ours)] {
        result.tell(format!("{name}: answered within, median"), median(&side.medians), "µs");
        result.tell(format!("{name}: answered within, 99 %"), median(&side.tails), "µs");
    }
    result
}

impl Side {
    fn new(server: Server) -> Self {
        Self {
            server,
            rates: Vec::new(),
            costs: Vec::new(),
            medians: Vec::new(),
            tails: Vec::new(),
            bytes: 0,
        }
    }

    fn round(&mut self, requests: &[Vec<u8>], until: Until) {
        let before = self.server.processor_time();
        let load = load::run(self.server.address, requests, CONNECTIONS, until);
        let used = self.server.processor_time() - before;
        self.rates.push(load.rate());
        self.costs.push(used * 1e6 / load.answers as f64);
        self.medians.push(load.within(50));
        self.tails.push(load.within(99));
        self.bytes = self.bytes.max(load.bytes);
    }

    fn forget(&mut self) {
        self.rates.clear();
        self.costs.clear();
        self.medians.clear();
        self.tails.clear();
    }
}

/// A bare handler that answers as ours just did.
fn bare(answer: &str) -> Server {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    // Hyper adds these two by itself, to both.
    let headers: Vec<(&str, &str)> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap())
        .filter(|(name, _)| !["content-length", "date"].contains(name))
        .collect();
    let input = json!({"headers": headers, "body": body});
    Server::start(Command::new(process::bare()), &format!("{input}\n"))
}

/// One answer of ours, as text.
fn example(server: SocketAddr, tenant: &Tenant) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream
        .write_all(&load::request(tenant.agent.as_str(), &tenant.key))
        .unwrap();
    let mut buffer = [0; 16 * 1024];
    let read = stream.read(&mut buffer).unwrap();
    let answer = String::from_utf8(buffer[..read].to_vec()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}
