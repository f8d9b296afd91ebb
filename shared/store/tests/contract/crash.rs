//! A process that spends is killed without warning, again and again. What it was told is there afterwards.

use {
    crate::{
        purse::{Paid, Pay, Purse, key},
        support::{T, amount, number},
    },
    portreeve_kernel::{AgentId, Now, Timestamp, TransactionId, entropy::Seeded},
    portreeve_store::{Database, Sql, audit::verify_chain, ledger, testing::TestDatabase},
    std::{
        io::{BufRead, BufReader, Write},
        process::{Command, Stdio},
    },
};

const URL: &str = "PORTREEVE_CRASH_URL";
const LIFE: &str = "PORTREEVE_CRASH_LIFE";
const LIMIT: u64 = 1_000;

/// How a life ends.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// Killed from outside, after so many acknowledgements.
    After(usize),
    /// By itself, at a kill point. Only where kill points are built in.
    At(&'static str),
}

const DEATHS: &[Death] = &[Death::After(1), Death::After(97), Death::After(380)];
const DEATHS_AROUND_A_COMMIT: &[Death] = &[
    Death::At("store.commit.before#2"),
    Death::At("store.commit.after#2"),
    Death::At("store.commit.before#9"),
    Death::At("store.commit.after#9"),
];

fn agent() -> AgentId {
    AgentId::new(T, &Seeded::new(42))
}

/// The process that is killed. Does nothing when it is run as a test among others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn life_of_a_process_that_is_killed() {
    let (Ok(url), Ok(life)) = (std::env::var(URL), std::env::var(LIFE)) else {
        return;
    };
    let purse = Database::open(&url, &[]).await.unwrap().batcher(Purse);
    let life: u64 = life.parse().unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (purse, chance) = (purse.clone(), Seeded::new(life * 100 + task));
            tokio::spawn(async move {
                for step in 0..10_000 {
                    let pay = Pay {
                        id: TransactionId::new(Timestamp::from_millis(step), &chance),
                        agent: agent(),
                        amount: amount(1),
                        limit: LIMIT,
                        now: Now::at(T),
                    };
                    let id = pay.id.clone();
                    if purse.submit(pay).await.unwrap() == Paid::Reserved {
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "paid {id}").unwrap();
                        out.flush().unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

pub(crate) async fn what_was_acknowledged_survives_kill_9(place: &TestDatabase) {
    let mut acknowledged = Vec::new();
    let around_a_commit: &[Death] = if cfg!(kill_points) { DEATHS_AROUND_A_COMMIT } else { &[] };
    for (life, death) in DEATHS.iter().chain(around_a_commit).copied().enumerate() {
        let url = place.url().to_owned();
        let told = tokio::task::spawn_blocking(move || live_and_die(&url, life, death))
            .await
            .unwrap();
        acknowledged.extend(told);

        let database = place.open().await.unwrap();
        let head = verify_chain(&mut database.read()).await.unwrap();
        assert!(head.size >= acknowledged.len() as u64);
        for id in &acknowledged {
            let sql = Sql::new("SELECT COUNT(*) AS n FROM reservations WHERE id = $1").bind(id.as_str());
            assert_eq!(number(&database, sql).await, 1, "{id} was acknowledged");
        }
        let kept = number(&database, Sql::new("SELECT COUNT(*) AS n FROM reservations")).await;
        let in_accounts = number(&database, Sql::new("SELECT COUNT(*) AS n FROM reservation_accounts")).await;
        let used = ledger::usage(&mut database.read(), &[key(&agent())], Now::at(T))
            .await
            .unwrap();
        let used = i64::try_from(used[&key(&agent())].day.units()).unwrap();
        assert_eq!((kept, in_accounts), (used, used), "the sum is that of the rows");
        assert!(used <= i64::try_from(LIMIT).unwrap());
        database.close().await;
    }
}

/// Starts a life, sees it end, and returns the acknowledgements it printed.
fn live_and_die(url: &str, life: usize, death: Death) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args(["crash::life_of_a_process_that_is_killed", "--exact", "--nocapture"])
        .env(URL, url)
        .env(LIFE, life.to_string())
        .stdout(Stdio::piped());
    if let Death::At(point) = death {
        process.env("PORTREEVE_KILL_POINT", point);
    }
    let mut process = process.spawn().unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        // A line that the kill cut short was not an acknowledgement yet.
        if let Some(id) = line.unwrap().strip_prefix("paid ").filter(|id| id.len() == 29) {
            told.push(id.to_owned());
        }
        if matches!(death, Death::After(count) if count == told.len()) {
            process.kill().unwrap();
        }
    }
    let ended = process.wait().unwrap();
    assert!(!ended.success(), "{death:?} did not come");
    if let Death::After(count) = death {
        assert!(told.len() >= count);
    }
    told
}
