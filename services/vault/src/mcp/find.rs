//! The tools that find: by text, and by what entities say of themselves.

use {
    super::{
        arguments::{ListEntities, Search, SearchAndRead, budget, paging},
        budget::Fitted,
    },
    crate::{
        Vault,
        acts::{
            list,
            search::{self, HitView, ReadingView},
        },
        scopes,
        shown::{NoteView, Window},
    },
    portreeve_guard::{Caller, Listing, Problem, mcp::Call},
    serde::Serialize,
    utoipa::ToSchema,
};

/// Notes that were found, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Hits {
    /// The notes.
    items: Vec<HitView>,
    /// How many there are in all.
    total: usize,
    /// Ask with it for those after these; null when there are none.
    cursor: Option<String>,
    /// True when there are more.
    has_more: bool,
}

/// Entities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entities {
    /// The entities: by id when they are of one type, by path otherwise.
    items: Vec<NoteView>,
    /// How many there are in all.
    total: usize,
    /// Ask with it for those after these; null when there are none.
    cursor: Option<String>,
    /// True when there are more.
    has_more: bool,
}

impl From<Listing<HitView>> for Hits {
    fn from(list: Listing<HitView>) -> Self {
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
    let look = move |moment: &crate::Moment, index: Option<&portreeve_notes::Index>| {
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
) -> Result<Fitted<Hits>, Problem> {
    let (budget, from) = (
        budget(arguments.max_chars)?,
        paging(arguments.limit, arguments.cursor.as_deref())?,
    );
    let look = move |moment: &crate::Moment, index: Option<&portreeve_notes::Index>| {
        let page = |limit| {
            let paging = paging(Some(limit), arguments.cursor.as_deref())?;
            let hits = search::search(moment, index, &arguments.wanted(), &paging);
            hits.map(Hits::from).map_err(as_argument)
        };
        budget.page(from.limit(), page)
    };
    vault.look(look).await
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
    let look = move |moment: &crate::Moment, _: Option<&portreeve_notes::Index>| {
        let filter = arguments.filter(moment).map_err(as_argument)?;
        let selection = arguments.selection(moment)?;
        let page = |limit| {
            let paging = paging(Some(limit), arguments.cursor.as_deref())?;
            list::list(moment, &filter, &selection, &paging).map(Entities::from)
        };
        budget.page(from.limit(), page)
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
