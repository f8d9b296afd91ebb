//! All of the vault at once: where is what, how things stand, and by which rules.

use {
    super::{On, ReadRefusals, tagged::Has, whole},
    crate::{
        Vault,
        acts::{
            navigation::{self, NavigationView, OverviewView},
            scan::{self, Depth, ScanView},
            schema::{self, SchemaView},
            stats::{self, StatsView},
            status::{self, StatusView},
            strategy::{self, StrategyView},
        },
        scopes,
        shown::Selection,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, Problem, Query, openapi::Refusals},
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Show where is what: folders, texts that introduce them, and which call answers which question.
#[utoipa::path(
    get, path = "/navigation", tag = "vault", operation_id = "getVaultNavigation", security(("bearer" = ["mcp:read"])),
    responses((status = 200, body = NavigationView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn navigation(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, |moment, _| {
        Ok(Json(navigation::navigation(moment)))
    })
    .await
}

/// Show what this vault is and what is going on in it.
#[utoipa::path(
    get, path = "/context", tag = "vault", operation_id = "getVaultContext", security(("bearer" = ["mcp:read"])),
    responses((status = 200, body = OverviewView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn context(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Day, |moment, _| Ok(Json(navigation::overview(moment)))).await
}

/// Show how things stand: totals, what is late, what changed last.
#[utoipa::path(
    get, path = "/status", tag = "vault", operation_id = "getVaultStatus", security(("bearer" = ["mcp:read"])),
    responses((status = 200, body = StatusView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn status(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Day, |moment, _| Ok(Json(status::status(moment)))).await
}

/// How deep.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StrategyQuery {
    /// Levels, 1 to 5: north stars, meta hypotheses, conditions, tracks, hypotheses.
    #[param(minimum = 1, maximum = 5, default = 4)]
    depth: Option<usize>,
    /// Fields of the front matter to show, with commas between; all when left out.
    fields: Option<String>,
}

/// Show what everything is for, from the top down.
#[utoipa::path(
    get, path = "/strategy", tag = "vault", operation_id = "getVaultStrategy", security(("bearer" = ["mcp:read"])),
    params(StrategyQuery),
    responses((status = 200, body = StrategyView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn strategy(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<StrategyQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        let selection = Selection::parse(moment, query.fields.as_deref())?;
        strategy::strategy(moment, query.depth, &selection).map(Json)
    })
    .await
}

/// Which part.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SchemaQuery {
    /// `all`, or a type: `task`, `project`, `program`, `hypothesis`, `track`, `condition`, `experiment`, `evidence`.
    #[param(default = "all", example = "task")]
    category: Option<String>,
}

/// Show the vault's rules: what each type has to have, and the words there are.
#[utoipa::path(
    get, path = "/schema", tag = "vault", operation_id = "getVaultSchema", security(("bearer" = ["mcp:read"])),
    params(SchemaQuery),
    responses((status = 200, body = SchemaView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn schema(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<SchemaQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Notes, move |moment, _| {
        schema::schema(moment, query.category.as_deref()).map(Json)
    })
    .await
}

/// How much of it.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ScanQuery {
    /// `summary`, or `full` with all fields and how often each value is held.
    #[param(default = "summary", example = "full")]
    depth: Option<String>,
    /// Only these types, with commas between.
    #[param(example = "Task,Project")]
    types: Option<String>,
    /// Examples of each type, 1 to 5.
    #[param(minimum = 1, maximum = 5, default = 2)]
    sample_count: Option<usize>,
}

/// Show all of the vault at a glance, type by type.
#[utoipa::path(
    get, path = "/scan", tag = "vault", operation_id = "scanVault", security(("bearer" = ["mcp:read"])),
    params(ScanQuery),
    responses((status = 200, body = ScanView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn scan(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<ScanQuery>,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Day, move |moment, _| {
        let asked = Depth {
            depth: query.depth.as_deref(),
            types: query.types.as_deref(),
            samples: query.sample_count,
        };
        scan::scan(moment, asked).map(Json)
    })
    .await
}

/// Show the vault in numbers.
#[utoipa::path(
    get, path = "/stats", tag = "vault", operation_id = "getVaultStats", security(("bearer" = ["mcp:read"])),
    responses((status = 200, body = StatsView), Refusals, ReadRefusals),
)]
pub(super) async fn stats(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
) -> Result<Json<StatsView>, Problem> {
    vault
        .look(|moment, index| Ok(Json(stats::stats(moment, index.is_some()))))
        .await
}
