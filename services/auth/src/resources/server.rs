//! One resource server, and what a role may hold there: the built-in table for the scopes that are built in, its own rows
//! for its own.

use {
    portreeve_kernel::{OwnerId, ProjectId, ResourceServerId, Role, Scope, ScopeSet, Timestamp},
    portreeve_oauth::Resource,
    portreeve_policy::roles::{self, Reach},
    std::collections::BTreeMap,
};

/// A scope that a server understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnScope {
    /// What it lets somebody do, in words for people.
    pub(crate) words: String,
    /// Whether somebody who names no scope means it, too.
    pub(crate) is_default: bool,
}

/// A role that a server brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnRole {
    /// All that somebody in it may hold here.
    pub(crate) scopes: ScopeSet,
    /// Whether a person in it passes the scope checks here.
    pub(crate) bypass: bool,
}

/// Whose a third party's server is: it serves this owner's people, programs and keys, and nobody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
}

/// A resource server that tokens are made for.
#[derive(Debug, Clone)]
pub struct ResourceServer {
    pub(crate) id: ResourceServerId,
    /// `None` for one of ours, which serves everybody.
    pub(crate) tenant: Option<Tenant>,
    /// Its name in tokens, which is the address that its clients know.
    pub(crate) resource: Resource,
    /// For people.
    pub(crate) name: String,
    /// All that it understands.
    pub(crate) scopes: BTreeMap<Scope, OwnScope>,
    /// Further roles than those that are built in.
    pub(crate) roles: BTreeMap<Role, OwnRole>,
    /// By which client it asks what a credential is good for.
    pub(crate) client: Option<String>,
    /// Which one of ours it is.
    pub(crate) own: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
}

impl ResourceServer {
    /// Whether what belongs to `owner` in `project` may use it.
    pub(crate) fn serves(&self, project: &ProjectId, owner: &OwnerId) -> bool {
        let is_theirs = |of: &Tenant| of.project == *project && of.owner == *owner;
        self.tenant.as_ref().is_none_or(is_theirs)
    }

    /// True for one of ours.
    pub(crate) const fn is_ours(&self) -> bool {
        self.tenant.is_none()
    }

    /// Whether a token for this address that was made at `iat`, in seconds, can have been made for this server, and not for
    /// one of the same address that is gone. Ours are never gone, whenever they were written down.
    pub(crate) fn was_there(&self, iat: i64) -> bool {
        self.is_ours() || iat >= self.created_at.seconds()
    }

    /// All that a token for it may hold.
    pub(crate) fn all(&self) -> ScopeSet {
        self.scopes.keys().cloned().collect()
    }

    /// What somebody who knows nothing of it should ask for, and no more.
    pub(crate) fn offered(&self) -> ScopeSet {
        let default = self.scopes.iter().filter(|(_, scope)| scope.is_default);
        default.map(|(name, _)| name.clone()).collect()
    }

    /// How far `scope` reaches here in the hands of `role`. What is built in is as the table says; of what a server brings
    /// along, an owner may hold everything, who could register it again with any role, and the server's own roles what
    /// their rows say. The other roles hold nothing of it.
    pub(crate) fn reach(&self, role: &Role, scope: &Scope) -> Reach {
        if !self.scopes.contains_key(scope) {
            return Reach::Nothing;
        }
        if roles::words(scope).is_some() {
            return roles::reach(role, scope);
        }
        match role {
            Role::Owner => Reach::Project,
            Role::Agent | Role::Viewer | Role::Auditor | Role::Member => Reach::Nothing,
            Role::Custom(_) => match self.roles.get(role) {
                Some(own) if own.scopes.holds(scope) => Reach::Project,
                _ => Reach::Nothing,
            },
        }
    }

    /// The most that `role` may hold here.
    pub(crate) fn most(&self, role: &Role) -> ScopeSet {
        let held = |scope: &&Scope| self.reach(role, scope) > Reach::Nothing;
        self.scopes.keys().filter(held).cloned().collect()
    }

    /// Whether a person in `role` passes the scope checks here.
    pub(crate) fn is_passed_by(&self, role: &Role) -> bool {
        self.roles.get(role).is_some_and(|own| own.bypass)
    }

    /// What a credential that was `granted` these scopes is good for here, in the hands of `role`.
    pub(crate) fn effective(&self, granted: &ScopeSet, role: &Role) -> ScopeSet {
        let most = self.most(role);
        let granted = roles::expand(granted);
        granted.iter().filter(|scope| most.holds(scope)).cloned().collect()
    }

    /// What `scope` lets somebody do here, in words for people; the scope itself when nobody said.
    pub(crate) fn words<'a>(&'a self, scope: &'a Scope) -> &'a str {
        let said = self.scopes.get(scope).map(|own| own.words.as_str());
        said.filter(|words| !words.is_empty()).unwrap_or(scope.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    /// A server that brings two scopes and two roles along; the second passes its checks.
    pub(crate) fn reports() -> ResourceServer {
        let chance = Seeded::new(5);
        let scope = |is_default| OwnScope {
            words: "Read the reports".to_owned(),
            is_default,
        };
        let role = |scopes: &str, bypass| OwnRole {
            scopes: scopes.parse().unwrap(),
            bypass,
        };
        ResourceServer {
            id: ResourceServerId::new(Timestamp::EPOCH, &chance),
            tenant: Some(Tenant {
                project: ProjectId::new(Timestamp::EPOCH, &chance),
                owner: OwnerId::new(Timestamp::EPOCH, &chance),
            }),
            resource: Resource::configured("https://reports.example/mcp"),
            name: "Reports".to_owned(),
            scopes: [
                (Scope::new("reports:read"), scope(true)),
                (Scope::new("reports:write"), scope(false)),
            ]
            .into(),
            roles: [
                (Role::Custom("reporter".into()), role("reports:read", false)),
                (Role::Custom("chief".into()), role("reports:read", true)),
            ]
            .into(),
            client: None,
            own: None,
            created_at: Timestamp::EPOCH,
            created_by: "test".to_owned(),
        }
    }

    #[test]
    fn a_role_holds_what_the_rows_say_and_a_built_in_one_but_the_owner_nothing() {
        let server = reports();
        let most = |role: &str| server.most(&role.parse().unwrap()).to_string();
        assert_eq!(most("owner"), "reports:read reports:write");
        assert_eq!(
            (most("reporter"), most("chief")),
            ("reports:read".into(), "reports:read".into())
        );
        for nobody in ["agent", "viewer", "auditor", "member", "stranger"] {
            assert_eq!(most(nobody), "", "{nobody}");
        }
    }

    #[test]
    fn a_token_of_a_server_is_none_from_before_it_and_ours_were_always_there() {
        let mut server = ResourceServer {
            created_at: Timestamp::from_seconds(100),
            ..reports()
        };
        assert!(!server.was_there(99) && server.was_there(100));
        server.tenant = None;
        assert!(server.was_there(99));
    }

    #[test]
    fn only_the_row_that_says_so_passes_the_checks() {
        let server = reports();
        for (role, passes) in [
            ("chief", true),
            ("reporter", false),
            ("owner", false),
            ("stranger", false),
        ] {
            assert_eq!(server.is_passed_by(&role.parse().unwrap()), passes, "{role}");
        }
    }

    #[test]
    fn what_is_built_in_reaches_as_far_as_the_table_says_and_admin_all_implies_nothing_else() {
        let mut server = reports();
        let granted = "admin:all agents:read".parse().unwrap();
        assert_eq!(server.effective(&granted, &Role::Owner).to_string(), "");
        let words = OwnScope {
            words: String::new(),
            is_default: false,
        };
        server.scopes.insert(Scope::new("agents:read"), words);
        assert_eq!(server.effective(&granted, &Role::Agent).to_string(), "agents:read");
        assert_eq!(server.effective(&granted, &Role::Member).to_string(), "");
        assert_eq!(server.words(&Scope::new("agents:read")), "agents:read", "nobody said");
        assert_eq!(server.words(&Scope::new("reports:read")), "Read the reports");
        assert_eq!(server.offered().to_string(), "reports:read");
    }
}
