//! Who gets in where: every role with every scope alone at every operation, once with an API key and once with an access
//! token. What comes out is a table that is read in review.
//!
//! Credentials that nobody can be given (a viewer's key that holds what viewers may not) are written past the server: what is
//! wider than its role has to be good for no more than the role.

use {
    crate::{
        coverage::{Names, Operation, operations},
        estate::{Agent, Estate, policy},
        house::Api,
    },
    portreeve_kernel::{Role, Scope},
    portreeve_policy::roles,
    portreeve_store::{Sql, StoreError, Tx},
    serde_json::{Value, json},
    std::{collections::BTreeMap, fmt::Write},
};

/// The last is a role that nobody knows.
pub(crate) fn all_roles() -> [Role; 6] {
    [
        Role::Owner,
        Role::Agent,
        Role::Viewer,
        Role::Auditor,
        Role::Member,
        Role::Custom("ghost".into()),
    ]
}

/// How somebody gets in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Key,
    Token,
}

/// Has a key be of another role.
const KEY: &[&str] = &["UPDATE api_keys SET role = $1, agent_id = $2 WHERE id = $3"];

/// The same for a client, and the grant that its tokens live by.
const CLIENT: &[&str] = &[
    "UPDATE oauth_clients SET role = $1, agent_id = $2 WHERE id = $3",
    "UPDATE oauth_grants SET role = $1, agent_id = $2 WHERE client_id = $3",
];

/// Whom an operation lets in: by role, the scopes that open it when they are held alone.
type Table = BTreeMap<String, Vec<(String, Vec<String>)>>;

/// A credential of `role` whose row holds `scope` alone, whatever the role may hold, and that is good for `resource`; `None` when
/// not even a token is made of it.
pub(crate) fn credential(
    estate: &Estate,
    agent: &Agent,
    way: Way,
    (role, scope): (&Role, &Scope),
    resource: Option<&str>,
) -> Option<String> {
    let agent = roles::is_self_only(role).then(|| agent.id.to_string());
    let row = |statements: &'static [&'static str], id: String| {
        let (role, agent) = (role.to_string(), agent.clone());
        estate.books().write(async move |tx: &mut Tx| {
            for statement in statements {
                let update = Sql::new(statement).bind(role.as_str()).bind(agent.as_deref());
                tx.execute(update.bind(id.as_str())).await?;
            }
            Ok::<_, StoreError>(())
        });
    };
    let body = json!({"name": "table", "scopes": [scope]});
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    match way {
        Way::Key => {
            let made = estate.owner().post("/api/v1/auth/keys", &body).is(201).clone();
            row(KEY, id(&made));
            Some(made["key"].as_str().unwrap().to_owned())
        }
        Way::Token => {
            let made = estate.owner().post("/api/v1/auth/clients", &body).is(201).clone();
            row(CLIENT, id(&made));
            let mut form = format!(
                "grant_type=client_credentials&client_id={}&client_secret={}",
                id(&made),
                made["clientSecret"].as_str().unwrap()
            );
            if let Some(resource) = resource {
                form.push_str(&format!("&resource={}", crate::vault::encoded(resource)));
            }
            let token = estate.house.api("").form("/oauth/token", &form, &[]);
            match token.status {
                200 => Some(token.body["access_token"].as_str().unwrap().to_owned()),
                _ => {
                    assert_eq!(token.is(400)["error"], "invalid_scope", "{role} {scope}");
                    None
                }
            }
        }
    }
}

struct Gate {
    estate: Estate,
    agent: Agent,
    sibling: Agent,
    operations: Vec<Operation>,
}

impl Gate {
    fn open() -> Self {
        let estate = Estate::open();
        let (agent, sibling) = (estate.agent("own", &policy()), estate.agent("other", &policy()));
        let document = estate.owner().get("/openapi.json").is(200).clone();
        let mut operations = operations(&document);
        // The vault takes tokens of its own: `vault/shown.rs`.
        operations.retain(|operation| operation.scope.is_some() && !operation.path.starts_with("/vault/"));
        // Whoever may do this ends all tokens with it, the one it was done with too.
        operations.sort_by_key(|operation| operation.id == "revokeSigningKeys");
        Self {
            estate,
            agent,
            sibling,
            operations,
        }
    }

    /// What `api` may do: nothing, as much as its own agent, or all.
    fn tries(&self, api: &Api, operation: &Operation) -> Option<&'static str> {
        // Whoever is let in is told that this is no body, and so changes nothing.
        let nonsense = operation.takes_body.then(|| json!({"nonsense": true}));
        let names = |agent: &Agent| {
            let mut names = Names::of_nothing();
            names.agent = agent.id.to_string();
            names
        };
        let ask = |names: &Names| {
            let answer = crate::coverage::call(api, &operation.method, &names.path(operation), nonsense.as_ref());
            assert!(answer.status < 500, "{operation}: {answer:?}");
            match answer.status {
                403 => {
                    assert_eq!(
                        answer.is_problem(403, "AUTH_SCOPE_INSUFFICIENT")["requiredScope"],
                        operation.scope.as_ref().unwrap().as_str(),
                        "{operation}"
                    );
                    None
                }
                401 => panic!("{operation}: {answer:?}"),
                status => Some(status),
            }
        };
        let only_reads = operation.method == "get" && operation.path.contains("{agentId}");
        if !only_reads {
            // No agent is touched by what changes something.
            return ask(&Names::of_nothing()).map(|_| "in");
        }
        match (ask(&names(&self.agent)), ask(&names(&self.sibling))) {
            (None, None) => None,
            (Some(200), Some(200)) => Some("all"),
            (Some(200), Some(404)) => Some("own"),
            other => panic!("{operation}: {other:?}"),
        }
    }

    fn table(&self, way: Way) -> Table {
        let mut table = Table::new();
        for role in all_roles() {
            for scope in roles::scopes() {
                let credential = credential(&self.estate, &self.agent, way, (&role, scope), None);
                let api = credential.map(|credential| self.estate.house.api(&credential));
                for operation in &self.operations {
                    let by_role = table.entry(operation.to_string()).or_default();
                    if by_role.last().is_none_or(|(last, _)| *last != role.to_string()) {
                        by_role.push((role.to_string(), Vec::new()));
                    }
                    let reach = api.as_ref().and_then(|api| self.tries(api, operation));
                    if let (Some(reach), Some((_, opened))) = (reach, by_role.last_mut()) {
                        opened.push(match reach {
                            "in" => scope.to_string(),
                            reach => format!("{scope} ({reach})"),
                        });
                    }
                }
            }
        }
        table
    }
}

/// AUTH_CHECKLIST 1.7
#[test]
fn a_role_with_a_scope_gets_in_where_the_table_says_and_nowhere_else_by_key_as_by_token() {
    let gate = Gate::open();
    let by_key = gate.table(Way::Key);
    let by_token = gate.table(Way::Token);
    for (operation, row) in &by_key {
        assert_eq!(Some(row), by_token.get(operation), "{operation}: by key and by token");
    }
    let mut text = String::new();
    for (operation, row) in &by_key {
        writeln!(text, "{operation}").unwrap();
        for (role, opened) in row.iter().filter(|(_, opened)| !opened.is_empty()) {
            writeln!(text, "  {role:<8} {}", opened.join(", ")).unwrap();
        }
    }
    insta::assert_snapshot!(text);

    // What the table of roles says, said once more for each cell.
    for operation in &gate.operations {
        let needed = operation.scope.as_ref().unwrap();
        for (role, (told, opened)) in all_roles().iter().zip(&by_key[&operation.to_string()]) {
            assert_eq!(role.as_str(), told);
            let expected = roles::scopes().filter(|scope| {
                let alone = [(*scope).clone()].into_iter().collect();
                let held = roles::expand(&alone);
                held.holds(needed) && roles::grantable(role).holds(needed)
            });
            assert_eq!(opened.len(), expected.count(), "{operation} as {role}: {opened:?}");
        }
    }
}
