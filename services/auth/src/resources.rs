//! The resource servers that tokens are made for: ours, and those that third parties register. All of them are rows of the
//! same tables, and all are written by the same function ([`rows::insert`]).
//!
//! What must stay true: an audience belongs to one server, and a scope to one of its owner's, also after its removal; nobody
//! registers a scope or a role that is built in; what a removed server's tokens, grants and credential were good for ends
//! with the removal.

pub(crate) mod manage;
pub(crate) mod new;
pub(crate) mod ours;
pub(crate) mod registry;
pub(crate) mod rows;
pub(crate) mod server;
pub(crate) mod taken;

pub use server::ResourceServer;
