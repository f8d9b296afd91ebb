//! A resource server that is to be registered, and what is wrong with it by itself.

use {
    crate::{
        origin::{Addresses, Origin},
        resources::server::{OwnRole, OwnScope},
    },
    portreeve_kernel::{Role, Scope, ScopeSet},
    portreeve_oauth::Resource,
    portreeve_policy::roles,
    std::collections::BTreeMap,
};

/// What one server may bring along of each.
pub(crate) const SCOPES_MAX: usize = 50;
pub(crate) const ROLES_MAX: usize = 20;

/// Longest address and names of scopes of one server together, in bytes: all of them stand in one token, which is read up to
/// 4 KiB with everything else in it.
pub(crate) const NAMES_MAX: usize = 1500;

/// Longest words for a scope, in characters.
pub(crate) const WORDS_MAX: usize = 200;

/// Longest name of a role.
const ROLE_MAX: usize = 32;

/// What is to be registered.
#[derive(Debug, Clone)]
pub(crate) struct NewServer {
    pub(crate) name: String,
    pub(crate) resource: Resource,
    pub(crate) scopes: BTreeMap<Scope, OwnScope>,
    pub(crate) roles: BTreeMap<Role, OwnRole>,
}

/// Why it cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// One of a number that nobody needs.
    #[error("between 1 and {SCOPES_MAX} scopes, and at most {ROLES_MAX} roles")]
    TooMany,
    /// No token could hold them.
    #[error(
        "the names of the scopes and the address are more than {NAMES_MAX} bytes together, which is more than a token holds"
    )]
    TooLong,
    /// It is ours, or may be tomorrow.
    #[error("the scope `{0}` is built in, or begins as those do that are: it belongs to this server")]
    BuiltInScope(Scope),
    /// It is ours.
    #[error("the role `{0}` is built in: what it may hold, and which checks it passes, no resource server says")]
    BuiltInRole(Role),
    /// People type it, and it stands in tokens.
    #[error("`{0}` is no name of a role: small letters, digits, `-` and `_`, at most {ROLE_MAX}, a letter first")]
    RoleName(String),
    /// There is nothing that it could mean.
    #[error("the role `{role}` holds the scope `{scope}`, which this server does not have")]
    UnknownScope {
        /// The role.
        role: Role,
        /// The scope.
        scope: Scope,
    },
}

impl Unfit {
    /// In which field.
    pub(crate) const fn field(&self) -> &'static str {
        match self {
            Self::TooMany | Self::TooLong | Self::BuiltInScope(_) => "scopes",
            Self::BuiltInRole(_) | Self::RoleName(_) | Self::UnknownScope { .. } => "roles",
        }
    }
}

impl NewServer {
    /// What the wallet of the server at `origin` registers as: all that `admin:all` implies, of which its document names
    /// what an agent may hold.
    pub(crate) fn wallet(origin: &Origin) -> Self {
        let admin: ScopeSet = [Scope::ADMIN_ALL].into_iter().collect();
        Self::ours("Portreeve wallet", &origin.wallet(), &roles::expand(&admin))
    }

    /// What the vault of the server at `origin` registers as: the scopes that `admin:all` does not imply.
    pub(crate) fn vault(origin: &Origin) -> Self {
        let scopes = [Scope::new("mcp:read"), Scope::new("mcp:write")];
        Self::ours("Portreeve vault", &origin.vault(), &scopes.into_iter().collect())
    }

    /// One that brings nothing along but what is built in. Who names no scope there means what an agent may hold.
    fn ours(name: &str, address: &str, scopes: &ScopeSet) -> Self {
        let agent = roles::grantable(&Role::Agent);
        let scope = |scope: &Scope| {
            let own = OwnScope {
                words: roles::words(scope).unwrap_or_default().to_owned(),
                is_default: agent.holds(scope),
            };
            (scope.clone(), own)
        };
        Self {
            name: name.to_owned(),
            resource: Resource::configured(address),
            scopes: scopes.iter().map(scope).collect(),
            roles: BTreeMap::new(),
        }
    }

    /// Whether somebody else than us may register it.
    ///
    /// # Errors
    /// [`Unfit`], for the first thing that is wrong.
    pub(crate) fn check(&self) -> Result<(), Unfit> {
        if self.scopes.is_empty() || self.scopes.len() > SCOPES_MAX || self.roles.len() > ROLES_MAX {
            return Err(Unfit::TooMany);
        }
        let names = self.scopes.keys().map(|scope| scope.as_str().len());
        if names.fold(self.resource.as_str().len(), usize::saturating_add) > NAMES_MAX {
            return Err(Unfit::TooLong);
        }
        if let Some(scope) = self.scopes.keys().find(|scope| roles::is_reserved(scope)) {
            return Err(Unfit::BuiltInScope(scope.clone()));
        }
        for (role, own) in &self.roles {
            match role {
                Role::Owner | Role::Agent | Role::Viewer | Role::Auditor | Role::Member => {
                    return Err(Unfit::BuiltInRole(role.clone()));
                }
                Role::Custom(name) if !is_role_name(name) => return Err(Unfit::RoleName(shown(name))),
                Role::Custom(_) => {}
            }
            if let Some(scope) = own.scopes.iter().find(|scope| !self.scopes.contains_key(scope)) {
                let (role, scope) = (role.clone(), scope.clone());
                return Err(Unfit::UnknownScope { role, scope });
            }
        }
        Ok(())
    }
}

/// Nobody's role is called that: clients have it that nobody of ours made.
const NOBODY: &str = "none";

fn is_role_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    name.len() <= ROLE_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
        && name != NOBODY
}

/// As much of it as fits into a message.
fn shown(name: &str) -> String {
    name.chars()
        .take(ROLE_MAX)
        .filter(|letter| !letter.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{AgentId, GrantId, OwnerId, ProjectId, Timestamp, TokenId, UserId, entropy::Seeded},
        portreeve_oauth::{AccessClaims, ClientId},
    };

    fn server(scopes: &[&str], roles: &[(&str, &str, bool)]) -> NewServer {
        let scope = |text: &&str| {
            let own = OwnScope {
                words: "x".to_owned(),
                is_default: true,
            };
            (text.parse().unwrap(), own)
        };
        let role = |(name, scopes, bypass): &(&str, &str, bool)| {
            let own = OwnRole {
                scopes: scopes.parse().unwrap(),
                bypass: *bypass,
            };
            (name.parse().unwrap(), own)
        };
        NewServer {
            name: "Reports".to_owned(),
            resource: Resource::configured("https://reports.example/mcp"),
            scopes: scopes.iter().map(scope).collect(),
            roles: roles.iter().map(role).collect(),
        }
    }

    #[test]
    fn a_server_brings_scopes_and_roles_of_its_own() {
        let fits = server(
            &["reports:read", "reports:write"],
            &[("reporter", "reports:read", false), ("chief-2", "", true)],
        );
        assert_eq!(fits.check(), Ok(()));
        assert_eq!(server(&["x"], &[]).check(), Ok(()));
    }

    #[test]
    fn nobody_claims_what_is_built_in() {
        for scope in roles::scopes() {
            let claims = server(&["x", scope.as_str()], &[]);
            assert_eq!(claims.check(), Err(Unfit::BuiltInScope(scope.clone())));
        }
        for (name, bypass) in [
            ("owner", true),
            ("agent", true),
            ("viewer", false),
            ("auditor", true),
            ("member", false),
        ] {
            let role: Role = name.parse().unwrap();
            assert_eq!(
                server(&["x"], &[(name, "x", bypass)]).check(),
                Err(Unfit::BuiltInRole(role)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_role_has_a_plain_name_and_holds_what_its_server_has() {
        let long = "a".repeat(33);
        for bad in ["", "Chief", "9lives", "a b", "a:b", "ü", "none", "a\n", long.as_str()] {
            let refused = server(&["x"], &[(bad, "x", false)]).check();
            assert!(matches!(refused, Err(Unfit::RoleName(_))), "{bad:?}");
        }
        let beyond = server(&["x"], &[("reporter", "x y", false)]).check();
        assert!(matches!(beyond, Err(Unfit::UnknownScope { .. })));
    }

    #[test]
    fn no_list_is_empty_or_huge() {
        assert_eq!(server(&[], &[]).check(), Err(Unfit::TooMany));
        let many: Vec<String> = (0..51).map(|number| format!("s:{number}")).collect();
        let texts: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(server(&texts, &[]).check(), Err(Unfit::TooMany));
        assert_eq!(server(&texts[..50], &[]).check(), Ok(()));
        let names: Vec<String> = (0..21).map(|number| format!("r{number}")).collect();
        let many: Vec<(&str, &str, bool)> = names.iter().map(|name| (name.as_str(), "s:1", false)).collect();
        assert_eq!(server(&["s:1"], &many).check(), Err(Unfit::TooMany));
        assert_eq!(server(&["s:1"], &many[..20]).check(), Ok(()));
    }

    #[test]
    fn what_begins_as_a_built_in_scope_is_ours_whatever_comes_after() {
        for (scope, is_ours) in [
            ("agents:dance", true),
            ("Wallets:read", true),
            ("mcp:", true),
            ("agents", false),
            ("agentsx:read", false),
            ("reports:agents:read", false),
        ] {
            let refused = Err(Unfit::BuiltInScope(scope.parse().unwrap()));
            assert_eq!(server(&[scope], &[]).check() == refused, is_ours, "{scope}");
        }
    }

    #[test]
    fn the_longest_names_fit_into_a_token_that_is_read() {
        let address = format!("https://{}", "a".repeat(504));
        let scopes: Vec<String> = (0..38).map(|number| format!("{number:026}")).collect();
        let texts: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let mut longest = server(&texts, &[]);
        longest.resource = Resource::configured(&address);
        assert_eq!(longest.check(), Ok(()), "38 times 26 and 512 are 1,500");
        let (at, chance) = (Timestamp::from_seconds(1_700_000_000), Seeded::new(1));
        let grant = GrantId::new(at, &chance);
        let claims = AccessClaims {
            iss: "i".repeat(128),
            sub: UserId::new(at, &chance).to_string(),
            aud: address,
            exp: at.seconds(),
            iat: at.seconds(),
            jti: TokenId::new(&grant, &chance).to_string(),
            scope: longest.scopes.keys().cloned().collect(),
            // The address of a client's own document.
            client_id: ClientId::parse(&"c".repeat(512)).unwrap(),
            owner_id: OwnerId::new(at, &chance),
            project_id: ProjectId::new(at, &chance),
            agent_id: Some(AgentId::new(at, &chance)),
            role: Some(Role::Custom("r".repeat(ROLE_MAX).into())),
            bypass: true,
        };
        let payload = serde_json::to_vec(&claims).unwrap().len();
        // A header with the id of a key, two dots, and the signature.
        let token = (payload * 4).div_ceil(3) + 150 + 2 + 86;
        assert!(token <= 4096, "{token}");
        longest.scopes.insert(
            Scope::new("x"),
            OwnScope {
                words: "x".into(),
                is_default: false,
            },
        );
        assert_eq!(longest.check(), Err(Unfit::TooLong));
    }

    #[test]
    fn the_vault_has_what_the_wallet_has_not_and_offers_reading() {
        let origin = "https://p.example".parse().unwrap();
        let (wallet, vault) = (NewServer::wallet(&origin), NewServer::vault(&origin));
        assert_eq!(vault.resource.as_str(), "https://p.example/vault/mcp");
        let all: Vec<_> = vault
            .scopes
            .iter()
            .map(|(name, own)| (name.as_str(), own.is_default))
            .collect();
        assert_eq!(all, [("mcp:read", true), ("mcp:write", false)]);
        assert!(vault.scopes.keys().all(|scope| !wallet.scopes.contains_key(scope)));
        assert!(vault.scopes.values().all(|own| !own.words.is_empty()));
    }

    #[test]
    fn the_wallet_offers_what_an_agent_may_hold_of_all_that_admin_all_implies() {
        let wallet = NewServer::wallet(&"https://p.example".parse().unwrap());
        assert_eq!(wallet.resource.as_str(), "https://p.example/mcp");
        assert!(wallet.scopes.contains_key(&Scope::ADMIN_ALL) && !wallet.scopes.contains_key(&Scope::new("mcp:read")));
        let offered: Vec<&str> = wallet
            .scopes
            .iter()
            .filter(|(_, own)| own.is_default)
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            offered,
            [
                "agents:read",
                "policies:read",
                "transactions:execute",
                "transactions:read",
                "wallets:read"
            ]
        );
    }
}
