//! The auth service as clients, other services and operators meet it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

mod assertions;
mod auth_log;
mod authenticator;
mod authorize;
mod clients;
mod consent;
mod contract;
mod devices;
mod documents;
mod fresh;
mod house;
mod introspection;
mod key_hours;
mod key_rotation;
mod oauth_contract;
mod own_grants;
mod own_servers;
mod people;
mod people_contract;
mod refresh;
mod registration;
mod resource_ends;
mod resources;
mod rotation;
mod service;
mod speaking;
mod strangers;
mod token;
mod token_access;
mod token_end;
