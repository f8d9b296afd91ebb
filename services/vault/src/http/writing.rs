//! What the handlers that write have in common: what they take, how it is described, and how they answer.

mod shape;
mod taken;

use {
    super::tagged::tagged,
    crate::write::{Deleted, Written},
    axum::{
        http::{HeaderValue, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Json, Problem},
    portreeve_kernel::Code,
};

pub(super) use {
    shape::described,
    taken::{Body, DeleteQuery, Expected, WriteQuery},
};

portreeve_guard::problems! {
    /// When something is made.
    pub(super) CreateRefusals = [Code::VaultNotFound, Code::VaultConflict, Code::VaultRuleBroken, Code::VaultMoved, Code::VaultUnavailable];
    /// When something is changed.
    pub(super) UpdateRefusals = [
        Code::VaultNotFound,
        Code::VaultConflict,
        Code::VaultNoteChanged,
        Code::VaultRuleBroken,
        Code::VaultRevisionMissing,
        Code::VaultMoved,
        Code::VaultUnavailable,
    ];
    /// When something is deleted.
    pub(super) DeleteRefusals = [
        Code::ValidationInvalidFormat,
        Code::VaultNotFound,
        Code::VaultConflict,
        Code::VaultNoteChanged,
        Code::VaultRevisionMissing,
        Code::VaultMoved,
        Code::VaultUnavailable,
    ];
}

/// Something new, and where it is: `noun` is the path of its kind.
pub(super) fn made(noun: &str, written: Written) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", written.note.revision);
    if written.dry_run {
        return tagged(&tag, Json(written));
    }
    let id = written
        .note
        .entity_id
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let location = HeaderValue::try_from(format!("/vault/api/v1{noun}/{id}")).map_err(Problem::internal)?;
    let answer = (StatusCode::CREATED, [(header::LOCATION, location)], Json(written));
    tagged(&tag, answer)
}

/// Something that was changed.
pub(super) fn changed(written: Written) -> Result<Response, Problem> {
    tagged(&format!("\"{}\"", written.note.revision), Json(written))
}

/// Something that is gone.
pub(super) fn gone(deleted: Deleted) -> Response {
    Json(deleted).into_response()
}

/// The two bodies of a type and its four handlers.
macro_rules! writes {
    (
        $kind:ident, $noun:literal, $one:literal,
        $(#[doc = $new_doc:literal])+ $new:ident $new_name:literal,
        $(#[doc = $change_doc:literal])+ $change:ident $change_name:literal,
        $(#[doc = $create_doc:literal])+ $create:literal,
        $(#[doc = $update_doc:literal])+ $update:literal,
        $(#[doc = $duplicate_doc:literal])+ $path:literal $duplicate:literal,
        $(#[doc = $delete_doc:literal])+ $delete:literal $(,)?
    ) => {
        use {
            super::{
                entity_path::EntityPath,
                writing::{self, CreateRefusals, DeleteQuery, DeleteRefusals, Expected, UpdateRefusals, WriteQuery},
            },
            crate::{
                Vault, scopes,
                write::{Deleted, Kind, Written},
            },
            axum::{extract::State, response::Response},
            portreeve_guard::{
                Caller, Json, Problem, Query,
                openapi::{BodyRefusals, Refusals},
            },
        };

        $(#[doc = $new_doc])+
        #[derive(Debug, serde::Deserialize)]
        #[serde(transparent)]
        pub(super) struct $new(writing::Body);

        impl utoipa::PartialSchema for $new {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                writing::described(Kind::$kind, true)
            }
        }

        impl utoipa::ToSchema for $new {
            fn name() -> std::borrow::Cow<'static, str> {
                $new_name.into()
            }
        }

        $(#[doc = $change_doc])+
        #[derive(Debug, serde::Deserialize)]
        #[serde(transparent)]
        pub(super) struct $change(writing::Body);

        impl utoipa::PartialSchema for $change {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                writing::described(Kind::$kind, false)
            }
        }

        impl utoipa::ToSchema for $change {
            fn name() -> std::borrow::Cow<'static, str> {
                $change_name.into()
            }
        }

        $(#[doc = $create_doc])+
        #[utoipa::path(
            post, path = $noun, tag = "vault", operation_id = $create, security(("bearer" = ["mcp:write"])),
            params(WriteQuery),
            request_body = $new,
            responses(
                (status = 201, body = Written), (status = 200, description = "What would be written", body = Written),
                Refusals, BodyRefusals, CreateRefusals,
            ),
        )]
        pub(super) async fn create(
            caller: Caller<scopes::Write>,
            State(vault): State<Vault>,
            Query(query): Query<WriteQuery>,
            Json($new(writing::Body(given))): Json<$new>,
        ) -> Result<Response, Problem> {
            let dry_run = query.dry_run.unwrap_or(false);
            let written = vault.writer().create(&caller.principal, Kind::$kind, given, dry_run).await?;
            writing::made($noun, written)
        }

        $(#[doc = $update_doc])+
        #[utoipa::path(
            patch, path = $one, tag = "vault", operation_id = $update, security(("bearer" = ["mcp:write"])),
            params(("entity_id" = String, Path), ("If-Match" = String, Header, description = "Its `ETag`"), WriteQuery),
            request_body = $change,
            responses((status = 200, body = Written), Refusals, BodyRefusals, UpdateRefusals),
        )]
        pub(super) async fn update(
            caller: Caller<scopes::Write>,
            State(vault): State<Vault>,
            EntityPath(id): EntityPath,
            Expected(revision): Expected,
            Query(query): Query<WriteQuery>,
            Json($change(writing::Body(given))): Json<$change>,
        ) -> Result<Response, Problem> {
            let dry_run = query.dry_run.unwrap_or(false);
            let writer = vault.writer();
            let written = writer.update(&caller.principal, Kind::$kind, id, revision, given, dry_run).await?;
            writing::changed(written)
        }

        $(#[doc = $duplicate_doc])+
        #[utoipa::path(
            post, path = $path, tag = "vault", operation_id = $duplicate, security(("bearer" = ["mcp:write"])),
            params(("entity_id" = String, Path), WriteQuery),
            responses(
                (status = 201, body = Written), (status = 200, description = "What would be written", body = Written),
                Refusals, CreateRefusals,
            ),
        )]
        pub(super) async fn duplicate(
            caller: Caller<scopes::Write>,
            State(vault): State<Vault>,
            EntityPath(id): EntityPath,
            Query(query): Query<WriteQuery>,
        ) -> Result<Response, Problem> {
            let dry_run = query.dry_run.unwrap_or(false);
            let written = vault.writer().duplicate(&caller.principal, Kind::$kind, id, dry_run).await?;
            writing::made($noun, written)
        }

        $(#[doc = $delete_doc])+
        #[utoipa::path(
            delete, path = $one, tag = "vault", operation_id = $delete, security(("bearer" = ["mcp:write"])),
            params(("entity_id" = String, Path), ("If-Match" = String, Header, description = "Its `ETag`"), DeleteQuery),
            responses((status = 200, body = Deleted), Refusals, DeleteRefusals),
        )]
        pub(super) async fn delete(
            caller: Caller<scopes::Write>,
            State(vault): State<Vault>,
            EntityPath(id): EntityPath,
            Expected(revision): Expected,
            Query(query): Query<DeleteQuery>,
        ) -> Result<Response, Problem> {
            let DeleteQuery { force, dry_run } = query;
            let (force, dry_run) = (force.unwrap_or(false), dry_run.unwrap_or(false));
            let writer = vault.writer();
            let deleted = writer.delete(&caller.principal, Kind::$kind, id, revision, force, dry_run).await?;
            Ok(writing::gone(deleted))
        }
    };
}

pub(super) use writes;
