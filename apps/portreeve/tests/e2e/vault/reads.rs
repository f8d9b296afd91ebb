//! Reading the vault over HTTP: what was written is what is answered, page by page, and told from what has not changed.

use {
    super::{Town, encoded},
    crate::{estate::until, house::Api},
    minreq::Method,
    portreeve_notes::testing::Plan,
    serde_json::Value,
    std::{collections::BTreeSet, fs},
};

const VAULT: &str = "/vault/api/v1";

/// All items of a list, page by page, as its links lead.
fn all(api: &Api, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = format!("{VAULT}{path}");
    loop {
        let answer = api.get(&next);
        let page = answer.is(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        assert_eq!(page["has_more"], page["cursor"].is_string());
        match answer.header("link") {
            Some(link) => {
                assert_eq!(page["has_more"], true);
                let (target, rel) = link.split_once('>').unwrap();
                assert_eq!(rel, "; rel=\"next\"");
                next = target.strip_prefix('<').unwrap().to_owned();
            }
            None => {
                assert_eq!(page["total"], items.len(), "{path}");
                return items;
            }
        }
    }
}

fn ids(items: &[Value]) -> Vec<String> {
    let id = |item: &Value| item["entity_id"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

#[test]
fn what_was_written_is_what_is_answered() {
    let town = Town::open();
    town.until_searchable();
    let (api, manifest) = (town.reader(), &town.manifest);
    let stats = api.get("/vault/api/v1/stats").is(200).clone();
    assert_eq!(stats["types"], serde_json::to_value(&manifest.types).unwrap());
    let status = api.get("/vault/api/v1/status").is(200).clone();
    assert_eq!(status["tasks"], serde_json::to_value(&manifest.task_statuses).unwrap());

    let total: usize = manifest.types.values().sum();
    assert_eq!(all(&api, "/entities?limit=100").len(), total);
    for (list, kind) in [
        ("tasks", "Task"),
        ("projects", "Project"),
        ("programs", "Program"),
        ("hypotheses", "Hypothesis"),
        ("tracks", "Track"),
        ("conditions", "Condition"),
    ] {
        let found = all(&api, &format!("/{list}?limit=100&fields=status"));
        assert_eq!(found.len(), manifest.types[kind], "{list}");
        let names = ids(&found);
        assert!(names.is_sorted(), "{list} comes by id");
        assert_eq!(
            names,
            ids(&all(&api, &format!("/entities?type={kind}&limit=77"))),
            "{list}"
        );
        let one = api.get(&format!("{VAULT}/{list}/{}?body=true", encoded(&names[0])));
        let same = api.get(&format!("{VAULT}/entities/{}?body=true", encoded(&names[0])));
        assert_eq!(one.is(200), same.is(200));
        let path = one.body["path"].as_str().unwrap();
        let by_path = api.get(&format!("{VAULT}/notes?body=true&path={}", encoded(path)));
        assert_eq!(by_path.is(200), &one.body);
        let file = fs::read_to_string(town.estate.house.notes().join(path)).unwrap();
        assert!(file.ends_with(one.body["body"].as_str().unwrap()), "{path}");
        let other = if kind == "Task" { "projects" } else { "tasks" };
        api.get(&format!("{VAULT}/{other}/{}", encoded(&names[0])))
            .is_problem(404, "VAULT_NOT_FOUND");
    }
    for (status, count) in &manifest.task_statuses {
        assert_eq!(
            all(&api, &format!("/tasks?limit=100&status={status}")).len(),
            *count,
            "{status}"
        );
    }
    for (term, files) in &manifest.terms {
        let found = all(&api, &format!("/search?limit=100&q={}", encoded(term)));
        let paths: BTreeSet<String> = found
            .iter()
            .map(|hit| hit["path"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(paths, *files, "{term}");
        let read = api.get(&format!("{VAULT}/search/read?max_files=1&q={}", encoded(term)));
        assert!(
            read.is(200)["files"][0]["body"]
                .as_str()
                .unwrap()
                .contains(term.as_str()),
            "{term}"
        );
    }
    for (id, count) in &manifest.children {
        let graph = api.get(&format!("{VAULT}/entities/{}/graph", encoded(id)));
        if graph.status != 404 {
            assert_eq!(graph.is(200)["children_total"], *count, "{id}");
        }
    }
    for path in [
        "/projects/prj-001/context",
        "/tracks/trk-1/context",
        "/entities/cond-a/context",
        "/strategy",
        "/schema",
        "/scan",
        "/navigation",
        "/context",
        "/members",
        "/impact",
        "/impact/trk-1",
        "/findings",
        "/folders",
        "/notes/batch?paths=README.md,prj-001,none.md",
    ] {
        api.get(&format!("{VAULT}{path}")).is(200);
    }
}

/// Asks again with the tag of the answer before.
fn again(api: &Api, path: &str, tag: &str) -> (u16, String) {
    let answer = api.send(Method::Get, path, None, &[("If-None-Match", tag)]);
    if answer.status == 304 {
        assert_eq!(answer.body, "", "{path}");
    }
    (answer.status, answer.header("etag").unwrap().to_owned())
}

#[test]
fn an_answer_is_not_sent_again_until_it_changes() {
    let town = Town::of(&Plan {
        entities: 60,
        ..Plan::default()
    });
    let api = town.reader();
    let whole = [
        "/entities",
        "/tasks?status=doing&limit=1",
        "/tasks?assignee=member-01",
        "/folders",
        "/projects/prj-001/context",
        "/entities/prj-001?relations=true",
        "/entities/prj-001/graph",
        "/status",
        "/strategy",
        "/schema",
        "/scan",
        "/navigation",
        "/context",
        "/members",
        "/impact",
        "/impact/prj-001",
        "/findings",
        "/notes/batch?paths=README.md",
    ];
    let one = [
        "/entities/prj-001",
        "/projects/prj-001?fields=status",
        "/entities/prj-001?body=true",
        "/notes?path=README.md",
    ];
    let tag = |path: &str| {
        let path = format!("{VAULT}{path}");
        let answer = api.get(&path);
        answer.is(200);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"), "{path}");
        assert_eq!(answer.header("vary"), Some("Authorization"), "{path}");
        let tag = answer.header("etag").unwrap().to_owned();
        assert_eq!(again(&api, &path, &tag), (304, tag.clone()), "{path}");
        assert_eq!(again(&api, &path, &format!("\"other\", {tag}")).0, 304, "{path}");
        assert_eq!(again(&api, &path, "\"other\"").0, 200, "{path}");
        tag
    };
    let before: Vec<String> = whole.iter().map(|path| tag(path)).collect();
    let strong: Vec<String> = one.iter().map(|path| tag(path)).collect();
    assert!(before.iter().all(|tag| tag.starts_with("W/\"")), "{before:?}");
    let revision = api.get("/vault/api/v1/entities/prj-001").is(200)["revision"].clone();
    assert!(
        strong[..3]
            .iter()
            .all(|tag| *tag == format!("\"{}\"", revision.as_str().unwrap()))
    );

    // Another note: what is about all of the vault has changed, what is about one note has not.
    let readme = town.estate.house.notes().join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    town.write("10_Study/new.md", "new");
    until("the new note is there", || {
        (again(&api, "/vault/api/v1/entities", &before[0]).0 == 200).then_some(())
    });
    for (path, before) in whole.iter().zip(&before) {
        let (status, now) = again(&api, &format!("{VAULT}{path}"), before);
        // Who is a member is in no note.
        let same = *path == "/members";
        assert_eq!(status, if same { 304 } else { 200 }, "{path}");
        assert_eq!(now == *before, same, "{path}");
    }
    for (path, before) in one.iter().zip(&strong) {
        assert_eq!(again(&api, &format!("{VAULT}{path}"), before).0, 304, "{path}");
    }
    // Gone again: all is as it was, so are the tags.
    fs::remove_file(town.estate.house.notes().join("10_Study/new.md")).unwrap();
    until("the new note has gone", || {
        (again(&api, "/vault/api/v1/entities", &before[0]).0 == 304).then_some(())
    });
    // The same bytes once more change nothing; other bytes do.
    fs::write(&readme, &text).unwrap();
    town.write("10_Study/mark.md", "mark");
    until("the watch has seen both", || {
        (again(&api, "/vault/api/v1/entities", &before[0]).0 == 200).then_some(())
    });
    assert_eq!(again(&api, "/vault/api/v1/notes?path=README.md", &strong[3]).0, 304);
    fs::write(&readme, text + "more\n").unwrap();
    until("the note has changed", || {
        (again(&api, "/vault/api/v1/notes?path=README.md", &strong[3]).0 == 200).then_some(())
    });
    let members = again(&api, "/vault/api/v1/members", "\"other\"").1;
    let tasks = again(&api, "/vault/api/v1/tasks?assignee=ada", "\"other\"").1;
    town.write("00_Meta/members.yaml", "members: [{id: member-01, aliases: [ada]}]\n");
    assert_eq!(again(&api, "/vault/api/v1/members", &members).0, 200);
    assert_eq!(again(&api, "/vault/api/v1/tasks?assignee=ada", &tasks).0, 200);
    let by_alias = api.get("/vault/api/v1/tasks?assignee=ada").is(200)["total"].clone();
    assert!(by_alias.as_u64().unwrap() > 0);
    assert_eq!(
        by_alias,
        api.get("/vault/api/v1/tasks?assignee=member-01").is(200)["total"]
    );
    assert_eq!(api.get("/vault/api/v1/members/ada").is(200)["id"], "member-01");
}

#[test]
fn a_question_that_cannot_be_answered_is_refused_and_says_what_is_wrong_with_it() {
    let town = Town::of(&Plan {
        entities: 40,
        ..Plan::default()
    });
    town.until_searchable();
    let api = town.reader();
    let (format, range, word, missing) = (
        "VALIDATION_INVALID_FORMAT",
        "VALIDATION_OUT_OF_RANGE",
        "VALIDATION_INVALID_ENUM",
        "VALIDATION_REQUIRED_FIELD",
    );
    for (path, code, param) in [
        ("/entities?limit=0", range, "limit"),
        ("/entities?limit=101", range, "limit"),
        ("/entities?limit=99999999999999999999", format, "limit"),
        ("/entities?limit=-1", format, "limit"),
        ("/entities?cursor=!", format, "cursor"),
        ("/entities?type=Nonsense", word, "type"),
        ("/entities?type=task", word, "type"),
        ("/entities?nonsense=1", format, "nonsense"),
        ("/entities?status=doing&status=todo", format, "status"),
        ("/entities?fields=nonsense", word, "fields"),
        ("/entities?fields=", word, "fields"),
        ("/entities?folder=..", format, "path"),
        ("/tasks?status=nonsense", word, "status"),
        ("/tasks?priority=nonsense", word, "priority"),
        ("/tasks?type=Task", format, "type"),
        ("/hypotheses?evidence_status=nonsense", word, "evidence_status"),
        ("/tasks/x?fields=nonsense", word, "fields"),
        ("/entities/prj-001?fields=nonsense", word, "fields"),
        ("/entities/prj-001?body=maybe", format, "body"),
        ("/entities/prj-001?max_chars=0", range, "max_chars"),
        ("/entities/prj-001?max_chars=1048577", range, "max_chars"),
        ("/entities/prj-001?from_char=-1", format, "from_char"),
        ("/notes", missing, "path"),
        ("/notes?path=", format, "path"),
        ("/notes/batch", missing, "paths"),
        ("/notes/batch?paths=", range, "paths"),
        ("/notes/batch?paths=a,b,c,d,e,f,g,h,i,j,k", range, "paths"),
        ("/folders?path=/etc", format, "path"),
        ("/search", missing, "q"),
        ("/search?q=a", range, "q"),
        ("/search?q=---", format, "q"),
        ("/search?q=word&type=Nonsense", word, "type"),
        ("/search?q=word&folder=../x", format, "path"),
        ("/search?q=word&limit=1000", range, "limit"),
        ("/search/read?q=word&max_files=11", range, "max_files"),
        (
            "/search/read?q=word&max_chars_per_file=999",
            range,
            "max_chars_per_file",
        ),
        (
            "/projects/prj-001/context?max_body_chars=0&include_body=true",
            range,
            "max_body_chars",
        ),
        ("/strategy?depth=0", range, "depth"),
        ("/strategy?depth=6", range, "depth"),
        ("/schema?category=nonsense", word, "category"),
        ("/scan?depth=nonsense", word, "depth"),
        ("/scan?types=Nonsense", word, "types"),
        ("/scan?sample_count=6", range, "sample_count"),
        ("/impact?type=Task", word, "type"),
        ("/impact?window=2026", format, "window"),
        ("/impact/prj-001?window=2026-13", format, "window"),
        ("/findings?code=nonsense", word, "code"),
        ("/findings?severity=nonsense", word, "severity"),
        ("/findings?cursor=eA", format, "cursor"),
    ] {
        // An id that is not there is told last.
        let path = path.replace("/tasks/x", "/tasks/tsk-001-01");
        let refused = api.get(&format!("{VAULT}{path}"));
        assert_eq!(refused.body["param"], param, "{path}: {}", refused.body);
        refused.is_problem(400, code);
    }
    for path in [
        "/entities/nobody",
        "/entities/nobody/graph",
        "/entities/nobody/context",
        "/projects/trk-1/context",
        "/tracks/prj-001/context",
        "/impact/nobody",
        "/members/nobody",
        "/notes?path=none.md",
        "/folders?path=none",
    ] {
        api.get(&format!("{VAULT}{path}")).is_problem(404, "VAULT_NOT_FOUND");
    }
    let long = format!("{VAULT}/search?q={}", "a".repeat(600));
    api.get(&long).is_problem(400, range);
}
