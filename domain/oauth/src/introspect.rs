//! What a resource server is told of a credential that somebody showed it (RFC 7662).

use {
    crate::claims::Expected,
    portreeve_kernel::{AgentId, KeyId, Network, Now, OwnerId, ProjectId, Role, ScopeSet, Timestamp, TokenId},
    serde::{Deserialize, Deserializer, Serialize},
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
    /// True when this person's role passes the scope checks of the resource server that asks.
    #[serde(skip_serializing_if = "is_not")]
    pub bypass: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_not(said: &bool) -> bool {
    !*said
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

/// The same answer as a resource server reads it that asked.
#[derive(Deserialize)]
struct Answer {
    active: bool,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// What it is told of a credential that is good. Members that it does not know are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// What it is good for.
    #[serde(rename = "scope", deserialize_with = "from_text")]
    pub scopes: ScopeSet,
    aud: String,
    iss: String,
    /// For whom it speaks.
    pub sub: String,
    /// The client that holds it; an API key has none.
    pub client_id: Option<String>,
    /// When it ends, in seconds since 1970.
    pub exp: Option<i64>,
    /// The id of an access token.
    pub jti: Option<TokenId>,
    /// The id of an API key.
    pub key_id: Option<KeyId>,
    /// From where alone it may be used; anywhere when there is none.
    #[serde(default)]
    pub allowed_ips: Vec<Network>,
    /// Whose money and agents.
    pub owner_id: OwnerId,
    /// Inside which project.
    pub project_id: ProjectId,
    /// The one agent it speaks for.
    pub agent_id: Option<AgentId>,
    /// In which capacity.
    pub role: Role,
    /// Whether this person's role passes the scope checks here.
    #[serde(default)]
    pub bypass: bool,
}

fn from_text<'de, D: Deserializer<'de>>(from: D) -> Result<ScopeSet, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// The answer cannot be believed: it is malformed, or about something else than was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the introspection answer is none of RFC 7662, or of another issuer or audience")]
pub struct ToldError;

impl Told {
    /// Reads the answer that a resource server got from its issuer. `None` for a credential that is not good.
    ///
    /// # Errors
    /// [`ToldError`]: nobody is let in on such an answer, and it says nothing about the credential either.
    pub fn read(json: &[u8], expected: Expected<'_>) -> Result<Option<Self>, ToldError> {
        let answer: Answer = serde_json::from_slice(json).map_err(|_| ToldError)?;
        if !answer.active {
            return Ok(None);
        }
        let told: Self = serde_json::from_value(answer.rest.into()).map_err(|_| ToldError)?;
        let is_ours = told.iss == expected.issuer && told.aud == expected.audience;
        // Exactly one of them says by which credential.
        let is_one = told.jti.is_some() != told.key_id.is_some();
        // An API key passes no check, whatever anybody says.
        let is_honest = !told.bypass || (told.jti.is_some() && told.agent_id.is_none());
        if !is_ours || !is_one || !is_honest {
            return Err(ToldError);
        }
        Ok(Some(told))
    }

    /// True from the second on in which it ends.
    #[must_use]
    pub fn is_expired(&self, now: Now) -> bool {
        let end = self.exp.map(Timestamp::from_seconds);
        end.is_some_and(|end| now.for_expiry() >= end)
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::entropy::Seeded,
        serde_json::{Value, json},
    };

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://p.example",
        audience: "https://reports.example/mcp",
    };

    fn answer() -> Value {
        json!({
            "active": true, "scope": "reports:read", "sub": "key_0123456789AB", "aud": "https://reports.example/mcp",
            "iss": "https://p.example", "key_id": "key_0123456789AB", "token_type": "Bearer", "role": "owner",
            "owner_id": "own_01JZ3V5Q8K3M0N2P4R6S8T0V2W", "project_id": "prj_01JZ3V5Q8K3M0N2P4R6S8T0V2W", "extra": 1,
        })
    }

    fn read(change: &[(&str, Value)]) -> Result<Option<Told>, ToldError> {
        let mut all = answer();
        for (name, value) in change {
            all[*name] = value.clone();
        }
        Told::read(all.to_string().as_bytes(), EXPECTED)
    }

    #[test]
    fn what_the_issuer_tells_is_read_as_it_was_told() {
        let told = read(&[("allowed_ips", json!(["10.0.0.0/8"]))]).unwrap().unwrap();
        assert_eq!(
            (told.scopes.to_string().as_str(), told.allowed_ips.len()),
            ("reports:read", 1)
        );
        assert!(
            !told.is_expired(Now::at(Timestamp::from_seconds(9_000_000_000))),
            "it has no end"
        );
        let told = read(&[("exp", json!(100))]).unwrap().unwrap();
        assert!(!told.is_expired(Now::at(Timestamp::from_seconds(99))));
        assert!(told.is_expired(Now::at(Timestamp::from_seconds(100))));
        assert_eq!(read(&[("active", json!(false))]), Ok(None));
        assert_eq!(Told::read(br#"{"active":false}"#, EXPECTED), Ok(None));
    }

    #[test]
    fn an_answer_of_another_issuer_or_audience_or_of_another_form_is_not_believed() {
        let jti = json!("grt_01JZ3V5Q8K3M0N2P4R6S8T0V2W.0123456789ABCDEF");
        for change in [
            ("iss", json!("https://p.example/")),
            ("aud", json!("https://p.example/mcp")),
            ("aud", json!(["https://reports.example/mcp"])),
            ("active", json!("true")),
            ("scope", json!(["reports:read"])),
            ("exp", json!("100")),
            ("key_id", json!("nonsense")),
            ("key_id", json!(null)),
            ("jti", jti),
            ("allowed_ips", json!(["everywhere"])),
            ("bypass", json!(true)),
        ] {
            assert_eq!(read(std::slice::from_ref(&change)), Err(ToldError), "{change:?}");
        }
        for bad in ["", "null", "{}", "[]", "<html>"] {
            assert_eq!(Told::read(bad.as_bytes(), EXPECTED), Err(ToldError), "{bad}");
        }
    }

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
            bypass: false,
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
