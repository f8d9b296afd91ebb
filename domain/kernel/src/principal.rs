//! Who is calling, with which credential, for what.

use {
    crate::{
        entropy::Entropy,
        id::{AgentId, KeyId, OwnerId, ProjectId, SessionId, UserId},
        project::{Environment, UnknownName},
        scope::{Scope, ScopeSet},
        time::Timestamp,
        token::TokenId,
    },
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{convert::Infallible, fmt, str::FromStr},
};

/// What kind of actor a credential speaks for. A `match` has to say what an unknown role may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Owns the project's money and agents.
    Owner,
    /// One AI agent; sees and moves only its own wallet.
    Agent,
    /// Sees everything of the project but the audit log.
    Viewer,
    /// Sees everything of the project, the audit log included.
    Auditor,
    /// Reads and writes knowledge.
    Member,
    /// A role that a resource server brought with it, as data.
    Custom(Box<str>),
}

impl Role {
    /// The role's name in the database, in tokens and in tables.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Owner => "owner",
            Self::Agent => "agent",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Member => "member",
            Self::Custom(name) => name,
        }
    }
}

impl FromStr for Role {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "owner" => Self::Owner,
            "agent" => Self::Agent,
            "viewer" => Self::Viewer,
            "auditor" => Self::Auditor,
            "member" => Self::Member,
            other => Self::Custom(other.into()),
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(|never: Infallible| match never {})
    }
}

/// How much a credential may ask in a minute; how much that is, the server's settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// As much as everybody.
    #[default]
    Default,
    /// More.
    Premium,
    /// As much as there is.
    Enterprise,
}

impl Tier {
    /// Each of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Default, Self::Premium, Self::Enterprise];

    /// Its name in requests and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Premium => "premium",
            Self::Enterprise => "enterprise",
        }
    }
}

impl FromStr for Tier {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| UnknownName::new(text, "default, premium, enterprise"))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the caller showed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credential {
    /// An API key.
    ApiKey(KeyId),
    /// An access token.
    Token(TokenId),
    /// A person's session in a browser. For pages alone: no bearer is one.
    Session(SessionId),
}

impl Credential {
    /// What is counted as one: the key, the grant of a token, of which whoever has it makes as many as they like, or the
    /// session. Prefixes keep them apart.
    #[must_use]
    pub fn counted_as(&self) -> &str {
        match self {
            Self::ApiKey(id) => id.as_str(),
            Self::Token(id) => id.grant().as_str(),
            Self::Session(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(id) => id.fmt(f),
            Self::Token(id) => id.fmt(f),
            Self::Session(id) => id.fmt(f),
        }
    }
}

/// How the credential was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// An API key in the `Authorization` header.
    ApiKey,
    /// An access token in the `Authorization` header.
    AccessToken,
    /// The cookie of a session, on a page of ours.
    Session,
}

/// Who is calling. Made by the guard and by nothing else; handlers read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose money and agents these are.
    pub owner: OwnerId,
    /// Inside which project.
    pub project: ProjectId,
    /// Live money or test money.
    pub environment: Environment,
    /// In which capacity.
    pub role: Role,
    /// By which credential, for the audit log.
    pub credential: Credential,
    /// Checked how.
    pub method: AuthMethod,
    /// For which resource server the credential was made.
    pub audience: Box<str>,
    /// The one agent this credential speaks for; `None` for people and services.
    pub agent: Option<AgentId>,
    /// The person who acts, when one does.
    pub user: Option<UserId>,
    /// The OAuth client through which somebody acts, when there is one.
    pub client: Option<Box<str>>,
    /// How much it may ask in a minute.
    pub tier: Tier,
    /// What the credential may do: asked ∩ role ∩ creator, with `admin:all` already expanded.
    pub scopes: ScopeSet,
    /// True when this person's role passes the scope checks of this one resource server. Each such pass is audited.
    pub bypass: bool,
}

impl Principal {
    /// Whether the holder may do here what needs `scope`.
    #[must_use]
    pub fn may(&self, scope: &Scope) -> bool {
        self.bypass || self.scopes.holds(scope)
    }

    /// Somebody new with an API key: an owner on test money, without scopes. For tests, which change what matters to them.
    #[must_use]
    pub fn stranger(at: Timestamp, entropy: &dyn Entropy) -> Self {
        Self {
            owner: OwnerId::new(at, entropy),
            project: ProjectId::new(at, entropy),
            environment: Environment::Test,
            role: Role::Owner,
            credential: Credential::ApiKey(KeyId::new(entropy)),
            method: AuthMethod::ApiKey,
            audience: "test".into(),
            agent: None,
            user: None,
            client: None,
            tier: Tier::Default,
            scopes: ScopeSet::default(),
            bypass: false,
        }
    }
}
