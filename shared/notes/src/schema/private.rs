//! What a vault keeps from those to whom a server shows it: types and fields, by the vault's own word. It is left out when a
//! file is read, so that nothing behind it (relations, counts, search, findings) can tell of it.

use {
    super::{Listed, PerType, Schema, read::LISTS},
    crate::{
        entity::EntityType,
        note::Note,
        value::{Fields, Text, Value},
    },
};

/// Fields that point into another vault. No vault has to list them.
const POINTERS: [&str; 2] = ["candidate_id", "has_exec_details"];

/// Without these a note is no entity.
const NEVER_PRIVATE: [&str; 2] = ["entity_id", "entity_type"];

/// The sections of a schema that say what is private.
const SECTIONS: [&str; 2] = ["private_fields", "cross_vault"];

/// What is shown of entities when the vault has a schema that cannot be read: nobody knows then what it keeps private.
const ORDINARY: [&str; 26] = [
    "entity_id",
    "entity_type",
    "entity_name",
    "created",
    "updated",
    "status",
    "parent_id",
    "project_id",
    "program_id",
    "program_type",
    "validates",
    "primary_hypothesis_id",
    "conditions_3y",
    "hypothesis_id",
    "project",
    "aliases",
    "tags",
    "assignee",
    "owner",
    "priority",
    "type",
    "start_date",
    "due",
    "deadline",
    "closed",
    "end_date",
];

/// See the top of this file.
#[derive(Debug, Clone)]
pub enum Private {
    /// What the schema lists.
    Listed(Names),
    /// The schema cannot be read: everything but what vaults ordinarily show, and of that what the last one listed.
    Unknown(Names),
}

/// What a schema lists as private.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Types whose entities are left out whole.
    pub types: Vec<EntityType>,
    /// Fields that are left out, of all types and of some.
    pub fields: PerType,
}

impl Names {
    fn hides_field(&self, kind: Option<&EntityType>, field: &str) -> bool {
        let theirs = kind.map_or(&[][..], |kind| self.fields.only(kind));
        let mut listed = self.fields.all.iter().chain(theirs);
        !NEVER_PRIVATE.contains(&field) && listed.any(|name| **name == *field)
    }
}

impl Private {
    /// What a schema says is private. However it is written: a text within those sections is a name that is left out.
    pub(super) fn read(source: &Fields) -> Self {
        let mut types = Vec::new();
        if let Some(listed) = source.map("cross_vault").and_then(|section| section.get("exec_only")) {
            each_text(listed, &mut |name| types.push(EntityType::new(name)));
        }
        let mut fields = PerType::default();
        match source.get("private_fields") {
            Some(Value::Map(section)) => {
                for (kind, listed) in section.iter() {
                    let mut names = Vec::new();
                    each_text(listed, &mut |name| names.push(name.clone()));
                    if &**kind == "all" {
                        fields.all = names;
                    } else {
                        fields.of.insert(EntityType::new(kind), names);
                    }
                }
            }
            Some(listed) => each_text(listed, &mut |name| fields.all.push(name.clone())),
            None => {}
        }
        fields.all.extend(POINTERS.map(Text::from));
        Self::Listed(Names { types, fields })
    }

    /// What is listed by the schema, or was by the last one that could be read.
    #[must_use]
    pub const fn listed(&self) -> &Names {
        let (Self::Listed(names) | Self::Unknown(names)) = self;
        names
    }

    /// Whether entities of a type are left out.
    #[must_use]
    pub fn hides_type(&self, kind: &EntityType) -> bool {
        let is_odd = matches!((self, kind), (Self::Unknown(_), EntityType::Other(_)));
        is_odd || self.listed().types.contains(kind)
    }

    /// Whether entities of any type are left out.
    pub(crate) const fn hides_types(&self) -> bool {
        match self {
            Self::Listed(names) => !names.types.is_empty(),
            Self::Unknown(_) => true,
        }
    }

    /// Whether a field is left out, of a type or, where none is given, of what is no entity.
    #[must_use]
    pub fn hides_field(&self, kind: Option<&EntityType>, field: &str) -> bool {
        let is_odd = matches!(self, Self::Unknown(_)) && !ORDINARY.contains(&field);
        is_odd || self.listed().hides_field(kind, field)
    }

    /// Whether a note is left out whole.
    #[must_use]
    pub fn hides(&self, note: &Note) -> bool {
        // Also where somebody wrote a list of types.
        let mut kinds = note.fields().texts("entity_type");
        kinds.any(|kind| self.hides_type(&EntityType::new(&kind)))
    }

    /// A value without what is private within it.
    pub(crate) fn without(&self, kind: Option<&EntityType>, value: &Value) -> Value {
        match value {
            Value::List(items) => Value::List(items.iter().map(|item| self.without(kind, item)).collect()),
            // Names within a value are not those of fields, but one that is private everywhere is so here too.
            Value::Map(fields) => {
                let names = self.listed();
                let shown = fields.iter().filter(|(name, _)| !names.hides_field(kind, name));
                Value::Map(Fields::new(
                    shown
                        .map(|(name, value)| (name.clone(), self.without(kind, value)))
                        .collect(),
                ))
            }
            other => other.clone(),
        }
    }

    /// Whether a name is one of a type or field that is left out.
    fn names(&self, name: &Text) -> bool {
        let Names { types, fields } = self.listed();
        // The section of `ShipLog` is called `ship_log`.
        types.iter().any(|kind| plain(kind.as_str()) == plain(name))
            || fields.all.contains(name)
            || fields.of.values().any(|names| names.contains(name))
    }
}

impl Schema {
    /// The schema as it is for those who may not see what is private. It does not even name it.
    #[must_use]
    pub(crate) fn keeping(mut self, private: Private) -> Self {
        let Names { types, fields } = private.listed();
        self.types.retain(|kind| !types.contains(kind));
        self.id_patterns.retain(|prefix, _| !private.names(prefix));
        self.parents.retain(|kind, _| !types.contains(kind));
        self.parents
            .values_mut()
            .for_each(|parents| parents.retain(|kind| !types.contains(kind)));
        self.conditional.retain(|rule| {
            let hides = |field: &Text| private.hides_field(Some(&rule.kind), field);
            !types.contains(&rule.kind) && !hides(&rule.field) && !rule.requires.iter().any(hides)
        });
        self.listed.retain_mut(|listed| {
            let is_for_all = listed.types.is_empty();
            let hides = |kind: &EntityType| types.contains(kind) || private.hides_field(Some(kind), listed.field);
            listed.types.retain(|kind| !hides(kind));
            // Words for all types are told of none where one of them keeps the field private.
            let is_private = private.names(&Text::from(listed.field));
            if is_for_all {
                !is_private
            } else {
                !listed.types.is_empty()
            }
        });
        for names in [
            &mut self.required,
            &mut self.known,
            &mut self.forbidden,
            &mut self.derived,
        ] {
            names.all.retain(|name| !fields.all.contains(name));
            names.of.retain(|kind, _| !types.contains(kind));
            for (kind, names) in &mut names.of {
                names.retain(|name| !private.hides_field(Some(kind), name));
            }
        }
        let shown = |(name, _): &(&Text, &Value)| !SECTIONS.contains(&&***name) && !private.names(name);
        let source = self.source.iter().filter(shown);
        self.source = Fields::new(
            source
                .map(|(name, value)| (name.clone(), unnamed(&private, value)))
                .map(|(name, value)| (name.clone(), self.unlisted(&name, value)))
                .collect(),
        );
        self.private = Some(private);
        self
    }

    /// A section without lists of words that are told of no type: their fields are private.
    fn unlisted(&self, section: &Text, value: Value) -> Value {
        let is_told = |field: &str, types: &[EntityType]| {
            let tells = |listed: &Listed| {
                listed.field == field && (types.is_empty() || listed.types.iter().any(|kind| types.contains(kind)))
            };
            self.listed.iter().any(tells)
        };
        let gone: Vec<&str> = LISTS
            .iter()
            .filter(|(types, field, block, _)| **section == **block && !is_told(field, types))
            .map(|(.., list)| *list)
            .collect();
        match value {
            Value::Map(_) if gone.contains(&"") => Value::Null,
            Value::Map(fields) => {
                let kept = fields.iter().filter(|(name, _)| !gone.contains(&&***name));
                Value::Map(Fields::new(
                    kept.map(|(name, value)| (name.clone(), value.clone())).collect(),
                ))
            }
            _ if gone.contains(&"") => Value::Null,
            other => other,
        }
    }
}

fn plain(name: &str) -> String {
    name.replace(['_', '-'], "").to_lowercase()
}

/// A part of a schema, without keys and words that name what is private.
fn unnamed(private: &Private, value: &Value) -> Value {
    let shown = |value: &&Value| !matches!(value, Value::Text(text) if private.names(text));
    match value {
        Value::List(items) => Value::List(items.iter().filter(shown).map(|item| unnamed(private, item)).collect()),
        Value::Map(fields) => {
            let fields = fields
                .iter()
                .filter(|(name, value)| !private.names(name) && shown(value));
            Value::Map(Fields::new(
                fields
                    .map(|(name, value)| (name.clone(), unnamed(private, value)))
                    .collect(),
            ))
        }
        other => other.clone(),
    }
}

fn each_text(value: &Value, take: &mut dyn FnMut(&Text)) {
    match value {
        Value::List(items) => items.iter().for_each(|item| each_text(item, take)),
        Value::Map(fields) => fields.iter().for_each(|(name, value)| {
            take(name);
            each_text(value, take);
        }),
        Value::Text(text) => take(text),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
entity_types: [Task, Project, ShipLog]
ship_log: {status: [lost]}
required_fields: {all: [entity_id, shadow], Task: [assignee, purse], ShipLog: [depth]}
id_patterns: {tsk: 'x', ShipLog: 'y'}
validation_rules:
  parent_references: {Task: [Project, ShipLog], ShipLog: Project}
  conditional_required: {Task: [{if: {status: [done]}, then: [purse]}, {if: {status: [done]}, then: [closed]}]}
task: {status: [todo], types: [hushed]}
priority: {values: [whispered]}
private_fields: {all: [shadow], Task: [purse, type], Program: [priority]}
cross_vault: {exec_only: [ShipLog], shared: [Task]}
";

    fn schema(text: &str) -> Schema {
        Schema::read_private(text.as_bytes()).unwrap().0
    }

    #[test]
    fn what_is_private_is_left_out_of_the_schema_itself() {
        let schema = schema(TEXT);
        let private = schema.private.as_ref().unwrap();
        assert!(private.hides_type(&EntityType::Other("ShipLog".into())));
        assert!(private.hides_field(Some(&EntityType::Task), "purse"));
        assert!(!private.hides_field(Some(&EntityType::Project), "purse"));
        assert!(private.hides_field(None, "shadow") && private.hides_field(None, "candidate_id"));
        assert_eq!(
            (schema.types.len(), schema.parents.len(), schema.conditional.len()),
            (2, 1, 1)
        );
        let told = format!("{schema:?}").replace(&format!("{private:?}"), "");
        for word in [
            "ShipLog",
            "ship_log",
            "lost",
            "shadow",
            "purse",
            "depth",
            "hushed",
            "whispered",
            "private_fields",
            "exec_only",
        ] {
            assert!(!told.contains(word), "{word}: {told}");
        }
    }

    #[test]
    fn however_it_is_written_what_is_named_is_private() {
        for text in [
            "private_fields: [purse]\n",
            "private_fields: purse\n",
            "private_fields: {all: {purse: yes}}\n",
            "private_fields: {Task: {values: [purse]}}\n",
        ] {
            let schema = schema(text);
            assert!(
                schema.private.unwrap().hides_field(Some(&EntityType::Task), "purse"),
                "{text}"
            );
        }
        let schema = schema("cross_vault: {exec_only: {ShipLog: {folder: x}}}\nprivate_fields: [entity_id]\n");
        let private = schema.private.unwrap();
        assert!(private.hides_type(&EntityType::Other("ShipLog".into())));
        assert!(!private.hides_field(None, "entity_id"));
    }

    #[test]
    fn a_schema_that_cannot_be_read_leaves_what_is_ordinary() {
        let unknown = Private::Unknown(Names::default());
        assert!(unknown.hides_type(&EntityType::Other("Robot".into())));
        assert!(!unknown.hides_type(&EntityType::Task));
        assert!(unknown.hides_field(Some(&EntityType::Task), "purse"));
        assert!(!unknown.hides_field(Some(&EntityType::Task), "status"));
    }
}
