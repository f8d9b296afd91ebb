//! `portreeve mcp`: the same over standard input and output, for programs that start a program.

use {
    crate::{
        estate::{Estate, policy},
        house::{Dialogue, House},
    },
    serde_json::{Value, json},
    std::time::Duration,
};

/// `portreeve mcp` with this key.
fn start(house: &House, key: &str) -> Dialogue {
    let mut command = house.command();
    command
        .arg("mcp")
        .env("PORTREEVE_KEY", key)
        .env("PORTREEVE_SERVER", house.url());
    Dialogue::start(command)
}

fn legacy(id: impl Into<Value>, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params}).to_string()
}

fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> String {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    legacy(id, method, &params)
}

fn listen(id: u64, uri: &str) -> String {
    modern(
        id,
        "subscriptions/listen",
        json!({"notifications": {"resourceSubscriptions": [uri]}}),
    )
}

#[test]
fn stdio_speaks_both_eras() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    // With every flag there is, and the key in one of them.
    let mut command = estate.house.command();
    let (home, owner) = (estate.house.home(), estate.house.home().join("owner"));
    command.arg("mcp").arg("--home").arg(home).arg("--owner").arg(owner);
    command.args([
        "--server",
        estate.house.url(),
        "--key",
        &agent.key,
        "--color",
        "never",
        "--json",
    ]);
    let mut client = Dialogue::start(command);

    let hello =
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "e2e", "version": "1"}});
    client.say(&legacy("a", "initialize", &hello));
    let answer = client.hear();
    assert_eq!(
        (&answer["id"], &answer["result"]["protocolVersion"]),
        (&json!("a"), &json!("2025-06-18"))
    );
    client.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    client.say(&legacy(1, "tools/list", &json!({})));
    let answer = client.hear();
    assert_eq!(
        (&answer["id"], answer["result"]["tools"].as_array().unwrap().len()),
        (&json!(1), 7)
    );
    assert!(
        answer["result"].get("resultType").is_none(),
        "in the revision of the handshake: {answer}"
    );
    client.say(&legacy(2, "tools/call", &json!({"name": "get_balance"})));
    assert_eq!(
        client.hear()["result"]["structuredContent"]["vaultAddress"],
        agent.vault()
    );

    client.say(&modern(3, "server/discover", json!({})));
    assert_eq!(client.hear()["result"]["resultType"], "complete");
    client.say(&modern(4, "resources/read", json!({"uri": "wallet://policy"})));
    assert_eq!(client.hear()["result"]["contents"][0]["mimeType"], "application/json");
    let order = json!({"to": estate.house.somebody(), "amount": "2000000"});
    let call = json!({"name": "execute_transaction", "arguments": order, "_meta": {"progressToken": "p"}});
    client.say(&modern(5, "tools/call", call));
    let mut steps = 0;
    let paid = loop {
        let message = client.hear();
        if message.get("id").is_some() {
            break message;
        }
        assert_eq!(message["params"]["progressToken"], "p");
        steps += 1;
    };
    assert!(steps > 0);
    assert_eq!(
        paid["result"]["structuredContent"]["transaction"]["status"], "CONFIRMED",
        "{paid}"
    );

    // What was asked is answered, also when nothing more is said.
    client.say(&modern(6, "tools/call", json!({"name": "get_policy_usage"})));
    let done = client.end();
    let last: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &last["id"], done.stderr.as_str()), (0, &json!(6), ""));
}

#[test]
fn nothing_but_json_rpc_on_standard_output() {
    let mut house = House::open();
    let mut stranger = start(&house, "wai_test_wrong");
    for (line, code) in [
        ("{", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, -32000),
    ] {
        stranger.say(line);
        let answer = stranger.hear();
        assert_eq!(
            (&answer["jsonrpc"], &answer["error"]["code"]),
            (&json!("2.0"), &json!(code)),
            "{line}"
        );
    }
    stranger.say(r#"{"jsonrpc":"2.0","id":"x","method":"tools/list"}"#);
    let refused = stranger.hear();
    assert_eq!(
        (&refused["id"], &refused["error"]["data"]["code"]),
        (&json!("x"), &json!("AUTH_KEY_INVALID"))
    );
    let mut owner = start(&house, &house.owner_key());
    owner.say(r#"{"jsonrpc":"2.0","id":2,"method":"no/such"}"#);
    assert_eq!(owner.hear()["error"]["code"], -32601);
    house.stop();
    owner.say(r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#);
    let lost = owner.hear();
    assert_eq!((&lost["id"], &lost["error"]["code"]), (&json!(3), &json!(-32000)));
    assert!(
        lost["error"]["message"].as_str().unwrap().contains("does not answer"),
        "{lost}"
    );
    assert_eq!(owner.end().stdout, "");
}

#[test]
fn without_a_key_it_says_how_to_get_one_and_never_takes_the_owners() {
    let house = House::open();
    let done = house.cli(&["mcp"]);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""));
    assert!(
        done.stderr.contains("PORTREEVE_KEY") && done.stderr.contains("portreeve key create"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_change_is_told_and_a_cancelled_request_ends_upstream() {
    let estate = Estate::open();
    let agent = estate.agent("model", &policy());
    let mut client = start(&estate.house, &agent.key);
    for id in 0..5 {
        client.say(&listen(id, "wallet://transactions/recent"));
        assert_eq!(client.hear()["method"], "notifications/subscriptions/acknowledged");
    }
    // A sixth is one too many, until one is taken back.
    client.say(&listen(5, "wallet://policy"));
    assert_eq!(client.hear()["error"]["data"]["code"], "SYSTEM_OVERLOADED");
    for id in 0..4 {
        let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        client.say(&cancelled.to_string());
    }
    crate::estate::until("the server has noticed", || {
        client.say(&listen(6, "wallet://status"));
        (client.hear()["method"] == "notifications/subscriptions/acknowledged").then_some(())
    });
    estate.paid(&agent, &estate.house.somebody(), 2_000_000, "k");
    let update = client.hear();
    assert_eq!(update["method"], "notifications/resources/updated", "{update}");
    assert_eq!(update["params"]["uri"], "wallet://transactions/recent");
    assert_eq!(
        update["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 4,
        "of the four others nothing is heard"
    );
    // Suspended, it may still look; its status has changed.
    estate.suspend(&agent);
    let heard = |uri: &str| {
        let found = (0..20)
            .filter_map(|_| client.hear_within(Duration::from_secs(5)))
            .find(|told| told["params"]["uri"] == uri);
        assert!(found.is_some(), "{uri}");
    };
    heard("wallet://status");
    drop(client);
}

#[test]
fn a_server_that_ends_does_not_wait_for_who_listens() {
    let mut house = House::open();
    let mut command = house.command();
    command
        .arg("mcp")
        .env("PORTREEVE_KEY", house.owner_key())
        .env("PORTREEVE_SERVER", house.url());
    let mut client = Dialogue::start(command);
    client.say(&modern(1, "subscriptions/listen", json!({"notifications": {}})));
    assert_eq!(client.hear()["method"], "notifications/subscriptions/acknowledged");
    let done = house.stop();
    assert!(!done.stderr.contains("cut off"), "{}", done.stderr);
    assert!(client.hear()["result"].is_object());
}
