//! Failed authentication in the audit log, bounded: a flood of failures must fill neither memory nor disk.
//!
//! What is alike (same reason, address, credential, route) within a second is one entry with a count, at most
//! [`MOST`] different ones wait, and beyond that they are only counted. Never the token.

use {
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

/// How many different failures may wait to be written.
pub(crate) const MOST: usize = 256;

/// What is kept of what a client calls itself, in characters.
const USER_AGENT_CHARACTERS: usize = 200;

/// What is told of.
const FAILED: &str = "auth.failed";
const BYPASSED: &str = "auth.scope_bypassed";

/// Failures that are alike, and passes by role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    told_as: &'static str,
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

#[derive(Debug, Default)]
struct Waiting {
    different: HashMap<Kind, Failures>,
    /// How many did not fit.
    beyond: u64,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Waiting>);

impl Refusals {
    /// Somebody was not let in.
    pub(crate) fn note(&self, refusal: &Refusal<'_>, now: Timestamp) {
        let context = refusal.context;
        let kind = Kind {
            told_as: FAILED,
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
        self.count((kind, now), context, refusal.holder, refusal.user_agent);
    }

    /// Somebody's role passed a scope check.
    pub(crate) fn note_bypass(&self, bypass: &Bypass<'_>, now: Timestamp) {
        let context = bypass.context;
        let kind = Kind {
            told_as: BYPASSED,
            reason: "role",
            client: context.client(),
            credential: Some(bypass.holder.credential.to_string()),
            method: context.method().to_string(),
            route: context.route().map(str::to_owned),
            required_scope: Some(bypass.lacking.to_string()),
            client_id: bypass.holder.client.as_deref().map(str::to_owned),
        };
        self.count((kind, now), context, Some(bypass.holder), bypass.user_agent);
    }

    fn count(
        &self,
        (kind, now): (Kind, Timestamp),
        context: &RequestContext,
        holder: Option<&Principal>,
        user_agent: Option<&str>,
    ) {
        let mut waiting = self.lock();
        if let Some(alike) = waiting.different.get_mut(&kind) {
            alike.count = alike.count.saturating_add(1);
        } else if waiting.different.len() < MOST {
            let failures = Failures {
                first_at: now,
                first_request: context.id().to_string(),
                user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARACTERS).collect()),
                owner: holder.map(|holder| holder.owner.clone()),
                project: holder.map(|holder| holder.project.clone()),
                count: 1,
            };
            waiting.different.insert(kind, failures);
        } else {
            waiting.beyond = waiting.beyond.saturating_add(1);
        }
    }

    /// Writes down what waits. What could not be written is kept, as far as there is room.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) async fn flush(&self, db: &Database, now: Timestamp) -> Result<(), StoreError> {
        let waiting = mem::take(&mut *self.lock());
        if waiting.different.is_empty() && waiting.beyond == 0 {
            return Ok(());
        }
        let waiting = Arc::new(waiting);
        let written = Arc::clone(&waiting);
        let done = db
            .write(async move |tx| {
                for entry in entries(&written, now) {
                    tx.audit(entry);
                }
                Ok(())
            })
            .await;
        if done.is_err() {
            self.put_back(&waiting);
        }
        done
    }

    fn put_back(&self, old: &Waiting) {
        let mut waiting = self.lock();
        waiting.beyond = waiting.beyond.saturating_add(old.beyond);
        for (kind, failures) in &old.different {
            if let Some(alike) = waiting.different.get_mut(kind) {
                alike.count = alike.count.saturating_add(failures.count);
                alike.first_at = failures.first_at;
                alike.first_request.clone_from(&failures.first_request);
            } else if waiting.different.len() < MOST {
                waiting.different.insert(kind.clone(), failures.clone());
            } else {
                waiting.beyond = waiting.beyond.saturating_add(failures.count);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the order in which they began.
fn entries(waiting: &Waiting, now: Timestamp) -> Vec<AuditEntry> {
    let mut all: Vec<(&Kind, &Failures)> = waiting.different.iter().collect();
    all.sort_by_key(|(_, failures)| (failures.first_at, failures.first_request.clone()));
    let mut entries: Vec<AuditEntry> = all.into_iter().map(entry).collect();
    if waiting.beyond > 0 {
        entries.push(AuditEntry {
            at: now,
            kind: FAILED.into(),
            actor: "anonymous".to_owned(),
            owner: None,
            project: None,
            subject: "several".to_owned(),
            data: json!({ "reason": "too_many_to_tell_apart", "count": waiting.beyond }),
        });
    }
    entries
}

fn entry((kind, failures): (&Kind, &Failures)) -> AuditEntry {
    AuditEntry {
        at: failures.first_at,
        kind: kind.told_as.into(),
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
