//! Who does it all to them: kills, at named places and at any moment, pauses, a clock that jumps, a chain that loses
//! answers, a database that hangs up, a disk that is full. What is done next is drawn from the seed; a service manager
//! starts again what has died.

use {
    crate::{
        chance::Chance,
        client::Counters,
        history::{Recorder, now},
        process::{Process, told},
        world::{Crew, World},
    },
    portreeve_kernel::AgentId,
    portreeve_store::{Fetch, Sql, StoreError, Tx},
    rustix::process::{Signal, kill_process},
    serde_json::{Value, json},
    std::{
        collections::{BTreeMap, BTreeSet},
        os::unix::process::ExitStatusExt,
        sync::atomic::Ordering::Relaxed,
        thread,
        time::{Duration, Instant},
    },
};

/// Where streams of this purpose begin.
const PURPOSE: u64 = 1 << 60;

/// Places in a server where a payment's course comes by, and in the signer.
const IN_NODE: &[&str] = &[
    "store.commit.before",
    "store.commit.after",
    "wallet.pay.reserved",
    "wallet.sign.before",
    "wallet.sign.signed",
    "wallet.sign.kept",
    "wallet.sign.voided",
    "wallet.submit.before",
    "wallet.submit.sent",
    "wallet.settled",
    "wallet.released",
];
const IN_SIGNER: &[&str] = &["signer.journal.before", "signer.journal.after", "signer.reply.before"];

/// All jumps of the clock together: less than the month in which nothing leaves the one agent's windows.
const FARTHEST: i64 = 27 * 86_400;

/// What is to be undone, and when.
enum Undo {
    Continue(usize),
    ContinueSigner,
    Release,
    Clear(&'static str),
    MakeRoom,
}

/// Anything that can be done but a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Misfortune {
    Pause,
    PauseSigner,
    Clock,
    Edge,
    Slots,
    Refuse,
    Delay,
    DropReply,
    Duplicate,
    Hold,
    FailSimulation,
    Lie,
    FullDisk,
    HangUp,
    SlowDatabase,
}

const ALL: [Misfortune; 15] = [
    Misfortune::Pause,
    Misfortune::PauseSigner,
    Misfortune::Clock,
    Misfortune::Edge,
    Misfortune::Slots,
    Misfortune::Refuse,
    Misfortune::Delay,
    Misfortune::DropReply,
    Misfortune::Duplicate,
    Misfortune::Hold,
    Misfortune::FailSimulation,
    Misfortune::Lie,
    Misfortune::FullDisk,
    Misfortune::HangUp,
    Misfortune::SlowDatabase,
];

/// How much is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Orders {
    pub kills: u64,
    pub tries: u64,
    pub admits: u64,
    /// Thousandths of a full-size pause.
    pub pauses: u64,
    pub only_kills: bool,
}

/// The one who does it.
pub struct Supervisor<'a> {
    world: &'a World,
    crew: Crew,
    counters: &'a Counters,
    recorder: &'a Recorder,
    orders: Orders,
    chance: Chance,
    undo: Vec<(Instant, Undo)>,
    /// Payments that were given up, and whose bytes have been sent once more.
    sent_again: BTreeSet<String>,
    /// Processes that have died, and when they are started again.
    down: BTreeMap<usize, (Instant, Option<String>)>,
    next: Instant,
    began: i64,
    /// What was done, how often.
    pub done: BTreeMap<String, u64>,
    pub deaths: u64,
    /// Those that ended otherwise than by a signal.
    pub quits: u64,
}

impl<'a> Supervisor<'a> {
    pub fn new(
        world: &'a World,
        crew: Crew,
        counters: &'a Counters,
        recorder: &'a Recorder,
        orders: Orders,
        seed: u64,
    ) -> Self {
        let began = world.chain("localnet_clock", &json!([]))["unixTimestamp"]
            .as_i64()
            .unwrap();
        Self {
            world,
            crew,
            counters,
            recorder,
            orders,
            chance: Chance::new(seed, PURPOSE),
            undo: Vec::new(),
            sent_again: BTreeSet::new(),
            down: BTreeMap::new(),
            next: now(),
            began,
            done: BTreeMap::new(),
            deaths: 0,
            quits: 0,
        }
    }

    /// Looks around once: starts what is down, undoes what is due, and does what is next.
    pub fn step(&mut self) {
        self.look_after();
        self.undo_due(false);
        if self.deaths < self.due() && self.down.is_empty() {
            self.kill();
        } else if !self.orders.only_kills && now() >= self.next {
            self.send_what_was_given_up();
            self.misfortune();
            let pause = self.chance.between(150, 1200);
            self.next = now() + Duration::from_millis(pause);
        }
    }

    /// What was given up must be dead: sends its signed bytes once more, as somebody might who has kept them. Should one
    /// land, the books are wrong.
    fn send_what_was_given_up(&mut self) {
        let sql = Sql::new("SELECT id, wire FROM transactions WHERE stage = 'EXPIRED' AND wire IS NOT NULL");
        let mut read = self.world.database.read();
        // When the database is away, the next time.
        let Ok(rows) = self.world.runtime.block_on(read.fetch_all(sql)) else {
            return;
        };
        for row in rows {
            let (id, wire): (String, Vec<u8>) = (row.get("id").unwrap(), row.get("wire").unwrap());
            if self.sent_again.insert(id) {
                let params = json!([bs58::encode(wire).into_string(), {"encoding": "base58", "skipPreflight": true}]);
                // Taken or not: should it land, the oracle that asks the chain says so.
                let _ = self.world.estate.house.chain.try_call("sendTransaction", &params);
                self.count("given up and sent again");
            }
        }
    }

    /// How often somebody was made to stand still.
    pub fn paused(&self) -> u64 {
        let all = [Misfortune::Pause, Misfortune::PauseSigner];
        all.iter().filter_map(|what| self.done.get(&format!("{what:?}"))).sum()
    }

    /// Deaths by now: most while there is budget to be won, the rest over all tries, and in the end all of them.
    fn due(&self) -> u64 {
        let Orders {
            kills, tries, admits, ..
        } = self.orders;
        let (admitted, sent) = (self.counters.admitted.load(Relaxed), self.counters.sent.load(Relaxed));
        if sent >= tries {
            return kills;
        }
        // Thousandths of the way.
        let way = 600 * admitted.min(admits) / admits + 400 * sent / tries;
        kills * way / 1000
    }

    /// The signer comes after the nodes.
    fn process(&mut self, number: usize) -> &mut Process {
        let nodes = self.crew.nodes.len();
        if number < nodes {
            &mut self.crew.nodes[number]
        } else {
            self.crew.signer.as_mut().unwrap()
        }
    }

    fn processes(&self) -> usize {
        self.crew.nodes.len() + usize::from(self.crew.signer.is_some())
    }

    /// What a service manager does.
    pub fn look_after(&mut self) {
        for number in 0..self.processes() {
            let process = self.process(number);
            let (name, armed) = (process.name.clone(), process.armed.clone());
            if let Some(status) = process.ended() {
                let at = armed.filter(|_| status.signal() == Some(Signal::ABORT.as_raw()));
                self.recorder
                    .event(format!("{name} {} {}", told(status), at.as_deref().unwrap_or("")));
                if status.signal().is_some() {
                    self.deaths += 1;
                    let kind = if at.is_some() { "died at a kill point" } else { "killed" };
                    self.count(&format!(
                        "{} {kind}",
                        if number < self.crew.nodes.len() {
                            "server"
                        } else {
                            "signer"
                        }
                    ));
                } else {
                    self.quits += 1;
                    self.count(&format!("{name} {}", told(status)));
                }
                let pause = self.chance.between(100, 700);
                let again = self.down.remove(&number).and_then(|(_, armed)| armed);
                self.down.insert(number, (now() + Duration::from_millis(pause), again));
            }
        }
        let due: Vec<usize> = self
            .down
            .iter()
            .filter(|(_, (at, _))| *at <= now())
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            if self.process(number).pid().is_some() {
                continue;
            }
            let (_, armed) = self.down.remove(&number).unwrap();
            self.recorder.event(format!(
                "{} started {}",
                self.process(number).name,
                armed.as_deref().unwrap_or("")
            ));
            self.start(number, armed);
        }
    }

    fn start(&mut self, number: usize, armed: Option<String>) {
        let command = if number < self.crew.nodes.len() {
            self.world.node_command(number)
        } else {
            self.world.signer_command()
        };
        self.process(number).start(command, armed);
    }

    /// Kills one now; in half of the cases it is to die at a named place in its next life.
    fn kill(&mut self) {
        let victim = usize::try_from(self.chance.below(self.processes() as u64)).unwrap();
        let in_node = victim < self.crew.nodes.len();
        if in_node && self.crew.signer.is_none() && self.chance.percent(30) {
            return self.kill_child(victim);
        }
        let armed = self.chance.percent(50).then(|| {
            let point = self.chance.one(if in_node { IN_NODE } else { IN_SIGNER });
            let often = point.starts_with("store.");
            let nth = self.chance.between(1, if often { 60 } else { 12 });
            format!("{point}#{nth}")
        });
        let name = self.process(victim).name.clone();
        self.recorder.event(format!("{name}: SIGKILL"));
        self.process(victim).signal(Signal::KILL);
        // Until it is seen to be dead it is not started.
        self.down.insert(victim, (now() + Duration::from_secs(3600), armed));
    }

    /// Kills the signer that is a server's child. The server starts another.
    fn kill_child(&mut self, parent: usize) {
        for child in self.crew.nodes[parent].children() {
            // It may have died a moment ago.
            if kill_process(child, Signal::KILL).is_ok() {
                self.deaths += 1;
                self.count("signer killed");
                self.recorder.event("the server's signer: SIGKILL");
            }
        }
    }

    fn count(&mut self, what: &str) {
        *self.done.entry(what.to_owned()).or_default() += 1;
    }

    fn fault(&self, name: &str, settings: &Value) {
        self.world.chain("localnet_setFault", &json!([name, settings]));
    }

    /// Milliseconds that a pause takes: 0.1 to 30 s at full size.
    fn pause(&mut self) -> Duration {
        let full = if self.chance.percent(70) {
            self.chance.between(100, 5_000)
        } else {
            self.chance.between(5_000, 30_000)
        };
        Duration::from_millis((full * self.orders.pauses / 1000).max(100))
    }

    fn misfortune(&mut self) {
        let drawn = *self.chance.one(&ALL);
        let pause = self.pause();
        let window = Duration::from_millis(self.chance.between(200, 2_000));
        let (some, ms) = (self.chance.between(1, 6), self.chance.between(50, 1_500));
        let node = usize::try_from(self.chance.below(self.crew.nodes.len() as u64)).unwrap();
        let mut happened = true;
        match drawn {
            Misfortune::Pause => {
                self.crew.nodes[node].signal(Signal::STOP);
                self.later(pause, Undo::Continue(node));
            }
            Misfortune::PauseSigner => {
                self.signal_signer(Signal::STOP);
                self.later(pause, Undo::ContinueSigner);
            }
            Misfortune::Clock => happened = self.jump(i64::try_from(some * ms / 50).unwrap()),
            Misfortune::Edge => happened = self.jump_to_the_edge(),
            Misfortune::Slots => {
                self.world.chain("localnet_warpSlots", &json!([some * 3]));
            }
            Misfortune::Refuse => self.fault("refuse", &json!({"count": some * 3})),
            Misfortune::Delay => self.fault("delay", &json!({"count": some * 3, "ms": ms})),
            Misfortune::DropReply => {
                let how = if self.chance.percent(50) { "close" } else { "http500" };
                self.fault("dropReply", &json!({"count": some, "how": how}));
            }
            Misfortune::Duplicate => self.fault("duplicate", &json!({"count": some})),
            Misfortune::FailSimulation => self.fault("failSimulation", &json!({"count": some})),
            Misfortune::Hold => {
                self.fault("hold", &json!({}));
                self.later(window, Undo::Release);
            }
            Misfortune::Lie => {
                // A payment is waited for until the height that somebody claimed when it was made: not too long for a run.
                let ahead = self.chance.between(1, 150);
                self.fault("lie", &json!({"heightAhead": ahead}));
                self.later(window, Undo::Clear("lie"));
            }
            Misfortune::FullDisk => {
                happened = self.world.disk.as_ref().is_some_and(|disk| disk.fill().unwrap());
                if happened {
                    self.later(window, Undo::MakeRoom);
                }
            }
            Misfortune::HangUp => happened = self.hang_up(),
            Misfortune::SlowDatabase => self.slow_database(window),
        }
        if happened {
            self.recorder.event(format!("{drawn:?}"));
            self.count(&format!("{drawn:?}"));
        }
    }

    fn later(&mut self, after: Duration, undo: Undo) {
        self.undo.push((now() + after, undo));
    }

    fn signal_signer(&self, signal: Signal) {
        match &self.crew.signer {
            Some(signer) => signer.signal(signal),
            None => {
                for child in self.crew.nodes.iter().flat_map(Process::children) {
                    // It may have died a moment ago.
                    let _ = kill_process(child, signal);
                }
            }
        }
    }

    fn undo_due(&mut self, all: bool) {
        let (due, rest) = std::mem::take(&mut self.undo)
            .into_iter()
            .partition(|(at, _)| all || *at <= now());
        self.undo = rest;
        let due: Vec<(Instant, Undo)> = due;
        for (_, undo) in due {
            match undo {
                Undo::Continue(node) => self.crew.nodes[node].signal(Signal::CONT),
                Undo::ContinueSigner => self.signal_signer(Signal::CONT),
                Undo::Clear(name) => drop(self.world.chain("localnet_clearFaults", &json!([name]))),
                Undo::Release => {
                    self.world.chain("localnet_clearFaults", &json!(["hold"]));
                    self.world.chain("localnet_releaseHeld", &json!([]));
                }
                Undo::MakeRoom => self.world.disk.as_ref().unwrap().empty().unwrap(),
            }
        }
    }

    /// Moves the chain's clock, which is everybody's. False when it has gone far enough.
    fn jump(&mut self, seconds: i64) -> bool {
        let at = self.world.chain("localnet_clock", &json!([]))["unixTimestamp"]
            .as_i64()
            .unwrap();
        let fine = seconds > 0 && at + seconds < self.began + FARTHEST;
        if fine {
            self.world.chain("localnet_warpSeconds", &json!([seconds]));
        }
        fine
    }

    /// Jumps to two seconds before the oldest of an agent's payments leaves the day, so that the race runs over the edge.
    fn jump_to_the_edge(&mut self) -> bool {
        let account = format!("signer:{}:SOL", self.world.facts[1].id);
        let sql = Sql::new(
            "SELECT settled_at FROM ledger_entries WHERE account = $1 AND settled_at > $2 ORDER BY settled_at LIMIT 1",
        );
        let at = self.world.chain("localnet_clock", &json!([]))["unixTimestamp"]
            .as_i64()
            .unwrap();
        let sql = sql.bind(account.as_str()).bind((at - 86_400) * 1000);
        let mut read = self.world.database.read();
        let found = self.world.runtime.block_on(read.fetch_optional(sql));
        let Ok(Some(row)) = found else { return false };
        let settled: i64 = row.get("settled_at").unwrap();
        self.jump(settled / 1000 + 86_400 + 1 - 2 - at)
    }

    /// Cuts every connection of the servers to the database.
    fn hang_up(&self) -> bool {
        if self.crew.signer.is_none() {
            return false;
        }
        let sql = Sql::new(
            "SELECT CAST(pg_terminate_backend(pid) AS TEXT) AS gone FROM pg_stat_activity WHERE application_name = $1",
        );
        let sql = sql.bind(self.world.site.application.as_str());
        let mut read = self.world.database.read();
        self.world
            .runtime
            .block_on(read.fetch_all(sql))
            .is_ok_and(|gone| !gone.is_empty())
    }

    /// Holds the lock that every decision about the one agent needs.
    fn slow_database(&self, window: Duration) {
        let agent: AgentId = self.world.facts[0].id.parse().unwrap();
        let (database, recorder) = (self.world.database.clone(), self.recorder.path().display().to_string());
        self.world.runtime.spawn(async move {
            let unit = async move |tx: &mut Tx| {
                tx.fetch_all(
                    Sql::new("SELECT id FROM agents WHERE id = $1")
                        .bind(&agent)
                        .for_update(),
                )
                .await?;
                tokio::time::sleep(window).await;
                Ok::<_, StoreError>(())
            };
            // When the database is away it is slow enough.
            if let Err(error) = database.write(unit).await {
                eprintln!("{recorder}: the lock was not held: {error}");
            }
        });
    }

    /// Undoes everything, and starts what is down with nowhere to die.
    pub fn heal(&mut self) {
        self.undo_due(true);
        self.world.chain("localnet_clearFaults", &json!([]));
        self.world.chain("localnet_releaseHeld", &json!([]));
        for number in 0..self.processes() {
            self.process(number).signal(Signal::CONT);
            if self.process(number).armed.is_some() {
                self.process(number).signal(Signal::KILL);
                self.down.insert(number, (now(), None));
            }
        }
        for (_, armed) in self.down.values_mut() {
            *armed = None;
        }
        while !self.down.is_empty() {
            for (at, _) in self.down.values_mut() {
                *at = now();
            }
            self.look_after();
            thread::sleep(Duration::from_millis(50));
        }
        self.send_what_was_given_up();
        self.recorder.event("healed");
    }

    /// Stops everything as an operator does; who does not stop in good order is named.
    pub fn dismiss(mut self) -> Vec<String> {
        let mut bad: Vec<String> = Vec::new();
        for process in self.crew.nodes.iter_mut().chain(&mut self.crew.signer) {
            if !process.stop() {
                bad.push(format!("{} does not stop in good order", process.name));
            }
        }
        bad
    }
}
