//! Durable decisions: one commit for each, against many that share one. The same code, the same disk, in turn.

use {
    crate::{
        Effort,
        estate::{Chance, Estate, Tenant, Wall},
        result::{Measurement, Target},
        stats::{median, percentile, process_time},
    },
    portreeve_kernel::{Address, Amount},
    portreeve_store::{audit::verify_chain, testing::TestDatabase},
    portreeve_wallet::{
        Stage,
        testing::{DecisionParts, Decisions},
    },
    std::{
        path::Path,
        sync::Arc,
        time::{Duration, Instant},
    },
    tokio::task::JoinSet,
};

/// Callers at the same time.
const TASKS: usize = 64;

/// Agents that each caller speaks for in turn, so that none has more unsigned payments than an agent may have.
const AGENTS_EACH: usize = 16;

/// Measures on SQLite in `folder`, and on PostgreSQL with `postgres` on the server that the tests use too.
pub(crate) async fn measure(effort: Effort, folder: &Path, postgres: bool) -> Measurement {
    let mut result = Measurement::new("decisions");
    result.with(
        "wallet Decider (policy, ledger, payment row, audit entry, job; one commit) on the real store, in process",
    );
    result.with(format!(
        "{TASKS} tasks with a key each and {AGENTS_EACH} agents in turn; against 1 task; {} rounds of each in turn",
        effort.pick(4, 1)
    ));
    let folder = tempfile::tempdir_in(folder).unwrap();
    let url = format!("sqlite://{}/decisions.db?mode=rwc", folder.path().display());
    let target = Some(Target::AtLeast(8.0));
    compare(&mut result, "SQLite, WAL, synchronous=FULL", &url, effort, target).await;
    if postgres {
        let database = TestDatabase::postgres("bench", &[]).await.unwrap();
        compare(&mut result, "PostgreSQL, fsync=on", database.url(), effort, None).await;
        database.remove().await.unwrap();
    }
    result
}

/// Decides with one task and with many, in turn.
async fn compare(result: &mut Measurement, name: &str, url: &str, effort: Effort, target: Option<Target>) {
    let estate = Estate::open(url).await;
    let agents = estate.agents(TASKS * AGENTS_EACH).await;
    let tenants = estate.tenants(&agents, agents.len()).await;
    let decisions = decisions(&estate);
    let (mut alone, mut together) = (Round::default(), Round::default());
    let mut decided = 0;
    for _ in 0..effort.pick(4, 1) {
        for (tasks, rounds) in [(1, &mut alone), (TASKS, &mut together)] {
            let round = run(
                &decisions,
                &tenants,
                tasks,
                effort.pick(Duration::from_secs(2), Duration::from_millis(300)),
            )
            .await;
            decided += round.milliseconds.len() as u64;
            rounds.rates.extend(round.rates);
            rounds.costs.extend(round.costs);
            rounds.milliseconds.extend(round.milliseconds);
            estate.carry_on().await;
        }
    }
    assert_eq!(estate.payments().await, decided, "each decision is on disk");
    verify_chain(&mut estate.database.read()).await.unwrap();
    let (one, many) = (median(&alone.rates), median(&together.rates));
    let ratio = format!("{name}: {TASKS} tasks against one commit per decision");
    match target {
        Some(target) => result.hold(ratio, many / one, "×", target),
        None => result.tell(ratio, many / one, "×"),
    }
    result.tell(format!("{name}: one commit per decision"), one, "/s");
    result.tell(format!("{name}: {TASKS} tasks"), many, "/s");
    result.tell(
        format!("{name}: one commit per decision, processor time of each"),
        median(&alone.costs),
        "µs",
    );
    result.tell(
        format!("{name}: {TASKS} tasks, processor time of each"),
        median(&together.costs),
        "µs",
    );
    result.tell(
        format!("{name}: {TASKS} tasks, decided within, median"),
        percentile(&together.milliseconds, 50),
        "ms",
    );
    result.tell(
        format!("{name}: {TASKS} tasks, decided within, 99 %"),
        percentile(&together.milliseconds, 99),
        "ms",
    );
    drop(decisions);
    estate.database.close().await;
}

/// Decisions of the estate, as its server would take them.
pub(crate) fn decisions(estate: &Estate) -> Decisions {
    Decisions::new(DecisionParts {
        database: estate.database.clone(),
        clock: Arc::new(Wall),
        entropy: Arc::new(Chance),
        credentials: Arc::clone(&estate.keys) as _,
        checks: Arc::clone(&estate.keys) as _,
    })
}

/// What came of one round, or of several.
#[derive(Default)]
struct Round {
    /// Decisions a second.
    rates: Vec<f64>,
    /// Microseconds of processor time for each decision, by everybody in this process.
    costs: Vec<f64>,
    /// How long each decision took.
    milliseconds: Vec<f64>,
}

async fn run(decisions: &Decisions, tenants: &[Tenant], tasks: usize, length: Duration) -> Round {
    let (start, used) = (Instant::now(), process_time());
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let own: Vec<Tenant> = tenants.iter().skip(task).step_by(tasks).cloned().collect();
        let decisions = decisions.clone();
        running.spawn(async move {
            let mut took = Vec::new();
            for tenant in own.iter().cycle() {
                if start.elapsed() >= length {
                    break;
                }
                took.push(pay(&decisions, tenant).await);
            }
            took
        });
    }
    let milliseconds: Vec<f64> = running.join_all().await.into_iter().flatten().collect();
    let used = (process_time() - used).as_secs_f64() * 1e6;
    Round {
        rates: vec![milliseconds.len() as f64 / start.elapsed().as_secs_f64()],
        costs: vec![used / milliseconds.len() as f64],
        milliseconds,
    }
}

/// One payment, allowed; the time until it was on disk, in milliseconds.
pub(crate) async fn pay(decisions: &Decisions, tenant: &Tenant) -> f64 {
    let key = portreeve_kernel::id::random_base32(20, &Chance);
    let (to, amount) = (Address::new([7; 32]), Amount::new(1).unwrap());
    let start = Instant::now();
    let decided = decisions.decide(&tenant.caller, &tenant.agent, to, amount, &key).await;
    let took = start.elapsed();
    assert_eq!(decided.unwrap(), Ok(Stage::Reserved));
    took.as_secs_f64() * 1e3
}
