//! The accept loop: HTTP/1.1 that does not wait for slow peers, and an end that lets work finish.
//!
//! Our own loop, because `axum::serve` has no time limit on headers. Plain HTTP is for loopback only, and [`bind`] is the
//! one way to a [`Listener`].

use {
    axum::{
        Router,
        body::Body,
        extract::{ConnectInfo, Request},
    },
    hyper::{body::Incoming, server::conn::http1, service::service_fn},
    hyper_util::{
        rt::{TokioIo, TokioTimer},
        server::graceful::GracefulShutdown,
    },
    std::{future::Future, io, net::SocketAddr, pin::pin, time::Duration},
    tokio::{
        net::{TcpListener, TcpStream},
        time::{sleep, timeout},
    },
    tower::ServiceExt,
};

/// Longest time for the head of a request, and longest silence between two requests of one connection.
const HEADER_READ: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long open requests may take once the server ends.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Pause after a failed accept (out of file descriptors, most likely), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket on loopback.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// No socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Keys would cross a network in the clear.
    #[error("refusing to listen on `{0}` without TLS: only loopback addresses such as 127.0.0.1 are allowed")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("cannot listen on `{address}`: {cause}")]
    Io {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
}

impl Listener {
    /// Where it listens; tells the port that the system chose for port 0.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Binds `address`, which must be a loopback address until there is TLS.
///
/// # Errors
/// [`BindError`].
pub async fn bind(address: SocketAddr) -> Result<Listener, BindError> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Listener(listener)),
        Err(cause) => Err(BindError::Io { address, cause }),
    }
}

/// Serves `router`, which [`crate::Gate::protect`] made, until `shutdown`; then lets open requests finish for at most
/// [`DRAIN`]. True when all of them did.
pub async fn serve(listener: Listener, router: Router, shutdown: impl Future<Output = ()>) -> bool {
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.0.accept() => match accepted {
                Ok((stream, peer)) => connection(stream, peer, &router, &graceful),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // New connections are refused from here on; idle ones are closed, busy ones after their answer.
    drop(listener);
    timeout(DRAIN, graceful.shutdown()).await.is_ok()
}

fn connection(stream: TcpStream, peer: SocketAddr, router: &Router, graceful: &GracefulShutdown) {
    // Answers are small and whole; waiting for more to send only adds delay. Failing to say so is harmless.
    let _ = stream.set_nodelay(true);
    let router = router.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, client.ip = %peer.ip(), "connection ended early");
        }
    });
}
