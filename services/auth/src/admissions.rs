//! Who was let in, in the audit log: what is alike within a minute is one entry, because every request is one and must cost
//! no write.
//!
//! What is alike has the same credential (all tokens of a grant are one), address and name of the client. At most [`MOST`]
//! different ones wait, and beyond that they are only counted. A node that is killed takes the last minute's with it.

use {
    dashmap::DashMap,
    portreeve_guard::Admission,
    portreeve_kernel::{AgentId, Credential, OwnerId, ProjectId, Timestamp, UserId},
    portreeve_store::{AuditEntry, Database, StoreError},
    serde_json::json,
    std::{
        hash::{BuildHasher, RandomState},
        net::IpAddr,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering::Relaxed},
        },
    },
};

/// How many that differ may wait to be written.
const MOST: usize = 16_384;

/// What is kept of what a client calls itself, in characters.
const USER_AGENT_CHARACTERS: usize = 200;

const KIND: &str = "auth.succeeded";

/// Somebody who was let in, and how often.
#[derive(Debug, Clone)]
struct Used {
    credential: Credential,
    address: IpAddr,
    user_agent: Option<Box<str>>,
    owner: OwnerId,
    project: ProjectId,
    agent: Option<AgentId>,
    user: Option<UserId>,
    client: Option<Box<str>>,
    first_at: Timestamp,
    first_request: Box<str>,
    count: u64,
}

/// What waits to be written, by a hash of what makes it differ, so that a request that was seen before costs no memory.
#[derive(Debug, Default)]
pub(crate) struct Admissions {
    alike: DashMap<u64, Used>,
    hasher: RandomState,
    /// How many did not fit.
    beyond: AtomicU64,
}

impl Admissions {
    /// Somebody was let in; `now` is asked only for the first of those that are alike.
    pub(crate) fn note(&self, admission: &Admission<'_>, now: impl FnOnce() -> Timestamp) {
        let (holder, address) = (admission.holder, admission.address);
        let name = match &holder.credential {
            Credential::Token(id) => self.hasher.hash_one((id.grant(), address, admission.user_agent)),
            other => self.hasher.hash_one((other, address, admission.user_agent)),
        };
        if let Some(mut alike) = self.alike.get_mut(&name) {
            alike.count = alike.count.saturating_add(1);
            return;
        }
        if self.alike.len() >= MOST {
            self.beyond.fetch_add(1, Relaxed);
            return;
        }
        let agent = admission
            .user_agent
            .map(|text| text.chars().take(USER_AGENT_CHARACTERS));
        let used = Used {
            credential: holder.credential.clone(),
            address,
            user_agent: agent.map(|characters| characters.collect::<String>().into()),
            owner: holder.owner.clone(),
            project: holder.project.clone(),
            agent: holder.agent.clone(),
            user: holder.user.clone(),
            client: holder.client.clone(),
            first_at: now(),
            first_request: admission.request.to_string().into(),
            count: 0,
        };
        let mut alike = self.alike.entry(name).or_insert(used);
        alike.count = alike.count.saturating_add(1);
    }

    /// Writes everything down. What could not be written is kept for the next time.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) async fn flush(&self, db: &Database, now: Timestamp) -> Result<(), StoreError> {
        let mut taken = Vec::new();
        self.alike.retain(|name, used| {
            taken.push((*name, used.clone()));
            false
        });
        let beyond = self.beyond.swap(0, Relaxed);
        if taken.is_empty() && beyond == 0 {
            return Ok(());
        }
        let taken = Arc::new(taken);
        let written = Arc::clone(&taken);
        let done = db
            .write(async move |tx| {
                for entry in entries(&written, beyond, now) {
                    tx.audit(entry);
                }
                Ok(())
            })
            .await;
        if done.is_err() {
            self.put_back(&taken, beyond);
        }
        done
    }

    fn put_back(&self, taken: &[(u64, Used)], beyond: u64) {
        self.beyond.fetch_add(beyond, Relaxed);
        for (name, used) in taken {
            let mut alike = self.alike.entry(*name).or_insert_with(|| Used {
                count: 0,
                ..used.clone()
            });
            alike.count = alike.count.saturating_add(used.count);
            alike.first_at = used.first_at;
            alike.first_request.clone_from(&used.first_request);
        }
    }
}

/// In the order in which they began.
fn entries(taken: &[(u64, Used)], beyond: u64, now: Timestamp) -> Vec<AuditEntry> {
    let mut all: Vec<&Used> = taken.iter().map(|(_, used)| used).collect();
    all.sort_by_key(|used| (used.first_at, &used.first_request));
    let mut entries: Vec<AuditEntry> = all.into_iter().map(entry).collect();
    if beyond > 0 {
        entries.push(AuditEntry {
            at: now,
            kind: KIND.into(),
            actor: "several".to_owned(),
            owner: None,
            project: None,
            subject: "several".to_owned(),
            data: json!({ "reason": "too_many_to_tell_apart", "count": beyond }),
        });
    }
    entries
}

fn entry(used: &Used) -> AuditEntry {
    AuditEntry {
        at: used.first_at,
        kind: KIND.into(),
        actor: used.credential.to_string(),
        owner: Some(used.owner.clone()),
        project: Some(used.project.clone()),
        subject: used.credential.to_string(),
        data: json!({
            "ip": used.address,
            "userAgent": used.user_agent,
            "agentId": used.agent,
            "userId": used.user,
            "clientId": used.client,
            "requestId": used.first_request,
            "count": used.count,
        }),
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{GrantId, KeyId, Principal, RequestId, TokenId, entropy::Seeded},
    };

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn holder(credential: Credential) -> Principal {
        Principal {
            credential,
            ..Principal::stranger(AT, &Seeded::new(1))
        }
    }

    fn key(number: u64) -> Credential {
        Credential::ApiKey(KeyId::new(&Seeded::new(number)))
    }

    fn told(admissions: &Admissions) -> Vec<u64> {
        let mut counts: Vec<u64> = admissions.alike.iter().map(|used| used.count).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn what_is_alike_is_one_and_what_differs_in_anything_is_another() {
        let admissions = Admissions::default();
        let request = RequestId::new(AT, &Seeded::new(1));
        let note = |address: [u8; 4], credential: Credential, user_agent: Option<&str>| {
            let holder = &holder(credential);
            let admission = Admission {
                request: &request,
                address: address.into(),
                holder,
                user_agent,
            };
            admissions.note(&admission, || AT);
        };
        let (here, there) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        for _ in 0..3 {
            note(here, key(1), Some("curl"));
        }
        note(there, key(1), Some("curl"));
        note(here, key(1), None);
        note(here, key(2), Some("curl"));
        assert_eq!(told(&admissions), [1, 1, 1, 3]);
        let grant = GrantId::new(AT, &Seeded::new(1));
        for token in 0..5 {
            note(here, Credential::Token(TokenId::new(&grant, &Seeded::new(token))), None);
        }
        assert_eq!(told(&admissions), [1, 1, 1, 3, 5], "all tokens of a grant are one");
    }

    #[test]
    fn a_flood_of_different_ones_is_counted_and_fills_no_memory() {
        let (admissions, holder) = (Admissions::default(), holder(key(1)));
        let request = RequestId::new(AT, &Seeded::new(1));
        for number in 0..MOST + 10 {
            let agent = format!("agent {number}");
            let admission = Admission {
                request: &request,
                address: [192, 0, 2, 1].into(),
                holder: &holder,
                user_agent: Some(&agent),
            };
            admissions.note(&admission, || AT);
        }
        assert_eq!((admissions.alike.len(), admissions.beyond.load(Relaxed)), (MOST, 10));
    }
}
