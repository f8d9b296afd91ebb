//! The tools that change something: who reaches them, and on what a change has to be based.

use {
    super::*,
    crate::write::{Kind, When, fields},
};

const READING: [&str; 10] = [
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
];

fn new_task() -> Value {
    json!({"entity_name": "Gate - paint it", "project_id": "prj-001", "assignee": "member-01", "body": "Green.\n"})
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_is_not_offered_what_writes_and_does_not_reach_it() {
    let served = Served::new().await;
    let offered = |bearer| served.result(bearer, "tools/list", json!({}));
    let writing = [&READING[..], &["create_entity", "update_entity"]].concat();
    assert_eq!(names(&offered("writer").await["tools"]), writing);
    assert_eq!(names(&offered("reader").await["tools"]), READING);
    assert_eq!(offered("stranger").await["tools"], json!([]));
    let before = served.text(TASK);
    let read = served
        .call("reader", "get_entity", json!({"entity_id": TASK_ID}))
        .await
        .unwrap();
    let change = json!({"entity_id": TASK_ID, "revision": read["revision"], "fields": {"status": "hold"}});
    for (tool, arguments) in [
        ("update_entity", change),
        ("create_entity", json!({"type": "Task", "fields": new_task()})),
    ] {
        let call = json!({"name": tool, "arguments": arguments});
        let (status, told) = served.ask("reader", "tools/call", call).await;
        assert_eq!(
            (status.as_u16(), &told["requiredScope"]),
            (403, &json!("mcp:write")),
            "{told}"
        );
    }
    for tool in READING {
        let call = json!({"name": tool, "arguments": {}});
        let (status, told) = served.ask("stranger", "tools/call", call).await;
        assert_eq!(
            (status.as_u16(), &told["requiredScope"]),
            (403, &json!("mcp:read")),
            "{told}"
        );
    }
    assert_eq!(served.text(TASK), before);
    assert_eq!(served.vault.snapshot().notes().len(), 4, "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_based_on_what_was_read_and_is_made_once() {
    let served = Served::new().await;
    let made = served
        .call("writer", "create_entity", json!({"type": "Task", "fields": new_task()}))
        .await
        .unwrap();
    let (id, path) = (made["entity_id"].as_str().unwrap(), made["path"].as_str().unwrap());
    assert!(served.text(path).ends_with("---\nGreen.\n"));
    let change =
        |revision: &Value, status: &str| json!({"entity_id": id, "revision": revision, "fields": {"status": status}});
    let changed = served
        .call("writer", "update_entity", change(&made["revision"], "hold"))
        .await
        .unwrap();
    assert_eq!(changed["fields"]["status"], "hold");
    let now = served.text(path);
    assert!(now.contains("\nstatus: hold\n"), "{now}");
    // What was read before is not what is changed, whatever is to be written.
    for status in ["todo", "hold"] {
        let stale = served
            .call("writer", "update_entity", change(&made["revision"], status))
            .await;
        assert_eq!(stale.unwrap_err()["code"], "VAULT_NOTE_CHANGED");
    }
    for (arguments, code) in [
        (
            json!({"entity_id": id, "fields": {"status": "todo"}}),
            "VALIDATION_REQUIRED_FIELD",
        ),
        (change(&json!(null), "todo"), "VALIDATION_INVALID_FORMAT"),
        (change(&json!("*"), "todo"), "VALIDATION_INVALID_FORMAT"),
        (change(&changed["revision"], "begun"), "VAULT_RULE_BROKEN"),
    ] {
        let refused = served.call("writer", "update_entity", arguments).await.unwrap_err();
        assert_eq!(refused["code"], code, "{refused}");
    }
    assert_eq!(served.text(path), now);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_tried_writes_nothing() {
    let served = Served::new().await;
    let wish = json!({"type": "Task", "fields": new_task(), "dry_run": true});
    let told = served.call("writer", "create_entity", wish).await.unwrap();
    assert_eq!(
        (&told["dry_run"], &told["fields"]["status"]),
        (&json!(true), &json!("todo"))
    );
    assert_eq!(served.vault.snapshot().notes().len(), 4, "nothing was made");
    let before = served.text(TASK);
    let read = served
        .call("writer", "get_entity", json!({"entity_id": TASK_ID}))
        .await
        .unwrap();
    let change =
        json!({"entity_id": TASK_ID, "revision": read["revision"], "fields": {"status": "hold"}, "dry_run": true});
    let told = served.call("writer", "update_entity", change).await.unwrap();
    assert_eq!(
        (&told["dry_run"], &told["fields"]["status"]),
        (&json!(true), &json!("hold"))
    );
    assert_eq!(served.text(TASK), before);
}

/// Most characters of what every model is sent before it has asked anything.
const MOST: usize = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_tools_is_short_and_its_schemas_take_what_the_tools_take() {
    let served = Served::new().await;
    let list = served.result("writer", "tools/list", json!({})).await;
    let tools = list["tools"].as_array().unwrap();
    let of_each: Vec<_> = tools
        .iter()
        .map(|tool| (tool["name"].to_string(), tool.to_string().chars().count()))
        .collect();
    let chars: usize = of_each.iter().map(|(_, chars)| chars).sum();
    assert!(chars <= MOST, "{chars}: {of_each:?}");
    let takes = |tool: &str, arguments: &Value| {
        let tool = tools.iter().find(|one| one["name"] == tool).unwrap();
        jsonschema::validator_for(&tool["inputSchema"])
            .unwrap()
            .is_valid(arguments)
    };
    for (tool, arguments) in [
        (
            "search",
            json!({"query": "gate", "type": "Task", "limit": 3, "max_chars": 2_000}),
        ),
        ("search_and_read", json!({"query": "gate", "max_files": 10})),
        (
            "list_entities",
            json!({"type": "Task", "status": "doing", "fields": ["*"]}),
        ),
        (
            "get_entity",
            json!({"entity_id": "prj-001", "body": false, "from_char": 5}),
        ),
        ("read_notes", json!({"paths": ["README.md"]})),
        ("browse", json!({"path": "10_Study", "entities_only": true})),
        ("get_context", json!({"entity_id": "prj-001", "body": true})),
        ("get_graph", json!({"entity_id": "prj-001"})),
        ("get_status", json!({})),
        ("get_reference", json!({"part": "strategy", "depth": 2})),
        ("get_reference", json!({"part": "schema", "category": "task"})),
        (
            "create_entity",
            json!({"type": "Task", "fields": {"entity_name": "A - b"}, "dry_run": true}),
        ),
        (
            "update_entity",
            json!({"entity_id": "tsk-1", "revision": "0", "fields": {"due": null}}),
        ),
    ] {
        assert!(takes(tool, &arguments), "{tool} {arguments}");
        let mut other = arguments.clone();
        other["nonsense"] = json!(1);
        assert!(!takes(tool, &other), "{tool} {other}");
    }
    for (tool, arguments) in [
        ("search", json!({})),
        ("search", json!({"query": "gate", "limit": 0})),
        ("search_and_read", json!({"query": "gate", "max_files": 11})),
        ("get_entity", json!({"entity_id": 7})),
        ("get_reference", json!({"part": "all"})),
        ("get_status", json!({"max_chars": 1_999})),
        ("create_entity", json!({"type": "Track", "fields": {}})),
        ("update_entity", json!({"entity_id": "tsk-1", "fields": {}})),
    ] {
        assert!(!takes(tool, &arguments), "{tool} {arguments}");
    }
    // Every field is named that is read: what something new takes, and besides what is only for changes.
    let named = |tool: &str| {
        let tool = tools.iter().find(|one| one["name"] == tool).unwrap();
        tool["inputSchema"]["properties"]["fields"]["description"].to_string()
    };
    let (new, changed) = (named("create_entity"), named("update_entity"));
    for field in Kind::ALL.iter().flat_map(|kind| fields(*kind)) {
        let said = if field.when == When::Later { &changed } else { &new };
        assert!(said.contains(&format!(" {}", field.name)), "{}: {said}", field.name);
    }
}
