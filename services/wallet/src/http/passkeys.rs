//! `/signer/passkeys`: the passkeys whose word the signer takes for the owner's.

use {
    super::schema,
    crate::{Wallet, passkeys, scopes},
    axum::{
        extract::{Path, State, rejection::PathRejection},
        http::StatusCode,
    },
    portreeve_guard::{
        Caller, Json, Problem,
        openapi::{BodyRefusals, Refusals},
    },
    portreeve_kernel::{Code, OwnerProof},
    portreeve_signing::Pins,
    serde::Deserialize,
    utoipa::ToSchema,
};

portreeve_guard::problems! {
    /// When the signer is asked.
    pub(super) SignerRefusals = [Code::SystemSignerUnavailable];
    /// When it is asked about a passkey that may not be there.
    pub(super) UnpinRefusals = [Code::AuthPasskeyNotFound, Code::SystemSignerUnavailable];
    /// When it is to take another one.
    pub(super) PinRefusals = [
        Code::AuthPasskeyNotFound, Code::PolicyProofInvalid, Code::ValidationOutOfRange, Code::SystemSignerUnavailable,
    ];
}

/// A passkey to be pinned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PinBody {
    /// The credential's id, in base64url.
    #[schema(example = "AQEBAQEBAQEBAQEBAQEBAQEBAQE")]
    passkey_id: String,
    /// Over the present revision and all of the passkey, by who speaks for the owner already.
    #[schema(value_type = schema::OwnerProof)]
    proof: OwnerProof,
}

/// List the passkeys that the signer believes, and the approval key.
#[utoipa::path(
    get, path = "/signer/passkeys", tag = "policies", operation_id = "listPinnedPasskeys",
    security(("bearer" = ["policies:write"])),
    responses((status = 200, body = schema::Pins), Refusals, SignerRefusals),
)]
pub(super) async fn list(
    _: Caller<scopes::PoliciesWrite>,
    State(wallet): State<Wallet>,
) -> Result<Json<Pins>, Problem> {
    passkeys::pins(&wallet).await.map(Json)
}

/// Pin an owner's passkey at the signer: its assertions count as the owner's word from then on.
#[utoipa::path(
    post, path = "/signer/passkeys", tag = "policies", operation_id = "pinPasskey",
    security(("bearer" = ["policies:write"])),
    request_body = PinBody,
    responses((status = 200, body = schema::Pins), Refusals, BodyRefusals, PinRefusals),
)]
pub(super) async fn pin(
    caller: Caller<scopes::PoliciesWrite>,
    State(wallet): State<Wallet>,
    Json(body): Json<PinBody>,
) -> Result<Json<Pins>, Problem> {
    passkeys::pin(&wallet, &caller.principal, &body.passkey_id, body.proof)
        .await
        .map(Json)
}

/// Unpin a passkey: nothing it says counts from then on. That needs no consent.
#[utoipa::path(
    delete, path = "/signer/passkeys/{passkeyId}", tag = "policies", operation_id = "unpinPasskey",
    security(("bearer" = ["policies:write"])),
    params(("passkeyId" = String, Path)),
    responses((status = 204, description = "Unpinned"), Refusals, UnpinRefusals),
)]
pub(super) async fn unpin(
    caller: Caller<scopes::PoliciesWrite>,
    State(wallet): State<Wallet>,
    passkey: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(passkey) = passkey.map_err(|_| Code::AuthPasskeyNotFound)?;
    passkeys::unpin(&wallet, &caller.principal, &passkey).await?;
    Ok(StatusCode::NO_CONTENT)
}
