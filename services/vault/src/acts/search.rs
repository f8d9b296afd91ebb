//! Full text.

use {
    crate::{
        listing::{Listing, folder_of, kind_of, page_to, place},
        moment::{Moment, Served},
        shown::{LineView, NoteView, ReadNote, Selection, TextView, Window},
    },
    axum::http::{HeaderValue, header},
    portreeve_guard::{Paging, Problem},
    portreeve_kernel::Code,
    portreeve_notes::{Filter, Hit, Index, Note, NotePath, Query, QueryError, Text},
    serde::{Serialize, Serializer},
    std::sync::Arc,
    utoipa::ToSchema,
};

/// Deeper nobody reads, and the index would have to rank all of it.
const DEEPEST: usize = 1_000;
/// Fewer characters are found everywhere.
const SHORTEST: usize = 2;
/// Seconds until it is worth asking again while the full text is being read.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// What is searched for, and where.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Words; those in quotes stand together.
    pub words: &'a str,
    /// Only entities of this type.
    pub kind: Option<&'a str>,
    /// Only in this status.
    pub status: Option<&'a str>,
    /// Only with this tag.
    pub tag: Option<&'a str>,
    /// Only in this folder or below it.
    pub folder: Option<&'a str>,
}

/// The arguments of something that searches: what for and where, and what else it asks.
macro_rules! searching {
    ($(#[$about:meta])* $name:ident { $(#[$doc_words:meta])* $words:ident, $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        pub(crate) struct $name {
            /// Words, at least 2 characters in all. Each has to be in the note; those in quotes have to stand together.
            $(#[$doc_words])*
            pub(crate) $words: String,
            /// Only entities of this type, such as Project, Task or Hypothesis.
            #[serde(rename = "type")]
            pub(crate) kind: Option<String>,
            /// Only entities in this status.
            pub(crate) status: Option<String>,
            /// Only notes with this tag.
            pub(crate) tag: Option<String>,
            /// Only notes in this folder or below it, such as 50_Projects/2026.
            pub(crate) folder: Option<String>,
            $($(#[$doc])* pub(crate) $field: $type,)*
        }

        impl $name {
            pub(crate) fn wanted(&self) -> $crate::acts::search::Wanted<'_> {
                $crate::acts::search::Wanted {
                    words: &self.$words,
                    kind: self.kind.as_deref(),
                    status: self.status.as_deref(),
                    tag: self.tag.as_deref(),
                    folder: self.folder.as_deref(),
                }
            }
        }
    };
}

pub(crate) use searching;

/// A note that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultHit)]
pub struct HitView {
    /// Where it lies.
    #[schema(value_type = String)]
    pub path: NotePath,
    /// How well it fits. Comparable within one answer alone.
    #[serde(serialize_with = "as_reckoned")]
    pub score: f32,
    /// The entity that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<LineView>,
    /// Its text around the first thing that was found; null when that stands in its name.
    pub snippet: Option<SnippetView>,
}

/// A piece of a text.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultSnippet)]
pub struct SnippetView {
    /// What stands before it.
    pub before: String,
    /// What was found, as it is written there.
    pub found: String,
    /// What stands behind it.
    pub after: String,
}

/// The best notes for a query, with their texts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultReading)]
pub struct ReadingView {
    /// What was searched for.
    pub query: String,
    /// How many notes hold it.
    pub total: usize,
    /// True while notes that changed a moment ago are being read into the full text, as in a search.
    pub indexing: bool,
    /// The best of them.
    pub files: Vec<ReadView>,
}

/// A note that was found, with its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultRead)]
pub struct ReadView {
    /// How well it fits.
    #[serde(serialize_with = "as_reckoned")]
    pub score: f32,
    /// The note.
    #[serde(flatten)]
    #[schema(value_type = ReadNote)]
    pub note: NoteView,
}

/// A page of what was found, the best first.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultFound)]
pub struct FoundView {
    /// The notes.
    pub items: Vec<HitView>,
    /// How many there are on all pages.
    pub total: usize,
    /// True while notes that changed a moment ago are being read into the full text: what is found, and how many, is then as it was
    /// before some of those changes.
    pub indexing: bool,
    /// Ask with it for the page after this one; null on the last page.
    pub cursor: Option<String>,
    /// True when there is a page after this one.
    pub has_more: bool,
}

/// What was found, before it is shown: to show a note it has to be read, for its snippet.
#[derive(Debug)]
pub struct Hits<'m> {
    moment: &'m Moment,
    query: Query,
    found: Found,
    /// Where the page after this one begins.
    end: usize,
}

/// Finds notes, the best first. It reads those that it shows, for their snippets.
///
/// # Errors
/// As [`Hits::find`].
pub fn search(
    moment: &Moment,
    index: Option<&Index>,
    wanted: &Wanted<'_>,
    paging: &Paging,
) -> Result<FoundView, Problem> {
    let hits = Hits::find(moment, index, wanted, paging)?;
    Ok(hits.page(hits.shown().collect()))
}

impl<'m> Hits<'m> {
    /// Finds a page of notes, and reads none of them.
    ///
    /// # Errors
    /// `VAULT_INDEXING` until the full text has been read once (`index` is `None`); `VALIDATION_*` with the parameter.
    pub fn find(
        moment: &'m Moment,
        index: Option<&Index>,
        wanted: &Wanted<'_>,
        paging: &Paging,
    ) -> Result<Self, Problem> {
        let (query, filter) = read(moment, wanted)?;
        let from = place(paging)?;
        if from >= DEEPEST {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!(
                    "a search shows its best {DEEPEST}; use more words or filters"
                ))
                .param("cursor"));
        }
        let limit = usize::try_from(paging.limit()).unwrap_or(usize::MAX);
        let found = find(moment, index, &query, &filter, from, limit)?;
        Ok(Self {
            moment,
            query,
            found,
            end: from.saturating_add(limit),
        })
    }

    /// The notes as they are shown, the best first. Each is read when it is taken.
    pub fn shown(&self) -> impl Iterator<Item = HitView> {
        self.found.hits.iter().map(|hit| HitView {
            path: hit.note.path().clone(),
            score: hit.score,
            entity: Served::of(&hit.note).map(LineView::from),
            snippet: snippet(self.moment, &self.query, &hit.note),
        })
    }

    /// The page of these, which are the first that are [shown](Self::shown); the next one begins with those that are not among them.
    #[must_use]
    pub fn page(&self, items: Vec<HitView>) -> FoundView {
        let next = self.found.hits.get(items.len()).map_or(self.end, |hit| hit.place);
        let next = (next < self.found.total.min(DEEPEST)).then_some(next);
        let Listing {
            items,
            total,
            cursor,
            has_more,
        } = page_to(items, self.found.total, next);
        FoundView {
            items,
            total,
            indexing: self.found.indexing,
            cursor,
            has_more,
        }
    }
}

/// Finds notes and reads the best of them: at most `most`, each cut to `max_chars`.
///
/// # Errors
/// As [`search`], and `VALIDATION_OUT_OF_RANGE`.
pub fn search_and_read(
    moment: &Moment,
    index: Option<&Index>,
    wanted: &Wanted<'_>,
    most: usize,
    window: Window,
) -> Result<ReadingView, Problem> {
    let (query, filter) = read(moment, wanted)?;
    let found = find(moment, index, &query, &filter, 0, most)?;
    let mut files = Vec::with_capacity(found.hits.len());
    for FoundNote { note, score, .. } in found.hits {
        // Gone since the moment began.
        let Ok(opened) = moment.open(&note) else { continue };
        let mut view = NoteView::new(&opened.note, &Selection::default());
        view.text = Some(TextView::cut(&opened.body, window));
        files.push(ReadView { score, note: view });
    }
    Ok(ReadingView {
        query: wanted.words.to_owned(),
        total: found.total,
        indexing: found.indexing,
        files,
    })
}

/// The number that an `f32` stands for, with the digits that it has. Turned into an `f64` it would show some that nobody reckoned.
#[must_use]
pub fn reckoned(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

fn as_reckoned<S: Serializer>(score: &f32, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(reckoned(*score))
}

#[derive(Debug)]
struct Found {
    total: usize,
    /// Whether the full text has still to follow a change that this moment has.
    indexing: bool,
    hits: Vec<FoundNote>,
}

#[derive(Debug)]
struct FoundNote {
    /// How many fit better.
    place: usize,
    note: Arc<Note>,
    score: f32,
}

fn find(
    moment: &Moment,
    index: Option<&Index>,
    query: &Query,
    filter: &Filter,
    from: usize,
    count: usize,
) -> Result<Found, Problem> {
    let indexing = || Problem::new(Code::VaultIndexing).header(header::RETRY_AFTER, RETRY_AFTER);
    let index = index.ok_or_else(indexing)?;
    let before = index.follows();
    let found = index
        .search(query, filter, from, count)
        .map_err(|error| Problem::because(Code::VaultUnavailable, error))?;
    // What was searched is this moment only when it was before and afterwards.
    let holds = before.filter(|before| index.follows() == Some(*before));
    let content = moment.snapshot().generation().content;
    // What this moment does not have is not shown.
    let hits = found.hits.into_iter().enumerate();
    let hits = hits.filter_map(|(number, Hit { path, score })| {
        Some(FoundNote {
            place: from.saturating_add(number),
            note: Arc::clone(moment.snapshot().note(&path)?),
            score,
        })
    });
    Ok(Found {
        total: found.total,
        indexing: holds.is_none_or(|holds| holds.content != content),
        hits: hits.collect(),
    })
}

fn read(moment: &Moment, wanted: &Wanted<'_>) -> Result<(Query, Filter), Problem> {
    if wanted.words.trim().chars().count() < SHORTEST {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("search for at least {SHORTEST} characters"))
            .param("q"));
    }
    let query = Query::parse(wanted.words).map_err(|error| {
        let code = match error {
            QueryError::Empty => Code::ValidationInvalidFormat,
            QueryError::TooLong | QueryError::TooManySingles => Code::ValidationOutOfRange,
        };
        Problem::new(code).detail(error).param("q")
    })?;
    let schema = moment.snapshot().schema();
    for (field, param, given) in [("status", "status", wanted.status), ("tags", "tag", wanted.tag)] {
        let hides = |private: &portreeve_notes::schema::Private| private.hides_field(None, field);
        if given.is_some() && schema.private.as_ref().is_some_and(hides) {
            return Err(Problem::new(Code::ValidationInvalidFormat)
                .detail(format_args!("there is no filter `{param}`"))
                .param(param));
        }
    }
    let kind = wanted.kind.map(|kind| kind_of(moment, kind, "type")).transpose()?;
    let filter = Filter {
        kind: kind.map(|kind| kind.as_str().into()),
        status: wanted.status.map(Text::from),
        tag: wanted.tag.map(Text::from),
        folder: wanted.folder.map(folder_of).transpose()?,
    };
    Ok((query, filter))
}

#[cfg(test)]
thread_local! {
    /// How many notes this thread has read for their snippets.
    pub(crate) static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn snippet(moment: &Moment, query: &Query, note: &Arc<Note>) -> Option<SnippetView> {
    #[cfg(test)]
    READ.set(READ.get() + 1);
    let opened = moment.open(note).ok()?;
    let snippet = query.snippet(&opened.body)?;
    let part = |range: Option<&str>| range.unwrap_or_default().to_owned();
    let found = snippet.found;
    Some(SnippetView {
        before: part(snippet.text.get(..found.start)),
        found: part(snippet.text.get(found.clone())),
        after: part(snippet.text.get(found.end..)),
    })
}
