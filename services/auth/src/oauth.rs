//! The authorization server: its signing keys, its clients and what they were granted.
//!
//! Locks are taken in one order: agents, API keys, clients, grants.

pub(crate) mod clients;
pub(crate) mod grants;
pub(crate) mod signing;
