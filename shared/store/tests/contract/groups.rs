//! Units that share a transaction share nothing else.

use {
    crate::support::{Plug, T, add, added, begin, entry, event, number, write},
    portreeve_store::{Database, Fetch, Options, QUEUE, Sql, StoreError, Tx, audit, testing::TestDatabase},
    std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    },
    tokio::sync::Barrier,
};

pub(crate) async fn what_was_acknowledged_is_read_by_everybody(place: &TestDatabase) {
    let (here, there) = (place.open().await.unwrap(), place.open().await.unwrap());
    write(&here, "a").await.unwrap();
    assert_eq!(added(&here).await, ["a"]);
    assert_eq!(added(&there).await, ["a"]);
}

pub(crate) async fn a_generation_has_ended_when_its_commit_is_answered(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let alone = place.file().is_some();
    for id in ["a", "b"] {
        let before = database.generation();
        assert_eq!(before.is_some(), alone, "where other nodes write, nobody knows");
        assert!(!added(&database).await.contains(&id.to_owned()));
        assert_eq!(database.generation(), before, "reading ends nothing");
        write(&database, id).await.unwrap();
        assert_eq!(database.generation() != before, alone);
    }
}

/// The error of a caller who has errors of its own.
#[derive(Debug)]
enum Failure {
    Own,
    Store,
}

impl From<StoreError> for Failure {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

pub(crate) async fn a_failed_unit_undoes_itself_and_not_its_neighbours(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    write(&database, "taken").await.unwrap();
    let plug = Plug::insert(&database).await;
    let told = |id: &'static str| {
        let database = &database;
        async move {
            database
                .write(async move |tx| {
                    tx.audit(entry(id, None, T));
                    tx.emit(event(id));
                    add(tx, id).await
                })
                .await
        }
    };
    let before = begin(told("before"));
    let conflict = begin(told("taken"));
    let own = begin(database.write(async |tx: &mut Tx| {
        tx.audit(entry("own", None, T));
        tx.emit(event("own"));
        add(tx, "own").await?;
        Err::<(), _>(Failure::Own)
    }));
    let after = begin(told("after"));
    plug.pull().await;
    before.await.unwrap();
    assert!(matches!(conflict.await, Err(StoreError::Conflict(_))));
    assert!(matches!(own.await, Err(Failure::Own)));
    after.await.unwrap();

    assert_eq!(added(&database).await, ["after", "before", "taken"]);
    let log = audit::page(
        &mut database.read(),
        &audit::Query {
            limit: 9,
            ..Default::default()
        },
    )
    .await
    .unwrap();
    let subjects: Vec<(u64, &str)> = log.iter().map(|row| (row.seq, row.subject.as_str())).collect();
    assert_eq!(subjects, [(1, "after"), (0, "before")]);
    assert_eq!(number(&database, Sql::new("SELECT COUNT(*) AS n FROM outbox")).await, 2);
}

pub(crate) async fn a_unit_that_goes_on_after_a_failed_statement_is_undone(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    write(&database, "taken").await.unwrap();
    let stubborn = database.write(async |tx: &mut Tx| {
        add(tx, "first").await?;
        assert!(matches!(add(tx, "taken").await, Err(StoreError::Conflict(_))));
        assert!(matches!(add(tx, "second").await, Err(StoreError::Failed)));
        Ok::<_, StoreError>("all is well")
    });
    assert!(matches!(stubborn.await, Err(StoreError::Failed)));
    assert_eq!(added(&database).await, ["taken"]);
}

async fn panic_here(_: &mut Tx) -> Result<(), StoreError> {
    panic!("this panic belongs to the test")
}

pub(crate) async fn a_panic_undoes_its_unit_and_the_next_one_is_served(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let plug = Plug::insert(&database).await;
    let panics = begin(database.write(async |tx: &mut Tx| {
        add(tx, "panics").await?;
        panic_here(tx).await
    }));
    let neighbour = begin(write(&database, "neighbour"));
    plug.pull().await;
    assert!(matches!(panics.await, Err(StoreError::Panicked)));
    neighbour.await.unwrap();
    write(&database, "next").await.unwrap();
    assert_eq!(added(&database).await, ["neighbour", "next"]);
}

pub(crate) async fn a_unit_that_takes_too_long_is_undone_and_its_neighbours_are_not(place: &TestDatabase) {
    let options = Options {
        unit_limit: Duration::from_secs(3),
        ..Options::default()
    };
    let database = place.open_with(options).await.unwrap();
    let plug = Plug::insert(&database).await;
    let before = begin(write(&database, "before"));
    let slow = begin(database.write(async |tx: &mut Tx| {
        add(tx, "slow").await?;
        pending::<()>().await;
        Ok::<_, StoreError>(())
    }));
    let after = begin(write(&database, "after"));
    plug.pull().await;
    before.await.unwrap();
    assert!(matches!(slow.await, Err(StoreError::TimedOut(_))));
    after.await.unwrap();
    assert_eq!(added(&database).await, ["after", "before"]);
}

pub(crate) async fn a_write_inside_a_write_is_refused(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let inner = database.clone();
    let nested = database.write(async move |tx| {
        add(tx, "outer").await?;
        write(&inner, "inner").await
    });
    assert!(matches!(nested.await, Err(StoreError::Nested)));
    assert!(added(&database).await.is_empty());
}

pub(crate) async fn when_1024_writes_wait_the_next_is_refused(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let plug = Plug::insert(&database).await;
    let waiting: Vec<_> = (1..QUEUE).map(|_| begin(database.ready())).collect();
    assert!(matches!(database.ready().await, Err(StoreError::Overloaded)));
    plug.pull().await;
    for unit in waiting {
        unit.await.unwrap();
    }
    database.ready().await.unwrap();
}

pub(crate) async fn a_unit_whose_caller_went_away_is_done_all_the_same(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let plug = Plug::insert(&database).await;
    drop(begin(write(&database, "orphan")));
    plug.pull().await;
    database.ready().await.unwrap();
    assert_eq!(added(&database).await, ["orphan"]);
}

pub(crate) async fn connections_for_reading_cannot_write(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    write(&database, "a").await.unwrap();
    for statement in ["DELETE FROM projects RETURNING id", "CREATE TABLE t (id TEXT)"] {
        let refused = database.read().fetch_all(Sql::new(statement)).await;
        assert!(matches!(refused, Err(StoreError::Statement(_))), "{statement}");
    }
    assert_eq!(added(&database).await, ["a"]);
}

pub(crate) async fn a_closed_database_finishes_what_waits_and_refuses_the_rest(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let other = database.clone();
    let plug = Plug::insert(&database).await;
    let waits = begin(write(&other, "waits"));
    let closing = tokio::spawn(database.close());
    plug.pull().await;
    waits.await.unwrap();
    closing.await.unwrap();
    assert!(matches!(write(&other, "late").await, Err(StoreError::Stopped)));
    drop(other);
    assert_eq!(added(&place.open().await.unwrap()).await, ["waits"]);
}

/// Each node locks two rows, in opposite order, and does not go on to the second before the other has its first (as
/// far as the database lets two nodes write at once).
pub(crate) async fn nodes_that_lock_in_opposite_order_both_get_through(place: &TestDatabase) {
    let nodes = [place.open().await.unwrap(), place.open().await.unwrap()];
    for id in ["a", "b"] {
        write(&nodes[0], id).await.unwrap();
    }
    let (barrier, runs) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let cross = |database: &Database, first: &'static str, second: &'static str| {
        let (database, barrier, runs) = (database.clone(), Arc::clone(&barrier), Arc::clone(&runs));
        tokio::spawn(async move {
            database
                .write(async move |tx| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let lock = || Sql::new("SELECT created_at FROM projects WHERE id = $1").for_update();
                    tx.fetch_one(lock().bind(first)).await?;
                    let _ = tokio::time::timeout(Duration::from_millis(300), barrier.wait()).await;
                    tx.fetch_one(lock().bind(second)).await?;
                    let add = Sql::new("UPDATE projects SET created_at = created_at + 1 WHERE id IN ($1, $2)");
                    tx.execute(add.bind(first).bind(second)).await?;
                    Ok::<_, StoreError>(())
                })
                .await
        })
    };
    let (one, other) = (cross(&nodes[0], "a", "b"), cross(&nodes[1], "b", "a"));
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    let sum = number(
        &nodes[0],
        Sql::new("SELECT CAST(SUM(created_at) AS BIGINT) AS n FROM projects"),
    )
    .await;
    assert_eq!(sum, 4, "each happened once, however often it ran ({runs:?})");
}

/// The units of a group lock one row each, on the other node in opposite order. Each of them keeps the order of locks; the
/// groups together must keep it too.
pub(crate) async fn groups_of_two_nodes_never_undo_each_other(place: &TestDatabase) {
    let nodes = [place.open().await.unwrap(), place.open().await.unwrap()];
    for id in ["a", "b"] {
        write(&nodes[0], id).await.unwrap();
    }
    let (barrier, runs) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let group = |database: &Database, first: &'static str, second: &'static str| {
        let (database, barrier, runs) = (database.clone(), Arc::clone(&barrier), Arc::clone(&runs));
        tokio::spawn(async move {
            let lock = |id: &'static str| {
                let (barrier, runs) = (Arc::clone(&barrier), Arc::clone(&runs));
                async move |tx: &mut Tx| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let lock = Sql::new("SELECT created_at FROM projects WHERE id = $1").for_update();
                    tx.fetch_one(lock.bind(id)).await?;
                    // Until the other node has its first row as well, as far as the database lets two write at once.
                    let _ = tokio::time::timeout(Duration::from_millis(300), barrier.wait()).await;
                    Ok::<_, StoreError>(())
                }
            };
            // What comes while this one runs makes one group.
            let before = database.write(async |_: &mut Tx| {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok::<_, StoreError>(())
            });
            tokio::join!(before, database.write(lock(first)), database.write(lock(second)))
        })
    };
    let (one, other) = (group(&nodes[0], "a", "b"), group(&nodes[1], "b", "a"));
    for (before, first, second) in [one.await.unwrap(), other.await.unwrap()] {
        before.and(first).and(second).unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 4, "nobody has to run twice");
}

pub(crate) async fn a_wakeup_comes_with_the_commit_and_not_for_what_was_undone(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let wakeups = database.wakeups();
    let undone = database.write(async |tx: &mut Tx| {
        tx.wake();
        Err::<(), _>(Failure::Own)
    });
    assert!(undone.await.is_err());
    write(&database, "a").await.unwrap();
    assert!(!wakeups.has_changed().unwrap());
    let woken = database.write(async |tx: &mut Tx| {
        tx.wake();
        add(tx, "b").await
    });
    woken.await.unwrap();
    assert!(wakeups.has_changed().unwrap());
}
