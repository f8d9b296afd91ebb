//! Who is told of changes, and for how long.

use {
    super::*,
    std::time::Duration,
    tokio::time::{Instant, timeout},
};

/// A stream of messages, read one by one.
pub(crate) struct Stream {
    body: Body,
    read: String,
}

impl Stream {
    /// Wants to be told of changes of `uris`.
    pub(crate) async fn of(server: &Server, bearer: &'static str, uris: &[&str]) -> Self {
        let response = server
            .begin(Body::from(listen(uris).body), listen(uris).by(bearer))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut stream = Self {
            body: response.into_body(),
            read: String::new(),
        };
        let first = stream.next().await.unwrap();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(first["params"]["notifications"]["resourceSubscriptions"], json!(uris));
        stream
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                let message = data.map(|data| serde_json::from_str(data.trim()).unwrap());
                self.read = rest.to_owned();
                match message {
                    Some(message) => return Some(message),
                    None => continue,
                }
            }
            let frame = self.body.frame().await?.unwrap();
            self.read += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
        }
    }
}

fn listen(uris: &[&str]) -> Wire {
    Wire::modern(
        "subscriptions/listen",
        json!({"notifications": {"resourceSubscriptions": uris, "toolsListChanged": true}}),
    )
}

/// 2.8: each look is made with the credential, so a change is told to nobody who may not read it any more.
#[tokio::test(start_paused = true)]
async fn a_change_is_told_to_who_may_read_it_and_ends_with_its_token() {
    let server = Server::new();
    let mut told = Stream::of(&server, "agent", &["toy://state"]).await;
    assert!(
        timeout(Duration::from_secs(5), told.next()).await.is_err(),
        "nothing has changed"
    );
    server.toy.done.store(1, Ordering::SeqCst);
    let update = timeout(Duration::from_secs(5), told.next()).await.unwrap().unwrap();
    assert_eq!(
        (&update["method"], &update["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!("toy://state"))
    );
    assert_eq!(update["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    server.tokens.agent_is_revoked.store(true, Ordering::SeqCst);
    server.toy.done.store(0, Ordering::SeqCst);
    let start = Instant::now();
    let last = told.next().await.unwrap();
    assert!(
        last["result"].is_object() && last["id"] == 1,
        "not the change, but the end: {last}"
    );
    assert!(start.elapsed() <= Duration::from_secs(5));
    assert_eq!(told.next().await, None);
}

#[tokio::test]
async fn a_subscription_ends_with_the_server() {
    let server = Server::new();
    let mut told = Stream::of(&server, "agent", &["toy://state"]).await;
    server.ending.send_replace(true);
    let last = timeout(Duration::from_secs(1), told.next()).await.unwrap().unwrap();
    assert!(last["result"].is_object(), "{last}");
    assert_eq!(told.next().await, None);
}

/// 1.6, 2.10: a subscription takes the scope of what it is about, and there has to be something.
#[tokio::test]
async fn a_subscription_takes_what_reading_takes() {
    let server = Server::new();
    let refused = server
        .send(listen(&["toy://state", "toy://x/state"]).by("nobody"))
        .await;
    refused.is_problem(Code::AuthScopeInsufficient);
    let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("scope=\"agents:read\""), "{challenge}");
    for uri in ["toy://nothing", "toy://gone/state", "toy://state"] {
        // The reader speaks for no agent, so the address of its own leads nowhere.
        server.send(listen(&[uri]).by("reader")).await.is_error(400, -32602);
    }
}

#[tokio::test]
async fn a_credential_has_so_many_subscriptions_and_no_more() {
    let server = Server::new();
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(Stream::of(&server, "agent", &["toy://state"]).await);
    }
    let refused = server.send(listen(&["toy://state"]).by("agent")).await;
    refused.is_problem(Code::SystemOverloaded);
    drop(all.pop());
    // The end of a connection is noticed a moment later.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let again = server
            .begin(
                Body::from(listen(&["toy://state"]).body),
                listen(&["toy://state"]).by("agent"),
            )
            .await;
        if again.status() == StatusCode::OK {
            return;
        }
    }
    panic!("a subscription that was given up still counts");
}

/// 3a: nobody is promised what takes a session.
#[tokio::test]
async fn the_older_revisions_are_not_offered_subscriptions() {
    let server = Server::new();
    let hello = server.send(initialize(LEGACY)).await.result();
    assert_eq!(hello["capabilities"]["resources"], json!({}));
    let found = server.send(Wire::modern("server/discover", json!({}))).await.result();
    assert_eq!(found["capabilities"]["resources"], json!({"subscribe": true}));
    let asked = legacy(
        "subscriptions/listen",
        json!({"notifications": {"resourceSubscriptions": ["toy://x/state"]}}),
    );
    server.send(asked).await.is_error(200, -32601);
}
