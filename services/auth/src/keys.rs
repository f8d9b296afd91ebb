//! API keys: made, listed, revoked. What they are checked by is in `verify`.
//!
//! What must stay true: a key never holds a scope that its creator or its role may not hold, and whoever makes or revokes
//! one is asked again, within the transaction, whether its own credential is still good.

use {
    crate::{
        cache::KeyCache,
        rows::{self, ApiKey, Position},
        token,
        uses::Uses,
    },
    portreeve_guard::{Network, Page, Paging, page::bad_cursor},
    portreeve_kernel::{
        AgentId, Clock, Code, Credential, Entropy, Environment, KeyId, Now, OwnerId, Principal, ProjectId, Role, Scope,
        ScopeSet, Secret, Timestamp, control::AgentControl,
    },
    portreeve_policy::roles,
    portreeve_store::{
        AuditEntry, Database, StoreError, Tx,
        tenancy::{Owner, Project},
    },
    serde_json::json,
    std::{fmt, sync::Arc},
};

/// Keys the cache holds at most; those beyond cost a read per request.
const CACHED_KEYS: u64 = 50_000;

/// All that makes, checks and ends API keys.
pub struct Keys {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) audience: Box<str>,
    pub(crate) cache: KeyCache,
    pub(crate) uses: Uses,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Whether an agent is the owner's, as the wallet knows.
pub type Agents = dyn AgentControl<Tx, StoreError>;

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// What it shall be good for.
    pub scopes: ScopeSet,
    /// The one agent it shall speak for. Its role is then `agent`, else its creator's.
    pub agent: Option<AgentId>,
    /// From where it may be used; empty for anywhere.
    pub networks: Vec<Network>,
    /// From when on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// For which half of the world; the project's when left out.
    pub environment: Option<Environment>,
}

/// A key that was made, and the only time its text is seen.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The key itself.
    pub text: Secret,
    /// What stays known of it.
    pub key: ApiKey,
}

/// Why a key was not made, listed or revoked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// The creator does not hold it.
    #[error("the new key would hold the scope `{0}`, which its creator does not hold")]
    WiderThanCreator(Scope),
    /// The new key's role may not hold it.
    #[error("the new key would hold the scope `{scope}`, which the role `{role}` may not hold")]
    WiderThanRole {
        /// The first such scope.
        scope: Scope,
        /// The new key's role.
        role: Role,
    },
    /// Live keys act on mainnet projects, test keys on all others.
    #[error("`{asked}` keys do not act here, this project takes `{taken}` keys")]
    OtherEnvironment {
        /// What was asked for.
        asked: Environment,
        /// What the project takes.
        taken: Environment,
    },
    /// A key that is expired when it is made.
    #[error("`{0}` is not in the future")]
    ExpiresInThePast(Timestamp),
    /// There is no such agent, or it is somebody else's.
    #[error("no such agent")]
    NoSuchAgent,
    /// There is no such key, or it is somebody else's.
    #[error("no such key")]
    NoSuchKey,
    /// The caller's own credential was revoked meanwhile.
    #[error("the caller's credential is no longer good")]
    CallerRevoked,
    /// The position to go on from is none of this list's.
    #[error("not a cursor of this list")]
    BadCursor,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keys {
    /// Keys for the resource server whose principals carry `audience`.
    #[must_use]
    pub fn new(db: Database, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, audience: &str) -> Self {
        Self {
            db,
            clock,
            entropy,
            audience: audience.into(),
            cache: KeyCache::new(CACHED_KEYS),
            uses: Uses::default(),
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
        check_scopes(&new.scopes, &role, creator)?;
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
            keys.still_good(tx, &creator.credential, now).await?;
            if let Some(agent) = &work.key.agent
                && !agents.belongs_to(tx, agent, &creator.owner).await?
            {
                return Err(KeyError::NoSuchAgent);
            }
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
            .map(|text| position(text).ok_or(KeyError::BadCursor))
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
        self.cache.forget(&hash);
        Ok(())
    }

    /// Writes down when keys were last used; [`crate::upkeep()`] does so every half minute.
    ///
    /// # Errors
    /// Why they could not be written; they are kept for the next time.
    pub async fn flush_uses(&self) -> Result<(), StoreError> {
        self.uses.flush(&self.db).await
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
        self.cache.distrust(hash);
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

    async fn still_good(&self, tx: &mut Tx, credential: &Credential, now: Now) -> Result<(), KeyError> {
        let Credential::ApiKey(id) = credential;
        if is_good(tx, id, now).await? {
            Ok(())
        } else {
            Err(KeyError::CallerRevoked)
        }
    }
}

/// True when the key exists, is not revoked and not past its time. Locks it: its revocation waits for this transaction.
pub(crate) async fn is_good(tx: &mut Tx, id: &KeyId, now: Now) -> Result<bool, StoreError> {
    let life = rows::life(tx, id).await?;
    Ok(life.is_some_and(|life| life.revoked_at.is_none() && life.expires_at.is_none_or(|end| now.for_expiry() < end)))
}

/// What a key is made of.
struct Made {
    project: ProjectId,
    owner: OwnerId,
    environment: Environment,
    role: Role,
    by: String,
    at: Timestamp,
    new: NewKey,
}

fn make(entropy: &dyn Entropy, made: Made) -> CreatedKey {
    let text = token::generate(made.environment, entropy);
    let key = ApiKey {
        id: KeyId::new(entropy),
        project: made.project,
        owner: made.owner,
        agent: made.new.agent,
        environment: made.environment,
        role: made.role,
        name: made.new.name,
        hint: token::hint(made.environment, &text),
        scopes: made.new.scopes,
        networks: made.new.networks,
        created_at: made.at,
        created_by: made.by,
        expires_at: made.new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    CreatedKey { text, key }
}

async fn write_down(tx: &mut Tx, created: &CreatedKey) -> Result<(), StoreError> {
    let key = &created.key;
    rows::insert(tx, key, &token::hash(created.text.expose())).await?;
    tx.audit(AuditEntry {
        at: key.created_at,
        kind: "api_key.created".into(),
        actor: key.created_by.clone(),
        owner: Some(key.owner.clone()),
        project: Some(key.project.clone()),
        subject: key.id.to_string(),
        data: json!({
            "name": key.name,
            "environment": key.environment,
            "role": key.role,
            "scopes": key.scopes,
            "agentId": key.agent,
            "allowedIps": key.networks,
            "expiresAt": key.expires_at,
        }),
    });
    Ok(())
}

/// The first scope in alphabetical order that is too wide decides.
fn check_scopes(asked: &ScopeSet, role: &Role, creator: &Principal) -> Result<(), KeyError> {
    let grant = roles::grant(asked, role, &creator.scopes);
    let Some(scope) = grant.refused.iter().next().cloned() else {
        return Ok(());
    };
    if creator.scopes.holds(&scope) {
        let role = role.clone();
        return Err(KeyError::WiderThanRole { scope, role });
    }
    Err(KeyError::WiderThanCreator(scope))
}

fn position(text: &str) -> Option<Position> {
    let (time, id) = text.split_once(' ')?;
    Some(Position {
        created_at: Timestamp::from_millis(time.parse().ok()?),
        id: id.to_owned(),
    })
}

/// Makes the first key of `owner` in `project`, within the transaction of `init` that makes both: it holds everything an
/// owner may be granted.
///
/// # Errors
/// The store's.
pub async fn first_key(
    tx: &mut Tx,
    project: &Project,
    owner: &Owner,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<CreatedKey, StoreError> {
    let admin: ScopeSet = [Scope::ADMIN_ALL].into_iter().collect();
    let implied = roles::expand(&admin);
    let beside = roles::grantable(&Role::Owner);
    let beside = beside.iter().filter(|scope| !implied.holds(scope));
    let created = make(
        entropy,
        Made {
            project: project.id.clone(),
            owner: owner.id.clone(),
            environment: project.cluster.environment(),
            role: Role::Owner,
            by: "init".to_owned(),
            at,
            new: NewKey {
                name: "first key".to_owned(),
                scopes: admin.iter().chain(beside).cloned().collect(),
                agent: None,
                networks: Vec::new(),
                expires_at: None,
                environment: None,
            },
        },
    );
    write_down(tx, &created).await?;
    Ok(created)
}

impl From<KeyError> for portreeve_guard::Problem {
    fn from(error: KeyError) -> Self {
        let detail = error.to_string();
        match error {
            KeyError::WiderThanCreator(scope) | KeyError::WiderThanRole { scope, .. } => {
                portreeve_guard::insufficient_scope(&scope)
                    .detail(detail)
                    .param("scopes")
            }
            KeyError::OtherEnvironment { .. } => Self::new(Code::ValidationInvalidEnum)
                .detail(detail)
                .param("environment"),
            KeyError::ExpiresInThePast(_) => Self::new(Code::ValidationOutOfRange).detail(detail).param("expiresAt"),
            KeyError::NoSuchAgent => portreeve_guard::not_found::<AgentId>().param("agentId"),
            KeyError::NoSuchKey => portreeve_guard::not_found::<KeyId>(),
            KeyError::CallerRevoked => portreeve_guard::caller::revoked(),
            KeyError::BadCursor => bad_cursor(),
            KeyError::Store(error) => Self::because(error.code(), error),
        }
    }
}
