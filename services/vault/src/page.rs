//! `/vault/`: what people see of the vault with a browser. For people who are signed in; nothing here takes a bearer.
//!
//! A page shows what an act answers, and no more. Nobody changes anything here.

mod findings;
mod folder;
mod links;
mod note;
mod reader;
mod search;
#[cfg(test)]
mod tests;

use {
    crate::Vault,
    axum::{
        http::StatusCode,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Problem, RequestContext},
    portreeve_notes::{Note, NotePath, Value},
    portreeve_pages::{OwnPath, notice, vault::Entry},
    utoipa_axum::{router::OpenApiRouter, routes},
};

/// The pages of the vault, which are at the root.
pub fn pages_router() -> OpenApiRouter<Vault> {
    OpenApiRouter::new()
        .routes(routes!(folder::page))
        .routes(routes!(note::page))
        .routes(routes!(search::page))
        .routes(routes!(findings::page))
}

/// The page of a note; none for a path that no address is long enough for.
fn note_address(path: &NotePath) -> Option<OwnPath> {
    OwnPath::with("/vault/note?path=", path.as_str()).ok()
}

fn folder_address(path: &str) -> Option<OwnPath> {
    OwnPath::with("/vault/?folder=", path).ok()
}

/// A note, as lists show it.
fn entry(note: &Note) -> Option<Entry> {
    let entity = note.entity();
    let kind = entity.map(|entity| entity.kind.as_str());
    let status = entity.and_then(|entity| entity.fields.get("status").and_then(Value::as_str));
    let about: Vec<&str> = kind.into_iter().chain(status).collect();
    Some(Entry {
        name: name(note),
        address: note_address(note.path())?,
        about: about.join(", "),
    })
}

/// What people call a note.
fn name(note: &Note) -> String {
    let said = |field| note.fields().text(field).filter(|text| !text.trim().is_empty());
    said("entity_name")
        .or_else(|| said("title"))
        .map_or_else(|| note.path().stem().to_owned(), |name| name.to_string())
}

/// The folders of a path, the highest first, and the path itself last.
fn trail(path: &str) -> Vec<Entry> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let folders = ends.filter_map(|end| {
        let folder = path.get(..end).filter(|folder| !folder.is_empty())?;
        Some(Entry {
            name: folder.rsplit('/').next()?.to_owned(),
            address: folder_address(folder)?,
            about: String::new(),
        })
    });
    folders.collect()
}

/// What is not there, and what cannot be, is one page.
fn answer(shown: Result<Response, Problem>, context: &RequestContext) -> Result<Response, Problem> {
    match shown {
        Err(problem) if problem.status().is_client_error() => {
            let text = "It was moved or renamed, or is written otherwise. The search finds it wherever it lies now.";
            let page = notice(StatusCode::NOT_FOUND, "This is not in the vault", text, context.id());
            Ok(page.into_response())
        }
        shown => shown,
    }
}
