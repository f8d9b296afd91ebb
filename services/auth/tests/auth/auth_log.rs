//! Who was let in, in the audit log, on both databases.

use {
    crate::house::{House, facts},
    portreeve_kernel::{Cluster, Code},
    portreeve_store::{audit::AuditRow, testing::TestDatabase},
    serde_json::{Value, json},
};

facts! {
    who_was_let_in_is_in_the_audit_log_once_for_all_requests_that_are_alike;
    who_was_let_in_is_told_of_though_nothing_was_allowed;
}

async fn let_in(house: &House) -> Vec<AuditRow> {
    house.audit_log.flush_admissions(&house.db).await.unwrap();
    let log = house.audit().await;
    log.into_iter().filter(|row| row.kind == "auth.succeeded").collect()
}

fn data(row: &AuditRow) -> Value {
    serde_json::from_str(&row.data).unwrap()
}

async fn who_was_let_in_is_in_the_audit_log_once_for_all_requests_that_are_alike(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let key = first.text.expose();
    let ask = async |peer: &str, agent: &str| {
        let authorization = format!("Bearer {key}");
        let headers = [("authorization", &*authorization), ("user-agent", agent)];
        house
            .send("GET /api/v1/auth/keys", &headers, peer, None)
            .await
            .expect(200);
    };
    for (peer, agent, times) in [
        ("198.51.100.7", "curl/8", 3),
        ("198.51.100.8", "curl/8", 2),
        ("198.51.100.7", "other", 1),
    ] {
        for _ in 0..times {
            ask(peer, agent).await;
        }
    }
    house.get("/auth/keys", "nonsense").await.is(Code::AuthKeyInvalid);
    let told = let_in(&house).await;
    let mut counts: Vec<_> = told
        .iter()
        .map(data)
        .map(|data| (data["ip"].clone(), data["userAgent"].clone(), data["count"].clone()))
        .collect();
    counts.sort_by_key(|(ip, agent, _)| (ip.to_string(), agent.to_string()));
    let expected = [
        ("198.51.100.7", "curl/8", 3),
        ("198.51.100.7", "other", 1),
        ("198.51.100.8", "curl/8", 2),
    ];
    assert_eq!(
        counts,
        expected.map(|(ip, agent, count)| (json!(ip), json!(agent), json!(count)))
    );
    let id = first.key.id.to_string();
    assert!(
        told.iter()
            .all(|row| row.actor == id && row.owner.as_ref() == Some(&owner.id)),
        "{told:?}"
    );
    assert!(!told.iter().any(|row| row.data.contains(key)));
    assert_eq!(let_in(&house).await.len(), 3, "and not twice");
    ask("198.51.100.7", "curl/8").await;
    assert_eq!(let_in(&house).await.len(), 4, "a minute later it is another");
}

async fn who_was_let_in_is_told_of_though_nothing_was_allowed(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (reader, id) = house
        .made(first.text.expose(), json!({"name": "r", "scopes": ["agents:read"]}))
        .await;
    house.look(&reader).await.is(Code::AuthScopeInsufficient);
    let told = let_in(&house).await;
    assert!(
        told.iter().any(|row| row.actor == id && data(row)["count"] == 1),
        "{told:?}"
    );
}
