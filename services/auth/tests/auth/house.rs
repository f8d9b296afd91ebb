//! A whole auth service on a real database, and clients that talk to it.

use {
    axum::{
        Router,
        body::Body,
        extract::ConnectInfo,
        http::{HeaderMap, Request, StatusCode},
    },
    http_body_util::BodyExt,
    portreeve_auth::{
        Agents, Auth, AuthLog, Bearers, CreatedKey, Issuer, Keys, People, SealKey, SigningKeys, Strangers, Tokens,
        faces, first_key, issuer_router, pages_router, router,
    },
    portreeve_guard::{Gate, GateParts, Limiter, Limits, Proxies},
    portreeve_kernel::{
        AgentId, Clock, Cluster, Code, ManualClock, OwnerId, ProjectId, Seconds, Timestamp,
        control::{AgentClient, AgentControl, Boxed, CredentialControl, NamedAgent, NewClientSecret, Standing},
        entropy::Seeded,
    },
    portreeve_outbound::{Fetched, OutboundError, Outside},
    portreeve_store::{
        Database, StoreError, Tx,
        audit::{self, AuditRow},
        tenancy::{self, Owner, Project},
        testing::TestDatabase,
    },
    serde_json::Value,
    std::{
        collections::HashMap,
        net::SocketAddr,
        num::NonZeroU32,
        sync::{
            Arc, Mutex,
            atomic::{AtomicU32, Ordering::Relaxed},
        },
        time::Duration,
    },
    tower::ServiceExt,
};

/// Each fact is a test on SQLite and one on PostgreSQL.
macro_rules! facts {
    ($($(#[$doc:meta])* $fact:ident;)+) => {
        mod sqlite {$(
            #[tokio::test]
            async fn $fact() {
                let database = portreeve_store::testing::TestDatabase::sqlite(&[portreeve_auth::SCHEMA]).unwrap();
                super::$fact(&database).await;
            }
        )+}
        mod postgres {$(
            #[tokio::test]
            #[ignore = "needs TEST_POSTGRES_URL"]
            async fn $fact() {
                // Cut to what PostgreSQL takes as a name, told apart by a hash of the whole.
                let number = stringify!($fact).bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
                let database = portreeve_store::testing::TestDatabase::postgres(&format!("auth_{number:x}"), &[portreeve_auth::SCHEMA]).await.unwrap();
                super::$fact(&database).await;
                database.remove().await.unwrap();
            }
        )+}
    };
}
pub(crate) use facts;

/// More than any test asks.
pub(crate) const MANY: Limits = Limits {
    per_address: NonZeroU32::MAX,
    per_credential: NonZeroU32::MAX,
    premium: NonZeroU32::MAX,
    enterprise: NonZeroU32::MAX,
    agent_payments: NonZeroU32::MAX,
    registrations: NonZeroU32::MAX,
    introspections: NonZeroU32::MAX,
};

/// What the server is called.
pub(crate) const ORIGIN: &str = "https://portreeve.test";

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What the wallet would know.
#[derive(Default)]
pub(crate) struct Wallet {
    agents: Mutex<Vec<(AgentId, OwnerId)>>,
    suspended: Mutex<Vec<AgentId>>,
}

impl Wallet {
    pub(crate) fn adds(&self, agent: &AgentId, owner: &OwnerId) {
        self.agents.lock().unwrap().push((agent.clone(), owner.clone()));
    }

    pub(crate) fn suspends(&self, agent: &AgentId) {
        self.suspended.lock().unwrap().push(agent.clone());
    }
}

impl AgentControl<Tx, StoreError> for Wallet {
    fn belongs_to<'a>(
        &'a self,
        _: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
    ) -> Boxed<'a, Result<bool, StoreError>> {
        let found = self
            .agents
            .lock()
            .unwrap()
            .iter()
            .any(|(known, of)| known == agent && of == owner);
        Box::pin(async move { Ok(found) })
    }

    fn suspend<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
        _: &'a str,
    ) -> Boxed<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let standing = self.lock(tx, agent, owner).await?;
            if standing == Some(Standing::Going) {
                self.suspends(agent);
            }
            Ok(standing == Some(Standing::Going))
        })
    }

    fn of_owner<'a>(&'a self, owner: &'a OwnerId, most: u32) -> Boxed<'a, Result<Vec<NamedAgent>, StoreError>> {
        let agents = self.agents.lock().unwrap();
        let own = agents.iter().filter(|(_, of)| of == owner).map(|(id, _)| NamedAgent {
            id: id.clone(),
            name: format!("agent of {owner}"),
        });
        let own = own.take(most.try_into().unwrap()).collect();
        Box::pin(async move { Ok(own) })
    }

    fn lock<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        owner: &'a OwnerId,
    ) -> Boxed<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async move {
            let standing = match self.suspended.lock().unwrap().contains(agent) {
                true => Standing::Suspended,
                false => Standing::Going,
            };
            Ok(self.belongs_to(tx, agent, owner).await?.then_some(standing))
        })
    }
}

/// What lies outside, and who asked for it.
#[derive(Default)]
pub(crate) struct Elsewhere {
    pages: Mutex<HashMap<String, (String, Duration)>>,
    asked: Mutex<Vec<String>>,
}

impl Elsewhere {
    /// Puts a document at `address` that is fresh for so many seconds.
    pub(crate) fn put(&self, address: &str, document: &Value, fresh_for: u64) {
        let page = (document.to_string(), Duration::from_secs(fresh_for));
        self.pages.lock().unwrap().insert(address.to_owned(), page);
    }

    pub(crate) fn take_away(&self, address: &str) {
        self.pages.lock().unwrap().remove(address);
    }

    /// How often anything was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait::async_trait]
impl Outside for Elsewhere {
    async fn json(&self, address: &str, most: usize) -> Result<Fetched, OutboundError> {
        self.asked.lock().unwrap().push(address.to_owned());
        // Others come meanwhile.
        tokio::task::yield_now().await;
        let found = self.pages.lock().unwrap().get(address).cloned();
        let (body, fresh_for) = found.ok_or(OutboundError::Status(404))?;
        if body.len() > most {
            return Err(OutboundError::TooLarge(most));
        }
        Ok(Fetched {
            body: body.into(),
            fresh_for,
        })
    }
}

/// One node.
pub(crate) struct House {
    pub(crate) db: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) signing: Arc<SigningKeys>,
    pub(crate) audit_log: Arc<AuthLog>,
    pub(crate) wallet: Arc<Wallet>,
    pub(crate) people: Arc<People>,
    pub(crate) elsewhere: Arc<Elsewhere>,
    pub(crate) api: utoipa::openapi::OpenApi,
    router: Router,
    addresses: AtomicU32,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, code: Code) -> Value {
        assert_eq!(self.body["code"], code.as_str(), "{}", self.body);
        assert_eq!(self.status.as_u16(), code.status());
        self.body
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

impl House {
    /// A node on `database`, with a chance of its own.
    pub(crate) async fn new(database: &TestDatabase, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        Self::with_clock(database, seed, clock.clone(), clock).await
    }

    pub(crate) async fn with_clock(
        database: &TestDatabase,
        seed: u64,
        clock: Arc<ManualClock>,
        seen: Arc<dyn Clock>,
    ) -> Self {
        let everything = Strangers {
            registration: true,
            documents: true,
            outside: None,
        };
        Self::open_to(database, seed, clock, seen, everything).await
    }

    /// A node that lets strangers in as far as `strangers` says; what they bring is in [`House::elsewhere`].
    pub(crate) async fn open_to(
        database: &TestDatabase,
        seed: u64,
        clock: Arc<ManualClock>,
        seen: Arc<dyn Clock>,
        strangers: Strangers,
    ) -> Self {
        let elsewhere = Arc::new(Elsewhere::default());
        let strangers = Strangers {
            outside: Some(elsewhere.clone()),
            ..strangers
        };
        let db = database.open().await.unwrap();
        let entropy = Arc::new(Seeded::new(seed));
        let keys = Arc::new(Keys::new(
            db.clone(),
            seen.clone(),
            entropy.clone(),
            ORIGIN.parse().unwrap(),
        ));
        keys.open_registry(false).await.unwrap();
        let signing = SigningKeys::open(&db, seen.clone(), entropy.clone(), SealKey::new([7; 32])).await;
        let signing = Arc::new(signing.unwrap());
        let audit_log = Arc::new(AuthLog::new(seen.clone()));
        let gate = Gate::new(GateParts {
            answers: Vec::new(),
            limiter: Arc::new(Limiter::new(MANY)),
            authenticator: Arc::new(Bearers {
                keys: keys.clone(),
                tokens: Tokens::new(&keys, signing.clone()),
            }),
            audit: audit_log.clone(),
            clock: seen,
            entropy,
            proxies: Proxies::default(),
            faces: faces(&ORIGIN.parse().unwrap()),
            https_only: false,
        });
        let wallet = Arc::new(Wallet::default());
        let people = Arc::new(People::new(&keys, SealKey::new([7; 32])));
        let auth = Auth {
            gate: gate.clone(),
            keys: keys.clone(),
            agents: wallet.clone() as Arc<Agents>,
            issuer: Arc::new(Issuer::new(&keys, signing.clone(), strangers)),
            people: people.clone(),
        };
        let (routes, api) = router("/api/v1").with_state(auth.clone()).split_for_parts();
        let at_root = issuer_router().merge(pages_router()).with_state(auth);
        let (at_root, _) = at_root.split_for_parts();
        let router = gate.protect(routes.merge(at_root));
        Self {
            db,
            clock,
            keys,
            signing,
            audit_log,
            wallet,
            people,
            elsewhere,
            api,
            router,
            addresses: AtomicU32::new(0),
        }
    }

    /// A new owner with a first key, in a project of their own.
    pub(crate) async fn owner(&self, seed: u64, cluster: Cluster) -> (Owner, CreatedKey) {
        let work = async move |tx: &mut Tx| {
            let chance = Seeded::new(seed);
            let project = Project {
                id: ProjectId::new(START, &chance),
                name: "home".to_owned(),
                cluster,
                created_at: START,
            };
            let owner = Owner {
                id: OwnerId::new(START, &chance),
                project: project.id.clone(),
                name: "Ada".to_owned(),
                created_at: START,
            };
            tenancy::add_project(tx, &project).await?;
            tenancy::add_owner(tx, &owner).await?;
            let key = first_key(tx, &project, &owner, &chance, START).await?;
            Ok::<_, StoreError>((owner, key))
        };
        self.db.write(work).await.unwrap()
    }

    /// `GET /auth/keys` with the key `as_key` (or none), from `peer`; a body makes it JSON.
    pub(crate) async fn call(&self, line: &str, as_key: &str, peer: &str, body: Option<&Value>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let bearer = format!("Bearer {as_key}");
        let mut headers = Vec::new();
        if !as_key.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let (line, body) = (format!("{method} /api/v1{path}"), body.map(Value::to_string));
        self.send(&line, &headers, peer, body.as_deref()).await
    }

    /// Any request, to any path.
    pub(crate) async fn at_root(&self, line: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        self.send(line, headers, "198.51.100.7", body).await
    }

    /// A form to an OAuth endpoint, from an address that nobody has used: wrong credentials are counted by address.
    pub(crate) async fn form(&self, path: &str, form: &str, authorization: Option<&str>) -> Answer {
        self.form_from(&self.fresh_address(), path, form, authorization).await
    }

    /// Asks for the keys with `bearer`, from an address that nobody has used.
    pub(crate) async fn look(&self, bearer: &str) -> Answer {
        self.call("GET /auth/keys", bearer, &self.fresh_address(), None).await
    }

    fn fresh_address(&self) -> String {
        let [.., high, low] = self.addresses.fetch_add(1, Relaxed).to_be_bytes();
        format!("198.18.{high}.{low}")
    }

    pub(crate) async fn form_from(&self, peer: &str, path: &str, form: &str, authorization: Option<&str>) -> Answer {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        self.send(&format!("POST {path}"), &headers, peer, Some(form)).await
    }

    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], peer: &str, body: Option<&str>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer: SocketAddr = SocketAddr::new(peer.parse().unwrap(), 4000);
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let request = request.extension(ConnectInfo(peer)).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: if bytes.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&bytes)
                    .unwrap_or_else(|_| Value::String(String::from_utf8(bytes.to_vec()).unwrap()))
            },
        }
    }

    pub(crate) async fn get(&self, path: &str, as_key: &str) -> Answer {
        self.call(&format!("GET {path}"), as_key, "198.51.100.7", None).await
    }

    pub(crate) async fn make(&self, as_key: &str, body: Value) -> Answer {
        self.call("POST /auth/keys", as_key, "198.51.100.7", Some(&body)).await
    }

    pub(crate) async fn revoke(&self, as_key: &str, id: &str) -> Answer {
        self.call(&format!("DELETE /auth/keys/{id}"), as_key, "198.51.100.7", None)
            .await
    }

    /// Makes a key and gives its text and its id.
    pub(crate) async fn made(&self, as_key: &str, body: Value) -> (String, String) {
        let told = self.make(as_key, body).await.expect(201);
        (
            told["key"].as_str().unwrap().to_owned(),
            told["id"].as_str().unwrap().to_owned(),
        )
    }

    pub(crate) fn after(&self, seconds: u32) {
        self.clock.advance(Seconds(seconds));
    }

    /// The audit log, oldest first, once it was shown to be whole.
    pub(crate) async fn audit(&self) -> Vec<AuditRow> {
        self.audit_log.flush(&self.db).await.unwrap();
        audit::verify_chain(&mut self.db.read()).await.unwrap();
        let query = audit::Query {
            limit: 10_000,
            ..audit::Query::default()
        };
        let mut rows = audit::page(&mut self.db.read(), &query).await.unwrap();
        rows.reverse();
        rows
    }
}

/// A client that acts for `agent` by itself.
pub(crate) async fn owned_client(house: &House, owner: &Owner, agent: &AgentId, scopes: &str) -> NewClientSecret {
    let new = AgentClient {
        agent: agent.clone(),
        owner: owner.id.clone(),
        project: owner.project.clone(),
        name: "canary".to_owned(),
        scopes: scopes.parse().unwrap(),
        by: "key_000000000001".to_owned(),
    };
    let (keys, now) = (house.keys.clone(), house.clock.now());
    let unit = async move |tx: &mut Tx| keys.client_for_agent(tx, &new, now).await;
    house.db.write::<_, StoreError, _>(unit).await.unwrap()
}
