//! Every route of the server, and the document that describes them.

use {
    super::{
        health::{self, Needs},
        metrics::{self, Metrics},
    },
    axum::{Router, body::Bytes, http::header, routing::get},
    portreeve_auth::Auth,
    portreeve_wallet::Wallet,
    utoipa::OpenApi,
    utoipa_axum::{router::OpenApiRouter, routes},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portreeve",
        description = "Wallets for AI agents, within what their owners allow. Amounts are decimal strings in base units \
                       (lamports for SOL), times RFC 3339 in UTC, errors RFC 9457 with a code of the registry."
    ),
    tags(
        (name = "agents", description = "Agents and their wallets"),
        (name = "policies", description = "What an agent may spend"),
        (name = "transactions", description = "Payments"),
        (name = "keys", description = "API keys"),
        (name = "users", description = "People who sign in"),
        (name = "pages", description = "Pages for people, and what their script asks for. No part of the API: they may change"),
        (name = "oauth", description = "Access tokens, as the OAuth RFCs have them"),
        (name = "operations", description = "How the server is"),
    ),
    paths(description_itself),
)]
struct Document;

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations", operation_id = "getOpenApi", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value))
)]
#[expect(
    dead_code,
    reason = "describes the route that `router` adds, which answers the finished document"
)]
fn description_itself() {}

/// All routes, not yet behind the gate.
///
/// # Errors
/// When the document cannot be written.
pub(super) fn router(auth: Auth, wallet: Wallet, needs: Needs, metrics: Metrics) -> Result<Router, serde_json::Error> {
    let services = OpenApiRouter::new()
        .merge(portreeve_auth::router(auth.clone()))
        .merge(portreeve_wallet::router().with_state(wallet));
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .nest("/api/v1", services)
        .merge(portreeve_auth::issuer_router(auth.clone()))
        .merge(portreeve_auth::pages_router(auth))
        .routes(routes!(health::alive))
        .merge(OpenApiRouter::new().routes(routes!(health::ready)).with_state(needs))
        .merge(OpenApiRouter::new().routes(routes!(metrics::show)).with_state(metrics))
        .split_for_parts();
    portreeve_guard::openapi::complete(&mut document);
    let text = Bytes::from(serde_json::to_vec(&document)?);
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
    Ok(router.route("/openapi.json", get(answer)))
}
