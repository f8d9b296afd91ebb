//! One file, read: what it is, what it says, and what is wrong with it.

use crate::{
    entity::{Day, Entity, EntityId, EntityType},
    finding::{Finding, FindingCode},
    jail::{Place, Stamp},
    links::{Link, links},
    matter::{Body, Budget, Fault, Parsed, Split, parse, split},
    path::NotePath,
    revision::{Revision, Seal},
    schema::Schema,
    value::{Fields, Value, Words},
};

/// Fields that hold a day.
pub(crate) const DAYS: [&str; 7] = [
    "created",
    "updated",
    "start_date",
    "due",
    "deadline",
    "closed",
    "end_date",
];

/// What a note may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole file.
    pub bytes: usize,
    /// What its front matter may cost.
    pub matter: Budget,
    /// Whether what the schema says is private is left out: for a server that shows the vault to others.
    pub keeps_private: bool,
    /// What revisions are made with.
    pub seal: Seal,
}

impl Default for Limits {
    /// Notes in real vaults have at most some hundred kilobytes.
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            matter: Budget::default(),
            keeps_private: false,
            seal: Seal::default(),
        }
    }
}

impl Limits {
    /// The usual ones, for a server that shows the vault to others.
    #[must_use]
    pub fn keeping_private() -> Self {
        Self {
            keeps_private: true,
            ..Self::default()
        }
    }
}

/// What a folder is for, by the vault's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Entities lie here: a file that is none is told.
    Entities,
    /// Texts, which are read and searched and not judged.
    Prose,
}

/// By what a file is read.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// What its folder is for.
    pub area: Area,
    /// What the vault says of its types.
    pub schema: &'a Schema,
    /// What its front matter may cost.
    pub budget: Budget,
    /// What its revision is made with.
    pub seal: Seal,
}

/// A file that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where it is.
    pub place: Place,
    /// By what a change is recognised.
    pub stamp: Stamp,
    /// Which bytes it had.
    pub revision: Revision,
    /// The first byte of its text in the file.
    pub body_start: usize,
    /// What its front matter makes of it.
    pub content: Content,
    /// Where its text leads.
    pub links: Box<[Link]>,
    /// What is wrong with it, as far as it can be told from the file alone.
    pub findings: Box<[Finding]>,
}

/// What a note is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Something with an id.
    Entity(Box<Entity>),
    /// A text, with what front matter it has.
    Prose(Fields),
}

impl Note {
    /// Its path.
    #[must_use]
    pub const fn path(&self) -> &NotePath {
        &self.place.path
    }

    /// The entity that it is.
    #[must_use]
    pub const fn entity(&self) -> Option<&Entity> {
        match &self.content {
            Content::Entity(entity) => Some(entity),
            Content::Prose(_) => None,
        }
    }

    /// Its front matter.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        match &self.content {
            Content::Entity(entity) => &entity.fields,
            Content::Prose(fields) => fields,
        }
    }

    /// Whether another reading of the file leaves everything as it was that is derived from all of the vault.
    pub(crate) fn stands_like(&self, other: &Self) -> bool {
        let same = match (&self.content, &other.content) {
            (Content::Entity(one), Content::Entity(other)) => one.stands_like(other),
            (Content::Prose(_), Content::Prose(_)) => true,
            _ => false,
        };
        same && self.place == other.place && self.links == other.links
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// The one finding because of which the file is not served at all: it is no text, or its front matter is refused.
    pub fn read(
        place: Place,
        stamp: Stamp,
        bytes: &[u8],
        rules: Rules<'_>,
        words: &mut Words,
    ) -> Result<Self, Finding> {
        let mut told = Told {
            path: &place.path,
            judged: rules.area == Area::Entities,
            findings: Vec::new(),
        };
        let (content, body) = match split(bytes) {
            Split::Undecodable => return Err(told.fatal(None, FindingCode::Undecodable, "the file is not UTF-8")),
            Split::Plain(body) => {
                told.judge(None, FindingCode::NoFrontMatter, "the file has no front matter");
                let opens = rules.schema.private.is_some() && body.text.trim_start().starts_with("---");
                (
                    Content::Prose(Fields::default()),
                    if opens { nothing(bytes) } else { body },
                )
            }
            Split::Unclosed => {
                told.judge(Some(1), FindingCode::Malformed, "the front matter is never closed");
                (Content::Prose(Fields::default()), unread(bytes, None, rules))
            }
            Split::Fenced(fenced) => match parse(fenced.matter, rules.budget, words) {
                Ok(parsed) => (content(&parsed, rules, &mut told), fenced.body),
                Err(fault) => (told.fault(&fault)?, unread(bytes, Some(fenced.body), rules)),
            },
        };
        let links = links(body.text, words);
        let findings = told.findings.into_boxed_slice();
        Ok(Self {
            stamp,
            revision: rules.seal.revision(bytes),
            body_start: body.start,
            content,
            links,
            findings,
            place,
        })
    }
}

/// What cannot be read as a mapping is served as the text that it is, fences and all; but not where something in it may be
/// private, which nobody can tell.
fn unread<'a>(bytes: &'a [u8], behind: Option<Body<'a>>, rules: Rules<'_>) -> Body<'a> {
    if let Some(private) = &rules.schema.private {
        // It may be of a type that is left out whole.
        let behind = behind.filter(|_| !private.hides_types());
        return behind.unwrap_or_else(|| nothing(bytes));
    }
    Body {
        text: std::str::from_utf8(bytes).unwrap_or_default(),
        start: 0,
    }
}

/// Where a file ends.
const fn nothing(bytes: &[u8]) -> Body<'_> {
    Body {
        text: "",
        start: bytes.len(),
    }
}

/// What is told about one file.
struct Told<'a> {
    path: &'a NotePath,
    /// Prose is not judged.
    judged: bool,
    findings: Vec<Finding>,
}

impl Told<'_> {
    fn judge(&mut self, line: Option<usize>, code: FindingCode, message: impl Into<String>) {
        if self.judged {
            self.findings.push(Finding::new(self.path, line, code, message));
        }
    }

    fn fatal(&self, line: Option<usize>, code: FindingCode, message: impl Into<String>) -> Finding {
        Finding::new(self.path, line, code, message)
    }

    /// Front matter that is no mapping makes a text of the file; what is refused is not served at all.
    fn fault(&mut self, fault: &Fault) -> Result<Content, Finding> {
        match fault {
            Fault::Malformed { line, why } => {
                self.judge(
                    Some(in_file(*line)),
                    FindingCode::Malformed,
                    format!("the front matter is no YAML: {why}"),
                );
            }
            Fault::NotAMapping => self.judge(Some(1), FindingCode::NotAMapping, fault.to_string()),
            Fault::Unwelcome { line, what } => {
                return Err(self.fatal(
                    Some(in_file(*line)),
                    FindingCode::Refused,
                    format!("{what} are not read"),
                ));
            }
            Fault::OverBudget { line, what } => {
                return Err(self.fatal(
                    Some(in_file(*line)),
                    FindingCode::Refused,
                    format!("more {what} than are read"),
                ));
            }
        }
        Ok(Content::Prose(Fields::default()))
    }
}

/// The line in the file of a line between the fences.
const fn in_file(line: usize) -> usize {
    line.saturating_add(1)
}

fn content(parsed: &Parsed, rules: Rules<'_>, told: &mut Told<'_>) -> Content {
    let private = rules.schema.private.as_ref();
    let kind = parsed.fields.text("entity_type").map(|kind| EntityType::new(&kind));
    let hides = |field: &str| private.is_some_and(|private| private.hides_field(kind.as_ref(), field));
    for (line, key) in parsed.twice.iter().filter(|(_, key)| !hides(key)) {
        told.judge(
            Some(in_file(*line)),
            FindingCode::DuplicateKey,
            format!("`{key}` stands twice; the last one is taken"),
        );
    }
    let mut fields = Vec::new();
    let mut lines = Vec::new();
    for ((name, value), line) in parsed.fields.iter().zip(&parsed.lines) {
        let line = in_file(*line);
        if hides(name) {
            continue;
        }
        if name.starts_with('_') {
            told.judge(
                Some(line),
                FindingCode::ReservedField,
                format!("`{name}` is left out: names with an underscore are ours"),
            );
            continue;
        }
        if DAYS.contains(&&**name) && !is_day(value) {
            told.judge(
                Some(line),
                FindingCode::InvalidDate,
                format!("`{name}` is not a day such as 2026-01-15"),
            );
        }
        let value = match private {
            Some(private) => private.without(kind.as_ref(), value),
            None => value.clone(),
        };
        fields.push((name.clone(), value));
        lines.push(u16::try_from(line).unwrap_or(u16::MAX));
    }
    let fields = Fields::new(fields);
    if rules.area == Area::Prose {
        return Content::Prose(fields);
    }
    let id = fields.text("entity_id").and_then(|text| EntityId::new(&text));
    let kind = fields.text("entity_type").filter(|kind| !kind.trim().is_empty());
    let (Some(id), Some(kind)) = (id, kind) else {
        told.judge(
            Some(1),
            FindingCode::NoEntity,
            "the front matter has no `entity_id` or no `entity_type`",
        );
        return Content::Prose(fields);
    };
    let entity = Entity::new(
        id,
        EntityType::new(&kind),
        fields,
        lines.into_boxed_slice(),
        rules.schema,
    );
    if !matches!(entity.fields.get("entity_id"), Some(Value::Text(_))) {
        told.judge(
            entity.line("entity_id"),
            FindingCode::NumericId,
            format!("`entity_id` is a number; it is taken as `{}`", entity.id),
        );
    }
    Content::Entity(Box::new(entity))
}

/// Nothing, or a day. A list or a mapping is none.
fn is_day(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.trim().is_empty() || Day::read(text).date().is_some(),
        other => *other == Value::Null,
    }
}

#[cfg(test)]
mod tests;
