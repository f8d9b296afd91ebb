//! From the text of a key to a principal: checksum, hash, cache, and the database only on a miss.
//!
//! What must stay true: who does not hold the secret learns nothing but "not valid", and a key that was revoked on this
//! node is refused by the time the revocation is answered.

use {
    crate::{
        cache::{Entry, Shard},
        keys::Keys,
        oauth::IssueError,
        rows::{self, ApiKey, Found},
        token::{self, Hash},
    },
    portreeve_guard::{AuthFailure, Authenticate},
    portreeve_kernel::{AuthMethod, Credential, Principal, Role, ScopeSet},
    portreeve_policy::roles,
    std::{net::IpAddr, sync::Arc},
};

#[async_trait::async_trait]
impl Authenticate for Keys {
    async fn authenticate(&self, bearer: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        self.principal(bearer, client).await
    }
}

impl Keys {
    /// Whom `bearer` speaks for, when it may be used from `client` now.
    ///
    /// # Errors
    /// [`AuthFailure`].
    pub(crate) async fn principal(&self, bearer: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        if !token::is_well_formed(bearer) {
            return Err(AuthFailure::Invalid);
        }
        let hash = token::hash(bearer);
        let entry = match self.cache.get(&hash) {
            Some(entry) => entry,
            None => self.load(hash).await?,
        };
        // Most keys are good at any time, and then nobody has to know it.
        let now = entry.is_timed().then(|| self.clock.now());
        if now.is_some_and(|now| entry.is_expired(now.for_expiry())) {
            return Err(AuthFailure::Expired(Arc::clone(&entry.principal)));
        }
        if !entry.allows(client) {
            return Err(AuthFailure::AddressNotAllowed(Arc::clone(&entry.principal)));
        }
        if let Some((now, hours)) = now.and_then(|now| Some((now, entry.closed(now)?))) {
            return Err(AuthFailure::OutsideHours {
                holder: Arc::clone(&entry.principal),
                hours: hours.to_string(),
                opens_at: hours.open_from(now),
            });
        }
        Ok(Arc::clone(&entry.principal))
    }

    /// What the database says of `key` when it is good now: for those who ask about it, and see to its addresses themselves.
    /// Not what is remembered here: they remember our answer, and one time after another would add up.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub(crate) async fn known(&self, key: &str) -> Result<Option<Arc<Entry>>, IssueError> {
        if !token::is_well_formed(key) {
            return Ok(None);
        }
        let entry = match self.load(token::hash(key)).await {
            Ok(entry) => entry,
            Err(AuthFailure::Unavailable(cause)) => return Err(IssueError::Unavailable(cause)),
            Err(_) => return Ok(None),
        };
        let now = self.clock.now();
        if entry.is_expired(now.for_expiry()) || entry.closed(now).is_some() {
            return Ok(None);
        }
        Ok(Some(entry))
    }

    /// Asks the database. A key that is good now is kept for a while; anything else is asked for again.
    async fn load(&self, hash: Hash) -> Result<Arc<Entry>, AuthFailure> {
        let before = self.cache.before_load(Shard::of(&hash));
        let found = rows::by_hash(&mut self.db.read(), &hash).await;
        let found = found.map_err(|error| AuthFailure::Unavailable(error.to_string()))?;
        let Some(Found {
            key,
            hash: stored,
            cluster,
        }) = found
        else {
            return Err(AuthFailure::Invalid);
        };
        // As with every row that a secret leads to (`token::confirmed`).
        if !token::is_same(&stored, &hash) || cluster.environment() != key.environment {
            return Err(AuthFailure::Invalid);
        }
        let principal = Arc::new(principal(&key, &self.audience));
        if key.revoked_at.is_some() {
            return Err(AuthFailure::Revoked(principal));
        }
        let now = self.clock.now().for_expiry();
        let entry = Arc::new(Entry {
            principal,
            granted: key.scopes,
            networks: key.networks.into(),
            hours: key.hours,
            expires_at: key.expires_at,
        });
        if !entry.is_expired(now) {
            self.uses.note(&key.id, now);
            self.cache.keep(hash, before, Arc::clone(&entry));
        }
        Ok(entry)
    }
}

/// Who a key speaks for: its role, and of its scopes what the role may hold today, with what they imply.
fn principal(key: &ApiKey, audience: &str) -> Principal {
    Principal {
        owner: key.owner.clone(),
        project: key.project.clone(),
        environment: key.environment,
        role: key.role.clone(),
        credential: Credential::ApiKey(key.id.clone()),
        method: AuthMethod::ApiKey,
        audience: audience.into(),
        agent: key.agent.clone(),
        user: None,
        client: None,
        tier: key.tier,
        bypass: false,
        scopes: effective(&key.scopes, &key.role),
    }
}

/// What a credential with `scopes` is good for in the hands of `role`.
pub(crate) fn effective(scopes: &ScopeSet, role: &Role) -> ScopeSet {
    let most = roles::grantable(role);
    let scopes = roles::expand(scopes);
    scopes.iter().filter(|scope| most.holds(scope)).cloned().collect()
}
