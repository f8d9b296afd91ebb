//! OAuth clients as the database or their own documents have them, and whether somebody is one of them.
//!
//! What must stay true: unknown, stopped, ended and not proven are one answer, and a secret is compared for each of them.

use {
    crate::{
        cache::Shard,
        oauth::{IssueError, Issuer},
        token,
    },
    portreeve_kernel::{AgentId, GrantId, OwnerId, ProjectId, Role, Timestamp},
    portreeve_oauth::{AuthMethod, Client, ClientId, ClientKeys, NOT_BELIEVED, Presented, RedirectUri, SecretHash},
    portreeve_store::{Fetch, Row, Sql, StoreError, Tx},
    std::sync::Arc,
};

/// A client that is registered.
#[derive(Debug)]
pub(crate) struct Registered {
    /// What it registered. Not enabled while it is stopped, and never again once it was ended.
    pub(crate) client: Client,
    /// What its secret is known by.
    pub(crate) secret: Option<SecretHash>,
    /// What it signs with, as far as everybody may know.
    pub(crate) signs: Signs,
    /// For whom it acts by itself, when it may.
    pub(crate) own: Option<Own>,
    /// Whose people made it, and use it; nobody's when it came by itself, and then anybody uses it.
    pub(crate) owner: Option<OwnerId>,
}

/// What a client signs with.
#[derive(Debug)]
pub(crate) enum Signs {
    /// It does not.
    Never,
    /// With one of these.
    With(Arc<ClientKeys>),
    /// With one of those at this address.
    WithThoseAt(Box<str>),
}

/// For whom a client acts by itself.
#[derive(Debug)]
pub(crate) struct Own {
    /// What its tokens live by.
    pub(crate) grant: GrantId,
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) role: Role,
}

impl Registered {
    /// Whether the people of `owner` may let it do something for them.
    pub(crate) fn is_for(&self, owner: &OwnerId) -> bool {
        self.owner.as_ref().is_none_or(|of| of == owner)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let own = match (
            row.get_optional("self_grant")?,
            row.get_optional("project_id")?,
            row.get_optional("owner_id")?,
        ) {
            (Some(grant), Some(project), Some(owner)) => Some(Own {
                grant,
                project,
                owner,
                agent: row.get_optional("agent_id")?,
                role: row.get("role")?,
            }),
            _ => None,
        };
        let redirects: Vec<String> = row.json("redirect_uris")?;
        let redirects = redirects.iter().map(|text| RedirectUri::register(text));
        let signs = match (
            row.get_optional::<String>("jwks")?,
            row.get_optional::<String>("jwks_uri")?,
        ) {
            (Some(text), _) => {
                let set = serde_json::from_str(&text).map_err(|_| StoreError::unreadable("jwks"))?;
                Signs::With(Arc::new(
                    ClientKeys::parse(&set).map_err(|_| StoreError::unreadable("jwks"))?,
                ))
            }
            (None, Some(address)) => Signs::WithThoseAt(address.into()),
            (None, None) => Signs::Never,
        };
        let stopped: Option<Timestamp> = row.get_optional("stopped_at")?;
        let revoked: Option<Timestamp> = row.get_optional("revoked_at")?;
        Ok(Self {
            client: Client {
                id: row.text_as("id", ClientId::parse)?,
                name: row.get("name")?,
                auth_method: row.text_as("auth_method", AuthMethod::parse)?,
                grants: row.json("grants")?,
                redirect_uris: redirects
                    .collect::<Result<_, _>>()
                    .map_err(|_| StoreError::unreadable("redirect_uris"))?,
                scopes: row.json("scopes")?,
                enabled: stopped.is_none() && revoked.is_none(),
            },
            secret: row.get_optional("secret_hash")?.map(SecretHash),
            signs,
            own,
            owner: row.get_optional("owner_id")?,
        })
    }
}

async fn find(from: &mut (impl Fetch + Send), id: &ClientId) -> Result<Option<Registered>, StoreError> {
    let sql = Sql::new("SELECT * FROM oauth_clients WHERE id = $1").bind(id.as_str());
    let row = from.fetch_optional(sql).await?;
    row.as_ref().map(Registered::read).transpose()
}

impl Issuer {
    /// The client that `shown` proves to be.
    ///
    /// # Errors
    /// `invalid_client`, whatever of it is wrong; and when the store cannot be asked.
    pub(crate) async fn client(&self, shown: &Presented) -> Result<Arc<Registered>, IssueError> {
        match shown {
            Presented::Secret(id, secret, _) => {
                let found = self.let_in(id).await?;
                let hash = found.as_ref().and_then(|found| found.secret);
                // Where there is none, one that no secret has: so the comparison is made for nobody, too.
                let is_it = hash.unwrap_or(SecretHash([0; 32])).is(secret);
                let found = self.usable(found, shown.method())?;
                is_it?;
                Ok(found)
            }
            Presented::Public(id) => {
                let found = self.let_in(id).await?;
                self.usable(found, shown.method())
            }
            Presented::Assertion(said, jwt) => self.asserted(said.as_ref(), jwt).await,
        }
    }

    /// `found`, when it is one that gets anything and that comes by `method`.
    pub(crate) fn usable(
        &self,
        found: Option<Arc<Registered>>,
        method: AuthMethod,
    ) -> Result<Arc<Registered>, IssueError> {
        let fits = |found: &Arc<Registered>| found.client.enabled && found.client.auth_method.takes(method);
        found.filter(fits).ok_or_else(|| NOT_BELIEVED.into())
    }

    /// The client that is called `id`. One that is called by the address of its document is what that document says now,
    /// at every step of its way.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn registered(&self, id: &ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
        if id.is_document() {
            return Ok(self.documents.client(id).await);
        }
        let hash = token::hash(id.as_str());
        if let Some(found) = self.recent.clients.get(&hash) {
            return Ok(Some(found));
        }
        let before = self.recent.clients.before_load(Shard::of(&hash));
        let Some(found) = find(&mut self.db.read(), id).await? else {
            return Ok(None);
        };
        let found = Arc::new(found);
        self.recent.clients.keep(hash, before, Arc::clone(&found));
        Ok(Some(found))
    }

    /// The same for who is nobody yet: an address that nobody here ever let in is not asked for anything.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn let_in(&self, id: &ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
        if id.is_document() {
            let row = find(&mut self.db.read(), id).await?;
            if !row.is_some_and(|row| row.client.enabled) {
                return Ok(None);
            }
        }
        self.registered(id).await
    }

    /// Has a client stay from now on: the row of one that anybody registered is not swept any more, and one with a document
    /// gets a row. To be called within the transaction that gives it a grant, before the grant is written. Locks the row.
    ///
    /// False when there is no such client any more, and nothing is to be granted to it.
    ///
    /// # Errors
    /// The store's.
    pub async fn keep_client(tx: &mut Tx, client: &Client, at: Timestamp) -> Result<bool, StoreError> {
        if client.id.is_document() {
            let redirect_uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
            // What is written here is how it was when it came first. It is never read instead of the document.
            let insert = Sql::new(
                "INSERT INTO oauth_clients (id, kind, name, role, auth_method, grants, redirect_uris, scopes, created_at, \
                 created_by) VALUES ($1, 'document', $2, 'none', $3, $4, $5, $6, $7, $1) ON CONFLICT (id) DO NOTHING",
            )
            .bind(client.id.as_str())
            .bind(client.name.as_str())
            .bind(client.auth_method.as_str())
            .bind_json(&client.grants)
            .bind_json(&redirect_uris)
            .bind_json(&client.scopes)
            .bind(at);
            tx.execute(insert).await?;
        }
        let keep = Sql::new(
            "UPDATE oauth_clients SET used_at = COALESCE(used_at, $1) \
             WHERE id = $2 AND stopped_at IS NULL AND revoked_at IS NULL",
        );
        Ok(tx.execute(keep.bind(at).bind(client.id.as_str())).await? == 1)
    }
}
