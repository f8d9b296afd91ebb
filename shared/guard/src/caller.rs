//! From a bearer token to a principal, and the scope check in a handler's signature.
//!
//! What must stay true: a [`Caller`] cannot exist unchecked, and somebody without the secret cannot tell unknown,
//! malformed and wrong credentials apart.

use {
    crate::{
        context::RequestContext,
        gate::{Admission, Bypass, Gate, Reason, Refusal},
        problem::Problem,
    },
    axum::{
        extract::{FromRef, FromRequestParts},
        http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    },
    portreeve_kernel::{Code, Credential, Principal, RequiredScope, Scope, ScopeSet, Timestamp},
    std::{fmt, marker::PhantomData, net::IpAddr, sync::Arc},
};

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// Finds out who a bearer token speaks for.
#[async_trait::async_trait]
pub trait Authenticate: Send + Sync {
    /// Whose token `bearer` is, when it may be used from `client` now.
    ///
    /// # Errors
    /// [`AuthFailure`]; everything but [`AuthFailure::Invalid`] only to a holder of the secret.
    async fn authenticate(&self, bearer: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure>;
}

/// Why a token gives no access. Where the secret was right, the holder is known and goes into the audit log.
#[derive(Debug, Clone)]
pub enum AuthFailure {
    /// Unknown, malformed or wrong: one answer for all.
    Invalid,
    /// The secret was right, its time is over.
    Expired(Arc<Principal>),
    /// The secret was right, it was revoked.
    Revoked(Arc<Principal>),
    /// The secret was right, the client's address is not on its list.
    AddressNotAllowed(Arc<Principal>),
    /// The secret was right, but it is none of the hours in which it is good.
    OutsideHours {
        /// Who.
        holder: Arc<Principal>,
        /// The hours, for people.
        hours: String,
        /// When the next of them begins; `None` when none will.
        opens_at: Option<Timestamp>,
    },
    /// It was right a while ago, and whoever knows says that it is good for nothing now, and not why.
    NoLonger(Arc<Principal>),
    /// We could not find out; the text is for the log. Nobody gets in.
    Unavailable(String),
    /// We could not find out from its issuer, which is another process. Nobody gets in.
    IssuerUnavailable(String),
}

/// Somebody who holds the scope `S`. The first argument of a handler, so that nothing is read or answered before.
#[derive(Debug, Clone)]
pub struct Caller<S> {
    /// Who.
    pub principal: Arc<Principal>,
    scope: PhantomData<fn() -> S>,
}

impl<S: RequiredScope, App: Send + Sync> FromRequestParts<App> for Caller<S>
where
    Gate: FromRef<App>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        admit(&Gate::from_ref(app), parts, true).await
    }
}

/// A [`Caller`] whose requests no limit of its credential holds up: for what stops money. Whoever has asked too much must
/// still be able to stop an agent.
#[derive(Debug, Clone)]
pub struct Unlimited<S>(pub Caller<S>);

impl<S: RequiredScope, App: Send + Sync> FromRequestParts<App> for Unlimited<S>
where
    Gate: FromRef<App>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        admit(&Gate::from_ref(app), parts, false).await.map(Self)
    }
}

async fn admit<S: RequiredScope>(gate: &Gate, parts: &Parts, limited: bool) -> Result<Caller<S>, Problem> {
    let context = RequestContext::of(parts)?;
    let principal = authenticate(gate, context, &parts.headers, Some(&S::SCOPE)).await?;
    if limited {
        count(gate, context, &parts.headers, &principal, context.method())?;
    }
    holds(gate, context, &parts.headers, &principal, &[S::SCOPE])?;
    Caller::of(principal)
}

impl<S: RequiredScope> Caller<S> {
    /// `principal` as the caller of something that needs `S`.
    ///
    /// # Errors
    /// `AUTH_SCOPE_INSUFFICIENT`.
    pub(crate) fn of(principal: Arc<Principal>) -> Result<Self, Problem> {
        if !principal.may(&S::SCOPE) {
            return Err(insufficient_scope(&S::SCOPE));
        }
        Ok(Self {
            principal,
            scope: PhantomData,
        })
    }
}

/// Counts a request that weighs what one of `method` weighs. One that is too many is noted in the audit log.
///
/// # Errors
/// `SYSTEM_RATE_LIMITED`.
pub(crate) fn count(
    gate: &Gate,
    context: &RequestContext,
    headers: &HeaderMap,
    principal: &Principal,
    method: &Method,
) -> Result<(), Problem> {
    let taken = gate.limiter().credential(&principal.credential, principal.tier, method);
    context.counted(taken).inspect_err(|_| {
        let refusal = Refusal::new(context, headers, Reason::LimitExceeded);
        gate.refused(&refusal.by(principal));
    })
}

/// Whether `principal` may do what needs all of `scopes`. If not, that is noted in the audit log; and so is whoever lacks one
/// and passes all the same, because of their role.
///
/// # Errors
/// `AUTH_SCOPE_INSUFFICIENT`, which names all of them.
pub(crate) fn holds(
    gate: &Gate,
    context: &RequestContext,
    headers: &HeaderMap,
    principal: &Principal,
    scopes: &[Scope],
) -> Result<(), Problem> {
    let Some(lacking) = scopes.iter().find(|scope| !principal.scopes.holds(scope)) else {
        return Ok(());
    };
    if principal.bypass {
        gate.bypassed(&Bypass::new(context, headers, principal, lacking));
        return Ok(());
    }
    let reason = Reason::ScopeInsufficient(lacking.clone());
    gate.refused(&Refusal::new(context, headers, reason).by(principal));
    Err(match scopes {
        [one] => insufficient_scope(one),
        more => lacks(&more.iter().cloned().collect::<ScopeSet>().to_string()),
    })
}

/// Who sent a request with these headers. Who cannot say so is noted in the audit log, and told which scope is `required`
/// where that is known by now.
///
/// # Errors
/// What a client may know of why not.
pub(crate) async fn authenticate(
    gate: &Gate,
    context: &RequestContext,
    headers: &HeaderMap,
    required: Option<&Scope>,
) -> Result<Arc<Principal>, Problem> {
    let principal = match bearer(headers) {
        Bearer::Token(token) => gate.authenticator().authenticate(token, context.client()).await,
        Bearer::Malformed => Err(AuthFailure::Invalid),
        Bearer::Missing => {
            gate.refused(&Refusal::new(context, headers, Reason::Missing));
            let challenge = Challenge {
                error: None,
                scope: required.map(Scope::as_str),
            };
            return Err(unauthorized(Code::AuthKeyInvalid, &challenge));
        }
    };
    let principal = principal.map_err(|failure| refuse(gate, context, headers, failure, required))?;
    context.authenticated(&principal);
    gate.admitted(&Admission::new(context, headers, &principal));
    Ok(principal)
}

/// Tells the audit log what happened, and the client what it may know.
fn refuse(
    gate: &Gate,
    context: &RequestContext,
    headers: &HeaderMap,
    failure: AuthFailure,
    required: Option<&Scope>,
) -> Problem {
    let (reason, holder) = match &failure {
        AuthFailure::Invalid => (Reason::Invalid, None),
        AuthFailure::NoLonger(holder) => (Reason::Invalid, Some(holder)),
        AuthFailure::Expired(holder) => (Reason::Expired, Some(holder)),
        AuthFailure::Revoked(holder) => (Reason::Revoked, Some(holder)),
        AuthFailure::AddressNotAllowed(holder) => (Reason::AddressNotAllowed, Some(holder)),
        AuthFailure::OutsideHours { holder, .. } => (Reason::OutsideHours, Some(holder)),
        AuthFailure::Unavailable(cause) => return Problem::because(Code::SystemDatabaseError, cause),
        AuthFailure::IssuerUnavailable(cause) => return Problem::because(Code::SystemIssuerUnavailable, cause),
    };
    let refusal = Refusal::new(context, headers, reason);
    gate.refused(&match holder {
        Some(holder) => refusal.by(holder),
        None => refusal,
    });
    if matches!(failure, AuthFailure::Invalid)
        && let Err(exceeded) = gate.limiter().wrong_credential(context.client())
    {
        return exceeded.into();
    }
    let challenge = Challenge {
        error: Some("invalid_token"),
        scope: required.map(Scope::as_str),
    };
    match failure {
        AuthFailure::Expired(holder) => unauthorized(expired_code(&holder.credential), &challenge),
        AuthFailure::Revoked(holder) => unauthorized(revoked_code(&holder.credential), &challenge),
        AuthFailure::AddressNotAllowed(_) => Problem::new(Code::AuthIpBlocked),
        AuthFailure::OutsideHours { hours, opens_at, .. } => outside_hours(&hours, opens_at),
        AuthFailure::Invalid
        | AuthFailure::NoLonger(_)
        | AuthFailure::Unavailable(_)
        | AuthFailure::IssuerUnavailable(_) => unauthorized(Code::AuthKeyInvalid, &challenge),
    }
}

fn outside_hours(hours: &str, opens_at: Option<Timestamp>) -> Problem {
    let problem = Problem::new(Code::AuthOutsideHours);
    match opens_at {
        Some(at) => problem
            .detail(format_args!("the key is good from {hours}; the next time from {at} on"))
            .with("opensAt", at.to_string()),
        None => problem.detail(format_args!("the key is good from {hours}")),
    }
}

const fn expired_code(credential: &Credential) -> Code {
    match credential {
        Credential::ApiKey(_) => Code::AuthKeyExpired,
        Credential::Token(_) => Code::AuthTokenExpired,
        Credential::Session(_) => Code::AuthSessionOver,
    }
}

/// What the holder of a credential is told when it was revoked.
#[must_use]
pub const fn revoked_code(credential: &Credential) -> Code {
    match credential {
        Credential::ApiKey(_) => Code::AuthKeyRevoked,
        Credential::Token(_) => Code::AuthTokenRevoked,
        Credential::Session(_) => Code::AuthSessionOver,
    }
}

/// The answer to a holder of a secret that was revoked, when that is noticed within the act.
#[must_use]
pub fn revoked(credential: &Credential) -> Problem {
    let challenge = Challenge {
        error: Some("invalid_token"),
        scope: None,
    };
    unauthorized(revoked_code(credential), &challenge)
}

fn unauthorized(code: Code, challenge: &Challenge<'_>) -> Problem {
    with_challenge(Problem::new(code), challenge)
}

/// The 403 that names the scope the caller lacks.
#[must_use]
pub fn insufficient_scope(required: &Scope) -> Problem {
    lacks(required.as_str())
}

/// The same for what needs several, separated by spaces: all in one challenge, so that one new token is enough.
fn lacks(required: &str) -> Problem {
    let problem = Problem::new(Code::AuthScopeInsufficient)
        .detail(format_args!("the credential does not hold the scope `{required}`"))
        .with("requiredScope", required);
    with_challenge(
        problem,
        &Challenge {
            error: Some("insufficient_scope"),
            scope: Some(required),
        },
    )
}

fn with_challenge(problem: Problem, challenge: &Challenge<'_>) -> Problem {
    match HeaderValue::try_from(challenge.to_string()) {
        Ok(value) => problem.header(header::WWW_AUTHENTICATE, value),
        Err(_) => problem,
    }
}

/// One `WWW-Authenticate` challenge (RFC 6750, 3). Scopes need no escaping: RFC 6749, A.4 leaves out quote and backslash.
#[derive(Debug)]
struct Challenge<'a> {
    error: Option<&'static str>,
    scope: Option<&'a str>,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer realm=\"portreeve\"")?;
        if let Some(error) = self.error {
            write!(f, ", error=\"{error}\"")?;
        }
        if let Some(scope) = self.scope {
            write!(f, ", scope=\"{scope}\"")?;
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Bearer<'a> {
    Missing,
    Malformed,
    Token(&'a str),
}

/// Whether all of it is RFC 6750's characters. Looks at all in any case: many at once is faster than one after another until
/// the first that is none.
fn is_of_characters(token: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    token.bytes().fold(true, |all, byte| all & good(byte))
}

/// The one header that is read: `Authorization: Bearer <token>`, the scheme in any case, the token of RFC 6750's
/// characters.
fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(header::AUTHORIZATION) {
            Bearer::Malformed
        } else {
            Bearer::Missing
        };
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim_start_matches(' '))
        .filter(|token| !token.is_empty() && token.len() <= MAX_TOKEN_BYTES)
        .filter(|token| is_of_characters(token));
    token.map_or(Bearer::Malformed, Bearer::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_authorization_header_with_the_bearer_scheme_is_read() {
        for (lines, expected) in [
            (vec![], Bearer::Missing),
            (vec!["Bearer abc"], Bearer::Token("abc")),
            (vec!["bEARER   a.b-c_d~e+f/g="], Bearer::Token("a.b-c_d~e+f/g=")),
            (vec!["Bearer"], Bearer::Malformed),
            (vec!["Bearer "], Bearer::Malformed),
            (vec!["Bearer a b"], Bearer::Malformed),
            (vec!["Bearer a,b"], Bearer::Malformed),
            (vec!["Basic abc"], Bearer::Malformed),
            (vec!["abc"], Bearer::Malformed),
            (vec![""], Bearer::Malformed),
            (vec!["Bearer abc", "Bearer abc"], Bearer::Malformed),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(header::AUTHORIZATION, line.parse().unwrap());
            }
            assert_eq!(bearer(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_token_longer_than_4_kib_is_not_looked_at() {
        let mut headers = HeaderMap::new();
        for (length, fits) in [(MAX_TOKEN_BYTES, true), (MAX_TOKEN_BYTES + 1, false)] {
            headers.insert(
                header::AUTHORIZATION,
                format!("Bearer {}", "a".repeat(length)).parse().unwrap(),
            );
            assert_eq!(matches!(bearer(&headers), Bearer::Token(_)), fits);
        }
    }
}
