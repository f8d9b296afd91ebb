//! The servers that are registered, as this node knows them: read when it starts, after each change of its own, and every
//! few seconds for the sake of other nodes.
//!
//! What must stay true: a server that was removed on this node is not known here any more when that is answered; and of ours
//! a node knows what it serves itself, whatever other nodes wrote.

use {
    crate::{
        resources::{
            rows::{self, VAULT},
            server::ResourceServer,
        },
        upkeep::every,
    },
    portreeve_kernel::{Principal, ResourceServerId, Role, Scope, ScopeSet},
    portreeve_oauth::Resource,
    portreeve_policy::roles,
    portreeve_store::{Database, StoreError},
    std::{
        future::Future,
        sync::{
            Arc, PoisonError, RwLock,
            atomic::{AtomicBool, Ordering::Relaxed},
        },
        time::Duration,
    },
    tokio::sync::Mutex,
};

/// How often each node looks which there are. What another node removed gets tokens for as long at most.
const LOOKS: Duration = Duration::from_secs(5);

/// All that are registered. The first is meant when a request names none.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    all: Vec<Arc<ResourceServer>>,
    names: Vec<Resource>,
}

impl Servers {
    pub(crate) fn new(all: impl IntoIterator<Item = Arc<ResourceServer>>) -> Self {
        let all: Vec<_> = all.into_iter().collect();
        let names = all.iter().map(|server| server.resource.clone()).collect();
        Self { all, names }
    }

    /// Their names, in their order.
    pub(crate) fn names(&self) -> &[Resource] {
        &self.names
    }

    /// In their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ResourceServer>> {
        self.all.iter()
    }

    /// The one of this name.
    pub(crate) fn named(&self, resource: &str) -> Option<&Arc<ResourceServer>> {
        self.iter().find(|server| server.resource.as_str() == resource)
    }

    /// The one that asks by this client.
    pub(crate) fn of_client(&self, client: &str) -> Option<&Arc<ResourceServer>> {
        self.iter().find(|server| server.client.as_deref() == Some(client))
    }

    fn of<'a>(&'a self, by: &'a Principal) -> impl Iterator<Item = &'a Arc<ResourceServer>> {
        self.iter().filter(|server| server.serves(&by.project, &by.owner))
    }

    /// The most that `role` may be granted by `by`: by the built-in table, and by the rows of the servers that serve it.
    pub(crate) fn most(&self, role: &Role, by: &Principal) -> ScopeSet {
        let rows: Vec<Scope> = self.of(by).flat_map(|server| own(&server.most(role))).collect();
        roles::grantable(role).iter().cloned().chain(rows).collect()
    }

    /// Whether a server that serves `by` brought this role along.
    pub(crate) fn knows(&self, role: &Role, by: &Principal) -> bool {
        self.of(by).any(|server| server.roles.contains_key(role))
    }

    /// What `by` may give to others: what it holds, and with `admin:all`, which registers servers, what these brought along.
    pub(crate) fn held(&self, by: &Principal) -> ScopeSet {
        let held = roles::expand(&by.scopes);
        if !held.holds(&Scope::ADMIN_ALL) {
            return held;
        }
        let rows: Vec<Scope> = self.of(by).flat_map(|server| own(&server.all())).collect();
        held.iter().cloned().chain(rows).collect()
    }
}

/// Those that are not built in.
fn own(scopes: &ScopeSet) -> Vec<Scope> {
    let is_own = |scope: &&Scope| roles::words(scope).is_none();
    scopes.iter().filter(is_own).cloned().collect()
}

/// What this node knows.
pub(crate) struct Registry {
    db: Database,
    known: RwLock<Arc<Servers>>,
    /// Whether this node serves a vault.
    has_vault: AtomicBool,
    /// Held while the rows are read, so that what was read first is never believed last.
    looking: Mutex<()>,
}

impl Registry {
    /// Knows nothing yet: nobody gets a token.
    pub(crate) fn new(db: Database) -> Self {
        Self {
            db,
            known: RwLock::default(),
            has_vault: AtomicBool::new(false),
            looking: Mutex::default(),
        }
    }

    pub(crate) fn servers(&self) -> Arc<Servers> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads which there are now.
    ///
    /// # Errors
    /// The store's; what was known goes on.
    pub(crate) async fn look(&self) -> Result<Arc<Servers>, StoreError> {
        let looking = self.looking.lock().await;
        let read = rows::all(&mut self.db.read()).await;
        let servers = read.map(|all| Arc::new(Servers::new(self.served(all).map(Arc::new))))?;
        self.put(Arc::clone(&servers));
        drop(looking);
        Ok(servers)
    }

    /// Says whether this node serves a vault: without it nobody gets a token for one here, whatever is registered.
    pub(crate) fn serve_vault(&self, has_vault: bool) {
        self.has_vault.store(has_vault, Relaxed);
    }

    /// What this node serves of `all`. Of ours, what it does not know itself was written by a newer program: nobody holds
    /// that here.
    fn served(&self, all: Vec<ResourceServer>) -> impl Iterator<Item = ResourceServer> {
        let has_vault = self.has_vault.load(Relaxed);
        let is_served = move |server: &ResourceServer| has_vault || server.own.as_deref() != Some(VAULT);
        all.into_iter().filter(is_served).map(|mut server| {
            if server.is_ours() {
                server.scopes.retain(|scope, _| roles::words(scope).is_some());
            }
            server
        })
    }

    /// To be called within the transaction that removes one: nobody may be there to [`Registry::look`] after its commit.
    pub(crate) fn distrust(&self, id: &ResourceServerId) {
        let left = self.servers();
        let left = left.iter().filter(|server| server.id != *id).map(Arc::clone);
        self.put(Arc::new(Servers::new(left)));
    }

    fn put(&self, servers: Arc<Servers>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// [`Registry::look`] every few seconds until `shutdown`.
    pub(crate) async fn upkeep(&self, shutdown: impl Future<Output = ()>) {
        every(LOOKS, shutdown, || async {
            if let Err(error) = self.look().await {
                tracing::error!(%error, "the resource servers are those that were last seen");
            }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::resources::server::{Tenant, tests::reports},
        portreeve_kernel::{OwnerId, ProjectId, Timestamp, entropy::Seeded},
    };

    fn servers() -> (Servers, Principal) {
        let server = reports();
        let Tenant { project, owner } = server.tenant.clone().unwrap();
        let by = Principal {
            project,
            owner,
            ..Principal::stranger(Timestamp::EPOCH, &Seeded::new(1))
        };
        (Servers::new([Arc::new(server)]), by)
    }

    #[test]
    fn what_a_server_brought_along_is_given_by_who_may_register_servers() {
        let (servers, mut by) = servers();
        let holds = |servers: &Servers, by: &Principal| servers.held(by).holds(&Scope::new("reports:read"));
        by.scopes = "agents:read mcp:write".parse().unwrap();
        assert!(!holds(&servers, &by));
        by.scopes = "admin:all".parse().unwrap();
        assert!(holds(&servers, &by));
        let elsewhere = ProjectId::new(Timestamp::EPOCH, &Seeded::new(77));
        let mine = std::mem::replace(&mut by.project, elsewhere);
        assert!(!holds(&servers, &by), "and only in its own project");
        by.project = mine;
        by.owner = OwnerId::new(Timestamp::EPOCH, &Seeded::new(77));
        assert!(!holds(&servers, &by), "and of its own owner");
    }

    #[test]
    fn rows_add_to_the_built_in_table_and_take_nothing_from_it() {
        let (servers, mut by) = servers();
        let most = |role: &str| servers.most(&role.parse().unwrap(), &by);
        assert_eq!(most("viewer"), roles::grantable(&Role::Viewer));
        assert_eq!(most("reporter").to_string(), "reports:read");
        assert!(most("owner").holds(&Scope::new("reports:write")) && most("owner").holds(&Scope::ADMIN_ALL));
        assert!(servers.knows(&Role::Custom("reporter".into()), &by));
        assert!(!servers.knows(&Role::Custom("stranger".into()), &by));
        by.project = ProjectId::new(Timestamp::EPOCH, &Seeded::new(77));
        assert!(!servers.knows(&Role::Custom("reporter".into()), &by));
    }
}
