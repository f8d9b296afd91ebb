//! `/impact`: what was expected, and what was shown.

use {
    super::{On, ReadRefusals, entity_path::EntityPath, tagged::Has, whole},
    crate::{
        Vault,
        acts::impact::{self, ImpactDetail, ImpactView},
        scopes,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, Listing, PagingQuery, Problem, Query, openapi::Refusals},
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Whose scores.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImpactQuery {
    /// `Project`, `Track` or `Condition`.
    #[serde(rename = "type")]
    #[param(default = "Project")]
    kind: Option<String>,
    /// Only what was shown in this month, quarter, half or week: `2026-03`, `2026-Q1`, `2026-H1`, `2026-W09`.
    #[param(example = "2026-Q1")]
    window: Option<String>,
    /// Items per page, 1 to 100; 20 when left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// The `cursor` of the page before; leave it out for the first page.
    cursor: Option<String>,
}

/// List what was expected of projects, tracks or conditions and what they showed, by id.
#[utoipa::path(
    get, path = "/impact", tag = "vault", operation_id = "listVaultImpact", security(("bearer" = ["mcp:read"])),
    params(ImpactQuery),
    responses((status = 200, body = Listing<ImpactView>), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn list(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<ImpactQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        let paging = PagingQuery {
            limit: query.limit,
            cursor: query.cursor,
        };
        impact::list(moment, query.kind.as_deref(), query.window.as_deref(), &paging.check()?)
    })
    .await
}

/// In which window.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WindowQuery {
    /// Only what was shown in this month, quarter, half or week: `2026-03`, `2026-Q1`, `2026-H1`, `2026-W09`.
    #[param(example = "2026-Q1")]
    window: Option<String>,
}

/// Show the score of a project, track or condition, and what it is made of.
#[utoipa::path(
    get, path = "/impact/{entity_id}", tag = "vault", operation_id = "getVaultImpact", security(("bearer" = ["mcp:read"])),
    params(("entity_id" = String, Path), WindowQuery),
    responses((status = 200, body = ImpactDetail), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn show(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
    Query(query): Query<WindowQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        impact::one(moment, &id, query.window.as_deref()).map(Json)
    })
    .await
}
