//! An entity: a note whose front matter says what it is and what it is called. Its type and id are typed, what the vault's
//! rules know has a reader here, and every other field is kept as it stands.

use {
    crate::{
        relations::{Stored, stored},
        schema::Schema,
        value::{Fields, Text, Value, nfc},
    },
    jiff::civil::Date,
    serde::{Serialize, Serializer},
    std::fmt,
};

/// Longer than any pattern allows; an id goes into addresses.
const LONGEST_ID: usize = 200;

/// What an entity is called, in NFC: `prj-a1b2c3`. Compared and sorted by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(Text);

impl EntityId {
    /// Takes an id. Ids outside of the vault's patterns are ids too.
    #[must_use]
    pub fn new(text: &Text) -> Option<Self> {
        let text = nfc(text);
        let sound = !text.trim().is_empty() && text.len() <= LONGEST_ID && !text.chars().any(char::is_control);
        sound.then_some(Self(text))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the id begins with, up to the first dash or colon: `prj`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split(['-', ':']).next().unwrap_or_default()
    }
}

impl std::borrow::Borrow<str> for EntityId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What kind of thing an entity is.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EntityType {
            $($(#[doc = $doc])+ $name,)+
            /// A type that only the vault itself knows.
            Other(Text),
        }

        impl EntityType {
            /// The types that have rules here.
            pub const KNOWN: &[Self] = &[$(Self::$name,)+];

            /// The type of this name; one that has no rules here is a type too.
            #[must_use]
            pub fn new(name: &Text) -> Self {
                match &**name { $(stringify!($name) => Self::$name,)+ _ => Self::Other(name.clone()) }
            }

            /// Its name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$name => stringify!($name),)+ Self::Other(name) => name }
            }
        }
    };
}

kinds! {
    /// Where it all leads.
    NorthStar,
    /// A belief that everything rests on.
    MetaHypothesis,
    /// What must hold in three years.
    Condition,
    /// A year's direction.
    Track,
    /// A container of projects that never ends.
    Program,
    /// The unit that is judged.
    Project,
    /// A piece of work.
    Task,
    /// A question with criteria.
    Hypothesis,
    /// A trial of a hypothesis.
    Experiment,
    /// What a project showed.
    Evidence,
    /// A line of products.
    ProductLine,
    /// A stage of partnerships.
    PartnershipStage,
}

/// A day as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Day {
    /// A day of the calendar.
    On(Date),
    /// Something else, kept as text.
    Text(Text),
}

impl Day {
    /// Reads `2026-01-15`, also with a time behind it.
    #[must_use]
    pub fn read(text: &Text) -> Self {
        let day = text.get(..10).filter(|_| {
            text.get(10..)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['T', ' ']))
        });
        match day.and_then(|day| day.parse().ok()) {
            Some(date) => Self::On(date),
            None => Self::Text(text.clone()),
        }
    }

    /// The day, when it is one.
    #[must_use]
    pub const fn date(&self) -> Option<Date> {
        match self {
            Self::On(date) => Some(*date),
            Self::Text(_) => None,
        }
    }
}

/// A note's front matter that names an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// What it is called.
    pub id: EntityId,
    /// What it is.
    pub kind: EntityType,
    /// All fields, also those nobody here knows. Without those whose names begin with an underscore.
    pub fields: Fields,
    /// What it says of others.
    pub relations: Box<[Stored]>,
    /// The line of each field in the file.
    lines: Box<[u16]>,
}

impl Entity {
    pub(crate) fn new(id: EntityId, kind: EntityType, fields: Fields, lines: Box<[u16]>, schema: &Schema) -> Self {
        Self {
            relations: stored(&kind, &fields, schema),
            id,
            kind,
            fields,
            lines,
        }
    }

    /// Whether another reading of the file says the same of itself and of others, on the same lines. Nothing that is derived
    /// from all of the vault then changes.
    pub(crate) fn stands_like(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kind == other.kind
            && self.lines == other.lines
            && self.relations == other.relations
            && self.name() == other.name()
            && self.aliases().eq(other.aliases())
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> Option<Text> {
        self.fields.text("entity_name")
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.fields.get("status").and_then(Value::as_str)
    }

    /// Who it is with: one or several, as ids or aliases of members.
    pub fn assignees(&self) -> impl Iterator<Item = Text> + '_ {
        self.fields.texts("assignee")
    }

    /// Other names that it answers to.
    pub fn aliases(&self) -> impl Iterator<Item = Text> + '_ {
        self.fields.texts("aliases")
    }

    /// Its tags.
    pub fn tags(&self) -> impl Iterator<Item = Text> + '_ {
        self.fields.texts("tags")
    }

    /// A field that should hold a day; none when it is empty.
    #[must_use]
    pub fn day(&self, field: &str) -> Option<Day> {
        match self.fields.get(field)? {
            Value::Text(text) if !text.trim().is_empty() => Some(Day::read(text)),
            _ => None,
        }
    }

    pub(crate) fn lines(&self) -> &[u16] {
        &self.lines
    }

    /// The line on which a field stands in the file.
    #[must_use]
    pub fn line(&self, field: &str) -> Option<usize> {
        let place = self.fields.iter().position(|(name, _)| **name == *field)?;
        self.lines.get(place).map(|line| usize::from(*line))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, out)
    }
}

impl Serialize for EntityId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl Serialize for EntityType {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_compared_in_one_spelling_and_has_a_prefix() {
        let (one, other) = (
            EntityId::new(&"pgm-가".into()),
            EntityId::new(&"pgm-\u{1100}\u{1161}".into()),
        );
        assert_eq!(one, other);
        assert_eq!(one.unwrap().prefix(), "pgm");
        assert_eq!(EntityId::new(&"ev:2026-0001".into()).unwrap().prefix(), "ev");
    }

    #[test]
    fn what_cannot_stand_in_an_address_is_no_id() {
        for bad in [
            String::new(),
            "  ".to_owned(),
            "a\nb".to_owned(),
            "a\0".to_owned(),
            "x".repeat(201),
        ] {
            assert_eq!(EntityId::new(&bad.as_str().into()), None, "{bad:?}");
        }
        assert!(EntityId::new(&"x".repeat(200).into()).is_some());
    }

    #[test]
    fn a_day_is_a_day_of_the_calendar_or_stays_text() {
        let day = |text: &str| Day::read(&text.into()).date();
        assert_eq!(day("2026-02-28"), Some(jiff::civil::date(2026, 2, 28)));
        assert_eq!(day("2026-01-15T09:30:00Z"), Some(jiff::civil::date(2026, 1, 15)));
        for text in [
            "2026-02-29",
            "2026-13-45",
            "2026-1-5",
            "tomorrow",
            "2026-01-15th",
            "가나다라마바사",
            "",
        ] {
            assert_eq!(Day::read(&text.into()), Day::Text(text.into()));
        }
    }

    #[test]
    fn every_known_type_is_found_by_its_name() {
        for kind in EntityType::KNOWN {
            assert_eq!(EntityType::new(&kind.as_str().into()), *kind);
        }
        assert_eq!(
            EntityType::new(&"StatusStub".into()),
            EntityType::Other("StatusStub".into())
        );
    }
}
