//! One run: built, tortured, drained, judged.

use {
    crate::{
        cli::{Args, Kind},
        client::{self, Counters},
        gather::{self, Progress},
        history::{self, Recorder, now},
        mix::Mix,
        oracle::{self, Finding, Promise},
        report::Report,
        supervisor::{Orders, Supervisor},
        world::{World, until_ready},
    },
    std::{
        path::Path,
        sync::atomic::Ordering::Relaxed,
        thread,
        time::{Duration, Instant},
    },
};

/// Tries that a bystander gets: histories of this length can be searched.
const TRIES_EACH: u64 = 190;

/// Bystanders at the most: each takes a moment to set up.
const BYSTANDERS: u64 = 50;

/// Events of a history that is searched for an order.
const SEARCHED: usize = 400;

/// How long everything may take to come to rest.
const DRAIN: Duration = Duration::from_secs(300);

/// Runs once, with history and logs in `folder`.
pub fn run(args: &Args, seed: u64, folder: &Path, progress: &dyn Fn(&str)) -> Report {
    let bystanders = (args.tries * (100 - args.same) / 100 / TRIES_EACH).clamp(2, BYSTANDERS);
    let mix = Mix {
        seed,
        tries: args.tries,
        same: args.same,
        bystanders: usize::try_from(bystanders).unwrap(),
    };
    progress("building");
    let (world, crew) = World::build(args, mix.bystanders, folder);
    let recorder = Recorder::create(&folder.join("history.jsonl")).unwrap();
    let counters = Counters::default();
    let orders = Orders {
        kills: args.kills,
        tries: args.tries,
        admits: args.limit_admits,
        pauses: args.pauses,
        only_kills: args.only_kills,
    };
    let mut supervisor = Supervisor::new(&world, crew, &counters, &recorder, orders, seed);
    let began = now();
    let rested = thread::scope(|scope| {
        for number in 0..args.clients {
            let (world, mix, counters, recorder) = (&world, &mix, &counters, &recorder);
            scope.spawn(move || client::work(number, &world.desk, mix, counters, recorder));
        }
        let _stop = Stop(&counters);
        torture(&mut supervisor, &counters, args, progress);
        drain(&mut supervisor, &world, &counters, args.limit_admits, progress)
    });
    // What the clients asked for last has to end as well.
    let rested = rested && at_rest(&mut supervisor, &world, now() + DRAIN).is_some();
    let took = began.elapsed();
    recorder.flush();
    progress("reading the books, the chain and the signer");
    let facts = gather::facts(&world);
    let ops = history::read(recorder.path()).unwrap();
    progress("asking the oracles");
    let promise = Promise {
        drained: true,
        interruptions: supervisor.deaths + supervisor.quits + supervisor.paused(),
        searched: SEARCHED,
    };
    let mut judgement = oracle::judge(&facts, &ops, promise);
    let (done, deaths, quits) = (supervisor.done.clone(), supervisor.deaths, supervisor.quits);
    let strays = supervisor.dismiss();
    let of_operator = |what: String| Finding {
        oracle: "operation",
        what,
    };
    judgement.findings.extend(strays.into_iter().map(of_operator));
    if !rested {
        let what = format!("the drain did not end within {} s", DRAIN.as_secs());
        judgement.findings.push(of_operator(what));
    }
    let disk = world.disk.is_some();
    world.remove();
    Report::new(
        args,
        seed,
        &facts,
        &counters,
        judgement,
        Report::what(done, deaths, quits, took, ops.len(), disk),
        folder,
    )
}

/// Lets the clients stop however the torture ends.
struct Stop<'a>(&'a Counters);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Relaxed);
    }
}

/// Until enough was tried and enough has died.
fn torture(supervisor: &mut Supervisor<'_>, counters: &Counters, args: &Args, progress: &dyn Fn(&str)) {
    let mut told = now();
    while counters.sent.load(Relaxed) < args.tries || supervisor.deaths < args.kills {
        supervisor.step();
        thread::sleep(Duration::from_millis(20));
        if told.elapsed() > Duration::from_millis(500) {
            told = now();
            progress(&line(supervisor, counters, args));
        }
    }
    supervisor.heal();
}

fn line(supervisor: &Supervisor<'_>, counters: &Counters, args: &Args) -> String {
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    format!(
        "{} of {} tries, {} of {} admitted, {} denied, {} unavailable, {} lost, {} of {} deaths",
        of(&counters.sent),
        args.tries,
        of(&counters.admitted),
        args.limit_admits,
        of(&counters.denied),
        of(&counters.unavailable),
        of(&counters.lost),
        supervisor.deaths,
        args.kills
    )
}

/// No more misfortunes; the clients keep trying until nothing is left to spend. False when that does not come.
fn drain(
    supervisor: &mut Supervisor<'_>,
    world: &World,
    counters: &Counters,
    admits: u64,
    progress: &dyn Fn(&str),
) -> bool {
    world.desk.nodes.iter().for_each(|node| until_ready(node));
    let until = now() + DRAIN;
    while now() < until {
        supervisor.look_after();
        thread::sleep(Duration::from_millis(250));
        let Ok(Progress { open, spent }) = gather::progress(world) else {
            continue;
        };
        progress(&format!(
            "draining: {spent} of {admits} spent, {open} open, {} tries",
            counters.sent.load(Relaxed)
        ));
        if spent >= admits {
            return true;
        }
    }
    false
}

/// Waits until no payment is open.
fn at_rest(supervisor: &mut Supervisor<'_>, world: &World, until: Instant) -> Option<()> {
    while now() < until {
        supervisor.look_after();
        if gather::progress(world).is_ok_and(|progress| progress.open == 0) {
            return Some(());
        }
        thread::sleep(Duration::from_millis(250));
    }
    None
}

/// What the run is called.
pub fn title(args: &Args, seed: u64) -> String {
    let database = match args.database {
        Kind::Sqlite => "SQLite",
        Kind::Postgres => "PostgreSQL",
    };
    format!(
        "{database}, {} node(s), {} clients, seed {seed}",
        args.node_count(),
        args.clients
    )
}
