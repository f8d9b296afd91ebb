//! The vault for models, on the raw wire of both eras: what a tool says is what the API says, and no more than was asked.

mod whole;

use {
    super::{Town, encoded},
    crate::{
        estate::{Client, until},
        house::Api,
        mcp::{ERAS, Era, Mcp, names},
    },
    serde_json::{Value, json},
    std::fs,
};

const PATH: &str = "/vault/mcp";
const API: &str = "/vault/api/v1";

/// Those that change something last.
const TOOLS: [&str; 12] = [
    "search_and_read",
    "search",
    "list_entities",
    "get_entity",
    "read_notes",
    "browse",
    "get_context",
    "get_graph",
    "get_status",
    "get_reference",
    "create_entity",
    "update_entity",
];

/// How many of them only look.
const READING: usize = 10;

impl Town {
    /// A key with these scopes.
    fn key(&self, scopes: &[&str]) -> String {
        self.estate.key(&json!({"name": "model", "scopes": scopes}))
    }

    fn model(&self, era: Era) -> Mcp {
        Mcp::at(PATH, &self.estate, &self.key(&["mcp:read"]), era)
    }

    /// A note of ours, once the server has seen it.
    fn note(&self, path: &str, text: &str) {
        let file = self.estate.house.notes().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        let owner = self.reader();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("path", path)
            .finish();
        until(path, || {
            let shown = owner.get(&format!("{API}/notes?{query}&body=true"));
            let body = shown.body["body"].as_str()?.to_owned();
            text.ends_with(&body).then_some(())
        });
    }

    /// Until the full text has this many notes with a word.
    fn until_found(&self, word: &str, total: usize) {
        let owner = self.reader();
        until(word, || {
            let found = owner.get(&format!("{API}/search?q={}", encoded(word)));
            (found.body["total"] == total).then_some(())
        });
    }
}

/// A text of so many lines, each of which says which it is.
fn lines(count: usize) -> String {
    (0..count)
        .map(|number| format!("{number}: \"quoted\" 한글 \\ line\n"))
        .collect()
}

fn entity(id: &str, more: &str, body: &str) -> String {
    format!(
        "---\nentity_type: Task\nentity_id: {id}\nentity_name: Gate - {id}\nstatus: doing\ncreated: 2026-01-01\n\
         updated: 2026-01-01\n{more}---\n{body}"
    )
}

/// Characters of the whole answer of a tool.
fn chars(view: &Value) -> usize {
    view.to_string().chars().count()
}

#[test]
fn each_tool_says_what_the_api_says_and_what_its_schema_promises() {
    let town = Town::open();
    let word = town.manifest.terms.keys().next().unwrap();
    town.until_found(word, town.manifest.terms[word].len());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("q", word)
        .finish();
    let owner = town.reader();
    let projects = owner.get(&format!("{API}/projects?limit=1")).is(200).clone();
    let project = projects["items"][0]["entity_id"].as_str().unwrap();
    for era in ERAS {
        let key = town.key(&["mcp:read"]);
        let (model, api) = (Mcp::at(PATH, &town.estate, &key, era), town.estate.house.api(&key));
        let hello = match era {
            Era::Modern => model.result("server/discover", json!({})),
            Era::Legacy => {
                let client = json!({"name": "e2e", "version": "1"});
                model.result(
                    "initialize",
                    json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}),
                )
            }
        };
        let guide = hello["instructions"].as_str().unwrap();
        assert!(
            guide.contains("NorthStar > MetaHypothesis > Condition > Track > Project > Task"),
            "{guide}"
        );
        assert!(TOOLS.iter().all(|tool| guide.contains(tool)), "{guide}");
        let tools = model.tools();
        assert_eq!(names(&tools), TOOLS[..READING], "{era:?}");
        for (tool, arguments, path) in [
            (
                "search_and_read",
                json!({"query": word, "max_files": 2, "max_chars": 40_000}),
                format!("/search/read?{query}&max_files=2&max_chars_per_file=15000"),
            ),
            (
                "search",
                json!({"query": word, "limit": 5}),
                format!("/search?{query}&limit=5"),
            ),
            (
                "search",
                json!({"query": word, "type": "Task", "limit": 5}),
                format!("/search?{query}&type=Task&limit=5"),
            ),
            (
                "list_entities",
                json!({"type": "Track", "fields": ["*"], "max_chars": 40_000}),
                "/entities?type=Track".to_owned(),
            ),
            (
                "list_entities",
                json!({"type": "Task", "status": "doing", "fields": ["due"], "limit": 3}),
                "/entities?type=Task&status=doing&fields=due&limit=3".to_owned(),
            ),
            (
                "get_entity",
                json!({"entity_id": "trk-1"}),
                "/entities/trk-1?body=true&relations=true".to_owned(),
            ),
            (
                "get_entity",
                json!({"entity_id": "trk-1", "body": false, "fields": ["status"]}),
                "/entities/trk-1?relations=true&fields=status".to_owned(),
            ),
            (
                "read_notes",
                json!({"paths": ["README.md", "trk-1", "nothing.md"]}),
                "/notes/batch?paths=README.md,trk-1,nothing.md".to_owned(),
            ),
            (
                "get_context",
                json!({"entity_id": project, "max_chars": 40_000}),
                format!("/projects/{project}/context"),
            ),
            (
                "get_context",
                json!({"entity_id": "trk-1", "body": true, "max_chars": 40_000}),
                "/tracks/trk-1/context?include_body=true".to_owned(),
            ),
            (
                "get_context",
                json!({"entity_id": "cond-a"}),
                "/entities/cond-a/context".to_owned(),
            ),
            (
                "get_graph",
                json!({"entity_id": "trk-1", "max_chars": 40_000}),
                "/entities/trk-1/graph".to_owned(),
            ),
            ("get_status", json!({}), "/status".to_owned()),
            (
                "get_reference",
                json!({"part": "strategy", "depth": 2, "max_chars": 40_000}),
                "/strategy?depth=2&fields=entity_name,status,parent_id,owner,assignee,priority,due,evidence_status,updated"
                    .to_owned(),
            ),
            (
                "get_reference",
                json!({"part": "schema", "category": "task"}),
                "/schema?category=task".to_owned(),
            ),
            ("get_reference", json!({"part": "members"}), "/members".to_owned()),
            (
                "browse",
                json!({"path": "20_Strategy", "entities_only": true}),
                "/folders?path=20_Strategy&entities_only=true".to_owned(),
            ),
        ] {
            let mut told = model.done(tool, &arguments);
            let promised = tools.iter().find(|one| one["name"] == tool).unwrap();
            let promised = jsonschema::validator_for(&promised["outputSchema"]).unwrap();
            if let Err(error) = promised.validate(&told) {
                panic!("{tool}: {error} at {}", error.instance_path());
            }
            let size = told.as_object_mut().unwrap().remove("size").unwrap();
            assert_eq!(size["truncated"], false, "{tool}: {size}");
            // One of several, by what was asked.
            if ["get_context", "get_reference"].contains(&tool) {
                let parts = told.as_object_mut().unwrap();
                assert_eq!(parts.len(), 1, "{tool} {arguments}");
                told = parts.values().next().unwrap().clone();
            }
            let said = api.get(&format!("{API}{path}")).is(200).clone();
            assert_eq!(told, said, "{tool} {arguments}");
        }
        // At the top there is also where to begin.
        let mut top = model.done("browse", &json!({}));
        let members = top.as_object_mut().unwrap();
        let begin = members.remove("key_documents").unwrap();
        members.remove("size").unwrap();
        assert_eq!(&top, api.get(&format!("{API}/folders")).is(200));
        assert_eq!(begin, api.get(&format!("{API}/navigation")).is(200)["key_documents"]);
    }
}

#[test]
fn what_a_model_writes_is_what_the_api_shows_and_a_stale_revision_writes_nothing() {
    let town = Town::open();
    let api = town.reader();
    let projects = api.get(&format!("{API}/projects?limit=1")).is(200).clone();
    let project = projects["items"][0]["entity_id"].as_str().unwrap();
    let key = town.key(&["mcp:read", "mcp:write"]);
    for era in ERAS {
        let model = Mcp::at(PATH, &town.estate, &key, era);
        let tools = model.tools();
        assert_eq!(names(&tools), TOOLS);
        let holds = |tool: &str, told: &Value| {
            let promised = tools.iter().find(|one| one["name"] == tool).unwrap();
            let promised = jsonschema::validator_for(&promised["outputSchema"]).unwrap();
            assert!(promised.validate(told).is_ok(), "{tool}: {told}");
        };
        let fields = json!({
            "entity_name": "Gate - paint it", "project_id": project, "assignee": "member-01", "status": "doing",
            "body": "Green, not grey.\n",
        });
        let count = |word: &str| {
            api.get(&format!("{API}/tasks?project_id={project}&status={word}"))
                .is(200)["total"]
                .clone()
        };
        let before = count("doing");
        let wish = json!({"type": "Task", "fields": fields, "dry_run": true});
        let told = model.done("create_entity", &wish);
        assert_eq!(
            (&told["dry_run"], &told["fields"]["status"]),
            (&json!(true), &json!("doing"))
        );
        assert_eq!(count("doing"), before, "nothing was written");
        let made = model.done("create_entity", &json!({"type": "Task", "fields": fields}));
        holds("create_entity", &made);
        let id = made["entity_id"].as_str().unwrap();
        let shown = |api: &Api| api.get(&format!("{API}/entities/{id}?body=true")).is(200).clone();
        let seen = shown(&api);
        assert_eq!(
            (&seen["fields"], &seen["revision"], &seen["path"]),
            (&made["fields"], &made["revision"], &made["path"])
        );
        assert_eq!(seen["body"], "Green, not grey.\n");

        let change = |revision: &Value, status: &str| json!({"entity_id": id, "revision": revision, "fields": {"status": status}});
        let changed = model.done("update_entity", &change(&made["revision"], "hold"));
        holds("update_entity", &changed);
        assert_eq!(changed["fields"]["status"], "hold");
        // The same again is based on what is no more.
        let told = model.refused("update_entity", &change(&made["revision"], "todo"));
        assert_eq!(told["code"], "VAULT_NOTE_CHANGED", "{told}");
        assert!(told["suggestion"].as_str().unwrap().contains("get_entity"), "{told}");
        assert_eq!(shown(&api)["fields"]["status"], "hold");
        let newest = model.done("get_entity", &json!({"entity_id": id}))["revision"].clone();
        assert_eq!(newest, changed["revision"]);
        for (tool, arguments, code) in [
            ("update_entity", change(&newest, "begun"), "VAULT_RULE_BROKEN"),
            (
                "update_entity",
                change(&json!("x"), "todo"),
                "VALIDATION_INVALID_FORMAT",
            ),
            (
                "update_entity",
                json!({"entity_id": id, "fields": {"status": "todo"}}),
                "VALIDATION_REQUIRED_FIELD",
            ),
            (
                "update_entity",
                json!({"entity_id": "tsk-none", "revision": newest, "fields": {}}),
                "VAULT_NOT_FOUND",
            ),
            (
                "update_entity",
                json!({"entity_id": "trk-1", "revision": newest, "fields": {}}),
                "VALIDATION_INVALID_ENUM",
            ),
            (
                "create_entity",
                json!({"type": "Track", "fields": {}}),
                "VALIDATION_INVALID_ENUM",
            ),
            (
                "create_entity",
                json!({"type": "Task", "fields": {}}),
                "VALIDATION_REQUIRED_FIELD",
            ),
            (
                "create_entity",
                json!({"type": "Task", "fields": {"entity_id": "tsk-1"}}),
                "VALIDATION_INVALID_FORMAT",
            ),
        ] {
            assert_eq!(model.refused(tool, &arguments)["code"], code, "{tool} {arguments}");
        }
        // Who only reads is not offered it, and does not reach it.
        let reader = town.model(era);
        assert_eq!(names(&reader.tools()), TOOLS[..READING]);
        let call = json!({"name": "update_entity", "arguments": change(&newest, "todo")});
        let refused = reader.ask("tools/call", call);
        refused.is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
        assert!(
            refused
                .header("www-authenticate")
                .unwrap()
                .contains("scope=\"mcp:write\"")
        );
        assert_eq!(shown(&api)["revision"], newest);
    }
}

#[test]
fn an_argument_that_is_wrong_is_named_with_what_would_work() {
    let town = Town::open();
    let model = town.model(Era::Modern);
    let (format, range, required) = (
        "VALIDATION_INVALID_FORMAT",
        "VALIDATION_OUT_OF_RANGE",
        "VALIDATION_REQUIRED_FIELD",
    );
    let unknown = "VALIDATION_INVALID_ENUM";
    for (tool, arguments, code, param) in [
        ("search", json!({}), required, "query"),
        ("search", json!({"query": "x"}), range, "query"),
        ("search", json!({"query": "harbour", "limit": 0}), range, "limit"),
        ("search", json!({"query": "harbour", "cursor": "!"}), format, "cursor"),
        (
            "search",
            json!({"query": "harbour", "folder": "../x"}),
            format,
            "folder",
        ),
        (
            "search_and_read",
            json!({"query": "harbour", "max_files": 11}),
            range,
            "max_files",
        ),
        ("list_entities", json!({"type": "Taks"}), unknown, "type"),
        (
            "list_entities",
            json!({"type": "Task", "status": "begun"}),
            unknown,
            "status",
        ),
        ("list_entities", json!({"fields": ["shoe_size"]}), unknown, "fields"),
        ("list_entities", json!({"kind": "Task"}), format, "kind"),
        ("read_notes", json!({"paths": []}), range, "paths"),
        ("read_notes", json!({"paths": vec!["a.md"; 11]}), range, "paths"),
        ("get_entity", json!({"id": "trk-1"}), format, "id"),
        ("browse", json!({"path": "/etc"}), format, "path"),
        ("get_reference", json!({"part": "all"}), unknown, "part"),
        (
            "get_reference",
            json!({"part": "schema", "category": "tasks"}),
            unknown,
            "category",
        ),
        ("get_reference", json!({"part": "strategy", "depth": 6}), range, "depth"),
    ] {
        let told = model.refused(tool, &arguments);
        assert_eq!(
            (&told["code"], &told["param"]),
            (&json!(code), &json!(param)),
            "{tool} {arguments}: {told}"
        );
    }
    let told = model.refused("list_entities", &json!({"type": "Taks"}));
    assert!(told["message"].as_str().unwrap().contains("Task"), "{told}");
    let told = model.refused("list_entities", &json!({"type": "Task", "status": "begun"}));
    assert!(told["message"].as_str().unwrap().contains("doing"), "{told}");
    let told = model.refused("get_entity", &json!({"entity_id": "TRK-l"}));
    assert_eq!(told["code"], "VAULT_NOT_FOUND");
    assert!(told["closest"].to_string().contains("trk-1"), "{told}");
    assert!(told["suggestion"].as_str().unwrap().contains("list_entities"), "{told}");
}

#[test]
fn a_token_opens_what_it_was_made_for_and_nothing_else() {
    let town = Town::open();
    let house = &town.estate.house;
    let nobody = Mcp::at(PATH, &town.estate, "", Era::Modern).ask("tools/list", json!({}));
    nobody.is_problem(401, "AUTH_KEY_INVALID");
    let challenge = nobody.header("www-authenticate").unwrap();
    let named = format!("{}/.well-known/oauth-protected-resource/vault/mcp", house.origin());
    assert!(
        challenge.contains(&format!("resource_metadata=\"{named}\"")),
        "{challenge}"
    );

    // A program of the owner's that asks for a token for each of the two.
    let args = [
        "client",
        "create",
        "both",
        "--scope=mcp:read",
        "--scope=agents:read",
        "--json",
    ];
    let made = house.cli(&args).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let both = Client {
        id: text("id"),
        secret: text("clientSecret"),
    };
    let basic = both.basic();
    let token = |resource: &str, scope: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("resource", &format!("{}{resource}", house.origin()))
            .append_pair("scope", scope)
            .finish();
        let told = house.api("").form("/oauth/token", &form, &[("Authorization", &basic)]);
        told.is(200)["access_token"].as_str().unwrap().to_owned()
    };
    let (vaults, wallets) = (token("/vault/mcp", "mcp:read"), token("/mcp", "agents:read"));
    for era in ERAS {
        let at = |path, token: &str| Mcp::at(path, &town.estate, token, era).ask("tools/list", json!({}));
        at(PATH, &vaults).is(200);
        at("/mcp", &wallets).is(200);
        at(PATH, &wallets).is_problem(401, "AUTH_KEY_INVALID");
        at("/mcp", &vaults).is_problem(401, "AUTH_KEY_INVALID");
    }
    // A key that holds nothing here sees nothing, and is told what it lacks.
    let key = town.key(&["agents:read"]);
    for era in ERAS {
        let stranger = Mcp::at(PATH, &town.estate, &key, era);
        assert!(stranger.tools().is_empty());
        assert_eq!(stranger.result("resources/list", json!({}))["resources"], json!([]));
        for (method, params) in [
            ("tools/call", json!({"name": "browse", "arguments": {}})),
            ("resources/read", json!({"uri": "vault://notes/README.md"})),
        ] {
            let refused = stranger.ask(method, params);
            refused.is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
            assert!(
                refused
                    .header("www-authenticate")
                    .unwrap()
                    .contains("scope=\"mcp:read\"")
            );
        }
    }
}
