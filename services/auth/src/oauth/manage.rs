//! The clients of an owner: made, looked at, given a new secret, ended.
//!
//! What must stay true: a client is never wider than who made it or than its role; one that is made for a suspended agent
//! waits with it; and whoever changes one is asked again, within the transaction, whether its own credential is good.

use {
    crate::{
        cache::Shard,
        error::KeyError,
        issue::check_scopes,
        keys::{Agents, Keys},
        oauth::{
            grants::{self, Ended},
            make::{Holder, NewRow},
        },
        rows::Position,
        token,
    },
    portreeve_guard::{Page, Paging},
    portreeve_kernel::{AgentId, Principal, Role, ScopeSet, Secret, Timestamp, control::Standing},
    portreeve_oauth::{AuthMethod, ClientId, GrantSet, KeySource, RedirectUri, SecretHash},
    portreeve_store::{AuditEntry, Fetch, Row, Sql, StoreError, Tx},
    serde_json::{Value, json},
    std::sync::Arc,
};

/// A client that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewClient {
    pub(crate) name: String,
    pub(crate) scopes: ScopeSet,
    /// The one agent it shall act for. Its role is then `agent`, else its creator's.
    pub(crate) agent: Option<AgentId>,
    /// Its public keys, which were read; it then has no secret.
    pub(crate) jwks: Option<Value>,
    /// How it proves that it is itself.
    pub(crate) method: AuthMethod,
    /// Where answers go, when it is people who use it. It then has no scopes: they decide each time.
    pub(crate) redirects: Vec<RedirectUri>,
    /// By what it comes to its tokens.
    pub(crate) grants: GrantSet,
}

/// What is known of a client but its secret.
#[derive(Debug, Clone)]
pub(crate) struct ClientRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) agent: Option<AgentId>,
    pub(crate) role: Role,
    pub(crate) method: AuthMethod,
    pub(crate) scopes: ScopeSet,
    pub(crate) redirects: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl ClientRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            agent: row.get_optional("agent_id")?,
            role: row.get("role")?,
            method: row.text_as("auth_method", AuthMethod::parse)?,
            scopes: row.json("scopes")?,
            redirects: row.json("redirect_uris")?,
            created_at: row.get("created_at")?,
            created_by: row.get("created_by")?,
            stopped_at: row.get_optional("stopped_at")?,
            revoked_at: row.get_optional("revoked_at")?,
        })
    }

    fn told(&self, by: &Principal, at: Timestamp, kind: &'static str) -> AuditEntry {
        AuditEntry {
            at,
            kind: kind.into(),
            actor: by.credential.to_string(),
            owner: Some(by.owner.clone()),
            project: Some(by.project.clone()),
            subject: self.id.clone(),
            data: json!({}),
        }
    }
}

/// One client of the owner whom `of` speaks for.
fn one(id: &ClientId, of: &Principal) -> Sql {
    Sql::new("SELECT * FROM oauth_clients WHERE id = $1 AND owner_id = $2 AND project_id = $3")
        .bind(id.as_str())
        .bind(&of.owner)
        .bind(&of.project)
}

async fn find(from: &mut (impl Fetch + Send), sql: Sql) -> Result<ClientRow, KeyError> {
    let row = from.fetch_optional(sql).await?;
    Ok(ClientRow::read(&row.ok_or(KeyError::NoSuchClient)?)?)
}

impl Keys {
    /// Makes a client on behalf of `creator`, and its secret unless it signs.
    ///
    /// # Errors
    /// [`KeyError`]; nothing was made.
    pub(crate) async fn create_client(
        self: &Arc<Self>,
        creator: &Principal,
        new: NewClient,
        agents: Arc<Agents>,
    ) -> Result<(ClientRow, Option<Secret>), KeyError> {
        let role = match &new.agent {
            Some(_) => Role::Agent,
            None => creator.role.clone(),
        };
        check_scopes(&self.servers(), &new.scopes, &role, creator)?;
        let now = self.clock.now();
        let has_secret = matches!(new.method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost);
        let secret = has_secret.then(|| token::client_secret(&*self.entropy));
        let row = NewRow {
            id: ClientId::new(&*self.entropy),
            holder: Some(Holder {
                project: creator.project.clone(),
                owner: creator.owner.clone(),
            }),
            agent: new.agent,
            name: new.name,
            role,
            scopes: new.scopes,
            method: new.method,
            secret: secret.as_ref().map(SecretHash::of),
            keys: new.jwks.map_or(KeySource::None, KeySource::Here),
            grants: new.grants,
            redirect_uris: new.redirects,
            by: creator.credential.to_string(),
            from: None,
            stopped: false,
        };
        let (keys, creator) = (Arc::clone(self), creator.clone());
        let unit = async move |tx: &mut Tx| {
            // Locked first, as everywhere: who suspends it afterwards finds the client.
            let standing = match &row.agent {
                None => Standing::Going,
                Some(agent) => {
                    let standing = agents.lock(tx, agent, &creator.owner).await?;
                    standing.ok_or(KeyError::NoSuchAgent)?
                }
            };
            keys.still_good(tx, &creator.credential, now).await?;
            let row = NewRow {
                stopped: standing == Standing::Suspended,
                ..row.clone()
            };
            row.insert(tx, &*keys.entropy, now.for_expiry()).await?;
            find(tx, one(&row.id, &creator)).await
        };
        let made = self.db.write(unit).await?;
        Ok((made, secret))
    }

    /// The clients of the owner whom `of` speaks for, newest first.
    ///
    /// # Errors
    /// [`KeyError::BadCursor`], [`KeyError::Store`].
    pub(crate) async fn clients(&self, of: &Principal, paging: &Paging) -> Result<Page<ClientRow>, KeyError> {
        let after = paging
            .after()
            .map(|text| Position::parse(text).ok_or(KeyError::BadCursor));
        let after = after.transpose()?;
        let (time, id) = after.as_ref().map_or((Timestamp::from_millis(i64::MAX), ""), |at| {
            (at.created_at, at.id.as_str())
        });
        let sql = Sql::new(
            "SELECT * FROM oauth_clients WHERE owner_id = $1 AND project_id = $2 \
             AND (created_at < $3 OR (created_at = $3 AND id < $4)) ORDER BY created_at DESC, id DESC LIMIT $5",
        )
        .bind(&of.owner)
        .bind(&of.project)
        .bind(time)
        .bind(id)
        .bind(paging.limit().saturating_add(1));
        let rows = self.db.read().fetch_all(sql).await?;
        let rows: Vec<ClientRow> = rows.iter().map(ClientRow::read).collect::<Result<_, _>>()?;
        Ok(Page::cut(rows, paging.limit(), |last| {
            format!("{} {}", last.created_at.millis(), last.id)
        }))
    }

    /// One client of the owner whom `of` speaks for.
    ///
    /// # Errors
    /// [`KeyError::NoSuchClient`], also for somebody else's; [`KeyError::Store`].
    pub(crate) async fn client(&self, of: &Principal, id: &ClientId) -> Result<ClientRow, KeyError> {
        find(&mut self.db.read(), one(id, of)).await
    }

    /// Gives a client another secret. When this returns, the old one proves nothing on this node; tokens go on.
    ///
    /// # Errors
    /// [`KeyError::NoSuchClient`], [`KeyError::ClientEnded`], [`KeyError::NoSecret`], [`KeyError::CallerRevoked`],
    /// [`KeyError::Store`].
    pub(crate) async fn change_secret(
        self: &Arc<Self>,
        by: &Principal,
        id: &ClientId,
    ) -> Result<(ClientRow, Secret), KeyError> {
        let (now, secret) = (self.clock.now(), token::client_secret(&*self.entropy));
        let change = Change::Secret(SecretHash::of(&secret));
        Ok((self.change(by, id, change, now.for_expiry()).await?, secret))
    }

    /// Ends a client and every grant it has. When this returns, no token of it gets in on this node. Doing it again
    /// changes nothing.
    ///
    /// # Errors
    /// [`KeyError::NoSuchClient`], also for somebody else's; [`KeyError::CallerRevoked`], [`KeyError::Store`].
    pub(crate) async fn revoke_client(self: &Arc<Self>, by: &Principal, id: &ClientId) -> Result<(), KeyError> {
        let at = self.clock.now().for_expiry();
        self.change(by, id, Change::End, at).await.map(|_| ())
    }

    /// Changes a client under its lock, and has this node forget what it remembers of it.
    async fn change(
        self: &Arc<Self>,
        by: &Principal,
        id: &ClientId,
        change: Change,
        at: Timestamp,
    ) -> Result<ClientRow, KeyError> {
        let now = self.clock.now();
        let (keys, by, of) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            let row = find(tx, one(&of, &by).for_update()).await?;
            // Whoever asked may be gone when this has been committed.
            keys.recent_oauth.distrust_client(&row.id);
            match &change {
                Change::Secret(_) if row.revoked_at.is_some() => return Err(KeyError::ClientEnded),
                Change::Secret(_) if matches!(row.method, AuthMethod::PrivateKeyJwt | AuthMethod::None) => {
                    return Err(KeyError::NoSecret);
                }
                Change::Secret(hash) => {
                    let update = Sql::new("UPDATE oauth_clients SET secret_hash = $1 WHERE id = $2");
                    tx.execute(update.bind(&hash.0).bind(row.id.as_str())).await?;
                    tx.audit(row.told(&by, at, "oauth_client.secret_changed"));
                }
                Change::End => end_row(&keys, tx, &row, &by, at).await?,
            }
            Ok::<_, KeyError>(row)
        };
        let row = self.db.write(unit).await?;
        self.recent_oauth.clients.forget(Shard::named(&row.id));
        Ok(row)
    }
}

/// Ends a client of the owner whom `by` speaks for, with every grant it has.
pub(crate) async fn end(
    keys: &Keys,
    tx: &mut Tx,
    id: &ClientId,
    by: &Principal,
    at: Timestamp,
) -> Result<(), KeyError> {
    let row = find(tx, one(id, by).for_update()).await?;
    keys.recent_oauth.distrust_client(&row.id);
    end_row(keys, tx, &row, by, at).await
}

/// The same of one that is locked. Doing it again changes nothing.
async fn end_row(keys: &Keys, tx: &mut Tx, row: &ClientRow, by: &Principal, at: Timestamp) -> Result<(), KeyError> {
    if row.revoked_at.is_some() {
        return Ok(());
    }
    grants::end_of_client(tx, &keys.recent_oauth, &row.id, at, Ended::ClientRevoked).await?;
    let update = Sql::new("UPDATE oauth_clients SET revoked_at = $1 WHERE id = $2");
    tx.execute(update.bind(at).bind(row.id.as_str())).await?;
    tx.audit(row.told(by, at, "oauth_client.revoked"));
    Ok(())
}

/// What is done about a client.
#[derive(Debug, Clone)]
enum Change {
    /// It gets another secret.
    Secret(SecretHash),
    /// It ends, with every grant it has.
    End,
}
