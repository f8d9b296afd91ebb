//! HTTP in front of the chain: `POST /` takes JSON-RPC, `GET /health` says ok.
//!
//! Served by hyper itself and not by a framework, because a lost answer is one of the things we must be able to give:
//! a handler that returns an error closes the connection without a byte.

use {
    crate::{
        rpc::{Delivery, Face, Reply},
        shutdown::Stop,
        worker::Handle,
    },
    http_body_util::{BodyExt, Full, Limited},
    hyper::{
        Method, Request, Response, StatusCode,
        body::{Bytes, Incoming},
        header,
        server::conn::http1,
        service::service_fn,
    },
    hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown},
    std::time::Duration,
    tokio::net::{TcpListener, TcpStream},
};

/// Bytes of request body. A transaction is at most 1,232; a batch of many fits.
const BODY_LIMIT: usize = 1 << 20;

/// How long open connections may finish their work on the way out.
const FAREWELL: Duration = Duration::from_secs(2);

/// The answer is lost on purpose; hyper closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost on purpose")]
struct Lost;

/// Serves every face until it is time to stop.
pub(crate) async fn serve(faces: impl Iterator<Item = (TcpListener, Face)>, chain: &Handle, stop: Stop) {
    let loops: Vec<_> = faces
        .map(|(listener, face)| tokio::spawn(accept(listener, face, chain.clone(), stop.clone())))
        .collect();
    for one in loops {
        let _ = one.await;
    }
}

async fn accept(listener: TcpListener, face: Face, chain: Handle, mut stop: Stop) {
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connect(stream, face, chain.clone(), &graceful),
                // Out of file handles, most likely: others have to close theirs first.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            () = stop.asked() => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
}

fn connect(stream: TcpStream, face: Face, chain: Handle, graceful: &GracefulShutdown) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(request, face, chain.clone()));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        let _ = watched.await; // a broken connection is the client's to notice
    });
}

async fn respond(request: Request<Incoming>, face: Face, chain: Handle) -> Result<Response<Full<Bytes>>, Lost> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/") => {}
        (&Method::GET, "/health") => return Ok(text(StatusCode::OK, "ok")),
        (_, "/") => return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "POST a JSON-RPC request")),
        _ => return Ok(text(StatusCode::NOT_FOUND, "not found")),
    }
    let Ok(body) = Limited::new(request.into_body(), BODY_LIMIT).collect().await else {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "request body too large"));
    };
    let Some(reply) = chain.ask(face, body.to_bytes().to_vec()).await else {
        return Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "the chain has stopped"));
    };
    deliver(reply).await
}

async fn deliver(reply: Reply) -> Result<Response<Full<Bytes>>, Lost> {
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    match reply.delivery {
        Delivery::Answer(value) => Ok(with_type(StatusCode::OK, "application/json", value.to_string())),
        Delivery::Refused => Ok(text(StatusCode::SERVICE_UNAVAILABLE, "refused by a fault switch")),
        Delivery::Http500 => Ok(text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "answer dropped by a fault switch",
        )),
        Delivery::Close => Err(Lost),
    }
}

fn text(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", words)
}

fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
