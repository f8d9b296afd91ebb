//! The endpoint that models use: the Model Context Protocol, in its stateless revision and in the older ones, at one address.
//!
//! What must stay true: each request is authenticated by itself, before its body is read; a tool or resource is reached only
//! with its scope, by the body that is executed; a session is nothing, and a notification executes nothing. It can do what
//! the service's HTTP routes can do, and no more, because its tools are made of the same acts.

#[cfg(feature = "conformance")]
mod around;
mod brief;
mod collection;
mod door;
mod envelope;
mod failure;
mod handler;
mod offer;
mod place;
mod progress;
mod resources;
mod schema;
#[cfg(feature = "conformance")]
mod session;
mod subscription;

#[cfg(feature = "conformance")]
pub use {
    around::{endpoint_around, endpoint_around_in_sessions},
    handler::Handler,
};
pub use {
    collection::{Collection, Member, Members},
    failure::advice,
    offer::{About, Effect, Offer},
    place::{Changes, Place},
    progress::{Call, Progress},
};

#[cfg(not(feature = "conformance"))]
use handler::Handler;
use {
    crate::{gate::Gate, origin::Origins, problem::Problem},
    axum::{
        Router,
        body::Body,
        extract::{Request, State},
        http::{StatusCode, header},
        response::{IntoResponse, Response},
        routing::post,
    },
    door::{Admitted, Door, Refused, answered},
    envelope::Asks,
    handler::Behind,
    rmcp::{
        ErrorData, ServerHandler,
        model::{JsonRpcError, RequestId},
        transport::streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
        },
    },
    std::sync::Arc,
    tokio::sync::watch,
};

/// What a page of somebody else's may send, when it is allowed at all.
const SENT: &str = "Authorization, Content-Type, Accept, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, \
                    Last-Event-ID";

/// The endpoint of one resource server.
struct Endpoint<S, H: ServerHandler> {
    door: Door<S>,
    rmcp: StreamableHttpService<H, NeverSessionManager>,
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
    serving(path, origins, behind, |ours| ours)
}

/// The same with something around what rmcp asks.
fn serving<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    path: &str,
    origins: Origins,
    behind: Arc<Behind<S>>,
    around: impl Fn(Handler<S>) -> H + Send + Sync + 'static,
) -> Router {
    let handler = {
        let behind = Arc::clone(&behind);
        move || Ok(around(Handler(Arc::clone(&behind))))
    };
    // Who may call and how much may be sent is decided at the door, before rmcp sees a request.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts();
    let endpoint = Endpoint {
        door: Door::new(origins, behind),
        rmcp: StreamableHttpService::new(handler, Arc::new(NeverSessionManager::default()), config),
    };
    Router::new()
        .route(path, post(answer::<S, H>).options(preflight::<S, H>))
        .with_state(Arc::new(endpoint))
}

async fn answer<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    State(endpoint): State<Arc<Endpoint<S, H>>>,
    request: Request,
) -> Response {
    match endpoint.door.origins.admit(request.uri(), request.headers()) {
        Ok(page) => answered(page, endpoint.handle(request).await),
        Err(problem) => problem.into_response(),
    }
}

/// What a browser asks before it lets a page call us.
async fn preflight<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    State(endpoint): State<Arc<Endpoint<S, H>>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(page) = endpoint.door.origins.admit(request.uri(), request.headers())? {
        page.may_send("POST", SENT, response.headers_mut());
    }
    Ok(response)
}

impl<S: Clone + Send + Sync + 'static, H: ServerHandler> Endpoint<S, H> {
    async fn handle(&self, request: Request) -> Result<Response, Refused> {
        let Admitted { envelope, request } = self.door.admit(request).await?;
        if envelope.asks == Asks::Nothing {
            let error = ErrorData::invalid_request("nothing was asked of you that could be answered", None);
            return Err(Refused::Rpc(JsonRpcError::new(envelope.id, error)));
        }
        told(self.rmcp.handle(request).await.map(Body::new), envelope.id)
    }
}

/// What rmcp answers, as ours. It speaks plain text where a message cannot be served at all.
fn told(mut response: Response, id: Option<RequestId>) -> Result<Response, Refused> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_message = kind.is_some_and(|kind| kind == "application/json" || kind == "text/event-stream");
    if status.is_server_error() {
        return Err(Problem::internal(format_args!("the MCP service answered {status}")).into());
    }
    if !status.is_success() && !is_message {
        let error = ErrorData::invalid_request("the message does not fit the protocol version it is sent in", None);
        return Err(Refused::Rpc(JsonRpcError::new(id, error)));
    }
    response.headers_mut().remove(header::CACHE_CONTROL);
    Ok(response)
}
