//! The wallet over HTTP: one file per noun.

mod agents;
mod approve;
mod passkeys;
mod policy;
pub(crate) mod schema;
mod transactions;

use {
    crate::Wallet,
    portreeve_guard::openapi::Below,
    utoipa_axum::{router::OpenApiRouter, routes},
};

/// Every route of this resource server, below `path`.
pub fn router(path: &'static str) -> OpenApiRouter<Wallet> {
    Below::new(path)
        .routes(routes!(agents::create, agents::list))
        .routes(routes!(agents::show))
        .routes(routes!(agents::suspend))
        .routes(routes!(agents::resume))
        .routes(routes!(agents::approve))
        .routes(routes!(policy::show))
        .routes(routes!(policy::usage))
        .routes(routes!(policy::check))
        .routes(routes!(policy::balance))
        .routes(routes!(transactions::create))
        .routes(routes!(transactions::show))
        .routes(routes!(transactions::list))
        .routes(routes!(passkeys::list, passkeys::pin))
        .routes(routes!(passkeys::unpin))
        .router()
}

/// The pages of this resource server, which are at the root.
pub fn pages_router() -> OpenApiRouter<Wallet> {
    OpenApiRouter::new()
        .routes(routes!(approve::page))
        .routes(routes!(approve::approve))
}
