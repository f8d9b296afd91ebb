//! How many durable decisions a second: one commit each, against the writer's groups, on one SQLite file.
//!
//! `cargo run --release -p portreeve-store --example group_commit -- [folder]` prints both, and what the disk takes to
//! sync. The folder should be on the disk that matters; the default is the system's temporary folder.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it reads the clock, prints, and stops at the first surprise"
)]

#[path = "../tests/contract/purse.rs"]
mod purse;

use {
    portreeve_kernel::{AgentId, Amount, Now, Timestamp, TransactionId, entropy::Seeded},
    portreeve_store::{Database, audit::verify_chain},
    purse::{Paid, Pay, Purse, pay},
    std::{
        fs::File,
        io::Write,
        path::Path,
        sync::Arc,
        time::{Duration, Instant},
    },
};

const TASKS: u64 = 64;
const AGENTS: u64 = 16;
const SECONDS: u64 = 4;
const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

#[tokio::main]
async fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).unwrap();
    println!("fsync of 4 KiB: {:?} (median of 200)", sync_time(folder.path()));

    let alone = measure(folder.path(), "alone", 1, How::OneByOne).await;
    println!("one commit per decision:           {alone:>8.0}/s");
    for (name, how) in [("units", How::OneByOne), ("batch", How::Together)] {
        let rate = measure(folder.path(), name, TASKS, how).await;
        println!(
            "{TASKS} tasks, decided as {name:<5}:        {rate:>8.0}/s  = {:.1} ×",
            rate / alone
        );
    }
}

#[derive(Clone, Copy)]
enum How {
    OneByOne,
    Together,
}

/// Decisions per second.
async fn measure(folder: &Path, name: &str, tasks: u64, how: How) -> f64 {
    let database = Database::open(&format!("sqlite://{}/{name}.db?mode=rwc", folder.display()), &[])
        .await
        .unwrap();
    let (purse, chance) = (database.batcher(Purse), Arc::new(Seeded::new(1)));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let (database, purse, chance) = (database.clone(), purse.clone(), Arc::clone(&chance));
            let agent = AgentId::new(T, &Seeded::new(task % AGENTS));
            tokio::spawn(async move {
                let mut decided: u64 = 0;
                while start.elapsed() < Duration::from_secs(SECONDS) {
                    // Ids grow with time, as they do in life, so that indexes grow at their end.
                    let millis = i64::try_from(start.elapsed().as_millis()).unwrap();
                    let order = Pay {
                        id: TransactionId::new(T.plus_millis(millis), &*chance),
                        agent: agent.clone(),
                        amount: Amount::new(1).unwrap(),
                        limit: u64::MAX,
                        now: Now::at(T),
                    };
                    let paid = match how {
                        How::OneByOne => database.write(async move |tx| pay(tx, &order).await).await,
                        How::Together => purse.submit(order).await,
                    };
                    assert_eq!(paid.unwrap(), Paid::Reserved);
                    decided += 1;
                }
                decided
            })
        })
        .collect();
    let mut decided = 0;
    for task in running {
        decided += task.await.unwrap();
    }
    let took = start.elapsed();
    let head = verify_chain(&mut database.read()).await.unwrap();
    assert_eq!(head.size, decided, "each decision is on record");
    decided as f64 / took.as_secs_f64()
}

/// What the disk takes to write 4 KiB and be sure of it.
fn sync_time(folder: &Path) -> Duration {
    let mut file = File::create(folder.join("sync")).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[0; 4096]).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(100).copied().unwrap_or_default()
}
