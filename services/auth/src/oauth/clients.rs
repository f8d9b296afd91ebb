//! OAuth clients as the database has them, and whether somebody is one of them.
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
    portreeve_store::{Fetch, Row, Sql, StoreError},
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
    pub(crate) keys: Option<ClientKeys>,
    /// For whom it acts by itself, when it may.
    pub(crate) own: Option<Own>,
    /// Whose people made it, and use it; nobody's when it came by itself, and then anybody uses it.
    pub(crate) owner: Option<OwnerId>,
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
        let unreadable = |column: &str| StoreError::Column {
            column: column.to_owned(),
            reason: "not what was written".to_owned(),
        };
        let redirects: Vec<String> = row.json("redirect_uris")?;
        let redirects = redirects.iter().map(|text| RedirectUri::register(text));
        let keys = match row.get_optional::<String>("jwks")? {
            None => Ok(None),
            Some(text) => match serde_json::from_str(&text) {
                Ok(set) => ClientKeys::parse(&set).map(Some),
                Err(_) => return Err(unreadable("jwks")),
            },
        };
        let stopped: Option<Timestamp> = row.get_optional("stopped_at")?;
        let revoked: Option<Timestamp> = row.get_optional("revoked_at")?;
        Ok(Self {
            client: Client {
                id: ClientId::parse(&row.get::<String>("id")?).ok_or_else(|| unreadable("id"))?,
                name: row.get("name")?,
                auth_method: AuthMethod::parse(&row.get::<String>("auth_method")?)
                    .ok_or_else(|| unreadable("auth_method"))?,
                grants: row.json("grants")?,
                redirect_uris: redirects
                    .collect::<Result<_, _>>()
                    .map_err(|_| unreadable("redirect_uris"))?,
                scopes: row.json("scopes")?,
                enabled: stopped.is_none() && revoked.is_none(),
            },
            secret: row.get_optional("secret_hash")?.map(SecretHash),
            keys: keys.map_err(|_| unreadable("jwks"))?,
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
                let found = self.registered(id).await?;
                let hash = found.as_ref().and_then(|found| found.secret);
                // Where there is none, one that no secret has: so the comparison is made for nobody, too.
                let is_it = hash.unwrap_or(SecretHash([0; 32])).is(secret);
                let found = self.usable(found, shown.method())?;
                is_it?;
                Ok(found)
            }
            Presented::Public(id) => {
                let found = self.registered(id).await?;
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

    pub(crate) async fn registered(&self, id: &ClientId) -> Result<Option<Arc<Registered>>, StoreError> {
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
}
