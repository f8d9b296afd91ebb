//! The issuer: what it is called, for whom it makes tokens, and the documents that say so.

use {
    crate::{
        keys::Keys,
        oauth::{RecentOauth, Tokens, documents::Documents, issued::Issues, signing::SigningKeys},
        origin::{Addresses, Origin},
    },
    portreeve_guard::Face,
    portreeve_kernel::{Clock, Entropy, Role, Scope, ScopeSet},
    portreeve_oauth::{AuthMethod, Grant, JsonWebKeySet, Offers, ProtectedResource, Resource, ServerMetadata},
    portreeve_outbound::Outside,
    portreeve_policy::roles,
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

/// A resource server that tokens are made for.
#[derive(Debug, Clone)]
pub struct ResourceServer {
    /// Its name in tokens, which is the address that its clients know.
    pub resource: Resource,
    /// For people.
    pub name: String,
    /// All that a token for it may hold.
    pub scopes: ScopeSet,
    /// Those that its document names: what somebody who knows nothing of it should ask for, and no more.
    pub offered: ScopeSet,
}

impl ResourceServer {
    /// The wallet of the server at `origin`. Its tokens may hold all that `admin:all` implies; its document names what an
    /// agent may hold.
    #[must_use]
    pub fn wallet(origin: &Origin) -> Self {
        let admin: ScopeSet = [Scope::ADMIN_ALL].into_iter().collect();
        let scopes = roles::expand(&admin);
        let agent = roles::grantable(&Role::Agent);
        Self {
            resource: Resource::configured(&origin.wallet()),
            name: "Portreeve wallet".to_owned(),
            offered: scopes.iter().filter(|scope| agent.holds(scope)).cloned().collect(),
            scopes,
        }
    }

    /// What the gate has to know of it: `prefixes` are its paths.
    #[must_use]
    pub fn face(&self, prefixes: &[&str]) -> Face {
        Face {
            prefixes: prefixes.iter().map(|prefix| (*prefix).into()).collect(),
            metadata: ProtectedResource::location(&self.resource).into(),
        }
    }
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
    /// The first is meant when none is asked for.
    pub(crate) servers: Vec<ResourceServer>,
    /// Their names, in that order.
    pub(crate) resources: Vec<Resource>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("origin", &self.origin).finish()
    }
}

impl Issuer {
    /// The issuer of the server whose keys are `keys`, for `servers`.
    #[must_use]
    pub fn new(keys: &Keys, signing: Arc<SigningKeys>, servers: Vec<ResourceServer>, strangers: Strangers) -> Self {
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
            resources: servers.iter().map(|server| server.resource.clone()).collect(),
            servers,
        }
    }

    /// What it says of itself (RFC 8414).
    pub(crate) fn metadata(&self) -> ServerMetadata {
        let offered = self.servers.iter().flat_map(|server| &server.offered).cloned();
        let offers = Offers {
            client_documents: self.documents.are_taken(),
            ..OFFERS
        };
        ServerMetadata::new(self.origin.as_str(), offered.collect(), &self.resources, &offers)
    }

    /// What the resource server says of itself whose document is at `location` (RFC 9728), or the first one.
    pub(crate) fn protected(&self, resource: Option<&str>) -> Option<ProtectedResource> {
        let server = match resource {
            None => self.servers.first(),
            Some(name) => self.servers.iter().find(|server| server.resource.as_str() == name),
        }?;
        let (resource, scopes) = (server.resource.clone(), server.offered.clone());
        Some(ProtectedResource::new(
            resource,
            self.origin.as_str(),
            scopes,
            &server.name,
        ))
    }

    /// The public halves of the keys that tokens are signed with.
    pub(crate) fn jwks(&self) -> JsonWebKeySet {
        self.signing.jwks()
    }
}
