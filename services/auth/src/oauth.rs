//! The authorization server: its signing keys, its clients, what they were granted, and the tokens that are made of it.
//!
//! Locks are taken in one order: agents, API keys, people and their sessions, clients, what is shown (codes, refresh tokens,
//! device codes), grants.

pub(crate) mod agent_clients;
pub(crate) mod assertion;
pub(crate) mod authorize;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod consent;
pub(crate) mod devices;
pub(crate) mod documents;
pub(crate) mod exchange;
pub(crate) mod given;
pub(crate) mod grants;
pub(crate) mod introspect;
pub(crate) mod issue;
pub(crate) mod issued;
pub(crate) mod issuer;
pub(crate) mod make;
pub(crate) mod manage;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod revoke;
pub(crate) mod rotation;
pub(crate) mod signing;
pub(crate) mod sweep;
pub(crate) mod tokens;

pub(crate) use issue::{IssueError, Issued};
pub use {
    issuer::{Issuer, Strangers, faces},
    tokens::Tokens,
};

use {
    crate::cache::{Recent, Shard},
    portreeve_kernel::GrantId,
    std::sync::Arc,
};

/// Clients and tokens that were found good lately. A token's shard is that of its grant.
#[derive(Debug)]
pub(crate) struct RecentOauth {
    pub(crate) clients: Recent<Arc<clients::Registered>>,
    pub(crate) tokens: Recent<tokens::Verified>,
}

impl RecentOauth {
    pub(crate) fn new() -> Self {
        Self {
            clients: Recent::new(),
            tokens: Recent::new(),
        }
    }

    /// To be called within the transaction that ends or changes `client`.
    pub(crate) fn distrust_client(&self, client: &str) {
        self.clients.distrust(Shard::named(client));
    }

    /// To be called within the transaction that ends `grant`, or a token of it.
    pub(crate) fn distrust_grant(&self, grant: &GrantId) {
        self.tokens.distrust(Shard::named(grant.as_str()));
    }

    /// To be called once the end of `grant`, or of a token of it, has been committed.
    pub(crate) fn forget_grant(&self, grant: &GrantId) {
        self.tokens.forget(Shard::named(grant.as_str()));
    }
}
