//! Who is told of a change, of which, and until when.

use {
    super::*,
    tokio::time::{Instant, timeout},
};

/// A subscription, read message by message.
struct Stream {
    body: Body,
    read: String,
}

impl Stream {
    async fn of(served: &Served, uris: &[&str]) -> Self {
        let params = json!({"notifications": {"resourceSubscriptions": uris}});
        let response = served.send("reader", "subscriptions/listen", params).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = Self {
            body: response.into_body(),
            read: String::new(),
        };
        let first = stream.next().await.unwrap();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
        stream
    }

    /// The next message; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
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

    /// That it is over, and that nothing was told before.
    async fn is_over(&mut self) {
        let last = timeout(Duration::from_secs(20), self.next()).await.unwrap().unwrap();
        assert!(last["result"].is_object(), "{last}");
        assert_eq!(self.next().await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_is_told_of_that_note_alone_by_path_and_by_id() {
    let served = Served::new().await;
    let (path, id) = (format!("vault://notes/{TASK}"), format!("vault://entities/{TASK_ID}"));
    let (mut by_path, mut by_id) = (Stream::of(&served, &[&path]).await, Stream::of(&served, &[&id]).await);
    served.write("README.md", "# Village\n");
    let early = timeout(Duration::from_millis(1_200), by_path.next()).await;
    assert!(early.is_err(), "another note changed, and so did the count: {early:?}");
    let before = served.text(TASK);
    let start = Instant::now();
    served.write(TASK, &before.replace("Open the gate.", "Close the gate."));
    for (stream, uri) in [(&mut by_path, &path), (&mut by_id, &id)] {
        let told = timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap();
        assert_eq!(
            (&told["method"], &told["params"]["uri"]),
            (&json!("notifications/resources/updated"), &json!(uri))
        );
    }
    // Looked at four times a second; without the count it would be every two.
    assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_private_ends_the_subscription_and_is_not_told() {
    let served = Served::new().await;
    let mut stream = Stream::of(&served, &[&format!("vault://notes/{TASK}")]).await;
    served.write(
        TASK,
        &served.text(TASK).replace("entity_type: Task", "entity_type: Candidate"),
    );
    stream.is_over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_revoked_is_told_nothing_more() {
    let served = Served::new().await;
    let mut stream = Stream::of(&served, &[&format!("vault://notes/{TASK}")]).await;
    served.is_revoked.store(true, Ordering::SeqCst);
    served.write(TASK, &served.text(TASK).replace("Open", "Close"));
    stream.is_over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_what_they_may_not_read() {
    let served = Served::new().await;
    let listen = |bearer, uri: &str| {
        let params = json!({"notifications": {"resourceSubscriptions": [uri]}});
        served.ask(bearer, "subscriptions/listen", params)
    };
    for uri in [
        format!("vault://notes/{CANDIDATE}"),
        "vault://entities/cand-001".to_owned(),
        "vault://notes/nothing.md".to_owned(),
        "vault://notes/../state/notes".to_owned(),
    ] {
        let (status, told) = listen("reader", &uri).await;
        assert_eq!(
            (status.as_u16(), &told["error"]["code"]),
            (400, &json!(-32602)),
            "{uri}: {told}"
        );
        assert!(!told.to_string().contains(HUSH), "{told}");
    }
    let (status, told) = listen("stranger", &format!("vault://notes/{TASK}")).await;
    assert_eq!(
        (status.as_u16(), &told["requiredScope"]),
        (403, &json!("mcp:read")),
        "{told}"
    );
}
