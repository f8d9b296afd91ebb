//! `/members`: who works here.

use {
    super::{On, ReadRefusals, entity_path::EntityPath, tagged::Has, whole},
    crate::{
        Vault,
        members::{MemberView, MembersView},
        scopes,
    },
    axum::{extract::State, response::Response},
    portreeve_guard::{Caller, Json, Problem, openapi::Refusals},
};

/// List who works here.
#[utoipa::path(
    get, path = "/members", tag = "vault", operation_id = "listVaultMembers", security(("bearer" = ["mcp:read"])),
    responses((status = 200, body = MembersView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn list(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Members, |moment, _| {
        MembersView::read(moment).map(Json)
    })
    .await
}

/// Show one member, by id or alias.
#[utoipa::path(
    get, path = "/members/{member_id}", tag = "vault", operation_id = "getVaultMember", security(("bearer" = ["mcp:read"])),
    params(("member_id" = String, Path, description = "The member's id or alias")),
    responses((status = 200, body = MemberView), (status = 304, description = "Nothing has changed"), Refusals, ReadRefusals),
)]
pub(super) async fn show(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    has: Has,
    EntityPath(id): EntityPath,
) -> Result<Response, Problem> {
    whole(&vault, has, On::Members, move |moment, _| {
        MembersView::read(moment)?.get(&id).cloned().map(Json)
    })
    .await
}
