//! One log of commands, lived on SQLite and on PostgreSQL, one by one and in groups of every kind: every answer is the
//! same, and in the end every row of the ledger, of the audit log and of the outbox.
//!
//! Ids, times and the log itself are given, so there is nothing left in which two databases could differ.

use {
    crate::support::{Begun, Plug, T, begin},
    portreeve_kernel::{
        AgentId, Amount, Asset, EventId, Mint, Now, OwnerId, ProjectId, Timestamp, TransactionId, entropy::Seeded,
    },
    portreeve_ledger::{AccountKey, ExpiredProof, LedgerError, OperatorEvidence, Proof, Window},
    portreeve_store::{
        AuditEntry, Batch, Database, Fetch, OutboxEvent, Sql, StoreError, Tx, audit, ledger, testing::TestDatabase,
    },
    proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner},
    std::sync::Arc,
};

/// How many logs, and how long they are at most.
const LOGS: u64 = 16;
const LENGTH: usize = 60;

const AGENTS: usize = 3;

#[derive(Debug, Clone)]
enum Command {
    /// Reserve in all accounts of the agent if its limit for 24 hours leaves room; `again` takes the id of that payment.
    Pay {
        agent: usize,
        token: bool,
        units: u64,
        limit: u64,
        again: Option<usize>,
    },
    /// The signer signed that payment.
    Sign { which: usize },
    /// The chain shows it.
    Settle { which: usize, skew: i64 },
    /// It is dead.
    Release { which: usize, proof: u8 },
    /// A unit that writes all kinds of things, and then fails.
    Fail { agent: usize },
    /// What is used, and when it leaves.
    Ask { agent: usize, token: bool, over_by: u64 },
    /// Time passes.
    Pass { millis: i64 },
}

fn command() -> impl Strategy<Value = Command> {
    let pass = prop_oneof![
        0..2_000_i64,
        prop::sample::select(Window::ALL.to_vec()).prop_flat_map(
            |window| (-1_001..=1_001_i64).prop_map(move |near| i64::from(window.seconds()) * 1000 + near)
        ),
    ];
    let most = Amount::MAX.units();
    let sums = prop_oneof![
        6 => (1..60_u64).prop_map(|units| (units, 100)),
        2 => (1..60_u64).prop_map(move |units| (units, most)),
        1 => Just((most - 40, most)),
    ];
    let again = prop::option::weighted(0.1, 0..64_usize);
    prop_oneof![
        10 => (0..AGENTS, any::<bool>(), sums, again)
            .prop_map(|(agent, token, (units, limit), again)| Command::Pay { agent, token, units, limit, again }),
        3 => (0..64_usize).prop_map(|which| Command::Sign { which }),
        3 => (0..64_usize, -90_000_000..400_000_i64).prop_map(|(which, skew)| Command::Settle { which, skew }),
        2 => (0..64_usize, 0..3_u8).prop_map(|(which, proof)| Command::Release { which, proof }),
        1 => (0..AGENTS).prop_map(|agent| Command::Fail { agent }),
        2 => (0..AGENTS, any::<bool>(), 0..80_u64).prop_map(|(agent, token, over_by)| Command::Ask { agent, token, over_by }),
        2 => pass.prop_map(|millis| Command::Pass { millis }),
    ]
}

/// A command with everything it needs.
#[derive(Debug, Clone)]
struct Task {
    command: Command,
    /// Of the payment it is or is about.
    id: TransactionId,
    event: EventId,
    now: Timestamp,
    /// Ends the group it is in, when groups are made.
    last: bool,
}

/// What a log is about.
#[derive(Debug)]
struct World {
    project: ProjectId,
    owners: [OwnerId; 2],
    agents: [AgentId; AGENTS],
}

impl World {
    fn asset(token: bool) -> Asset {
        if token {
            Asset::Token(Mint::new(portreeve_kernel::Address::new([9; 32])))
        } else {
            Asset::Sol
        }
    }

    /// The owner's, the agent's and the signer's.
    fn keys(&self, agent: usize, token: bool) -> [AccountKey; 3] {
        let (owner, agent, asset) = (
            self.owners[agent % 2].clone(),
            self.agents[agent].clone(),
            Self::asset(token),
        );
        [
            AccountKey::Owner { owner, asset },
            AccountKey::Agent {
                agent: agent.clone(),
                asset,
            },
            AccountKey::Signer { agent, asset },
        ]
    }

    fn tell(&self, tx: &mut Tx, task: &Task, agent: usize, kind: &'static str) {
        let (project, owner) = (self.project.clone(), self.owners[agent % 2].clone());
        let data = serde_json::json!({"text": "ä\u{1}\"\\", "number": task.now.millis()});
        tx.audit(AuditEntry {
            at: task.now,
            kind: kind.into(),
            actor: self.agents[agent].to_string(),
            owner: Some(owner.clone()),
            project: Some(project.clone()),
            subject: task.id.to_string(),
            data: data.clone(),
        });
        tx.emit(OutboxEvent {
            id: task.event.clone(),
            kind: kind.into(),
            project,
            owner,
            agent: Some(self.agents[agent].clone()),
            subject: task.id.to_string(),
            data,
            at: task.now,
        });
    }
}

/// A log, drawn from its number. A payment that is meant by a later command is one that the log has tried before.
fn draw(runner: &mut TestRunner, number: u64) -> (World, Vec<Task>) {
    let chance = Seeded::new(number);
    let world = World {
        project: ProjectId::new(T, &chance),
        owners: [(); 2].map(|()| OwnerId::new(T, &chance)),
        agents: [(); AGENTS].map(|()| AgentId::new(T, &chance)),
    };
    let commands = prop::collection::vec((command(), prop::bool::weighted(0.3)), 1..LENGTH);
    let mut now = T;
    let mut tried: Vec<TransactionId> = Vec::new();
    let mut tasks = Vec::new();
    for (command, last) in commands.new_tree(runner).unwrap().current() {
        let new = TransactionId::new(now, &chance);
        let known = |which: usize| tried.get(which % tried.len().max(1)).cloned();
        let id = match &command {
            Command::Pay { again, .. } => again.and_then(known).unwrap_or(new),
            Command::Sign { which } | Command::Settle { which, .. } | Command::Release { which, .. } => {
                known(*which).unwrap_or(new)
            }
            Command::Pass { millis } => {
                now = now.plus_millis(*millis);
                new
            }
            Command::Fail { .. } | Command::Ask { .. } => new,
        };
        if matches!(command, Command::Pay { .. }) {
            tried.push(id.clone());
        }
        let event = EventId::new(now, &chance);
        tasks.push(Task {
            command,
            id,
            event,
            now,
            last,
        });
    }
    (world, tasks)
}

/// One decision on accounts that are loaded.
fn pay(tx: &mut Tx, world: &World, accounts: &mut ledger::Accounts, task: &Task) -> Result<String, StoreError> {
    let Command::Pay {
        agent,
        token,
        units,
        limit,
        ..
    } = task.command
    else {
        panic!("not a payment: {task:?}");
    };
    let keys = world.keys(agent, token);
    let used = keys[1..]
        .iter()
        .map(|key| accounts.usage(key).map(|used| used.day.units()));
    let used = used.collect::<Result<Vec<u64>, _>>()?.into_iter().max().unwrap();
    let fits = used.checked_add(units).is_some_and(|sum| sum <= limit);
    if fits {
        match accounts.reserve(&task.id, &keys, Amount::new(units).unwrap(), task.now) {
            Err(StoreError::Ledger(LedgerError::Overflow)) => return Ok("full".to_owned()),
            reserved => reserved?,
        }
    }
    world.tell(tx, task, agent, if fits { "test.reserved" } else { "test.denied" });
    Ok(format!("{fits} {used}"))
}

async fn run(tx: &mut Tx, world: &World, task: &Task) -> Result<String, StoreError> {
    match task.command {
        Command::Pay { agent, token, .. } => {
            let mut accounts = ledger::load(tx, world.keys(agent, token), Now::at(task.now)).await?;
            let said = pay(tx, world, &mut accounts, task)?;
            accounts.write(tx).await?;
            Ok(said)
        }
        Command::Sign { .. } => {
            let signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
            let moved = ledger::settle_accounts(tx, &task.id, signer, task.now.plus_millis(300_000)).await?;
            world.tell(tx, task, 0, "test.signed");
            Ok(format!("{moved:?}"))
        }
        Command::Settle { skew, .. } => {
            let moved = ledger::settle(tx, &task.id, task.now.plus_millis(skew)).await?;
            world.tell(tx, task, 1, "test.settled");
            Ok(format!("{moved:?}"))
        }
        Command::Release { proof, .. } => {
            let moved = ledger::release(tx, &task.id, &proofs()[usize::from(proof)]).await?;
            world.tell(tx, task, 2, "test.released");
            Ok(format!("{moved:?}"))
        }
        Command::Fail { agent } => {
            let keys = world.keys(agent, true);
            let mut accounts = ledger::load(tx, keys.clone(), Now::at(task.now)).await?;
            accounts.reserve(&task.id, &keys, Amount::new(1).unwrap(), task.now)?;
            accounts.write(tx).await?;
            world.tell(tx, task, agent, "test.failed");
            Err(StoreError::Missing)
        }
        Command::Ask { .. } | Command::Pass { .. } => Ok(String::new()),
    }
}

fn proofs() -> [Proof; 3] {
    let said = OperatorEvidence {
        operator: "a".to_owned(),
        finalized_height: 1_000,
        signature_seen: false,
    };
    let expired = ExpiredProof::new(7, &[said], 1).unwrap();
    [
        Proof::NeverSigned,
        Proof::FailedOnChain { slot: 5 },
        Proof::Expired(expired),
    ]
}

/// Payments decided as a batch.
struct Payments(Arc<World>);

impl Batch for Payments {
    type Command = Task;
    type Answer = String;

    async fn decide(&self, tx: &mut Tx, tasks: &[Task]) -> Result<Vec<String>, StoreError> {
        let Some(now) = tasks.first().map(|task| Now::at(task.now)) else {
            return Ok(Vec::new());
        };
        let keys = tasks.iter().filter_map(|task| match task.command {
            Command::Pay { agent, token, .. } => Some(self.0.keys(agent, token)),
            _ => None,
        });
        let mut accounts = ledger::load(tx, keys.flatten(), now).await?;
        let mut said = Vec::with_capacity(tasks.len());
        for task in tasks {
            said.push(pay(tx, &self.0, &mut accounts, task)?);
        }
        accounts.write(tx).await?;
        Ok(said)
    }
}

/// How commands that come together are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    /// They never do.
    Alone,
    /// Each is a unit, several share a commit.
    Units,
    /// Payments are decided as a batch.
    Batches,
}

/// What two databases must agree about.
fn answer(said: Result<String, StoreError>) -> String {
    match said {
        Ok(said) => said,
        Err(StoreError::Conflict(_)) => "conflict".to_owned(),
        Err(StoreError::Missing) => "missing".to_owned(),
        Err(StoreError::Ledger(error)) => format!("{error:?}"),
        Err(error) => panic!("{error:?}"),
    }
}

/// Lives the log; gives all answers.
async fn live(database: &Database, world: &Arc<World>, tasks: &[Task], style: Style) -> Vec<String> {
    let mut answers = Vec::new();
    let alone = |task: &Task| task.last || style == Style::Alone;
    let stands_alone = |task: &Task| matches!(task.command, Command::Ask { .. } | Command::Pass { .. });
    let together = |one: &Task, next: &Task| !alone(one) && !stands_alone(one) && !stands_alone(next);
    for group in tasks.chunk_by(together) {
        if let [task] = group
            && let Command::Ask { agent, token, over_by } = task.command
        {
            answers.push(ask(database, &world.keys(agent, token), over_by, task.now).await);
            continue;
        }
        let payments = group.iter().all(|task| matches!(task.command, Command::Pay { .. }));
        let batcher = database.batcher(Payments(Arc::clone(world)));
        let plug = Plug::insert(database).await;
        let begun: Vec<Begun<'_, Result<String, StoreError>>> = group
            .iter()
            .map(|task| {
                if style == Style::Batches && payments {
                    return begin(batcher.submit(task.clone()));
                }
                let (world, task) = (Arc::clone(world), task.clone());
                begin(database.write(async move |tx: &mut Tx| run(tx, &world, &task).await))
            })
            .collect();
        plug.pull().await;
        for one in begun {
            answers.push(answer(one.await));
        }
    }
    answers
}

async fn ask(database: &Database, keys: &[AccountKey], over_by: u64, now: Timestamp) -> String {
    let mut read = database.read();
    let mut said = format!("{:?}", ledger::usage(&mut read, keys, Now::at(now)).await.unwrap());
    for window in Window::ALL {
        let freed = ledger::frees_at(&mut read, &keys[1], *window, over_by, Now::at(now)).await;
        said += &format!(" {:?}", freed.unwrap());
    }
    said
}

/// Every row of the tables that a log touches, in one order.
async fn rows(database: &Database) -> Vec<String> {
    let tables = [
        "SELECT id || ' ' || CAST(lock_rank AS TEXT) || ' ' || COALESCE(owner_id, '-') || ' ' || COALESCE(agent_id, '-') \
         || ' ' || asset || ' ' || CAST(settled_total AS TEXT) || ' ' || CAST(pending AS TEXT) || ' ' \
         || COALESCE(CAST(last_settled_at AS TEXT), '-') || ' ' || CAST(next_seq AS TEXT) AS line \
         FROM ledger_accounts ORDER BY id",
        "SELECT account || ' ' || CAST(seq AS TEXT) || ' ' || reservation || ' ' || CAST(settled_at AS TEXT) || ' ' \
         || CAST(amount AS TEXT) || ' ' || CAST(running_total AS TEXT) AS line FROM ledger_entries ORDER BY account, seq",
        "SELECT id || ' ' || CAST(amount AS TEXT) || ' ' || CAST(reserved_at AS TEXT) AS line FROM reservations ORDER BY id",
        "SELECT reservation || ' ' || account || ' ' || state || ' ' || COALESCE(proof, '-') AS line \
         FROM reservation_accounts ORDER BY reservation, account",
        "SELECT id || ' ' || kind || ' ' || project_id || ' ' || owner_id || ' ' || COALESCE(agent_id, '-') || ' ' \
         || subject || ' ' || data || ' ' || CAST(created_at AS TEXT) || ' ' \
         || COALESCE(CAST(delivered_at AS TEXT), '-') AS line FROM outbox ORDER BY id",
        "SELECT CAST(size AS TEXT) || ' ' || CAST(at AS TEXT) || ' ' || hash AS line FROM audit_head",
    ];
    let mut lines = Vec::new();
    for table in tables {
        let found = database.read().fetch_all(Sql::new(table)).await.unwrap();
        lines.extend(found.iter().map(|row| row.get::<String>("line").unwrap()));
    }
    let whole = audit::Query {
        limit: u32::MAX,
        ..Default::default()
    };
    let log = audit::page(&mut database.read(), &whole).await.unwrap();
    lines.extend(log.iter().map(|row| format!("{row:?}")));
    // In one order on every database: they do not sort texts alike.
    lines.sort_unstable();
    lines
}

/// Lives the same logs everywhere.
async fn all_alike(places: Vec<(TestDatabase, Style)>) {
    let mut databases = Vec::new();
    for (place, style) in &places {
        databases.push((place.open().await.unwrap(), *style));
    }
    let mut runner = TestRunner::deterministic();
    let mut said = std::collections::BTreeSet::new();
    for number in 0..LOGS {
        let (world, tasks) = draw(&mut runner, number);
        let world = Arc::new(world);
        let mut first: Option<(Vec<String>, Vec<String>)> = None;
        for (place, (database, style)) in databases.iter().enumerate() {
            let answers = live(database, &world, &tasks, *style).await;
            let found = (answers, rows(database).await);
            said.extend(found.0.iter().cloned());
            match &first {
                None => first = Some(found),
                Some(first) => {
                    assert_eq!(
                        first.0, found.0,
                        "log {number}, database {place}, {style:?}: {tasks:#?}"
                    );
                    assert_eq!(
                        first.1, found.1,
                        "log {number}, database {place}, {style:?}: {tasks:#?}"
                    );
                }
            }
        }
    }
    for needed in [
        "conflict",
        "missing",
        "full",
        "Now",
        "Before",
        "SignedCounts",
        "true 0",
        "false 100",
    ] {
        assert!(said.contains(needed), "`{needed}` never came up");
    }
    drop(databases);
    for (place, _) in places {
        place.remove().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_commands_come_together_the_answers_and_the_rows_are_the_same() {
    let styles = [Style::Alone, Style::Units, Style::Batches];
    all_alike(styles.map(|style| (TestDatabase::sqlite(&[]).unwrap(), style)).into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn sqlite_and_postgres_give_the_same_answers_and_keep_the_same_rows() {
    let mut places = vec![(TestDatabase::sqlite(&[]).unwrap(), Style::Units)];
    for (name, style) in [
        ("twins_alone", Style::Alone),
        ("twins_units", Style::Units),
        ("twins_batches", Style::Batches),
    ] {
        places.push((TestDatabase::postgres(name, &[]).await.unwrap(), style));
    }
    all_alike(places).await;
}
