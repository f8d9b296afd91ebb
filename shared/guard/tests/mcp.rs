//! The MCP endpoint on the raw wire, in both eras: the stateless revision and the older handshake. The numbers in the
//! comments are lines of docs/checklist.md.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    axum::{
        Router,
        body::{Body, Bytes},
        extract::connect_info::MockConnectInfo,
        http::{HeaderMap, Method, Request, StatusCode, header},
    },
    futures_util::stream,
    http_body_util::BodyExt,
    portreeve_guard::{
        AuditSink, AuthFailure, Authenticate, Caller, Gate, GateParts, Limiter, Limits, Origins, Problem, Proxies,
        Refusal,
        mcp::{self, About, Call, Effect, Offer, Place},
    },
    portreeve_kernel::{AgentId, Code, ManualClock, Principal, Timestamp, entropy::Seeded},
    serde::{Deserialize, Serialize},
    serde_json::{Value, json},
    std::{
        net::{IpAddr, SocketAddr},
        num::NonZeroU32,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
    },
    tower::ServiceExt,
    utoipa::ToSchema,
};

mod scopes {
    portreeve_kernel::scopes! {
        /// See.
        Read = "agents:read";
        /// Change.
        Write = "agents:write";
    }
}

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// `reader` and `writer` hold what they are called by; `nobody` holds nothing; `agent` reads as an agent.
struct Tokens;

#[async_trait::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, bearer: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        let scopes = match bearer {
            "reader" | "agent" | "revoked" => "agents:read",
            "writer" => "agents:read agents:write",
            "nobody" => "",
            _ => return Err(AuthFailure::Invalid),
        };
        let stranger = Principal::stranger(AT, &Seeded::new(1));
        let agent = (bearer == "agent").then(|| AgentId::new(AT, &Seeded::new(2)));
        let scopes = scopes.parse().unwrap();
        let principal = Arc::new(Principal {
            scopes,
            agent,
            ..stranger
        });
        match bearer {
            "revoked" => Err(AuthFailure::Revoked(principal)),
            _ => Ok(principal),
        }
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<&'static str>>);

impl AuditSink for Notes {
    fn refused(&self, refusal: &Refusal<'_>) {
        self.0.lock().unwrap().push(refusal.reason.as_str());
    }
}

/// What to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    /// Said back.
    words: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Said {
    said: String,
}

#[derive(Clone, Default)]
struct Toy {
    done: Arc<AtomicUsize>,
}

async fn look(_: Toy, _: Caller<scopes::Read>, words: Words, _: Call) -> Result<Said, Problem> {
    match words.words.as_str() {
        "refuse" => Err(Problem::new(Code::PolicyDailyLimitExceeded)
            .detail("too much")
            .with("maxAmountNow", "250")
            .with("passesAt", "2026-11-22T00:00:00Z")),
        "break" => Err(Problem::internal("the disk /dev/sda is on fire")),
        "panic" => panic!("the secret is hunter2"),
        "wait" => {
            std::future::pending::<()>().await;
            Err(Code::SystemInternalError.into())
        }
        _ => Ok(Said { said: words.words }),
    }
}

async fn act(toy: Toy, _: Caller<scopes::Write>, words: Words, call: Call) -> Result<Said, Problem> {
    call.progress.tell(1, 2, "begun").await;
    toy.done.fetch_add(1, Ordering::SeqCst);
    call.progress.tell(2, 2, "done").await;
    Ok(Said { said: words.words })
}

async fn state(_: Toy, caller: Caller<scopes::Read>, which: Option<String>) -> Result<Said, Problem> {
    match (which, &caller.principal.agent) {
        (Some(which), _) if which == "gone" => Err(Code::AgentNotFound.into()),
        (Some(which), _) => Ok(Said { said: which }),
        (None, Some(_)) => Ok(Said { said: "own".into() }),
        (None, None) => Err(Problem::new(Code::ValidationRequiredField).param("uri")),
    }
}

struct Server {
    router: Router,
    notes: Arc<Notes>,
    toy: Toy,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {:?}", self.status, self.body))
    }

    /// The result of a call that was answered.
    #[track_caller]
    fn result(&self) -> Value {
        let told = self.json();
        assert_eq!(self.status, StatusCode::OK, "{told}");
        assert!(told["error"].is_null(), "{told}");
        told["result"].clone()
    }

    /// A JSON-RPC error with this HTTP status.
    #[track_caller]
    fn is_error(&self, status: u16, code: i64) -> Value {
        let told = self.json();
        assert_eq!(
            (self.status.as_u16(), &told["error"]["code"]),
            (status, &json!(code)),
            "{told}"
        );
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(told["jsonrpc"], "2.0");
        told["error"].clone()
    }

    #[track_caller]
    fn is_problem(&self, code: Code) {
        let told = self.json();
        assert_eq!(
            (self.status.as_u16(), &told["code"]),
            (code.status(), &json!(code.as_str())),
            "{told}"
        );
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
    }

    /// The messages of a stream.
    fn messages(&self) -> Vec<Value> {
        assert_eq!(self.headers[header::CONTENT_TYPE], "text/event-stream");
        let text = std::str::from_utf8(&self.body).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(|data| serde_json::from_str(data.trim()).unwrap()).collect()
    }
}

/// One request, as it stands on the wire.
struct Wire {
    method: Method,
    bearer: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Wire {
    /// As the older revisions write it, after the handshake.
    fn legacy(message: &Value) -> Self {
        Self {
            method: Method::POST,
            bearer: Some("writer"),
            headers: vec![
                ("host", "localhost".into()),
                ("content-type", "application/json".into()),
                ("accept", "application/json, text/event-stream".into()),
                ("mcp-protocol-version", LEGACY.into()),
            ],
            body: message.to_string().into_bytes(),
        }
    }

    /// As the stateless revision writes it.
    fn modern(method: &str, mut params: Value) -> Self {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
        let mut wire = Self::legacy(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .with("mcp-protocol-version", MODERN)
            .with("mcp-method", method);
        if let Some(name) = params.get("name").or_else(|| params.get("uri")) {
            wire = wire.with("mcp-name", name.as_str().unwrap());
        }
        wire
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    const fn by(mut self, bearer: &'static str) -> Self {
        self.bearer = Some(bearer);
        self
    }

    fn saying(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// Changes the message.
    fn but(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut message = serde_json::from_slice(&self.body).unwrap();
        change(&mut message);
        self.body = message.to_string().into_bytes();
        self
    }
}

fn call(tool: &str, words: &str) -> Value {
    json!({"name": tool, "arguments": {"words": words}})
}

fn legacy(method: &str, params: Value) -> Wire {
    Wire::legacy(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
}

fn initialize(version: &str) -> Wire {
    let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    legacy("initialize", params).without("mcp-protocol-version")
}

impl Server {
    fn new() -> Self {
        let many = NonZeroU32::MAX;
        Self::limited(Limits {
            per_address: many,
            per_credential: many,
            agent_payments: many,
        })
    }

    fn limited(limits: Limits) -> Self {
        let (notes, toy) = (Arc::new(Notes::default()), Toy::default());
        let gate = Gate::new(GateParts {
            authenticator: Arc::new(Tokens),
            audit: notes.clone(),
            clock: Arc::new(ManualClock::at(AT)),
            entropy: Arc::new(Seeded::new(7)),
            answers: None,
            limiter: Arc::new(Limiter::new(limits)),
            proxies: Proxies::default(),
        });
        let about = |name, effect| About {
            name,
            title: "A title",
            about: "About it.",
            effect,
        };
        let place = Place {
            own: "toy://state",
            template: "toy://{agent}/state",
            name: "state",
            title: "State",
            about: "About it.",
        };
        let offer = Offer::new("toy", "Toy", "How to use it.", toy.clone())
            .tool(about("look", Effect::Looks), look)
            .tool(about("act", Effect::Acts), act)
            .resource(place, state);
        let origins = Origins::new(None, vec!["https://app.example".parse().unwrap()]);
        let router = gate.protect(mcp::endpoint("/mcp", gate.clone(), origins, offer));
        let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        Self {
            router: router.layer(MockConnectInfo(peer)),
            notes,
            toy,
        }
    }

    async fn send(&self, wire: Wire) -> Answer {
        self.send_body(Body::from(wire.body.clone()), wire).await
    }

    async fn send_body(&self, body: Body, wire: Wire) -> Answer {
        let mut request = Request::builder().method(wire.method).uri("/mcp");
        if let Some(bearer) = wire.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        for (name, value) in wire.headers {
            request = request.header(name, value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    fn done(&self) -> usize {
        self.toy.done.load(Ordering::SeqCst)
    }
}

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

/// 1.6, 2.10: all scopes of the operation are named at once, and nothing was done.
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
    assert_eq!(result["tools"].as_array().unwrap().len(), 2);
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
    assert_eq!(answer.result()["tools"].as_array().unwrap().len(), 2);
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

/// 3b.8, 3b.9: lists say how long they hold and for whom; each caller has its own, always in the same order.
#[tokio::test]
async fn each_caller_sees_what_it_may_use_and_nobody_may_share_it() {
    let server = Server::new();
    let names = |list: &Value, of: &str, name: &str| -> Vec<String> {
        let items = list[of].as_array().unwrap().iter();
        items.map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };
    for (bearer, expected) in [
        ("writer", vec!["look", "act"]),
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

/// 3b.12: no retired code, and none of the reserved ones that the specification does not define.
#[tokio::test]
async fn what_is_not_there_is_told_in_the_codes_of_the_revision() {
    let server = Server::new();
    for uri in ["toy://nothing", "toy://gone/state", "file:///etc/passwd"] {
        server
            .send(Wire::modern("resources/read", json!({"uri": uri})))
            .await
            .is_error(200, -32602);
        server
            .send(legacy("resources/read", json!({"uri": uri})))
            .await
            .is_error(200, -32002);
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
    assert!(
        told["docUrl"]
            .as_str()
            .unwrap()
            .ends_with("/docs/errors/POLICY_DAILY_LIMIT_EXCEEDED.md")
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
