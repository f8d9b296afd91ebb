//! Who was let in, in the audit log: what is alike within a minute is one entry, because every request is one and must cost
//! no write.
//!
//! What is alike has the same credential (all tokens of a grant are one), address and name of the client. Of one credential
//! at most [`SHARE`] that differ are told apart, so that nobody hides another by calling itself something else each time; in all
//! at most [`MOST`] wait, and beyond that they are only counted. A node that is killed takes the last minute's with it.

use {
    crate::auth_log::too_many,
    dashmap::DashMap,
    portreeve_guard::Admission,
    portreeve_kernel::{AgentId, Credential, OwnerId, ProjectId, Timestamp, UserId},
    portreeve_store::{AuditEntry, Database, StoreError, Tx},
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

/// How many that differ of one credential are told apart in a minute; the others are one.
const SHARE: u32 = 32;

/// How many entries are written at one time, so that nobody waits long for the writer.
const SLICE: usize = 500;

/// What is kept of what a client calls itself, in characters.
const USER_AGENT_CHARACTERS: usize = 200;

const KIND: &str = "auth.succeeded";

/// Somebody who was let in, and how often.
#[derive(Debug, Clone)]
struct Used {
    credential: Credential,
    /// `None` for several.
    address: Option<IpAddr>,
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
    /// How many are told apart, by a hash of the credential.
    shares: DashMap<u64, u32>,
    hasher: RandomState,
    /// How many did not fit.
    beyond: AtomicU64,
}

impl Admissions {
    /// Somebody was let in; `now` is asked only for the first of those that are alike.
    pub(crate) fn note(&self, admission: &Admission<'_>, now: impl FnOnce() -> Timestamp) {
        let (holder, address) = (admission.holder, admission.address);
        let whose = holder.credential.counted_as();
        let name = self.hasher.hash_one((whose, address, admission.user_agent));
        if self.count(name) {
            return;
        }
        let whose = self.hasher.hash_one(whose);
        let is_told_apart = {
            let mut share = self.shares.entry(whose).or_insert(0);
            *share = share.saturating_add(1);
            *share <= SHARE
        };
        if !is_told_apart && self.count(whose) {
            return;
        }
        if self.alike.len() >= MOST {
            self.beyond.fetch_add(1, Relaxed);
            return;
        }
        let name = if is_told_apart { name } else { whose };
        let agent = admission.user_agent.filter(|_| is_told_apart);
        let agent = agent.map(|text| text.chars().take(USER_AGENT_CHARACTERS));
        let used = Used {
            credential: holder.credential.clone(),
            address: is_told_apart.then_some(address),
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

    /// One more of `name`, when it is known.
    fn count(&self, name: u64) -> bool {
        let Some(mut alike) = self.alike.get_mut(&name) else {
            return false;
        };
        alike.count = alike.count.saturating_add(1);
        true
    }

    /// Writes everything down. What could not be written is kept for the next time.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) async fn flush(&self, db: &Database, now: Timestamp) -> Result<(), StoreError> {
        let mut taken = Vec::new();
        self.shares.clear();
        self.alike.retain(|name, used| {
            taken.push((*name, used.clone()));
            false
        });
        taken.sort_by(|(_, one), (_, other)| {
            (one.first_at, &one.first_request).cmp(&(other.first_at, &other.first_request))
        });
        let mut slices = taken.chunks(SLICE);
        while let Some(slice) = slices.next() {
            let entries: Arc<[AuditEntry]> = slice.iter().map(|(_, used)| entry(used)).collect();
            let unit = async move |tx: &mut Tx| {
                for entry in entries.iter() {
                    tx.audit(entry.clone());
                }
                Ok(())
            };
            if let Err(error) = db.write(unit).await {
                self.put_back(slice);
                slices.for_each(|slice| self.put_back(slice));
                return Err(error);
            }
        }
        let beyond = self.beyond.swap(0, Relaxed);
        if beyond == 0 {
            return Ok(());
        }
        let told = too_many(KIND, now, beyond);
        let done = db.write(async move |tx: &mut Tx| {
            tx.audit(told.clone());
            Ok(())
        });
        let done = done.await;
        if done.is_err() {
            self.beyond.fetch_add(beyond, Relaxed);
        }
        done
    }

    fn put_back(&self, taken: &[(u64, Used)]) {
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
    fn who_calls_itself_something_else_each_time_is_soon_one() {
        let admissions = Admissions::default();
        let request = RequestId::new(AT, &Seeded::new(1));
        let note = |holder: &Principal, agent: &str| {
            let admission = Admission {
                request: &request,
                address: [192, 0, 2, 1].into(),
                holder,
                user_agent: Some(agent),
            };
            admissions.note(&admission, || AT);
        };
        let (hostile, honest) = (holder(key(1)), holder(key(2)));
        for number in 0..1_000 {
            note(&hostile, &format!("agent {number}"));
        }
        note(&hostile, "agent 1");
        note(&honest, "curl");
        let counts = told(&admissions);
        let most = usize::try_from(SHARE).unwrap();
        assert_eq!(counts.len(), most + 2, "so many, the rest of them, and somebody else");
        assert_eq!(counts.last(), Some(&(1_000 - u64::from(SHARE))));
    }

    #[test]
    fn a_flood_of_different_ones_is_counted_and_fills_no_memory() {
        let admissions = Admissions::default();
        let request = RequestId::new(AT, &Seeded::new(1));
        for number in 0..u64::try_from(MOST).unwrap() + 10 {
            let admission = Admission {
                request: &request,
                address: [192, 0, 2, 1].into(),
                holder: &holder(key(number)),
                user_agent: None,
            };
            admissions.note(&admission, || AT);
        }
        assert_eq!((admissions.alike.len(), admissions.beyond.load(Relaxed)), (MOST, 10));
    }
}
