//! Where one act touches two services: ports that one service implements, another calls, and the binary wires.
//!
//! `Tx` is the store's transaction, so that both services' changes commit together. It is a type parameter, because
//! this crate knows no store.

use {
    crate::{
        id::{AgentId, KeyId, OwnerId, ProjectId, UserId},
        principal::Credential,
        scope::ScopeSet,
        secret::Secret,
        time::Now,
    },
    std::{collections::BTreeSet, future::Future, pin::Pin},
};

/// A future in a box, so that ports are object safe.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An OAuth client that is to be made for a new agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentClient {
    /// For which agent it acts.
    pub agent: AgentId,
    /// Whose that is.
    pub owner: OwnerId,
    /// In which project.
    pub project: ProjectId,
    /// For people.
    pub name: String,
    /// What its tokens may be good for, as far as the role `agent` goes.
    pub scopes: ScopeSet,
    /// By which credential it is made, for the audit log.
    pub by: String,
}

/// By what a new OAuth client proves itself, and the only time its secret is seen.
#[derive(Debug, Clone)]
pub struct NewClientSecret {
    /// Its id.
    pub client: Box<str>,
    /// Its secret.
    pub secret: Secret,
    /// What its tokens may be good for.
    pub scopes: ScopeSet,
    /// Where it asks for them.
    pub token_endpoint: Box<str>,
}

/// What the wallet may ask of the auth service.
pub trait CredentialControl<Tx, E>: Send + Sync {
    /// Revokes every credential bound to `agent`, within `tx`, and names the keys it revoked. OAuth clients end for good,
    /// and their tokens with them.
    fn revoke_of_agent<'a>(&'a self, tx: &'a mut Tx, agent: &'a AgentId) -> Boxed<'a, Result<Vec<KeyId>, E>>;

    /// Makes an OAuth client that acts for an agent by itself (`client_credentials`), within `tx`.
    fn client_for_agent<'a>(
        &'a self,
        tx: &'a mut Tx,
        new: &'a AgentClient,
        now: Now,
    ) -> Boxed<'a, Result<NewClientSecret, E>>;

    /// Stops the OAuth clients of `agent` and ends every grant that speaks for it, within `tx`: once that is committed
    /// none of their tokens is good, and none is issued. Doing it again changes nothing.
    fn stop_clients_of_agent<'a>(&'a self, tx: &'a mut Tx, agent: &'a AgentId, now: Now) -> Boxed<'a, Result<(), E>>;

    /// Lets the OAuth clients of `agent` that were stopped go on, under new grants: tokens from before stay dead.
    fn resume_clients_of_agent<'a>(&'a self, tx: &'a mut Tx, agent: &'a AgentId, now: Now) -> Boxed<'a, Result<(), E>>;
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

/// A passkey that somebody made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPasskey {
    /// Whose people its holder is one of.
    pub owner: OwnerId,
    /// Who holds it.
    pub user: UserId,
    /// True while neither it nor its holder was removed, and its holder is an owner: only then may it speak for one.
    pub speaks_for_owner: bool,
    /// The credential's public key, in base64url: the uncompressed point.
    pub public_key: String,
    /// The site it is good for.
    pub site: String,
    /// Where the pages of that site are.
    pub origin: String,
}

/// What the wallet may ask of the auth service about people.
pub trait PasskeyControl<E>: Send + Sync {
    /// The passkey with that credential id (base64url), also when it was removed; `None` when nobody made it here.
    fn find<'a>(&'a self, passkey: &'a str) -> Boxed<'a, Result<Option<KnownPasskey>, E>>;
}

/// What the auth service may ask of the wallet.
pub trait AgentControl<Tx, E>: Send + Sync {
    /// True when `agent` exists and belongs to `owner`, within `tx`.
    fn belongs_to<'a>(&'a self, tx: &'a mut Tx, agent: &'a AgentId, owner: &'a OwnerId) -> Boxed<'a, Result<bool, E>>;

    /// Stops `agent` of `owner` within `tx`, because `actor` reported that a credential of it leaked: its clients, the signer
    /// and the chain follow. False when there is nothing to stop: it is stopped already, or not made yet.
    fn suspend<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
        actor: &'a str,
    ) -> Boxed<'a, Result<bool, E>>;

    /// The agents of `owner` with what people call them, newest first, `most` at most.
    fn of_owner<'a>(&'a self, owner: &'a OwnerId, most: u32) -> Boxed<'a, Result<Vec<NamedAgent>, E>>;

    /// How it stands with `agent`, within `tx`; `None` when there is none or it is somebody else's. Changing that waits
    /// until `tx` has ended.
    fn lock<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
    ) -> Boxed<'a, Result<Option<Standing>, E>>;
}

/// An agent, for people to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAgent {
    /// Which.
    pub id: AgentId,
    /// What people call it.
    pub name: String,
}

/// How it stands with an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Whatever acts for it may.
    Going,
    /// Nothing acts for it until it is resumed.
    Suspended,
}
