//! The layer itself: admit, call, answer.

use {
    super::{Answer, Gate, answer},
    crate::{body::MAX_BODY_BYTES, context::RequestContext, problem::Problem},
    axum::{
        body::HttpBody,
        extract::{ConnectInfo, MatchedPath, Request, connect_info::MockConnectInfo},
        http::{Extensions, HeaderMap, Uri, header},
        response::{IntoResponse, Response},
    },
    pin_project_lite::pin_project,
    portreeve_kernel::{Code, RequestId, Timestamp},
    std::{
        convert::Infallible,
        future::Future,
        net::{IpAddr, SocketAddr},
        panic::{AssertUnwindSafe, catch_unwind},
        pin::Pin,
        task::{Context, Poll, ready},
    },
    tokio::time::Instant,
    tower::{Layer, Service},
};

/// Longest path and query, in bytes.
const MAX_URI_BYTES: usize = 4 * 1024;

/// Most header fields.
const MAX_HEADER_FIELDS: usize = 64;

/// Query parameters in which other servers take tokens.
const TOKEN_PARAMETERS: [&str; 2] = ["access_token", "api_key"];

#[derive(Debug, Clone)]
pub(super) struct GateLayer(pub(super) Gate);

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.0.clone(),
            inner,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S> Service<Request> for Gated<S>
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let start = Instant::now();
        let gate = self.gate.clone();
        let came_at = gate.0.clock.now().for_expiry();
        let uri = request.uri().clone();
        let (context, peer_known) = gate.context(&mut request, came_at);
        let admitted = peer_known
            .and_then(|()| context.counted(gate.arrived(&context)))
            .and_then(|()| admit(&uri, request.headers(), !request.body().is_end_stream()));
        let work = match admitted {
            Ok(()) => {
                request.extensions_mut().insert(context.clone());
                // Begun here, by the service that was polled ready, so that it need not be cloned.
                match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
                    Ok(work) => Work::UnderWay { work },
                    Err(_) => Work::Done {
                        response: Some(panicked()),
                    },
                }
            }
            Err(problem) => Work::Done {
                response: Some(problem.into_response()),
            },
        };
        Answering {
            work,
            gate,
            context,
            uri,
            start,
            came_at,
        }
    }
}

pin_project! {
    /// An answer on its way.
    pub(super) struct Answering<F> {
        #[pin]
        work: Work<F>,
        gate: Gate,
        context: RequestContext,
        uri: Uri,
        start: Instant,
        came_at: Timestamp,
    }
}

pin_project! {
    #[project = WorkProjection]
    enum Work<F> {
        UnderWay { #[pin] work: F },
        // Refused before it began; gone once it is told.
        Done { response: Option<Response> },
    }
}

impl<F, R> Future for Answering<F>
where
    F: Future<Output = Result<R, Infallible>>,
    R: IntoResponse,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let parts = self.project();
        let response = match parts.work.project() {
            WorkProjection::UnderWay { work } => match catch_unwind(AssertUnwindSafe(|| work.poll(cx))) {
                Ok(polled) => match ready!(polled) {
                    Ok(response) => response.into_response(),
                },
                Err(_) => panicked(),
            },
            WorkProjection::Done { response } => response.take().unwrap_or_else(panicked),
        };
        let (gate, context, took) = (parts.gate, parts.context, parts.start.elapsed());
        let now = parts
            .came_at
            .plus_millis(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        let response = answer::finish(gate, response, context, parts.uri, now);
        gate.answered(&Answer {
            context,
            status: response.status(),
            took,
        });
        Poll::Ready(Ok(response))
    }
}

/// The panic hook has printed what and where; it stays out of our log line, for it may hold anything.
fn panicked() -> Response {
    Problem::internal("a handler panicked").into_response()
}

impl Gate {
    /// Names the request. Without the peer's address nothing can be judged, so then there is a problem, too.
    fn context(&self, request: &mut Request, came_at: Timestamp) -> (RequestContext, Result<(), Problem>) {
        let peer = peer(request.extensions_mut());
        let headers = request.headers();
        let id = asked_id(headers).unwrap_or_else(|| RequestId::new(came_at, &*self.0.entropy));
        let client = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| self.0.proxies.client(peer, headers));
        let route = request.extensions().get::<MatchedPath>().cloned();
        let context = RequestContext::new(id, client, request.method().clone(), route);
        let known = peer
            .map(|_| ())
            .ok_or_else(|| Problem::internal("the peer's address is not known"));
        (context, known)
    }
}

/// The client's own request id, when it is one.
fn asked_id(headers: &HeaderMap) -> Option<RequestId> {
    headers.get(&answer::X_REQUEST_ID)?.to_str().ok()?.parse().ok()
}

/// Whom the connection is with; nobody else asks for it, and what takes its place needs no more memory.
fn peer(extensions: &mut Extensions) -> Option<IpAddr> {
    let real = extensions.remove::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let mocked = || extensions.get::<MockConnectInfo<SocketAddr>>().map(|info| info.0);
    real.or_else(mocked).map(|socket| socket.ip())
}

/// What no handler should have to look at.
fn admit(uri: &Uri, headers: &HeaderMap, has_body: bool) -> Result<(), Problem> {
    if headers.len() > MAX_HEADER_FIELDS {
        return Err(Problem::new(Code::RequestHeadersTooLarge));
    }
    if uri.path_and_query().map_or(0, |text| text.as_str().len()) > MAX_URI_BYTES {
        return Err(Problem::new(Code::RequestUriTooLong));
    }
    if let Some(parameter) = uri.query().and_then(token_parameter) {
        return Err(Problem::new(Code::ValidationInvalidFormat)
            .detail("credentials belong in the `Authorization` header, never in the query")
            .param(parameter));
    }
    if !has_body {
        return Ok(());
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(Code::RequestMediaType).param("Content-Encoding"));
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX)) {
        return Err(Problem::new(Code::RequestTooLarge));
    }
    Ok(())
}

/// The name of a parameter in which somebody sends a token.
fn token_parameter(query: &str) -> Option<&'static str> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(name, _)| {
        TOKEN_PARAMETERS
            .into_iter()
            .find(|token| name.eq_ignore_ascii_case(token))
    })
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::{
            caller::{AuthFailure, Authenticate},
            client::Proxies,
            gate::{Admission, AuditSink, Bypass, GateParts, Refusal},
            limit::{Limiter, Limits},
        },
        axum::{Router, body::Body, routing::get},
        portreeve_kernel::{ManualClock, Principal, entropy::Seeded},
        std::{sync::Arc, time::Duration},
        tokio::time::sleep,
        tower::ServiceExt,
    };

    const SLOW: &str = "/slow";

    struct Nobody;

    #[async_trait::async_trait]
    impl Authenticate for Nobody {
        async fn authenticate(&self, _: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
            Err(AuthFailure::Invalid)
        }
    }

    impl AuditSink for Nobody {
        fn refused(&self, _: &Refusal<'_>) {}

        fn admitted(&self, _: &Admission<'_>) {}

        fn bypassed(&self, _: &Bypass<'_>) {}
    }

    /// A client that counts from the answer must not come back too early.
    #[tokio::test(start_paused = true)]
    async fn when_a_limit_is_whole_again_is_told_as_of_the_answer() {
        let gate = Gate::new(GateParts {
            authenticator: Arc::new(Nobody),
            audit: Arc::new(Nobody),
            answers: Vec::new(),
            clock: Arc::new(ManualClock::at(Timestamp::from_seconds(1_000))),
            entropy: Arc::new(Seeded::new(1)),
            limiter: Arc::new(Limiter::new(Limits::default())),
            proxies: Proxies::default(),
            faces: Vec::new(),
            https_only: false,
        });
        let slow = || async {
            sleep(Duration::from_secs(30)).await;
        };
        let router = gate.protect(Router::new().route(SLOW, get(slow)));
        let router = router.layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1))));
        let answer = router.oneshot(Request::get(SLOW).body(Body::empty()).unwrap()).await;
        // One of 1,000 a minute comes back in 60 ms, which is told as the next second.
        assert_eq!(answer.unwrap().headers()["x-ratelimit-reset"], "1031");
    }

    #[test]
    fn a_token_in_the_query_is_noticed_however_it_is_written() {
        for query in [
            "access_token=x",
            "a=1&api_key=x",
            "access%5Ftoken=x",
            "API_KEY",
            "api_key=",
        ] {
            assert!(token_parameter(query).is_some(), "{query}");
        }
        for query in ["", "a=access_token", "my_api_key=x"] {
            assert!(token_parameter(query).is_none(), "{query}");
        }
    }
}
