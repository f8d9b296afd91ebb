//! The promise of the house: however many ask at once, no more than the limit is spent.

use {
    crate::{
        purse::{Paid, Pay, Purse, key, pay},
        support::{T, agent, amount, number, transaction},
    },
    portreeve_kernel::{AgentId, Now},
    portreeve_store::{Database, Sql, audit::verify_chain, ledger, testing::TestDatabase},
    std::future::Future,
};

const TASKS: u64 = 64;
const TRIES: u64 = 8;
/// Admits exactly 200 of the 512 tries, with two units left that nobody can use.
const LIMIT: u64 = 602;
const EACH: u64 = 3;
const ADMITTED: usize = 200;

fn order(agent: &AgentId) -> Pay {
    Pay {
        id: transaction(),
        agent: agent.clone(),
        amount: amount(EACH),
        limit: LIMIT,
        now: Now::at(T),
    }
}

/// Runs all tries, and counts what was paid.
async fn crowd<F>(agent: &AgentId, ask: impl Fn(u64, Pay) -> F) -> usize
where
    F: Future<Output = Paid> + Send + 'static,
{
    let asked: Vec<_> = (0..TASKS * TRIES)
        .map(|task| tokio::spawn(ask(task, order(agent))))
        .collect();
    let mut reserved = 0;
    for one in asked {
        reserved += usize::from(one.await.unwrap() == Paid::Reserved);
    }
    reserved
}

async fn check(database: &Database, agent: &AgentId, reserved: usize) {
    assert_eq!(reserved, ADMITTED);
    let admitted = i64::try_from(ADMITTED).unwrap();
    assert_eq!(
        number(database, Sql::new("SELECT COUNT(*) AS n FROM reservations")).await,
        admitted
    );
    let usage = ledger::usage(&mut database.read(), &[key(agent)], Now::at(T))
        .await
        .unwrap();
    assert_eq!(usage[&key(agent)].day.units(), EACH * ADMITTED as u64);
    let head = verify_chain(&mut database.read()).await.unwrap();
    assert_eq!(head.size, TASKS * TRIES, "every decision is on record");
}

pub(crate) async fn of_64_tasks_exactly_as_many_spend_as_the_limit_admits(place: &TestDatabase) {
    let (database, agent) = (place.open().await.unwrap(), agent());
    let reserved = crowd(&agent, |_, order| {
        let database = database.clone();
        async move { database.write(async move |tx| pay(tx, &order).await).await.unwrap() }
    });
    check(&database, &agent, reserved.await).await;
}

pub(crate) async fn of_64_tasks_that_decide_in_batches_exactly_as_many_spend_as_the_limit_admits(place: &TestDatabase) {
    let (database, agent) = (place.open().await.unwrap(), agent());
    let purse = database.batcher(Purse);
    let reserved = crowd(&agent, |_, order| {
        let purse = purse.clone();
        async move { purse.submit(order).await.unwrap() }
    });
    check(&database, &agent, reserved.await).await;
}

/// One node decides in batches, the other one by one.
pub(crate) async fn on_two_nodes_together_exactly_as_many_spend_as_the_limit_admits(place: &TestDatabase) {
    let (here, there, agent) = (place.open().await.unwrap(), place.open().await.unwrap(), agent());
    let purse = here.batcher(Purse);
    let reserved = crowd(&agent, |task, order| {
        let (purse, there) = (purse.clone(), there.clone());
        async move {
            if task % 2 == 0 {
                purse.submit(order).await.unwrap()
            } else {
                there.write(async move |tx| pay(tx, &order).await).await.unwrap()
            }
        }
    });
    check(&here, &agent, reserved.await).await;
}
