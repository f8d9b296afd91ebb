//! What the gate knows of a request, for extractors, the access log and audit entries.

use {
    crate::{
        limit::{Exceeded, Share},
        problem::Problem,
    },
    axum::{
        extract::{FromRequestParts, MatchedPath},
        http::{Method, request::Parts},
    },
    portreeve_kernel::{Principal, RequestId},
    std::{
        net::IpAddr,
        sync::{Arc, Mutex, OnceLock, PoisonError},
    },
};

/// One request: its id, where it came from and what it asked for. The gate puts it into every request; as an extractor it
/// gives handlers the request id and the client's address.
#[derive(Debug, Clone)]
pub struct RequestContext(Arc<Known>);

#[derive(Debug)]
struct Known {
    id: RequestId,
    client: IpAddr,
    method: Method,
    route: Option<MatchedPath>,
    principal: OnceLock<Arc<Principal>>,
    share: Mutex<Option<Share>>,
}

impl RequestContext {
    pub(crate) fn new(id: RequestId, client: IpAddr, method: Method, route: Option<MatchedPath>) -> Self {
        Self(Arc::new(Known {
            id,
            client,
            method,
            route,
            principal: OnceLock::new(),
            share: Mutex::default(),
        }))
    }

    /// The id that also stands in the answer.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// The client's address, IPv4 when it is a mapped one.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.0.client
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The route's template, such as `/api/v1/agents/{agentId}`; `None` when no route fits.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.0.route.as_ref().map(MatchedPath::as_str)
    }

    /// Who is calling, once a [`crate::Caller`] has found out.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.0.principal.get()
    }

    /// Remembers who is calling. The first answer stands.
    pub(crate) fn authenticated(&self, principal: &Arc<Principal>) {
        let _first_stands = self.0.principal.set(Arc::clone(principal));
    }

    /// Remembers what is left of a limit, of several the tightest, for the answer's headers.
    pub(crate) fn counted(&self, taken: Result<Share, Exceeded>) -> Result<(), Problem> {
        let share = match &taken {
            Ok(share) => *share,
            Err(exceeded) => exceeded.share,
        };
        let mut known = self.0.share.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(share.tightest(*known));
        taken.map(|_| ()).map_err(Problem::from)
    }

    /// What is left of the tightest limit.
    pub(crate) fn share(&self) -> Option<Share> {
        *self.0.share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// `SYSTEM_INTERNAL_ERROR` on a router that no gate protects.
    pub(crate) fn of(parts: &Parts) -> Result<&Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .ok_or_else(|| Problem::internal("no gate protects this route"))
    }
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts).cloned()
    }
}
