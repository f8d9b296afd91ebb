//! The claims of an access token (RFC 9068), ours and those that a resource server is shown.

use {
    crate::{
        client::ClientId,
        client_auth::{Audience, present},
    },
    portreeve_kernel::{AgentId, Now, OwnerId, ProjectId, Role, ScopeSet, Seconds, Timestamp},
    serde::{Deserialize, Serialize, de::IgnoredAny},
};

/// How long an access token is good.
const TTL: Seconds = Seconds(15 * 60);

/// How far the issuer's clock may be ahead of the resource server's.
const LEEWAY: Seconds = Seconds(60);

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// Who issued it.
    pub iss: String,
    /// For whom it speaks: a person, or the client itself.
    pub sub: String,
    /// The one resource server that takes it.
    pub aud: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// Its own id.
    pub jti: String,
    /// What it is for, separated by spaces.
    #[serde(serialize_with = "as_text")]
    pub scope: ScopeSet,
    /// The client that holds it.
    pub client_id: ClientId,
    /// Whose money and agents.
    pub owner_id: OwnerId,
    /// Inside which project.
    pub project_id: ProjectId,
    /// The one agent it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// In which capacity. For resource servers that cannot look at the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// That a person's role passes the scope checks of this one resource server.
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

/// As it is shown to a resource server: a member of the wrong type is an error and never an absent one.
#[derive(Deserialize)]
struct Shown {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    jti: String,
    scope: String,
    client_id: ClientId,
    owner_id: OwnerId,
    project_id: ProjectId,
    agent_id: Option<AgentId>,
    role: Option<Role>,
    #[serde(default)]
    bypass: bool,
    cnf: Option<IgnoredAny>,
}

/// What a resource server takes.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer it trusts.
    pub issuer: &'a str,
    /// Its own audience.
    pub audience: &'a str,
}

/// Why a token whose signature is right is refused all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// A claim is missing, twice there or of the wrong type.
    #[error("the claims are not those of an access token (RFC 9068)")]
    Malformed,
    /// From somebody else.
    #[error("the token is from another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another resource server")]
    Audience,
    /// Over.
    #[error("the token is expired")]
    Expired,
    /// Not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// Bound to a key that the holder has to prove; we do not know how.
    #[error("tokens bound to a key (`cnf`) are not taken here")]
    Bound,
}

impl AccessClaims {
    /// How long one is good, in seconds.
    pub const TTL: Seconds = TTL;

    /// When one ends that is issued at `at`.
    #[must_use]
    pub const fn ends(at: Timestamp) -> Timestamp {
        at.plus(TTL)
    }

    /// Reads and judges the payload of a token whose signature has been verified.
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn accept(json: &[u8], expected: Expected<'_>, now: Now) -> Result<Self, ClaimsError> {
        let claims = Self::of_any_age(json, expected, now)?;
        if claims.is_expired(now) {
            return Err(ClaimsError::Expired);
        }
        Ok(claims)
    }

    /// True from the second on in which it ends.
    #[must_use]
    pub const fn is_expired(&self, now: Now) -> bool {
        now.for_expiry().millis() >= Timestamp::from_seconds(self.exp).millis()
    }

    /// The same as [`AccessClaims::accept`], for a token that may be over: who shows it is told so, and nobody else.
    ///
    /// # Errors
    /// [`ClaimsError`], but never [`ClaimsError::Expired`].
    pub fn of_any_age(json: &[u8], expected: Expected<'_>, now: Now) -> Result<Self, ClaimsError> {
        let shown: Shown = serde_json::from_slice(json).map_err(|_| ClaimsError::Malformed)?;
        if shown.iss != expected.issuer {
            return Err(ClaimsError::Issuer);
        }
        if !shown.aud.holds(expected.audience) {
            return Err(ClaimsError::Audience);
        }
        if shown.cnf.is_some() {
            return Err(ClaimsError::Bound);
        }
        let soon = now.for_expiry().plus(LEEWAY);
        let begins = [Some(shown.iat), shown.nbf].into_iter().flatten();
        if begins.map(Timestamp::from_seconds).any(|begin| begin > soon) {
            return Err(ClaimsError::NotYet);
        }
        let scope = shown.scope.parse().map_err(|_| ClaimsError::Malformed)?;
        Ok(Self {
            iss: shown.iss,
            sub: shown.sub,
            aud: expected.audience.to_owned(),
            exp: shown.exp,
            iat: shown.iat,
            jti: shown.jti,
            scope,
            client_id: shown.client_id,
            owner_id: shown.owner_id,
            project_id: shown.project_id,
            agent_id: shown.agent_id,
            role: shown.role,
            bypass: shown.bypass,
        })
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        serde_json::{Value, json},
    };

    const T: i64 = 1_800_000_000;
    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://p.example",
        audience: "https://p.example/mcp",
    };

    fn claims() -> Value {
        json!({
            "iss": "https://p.example", "sub": "usr_1", "aud": "https://p.example/mcp", "exp": T + 900, "iat": T, "jti": "t1",
            "scope": "transactions:execute agents:read", "client_id": "cli_1",
            "owner_id": "own_01JZ3V5Q8K3M0N2P4R6S8T0V2W", "project_id": "prj_01JZ3V5Q8K3M0N2P4R6S8T0V2W",
        })
    }

    fn accept(change: &[(&str, Value)], at: i64) -> Result<AccessClaims, ClaimsError> {
        let mut all = claims();
        for (name, value) in change {
            all[*name] = value.clone();
        }
        AccessClaims::accept(
            all.to_string().as_bytes(),
            EXPECTED,
            Now::at(Timestamp::from_seconds(at)),
        )
    }

    #[test]
    fn what_we_issue_is_what_we_accept() {
        let accepted = accept(&[], T).unwrap();
        assert_eq!(accepted.scope.to_string(), "agents:read transactions:execute");
        let json = serde_json::to_vec(&accepted).unwrap();
        let again = AccessClaims::accept(&json, EXPECTED, Now::at(Timestamp::from_seconds(T)));
        assert_eq!(again, Ok(accepted));
    }

    #[test]
    fn a_token_of_another_issuer_audience_or_time_is_refused() {
        for (change, at, error) in [
            (("iss", json!("https://p.example/")), T, ClaimsError::Issuer),
            (("aud", json!("https://p.example")), T, ClaimsError::Audience),
            (("aud", json!("https://p.example/mcp/")), T, ClaimsError::Audience),
            (
                ("aud", json!(["https://p.example/vault/mcp"])),
                T,
                ClaimsError::Audience,
            ),
            (("exp", json!(T)), T, ClaimsError::Expired),
            (("iat", json!(T + 61)), T, ClaimsError::NotYet),
            (("nbf", json!(T + 61)), T, ClaimsError::NotYet),
            (("cnf", json!({"jkt": "x"})), T, ClaimsError::Bound),
        ] {
            assert_eq!(accept(std::slice::from_ref(&change), at), Err(error), "{change:?}");
        }
        assert!(accept(&[("aud", json!(["x", "https://p.example/mcp"]))], T).is_ok());
        assert!(accept(&[("nbf", json!(T + 60))], T).is_ok());
        assert!(accept(&[], T + 899).is_ok());
        assert_eq!(accept(&[], T + 900), Err(ClaimsError::Expired));
    }

    #[test]
    fn a_mistyped_claim_is_never_an_absent_one() {
        for (name, value) in [
            ("exp", json!("1900000000")),
            ("exp", json!(1.9e9)),
            ("exp", json!(null)),
            ("exp", json!([1_900_000_000])),
            ("nbf", json!("0")),
            ("nbf", json!(null)),
            ("iat", json!(true)),
            ("aud", json!({})),
            ("scope", json!(["agents:read"])),
            ("scope", json!("a\"b")),
            ("agent_id", json!("agt_short")),
            ("owner_id", json!("")),
            ("role", json!(1)),
            ("bypass", json!("true")),
            ("bypass", json!(null)),
        ] {
            assert_eq!(
                accept(&[(name, value.clone())], T),
                Err(ClaimsError::Malformed),
                "{name} {value}"
            );
        }
        for bad in [&b"[]"[..], b"null", b"\"x\"", b"{", b"{}"] {
            let now = Now::at(Timestamp::from_seconds(T));
            assert_eq!(AccessClaims::accept(bad, EXPECTED, now), Err(ClaimsError::Malformed));
        }
    }

    #[test]
    fn a_claim_said_twice_is_refused() {
        let twice = claims()
            .to_string()
            .replacen('{', &format!(r#"{{"exp":{},"#, T + 9_000_000), 1);
        let now = Now::at(Timestamp::from_seconds(T));
        assert_eq!(
            AccessClaims::accept(twice.as_bytes(), EXPECTED, now),
            Err(ClaimsError::Malformed)
        );
    }
}
