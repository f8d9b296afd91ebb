//! The endpoint that models use: the Model Context Protocol, in its stateless revision and in the older ones, at one address.
//!
//! What must stay true: each request is authenticated by itself, before its body is read; a tool or resource is reached only
//! with its scope, by the body that is executed; a session is nothing, and a notification executes nothing. It can do what
//! the service's HTTP routes can do, and no more, because its tools are made of the same acts.

mod envelope;
mod failure;
mod handler;
mod offer;
mod progress;
mod schema;
mod subscription;

pub use {
    offer::{About, Changes, Effect, Offer, Place},
    progress::{Call, Progress},
};

use {
    crate::{
        body,
        caller::{authenticate, count, holds},
        context::RequestContext,
        gate::Gate,
        json,
        origin::{ForeignPage, Origins},
        problem::Problem,
    },
    axum::{
        Router,
        body::{Body, Bytes},
        extract::{Request, State},
        http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
        response::{IntoResponse, Response},
        routing::post,
    },
    envelope::{Asks, Envelope, Malformed},
    handler::{Behind, Handler},
    http_body_util::Full,
    portreeve_kernel::{Code, Scope, Secret},
    rmcp::{
        ErrorData,
        model::{ErrorCode, JsonRpcError, ProtocolVersion},
        transport::streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
        },
    },
    serde_json::json,
    std::sync::Arc,
    subscription::{Asked, Counter},
    tokio::sync::watch,
};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// What a page of somebody else's may send, when it is allowed at all.
const SENT: &str = "Authorization, Content-Type, Accept, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, \
                    Last-Event-ID";

/// The endpoint of one resource server.
struct Endpoint<S> {
    origins: Origins,
    behind: Arc<Behind<S>>,
    subscriptions: Counter,
    rmcp: StreamableHttpService<Handler<S>, NeverSessionManager>,
}

/// Routes that answer MCP at `path`, not yet behind the gate: `POST`, and `OPTIONS` for the pages that `origins` allows.
/// There are no sessions, so there is nothing to `GET` or `DELETE`. Subscriptions end when `ending` becomes true.
pub fn endpoint<S: Clone + Send + Sync + 'static>(
    path: &str,
    gate: Gate,
    origins: Origins,
    offer: Offer<S>,
    ending: watch::Receiver<bool>,
) -> Router {
    let behind = Arc::new(Behind { offer, gate, ending });
    let handler = {
        let behind = Arc::clone(&behind);
        move || Ok(Handler(Arc::clone(&behind)))
    };
    // Who may call and how much may be sent is decided here, before rmcp sees a request.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts();
    let endpoint = Endpoint {
        origins,
        behind,
        subscriptions: Counter::default(),
        rmcp: StreamableHttpService::new(handler, Arc::new(NeverSessionManager::default()), config),
    };
    Router::new()
        .route(path, post(answer::<S>).options(preflight::<S>))
        .with_state(Arc::new(endpoint))
}

async fn answer<S: Clone + Send + Sync + 'static>(
    State(endpoint): State<Arc<Endpoint<S>>>,
    request: Request,
) -> Response {
    let page = match endpoint.origins.admit(request.uri(), request.headers()) {
        Ok(page) => page,
        Err(problem) => return problem.into_response(),
    };
    let mut response = match endpoint.handle(request).await {
        Ok(response) => response,
        Err(Refused::Http(problem)) => problem.into_response(),
        Err(Refused::Rpc(error)) => (StatusCode::BAD_REQUEST, axum::Json(error)).into_response(),
    };
    page.into_iter()
        .for_each(|page: ForeignPage| page.may_read(response.headers_mut()));
    response
}

/// What a browser asks before it lets a page call us.
async fn preflight<S: Clone + Send + Sync + 'static>(
    State(endpoint): State<Arc<Endpoint<S>>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(page) = endpoint.origins.admit(request.uri(), request.headers())? {
        page.may_send("POST", SENT, response.headers_mut());
    }
    Ok(response)
}

/// Why a request does not reach a tool.
enum Refused {
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

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    async fn handle(&self, request: Request) -> Result<Response, Refused> {
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
            let asked = Asked::begin(offer, &self.subscriptions, &principal, (bearer, http), uris).await;
            let asked = asked.map_err(|problem| cannot_begin(problem, &envelope, &context))?;
            parts.extensions.insert(Arc::new(asked));
        }
        parts.extensions.insert(principal);
        let request = axum::http::Request::from_parts(parts, Full::<Bytes>::new(bytes));
        told(self.rmcp.handle(request).await.map(Body::new), &envelope)
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
        Some(Effect::Acts) => Some(Method::POST),
        Some(Effect::Looks) | None => Some(Method::GET),
    }
}

/// The scopes of the tool or resources, as far as there are such.
fn needed<S>(offer: &Offer<S>, asks: &Asks) -> Vec<Scope> {
    let of_place = |uri: &String| offer.find_resource(uri).map(|(resource, _)| resource.scope.clone());
    match asks {
        Asks::Tool(name) => offer
            .find_tool(name)
            .map(|tool| tool.scope.clone())
            .into_iter()
            .collect(),
        Asks::Resource(uri) => of_place(uri).into_iter().collect(),
        Asks::Changes(uris) => uris.iter().filter_map(of_place).collect(),
        Asks::Other => Vec::new(),
    }
}

/// A subscription to something that is not there, or not the caller's, is a request that makes no sense.
fn cannot_begin(problem: Problem, envelope: &Envelope, context: &RequestContext) -> Refused {
    if problem.status().is_server_error() {
        return problem.into();
    }
    let error = ErrorData::invalid_params(problem.said().to_owned(), Some(failure::told(&problem, context)));
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

/// What rmcp answers, as ours. It speaks plain text where a message cannot be served at all.
fn told(mut response: Response, envelope: &Envelope) -> Result<Response, Refused> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_message = kind.is_some_and(|kind| kind == "application/json" || kind == "text/event-stream");
    if status.is_server_error() {
        return Err(Problem::internal(format_args!("the MCP service answered {status}")).into());
    }
    if !status.is_success() && !is_message {
        let error = ErrorData::invalid_request("the message does not fit the protocol version it is sent in", None);
        return Err(Refused::Rpc(JsonRpcError::new(envelope.id.clone(), error)));
    }
    response.headers_mut().remove(header::CACHE_CONTROL);
    Ok(response)
}
