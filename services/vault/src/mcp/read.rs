//! The tools that read: one entity, several notes, a folder.

use {
    super::{
        arguments::{Browse, GetEntity, ReadNotes, budget, paging},
        budget::Fitted,
        closest,
    },
    crate::{
        Vault,
        acts::{
            batch::{self, BatchView},
            entity,
            folder::{self, FolderView},
            navigation,
        },
        scopes,
        shown::NoteView,
    },
    portreeve_guard::{Caller, Problem, mcp::Call},
    portreeve_notes::NotePath,
    serde::Serialize,
    utoipa::ToSchema,
};

/// A folder; at the top of the vault, also where to begin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Browsed {
    #[serde(flatten)]
    folder: FolderView,
    /// Notes that tell what the vault is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    key_documents: Option<Vec<NotePath>>,
}

pub(super) async fn entity(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: GetEntity,
    _: Call,
) -> Result<Fitted<NoteView>, Problem> {
    let budget = budget(arguments.max_chars)?;
    let look = move |moment: &crate::Moment, _: Option<&portreeve_notes::Index>| {
        let id = &arguments.entity_id;
        let view = entity::by_id(moment, id, &arguments.ask(moment)?);
        let mut view = view.map_err(|problem| closest::named(problem, moment, id))?;
        budget.share(&mut view, |view| view.text.iter_mut().collect())
    };
    vault.look(look).await
}

pub(super) async fn notes(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: ReadNotes,
    _: Call,
) -> Result<Fitted<BatchView>, Problem> {
    let budget = budget(arguments.max_chars)?;
    let look = move |moment: &crate::Moment, _: Option<&portreeve_notes::Index>| {
        let asked: Vec<&str> = arguments.paths.iter().map(String::as_str).collect();
        let mut batch = batch::read(moment, &asked, &arguments.ask(moment)?)?;
        budget.share(&mut batch, |batch| {
            let notes = batch.items.iter_mut().filter_map(|item| item.note.as_mut());
            notes.filter_map(|note| note.text.as_mut()).collect()
        })
    };
    vault.look(look).await
}

pub(super) async fn browse(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: Browse,
    _: Call,
) -> Result<Fitted<Browsed>, Problem> {
    let (budget, from) = (
        budget(arguments.max_chars)?,
        paging(arguments.limit, arguments.cursor.as_deref())?,
    );
    let look = move |moment: &crate::Moment, _: Option<&portreeve_notes::Index>| {
        let entities = arguments.entities_only.unwrap_or(false);
        let path = arguments.path.as_deref().filter(|path| !path.is_empty());
        let folder = folder::contents(moment, path, entities, &from)?;
        let is_first = path.is_none() && arguments.cursor.is_none();
        let key_documents = is_first.then(|| navigation::navigation(moment).key_documents);
        budget.fill(folder.notes.iter().cloned(), |notes| Browsed {
            folder: folder.first(notes.len()),
            key_documents: key_documents.clone(),
        })
    };
    vault.look(look).await
}
