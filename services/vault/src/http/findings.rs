//! `/findings`: what is wrong with the vault.

use {
    super::{
        ReadRefusals,
        tagged::{Has, tagged},
        whole_tag,
    },
    crate::{
        Moment, Vault,
        acts::findings::{self, FindingsView, Wanted},
        judge::Judged,
        scopes,
    },
    axum::{extract::State, http::StatusCode, response::Response},
    portreeve_guard::{Caller, Json, PagingQuery, Problem, Query, openapi::Refusals},
    portreeve_notes::Index,
    serde::Deserialize,
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
    vault.stands()?;
    let tag = whole_tag(vault.snapshot().generation());
    if has.still(&tag) {
        return tagged(&tag, StatusCode::NOT_MODIFIED);
    }
    // Of this state or of a later one, and its tag says of which.
    let Judged { generation, report } = vault.open().report().await?;
    let look = move |_: &Moment, _: Option<&Index>| {
        let paging = PagingQuery {
            limit: query.limit,
            cursor: query.cursor,
        };
        let wanted = Wanted {
            code: query.code.as_deref(),
            severity: query.severity.as_deref(),
            path: query.path.as_deref(),
        };
        let found = findings::findings(&report, &wanted, &paging.check()?)?;
        tagged(&whole_tag(generation), Json(found))
    };
    vault.look(look).await
}
