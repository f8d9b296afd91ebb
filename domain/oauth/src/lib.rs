//! OAuth 2.1 without a server: what a request asks, what a client may, what a code, a refresh token and a device code
//! become. No I/O, no clock, no chance: rows and time come in, the next row or a refusal goes out.
//!
//! What must stay true:
//!
//! - every parameter is read once; a repeated one is refused before anything is decided,
//! - a redirect goes to an address that its client registered, byte for byte, or nowhere,
//! - a code buys at most one grant, and only with the verifier whose hash came with the request,
//! - a grant never widens: not by a refresh, not by another resource,
//! - what an error says is fixed text; nothing of the request is ever reflected.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::arithmetic_side_effects,
        reason = "a test that fails may panic, which is what we want"
    )
)]

mod access_token;
mod authorize;
mod claims;
mod client;
mod client_auth;
mod client_keys;
mod code;
mod device;
mod document;
mod endpoints;
mod error;
mod header;
mod introspect;
mod key_set;
mod metadata;
mod params;
mod pkce;
mod redirect;
mod refresh;
mod registration;
mod resource;
mod token;

pub use {
    access_token::AccessToken,
    authorize::{Asked, Denied, Page, answer_with_code, answer_with_error, asked, asked_scopes},
    claims::{AccessClaims, ClaimsError, Expected},
    client::{AuthMethod, Client, ClientId, Grant, GrantSet},
    client_auth::{AssertionClaims, NOT_BELIEVED, Presented, SecretHash, presented},
    client_keys::{ClientKey, ClientKeys},
    code::{Code, CodeTtl, Redeemed, UNKNOWN_CODE, redeem},
    device::{Device, DeviceState, Polled, UNKNOWN_DEVICE, UserCode, polled},
    endpoints::Endpoints,
    error::{ErrorCode, OAuthError},
    header::{Algorithm, HeaderError, TokenHeader},
    introspect::{Active, Introspection, Told, ToldError},
    key_set::signing_keys,
    metadata::{JsonWebKey, JsonWebKeySet, Offers, ProtectedResource, ServerMetadata},
    params::Params,
    pkce::{Challenge, Verifier},
    redirect::RedirectUri,
    refresh::{Family, Presentation, Refreshed, UNKNOWN_REFRESH, present, successor},
    registration::{Described, KeySource, Registration, registered},
    resource::{Resource, ResourceError},
    token::{TokenRequest, token_request},
};
