//! Which entities are listed: filters over front matter, in an order that pages can rely on.

use {
    crate::{
        moment::{Moment, Served},
        shown::NoteView,
    },
    portreeve_guard::{Page, Paging, Problem},
    portreeve_kernel::Code,
    portreeve_notes::{EntityType, Text},
};

pub use portreeve_guard::Listing;

/// Fields that a list can be filtered by. Each holds one text or a list of them.
const FILTERS: [&str; 10] = [
    "status",
    "assignee",
    "owner",
    "priority",
    "tags",
    "project_id",
    "parent_id",
    "program_id",
    "evidence_status",
    "horizon",
];

/// Of these, whose words the vault's schema lists.
const WORDS: [&str; 3] = ["status", "priority", "evidence_status"];

/// Types that are named when somebody asks for another.
const MOST_TOLD: usize = 30;

/// What a list is asked for. Each part that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this type.
    pub kind: Option<EntityType>,
    /// In this folder, or below it.
    pub folder: Option<Text>,
    /// Fields that have to hold a text, by name.
    fields: Vec<(&'static str, Vec<Text>)>,
}

impl Filter {
    /// Entities of one type.
    #[must_use]
    pub fn of(kind: EntityType) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// Of the type of that name, when one is given.
    ///
    /// # Errors
    /// `VALIDATION_INVALID_ENUM` when the vault knows no such type.
    pub fn of_name(moment: &Moment, kind: Option<&str>) -> Result<Self, Problem> {
        let Some(name) = kind else { return Ok(Self::default()) };
        Ok(Self::of(kind_of(moment, name, "type")?))
    }

    /// And in this folder or below it.
    ///
    /// # Errors
    /// `VALIDATION_INVALID_FORMAT` when it is no path.
    pub fn within(mut self, folder: Option<&str>) -> Result<Self, Problem> {
        if let Some(folder) = folder {
            self.folder = Some(folder_of(folder)?);
        }
        Ok(self)
    }

    /// And with `field` holding `text`, when it is given; `field` is one of those that lists are filtered by. A field that the vault
    /// keeps private is none.
    ///
    /// # Errors
    /// `VALIDATION_INVALID_FORMAT` with the field.
    pub fn with(self, moment: &Moment, field: &'static str, text: Option<&str>) -> Result<Self, Problem> {
        let texts = text.map(|text| vec![Text::from(text)]);
        self.with_any(moment, field, texts)
    }

    /// The same with several texts, of which one is enough.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_any(mut self, moment: &Moment, field: &'static str, texts: Option<Vec<Text>>) -> Result<Self, Problem> {
        let Some(texts) = texts else { return Ok(self) };
        let schema = moment.snapshot().schema();
        let private = schema.private.as_ref();
        let hidden = private.is_some_and(|private| private.hides_field(self.kind.as_ref(), field));
        if hidden || !FILTERS.contains(&field) {
            return Err(Problem::new(Code::ValidationInvalidFormat)
                .detail(format_args!("there is no filter `{field}`"))
                .param(field));
        }
        self.fields.push((field, texts));
        Ok(self)
    }

    fn holds(&self, Served { note, entity }: &Served<'_>) -> bool {
        self.kind.as_ref().is_none_or(|kind| entity.kind == *kind)
            && self.folder.as_ref().is_none_or(|folder| note.path().is_within(folder))
            && self.fields.iter().all(|(field, wanted)| {
                let held = entity.fields.get(field);
                held.is_some_and(|held| {
                    held.items()
                        .iter()
                        .any(|held| held.text().is_some_and(|held| wanted.contains(&held)))
                })
            })
    }

    /// Everything that it lets through, in a stable order: by id within one type, by path otherwise.
    #[must_use]
    pub fn entities<'a>(&self, moment: &'a Moment) -> Vec<Served<'a>> {
        match &self.kind {
            Some(kind) => moment.of_type(kind).filter(|found| self.holds(found)).collect(),
            None => moment.entities().filter(|found| self.holds(found)).collect(),
        }
    }

    /// A page of it.
    ///
    /// # Errors
    /// `VALIDATION_INVALID_ENUM` when nothing is found because of a word that neither the schema lists nor any entity holds.
    pub fn page<T>(
        &self,
        moment: &Moment,
        paging: &Paging,
        show: impl FnMut(&Served<'_>) -> T,
    ) -> Result<Listing<T>, Problem> {
        let all = self.entities(moment);
        if all.is_empty() {
            self.known(moment)?;
        }
        let by_id = self.kind.is_some();
        Ok(Listing::cut(
            &all,
            paging,
            |found| if by_id { found.id() } else { found.path() },
            show,
        ))
    }

    /// Where an entity that is shown stands in the order of [`Self::entities`].
    #[must_use]
    pub fn key<'v>(&self, view: &'v NoteView) -> &'v str {
        let id = view.entity_id.as_ref().filter(|_| self.kind.is_some());
        id.map_or(view.path.as_str(), |id| id.as_str())
    }

    /// Whether each word could be found at all.
    fn known(&self, moment: &Moment) -> Result<(), Problem> {
        let schema = moment.snapshot().schema();
        for (field, wanted) in self.fields.iter().filter(|(field, _)| WORDS.contains(field)) {
            let lists: Vec<_> = schema
                .listed
                .iter()
                .filter(|list| list.field == *field)
                .filter(|list| {
                    let kind = self.kind.as_ref();
                    list.types.is_empty() || kind.is_none_or(|kind| list.types.contains(kind))
                })
                .collect();
            if lists.is_empty() {
                continue;
            }
            for word in wanted {
                let listed = lists.iter().any(|list| list.words.contains(word));
                let used = || {
                    let alone = Self {
                        kind: self.kind.clone(),
                        folder: None,
                        fields: vec![(field, vec![word.clone()])],
                    };
                    !alone.entities(moment).is_empty()
                };
                if !listed && !used() {
                    let words: Vec<_> = lists.iter().flat_map(|list| &list.words).map(|word| &**word).collect();
                    return Err(Problem::new(Code::ValidationInvalidEnum)
                        .detail(format_args!("`{word}` is none of {}", words.join(", ")))
                        .param(*field));
                }
            }
        }
        Ok(())
    }
}

/// The type of that name, when this vault may have it.
///
/// # Errors
/// `VALIDATION_INVALID_ENUM` with `param`.
pub fn kind_of(moment: &Moment, name: &str, param: &'static str) -> Result<EntityType, Problem> {
    let kind = EntityType::new(&Text::from(name));
    let snapshot = moment.snapshot();
    let schema = snapshot.schema();
    let hidden = schema.private.as_ref().is_some_and(|private| private.hides_type(&kind));
    let mut held = snapshot.counts().map(|(kind, _)| kind);
    let known = EntityType::KNOWN.contains(&kind) || schema.types.contains(&kind) || held.any(|held| *held == kind);
    if known && !hidden {
        return Ok(kind);
    }
    let held: Vec<&str> = snapshot
        .counts()
        .map(|(kind, _)| kind.as_str())
        .take(MOST_TOLD)
        .collect();
    Err(Problem::new(Code::ValidationInvalidEnum)
        .detail(format_args!(
            "`{name}` is no type of this vault; it has {}",
            held.join(", ")
        ))
        .param(param))
}

/// A folder from outside; a slash behind it changes nothing.
///
/// # Errors
/// `VALIDATION_INVALID_FORMAT` with `path`.
pub fn folder_of(text: &str) -> Result<Text, Problem> {
    let path = crate::moment::path_of(text.strip_suffix('/').unwrap_or(text))?;
    Ok(path.as_str().into())
}

/// A page of something that has no order by a key, such as what a search found. `next` is the place where the next one begins.
#[must_use]
pub fn page_to<T>(items: Vec<T>, total: usize, next: Option<usize>) -> Listing<T> {
    // `Page` writes a cursor when it is handed one item more than it keeps.
    let cursor = next.and_then(|next| Page::cut(vec![(), ()], 1, |()| next.to_string()).cursor);
    Listing {
        items,
        total,
        has_more: cursor.is_some(),
        cursor,
    }
}

/// Where such a page begins.
///
/// # Errors
/// `VALIDATION_INVALID_FORMAT` with `cursor`.
pub fn place(paging: &Paging) -> Result<usize, Problem> {
    let after = paging.after().map_or(Ok(0), str::parse);
    after.map_err(|_| portreeve_guard::page::bad_cursor())
}
