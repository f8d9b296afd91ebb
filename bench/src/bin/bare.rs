//! What an authenticated read is measured against: the same answer, byte for byte, from a bare axum handler that asks
//! nobody anything. It takes the answer on its standard input and serves it until that is closed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise"
)]

use {
    axum::{
        Router,
        http::{HeaderMap, HeaderName, HeaderValue},
        routing::get,
        serve::ListenerExt,
    },
    serde::Deserialize,
    std::io::{self, BufRead, Read},
    tokio::net::TcpListener,
};

/// What to answer.
#[derive(Deserialize)]
struct Answer {
    headers: Vec<(String, String)>,
    body: String,
}

#[tokio::main]
async fn main() {
    let mut stdin = io::stdin().lock();
    let mut line = String::new();
    stdin.read_line(&mut line).unwrap();
    let answer: Answer = serde_json::from_str(&line).unwrap();
    let headers: HeaderMap = answer
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        })
        .collect();
    let body = axum::body::Bytes::from(answer.body);
    let handler = move || async move { (headers, body) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let router = Router::new().route("/api/v1/agents/{agentId}", get(handler));
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    // Whoever started it keeps its input open as long as it is wanted.
    let closed = tokio::task::spawn_blocking(|| io::stdin().lock().read_to_end(&mut Vec::new()));
    drop(stdin);
    closed.await.unwrap().unwrap();
}
