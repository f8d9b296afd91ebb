//! The accept loop over real sockets. Time stands still until everybody waits, so nothing here takes seconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    axum::{Router, extract::ConnectInfo, routing::get},
    portreeve_guard::serve::{BindError, DRAIN, bind, serve},
    std::{net::SocketAddr, sync::Arc, time::Duration},
    tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::{Notify, oneshot},
        task::JoinHandle,
        time::{Instant, timeout},
    },
};

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

async fn run() -> Running {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, wait) = (entered.clone(), go_on.clone());
    let slow = move || async move {
        inside.notify_one();
        wait.notified().await;
        "done"
    };
    let router = Router::new()
        .route(
            "/peer",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
        .route("/slow", get(slow));
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), None).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve(listener, router, async {
        let _ = stopped.await;
    }));
    Running {
        address,
        stop,
        ended,
        entered,
        go_on,
    }
}

/// Everything the server sends until it closes, or until `end` has come, within a minute.
async fn read(stream: &mut TcpStream, end: &str) -> String {
    timeout(Duration::from_secs(60), read_on(stream, end)).await.unwrap()
}

async fn read_on(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let size = stream.read(&mut piece).await.unwrap_or(0);
        all.extend_from_slice(&piece[..size]);
        let text = String::from_utf8_lossy(&all).into_owned();
        if size == 0 || (!end.is_empty() && text.ends_with(end)) {
            return text;
        }
    }
}

/// Checklist 3.2.
#[tokio::test]
async fn only_loopback_is_bound_without_tls() {
    for address in [
        "0.0.0.0:0",
        "192.0.2.1:0",
        "[::]:0",
        "[2001:db8::1]:0",
        "[::ffff:192.0.2.1]:0",
    ] {
        let error = bind(address.parse().unwrap(), None).await.unwrap_err();
        assert!(matches!(error, BindError::NotLoopback(_)), "{error}");
        assert!(error.to_string().contains("TLS"));
    }
    assert!(bind("127.0.0.1:0".parse().unwrap(), None).await.is_ok());
    assert!(bind("127.9.9.9:0".parse().unwrap(), None).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let first = bind("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let error = bind(first.local_addr().unwrap(), None).await.unwrap_err();
    assert!(matches!(error, BindError::Io { .. }), "{error}");
}

#[tokio::test]
async fn the_request_knows_its_peer() {
    let server = run().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    stream
        .write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(read(&mut stream, &own).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_within_ten_seconds_ends_the_connection() {
    let server = run().await;
    for start in ["", "GET /peer HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let before = Instant::now();
        let told = read(&mut stream, "").await;
        assert!(!told.contains("200 OK"), "{told}");
        let waited = before.elapsed();
        assert!(
            waited >= Duration::from_secs(9) && waited <= Duration::from_secs(11),
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_ten_seconds() {
    let server = run().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    stream
        .write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    read(&mut stream, &own).await;
    let before = Instant::now();
    read(&mut stream, "").await;
    let waited = before.elapsed();
    assert!(
        waited >= Duration::from_secs(9) && waited <= Duration::from_secs(11),
        "{waited:?}"
    );
}

#[tokio::test]
async fn a_head_of_more_than_16_kib_is_refused() {
    let server = run().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET /peer HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(17 * 1024));
    // The server may close before it has read all of it.
    let _ = stream.write_all(head.as_bytes()).await;
    let told = read(&mut stream, "").await;
    assert!(!told.contains("200 OK"), "{told}");
}

#[tokio::test]
async fn what_is_under_way_finishes_and_nothing_new_begins() {
    let server = run().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    server.entered.notified().await;
    server.stop.send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.go_on.notify_one();
    let told = read(&mut stream, "").await;
    assert!(told.starts_with("HTTP/1.1 200") && told.ends_with("done"), "{told}");
    assert!(server.ended.await.unwrap(), "all work was done");
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_given_up_after_ten_seconds() {
    let server = run().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    server.entered.notified().await;
    let before = Instant::now();
    server.stop.send(()).unwrap();
    assert!(!server.ended.await.unwrap());
    assert!(before.elapsed() >= DRAIN);
}

/// A client may write head and body apart, and is answered by the head alone: what it has yet to send must not cost it the
/// connection, which it goes on to use.
#[tokio::test]
async fn who_is_answered_before_its_body_came_goes_on_with_the_same_connection() {
    let running = run().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    for _ in 0..3 {
        let head = "POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"hello").await.unwrap();
        let told = read(&mut stream, "\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 404"), "{told:?}");
        assert!(!told.to_ascii_lowercase().contains("connection: close"), "{told}");
    }
}

/// Nobody waits for what is too much, or never comes: the client is told that the connection ends.
#[tokio::test]
async fn who_is_answered_before_a_large_or_missing_body_is_told_that_the_connection_ends() {
    let running = run().await;
    for more in [
        "Content-Length: 1000000",
        "Content-Length: 5",
        "Content-Length: 5\r\nExpect: 100-continue",
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("POST /none HTTP/1.1\r\nHost: localhost\r\n{more}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let told = read(&mut stream, "").await;
        assert!(told.starts_with("HTTP/1.1 404"), "{told:?}");
        assert!(told.to_ascii_lowercase().contains("connection: close"), "{told}");
    }
}
