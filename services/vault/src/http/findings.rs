//! `/findings`: what is wrong with the vault.

use {
    super::{On, ReadRefusals, tagged::Has, whole},
    crate::{
        Vault,
        acts::findings::{self, FindingsView, Wanted},
        scopes,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, PagingQuery, Problem, Query, openapi::Refusals},
    serde::Deserialize,
    std::sync::Arc,
    utoipa::IntoParams,
};

/// Which findings.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingsQuery {
    /// Only of this kind, such as `dangling`.
    code: Option<String>,
    /// Only `error`, `warning` or `note`.
    #[param(example = "error")]
    severity: Option<String>,
    /// Only in this folder or below it, or in this file.
    path: Option<String>,
    /// Items per page, 1 to 100; 20 when left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// The `cursor` of the page before; leave it out for the first page.
    cursor: Option<String>,
}

/// List what is wrong with the vault, by path and line.
#[utoipa::path(
    get, path = "/findings", tag = "vault", operation_id = "listVaultFindings", security(("bearer" = ["mcp:read"])),
    params(FindingsQuery),
    responses((status = 200, body = FindingsView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn list(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    Query(query): Query<FindingsQuery>,
) -> Result<Response, Problem> {
    let open = Arc::clone(vault.open());
    whole(&vault, has, On::Notes, move |moment, _| {
        let paging = PagingQuery {
            limit: query.limit,
            cursor: query.cursor,
        };
        let wanted = Wanted {
            code: query.code.as_deref(),
            severity: query.severity.as_deref(),
            path: query.path.as_deref(),
        };
        findings::findings(&open.report(moment), &wanted, &paging.check()?).map(Json)
    })
    .await
}
