//! The vault at one moment, and the way to its texts: what every act looks at. A request takes one and asks it everything, so
//! that its answer is of one piece whatever is written meanwhile.

use {
    jiff::civil::Date,
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{Entity, EntityType, Note, NotePath, Opened, Refused, Relation, Snapshot, Vault as Notes},
    std::sync::Arc,
};

/// Who says that somebody is its parent is a child.
pub(crate) static PARENT: Relation = Relation::Parent;
/// Who says so is work of a project.
pub(crate) static PROJECT: Relation = Relation::Project;
/// Who says so is what a project showed.
pub(crate) static EVIDENCE_OF: Relation = Relation::EvidenceOf;

/// See the top of this file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Moment {
    notes: Arc<Notes>,
    snapshot: Arc<Snapshot>,
    today: Date,
}

/// A note that is an entity, and the one that its id means.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// The file.
    pub note: &'a Arc<Note>,
    /// What it is.
    pub entity: &'a Entity,
}

impl Moment {
    /// The vault as it is now, on a day.
    #[must_use]
    pub fn of(notes: Arc<Notes>, today: Date) -> Self {
        Self {
            snapshot: notes.snapshot(),
            notes,
            today,
        }
    }

    /// What is in it.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The day on which it is looked at, in UTC.
    #[must_use]
    pub const fn today(&self) -> Date {
        self.today
    }

    /// The files behind it.
    #[must_use]
    pub const fn notes(&self) -> &Arc<Notes> {
        &self.notes
    }

    /// The entity of that id.
    ///
    /// # Errors
    /// `VAULT_NOT_FOUND`
    pub fn entity(&self, id: &str) -> Result<Served<'_>, Problem> {
        self.find(id).ok_or_else(absent)
    }

    /// The entity of that id, when it is of that type.
    ///
    /// # Errors
    /// `VAULT_NOT_FOUND`
    pub fn entity_of(&self, kind: &EntityType, id: &str) -> Result<Served<'_>, Problem> {
        let found = self.find(id).filter(|found| found.entity.kind == *kind);
        found.ok_or_else(absent)
    }

    /// The entity of that id, where there is one.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Served<'_>> {
        self.snapshot.find(id).and_then(Served::of)
    }

    /// The note at a path from outside.
    ///
    /// # Errors
    /// `VALIDATION_INVALID_FORMAT` when it is no path; `VAULT_NOT_FOUND`.
    pub fn note(&self, path: &str) -> Result<&Arc<Note>, Problem> {
        self.snapshot.note(&path_of(path)?).ok_or_else(absent)
    }

    /// A note with its text, as the disk has it now. It reads a file.
    ///
    /// # Errors
    /// `VAULT_NOT_FOUND` when it has gone; `VAULT_UNAVAILABLE` when the disk does not answer.
    pub fn open(&self, note: &Arc<Note>) -> Result<Opened, Problem> {
        self.notes.open_note(note).map_err(|refused| match refused {
            Refused::Io(_) | Refused::Restless => Problem::because(Code::VaultUnavailable, refused),
            _ => absent(),
        })
    }

    /// All entities of a type, by id.
    pub fn of_type(&self, kind: &EntityType) -> impl DoubleEndedIterator<Item = Served<'_>> {
        self.snapshot.of_type(kind).filter_map(Served::of)
    }

    /// All entities, by path. Of two files with one id, the one that is served.
    pub fn entities(&self) -> impl Iterator<Item = Served<'_>> {
        let served = |found: &Served<'_>| {
            let first = self.snapshot.find(found.entity.id.as_str());
            first.is_some_and(|first| Arc::ptr_eq(first, found.note))
        };
        self.snapshot.notes().iter().filter_map(Served::of).filter(served)
    }

    /// Those who say one thing of an entity, such as that it is their parent. By path.
    pub fn who<'a>(&'a self, relation: &'static Relation, id: &'a str) -> impl Iterator<Item = Served<'a>> {
        self.snapshot.who(relation, id).filter_map(Served::of)
    }
}

impl<'a> Served<'a> {
    /// A note, when it is an entity.
    #[must_use]
    pub fn of(note: &'a Arc<Note>) -> Option<Self> {
        let entity = note.entity()?;
        Some(Self { note, entity })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.note.path().as_str()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.entity.id.as_str()
    }
}

/// The one answer for what is not there and what is not shown.
pub(crate) fn absent() -> Problem {
    Problem::new(Code::VaultNotFound)
}

/// A path from outside.
///
/// # Errors
/// `VALIDATION_INVALID_FORMAT` says which rule it breaks.
pub(crate) fn path_of(text: &str) -> Result<NotePath, Problem> {
    NotePath::parse(text).map_err(|error| Problem::new(Code::ValidationInvalidFormat).detail(error).param("path"))
}
