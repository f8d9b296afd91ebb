//! What the tools that read and the resources show, how much of it, and what in none of them.

use {
    super::*,
    crate::{
        acts::search::READ,
        mcp::{
            arguments::{Search, budget, paging},
            budget::Budget,
            find::found,
        },
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_in_no_list_no_answer_and_near_nothing() {
    let served = Served::new().await;
    served.is_indexed().await;
    let listed = served.result("reader", "resources/list", json!({})).await;
    let uris: Vec<&str> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["uri"].as_str().unwrap())
        .collect();
    let notes = ["20_Strategy/trk-1.md", TASK, PROJECT, "README.md"];
    assert_eq!(uris, notes.map(|path| format!("vault://notes/{path}")));
    let mut said = String::new();
    for (tool, arguments) in [
        ("search_and_read", json!({"query": "gate"})),
        ("search", json!({"query": "gate"})),
        ("list_entities", json!({"fields": ["*"]})),
        ("get_entity", json!({"entity_id": TASK_ID})),
        ("read_notes", json!({"paths": [TASK_ID, CANDIDATE, "cand-001"]})),
        ("browse", json!({})),
        ("browse", json!({"path": "50_Projects/gate"})),
        ("get_context", json!({"entity_id": "prj-001", "body": true})),
        ("get_graph", json!({"entity_id": "prj-001"})),
        ("get_status", json!({})),
        ("get_reference", json!({"part": "schema"})),
    ] {
        let told = served.call("reader", tool, arguments.clone()).await;
        let told = told.unwrap_or_else(|problem| panic!("{tool} {arguments}: {problem}"));
        said += &told.to_string().replace("\"cand-001\"", "").replace(CANDIDATE, "");
    }
    let found = served.call("reader", "search", json!({"query": HUSH})).await.unwrap();
    assert_eq!((&found["total"], &found["items"]), (&json!(0), &json!([])));
    // One character from an id that is there, and from one that is not shown.
    for (id, closest) in [
        ("trk-2", json!(["trk-1"])),
        ("cand-002", json!(null)),
        ("cand-001", json!(null)),
    ] {
        let absent = served
            .call("reader", "get_entity", json!({"entity_id": id}))
            .await
            .unwrap_err();
        assert_eq!(
            (&absent["code"], &absent["closest"]),
            (&json!("VAULT_NOT_FOUND"), &closest),
            "{absent}"
        );
    }
    for uri in [
        format!("vault://notes/{CANDIDATE}"),
        "vault://entities/cand-001".to_owned(),
    ] {
        let (_, told) = served.ask("reader", "resources/read", json!({"uri": uri})).await;
        assert_eq!(told["error"]["code"], -32602, "{told}");
        said += &told.to_string().replace(&uri, "");
    }
    let shown = served.result(
        "reader",
        "resources/read",
        json!({"uri": format!("vault://notes/{TASK}")}),
    );
    said += &shown.await.to_string();
    assert!(said.contains("Open the gate."), "{said}");
    for word in [HUSH, "Candidate", "cand-001", "\"pay", "pay:"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
    assert_eq!(
        served.result("stranger", "resources/list", json!({})).await["resources"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_keeps_to_the_budget_of_its_caller() {
    let body = "The gate says \"open\".\n".repeat(2_000);
    let many: Vec<(String, String)> = (0..60)
        .map(|number| {
            let id = format!("tsk-{number:06}-1700000000001");
            let more = format!(
                "parent_id: prj-001\nproject_id: prj-001\nassignee: member-01\nnotes: {}\n",
                "x".repeat(300)
            );
            (
                format!("50_Projects/gate/Tasks/{number:02}.md"),
                entity("Task", &id, &more, &body),
            )
        })
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let served = Served::holding(&many).await;
    served.is_indexed().await;
    let id = "tsk-000007-1700000000001";
    for (tool, arguments) in [
        ("search_and_read", json!({"query": "gate"})),
        ("search", json!({"query": "gate", "limit": 100})),
        ("list_entities", json!({"type": "Task", "limit": 100, "fields": ["*"]})),
        ("get_entity", json!({"entity_id": id})),
        ("read_notes", json!({"paths": [id, TASK_ID, PROJECT]})),
        ("browse", json!({"path": "50_Projects/gate/Tasks", "limit": 100})),
        ("get_context", json!({"entity_id": "prj-001"})),
        ("get_graph", json!({"entity_id": "prj-001"})),
        ("get_status", json!({})),
        ("get_reference", json!({"part": "schema"})),
    ] {
        for most in [2_000, 6_000, 20_000] {
            let mut arguments = arguments.clone();
            arguments["max_chars"] = json!(most);
            let told = served.call("reader", tool, arguments).await.unwrap();
            let chars = told.to_string().chars().count();
            assert!(chars <= most, "{tool}: {chars} of {most}");
            // What does not fit is said to be cut, in the way of each.
            let text = match tool {
                "read_notes" => &told["items"][0]["note"],
                "search_and_read" => &told["files"][0],
                _ => &told,
            };
            let is_cut = told["size"]["truncated"] == true || told["has_more"] == true || text["truncated"] == true;
            assert!(
                is_cut || most > 2_000 || tool.starts_with("get_status") || tool == "get_reference",
                "{tool}: {told}"
            );
        }
        let told = served.call("reader", tool, {
            let mut arguments = arguments.clone();
            arguments["max_chars"] = json!(1_999);
            arguments
        });
        let told = told.await.unwrap_err();
        assert_eq!(
            (&told["code"], &told["param"]),
            (&json!("VALIDATION_OUT_OF_RANGE"), &json!("max_chars")),
            "{tool}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_reads_no_more_notes_than_it_shows_and_one() {
    let many: Vec<(String, String)> = (0..80)
        .map(|number| {
            (
                format!("10_Study/{number}.md"),
                format!("{} harbour {}", "before ".repeat(20), "behind ".repeat(20)),
            )
        })
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let served = Served::holding(&many).await;
    served.is_indexed().await;
    let (moment, open) = (served.vault.moment().unwrap(), served.vault.open());
    for most in [2_000, 6_000, 20_000] {
        let arguments = json!({"query": "harbour", "limit": 100, "max_chars": most});
        let arguments: Search = serde_json::from_value(arguments).unwrap();
        let from = paging(arguments.limit, None).unwrap();
        READ.set(0);
        let told = found(
            &moment,
            open.text(),
            &arguments,
            &from,
            budget(arguments.max_chars).unwrap(),
        )
        .unwrap();
        let told = serde_json::to_value(told).unwrap();
        let shown = told["items"].as_array().unwrap().len();
        assert!(shown >= 3 && READ.get() <= shown + 1, "{} for {shown}", READ.get());
        // A score has the digits of the number that was reckoned, which is narrower than those of JSON.
        let score = &told["items"][0]["score"];
        let reckoned = score.to_string().parse::<f32>().unwrap();
        let digits = score.to_string();
        assert!(reckoned > 0.0 && digits == format!("{reckoned}"), "{score}");
        assert_eq!((&told["total"], &told["has_more"]), (&json!(80), &json!(shown < 80)));
        // The next page begins where this one ends.
        let rest: Search = serde_json::from_value(json!({"query": "harbour", "limit": 100})).unwrap();
        let from = paging(rest.limit, told["cursor"].as_str()).unwrap();
        if shown < 80 {
            let next = found(&moment, open.text(), &rest, &from, Budget::most()).unwrap();
            let next = serde_json::to_value(next).unwrap();
            let all = told["items"]
                .as_array()
                .unwrap()
                .iter()
                .chain(next["items"].as_array().unwrap());
            let paths: std::collections::BTreeSet<_> = all.map(|item| item["path"].as_str().unwrap()).collect();
            assert_eq!(
                paths.len(),
                shown + next["items"].as_array().unwrap().len(),
                "each once"
            );
        }
    }
}
