//! A folder: what is in it, and in what is in it.

use {
    super::{answer, entry, folder_address, reader::Reader, trail},
    crate::{
        Moment, Vault,
        acts::folder::{self, FolderView},
    },
    axum::{
        extract::State,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{PagingQuery, Problem, Query, RequestContext},
    portreeve_notes::Note,
    portreeve_pages::{
        OwnPath, Page,
        vault::{Branch, Entry, Part, VaultFolder},
    },
    serde::Deserialize,
    std::sync::Arc,
    utoipa::IntoParams,
};

/// Notes on a page.
const NOTES: u32 = 100;
/// Folders on a page, and of each of them.
const FOLDERS: usize = 200;
const INNER: usize = 20;

/// Which folder.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FolderQuery {
    /// Its path in the vault; the vault itself when left out.
    #[param(example = "50_Projects/2026")]
    folder: Option<String>,
    /// Where its notes go on, as the page says.
    cursor: Option<String>,
}

/// The page that shows a folder of the vault. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/vault/", tag = "pages", operation_id = "vaultPage", security(()),
    params(FolderQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 403, description = "Whoever is signed in does not read the vault", content_type = "text/html"),
        (status = 404, description = "There is no such folder, or no vault", content_type = "text/html"),
        (status = 429, description = "Too many pages in a minute", content_type = "text/html"),
        (status = 503, description = "The database does not answer"),
    )
)]
pub(super) async fn page(
    _: Reader,
    context: RequestContext,
    State(vault): State<Vault>,
    query: Result<Query<FolderQuery>, Problem>,
) -> Result<Response, Problem> {
    let shown = match query {
        Ok(Query(query)) => vault.look(move |moment, _| show(moment, query)).await,
        Err(problem) => Err(problem),
    };
    answer(shown, &context)
}

pub(super) fn show(moment: &Moment, query: FolderQuery) -> Result<Response, Problem> {
    let FolderQuery { folder, cursor } = query;
    let limit = Some(NOTES);
    let paging = PagingQuery { limit, cursor }.check()?;
    let view = folder::contents(moment, folder.as_deref(), false, &paging)?;
    let branches = view.folders.iter().filter_map(|one| {
        let inner = folders_in(moment.snapshot().within(&one.path), &one.path);
        let entries = inner
            .iter()
            .take(INNER)
            .filter_map(|(name, notes)| folder_entry(&format!("{}/{name}", one.path), *notes));
        Some(Branch {
            folder: folder_entry(&one.path, one.notes)?,
            folders: entries.collect(),
            left: inner.len().saturating_sub(INNER),
        })
    });
    let notes = view.notes.iter().filter_map(|file| moment.snapshot().note(&file.path));
    let notes = Part {
        items: notes.filter_map(|note| entry(note)).collect(),
        left: 0,
    };
    let is_root = view.path.is_empty();
    let mut above = trail(&view.path);
    let name = above.pop().map(|own| own.name).unwrap_or_default();
    let more = more(&view);
    let page = VaultFolder {
        query: "",
        above: &above,
        name: &name,
        folders: &Part::first(FOLDERS, branches),
        notes: &notes,
        counts: &if is_root { counts(&view) } else { Vec::new() },
        more: more.as_ref(),
    };
    Ok(Page::new(page).into_response())
}

fn folder_entry(path: &str, notes: usize) -> Option<Entry> {
    Some(Entry {
        name: path.rsplit('/').next()?.to_owned(),
        address: folder_address(path)?,
        about: match notes {
            1 => "1 note".to_owned(),
            notes => format!("{notes} notes"),
        },
    })
}

/// The names of the folders right in a folder, and how many notes are in each and below it. `notes` are all of the folder's, by
/// path.
fn folders_in<'a>(notes: &'a [Arc<Note>], folder: &str) -> Vec<(&'a str, usize)> {
    let begin = folder.len().saturating_add(1);
    let mut found = Vec::new();
    let mut rest = notes;
    while let Some(path) = rest.first().map(|note| note.path().as_str()) {
        let inside = path.get(begin..).and_then(|below| below.split_once('/'));
        let count = inside.map_or(1, |(name, _)| {
            let end = begin.saturating_add(name.len()).saturating_add(1);
            let prefix = path.get(..end).unwrap_or(path);
            // They stand together, because a path sorts by its bytes.
            let count = rest.partition_point(|note| note.path().as_str().starts_with(prefix));
            found.push((name, count));
            count.max(1)
        });
        rest = rest.get(count..).unwrap_or_default();
    }
    found
}

/// How the vault stands: notes, and entities of each type.
fn counts(view: &FolderView) -> Vec<(String, usize)> {
    let types = view.stats.by_type.iter().map(|(kind, count)| (kind.clone(), *count));
    [("Notes".to_owned(), view.stats.notes)]
        .into_iter()
        .chain(types)
        .collect()
}

fn more(view: &FolderView) -> Option<OwnPath> {
    let cursor = view.cursor.as_ref()?;
    OwnPath::with(&format!("/vault/?cursor={cursor}&folder="), &view.path).ok()
}

#[cfg(test)]
mod tests {
    use {super::*, crate::page::tests::House};

    #[test]
    fn folders_are_counted_with_all_that_is_below_them() {
        let house = House::with(&[
            ("a/x/1.md", ""),
            ("a/x/y/2.md", ""),
            ("a/x.md", ""),
            ("a/x-y/3.md", ""),
            ("a/z/4.md", ""),
            ("b/5.md", ""),
        ]);
        let moment = house.moment();
        let inner = folders_in(moment.snapshot().within("a"), "a");
        assert_eq!(inner, [("x-y", 1), ("x", 2), ("z", 1)]);
        assert!(folders_in(moment.snapshot().within("b"), "b").is_empty());
        assert!(folders_in(&[], "c").is_empty());
    }
}
