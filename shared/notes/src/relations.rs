//! What entities have to do with one another. A relation is stored once, by the one who says it; the other direction is derived
//! from all of them and never read from a file.

use {
    crate::{
        entity::{EntityId, EntityType},
        schema::Schema,
        value::{Fields, Text, Value},
    },
    serde::{Serialize, Serializer},
};

/// What somebody says of somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// It lies beneath it.
    Parent,
    /// It is work of this project.
    Project,
    /// It belongs to this program.
    Program,
    /// It is to show whether this is so.
    Validates,
    /// Of what it validates, the one that it is mainly for.
    PrimaryHypothesis,
    /// It serves this condition.
    Condition,
    /// It is what this project showed.
    EvidenceOf,
    /// It showed that this is so.
    Validated,
    /// It showed that this is not so.
    Falsified,
    /// It tries this hypothesis out.
    Tests,
    /// What `outgoing_relations` calls it: `enables`, `depends_on`.
    Named(Text),
}

/// A relation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What is said.
    pub relation: Relation,
    /// Of whom.
    pub target: EntityId,
}

const OUTGOING: &str = "outgoing_relations";

/// Which fields store relations, and of whom: of all types where none is named.
const FIELDS: [(&str, Relation, Option<EntityType>); 10] = [
    ("parent_id", Relation::Parent, None),
    ("project_id", Relation::Project, None),
    ("program_id", Relation::Program, None),
    ("validates", Relation::Validates, None),
    ("primary_hypothesis_id", Relation::PrimaryHypothesis, None),
    ("conditions_3y", Relation::Condition, None),
    ("project", Relation::EvidenceOf, Some(EntityType::Evidence)),
    ("validated_hypotheses", Relation::Validated, Some(EntityType::Evidence)),
    ("falsified_hypotheses", Relation::Falsified, Some(EntityType::Evidence)),
    ("hypothesis_id", Relation::Tests, Some(EntityType::Experiment)),
];

impl Relation {
    /// Its name, as fields and the vault have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Parent => "parent",
            Self::Project => "project",
            Self::Program => "program",
            Self::Validates => "validates",
            Self::PrimaryHypothesis => "primary_hypothesis",
            Self::Condition => "condition",
            Self::EvidenceOf => "evidence_of",
            Self::Validated => "validated",
            Self::Falsified => "falsified",
            Self::Tests => "tests",
            Self::Named(name) => name,
        }
    }
}

impl Stored {
    /// In which field it is stored.
    #[must_use]
    pub fn field(&self) -> &'static str {
        let field = FIELDS.iter().find(|(_, relation, _)| *relation == self.relation);
        field.map_or(OUTGOING, |(field, ..)| field)
    }
}

impl Serialize for Relation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// Everything that an entity says of others, in the order of the fields above. What its type must not say is not heard.
pub(crate) fn stored(of: &EntityType, fields: &Fields, schema: &Schema) -> Box<[Stored]> {
    let mut found = Vec::new();
    for (field, relation, kind) in &FIELDS {
        let theirs = kind.as_ref().is_none_or(|kind| kind == of);
        if theirs && schema.believes(of, field) {
            let targets = fields.texts(field).filter_map(|text| EntityId::new(&text));
            found.extend(targets.map(|target| Stored {
                relation: relation.clone(),
                target,
            }));
        }
    }
    let outgoing = fields.get(OUTGOING).map_or(&[][..], Value::items);
    found.extend(outgoing.iter().filter_map(named));
    found.into_boxed_slice()
}

/// `{type: supports, target_id: trk-2}`. An `action:` is nobody.
fn named(item: &Value) -> Option<Stored> {
    let Value::Map(item) = item else { return None };
    let target = item.text("target_id").filter(|target| !target.starts_with("action:"))?;
    Some(Stored {
        relation: Relation::Named(item.text("type")?),
        target: EntityId::new(&target)?,
    })
}
