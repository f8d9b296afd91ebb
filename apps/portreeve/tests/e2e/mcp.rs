//! The wallet for models, on the raw wire of both eras: what a tool does is what the API does.

mod progress;
mod stdio;

use {
    crate::{
        estate::{Estate, policy, until},
        house::{Api, House, SOL},
    },
    serde_json::{Value, json},
    std::{
        io::{Read, Write},
        net::TcpStream,
        time::Duration,
    },
};

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Era {
    /// Each request says all of itself.
    Modern,
    /// A handshake, and then the version in a header.
    Legacy,
}

pub(crate) const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

/// A client of `/mcp`, or of another endpoint.
pub(crate) struct Mcp {
    api: Api,
    era: Era,
    path: &'static str,
}

/// The owner's tools last.
const TOOLS: [&str; 9] = [
    "execute_transaction",
    "get_balance",
    "get_transaction",
    "list_transactions",
    "get_policy",
    "get_policy_usage",
    "get_agent_status",
    "suspend_agent",
    "resume_agent",
];

impl Mcp {
    fn of(estate: &Estate, key: &str, era: Era) -> Self {
        Self::at("/mcp", estate, key, era)
    }

    pub(crate) fn at(path: &'static str, estate: &Estate, key: &str, era: Era) -> Self {
        Self {
            api: estate.house.api(key),
            era,
            path,
        }
    }

    pub(crate) fn message(&self, method: &str, mut params: Value) -> Value {
        if self.era == Era::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    }

    fn headers<'a>(&self, method: &'a str, params: &'a Value) -> Vec<(&'static str, &'a str)> {
        let mut headers = vec![("Accept", "application/json, text/event-stream")];
        match self.era {
            Era::Legacy => headers.push(("MCP-Protocol-Version", "2025-11-25")),
            Era::Modern => headers.extend([("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)]),
        }
        let named = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str);
        headers.extend(named.filter(|_| self.era == Era::Modern).map(|name| ("Mcp-Name", name)));
        headers
    }

    pub(crate) fn ask(&self, method: &str, params: Value) -> crate::house::Answer {
        let headers = self.headers(method, &params);
        let message = self.message(method, params.clone());
        self.api.send(minreq::Method::Post, self.path, Some(&message), &headers)
    }

    #[track_caller]
    pub(crate) fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        let body = answer.is(200);
        assert!(body["error"].is_null(), "{body}");
        assert_eq!(body["id"], 7);
        body["result"].clone()
    }

    /// What a tool answers that did what it was asked.
    #[track_caller]
    pub(crate) fn done(&self, tool: &str, arguments: &Value) -> Value {
        let result = self.result("tools/call", json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], false, "{result}");
        let view = result["structuredContent"].clone();
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, view, "who reads the text reads the same");
        view
    }

    /// What a tool answers that did not.
    #[track_caller]
    pub(crate) fn refused(&self, tool: &str, arguments: &Value) -> Value {
        let result = self.result("tools/call", json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], true, "{result}");
        assert!(result.get("structuredContent").is_none());
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn tools(&self) -> Vec<Value> {
        self.result("tools/list", json!({}))["tools"]
            .as_array()
            .unwrap()
            .clone()
    }

    #[track_caller]
    fn read(&self, uri: &str) -> Value {
        let contents = self.result("resources/read", json!({"uri": uri}))["contents"].clone();
        assert_eq!(contents.as_array().unwrap().len(), 1);
        assert_eq!(
            (&contents[0]["uri"], &contents[0]["mimeType"]),
            (&json!(uri), &json!("application/json"))
        );
        serde_json::from_str(contents[0]["text"].as_str().unwrap()).unwrap()
    }
}

pub(crate) fn names(tools: &[Value]) -> Vec<&str> {
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn a_model_finds_pays_and_is_told_what_would_pass() {
    let estate = Estate::open();
    for era in ERAS {
        let agent = estate.agent("model", &policy());
        let payee = estate.house.somebody();
        let model = Mcp::of(&estate, &agent.key, era);
        let hello = match era {
            Era::Modern => model.result("server/discover", json!({})),
            Era::Legacy => {
                let client = json!({"name": "e2e", "version": "1"});
                let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
                model.result("initialize", hello)
            }
        };
        assert!(hello["instructions"].as_str().unwrap().contains("idempotency_key"));
        assert_eq!(names(&model.tools()), TOOLS[..7], "{era:?}");

        let held = model.done("get_balance", &json!({}));
        assert_eq!(held["vaultAddress"], agent.vault());
        let order = json!({"to": payee, "amount": SOL.to_string(), "memo": "invoice 42", "idempotency_key": "one"});
        let paid = model.done("execute_transaction", &order);
        assert_eq!(paid["transaction"]["status"], "CONFIRMED", "{paid}");
        assert_eq!(paid["transaction"]["memo"], "invoice 42");
        assert_eq!((&paid["replayed"], &paid["next"]), (&json!(false), &Value::Null));
        let again = model.done("execute_transaction", &order);
        assert_eq!(
            (&again["replayed"], &again["transaction"]),
            (&json!(true), &paid["transaction"])
        );
        assert_eq!(estate.house.chain.balance(&payee), SOL);

        // One lamport more than may be paid at once: the answer names what may.
        let over = json!({"to": payee, "amount": (SOL + 1).to_string()});
        let told = model.refused("execute_transaction", &over);
        assert_eq!(told["code"], "POLICY_PER_TX_LIMIT_EXCEEDED", "{told}");
        assert_eq!(told["message"], "Above the limit per transaction");
        let most = told["maxAmountNow"].as_str().unwrap();
        assert_eq!(most, SOL.to_string());
        assert!(told["suggestion"].as_str().unwrap().contains(most), "{told}");
        assert!(told["violations"][0]["limit"].is_string() && told["requestId"].is_string());
        let fits = json!({"to": payee, "amount": most});
        let paid = model.done("execute_transaction", &fits);
        assert_eq!(paid["transaction"]["status"], "CONFIRMED", "{paid}");
        assert!(paid["idempotencyKey"].as_str().unwrap().starts_with("mcp_"));
        // Who calls twice without a key wants to pay twice.
        let twice = model.done("execute_transaction", &fits);
        assert_eq!(twice["replayed"], false);
        assert_ne!(twice["idempotencyKey"], paid["idempotencyKey"]);
        assert_eq!(estate.house.chain.balance(&payee), 3 * SOL);
    }
}

#[test]
fn an_agent_is_not_offered_what_owners_do() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    for era in ERAS {
        let model = Mcp::of(&estate, &agent.key, era);
        assert_eq!(names(&model.tools()), TOOLS[..7]);
        for tool in &TOOLS[7..] {
            let call = json!({"name": tool, "arguments": {"agent_id": agent.id}});
            let refused = model.ask("tools/call", call);
            refused.is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
            let challenge = refused.header("www-authenticate").unwrap();
            assert!(challenge.contains("scope=\"agents:write\""), "{challenge}");
        }
        let reader = estate.key(&json!({"name": "reader", "agentId": agent.id, "scopes": ["wallets:read"]}));
        assert_eq!(names(&Mcp::of(&estate, &reader, era).tools()), ["get_balance"]);
    }
    assert_eq!(estate.shown(&agent.id)["status"], "ACTIVE");
}

#[test]
fn an_owner_stops_an_agent_and_is_told_what_resuming_takes() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let owner_key = estate.house.owner_key();
    let owner = Mcp::of(&estate, &owner_key, Era::Modern);
    assert_eq!(names(&owner.tools()), TOOLS);
    let of_it = json!({"agent_id": agent.id});
    assert_eq!(owner.refused("resume_agent", &of_it)["code"], "AGENT_STATE_CONFLICT");
    let stopped = owner.done(
        "suspend_agent",
        &json!({"agent_id": agent.id, "reason": "unknown shop"}),
    );
    assert_eq!(
        (&stopped["status"], &stopped["statusReason"]),
        (&json!("SUSPENDED"), &json!("unknown shop"))
    );
    let model = Mcp::of(&estate, &agent.key, Era::Legacy);
    let order = json!({"to": estate.house.somebody(), "amount": "1000000"});
    let told = model.refused("execute_transaction", &order);
    assert_eq!(told["code"], "AGENT_SUSPENDED");
    assert!(told["suggestion"].as_str().unwrap().contains("owner"));

    let suspended = estate.until_settled(&agent.id, "SUSPENDED");
    let needed = owner.done("resume_agent", &of_it);
    assert_eq!(needed["challenge"], suspended["resumeApproval"]["challenge"]);
    let how = needed["how"].as_str().unwrap();
    assert!(how.contains(&format!("portreeve agent resume {}", agent.id)), "{how}");
    assert_eq!(owner.done("get_agent_status", &of_it), suspended);
    assert_eq!(estate.shown(&agent.id)["status"], "SUSPENDED", "asking resumes nothing");
    estate.resume(&agent);
    assert_eq!(model.done("get_agent_status", &json!({}))["status"], "ACTIVE");
}

/// Each reading tool and resource against its endpoint, for an agent and for its owner; and each answer against the schema
/// that was promised.
#[test]
fn what_a_tool_says_is_what_the_api_says_and_what_its_schema_promises() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let owner_key = estate.house.owner_key();
    let paid = estate.paid(&agent, &estate.house.somebody(), SOL, "k");
    let tx = json!({"tx_id": paid["id"]});
    let at = |path: &str| format!("{}{path}", agent.path());
    for era in ERAS {
        for (key, of_it, prefix) in [
            (&agent.key, json!({}), "wallet:/".to_owned()),
            (
                &owner_key,
                json!({"agent_id": agent.id}),
                format!("wallet://{}", agent.id),
            ),
        ] {
            let client = Mcp::of(&estate, key, era);
            let api = estate.house.api(key);
            let tools = client.tools();
            let promised = |name: &str| {
                let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
                jsonschema::validator_for(&tool["outputSchema"]).unwrap()
            };
            for (tool, arguments, path) in [
                ("get_balance", &of_it, at("/balance")),
                ("get_policy", &of_it, at("/policy")),
                ("get_policy_usage", &of_it, at("/policy/usage")),
                ("get_agent_status", &of_it, agent.path()),
                ("list_transactions", &of_it, at("/transactions?limit=10")),
                (
                    "get_transaction",
                    &tx,
                    format!("/api/v1/transactions/{}", paid["id"].as_str().unwrap()),
                ),
            ] {
                let (mut told, mut said) = (client.done(tool, arguments), api.get(&path).is(200).clone());
                if let Err(error) = promised(tool).validate(&told) {
                    panic!("{tool}: {error} at {}", error.instance_path());
                }
                for view in [&mut told, &mut said] {
                    for moment in ["asOf", "slot"] {
                        view.as_object_mut().unwrap().remove(moment);
                    }
                }
                assert_eq!(told, said, "{tool}");
            }
            for (resource, path) in [
                ("/policy", at("/policy")),
                ("/status", agent.path()),
                ("/transactions/recent", at("/transactions?limit=10")),
            ] {
                assert_eq!(
                    &client.read(&format!("{prefix}{resource}")),
                    api.get(&path).is(200),
                    "{resource}"
                );
            }
            assert_eq!(client.read(&format!("{prefix}/balance"))["vaultAddress"], agent.vault());
        }
    }
    // Tools that change something keep theirs too.
    let owner = Mcp::of(&estate, &owner_key, Era::Modern);
    let tools = owner.tools();
    let order = json!({"to": estate.house.somebody(), "amount": "2000000", "agent_id": agent.id});
    let changed = [
        ("execute_transaction", owner.done("execute_transaction", &order)),
        (
            "suspend_agent",
            owner.done("suspend_agent", &json!({"agent_id": agent.id})),
        ),
    ];
    estate.until_settled(&agent.id, "SUSPENDED");
    let needed = owner.done("resume_agent", &json!({"agent_id": agent.id}));
    for (name, view) in changed.iter().chain([&("resume_agent", needed)]) {
        let tool = tools.iter().find(|tool| tool["name"] == *name).unwrap();
        let promised = jsonschema::validator_for(&tool["outputSchema"]).unwrap();
        assert!(promised.validate(view).is_ok(), "{name}: {view}");
    }
    for tool in &tools {
        jsonschema::validator_for(&tool["inputSchema"]).unwrap();
    }
}

#[test]
fn resources_are_listed_for_who_can_read_them() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let uris = |client: &Mcp, method: &str, of: &str, name: &str| -> Vec<String> {
        let list = client.result(method, json!({}))[of].clone();
        list.as_array()
            .unwrap()
            .iter()
            .map(|one| one[name].as_str().unwrap().to_owned())
            .collect()
    };
    let model = Mcp::of(&estate, &agent.key, Era::Modern);
    let own = [
        "wallet://balance",
        "wallet://policy",
        "wallet://status",
        "wallet://transactions/recent",
    ];
    assert_eq!(uris(&model, "resources/list", "resources", "uri"), own);
    assert!(uris(&model, "resources/templates/list", "resourceTemplates", "uriTemplate").is_empty());
    let owner = Mcp::of(&estate, &estate.house.owner_key(), Era::Legacy);
    assert!(uris(&owner, "resources/list", "resources", "uri").is_empty());
    let templates = uris(&owner, "resources/templates/list", "resourceTemplates", "uriTemplate");
    assert_eq!(templates.len(), 4);
    assert_eq!(templates[0], "wallet://{agentId}/balance");
    // An address of nobody's in particular needs an agent.
    let answer = owner.ask("resources/read", json!({"uri": "wallet://balance"}));
    assert_eq!(answer.is(200)["error"]["data"]["code"], "VALIDATION_REQUIRED_FIELD");
}

#[test]
fn a_model_reaches_nothing_of_another_agent() {
    let estate = Estate::open();
    let (agent, other) = (estate.agent("model", &policy()), estate.agent("other", &policy()));
    let paid = estate.paid(&other, &estate.house.somebody(), SOL, "k");
    let model = Mcp::of(&estate, &agent.key, Era::Modern);
    let of_other = json!({"agent_id": other.id});
    for tool in [
        "get_balance",
        "list_transactions",
        "get_policy",
        "get_policy_usage",
        "get_agent_status",
    ] {
        assert_eq!(model.refused(tool, &of_other)["code"], "AGENT_NOT_FOUND", "{tool}");
    }
    let told = model.refused("get_transaction", &json!({"tx_id": paid["id"]}));
    assert_eq!(told["code"], "TRANSACTION_NOT_FOUND");
    let order = json!({"to": estate.house.somebody(), "amount": "1000000", "agent_id": other.id});
    assert_eq!(model.refused("execute_transaction", &order)["code"], "AGENT_NOT_FOUND");
    for resource in ["balance", "policy", "status", "transactions/recent"] {
        let uri = format!("wallet://{}/{resource}", other.id);
        let told = model.ask("resources/read", json!({"uri": uri}));
        assert_eq!(told.is(200)["error"]["code"], -32602, "{uri}");
    }
    assert_eq!(estate.used_today(&other.id), SOL);
}

#[test]
fn an_argument_that_is_wrong_is_named() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let model = Mcp::of(&estate, &agent.key, Era::Modern);
    let payee = estate.house.somebody();
    let pay = |more: Value| {
        let mut order = json!({"to": payee, "amount": "1000000"});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    let (format, range) = ("VALIDATION_INVALID_FORMAT", "VALIDATION_OUT_OF_RANGE");
    for (tool, arguments, code, param) in [
        (
            "execute_transaction",
            json!({"amount": "1"}),
            "VALIDATION_REQUIRED_FIELD",
            "to",
        ),
        ("execute_transaction", pay(json!({"to": "nowhere"})), format, "to"),
        (
            "execute_transaction",
            pay(json!({"amount": 1_000_000})),
            format,
            "amount",
        ),
        ("execute_transaction", pay(json!({"amount": "0"})), range, "amount"),
        ("execute_transaction", pay(json!({"mint": "x"})), format, "mint"),
        (
            "execute_transaction",
            pay(json!({"memo": "x".repeat(201)})),
            range,
            "memo",
        ),
        (
            "execute_transaction",
            pay(json!({"idempotency_key": ""})),
            format,
            "idempotency_key",
        ),
        (
            "execute_transaction",
            pay(json!({"idempotency_key": "a b"})),
            format,
            "idempotency_key",
        ),
        (
            "execute_transaction",
            pay(json!({"wait_seconds": 61})),
            range,
            "wait_seconds",
        ),
        (
            "execute_transaction",
            pay(json!({"wait_seconds": -1})),
            range,
            "wait_seconds",
        ),
        ("execute_transaction", pay(json!({"agent_id": "x"})), format, "agent_id"),
        (
            "execute_transaction",
            pay(json!({"agentId": agent.id})),
            format,
            "agentId",
        ),
        ("list_transactions", json!({"limit": 0}), range, "limit"),
        ("list_transactions", json!({"limit": 51}), range, "limit"),
        (
            "list_transactions",
            json!({"status": "DONE"}),
            "VALIDATION_INVALID_ENUM",
            "status",
        ),
        ("list_transactions", json!({"cursor": "!"}), format, "cursor"),
        ("get_transaction", json!({}), "VALIDATION_REQUIRED_FIELD", "tx_id"),
        ("get_transaction", json!({"tx_id": "tx_1"}), format, "tx_id"),
    ] {
        let told = model.refused(tool, &arguments);
        assert_eq!(
            (&told["code"], &told["param"]),
            (&json!(code), &json!(param)),
            "{tool} {arguments}"
        );
    }
    let owner = Mcp::of(&estate, &estate.house.owner_key(), Era::Modern);
    let told = owner.refused("get_balance", &json!({}));
    assert_eq!(
        (&told["code"], &told["param"]),
        (&json!("VALIDATION_REQUIRED_FIELD"), &json!("agent_id"))
    );
    let told = owner.refused("suspend_agent", &json!({}));
    assert_eq!(told["param"], "agent_id");
    // The same key with other arguments is no retry.
    model.done("execute_transaction", &pay(json!({"idempotency_key": "k"})));
    let told = model.refused(
        "execute_transaction",
        &pay(json!({"idempotency_key": "k", "amount": "1000001"})),
    );
    assert_eq!(
        (&told["code"], &told["param"]),
        (&json!("REQUEST_IDEMPOTENCY_MISMATCH"), &json!("idempotency_key"))
    );
    assert_eq!(estate.used_today(&agent.id), 1_000_000);
}

#[test]
fn who_does_not_wait_is_told_to_look_again() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let model = Mcp::of(&estate, &agent.key, Era::Modern);
    let order = json!({"to": estate.house.somebody(), "amount": "2000000", "wait_seconds": 0});
    let begun = model.done("execute_transaction", &order);
    let id = begun["transaction"]["id"].as_str().unwrap();
    let next = begun["next"].as_str().unwrap();
    assert!(next.contains("get_transaction") && next.contains(id), "{next}");
    until("it is confirmed", || {
        let seen = model.done("get_transaction", &json!({"tx_id": id}));
        (seen["status"] == "CONFIRMED").then_some(())
    });
}

#[test]
fn a_lost_connection_does_not_lose_the_payment() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let payee = estate.house.somebody();
    let model = Mcp::of(&estate, &agent.key, Era::Legacy);
    let order = json!({"to": payee, "amount": SOL.to_string(), "idempotency_key": "lost", "wait_seconds": 60});
    // The first byte of the answer is lost with the connection.
    let body = model
        .message(
            "tools/call",
            json!({"name": "execute_transaction", "arguments": order, "_meta": {"progressToken": 1}}),
        )
        .to_string();
    let host = estate.house.url().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n",
        agent.key,
        body.len()
    );
    connection.write_all((head + &body).as_bytes()).unwrap();
    // It has been decided when there is progress to tell.
    connection.read_exact(&mut [0; 1]).unwrap();
    drop(connection);
    let paid = until("it is confirmed", || {
        let list = model.done("list_transactions", &json!({}));
        Some(list["items"][0].clone()).filter(|paid| paid["status"] == "CONFIRMED")
    });
    let again = model.done("execute_transaction", &order);
    assert_eq!((&again["replayed"], &again["transaction"]), (&json!(true), &paid));
    assert_eq!(estate.house.chain.balance(&payee), SOL);
}

#[test]
fn a_stranger_is_not_let_in_and_a_revoked_key_ends_at_once() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let made = estate.owner().post(
        "/api/v1/auth/keys",
        &json!({"name": "model", "agentId": agent.id, "scopes": ["wallets:read"]}),
    );
    let (id, key) = (made.is(201)["id"].as_str().unwrap(), made.body["key"].as_str().unwrap());
    for era in ERAS {
        let model = Mcp::of(&estate, key, era);
        model.done("get_balance", &json!({}));
        let nobody = Mcp::of(&estate, "", era).ask("tools/list", json!({}));
        nobody.is_problem(401, "AUTH_KEY_INVALID");
        assert!(nobody.header("www-authenticate").unwrap().starts_with("Bearer "));
        let wrong = Mcp::of(&estate, "wai_test_wrong", era).ask("tools/list", json!({}));
        wrong.is_problem(401, "AUTH_KEY_INVALID");
    }
    estate.owner().delete(&format!("/api/v1/auth/keys/{id}"));
    for era in ERAS {
        Mcp::of(&estate, key, era)
            .ask("tools/list", json!({}))
            .is_problem(401, "AUTH_KEY_REVOKED");
    }
    estate.owner().get("/mcp").is_problem(405, "REQUEST_METHOD_NOT_ALLOWED");
}

#[test]
fn only_pages_that_the_settings_name_may_call_from_a_browser() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__SERVER__ALLOWED_ORIGINS", r#"["https://app.example"]"#)]);
    let api = house.api(&house.owner_key());
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let from = |name, value| {
        let headers = [("Accept", "application/json, text/event-stream"), (name, value)];
        api.send(minreq::Method::Post, "/mcp", Some(&list), &headers)
    };
    let own = house.url().to_owned();
    for (origin, readable) in [("https://app.example", true), (own.as_str(), false)] {
        let answer = from("Origin", origin);
        assert_eq!(answer.is(200)["result"]["tools"].as_array().unwrap().len(), 9);
        assert_eq!(answer.header("access-control-allow-origin").is_some(), readable);
    }
    for origin in [
        "https://evil.example",
        "http://app.example",
        "null",
        "http://localhost:3000",
    ] {
        from("Origin", origin).is_problem(403, "REQUEST_ORIGIN_NOT_ALLOWED");
    }
    from("Host", "evil.example").is_problem(421, "REQUEST_HOST_UNKNOWN");
    let asked = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
    ];
    let allowed = house.api("").send(minreq::Method::Options, "/mcp", None, &asked);
    allowed.is(204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://app.example")
    );
}
