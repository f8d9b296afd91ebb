//! Where one act touches two services: ports that one service implements, another calls, and the binary wires.
//!
//! `Tx` is the store's transaction, so that both services' changes commit together. It is a type parameter, because
//! this crate knows no store.

use {
    crate::{
        id::{AgentId, KeyId},
        principal::Credential,
        time::Now,
    },
    std::{collections::BTreeSet, future::Future, pin::Pin},
};

/// A future in a box, so that ports are object safe.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the wallet may ask of the auth service.
pub trait CredentialControl<Tx, E>: Send + Sync {
    /// Revokes every credential bound to `agent`, within `tx`, and names those it revoked.
    fn revoke_of_agent<'a>(&'a self, tx: &'a mut Tx, agent: &'a AgentId) -> Boxed<'a, Result<Vec<KeyId>, E>>;
}

/// What every act that moves money or rights asks within its own transaction: a credential that was good when the request
/// came in may have been revoked since, perhaps by another node.
pub trait CredentialCheck<Tx, E>: Send + Sync {
    /// Those of `credentials` that are neither revoked nor past their time at `now`. Revoking one of them waits until `tx`
    /// has ended.
    fn good_among<'a>(
        &'a self,
        tx: &'a mut Tx,
        credentials: &'a BTreeSet<Credential>,
        now: Now,
    ) -> Boxed<'a, Result<BTreeSet<Credential>, E>>;
}

/// What the auth service may ask of the wallet.
pub trait AgentControl<Tx, E>: Send + Sync {
    /// True when `agent` exists and belongs to `owner`, within `tx`.
    fn belongs_to<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a crate::id::OwnerId,
    ) -> Boxed<'a, Result<bool, E>>;
}
