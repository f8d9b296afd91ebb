//! Saying what a credential is good for (RFC 7662), to those who may know.
//!
//! What must stay true: a client learns of its own tokens, an owner's service also of the owner's tokens and keys, a resource
//! server of what is for it, and nobody of anything else; whatever is not good is one answer.

use {
    crate::{
        keys::Keys,
        oauth::{IssueError, Issuer, clients::Registered, tokens::Read},
        resources::{ResourceServer, registry::Servers},
    },
    portreeve_guard::AuthFailure,
    portreeve_kernel::{Principal, Role, Scope, Timestamp},
    portreeve_oauth::{Active, ErrorCode, Introspection, OAuthError},
    portreeve_policy::roles,
    std::sync::Arc,
};

const KEEPS_NO_SECRET: OAuthError = OAuthError::new(
    ErrorCode::UnauthorizedClient,
    "introspection is for clients that keep a secret",
);

impl Issuer {
    /// Whether `client` is the one by which a resource server asks.
    pub(crate) fn is_of_a_server(&self, client: &Registered) -> bool {
        self.servers().of_client(client.client.id.as_str()).is_some()
    }

    /// What `credential`, an access token or an API key, is good for, as far as `client` may know.
    ///
    /// # Errors
    /// `unauthorized_client` for a public client; the store's.
    pub(crate) async fn introspect(
        &self,
        keys: &Keys,
        client: &Registered,
        credential: &str,
    ) -> Result<Introspection, IssueError> {
        if !client.client.auth_method.is_confidential() {
            return Err(KEEPS_NO_SECRET.into());
        }
        let servers = self.servers();
        // One that was made for a resource server to ask by learns of what is for that server, and of nothing else.
        let asking = servers.of_client(client.client.id.as_str());
        let may_know = |about: &Known| match asking {
            Some(server) => about.server.id == server.id,
            None => may_know(client, &about.principal),
        };
        let about = match self.tokens.read_any(credential, &servers, self.clock.now()).await? {
            Some(read) => self.of_token(read).await?,
            None => self.of_key(keys, credential, asking, &servers).await?,
        };
        let about = about.filter(may_know);
        Ok(about.map_or_else(Introspection::inactive, |known| Introspection::active(known.about)))
    }

    async fn of_token(&self, read: Read) -> Result<Option<Known>, IssueError> {
        let principal = good(self.tokens.principal_at(&read).await)?;
        Ok(principal.map(|principal| Known {
            about: Active {
                exp: Some(read.claims.exp),
                iat: Some(read.claims.iat),
                jti: Some(read.claims.jti),
                sub: read.claims.sub,
                ..self.about(&principal)
            },
            server: read.server,
            principal,
        }))
    }

    /// An API key is made for no resource server in particular. It is told of as one for the server that asks, when it holds
    /// anything that this server understands; else as one for the first.
    async fn of_key(
        &self,
        keys: &Keys,
        credential: &str,
        asking: Option<&Arc<ResourceServer>>,
        servers: &Servers,
    ) -> Result<Option<Known>, IssueError> {
        let Some(entry) = keys.known(credential).await? else {
            return Ok(None);
        };
        let Some(server) = asking.or_else(|| servers.iter().next()) else {
            return Ok(None);
        };
        let mut principal = Arc::clone(&entry.principal);
        if asking.is_some() {
            let scopes = server.effective(&entry.granted, &principal.role);
            if scopes.is_empty() || !server.serves(&principal.project, &principal.owner) {
                return Ok(None);
            }
            principal = Arc::new(Principal {
                audience: server.resource.as_str().into(),
                scopes,
                ..Principal::clone(&principal)
            });
        }
        let id = principal.credential.to_string();
        Ok(Some(Known {
            about: Active {
                exp: entry.expires_at.map(Timestamp::seconds),
                key_id: Some(id.clone()),
                sub: id,
                allowed_ips: entry.networks.iter().map(ToString::to_string).collect(),
                ..self.about(&principal)
            },
            server: Arc::clone(server),
            principal,
        }))
    }

    fn about(&self, principal: &Principal) -> Active {
        Active {
            scope: principal.scopes.clone(),
            client_id: principal.client.as_deref().map(str::to_owned),
            sub: String::new(),
            aud: principal.audience.to_string(),
            iss: self.origin.as_str().to_owned(),
            exp: None,
            iat: None,
            jti: None,
            key_id: None,
            allowed_ips: Vec::new(),
            token_type: "Bearer",
            owner_id: principal.owner.clone(),
            project_id: principal.project.clone(),
            agent_id: principal.agent.clone(),
            role: principal.role.clone(),
            bypass: principal.bypass,
        }
    }
}

/// What is known of a credential that is good.
struct Known {
    principal: Arc<Principal>,
    /// For which resource server it is told of.
    server: Arc<ResourceServer>,
    about: Active,
}

/// Its own, or its owner's when it is a service that may do everything for that owner.
fn may_know(client: &Registered, of: &Principal) -> bool {
    if of.client.as_deref() == Some(client.client.id.as_str()) {
        return true;
    }
    let is_admin = |role: &Role| {
        let held = roles::grant(&client.client.scopes, role, &client.client.scopes).scopes;
        held.holds(&Scope::ADMIN_ALL)
    };
    client.own.as_ref().is_some_and(|own| {
        own.agent.is_none() && is_admin(&own.role) && own.owner == of.owner && own.project == of.project
    })
}

/// Whoever is let in; nobody when it is not good, and an error when that cannot be found out.
fn good<T>(found: Result<T, AuthFailure>) -> Result<Option<T>, IssueError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(AuthFailure::Unavailable(cause) | AuthFailure::IssuerUnavailable(cause)) => {
            Err(IssueError::Unavailable(cause))
        }
        Err(
            AuthFailure::Invalid
            | AuthFailure::NoLonger(_)
            | AuthFailure::Expired(_)
            | AuthFailure::Revoked(_)
            | AuthFailure::AddressNotAllowed(_)
            | AuthFailure::OutsideHours { .. },
        ) => Ok(None),
    }
}
