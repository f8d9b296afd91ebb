//! The two eras, line by line.

use super::*;

/// 3.3, 3b.4: an unknown version, wherever it stands.
#[tokio::test]
async fn an_unknown_version_is_refused_and_the_known_ones_are_named() {
    let server = Server::new();
    let legacy_way = legacy("tools/list", json!({})).with("mcp-protocol-version", "1999-01-01");
    let modern_way = Wire::modern("tools/list", json!({}))
        .with("mcp-protocol-version", "2099-01-01")
        .but(|message| message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into());
    for (wire, asked) in [(legacy_way, "1999-01-01"), (modern_way, "2099-01-01")] {
        let error = server.send(wire).await.is_error(400, -32022);
        assert_eq!(error["data"]["requested"], asked);
        let known: Vec<&str> = error["data"]["supported"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(known.contains(&MODERN) && known.contains(&LEGACY), "{known:?}");
    }
}

/// 3a.1: a version that we do not know is answered with one that we do.
#[tokio::test]
async fn a_handshake_in_an_unknown_version_is_answered_in_a_known_one() {
    let server = Server::new();
    for (asked, answered) in [
        ("1999-01-01", LEGACY),
        (MODERN, LEGACY),
        (LEGACY, LEGACY),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
    ] {
        let result = server.send(initialize(asked)).await.result();
        assert_eq!(result["protocolVersion"], answered, "{asked}");
        assert_eq!(result["serverInfo"]["name"], "toy");
        assert_eq!(result["instructions"], "How to use it.");
        let capabilities = result["capabilities"].as_object().unwrap();
        assert_eq!(capabilities.keys().collect::<Vec<_>>(), ["resources", "tools"]);
    }
}

/// 3a.2: without a version header the oldest revision with this transport is meant.
#[tokio::test]
async fn without_a_version_header_the_first_revision_is_meant() {
    let server = Server::new();
    let result = server
        .send(legacy("tools/list", json!({})).without("mcp-protocol-version"))
        .await
        .result();
    assert_eq!(result["tools"].as_array().unwrap().len(), 3);
    assert!(result.get("resultType").is_none(), "{result}");
}

/// 3a.3, 3a.4, 3b.1: no session is made, one that is named is nothing, and there is nothing to get or end.
#[tokio::test]
async fn there_are_no_sessions_and_no_streams_to_get() {
    let server = Server::new();
    for method in [Method::GET, Method::DELETE] {
        let mut wire = Wire::modern("tools/list", json!({})).with("last-event-id", "1");
        // Before it is asked who that is: some clients read a 401 as "no tools".
        (wire.method, wire.bearer) = (method, None);
        let refused = server.send(wire).await;
        refused.is_problem(Code::RequestMethodNotAllowed);
        assert_eq!(refused.headers[header::ALLOW], "POST,OPTIONS");
    }
    let named = Wire::modern("tools/list", json!({}))
        .with("mcp-session-id", "s")
        .with("last-event-id", "7");
    let answer = server.send(named).await;
    assert!(!answer.headers.contains_key("mcp-session-id"));
    assert_eq!(answer.result()["tools"].as_array().unwrap().len(), 3);
}

/// 3a.5: batches have gone.
#[tokio::test]
async fn a_batch_is_refused() {
    let server = Server::new();
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"act","arguments":{"words":"x"}}}]"#;
    server
        .send(legacy("x", json!({})).saying(batch))
        .await
        .is_error(400, -32600);
    assert_eq!(server.done(), 0);
}

/// 3b.2: discovery.
#[tokio::test]
async fn a_client_discovers_versions_capabilities_and_who_we_are() {
    let server = Server::new();
    let found = server.send(Wire::modern("server/discover", json!({}))).await.result();
    let versions = found["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!(MODERN)) && versions.contains(&json!(LEGACY)));
    assert!(found["capabilities"]["tools"].is_object() && found["capabilities"]["resources"].is_object());
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "toy");
    assert_eq!(
        (&found["cacheScope"], &found["resultType"]),
        (&json!("private"), &json!("complete"))
    );
}

/// 3b.3: what each request has to say of itself.
#[tokio::test]
async fn a_request_without_its_meta_is_refused() {
    let server = Server::new();
    for missing in [
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientCapabilities",
    ] {
        let wire = Wire::modern("tools/call", call("act", "x")).but(|message| {
            message["params"]["_meta"].as_object_mut().unwrap().remove(missing);
        });
        server.send(wire).await.is_error(400, -32602);
    }
    let anonymous = Wire::modern("tools/list", json!({})).but(|message| {
        message["params"]["_meta"]
            .as_object_mut()
            .unwrap()
            .remove("io.modelcontextprotocol/clientInfo");
    });
    assert!(server.send(anonymous).await.status.is_success());
    assert_eq!(server.done(), 0);
}

/// 3b.5: headers that say something else than the body, or nothing.
#[tokio::test]
async fn a_header_that_differs_from_the_body_is_refused() {
    let server = Server::new();
    let act = || Wire::modern("tools/call", call("act", "x"));
    for wire in [
        act().with("mcp-protocol-version", LEGACY),
        act().without("mcp-protocol-version"),
        act().with("mcp-method", "tools/list"),
        act().with("mcp-method", "Tools/Call"),
        act().without("mcp-method"),
        act().with("mcp-name", "look"),
        act().with("mcp-name", "=?base64?bG9vaw==?="),
        act().with("mcp-name", "=?base64?!?="),
        act().without("mcp-name"),
    ] {
        let headers = format!("{:?}", wire.headers);
        let answer = server.send(wire).await;
        let error = answer.is_error(400, -32020);
        assert!(error["message"].is_string(), "{headers}");
    }
    assert_eq!(server.done(), 0);
    let encoded = act().with("mcp-name", "=?base64?YWN0?=");
    assert_eq!(server.send(encoded).await.result()["structuredContent"]["said"], "x");
}

/// 3b.6: methods that are not there, and those that are there no more.
#[tokio::test]
async fn an_unknown_method_is_not_found() {
    let server = Server::new();
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "tasks/get",
        "no/such",
    ] {
        let params = match method {
            "logging/setLevel" => json!({"level": "info"}),
            "resources/subscribe" | "resources/unsubscribe" => json!({"uri": "toy://state"}),
            "completion/complete" => {
                json!({"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "x", "value": "x"}})
            }
            _ => json!({}),
        };
        server.send(Wire::modern(method, params)).await.is_error(404, -32601);
    }
    // In the older revisions it is a plain answer, and `ping` is there.
    server.send(legacy("no/such", json!({}))).await.is_error(200, -32601);
    server
        .send(legacy("resources/subscribe", json!({"uri": "toy://state"})))
        .await
        .is_error(200, -32601);
    assert_eq!(server.send(legacy("ping", json!({}))).await.result(), json!({}));
}

/// 3b.12: what is not there has the code of its revision; the one that was retired is in the older ones alone.
#[tokio::test]
async fn what_is_not_there_is_told_in_the_codes_of_the_revision() {
    let server = Server::new();
    for uri in ["toy://nothing", "toy://gone/state", "file:///etc/passwd"] {
        let modern = server.send(Wire::modern("resources/read", json!({"uri": uri}))).await;
        assert_eq!(modern.is_error(200, -32602)["data"]["uri"], uri);
        let older = server.send(legacy("resources/read", json!({"uri": uri}))).await;
        assert_eq!(older.is_error(200, -32002)["data"]["uri"], uri);
        assert_eq!(
            codes::wrong(&older.body),
            [-32002],
            "what each modern answer is looked at for"
        );
    }
    server
        .send(Wire::modern("tools/call", call("nothing", "x")))
        .await
        .is_error(200, -32602);
}

/// 3b.15: one endpoint, the era is that of each request.
#[tokio::test]
async fn the_eras_stand_side_by_side() {
    let server = Server::new();
    assert_eq!(
        server
            .send(Wire::modern("tools/call", call("look", "a")))
            .await
            .result()["resultType"],
        "complete"
    );
    assert_eq!(
        server.send(initialize("2025-06-18")).await.result()["protocolVersion"],
        "2025-06-18"
    );
    let plain = server.send(legacy("tools/call", call("look", "b"))).await.result();
    assert!(plain.get("resultType").is_none(), "{plain}");
    assert_eq!(plain["structuredContent"], json!({"said": "b"}));
    assert_eq!(plain["content"][0]["text"], r#"{"said":"b"}"#);
}
