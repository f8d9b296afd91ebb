//! An entity among those that it has to do with.

use {
    crate::{
        moment::{Moment, PARENT, Served},
        shown::LineView,
    },
    portreeve_guard::Problem,
    portreeve_notes::Relation,
    serde::Serialize,
    std::collections::BTreeSet,
    utoipa::ToSchema,
};

const MOST_PARENTS: usize = 10;
const MOST_CHILDREN: usize = 20;
const MOST_RELATED: usize = 10;

/// An entity and its neighbours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultGraph)]
pub struct GraphView {
    /// The one that was asked for.
    pub entity: LineView,
    /// Its parent, the parent of that, and so on; at most 10.
    pub parents: Vec<LineView>,
    /// Those whose parent it is; at most 20, by path.
    pub children: Vec<LineView>,
    /// How many children there are.
    pub children_total: usize,
    /// Whom it otherwise has to do with; at most 10.
    pub related: Vec<EdgeView>,
    /// How many of these there are.
    pub related_total: usize,
}

/// Somebody who says something of the entity, or of whom it says something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultEdge)]
pub struct EdgeView {
    /// What is said.
    #[schema(example = "validates")]
    pub relation: String,
    /// `outgoing` when the entity says it, `incoming` when the other does.
    pub direction: Direction,
    /// The other.
    pub entity: LineView,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VaultDirection)]
pub enum Direction {
    /// The entity that was asked for.
    Outgoing,
    /// The other one.
    Incoming,
}

/// The entity of that id and its neighbours.
///
/// # Errors
/// `VAULT_NOT_FOUND`
pub fn graph(moment: &Moment, id: &str) -> Result<GraphView, Problem> {
    let found = moment.entity(id)?;
    let snapshot = moment.snapshot();
    let children = || moment.who(&PARENT, found.id());
    let outgoing = snapshot
        .outgoing(found.entity)
        .map(|(relation, note)| (Direction::Outgoing, relation, note));
    let incoming = snapshot
        .incoming(found.id())
        .map(|(relation, note)| (Direction::Incoming, relation, note));
    let mut seen = BTreeSet::new();
    let mut related = Vec::new();
    for (direction, relation, note) in outgoing.chain(incoming) {
        let Some(other) = Served::of(note).filter(|_| *relation != Relation::Parent) else {
            continue;
        };
        // Who says the same twice has said it.
        if seen.insert((direction, relation.as_str(), other.id())) && related.len() < MOST_RELATED {
            related.push(EdgeView {
                relation: relation.as_str().to_owned(),
                direction,
                entity: other.into(),
            });
        }
    }
    Ok(GraphView {
        entity: found.into(),
        parents: parents(moment, found).into_iter().map(LineView::from).collect(),
        children: children().take(MOST_CHILDREN).map(LineView::from).collect(),
        children_total: children().count(),
        related,
        related_total: seen.len(),
    })
}

/// Its parent, the parent of that, and so on. Who is its own ancestor is met once.
pub(super) fn parents<'a>(moment: &'a Moment, found: Served<'a>) -> Vec<Served<'a>> {
    let mut chain: Vec<Served<'a>> = Vec::new();
    let mut at = found;
    while chain.len() < MOST_PARENTS {
        let said = moment
            .snapshot()
            .outgoing(at.entity)
            .find(|(relation, _)| **relation == Relation::Parent);
        let Some(parent) = said.and_then(|(_, note)| Served::of(note)) else {
            break;
        };
        if parent.id() == found.id() || chain.iter().any(|known| known.id() == parent.id()) {
            break;
        }
        chain.push(parent);
        at = parent;
    }
    chain
}
