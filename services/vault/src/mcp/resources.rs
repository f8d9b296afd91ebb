//! The notes of the vault as resources: each a text at an address, and all of them listed, in the order of their paths.

use {
    super::text::markdown,
    crate::{
        Vault,
        acts::entity,
        scopes,
        shown::{Ask, Selection, Window},
    },
    portreeve_guard::{
        Caller, Problem,
        mcp::{Collection, Member, Members},
    },
    portreeve_notes::Note,
    std::sync::Arc,
};

/// Notes of one page.
const PAGE: usize = 100;

/// Everything that is shown of a note.
fn all() -> Ask {
    Ask {
        fields: Selection::default(),
        body: Some(Window::default()),
        relations: false,
    }
}

pub(super) const NOTES: Collection = Collection {
    template: "vault://notes/{+path}",
    name: "note",
    title: "A note",
    about: "A note of the vault by its path: its front matter and its Markdown, whole.",
    mime_type: "text/markdown",
};

pub(super) const ENTITIES: Collection = Collection {
    template: "vault://entities/{entity_id}",
    name: "entity",
    title: "An entity",
    about: "The note of an entity by its id, such as vault://entities/prj-001.",
    mime_type: "text/markdown",
};

pub(super) async fn list(vault: Vault, _: Caller<scopes::Read>, after: Option<String>) -> Result<Members, Problem> {
    vault.stands()?;
    let snapshot = vault.snapshot();
    let notes = snapshot.notes();
    let from = after.map_or(0, |after| {
        notes.partition_point(|note| note.path().as_str() <= after.as_str())
    });
    let rest = notes.get(from..).unwrap_or_default();
    let page = rest.get(..PAGE).unwrap_or(rest);
    let last = page.last().filter(|_| page.len() < rest.len());
    Ok(Members {
        members: page.iter().map(member).collect(),
        next: last.map(|last| last.path().as_str().to_owned()),
    })
}

fn member(note: &Arc<Note>) -> Member {
    let entity = note.entity();
    let about = entity.map(|entity| {
        let status = entity.fields.text("status");
        let status = status.map_or_else(String::new, |status| format!(", {status}"));
        format!("{} {}{status}", entity.kind.as_str(), entity.id)
    });
    Member {
        variable: note.path().as_str().to_owned(),
        name: note.path().name().to_owned(),
        title: entity.and_then(|entity| entity.name()).map(|name| name.to_string()),
        about,
    }
}

pub(super) async fn note(vault: Vault, _: Caller<scopes::Read>, path: String) -> Result<String, Problem> {
    vault
        .look(move |moment, _| markdown(&entity::by_path(moment, &path, &all())?))
        .await
}

pub(super) async fn entity(vault: Vault, _: Caller<scopes::Read>, id: String) -> Result<String, Problem> {
    vault
        .look(move |moment, _| markdown(&entity::by_id(moment, &id, &all())?))
        .await
}
