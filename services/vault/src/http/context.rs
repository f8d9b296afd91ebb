//! What belongs to a project, a track, or any entity.

use {
    super::{On, ReadRefusals, ask, entity_path::EntityPath, tagged::Has, whole},
    crate::{
        Moment, Vault,
        acts::{
            context::{self, EntityContext, ProjectContext, TrackContext},
            graph::{self, GraphView},
        },
        scopes,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, Problem, Query, openapi::Refusals},
    portreeve_notes::Index,
    serde::Deserialize,
    utoipa::IntoParams,
};

/// How much of the entity itself.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ContextQuery {
    /// Also its text.
    #[param(default = false)]
    include_body: Option<bool>,
    /// Most characters of the text; all when left out.
    #[param(minimum = 1, maximum = 1048576)]
    max_body_chars: Option<usize>,
}

impl ContextQuery {
    fn ask(&self, moment: &Moment) -> Result<crate::shown::Ask, Problem> {
        let window = (None, self.max_body_chars);
        ask(moment, None, self.include_body, window, None).map_err(|problem| problem.param("max_body_chars"))
    }
}

/// What belongs to an entity of some kind.
macro_rules! context_of {
    ($name:ident $operation:literal $path:literal $view:ident $doc:literal) => {
        #[doc = $doc]
        #[utoipa::path(
            get, path = $path, tag = "vault", operation_id = $operation, security(("bearer" = ["mcp:read"])),
            params(("entity_id" = String, Path), ContextQuery),
            responses((status = 200, body = $view), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
        )]
        pub(super) async fn $name(
            _caller: Caller<scopes::Read>,
            State(vault): State<Vault>,
            has: Has,
            EntityPath(id): EntityPath,
            Query(query): Query<ContextQuery>,
        ) -> Result<Response, Problem> {
            let act = move |moment: &Moment, _: Option<&Index>| context::$name(moment, &id, &query.ask(moment)?).map(Json);
            whole(&vault, has, On::Notes, act).await
        }
    };
}

context_of!(project "getVaultProjectContext" "/projects/{entity_id}/context" ProjectContext "Show a project with its tasks, hypotheses, track, program, evidence and score.");
context_of!(track "getVaultTrackContext" "/tracks/{entity_id}/context" TrackContext "Show a track with its projects, hypotheses, condition and score.");
context_of!(entity "getVaultEntityContext" "/entities/{entity_id}/context" EntityContext "Show any entity with what it lies beneath, what lies beneath it, and who links to it.");

/// Show an entity among those that it has to do with.
#[utoipa::path(
    get, path = "/entities/{entity_id}/graph", tag = "vault", operation_id = "getVaultEntityGraph",
    security(("bearer" = ["mcp:read"])),
    params(("entity_id" = String, Path)),
    responses((status = 200, body = GraphView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn graph(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        graph::graph(moment, &id).map(Json)
    })
    .await
}
