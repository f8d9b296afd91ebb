//! Authentication for a resource server in another process than its issuer: it has no database of the issuer's, and asks.
//!
//! What must stay true:
//!
//! - what is judged here is judged by the very rules by which the issuer's own process judges it (`domain/oauth`),
//! - when it cannot be found out, nobody gets in: no answer of the issuer is used for longer than [`TOLD`] and no key for
//!   longer than [`STALE`],
//! - whoever shows garbage costs the issuer nothing; unknown keys of signatures cost it one look in [`PAUSE`], whoever shows
//!   them; from an address that showed too many wrong credentials only what was good lately is asked about; and keys that
//!   were not are bounded in number, whoever shows them.
//!
//! By default the issuer is asked about tokens, too, once their signature was found right: so a revocation holds within
//! [`TOLD`]. With [`TokenCheck::Signed`] it is not, and a token that was revoked is good until it is over, 15 minutes at most.
//! What a key signed that was itself taken back is then good until the keys are read again: by the first who comes once they
//! are five minutes old, and before anybody is let in by keys of [`STALE`].

mod introspection;
mod keys;
mod public_key;

pub use {
    introspection::TOLD,
    keys::{PAUSE, STALE},
    public_key::PublicKey,
};

use {
    crate::{
        caller::{AuthFailure, Authenticate},
        limit::Limiter,
        secret_text,
    },
    introspection::{Asked, Introspection},
    keys::IssuerKeys,
    portreeve_kernel::{AuthMethod, Clock, Credential, Environment, Principal, Role, Tier, TokenId},
    portreeve_oauth::{AccessClaims, AccessToken, Expected, Told},
    portreeve_outbound::Trusted,
    std::{fmt, net::IpAddr, sync::Arc},
};

/// What is asked about a token whose signature, issuer, audience and time are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenCheck {
    /// The issuer, whether it is still good, and for what.
    #[default]
    Asked,
    /// Nobody.
    Signed,
}

/// Whose credentials are taken, and for what.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The issuer's name, byte for byte as it stands in tokens.
    pub issuer: Box<str>,
    /// This resource server's own name, byte for byte as it was registered.
    pub audience: Box<str>,
    /// What kind of money the issuer's project is about.
    pub environment: Environment,
    /// How tokens are looked at.
    pub tokens: TokenCheck,
}

impl Trust {
    fn expected(&self) -> Expected<'_> {
        Expected {
            issuer: &self.issuer,
            audience: &self.audience,
        }
    }
}

/// Takes the credentials of an issuer in another process.
pub struct Remote {
    trust: Trust,
    clock: Arc<dyn Clock>,
    keys: Arc<IssuerKeys>,
    introspection: Introspection,
    limiter: Arc<Limiter>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("trust", &self.trust).finish()
    }
}

impl Remote {
    /// For what `trust` says. `issuer` is the way to it, as the client that this server was registered with; `limiter` that of
    /// the gate that this stands at, which counts wrong credentials.
    #[must_use]
    pub fn new(trust: Trust, issuer: Arc<dyn Trusted>, clock: Arc<dyn Clock>, limiter: Arc<Limiter>) -> Self {
        let keys = Arc::new(IssuerKeys::new(Arc::clone(&issuer), trust.issuer.clone()));
        Self {
            introspection: Introspection::new(issuer, Arc::clone(&keys), Arc::clone(&limiter)),
            keys,
            trust,
            clock,
            limiter,
        }
    }

    async fn told(&self, asked: Asked<'_>) -> Result<Option<Arc<Told>>, AuthFailure> {
        let told = self.introspection.ask(asked, self.trust.expected()).await;
        told.map_err(AuthFailure::IssuerUnavailable)
    }

    async fn api_key(&self, key: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        let lately = self.introspection.was_good(key);
        // The form can be made up by anybody. The gate answers that the address has to pause.
        if self.limiter.is_distrusted(client) && lately.is_none() {
            return Err(AuthFailure::Invalid);
        }
        let Some(told) = self.told(Asked::Key(key)).await? else {
            // Whoever holds what was right has guessed nothing: revoked, over, or outside its hours.
            let holder = lately.and_then(|told| self.holder(&told));
            return Err(holder.map_or(AuthFailure::Invalid, AuthFailure::NoLonger));
        };
        let principal = self.holder(&told).ok_or(AuthFailure::Invalid)?;
        if told.is_expired(self.clock.now()) {
            return Err(AuthFailure::Expired(principal));
        }
        let is_from_there = told.allowed_ips.iter().any(|network| network.contains(client));
        if !told.allowed_ips.is_empty() && !is_from_there {
            return Err(AuthFailure::AddressNotAllowed(principal));
        }
        Ok(principal)
    }

    async fn token(&self, bearer: &str, token: &AccessToken<'_>) -> Result<Arc<Principal>, AuthFailure> {
        let key = self.keys.find(&token.key).await;
        let key = key.map_err(AuthFailure::IssuerUnavailable)?;
        let key = key.filter(|key| key.has_signed(token)).ok_or(AuthFailure::Invalid)?;
        drop(key);
        let (now, payload) = (self.clock.now(), token.payload().ok_or(AuthFailure::Invalid)?);
        let claims = AccessClaims::of_any_age(&payload, self.trust.expected(), now);
        let claims = claims.map_err(|_| AuthFailure::Invalid)?;
        let id: TokenId = claims.jti.parse().map_err(|_| AuthFailure::Invalid)?;
        let said = self.said(&claims, id.clone());
        if claims.is_expired(now) {
            return Err(AuthFailure::Expired(Arc::new(said)));
        }
        if self.trust.tokens == TokenCheck::Signed {
            return Ok(Arc::new(said));
        }
        // We know that it was good once, so its holder is told.
        let Some(told) = self.told(Asked::Token(bearer)).await? else {
            return Err(AuthFailure::Revoked(Arc::new(said)));
        };
        if told.jti.as_ref() != Some(&id) || told.owner_id != claims.owner_id {
            return Err(AuthFailure::IssuerUnavailable(
                "the issuer told of another token".to_owned(),
            ));
        }
        Ok(Arc::new(self.principal(
            &told,
            Credential::Token(id),
            AuthMethod::AccessToken,
        )))
    }

    /// Whose key it is; `None` when it was told of as none.
    fn holder(&self, told: &Told) -> Option<Arc<Principal>> {
        let id = told.key_id.clone()?;
        Some(Arc::new(self.principal(
            told,
            Credential::ApiKey(id),
            AuthMethod::ApiKey,
        )))
    }

    /// As the issuer says now.
    fn principal(&self, told: &Told, credential: Credential, method: AuthMethod) -> Principal {
        let user = told.sub.parse().ok().filter(|_| method == AuthMethod::AccessToken);
        Principal {
            owner: told.owner_id.clone(),
            project: told.project_id.clone(),
            environment: self.trust.environment,
            role: told.role.clone(),
            credential,
            method,
            audience: self.trust.audience.clone(),
            agent: told.agent_id.clone(),
            // Only a person passes checks, and only for themselves.
            bypass: told.bypass && user.is_some() && told.agent_id.is_none(),
            user,
            client: told.client_id.as_deref().map(Into::into),
            tier: Tier::Default,
            scopes: told.scopes.clone(),
        }
    }

    /// As a token says, which was true when it was made.
    fn said(&self, claims: &AccessClaims, id: TokenId) -> Principal {
        let user = claims.sub.parse().ok();
        Principal {
            owner: claims.owner_id.clone(),
            project: claims.project_id.clone(),
            environment: self.trust.environment,
            role: claims.role.clone().unwrap_or_else(|| Role::Custom("unknown".into())),
            credential: Credential::Token(id),
            method: AuthMethod::AccessToken,
            audience: self.trust.audience.clone(),
            agent: claims.agent_id.clone(),
            bypass: claims.bypass && user.is_some() && claims.agent_id.is_none(),
            user,
            client: Some(claims.client_id.as_str().into()),
            tier: Tier::Default,
            scopes: claims.scope.clone(),
        }
    }
}

#[async_trait::async_trait]
impl Authenticate for Remote {
    async fn authenticate(&self, bearer: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        // What has not the form of a key is nothing that the issuer has to be asked about.
        if secret_text::is_well_formed(bearer, secret_text::key_prefix(self.trust.environment)) {
            return self.api_key(bearer, client).await;
        }
        match AccessToken::read(bearer) {
            Some(token) => self.token(bearer, &token).await,
            None => Err(AuthFailure::Invalid),
        }
    }
}

#[cfg(test)]
mod tests;
