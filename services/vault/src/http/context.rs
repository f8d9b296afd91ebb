//! What belongs to a project, a track, or any entity.

use {
    super::{On, ReadRefusals, ask, entity_path::EntityPath, tagged::Has, whole},
    crate::{
        Vault,
        acts::{
            context::{self, EntityContext, ProjectContext, TrackContext},
            graph::{self, GraphView},
        },
        scopes,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, Problem, Query, openapi::Refusals},
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
    fn ask(&self, moment: &crate::Moment) -> Result<crate::shown::Ask, Problem> {
        let window = (None, self.max_body_chars);
        ask(moment, None, self.include_body, window, None).map_err(|problem| problem.param("max_body_chars"))
    }
}

/// Show a project with its tasks, hypotheses, track, program, evidence and score.
#[utoipa::path(
    get, path = "/projects/{entity_id}/context", tag = "vault", operation_id = "getVaultProjectContext",
    security(("bearer" = ["mcp:read"])),
    params(("entity_id" = String, Path), ContextQuery),
    responses((status = 200, body = ProjectContext), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn project(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
    Query(query): Query<ContextQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        context::project(moment, &id, &query.ask(moment)?).map(Json)
    })
    .await
}

/// Show a track with its projects, hypotheses, condition and score.
#[utoipa::path(
    get, path = "/tracks/{entity_id}/context", tag = "vault", operation_id = "getVaultTrackContext",
    security(("bearer" = ["mcp:read"])),
    params(("entity_id" = String, Path), ContextQuery),
    responses((status = 200, body = TrackContext), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn track(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
    Query(query): Query<ContextQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        context::track(moment, &id, &query.ask(moment)?).map(Json)
    })
    .await
}

/// Show any entity with what it lies beneath, what lies beneath it, and who links to it.
#[utoipa::path(
    get, path = "/entities/{entity_id}/context", tag = "vault", operation_id = "getVaultEntityContext",
    security(("bearer" = ["mcp:read"])),
    params(("entity_id" = String, Path), ContextQuery),
    responses((status = 200, body = EntityContext), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn entity(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
    Query(query): Query<ContextQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        context::entity(moment, &id, &query.ask(moment)?).map(Json)
    })
    .await
}

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
