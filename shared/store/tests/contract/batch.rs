//! Commands decided together are still decided each for itself.

use {
    crate::{
        purse::{Paid, Pay, Purse},
        support::{Plug, T, add, added, agent, amount, begin, number, transaction},
    },
    portreeve_kernel::Now,
    portreeve_store::{Batch, Sql, StoreError, Tx, testing::TestDatabase},
};

pub(crate) async fn commands_are_decided_in_order_and_see_each_other(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let (purse, agent) = (database.batcher(Purse), agent());
    let plug = Plug::insert(&database).await;
    let pays = [6, 5, 4, 1].map(|units| Pay {
        id: transaction(),
        agent: agent.clone(),
        amount: amount(units),
        limit: 10,
        now: Now::at(T),
    });
    let begun = pays.map(|pay| begin(purse.submit(pay)));
    plug.pull().await;
    let mut paid = Vec::new();
    for one in begun {
        paid.push(one.await.unwrap());
    }
    assert_eq!(paid, [Paid::Reserved, Paid::OverLimit, Paid::Reserved, Paid::OverLimit]);
    assert_eq!(
        number(&database, Sql::new("SELECT COUNT(*) AS n FROM audit_log")).await,
        4,
        "refusals too"
    );
}

pub(crate) async fn a_command_that_cannot_be_stored_fails_alone(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let (purse, agent) = (database.batcher(Purse), agent());
    let pay = |id| Pay {
        id,
        agent: agent.clone(),
        amount: amount(1),
        limit: 10,
        now: Now::at(T),
    };
    let (one, other) = (transaction(), transaction());
    let plug = Plug::insert(&database).await;
    let begun = [&one, &other, &one].map(|id| begin(purse.submit(pay(id.clone()))));
    plug.pull().await;
    let [first, second, repeated] = begun;
    assert_eq!(first.await.unwrap(), Paid::Reserved);
    assert_eq!(second.await.unwrap(), Paid::Reserved);
    assert!(matches!(repeated.await, Err(StoreError::Conflict(_))));
    let pending = Sql::new("SELECT pending AS n FROM ledger_accounts");
    assert_eq!(number(&database, pending).await, 2);
    assert_eq!(number(&database, Sql::new("SELECT size AS n FROM audit_head")).await, 2);
}

/// Adds what it is told, and panics or forgets to answer when told so.
struct Clumsy;

impl Batch for Clumsy {
    type Command = &'static str;
    type Answer = usize;

    async fn decide(&self, tx: &mut Tx, commands: &[&'static str]) -> Result<Vec<usize>, StoreError> {
        let mut answers = Vec::new();
        for command in commands {
            assert_ne!(*command, "panic", "this panic belongs to the test");
            add(tx, command).await?;
            answers.push(answers.len());
        }
        answers.truncate(if commands.contains(&"forget") { 0 } else { answers.len() });
        Ok(answers)
    }
}

pub(crate) async fn a_command_that_panics_fails_alone(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let batcher = database.batcher(Clumsy);
    let plug = Plug::insert(&database).await;
    let [a, panics, b] = ["a", "panic", "b"].map(|command| begin(batcher.submit(command)));
    plug.pull().await;
    assert_eq!(a.await.unwrap(), 0);
    assert!(matches!(panics.await, Err(StoreError::Panicked)));
    assert_eq!(b.await.unwrap(), 0);
    assert_eq!(added(&database).await, ["a", "b"]);
}

pub(crate) async fn an_answer_too_few_fails_the_batch(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let batcher = database.batcher(Clumsy);
    let refused = batcher.submit("forget").await;
    assert!(matches!(
        refused,
        Err(StoreError::Batch {
            commands: 1,
            answers: 0
        })
    ));
    assert!(added(&database).await.is_empty());
    assert_eq!(batcher.submit("a").await.unwrap(), 0);
}

pub(crate) async fn more_commands_than_fit_one_batch_are_all_decided(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let (purse, agent) = (database.batcher(Purse), agent());
    let plug = Plug::insert(&database).await;
    let begun: Vec<_> = (0..700)
        .map(|_| {
            begin(purse.submit(Pay {
                id: transaction(),
                agent: agent.clone(),
                amount: amount(1),
                limit: 600,
                now: Now::at(T),
            }))
        })
        .collect();
    plug.pull().await;
    let mut reserved = 0;
    for one in begun {
        reserved += usize::from(one.await.unwrap() == Paid::Reserved);
    }
    assert_eq!(reserved, 600);
}
