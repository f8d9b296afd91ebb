//! What a model is shown of the vault: all of it, piece by piece, when it changes, and nothing that is private.

use {
    super::{API, PATH, chars, entity, lines},
    crate::{
        mcp::{ERAS, Era, Mcp},
        vault::Town,
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
        .reader()
        .get(&format!("{API}/entities/{id}?body=true"))
        .is(200)
        .clone();
    let whole = whole["body"].as_str().unwrap();
    for era in ERAS {
        let model = town.model(era);
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
            assert!(said.0, "{told}");
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
    let shown = town.reader().get(&format!("{API}/folders")).is(200).clone();
    let count = shown["stats"]["notes"].as_u64().unwrap();
    for era in ERAS {
        let model = town.model(era);
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
        assert_eq!(read(odd), "---\ntitle: \"A \\\"b\\\"\"\n\"no\": 1.5\n---\nText.\n");
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
        let model = town.model(era);
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
