//! The third party's server: a gate before two handlers, whose authenticator asks the issuer.

use {
    crate::house::{Api, House},
    axum::{
        Json, Router,
        extract::{FromRef, State},
        routing::get,
    },
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_guard::{
        Admission, AuditSink, Bypass, Caller, Face, Gate, GateParts, Limiter, Limits, Proxies, Refusal,
        remote::{Remote, TokenCheck, Trust},
        serve::{self, Listener},
    },
    portreeve_kernel::{Clock, Entropy, Environment, Now, Principal, Secret, Timestamp},
    portreeve_outbound::{Peer, PeerRules},
    serde_json::{Value, json},
    std::{
        num::NonZeroU32,
        sync::{Arc, Mutex, mpsc},
        thread::{self, JoinHandle},
        time::SystemTime,
    },
    tokio::{runtime, sync::oneshot},
};

portreeve_kernel::scopes! {
    /// See the reports.
    ReportsRead = "reports:read";
    /// Write them.
    ReportsWrite = "reports:write";
    /// Whatever the other server of these tests is for.
    OthersRead = "others:read";
}

struct Wall;

impl Clock for Wall {
    #[expect(clippy::disallowed_methods, reason = "a program of its own has a clock of its own")]
    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Now::at(Timestamp::from_millis(since.as_millis().try_into().unwrap()))
    }
}

struct Names;

impl Entropy for Names {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// Whose role passed which check.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl AuditSink for Notes {
    fn refused(&self, _: &Refusal<'_>) {}

    fn admitted(&self, _: &Admission<'_>) {}

    fn bypassed(&self, bypass: &Bypass<'_>) {
        self.0.lock().unwrap().push(bypass.lacking.to_string());
    }
}

#[derive(Clone)]
struct App {
    gate: Gate,
    document: Arc<Value>,
}

impl FromRef<App> for Gate {
    fn from_ref(app: &App) -> Self {
        app.gate.clone()
    }
}

fn seen(who: &Principal) -> Json<Value> {
    Json(json!({
        "owner": who.owner, "role": who.role, "scopes": who.scopes.to_string(), "credential": who.credential.to_string(),
    }))
}

async fn read(caller: Caller<ReportsRead>) -> Json<Value> {
    seen(&caller.principal)
}

async fn write(caller: Caller<ReportsWrite>) -> Json<Value> {
    seen(&caller.principal)
}

async fn others(caller: Caller<OthersRead>) -> Json<Value> {
    seen(&caller.principal)
}

async fn document(State(app): State<App>) -> Json<Value> {
    Json(Value::clone(&app.document))
}

/// A registered server that runs.
pub(super) struct Reports {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) resource: String,
    /// What it proves itself by.
    pub(super) basic: String,
    notes: Arc<Notes>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Reports {
    pub(super) fn registered(house: &House, more: &[&str], tokens: TokenCheck) -> Self {
        Self::named(house, "Reports", "reports:read", more, tokens)
    }

    /// Registers a server that understands `scope`, and starts it.
    pub(super) fn named(house: &House, name: &str, scope: &str, more: &[&str], tokens: TokenCheck) -> Self {
        let (say_port, port) = mpsc::channel();
        let (say_secret, secret) = mpsc::channel::<(String, String)>();
        let (stop, stopped) = oneshot::channel();
        let notes = Arc::new(Notes::default());
        let (issuer, known, of) = (house.origin(), Arc::clone(&notes), scope.to_owned());
        let running = thread::spawn(move || {
            let runtime = runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = serve::bind("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
                let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
                say_port.send(url.clone()).unwrap();
                let client = secret.recv().unwrap();
                serve_until(stopped, listener, (&url, &issuer, &of), client, (known, tokens)).await;
            });
        });
        let url: String = port.recv().unwrap();
        let resource = format!("{url}/mcp");
        let said = format!("{scope}=Look at it");
        let args = [
            "resource",
            "add",
            name,
            &resource,
            "--scope",
            &said,
            "--default",
            scope,
            "--json",
        ];
        let made = house.cli(&[args.as_slice(), more].concat()).json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let client = (text("introspectionClientId"), text("introspectionClientSecret"));
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", client.0, client.1)));
        say_secret.send(client).unwrap();
        Self {
            id: text("id"),
            url,
            resource,
            basic,
            notes,
            stop: Some(stop),
            running: Some(running),
        }
    }

    pub(super) fn api(&self, key: &str) -> Api {
        Api::new(&self.url, key)
    }

    /// The scopes that somebody lacked and passed all the same.
    pub(super) fn bypassed(&self) -> Vec<String> {
        self.notes.0.lock().unwrap().clone()
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

async fn serve_until(
    stopped: oneshot::Receiver<()>,
    listener: Listener,
    (url, issuer, scope): (&str, &str, &str),
    client: (String, String),
    (notes, tokens): (Arc<Notes>, TokenCheck),
) {
    let peer = Peer::new(PeerRules {
        origin: issuer.to_owned(),
        client: (client.0, Secret::new(client.1)),
        extra_ca: None,
    });
    let trust = Trust {
        issuer: issuer.into(),
        audience: format!("{url}/mcp").into(),
        environment: Environment::Test,
        tokens,
    };
    // The tests ask again and again until something is refused for another reason.
    let limiter = Arc::new(Limiter::new(Limits {
        per_address: NonZeroU32::MAX,
        per_credential: NonZeroU32::MAX,
        ..Limits::default()
    }));
    let remote = Remote::new(trust, Arc::new(peer.unwrap()), Arc::new(Wall), Arc::clone(&limiter));
    let gate = Gate::new(GateParts {
        authenticator: Arc::new(remote),
        audit: notes,
        answers: Vec::new(),
        clock: Arc::new(Wall),
        entropy: Arc::new(Names),
        limiter,
        proxies: Proxies::default(),
        faces: vec![Face {
            prefixes: vec!["/reports".into(), "/whoami".into(), "/mcp".into()],
            metadata: format!("{url}/.well-known/oauth-protected-resource/mcp").into(),
        }],
        https_only: false,
    });
    let whoami = if scope == "others:read" { get(others) } else { get(read) };
    let app = App {
        gate: gate.clone(),
        document: Arc::new(json!({"resource": format!("{url}/mcp"), "authorization_servers": [issuer]})),
    };
    let router = Router::new()
        .route("/reports", get(read).post(write))
        .route("/whoami", whoami)
        .route("/.well-known/oauth-protected-resource/mcp", get(document))
        .with_state(app);
    serve::serve(listener, gate.protect(router), async {
        let _ = stopped.await;
    })
    .await;
}
