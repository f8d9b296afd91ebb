//! A small vault that is served, as tests ask it: models at its endpoint, people at its pages.

use {
    crate::{Open, Parts, Place, Vault},
    axum::{
        Router,
        body::Body,
        extract::connect_info::MockConnectInfo,
        http::{HeaderMap, Request, Response, StatusCode, header},
    },
    http_body_util::BodyExt,
    portreeve_guard::{
        Admission, AuditSink, AuthFailure, Authenticate, Bypass, Gate, GateParts, Limiter, Limits, Origin, Origins,
        Problem, Proxies, Refusal,
    },
    portreeve_kernel::{
        Credential, Now, Principal, Secret, Timestamp,
        control::{Boxed, CredentialCheck},
        entropy::Seeded,
        time::ManualClock,
    },
    portreeve_notes::{NotePath, Root},
    portreeve_pages::{Visitor, Visitors},
    portreeve_store::{StoreError, Tx, testing::TestDatabase},
    serde_json::{Value, json},
    std::{
        collections::BTreeSet,
        fs,
        net::{IpAddr, SocketAddr},
        num::NonZeroU32,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    },
    tempfile::TempDir,
    tokio::sync::watch,
    tower::ServiceExt,
};

const AT: Timestamp = Timestamp::from_millis(1_772_323_200_000);
const MODERN: &str = "2026-07-28";

/// Stands in what is private, and nowhere else.
pub(crate) const HUSH: &str = "HUSHHUSH";

const SCHEMA: &str = "\
schema_version: '5.6'
entity_types: [Track, Project, Task, Candidate]
task: {status: [todo, doing, hold, done]}
project: {status: [planning, doing, done], status_default: planning}
priority: {values: [high, low], default: low}
required_fields: {all: [entity_type, entity_id, entity_name, created, updated, status], Task: [assignee]}
paths: {include: [20_Strategy, 50_Projects]}
private_fields: {Task: [pay]}
cross_vault: {exec_only: [Candidate]}
validation_rules: {parent_references: {Project: Track, Task: Project}}
";

pub(crate) const PROJECT: &str = "50_Projects/gate/project.md";
pub(crate) const TASK: &str = "50_Projects/gate/Tasks/open.md";
pub(crate) const TASK_ID: &str = "tsk-000001-1700000000000";
pub(crate) const CANDIDATE: &str = "50_Projects/gate/cand.md";

/// `reader` and `writer` hold what they are called by, `stranger` a scope of another server. A reader may be revoked.
struct Tokens(Arc<AtomicBool>);

#[async_trait::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, bearer: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        let (seed, scopes) = match bearer {
            "reader" => (1, "mcp:read"),
            "writer" => (2, "mcp:read mcp:write"),
            "stranger" => (3, "agents:read"),
            _ => return Err(AuthFailure::Invalid),
        };
        let holder = Arc::new(Principal {
            scopes: scopes.parse().unwrap(),
            ..Principal::stranger(AT, &Seeded::new(seed))
        });
        if bearer == "reader" && self.0.load(Ordering::SeqCst) {
            return Err(AuthFailure::Revoked(holder));
        }
        Ok(holder)
    }
}

/// Who hears nothing, takes whoever has a cookie for Ada, and finds every credential good.
struct Nobody;

impl AuditSink for Nobody {
    fn refused(&self, _: &Refusal<'_>) {}

    fn admitted(&self, _: &Admission<'_>) {}

    fn bypassed(&self, _: &Bypass<'_>) {}
}

impl Visitors for Nobody {
    fn origin(&self) -> Origin {
        "http://localhost:8787".parse().unwrap()
    }

    fn visitor<'a>(&'a self, headers: &'a HeaderMap) -> Boxed<'a, Result<Option<Visitor>, Problem>> {
        let ada = headers.get(header::COOKIE).map(|_| {
            let stranger = Principal::stranger(AT, &Seeded::new(4));
            let scopes = "mcp:read".parse().unwrap();
            Visitor::new(
                Principal { scopes, ..stranger },
                "Ada".to_owned(),
                Secret::new("x".to_owned()),
            )
        });
        Box::pin(async { Ok(ada) })
    }
}

/// Who may write, until somebody says otherwise.
pub(crate) struct Check(pub(crate) Arc<AtomicBool>);

impl CredentialCheck<Tx, StoreError> for Check {
    fn good_among<'a>(
        &'a self,
        _: &'a mut Tx,
        credentials: &'a BTreeSet<Credential>,
        _: Now,
    ) -> Boxed<'a, Result<BTreeSet<Credential>, StoreError>> {
        let good = self.0.load(Ordering::SeqCst);
        Box::pin(async move { Ok(if good { credentials.clone() } else { BTreeSet::new() }) })
    }
}

/// A vault that is served to models.
pub(crate) struct Served {
    home: TempDir,
    _database: TestDatabase,
    pub(crate) vault: Vault,
    router: Router,
    pub(crate) is_revoked: Arc<AtomicBool>,
    _ending: watch::Sender<bool>,
}

pub(crate) fn entity(kind: &str, id: &str, more: &str, body: &str) -> String {
    format!(
        "---\nentity_type: {kind}\nentity_id: {id}\nentity_name: Gate - {id}\ncreated: 2025-01-01\nupdated: 2025-01-01\n\
         status: doing\n{more}---\n{body}"
    )
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::holding(&[]).await
    }

    /// One with these files, too.
    pub(crate) async fn holding(more: &[(&str, &str)]) -> Self {
        Self::limited(more, NonZeroU32::MAX).await
    }

    /// One where each credential may ask so much.
    pub(crate) async fn limited(more: &[(&str, &str)], per_credential: NonZeroU32) -> Self {
        let home = tempfile::tempdir().unwrap();
        let task = format!("project_id: prj-001\nparent_id: prj-001\nassignee: member-01\npay: {HUSH}\n");
        let files = [
            ("00_Meta/schema_constants.yaml", SCHEMA.to_owned()),
            ("20_Strategy/trk-1.md", entity("Track", "trk-1", "", "The track.\n")),
            (
                PROJECT,
                entity(
                    "Project",
                    "prj-001",
                    "parent_id: trk-1\nowner: member-01\n",
                    "The gate.\n",
                ),
            ),
            (TASK, entity("Task", TASK_ID, &task, "Open the gate.\n")),
            (
                CANDIDATE,
                entity("Candidate", "cand-001", &format!("note: {HUSH}\n"), HUSH),
            ),
            ("README.md", "# Town\n".to_owned()),
        ];
        let all = files.iter().map(|(path, text)| (*path, text.as_str()));
        for (path, text) in all.chain(more.iter().copied()) {
            put(&home, path, text);
        }
        let place = Place {
            root: Root::at(&home.path().join("notes")).unwrap(),
            state: home.path().join("state"),
        };
        let database = TestDatabase::sqlite(&[]).unwrap();
        let is_revoked = Arc::new(AtomicBool::new(false));
        let gate = Gate::new(GateParts {
            authenticator: Arc::new(Tokens(Arc::clone(&is_revoked))),
            audit: Arc::new(Nobody),
            answers: Vec::new(),
            clock: Arc::new(ManualClock::at(AT)),
            entropy: Arc::new(Seeded::new(7)),
            limiter: Arc::new(Limiter::new(Limits {
                per_address: NonZeroU32::MAX,
                per_credential,
                ..Limits::default()
            })),
            proxies: Proxies::default(),
            faces: Vec::new(),
            https_only: false,
        });
        let vault = Vault::new(Parts {
            open: Arc::new(Open::at(place, portreeve_notes::Seal::default(), &|_| {}).unwrap()),
            gate: gate.clone(),
            database: database.open().await.unwrap(),
            clock: Arc::new(ManualClock::at(AT)),
            entropy: Arc::new(Seeded::new(8)),
            checks: Arc::new(Check(Arc::new(AtomicBool::new(true)))),
            visitors: Arc::new(Nobody),
            git: None,
        });
        let (ending, is_ending) = watch::channel(false);
        let origins = Origins::new(Nobody.origin(), Vec::new());
        let offer = crate::mcp::offer(vault.clone());
        let endpoint = portreeve_guard::mcp::endpoint("/vault/mcp", gate.clone(), origins, offer, is_ending);
        let (pages, _) = crate::pages_router().with_state(vault.clone()).split_for_parts();
        let endpoint = endpoint.merge(pages);
        let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        Self {
            home,
            _database: database,
            vault,
            router: gate.protect(endpoint).layer(MockConnectInfo(peer)),
            is_revoked,
            _ending: ending,
        }
    }

    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.home.path().join("notes").join(path)).unwrap()
    }

    /// Writes a file as somebody with an editor does, and has it seen.
    pub(crate) fn write(&self, path: &str, text: &str) {
        put(&self.home, path, text);
        self.vault.notes().refresh(&[NotePath::parse(path).unwrap()]).unwrap();
    }

    pub(crate) async fn send(&self, bearer: &str, method: &str, mut params: Value) -> Response<Body> {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        });
        let mut request = Request::post("/vault/mcp")
            .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
            .header(header::HOST, "localhost:8787")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method);
        if let Some(name) = params.get("name").or_else(|| params.get("uri")) {
            request = request.header("mcp-name", name.as_str().unwrap());
        }
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = request.body(Body::from(message.to_string())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A page, as Ada's browser gets it.
    pub(crate) async fn page(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(path)
            .header(header::HOST, "localhost:8787")
            .header(header::COOKIE, "session=x");
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn ask(&self, bearer: &str, method: &str, params: Value) -> (StatusCode, Value) {
        let (parts, body) = self.send(bearer, method, params).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, serde_json::from_slice(&body).unwrap())
    }

    pub(crate) async fn result(&self, bearer: &str, method: &str, params: Value) -> Value {
        let (status, told) = self.ask(bearer, method, params).await;
        assert!(status == StatusCode::OK && told["error"].is_null(), "{status} {told}");
        told["result"].clone()
    }

    /// What a tool answers, or the problem that it tells.
    pub(crate) async fn call(&self, bearer: &str, tool: &str, arguments: Value) -> Result<Value, Value> {
        let told = self.result(bearer, "tools/call", json!({"name": tool, "arguments": arguments}));
        let told = told.await;
        if told["isError"] == true {
            return Err(serde_json::from_str(told["content"][0]["text"].as_str().unwrap()).unwrap());
        }
        Ok(told["structuredContent"].clone())
    }

    /// Until the full text holds everything.
    pub(crate) async fn is_indexed(&self) {
        for _ in 0..400 {
            let found = self.call("reader", "search", json!({"query": "gate"})).await;
            if found.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the full text never came");
    }
}

fn put(home: &TempDir, path: &str, text: &str) {
    let file = home.path().join("notes").join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

pub(crate) fn names(list: &Value) -> Vec<&str> {
    let all = list.as_array().unwrap();
    all.iter().map(|one| one["name"].as_str().unwrap()).collect()
}
