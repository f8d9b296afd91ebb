//! Small helpers of the facts.

use {
    portreeve_kernel::{
        AgentId, Amount, Entropy, EventId, OwnerId, ProjectId, Timestamp, TransactionId, entropy::Seeded,
    },
    portreeve_store::{AuditEntry, Database, Fetch, OutboxEvent, Sql, StoreError, Tx},
    std::{
        future::Future,
        pin::Pin,
        sync::{Arc, LazyLock},
        task::{Context, Waker},
    },
    tokio::sync::Semaphore,
};

pub(crate) const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

static CHANCE: LazyLock<Seeded> = LazyLock::new(|| Seeded::new(7));

pub(crate) fn transaction() -> TransactionId {
    TransactionId::new(T, &*CHANCE)
}

pub(crate) fn agent() -> AgentId {
    AgentId::new(T, &*CHANCE)
}

pub(crate) fn owner() -> OwnerId {
    OwnerId::new(T, &*CHANCE)
}

pub(crate) fn project() -> ProjectId {
    ProjectId::new(T, &*CHANCE)
}

pub(crate) fn chance() -> &'static dyn Entropy {
    &*CHANCE
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn entry(subject: &str, owner: Option<&OwnerId>, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        kind: "test.done".into(),
        actor: "test".to_owned(),
        owner: owner.cloned(),
        project: None,
        subject: subject.to_owned(),
        data: serde_json::json!({"n": 1}),
    }
}

pub(crate) fn event(subject: &str) -> OutboxEvent {
    OutboxEvent {
        id: EventId::new(T, chance()),
        kind: "test.done".into(),
        project: project(),
        owner: owner(),
        agent: None,
        subject: subject.to_owned(),
        data: serde_json::json!({"n": 1}),
        at: T,
    }
}

/// Adds a project called `id`: the simplest row there is.
pub(crate) async fn add(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    let row = Sql::new(
        "INSERT INTO projects (id, name, cluster, environment, created_at) VALUES ($1, 'a', 'local', 'test', 0)",
    );
    tx.execute(row.bind(id)).await?;
    Ok(())
}

/// [`add`] as a unit of its own.
pub(crate) async fn write(database: &Database, id: &'static str) -> Result<(), StoreError> {
    database.write(async move |tx| add(tx, id).await).await
}

/// The ids that [`add`] added, sorted.
pub(crate) async fn added(database: &Database) -> Vec<String> {
    let rows = database
        .read()
        .fetch_all(Sql::new("SELECT id FROM projects ORDER BY id"))
        .await
        .unwrap();
    rows.iter().map(|row| row.get("id").unwrap()).collect()
}

/// A number that one row answers with, in a column called `n`.
pub(crate) async fn number(database: &Database, sql: Sql) -> i64 {
    database.read().fetch_one(sql).await.unwrap().get("n").unwrap()
}

/// A future that has begun: it stands in the writer's queue.
pub(crate) type Begun<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) fn begin<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Begun<'a, T> {
    let mut begun: Begun<'a, T> = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        begun.as_mut().poll(&mut context).is_pending(),
        "it has to wait for the writer"
    );
    begun
}

/// Keeps the writer busy, so that what is begun meanwhile forms one group.
pub(crate) struct Plug {
    gate: Arc<Semaphore>,
    unit: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Plug {
    pub(crate) async fn insert(database: &Database) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let running = Arc::new(Semaphore::new(0));
        let unit = {
            let (database, gate, running) = (database.clone(), Arc::clone(&gate), Arc::clone(&running));
            tokio::spawn(async move {
                database
                    .write(async move |_| {
                        running.add_permits(1);
                        let _ = gate.acquire().await;
                        Ok(())
                    })
                    .await
            })
        };
        let _running = running.acquire().await.unwrap();
        Self { gate, unit }
    }

    pub(crate) async fn pull(self) {
        self.gate.add_permits(1);
        self.unit.await.unwrap().unwrap();
    }
}
