//! What the wallet writes into the audit log and the outbox: one form for all acts.

use {
    crate::{agents::AgentRow, transactions::TransactionRow},
    portreeve_kernel::{Entropy, EventId, Timestamp},
    portreeve_store::{AuditEntry, OutboxEvent},
    serde_json::Value,
};

/// The actor of what the server does by itself.
pub(crate) const SYSTEM: &str = "system";

/// An entry about an agent.
pub(crate) fn entry(agent: &AgentRow, at: Timestamp, kind: &'static str, actor: &str, data: Value) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: actor.to_owned(),
        owner: Some(agent.owner.clone()),
        project: Some(agent.project.clone()),
        subject: agent.id.to_string(),
        data,
    }
}

/// An event about an agent.
pub(crate) fn event(
    entropy: &dyn Entropy,
    agent: &AgentRow,
    at: Timestamp,
    kind: &'static str,
    data: Value,
) -> OutboxEvent {
    OutboxEvent {
        id: EventId::new(at, entropy),
        kind: kind.into(),
        project: agent.project.clone(),
        owner: agent.owner.clone(),
        agent: Some(agent.id.clone()),
        subject: agent.id.to_string(),
        data,
        at,
    }
}

/// An entry about a payment.
pub(crate) fn payment_entry(
    row: &TransactionRow,
    at: Timestamp,
    kind: &'static str,
    actor: &str,
    data: Value,
) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: actor.to_owned(),
        owner: Some(row.owner.clone()),
        project: Some(row.project.clone()),
        subject: row.id.to_string(),
        data,
    }
}

/// An event about a payment.
pub(crate) fn payment_event(
    entropy: &dyn Entropy,
    row: &TransactionRow,
    at: Timestamp,
    kind: &'static str,
    data: Value,
) -> OutboxEvent {
    OutboxEvent {
        id: EventId::new(at, entropy),
        kind: kind.into(),
        project: row.project.clone(),
        owner: row.owner.clone(),
        agent: Some(row.agent.clone()),
        subject: row.id.to_string(),
        data,
        at,
    }
}
