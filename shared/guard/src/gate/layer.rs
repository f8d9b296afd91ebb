//! The layer itself: admit, call, answer.

use {
    super::{Gate, answer},
    crate::{body::MAX_BODY_BYTES, context::RequestContext, problem::Problem},
    axum::{
        extract::{ConnectInfo, MatchedPath, Request, connect_info::MockConnectInfo},
        http::{Extensions, HeaderMap, Uri, header},
        response::{IntoResponse, Response},
    },
    futures_util::FutureExt,
    portreeve_kernel::{Code, RequestId},
    std::{
        convert::Infallible,
        future::Future,
        net::{IpAddr, SocketAddr},
        panic::{AssertUnwindSafe, catch_unwind},
        pin::Pin,
        task::{Context, Poll},
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
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let start = Instant::now();
        let gate = self.gate.clone();
        let uri = request.uri().clone();
        let (context, peer_known) = gate.context(&request);
        let admitted = peer_known
            .and_then(|()| context.counted(gate.limiter().address(context.client())))
            .and_then(|()| admit(&uri, request.headers()));
        let work = admitted.map(|()| {
            request.extensions_mut().insert(context.clone());
            // Begun here, by the service that was polled ready, so that it need not be cloned.
            catch_unwind(AssertUnwindSafe(|| self.inner.call(request)))
        });
        Box::pin(async move {
            let response = match work {
                Err(problem) => problem.into_response(),
                Ok(Err(_)) => panicked(),
                Ok(Ok(work)) => match AssertUnwindSafe(work).catch_unwind().await {
                    Ok(Ok(response)) => response.into_response(),
                    Err(_) => panicked(),
                },
            };
            let response = answer::finish(&gate, response, &context, &uri);
            let took = start.elapsed();
            gate.answered(response.status(), took);
            answer::log(&context, &response, took);
            Ok(response)
        })
    }
}

/// The panic hook has printed what and where; it stays out of our log line, for it may hold anything.
fn panicked() -> Response {
    Problem::internal("a handler panicked").into_response()
}

impl Gate {
    /// Names the request. Without the peer's address nothing can be judged, so then there is a problem, too.
    fn context(&self, request: &Request) -> (RequestContext, Result<(), Problem>) {
        let headers = request.headers();
        let id = asked_id(headers).unwrap_or_else(|| RequestId::new(self.0.clock.now().for_expiry(), &*self.0.entropy));
        let peer = peer(request.extensions());
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

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let real = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let mocked = || extensions.get::<MockConnectInfo<SocketAddr>>().map(|info| info.0);
    real.or_else(mocked).map(|socket| socket.ip())
}

/// What no handler should have to look at.
fn admit(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
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
    use super::*;

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
