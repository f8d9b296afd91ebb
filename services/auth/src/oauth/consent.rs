//! A person's click, and the grant and the code that come of it.
//!
//! What must stay true: nothing is granted without the click of somebody who is signed in and was shown this very request;
//! nobody grants more than their role may hold; and whatever ends the session, the person, the client or the agent at the
//! same moment ends the grant too, or comes before it.

use {
    crate::{
        keys::Agents,
        oauth::{IssueError, Issuer, authorize::Wish, codes, devices, grants},
        people::{self, sessions::SignedIn, users::User},
        resources::{self, ResourceServer},
        token,
    },
    portreeve_guard::{Problem, insufficient_scope, not_found},
    portreeve_kernel::{AgentId, Code, GrantId, ResourceServerId, Role, Scope, ScopeSet, Timestamp, control::Standing},
    portreeve_oauth::{
        Client, ClientId, ErrorCode, OAuthError, Resource, UserCode, answer_with_code, answer_with_error,
    },
    portreeve_policy::roles::{self, Reach},
    portreeve_store::{AuditEntry, StoreError, Tx},
    serde_json::json,
    std::sync::Arc,
};

const DENIED: OAuthError = OAuthError::new(ErrorCode::AccessDenied, "the person said no");

/// What a person granted.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Of what was asked.
    pub(crate) scopes: ScopeSet,
    /// The one agent that the client may act for; the person itself without one.
    pub(crate) agent: Option<AgentId>,
}

/// Why nothing was granted.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ConsentError {
    #[error("`{0}` was not asked for, or is not yours to grant")]
    NotYours(Scope),
    #[error("nothing is left of it: an agent holds none of these scopes, or none was chosen")]
    Nothing,
    #[error("no such agent")]
    NoSuchAgent,
    #[error("the agent is suspended")]
    AgentSuspended,
    #[error("the session is over")]
    SignedOut,
    #[error("`{0}` can be granted within five minutes after signing in, which is longer ago")]
    Stale(Scope),
    #[error("the client was ended")]
    NoClient,
    #[error("the resource server was removed")]
    NoServer,
    #[error("no program waits with that code")]
    NoDevice,
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        let detail = error.to_string();
        match error {
            ConsentError::NotYours(scope) => insufficient_scope(&scope).detail(detail).param("scopes"),
            ConsentError::Nothing => Self::new(Code::ValidationOutOfRange).detail(detail).param("scopes"),
            ConsentError::NoSuchAgent => not_found::<AgentId>().param("agentId"),
            ConsentError::AgentSuspended => Self::new(Code::AgentSuspended).param("agentId"),
            ConsentError::SignedOut => Self::new(Code::AuthSessionOver),
            ConsentError::Stale(_) => Self::new(Code::AuthAssertionRequired).detail(detail).param("scopes"),
            ConsentError::NoClient => Self::new(Code::AuthClientNotFound),
            ConsentError::NoServer => not_found::<ResourceServerId>(),
            ConsentError::NoDevice => Self::new(Code::AuthDeviceNotFound).param("userCode"),
            ConsentError::Issue(IssueError::Store(error)) | ConsentError::Store(error) => {
                Self::because(error.code(), error)
            }
            ConsentError::Issue(error) => Self::internal(error),
        }
    }
}

/// What `role` may grant of what is wanted of `server`. What reaches only one's own agent is nobody's to hand on who has no
/// agent of its own; and a program that nobody here made known gets no more than the resource's document names to everybody
/// (its click may come from somebody who was talked into it).
fn grantable(wanted: &Wanted<'_>, role: &Role, server: &ResourceServer) -> ScopeSet {
    let offered = server.offered();
    let may = |scope: &&Scope| {
        let is_named = offered.holds(scope) || !wanted.is_stranger;
        is_named && server.reach(role, scope) == Reach::Project
    };
    wanted.scopes.iter().filter(may).cloned().collect()
}

/// What `user` may grant of what is wanted of `server`: nothing of one that serves others.
pub(crate) fn for_person(wanted: &Wanted<'_>, user: &User, server: &ResourceServer) -> ScopeSet {
    match server.serves(&user.project, &user.owner) {
        true => grantable(wanted, &user.role, server),
        false => ScopeSet::default(),
    }
}

/// Of these scopes, what one agent can hold. What they imply is not among them: nobody was asked about that.
pub(crate) fn for_one_agent(scopes: &ScopeSet) -> ScopeSet {
    let may = |scope: &&Scope| roles::reach(&Role::Agent, scope) > Reach::Nothing;
    scopes.iter().filter(may).cloned().collect()
}

/// What a person is asked, whichever way the answer takes.
pub(crate) struct Wanted<'a> {
    /// Who asks.
    pub(crate) client: &'a Client,
    /// For which resource server.
    pub(crate) resource: &'a Resource,
    /// All of it.
    pub(crate) scopes: &'a ScopeSet,
    /// True when nobody here made the client known.
    pub(crate) is_stranger: bool,
}

/// What came of a choice, before it is written down.
struct Decided {
    server: ResourceServerId,
    role: Role,
    scopes: ScopeSet,
    agent: Option<AgentId>,
}

impl Choice {
    /// What comes of it in a grant that `who` gives at `at`.
    fn decided(
        self,
        wanted: &Wanted<'_>,
        who: &SignedIn,
        server: &ResourceServer,
        at: Timestamp,
    ) -> Result<Decided, ConsentError> {
        let user = &who.user;
        let most = for_person(wanted, user, server);
        if let Some(beyond) = self.scopes.iter().find(|scope| !most.holds(scope)) {
            return Err(ConsentError::NotYours(beyond.clone()));
        }
        let (role, scopes) = match &self.agent {
            None => (user.role.clone(), self.scopes),
            Some(_) => (Role::Agent, for_one_agent(&self.scopes)),
        };
        if scopes.is_empty() {
            return Err(ConsentError::Nothing);
        }
        // Whoever passes the checks of a server does everything there.
        let passes = self.agent.is_none() && server.is_passed_by(&role);
        let grave = scopes.iter().find(|scope| passes || roles::is_grave(scope));
        if let Some(grave) = grave.filter(|_| !who.is_fresh(at)) {
            return Err(ConsentError::Stale(grave.clone()));
        }
        Ok(Decided {
            server: server.id.clone(),
            role,
            scopes,
            agent: self.agent,
        })
    }
}

impl Decided {
    /// Writes the grant down, if everybody whom it is about is still there.
    async fn write(
        &self,
        tx: &mut Tx,
        who: &SignedIn,
        wanted: &Wanted<'_>,
        (grant, at): (&GrantId, Timestamp),
        (agents, in_browser): (&Agents, bool),
    ) -> Result<(), ConsentError> {
        // In the order in which everybody locks: agents, people, clients.
        if let Some(agent) = &self.agent {
            match agents.lock(tx, agent, &who.user.owner).await? {
                None => return Err(ConsentError::NoSuchAgent),
                Some(Standing::Suspended) => return Err(ConsentError::AgentSuspended),
                Some(Standing::Going) => {}
            }
        }
        let same = |user: &User| user.role == who.user.role;
        if !people::users::lock(tx, &who.user.id).await?.as_ref().is_some_and(same) {
            return Err(ConsentError::SignedOut);
        }
        if !people::sessions::lock(tx, &who.session).await? {
            return Err(ConsentError::SignedOut);
        }
        if !Issuer::keep_client(tx, wanted.client, at).await? {
            return Err(ConsentError::NoClient);
        }
        if !resources::rows::lock(tx, &self.server).await? {
            return Err(ConsentError::NoServer);
        }
        let row = grants::NewGrant {
            id: grant,
            client: wanted.client.id.as_str(),
            project: &who.user.project,
            owner: &who.user.owner,
            user: Some(&who.user.id),
            agent: self.agent.as_ref(),
            role: &self.role,
            resource: Some(wanted.resource),
            scopes: &self.scopes,
            interactive: in_browser && !wanted.is_stranger,
        };
        grants::insert(tx, row, at, None).await?;
        Ok(())
    }

    fn told(&self, wanted: &Wanted<'_>, grant: &GrantId, to: &str) -> serde_json::Value {
        json!({
            "grantId": grant, "resource": wanted.resource, "scope": self.scopes.to_string(), "agentId": self.agent,
            "to": to,
        })
    }
}

impl Issuer {
    /// Grants what `who` chose of `wish`: where the browser goes then, with the code.
    ///
    /// # Errors
    /// [`ConsentError`]; nothing was granted.
    pub(crate) async fn consent(
        self: &Arc<Self>,
        who: &SignedIn,
        wish: &Arc<Wish>,
        choice: Choice,
        agents: Arc<Agents>,
    ) -> Result<String, ConsentError> {
        let server = self.server(&wish.asked.resource).map_err(IssueError::from)?;
        let at = self.clock.now().for_expiry();
        let decided = choice.decided(&wish.wanted(), who, &server, at)?;
        let code = token::code(&*self.entropy);
        let location = answer_with_code(&wish.asked, code.expose(), self.origin.as_str());
        let grant = GrantId::new(at, &*self.entropy);
        let (wish, who) = (Arc::clone(wish), who.clone());
        let unit = async move |tx: &mut Tx| {
            let wanted = wish.wanted();
            let to = (&*agents, true);
            decided.write(tx, &who, &wanted, (&grant, at), to).await?;
            codes::insert(tx, &code, (&grant, &wanted.client.id), &wish.asked, &decided.scopes, at).await?;
            let data = decided.told(&wanted, &grant, &wish.target().0);
            tx.audit(told(&wanted.client.id, &who.user, at, "oauth.granted", data));
            Ok::<_, ConsentError>(())
        };
        self.db.write(unit).await?;
        Ok(location)
    }

    /// Grants what `who` chose to the program on another device that shows `code`. It fetches that itself.
    ///
    /// # Errors
    /// [`ConsentError`]; nothing was granted.
    pub(crate) async fn approve_device(
        self: &Arc<Self>,
        who: &SignedIn,
        code: &UserCode,
        choice: Choice,
        agents: Arc<Agents>,
    ) -> Result<(), ConsentError> {
        let waiting = self.waiting(code, &who.user.owner).await?;
        let waiting = waiting.ok_or(ConsentError::NoDevice)?;
        let server = self.server(&waiting.resource).map_err(IssueError::from)?;
        let (now, by) = (
            self.clock.now(),
            self.signing.user_code(code).map_err(IssueError::from)?,
        );
        let at = now.for_expiry();
        let decided = choice.decided(&waiting.wanted(), who, &server, at)?;
        let (grant, who) = (GrantId::new(at, &*self.entropy), who.clone());
        let unit = async move |tx: &mut Tx| {
            let wanted = waiting.wanted();
            let to = (&*agents, false);
            decided.write(tx, &who, &wanted, (&grant, at), to).await?;
            if !devices::decide(tx, &by, now, Some(&grant)).await? {
                return Err(ConsentError::NoDevice);
            }
            let data = decided.told(&wanted, &grant, "device");
            tx.audit(told(&wanted.client.id, &who.user, at, "oauth.granted", data));
            Ok(())
        };
        self.db.write(unit).await
    }

    /// Says no to the program on another device that shows `code`.
    ///
    /// # Errors
    /// [`ConsentError::NoDevice`]; the store's.
    pub(crate) async fn deny_device(&self, who: &SignedIn, code: &UserCode) -> Result<(), ConsentError> {
        let waiting = self.waiting(code, &who.user.owner).await?;
        let waiting = waiting.ok_or(ConsentError::NoDevice)?;
        let (now, by) = (
            self.clock.now(),
            self.signing.user_code(code).map_err(IssueError::from)?,
        );
        let user = who.user.clone();
        let unit = async move |tx: &mut Tx| {
            if !devices::decide(tx, &by, now, None).await? {
                return Err(ConsentError::NoDevice);
            }
            let data = json!({"scope": waiting.scopes.to_string(), "to": "device"});
            tx.audit(told(
                &waiting.client.client.id,
                &user,
                now.for_expiry(),
                "oauth.denied",
                data,
            ));
            Ok(())
        };
        self.db.write(unit).await
    }

    /// Writes down that `who` said no to `wish`: where the browser goes then.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn deny(&self, who: &SignedIn, wish: &Arc<Wish>) -> Result<String, StoreError> {
        let at = self.clock.now().for_expiry();
        let location = answer_with_error(
            &wish.asked.redirect_uri,
            wish.asked.state.as_deref(),
            self.origin.as_str(),
            DENIED,
        );
        let (wish, user) = (Arc::clone(wish), who.user.clone());
        let unit = async move |tx: &mut Tx| {
            let data = json!({"scope": wish.asked.scopes.to_string(), "to": wish.target().0});
            tx.audit(told(&wish.client.client.id, &user, at, "oauth.denied", data));
            Ok::<_, StoreError>(())
        };
        self.db.write(unit).await?;
        Ok(location)
    }
}

fn told(client: &ClientId, user: &User, at: Timestamp, kind: &'static str, data: serde_json::Value) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: user.id.to_string(),
        owner: Some(user.owner.clone()),
        project: Some(user.project.clone()),
        subject: client.to_string(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::resources::{new::NewServer, server::tests::reports},
        portreeve_oauth::{AuthMethod, GrantSet},
    };

    fn may(asked: &str, role: &Role, is_stranger: bool) -> String {
        let wallet = NewServer::wallet(&"https://p.example".parse().unwrap());
        let server = ResourceServer {
            tenant: None,
            resource: wallet.resource,
            scopes: wallet.scopes,
            ..reports()
        };
        let client = Client {
            id: ClientId::parse("clt_1").unwrap(),
            name: "x".to_owned(),
            auth_method: AuthMethod::None,
            grants: GrantSet::default(),
            redirect_uris: Vec::new(),
            scopes: ScopeSet::default(),
            enabled: true,
        };
        let wanted = Wanted {
            client: &client,
            resource: &server.resource,
            scopes: &asked.parse().unwrap(),
            is_stranger,
        };
        grantable(&wanted, role, &server).to_string()
    }

    #[test]
    fn nobody_grants_what_their_role_may_not_hold_or_the_resource_does_not_know() {
        let all = "agents:read transactions:execute admin:all";
        assert_eq!(
            may(all, &Role::Owner, false),
            "admin:all agents:read transactions:execute"
        );
        assert_eq!(may(all, &Role::Viewer, false), "agents:read");
        assert_eq!(may(all, &Role::Member, false), "");
        assert_eq!(may("mcp:read", &Role::Owner, false), "", "the wallet does not know it");
        assert_eq!(may(all, &Role::Agent, false), "", "one's own is not handed on");
        assert_eq!(may(all, &Role::Custom("x".into()), false), "");
    }

    #[test]
    fn a_stranger_is_given_no_more_than_the_resource_names_to_everybody() {
        let all = "admin:all agents:read agents:write policies:write transactions:execute";
        assert_eq!(may(all, &Role::Owner, true), "agents:read transactions:execute");
    }

    #[test]
    fn what_one_agent_is_given_is_what_agents_hold_and_was_asked() {
        let of = |text: &str| for_one_agent(&text.parse().unwrap()).to_string();
        assert_eq!(of("agents:read agents:write"), "agents:read");
        assert_eq!(of("admin:all"), "", "nobody was asked about what it implies");
        assert_eq!(of("policies:write"), "");
    }
}
