//! The authorization request: what a client asks a person to consent to.
//!
//! Until the client and its redirect address are known to belong together, a refusal is a page for the person; nothing is
//! ever sent to an address that a request brought along (RFC 6749, 4.1.2.1).

use {
    crate::{
        client::{Client, Grant},
        error::{ErrorCode, OAuthError},
        params::Params,
        pkce::Challenge,
        resource::Resource,
    },
    portreeve_kernel::{Scope, ScopeSet},
};

const NO_REDIRECT: OAuthError = OAuthError::new(
    ErrorCode::InvalidRequest,
    "redirect_uri is not one that this client registered",
);
const RESPONSE_TYPE: OAuthError = OAuthError::new(ErrorCode::UnsupportedResponseType, "response_type has to be code");
const NO_RESPONSE_TYPE: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "response_type is missing");
const REQUEST_OBJECT: OAuthError =
    OAuthError::new(ErrorCode::InvalidRequest, "request and request_uri are not taken here");
const SCOPE: OAuthError = OAuthError::new(
    ErrorCode::InvalidScope,
    "scope names a scope that this resource does not know",
);
const NO_GRANT: OAuthError = OAuthError::new(
    ErrorCode::UnauthorizedClient,
    "this client did not register the code flow",
);

/// A request that a person may be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where the answer goes, exactly as the client asked: on loopback with the port of today.
    pub redirect_uri: String,
    /// Returned as it came.
    pub state: Option<String>,
    /// What the verifier has to hash to.
    pub challenge: Challenge,
    /// For which resource server.
    pub resource: Resource,
    /// What is asked for; a person can only grant less.
    pub scopes: ScopeSet,
}

/// A refusal that is shown to the person, because there is no address that it may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page(pub OAuthError);

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// Shown to the person.
    Page(Page),
    /// Sent to the client.
    Redirect {
        /// Where it goes.
        to: String,
        /// Returned as it came.
        state: Option<String>,
        /// What went wrong.
        error: OAuthError,
    },
}

/// Judges a request of a client that exists and is enabled. `resources` are those of this issuer, the default first;
/// `known` are the scopes of the one that is asked for, and `default` is meant when none is.
///
/// # Errors
/// [`Denied`], which says where the refusal goes.
pub fn asked(
    params: &Params,
    client: &Client,
    resources: &[Resource],
    known: impl Fn(&Resource) -> (ScopeSet, ScopeSet),
) -> Result<Asked, Denied> {
    let sent = params.get("redirect_uri");
    let Some(registered) = client.redirect_uri(sent) else {
        return Err(Denied::Page(Page(NO_REDIRECT)));
    };
    let to = sent.unwrap_or(registered.as_str()).to_owned();
    let state = params.get("state").map(str::to_owned);
    let refuse = |error| Denied::Redirect {
        to: to.clone(),
        state: state.clone(),
        error,
    };
    judge(params, client, resources, known)
        .map_err(refuse)
        .map(|(challenge, resource, scopes)| Asked {
            redirect_uri: to.clone(),
            state: state.clone(),
            challenge,
            resource,
            scopes,
        })
}

fn judge(
    params: &Params,
    client: &Client,
    resources: &[Resource],
    known: impl Fn(&Resource) -> (ScopeSet, ScopeSet),
) -> Result<(Challenge, Resource, ScopeSet), OAuthError> {
    if params.get("request").is_some() || params.get("request_uri").is_some() {
        return Err(REQUEST_OBJECT);
    }
    match params.need("response_type", NO_RESPONSE_TYPE)? {
        "code" => {}
        _ => return Err(RESPONSE_TYPE),
    }
    if !client.grants.has(Grant::AuthorizationCode) {
        return Err(NO_GRANT);
    }
    let challenge = Challenge::read(params)?;
    let resource = Resource::asked(params, resources)?.clone();
    let (all, default) = known(&resource);
    let scopes = asked_scopes(params, &all, default)?;
    Ok((challenge, resource, scopes))
}

/// Reads `scope`; `default` when it is missing.
///
/// # Errors
/// `invalid_scope` for anything that is not in `all`.
pub fn asked_scopes(params: &Params, all: &ScopeSet, default: ScopeSet) -> Result<ScopeSet, OAuthError> {
    let Some(text) = params.get("scope") else {
        return Ok(default);
    };
    let asked: ScopeSet = text.parse().map_err(|_| SCOPE)?;
    let known = |scope: &Scope| all.holds(scope);
    if asked.is_empty() || !asked.iter().all(known) {
        return Err(SCOPE);
    }
    Ok(asked)
}

/// Where the person's browser goes with the code (RFC 6749, 4.1.2; RFC 9207).
#[must_use]
pub fn answer_with_code(asked: &Asked, code: &str, issuer: &str) -> String {
    answer(&asked.redirect_uri, asked.state.as_deref(), issuer, &[("code", code)])
}

/// Where the person's browser goes with a refusal.
#[must_use]
pub fn answer_with_error(to: &str, state: Option<&str>, issuer: &str, error: OAuthError) -> String {
    let pairs = [
        ("error", error.code().as_str()),
        ("error_description", error.description()),
    ];
    answer(to, state, issuer, &pairs)
}

fn answer(to: &str, state: Option<&str>, issuer: &str, pairs: &[(&str, &str)]) -> String {
    // What the registered address has in its query stays in front (RFC 6749, 3.1.2).
    let mut location = String::from(to);
    location.push(if to.contains('?') { '&' } else { '?' });
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.extend_pairs(state.map(|state| ("state", state)));
    query.append_pair("iss", issuer);
    location.push_str(&query.finish());
    location
}

#[cfg(test)]
mod tests {
    use {super::*, crate::client::tests::client};

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn ask(change: &[(&str, &str)]) -> Result<Asked, Denied> {
        let mut all = vec![
            ("response_type", "code"),
            ("client_id", "cli_1"),
            ("redirect_uri", "https://a.example/cb"),
            ("state", "s t&a=te"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("scope", "agents:read"),
        ];
        for (name, value) in change {
            all.retain(|(known, _)| known != name);
            all.push((name, value));
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(all)
            .finish();
        let resources = ["https://p.example/mcp", "https://p.example/vault/mcp"].map(Resource::configured);
        let known = |resource: &Resource| {
            let all = if resource.as_str().contains("vault") {
                "mcp:read mcp:write"
            } else {
                "agents:read transactions:execute"
            };
            (all.parse().unwrap(), "agents:read".parse().unwrap())
        };
        asked(
            &Params::parse(query.as_bytes()).unwrap(),
            &client(&["https://a.example/cb"]),
            &resources,
            known,
        )
    }

    fn refused(change: &[(&str, &str)]) -> ErrorCode {
        match ask(change).unwrap_err() {
            Denied::Redirect { to, state, error } => {
                assert_eq!(to, "https://a.example/cb");
                assert_eq!(
                    state.as_deref(),
                    Some("s t&a=te"),
                    "the state comes back with a refusal, too"
                );
                error.code()
            }
            Denied::Page(page) => panic!("{page:?}"),
        }
    }

    #[test]
    fn what_is_asked_is_read_and_defaults_are_the_documented_ones() {
        let asked = ask(&[]).unwrap();
        assert_eq!(asked.scopes.to_string(), "agents:read");
        assert_eq!(asked.resource.as_str(), "https://p.example/mcp");
        let defaults = ask(&[("scope", ""), ("redirect_uri", "")]).unwrap();
        assert_eq!(defaults.scopes.to_string(), "agents:read");
        assert_eq!(defaults.redirect_uri.as_str(), "https://a.example/cb");
    }

    #[test]
    fn an_address_that_was_not_registered_gets_nothing_at_all() {
        for bad in [
            "https://a.example/cb/",
            "https://evil.example/cb",
            "https://a.example/c",
            "javascript:alert(1)",
        ] {
            assert_eq!(
                ask(&[("redirect_uri", bad)]),
                Err(Denied::Page(Page(NO_REDIRECT))),
                "{bad}"
            );
        }
    }

    #[test]
    fn every_other_refusal_goes_to_the_client() {
        for (change, code) in [
            (("response_type", "token"), ErrorCode::UnsupportedResponseType),
            (("response_type", "Code"), ErrorCode::UnsupportedResponseType),
            (("response_type", "code id_token"), ErrorCode::UnsupportedResponseType),
            (("response_type", ""), ErrorCode::InvalidRequest),
            (("code_challenge", ""), ErrorCode::InvalidRequest),
            (("code_challenge", "short"), ErrorCode::InvalidRequest),
            (("code_challenge_method", "plain"), ErrorCode::InvalidRequest),
            (("code_challenge_method", ""), ErrorCode::InvalidRequest),
            (("resource", "https://other.example/mcp"), ErrorCode::InvalidTarget),
            (("resource", "https://p.example/mcp#x"), ErrorCode::InvalidTarget),
            (("scope", "agents:read mcp:read"), ErrorCode::InvalidScope),
            (("scope", "AGENTS:READ"), ErrorCode::InvalidScope),
            (("scope", "\"quoted\""), ErrorCode::InvalidScope),
            (("scope", " "), ErrorCode::InvalidScope),
            (("request_uri", "https://evil.example/r"), ErrorCode::InvalidRequest),
            (("request", "e30.e30."), ErrorCode::InvalidRequest),
        ] {
            assert_eq!(refused(&[change]), code, "{change:?}");
        }
    }

    #[test]
    fn a_scope_is_known_or_not_by_the_resource_that_is_asked_for() {
        let vault = [("resource", "https://p.example/vault/mcp"), ("scope", "mcp:read")];
        assert_eq!(ask(&vault).unwrap().scopes.to_string(), "mcp:read");
        assert_eq!(
            refused(&[("resource", "https://p.example/vault/mcp")]),
            ErrorCode::InvalidScope
        );
    }

    #[test]
    fn the_answer_carries_code_state_and_issuer_and_keeps_the_query_of_the_address() {
        let asked = ask(&[]).unwrap();
        assert_eq!(
            answer_with_code(&asked, "abc", "https://p.example"),
            "https://a.example/cb?code=abc&state=s+t%26a%3Dte&iss=https%3A%2F%2Fp.example"
        );
        let error = answer_with_error("https://a.example/cb?x=1", None, "https://p.example", RESPONSE_TYPE);
        assert_eq!(
            error,
            "https://a.example/cb?x=1&error=unsupported_response_type&error_description=response_type+has+to+be+code\
             &iss=https%3A%2F%2Fp.example"
        );
    }
}
