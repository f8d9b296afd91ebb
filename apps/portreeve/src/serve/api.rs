//! Every route of the server, and the document that describes them.

use {
    super::{
        health::{self, Needs},
        metrics::{self, Metrics},
    },
    axum::{Router, body::Bytes, http::header, routing::get},
    portreeve_auth::Auth,
    portreeve_vault::Vault,
    portreeve_wallet::Wallet,
    utoipa::{OpenApi, openapi::OpenApi as Description},
    utoipa_axum::{router::OpenApiRouter, routes},
};

/// Where the services are.
const SERVICES: &str = "/api/v1";

/// Where the vault is.
const VAULT: &str = "/vault/api/v1";

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
        (name = "vault", description = "The vault: notes, entities, how they stand to one another. Members are called as in front matter. \
                                        Not served where the settings name no vault"),
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

/// All routes, with what they describe of themselves. Document and router are both made of this one list.
struct Routes {
    auth: OpenApiRouter<Auth>,
    wallet: OpenApiRouter<Wallet>,
    vault: OpenApiRouter<Vault>,
    issuer: OpenApiRouter<Auth>,
    pages: OpenApiRouter<Auth>,
    wallet_pages: OpenApiRouter<Wallet>,
    vault_pages: OpenApiRouter<Vault>,
    alive: OpenApiRouter,
    ready: OpenApiRouter<Needs>,
    metrics: OpenApiRouter<Metrics>,
}

impl Routes {
    fn all() -> Self {
        Self {
            auth: portreeve_auth::router(SERVICES),
            wallet: portreeve_wallet::router(SERVICES),
            vault: portreeve_vault::router(VAULT),
            issuer: portreeve_auth::issuer_router(),
            pages: portreeve_auth::pages_router(),
            wallet_pages: portreeve_wallet::pages_router(),
            vault_pages: portreeve_vault::pages_router(),
            alive: OpenApiRouter::new().routes(routes!(health::alive)),
            ready: OpenApiRouter::new().routes(routes!(health::ready)),
            metrics: OpenApiRouter::new().routes(routes!(metrics::show)),
        }
    }

    /// What the services describe, and what there is at the root.
    fn described(&self) -> ([&Description; 3], [&Description; 7]) {
        let Self {
            auth,
            wallet,
            vault,
            issuer,
            pages,
            wallet_pages,
            vault_pages,
            alive,
            ready,
            metrics,
        } = self;
        let at_root = [
            issuer.get_openapi(),
            pages.get_openapi(),
            wallet_pages.get_openapi(),
            vault_pages.get_openapi(),
            alive.get_openapi(),
            ready.get_openapi(),
            metrics.get_openapi(),
        ];
        ([auth.get_openapi(), wallet.get_openapi(), vault.get_openapi()], at_root)
    }

    fn document(&self) -> Description {
        let ([auth, wallet, vault], at_root) = self.described();
        let services = auth.clone().merge_from(wallet.clone());
        let mut document = Document::openapi();
        document.merge(services);
        document.merge(vault.clone());
        for one in at_root {
            document.merge(one.clone());
        }
        portreeve_guard::openapi::complete(&mut document);
        document
    }
}

/// The description of everything that is served, also where nobody serves it.
pub(crate) fn document() -> Description {
    Routes::all().document()
}

/// All routes, not yet behind the gate.
///
/// # Errors
/// When the document cannot be written.
pub(super) fn router(
    state: Auth,
    own: Wallet,
    notes: Option<Vault>,
    needs: Needs,
    counted: Metrics,
) -> Result<Router, serde_json::Error> {
    let routes = Routes::all();
    let text = Bytes::from(serde_json::to_vec(&routes.document())?);
    let Routes {
        auth,
        wallet,
        vault,
        issuer,
        pages,
        wallet_pages,
        vault_pages,
        alive,
        ready,
        metrics,
    } = routes;
    // Without a vault there is no such route; the document is the same everywhere.
    let vault = notes.map_or_else(OpenApiRouter::new, |notes| vault_pages.merge(vault).with_state(notes));
    let (router, _) = OpenApiRouter::new()
        .merge(auth.merge(issuer).merge(pages).with_state(state))
        .merge(wallet.merge(wallet_pages).with_state(own))
        .merge(vault)
        .merge(alive)
        .merge(ready.with_state(needs))
        .merge(metrics.with_state(counted))
        .split_for_parts();
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
    Ok(router.route("/openapi.json", get(answer)))
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        serde_json::{Value, to_value},
        std::collections::BTreeMap,
    };

    #[test]
    fn no_two_types_share_a_name() {
        let routes = Routes::all();
        let (services, at_root) = routes.described();
        let mut known: BTreeMap<String, Value> = BTreeMap::new();
        for one in services.into_iter().chain(at_root) {
            let Some(components) = &one.components else { continue };
            for (name, schema) in &components.schemas {
                let schema = to_value(schema).unwrap();
                let first = known.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(
                    *first, schema,
                    "`{name}` is two types: give one of them `#[schema(as = …)]`"
                );
            }
        }
        assert!(known.len() > 50, "{}", known.len());
    }
}
