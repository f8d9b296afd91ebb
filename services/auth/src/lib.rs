//! Credentials: API keys made, checked, listed and revoked; the keys that access tokens are signed with.
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

mod cache;
mod control;
mod error;
mod http;
mod issue;
mod keys;
mod oauth;
mod refusals;
mod rows;
pub mod scopes;
mod token;
mod upkeep;
mod uses;
mod verify;

pub use {
    error::KeyError,
    issue::{CreatedKey, NewKey, first_key},
    keys::{Agents, Keys},
    oauth::signing::{SealKey, SigningError, SigningKeys},
    refusals::RefusalLog,
    rows::{ApiKey, SCHEMA},
    upkeep::upkeep,
};

use {
    axum::extract::FromRef,
    portreeve_guard::Gate,
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

/// The routes of this service, to be nested under `/api/v1`.
pub fn router(auth: Auth) -> OpenApiRouter {
    OpenApiRouter::default()
        .routes(routes!(http::keys::create, http::keys::list))
        .routes(routes!(http::keys::revoke))
        .with_state(auth)
}
