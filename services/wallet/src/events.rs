//! What the wallet writes into the audit log and the outbox: one form for all acts.

use {
    crate::{agents::AgentRow, transactions::TransactionRow},
    portreeve_kernel::{AgentId, Entropy, EventId, OwnerId, ProjectId, Timestamp},
    portreeve_store::{AuditEntry, OutboxEvent},
    serde_json::Value,
};

/// The actor of what the server does by itself.
pub(crate) const SYSTEM: &str = "system";

/// What an entry or an event is about, and whose it is.
pub(crate) struct About<'a> {
    project: &'a ProjectId,
    owner: &'a OwnerId,
    agent: &'a AgentId,
    subject: &'a str,
}

impl<'a> From<&'a AgentRow> for About<'a> {
    fn from(agent: &'a AgentRow) -> Self {
        let AgentRow { project, owner, id, .. } = agent;
        Self {
            project,
            owner,
            agent: id,
            subject: id.as_str(),
        }
    }
}

impl<'a> From<&'a TransactionRow> for About<'a> {
    fn from(payment: &'a TransactionRow) -> Self {
        let TransactionRow {
            project,
            owner,
            agent,
            id,
            ..
        } = payment;
        Self {
            project,
            owner,
            agent,
            subject: id.as_str(),
        }
    }
}

/// An entry of the audit log.
pub(crate) fn entry<'a>(
    about: impl Into<About<'a>>,
    at: Timestamp,
    kind: &'static str,
    actor: &str,
    data: Value,
) -> AuditEntry {
    let About {
        project,
        owner,
        subject,
        ..
    } = about.into();
    AuditEntry {
        at,
        kind: kind.into(),
        actor: actor.to_owned(),
        owner: Some(owner.clone()),
        project: Some(project.clone()),
        subject: subject.to_owned(),
        data,
    }
}

/// An event for whoever listens.
pub(crate) fn event<'a>(
    entropy: &dyn Entropy,
    about: impl Into<About<'a>>,
    at: Timestamp,
    kind: &'static str,
    data: Value,
) -> OutboxEvent {
    let About {
        project,
        owner,
        agent,
        subject,
    } = about.into();
    OutboxEvent {
        id: EventId::new(at, entropy),
        kind: kind.into(),
        project: project.clone(),
        owner: owner.clone(),
        agent: Some(agent.clone()),
        subject: subject.to_owned(),
        data,
        at,
    }
}
