//! The MCP endpoint on the raw wire, in both eras: the stateless revision and the older handshake. The numbers in the
//! comments are lines of the checklist that the specifications of OAuth and MCP were distilled into.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

mod codes;
mod collections;
mod entry;
mod eras;
mod subscriptions;
mod tools;

use {
    axum::{
        Router,
        body::{Body, Bytes},
        extract::connect_info::MockConnectInfo,
        http::{HeaderMap, Method, Request, Response, StatusCode, header},
    },
    futures_util::stream,
    http_body_util::BodyExt,
    portreeve_guard::{
        Admission, AuditSink, AuthFailure, Authenticate, Bypass, Caller, Gate, GateParts, Limiter, Limits, Origins,
        Problem, Proxies, Refusal,
        mcp::{self, About, Call, Changes, Effect, Offer, Place},
    },
    portreeve_kernel::{AgentId, Code, ManualClock, Principal, Timestamp, entropy::Seeded},
    serde::{Deserialize, Serialize},
    serde_json::{Value, json},
    std::{
        net::{IpAddr, SocketAddr},
        num::NonZeroU32,
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
    },
    tokio::sync::watch,
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
const MANY: Limits = Limits {
    per_address: NonZeroU32::MAX,
    per_credential: NonZeroU32::MAX,
    premium: NonZeroU32::MAX,
    enterprise: NonZeroU32::MAX,
    agent_payments: NonZeroU32::MAX,
    registrations: NonZeroU32::MAX,
    introspections: NonZeroU32::MAX,
};
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// `reader` and `writer` hold what they are called by; `nobody` holds nothing; `agent` reads as an agent, until it is
/// revoked.
#[derive(Default)]
struct Tokens {
    agent_is_revoked: AtomicBool,
}

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
            "agent" if self.agent_is_revoked.load(Ordering::SeqCst) => Err(AuthFailure::Revoked(principal)),
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

    fn admitted(&self, _: &Admission<'_>) {}

    fn bypassed(&self, _: &Bypass<'_>) {
        self.0.lock().unwrap().push("bypass");
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

async fn state(toy: Toy, caller: Caller<scopes::Read>, which: Option<String>) -> Result<Said, Problem> {
    match (which, &caller.principal.agent) {
        (Some(which), _) if which == "gone" => Err(Code::AgentNotFound.into()),
        (Some(which), _) => Ok(Said { said: which }),
        (None, Some(_)) if toy.done.load(Ordering::SeqCst) == 0 => Ok(Said { said: "own".into() }),
        (None, Some(_)) => Ok(Said { said: "changed".into() }),
        (None, None) => Err(Problem::new(Code::ValidationRequiredField).param("uri")),
    }
}

struct Server {
    router: Router,
    notes: Arc<Notes>,
    toy: Toy,
    tokens: Arc<Tokens>,
    ending: watch::Sender<bool>,
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
        Self::limited(MANY)
    }

    fn limited(limits: Limits) -> Self {
        Self::offering(limits, |offer| offer)
    }

    /// One that offers more.
    fn offering(limits: Limits, more: impl FnOnce(Offer<Toy>) -> Offer<Toy>) -> Self {
        let (notes, toy, tokens) = (Arc::new(Notes::default()), Toy::default(), Arc::new(Tokens::default()));
        let (ending, is_ending) = watch::channel(false);
        let gate = Gate::new(GateParts {
            authenticator: tokens.clone(),
            audit: notes.clone(),
            clock: Arc::new(ManualClock::at(AT)),
            entropy: Arc::new(Seeded::new(7)),
            answers: Vec::new(),
            faces: Vec::new(),
            https_only: false,
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
            changes: Changes::Here,
            passing: &["looked"],
        };
        let offer = Offer::new("toy", "Toy", "How to use it.", toy.clone())
            .tool(about("look", Effect::Looks), look)
            .tool(about("act", Effect::Acts), act)
            .tool(about("stop", Effect::Stops), act)
            .resource(place, state);
        let offer = more(offer);
        let origins = Origins::new(
            "http://localhost:8787".parse().unwrap(),
            vec!["https://app.example".parse().unwrap()],
        );
        let router = gate.protect(mcp::endpoint("/mcp", gate.clone(), origins, offer, is_ending));
        let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        Self {
            router: router.layer(MockConnectInfo(peer)),
            notes,
            toy,
            tokens,
            ending,
        }
    }

    async fn send(&self, wire: Wire) -> Answer {
        self.send_body(Body::from(wire.body.clone()), wire).await
    }

    async fn send_body(&self, body: Body, wire: Wire) -> Answer {
        let is_modern = codes::is_modern(&wire.body);
        let (parts, body) = self.begin(body, wire).await.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        if is_modern {
            assert_eq!(codes::wrong(&answer.body), [0_i64; 0], "{:?}", answer.body);
        }
        answer
    }

    /// The answer as it begins.
    async fn begin(&self, body: Body, wire: Wire) -> Response<Body> {
        let mut request = Request::builder().method(wire.method).uri("/mcp");
        if let Some(bearer) = wire.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        for (name, value) in wire.headers {
            request = request.header(name, value);
        }
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    fn done(&self) -> usize {
        self.toy.done.load(Ordering::SeqCst)
    }
}
