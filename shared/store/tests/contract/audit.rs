//! The log that cannot be rewritten unnoticed.

use {
    crate::support::{T, chance, entry, event, number, owner},
    portreeve_kernel::{EventId, Seconds},
    portreeve_store::{
        AuditEntry, Database, Fetch, Sql, StoreError, Tx,
        audit::{self, AuditError, AuditRow, Head, Query, verify_chain},
        testing::TestDatabase,
    },
    std::ops::Range,
};

async fn log(database: &Database, subjects: Range<u32>) {
    for subject in subjects {
        let unit = async move |tx: &mut Tx| {
            tx.audit(entry(&subject.to_string(), None, T));
            Ok::<_, StoreError>(())
        };
        database.write(unit).await.unwrap();
    }
}

async fn everything(database: &Database) -> Vec<AuditRow> {
    let query = Query {
        limit: 10_000,
        ..Query::default()
    };
    let mut rows = audit::page(&mut database.read(), &query).await.unwrap();
    rows.reverse();
    rows
}

pub(crate) async fn the_log_is_one_dense_chain_whoever_writes_it(place: &TestDatabase) {
    let nodes = [place.open().await.unwrap(), place.open().await.unwrap()];
    assert_eq!(verify_chain(&mut nodes[0].read()).await.unwrap(), Head::default());
    let writers = nodes
        .clone()
        .map(|node| tokio::spawn(async move { log(&node, 0..40).await }));
    for writer in writers {
        writer.await.unwrap();
    }
    let head = verify_chain(&mut nodes[0].read()).await.unwrap();
    assert_eq!(head.size, 80);
    // The rows alone are enough to verify them.
    let rows = everything(&nodes[1]).await;
    let end = rows
        .iter()
        .try_fold(Head::default(), |head, row| head.extend(row))
        .unwrap();
    assert_eq!(end, head);
}

pub(crate) async fn an_entry_is_never_dated_before_the_one_it_follows(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    for at in [T, T.minus(Seconds(60)), T.plus(Seconds(1))] {
        let unit = async move |tx: &mut Tx| {
            tx.audit(entry("x", None, at));
            Ok::<_, StoreError>(())
        };
        database.write(unit).await.unwrap();
    }
    let dates: Vec<_> = everything(&database).await.into_iter().map(|row| row.at).collect();
    assert_eq!(dates, [T, T, T.plus(Seconds(1))]);
    verify_chain(&mut database.read()).await.unwrap();
}

/// Does `harm`, says where the chain breaks, and undoes it.
async fn found_at(database: &Database, harm: &'static str) -> (u64, &'static str) {
    let rows = everything(database).await;
    let unit = async move |tx: &mut Tx| tx.execute(Sql::new(harm)).await;
    assert!(database.write(unit).await.unwrap() >= 1, "{harm}");
    let Err(AuditError::Broken(broken)) = verify_chain(&mut database.read()).await else {
        panic!("{harm}");
    };
    let back = async move |tx: &mut Tx| {
        tx.execute(Sql::new("DELETE FROM audit_log")).await?;
        for row in &rows {
            let same = Sql::new(
                "INSERT INTO audit_log (seq, at, kind, actor, owner_id, project_id, subject, data, prev_hash, hash) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            );
            let same = same
                .bind(row.seq)
                .bind(row.at)
                .bind(row.kind.as_str())
                .bind(row.actor.as_str());
            let same = same
                .bind(row.owner.as_ref())
                .bind(row.project.as_ref())
                .bind(row.subject.as_str());
            let same = same
                .bind(row.data.as_str())
                .bind(row.prev_hash.as_str())
                .bind(row.hash.as_str());
            tx.execute(same).await?;
        }
        let head = Sql::new("UPDATE audit_head SET size = $1, at = $2, hash = $3");
        let last = rows.last().unwrap();
        tx.execute(head.bind(last.seq + 1).bind(last.at).bind(last.hash.as_str()))
            .await
    };
    database.write(back).await.unwrap();
    verify_chain(&mut database.read()).await.unwrap();
    (broken.seq, broken.reason)
}

pub(crate) async fn tampering_is_found_where_it_was_done(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    log(&database, 0..10).await;
    let content = "its content is not what was hashed";
    for (harm, found) in [
        ("UPDATE audit_log SET subject = 'x' WHERE seq = 4", (4, content)),
        ("UPDATE audit_log SET data = '{\"n\": 1}' WHERE seq = 4", (4, content)),
        (
            "UPDATE audit_log SET actor = kind, kind = actor WHERE seq = 0",
            (0, content),
        ),
        (
            "UPDATE audit_log SET owner_id = 'own_01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE seq = 9",
            (9, content),
        ),
        ("UPDATE audit_log SET at = at + 1 WHERE seq = 9", (9, content)),
        (
            "UPDATE audit_log SET at = at - 1 WHERE seq = 5",
            (5, "it is dated before the entry before it"),
        ),
        ("UPDATE audit_log SET hash = prev_hash WHERE seq = 3", (3, content)),
        ("DELETE FROM audit_log WHERE seq = 6", (6, "its number is missing")),
        ("DELETE FROM audit_log WHERE seq = 0", (0, "its number is missing")),
        ("DELETE FROM audit_log WHERE seq = 9", (9, "its number is missing")),
        ("DELETE FROM audit_log", (0, "its number is missing")),
        // Everything from 7 on one up, so that there is room for a forged entry.
        (
            "UPDATE audit_log SET seq = -seq - 1 WHERE seq >= 7",
            (7, "its number is missing"),
        ),
        (
            "UPDATE audit_head SET size = 9",
            (9, "the chain does not end as recorded"),
        ),
        ("UPDATE audit_head SET size = 11", (10, "its number is missing")),
    ] {
        assert_eq!(found_at(&database, harm).await, found, "{harm}");
    }
}

pub(crate) async fn an_owner_sees_its_own_entries_newest_first(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let (mine, other) = (owner(), owner());
    let (a, b) = (mine.clone(), other.clone());
    let unit = async move |tx: &mut Tx| {
        for subject in 0..10 {
            let whose = if subject % 2 == 0 { &a } else { &b };
            tx.audit(entry(&subject.to_string(), Some(whose), T));
        }
        Ok::<_, StoreError>(())
    };
    database.write(unit).await.unwrap();
    let page = async |before| {
        let query = Query {
            owner: Some(mine.clone()),
            before,
            limit: 3,
        };
        let rows = audit::page(&mut database.read(), &query).await.unwrap();
        rows.into_iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, [8, 6, 4]);
    assert_eq!(page(Some(4)).await, [2, 0]);
    assert!(page(Some(0)).await.is_empty());
}

pub(crate) async fn strange_texts_are_kept_and_hashed_as_they_are(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let strange = "a\u{0}b\n\"'\\; DROP TABLE audit_log; -- \u{202e}\u{1f511} é";
    let unit = async move |tx: &mut Tx| {
        tx.audit(AuditEntry {
            data: serde_json::json!({ "said": strange, strange: [null, 1.5, {"z": 1, "a": 2}] }),
            ..entry("x'); --", None, T)
        });
        Ok::<_, StoreError>(())
    };
    database.write(unit).await.unwrap();
    verify_chain(&mut database.read()).await.unwrap();
    let row = everything(&database).await.remove(0);
    let data: serde_json::Value = serde_json::from_str(&row.data).unwrap();
    assert_eq!(data["said"], strange);
    assert!(
        row.data.is_ascii() || !row.data.contains('\u{0}'),
        "control characters are escaped"
    );
    assert_eq!(row.subject, "x'); --");
}

pub(crate) async fn events_commit_with_their_unit_and_wait_for_delivery(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let unit = async |tx: &mut Tx| {
        tx.emit(event("a"));
        tx.emit(event("b"));
        Ok::<_, StoreError>(())
    };
    database.write(unit).await.unwrap();
    let again = EventId::new(T, chance());
    let twice = async move |tx: &mut Tx| {
        for subject in ["c", "d"] {
            tx.emit(portreeve_store::OutboxEvent {
                id: again.clone(),
                ..event(subject)
            });
        }
        Ok::<_, StoreError>(())
    };
    assert!(
        matches!(database.write(twice).await, Err(StoreError::Conflict(_))),
        "an event's id is its own"
    );
    let waiting = Sql::new("SELECT COUNT(*) AS n FROM outbox WHERE delivered_at IS NULL");
    assert_eq!(number(&database, waiting).await, 2);
    let rows = database
        .read()
        .fetch_all(Sql::new("SELECT * FROM outbox ORDER BY subject"))
        .await
        .unwrap();
    assert_eq!(rows[0].get::<String>("subject").unwrap(), "a");
    assert_eq!(
        rows[0].json::<serde_json::Value>("data").unwrap(),
        serde_json::json!({"n": 1})
    );
}
