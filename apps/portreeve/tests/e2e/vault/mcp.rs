//! The vault for models, on the raw wire of both eras: what a tool says is what the API says, and no more than was asked.

use {
    super::Town,
    crate::{
        estate::until,
        house::Api,
        mcp::{ERAS, Era, Mcp, names},
    },
    serde_json::{Value, json},
    std::{
        collections::BTreeSet,
        fs,
        io::{Read, Write},
        net::TcpStream,
        time::Duration,
    },
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

    fn reader(&self, era: Era) -> Mcp {
        Mcp::at(PATH, &self.estate, &self.key(&["mcp:read"]), era)
    }

    /// The API, for who reads the vault.
    fn api(&self) -> Api {
        self.estate.house.api(&self.key(&["mcp:read"]))
    }

    /// A note of ours, once the server has seen it.
    fn note(&self, path: &str, text: &str) {
        let file = self.estate.house.notes().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        let owner = self.api();
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
        let owner = self.api();
        until(word, || {
            let found = owner.get(&format!("{API}/search?q={word}"));
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
    let owner = town.api();
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
            assert_eq!(&told, api.get(&format!("{API}{path}")).is(200), "{tool} {arguments}");
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
fn what_is_cut_adds_up_to_the_whole_and_no_answer_is_longer_than_asked() {
    let town = Town::open();
    let (body, notes) = (lines(3_000), lines(400));
    let id = "tsk-bigbig-1767225600000";
    let path = "50_Projects/2026/big/Tasks/big.md";
    town.note(
        path,
        &entity(
            id,
            &format!("notes: |\n  {}\n", notes.trim().replace('\n', "\n  ")),
            &body,
        ),
    );
    let whole = town
        .api()
        .get(&format!("{API}/entities/{id}?body=true"))
        .is(200)
        .clone();
    let whole = whole["body"].as_str().unwrap();
    for era in ERAS {
        let model = town.reader(era);
        // The text, from answer to answer; `fields` leaves room for it.
        for tool in ["get_entity", "read_notes"] {
            let (mut read, mut answers) = (String::new(), 0);
            loop {
                let from = read.chars().count();
                let mut arguments = json!({"fields": ["status"], "from_char": from, "max_chars": 40_000});
                match tool {
                    "get_entity" => arguments["entity_id"] = json!(id),
                    _ => arguments["paths"] = json!([path]),
                }
                let told = model.done(tool, &arguments);
                assert!(chars(&told) <= 40_000, "{}", chars(&told));
                let note = if tool == "get_entity" {
                    &told
                } else {
                    &told["items"][0]["note"]
                };
                read += note["body"].as_str().unwrap();
                answers += 1;
                let (total, left) = (
                    note["chars_total"].as_u64().unwrap(),
                    note["chars_left"].as_u64().unwrap(),
                );
                assert_eq!(
                    usize::try_from(total - left).unwrap(),
                    read.chars().count(),
                    "where to go on"
                );
                if note["truncated"] == false {
                    break;
                }
            }
            assert_eq!(read, whole, "{tool}");
            assert!((2..10).contains(&answers), "{tool}: {answers}");
        }
        // Whole, it does not fit: something is cut, and it is said what.
        for most in [2_000, 5_000, 20_000] {
            let told = model.done("get_entity", &json!({"entity_id": id, "max_chars": most}));
            assert!(chars(&told) <= most, "{} of {most}", chars(&told));
            let said = (told["truncated"] == true, told["size"]["truncated"] == true);
            assert_eq!(said.0, true, "{told}");
            let shown = told["fields"]["notes"].as_str().unwrap();
            assert_eq!(
                said.1,
                shown != notes.trim_end_matches('\n').to_owned() + "\n",
                "{most}: {}",
                told["size"]
            );
        }
        // The list, from page to page, each as long as fits.
        let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let mut arguments = json!({"type": "Task", "limit": 100, "fields": ["*"], "max_chars": 6_000});
            if !cursor.is_null() {
                arguments["cursor"] = cursor;
            }
            let told = model.done("list_entities", &arguments);
            assert!(chars(&told) <= 6_000);
            let items = told["items"].as_array().unwrap();
            assert!(!items.is_empty());
            seen.extend(items.iter().map(|item| item["entity_id"].as_str().unwrap().to_owned()));
            assert_eq!(told["total"], town.manifest.types["Task"] + 1);
            pages += 1;
            cursor = told["cursor"].clone();
            assert_eq!(told["has_more"], !cursor.is_null());
            if cursor.is_null() {
                break;
            }
        }
        let all: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(
            (seen.len(), all.len()),
            (town.manifest.types["Task"] + 1, seen.len()),
            "each once"
        );
        assert!(pages > seen.len() / 100 + 1, "{pages}");
        for chars in [1_999, 40_001] {
            let told = model.refused("browse", &json!({"max_chars": chars}));
            assert_eq!(
                (&told["code"], &told["param"]),
                (&json!("VALIDATION_OUT_OF_RANGE"), &json!("max_chars"))
            );
        }
    }
}

#[test]
fn notes_are_resources_listed_in_the_order_of_their_paths() {
    let town = Town::open();
    town.note(
        "10_Study/한글 노트 #1?.md",
        "---\ntitle: A \"b\"\nno: 1.50\n---\nText.\n",
    );
    let shown = town.api().get(&format!("{API}/folders")).is(200).clone();
    let count = shown["stats"]["notes"].as_u64().unwrap();
    for era in ERAS {
        let model = town.reader(era);
        let (mut uris, mut params) = (Vec::new(), json!({}));
        loop {
            let page = model.result("resources/list", params);
            let resources = page["resources"].as_array().unwrap();
            assert!(resources.len() <= 100);
            for one in resources {
                assert_eq!(one["mimeType"], "text/markdown");
                uris.push(one["uri"].as_str().unwrap().to_owned());
            }
            match page["nextCursor"].as_str() {
                Some(cursor) => params = json!({"cursor": cursor}),
                None => break,
            }
        }
        assert_eq!(uris.len() as u64, count);
        let templates = model.result("resources/templates/list", json!({}))["resourceTemplates"].clone();
        assert_eq!(
            [&templates[0]["uriTemplate"], &templates[1]["uriTemplate"]],
            ["vault://notes/{+path}", "vault://entities/{entity_id}"]
        );
        // Each address that is listed can be read: the first, the last, and one that has to be encoded.
        let odd = "vault://notes/10_Study/%ED%95%9C%EA%B8%80%20%EB%85%B8%ED%8A%B8%20%231%3F.md";
        assert!(uris.iter().any(|uri| uri == odd), "{uris:#?}");
        let read = |uri: &str| {
            let contents = model.result("resources/read", json!({"uri": uri}))["contents"][0].clone();
            assert_eq!(
                (&contents["uri"], &contents["mimeType"]),
                (&json!(uri), &json!("text/markdown"))
            );
            contents["text"].as_str().unwrap().to_owned()
        };
        read(&uris[0]);
        read(uris.last().unwrap());
        assert_eq!(read(odd), "---\ntitle: \"A \\\"b\\\"\"\n\"no\": 1.50\n---\nText.\n");
        let track = read("vault://entities/trk-1");
        assert!(
            track.starts_with("---\n") && track.contains("entity_id: \"trk-1\"\n"),
            "{track}"
        );
        let (unknown, malformed) = match era {
            Era::Modern => (-32602, -32602),
            Era::Legacy => (-32002, -32602),
        };
        for uri in [
            "vault://notes/nothing.md",
            "vault://entities/trk-99",
            "vault://notes/00_Meta/schema_constants.yaml",
            "vault://other/a",
            "file:///etc/passwd",
        ] {
            let told = model.ask("resources/read", json!({"uri": uri}));
            assert_eq!(told.is(200)["error"]["code"], unknown, "{uri}");
        }
        for uri in [
            "vault://notes/../notes-2/secret.md",
            "vault://notes/%2e%2e/notes-2/secret.md",
            "vault://notes/%252e%252e/notes-2/secret.md",
            "vault://notes//etc/passwd",
            "vault://notes/.env",
            "vault://notes/a%00.md",
            "vault://notes/..%5csecret.md",
        ] {
            let told = model.ask("resources/read", json!({"uri": uri})).is(200).clone();
            assert_eq!(told["error"]["code"], malformed, "{uri}: {told}");
        }
    }
}

#[test]
fn who_asked_is_told_of_a_note_that_changed() {
    let town = Town::open();
    let path = "10_Study/watched.md";
    town.note(path, "before");
    let uri = format!("vault://notes/{path}");
    let key = town.key(&["mcp:read"]);
    let model = Mcp::at(PATH, &town.estate, &key, Era::Modern);
    let body = model
        .message(
            "subscriptions/listen",
            json!({"notifications": {"resourceSubscriptions": [uri]}}),
        )
        .to_string();
    let host = town.estate.house.url().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all((head + &body).as_bytes()).unwrap();
    let mut said = String::new();
    let mut until_said = |what: &str| {
        let mut some = [0; 4_096];
        while !said.contains(what) {
            let count = connection.read(&mut some).unwrap();
            assert!(count > 0, "it ended: {said}");
            said.push_str(&String::from_utf8_lossy(&some[..count]));
        }
    };
    until_said("notifications/subscriptions/acknowledged");
    fs::write(town.estate.house.notes().join(path), "after").unwrap();
    until_said("notifications/resources/updated");
    assert!(said.contains(&uri), "{said}");
}

#[test]
fn what_the_vault_keeps_private_is_in_no_answer() {
    let town = Town::open();
    let word = "HUSHHUSH";
    let schema = town.estate.house.notes().join("00_Meta/schema_constants.yaml");
    let rules = fs::read_to_string(&schema).unwrap();
    fs::write(
        &schema,
        rules + "private_fields: {Task: [pay]}\ncross_vault: {exec_only: [Candidate]}\n",
    )
    .unwrap();
    let id = "tsk-secret-1767225600000";
    let more = format!("pay: {word}\ncandidate_id: {word}\nparent_id: prj-{word}\n");
    town.note(
        "50_Projects/2026/hush/Tasks/a.md",
        &entity(id, &more.replace("prj-HUSHHUSH", "prj-001"), "Findable words.\n"),
    );
    let hidden = format!("---\nentity_type: Candidate\nentity_id: cand-001\nentity_name: {word}\n---\n{word}\n");
    fs::write(town.estate.house.notes().join("50_Projects/2026/hush/cand.md"), hidden).unwrap();
    town.note("10_Study/last.md", "It was written after.");
    town.until_found("Findable", 1);
    for era in ERAS {
        let model = town.reader(era);
        let mut all = String::new();
        for (tool, arguments) in [
            ("search_and_read", json!({"query": "Findable"})),
            ("search", json!({"query": "Findable"})),
            ("search", json!({"query": "cand"})),
            (
                "list_entities",
                json!({"folder": "50_Projects/2026/hush", "fields": ["*"]}),
            ),
            ("get_entity", json!({"entity_id": id})),
            (
                "read_notes",
                json!({"paths": [id, "50_Projects/2026/hush/cand.md", "cand-001"]}),
            ),
            ("browse", json!({"path": "50_Projects/2026/hush"})),
        ] {
            all += &model.done(tool, &arguments).to_string();
        }
        assert_eq!(model.done("search", &json!({"query": word}))["total"], 0);
        for (tool, arguments, code) in [
            ("get_entity", json!({"entity_id": "cand-001"}), "VAULT_NOT_FOUND"),
            ("list_entities", json!({"type": "Candidate"}), "VALIDATION_INVALID_ENUM"),
            ("list_entities", json!({"fields": ["pay"]}), "VALIDATION_INVALID_ENUM"),
        ] {
            let told = model.refused(tool, &arguments);
            assert_eq!(told["code"], code, "{tool} {arguments}");
            all += &told
                .to_string()
                .replace("`pay`", "")
                .replace("`Candidate`", "")
                .replace("`cand-001`", "");
        }
        let text = model.result("resources/read", json!({"uri": format!("vault://entities/{id}")}));
        all += &text.to_string();
        for word in [word, "candidate_id", "\"pay", "pay:", "Candidate"] {
            assert!(!all.contains(word), "{word}: {all}");
        }
        let gone = model.ask(
            "resources/read",
            json!({"uri": "vault://notes/50_Projects/2026/hush/cand.md"}),
        );
        assert!(gone.is(200)["error"]["code"].is_i64());
    }
}

#[test]
fn what_a_model_writes_is_what_the_api_shows_and_a_stale_revision_writes_nothing() {
    let town = Town::open();
    let api = town.api();
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
            ("update_entity", change(&newest, "begun"), "VALIDATION_INVALID_ENUM"),
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
        let reader = town.reader(era);
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
    let model = town.reader(Era::Modern);
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
        ("search", json!({"query": "harbour", "folder": "../x"}), format, "path"),
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
    let (id, secret) = (made["id"].as_str().unwrap(), made["clientSecret"].as_str().unwrap());
    let token = |resource: &str, scope: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", secret),
            ])
            .append_pair("resource", &format!("{}{resource}", house.origin()))
            .append_pair("scope", scope)
            .finish();
        let told = house.api("").form("/oauth/token", &form, &[]);
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
