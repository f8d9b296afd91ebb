//! Tables come once, in order, and never back.

use {
    crate::support::number,
    portreeve_store::{Database, Migration, SCHEMA_EPOCH, Schema, Sql, StoreError, Tx, testing::TestDatabase},
};

const FIRST: Migration = Migration {
    id: 1,
    name: "first",
    sql: "CREATE TABLE first (id TEXT PRIMARY KEY); INSERT INTO first (id) VALUES ('kept')",
};
const SECOND: Migration = Migration {
    id: 2,
    name: "second",
    sql: "CREATE TABLE second (id TEXT)",
};

const fn schema(migrations: &'static [Migration]) -> Schema {
    Schema {
        name: "test",
        migrations,
    }
}

async fn refusal(place: &TestDatabase, migrations: &'static [Migration]) -> String {
    match Database::open(place.url(), &[schema(migrations)]).await {
        Err(StoreError::Setup(why)) => why,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn opening_twice_changes_nothing_and_new_migrations_are_applied(place: &TestDatabase) {
    for migrations in [&[FIRST][..], &[FIRST], &[FIRST, SECOND], &[FIRST, SECOND]] {
        let database = Database::open(place.url(), &[schema(migrations)]).await.unwrap();
        assert_eq!(number(&database, Sql::new("SELECT COUNT(*) AS n FROM first")).await, 1);
        database.close().await;
    }
    let database = Database::open(place.url(), &[schema(&[FIRST, SECOND])]).await.unwrap();
    assert_eq!(number(&database, Sql::new("SELECT COUNT(*) AS n FROM second")).await, 0);
}

pub(crate) async fn a_migration_that_was_changed_is_refused(place: &TestDatabase) {
    const CHANGED: Migration = Migration {
        sql: "CREATE TABLE first (id TEXT)",
        ..FIRST
    };
    Database::open(place.url(), &[schema(&[FIRST])]).await.unwrap();
    assert_eq!(
        refusal(place, &[CHANGED]).await,
        "migration 1 of `test` was changed after it had been applied"
    );
}

pub(crate) async fn a_database_newer_than_the_program_is_refused(place: &TestDatabase) {
    let database = Database::open(place.url(), &[schema(&[FIRST, SECOND])]).await.unwrap();
    let why = refusal(place, &[FIRST]).await;
    assert_eq!(
        why,
        "the database has migration 2 of `test`, this program knows 1: use a newer program"
    );
    let raise = async |tx: &mut Tx| tx.execute(Sql::new("UPDATE schema_epoch SET epoch = epoch + 1")).await;
    assert_eq!(database.write(raise).await.unwrap(), 1);
    let (known, newer) = (SCHEMA_EPOCH, SCHEMA_EPOCH + 1);
    let why = refusal(place, &[FIRST, SECOND]).await;
    assert_eq!(
        why,
        format!("the database has schema epoch {newer}, this program knows {known}: use a newer program")
    );
}

pub(crate) async fn a_migration_that_fails_leaves_nothing_behind(place: &TestDatabase) {
    const WRONG: Migration = Migration {
        id: 2,
        name: "wrong",
        sql: "CREATE TABLE second (id TEXT); INSERT INTO nowhere (id) VALUES ('x')",
    };
    let failed = Database::open(place.url(), &[schema(&[FIRST, WRONG])]).await;
    assert!(matches!(failed, Err(StoreError::Statement(_))));
    let database = Database::open(place.url(), &[schema(&[FIRST, SECOND])]).await.unwrap();
    assert_eq!(number(&database, Sql::new("SELECT COUNT(*) AS n FROM second")).await, 0);
}

pub(crate) async fn migrations_are_numbered_without_gaps(place: &TestDatabase) {
    let why = "the migrations of `test` are not numbered 1, 2, 3 …";
    assert_eq!(refusal(place, &[SECOND]).await, why);
    assert_eq!(refusal(place, &[FIRST, FIRST]).await, why);
}

pub(crate) async fn nodes_that_start_together_both_come_up(place: &TestDatabase) {
    let open = || {
        let url = place.url().to_owned();
        tokio::spawn(async move { Database::open(&url, &[schema(&[FIRST, SECOND])]).await })
    };
    let nodes = [open(), open(), open()];
    for node in nodes {
        let database = node.await.unwrap().unwrap();
        assert_eq!(number(&database, Sql::new("SELECT COUNT(*) AS n FROM first")).await, 1);
    }
}
