//! A call of a tool over streamable HTTP, against FastMCP: `get_agent_status`, the cheapest tool that there is here, which
//! answers an agent as structured content and as text. Both are sent the same bytes and answer the same result.

use {
    crate::{
        Effort, load, peers,
        result::{Measurement, Target},
        served::{SETTING, Served},
        side::{self, CONNECTIONS, Side},
    },
    serde_json::{Value, json},
    std::{net::SocketAddr, path::Path, time::Duration},
};

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("mcp-call");
    let (served, server) = Served::start(folder, CONNECTIONS).await;
    let rounds = effort.pick(5, 1);
    let length = effort.pick(Duration::from_secs(2), Duration::from_millis(300));
    let done = tokio::task::spawn_blocking(move || {
        let each = || served.tenants.iter();
        let requests: Vec<Vec<u8>> = each().map(|tenant| call(tenant.agent.as_str(), &tenant.key)).collect();
        let results: Vec<Value> = requests.iter().map(|request| called(server.address, request)).collect();
        let agents: serde_json::Map<_, _> = (each().zip(&results))
            .map(|(tenant, result)| (tenant.agent.to_string(), result["structuredContent"].clone()))
            .collect();
        let tokens: serde_json::Map<_, _> = each()
            .map(|tenant| (tenant.key.clone(), Value::from(tenant.agent.as_str())))
            .collect();
        let peer = peers::python("tool.py", &json!({"agents": agents, "tokens": tokens}));
        for (request, result) in requests.iter().zip(&results) {
            assert_eq!(called(peer.address, request), *result, "both answer the same");
        }
        let (mut ours, mut peer) = (Side::new(server), Side::new(peer));
        side::in_turn(&mut [(&mut peer, &requests), (&mut ours, &requests)], rounds, length);
        (ours, peer)
    });
    let (ours, peer) = done.await.unwrap();
    result.with("POST /mcp, tools/call of get_agent_status by API key, revision 2025-06-18, without a session");
    result.with(SETTING);
    result.with(
        "peer: FastMCP with a StaticTokenVerifier, streamable HTTP without sessions, JSON answers, the agents in a dict; \
         uvicorn as FastMCP brings it, one process, without a log",
    );
    result.with(side::client(rounds, length));
    result.with(ours.words("ours"));
    result.with(peer.words("FastMCP"));
    result.hold(
        "of the rate of FastMCP",
        ours.rate() / peer.rate(),
        "×",
        Target::AtLeast(40.0),
    );
    ours.rounds.tell("ours", &mut result);
    peer.rounds.tell("FastMCP", &mut result);
    result
}

/// A call as it goes over the wire.
fn call(agent: &str, key: &str) -> Vec<u8> {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_agent_status", "arguments": {"agent_id": agent}},
    });
    let headers = [
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2025-06-18",
        &format!("Authorization: Bearer {key}"),
    ];
    load::post("/mcp", &headers, &body.to_string())
}

/// What comes of a call: a tool that fails does so with status 200.
fn called(server: SocketAddr, request: &[u8]) -> Value {
    let mut answer = load::ask(server, request).json();
    let mut result = answer["result"].take();
    assert!(!result["isError"].take().as_bool().unwrap_or(false), "{result}");
    assert!(result["structuredContent"].is_object(), "{answer}");
    result
}
