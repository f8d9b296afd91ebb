//! What is kept, and a database that is written to while it is read.

use {
    super::{
        tests::{agent, owner_of},
        *,
    },
    crate::{
        agents::{self, PolicyRow, Seen},
        migrations::SCHEMA,
    },
    portreeve_kernel::Cluster,
    portreeve_policy::{PolicyInput, Preset},
    portreeve_store::{Database, Fetch, Reader, Row, Sql, StoreError, Tx, tenancy, testing::TestDatabase},
};

/// A database in which `agent` is.
async fn holding(agent: &AgentRow, test: &TestDatabase) -> Database {
    let database = test.open().await.unwrap();
    let (agent, created_at) = (agent.clone(), agent.created_at);
    let unit = async move |tx: &mut Tx| {
        let (project, owner) = (agent.project.clone(), agent.owner.clone());
        let (id, name) = (project.clone(), "p".to_owned());
        let cluster = Cluster::Local;
        tenancy::add_project(
            tx,
            &tenancy::Project {
                id,
                name,
                cluster,
                created_at,
            },
        )
        .await?;
        let (id, name) = (owner, "o".to_owned());
        tenancy::add_owner(
            tx,
            &tenancy::Owner {
                id,
                project,
                name,
                created_at,
            },
        )
        .await?;
        let policy = PolicyRow {
            body: PolicyInput::from(Preset::Standard).resolve(1).unwrap(),
            created_by: "key".into(),
            created_at,
            approved_at: None,
        };
        agent.insert(tx, &policy).await
    };
    database.write::<_, StoreError, _>(unit).await.unwrap();
    database
}

async fn give_reason(database: &Database, id: &AgentId, reason: &str) {
    let (id, reason) = (id.clone(), Some(reason.to_owned()));
    let unit = async move |tx: &mut Tx| {
        let mut agent = agents::row::lock(tx, &id).await?.ok_or(StoreError::Missing)?;
        agent.status_reason.clone_from(&reason);
        agent.update(tx).await
    };
    database.write::<_, StoreError, _>(unit).await.unwrap();
}

/// The reason that is shown.
fn reason(seen: Result<Seen, Problem>) -> String {
    let Ok(Seen::Whole(Rendered(json))) = seen else {
        panic!("not shown");
    };
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    json["statusReason"].as_str().unwrap().to_owned()
}

/// A reader that is overtaken: when it has read `after` times, and before it says what it read, somebody writes and
/// is told that it is done.
struct Overtaken<'a> {
    read: Reader,
    database: &'a Database,
    id: &'a AgentId,
    after: u32,
    reads: u32,
}

impl Fetch for Overtaken<'_> {
    async fn fetch_all(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let rows = self.read.fetch_all(sql).await;
        self.reads += 1;
        if self.reads == self.after {
            give_reason(self.database, self.id, "new").await;
        }
        rows
    }
}

#[tokio::test]
async fn what_is_committed_while_an_agent_is_read_shows_at_the_next_look() {
    // Between the reads of agent and policy, and between the last read and the keeping.
    for after in [1, 2] {
        let agent = agent();
        let test = TestDatabase::sqlite(&[portreeve_jobs::SCHEMA, SCHEMA]).unwrap();
        let database = holding(&agent, &test).await;
        let (shown, owner, id) = (Shown::default(), owner_of(&agent), &agent.id);
        give_reason(&database, id, "old").await;
        let start = Instant::now();
        let mut overtaken = Overtaken {
            read: database.read(),
            database: &database,
            id,
            after,
            reads: 0,
        };
        let first = agents::look(&database, &mut overtaken, &shown, &owner, id).await;
        assert_eq!(
            (reason(first).as_str(), overtaken.reads),
            ("old", 2),
            "it was overtaken"
        );

        let next = agents::look(&database, &mut database.read(), &shown, &owner, id).await;
        assert_eq!(reason(next), "new", "after {after} reads");
        let generation = database.generation();
        let kept = shown.get(id, &owner, Before { generation, at: start });
        assert!(kept.is_some(), "and from now on without asking the database");
        database.close().await;
        test.remove().await.unwrap();
    }
}
