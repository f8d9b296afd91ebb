//! The vault over HTTP: one file per noun.

use {crate::Vault, utoipa_axum::router::OpenApiRouter};

/// Every route of this resource server, to be nested under `/vault/api/v1`.
pub fn router() -> OpenApiRouter<Vault> {
    OpenApiRouter::new()
}
