//! What callers see of tools and resources, and what comes of a call.

use super::*;

/// 2.13: what goes wrong here is not told to who asked.
#[tokio::test]
async fn an_internal_error_tells_nothing_of_its_cause() {
    let server = Server::new();
    let failed = server
        .send(Wire::modern("tools/call", call("look", "break")))
        .await
        .result();
    let text = failed["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("SYSTEM_INTERNAL_ERROR") && !text.contains("sda"),
        "{text}"
    );
}

#[tokio::test]
async fn a_tool_that_panics_fails_alone_and_tells_nothing() {
    let server = Server::new();
    for wire in [
        Wire::modern("tools/call", call("look", "panic")),
        legacy("tools/call", call("look", "panic")),
    ] {
        let result = server.send(wire).await.result();
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(
            text.contains("SYSTEM_INTERNAL_ERROR") && !text.contains("hunter2"),
            "{text}"
        );
    }
    assert!(
        server
            .send(Wire::modern("tools/call", call("look", "x")))
            .await
            .status
            .is_success()
    );
}

/// 3.4, 3.5: JSON for a plain answer, a stream when there is progress to tell. Proxies are told not to hold it back.
#[tokio::test]
async fn a_call_with_progress_answers_in_pieces() {
    let server = Server::new();
    for wire in [
        Wire::modern("tools/call", call("act", "x")),
        legacy("tools/call", call("act", "x")),
    ] {
        let wire = wire.but(|message| message["params"]["_meta"]["progressToken"] = "p".into());
        let answer = server.send(wire).await;
        assert_eq!(answer.headers["x-accel-buffering"], "no");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        let messages = answer.messages();
        let steps: Vec<_> = messages
            .iter()
            .filter(|message| message["method"] == "notifications/progress")
            .collect();
        assert_eq!(steps.len(), 2, "{messages:?}");
        assert_eq!(steps[0]["params"]["progressToken"], "p");
        assert_eq!(
            (&steps[0]["params"]["progress"], &steps[0]["params"]["total"]),
            (&json!(1.0), &json!(2.0))
        );
        assert_eq!(messages.last().unwrap()["result"]["structuredContent"]["said"], "x");
    }
    let plain = server.send(Wire::modern("tools/call", call("act", "x"))).await;
    assert_eq!(plain.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(server.done(), 3);
}

/// 3.5: who goes away is not worked for any longer.
#[tokio::test]
async fn a_client_that_goes_away_ends_its_call() {
    let server = Server::new();
    let waiting = server.send(Wire::modern("tools/call", call("look", "wait")));
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(100), waiting)
            .await
            .is_err()
    );
    // The call holds the toy's counter; it lets go of it when it ends.
    for _ in 0..100 {
        if Arc::strong_count(&server.toy.done) == 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the call goes on: {}", Arc::strong_count(&server.toy.done));
}

/// 3b.8, 3b.9: lists say how long they hold and for whom; each caller has its own, always in the same order.
#[tokio::test]
async fn each_caller_sees_what_it_may_use_and_nobody_may_share_it() {
    let server = Server::new();
    let names = |list: &Value, of: &str, name: &str| -> Vec<String> {
        let items = list[of].as_array().unwrap().iter();
        items.map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };
    for (bearer, expected) in [
        ("writer", vec!["look", "act", "stop"]),
        ("reader", vec!["look"]),
        ("nobody", vec![]),
    ] {
        for _ in 0..2 {
            let list = server
                .send(Wire::modern("tools/list", json!({})).by(bearer))
                .await
                .result();
            assert_eq!(names(&list, "tools", "name"), expected, "{bearer}");
            assert_eq!(
                (&list["cacheScope"], &list["resultType"]),
                (&json!("private"), &json!("complete"))
            );
            assert!(list["ttlMs"].is_u64());
        }
    }
    for (bearer, own, template) in [("agent", 1, 0), ("reader", 0, 1), ("nobody", 0, 0)] {
        let list = server
            .send(Wire::modern("resources/list", json!({})).by(bearer))
            .await
            .result();
        assert_eq!(names(&list, "resources", "uri").len(), own, "{bearer}");
        let list = server
            .send(Wire::modern("resources/templates/list", json!({})).by(bearer))
            .await
            .result();
        assert_eq!(
            names(&list, "resourceTemplates", "uriTemplate").len(),
            template,
            "{bearer}"
        );
        assert_eq!(list["cacheScope"], "private");
    }
    let read = Wire::modern("resources/read", json!({"uri": "toy://state"})).by("agent");
    let read = server.send(read).await.result();
    assert_eq!(
        (&read["cacheScope"], &read["resultType"]),
        (&json!("private"), &json!("complete"))
    );
    assert_eq!(read["contents"][0]["text"], r#"{"said":"own"}"#);
    assert_eq!(read["contents"][0]["mimeType"], "application/json");
}

#[tokio::test]
async fn a_tool_is_described_with_schemas_and_what_it_does() {
    let server = Server::new();
    let list = server.send(Wire::modern("tools/list", json!({}))).await.result();
    let act = &list["tools"][1];
    assert_eq!(act["title"], "A title");
    assert_eq!(act["inputSchema"]["properties"]["words"]["description"], "Said back.");
    assert_eq!(act["inputSchema"]["additionalProperties"], false);
    assert_eq!(act["outputSchema"]["required"], json!(["said"]));
    let hints = json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true});
    assert_eq!(act["annotations"], hints);
    assert_eq!(
        list["tools"][0]["annotations"],
        json!({"readOnlyHint": true, "openWorldHint": false})
    );
}

#[tokio::test]
async fn a_refusal_tells_the_model_what_would_pass() {
    let server = Server::new();
    let refused = server.send(Wire::modern("tools/call", call("look", "refuse"))).await;
    let request = refused.headers["x-request-id"].to_str().unwrap().to_owned();
    let result = refused.result();
    assert_eq!(result["isError"], true);
    assert!(
        result.get("structuredContent").is_none(),
        "clients hold it against the output schema"
    );
    let told: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(told["code"], "POLICY_DAILY_LIMIT_EXCEEDED");
    assert_eq!(
        (&told["message"], &told["retryable"]),
        (&json!("too much"), &json!(false))
    );
    assert!(told["suggestion"].as_str().unwrap().contains("at most 250"));
    let page = told["docUrl"].as_str().unwrap();
    assert!(
        page.starts_with("https://") && page.ends_with("/docs/errors/POLICY_DAILY_LIMIT_EXCEEDED.md"),
        "{page}"
    );
    assert_eq!(told["requestId"], request);
}

#[tokio::test]
async fn an_argument_that_is_wrong_is_named() {
    let server = Server::new();
    for (arguments, code, param) in [
        (json!({}), "VALIDATION_REQUIRED_FIELD", "words"),
        (json!({"words": 7}), "VALIDATION_INVALID_FORMAT", "words"),
        (json!({"words": "x", "more": 1}), "VALIDATION_INVALID_FORMAT", "more"),
    ] {
        let wire = Wire::modern("tools/call", json!({"name": "act", "arguments": arguments}));
        let result = server.send(wire).await.result();
        assert_eq!(result["isError"], true);
        let told: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!((&told["code"], &told["param"]), (&json!(code), &json!(param)));
    }
    assert_eq!(server.done(), 0);
}
