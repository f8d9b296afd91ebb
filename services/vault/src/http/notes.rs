//! `/notes` and `/folders`: what lies where.

use {
    super::{
        On, ReadRefusals, ask,
        entities::{ShowQuery, one},
        tagged::Has,
        whole,
    },
    crate::{
        Vault,
        acts::{
            batch::{self, BatchView},
            folder::{self, FolderView},
        },
        scopes,
        shown::NoteView,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, PagingQuery, Problem, Query, openapi::Refusals},
    serde::Deserialize,
    std::sync::Arc,
    utoipa::IntoParams,
};

/// Which note.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NoteQuery {
    /// Its path in the vault.
    #[param(example = "50_Projects/2026/Gate/project.md")]
    path: String,
    /// Fields of the front matter to show, with commas between; all when left out.
    fields: Option<String>,
    /// Also its text.
    #[param(default = false)]
    body: Option<bool>,
    /// Most characters of the text; all when left out.
    #[param(minimum = 1, maximum = 1048576)]
    max_chars: Option<usize>,
    /// Characters of the text to leave out at its beginning, to read on where an answer was cut.
    #[param(default = 0)]
    from_char: Option<usize>,
    /// Also how it stands to others. The answer then depends on all of the vault, and so does its `ETag`.
    #[param(default = false)]
    relations: Option<bool>,
}

/// Show the note at a path, entity or not. Its `ETag` is its revision.
#[utoipa::path(
    get, path = "/notes", tag = "vault", operation_id = "getVaultNote", security(("bearer" = ["mcp:read"])),
    params(NoteQuery),
    responses((status = 200, body = NoteView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn note(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<NoteQuery>,
) -> Result<Response, Problem> {
    let NoteQuery {
        path,
        fields,
        body,
        max_chars,
        from_char,
        relations,
    } = query;
    let query = ShowQuery {
        fields,
        body,
        max_chars,
        from_char,
        relations,
    };
    one(&vault, has, query, move |moment| Ok(Arc::clone(moment.note(&path)?))).await
}

/// Which notes.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BatchQuery {
    /// 1 to 10 paths or ids, with commas between. A path with a comma in it is read alone.
    #[param(example = "README.md,prj-001")]
    paths: String,
    /// Fields of the front matter to show, with commas between; all when left out.
    fields: Option<String>,
    /// Leave their texts out.
    #[param(default = true)]
    body: Option<bool>,
    /// Most characters of each text; all when left out.
    #[param(minimum = 1, maximum = 1048576)]
    max_chars: Option<usize>,
}

/// Show several notes with their texts. One that is not there says so in its place.
#[utoipa::path(
    get, path = "/notes/batch", tag = "vault", operation_id = "getVaultNotes", security(("bearer" = ["mcp:read"])),
    params(BatchQuery),
    responses((status = 200, body = BatchView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn batch(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<BatchQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        let asked: Vec<_> = query.paths.split(',').filter(|path| !path.is_empty()).collect();
        let body = Some(query.body.unwrap_or(true));
        let ask = ask(moment, query.fields.as_deref(), body, (None, query.max_chars), None)?;
        batch::read(moment, &asked, &ask).map(Json)
    })
    .await
}

/// Which folder.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FolderQuery {
    /// Its path in the vault; the vault itself when left out.
    #[param(example = "50_Projects/2026")]
    path: Option<String>,
    /// Only notes that are entities.
    #[param(default = false)]
    entities_only: Option<bool>,
    /// Notes per page, 1 to 100; 20 when left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// The `cursor` of the page before; leave it out for the first page.
    cursor: Option<String>,
}

/// Show what lies in a folder: its folders, a page of its notes, and what it and all below it hold, counted.
#[utoipa::path(
    get, path = "/folders", tag = "vault", operation_id = "getVaultFolder", security(("bearer" = ["mcp:read"])),
    params(FolderQuery),
    responses((status = 200, body = FolderView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn folder(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<FolderQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        let paging = PagingQuery {
            limit: query.limit,
            cursor: query.cursor,
        };
        let entities = query.entities_only.unwrap_or(false);
        folder::contents(moment, query.path.as_deref(), entities, &paging.check()?).map(Json)
    })
    .await
}
