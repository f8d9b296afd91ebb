//! The issuer: what it is called, for whom it makes tokens, and the documents that say so.

use {
    crate::{
        keys::Keys,
        oauth::{RecentOauth, Tokens, documents::Documents, issued::Issues, signing::SigningKeys},
        origin::{Addresses, Origin},
        resources::registry::{Registry, Servers},
    },
    portreeve_guard::Face,
    portreeve_kernel::{Clock, Entropy},
    portreeve_oauth::{AuthMethod, Grant, JsonWebKeySet, Offers, ProtectedResource, Resource, ServerMetadata},
    portreeve_outbound::Outside,
    portreeve_store::Database,
    std::{fmt, sync::Arc},
};

/// What is served, and so what the metadata names.
const OFFERS: Offers = Offers {
    grants: Grant::ALL,
    methods: AuthMethod::ALL,
    authorization: true,
    device: true,
    revocation: true,
    introspection: true,
    registration: true,
    ..Offers::NOTHING
};

/// What the gate of the server at `origin` has to know of its resource servers: their paths, and where each says what it
/// asks of its callers.
#[must_use]
pub fn faces(origin: &Origin) -> Vec<Face> {
    let face = |address: &str, prefixes: [&str; 2]| Face {
        prefixes: prefixes.map(Into::into).into(),
        metadata: ProtectedResource::location(&Resource::configured(address)).into(),
    };
    vec![
        face(&origin.wallet(), ["/api/v1", "/mcp"]),
        face(&origin.vault(), ["/vault/api/v1", "/vault/mcp"]),
    ]
}

/// How far clients are let in that nobody of ours made.
#[derive(Clone, Default)]
pub struct Strangers {
    /// Whether anybody may register a public client of the code flow.
    pub registration: bool,
    /// Whether the address of a document is a client's name.
    pub documents: bool,
    /// Who brings documents and keys; without, there are none.
    pub outside: Option<Arc<dyn Outside>>,
}

impl fmt::Debug for Strangers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strangers")
            .field("registration", &self.registration)
            .field("documents", &self.documents)
            .finish_non_exhaustive()
    }
}

/// The authorization server.
pub struct Issuer {
    pub(crate) origin: Origin,
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) signing: Arc<SigningKeys>,
    pub(crate) recent: Arc<RecentOauth>,
    pub(crate) issues: Arc<Issues>,
    /// Clients that are described at the address that they are called by.
    pub(crate) documents: Documents,
    /// Whether anybody may register.
    pub(crate) registration: bool,
    /// Reads tokens that were made.
    pub(crate) tokens: Tokens,
    registry: Arc<Registry>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("origin", &self.origin).finish()
    }
}

impl Issuer {
    /// The issuer of the server whose keys are `keys`, for the resource servers that are registered there.
    #[must_use]
    pub fn new(keys: &Keys, signing: Arc<SigningKeys>, strangers: Strangers) -> Self {
        Self {
            registration: strangers.registration,
            documents: Documents::new(&keys.origin, strangers),
            origin: keys.origin.clone(),
            db: keys.db.clone(),
            clock: Arc::clone(&keys.clock),
            entropy: Arc::clone(&keys.entropy),
            tokens: Tokens::new(keys, Arc::clone(&signing)),
            signing,
            recent: Arc::clone(&keys.recent_oauth),
            issues: Arc::clone(&keys.issues),
            registry: Arc::clone(&keys.registry),
        }
    }

    /// The resource servers that tokens are made for.
    pub(crate) fn servers(&self) -> Arc<Servers> {
        self.registry.servers()
    }

    /// What it says of itself (RFC 8414). Servers of third parties are not in it: they say themselves whose tokens they
    /// take, and whoever knows of them asks there. A program that asks for all the scopes that are named here and for no
    /// server means the wallet, so they are the wallet's.
    pub(crate) fn metadata(&self) -> ServerMetadata {
        let servers = self.servers();
        let ours = || servers.iter().filter(|server| server.is_ours());
        let first = ours().take(1);
        let offered = first.flat_map(|server| server.offered().iter().cloned().collect::<Vec<_>>());
        let resources: Vec<Resource> = ours().map(|server| server.resource.clone()).collect();
        let offers = Offers {
            client_documents: self.documents.are_taken(),
            ..OFFERS
        };
        ServerMetadata::new(self.origin.as_str(), offered.collect(), &resources, &offers)
    }

    /// What one of our resource servers says of itself (RFC 9728), or the first one.
    pub(crate) fn protected(&self, resource: Option<&str>) -> Option<ProtectedResource> {
        let servers = self.servers();
        let mut ours = servers.iter().filter(|server| server.is_ours());
        let server = ours.find(|server| resource.is_none_or(|name| server.resource.as_str() == name))?;
        Some(ProtectedResource::new(
            server.resource.clone(),
            self.origin.as_str(),
            server.offered(),
            &server.name,
        ))
    }

    /// The public halves of the keys that tokens are signed with.
    pub(crate) fn jwks(&self) -> JsonWebKeySet {
        self.signing.jwks()
    }
}
