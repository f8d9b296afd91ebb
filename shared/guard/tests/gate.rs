//! The gate as clients meet it: every request goes through the whole router.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    axum::{
        Router,
        body::{Body, Bytes},
        extract::{FromRef, connect_info::MockConnectInfo},
        http::{HeaderMap, Request, StatusCode, header},
        response::IntoResponse,
        routing::{get, post},
    },
    futures_util::stream,
    http_body_util::BodyExt,
    portreeve_guard::{
        Admission, AuditSink, AuthFailure, Authenticate, Bypass, Caller, Face, Gate, GateParts, Id, Json, Limiter,
        Limits, Page, Paging, Problem, Proxies, Query, Refusal, RequestContext, not_found,
    },
    portreeve_kernel::{AgentId, Code, Credential, KeyId, ManualClock, Principal, Role, Timestamp, entropy::Seeded},
    serde::Deserialize,
    serde_json::{Value, json},
    std::{
        net::{IpAddr, SocketAddr},
        sync::{Arc, Mutex},
    },
    tower::ServiceExt,
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
const REQUEST_ID: &str = "req_01ARYZ6S41TSV4RRFFQ69G5FAV";

fn principal() -> Arc<Principal> {
    Arc::new(Principal {
        role: Role::Viewer,
        credential: Credential::ApiKey("key_000000000001".parse::<KeyId>().unwrap()),
        scopes: "agents:read".parse().unwrap(),
        ..Principal::stranger(AT, &Seeded::new(1))
    })
}

fn by_token() -> Arc<Principal> {
    let id = "grt_00000000000000000000000000.0000000000000000";
    Arc::new(Principal {
        credential: Credential::Token(id.parse().unwrap()),
        ..Principal::clone(&principal())
    })
}

/// The token says what shall happen; `good` lets in, from anywhere but 203.0.113.0/24.
struct Tokens;

#[async_trait::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, bearer: &str, client: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        match bearer {
            "good" if client.to_string().starts_with("203.0.113.") => Err(AuthFailure::AddressNotAllowed(principal())),
            "good" => Ok(principal()),
            "chief" => Ok(Arc::new(Principal {
                bypass: true,
                ..Principal::clone(&principal())
            })),
            "expired" => Err(AuthFailure::Expired(principal())),
            "early" => Err(AuthFailure::OutsideHours {
                holder: principal(),
                hours: "8:00 to 18:00 UTC".to_owned(),
                opens_at: Some(AT),
            }),
            "revoked" => Err(AuthFailure::Revoked(principal())),
            "token-expired" => Err(AuthFailure::Expired(by_token())),
            "token-revoked" => Err(AuthFailure::Revoked(by_token())),
            "down" => Err(AuthFailure::Unavailable("password of the database is hunter2".into())),
            _ => Err(AuthFailure::Invalid),
        }
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl AuditSink for Notes {
    fn refused(&self, refusal: &Refusal<'_>) {
        let holder = refusal
            .holder
            .map_or("-".into(), |holder| holder.credential.to_string());
        let note = format!("{} {holder} {}", refusal.reason.as_str(), refusal.context.client());
        self.0.lock().unwrap().push(note);
    }

    fn admitted(&self, _: &Admission<'_>) {}

    fn bypassed(&self, bypass: &Bypass<'_>) {
        let note = format!("bypass {} {}", bypass.holder.credential, bypass.lacking);
        self.0.lock().unwrap().push(note);
    }
}

/// Two resources, one within the other's paths.
fn faces() -> Vec<Face> {
    let face = |prefix: &str, metadata: &str| Face {
        prefixes: vec![prefix.into()],
        metadata: metadata.into(),
    };
    vec![
        face("/agents", "https://p.example/a"),
        face("/agents/tools", "https://p.example/b"),
    ]
}

#[derive(Clone)]
struct App(Gate);

impl FromRef<App> for Gate {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

#[derive(Debug, Deserialize)]
struct Order {
    to: String,
}

#[derive(Debug, Deserialize)]
struct Filter {
    tag: Option<String>,
}

async fn list(_: Caller<scopes::Read>, paging: Paging) -> Page<u32> {
    let after: u32 = paging.after().map_or(0, |after| after.parse().unwrap());
    let limit = paging.limit();
    Page::cut(
        (after + 1..=(after + limit + 1).min(5)).collect(),
        limit,
        u32::to_string,
    )
}

async fn read(
    caller: Caller<scopes::Read>,
    context: RequestContext,
    Id(agent): Id<AgentId>,
) -> Result<Json<Value>, Problem> {
    if agent.as_str().ends_with('1') {
        return Err(not_found::<AgentId>());
    }
    Ok(Json(
        json!({ "agent": agent, "by": caller.principal.credential.to_string(), "request": context.id() }),
    ))
}

async fn write(_: Caller<scopes::Write>, Json(_): Json<Order>) -> StatusCode {
    StatusCode::CREATED
}

async fn order(_: Caller<scopes::Read>, Json(order): Json<Order>) -> String {
    order.to
}

async fn filter(Query(filter): Query<Filter>) -> String {
    filter.tag.unwrap_or_default()
}

async fn streaming() -> Body {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from("first"))]);
    Body::from_stream(stream::StreamExt::chain(first, stream::pending()))
}

async fn own_headers() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=60")], "x")
}

#[expect(clippy::panic, reason = "the gate must survive it")]
async fn panics() -> StatusCode {
    panic!("the secret is hunter2")
}

struct Server {
    router: Router,
    notes: Arc<Notes>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn is(self, code: Code) -> Value {
        let told = self.json();
        assert_eq!(told["code"], code.as_str(), "{told}");
        assert_eq!(self.status.as_u16(), code.status());
        assert_eq!(told["status"], code.status());
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.headers["x-request-id"], told["requestId"].as_str().unwrap());
        told
    }
}

impl Server {
    fn new() -> Self {
        Self::behind(Proxies::default(), Some("198.51.100.7:4000"))
    }

    fn behind(proxies: Proxies, peer: Option<&str>) -> Self {
        let notes = Arc::new(Notes::default());
        let gate = Gate::new(GateParts {
            answers: Vec::new(),
            limiter: Arc::new(Limiter::new(Limits::default())),
            authenticator: Arc::new(Tokens),
            audit: notes.clone(),
            clock: Arc::new(ManualClock::at(AT)),
            entropy: Arc::new(Seeded::new(7)),
            proxies,
            faces: faces(),
            https_only: true,
        });
        let router = Router::new()
            .route("/agents", get(list).post(write))
            .route("/agents/{agentId}", get(read))
            .route("/orders", post(order))
            .route("/filter", get(filter))
            .route("/stream", get(streaming))
            .route("/own-headers", get(own_headers))
            .route("/panics", get(panics))
            .route("/fails", get(|| async { Problem::internal("disk on fire") }))
            .with_state(App(gate.clone()));
        let mut router = gate.protect(router);
        if let Some(peer) = peer {
            router = router.layer(MockConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        Self { router, notes }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// `GET /agents HTTP/1.1`, then header lines, an empty line and the body: as one would type it.
    async fn say(&self, text: &str) -> Answer {
        self.send(request(text)).await
    }
}

fn request(text: &str) -> Request<Body> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.trim().split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn a_good_token_gets_in_and_the_request_id_comes_back() {
    let agent = AgentId::new(AT, &Seeded::new(2)).to_string();
    let answer = Server::new()
        .say(&format!(
            "GET /agents/{agent}\nauthorization: Bearer good\nx-request-id: {REQUEST_ID}"
        ))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["x-request-id"], REQUEST_ID);
    assert_eq!(
        answer.json(),
        json!({ "agent": agent, "by": "key_000000000001", "request": REQUEST_ID })
    );
}

#[tokio::test]
async fn a_request_id_of_another_form_is_replaced() {
    for given in ["x", "req_short", "req_01ARYZ6S41TSV4RRFFQ69G5FA\u{e9}"] {
        let answer = Server::new().say(&format!("GET /filter\nx-request-id: {given}")).await;
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert!(id.starts_with("req_01HF7YAT00") && id.len() == 30, "{id}");
    }
}

#[tokio::test]
async fn unknown_malformed_and_wrong_credentials_are_told_apart_by_nobody() {
    let mut bodies = Vec::new();
    for authorization in [
        "Bearer unknown",
        "Bearer a b",
        "Basic abc",
        "Bearer",
        "Bearer wai_live_x",
    ] {
        // Each the first request of its address, so that the limits have the same left.
        let answer = Server::new()
            .say(&format!(
                "GET /agents\nauthorization: {authorization}\nx-request-id: {REQUEST_ID}"
            ))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            answer.headers[header::WWW_AUTHENTICATE],
            r#"Bearer realm="portreeve", error="invalid_token", scope="agents:read", resource_metadata="https://p.example/a""#
        );
        bodies.push((answer.body, format!("{:?}", answer.headers)));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

/// AUTH_CHECKLIST 1.4, 1.5
#[tokio::test]
async fn without_a_credential_the_challenge_names_no_error() {
    let server = Server::new();
    let answer = server.say("GET /agents").await;
    assert_eq!(
        answer.headers[header::WWW_AUTHENTICATE],
        r#"Bearer realm="portreeve", scope="agents:read", resource_metadata="https://p.example/a""#
    );
    answer.is(Code::AuthKeyInvalid);
    assert_eq!(server.notes.0.lock().unwrap().as_slice(), ["missing - 198.51.100.7"]);
}

/// AUTH_CHECKLIST 1.3, 1.12
#[tokio::test]
async fn a_challenge_points_to_the_nearest_resource_and_to_none_elsewhere() {
    let server = Server::new();
    let challenge = async |request: &str| {
        let answer = server.say(request).await;
        answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned()
    };
    let evil = "host: evil.example\nx-forwarded-host: evil.example";
    let outer = challenge(&format!("GET /agents\n{evil}")).await;
    assert!(outer.ends_with(r#"resource_metadata="https://p.example/a""#), "{outer}");
    let inner = challenge(&format!("GET /agents/tools\n{evil}")).await;
    assert!(inner.ends_with(r#"resource_metadata="https://p.example/b""#), "{inner}");
    let beside = challenge("POST /orders\ncontent-type: application/json\n\n{}").await;
    assert!(!beside.contains("resource_metadata"), "{beside}");
}

#[tokio::test]
async fn a_holder_of_the_secret_is_told_what_is_wrong_and_the_audit_log_who_it_was() {
    for (token, code, note) in [
        ("expired", Code::AuthKeyExpired, "expired key_000000000001"),
        ("revoked", Code::AuthKeyRevoked, "revoked key_000000000001"),
        (
            "token-expired",
            Code::AuthTokenExpired,
            "expired grt_00000000000000000000000000.0000000000000000",
        ),
        (
            "token-revoked",
            Code::AuthTokenRevoked,
            "revoked grt_00000000000000000000000000.0000000000000000",
        ),
        ("other", Code::AuthKeyInvalid, "invalid -"),
    ] {
        let server = Server::new();
        let answer = server.say(&format!("GET /agents\nauthorization: Bearer {token}")).await;
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        answer.is(code);
        assert_eq!(*server.notes.0.lock().unwrap(), [format!("{note} 198.51.100.7")]);
    }
}

#[tokio::test]
async fn a_holder_outside_the_hours_of_a_key_is_told_when_it_is_good_again() {
    let server = Server::new();
    let refused = server.say("GET /agents\nauthorization: Bearer early").await;
    assert!(
        !refused.headers.contains_key(header::WWW_AUTHENTICATE),
        "a new token helps nobody"
    );
    let body = refused.is(Code::AuthOutsideHours);
    assert_eq!(
        (&body["opensAt"], &body["retryable"]),
        (&AT.to_string().into(), &true.into())
    );
    let notes = server.notes.0.lock().unwrap().clone();
    assert_eq!(notes, ["outside_hours key_000000000001 198.51.100.7"]);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_403() {
    let server = Server::behind(Proxies::default(), Some("203.0.113.9:1"));
    server
        .say("GET /agents\nauthorization: Bearer good")
        .await
        .is(Code::AuthIpBlocked);
    let notes = server.notes.0.lock().unwrap().clone();
    assert_eq!(notes, ["address_not_allowed key_000000000001 203.0.113.9"]);
}

/// AUTH_CHECKLIST 1.4
#[tokio::test]
async fn a_token_without_the_scope_is_told_which_scope_it_lacks() {
    let server = Server::new();
    let answer = server
        .say("POST /agents\nauthorization: Bearer good\ncontent-type: application/json\n\n{}")
        .await;
    assert_eq!(
        answer.headers[header::WWW_AUTHENTICATE],
        r#"Bearer realm="portreeve", error="insufficient_scope", scope="agents:write", resource_metadata="https://p.example/a""#
    );
    assert_eq!(answer.is(Code::AuthScopeInsufficient)["requiredScope"], "agents:write");
    let notes = server.notes.0.lock().unwrap().clone();
    assert_eq!(notes, ["scope_insufficient key_000000000001 198.51.100.7"]);
}

#[tokio::test]
async fn whose_role_passes_the_check_gets_in_and_each_pass_is_told() {
    let server = Server::new();
    for _ in 0..2 {
        let answer = server
            .say("POST /agents\nauthorization: Bearer chief\ncontent-type: application/json\n\n{}")
            .await;
        assert_ne!(answer.status, 403);
    }
    let notes = server.notes.0.lock().unwrap().clone();
    assert_eq!(notes, ["bypass key_000000000001 agents:write"; 2]);
    server.say("GET /agents\nauthorization: Bearer chief").await;
    let notes = server.notes.0.lock().unwrap().len();
    assert_eq!(notes, 2, "what the credential holds is no pass");
}

#[tokio::test]
async fn when_we_cannot_find_out_nobody_gets_in_and_nobody_learns_why() {
    let server = Server::new();
    let answer = server.say("GET /agents\nauthorization: Bearer down").await;
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
    answer.is(Code::SystemDatabaseError);
    assert!(
        server.notes.0.lock().unwrap().is_empty(),
        "our fault is nobody's failure to authenticate"
    );
}

#[tokio::test]
async fn nothing_of_a_body_is_read_before_the_caller_is_known() {
    let body = Body::from_stream(stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("was read"))
    }));
    let request = Request::post("/orders")
        .header("content-type", "application/json")
        .header("authorization", "Bearer nobody")
        .body(body)
        .unwrap();
    Server::new().send(request).await.is(Code::AuthKeyInvalid);
}

#[tokio::test]
async fn a_body_must_be_plain_json_of_at_most_64_kib() {
    let server = Server::new();
    for (headers, body, code) in [
        ("content-type: text/plain", "{}", Code::RequestMediaType),
        (
            "content-type: application/json\ncontent-encoding: gzip",
            "{}",
            Code::RequestMediaType,
        ),
        (
            "content-type: application/json\ncontent-encoding: identity",
            "{}",
            Code::RequestMediaType,
        ),
        (
            "content-type: application/json\ncontent-length: 65537",
            "{}",
            Code::RequestTooLarge,
        ),
        (
            "content-type: application/json",
            &format!("\"{}\"", "x".repeat(65_536)),
            Code::RequestTooLarge,
        ),
        ("content-type: application/json", "{", Code::ValidationInvalidFormat),
        ("content-type: application/json", "{}", Code::ValidationRequiredField),
        (
            "content-type: application/json",
            r#"{"to":"a","to":"b"}"#,
            Code::ValidationInvalidFormat,
        ),
    ] {
        let text = format!("POST /orders\nauthorization: Bearer good\n{headers}\n\n{body}");
        server.say(&text).await.is(code);
    }
    let answer = server
        .say("POST /orders\nauthorization: Bearer good\ncontent-type: application/json\n\n{\"to\":\"a\"}")
        .await;
    assert_eq!(answer.body, "a");
}

#[tokio::test]
async fn a_token_in_the_query_is_refused_and_not_repeated() {
    for query in ["access_token=hunter2", "x=1&api%5Fkey=hunter2"] {
        let answer = Server::new()
            .say(&format!("GET /agents?{query}\nauthorization: Bearer good"))
            .await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
        let told = answer.is(Code::ValidationInvalidFormat);
        assert!(told["detail"].as_str().unwrap().contains("Authorization"), "{told}");
    }
}

#[tokio::test]
async fn what_routing_refuses_is_a_problem_document_too() {
    let server = Server::new();
    server.say("GET /nowhere").await.is(Code::RequestNotFound);
    let answer = server.say("DELETE /agents").await;
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD,POST");
    let told = answer.is(Code::RequestMethodNotAllowed);
    assert_eq!(told["instance"], "/agents");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_tells_nothing() {
    let answer = Server::new().say("GET /panics").await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
    answer.is(Code::SystemInternalError);
}

#[tokio::test]
async fn too_many_headers_and_too_long_uris_are_refused() {
    let server = Server::new();
    let headers = |count| (0..count).map(|n| format!("\nx-{n}: 1")).collect::<String>();
    assert_eq!(
        server.say(&format!("GET /filter{}", headers(64))).await.status,
        StatusCode::OK
    );
    server
        .say(&format!("GET /filter{}", headers(65)))
        .await
        .is(Code::RequestHeadersTooLarge);
    let uri = |length: usize| format!("GET /filter?tag={}", "x".repeat(length - "/filter?tag=".len()));
    assert_eq!(server.say(&uri(4096)).await.status, StatusCode::OK);
    server.say(&uri(4097)).await.is(Code::RequestUriTooLong);
}

/// AUTH_CHECKLIST 8.8
#[tokio::test]
async fn every_answer_has_the_security_headers_and_a_handler_may_set_its_own() {
    let server = Server::new();
    for path in ["/filter", "/nowhere", "/fails", "/agents"] {
        let answer = server.say(&format!("GET {path}")).await;
        for (name, value) in [
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
    }
    let answer = server.say("GET /own-headers").await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=60");
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[tokio::test]
async fn an_id_that_is_none_gets_the_answer_of_an_unknown_one() {
    let server = Server::new();
    let mut answers = Vec::new();
    let unknown = "agt_01ARYZ6S41TSV4RRFFQ69G5FA1";
    for id in [unknown, "nonsense", "tx_01ARYZ6S41TSV4RRFFQ69G5FA0", "%FF", "agt_%20"] {
        let answer = server
            .say(&format!(
                "GET /agents/{id}\nauthorization: Bearer good\nx-request-id: {REQUEST_ID}"
            ))
            .await;
        let mut told = answer.is(Code::AgentNotFound);
        assert_eq!(told["instance"], format!("/agents/{id}"));
        told["instance"] = Value::Null;
        answers.push(told);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn pages_lead_from_one_to_the_next_by_cursor_and_by_link() {
    let server = Server::new();
    let mut uri = "/agents?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = server.say(&format!("GET {uri}\nauthorization: Bearer good")).await;
        let page = answer.json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item.as_u64().unwrap()),
        );
        let Some(link) = answer.headers.get(header::LINK) else {
            assert_eq!((&page["cursor"], &page["hasMore"]), (&Value::Null, &Value::Bool(false)));
            break;
        };
        let next = link
            .to_str()
            .unwrap()
            .strip_prefix('<')
            .unwrap()
            .strip_suffix(">; rel=\"next\"")
            .unwrap();
        assert_eq!(
            next,
            format!("/agents?limit=2&cursor={}", page["cursor"].as_str().unwrap())
        );
        uri = next.to_owned();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    for query in ["limit=0", "limit=101", "limit=x", "cursor=%21", "page=2"] {
        let answer = server
            .say(&format!("GET /agents?{query}\nauthorization: Bearer good"))
            .await;
        let told = answer.json();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(told["param"], query.split('=').next().unwrap(), "{told}");
    }
}

#[tokio::test]
async fn a_configured_proxy_says_who_the_client_is() {
    let proxies = || Proxies {
        networks: vec!["10.0.0.0/8".parse().unwrap()],
        ..Proxies::default()
    };
    let text = "GET /agents\nauthorization: Bearer good\nx-forwarded-for: 203.0.113.9";
    Server::behind(proxies(), Some("10.0.0.1:1"))
        .say(text)
        .await
        .is(Code::AuthIpBlocked);
    let direct = Server::behind(proxies(), Some("198.51.100.1:1")).say(text).await;
    assert_eq!(direct.status, StatusCode::OK, "a stranger's header is not read");
}

#[tokio::test]
async fn without_the_peers_address_nothing_is_served() {
    Server::behind(Proxies::default(), None)
        .say("GET /filter")
        .await
        .is(Code::SystemInternalError);
}

#[tokio::test]
async fn a_stream_is_passed_on_piece_by_piece() {
    let router = Server::new().router;
    let mut response = router.oneshot(request("GET /stream")).await.unwrap();
    let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "first");
}

#[tokio::test]
async fn a_caller_on_a_router_without_a_gate_gets_nowhere() {
    let gate = Gate::new(GateParts {
        answers: Vec::new(),
        limiter: Arc::new(Limiter::new(Limits::default())),
        authenticator: Arc::new(Tokens),
        audit: Arc::new(Notes::default()),
        clock: Arc::new(ManualClock::at(AT)),
        entropy: Arc::new(Seeded::new(7)),
        proxies: Proxies::default(),
        faces: Vec::new(),
        https_only: false,
    });
    let router = Router::new().route("/agents", get(list)).with_state(App(gate));
    let response = router
        .oneshot(request("GET /agents\nauthorization: Bearer good"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
