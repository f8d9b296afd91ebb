//! Tokens that were made, in the audit log: what is alike is one entry a minute, because a client may ask for a token with
//! every request, and asking must cost no write.
//!
//! What is alike has the same client, address, resource and scopes. At most [`MOST`] different ones wait, and beyond that
//! they are only counted. A node that is killed takes the last minute's with it.

use {
    crate::auth_log::too_many,
    portreeve_kernel::{AgentId, OwnerId, ProjectId, Timestamp},
    portreeve_oauth::AccessClaims,
    portreeve_store::{AuditEntry, Database, StoreError},
    serde_json::json,
    std::{
        collections::HashMap,
        mem,
        net::IpAddr,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    },
};

/// How many that differ may wait to be written.
const MOST: usize = 1024;

/// Tokens that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    client: String,
    address: IpAddr,
    resource: String,
    scope: String,
    /// Who passes the scope checks of the resource server with them.
    passes: Option<String>,
}

/// The first of them, and how many they are.
#[derive(Debug, Clone)]
struct Made {
    first_at: Timestamp,
    first_token: String,
    owner: OwnerId,
    project: ProjectId,
    agent: Option<AgentId>,
    count: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    different: HashMap<Kind, Made>,
    /// How many did not fit, and since when.
    beyond: Option<(Timestamp, u64)>,
}

impl Waiting {
    fn add(&mut self, kind: Kind, made: Made) {
        if let Some(alike) = self.different.get_mut(&kind) {
            alike.count = alike.count.saturating_add(made.count);
            if made.first_at < alike.first_at {
                alike.first_at = made.first_at;
                alike.first_token = made.first_token;
            }
        } else if self.different.len() < MOST {
            self.different.insert(kind, made);
        } else {
            self.count_beyond(made.first_at, made.count);
        }
    }

    fn count_beyond(&mut self, at: Timestamp, count: u64) {
        let (since, before) = self.beyond.unwrap_or((at, 0));
        self.beyond = Some((since.min(at), before.saturating_add(count)));
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Issues(Mutex<Waiting>);

impl Issues {
    /// A token with `claims` was made for who asked from `address`.
    pub(crate) fn note(&self, claims: &AccessClaims, address: IpAddr) {
        let kind = Kind {
            client: claims.client_id.to_string(),
            address,
            resource: claims.aud.clone(),
            scope: claims.scope.to_string(),
            passes: claims.bypass.then(|| claims.sub.clone()),
        };
        let made = Made {
            first_at: Timestamp::from_seconds(claims.iat),
            first_token: claims.jti.clone(),
            owner: claims.owner_id.clone(),
            project: claims.project_id.clone(),
            agent: claims.agent_id.clone(),
            count: 1,
        };
        self.lock().add(kind, made);
    }

    /// Writes everything down. What could not be written is kept, as far as there is room.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) async fn flush(&self, db: &Database) -> Result<(), StoreError> {
        let waiting = mem::take(&mut *self.lock());
        if waiting.different.is_empty() && waiting.beyond.is_none() {
            return Ok(());
        }
        let waiting = Arc::new(waiting);
        let written = Arc::clone(&waiting);
        let done = db
            .write(async move |tx| {
                for entry in entries(&written) {
                    tx.audit(entry);
                }
                Ok(())
            })
            .await;
        if done.is_err() {
            let mut now = self.lock();
            for (kind, made) in &waiting.different {
                now.add(kind.clone(), made.clone());
            }
            if let Some((since, count)) = waiting.beyond {
                now.count_beyond(since, count);
            }
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the order in which they began.
fn entries(waiting: &Waiting) -> Vec<AuditEntry> {
    let mut all: Vec<(&Kind, &Made)> = waiting.different.iter().collect();
    all.sort_by_key(|(_, made)| (made.first_at, &made.first_token));
    let mut entries: Vec<AuditEntry> = all.into_iter().map(entry).collect();
    entries.extend(waiting.beyond.map(|(since, count)| too_many(KIND, since, count)));
    entries
}

const KIND: &str = "oauth.token_issued";

fn entry((kind, made): (&Kind, &Made)) -> AuditEntry {
    let mut data = json!({
        "ip": kind.address,
        "resource": kind.resource,
        "scope": kind.scope,
        "agentId": made.agent,
        "firstToken": made.first_token,
        "count": made.count,
    });
    if let (Some(user), Some(data)) = (&kind.passes, data.as_object_mut()) {
        data.insert("bypass".to_owned(), json!(true));
        data.insert("userId".to_owned(), json!(user));
    }
    AuditEntry {
        at: made.first_at,
        kind: KIND.into(),
        actor: kind.client.clone(),
        owner: Some(made.owner.clone()),
        project: Some(made.project.clone()),
        subject: kind.client.clone(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_kernel::entropy::Seeded;

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn made(first_at: Timestamp, count: u64) -> Made {
        Made {
            first_at,
            first_token: format!("t{}", first_at.millis()),
            owner: OwnerId::new(AT, &Seeded::new(1)),
            project: ProjectId::new(AT, &Seeded::new(1)),
            agent: None,
            count,
        }
    }

    fn kind(client: usize) -> Kind {
        Kind {
            client: format!("clt_{client}"),
            address: [192, 0, 2, 1].into(),
            resource: "https://p.example/mcp".to_owned(),
            scope: "agents:read".to_owned(),
            passes: None,
        }
    }

    #[test]
    fn what_is_alike_is_one_entry_from_the_first_on() {
        let mut waiting = Waiting::default();
        waiting.add(kind(1), made(AT.plus_millis(5), 1));
        waiting.add(kind(1), made(AT, 2));
        waiting.add(kind(2), made(AT.plus_millis(9), 1));
        let entries = entries(&waiting);
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].at, &entries[0].data["count"]), (AT, &json!(3)));
        assert_eq!(entries[0].data["firstToken"], format!("t{}", AT.millis()));
    }

    #[test]
    fn a_flood_of_different_ones_is_counted_and_fills_no_memory() {
        let mut waiting = Waiting::default();
        for client in 0..MOST + 10 {
            waiting.add(kind(client), made(AT, 1));
        }
        let entries = entries(&waiting);
        assert_eq!(entries.len(), MOST + 1);
        let last = entries.last().unwrap();
        assert_eq!((last.subject.as_str(), &last.data["count"]), ("several", &json!(10)));
    }
}
