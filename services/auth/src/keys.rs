//! API keys: made, listed, revoked. What they are checked by is in `verify`.
//!
//! What must stay true: a key never holds a scope that its creator or its role may not hold, and whoever makes or revokes
//! one is asked again, within the transaction, whether its own credential is still good.

use {
    crate::{
        cache::{Entry, Recent, Shard},
        error::KeyError,
        issue::{CreatedKey, Made, NewKey, check_scopes, make, write_down},
        oauth::{RecentOauth, issued::Issues, register, sweep},
        origin::{Addresses, Origin},
        resources::registry::Registry,
        rows::{self, ApiKey, Life, Position},
        token,
        uses::Uses,
    },
    portreeve_guard::{Page, Paging},
    portreeve_kernel::{
        Clock, Credential, Entropy, KeyId, Now, OwnerId, Principal, ProjectId, Role, Seconds, Timestamp,
        control::{AgentControl, CredentialCheck},
    },
    portreeve_store::{AuditEntry, Database, StoreError, Tx},
    serde_json::json,
    std::{collections::BTreeSet, fmt, sync::Arc},
};

/// All that makes, checks and ends API keys.
pub struct Keys {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) origin: Origin,
    pub(crate) audience: Arc<str>,
    pub(crate) cache: Recent<Arc<Entry>>,
    pub(crate) recent_oauth: Arc<RecentOauth>,
    /// The resource servers that tokens are made for.
    pub(crate) registry: Arc<Registry>,
    pub(crate) uses: Uses,
    /// Tokens that were made and are not in the audit log yet.
    pub(crate) issues: Arc<Issues>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Whether an agent is the owner's, as the wallet knows.
pub type Agents = dyn AgentControl<Tx, StoreError>;

impl Keys {
    /// Keys for the wallet of the server at `origin`.
    #[must_use]
    pub fn new(db: Database, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, origin: Origin) -> Self {
        Self {
            registry: Arc::new(Registry::new(db.clone())),
            db,
            clock,
            entropy,
            audience: origin.wallet().into(),
            origin,
            cache: Recent::new(),
            recent_oauth: Arc::new(RecentOauth::new()),
            uses: Uses::default(),
            issues: Arc::default(),
        }
    }

    /// Makes a key on behalf of `creator`.
    ///
    /// # Errors
    /// [`KeyError`]; nothing was made.
    pub async fn create(
        self: &Arc<Self>,
        creator: &Principal,
        new: NewKey,
        agents: Arc<Agents>,
    ) -> Result<CreatedKey, KeyError> {
        let role = match &new.agent {
            Some(_) => Role::Agent,
            None => creator.role.clone(),
        };
        check_scopes(&self.servers(), &new.scopes, &role, creator)?;
        if let Some(asked) = new.environment.filter(|asked| *asked != creator.environment) {
            let taken = creator.environment;
            return Err(KeyError::OtherEnvironment { asked, taken });
        }
        let now = self.clock.now();
        if let Some(past) = new.expires_at.filter(|end| *end <= now.for_expiry()) {
            return Err(KeyError::ExpiresInThePast(past));
        }
        let created = make(
            &*self.entropy,
            Made {
                project: creator.project.clone(),
                owner: creator.owner.clone(),
                environment: creator.environment,
                role,
                by: creator.credential.to_string(),
                at: now.for_expiry(),
                new,
            },
        );
        let (keys, creator, work) = (Arc::clone(self), creator.clone(), created.clone());
        let unit = async move |tx: &mut Tx| {
            // Locked first, as everywhere: who ends its keys afterwards finds this one.
            if let Some(agent) = &work.key.agent
                && agents.lock(tx, agent, &creator.owner).await?.is_none()
            {
                return Err(KeyError::NoSuchAgent);
            }
            keys.still_good(tx, &creator.credential, now).await?;
            write_down(tx, &work).await?;
            Ok(())
        };
        self.db.write(unit).await.map(|()| created)
    }

    /// The keys of the owner whom `of` speaks for, newest first.
    ///
    /// # Errors
    /// [`KeyError::BadCursor`], [`KeyError::Store`].
    pub async fn list(&self, of: &Principal, paging: &Paging) -> Result<Page<ApiKey>, KeyError> {
        let after = paging
            .after()
            .map(|text| Position::parse(text).ok_or(KeyError::BadCursor))
            .transpose()?;
        let one_more = paging.limit().saturating_add(1);
        let keys = rows::page(&mut self.db.read(), of, after.as_ref(), one_more).await?;
        Ok(Page::cut(keys, paging.limit(), |last| {
            format!("{} {}", last.created_at.millis(), last.id)
        }))
    }

    /// Revokes a key. When this returns, no request on this node gets in with it. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`KeyError::NoSuchKey`], also for somebody else's; [`KeyError::CallerRevoked`], [`KeyError::Store`].
    pub async fn revoke(self: &Arc<Self>, by: &Principal, id: &KeyId) -> Result<(), KeyError> {
        let now = self.clock.now();
        let (keys, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            keys.still_good(tx, &by.credential, now).await?;
            let life = rows::life_of(tx, &id, &by).await?.ok_or(KeyError::NoSuchKey)?;
            if life.revoked_at.is_none() {
                let whose = (by.owner.clone(), by.project.clone());
                keys.end(tx, &id, &life.hash, now, by.credential.to_string(), whose)
                    .await?;
            }
            Ok::<_, KeyError>(life.hash)
        };
        let hash = self.db.write(unit).await?;
        self.cache.forget(Shard::of(&hash));
        Ok(())
    }

    /// Makes a key like `id`, which is good for `grace` more, or as long as it would have been if that is less: whoever uses
    /// it can change to the new one meanwhile.
    ///
    /// # Errors
    /// [`KeyError::NoSuchKey`], [`KeyError::KeyEnded`], [`KeyError::AlreadyRotated`]; when it is wider than `by`, who is
    /// shown the new one; [`KeyError::CallerRevoked`], [`KeyError::Store`].
    pub(crate) async fn replace(
        self: &Arc<Self>,
        by: &Principal,
        id: &KeyId,
        grace: Seconds,
        agents: Arc<Agents>,
    ) -> Result<CreatedKey, KeyError> {
        let now = self.clock.now();
        let at = now.for_expiry();
        let (keys, by, id) = (Arc::clone(self), by.clone(), id.clone());
        let unit = async move |tx: &mut Tx| {
            // Locked first, as everywhere: who ends its keys afterwards finds this one.
            if let Some(Some(agent)) = rows::agent_of(tx, &id, &by).await? {
                agents.lock(tx, &agent, &by.owner).await?;
            }
            keys.still_good(tx, &by.credential, now).await?;
            let (old, hash) = rows::lock(tx, &id, &by).await?.ok_or(KeyError::NoSuchKey)?;
            if let Some(successor) = old.successor {
                return Err(KeyError::AlreadyRotated(successor));
            }
            if old.revoked_at.is_some() || old.is_expired(at) {
                return Err(KeyError::KeyEnded);
            }
            check_scopes(&keys.servers(), &old.scopes, &old.role, &by)?;
            let made = Made {
                project: old.project.clone(),
                owner: old.owner.clone(),
                environment: old.environment,
                role: old.role,
                by: by.credential.to_string(),
                at,
                new: NewKey {
                    name: old.name,
                    scopes: old.scopes,
                    agent: old.agent,
                    networks: old.networks,
                    tier: old.tier,
                    hours: old.hours,
                    expires_at: old.expires_at,
                    environment: None,
                },
            };
            let created = make(&*keys.entropy, made);
            write_down(tx, &created).await?;
            // Whoever asked may be gone when this has been committed.
            keys.cache.distrust(Shard::of(&hash));
            let ends = at.plus(grace);
            rows::succeed(tx, &id, &created.key.id, ends).await?;
            tx.audit(AuditEntry {
                at,
                kind: "api_key.rotated".into(),
                actor: by.credential.to_string(),
                owner: Some(old.owner),
                project: Some(old.project),
                subject: id.to_string(),
                data: json!({"successorId": created.key.id, "endsAt": ends}),
            });
            Ok((created, hash))
        };
        let (created, hash) = self.db.write(unit).await?;
        self.cache.forget(Shard::of(&hash));
        Ok(created)
    }

    /// Writes down when keys were last used; [`crate::upkeep()`] does so every half minute.
    ///
    /// # Errors
    /// Why they could not be written; they are kept for the next time.
    pub async fn flush_uses(&self) -> Result<(), StoreError> {
        self.uses.flush(&self.db).await
    }

    /// Writes tokens that were made into the audit log; [`crate::upkeep()`] does so every minute.
    ///
    /// # Errors
    /// Why they could not be written; they are kept for the next time.
    pub async fn flush_issues(&self) -> Result<(), StoreError> {
        self.issues.flush(&self.db).await
    }

    /// Forgets revoked tokens, used assertions, and clients that nobody used, when they are over by themselves; [`crate::upkeep()`] does so every hour.
    ///
    /// # Errors
    /// The store's; the next time will do.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        sweep::sweep(&self.db, self.clock.now().for_release()).await?;
        register::sweep(&self.db, self.now()).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().for_expiry()
    }

    /// Revokes one key within `tx`.
    pub(crate) async fn end(
        &self,
        tx: &mut Tx,
        id: &KeyId,
        hash: &token::Hash,
        now: Now,
        by: String,
        (owner, project): (OwnerId, ProjectId),
    ) -> Result<(), StoreError> {
        // The caller may be gone when this has been committed, and the cache must not go on.
        self.cache.distrust(Shard::of(hash));
        rows::revoke(tx, id, now.for_expiry()).await?;
        tx.audit(AuditEntry {
            at: now.for_expiry(),
            kind: "api_key.revoked".into(),
            actor: by,
            owner: Some(owner),
            project: Some(project),
            subject: id.to_string(),
            data: json!({}),
        });
        Ok(())
    }

    pub(crate) async fn still_good(&self, tx: &mut Tx, credential: &Credential, now: Now) -> Result<(), KeyError> {
        let asked = BTreeSet::from([credential.clone()]);
        if self.good_among(tx, &asked, now).await?.is_empty() {
            return Err(KeyError::CallerRevoked(credential.clone()));
        }
        Ok(())
    }
}

/// Those of `ids` that exist, are not revoked and not past their time. Locks them: their revocation waits for this
/// transaction.
pub(crate) async fn good_among<'a>(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = &'a KeyId>,
    now: Now,
) -> Result<Vec<KeyId>, StoreError> {
    let good = |life: &Life| life.revoked_at.is_none() && life.expires_at.is_none_or(|end| now.for_expiry() < end);
    let lives = rows::lives(tx, ids).await?;
    Ok(lives.into_iter().filter(good).map(|life| life.id).collect())
}
