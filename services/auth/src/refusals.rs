//! Failed authentication in the audit log, and scope checks that a role passed, bounded: a flood must fill neither memory
//! nor disk.
//!
//! What is alike (same reason, address, credential, route) within a second is one entry with a count, at most
//! [`MOST`] different ones wait, and beyond that they are only counted. Failures and passes have a share each, so that a
//! flood of the one hides nothing of the other. Never the token.

use {
    crate::auth_log::too_many,
    portreeve_guard::{Bypass, Reason, Refusal, RequestContext},
    portreeve_kernel::{OwnerId, Principal, ProjectId, Timestamp},
    portreeve_store::{AuditEntry, Database, StoreError},
    serde_json::json,
    std::{
        collections::HashMap,
        mem,
        net::IpAddr,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    },
};

/// How many different ones of either may wait to be written.
pub(crate) const MOST: usize = 256;

/// What is kept of what a client calls itself, in characters.
const USER_AGENT_CHARACTERS: usize = 200;

/// What is told of.
const FAILED: &str = "auth.failed";
const BYPASSED: &str = "auth.scope_bypassed";

/// Failures that are alike, and passes by role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    reason: &'static str,
    client: IpAddr,
    /// Whose secret was right.
    credential: Option<String>,
    method: String,
    route: Option<String>,
    required_scope: Option<String>,
    /// The OAuth client that asked.
    client_id: Option<String>,
}

/// The first of them, and how many they are.
#[derive(Debug, Clone)]
struct Failures {
    first_at: Timestamp,
    first_request: String,
    user_agent: Option<String>,
    owner: Option<OwnerId>,
    project: Option<ProjectId>,
    count: u64,
}

/// Who did what, of a request.
struct Seen<'a> {
    context: &'a RequestContext,
    holder: Option<&'a Principal>,
    user_agent: Option<&'a str>,
    at: Timestamp,
}

/// Those that are told as one thing.
#[derive(Debug, Default)]
struct Share {
    different: HashMap<Kind, Failures>,
    /// How many did not fit.
    beyond: u64,
}

impl Share {
    fn is_empty(&self) -> bool {
        self.different.is_empty() && self.beyond == 0
    }

    fn count(&mut self, kind: Kind, seen: &Seen<'_>) {
        if let Some(alike) = self.different.get_mut(&kind) {
            alike.count = alike.count.saturating_add(1);
        } else if self.different.len() < MOST {
            let agent = seen.user_agent;
            let failures = Failures {
                first_at: seen.at,
                first_request: seen.context.id().to_string(),
                user_agent: agent.map(|text| text.chars().take(USER_AGENT_CHARACTERS).collect()),
                owner: seen.holder.map(|holder| holder.owner.clone()),
                project: seen.holder.map(|holder| holder.project.clone()),
                count: 1,
            };
            self.different.insert(kind, failures);
        } else {
            self.beyond = self.beyond.saturating_add(1);
        }
    }

    fn put_back(&mut self, old: &Self) {
        self.beyond = self.beyond.saturating_add(old.beyond);
        for (kind, failures) in &old.different {
            if let Some(alike) = self.different.get_mut(kind) {
                alike.count = alike.count.saturating_add(failures.count);
                alike.first_at = failures.first_at;
                alike.first_request.clone_from(&failures.first_request);
            } else if self.different.len() < MOST {
                self.different.insert(kind.clone(), failures.clone());
            } else {
                self.beyond = self.beyond.saturating_add(failures.count);
            }
        }
    }

    /// In the order in which they began; those that were only counted come last.
    fn entries(&self, told_as: &'static str, now: Timestamp) -> impl Iterator<Item = AuditEntry> {
        let mut all: Vec<(&Kind, &Failures)> = self.different.iter().collect();
        all.sort_by_key(|(_, failures)| (failures.first_at, failures.first_request.clone()));
        let beyond = (self.beyond > 0).then(|| too_many(told_as, now, self.beyond));
        all.into_iter().map(move |one| entry(told_as, one)).chain(beyond)
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    failed: Share,
    bypassed: Share,
}

/// The same, from several at once.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Waiting>);

impl Refusals {
    /// Somebody was not let in.
    pub(crate) fn note(&self, refusal: &Refusal<'_>, now: Timestamp) {
        let context = refusal.context;
        let kind = Kind {
            reason: refusal.reason.as_str(),
            client: context.client(),
            credential: refusal.holder.map(|holder| holder.credential.to_string()),
            method: context.method().to_string(),
            route: context.route().map(str::to_owned),
            required_scope: match &refusal.reason {
                Reason::ScopeInsufficient(scope) => Some(scope.to_string()),
                _ => None,
            },
            client_id: refusal.client.map(str::to_owned),
        };
        let seen = Seen {
            context,
            holder: refusal.holder,
            user_agent: refusal.user_agent,
            at: now,
        };
        self.lock().failed.count(kind, &seen);
    }

    /// Somebody's role passed a scope check.
    pub(crate) fn note_bypass(&self, bypass: &Bypass<'_>, now: Timestamp) {
        let context = bypass.context;
        let kind = Kind {
            reason: "role",
            client: context.client(),
            credential: Some(bypass.holder.credential.to_string()),
            method: context.method().to_string(),
            route: context.route().map(str::to_owned),
            required_scope: Some(bypass.lacking.to_string()),
            client_id: bypass.holder.client.as_deref().map(str::to_owned),
        };
        let seen = Seen {
            context,
            holder: Some(bypass.holder),
            user_agent: bypass.user_agent,
            at: now,
        };
        self.lock().bypassed.count(kind, &seen);
    }

    /// Writes down what waits. What could not be written is kept, as far as there is room.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) async fn flush(&self, db: &Database, now: Timestamp) -> Result<(), StoreError> {
        let waiting = mem::take(&mut *self.lock());
        if waiting.failed.is_empty() && waiting.bypassed.is_empty() {
            return Ok(());
        }
        let waiting = Arc::new(waiting);
        let written = Arc::clone(&waiting);
        let done = db
            .write(async move |tx| {
                let failed = written.failed.entries(FAILED, now);
                for entry in failed.chain(written.bypassed.entries(BYPASSED, now)) {
                    tx.audit(entry);
                }
                Ok(())
            })
            .await;
        if done.is_err() {
            let mut now_waiting = self.lock();
            now_waiting.failed.put_back(&waiting.failed);
            now_waiting.bypassed.put_back(&waiting.bypassed);
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(told_as: &'static str, (kind, failures): (&Kind, &Failures)) -> AuditEntry {
    AuditEntry {
        at: failures.first_at,
        kind: told_as.into(),
        actor: kind
            .credential
            .as_ref()
            .or(kind.client_id.as_ref())
            .map_or_else(|| "anonymous".to_owned(), Clone::clone),
        owner: failures.owner.clone(),
        project: failures.project.clone(),
        subject: kind.credential.clone().unwrap_or_else(|| kind.client.to_string()),
        data: json!({
            "reason": kind.reason,
            "ip": kind.client,
            "method": kind.method,
            "endpoint": kind.route,
            "requiredScope": kind.required_scope,
            "clientId": kind.client_id,
            "userAgent": failures.user_agent,
            "requestId": failures.first_request,
            "count": failures.count,
        }),
    }
}
