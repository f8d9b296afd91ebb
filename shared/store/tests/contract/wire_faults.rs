//! What only PostgreSQL can get wrong, because it is elsewhere and others use it too: lost answers, and nodes that meet
//! between two statements.

use {
    crate::{
        purse::{Paid, Pay, pay},
        support::{Plug, T, added, agent, amount, begin, transaction, write},
        wire::{Fault, Wire},
    },
    portreeve_kernel::Now,
    portreeve_store::{Database, StoreError, testing::TestDatabase},
    std::{sync::Arc, time::Duration},
    tokio::{sync::Semaphore, time::timeout},
};

/// As it stands on the wire; the isolation level in `BEGIN` has the word in it too.
const COMMIT: &str = "COMMIT\0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_commit_whose_answer_is_lost_is_unknown_to_all_and_the_writer_goes_on() {
    let place = TestDatabase::postgres("commit_lost", &[]).await.unwrap();
    let wire = Wire::to(&place).await;
    let (database, witness) = (
        Database::open(wire.url(), &[]).await.unwrap(),
        place.open().await.unwrap(),
    );
    for (fault, ids, next) in [
        (Fault::CutBefore, ["a", "b"], "between"),
        (Fault::CutAfter, ["c", "d"], "last"),
    ] {
        let plug = Plug::insert(&database).await;
        let begun = ids.map(|id| begin(write(&database, id)));
        let conflict = begin(write(&database, ids[0]));
        // The plug's own commit passes.
        wire.set(COMMIT, 1, fault);
        plug.pull().await;
        for one in begun {
            assert!(matches!(one.await, Err(StoreError::OutcomeUnknown(_))));
        }
        let conflict = conflict.await;
        assert!(
            matches!(conflict, Err(StoreError::Conflict(_))),
            "known, whatever became of the rest: {conflict:?}"
        );
        write(&database, next).await.unwrap();
    }
    assert_eq!(added(&witness).await, ["between", "c", "d", "last"]);
    database.close().await;
    witness.close().await;
    place.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_connection_lost_before_the_commit_is_made_anew_and_nobody_notices() {
    let place = TestDatabase::postgres("connection_lost", &[]).await.unwrap();
    let wire = Wire::to(&place).await;
    let database = Database::open(wire.url(), &[]).await.unwrap();
    for (statement, id) in [
        ("BEGIN ", "a"),
        ("SAVEPOINT unit\0", "b"),
        ("INSERT INTO projects", "c"),
        ("RELEASE", "d"),
    ] {
        wire.set(statement, 0, Fault::CutBefore);
        write(&database, id).await.unwrap();
    }
    assert_eq!(added(&database).await, ["a", "b", "c", "d"]);
    database.close().await;
    place.remove().await.unwrap();
}

/// The first spend of an account makes its row. A node that looked before the row was there, and reads it when another
/// node has made and used it, must not decide on what it did not lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn of_two_nodes_that_meet_at_a_new_account_one_spends() {
    let place = TestDatabase::postgres("new_account", &[]).await.unwrap();
    let wire = Wire::to(&place).await;
    let (held, free) = (
        Database::open(wire.url(), &[]).await.unwrap(),
        place.open().await.unwrap(),
    );
    for statement in [
        "SELECT id FROM ledger_accounts",
        "before_month",
        "INSERT INTO ledger_accounts",
    ] {
        let agent = agent();
        let spend = |database: &Database| {
            let (database, order) = (
                database.clone(),
                Pay {
                    id: transaction(),
                    agent: agent.clone(),
                    amount: amount(3),
                    limit: 5,
                    now: Now::at(T),
                },
            );
            tokio::spawn(async move { database.write(async move |tx| pay(tx, &order).await).await })
        };
        let (reached, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        wire.set(statement, 0, Fault::Hold(Arc::clone(&reached), Arc::clone(&go_on)));
        let first = spend(&held);
        let _reached = reached.acquire().await.unwrap();
        // Either it spends meanwhile, or it waits for the first one's lock.
        let mut second = spend(&free);
        let meanwhile = timeout(Duration::from_millis(300), &mut second).await;
        go_on.add_permits(1);
        let first = first.await.unwrap().unwrap();
        let second = match meanwhile {
            Ok(spent) => spent,
            Err(_) => second.await,
        };
        let paid = [first, second.unwrap().unwrap()];
        assert!(
            paid.contains(&Paid::Reserved) && paid.contains(&Paid::OverLimit),
            "{paid:?} at {statement}"
        );
    }
    for database in [held, free] {
        database.close().await;
    }
    place.remove().await.unwrap();
}
