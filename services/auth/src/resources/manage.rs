//! Registering, seeing and removing resource servers, for owners; and our own, when the server starts.

use {
    crate::{
        cache::Shard,
        error::KeyError,
        keys::Keys,
        oauth::make::{Holder, NewRow},
        resources::{
            new::NewServer,
            ours::{self, Settled},
            registry::Servers,
            rows::{self, Registered, Why},
            server::{ResourceServer, Tenant},
        },
        token,
    },
    portreeve_kernel::{Principal, ResourceServerId, Role, ScopeSet, Secret},
    portreeve_oauth::{AuthMethod, ClientId, GrantSet, KeySource, SecretHash},
    portreeve_store::{StoreError, Tx},
    std::{future::Future, sync::Arc},
};

/// A server that was registered, and what it asks by.
#[derive(Debug)]
pub(crate) struct NewlyRegistered {
    pub(crate) server: Arc<ResourceServer>,
    /// The only time it is seen.
    pub(crate) secret: Secret,
}

impl Keys {
    /// The resource servers that tokens are made for.
    pub(crate) fn servers(&self) -> Arc<Servers> {
        self.registry.servers()
    }

    /// Registers the resource servers of this process, as it is called today, and reads which there are: the wallet, and
    /// the vault where there is one. Until this was done nobody gets a token. A node without a vault leaves the row of one
    /// to the nodes that serve it, and to its own next start.
    ///
    /// # Errors
    /// The store's.
    pub async fn open_registry(self: &Arc<Self>, has_vault: bool) -> Result<(), StoreError> {
        self.register_own(rows::DEFAULT, NewServer::wallet(&self.origin))
            .await?;
        self.registry.serve_vault(has_vault);
        if has_vault {
            self.register_own(rows::VAULT, NewServer::vault(&self.origin)).await?;
        }
        self.registry.look().await.map(|_| ())
    }

    async fn register_own(self: &Arc<Self>, name: &'static str, new: NewServer) -> Result<(), StoreError> {
        let (keys, at) = (Arc::clone(self), self.now());
        let id = ResourceServerId::new(at, &*self.entropy);
        let unit =
            async move |tx: &mut Tx| ours::register(tx, (&id, &new), name, &keys.recent_oauth, &*keys.clock).await;
        let settled: Settled = self.db.write::<_, StoreError, _>(unit).await?;
        settled.tell(name);
        Ok(())
    }

    /// Looks every few seconds which servers there are, until `shutdown`. One task per process.
    pub async fn registry_upkeep(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        self.registry.upkeep(shutdown).await;
    }

    /// Registers a third party's server on behalf of `by`, and makes the client that it asks by.
    ///
    /// # Errors
    /// [`KeyError`]; nothing was registered.
    pub(crate) async fn register_server(
        self: &Arc<Self>,
        by: &Principal,
        new: NewServer,
    ) -> Result<NewlyRegistered, KeyError> {
        new.check().map_err(KeyError::UnfitServer)?;
        let now = self.clock.now();
        let at = now.for_expiry();
        let id = ResourceServerId::new(at, &*self.entropy);
        let secret = token::client_secret(&*self.entropy);
        let client = NewRow {
            id: ClientId::new(&*self.entropy),
            holder: Some(Holder {
                project: by.project.clone(),
                owner: by.owner.clone(),
            }),
            agent: None,
            name: new.name.clone(),
            // It asks, and is granted nothing.
            role: Role::Custom("none".into()),
            scopes: ScopeSet::default(),
            method: AuthMethod::ClientSecretBasic,
            secret: Some(SecretHash::of(&secret)),
            keys: KeySource::None,
            grants: GrantSet::default(),
            redirect_uris: Vec::new(),
            by: by.credential.to_string(),
            from: None,
            stopped: false,
        };
        let tenant = Tenant {
            project: by.project.clone(),
            owner: by.owner.clone(),
        };
        let server = ResourceServer {
            id: id.clone(),
            tenant: Some(tenant.clone()),
            resource: new.resource.clone(),
            name: new.name.clone(),
            scopes: new.scopes.clone(),
            roles: new.roles.clone(),
            client: Some(client.id.to_string()),
            own: None,
            created_at: at,
            created_by: by.credential.to_string(),
        };
        let (keys, by) = (Arc::clone(self), by.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            // Before the client, whose row refers to it: two that hold it both, and then want it for themselves, wait for
            // each other.
            rows::lock_project(tx, &tenant).await?;
            client.insert(tx, &*keys.entropy, at).await?;
            let actor = by.credential.to_string();
            let holder = (&tenant, client.id.as_str(), actor.as_str());
            match rows::register(tx, (&id, &new), holder, &*keys.clock).await? {
                Registered::There(since) => Ok(since),
                Registered::Not(taken) => Err(KeyError::ServerTaken(taken)),
            }
        };
        let created_at = self.db.write(unit).await?;
        let server = Arc::new(ResourceServer { created_at, ..server });
        // It is registered, and its secret is seen once: whoever asked gets it, though nobody may know the server yet.
        if let Err(error) = self.registry.look().await {
            tracing::warn!(%error, "the resource servers are read again in a moment");
        }
        Ok(NewlyRegistered { server, secret })
    }

    /// The servers that serve the owner whom `of` speaks for, ours first.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn servers_of(&self, of: &Principal) -> Result<Vec<Arc<ResourceServer>>, KeyError> {
        let servers = self.registry.look().await?;
        Ok(servers
            .iter()
            .filter(|server| server.serves(&of.project, &of.owner))
            .cloned()
            .collect())
    }

    /// Removes a third party's server. When this returns, nobody on this node gets a token for it, the tokens that there are
    /// get in nowhere that asks, and its client proves nothing.
    ///
    /// # Errors
    /// [`KeyError::NoSuchServer`], also for somebody else's; [`KeyError::OwnServer`]; [`KeyError::CallerRevoked`],
    /// [`KeyError::Store`].
    pub(crate) async fn remove_server(self: &Arc<Self>, by: &Principal, id: &ResourceServerId) -> Result<(), KeyError> {
        let now = self.clock.now();
        let (keys, by, of) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            let all = rows::all(tx).await?;
            let mut found = all
                .into_iter()
                .filter(|server| server.id == of && server.serves(&by.project, &by.owner));
            let server = found.next().ok_or(KeyError::NoSuchServer)?;
            if server.is_ours() {
                return Err(KeyError::OwnServer);
            }
            let (at, actor) = (now.for_expiry(), by.credential.to_string());
            // Whoever asked may be gone when this has been committed.
            keys.registry.distrust(&server.id);
            if !rows::remove(tx, &server, &keys.recent_oauth, at, (&Why::Asked, &actor)).await? {
                return Err(KeyError::NoSuchServer);
            }
            Ok::<_, KeyError>(server)
        };
        let removed = self.db.write(unit).await;
        // Also when it was not removed after all: it is known again then.
        let looked = self.registry.look().await;
        let server = removed?;
        if let Some(client) = &server.client {
            self.recent_oauth.clients.forget(Shard::named(client));
        }
        if let Err(error) = looked {
            self.registry.distrust(id);
            tracing::warn!(%error, "the resource servers are read again in a moment");
        }
        Ok(())
    }
}
