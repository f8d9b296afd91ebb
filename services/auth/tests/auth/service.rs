//! What does not depend on the database: the description, refusals before the database is asked, races.

use {
    crate::house::{House, START},
    portreeve_auth::SCHEMA,
    portreeve_kernel::{Clock, Cluster, Code, ManualClock, Now, RequiredScope},
    portreeve_store::testing::TestDatabase,
    serde_json::{Value, json},
    std::{
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        time::Duration,
    },
};

fn database() -> TestDatabase {
    TestDatabase::sqlite(&[SCHEMA]).unwrap()
}

/// Method, path with an id filled in, and what the description says of it.
fn operations(house: &House) -> Vec<(String, Value)> {
    let api = serde_json::to_value(&house.api).unwrap();
    let mut all = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let path = path.strip_prefix("/api/v1").unwrap();
            let path = path.replace("{keyId}", "key_000000000000");
            let path = path.replace("{clientId}", "clt_000000000000");
            let path = path.replace("{grantId}", "grt_01ARYZ6S41TSV4RRFFQ69G5FAV");
            let path = path.replace("{userId}", "usr_01ARYZ6S41TSV4RRFFQ69G5FAV");
            let path = path.replace("{serverId}", "rsv_01ARYZ6S41TSV4RRFFQ69G5FAV");
            all.push((format!("{} {path}", method.to_uppercase()), about.clone()));
        }
    }
    all
}

#[tokio::test]
async fn every_operation_refuses_strangers_and_callers_without_its_scope() {
    let database = database();
    let house = House::new(&database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (reader, _) = house
        .made(first.text.expose(), json!({ "name": "r", "scopes": ["audit:read"] }))
        .await;
    let operations = operations(&house);
    assert_eq!(operations.len(), 24);
    // Each from an address of its own, before one that fails too often has to pause.
    for ((line, about), last) in operations.into_iter().zip(1_u8..) {
        let peer = format!("192.0.2.{last}");
        let scope = about["security"][0]["bearer"][0].as_str().unwrap();
        assert_eq!(scope, portreeve_auth::scopes::AdminAll::SCOPE.as_str());
        // A body that is no JSON: who is nobody must not learn that.
        let broken = Some(&Value::Null);
        house.call(&line, "", &peer, broken).await.is(Code::AuthKeyInvalid);
        house
            .call(&line, "garbage", &peer, broken)
            .await
            .is(Code::AuthKeyInvalid);
        let told = house
            .call(&line, &reader, &peer, broken)
            .await
            .is(Code::AuthScopeInsufficient);
        assert_eq!(told["requiredScope"], scope);
        for status in ["401", "403", "500", "503"] {
            assert!(
                about["responses"][status].is_object(),
                "{line} does not tell of {status}"
            );
        }
        assert!(
            about["operationId"].is_string() && about["summary"].is_string(),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_is_told_where() {
    let database = database();
    let house = House::new(&database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    for (body, code, param) in [
        (
            json!({ "scopes": ["admin:all"] }),
            Code::ValidationRequiredField,
            "name",
        ),
        (json!({ "name": "x" }), Code::ValidationRequiredField, "scopes"),
        (
            json!({ "name": "", "scopes": ["admin:all"] }),
            Code::ValidationOutOfRange,
            "name",
        ),
        (
            json!({ "name": "x".repeat(101), "scopes": ["admin:all"] }),
            Code::ValidationOutOfRange,
            "name",
        ),
        (
            json!({ "name": "a\nb", "scopes": ["admin:all"] }),
            Code::ValidationInvalidFormat,
            "name",
        ),
        (
            json!({ "name": "x", "scopes": [] }),
            Code::ValidationOutOfRange,
            "scopes",
        ),
        (
            json!({ "name": "x", "scopes": ["a b"] }),
            Code::ValidationInvalidFormat,
            "scopes[0]",
        ),
        (
            json!({ "name": "x", "scopes": "admin:all" }),
            Code::ValidationInvalidFormat,
            "scopes",
        ),
        (
            json!({ "name": "x", "scopes": ["admin:all"], "agentId": "agt_1" }),
            Code::ValidationInvalidFormat,
            "agentId",
        ),
        (
            json!({ "name": "x", "scopes": ["admin:all"], "expiresAt": "P90D" }),
            Code::ValidationInvalidFormat,
            "expiresAt",
        ),
        (
            json!({ "name": "x", "scopes": ["admin:all"], "tier": "gold" }),
            Code::ValidationInvalidEnum,
            "tier",
        ),
        (
            json!({ "name": "x", "scopes": ["admin:all"], "rank": "gold" }),
            Code::ValidationInvalidFormat,
            "rank",
        ),
    ] {
        let told = house.make(first.text.expose(), body.clone()).await.is(code);
        assert_eq!(told["param"], param, "{body}: {told}");
    }
    let longest = json!({ "name": "é".repeat(100), "scopes": ["admin:all"] });
    house.make(first.text.expose(), longest).await.expect(201);
}

/// AUTH_CHECKLIST 2.12
#[tokio::test]
async fn garbage_and_typos_are_refused_without_asking_the_database() {
    let database = database();
    let house = House::new(&database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let key = first.text.expose();
    let typo = if key.ends_with('0') {
        key.replace('0', "1")
    } else {
        format!("{}0", &key[..57])
    };
    house.get("/auth/keys", key).await.expect(200);
    house.db.clone().close().await;

    house.get("/auth/keys", &typo).await.is(Code::AuthKeyInvalid);
    house.get("/auth/keys", "wai_test_").await.is(Code::AuthKeyInvalid);
    let answer = house.get("/auth/keys", UNKNOWN).await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.is(Code::SystemDatabaseError);
    assert!(
        house.audit_log.flush(&house.db).await.is_err(),
        "the failures wait for the database"
    );
}

/// A key that is well formed and that nobody made; its checksum was worked out by other means.
const UNKNOWN: &str = "wai_test_000000000000000000000000000000000000000000010YkfR";

#[tokio::test]
async fn a_lost_database_ends_reads_after_five_seconds_and_never_before() {
    let database = database();
    let house = House::new(&database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let authenticate =
        || portreeve_guard::Authenticate::authenticate(&*house.keys, first.text.expose(), [127, 0, 0, 1].into());
    authenticate().await.unwrap();
    house.db.clone().close().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(4_900)).await;
    authenticate().await.unwrap();
    tokio::time::advance(Duration::from_millis(100)).await;
    tokio::time::resume();
    assert!(matches!(
        authenticate().await,
        Err(portreeve_guard::AuthFailure::Unavailable(_))
    ));
}

/// AUTH_CHECKLIST 2.12, 8.8
#[tokio::test]
async fn the_key_itself_is_nowhere_on_disk() {
    let database = database();
    let house = House::new(&database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (key, _) = house
        .made(
            first.text.expose(),
            json!({ "name": "canary", "scopes": ["admin:all"] }),
        )
        .await;
    house.get("/auth/keys", &key).await.expect(200);
    let log = house.audit().await;
    assert!(!log.is_empty());
    let file = database.file().unwrap();
    let mut canaries = 0;
    for name in ["", "-wal", "-shm"] {
        let bytes = std::fs::read(format!("{}{name}", file.display())).unwrap_or_default();
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!has(&key[9..52]) && !has(&first.text.expose()[9..52]));
        canaries += usize::from(has("canary"));
    }
    assert!(canaries > 0, "the search would have found it");
}

/// A clock that can stop whoever asks it the time: here the load of a key, between reading the database and keeping
/// what it read.
struct Stopping {
    inner: Arc<ManualClock>,
    armed: AtomicBool,
    reached: Mutex<Option<mpsc::Sender<()>>>,
    go_on: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Clock for Stopping {
    fn now(&self) -> Now {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.reached.lock().unwrap().take().unwrap().send(()).unwrap();
            let go_on = self.go_on.lock().unwrap().take().unwrap();
            go_on.recv().unwrap();
        }
        self.inner.now()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_runs_while_its_key_is_revoked_does_not_leave_it_cached() {
    let database = database();
    let manual = Arc::new(ManualClock::at(START));
    let (reached, has_reached) = mpsc::channel();
    let (let_go, go_on) = mpsc::channel();
    let clock = Arc::new(Stopping {
        inner: manual.clone(),
        armed: AtomicBool::new(false),
        reached: Mutex::new(Some(reached)),
        go_on: Mutex::new(Some(go_on)),
    });
    let house = Arc::new(House::with_clock(&database, 1, manual, clock.clone()).await);
    let (_, first) = house.owner(10, Cluster::Local).await;
    let first = first.text.expose().to_owned();
    let (key, id) = house
        .made(&first, json!({ "name": "x", "scopes": ["admin:all"] }))
        .await;

    // Not through the router: the gate asks the time, too.
    clock.armed.store(true, Ordering::SeqCst);
    let (keys, checked) = (house.keys.clone(), key.clone());
    let check = tokio::spawn(async move {
        portreeve_guard::Authenticate::authenticate(&*keys, &checked, [127, 0, 0, 1].into()).await
    });
    tokio::task::spawn_blocking(move || has_reached.recv().unwrap())
        .await
        .unwrap();
    house.revoke(&first, &id).await.expect(204);
    house.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);
    let_go.send(()).unwrap();
    assert!(check.await.unwrap().is_ok(), "it had read before the revocation");
    for _ in 0..3 {
        house.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_check_that_begins_after_a_revocation_succeeds() {
    let database = database();
    let house = Arc::new(House::new(&database, 1).await);
    let (_, first) = house.owner(10, Cluster::Local).await;
    for _ in 0..20 {
        let (key, id) = house
            .made(first.text.expose(), json!({ "name": "x", "scopes": ["admin:all"] }))
            .await;
        let stop = Arc::new(AtomicBool::new(false));
        let checks: Vec<_> = (0..4)
            .map(|_| {
                let (house, key, stop) = (house.clone(), key.clone(), stop.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::SeqCst) {
                        house.get("/auth/keys?limit=1", &key).await;
                    }
                })
            })
            .collect();
        house.revoke(first.text.expose(), &id).await.expect(204);
        for _ in 0..5 {
            house.get("/auth/keys", &key).await.is(Code::AuthKeyRevoked);
        }
        stop.store(true, Ordering::SeqCst);
        for check in checks {
            check.await.unwrap();
        }
    }
}
