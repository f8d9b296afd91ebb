//! Who is told of changes, and for how long.

use {
    super::*,
    portreeve_guard::mcp::Collection,
    std::{collections::BTreeMap, time::Duration},
    tokio::time::{Instant, sleep, timeout},
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
                assert_eq!(codes::wrong(event.as_bytes()), [0_i64; 0], "{event}");
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

const SHELF: Collection = Collection {
    template: "toy://shelf/{name}",
    name: "book",
    title: "A book",
    about: "About it.",
    mime_type: "text/plain",
};

/// How often each book was read.
type Reads = Arc<Mutex<BTreeMap<String, u32>>>;

/// A shelf that is looked at four times a second. While the count stands at one, `broken` cannot be read, and `hidden` is
/// nobody's.
fn shelf(limits: Limits) -> (Server, Reads) {
    let reads = Reads::default();
    let counts = Arc::clone(&reads);
    let read = move |toy: Toy, _: Caller<scopes::Read>, which: String| {
        *counts.lock().unwrap().entry(which.clone()).or_default() += 1;
        async move {
            match (which.as_str(), toy.done.load(Ordering::SeqCst)) {
                ("broken", 1) => Err(Problem::internal("the disk /dev/sda is on fire")),
                ("hidden", 1) => Err(Code::VaultNotFound.into()),
                (_, done) => Ok(format!("{which}, {done}")),
            }
        }
    };
    let server = Server::offering(limits, |offer| {
        offer
            .counted_by(|toy| u64::try_from(toy.done.load(Ordering::SeqCst)).ok())
            .looked_at_every(Duration::from_millis(250))
            .collection(SHELF, read)
    });
    (server, reads)
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_tried_less_and_less_and_holds_up_no_other() {
    let (server, reads) = shelf(MANY);
    let uris = ["toy://shelf/sound", "toy://shelf/broken"];
    let mut told = Stream::of(&server, "agent", &uris).await;
    // Not read meanwhile: rmcp keeps a stream alive by the wall's clock, which stands still.
    let minute = || sleep(Duration::from_secs(60));
    server.toy.done.store(1, Ordering::SeqCst);
    minute().await;
    let times = reads.lock().unwrap().clone();
    assert_eq!(times["sound"], 2, "at the beginning, and when the count had moved");
    assert!((3..10).contains(&times["broken"]), "{times:?}");
    // It is looked at again once it rests no more, and the other at once.
    server.toy.done.store(2, Ordering::SeqCst);
    sleep(Duration::from_millis(251)).await;
    assert_eq!(reads.lock().unwrap()["sound"], 3);
    minute().await;
    for uri in [uris[0], uris[0], uris[1]] {
        assert_eq!(told.next().await.unwrap()["params"]["uri"], uri);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_for_a_credential_has_a_limit_and_leaves_its_own_requests_alone() {
    let ten = Limits {
        per_credential: NonZeroU32::new(10).unwrap(),
        ..MANY
    };
    let (server, reads) = shelf(ten);
    let _told = Stream::of(&server, "agent", &["toy://shelf/a", "toy://shelf/b"]).await;
    // Somebody writes all the time, for a minute.
    for count in 2..242 {
        server.toy.done.store(count, Ordering::SeqCst);
        sleep(Duration::from_millis(250)).await;
    }
    let times = reads.lock().unwrap().clone();
    assert!(
        times["a"] + times["b"] <= 20 + 2,
        "ten at once, and ten a minute: {times:?}"
    );
    assert!(times["a"] >= 7 && times["b"] >= 7, "each in its turn: {times:?}");
    let another = server.send(listen(&["toy://shelf/a", "toy://shelf/b", "toy://shelf/c"]).by("agent"));
    another.await.is_problem(Code::SystemRateLimited);
    for _ in 0..5 {
        let asked = Wire::modern("tools/list", json!({})).by("agent");
        assert!(server.send(asked).await.status.is_success());
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_may_read_any_more_is_not_told_of() {
    let (server, _) = shelf(MANY);
    let mut told = Stream::of(&server, "agent", &["toy://shelf/hidden"]).await;
    server.toy.done.store(1, Ordering::SeqCst);
    let last = told.next().await.unwrap();
    assert!(last["result"].is_object(), "the end, and no change: {last}");
    assert_eq!(told.next().await, None);
}
