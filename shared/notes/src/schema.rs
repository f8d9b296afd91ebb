//! What a vault says of itself in `00_Meta/schema_constants.yaml`: where its entities lie, how they are called, what each has to
//! have. The vault decides; what it does not say, is not judged, but for the few rules that follow from what the types are.

mod private;
mod read;
mod remembered;

use {
    crate::{
        entity::{EntityId, EntityType},
        note::{Area, Note},
        path::NotePath,
        revision::Revision,
        value::{Fields, Text},
    },
    regex::Regex,
    std::collections::BTreeMap,
};

pub use private::{Names, Private};
pub(crate) use remembered::Remembered;

/// Where a vault keeps its schema.
pub const SCHEMA: &str = "00_Meta/schema_constants.yaml";

/// A vault's rules.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Its number, as the vault writes it.
    pub version: Option<Text>,
    /// The bytes that it was read from; none when there is no such file.
    pub revision: Option<Revision>,
    /// All of it, as it was written.
    pub source: Fields,
    /// Folders of entities; all folders where none is named.
    pub include: Vec<Text>,
    /// Folders that are not read.
    pub exclude: Vec<Text>,
    /// Names of files that are no entities wherever they lie.
    pub exclude_files: Vec<Text>,
    /// The types there are; any where none is named.
    pub types: Vec<EntityType>,
    /// What ids look like, by their prefix.
    pub id_patterns: BTreeMap<Text, Regex>,
    /// What every entity has to have.
    pub required: PerType,
    /// The fields there are.
    pub known: PerType,
    /// Fields that a type must not have.
    pub forbidden: PerType,
    /// Fields that are derived and never stored.
    pub derived: PerType,
    /// Of what type a parent is.
    pub parents: BTreeMap<EntityType, Vec<EntityType>>,
    /// The words that a field may hold.
    pub listed: Vec<Listed>,
    /// Old words, and what they mean today.
    pub old_words: BTreeMap<Text, Text>,
    /// What has to be there when something else is.
    pub conditional: Vec<Conditional>,
    /// What is left out; none for a reader who may see all.
    pub private: Option<Private>,
}

/// Names of fields, for all types and for some.
#[derive(Debug, Clone, Default)]
pub struct PerType {
    /// For all.
    pub all: Vec<Text>,
    /// For one.
    pub of: BTreeMap<EntityType, Vec<Text>>,
}

/// The words of one field.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Of these types; of all where none is named.
    pub types: Vec<EntityType>,
    /// The field.
    pub field: &'static str,
    /// The words.
    pub words: Vec<Text>,
}

/// A field that has to be there when another holds one of these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditional {
    /// Of this type.
    pub kind: EntityType,
    /// The field that is looked at.
    pub field: Text,
    /// The words that ask for more.
    pub words: Vec<Text>,
    /// What they ask for.
    pub requires: Vec<Text>,
}

impl PerType {
    /// Those for all, then those of one type.
    pub fn of(&self, kind: &EntityType) -> impl Iterator<Item = &Text> {
        self.all.iter().chain(self.only(kind))
    }

    /// Those of one type alone.
    #[must_use]
    pub fn only(&self, kind: &EntityType) -> &[Text] {
        self.of.get(kind).map_or(&[], Vec::as_slice)
    }
}

impl Schema {
    /// Whether a file is read, and as what.
    #[must_use]
    pub fn area(&self, path: &NotePath) -> Option<Area> {
        if self.is_excluded(path) {
            return None;
        }
        let named = self.exclude_files.iter().any(|name| **name == *path.name());
        let included = self.include.is_empty() || self.include.iter().any(|folder| path.is_within(folder));
        Some(if included && !named {
            Area::Entities
        } else {
            Area::Prose
        })
    }

    /// Whether a file or folder lies where nothing is read.
    #[must_use]
    pub fn is_excluded(&self, path: &NotePath) -> bool {
        self.exclude.iter().any(|folder| path.is_within(folder))
    }

    /// Whether an id looks like those of its kind. None where the schema has no pattern for it.
    #[must_use]
    pub fn id_fits(&self, id: &EntityId) -> Option<bool> {
        self.id_patterns
            .get(id.prefix())
            .map(|pattern| pattern.is_match(id.as_str()))
    }

    /// Whether a note is private, and left out.
    #[must_use]
    pub fn hides(&self, note: &Note) -> bool {
        self.private.as_ref().is_some_and(|private| private.hides(note))
    }

    /// Whether a type may hold this field. What it must not hold, or what is derived, is not believed when it does.
    #[must_use]
    pub fn believes(&self, kind: &EntityType, field: &str) -> bool {
        let named = |per_type: &PerType| per_type.of(kind).any(|name| **name == *field);
        !named(&self.forbidden) && !named(&self.derived)
    }
}

impl Default for Schema {
    /// For a vault that has no schema.
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| Text::from(*text)).collect();
        Self {
            version: None,
            revision: None,
            source: Fields::default(),
            include: Vec::new(),
            exclude: texts(&["00_Meta/_TEMPLATES", "90_Archive", "_build"]),
            exclude_files: texts(&[
                "_INDEX.md",
                "_ENTRY_POINT.md",
                "CLAUDE.md",
                "README.md",
                "_HOME.md",
                "_Graph_Index.md",
            ]),
            types: Vec::new(),
            id_patterns: BTreeMap::new(),
            required: PerType::default(),
            known: PerType::default(),
            forbidden: PerType {
                of: BTreeMap::from([(EntityType::Task, texts(&["validates"]))]),
                ..PerType::default()
            },
            derived: PerType {
                of: BTreeMap::from([
                    (EntityType::Hypothesis, texts(&["validated_by"])),
                    (EntityType::Track, texts(&["realized_sum"])),
                    (EntityType::Condition, texts(&["realized_sum"])),
                ]),
                ..PerType::default()
            },
            parents: BTreeMap::new(),
            listed: Vec::new(),
            old_words: BTreeMap::new(),
            conditional: Conditional::usual(),
            private: None,
        }
    }
}

impl Conditional {
    /// What follows from what the types are, unless the schema has rules of its own.
    fn usual() -> Vec<Self> {
        let rule = |kind, field: &str, words: &[&str], requires: &str| Self {
            kind,
            field: field.into(),
            words: words.iter().map(|word| Text::from(*word)).collect(),
            requires: vec![requires.into()],
        };
        vec![
            rule(EntityType::Task, "status", &["done"], "closed"),
            rule(EntityType::Task, "type", &["dev", "bug"], "target_project"),
            rule(EntityType::Project, "status", &["done", "cancelled"], "realized_impact"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> NotePath {
        NotePath::parse(text).unwrap()
    }

    #[test]
    fn what_a_file_is_follows_from_its_folder_and_its_name() {
        let schema = Schema {
            include: vec!["50_Projects".into(), "20_Strategy".into()],
            ..Schema::default()
        };
        for (text, area) in [
            ("50_Projects/a/project.md", Some(Area::Entities)),
            ("50_Projects/a/README.md", Some(Area::Prose)),
            ("50_Projects2/a.md", Some(Area::Prose)),
            ("10_Study/a.md", Some(Area::Prose)),
            ("90_Archive/old.md", None),
            ("00_Meta/_TEMPLATES/task.md", None),
            ("00_Meta/contract.md", Some(Area::Prose)),
        ] {
            assert_eq!(schema.area(&path(text)), area, "{text}");
        }
    }

    #[test]
    fn without_a_schema_entities_may_lie_anywhere() {
        assert_eq!(Schema::default().area(&path("a.md")), Some(Area::Entities));
    }

    #[test]
    fn what_a_type_must_not_hold_is_not_believed() {
        let schema = Schema::default();
        assert!(!schema.believes(&EntityType::Task, "validates"));
        assert!(schema.believes(&EntityType::Project, "validates"));
        assert!(!schema.believes(&EntityType::Hypothesis, "validated_by"));
    }
}
