//! What only PostgreSQL can get wrong, because it is elsewhere and others use it too: lost answers, and nodes that meet
//! between two statements.

use {
    crate::{
        purse::{Paid, Pay, decide, key},
        support::{Plug, T, add, added, agent, amount, begin, transaction, write},
        wire::{Fault, Wire},
    },
    portreeve_kernel::Now,
    portreeve_store::{Batch, Database, Options, Sql, StoreError, Tx, ledger, testing::TestDatabase},
    std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    },
    tokio::{
        sync::Semaphore,
        time::{sleep, timeout},
    },
};

/// As it stands on the wire; the isolation level in `BEGIN` has the word in it too.
const COMMIT: &str = "COMMIT\0";

/// Adds what it is told, all in one commit.
struct Adders;

impl Batch for Adders {
    type Command = &'static str;
    type Answer = ();

    async fn decide(&self, tx: &mut Tx, ids: &[&'static str]) -> Result<Vec<()>, StoreError> {
        for id in ids {
            add(tx, id).await?;
        }
        Ok(vec![(); ids.len()])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_commit_whose_answer_is_lost_is_unknown_to_all_and_the_writer_goes_on() {
    let place = TestDatabase::postgres("commit_lost", &[]).await.unwrap();
    let wire = Wire::to(&place).await;
    let (database, witness) = (
        Database::open(wire.url(), &[]).await.unwrap(),
        place.open().await.unwrap(),
    );
    let adders = database.batcher(Adders);
    for (fault, ids, next) in [
        (Fault::CutBefore, ["a", "b"], "between"),
        (Fault::CutAfter, ["c", "d"], "last"),
    ] {
        let plug = Plug::insert(&database).await;
        let begun = ids.map(|id| begin(adders.submit(id)));
        // The plug's own commit passes.
        wire.set(COMMIT, 1, fault);
        plug.pull().await;
        for one in begun {
            assert!(matches!(one.await, Err(StoreError::OutcomeUnknown(_))));
        }
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
        // After its length on the wire, so that it is not the one that follows a release.
        ("\x13SAVEPOINT unit\0", "b"),
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_unit_that_keeps_losing_to_others_is_tried_six_times_and_no_more() {
    let place = TestDatabase::postgres("keeps_losing", &[]).await.unwrap();
    let database = place.open().await.unwrap();
    for (losses, expected_runs) in [(5, 6), (u32::MAX, 6)] {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let unit = async move |tx: &mut Tx| {
            add(tx, "x").await?;
            if counted.fetch_add(1, Ordering::SeqCst) < losses {
                let lose = "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$";
                tx.execute(Sql::new(lose)).await?;
            }
            tx.execute(Sql::new("DELETE FROM projects")).await?;
            Ok::<_, StoreError>(())
        };
        match database.write(unit).await {
            Ok(()) => assert_eq!(losses, 5),
            Err(StoreError::Contended(_)) => assert_eq!(losses, u32::MAX),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(runs.load(Ordering::SeqCst), expected_runs);
    }
    database.close().await;
    place.remove().await.unwrap();
}

/// A server that is gone without a word: no answer, no end of the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn a_server_that_falls_silent_holds_nobody_up_for_long() {
    timeout(Duration::from_secs(60), silence()).await.unwrap();
}

async fn silence() {
    let place = TestDatabase::postgres("silent", &[]).await.unwrap();
    let wire = Wire::to(&place).await;
    let options = Options {
        unit_limit: Duration::from_secs(3),
        ..Options::default()
    };
    let database = Database::open_with(wire.url(), &[], options).await.unwrap();
    let speak = Arc::new(Semaphore::new(0));
    let silent = || Fault::Hold(Arc::new(Semaphore::new(0)), Arc::clone(&speak));
    wire.set("INSERT INTO projects", 0, silent());
    assert!(matches!(write(&database, "a").await, Err(StoreError::TimedOut(_))));
    write(&database, "b").await.unwrap();
    wire.set("BEGIN ", 0, silent());
    write(&database, "c").await.unwrap();
    wire.set(COMMIT, 0, silent());
    assert!(matches!(
        write(&database, "d").await,
        Err(StoreError::OutcomeUnknown(_))
    ));
    write(&database, "e").await.unwrap();
    let witness = place.open().await.unwrap();
    assert_eq!(added(&witness).await, ["b", "c", "e"]);
    // What was on its way arrives after all: the first insert to nobody's use, the commit as late as a commit can be.
    speak.add_permits(3);
    while added(&witness).await != ["b", "c", "d", "e"] {
        sleep(Duration::from_millis(5)).await;
    }
    witness.close().await;
    database.close().await;
    place.remove().await.unwrap();
}

/// The first spend of an account makes its row. A node looks before the row is there; then another node makes it and is
/// in the middle of a second spend, which holds the lock. The first node must not decide on what it did not lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn nodes_that_meet_at_a_new_account_spend_no_more_than_its_limit() {
    const MEANWHILE: Duration = Duration::from_millis(300);
    let place = TestDatabase::postgres("new_account", &[]).await.unwrap();
    let wire = Wire::to(&place).await;
    let free = place.open().await.unwrap();
    for statement in [
        "SELECT id FROM ledger_accounts",
        "before_month",
        "INSERT INTO ledger_accounts",
    ] {
        // A new connection sends the text of each statement.
        let held = Database::open(wire.url(), &[]).await.unwrap();
        let agent = agent();
        let order = |units| Pay {
            id: transaction(),
            agent: agent.clone(),
            amount: amount(units),
            limit: 5,
            now: Now::at(T),
        };
        let (reached, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        wire.set(statement, 0, Fault::Hold(Arc::clone(&reached), Arc::clone(&go_on)));
        let first = tokio::spawn(spend(held.clone(), order(3), None));
        let _reached = reached.acquire().await.unwrap();
        let mut second = tokio::spawn(spend(free.clone(), order(1), None));
        let made = timeout(MEANWHILE, &mut second).await;
        let decided = Arc::new(Semaphore::new(0));
        let third = tokio::spawn(spend(free.clone(), order(3), Some((Arc::clone(&decided), MEANWHILE))));
        let _ = timeout(MEANWHILE, decided.acquire()).await;
        go_on.add_permits(1);
        let second = match made {
            Ok(spent) => spent,
            Err(_) => second.await,
        };
        let spent = first.await.unwrap() + second.unwrap() + third.await.unwrap();
        let key = key(&agent);
        let usage = ledger::usage(&mut free.read(), std::slice::from_ref(&key), Now::at(T))
            .await
            .unwrap();
        assert_eq!((spent, usage[&key].day.units()), (4, 4), "held at {statement}");
        held.close().await;
    }
    free.close().await;
    place.remove().await.unwrap();
}

/// Pays `order`, and says how much was spent. With `pause`, tells when it has decided and then waits before it writes.
async fn spend(database: Database, order: Pay, pause: Option<(Arc<Semaphore>, Duration)>) -> u64 {
    let units = order.amount.units();
    let unit = async move |tx: &mut Tx| {
        let mut accounts = ledger::load(tx, [key(&order.agent)], order.now).await?;
        let paid = decide(tx, &mut accounts, &order)?;
        if let Some((decided, pause)) = &pause {
            decided.add_permits(1);
            sleep(*pause).await;
        }
        accounts.write(tx).await?;
        Ok::<_, StoreError>(paid)
    };
    match database.write(unit).await.unwrap() {
        Paid::Reserved => units,
        Paid::OverLimit => 0,
    }
}
