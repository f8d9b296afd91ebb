//! What a resource server is told of a credential that somebody showed it (RFC 7662).

use {
    portreeve_kernel::{AgentId, OwnerId, ProjectId, Role, ScopeSet},
    serde::Serialize,
};

/// The answer. What is not good, for whatever reason, is not active, and nothing else is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    about: Option<Active>,
}

/// What is told of a credential that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Active {
    /// What it is good for now, separated by spaces.
    #[serde(serialize_with = "as_text")]
    pub scope: ScopeSet,
    /// The client that holds it; an API key has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// For whom it speaks.
    pub sub: String,
    /// The resource server that takes it.
    pub aud: String,
    /// Who issued it.
    pub iss: String,
    /// When it ends, in seconds since 1970; an API key may have no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The id of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The id of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// From where alone it may be used, as address ranges; whoever asked has to see to that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<String>,
    /// How it is shown.
    pub token_type: &'static str,
    /// Whose money and agents.
    pub owner_id: OwnerId,
    /// Inside which project.
    pub project_id: ProjectId,
    /// The one agent it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// In which capacity.
    pub role: Role,
}

fn as_text<S: serde::Serializer>(scopes: &ScopeSet, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(scopes)
}

impl Introspection {
    /// It is good.
    #[must_use]
    pub const fn active(about: Active) -> Self {
        Self {
            active: true,
            about: Some(about),
        }
    }

    /// It is unknown, malformed, over, revoked, or not for whoever asks to know: one answer for all.
    #[must_use]
    pub const fn inactive() -> Self {
        Self {
            active: false,
            about: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Timestamp, entropy::Seeded},
        serde_json::json,
    };

    /// AUTH_CHECKLIST 8.2
    #[test]
    fn of_what_is_not_good_nothing_is_said_but_that() {
        let told = serde_json::to_string(&Introspection::inactive()).unwrap();
        assert_eq!(told, r#"{"active":false}"#);
    }

    #[test]
    fn what_is_not_known_of_a_credential_is_left_out() {
        let chance = Seeded::new(1);
        let (owner, project) = (
            OwnerId::new(Timestamp::EPOCH, &chance),
            ProjectId::new(Timestamp::EPOCH, &chance),
        );
        let about = Active {
            scope: "transactions:read agents:read".parse().unwrap(),
            client_id: None,
            sub: "key_1".to_owned(),
            aud: "https://p.example/mcp".to_owned(),
            iss: "https://p.example".to_owned(),
            exp: None,
            iat: None,
            jti: None,
            key_id: Some("key_1".to_owned()),
            allowed_ips: Vec::new(),
            token_type: "Bearer",
            owner_id: owner.clone(),
            project_id: project.clone(),
            agent_id: None,
            role: Role::Owner,
        };
        assert_eq!(
            serde_json::to_value(Introspection::active(about)).unwrap(),
            json!({
                "active": true, "scope": "agents:read transactions:read", "sub": "key_1", "aud": "https://p.example/mcp",
                "iss": "https://p.example", "key_id": "key_1", "token_type": "Bearer", "owner_id": owner,
                "project_id": project, "role": "owner",
            })
        );
    }
}
