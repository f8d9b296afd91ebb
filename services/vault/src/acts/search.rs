//! Full text.

use {
    crate::{
        listing::{Listing, folder_of, kind_of, page_to, place},
        moment::{Moment, Served},
        shown::{LineView, NoteView, Selection, TextView, Window},
    },
    axum::http::{HeaderValue, header},
    portreeve_guard::{Paging, Problem},
    portreeve_kernel::Code,
    portreeve_notes::{Filter, Hit, Index, Note, NotePath, Query, QueryError, Text},
    serde::Serialize,
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

/// A note that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultHit)]
pub struct HitView {
    /// Where it lies.
    #[schema(value_type = String)]
    pub path: NotePath,
    /// How well it fits. Comparable within one answer alone.
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
    /// The best of them.
    pub files: Vec<ReadView>,
}

/// A note that was found, with its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultRead)]
pub struct ReadView {
    /// How well it fits.
    pub score: f32,
    /// The note.
    #[serde(flatten)]
    pub note: NoteView,
}

/// Finds notes, the best first. It reads those that it shows, for their snippets.
///
/// # Errors
/// `VAULT_INDEXING` until the full text has been read once (`index` is `None`); `VALIDATION_*` with the parameter.
pub fn search(
    moment: &Moment,
    index: Option<&Index>,
    wanted: &Wanted<'_>,
    paging: &Paging,
) -> Result<Listing<HitView>, Problem> {
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
    let shown = from.saturating_add(limit);
    let hits = found.hits.iter().map(|(note, score)| HitView {
        path: note.path().clone(),
        score: *score,
        entity: Served::of(note).map(LineView::from),
        snippet: snippet(moment, &query, note),
    });
    let next = (shown < found.total.min(DEEPEST)).then_some(shown);
    Ok(page_to(hits.collect(), found.total, next))
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
    for (note, score) in found.hits {
        // Gone since the moment began.
        let Ok(opened) = moment.open(&note) else { continue };
        let mut view = NoteView::new(&opened.note, &Selection::default());
        view.text = Some(TextView::cut(&opened.body, window));
        files.push(ReadView { score, note: view });
    }
    Ok(ReadingView {
        query: wanted.words.to_owned(),
        total: found.total,
        files,
    })
}

struct Found {
    total: usize,
    hits: Vec<(Arc<Note>, f32)>,
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
    let found = index
        .search(query, filter, from, count)
        .map_err(|error| Problem::because(Code::VaultUnavailable, error))?;
    // The index may be a moment behind: what this moment does not have is not shown.
    let note = |Hit { path, score }: Hit| Some((Arc::clone(moment.snapshot().note(&path)?), score));
    Ok(Found {
        total: found.total,
        hits: found.hits.into_iter().filter_map(note).collect(),
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

fn snippet(moment: &Moment, query: &Query, note: &Arc<Note>) -> Option<SnippetView> {
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
