//! What stands in the log, and what must never stand there.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    axum::{
        Router,
        body::Body,
        extract::{FromRef, connect_info::MockConnectInfo},
        http::Request,
        routing::get,
    },
    portreeve_guard::{
        Admission, AuditSink, AuthFailure, Authenticate, Bypass, Caller, Gate, GateParts, Limiter, Limits, Problem,
        Proxies, Refusal, Traced,
    },
    portreeve_kernel::{Credential, ManualClock, Principal, Timestamp, entropy::Seeded},
    std::{
        io::Write,
        net::{IpAddr, SocketAddr},
        sync::{Arc, Mutex},
    },
    tower::ServiceExt,
};

portreeve_kernel::scopes! {
    /// See.
    Read = "agents:read";
}

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

struct Everybody;

#[async_trait::async_trait]
impl Authenticate for Everybody {
    async fn authenticate(&self, _: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        Ok(Arc::new(Principal {
            credential: Credential::ApiKey("key_000000000001".parse().unwrap()),
            scopes: "agents:read".parse().unwrap(),
            ..Principal::stranger(AT, &Seeded::new(1))
        }))
    }
}

struct Nowhere;

impl AuditSink for Nowhere {
    fn refused(&self, _: &Refusal<'_>) {}
    fn admitted(&self, _: &Admission<'_>) {}

    fn bypassed(&self, _: &Bypass<'_>) {}
}

#[derive(Clone)]
struct App(Gate);

impl FromRef<App> for Gate {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn router() -> Router {
    let gate = Gate::new(GateParts {
        answers: vec![Arc::new(Traced)],
        limiter: Arc::new(Limiter::new(Limits::default())),
        authenticator: Arc::new(Everybody),
        audit: Arc::new(Nowhere),
        clock: Arc::new(ManualClock::at(AT)),
        entropy: Arc::new(Seeded::new(7)),
        proxies: Proxies::default(),
        faces: Vec::new(),
        https_only: false,
    });
    let router = Router::new()
        .route("/agents/{agentId}", get(|_: Caller<Read>| async { "x" }))
        .route(
            "/fails",
            get(|| async { Problem::internal("line one\nlevel=error forged") }),
        )
        .with_state(App(gate.clone()));
    gate.protect(router)
        .layer(MockConnectInfo(SocketAddr::from(([198, 51, 100, 7], 1))))
}

async fn logged(uri: &str) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let request = Request::get(uri).header("authorization", "Bearer hunter2");
    router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn the_access_log_says_who_did_what_but_neither_token_nor_query_nor_path_parameter() {
    let line = logged("/agents/agt_parameter?filter=private").await;
    for part in [
        "access: answered",
        "request.id=req_01HF7YAT00",
        "http.method=GET",
        "http.route=\"/agents/{agentId}\"",
        "http.status=200",
        "duration_us=",
        "credential.id=key_000000000001",
        "client.ip=198.51.100.7",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    for secret in ["hunter2", "private", "agt_parameter"] {
        assert!(!line.contains(secret), "{secret} is in {line}");
    }
    assert_eq!(line.lines().count(), 1);
}

#[tokio::test]
async fn a_cause_is_logged_once_with_the_request_id_and_cannot_forge_a_line() {
    let lines = logged("/fails").await;
    let about: Vec<&str> = lines.lines().filter(|line| line.contains("line one")).collect();
    assert_eq!(about.len(), 1, "{lines}");
    assert!(about[0].contains("request.id=req_") && about[0].contains("SYSTEM_INTERNAL_ERROR"));
    assert!(!lines.lines().any(|line| line.starts_with("level=error")));
}

#[tokio::test]
async fn a_path_that_fits_no_route_is_not_logged() {
    let line = logged("/hunter2/x").await;
    assert!(line.contains("http.route=\"-\"") && !line.contains("hunter2"), "{line}");
}
