//! Events for whoever listens, kept in the transaction of the act they tell of. They are delivered from here later,
//! so a listener that is away misses nothing and slows down nothing.

use {
    crate::{
        error::StoreError,
        sql::{Bind, Value},
        tx::Tx,
    },
    portreeve_kernel::{AgentId, EventId, OwnerId, ProjectId, Timestamp},
    std::{borrow::Cow, mem},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEvent {
    /// The same on every delivery try.
    pub id: EventId,
    /// What happened, such as `transaction.confirmed`.
    pub kind: Cow<'static, str>,
    /// In which project.
    pub project: ProjectId,
    /// To whose agents or money.
    pub owner: OwnerId,
    /// To which agent, when it was one.
    pub agent: Option<AgentId>,
    /// The id of the thing it happened to.
    pub subject: String,
    /// The particulars.
    pub data: serde_json::Value,
    /// When.
    pub at: Timestamp,
}

/// Writes the group's events.
pub(crate) async fn flush(tx: &mut Tx) -> Result<(), StoreError> {
    let rows = mem::take(&mut tx.after.events).into_iter().map(columns).collect();
    tx.insert(
        "INSERT INTO outbox (id, kind, project_id, owner_id, agent_id, subject, data, created_at)",
        rows,
        "",
    )
    .await
}

fn columns(event: OutboxEvent) -> Vec<Value> {
    vec![
        event.id.value(),
        event.kind.into_owned().value(),
        event.project.value(),
        event.owner.value(),
        event.agent.as_ref().value(),
        event.subject.value(),
        event.data.to_string().value(),
        event.at.value(),
    ]
}
