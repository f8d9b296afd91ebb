//! How an entity stands to others, in numbers and a few names.

use {
    crate::moment::Moment,
    portreeve_notes::{EntityId, Note},
    serde::Serialize,
    std::collections::BTreeMap,
    utoipa::ToSchema,
};

/// Entities of one relation that are named; the rest is counted.
const MOST_RELATED: usize = 20;

/// How an entity stands to others. Derived from all of the vault.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultRelations)]
pub struct RelationsView {
    /// What it says of others that exist.
    pub outgoing: Vec<RelatedView>,
    /// What others say of it: those whose `relation` is `parent` are its children.
    pub incoming: Vec<RelatedView>,
    /// How many notes link to it in their texts.
    pub backlinks: usize,
}

/// Everybody in one relation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultRelated)]
pub struct RelatedView {
    /// What is said: `parent`, `project`, `validates`, or what the vault calls it.
    #[schema(example = "parent")]
    pub relation: String,
    /// How many there are.
    pub total: usize,
    /// The first of them.
    #[schema(value_type = Vec<String>)]
    pub entity_ids: Vec<EntityId>,
}

impl RelationsView {
    pub(super) fn of(moment: &Moment, note: &Note) -> Self {
        let snapshot = moment.snapshot();
        let (mut outgoing, mut incoming) = (Groups::default(), Groups::default());
        if let Some(entity) = note.entity() {
            let said = snapshot.outgoing(entity);
            said.filter_map(|(relation, of)| Some((relation, of.entity()?)))
                .for_each(|(relation, of)| outgoing.put(relation.as_str(), &of.id));
            let said = snapshot.incoming(entity.id.as_str());
            said.filter_map(|(relation, by)| Some((relation, by.entity()?)))
                .for_each(|(relation, by)| incoming.put(relation.as_str(), &by.id));
        }
        Self {
            outgoing: outgoing.finish(),
            incoming: incoming.finish(),
            backlinks: snapshot.backlinks(note.path()).count(),
        }
    }
}

/// Entities by relation.
#[derive(Default)]
struct Groups<'a>(BTreeMap<&'a str, (usize, Vec<EntityId>)>);

impl<'a> Groups<'a> {
    fn put(&mut self, relation: &'a str, id: &EntityId) {
        let (total, ids) = self.0.entry(relation).or_default();
        *total = total.saturating_add(1);
        if ids.len() < MOST_RELATED {
            ids.push(id.clone());
        }
    }

    fn finish(self) -> Vec<RelatedView> {
        let groups = self.0.into_iter();
        groups
            .map(|(relation, (total, entity_ids))| RelatedView {
                relation: relation.to_owned(),
                total,
                entity_ids,
            })
            .collect()
    }
}
