//! Payments that were refused before any rule was asked: the agent is stopped, somebody else's, or the credential was
//! revoked meanwhile. No payment is kept of them, so the audit log is where they are found.
//!
//! Bounded, because nothing is used up by asking: what is alike (who, which agent, why) within a second is one entry
//! with a count, at most [`MOST`] different ones wait, and beyond that they are only counted.

use {
    portreeve_kernel::{AgentId, Code, OwnerId, Principal, ProjectId, Timestamp},
    portreeve_store::{AuditEntry, Database, StoreError},
    serde_json::json,
    std::{
        collections::BTreeMap,
        mem,
        sync::{Mutex, MutexGuard, PoisonError},
    },
};

/// How many different refusals may wait to be written.
const MOST: usize = 256;

/// Those that are told of here. The others are told of with their payments, or are no refusals.
const TOLD: &[Code] = &[
    Code::AgentSuspended,
    Code::AgentCreating,
    Code::AgentNotFound,
    Code::AuthKeyRevoked,
    Code::AuthTokenRevoked,
];

/// Refusals that are alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    credential: String,
    agent: AgentId,
    code: &'static str,
}

/// The first of them, and how many they are.
#[derive(Debug, Clone)]
struct Alike {
    first_at: Timestamp,
    owner: OwnerId,
    project: ProjectId,
    count: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    different: BTreeMap<Kind, Alike>,
    /// How many did not fit.
    beyond: u64,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Waiting>);

impl Refusals {
    /// Notes that `caller` was refused a payment by `agent`, if that is to be told of here.
    pub(super) fn note(&self, caller: &Principal, agent: &AgentId, code: Code, at: Timestamp) {
        if !TOLD.contains(&code) {
            return;
        }
        let kind = Kind {
            credential: caller.credential.to_string(),
            agent: agent.clone(),
            code: code.as_str(),
        };
        let alike = Alike {
            first_at: at,
            owner: caller.owner.clone(),
            project: caller.project.clone(),
            count: 1,
        };
        self.add(kind, alike);
    }

    /// Writes down what waits. What could not be written is kept, as far as there is room.
    pub(crate) async fn flush(&self, database: &Database, now: Timestamp) -> Result<(), StoreError> {
        let waiting = mem::take(&mut *self.lock());
        if waiting.different.is_empty() && waiting.beyond == 0 {
            return Ok(());
        }
        let entries = entries(&waiting, now);
        let unit = async move |tx: &mut portreeve_store::Tx| {
            for entry in &entries {
                tx.audit(entry.clone());
            }
            Ok::<_, StoreError>(())
        };
        let done = database.write(unit).await;
        if done.is_err() {
            for (kind, alike) in waiting.different {
                self.add(kind, alike);
            }
            let mut held = self.lock();
            held.beyond = held.beyond.saturating_add(waiting.beyond);
        }
        done
    }

    fn add(&self, kind: Kind, alike: Alike) {
        let mut waiting = self.lock();
        if let Some(known) = waiting.different.get_mut(&kind) {
            known.count = known.count.saturating_add(alike.count);
            known.first_at = known.first_at.min(alike.first_at);
        } else if waiting.different.len() < MOST {
            waiting.different.insert(kind, alike);
        } else {
            waiting.beyond = waiting.beyond.saturating_add(alike.count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entries(waiting: &Waiting, now: Timestamp) -> Vec<AuditEntry> {
    let one = |(kind, alike): (&Kind, &Alike)| AuditEntry {
        at: alike.first_at,
        kind: "transaction.refused".into(),
        actor: kind.credential.clone(),
        owner: Some(alike.owner.clone()),
        project: Some(alike.project.clone()),
        subject: kind.agent.to_string(),
        data: json!({"agentId": kind.agent, "errorCode": kind.code, "count": alike.count}),
    };
    let beyond = (waiting.beyond > 0).then(|| AuditEntry {
        at: now,
        kind: "transaction.refused".into(),
        actor: crate::events::SYSTEM.to_owned(),
        owner: None,
        project: None,
        subject: "several".to_owned(),
        data: json!({"reason": "too_many_to_tell_apart", "count": waiting.beyond}),
    });
    waiting.different.iter().map(one).chain(beyond).collect()
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Role, entropy::Seeded},
        portreeve_store::{
            audit::{self, AuditRow, Query},
            testing::TestDatabase,
        },
    };

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn caller() -> Principal {
        Principal {
            role: Role::Agent,
            ..Principal::stranger(T, &Seeded::new(1))
        }
    }

    fn agent(seed: u64) -> AgentId {
        AgentId::new(T, &Seeded::new(seed))
    }

    async fn written(database: &Database) -> Vec<AuditRow> {
        let query = Query {
            owner: None,
            before: None,
            limit: 1000,
        };
        audit::page(&mut database.read(), &query).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_of_one_refusal_is_one_entry_and_a_flood_of_many_is_bounded() {
        let test = TestDatabase::sqlite(&[]).unwrap();
        let database = test.open().await.unwrap();
        let (refusals, caller) = (Refusals::default(), caller());
        for _ in 0..10_000 {
            refusals.note(&caller, &agent(7), Code::AgentSuspended, T);
        }
        refusals.note(&caller, &agent(7), Code::AgentNotFound, T);
        refusals.note(&caller, &agent(7), Code::SystemRpcUnavailable, T);
        refusals.flush(&database, T).await.unwrap();
        let entries = written(&database).await;
        assert_eq!(entries.len(), 2, "what is no refusal is not told of");
        let flood = entries
            .iter()
            .find(|entry| entry.data.to_string().contains("AGENT_SUSPENDED"))
            .unwrap();
        assert!(flood.data.to_string().contains("\"count\":10000"), "{}", flood.data);
        assert_eq!(
            (flood.kind.as_str(), flood.subject.as_str()),
            ("transaction.refused", agent(7).as_str())
        );

        for seed in 0..1_000 {
            refusals.note(&caller, &agent(1_000 + seed), Code::AgentNotFound, T);
        }
        refusals.flush(&database, T).await.unwrap();
        let entries = written(&database).await;
        assert_eq!(entries.len(), 2 + MOST + 1);
        assert!(
            entries
                .iter()
                .any(|entry| entry.subject == "several" && entry.data.to_string().contains("744"))
        );
        refusals.flush(&database, T).await.unwrap();
        assert_eq!(
            written(&database).await.len(),
            2 + MOST + 1,
            "once written it waits no more"
        );

        database.clone().close().await;
        refusals.note(&caller, &agent(8), Code::AgentSuspended, T);
        assert!(refusals.flush(&database, T).await.is_err());
        assert_eq!(refusals.lock().different.len(), 1, "kept for the next time");
        test.remove().await.unwrap();
    }
}
