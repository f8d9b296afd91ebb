//! Tokens: each for one resource server, with what client or consent, role and resource server all allow.

use {
    crate::{
        oauth::{Issuer, clients::Registered, grants::Given, signing::SigningError},
        resources::ResourceServer,
    },
    portreeve_kernel::{AgentId, GrantId, OwnerId, ProjectId, Role, ScopeSet, Secret, TokenId},
    portreeve_oauth::{AccessClaims, ClientId, ErrorCode, Grant, OAuthError, Params, Resource},
    portreeve_store::StoreError,
    std::{net::IpAddr, sync::Arc},
};

const SCOPE: OAuthError = OAuthError::new(
    ErrorCode::InvalidScope,
    "scope asks for more than the client may hold at this resource, or is malformed",
);
const GONE: OAuthError = OAuthError::new(ErrorCode::InvalidTarget, "the resource server is not served any more");
const NOT_BY_ITSELF: OAuthError = OAuthError::new(ErrorCode::UnauthorizedClient, "this client does not act for itself");

/// Why no token was made.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum IssueError {
    /// Because of what was asked, or by whom.
    #[error(transparent)]
    Refused(#[from] OAuthError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is needed cannot be asked.
    #[error("{0}")]
    Unavailable(String),
    /// The key did not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// A token that was made.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: Secret,
    pub(crate) scopes: ScopeSet,
    /// By which the next one is asked for.
    pub(crate) refresh: Option<Secret>,
}

/// For whom a token speaks, and by what it lives.
pub(crate) struct Speaker<'a> {
    pub(crate) grant: &'a GrantId,
    pub(crate) subject: &'a str,
    pub(crate) client: &'a ClientId,
    pub(crate) owner: &'a OwnerId,
    pub(crate) project: &'a ProjectId,
    pub(crate) agent: Option<&'a AgentId>,
    pub(crate) role: &'a Role,
    /// Whether it passes the scope checks of the resource server.
    pub(crate) bypass: bool,
}

impl Issuer {
    /// A token for `client` itself (RFC 6749, 4.4), which asks from `address`. Nothing is written yet: it lives by the grant
    /// that the client has.
    ///
    /// # Errors
    /// [`IssueError`].
    pub(crate) fn for_itself(
        &self,
        client: &Registered,
        params: &Params,
        address: IpAddr,
    ) -> Result<Issued, IssueError> {
        client.client.grants.allow(Grant::ClientCredentials)?;
        // A client that keeps no secret is nobody in particular, whatever it registered (OAuth 2.1, 4.2).
        let own = client
            .own
            .as_ref()
            .filter(|_| client.client.auth_method.is_confidential());
        let own = own.ok_or(NOT_BY_ITSELF)?;
        let server = self.asked(params)?;
        if !server.serves(&own.project, &own.owner) {
            return Err(GONE.into());
        }
        let scopes = granted(params.get("scope"), &own.role, &client.client.scopes, &server)?;
        let speaker = Speaker {
            grant: &own.grant,
            subject: client.client.id.as_str(),
            client: &client.client.id,
            owner: &own.owner,
            project: &own.project,
            agent: own.agent.as_ref(),
            role: &own.role,
            bypass: false,
        };
        self.make(&speaker, &server.resource, scopes, address)
    }

    /// A token for a person's `client`, of what `given` still allows of `scopes`.
    ///
    /// # Errors
    /// `invalid_scope` when nothing is left; [`IssueError`].
    pub(crate) fn for_person(
        &self,
        given: &Given,
        scopes: &ScopeSet,
        refresh: Option<Secret>,
        address: IpAddr,
    ) -> Result<Issued, IssueError> {
        let (server, scopes) = self.left_of(given, scopes)?;
        let speaker = Speaker {
            grant: &given.id,
            subject: given.user.as_str(),
            client: &given.client,
            owner: &given.owner,
            project: &given.project,
            agent: given.agent.as_ref(),
            role: &given.role,
            bypass: given.passes(&server),
        };
        let issued = self.make(&speaker, &given.resource, scopes, address)?;
        Ok(Issued { refresh, ..issued })
    }

    /// What a token would hold of `scopes` of what a person gave, and for which server. Asked before anything is used up.
    ///
    /// # Errors
    /// `invalid_target` when the server is served no more; `invalid_scope` when nothing is left.
    pub(crate) fn left_of(
        &self,
        given: &Given,
        scopes: &ScopeSet,
    ) -> Result<(Arc<ResourceServer>, ScopeSet), OAuthError> {
        let server = self.server(&given.resource)?;
        let scopes = granted(Some(&scopes.to_string()), &given.role, &given.scopes, &server)?;
        Ok((server, scopes))
    }

    fn make(
        &self,
        speaker: &Speaker<'_>,
        resource: &Resource,
        scopes: ScopeSet,
        address: IpAddr,
    ) -> Result<Issued, IssueError> {
        let at = self.clock.now().for_expiry();
        let claims = AccessClaims {
            iss: self.origin.as_str().to_owned(),
            sub: speaker.subject.to_owned(),
            aud: resource.as_str().to_owned(),
            exp: AccessClaims::ends(at).seconds(),
            iat: at.seconds(),
            jti: TokenId::new(speaker.grant, &*self.entropy).to_string(),
            scope: scopes.clone(),
            client_id: speaker.client.clone(),
            owner_id: speaker.owner.clone(),
            project_id: speaker.project.clone(),
            agent_id: speaker.agent.cloned(),
            role: Some(speaker.role.clone()),
            bypass: speaker.bypass,
        };
        let token = self.signing.sign(&claims)?;
        self.issues.note(&claims, address);
        Ok(Issued {
            token,
            scopes,
            refresh: None,
        })
    }

    /// The resource server of this name.
    ///
    /// # Errors
    /// `invalid_target` when it is served no more.
    pub(crate) fn server(&self, resource: &Resource) -> Result<Arc<ResourceServer>, OAuthError> {
        let servers = self.servers();
        servers.named(resource.as_str()).cloned().ok_or(GONE)
    }

    /// The one that a request asks for.
    ///
    /// # Errors
    /// `invalid_target`.
    pub(crate) fn asked(&self, params: &Params) -> Result<Arc<ResourceServer>, OAuthError> {
        let servers = self.servers();
        let resource = Resource::asked(params, servers.names())?;
        servers.named(resource.as_str()).cloned().ok_or(GONE)
    }
}

/// What is granted of what is asked: all of it or nothing. Who asks for nothing in particular gets all that the client may
/// hold there (RFC 6749, 3.3).
fn granted(
    asked: Option<&str>,
    role: &Role,
    client: &ScopeSet,
    server: &ResourceServer,
) -> Result<ScopeSet, OAuthError> {
    let most = server.effective(client, role);
    let scopes = match asked {
        None => most,
        Some(asked) => {
            let asked: ScopeSet = asked.parse().map_err(|_| SCOPE)?;
            if !asked.iter().all(|scope| most.holds(scope)) {
                return Err(SCOPE);
            }
            asked
        }
    };
    // A token that is good for nothing is a mistake of whoever asks.
    if scopes.is_empty() { Err(SCOPE) } else { Ok(scopes) }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::resources::server::{OwnScope, tests::reports},
    };

    fn grant(asked: Option<&str>, role: &Role, client: &str) -> Result<String, OAuthError> {
        let known: ScopeSet = "admin:all agents:read agents:write transactions:execute"
            .parse()
            .unwrap();
        let scope = |scope: &portreeve_kernel::Scope| {
            let own = OwnScope {
                words: String::new(),
                is_default: false,
            };
            (scope.clone(), own)
        };
        let server = ResourceServer {
            scopes: known.iter().map(scope).collect(),
            ..reports()
        };
        granted(asked, role, &client.parse().unwrap(), &server).map(|scopes| scopes.to_string())
    }

    /// AUTH_CHECKLIST 6.14
    #[test]
    fn no_scope_beyond_client_role_or_resource_is_granted_in_any_case_of_letters() {
        let client = "agents:read transactions:execute mcp:read";
        let all = Ok("agents:read transactions:execute".to_owned());
        assert_eq!(
            grant(None, &Role::Agent, client),
            all,
            "what the resource does not know is left out"
        );
        assert_eq!(
            grant(Some("agents:read"), &Role::Agent, client),
            Ok("agents:read".to_owned())
        );
        for bad in [
            "agents:write",
            "agents:read agents:write",
            "mcp:read",
            "Agents:read",
            "agents:read\u{a0}",
            "a\"b",
            " ",
            "nonsense",
        ] {
            assert_eq!(grant(Some(bad), &Role::Agent, client), Err(SCOPE), "{bad:?}");
        }
        assert_eq!(grant(None, &Role::Agent, "agents:write"), Err(SCOPE), "nothing is left");
        assert_eq!(grant(None, &Role::Custom("x".into()), "agents:read"), Err(SCOPE));
    }

    #[test]
    fn a_broad_scope_is_enough_to_ask_for_a_narrow_one() {
        let narrow = grant(Some("agents:read"), &Role::Owner, "admin:all");
        assert_eq!(narrow, Ok("agents:read".to_owned()));
        assert!(
            grant(Some("agents:read"), &Role::Agent, "admin:all").is_ok(),
            "but no role is widened"
        );
        assert_eq!(grant(Some("agents:write"), &Role::Agent, "admin:all"), Err(SCOPE));
    }
}
