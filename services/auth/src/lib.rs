//! Who may do what: API keys; people, their passkeys and sessions; resource servers, ours and those of others; OAuth clients,
//! what people and owners grant them, and the tokens that come of it.
//!
//! What must stay true: a key's text leaves the process once and is stored nowhere; garbage is refused without asking the
//! database; a revocation holds when it is answered; every change of a credential commits with its audit entry.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod admissions;
mod auth_log;
mod bearers;
mod cache;
mod control;
mod error;
mod http;
mod issue;
mod keys;
mod leak;
mod oauth;
mod origin;
mod people;
mod refusals;
mod resources;
mod rows;
pub mod scopes;
mod token;
mod upkeep;
mod uses;
mod verify;

pub use {
    auth_log::AuthLog,
    bearers::Bearers,
    error::KeyError,
    issue::{CreatedKey, NewKey, first_key},
    keys::{Agents, Keys},
    oauth::{
        Issuer, Strangers, Tokens, faces,
        signing::{SealKey, SigningError, SigningKeys},
    },
    people::{
        People,
        error::PeopleError,
        links::NewLink,
        sessions::SignedIn,
        users::{Invited, ListedUser, User, first_person},
    },
    resources::{ResourceServer, new::Unfit, taken::Taken},
    rows::{ApiKey, SCHEMA},
    upkeep::upkeep,
};

use {
    axum::extract::FromRef,
    portreeve_guard::{Gate, oauth::readable_by_any_page, openapi::Below},
    std::{fmt, sync::Arc},
    utoipa_axum::{router::OpenApiRouter, routes},
};

/// What the handlers of this service need.
#[derive(Clone)]
pub struct Auth {
    /// Whom to let in. Its authenticator is [`Auth::keys`].
    pub gate: Gate,
    /// The keys.
    pub keys: Arc<Keys>,
    /// Whose agents are whose.
    pub agents: Arc<Agents>,
    /// The authorization server.
    pub issuer: Arc<Issuer>,
    /// Who signs in.
    pub people: Arc<People>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

impl FromRef<Auth> for Gate {
    fn from_ref(auth: &Auth) -> Self {
        auth.gate.clone()
    }
}

/// The routes of this service, below `path`.
pub fn router(path: &'static str) -> OpenApiRouter<Auth> {
    Below::new(path)
        .routes(routes!(http::keys::create, http::keys::list))
        .routes(routes!(http::keys::revoke))
        .routes(routes!(http::keys::rotate))
        .routes(routes!(http::keys::report_leak))
        .routes(routes!(http::clients::create, http::clients::list))
        .routes(routes!(http::clients::show, http::clients::revoke))
        .routes(routes!(http::clients::change_secret))
        .routes(routes!(http::grants::list))
        .routes(routes!(http::grants::revoke))
        .routes(routes!(http::users::invite, http::users::list))
        .routes(routes!(http::users::change, http::users::remove))
        .routes(routes!(http::users::link))
        .routes(routes!(http::passkeys::list))
        .routes(routes!(http::resources::register, http::resources::list))
        .routes(routes!(http::resources::show, http::resources::remove))
        .routes(routes!(http::signing_keys::rotate))
        .routes(routes!(http::signing_keys::revoke))
        .router()
}

/// The pages for people, which are at the root.
pub fn pages_router() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(http::people::enrol::page))
        .routes(routes!(http::people::enrol::begin))
        .routes(routes!(http::people::enrol::finish))
        .routes(routes!(http::people::signin::page))
        .routes(routes!(http::people::signin::begin))
        .routes(routes!(http::people::signin::finish))
        .routes(routes!(http::people::signin::sign_out))
        .routes(routes!(http::people::grants::end))
        .routes(routes!(http::oauth::authorize::page))
        .routes(routes!(http::oauth::authorize::decide))
        .routes(routes!(http::oauth::device::page, http::oauth::device::decide))
        .routes(routes!(http::oauth::device::done))
        .merge(portreeve_pages::asset::router().with_state(()))
}

/// The routes of the authorization server, which are at the root. Pages of any origin may read what they answer.
pub fn issuer_router() -> OpenApiRouter<Auth> {
    let (router, described) = OpenApiRouter::new()
        .routes(routes!(http::oauth::documents::server))
        .routes(routes!(http::oauth::documents::root))
        .routes(routes!(http::oauth::documents::wallet))
        .routes(routes!(http::oauth::documents::vault))
        .routes(routes!(http::oauth::documents::jwks))
        .routes(routes!(http::oauth::token::request))
        .routes(routes!(http::oauth::device::begin))
        .routes(routes!(http::oauth::register::register))
        .routes(routes!(http::oauth::revoke::revoke))
        .routes(routes!(http::oauth::revoke::introspect))
        .split_for_parts();
    let mut router = OpenApiRouter::from(readable_by_any_page(router));
    *router.get_openapi_mut() = described;
    router
}
