//! From the text of an access token to a principal: signature, claims, and the row of its grant.
//!
//! What must stay true: who does not hold a token that we signed learns nothing but "not valid"; whom a token speaks for is
//! what its grant says now, not what it said when the token was made; and a token that was revoked on this node is refused
//! by the time the revocation is answered.

use {
    crate::{
        cache::Shard,
        keys::Keys,
        oauth::{
            RecentOauth,
            signing::{SigningError, SigningKeys},
        },
        origin::{Addresses, Origin},
        resources::{ResourceServer, registry::Servers},
        token,
        verify::effective,
    },
    portreeve_guard::{AuthFailure, Authenticate},
    portreeve_kernel::{
        AgentId, AuthMethod, Clock, Cluster, Credential, Now, OwnerId, Principal, ProjectId, Role, ScopeSet, Tier,
        Timestamp, TokenId, UserId,
    },
    portreeve_oauth::{AccessClaims, Expected},
    portreeve_policy::roles,
    portreeve_store::{Database, Fetch, Row, Sql, StoreError},
    serde::Deserialize,
    std::{fmt, net::IpAddr, sync::Arc},
};

/// Verifies the tokens of our own issuer, for one resource server in the same process.
pub struct Tokens {
    db: Database,
    clock: Arc<dyn Clock>,
    signing: Arc<SigningKeys>,
    origin: Origin,
    audience: Arc<str>,
    recent: Arc<RecentOauth>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("audience", &self.audience).finish()
    }
}

/// A token that was good lately.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    principal: Arc<Principal>,
    /// The one resource server that it is for.
    audience: Arc<str>,
    expires_at: Timestamp,
    /// How often keys had gone when its signature was found right.
    keys_gone: u64,
}

impl Verified {
    fn at(self, now: Now) -> Result<Arc<Principal>, AuthFailure> {
        if now.for_expiry() >= self.expires_at {
            return Err(AuthFailure::Expired(self.principal));
        }
        Ok(self.principal)
    }
}

impl Tokens {
    /// For the wallet of the server whose keys are `keys`.
    #[must_use]
    pub fn new(keys: &Keys, signing: Arc<SigningKeys>) -> Self {
        Self {
            db: keys.db.clone(),
            clock: Arc::clone(&keys.clock),
            signing,
            origin: keys.origin.clone(),
            audience: Arc::clone(&keys.audience),
            recent: Arc::clone(&keys.recent_oauth),
        }
    }

    /// For the vault beside it: what is good there is good for nothing here.
    #[must_use]
    pub fn of_vault(keys: &Keys, signing: Arc<SigningKeys>) -> Self {
        Self {
            audience: keys.origin.vault().into(),
            ..Self::new(keys, signing)
        }
    }

    /// What a token says that we signed for this resource server. It may be over.
    ///
    /// # Errors
    /// A key that is not known here could not be looked for.
    async fn read(&self, bearer: &str, now: Now) -> Result<Option<(AccessClaims, TokenId)>, SigningError> {
        let payload = self.signing.verified(bearer).await?;
        Ok(payload.and_then(|payload| self.accept(&payload, &self.audience, now)))
    }

    /// What a token says that we signed for one of these servers, and for which. It may be over.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub(crate) async fn read_any(
        &self,
        bearer: &str,
        servers: &Servers,
        now: Now,
    ) -> Result<Option<Read>, SigningError> {
        let Some(payload) = self.signing.verified(bearer).await? else {
            return Ok(None);
        };
        let read = |server: &Arc<ResourceServer>| {
            let (claims, id) = self.accept(&payload, server.resource.as_str(), now)?;
            // One that was made for a server of that name that is gone is good for nothing.
            server.was_there(claims.iat).then(|| Read {
                claims,
                id,
                server: Arc::clone(server),
            })
        };
        Ok(servers.iter().find_map(read))
    }

    /// What a token says that we signed, whatever server it is for and whether that is registered: for ending it.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub(crate) async fn read_to_end(
        &self,
        bearer: &str,
        now: Now,
    ) -> Result<Option<(AccessClaims, TokenId)>, SigningError> {
        #[derive(Deserialize)]
        struct For {
            aud: String,
        }
        let payload = self.signing.verified(bearer).await?;
        Ok(payload.and_then(|payload| {
            let For { aud } = serde_json::from_slice(&payload).ok()?;
            self.accept(&payload, &aud, now)
        }))
    }

    fn accept(&self, payload: &[u8], audience: &str, now: Now) -> Option<(AccessClaims, TokenId)> {
        let expected = Expected {
            issuer: self.origin.as_str(),
            audience,
        };
        let claims = AccessClaims::of_any_age(payload, expected, now).ok()?;
        let id = claims.jti.parse().ok()?;
        Some((claims, id))
    }
}

/// A token that we signed for a server that is registered.
pub(crate) struct Read {
    pub(crate) claims: AccessClaims,
    pub(crate) id: TokenId,
    pub(crate) server: Arc<ResourceServer>,
}

#[async_trait::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, bearer: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        self.principal(bearer).await
    }
}

impl Tokens {
    /// Whom `bearer` speaks for now.
    ///
    /// # Errors
    /// [`AuthFailure`].
    pub(crate) async fn principal(&self, bearer: &str) -> Result<Arc<Principal>, AuthFailure> {
        let (hash, now) = (token::hash(bearer), self.clock.now());
        // Asked before the signature is looked at: what a key signed goes with it.
        let keys_gone = self.signing.gone();
        let known = self.recent.tokens.get(&hash);
        let known = known.filter(|known| known.keys_gone == keys_gone && known.audience == self.audience);
        if let Some(known) = known {
            return known.at(now);
        }
        let unavailable = |error: SigningError| AuthFailure::Unavailable(error.to_string());
        let read = self.read(bearer, now).await.map_err(unavailable)?;
        let (claims, id) = read.ok_or(AuthFailure::Invalid)?;
        let before = self.recent.tokens.before_load(Shard::named(id.grant().as_str()));
        let grant = self.grant(&claims, &id).await?;
        let is_revoked = grant.is_revoked;
        let principal = Arc::new(grant.principal(&claims, id));
        if is_revoked {
            return Err(AuthFailure::Revoked(principal));
        }
        let verified = Verified {
            principal,
            audience: Arc::clone(&self.audience),
            expires_at: Timestamp::from_seconds(claims.exp),
            keys_gone,
        };
        if !claims.is_expired(now) {
            self.recent.tokens.keep(hash, before, verified.clone());
        }
        verified.at(now)
    }

    /// Whom a token speaks for now at a server that is not in this process, or not the one that these tokens are for.
    /// Nothing of it is kept: what is good there is good for nothing here.
    ///
    /// # Errors
    /// [`AuthFailure`].
    pub(crate) async fn principal_at(&self, read: &Read) -> Result<Arc<Principal>, AuthFailure> {
        let grant = self.grant(&read.claims, &read.id).await?;
        let (is_revoked, server) = (grant.is_revoked, &read.server);
        if !server.serves(&grant.project, &grant.owner) {
            return Err(AuthFailure::Invalid);
        }
        let held = roles::expand(&grant.scopes);
        let asked = read.claims.scope.iter().filter(|scope| held.holds(scope));
        let scopes = server.effective(&asked.cloned().collect(), &grant.role);
        let principal = Arc::new(Principal {
            scopes,
            bypass: grant.passes(server),
            ..grant.principal(&read.claims, read.id.clone())
        });
        if is_revoked {
            return Err(AuthFailure::Revoked(principal));
        }
        if read.claims.is_expired(self.clock.now()) {
            return Err(AuthFailure::Expired(principal));
        }
        Ok(principal)
    }

    /// What a token with these claims lives by.
    async fn grant(&self, claims: &AccessClaims, id: &TokenId) -> Result<Grant, AuthFailure> {
        let found = load(&mut self.db.read(), id).await;
        let found = found.map_err(|error| AuthFailure::Unavailable(error.to_string()))?;
        found.filter(|grant| grant.made(claims)).ok_or(AuthFailure::Invalid)
    }
}

/// What a token lives by.
struct Grant {
    client: String,
    project: ProjectId,
    owner: OwnerId,
    user: Option<UserId>,
    agent: Option<AgentId>,
    role: Role,
    resource: Option<String>,
    scopes: ScopeSet,
    cluster: Cluster,
    interactive: bool,
    /// Itself, or the one token that was asked for.
    is_revoked: bool,
}

impl Grant {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let revoked: Option<Timestamp> = row.get_optional("revoked_at")?;
        let token_revoked: i64 = row.get("token_revoked")?;
        Ok(Self {
            client: row.get("client_id")?,
            project: row.get("project_id")?,
            owner: row.get("owner_id")?,
            user: row.get_optional("user_id")?,
            agent: row.get_optional("agent_id")?,
            role: row.get("role")?,
            resource: row.get_optional("resource")?,
            scopes: row.json("scopes")?,
            cluster: row.get("cluster")?,
            interactive: row.get_optional::<i64>("interactive")? == Some(1),
            is_revoked: revoked.is_some() || token_revoked != 0,
        })
    }

    /// Whether a token with these claims is one of this grant's.
    fn made(&self, claims: &AccessClaims) -> bool {
        self.client == claims.client_id.as_str()
            && self.owner == claims.owner_id
            && self.project == claims.project_id
            && self.resource.as_ref().is_none_or(|resource| *resource == claims.aud)
    }

    /// Whether its tokens pass the scope checks of `server`, as [`grants::Given::passes`].
    ///
    /// [`grants::Given::passes`]: crate::oauth::grants::Given::passes
    fn passes(&self, server: &ResourceServer) -> bool {
        let is_for_it = self.resource.as_deref() == Some(server.resource.as_str());
        let is_person = self.interactive && self.user.is_some() && self.agent.is_none();
        is_person && is_for_it && server.is_passed_by(&self.role)
    }

    /// Whom a token of it speaks for: of what it asked for, what grant and role still allow.
    fn principal(self, claims: &AccessClaims, id: TokenId) -> Principal {
        let scopes = roles::grant(&claims.scope, &self.role, &self.scopes).scopes;
        Principal {
            owner: self.owner,
            project: self.project,
            environment: self.cluster.environment(),
            scopes: effective(&scopes, &self.role),
            role: self.role,
            credential: Credential::Token(id),
            method: AuthMethod::AccessToken,
            audience: claims.aud.as_str().into(),
            agent: self.agent,
            user: self.user,
            client: Some(self.client.into()),
            tier: Tier::Default,
            bypass: false,
        }
    }
}

async fn load(from: &mut (impl Fetch + Send), id: &TokenId) -> Result<Option<Grant>, StoreError> {
    let sql = Sql::new(
        "SELECT g.*, p.cluster, \
         CASE WHEN EXISTS (SELECT 1 FROM oauth_revoked_tokens r WHERE r.jti = $2) THEN 1 ELSE 0 END AS token_revoked \
         FROM oauth_grants g JOIN projects p ON p.id = g.project_id WHERE g.id = $1",
    );
    let row = from.fetch_optional(sql.bind(id.grant()).bind(id)).await?;
    row.as_ref().map(Grant::read).transpose()
}
