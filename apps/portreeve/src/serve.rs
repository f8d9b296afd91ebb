//! `portreeve serve`: one process that holds the parts together, and takes them down in order.
//!
//! Ports of one service that another needs are wired here and nowhere else.

mod api;
mod cluster;
mod health;
mod metrics;
mod node;
mod vault;

pub(crate) use api::document;

use {
    crate::{
        config::Config,
        home::{FileError, Home},
        issuer_key::{self, IssuerKeyError},
        schema::SCHEMAS,
        signer_process::{CURE, Isolation, Run, SignerChild, SignerProcessError, SignerProgram, stopped},
        tls::{CertificateError, Shown, Source},
        world::{NamesEntropy, SystemClock, SystemEntropy},
    },
    axum::extract::FromRef,
    cluster::{ClusterError, Time},
    health::Needs,
    metrics::Metrics,
    node::{Node, NodeError},
    portreeve_auth::{
        Agents, Auth, AuthLog, Bearers, Issuer, Keys, People, SealKey, SigningError, SigningKeys, Strangers, Tokens,
        faces,
    },
    portreeve_chain::Programs,
    portreeve_guard::{
        AnswerSink, Gate, GateParts, Limiter, Limits, Origin, Origins, limit,
        serve::{self as guard, Listener},
    },
    portreeve_jobs::Runner,
    portreeve_kernel::{Clock, Entropy},
    portreeve_outbound::{Outbound, Outside, Rules, SetupError},
    portreeve_store::{
        Database, StoreError,
        tenancy::{self, Project},
    },
    portreeve_vault::{Open, OpenError, Vault},
    portreeve_wallet::{Parts, Wallet, ports::Signer, signer_client::SignerClient},
    std::{io, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration},
    tokio::{
        signal::unix::{SignalKind, signal},
        sync::watch,
        task::JoinSet,
        time::{sleep, timeout},
    },
};

/// How long the start waits for the signer: opening its keys takes about a second.
const SIGNER_PATIENCE: Duration = Duration::from_secs(20);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The database.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// No project.
    #[error("there is no project in the database; make one with `portreeve init`")]
    NotInitialised,
    /// The server's certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A socket.
    #[error(transparent)]
    Bind(#[from] guard::BindError),
    /// The signer's program.
    #[error(transparent)]
    Signer(#[from] SignerProcessError),
    /// The chain.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The vault.
    #[error("the vault: {0}")]
    Vault(#[from] OpenError),
    /// The data folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// What seals the issuer's keys.
    #[error(transparent)]
    IssuerKey(#[from] IssuerKeyError),
    /// The issuer's keys.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The way out.
    #[error("`outbound.extra_ca`: {0}")]
    Outbound(SetupError),
    /// Another server.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The disk.
    #[error(
        "the disk failed while committing: what is on it only a new start can tell, so start the server again, as a \
         service manager does by itself"
    )]
    Disk,
    /// The API's description.
    #[error("the API's description cannot be written: {0}")]
    Description(#[from] serde_json::Error),
    /// The system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Serves until it is told to stop, and tells `log` of every answer. `listening` is called once, with the address, when requests
/// are answered.
pub(crate) async fn serve(
    home: &Home,
    config: Config,
    log: Arc<dyn AnswerSink>,
    listening: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> Result<(), ServeError> {
    let mut asked_to_stop = pin!(signals()?);
    let node = Node::claim(home)?;
    let wall = SystemClock::start();
    let source = Source::of(&config.server.tls, home);
    let shown = source.map(|source| Shown::open(source, wall.now().for_expiry()));
    let shown = shown.transpose()?;
    let listener = guard::bind(config.server.listen, shown.as_ref().map(Shown::tls)).await?;
    let certificate = shown.map(|shown| (shown, wall));
    let mut child = None;
    let outcome = tokio::select! {
        biased;
        // Nothing is served yet, so there is nothing to finish.
        () = &mut asked_to_stop => Ok(()),
        outcome = begin(home, config, log, listener.local_addr()?, &mut child) => Err(outcome),
    };
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(Ok(begun)) => go_on(begun, certificate, &node, listener, listening, asked_to_stop).await,
        Err(Err(error)) => Err(error),
    };
    if let Some(child) = child {
        child.stop().await;
    }
    tracing::info!("stopped");
    outcome
}

/// All that has to be there before requests are answered.
struct Begun {
    database: Database,
    time: Time,
    house: House,
}

/// Opens and reaches everything. The signer that it starts is left in `child`, because it goes last, also when the start
/// is given up in the middle.
async fn begin(
    home: &Home,
    config: Config,
    log: Arc<dyn AnswerSink>,
    address: SocketAddr,
    child: &mut Option<SignerChild>,
) -> Result<Begun, ServeError> {
    let strangers = strangers(&config)?;
    let database = Database::open(config.database_url(home).expose(), SCHEMAS).await?;
    let project = project(&database).await?;
    let (chain, time) = cluster::reach(&config.chain, project.cluster).await?;
    let seal = issuer_key::open(home, &database).await?;
    let signing = SigningKeys::open(&database, time.clock(), Arc::new(SystemEntropy), seal.clone()).await?;
    let origin = config.origin(address.port());
    tracing::info!(%origin, ?signing, "issues access tokens");
    let socket = match &config.signer.socket {
        Some(socket) => socket.clone(),
        None => {
            let program = SignerProgram::find(config.signer.binary.as_deref())?;
            let run = Run {
                folder: home.signer(),
                passphrase: home.signer_passphrase(),
                socket: home.signer_socket(),
                local_chain: time.is_chain().then(|| config.chain.rpc.first().cloned()).flatten(),
            };
            let socket = run.socket.clone();
            *child = Some(SignerChild::start(program, run));
            socket
        }
    };
    let signer = client(&database, socket.clone()).await?;
    let vault = vault::open(&config.vault, home, &seal, time.wall().now().for_release()).await?;
    let parts = HouseParts {
        log,
        strangers,
        git: config.vault.git.then(|| config.vault.root.clone()).flatten(),
        vault,
        database: database.clone(),
        chain: Arc::new(chain),
        signer: Arc::new(signer),
        time: time.clone(),
        programs: config
            .chain
            .squads
            .map_or_else(Programs::default, |squads| Programs { squads }),
        proxies: config.server.proxies,
        limits: config.limits,
        origins: Origins::new(origin.clone(), config.server.allowed_origins),
        origin,
        signing: Arc::new(signing),
        seal,
    };
    wait_for_signer(&*parts.signer).await;
    if let Some(weakness) = Isolation::look(home, &socket).await.weakness() {
        tracing::warn!(signer.isolated = false, "{weakness}; {CURE}");
    }
    let house = House::build(parts).await?;
    let in_flight = house.wallet.recover().await?;
    tracing::info!(project = %project.id, cluster = %project.cluster, in_flight, "recovered");
    Ok(Begun { database, time, house })
}

/// Answers requests and does what is to be done beside them, until somebody says to stop, or the disk fails.
async fn go_on(
    begun: Begun,
    certificate: Option<(Shown, SystemClock)>,
    node: &Node,
    listener: Listener,
    listening: impl FnOnce(SocketAddr) -> io::Result<()>,
    asked_to_stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Begun { database, time, house } = begun;
    let (say_stop, stop) = watch::channel(false);
    let mut background = JoinSet::new();
    // Two, so that stopping an agent does not wait behind payments.
    let runner = |work: &str| Runner::new(database.clone(), format!("{}/{work}", node.name()), time.wall());
    background.spawn(house.wallet.payment_jobs(runner("payments")).run(stopped(&stop)));
    background.spawn(house.wallet.agent_jobs(runner("agents")).run(stopped(&stop)));
    background.spawn(house.wallet.clone().upkeep(stopped(&stop)));
    background.spawn(Arc::clone(&house.keys).registry_upkeep(stopped(&stop)));
    background.spawn(portreeve_auth::upkeep(house.keys, house.audit_log, stopped(&stop)));
    background.spawn(house.signing.upkeep(stopped(&stop)));
    background.spawn(limit::upkeep(house.limiter, stopped(&stop)));
    if let Some((shown, clock)) = certificate {
        background.spawn(shown.upkeep(clock, stopped(&stop)));
    }
    background.spawn(time.keep_up(house.chain, stopped(&stop)));

    listening(listener.local_addr()?)?;
    let mut broken = false;
    let end = async {
        tokio::select! {
            () = asked_to_stop => {}
            () = database.broken() => broken = true,
        }
        house.ending.send_replace(true);
    };
    if !guard::serve(listener, house.router, end).await {
        tracing::warn!("some requests were cut off");
    }
    say_stop.send_replace(true);
    background.join_all().await;
    database.close().await;
    if broken { Err(ServeError::Disk) } else { Ok(()) }
}

/// What the house is built of.
struct HouseParts {
    log: Arc<dyn AnswerSink>,
    database: Database,
    chain: Arc<portreeve_wallet::rpc::RpcChain>,
    signer: Arc<dyn Signer>,
    time: Time,
    programs: Programs,
    proxies: portreeve_guard::Proxies,
    limits: Limits,
    origin: Origin,
    signing: Arc<SigningKeys>,
    origins: Origins,
    seal: SealKey,
    strangers: Strangers,
    vault: Option<Arc<Open>>,
    git: Option<PathBuf>,
}

/// The services, joined.
struct House {
    wallet: Wallet,
    keys: Arc<Keys>,
    audit_log: Arc<AuthLog>,
    signing: Arc<SigningKeys>,
    limiter: Arc<Limiter>,
    chain: Arc<portreeve_wallet::rpc::RpcChain>,
    router: axum::Router,
    /// Tells those who wait for changes that there will be none.
    ending: watch::Sender<bool>,
}

impl House {
    async fn build(parts: HouseParts) -> Result<Self, ServeError> {
        let HouseParts {
            log,
            database,
            chain,
            signer,
            time,
            programs,
            proxies,
            limits,
            origin,
            signing,
            origins,
            seal,
            strangers,
            vault,
            git,
        } = parts;
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let keys = Arc::new(Keys::new(
            database.clone(),
            time.clock(),
            Arc::clone(&entropy),
            origin.clone(),
        ));
        keys.open_registry(vault.is_some()).await?;
        let audit_log = Arc::new(AuthLog::new(time.clock()));
        let needs = Needs {
            database: database.clone(),
            chain: Arc::clone(&chain),
            signer: Arc::clone(&signer),
        };
        let metrics = Metrics::new(needs.clone());
        let limiter = Arc::new(Limiter::new(limits));
        let gate = Gate::new(GateParts {
            authenticator: Arc::new(Bearers {
                keys: Arc::clone(&keys),
                tokens: Tokens::new(&keys, Arc::clone(&signing)),
            }),
            audit: Arc::clone(&audit_log) as _,
            answers: vec![metrics.counts() as _, log],
            limiter: Arc::clone(&limiter),
            clock: time.clock(),
            // For request ids.
            entropy: Arc::new(NamesEntropy),
            proxies,
            faces: faces(&origin),
            https_only: origin.is_https() && !origin.is_loopback(),
        });
        let people = Arc::new(People::new(&keys, seal));
        // Keys are the same; tokens are made for one of the two and good for no other.
        let vault = vault.map(|open| {
            let gate = gate.beside(Arc::new(Bearers {
                keys: Arc::clone(&keys),
                tokens: Tokens::of_vault(&keys, Arc::clone(&signing)),
            }));
            Vault::new(portreeve_vault::Parts {
                open,
                gate,
                database: database.clone(),
                clock: time.wall(),
                entropy: Arc::clone(&entropy),
                checks: Arc::clone(&keys) as _,
                visitors: Arc::clone(&people) as _,
                git,
            })
        });
        let wallet = Wallet::new(Parts {
            database,
            gate: gate.clone(),
            clock: time.clock(),
            wall: time.wall(),
            entropy,
            chain: Arc::clone(&chain) as _,
            signer,
            credentials: Arc::clone(&keys) as _,
            checks: Arc::clone(&keys) as _,
            passkeys: Arc::clone(&people) as _,
            visitors: Arc::clone(&people) as _,
            programs,
        });
        let agents: Arc<Agents> = Arc::new(wallet.clone());
        if !people.can_sign_in() {
            tracing::warn!(%origin, "nobody can sign in: a passkey belongs to a name; set `server.origin` to one");
        }
        let issuer = Issuer::new(&keys, Arc::clone(&signing), strangers);
        let auth = Auth {
            gate: gate.clone(),
            keys: Arc::clone(&keys),
            agents,
            issuer: Arc::new(issuer),
            people,
        };
        let (ending, is_ending) = watch::channel(false);
        #[cfg(not(feature = "conformance"))]
        let models = {
            let offer = portreeve_wallet::mcp::offer(wallet.clone());
            portreeve_guard::mcp::endpoint("/mcp", gate.clone(), origins.clone(), offer, is_ending.clone())
        };
        #[cfg(feature = "conformance")]
        let models = crate::conformance::endpoints(&gate, &origins, &wallet, &is_ending, &SystemEntropy);
        let vault_models = vault.clone().map(|vault| {
            let gate = Gate::from_ref(&vault);
            let offer = portreeve_vault::mcp::offer(vault);
            portreeve_guard::mcp::endpoint("/vault/mcp", gate, origins, offer, is_ending)
        });
        let models = models.merge(vault_models.unwrap_or_default());
        let router = api::router(auth, wallet.clone(), vault, needs, metrics)?.merge(models);
        let router = gate.protect(router);
        Ok(Self {
            wallet,
            keys,
            audit_log,
            signing,
            limiter,
            chain,
            router,
            ending,
        })
    }
}

/// How far clients are let in that nobody here made.
fn strangers(config: &Config) -> Result<Strangers, ServeError> {
    let rules = Rules {
        allowed: config.outbound.allowed_networks.clone(),
        extra_ca: config.outbound.extra_ca.clone(),
    };
    let outside = match Outbound::new(&rules) {
        Ok(outbound) => Some(Arc::new(outbound) as Arc<dyn Outside>),
        Err(error @ SetupError::ExtraCa { .. }) => return Err(ServeError::Outbound(error)),
        // A machine without certificate authorities believes nobody, and serves all the same.
        Err(error) => {
            tracing::warn!(%error, "no client's document can be fetched; install certificate authorities");
            None
        }
    };
    Ok(Strangers {
        registration: config.oauth.anonymous_registration,
        documents: config.oauth.client_documents,
        outside,
    })
}

/// The one project of this installation.
async fn project(database: &Database) -> Result<Project, ServeError> {
    let projects = tenancy::projects(&mut database.read()).await?;
    projects.into_iter().next().ok_or(ServeError::NotInitialised)
}

async fn client(database: &Database, socket: PathBuf) -> Result<SignerClient, StoreError> {
    Ok(SignerClient::new(socket, Wallet::receipt(database).await?))
}

/// Waits a while, so that the first request finds everything ready. Without a signer we serve all the same, and say 503
/// where one is needed.
async fn wait_for_signer(signer: &dyn Signer) {
    let ready = async {
        while let Err(error) = signer.health().await {
            tracing::debug!(%error, "no signer yet");
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(SIGNER_PATIENCE, ready).await.is_err() {
        tracing::error!("the signer does not answer; nothing can be paid until it does");
    }
}

/// Ready when SIGTERM or SIGINT comes. The handlers stand when this returns.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping");
    })
}
