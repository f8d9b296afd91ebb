//! The accept loop: HTTP/1.1 that does not wait for slow peers, and an end that lets work finish.
//!
//! Our own loop, because `axum::serve` has no time limit on headers. Plain HTTP is for loopback only, and [`bind`] is the
//! one way to a [`Listener`].

mod patience;
mod rest;

use {
    crate::tls::Tls,
    axum::{
        Router,
        extract::{ConnectInfo, Request},
        http::{HeaderValue, header},
    },
    hyper::{body::Incoming, server::conn::http1, service::service_fn},
    hyper_util::{
        rt::TokioIo,
        server::graceful::{GracefulShutdown, Watcher},
    },
    patience::Patience,
    std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, time::Duration},
    tokio::{
        io::{AsyncRead, AsyncWrite},
        net::{TcpListener, TcpStream},
        sync::watch,
        time::{sleep, timeout},
    },
    tower::Service,
};

/// Longest time for a TLS handshake, for the head of a request, and longest silence between two requests of one connection.
const HEADER_READ: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long open requests may take once the server ends.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Pause after a failed accept (out of file descriptors, most likely), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket: with TLS, or on loopback.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
}

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
        self.socket.local_addr()
    }
}

/// Binds `address`, which must be a loopback address without `tls`.
///
/// # Errors
/// [`BindError`].
pub async fn bind(address: SocketAddr, tls: Option<Tls>) -> Result<Listener, BindError> {
    if tls.is_none() && !address.ip().to_canonical().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    match TcpListener::bind(address).await {
        Ok(socket) => Ok(Listener { socket, tls }),
        Err(cause) => Err(BindError::Io { address, cause }),
    }
}

/// Serves `router`, which [`crate::Gate::protect`] made, until `shutdown`; then lets open requests finish for at most
/// [`DRAIN`]. True when all of them did.
pub async fn serve(listener: Listener, router: Router, shutdown: impl Future<Output = ()>) -> bool {
    let graceful = GracefulShutdown::new();
    // Ends handshakes that are under way.
    let (open, closing) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.socket.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Answers are small and whole; waiting for more to send only adds delay. Failing to say so is harmless.
                    let _ = stream.set_nodelay(true);
                    let (router, watcher) = (router.clone(), graceful.watcher());
                    match listener.tls.clone() {
                        None => drop(tokio::spawn(connection(stream, peer, router, watcher))),
                        Some(tls) => drop(tokio::spawn(secured(tls, stream, peer, router, watcher, closing.clone()))),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // New connections are refused from here on; idle ones are closed, busy ones after their answer.
    drop(listener);
    drop(open);
    timeout(DRAIN, graceful.shutdown()).await.is_ok()
}

/// The same as [`connection`], inside TLS.
async fn secured(
    tls: Tls,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
    mut closing: watch::Receiver<()>,
) {
    let accepted = tokio::select! {
        // It only ever ends.
        _ = closing.changed() => return,
        accepted = timeout(HEADER_READ, tls.accept(stream)) => accepted,
    };
    match accepted {
        Ok(Ok(stream)) => connection(stream, peer, router, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, client.ip = %peer.ip(), "no TLS handshake"),
        Err(_) => tracing::debug!(client.ip = %peer.ip(), "a TLS handshake took too long"),
    }
}

async fn connection<S>(stream: S, peer: SocketAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let (body, rest) = rest::lend(body, &parts.headers);
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready.
        let answering = router.clone().call(request);
        async move {
            let mut response = answering.await?;
            if !rest.read_up().await {
                let headers = response.headers_mut();
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(Patience::default())
        .header_read_timeout(HEADER_READ)
        .max_buf_size(MAX_HEAD_BYTES)
        // Answers are small: to put one together costs less than to have the system gather its parts.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, client.ip = %peer.ip(), "connection ended early");
    }
}
