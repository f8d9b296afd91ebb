//! Who may call what: every operation of the running server's own description, called by those who must not.
//!
//! A new operation is found by itself. It fails here until it names the scope it needs, and until this file knows a body
//! that reaches its handler; the messages say what to do.

mod open;

use {
    crate::{
        estate::{Agent, Estate, policy},
        house::{Answer, Api},
        oauth::code::Program,
    },
    open::{DOCUMENTS, FOR_ANYBODY, FOR_CLIENTS, FOR_PAGES, OPEN, PAGES},
    portreeve_kernel::{OwnerId, Role, Scope, ScopeSet, Timestamp, entropy::Seeded},
    portreeve_policy::roles,
    portreeve_store::tenancy::{self, Owner},
    serde_json::{Value, json},
    std::{
        collections::{BTreeMap, BTreeSet},
        fmt, fs,
        path::Path,
    },
};

/// A page that says only to who comes from a program what it asks.
const FOR_BROWSERS: [&str; 1] = ["authorizePage"];

/// All that takes no bearer.
fn without_bearer() -> Vec<&'static str> {
    [
        &OPEN[..],
        &DOCUMENTS,
        &FOR_CLIENTS,
        &FOR_ANYBODY,
        &PAGES,
        &FOR_PAGES,
        &FOR_BROWSERS,
    ]
    .concat()
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation of the description.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) id: String,
    /// `None` when anybody may call it.
    pub(crate) scope: Option<Scope>,
    pub(crate) takes_body: bool,
    statuses: BTreeSet<String>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.id, self.method.to_uppercase(), self.path)
    }
}

pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let id = described["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} has no operationId"));
            let how_to = format!(
                "{id} ({method} {path}) does not say who may call it.\n  1. Take `caller: Caller<scopes::…>` as the \
                 first argument of its handler.\n  2. Write `security((\"bearer\" = [\"…\"]))` with that scope in its \
                 `#[utoipa::path(…)]`."
            );
            let security = described["security"].as_array().unwrap_or_else(|| panic!("{how_to}"));
            let scopes: Vec<&str> = security
                .iter()
                .filter_map(|one| one["bearer"].as_array())
                .flatten()
                .map(|scope| scope.as_str().unwrap())
                .collect();
            let scope = match scopes.as_slice() {
                [] => None,
                [scope] => Some(scope.parse().unwrap()),
                several => panic!("{id} needs {several:?}; this test knows operations that need one scope"),
            };
            assert!(scope.is_some() || without_bearer().contains(&id), "{how_to}");
            all.push(Operation {
                method: method.clone(),
                path: path.clone(),
                id: id.to_owned(),
                scope,
                takes_body: described["requestBody"].is_object(),
                statuses: described["responses"].as_object().unwrap().keys().cloned().collect(),
            });
        }
    }
    let open: Vec<&str> = all
        .iter()
        .filter(|one| one.scope.is_none())
        .map(|one| one.id.as_str())
        .collect();
    let named = without_bearer();
    let gone: Vec<_> = named.iter().filter(|id| !open.contains(id)).collect();
    assert!(gone.is_empty(), "take {gone:?} off the list of what anybody may call");
    all
}

/// Ids to put into a request.
pub(crate) struct Names {
    pub(crate) agent: String,
    transaction: String,
    key: String,
    client: String,
    grant: String,
    user: String,
    passkey: String,
    server: String,
    file: String,
    entity: String,
    member: String,
}

impl Names {
    /// Well-formed ids of nothing.
    pub(crate) fn of_nothing() -> Self {
        Self {
            agent: "agt_01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
            transaction: "tx_01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
            key: "key_0123456789AB".into(),
            client: "clt_0123456789AB".into(),
            grant: "grt_01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
            user: "usr_01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
            passkey: "AQEB".into(),
            server: "rsv_01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
            file: "nothing".into(),
            entity: "tsk-000000-0000000000000".into(),
            member: "nobody".into(),
        }
    }

    pub(crate) fn path(&self, operation: &Operation) -> String {
        let known = [
            ("{agentId}", &self.agent),
            ("{transactionId}", &self.transaction),
            ("{keyId}", &self.key),
            ("{clientId}", &self.client),
            ("{grantId}", &self.grant),
            ("{userId}", &self.user),
            ("{passkeyId}", &self.passkey),
            ("{serverId}", &self.server),
            ("{file}", &self.file),
            ("{entity_id}", &self.entity),
            ("{member_id}", &self.member),
        ];
        let path = known
            .iter()
            .fold(operation.path.clone(), |path, (name, value)| path.replace(name, value));
        assert!(
            !path.contains('{'),
            "{operation} has a new kind of id: add it to `Names` in tests/e2e/coverage.rs"
        );
        path
    }

    /// A body that gets past the checks of its form, so that the answer is about who asks and for what.
    fn body(&self, operation: &Operation) -> Option<Value> {
        let proof =
            json!({"kind": "ed25519", "publicKey": "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin", "signature": "1"});
        let order = json!({"to": "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin", "amount": "1000000"});
        if !operation.takes_body {
            return None;
        }
        Some(match operation.id.as_str() {
            "createAgent" => json!({"nickname": "new", "policy": {"preset": "standard"}}),
            "approvePolicy" => json!({"policyVersion": 1, "proof": proof}),
            "suspendAgent" => json!({}),
            "resumeAgent" => json!({"proof": proof}),
            "checkPolicy" => order,
            "createTransaction" => {
                let mut order = order;
                order["agentId"] = json!(self.agent);
                order
            }
            "pinPasskey" => json!({"passkeyId": self.passkey, "proof": proof}),
            "approveByPasskey" => json!({
                "agentId": self.agent, "policyVersion": 1, "formToken": "", "id": "", "authenticatorData": "",
                "clientData": "", "signature": "",
            }),
            "createClient" => json!({"name": "new", "agentId": self.agent, "scopes": ["agents:read"]}),
            "createKey" => json!({"name": "new", "agentId": self.agent, "scopes": ["agents:read"]}),
            "rotateKey" => json!({"graceSeconds": 60}),
            "reportLeak" => json!({"withWhatItMade": true}),
            "registerResourceServer" => json!({
                "name": "new", "resource": "https://new.example/mcp", "scopes": [{"scope": "new:read", "words": "x"}],
            }),
            "inviteUser" => json!({"name": "new", "role": "viewer"}),
            "changeUser" => json!({"role": "viewer"}),
            "beginEnrolment" => json!({"link": "wlk_1"}),
            "finishEnrolment" => {
                json!({"ceremony": "", "name": "new", "id": "", "attestationObject": "", "clientData": ""})
            }
            "beginSignIn" => json!({}),
            "finishSignIn" => json!({
                "ceremony": "", "id": "", "userHandle": "", "authenticatorData": "", "clientData": "", "signature": "",
            }),
            "signOut" => json!({"formToken": ""}),
            "endOwnGrant" => json!({"grantId": self.grant, "formToken": ""}),
            "decideDevice" => json!({"userCode": "", "formToken": "", "decision": "deny", "scopes": []}),
            id if id.contains("Vault") => crate::vault::writes::body(id),
            "consent" => json!({"request": "", "formToken": "", "decision": "deny", "scopes": []}),
            _ => panic!("{operation} takes a body: add one that it accepts to `Names::body` in tests/e2e/coverage.rs"),
        })
    }

    /// Whether the operation is about something that has an id.
    fn matter(&self, operation: &Operation) -> bool {
        operation.path.contains('{') || self.body(operation).is_some_and(|body| body["agentId"].is_string())
    }

    fn call(&self, api: &Api, operation: &Operation) -> Answer {
        call(
            api,
            &operation.method,
            &self.path(operation),
            self.body(operation).as_ref(),
        )
    }
}

pub(crate) fn call(api: &Api, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let method = minreq::Method::Custom(method.to_uppercase());
    let read = format!("\"{}\"", "0".repeat(32));
    api.send(
        method,
        path,
        body,
        &[("Idempotency-Key", "coverage"), ("If-Match", &read)],
    )
}

/// All of an answer that may not differ between "not yours" and "no such thing".
fn without_names(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut body = answer.body.clone();
    for name in ["requestId", "instance"] {
        if let Some(members) = body.as_object_mut() {
            members.remove(name);
        }
    }
    let headers = [
        "content-type",
        "www-authenticate",
        "cache-control",
        "retry-after",
        "allow",
        "location",
    ];
    let headers = headers
        .iter()
        .filter_map(|name| Some(format!("{name}: {}", answer.header(name)?)));
    (answer.status, body, headers.collect())
}

/// A key with exactly `scopes`, of the owner or of one of its agents.
fn key(estate: &Estate, scopes: &ScopeSet, agent: Option<&Agent>) -> String {
    let mut body = json!({"name": "coverage", "scopes": scopes});
    if let Some(agent) = agent {
        body["agentId"] = json!(agent.id);
    }
    estate.key(&body)
}

/// Another owner in the same project, with its first key. There is no API for that yet.
fn second_owner(estate: &Estate) -> String {
    estate.books().write(async |tx| {
        let project = tenancy::projects(tx).await?.remove(0);
        let (at, entropy) = (Timestamp::from_seconds(1_800_000_000), Seeded::new(2));
        let owner = Owner {
            id: OwnerId::new(at, &entropy),
            project: project.id.clone(),
            name: "second".to_owned(),
            created_at: at,
        };
        tenancy::add_owner(tx, &owner).await?;
        let key = portreeve_auth::first_key(tx, &project, &owner, &entropy, at).await?;
        Ok(key.text.expose().to_owned())
    })
}

/// Every scope of the owner but those that hold `lacking`.
fn all_but(lacking: &Scope) -> ScopeSet {
    let holds = |scope: &&Scope| !roles::expand(&[(*scope).clone()].into_iter().collect()).holds(lacking);
    roles::grantable(&Role::Owner).iter().filter(holds).cloned().collect()
}

/// AUTH_CHECKLIST 1.1, 1.4
#[test]
fn nobody_calls_what_is_not_theirs_to_call() {
    let estate = Estate::open();
    let agent = estate.agent("first", &policy());
    let paid = estate.paid(&agent, &estate.house.somebody(), 1_000_000, "k");
    let keys = estate.owner().get("/api/v1/auth/keys").is(200).clone();
    let made = estate.owner().post(
        "/api/v1/auth/clients",
        &json!({"name": "there", "scopes": ["agents:read"]}),
    );
    let made = made.is(201).clone();
    let users = estate.owner().get("/api/v1/auth/users").is(200).clone();
    let server = json!({
        "name": "there", "resource": "https://there.example/mcp", "scopes": [{"scope": "there:read", "words": "x"}],
    });
    let server = estate
        .owner()
        .post("/api/v1/auth/resource-servers", &server)
        .is(201)
        .clone();
    let holder = estate.house.person(2, "owner");
    let granted = Program::granted(&estate.house, 1, &agent.id.to_string());
    let page = estate.house.api("").get("/enrol").is(200).as_str().unwrap().to_owned();
    let there = Names {
        agent: agent.id.to_string(),
        transaction: paid["id"].as_str().unwrap().to_owned(),
        key: keys["items"][0]["id"].as_str().unwrap().to_owned(),
        client: made["id"].as_str().unwrap().to_owned(),
        grant: granted,
        user: users["items"][0]["id"].as_str().unwrap().to_owned(),
        passkey: holder.passkey(),
        server: server["id"].as_str().unwrap().to_owned(),
        file: page
            .split("/assets/")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned(),
        entity: "prj-001".to_owned(),
        member: "member-01".to_owned(),
    };
    let nothing = Names::of_nothing();
    let anybody = estate.house.api("");
    let document = anybody.get("/openapi.json").is(200).clone();
    let operations = operations(&document);

    let sibling = estate.agent("sibling", &policy());
    let stranger = second_owner(&estate);
    let state = || {
        let key = estate.owner().get("/api/v1/auth/keys?limit=100").is(200)["items"].clone();
        let key = key
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == there.key.as_str())
            .unwrap()["status"]
            .clone();
        let payments = estate
            .owner()
            .get(&format!("{}/transactions", agent.path()))
            .is(200)
            .clone();
        let client = format!("/api/v1/auth/clients/{}", there.client);
        let client = estate.owner().get(&client).is(200).clone();
        let users = estate.owner().get("/api/v1/auth/users").is(200)["items"].clone();
        let grants = estate.owner().get("/api/v1/auth/grants").is(200)["items"].clone();
        let servers = estate.owner().get("/api/v1/auth/resource-servers").is(200)["items"].clone();
        (estate.shown(&agent.id), payments, key, client, (users, grants, servers))
    };
    let before = state();
    let mut seen: Vec<(&Operation, u16)> = Vec::new();
    let mut note = |operation, answer: &Answer| seen.push((operation, answer.status));
    let mut wrong: Vec<String> = Vec::new();
    let mut lacking: BTreeMap<String, Api> = BTreeMap::new();
    for operation in &operations {
        let Some(scope) = &operation.scope else {
            let asks = [&FOR_CLIENTS[..], &FOR_ANYBODY, &FOR_PAGES].concat();
            if FOR_BROWSERS.contains(&operation.id.as_str()) {
                assert_eq!(there.call(&anybody, operation).status, 400, "{operation}");
            } else if !asks.contains(&operation.id.as_str()) {
                assert_eq!(there.call(&anybody, operation).status, 200, "{operation}");
            }
            continue;
        };

        let refused = there.call(&anybody, operation);
        note(operation, &refused);
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        if refused.status != 401 || refused.body["code"] != "AUTH_KEY_INVALID" || !challenge.starts_with("Bearer") {
            wrong.push(format!("{operation} without a token: {}", refused.body));
        }

        let lacking = lacking
            .entry(scope.to_string())
            .or_insert_with(|| estate.house.api(&key(&estate, &all_but(scope), None)));
        let refused = there.call(lacking, operation);
        note(operation, &refused);
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        let names_scope =
            challenge.contains("error=\"insufficient_scope\"") && challenge.contains(&format!("scope=\"{scope}\""));
        if refused.status != 403 || refused.body["requiredScope"] != scope.as_str() || !names_scope {
            wrong.push(format!(
                "{operation} with every scope but {scope}: {} {challenge}",
                refused.body
            ));
        }

        if !nothing.matter(operation) {
            continue;
        }
        // A vault is shared by all who hold its scopes: nothing in it is somebody else's.
        if operation.path.starts_with("/vault/") {
            let absent = nothing.call(&estate.owner(), operation);
            note(operation, &absent);
            if absent.status != 404 {
                wrong.push(format!("{operation} of nothing: {}", absent.body));
            }
            continue;
        }
        let only: ScopeSet = [scope.clone()].into_iter().collect();
        let mut who = vec![
            ("the owner with that scope alone", key(&estate, &only, None), &nothing),
            ("another owner", stranger.clone(), &there),
        ];
        if roles::grantable(&Role::Agent).holds(scope) {
            who.push((
                "another agent of the same owner",
                key(&estate, &only, Some(&sibling)),
                &there,
            ));
        }
        let absent = nothing.call(&estate.owner(), operation);
        note(operation, &absent);
        if absent.status != 404 {
            wrong.push(format!("{operation} of nothing: {}", absent.body));
        }
        for (name, key, names) in who {
            let answer = names.call(&estate.house.api(&key), operation);
            if without_names(&answer) != without_names(&absent) {
                wrong.push(format!(
                    "{operation} by {name}: {}\n  and of nothing: {}",
                    answer.body, absent.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(state(), before, "none of that has changed anything");

    let own = estate.house.api(&stranger);
    for list in [
        "/api/v1/agents",
        "/api/v1/auth/keys",
        "/api/v1/auth/clients",
        "/api/v1/auth/users",
    ] {
        let text = own.get(list).is(200).to_string();
        assert!(
            ![
                &there.agent,
                &there.key,
                &there.client,
                &there.grant,
                &there.user,
                &there.passkey
            ]
            .iter()
            .any(|id| text.contains(id.as_str())),
            "{list}: {text}"
        );
    }
    let bound = estate.house.api(&sibling.key).get("/api/v1/agents").is(200)["items"].clone();
    assert_eq!(bound.as_array().unwrap().len(), 1, "an agent sees itself alone");

    for operation in operations
        .iter()
        .filter(|one| one.method == "get" && one.scope.is_some())
    {
        let path = format!("{}?nonsense=1&limit=0", there.path(operation));
        note(operation, &estate.owner().get(&path));
    }
    for (operation, status) in seen {
        let described = operation.statuses.contains(&status.to_string());
        assert!(
            described,
            "{operation} answers {status}, and its description does not say so"
        );
    }
}

#[test]
fn what_is_for_clients_refuses_who_is_none_and_takes_no_bearer() {
    let estate = Estate::open();
    let owner = estate.owner();
    let document = owner.get("/openapi.json").is(200).clone();
    let operations = operations(&document);
    for operation in operations.iter().filter(|one| FOR_CLIENTS.contains(&one.id.as_str())) {
        let known = "grant_type=client_credentials&token=x";
        let stranger = format!("{known}&client_id=clt_000000000000&client_secret=x");
        for (api, form, status, error) in [
            (&estate.house.api(""), known, 400, "invalid_request"),
            (&estate.house.api(""), &stranger, 401, "invalid_client"),
            (&owner, known, 401, "invalid_client"),
        ] {
            let refused = api.form(&operation.path, form, &[]);
            assert_eq!(refused.is(status)["error"], error, "{operation}");
            assert!(
                operation.statuses.contains(&status.to_string()),
                "{operation} does not tell of {status}"
            );
            assert_eq!(refused.header("cache-control"), Some("no-store"));
        }
    }
}

#[test]
fn what_anybody_may_ask_for_is_refused_to_a_credential_that_does_not_hold_it() {
    let estate = Estate::open();
    let document = estate.owner().get("/openapi.json").is(200).clone();
    let operations = operations(&document);
    let lacking = key(&estate, &all_but(&Scope::ADMIN_ALL), None);
    for operation in operations.iter().filter(|one| FOR_ANYBODY.contains(&one.id.as_str())) {
        let ask = |credential: &str| {
            let answer = estate.house.api(credential).post(&operation.path, &json!({}));
            assert!(
                operation.statuses.contains(&answer.status.to_string()),
                "{operation}: {}",
                answer.status
            );
            answer
        };
        let nothing = ask("");
        assert_eq!(nothing.is(400)["error"], "invalid_redirect_uri", "{operation}");
        ask("nonsense").is_problem(401, "AUTH_KEY_INVALID");
        let refused = ask(&lacking);
        assert_eq!(
            refused.is_problem(403, "AUTH_SCOPE_INSUFFICIENT")["requiredScope"],
            "admin:all"
        );
    }
}

#[test]
fn what_is_for_pages_is_asked_by_a_page_of_ours_or_not_at_all() {
    let estate = Estate::open();
    let document = estate.owner().get("/openapi.json").is(200).clone();
    let operations = operations(&document);
    let ours = estate.house.origin();
    let names = Names::of_nothing();
    for operation in operations.iter().filter(|one| FOR_PAGES.contains(&one.id.as_str())) {
        let body = names.body(operation).unwrap();
        let ask = |api: &Api, headers: &[(&str, &str)]| {
            let answer = api.send(minreq::Method::Post, &operation.path, Some(&body), headers);
            assert!(
                operation.statuses.contains(&answer.status.to_string()),
                "{operation}: {}",
                answer.status
            );
            answer
        };
        for headers in [
            &[][..],
            &[("Origin", "https://evil.example")],
            &[("Origin", "null")],
            &[("Origin", ours.as_str()), ("Sec-Fetch-Site", "cross-site")],
        ] {
            // A bearer does not make up for it.
            for api in [&estate.house.api(""), &estate.owner()] {
                ask(api, headers).is_problem(403, "REQUEST_ORIGIN_NOT_ALLOWED");
            }
        }
        let from_ours = ask(&estate.house.api(""), &[("Origin", &ours)]);
        match operation.id.as_str() {
            "beginSignIn" => assert!(from_ours.is(200)["ceremony"].is_string()),
            "beginEnrolment" => drop(from_ours.is_problem(403, "AUTH_LINK_INVALID")),
            "signOut" => drop(from_ours.is(204)),
            "consent" | "decideDevice" | "approveByPasskey" | "endOwnGrant" => {
                from_ours.is_problem(403, "AUTH_SESSION_OVER");
            }
            _ => drop(from_ours.is_problem(403, "AUTH_PASSKEY_REFUSED")),
        }
    }
}

#[test]
fn what_is_not_described_is_not_served() {
    let estate = Estate::open();
    let house = &estate.house;
    let anybody = house.api("");
    let document = anybody.get("/openapi.json").is(200).clone();
    let operations = operations(&document);
    let paths: BTreeSet<&str> = operations.iter().map(|one| one.path.as_str()).collect();
    for path in paths {
        let described: BTreeSet<&str> = operations
            .iter()
            .filter(|one| one.path == path)
            .map(|one| one.method.as_str())
            .collect();
        let place = Names::of_nothing().path(operations.iter().find(|one| one.path == path).unwrap());
        for method in METHODS.into_iter().filter(|method| !described.contains(method)) {
            let refused = call(&anybody, method, &place, None);
            refused.is_problem(405, "REQUEST_METHOD_NOT_ALLOWED");
            let allowed: BTreeSet<String> = refused
                .header("allow")
                .unwrap_or_default()
                .split(',')
                .map(|one| one.trim().to_lowercase())
                .filter(|one| one != "head")
                .collect();
            assert_eq!(
                allowed,
                described.iter().map(|one| (*one).to_owned()).collect(),
                "{path}"
            );
        }
        for beside in [format!("{place}/"), format!("/{place}")] {
            anybody.get(&beside).is_problem(404, "REQUEST_NOT_FOUND");
        }
    }
    for place in [
        "/",
        "/api",
        "/api/v1",
        "/api/v2/agents",
        "/api/v1/admin",
        "/debug",
        "/metrics/",
        "/.env",
        "/docs",
    ] {
        anybody.get(place).is_problem(404, "REQUEST_NOT_FOUND");
    }
}

/// Counts how often `word` stands in the sources of the workspace outside of tests.
fn places(folder: &Path, word: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            places(&path, word, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| line.contains(word));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
}

#[test]
fn routes_are_added_with_their_description_or_not_at_all() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut found = Vec::new();
    for folder in ["shared", "services", "apps"] {
        for package in fs::read_dir(root.join(folder)).unwrap().flatten() {
            for word in [".route(\"", ".route_service(", ".nest_service(", ".fallback_service("] {
                places(&package.path().join("src"), word, &mut found);
            }
        }
    }
    let described: Vec<_> = found
        .iter()
        .filter(|place| !place.contains(".route(\"/openapi.json\""))
        .collect();
    assert!(
        described.is_empty() && found.len() == 1,
        "add routes with `.routes(routes!(…))`, which puts them into the description, and not with: {described:?}"
    );
}
