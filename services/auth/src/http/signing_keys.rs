//! `/auth/signing-keys`: have another key sign access tokens.

use {
    crate::{Auth, oauth::signing::Rotation, scopes::AdminAll},
    axum::extract::State,
    portreeve_guard::{Caller, Json, Problem, openapi::Refusals},
    portreeve_kernel::Timestamp,
    serde::Serialize,
    utoipa::ToSchema,
};

/// The newest of the keys that access tokens are signed with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SigningKey {
    /// Its name in the list of public keys: its thumbprint (RFC 7638).
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: String,
    /// From when on it signs. It is published before, so that whoever keeps the list of keys knows it in time.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:06:00Z")]
    signs_from: Timestamp,
}

/// Have another key sign access tokens, in six minutes. No token ends by it. While a key waits for its turn it stays that one.
#[utoipa::path(
    post, path = "/auth/signing-keys/rotate", tag = "oauth", operation_id = "rotateSigningKey",
    security(("bearer" = ["admin:all"])),
    responses((status = 200, description = "The newest key", body = SigningKey), Refusals),
)]
pub(crate) async fn rotate(caller: Caller<AdminAll>, State(auth): State<Auth>) -> Result<Json<SigningKey>, Problem> {
    another(&caller, &auth, Rotation::Asked).await
}

/// End every signing key at once, because somebody else knows one, and every access token of everybody with it. A new key
/// signs from now on; clients ask for new tokens.
#[utoipa::path(
    post, path = "/auth/signing-keys/revoke", tag = "oauth", operation_id = "revokeSigningKeys",
    security(("bearer" = ["admin:all"])),
    responses((status = 200, description = "The new key", body = SigningKey), Refusals),
)]
pub(crate) async fn revoke(caller: Caller<AdminAll>, State(auth): State<Auth>) -> Result<Json<SigningKey>, Problem> {
    another(&caller, &auth, Rotation::Leaked).await
}

async fn another(caller: &Caller<AdminAll>, auth: &Auth, why: Rotation) -> Result<Json<SigningKey>, Problem> {
    let (kid, signs_from) = auth.keys.rotate(&auth.issuer.signing, &caller.principal, why).await?;
    Ok(Json(SigningKey { kid, signs_from }))
}
