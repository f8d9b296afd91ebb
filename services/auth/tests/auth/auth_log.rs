//! Who was let in, in the audit log, on both databases.

use {
    crate::house::{House, MANY, ORIGIN, facts},
    axum::{Router, body::Body, extract::ConnectInfo, http::Request, routing::get},
    portreeve_auth::scopes::AdminAll,
    portreeve_guard::{AuthFailure, Authenticate, Caller, Gate, GateParts, Limiter, Proxies},
    portreeve_kernel::{
        AuthMethod, Cluster, Code, Credential, OwnerId, Principal, ProjectId, Role, ScopeSet, SessionId, Tier, UserId,
        entropy::Seeded,
    },
    portreeve_store::{audit::AuditRow, testing::TestDatabase},
    serde_json::{Value, json},
    std::{
        net::{IpAddr, SocketAddr},
        sync::Arc,
    },
    tower::ServiceExt,
};

facts! {
    who_was_let_in_is_in_the_audit_log_once_for_all_requests_that_are_alike;
    who_was_let_in_is_told_of_though_nothing_was_allowed;
    a_flood_of_refusals_pushes_no_bypass_out_and_one_of_bypasses_no_refusal;
}

async fn let_in(house: &House) -> Vec<AuditRow> {
    house.audit_log.flush_admissions(&house.db).await.unwrap();
    let log = house.audit().await;
    log.into_iter().filter(|row| row.kind == "auth.succeeded").collect()
}

fn data(row: &AuditRow) -> Value {
    serde_json::from_str(&row.data).unwrap()
}

async fn who_was_let_in_is_in_the_audit_log_once_for_all_requests_that_are_alike(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (owner, first) = house.owner(10, Cluster::Local).await;
    let key = first.text.expose();
    let ask = async |peer: &str, agent: &str| {
        let authorization = format!("Bearer {key}");
        let headers = [("authorization", &*authorization), ("user-agent", agent)];
        house
            .send("GET /api/v1/auth/keys", &headers, peer, None)
            .await
            .expect(200);
    };
    for (peer, agent, times) in [
        ("198.51.100.7", "curl/8", 3),
        ("198.51.100.8", "curl/8", 2),
        ("198.51.100.7", "other", 1),
    ] {
        for _ in 0..times {
            ask(peer, agent).await;
        }
    }
    house.get("/auth/keys", "nonsense").await.is(Code::AuthKeyInvalid);
    let told = let_in(&house).await;
    let mut counts: Vec<_> = told
        .iter()
        .map(data)
        .map(|data| (data["ip"].clone(), data["userAgent"].clone(), data["count"].clone()))
        .collect();
    counts.sort_by_key(|(ip, agent, _)| (ip.to_string(), agent.to_string()));
    let expected = [
        ("198.51.100.7", "curl/8", 3),
        ("198.51.100.7", "other", 1),
        ("198.51.100.8", "curl/8", 2),
    ];
    assert_eq!(
        counts,
        expected.map(|(ip, agent, count)| (json!(ip), json!(agent), json!(count)))
    );
    let id = first.key.id.to_string();
    assert!(
        told.iter()
            .all(|row| row.actor == id && row.owner.as_ref() == Some(&owner.id)),
        "{told:?}"
    );
    assert!(!told.iter().any(|row| row.data.contains(key)));
    assert_eq!(let_in(&house).await.len(), 3, "and not twice");
    ask("198.51.100.7", "curl/8").await;
    assert_eq!(let_in(&house).await.len(), 4, "a minute later it is another");
}

async fn who_was_let_in_is_told_of_though_nothing_was_allowed(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let (_, first) = house.owner(10, Cluster::Local).await;
    let (reader, id) = house
        .made(first.text.expose(), json!({"name": "r", "scopes": ["agents:read"]}))
        .await;
    house.look(&reader).await.is(Code::AuthScopeInsufficient);
    let told = let_in(&house).await;
    assert!(
        told.iter().any(|row| row.actor == id && data(row)["count"] == 1),
        "{told:?}"
    );
}

/// Lets everybody in whose credential is `chief`: holding nothing, in a role that passes every check.
struct Chiefs(Principal);

#[async_trait::async_trait]
impl Authenticate for Chiefs {
    async fn authenticate(&self, bearer: &str, _: IpAddr) -> Result<Arc<Principal>, AuthFailure> {
        match bearer {
            "chief" => Ok(Arc::new(self.0.clone())),
            _ => Err(AuthFailure::Invalid),
        }
    }
}

/// A server whose scope checks a role passes, and which tells `house`'s audit log.
fn server(house: &House) -> Router {
    let (at, chance) = (crate::house::START, Seeded::new(8));
    let chief = Principal {
        owner: OwnerId::new(at, &chance),
        project: ProjectId::new(at, &chance),
        environment: Cluster::Local.environment(),
        scopes: ScopeSet::default(),
        role: Role::Custom("chief".into()),
        credential: Credential::Session(SessionId::new(at, &chance)),
        method: AuthMethod::Session,
        audience: ORIGIN.into(),
        agent: None,
        user: Some(UserId::new(at, &chance)),
        client: None,
        tier: Tier::Default,
        bypass: true,
    };
    let gate = Gate::new(GateParts {
        answers: Vec::new(),
        limiter: Arc::new(Limiter::new(MANY)),
        authenticator: Arc::new(Chiefs(chief)),
        audit: house.audit_log.clone(),
        clock: house.clock.clone(),
        entropy: Arc::new(Seeded::new(9)),
        proxies: Proxies::default(),
        faces: Vec::new(),
        https_only: false,
    });
    let router = Router::new().route("/act", get(async |_: Caller<AdminAll>| "done"));
    gate.protect(router.with_state(gate.clone()))
}

async fn acts(server: &Router, bearer: &str, number: u32, status: u16) {
    let peer: SocketAddr = format!("[2001:db8:0:{number:x}::1]:4000").parse().unwrap();
    let request = Request::get("/act").header("authorization", format!("Bearer {bearer}"));
    let request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    let answer = server.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), status);
}

/// For each kind: how many entries, how many events, and the count of the last when those were not told apart.
async fn told(house: &House) -> [(usize, u64, Option<u64>); 2] {
    let log = house.audit().await;
    ["auth.failed", "auth.scope_bypassed"].map(|kind| {
        let rows: Vec<Value> = log.iter().filter(|row| row.kind == kind).map(data).collect();
        let counts = rows.iter().map(|data| data["count"].as_u64().unwrap());
        let last = rows.last().filter(|data| data["reason"] == "too_many_to_tell_apart");
        (
            rows.len(),
            counts.sum(),
            last.map(|data| data["count"].as_u64().unwrap()),
        )
    })
}

async fn a_flood_of_refusals_pushes_no_bypass_out_and_one_of_bypasses_no_refusal(database: &TestDatabase) {
    let house = House::new(database, 1).await;
    let server = server(&house);
    acts(&server, "chief", 1, 200).await;
    assert_eq!(told(&house).await, [(0, 0, None), (1, 1, None)]);
    for number in 1..=300 {
        acts(&server, "nobody", number, 401).await;
    }
    acts(&server, "chief", 1, 200).await;
    // What could not be written is kept.
    let gone = database.open().await.unwrap();
    gone.clone().close().await;
    house.audit_log.flush(&gone).await.unwrap_err();
    assert_eq!(told(&house).await, [(257, 300, Some(44)), (2, 2, None)]);
    for number in 1..=300 {
        acts(&server, "chief", number, 200).await;
    }
    acts(&server, "nobody", 1, 401).await;
    assert_eq!(told(&house).await, [(258, 301, None), (259, 302, Some(44))]);
}
