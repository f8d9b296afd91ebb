//! Who gets in, and what is decided before anything is done.

use super::*;

/// 2.2, 1.1, 1.2, 1.5: the handshake gives nothing that later stands for the credential.
#[tokio::test]
async fn each_request_is_authenticated_and_a_session_id_is_nothing() {
    let server = Server::new();
    let begun = server.send(initialize(LEGACY)).await;
    assert_eq!(begun.status, StatusCode::OK);
    assert!(!begun.headers.contains_key("mcp-session-id"));
    let mut without = legacy("tools/call", call("act", "x")).with("mcp-session-id", "1868a90c");
    without.bearer = None;
    let refused = server.send(without).await;
    refused.is_problem(Code::AuthKeyInvalid);
    let challenges: Vec<_> = refused.headers.get_all(header::WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges.len(), 1);
    let challenge = challenges[0].to_str().unwrap();
    assert!(
        challenge.starts_with("Bearer ") && !challenge.contains("error="),
        "{challenge}"
    );
    for (bearer, code) in [("wrong", Code::AuthKeyInvalid), ("revoked", Code::AuthKeyRevoked)] {
        for wire in [Wire::modern("tools/call", call("act", "x")), initialize(LEGACY)] {
            let refused = server.send(wire.by(bearer).with("mcp-session-id", "1868a90c")).await;
            refused.is_problem(code);
            let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
    }
    assert_eq!(server.done(), 0);
    assert_eq!(
        server.notes.0.lock().unwrap().as_slice(),
        ["missing", "invalid", "invalid", "revoked", "revoked"]
    );
    assert_eq!(
        server.send(legacy("tools/call", call("look", "x"))).await.result()["structuredContent"]["said"],
        "x"
    );
}

/// 2.13: a stranger's body is not read, a known one's is not read beyond 64 KiB.
#[tokio::test]
async fn nothing_is_read_before_it_is_known_who_sends_it() {
    let server = Server::new();
    let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let refused = server
        .send_body(endless(), Wire::modern("tools/list", json!({})).by("wrong"))
        .await;
    refused.is_problem(Code::AuthKeyInvalid);
    let long = "x".repeat(64 * 1024);
    let refused = server.send(legacy("tools/call", call("look", &long))).await;
    refused.is_problem(Code::RequestTooLarge);
    let refused = server
        .send(legacy("tools/list", json!({})).with("content-type", "text/plain"))
        .await;
    refused.is_problem(Code::RequestMediaType);
}

/// 1.4, 1.6, 2.10: all scopes of the operation are named at once, and nothing was done.
#[tokio::test]
async fn who_lacks_the_scope_is_told_which_before_anything_is_done() {
    let server = Server::new();
    for wire in [
        Wire::modern("tools/call", call("act", "x")),
        legacy("tools/call", call("act", "x")),
    ] {
        let refused = server.send(wire.by("reader")).await;
        refused.is_problem(Code::AuthScopeInsufficient);
        let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(
            challenge.contains("error=\"insufficient_scope\", scope=\"agents:write\""),
            "{challenge}"
        );
    }
    let read = Wire::modern("resources/read", json!({"uri": "toy://state"}));
    let refused = server.send(read.by("nobody")).await;
    refused.is_problem(Code::AuthScopeInsufficient);
    assert_eq!(server.done(), 0);
    assert_eq!(server.notes.0.lock().unwrap().len(), 3);
}

/// 2.9: the body is what is executed, so the body decides; a header cannot ask for less than the body does.
#[tokio::test]
async fn the_scope_is_that_of_the_body_and_not_of_a_header() {
    let server = Server::new();
    let lying = Wire::modern("tools/call", call("act", "x")).with("mcp-name", "look");
    server
        .send(lying.by("reader"))
        .await
        .is_problem(Code::AuthScopeInsufficient);
    let lying = Wire::modern("tools/call", call("act", "x")).with("mcp-method", "tools/list");
    server
        .send(lying.by("reader"))
        .await
        .is_problem(Code::AuthScopeInsufficient);
    assert_eq!(server.done(), 0);
}

/// 2.9: duplicate members.
#[tokio::test]
async fn two_names_in_one_body_are_refused() {
    let server = Server::new();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"words":"x"},"name":"act"}}"#;
    let refused = server.send(legacy("tools/call", json!({})).saying(body)).await;
    refused.is_error(400, -32700);
    assert_eq!(server.done(), 0);
}

/// 2.10, 3.4: a notification is taken with 202 and nothing comes of it.
#[tokio::test]
async fn a_tool_called_as_a_notification_is_not_run() {
    let server = Server::new();
    for wire in [
        Wire::modern("tools/call", call("act", "x")),
        legacy("tools/call", call("act", "x")),
    ] {
        let wire = wire.but(|message| {
            message.as_object_mut().unwrap().remove("id");
        });
        let taken = server.send(wire).await;
        assert_eq!((taken.status, taken.body.len()), (StatusCode::ACCEPTED, 0));
    }
    let said = Wire::legacy(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    assert_eq!(server.send(said).await.status, StatusCode::ACCEPTED);
    assert_eq!(server.done(), 0);
}

/// 3b.11, 3a.3: without sessions nothing is asked of a client, so there is nothing to answer.
#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_refused() {
    let server = Server::new();
    for answer in [
        json!({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}}),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}),
    ] {
        let wire = Wire::legacy(&answer).with("mcp-session-id", "1868a90c");
        let error = server.send(wire).await.is_error(400, -32600);
        assert!(error["message"].as_str().unwrap().contains("asked"), "{error}");
    }
}

/// 3.1: a page of somebody else's, before anything else is looked at. The table of look-alikes stands beside the rule.
#[tokio::test]
async fn a_foreign_page_is_refused_and_an_allowed_one_may_read_the_challenge() {
    let server = Server::new();
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "https://evil.example@app.example",
    ] {
        let refused = server
            .send(Wire::modern("tools/list", json!({})).with("origin", origin))
            .await;
        refused.is_problem(Code::RequestOriginNotAllowed);
        assert!(!refused.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }
    // 1.13: on an allowed origin the 401 can be read, without credentials mode.
    let wire = Wire::modern("tools/list", json!({}))
        .with("origin", "https://app.example")
        .by("wrong");
    let refused = server.send(wire).await;
    refused.is_problem(Code::AuthKeyInvalid);
    assert_eq!(
        refused.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://app.example"
    );
    let exposed = refused.headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    assert!(exposed.contains("WWW-Authenticate"));
    assert!(!refused.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    let mut asked = Wire::modern("tools/list", json!({})).with("origin", "https://app.example");
    (asked.method, asked.bearer) = (Method::OPTIONS, None);
    let allowed = server.send(asked).await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert!(
        allowed.headers[header::ACCESS_CONTROL_ALLOW_HEADERS]
            .to_str()
            .unwrap()
            .contains("Authorization")
    );
    assert!(
        server
            .send(Wire::modern("tools/list", json!({})))
            .await
            .status
            .is_success(),
        "no origin at all"
    );
}

/// 3.2: a name that leads here but is not ours.
#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let server = Server::new();
    let refused = server
        .send(Wire::modern("tools/list", json!({})).with("host", "evil.example"))
        .await;
    refused.is_problem(Code::RequestHostUnknown);
}

#[tokio::test]
async fn any_answer_is_welcome_to_who_says_so_and_a_picture_we_do_not_have() {
    let server = Server::new();
    for accept in [
        "*/*",
        "application/json;q=0.9, text/event-stream",
        "text/event-stream,application/json",
    ] {
        assert!(
            server
                .send(legacy("ping", json!({})).with("accept", accept))
                .await
                .status
                .is_success(),
            "{accept}"
        );
    }
    assert!(
        server
            .send(legacy("ping", json!({})).without("accept"))
            .await
            .status
            .is_success()
    );
    for accept in ["application/json", "text/event-stream", "image/png"] {
        let refused = server.send(legacy("ping", json!({})).with("accept", accept)).await;
        refused.is_problem(Code::RequestNotAcceptable);
    }
}

#[tokio::test]
async fn what_looks_weighs_one_what_acts_five_and_what_stops_nothing() {
    let ten = || {
        Server::limited(Limits {
            per_credential: NonZeroU32::new(10).unwrap(),
            ..Limits::default()
        })
    };
    let (server, call_of) = (ten(), |tool| Wire::modern("tools/call", call(tool, "x")));
    for _ in 0..5 {
        assert!(server.send(call_of("look")).await.status.is_success());
        assert!(
            server
                .send(Wire::modern("tools/list", json!({})))
                .await
                .status
                .is_success()
        );
    }
    let refused = server.send(call_of("look")).await;
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    refused.is_problem(Code::SystemRateLimited);
    server
        .send(legacy("x", json!({})).saying("{"))
        .await
        .is_problem(Code::SystemRateLimited);
    assert!(server.send(call_of("stop")).await.status.is_success(), "never held up");

    let server = ten();
    for _ in 0..2 {
        assert!(server.send(call_of("act")).await.status.is_success());
    }
    server.send(call_of("look")).await.is_problem(Code::SystemRateLimited);
    assert_eq!(server.done(), 2);
}
