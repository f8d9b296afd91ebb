//! The tools that find: by text, and by what entities say of themselves.

use {
    super::{
        arguments::{ListEntities, Search, SearchAndRead, budget, paging},
        budget::{Budget, Fitted},
    },
    crate::{
        Moment, Vault,
        acts::{
            list,
            search::{self, FoundView, Hits, ReadingView},
        },
        scopes,
        shown::{NoteView, PlainNote, Window},
    },
    portreeve_guard::{Caller, Listing, Paging, Problem, mcp::Call},
    portreeve_notes::Index,
    serde::Serialize,
    utoipa::ToSchema,
};

/// Entities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entities {
    /// The entities: by id when they are of one type, by path otherwise.
    #[schema(value_type = Vec<PlainNote>)]
    items: Vec<NoteView>,
    /// How many there are in all.
    total: usize,
    /// Ask with it for those after these; null when there are none.
    cursor: Option<String>,
    /// True when there are more.
    has_more: bool,
}

impl From<Listing<NoteView>> for Entities {
    fn from(list: Listing<NoteView>) -> Self {
        let Listing {
            items,
            total,
            cursor,
            has_more,
        } = list;
        Self {
            items,
            total,
            cursor,
            has_more,
        }
    }
}

pub(super) async fn search_and_read(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: SearchAndRead,
    _: Call,
) -> Result<Fitted<ReadingView>, Problem> {
    let (budget, most) = (budget(arguments.max_chars)?, arguments.most()?);
    let look = move |moment: &Moment, index: Option<&Index>| {
        let window = Window {
            from: 0,
            most: Some(budget.chars()),
        };
        let found = search::search_and_read(moment, index, &arguments.wanted(), most, window);
        let mut reading = found.map_err(as_argument)?;
        budget.share(&mut reading, |reading| {
            reading
                .files
                .iter_mut()
                .filter_map(|file| file.note.text.as_mut())
                .collect()
        })
    };
    vault.look(look).await
}

pub(super) async fn search(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: Search,
    _: Call,
) -> Result<Fitted<FoundView>, Problem> {
    let (budget, from) = (
        budget(arguments.max_chars)?,
        paging(arguments.limit, arguments.cursor.as_deref())?,
    );
    vault
        .look(move |moment, index| found(moment, index, &arguments, &from, budget))
        .await
}

/// As much of what is found as fits. It reads that, and one note more.
pub(super) fn found(
    moment: &Moment,
    index: Option<&Index>,
    arguments: &Search,
    from: &Paging,
    budget: Budget,
) -> Result<Fitted<FoundView>, Problem> {
    let hits = Hits::find(moment, index, &arguments.wanted(), from).map_err(as_argument)?;
    budget.fill(hits.shown(), |items| hits.page(items.to_vec()))
}

pub(super) async fn list_entities(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: ListEntities,
    _: Call,
) -> Result<Fitted<Entities>, Problem> {
    let (budget, from) = (
        budget(arguments.max_chars)?,
        paging(arguments.limit, arguments.cursor.as_deref())?,
    );
    let look = move |moment: &Moment, _: Option<&Index>| {
        let filter = arguments.filter(moment).map_err(as_argument)?;
        let selection = arguments.selection(moment)?;
        let list = list::list(moment, &filter, &selection, &from)?;
        let first = |items: &[NoteView]| Entities::from(list.first(items.len(), |view| filter.key(view)));
        budget.fill(list.items.iter().cloned(), first)
    };
    vault.look(look).await
}

/// The acts call the words `q`, and say of a folder that its path is wrong.
fn as_argument(problem: Problem) -> Problem {
    match problem.place() {
        Some("q") => problem.param("query"),
        Some("path") => problem.param("folder"),
        _ => problem,
    }
}
