//! One log of payments, decided on SQLite one by one and on PostgreSQL in groups: every answer is the same, and in the end
//! every row that a decision writes.

use {
    super::contract::World,
    super::*,
    crate::migrations::SCHEMA,
    portreeve_kernel::{Address, Amount, Asset, Entropy, Mint, Seconds, entropy::Seeded},
    portreeve_ledger::Proof,
    portreeve_store::{Sql, audit, testing::TestDatabase},
    std::{
        pin::Pin,
        task::{Context, Waker},
    },
    tokio::sync::Semaphore,
};

/// How many groups of payments, and how many agents ask.
const GROUPS: u64 = 60;
const AGENTS: usize = 4;

/// High from 80: whoever asks for that is suspended, and pays nothing more.
const POLICY: &str = r#"{"preset":"custom","limits":{"perTransaction":"60","daily":"100"},
    "escalation":{"low":"20","medium":"50","high":"80"},"minIntervalSeconds":2}"#;

/// A group: some seconds pass, earlier payments end, and these are asked for together.
struct Group {
    wait: u32,
    ends: Vec<(usize, u8)>,
    asks: Vec<Ask>,
}

struct Ask {
    key: String,
    agent: usize,
    units: u64,
    to: u8,
    token: bool,
}

fn draw(seed: u64) -> Vec<Group> {
    let chance = Seeded::new(seed);
    let below = |bound: u64| {
        let mut bytes = [0; 8];
        chance.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    };
    let small = |bound| usize::try_from(below(bound)).unwrap();
    let group = |_| Group {
        wait: [0, 1, 2, 3, 60, 3_600, 40_000, 86_400, 86_401][small(9)],
        ends: (0..below(4))
            .map(|_| (small(200), u8::try_from(below(3)).unwrap()))
            .collect(),
        asks: (0..1 + below(6))
            .map(|_| {
                // A key mostly comes with its own body, however often it comes.
                let key = below(120);
                Ask {
                    key: format!("k{key}"),
                    agent: usize::try_from(key % 4).unwrap(),
                    units: match below(10) {
                        0 => 1 + below(62),
                        _ if key % 30 == 29 => 80,
                        _ => 1 + key * 7 % 62,
                    },
                    to: u8::try_from(1 + key % 2).unwrap(),
                    token: key % 5 == 0,
                }
            })
            .collect(),
    };
    (0..GROUPS).map(group).collect()
}

/// Three more agents like the first.
async fn more_agents(world: &World) -> Vec<AgentId> {
    let (first, chance) = (world.agent().await, Seeded::new(5));
    let policy = agents::find_policy(&mut world.database.read(), &first.id, 1)
        .await
        .unwrap()
        .unwrap();
    let mut ids = vec![first.id.clone()];
    for _ in 1..AGENTS {
        let id = AgentId::new(first.created_at, &chance);
        let (row, policy) = (
            AgentRow {
                id: id.clone(),
                ..first.clone()
            },
            policy.clone(),
        );
        let unit = async move |tx: &mut Tx| row.insert(tx, &policy).await;
        world.database.write::<_, StoreError, _>(unit).await.unwrap();
        ids.push(id);
    }
    ids
}

/// Ends a payment that was allowed: signed, landed, or given up.
async fn end(world: &World, id: &TransactionId, how: u8) -> String {
    let (id, at) = (id.clone(), portreeve_kernel::Clock::now(&*world.clock).for_expiry());
    let unit = async move |tx: &mut Tx| {
        let of_signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
        match how {
            0 => ledger::settle_accounts(tx, &id, of_signer, at.plus(Seconds(300))).await,
            1 => ledger::settle(tx, &id, at).await,
            _ => ledger::release(tx, &id, &Proof::NeverSigned).await,
        }
    };
    match world.database.write::<_, StoreError, _>(unit).await {
        Ok(moved) => format!("{moved:?}"),
        Err(StoreError::Ledger(error)) => format!("{error:?}"),
        Err(StoreError::Missing) => "missing".to_owned(),
        Err(error) => panic!("{error:?}"),
    }
}

/// A payment that waits for its decision.
type Begun<'a> = Pin<Box<dyn Future<Output = Result<Decided, StoreError>> + Send + 'a>>;

/// Asks for all of `spends`; together, when they are to be decided as one batch.
async fn ask(world: &World, spends: Vec<Spend>, together: bool) -> Vec<String> {
    let mut answers = Vec::new();
    if !together {
        for spend in spends {
            answers.push(format!("{:?}", world.decider.submit(spend).await.unwrap()));
        }
        return answers;
    }
    // Keeps the writer busy until all of them wait.
    let (gate, running) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let plug = {
        let (database, gate, running) = (world.database.clone(), Arc::clone(&gate), Arc::clone(&running));
        let unit = async move |_: &mut Tx| {
            running.add_permits(1);
            let _ = gate.acquire().await;
            Ok::<_, StoreError>(())
        };
        tokio::spawn(async move { database.write(unit).await })
    };
    let _running = running.acquire().await.unwrap();
    let mut begun: Vec<Begun<'_>> = Vec::new();
    for spend in spends {
        begun.push(Box::pin(world.decider.submit(spend)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(begun.last_mut().unwrap().as_mut().poll(&mut context).is_pending());
    }
    gate.add_permits(1);
    plug.await.unwrap().unwrap();
    for one in begun {
        answers.push(format!("{:?}", one.await.unwrap()));
    }
    answers
}

/// Lives the log; gives all answers and then all rows.
async fn live(test: TestDatabase, together: bool) -> Vec<String> {
    let world = World::new(test, POLICY).await;
    let agents = more_agents(&world).await;
    let mut answers = Vec::new();
    let mut tried: Vec<TransactionId> = Vec::new();
    for group in draw(3) {
        world.clock.advance(Seconds(group.wait));
        for (which, how) in group.ends {
            if let Some(id) = tried.get(which % tried.len().max(1)) {
                answers.push(end(&world, id, how).await);
            }
        }
        let spends = group.asks.iter().map(|ask| {
            let mut spend = world.spend(&ask.key, ask.units);
            spend.order.agent = agents[ask.agent].clone();
            spend.order.amount = Amount::new(ask.units).unwrap();
            spend.order.to = Address::new([ask.to; 32]);
            if ask.token {
                spend.order.asset = Asset::Token(Mint::new(Address::new([21; 32])));
            }
            spend
        });
        let spends: Vec<Spend> = spends.collect();
        tried.extend(spends.iter().map(|spend| spend.id.clone()));
        answers.extend(ask(&world, spends, together).await);
    }
    let mut rows = rows(&world, &agents, &tried).await;
    world.end().await;
    answers.append(&mut rows);
    answers
}

async fn rows(world: &World, agents: &[AgentId], tried: &[TransactionId]) -> Vec<String> {
    let mut read = world.database.read();
    let mut lines = Vec::new();
    for id in agents {
        lines.push(format!("{:?}", agents::find(&mut read, id).await.unwrap()));
    }
    for id in tried {
        lines.push(format!("{:?}", row::find(&mut read, id).await.unwrap()));
    }
    let whole = audit::Query {
        limit: u32::MAX,
        ..audit::Query::default()
    };
    let log = audit::page(&mut read, &whole).await.unwrap();
    lines.extend(log.iter().map(|row| format!("{row:?}")));
    let tables = [
        "SELECT id || ' ' || CAST(settled_total AS TEXT) || ' ' || CAST(pending AS TEXT) || ' ' \
         || CAST(next_seq AS TEXT) AS line FROM ledger_accounts",
        "SELECT reservation || ' ' || account || ' ' || state AS line FROM reservation_accounts",
        "SELECT kind || ' ' || subject || ' ' || CAST(run_at AS TEXT) || ' ' || CAST(asked AS TEXT) AS line FROM jobs",
        "SELECT id || ' ' || kind || ' ' || subject || ' ' || data || ' ' || CAST(created_at AS TEXT) AS line FROM outbox",
    ];
    for table in tables {
        let found = read.fetch_all(Sql::new(table)).await.unwrap();
        let mut found: Vec<String> = found.iter().map(|row| row.get("line").unwrap()).collect();
        found.sort_unstable();
        lines.extend(found);
    }
    lines
}

fn agree(one: &[String], other: &[String]) {
    for (place, (one, other)) in one.iter().zip(other).enumerate() {
        assert_eq!(one, other, "line {place}");
    }
    assert_eq!(one.len(), other.len());
    for needed in [
        "New(",
        "Replayed(",
        "Mismatch(",
        "AgentSuspended",
        "Held",
        "POLICY_TOKEN_NOT_ALLOWED",
    ] {
        assert!(one.iter().any(|line| line.contains(needed)), "`{needed}` never came up");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decided_together_or_one_by_one_payments_end_the_same() {
    let sqlite = || TestDatabase::sqlite(&[portreeve_jobs::SCHEMA, SCHEMA]).unwrap();
    agree(&live(sqlite(), false).await, &live(sqlite(), true).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs TEST_POSTGRES_URL"]
async fn sqlite_and_postgres_decide_and_keep_the_same() {
    let schemas = [portreeve_jobs::SCHEMA, SCHEMA];
    let postgres = TestDatabase::postgres("wallet_twins", &schemas).await.unwrap();
    let sqlite = TestDatabase::sqlite(&schemas).unwrap();
    agree(&live(sqlite, false).await, &live(postgres, true).await);
}
