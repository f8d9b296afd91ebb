//! What everybody may read: the metadata of issuer and resource server, and the public keys. Every address in them comes
//! from the settings and none from the request.

use {
    crate::{Auth, origin::Addresses},
    axum::{
        extract::State,
        http::header,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Json, Problem},
    portreeve_kernel::Code,
    serde::Serialize,
};

/// Long enough to spare us the question, short enough that new keys are known in time.
const FIVE_MINUTES: &str = "public, max-age=300";

fn document(content: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, FIVE_MINUTES)], Json(content)).into_response()
}

/// What the authorization server can do, and where (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "oauth", operation_id = "getAuthorizationServer",
    security(()),
    responses((status = 200, body = serde_json::Value, description = "The metadata of RFC 8414"))
)]
pub(crate) async fn server(State(auth): State<Auth>) -> Response {
    document(auth.issuer.metadata())
}

/// What the wallet asks of its callers (RFC 9728).
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource/mcp", tag = "oauth", operation_id = "getWalletResource",
    security(()),
    responses((status = 200, body = serde_json::Value, description = "The metadata of RFC 9728"))
)]
pub(crate) async fn wallet(State(auth): State<Auth>) -> Result<Response, Problem> {
    resource(&auth, Some(&auth.issuer.origin.wallet()))
}

/// What the vault asks of its callers (RFC 9728). Not there where no vault is.
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource/vault/mcp", tag = "oauth", operation_id = "getVaultResource",
    security(()),
    responses(
        (status = 200, body = serde_json::Value, description = "The metadata of RFC 9728"),
        (status = 404, description = "This server has no vault"),
    )
)]
pub(crate) async fn vault(State(auth): State<Auth>) -> Result<Response, Problem> {
    resource(&auth, Some(&auth.issuer.origin.vault()))
}

/// The same as of the wallet at the root, for who knows no more than the server's name.
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource", tag = "oauth", operation_id = "getRootResource",
    security(()),
    responses((status = 200, body = serde_json::Value, description = "The metadata of RFC 9728"))
)]
pub(crate) async fn root(State(auth): State<Auth>) -> Result<Response, Problem> {
    resource(&auth, None)
}

fn resource(auth: &Auth, name: Option<&str>) -> Result<Response, Problem> {
    let found = auth.issuer.protected(name);
    found.map(document).ok_or_else(|| Code::RequestNotFound.into())
}

/// The public keys of access tokens (RFC 7517).
#[utoipa::path(
    get, path = "/oauth/jwks", tag = "oauth", operation_id = "getJwks", security(()),
    responses((status = 200, body = serde_json::Value, description = "A JSON Web Key Set"))
)]
pub(crate) async fn jwks(State(auth): State<Auth>) -> Response {
    document(auth.issuer.jwks())
}
