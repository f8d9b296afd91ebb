//! What only SQLite can get wrong: its settings, its file, its disk.

use {
    crate::support::{Plug, add, added, begin, write},
    portreeve_store::{Fetch, Sql, StoreError, Tx, testing::TestDatabase},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer_waits_for_the_disk_and_keeps_foreign_keys() {
    let place = TestDatabase::sqlite(&[]).unwrap();
    let database = place.open().await.unwrap();
    let unit = async |tx: &mut Tx| {
        let mut values = Vec::new();
        for pragma in ["PRAGMA synchronous", "PRAGMA foreign_keys"] {
            let name = pragma.trim_start_matches("PRAGMA ");
            values.push(tx.fetch_one(Sql::new(pragma)).await?.get::<i64>(name)?);
        }
        let journal = tx
            .fetch_one(Sql::new("PRAGMA journal_mode"))
            .await?
            .get::<String>("journal_mode")?;
        Ok::<_, StoreError>((values, journal))
    };
    let (values, journal) = database.write(unit).await.unwrap();
    assert_eq!((values, journal.as_str()), (vec![2, 1], "wal"), "2 is FULL");
}

/// A full disk makes SQLite undo the whole transaction by itself, and what follows must not run outside of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_who_needs_room_and_spares_the_rest() {
    let place = TestDatabase::sqlite(&[]).unwrap();
    let database = place.open().await.unwrap();
    let shrink = async |tx: &mut Tx| {
        let pages: i64 = tx.fetch_one(Sql::new("PRAGMA page_count")).await?.get("page_count")?;
        assert!(pages < 200);
        tx.fetch_all(Sql::new("PRAGMA max_page_count = 200")).await?;
        Ok::<_, StoreError>(())
    };
    database.write(shrink).await.unwrap();
    let plug = Plug::insert(&database).await;
    let before = begin(write(&database, "before"));
    let large = begin(database.write(async |tx: &mut Tx| {
        add(tx, "large").await?;
        for _ in 0..2 {
            let row = Sql::new(
                "INSERT INTO projects (id, name, cluster, environment, created_at) VALUES ('fat', $1, 'a', 'b', 0)",
            );
            // That it failed is ignored here, on purpose.
            let _ = tx.execute(row.bind("x".repeat(4096 * 300))).await;
        }
        Ok::<_, StoreError>(())
    }));
    let after = begin(write(&database, "after"));
    plug.pull().await;
    before.await.unwrap();
    assert!(large.await.is_err());
    after.await.unwrap();
    assert_eq!(added(&database).await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_before_a_window_is_one_step_in_an_index() {
    let place = TestDatabase::sqlite(&[]).unwrap();
    let database = place.open().await.unwrap();
    let plan = Sql::new(
        "EXPLAIN QUERY PLAN SELECT e.running_total FROM ledger_entries e WHERE e.account = $1 AND e.settled_at <= $2 \
         ORDER BY e.settled_at DESC, e.seq DESC LIMIT 1",
    );
    let plan = database.read().fetch_all(plan.bind("a").bind(1_i64)).await.unwrap();
    let steps: Vec<String> = plan.iter().map(|step| step.get("detail").unwrap()).collect();
    assert_eq!(
        steps,
        ["SEARCH e USING COVERING INDEX ledger_entries_by_time (account=? AND settled_at<?)"]
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_or_is_no_database_is_refused() {
    let place = TestDatabase::sqlite(&[]).unwrap();
    let file = place.file().unwrap();
    let missing = portreeve_store::Database::open(&format!("sqlite://{}/no/such.db", file.display()), &[]).await;
    assert!(missing.is_err());
    std::fs::write(
        &file,
        "this is a text and no database, and it is longer than the header of one".repeat(20),
    )
    .unwrap();
    assert!(place.open().await.is_err());
    let memory = portreeve_store::Database::open("sqlite::memory:", &[]).await;
    assert!(
        matches!(memory, Err(StoreError::Setup(_))),
        "memory has no log to survive by"
    );
}
