//! The gate: what every request passes before a handler and every answer after it.
//!
//! One layer does it all (request id, client address, caps, panics, problem documents, security headers, access log), so
//! that the order cannot be got wrong and a request pays once.

mod answer;
mod layer;

pub(crate) use answer::{MOST_ADDED, failed};

use {
    crate::{
        caller::{Authenticate, count},
        client::Proxies,
        context::RequestContext,
        limit::{Exceeded, Limiter, Share},
        problem::Problem,
    },
    axum::{
        Router,
        http::{HeaderMap, StatusCode, header},
    },
    portreeve_kernel::{AgentId, Clock, Code, Entropy, Principal, RequestId, Scope},
    std::{fmt, net::IpAddr, sync::Arc, time::Duration},
};

/// Why a request failed, of an answer that is no problem document: for the log, beside the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) code: &'static str,
    pub(crate) cause: String,
}

/// Where it goes who was let in and who was not: the audit log. Called on the request's own task, so it must not block or wait.
pub trait AuditSink: Send + Sync {
    /// Somebody was not let in.
    fn refused(&self, refusal: &Refusal<'_>);

    /// Somebody was let in, whatever became of what they asked. Every request comes by here.
    fn admitted(&self, admission: &Admission<'_>);

    /// Somebody passed a scope check because of their role.
    fn bypassed(&self, bypass: &Bypass<'_>);
}

/// Where resource servers of others ask what a credential is good for.
const INTROSPECTION: &str = "/oauth/introspect";

/// Who is told of answers: to count them, and to write them down in the access log. Called on the request's own task, so it
/// must not block or wait.
pub trait AnswerSink: Send + Sync {
    /// A request was answered.
    fn answered(&self, answer: &Answer<'_>);
}

/// A request that was answered, as the access log knows it. Neither token nor query, and no path but the route's template, so that
/// no parameter stands in it.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Which request.
    pub context: &'a RequestContext,
    /// With what.
    pub status: StatusCode,
    /// How long that took.
    pub took: Duration,
}

impl Answer<'_> {
    /// What kind of line it is in the log.
    pub const TARGET: &'static str = "access";

    /// How long it took, in microseconds.
    #[must_use]
    pub fn micros(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }

    /// The route's template; `-` when no route fits.
    #[must_use]
    pub fn route(&self) -> &str {
        self.context.route().unwrap_or("-")
    }
}

/// Writes the access log through `tracing`.
#[derive(Debug, Clone, Copy)]
pub struct Traced;

impl AnswerSink for Traced {
    fn answered(&self, answer: &Answer<'_>) {
        let context = answer.context;
        tracing::info!(
            target: Answer::TARGET,
            {
                request.id = %context.id(),
                http.method = %context.method(),
                http.route = answer.route(),
                http.status = answer.status.as_u16(),
                duration_us = answer.micros(),
                credential.id = context.principal().map(|principal| tracing::field::display(&principal.credential)),
                client.ip = %context.client(),
            },
            "answered"
        );
    }
}

/// Somebody was let in.
#[derive(Debug)]
pub struct Admission<'a> {
    /// With which request.
    pub request: &'a RequestId,
    /// From where.
    pub address: IpAddr,
    /// Who.
    pub holder: &'a Principal,
    /// What the client calls itself. Its own words, of any length.
    pub user_agent: Option<&'a str>,
}

impl<'a> Admission<'a> {
    pub(crate) fn new(context: &'a RequestContext, headers: &'a HeaderMap, holder: &'a Principal) -> Self {
        Self {
            request: context.id(),
            address: context.client(),
            holder,
            user_agent: user_agent(headers),
        }
    }
}

fn user_agent(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok())
}

/// Somebody was not let in. Never carries the token.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// Which request.
    pub context: &'a RequestContext,
    /// Why.
    pub reason: Reason,
    /// Whose credential it was, when its secret was right.
    pub holder: Option<&'a Principal>,
    /// The OAuth client that asked, when it proved to be itself.
    pub client: Option<&'a str>,
    /// What the client calls itself. Its own words, of any length.
    pub user_agent: Option<&'a str>,
}

/// Somebody did what needs a scope that their credential does not hold, because their role passes the checks of this resource
/// server.
#[derive(Debug)]
pub struct Bypass<'a> {
    /// In which request.
    pub context: &'a RequestContext,
    /// Who.
    pub holder: &'a Principal,
    /// The first scope that it lacks.
    pub lacking: &'a Scope,
    /// What the client calls itself. Its own words, of any length.
    pub user_agent: Option<&'a str>,
}

impl<'a> Bypass<'a> {
    pub(crate) fn new(
        context: &'a RequestContext,
        headers: &'a HeaderMap,
        holder: &'a Principal,
        lacking: &'a Scope,
    ) -> Self {
        Self {
            context,
            holder,
            lacking,
            user_agent: user_agent(headers),
        }
    }
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No credential.
    Missing,
    /// Unknown, malformed or wrong.
    Invalid,
    /// Right, but past its time.
    Expired,
    /// Right, but revoked.
    Revoked,
    /// Right, but used from an address that is not on its list.
    AddressNotAllowed,
    /// Right, but used outside the hours in which it is good.
    OutsideHours,
    /// Right, but without this scope.
    ScopeInsufficient(Scope),
    /// Right, but used too often.
    LimitExceeded,
    /// A client showed a code or a refresh token that is not good, or not its own.
    GrantRefused,
}

impl Reason {
    /// Its name in the audit log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::AddressNotAllowed => "address_not_allowed",
            Self::OutsideHours => "outside_hours",
            Self::ScopeInsufficient(_) => "scope_insufficient",
            Self::LimitExceeded => "limit_exceeded",
            Self::GrantRefused => "grant_refused",
        }
    }
}

impl<'a> Refusal<'a> {
    /// Of this request, which had these headers.
    #[must_use]
    pub fn new(context: &'a RequestContext, headers: &'a HeaderMap, reason: Reason) -> Self {
        Self {
            context,
            reason,
            holder: None,
            client: None,
            user_agent: user_agent(headers),
        }
    }

    /// The same, of this OAuth client.
    #[must_use]
    pub const fn of_client(mut self, id: &'a str) -> Self {
        self.client = Some(id);
        self
    }

    pub(crate) fn by(mut self, holder: &'a Principal) -> Self {
        self.holder = Some(holder);
        self
    }
}

/// What a gate is made of.
#[derive(Clone)]
pub struct GateParts {
    /// Finds out who a token speaks for.
    pub authenticator: Arc<dyn Authenticate>,
    /// Where refusals go.
    pub audit: Arc<dyn AuditSink>,
    /// Who is told of answers.
    pub answers: Vec<Arc<dyn AnswerSink>>,
    /// For request ids.
    pub clock: Arc<dyn Clock>,
    /// For request ids.
    pub entropy: Arc<dyn Entropy>,
    /// How much one caller may ask.
    pub limiter: Arc<Limiter>,
    /// Who stands between the clients and this server.
    pub proxies: Proxies,
    /// The protected resources behind this gate.
    pub faces: Vec<Face>,
    /// Whether browsers are told to call this server's name over TLS alone (RFC 6797). They hold it for every port of that
    /// name, so never for `localhost`, where other programs of the same person serve.
    pub https_only: bool,
}

/// A protected resource (RFC 9728): the paths that it is at, and where it says what it asks of its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// What its paths begin with, such as `/api/v1`: whole segments.
    pub prefixes: Vec<Box<str>>,
    /// The address of its metadata document, which every challenge names. From the settings, never from a request.
    pub metadata: Box<str>,
}

impl Face {
    /// How much of `path` is one of its prefixes.
    fn covers(&self, path: &str) -> Option<usize> {
        let covers = |prefix: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let prefixes = self.prefixes.iter().filter(|prefix| covers(prefix));
        prefixes.map(|prefix| prefix.len()).max()
    }
}

/// The gate of one server. Cheap to clone; part of every service's state, because [`crate::Caller`] asks for it.
#[derive(Clone)]
pub struct Gate(Arc<GateParts>);

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// A gate of these parts.
    #[must_use]
    pub fn new(parts: GateParts) -> Self {
        Self(Arc::new(parts))
    }

    /// A gate in the same wall for another resource server, whose tokens are read by `authenticator`; everything else is
    /// this one's. What goes through it is protected by [`Gate::protect`] of either.
    #[must_use]
    pub fn beside(&self, authenticator: Arc<dyn Authenticate>) -> Self {
        Self::new(GateParts {
            authenticator,
            ..GateParts::clone(&self.0)
        })
    }

    /// Stands before `router`, whose state is already given. Call it once, last, on the whole server's router: routes that
    /// are added afterwards are not protected.
    #[must_use = "the router given in is not changed"]
    pub fn protect(&self, router: Router) -> Router {
        router
            .fallback(|| async { Problem::new(Code::RequestNotFound) })
            .method_not_allowed_fallback(|| async { Problem::new(Code::RequestMethodNotAllowed) })
            .layer(layer::GateLayer(self.clone()))
    }

    /// Where the resource that `path` belongs to says what it asks of its callers.
    fn metadata_of(&self, path: &str) -> Option<&str> {
        let faces = self.0.faces.iter();
        let covering = faces.filter_map(|face| Some((face.covers(path)?, face)));
        let (_, nearest) = covering.max_by_key(|(length, _)| *length)?;
        Some(&nearest.metadata)
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticate {
        &*self.0.authenticator
    }

    /// Counts one more payment that `agent` asks for.
    ///
    /// # Errors
    /// `SYSTEM_RATE_LIMITED` when that is too many a minute.
    pub fn count_payment(&self, context: &RequestContext, agent: &AgentId) -> Result<(), Problem> {
        context.counted(self.0.limiter.payment(agent))
    }

    /// Counts one more client that somebody without a credential registers.
    ///
    /// # Errors
    /// `SYSTEM_RATE_LIMITED` when that is too many an hour from one address.
    pub fn count_registration(&self, context: &RequestContext) -> Result<(), Problem> {
        context.counted(self.0.limiter.registration(context.client()))
    }

    /// Counts one more page that somebody looks at who is signed in, as a request with their session. [`crate::Caller`] counts by
    /// itself.
    ///
    /// # Errors
    /// `SYSTEM_RATE_LIMITED` when that is too many a minute.
    pub fn count_visit(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
        visitor: &Principal,
    ) -> Result<(), Problem> {
        count(self, context, headers, visitor, context.method())
    }

    /// Counts a request before anybody looks whose it is.
    pub(crate) fn arrived(&self, context: &RequestContext) -> Result<Share, Exceeded> {
        if context.route() == Some(INTROSPECTION) {
            self.0.limiter.introspection(context.client())
        } else {
            self.0.limiter.address(context.client())
        }
    }

    /// A resource server of somebody else asked about a credential, and proved to be itself: from where it did, it has a share
    /// of its own for that.
    pub fn server_asked(&self, context: &RequestContext) {
        self.0.limiter.server_asked(context.client());
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    pub(crate) fn answered(&self, answer: &Answer<'_>) {
        for sink in &self.0.answers {
            sink.answered(answer);
        }
    }

    /// Counts one more wrong credential from where a request came. [`crate::Caller`] does so by itself.
    ///
    /// # Errors
    /// `SYSTEM_RATE_LIMITED` when that was once too often: then nothing else is to be told.
    pub fn wrong_credential(&self, context: &RequestContext) -> Result<(), Problem> {
        Ok(self.0.limiter.wrong_credential(context.client())?)
    }

    /// Tells the audit log of somebody whose role passed a check. [`crate::Caller`] does so by itself.
    pub(crate) fn bypassed(&self, bypass: &Bypass<'_>) {
        self.0.audit.bypassed(bypass);
    }

    /// Tells the audit log of somebody who was not let in. [`crate::Caller`] does so by itself.
    pub fn refused(&self, refusal: &Refusal<'_>) {
        self.0.audit.refused(refusal);
    }

    /// Tells the audit log of somebody who was.
    pub(crate) fn admitted(&self, admission: &Admission<'_>) {
        self.0.audit.admitted(admission);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_covers_whole_segments() {
        let face = Face {
            prefixes: vec!["/api/v1".into(), "/mcp".into()],
            metadata: "https://p.example/x".into(),
        };
        for (path, covered) in [
            ("/mcp", Some(4)),
            ("/mcp/", Some(4)),
            ("/api/v1/agents/x", Some(7)),
            ("/mcp2", None),
            ("/api/v10", None),
            ("/api", None),
            ("/", None),
        ] {
            assert_eq!(face.covers(path), covered, "{path}");
        }
    }
}
