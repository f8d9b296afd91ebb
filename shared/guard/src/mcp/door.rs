//! What every message passes before rmcp sees it: who sends it, how much that may be, what it is, and whether they may.

use {
    super::{
        envelope::{Asks, Envelope, Malformed},
        failure,
        handler::Behind,
        offer::{Effect, Offer},
        subscription::{Asked, Counter},
    },
    crate::{
        body,
        caller::{authenticate, count, holds},
        context::RequestContext,
        json,
        origin::{ForeignPage, Origins},
        problem::Problem,
    },
    axum::{
        body::Bytes,
        extract::Request,
        http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
        response::{IntoResponse, Response},
    },
    http_body_util::Full,
    portreeve_kernel::{Code, Scope, Secret},
    rmcp::{
        ErrorData,
        model::{ErrorCode, JsonRpcError, ProtocolVersion},
    },
    serde_json::json,
    std::sync::Arc,
};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The way to what stands behind it.
pub(super) struct Door<S> {
    pub(super) origins: Origins,
    pub(super) behind: Arc<Behind<S>>,
    subscriptions: Counter,
}

/// A message that was let in.
pub(super) struct Admitted {
    pub(super) envelope: Envelope,
    /// What is executed: the very bytes that were judged, and who sent them; not what they proved it with.
    pub(super) request: axum::http::Request<Full<Bytes>>,
}

/// Why a request does not reach a tool.
pub(super) enum Refused {
    /// Before it is looked at as a message.
    Http(Problem),
    /// As a message; HTTP status 400.
    Rpc(JsonRpcError),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Http(problem)
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Rpc(malformed.0)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Http(problem) => problem.into_response(),
            Self::Rpc(error) => (StatusCode::BAD_REQUEST, axum::Json(error)).into_response(),
        }
    }
}

/// The answer, for the page that asked.
pub(super) fn answered(page: Option<ForeignPage>, outcome: Result<Response, Refused>) -> Response {
    let mut response = outcome.unwrap_or_else(IntoResponse::into_response);
    page.into_iter().for_each(|page| page.may_read(response.headers_mut()));
    response
}

impl<S: Clone + Send + Sync + 'static> Door<S> {
    pub(super) fn new(origins: Origins, behind: Arc<Behind<S>>) -> Self {
        Self {
            origins,
            behind,
            subscriptions: Counter::default(),
        }
    }

    /// Lets a message in.
    pub(super) async fn admit(&self, request: Request) -> Result<Admitted, Refused> {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&parts)?.clone();
        let Behind { offer, gate, .. } = &*self.behind;
        let principal = authenticate(gate, &context, &parts.headers, None).await?;
        if !json::is_json(&parts.headers) {
            return Err(Problem::new(Code::RequestMediaType).param("Content-Type").into());
        }
        accept_both(&mut parts.headers)?;
        let bytes = body::read(body).await?;
        let envelope = Envelope::read(&bytes);
        if let Some(method) = weighs_as(offer, envelope.as_ref().ok()) {
            count(gate, &context, &parts.headers, &principal, &method)?;
        }
        let envelope = envelope?;
        is_known_version(&envelope, &parts.headers)?;
        holds(
            gate,
            &context,
            &parts.headers,
            &principal,
            &needed(offer, &envelope.asks),
        )?;
        // The credential has done its work: what follows knows who calls, and cannot pass it on or log it.
        let bearer = parts.headers.remove(header::AUTHORIZATION);
        if let Asks::Changes(uris) = &envelope.asks {
            let bearer = bearer
                .as_ref()
                .and_then(token)
                .ok_or(Code::AuthKeyInvalid)
                .map_err(Problem::new)?;
            let http = context.clone();
            let asked = Asked::begin(offer, gate, &self.subscriptions, &principal, (bearer, http), uris).await;
            let asked = asked.map_err(|problem| cannot_begin(problem, offer, &envelope, &context))?;
            parts.extensions.insert(Arc::new(asked));
        }
        parts.extensions.insert(principal);
        let request = axum::http::Request::from_parts(parts, Full::<Bytes>::new(bytes));
        Ok(Admitted { envelope, request })
    }

    /// Lets somebody in who sends no message: who it is.
    #[cfg(feature = "conformance")]
    pub(super) async fn know(
        &self,
        parts: &mut axum::http::request::Parts,
    ) -> Result<Arc<portreeve_kernel::Principal>, Problem> {
        let context = RequestContext::of(parts)?.clone();
        let gate = &self.behind.gate;
        let principal = authenticate(gate, &context, &parts.headers, None).await?;
        count(gate, &context, &parts.headers, &principal, &Method::GET)?;
        parts.headers.remove(header::AUTHORIZATION);
        Ok(principal)
    }
}

/// Which HTTP request a message weighs as much as. Every message is a `POST`; what it does stands in it. `None` for what no
/// limit holds up.
fn weighs_as<S>(offer: &Offer<S>, message: Option<&Envelope>) -> Option<Method> {
    let called = message.and_then(|message| match &message.asks {
        Asks::Tool(name) => offer.find_tool(name),
        _ => None,
    });
    match called.map(|tool| tool.about.effect) {
        Some(Effect::Stops) => None,
        Some(Effect::Acts | Effect::Adds | Effect::Changes) => Some(Method::POST),
        Some(Effect::Looks) | None => Some(Method::GET),
    }
}

/// The scopes of the tool or resources, as far as there are such.
fn needed<S>(offer: &Offer<S>, asks: &Asks) -> Vec<Scope> {
    let of_place = |uri: &String| offer.find(uri).map(|found| found.scope().clone());
    match asks {
        Asks::Tool(name) => offer
            .find_tool(name)
            .map(|tool| tool.scope.clone())
            .into_iter()
            .collect(),
        Asks::Resource(uri) => of_place(uri).into_iter().collect(),
        Asks::Changes(uris) => uris.iter().filter_map(of_place).collect(),
        Asks::Other | Asks::Nothing => Vec::new(),
    }
}

/// A subscription to something that is not there, or not the caller's, is a request that makes no sense. One that comes too
/// early makes sense later.
fn cannot_begin<S>(problem: Problem, offer: &Offer<S>, envelope: &Envelope, context: &RequestContext) -> Refused {
    if problem.status().is_server_error() || problem.code() == Code::SystemRateLimited {
        return problem.into();
    }
    let told = failure::told(&problem, context, offer.words);
    let error = ErrorData::invalid_params(problem.said().to_owned(), Some(told));
    Refused::Rpc(JsonRpcError::new(envelope.id.clone(), error))
}

/// The token of a header that has been authenticated.
fn token(header: &HeaderValue) -> Option<Secret> {
    let (_, token) = header.to_str().ok()?.split_once(' ')?;
    Some(Secret::new(token.to_owned()))
}

/// Both forms of an answer must be welcome, because some answers come in pieces. Who takes anything takes both.
fn accept_both(headers: &mut HeaderMap) -> Result<(), Problem> {
    const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
    let named: Vec<String> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or(range).trim().to_ascii_lowercase())
        .collect();
    let names = |wanted: &str| named.iter().any(|range| range == wanted);
    let json = names("application/json") || names("application/*");
    let stream = names("text/event-stream") || names("text/*");
    if named.is_empty() || names("*/*") || json && stream {
        headers.insert(header::ACCEPT, BOTH);
        return Ok(());
    }
    Err(Problem::new(Code::RequestNotAcceptable).param("Accept"))
}

/// A request that names its version in its body is judged by rmcp, which compares the two.
fn is_known_version(envelope: &Envelope, headers: &HeaderMap) -> Result<(), Refused> {
    let Some(asked) = headers.get(PROTOCOL_VERSION).filter(|_| !envelope.is_versioned) else {
        return Ok(());
    };
    let known = ProtocolVersion::KNOWN_VERSIONS;
    if known.iter().any(|version| asked == version.as_str()) {
        return Ok(());
    }
    let asked = String::from_utf8_lossy(asked.as_bytes());
    let data = json!({"supported": known, "requested": asked});
    let error = ErrorData::new(
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        "unsupported protocol version",
        Some(data),
    );
    Err(Refused::Rpc(JsonRpcError::new(envelope.id.clone(), error)))
}
