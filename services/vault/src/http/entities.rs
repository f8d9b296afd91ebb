//! `/entities`, and the same by type: `/tasks`, `/projects`, `/programs`, `/hypotheses`, `/tracks`, `/conditions`.

use {
    super::{
        On, ReadRefusals, ask,
        entity_path::EntityPath,
        tagged::{Has, tagged},
        whole,
    },
    crate::{
        Moment, Vault, acts,
        listing::Filter,
        members::MembersView,
        scopes,
        shown::{Ask, NoteView, Selection},
    },
    axum::{extract::State, http::StatusCode, response::Response},
    portreeve_guard::{Caller, Json, Listing, PagingQuery, Problem, Query, openapi::Refusals},
    portreeve_notes::{EntityType, Index, Note, Revision},
    serde::Deserialize,
    std::sync::Arc,
    utoipa::IntoParams,
};

/// What lists are filtered by, and which page of them. `+` stands for what a list of one type does not ask.
macro_rules! list_query {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, Deserialize, IntoParams)]
        #[into_params(parameter_in = Query)]
        pub(super) struct $name {
            $($(#[$doc])* $field: $type,)*
            /// How it stands: a word of the vault's schema.
            #[param(example = "doing")]
            status: Option<String>,
            /// Who it is with: a member's id or alias, which finds both.
            assignee: Option<String>,
            /// Who answers for it: a member's id or alias, which finds both.
            owner: Option<String>,
            /// How urgent it is.
            priority: Option<String>,
            /// One of its tags.
            tag: Option<String>,
            /// The project it is work of.
            project_id: Option<String>,
            /// What it lies beneath.
            parent_id: Option<String>,
            /// The program it belongs to.
            program_id: Option<String>,
            /// How far it is shown to be so.
            evidence_status: Option<String>,
            /// The year it is about.
            horizon: Option<String>,
            /// Only what lies in this folder or below it.
            folder: Option<String>,
            /// Fields of the front matter to show, with commas between; all when left out.
            #[param(example = "entity_name,status,due")]
            fields: Option<String>,
            /// Items per page, 1 to 100; 20 when left out.
            #[param(minimum = 1, maximum = 100, default = 20)]
            limit: Option<u32>,
            /// The `cursor` of the page before; leave it out for the first page.
            cursor: Option<String>,
        }

        impl $name {
            fn list(self, moment: &Moment, filter: Filter) -> Result<Listing<NoteView>, Problem> {
                let paging = PagingQuery { limit: self.limit, cursor: self.cursor.clone() }.check()?;
                let names = match self.depends() {
                    On::NotesAndMembers => MembersView::read(moment)?,
                    _ => MembersView::default(),
                };
                let text = |text: &Option<String>| text.as_deref().map(|text| names.names(text));
                let filter = filter
                    .with(moment, "status", self.status.as_deref())?
                    .with_any(moment, "assignee", text(&self.assignee))?
                    .with_any(moment, "owner", text(&self.owner))?
                    .with(moment, "priority", self.priority.as_deref())?
                    .with(moment, "tags", self.tag.as_deref())?
                    .with(moment, "project_id", self.project_id.as_deref())?
                    .with(moment, "parent_id", self.parent_id.as_deref())?
                    .with(moment, "program_id", self.program_id.as_deref())?
                    .with(moment, "evidence_status", self.evidence_status.as_deref())?
                    .with(moment, "horizon", self.horizon.as_deref())?
                    .within(self.folder.as_deref())?;
                let selection = Selection::parse(moment, self.fields.as_deref())?;
                acts::list::list(moment, &filter, &selection, &paging)
            }

            /// What the answer depends on: an assignee also on who is called what.
            const fn depends(&self) -> On {
                if self.assignee.is_some() || self.owner.is_some() { On::NotesAndMembers } else { On::Notes }
            }
        }
    };
}

list_query! {
    /// Which entities to list.
    EntitiesQuery {
        /// Only of this type.
        #[serde(rename = "type")]
        #[param(example = "Task")]
        kind: Option<String>,
    }
}

list_query! {
    /// Which of them to list.
    ListQuery {}
}

/// What of one entity is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ShowQuery {
    /// Fields of the front matter to show, with commas between; all when left out.
    #[param(example = "entity_name,status,due")]
    pub(super) fields: Option<String>,
    /// Also its text.
    #[param(default = false)]
    pub(super) body: Option<bool>,
    /// Most characters of the text; all when left out.
    #[param(minimum = 1, maximum = 1048576)]
    pub(super) max_chars: Option<usize>,
    /// Characters of the text to leave out at its beginning, to read on where an answer was cut.
    #[param(default = 0)]
    pub(super) from_char: Option<usize>,
    /// Also how it stands to others. The answer then depends on all of the vault, and so does its `ETag`.
    #[param(default = false)]
    pub(super) relations: Option<bool>,
}

/// List entities of all types, by path; or those of one type, by id.
#[utoipa::path(
    get, path = "/entities", tag = "vault", operation_id = "listVaultEntities", security(("bearer" = ["mcp:read"])),
    params(EntitiesQuery),
    responses((status = 200, body = Listing<NoteView>), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn list(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<EntitiesQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, query.depends(), move |moment, _| {
        let filter = Filter::of_name(moment, query.kind.as_deref())?;
        query.list(moment, filter)
    })
    .await
}

/// Show one entity, of whatever type. Its `ETag` is its revision.
#[utoipa::path(
    get, path = "/entities/{entity_id}", tag = "vault", operation_id = "getVaultEntity", security(("bearer" = ["mcp:read"])),
    params(("entity_id" = String, Path), ShowQuery),
    responses((status = 200, body = NoteView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn show(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
    Query(query): Query<ShowQuery>,
) -> Result<Response, Problem> {
    one(&vault, has, query, move |moment| {
        Ok(Arc::clone(moment.entity(&id)?.note))
    })
    .await
}

/// One note, with what is asked of it. Only its text is on the disk; everything else is answered at once.
pub(super) async fn one(
    vault: &Vault,
    has: Has,
    query: ShowQuery,
    find: impl FnOnce(&Moment) -> Result<Arc<Note>, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    if query.relations == Some(true) {
        let asked = move |moment: &Moment, _: Option<&Index>| {
            let note = find(moment)?;
            NoteView::asked(moment, &note, &query.ask(moment)?).map(Json)
        };
        return whole(vault, has, On::Notes, asked).await;
    }
    // Whether there is a field of that name may take a look at all notes.
    let reads = query.body == Some(true) || query.fields.is_some();
    let answer = move |moment: &Moment| {
        let note = find(moment)?;
        let ask = query.ask(moment)?;
        if has.still(&strong(note.revision)) {
            return tagged(&strong(note.revision), StatusCode::NOT_MODIFIED);
        }
        let view = NoteView::asked(moment, &note, &ask)?;
        tagged(&strong(view.revision), Json(view))
    };
    if reads {
        return vault.look(move |moment, _| answer(moment)).await;
    }
    answer(&vault.moment()?)
}

impl ShowQuery {
    fn ask(&self, moment: &Moment) -> Result<Ask, Problem> {
        let window = (self.from_char, self.max_chars);
        ask(moment, self.fields.as_deref(), self.body, window, self.relations)
    }
}

/// The `ETag` of one note: what `If-Match` wants.
fn strong(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// A list of one type, and one of it.
macro_rules! typed {
    ($kind:ident, $list:ident $list_op:literal $list_path:literal $list_doc:literal, $one:ident $one_op:literal $one_path:literal $one_doc:literal) => {
        #[doc = $list_doc]
        #[utoipa::path(
            get, path = $list_path, tag = "vault", operation_id = $list_op, security(("bearer" = ["mcp:read"])),
            params(ListQuery),
            responses((status = 200, body = Listing<NoteView>), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
        )]
        pub(super) async fn $list(
            _caller: Caller<scopes::Read>,
            State(vault): State<Vault>,
            has: Has,
            Query(query): Query<ListQuery>,
        ) -> Result<Response, Problem> {
            whole(&vault, has, query.depends(), move |moment, _| query.list(moment, Filter::of(EntityType::$kind))).await
        }

        #[doc = $one_doc]
        #[utoipa::path(
            get, path = $one_path, tag = "vault", operation_id = $one_op, security(("bearer" = ["mcp:read"])),
            params(("entity_id" = String, Path), ShowQuery),
            responses((status = 200, body = NoteView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
        )]
        pub(super) async fn $one(
            _caller: Caller<scopes::Read>,
            State(vault): State<Vault>,
            has: Has,
            EntityPath(id): EntityPath,
            Query(query): Query<ShowQuery>,
        ) -> Result<Response, Problem> {
            one(&vault, has, query, move |moment| Ok(Arc::clone(moment.entity_of(&EntityType::$kind, &id)?.note))).await
        }
    };
}

typed!(Task, tasks "listVaultTasks" "/tasks" "List tasks, by id.", task "getVaultTask" "/tasks/{entity_id}" "Show one task.");
typed!(Project, projects "listVaultProjects" "/projects" "List projects, by id.", project "getVaultProject" "/projects/{entity_id}" "Show one project.");
typed!(Program, programs "listVaultPrograms" "/programs" "List programs, by id.", program "getVaultProgram" "/programs/{entity_id}" "Show one program.");
typed!(Hypothesis, hypotheses "listVaultHypotheses" "/hypotheses" "List hypotheses, by id.", hypothesis "getVaultHypothesis" "/hypotheses/{entity_id}" "Show one hypothesis.");
typed!(Track, tracks "listVaultTracks" "/tracks" "List tracks, by id.", track "getVaultTrack" "/tracks/{entity_id}" "Show one track.");
typed!(Condition, conditions "listVaultConditions" "/conditions" "List conditions, by id.", condition "getVaultCondition" "/conditions/{entity_id}" "Show one condition.");
