//! The endpoint with something around what it serves: the fixtures that the official conformance suite asks for. They pass
//! the same door, so what the suite finds right is right of ours.

use {
    super::{
        door::{Admitted, Door, Refused, answered},
        handler::{Behind, Handler},
        offer::Offer,
        serving,
        session::{Bound, CALLER},
        told,
    },
    crate::{gate::Gate, origin::Origins, problem::Problem},
    axum::{
        Router,
        body::{Body, Bytes},
        extract::{Request, State},
        http::StatusCode,
        response::{IntoResponse, Response},
        routing::post,
    },
    http_body_util::Full,
    portreeve_kernel::{Code, Principal},
    rmcp::{
        ServerHandler,
        model::RequestId,
        transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService},
    },
    std::sync::Arc,
    tokio::sync::watch,
};

/// [`endpoint`](super::endpoint), where `around` says what is asked instead of our handler. It may ask ours.
pub fn endpoint_around<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    path: &str,
    gate: Gate,
    origins: Origins,
    offer: Offer<S>,
    ending: watch::Receiver<bool>,
    around: impl Fn(Handler<S>) -> H + Send + Sync + 'static,
) -> Router {
    let behind = Arc::new(Behind { offer, gate, ending });
    serving(path, origins, behind, around)
}

/// The same with sessions for the older revisions, each with a handler of its own. The server may ask the client there.
pub fn endpoint_around_in_sessions<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    path: &str,
    gate: Gate,
    origins: Origins,
    offer: Offer<S>,
    ending: watch::Receiver<bool>,
    around: impl Fn(Handler<S>) -> H + Send + Sync + 'static,
) -> Router {
    let behind = Arc::new(Behind { offer, gate, ending });
    let handler = {
        let behind = Arc::clone(&behind);
        move || Ok(around(Handler(Arc::clone(&behind))))
    };
    let sessions = Arc::new(Bound::default());
    let config = StreamableHttpServerConfig::default().disable_allowed_hosts();
    let endpoint = InSessions {
        door: Door::new(origins, behind),
        rmcp: StreamableHttpService::new(handler, Arc::clone(&sessions), config),
        sessions,
    };
    let routes = post(message::<S, H>).get(no_message::<S, H>).delete(no_message::<S, H>);
    Router::new().route(path, routes).with_state(Arc::new(endpoint))
}

struct InSessions<S, H: ServerHandler> {
    door: Door<S>,
    rmcp: StreamableHttpService<H, Bound>,
    sessions: Arc<Bound>,
}

async fn message<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    State(endpoint): State<Arc<InSessions<S, H>>>,
    request: Request,
) -> Response {
    match endpoint.door.origins.admit(request.uri(), request.headers()) {
        Ok(page) => answered(page, endpoint.take(request).await),
        Err(problem) => problem.into_response(),
    }
}

async fn no_message<S: Clone + Send + Sync + 'static, H: ServerHandler>(
    State(endpoint): State<Arc<InSessions<S, H>>>,
    request: Request,
) -> Response {
    match endpoint.door.origins.admit(request.uri(), request.headers()) {
        Ok(page) => answered(page, endpoint.stream_or_end(request).await),
        Err(problem) => problem.into_response(),
    }
}

impl<S: Clone + Send + Sync + 'static, H: ServerHandler> InSessions<S, H> {
    /// `POST`.
    async fn take(&self, request: Request) -> Result<Response, Refused> {
        let Admitted { envelope, request } = self.door.admit(request).await?;
        let caller = request.extensions().get::<Arc<Principal>>().cloned();
        let caller = caller.ok_or_else(|| Problem::internal("nobody was authenticated"))?;
        self.pass_on(caller, request, envelope.id).await
    }

    /// `GET` and `DELETE`.
    async fn stream_or_end(&self, request: Request) -> Result<Response, Refused> {
        let (mut parts, _) = request.into_parts();
        let caller = self.door.know(&mut parts).await?;
        let named = parts.headers.get("mcp-session-id");
        let named = named.and_then(|id| id.to_str().ok());
        // rmcp ends whatever it is told to.
        if named.is_some_and(|id| !self.sessions.is_of(id, &caller)) {
            return Err(unknown_session().into());
        }
        let request = axum::http::Request::from_parts(parts, Full::default());
        self.pass_on(caller, request, None).await
    }

    async fn pass_on(
        &self,
        caller: Arc<Principal>,
        request: axum::http::Request<Full<Bytes>>,
        id: Option<RequestId>,
    ) -> Result<Response, Refused> {
        let response = CALLER.scope(caller, self.rmcp.handle(request)).await.map(Body::new);
        let is_text = response.headers().get("content-type").is_none();
        if response.status() == StatusCode::NOT_FOUND && is_text {
            return Err(unknown_session().into());
        }
        told(response, id)
    }
}

fn unknown_session() -> Problem {
    Problem::new(Code::RequestNotFound).detail("unknown session")
}
