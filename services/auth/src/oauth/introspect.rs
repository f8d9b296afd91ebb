//! Saying what a credential is good for (RFC 7662), to those who may know.
//!
//! What must stay true: a client learns of its own tokens, an owner's service also of the owner's tokens and keys, and
//! nobody of anything else; whatever is not good is one answer.

use {
    crate::{
        keys::Keys,
        oauth::{IssueError, Issuer, clients::Registered},
    },
    portreeve_guard::AuthFailure,
    portreeve_kernel::{Principal, Role, Scope},
    portreeve_oauth::{Active, ErrorCode, Introspection, OAuthError},
    portreeve_policy::roles,
};

const KEEPS_NO_SECRET: OAuthError = OAuthError::new(
    ErrorCode::UnauthorizedClient,
    "introspection is for clients that keep a secret",
);

impl Issuer {
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
        let about = match self.tokens.read(credential, self.clock.now()).await? {
            Some((claims, _)) => {
                let principal = good(self.tokens.principal(credential).await)?;
                principal.map(|principal| {
                    let about = Active {
                        exp: Some(claims.exp),
                        iat: Some(claims.iat),
                        jti: Some(claims.jti),
                        sub: claims.sub,
                        ..self.about(&principal)
                    };
                    (principal, about)
                })
            }
            None => keys.known(credential).await?.map(|(principal, networks, expires_at)| {
                let id = principal.credential.to_string();
                let about = Active {
                    exp: expires_at.map(portreeve_kernel::Timestamp::seconds),
                    key_id: Some(id.clone()),
                    sub: id,
                    allowed_ips: networks.iter().map(ToString::to_string).collect(),
                    ..self.about(&principal)
                };
                (principal, about)
            }),
        };
        let about = about.filter(|(principal, _)| may_know(client, principal));
        Ok(about.map_or_else(Introspection::inactive, |(_, about)| Introspection::active(about)))
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
        }
    }
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
        Err(AuthFailure::Unavailable(cause)) => Err(IssueError::Unavailable(cause)),
        Err(
            AuthFailure::Invalid
            | AuthFailure::Expired(_)
            | AuthFailure::Revoked(_)
            | AuthFailure::AddressNotAllowed(_)
            | AuthFailure::OutsideHours { .. },
        ) => Ok(None),
    }
}
