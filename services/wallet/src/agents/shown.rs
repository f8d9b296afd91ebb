//! Agents as they were shown lately: one that nothing was written about is shown again without asking the database.
//!
//! What must stay true: whoever was told of a change sees it from then on. So what is kept is used only while the
//! database is of the generation that it was read in, which every commit of this process ends before anybody is told of
//! it. Where other nodes write too there is no generation, and nothing is kept. It is for showing; no act looks here.

use {
    super::{row::AgentRow, view::AgentView},
    axum::{
        body::Bytes,
        response::{IntoResponse, Response},
    },
    portreeve_guard::Problem,
    portreeve_kernel::{AgentId, Principal},
    quick_cache::sync::Cache,
    serde::{Serialize, Serializer, ser::Error as _},
    serde_json::Value,
    std::{borrow::Cow, sync::Arc, time::Duration},
    tokio::time::Instant,
    utoipa::{
        PartialSchema, ToSchema,
        openapi::{RefOr, schema::Schema},
    },
};

/// Agents that are kept at most; those beyond cost two reads each time.
const AGENTS: usize = 10_000;

/// How long one is used. It bounds how far behind this process is when, against all advice, another one writes to the
/// same file.
const LIFE: Duration = Duration::from_secs(1);

/// What has been shown.
#[derive(Clone)]
pub(crate) struct Shown(Arc<Cache<AgentId, Kept>>);

#[derive(Clone)]
struct Kept {
    generation: u64,
    read_at: Instant,
    agent: Arc<AgentRow>,
    answer: Rendered,
}

/// An agent as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Rendered(Bytes);

/// The moment before the database is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    generation: Option<u64>,
    at: Instant,
}

impl Before {
    /// Now, while the database is of `generation`.
    pub(super) fn reading(generation: Option<u64>) -> Self {
        Self {
            generation,
            at: Instant::now(),
        }
    }
}

impl Default for Shown {
    fn default() -> Self {
        Self(Arc::new(Cache::new(AGENTS)))
    }
}

impl Shown {
    /// The agent as `caller` may see it, if nothing has changed since it was read.
    pub(super) fn get(&self, id: &AgentId, caller: &Principal, before: Before) -> Option<Rendered> {
        let kept = self.0.get(id)?;
        let unchanged = before.generation == Some(kept.generation);
        let fresh = before.at.saturating_duration_since(kept.read_at) < LIFE;
        (unchanged && fresh && kept.agent.is_seen_by(caller)).then_some(kept.answer)
    }

    /// Keeps what was read after `before`.
    pub(super) fn keep(&self, agent: AgentRow, before: Before, answer: &Rendered) {
        if let Some(generation) = before.generation {
            let kept = Kept {
                generation,
                read_at: before.at,
                agent: Arc::new(agent),
                answer: answer.clone(),
            };
            self.0.insert(kept.agent.id.clone(), kept);
        }
    }
}

impl Rendered {
    /// # Errors
    /// `SYSTEM_INTERNAL_ERROR` when it is no JSON.
    pub(super) fn new(view: &AgentView) -> Result<Self, Problem> {
        let text = serde_json::to_vec(view).map_err(Problem::internal)?;
        Ok(Self(text.into()))
    }
}

/// For where it is part of something else. Described as the view that it was rendered from.
impl Serialize for Rendered {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let view: Value = serde_json::from_slice(&self.0).map_err(S::Error::custom)?;
        view.serialize(to)
    }
}

impl PartialSchema for Rendered {
    fn schema() -> RefOr<Schema> {
        AgentView::schema()
    }
}

impl ToSchema for Rendered {
    fn name() -> Cow<'static, str> {
        AgentView::name()
    }

    fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
        AgentView::schemas(all);
    }
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        portreeve_guard::json::answer(self.0)
    }
}

#[cfg(test)]
mod overtaken;
#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::agents::{AgentStatus, ChainSync},
        portreeve_kernel::{OwnerId, ProjectId, Timestamp, entropy::Seeded},
    };

    pub(super) fn owner_of(agent: &AgentRow) -> Principal {
        Principal {
            owner: agent.owner.clone(),
            project: agent.project.clone(),
            ..Principal::stranger(Timestamp::EPOCH, &Seeded::new(1))
        }
    }

    pub(super) fn agent() -> AgentRow {
        let (at, chance) = (Timestamp::EPOCH, Seeded::new(1));
        AgentRow {
            id: AgentId::new(at, &chance),
            project: ProjectId::new(at, &chance),
            owner: OwnerId::new(at, &chance),
            nickname: "a".into(),
            tags: Vec::new(),
            status: AgentStatus::Active,
            stage: None,
            status_reason: None,
            status_changed_at: at,
            suspensions: 0,
            public_key: None,
            multisig: None,
            vault: None,
            policy_version: 1,
            last_spend_at: None,
            chain_sync: ChainSync::Synced,
            last_synced_at: None,
            key_destroyed: false,
            resume_proof: None,
            limits_until: None,
            created_at: at,
            updated_at: at,
        }
    }

    fn kept(generation: Option<u64>) -> (Shown, AgentRow) {
        let (shown, agent) = (Shown::default(), agent());
        let answer = Rendered(Bytes::from_static(b"{}"));
        shown.keep(agent.clone(), Before::reading(generation), &answer);
        (shown, agent)
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_is_shown_again_until_something_is_committed_or_a_second_has_passed() {
        let (shown, agent) = kept(Some(7));
        let owner = owner_of(&agent);
        let is_shown = |generation| shown.get(&agent.id, &owner, Before::reading(generation)).is_some();
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(is_shown(Some(7)));
        assert!(!is_shown(Some(8)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!is_shown(Some(7)));
    }

    #[tokio::test]
    async fn nothing_is_kept_where_other_nodes_write() {
        let (shown, agent) = kept(None);
        let owner = owner_of(&agent);
        assert!(shown.get(&agent.id, &owner, Before::reading(None)).is_none());
    }

    #[tokio::test]
    async fn what_is_kept_is_shown_to_nobody_else() {
        let (shown, agent) = kept(Some(7));
        let other = Principal {
            owner: OwnerId::new(Timestamp::EPOCH, &Seeded::new(9)),
            ..owner_of(&agent)
        };
        let another = Principal {
            agent: Some(AgentId::new(Timestamp::EPOCH, &Seeded::new(9))),
            ..owner_of(&agent)
        };
        for stranger in [other, another] {
            assert!(shown.get(&agent.id, &stranger, Before::reading(Some(7))).is_none());
        }
    }
}
