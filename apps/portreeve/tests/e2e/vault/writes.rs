//! Writing over HTTP, through the real binary: what becomes of the files, what is refused, what the audit log and git know.

use {
    super::Town,
    crate::{
        coverage::operations,
        disk,
        estate::{Estate, policy, until},
        house::{Answer, Api, House},
        roles::{Way, all_roles, credential},
    },
    portreeve_notes::{Seal, testing::Plan},
    portreeve_policy::roles,
    serde_json::{Value, json},
    std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
        process::Command,
        thread,
        time::{Duration, SystemTime},
    },
};

const API: &str = "/vault/api/v1";

fn town() -> Town {
    Town::of(&Plan {
        entities: 60,
        ..Plan::default()
    })
}

fn key(estate: &Estate, scopes: &[&str]) -> Api {
    let key = estate.key(&json!({"name": "writes", "scopes": scopes}));
    estate.house.api(&key)
}

fn writer(estate: &Estate) -> Api {
    key(estate, &["mcp:read", "mcp:write"])
}

fn patch(api: &Api, path: &str, tag: &str, body: &Value) -> Answer {
    api.send(minreq::Method::Patch, path, Some(body), &[("If-Match", tag)])
}

fn delete(api: &Api, path: &str, tag: &str) -> Answer {
    api.send(minreq::Method::Delete, path, None, &[("If-Match", tag)])
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap().to_owned()
}

fn text(house: &House, path: &Value) -> String {
    fs::read_to_string(house.notes().join(path.as_str().unwrap())).unwrap()
}

/// A body that makes one of each type.
fn bodies() -> [(&'static str, &'static str, Value); 4] {
    [
        (
            "projects",
            "prj-",
            json!({
                "entity_name": "Wall - 성벽", "owner": "member-01", "parent_id": "trk-1", "conditions_3y": ["cond-a"],
            }),
        ),
        (
            "tasks",
            "tsk-000001-",
            json!({"entity_name": "Wall - look", "project_id": "prj-001", "assignee": "member-01"}),
        ),
        (
            "programs",
            "pgm-wall",
            json!({"entity_name": "Wall", "program_type": "launch", "owner": "member-01"}),
        ),
        (
            "hypotheses",
            "hyp-3-",
            json!({
                "entity_name": "Walls hold", "parent_id": "trk-3", "hypothesis_question": "Do walls hold?",
            }),
        ),
    ]
}

/// A body that has nothing wrong in its form, for whoever may call that operation at all.
pub(crate) fn body(operation: &str) -> Value {
    let made = |place: usize| bodies()[place].2.clone();
    match operation {
        "createVaultProject" => made(0),
        "createVaultTask" => made(1),
        "createVaultProgram" => made(2),
        "createVaultHypothesis" => made(3),
        change if change.starts_with("updateVault") => json!({"notes": "new"}),
        other => panic!("add a body for {other}"),
    }
}

#[test]
fn each_type_is_made_changed_copied_and_deleted_and_every_step_is_served_and_logged() {
    let town = town();
    let house = &town.estate.house;
    let api = writer(&town.estate);
    let before = town.estate.books().audit().len();
    for (noun, prefix, body) in bodies() {
        let made = api.post(&format!("{API}/{noun}"), &body);
        let shown = made.is(201).clone();
        let id = shown["entity_id"].as_str().unwrap().to_owned();
        assert!(id.starts_with(prefix), "{id}");
        let path = format!("{API}/{noun}/{id}");
        assert_eq!(made.header("location"), Some(path.as_str()));
        assert_eq!(tag(&made), format!("\"{}\"", shown["revision"].as_str().unwrap()));
        let served = api.get(&path);
        assert_eq!(
            (served.is(200)["fields"].clone(), tag(&served)),
            (shown["fields"].clone(), tag(&made))
        );

        let words = json!({"notes": "one\n---\ntwo: 한글", "tags": ["a b", "007"], "body": "# Text\n"});
        let changed = patch(&api, &path, &tag(&made), &words);
        let now = changed.is(200).clone();
        assert_eq!(
            (&now["fields"]["notes"], &now["fields"]["tags"]),
            (&words["notes"], &words["tags"])
        );
        assert_eq!(now["set"], json!(["updated"]));
        let served = api.get(&format!("{path}?body=true"));
        assert_eq!(
            (&served.is(200)["body"], tag(&served)),
            (&json!("# Text\n"), tag(&changed))
        );
        let file = text(house, &now["path"]);
        assert!(
            file.contains("notes: \"one\\n---\\ntwo: 한글\"\n") && file.ends_with("---\n# Text\n"),
            "{file}"
        );
        patch(&api, &path, &tag(&made), &words).is_problem(412, "VAULT_NOTE_CHANGED");

        let copy = api.send(minreq::Method::Post, &format!("{path}/duplicate"), None, &[]);
        let copied = copy.is(201).clone();
        assert_ne!(
            (&copied["entity_id"], &copied["path"]),
            (&now["entity_id"], &now["path"])
        );
        assert_eq!(copied["fields"]["notes"], words["notes"]);

        let gone = delete(&api, &path, &tag(&changed));
        let trash = gone.is(200)["trash"].as_str().unwrap().to_owned();
        assert!(trash.starts_with(".trash/") && house.notes().join(&trash).exists());
        api.get(&path).is_problem(404, "VAULT_NOT_FOUND");
        delete(&api, &path, &tag(&changed)).is_problem(404, "VAULT_NOT_FOUND");
    }
    let told: Vec<_> = town.estate.books().audit().split_off(before);
    let kinds: Vec<_> = told
        .iter()
        .map(|row| row.kind.as_str())
        .filter(|kind| kind.starts_with("vault."))
        .collect();
    let expected: Vec<_> = ["project", "task", "program", "hypothesis"]
        .iter()
        .flat_map(|noun| ["created", "updated", "duplicated", "deleted"].map(|act| format!("vault.{noun}.{act}")))
        .collect();
    assert_eq!(kinds, expected);
    let change = told.iter().find(|row| row.kind == "vault.task.updated").unwrap();
    let data: Value = serde_json::from_str(&change.data).unwrap();
    assert_eq!(data["diff"]["tags"], json!({"old": null, "new": ["a b", "007"]}));
    assert_eq!(data["diff"]["body"], json!({"old": "", "new": "# Text\n"}));
    assert!(change.actor.starts_with("key_") && data["before"] != data["after"]);
}

#[test]
fn whatever_is_wrong_is_told_by_its_code_and_place_and_changes_nothing() {
    let town = town();
    let api = writer(&town.estate);
    let task = api.get(&format!("{API}/tasks?limit=1")).is(200)["items"][0].clone();
    let path = format!("{API}/tasks/{}", task["entity_id"].as_str().unwrap());
    let tag = tag(&api.get(&path));
    let before = tree(&town.estate.house.notes());
    let good = &bodies()[1].2;
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    for (body, status, code, param) in [
        (json!([]), 400, "VALIDATION_INVALID_FORMAT", None),
        (without("assignee"), 400, "VALIDATION_REQUIRED_FIELD", Some("assignee")),
        (
            with("assignee", json!(null)),
            400,
            "VALIDATION_REQUIRED_FIELD",
            Some("assignee"),
        ),
        (
            with("entity_id", json!("tsk-1")),
            400,
            "VALIDATION_INVALID_FORMAT",
            Some("entity_id"),
        ),
        (
            with("_path", json!("x")),
            400,
            "VALIDATION_INVALID_FORMAT",
            Some("_path"),
        ),
        (
            with("candidate_id", json!("x")),
            400,
            "VALIDATION_INVALID_FORMAT",
            Some("candidate_id"),
        ),
        (
            with("due", json!("2026-13-45")),
            400,
            "VALIDATION_INVALID_FORMAT",
            Some("due"),
        ),
        (
            with("tags", json!(vec!["x"; 51])),
            400,
            "VALIDATION_OUT_OF_RANGE",
            Some("tags"),
        ),
        (
            with("links", json!([{"label": "x", "url": "javascript:alert(1)"}])),
            400,
            "VALIDATION_INVALID_FORMAT",
            Some("links[0].url"),
        ),
        (
            with("body", json!("a\u{0}b")),
            400,
            "VALIDATION_INVALID_FORMAT",
            Some("body"),
        ),
        (with("status", json!("whatever")), 422, "VAULT_RULE_BROKEN", None),
        (with("entity_name", json!("no topic")), 422, "VAULT_RULE_BROKEN", None),
        (with("project_id", json!("prj-404")), 422, "VAULT_RULE_BROKEN", None),
        (with("project_id", json!("../../etc")), 422, "VAULT_RULE_BROKEN", None),
    ] {
        let refused = api.post(&format!("{API}/tasks"), &body);
        let told = refused.is_problem(status, code);
        assert_eq!(told["param"].as_str(), param, "{body}: {told}");
        assert_eq!(told["violations"].is_array(), status == 422, "{told}");
    }
    for (headers, status, code) in [
        (vec![], 428, "VAULT_REVISION_MISSING"),
        (vec![("If-Match", "*")], 400, "VALIDATION_INVALID_FORMAT"),
        (vec![("If-Match", "W/\"x\"")], 400, "VALIDATION_INVALID_FORMAT"),
        (
            vec![("If-Match", "\"00000000000000000000000000000000\"")],
            412,
            "VAULT_NOTE_CHANGED",
        ),
    ] {
        let notes = json!({"notes": "x"});
        for (method, body) in [(minreq::Method::Patch, Some(&notes)), (minreq::Method::Delete, None)] {
            api.send(method, &path, body, &headers).is_problem(status, code);
        }
    }
    let project = format!("{API}/projects/prj-001");
    let refused = delete(&api, &project, &self::tag(&api.get(&project)));
    refused.is_problem(409, "VAULT_CONFLICT");
    let hiring = json!({"entity_name": "Hiring", "program_type": "hiring", "owner": "m"});
    api.post(&format!("{API}/programs"), &hiring)
        .is_problem(409, "VAULT_CONFLICT");
    for query in ["?dry_run=yes", "?nonsense=1"] {
        api.post(&format!("{API}/tasks{query}"), good)
            .is_problem(400, "VALIDATION_INVALID_FORMAT");
    }
    let tried = api.post(&format!("{API}/tasks?dry_run=true"), good);
    assert_eq!(tried.is(200)["dry_run"], true);
    let tried = patch(&api, &format!("{path}?dry_run=true"), &tag, &json!({"status": "done"}));
    assert_eq!(tried.is(200)["fields"]["status"], "done");
    assert_eq!(tree(&town.estate.house.notes()), before);
}

#[test]
fn whoever_may_only_read_writes_nothing() {
    let town = town();
    let reader = key(&town.estate, &["mcp:read"]);
    let before = tree(&town.estate.house.notes());
    let id = reader.get(&format!("{API}/tasks?limit=1")).is(200)["items"][0]["entity_id"].clone();
    for (noun, _, body) in bodies() {
        let path = format!("{API}/{noun}/{}", id.as_str().unwrap());
        for refused in [
            reader.post(&format!("{API}/{noun}"), &body),
            patch(&reader, &path, "\"x\"", &json!({"notes": "x"})),
            reader.send(minreq::Method::Post, &format!("{path}/duplicate"), None, &[]),
            delete(&reader, &path, "\"x\""),
        ] {
            let told = refused.is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
            assert_eq!(told["requiredScope"], "mcp:write");
        }
    }
    assert_eq!(tree(&town.estate.house.notes()), before);
}

#[test]
fn who_may_write_is_what_the_table_of_roles_says_by_key_as_by_token() {
    let town = town();
    let estate = &town.estate;
    let agent = estate.agent("writer", &policy());
    let vault = format!("{}/vault/mcp", estate.house.origin());
    let document = estate.owner().get("/openapi.json").is(200).clone();
    let mut writes = operations(&document);
    writes.retain(|write| write.path.starts_with(API) && write.method != "get");
    assert_eq!(writes.len(), 16, "four acts of four types");
    let before = tree(&estate.house.notes());
    let mut let_in = BTreeSet::new();
    for role in all_roles() {
        for scope in roles::scopes() {
            let may = scope.as_str() == "mcp:write" && roles::grantable(&role).holds(scope);
            for way in [Way::Key, Way::Token] {
                let Some(credential) = credential(estate, &agent, way, (&role, scope), Some(&vault)) else {
                    assert!(!may, "{role} with {scope} gets no token");
                    continue;
                };
                let api = estate.house.api(&credential);
                for write in &writes {
                    let path = write.path.replace("{entity_id}", "tsk-0") + "?dry_run=true";
                    let method = minreq::Method::Custom(write.method.to_uppercase());
                    let (body, tag) = (
                        write.takes_body.then(|| body(&write.id)),
                        format!("\"{}\"", "0".repeat(32)),
                    );
                    let answer = api.send(method, &path, body.as_ref(), &[("If-Match", &tag)]);
                    assert_eq!(
                        answer.status != 403,
                        may,
                        "{write} by {role} with {scope}: {}",
                        answer.body
                    );
                    assert!(!may || matches!(answer.status, 200 | 404), "{write}: {}", answer.body);
                }
                if may {
                    let_in.insert(role.to_string());
                }
            }
        }
    }
    assert_eq!(let_in, BTreeSet::from(["member".to_owned(), "owner".to_owned()]));
    assert_eq!(tree(&estate.house.notes()), before);
}

#[test]
fn of_those_who_write_what_they_read_at_once_one_wins() {
    let town = town();
    let api = writer(&town.estate);
    let id = api.get(&format!("{API}/tasks?limit=1")).is(200)["items"][0]["entity_id"].clone();
    let path = format!("{API}/tasks/{}", id.as_str().unwrap());
    for round in 0..5 {
        let tag = tag(&api.get(&path));
        let answers: Vec<_> = thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (api, path, tag) = (&api, &path, &tag);
                    scope.spawn(move || patch(api, path, tag, &json!({"notes": format!("{round}-{writer}")})))
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 3);
        assert_eq!(
            api.get(&path).is(200)["fields"]["notes"],
            won[0].body["fields"]["notes"]
        );
    }
}

#[test]
fn a_server_that_is_killed_while_it_writes_leaves_the_old_file_or_the_new_one() {
    let mut town = town();
    let notes = town.estate.house.notes();
    let writes = town
        .estate
        .key(&json!({"name": "writes", "scopes": ["mcp:read", "mcp:write"]}));
    let mut last = 0_usize;
    for round in 0..6_u64 {
        let api = town.estate.house.api(&writes);
        let task = api.get(&format!("{API}/tasks?limit=1")).is(200)["items"][0].clone();
        let path = format!("{API}/tasks/{}", task["entity_id"].as_str().unwrap());
        let writer = thread::spawn(move || {
            let mut tag = tag(&api.get(&path));
            let mut number = 1_usize;
            loop {
                let body =
                    json!({"notes": format!("{:>6}", last + number), "body": "x".repeat(number * 7_919 % 90_000)});
                let answer = api.try_send(minreq::Method::Patch, &path, Some(&body), &[("If-Match", tag.as_str())]);
                match answer.filter(|answer| answer.status == 200) {
                    Some(answer) => tag = self::tag(&answer),
                    None => return last + number,
                }
                number += 1;
            }
        });
        thread::sleep(Duration::from_millis(150 + round * 37));
        town.estate.house.kill();
        let tried = writer.join().unwrap();
        town.estate.house.serve(&[]);
        let api = town.estate.house.api(&writes);
        let path = format!("{API}/tasks/{}?body=true", task["entity_id"].as_str().unwrap());
        let now = api.get(&path).is(200).clone();
        let number: usize = now["fields"]["notes"].as_str().unwrap().trim().parse().unwrap();
        assert!(number == tried || number + 1 == tried, "{number} of {tried}");
        let length = now["body"].as_str().unwrap().len();
        assert_eq!(length, (number - last) * 7_919 % 90_000, "short or mixed");
        last = number;
        let scratch = tree(&notes)
            .into_iter()
            .filter(|(path, _)| path.ends_with(".tmp"))
            .count();
        let served = api.get("/vault/api/v1/entities?limit=1").is(200)["total"].clone();
        assert_eq!(
            served,
            json!(town.manifest.types.values().sum::<usize>()),
            "{scratch} scratch files, none of them served"
        );
        // Nobody holds the lock.
        let (noun, _, body) = &bodies()[1];
        let made = api.post(&format!("{API}/{noun}"), body);
        let path = format!("{API}/{noun}/{}", made.is(201)["entity_id"].as_str().unwrap());
        delete(&api, &path, &tag(&made)).is(200);
    }
    assert!(last > 6, "it hardly wrote at all: {last}");
}

#[test]
fn a_revision_outlasts_a_restart_and_cannot_be_made_of_the_file_alone() {
    let mut town = town();
    let key = town
        .estate
        .key(&json!({"name": "writes", "scopes": ["mcp:read", "mcp:write"]}));
    let (noun, _, body) = &bodies()[1];
    let made = town.estate.house.api(&key).post(&format!("{API}/{noun}"), body);
    let path = format!("{API}/{noun}/{}", made.is(201)["entity_id"].as_str().unwrap());
    let file = text(&town.estate.house, &made.body["path"]);
    let guessed = Seal::default().revision(file.as_bytes());
    assert_ne!(made.body["revision"], json!(guessed));
    town.estate.house.stop();
    // As a writer leaves them that is killed: long ago, and a moment ago.
    let [old, young] = [".portreeve-1-0.tmp", ".portreeve-1-1.tmp"].map(|name| town.estate.house.notes().join(name));
    fs::write(&young, "x").unwrap();
    let file = fs::File::create(&old).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    town.estate.house.serve(&[]);
    until("what was left long ago is gone", || (!old.exists()).then_some(()));
    assert!(young.exists());
    let api = town.estate.house.api(&key);
    assert_eq!(tag(&api.get(&path)), tag(&made));
    patch(&api, &path, &tag(&made), &json!({"notes": "after"})).is(200);
}

#[test]
fn what_is_written_and_may_not_outlast_a_power_cut_stands_and_is_told_so() {
    let mut town = town();
    let key = town
        .estate
        .key(&json!({"name": "writes", "scopes": ["mcp:read", "mcp:write"]}));
    town.estate.house.stop();
    disk::serve(&mut town.estate.house);
    let api = town.estate.house.api(&key);
    let before = town.estate.books().audit().len();
    let (noun, _, body) = &bodies()[1];
    disk::fault(&town.estate.house, "sync /Tasks$");
    let made = api.post(&format!("{API}/{noun}"), body);
    assert_eq!(made.is(201)["durable"], false);
    let path = format!("{API}/{noun}/{}", made.body["entity_id"].as_str().unwrap());
    assert_eq!(tag(&api.get(&path)), tag(&made), "it is there");
    let changed = patch(&api, &path, &tag(&made), &json!({"notes": "x"}));
    assert_eq!(changed.is(200)["durable"], true, "the disk is well again");
    // What fails before the new file has its name is told as what did not happen.
    disk::fault(&town.estate.house, "sync .tmp$");
    patch(&api, &path, &tag(&changed), &json!({"notes": "y"})).is_problem(503, "VAULT_UNAVAILABLE");
    assert_eq!(tag(&api.get(&path)), tag(&changed), "it is the old one");
    disk::fault(&town.estate.house, "sync /.trash$");
    let gone = delete(&api, &path, &tag(&changed));
    assert_eq!(gone.is(200)["durable"], false);
    api.get(&path).is_problem(404, "VAULT_NOT_FOUND");
    let told = town.estate.books().audit().split_off(before);
    let kinds = told.iter().map(|row| row.kind.as_str());
    let kinds: Vec<_> = kinds.filter(|kind| kind.starts_with("vault.")).collect();
    let expected = [
        "vault.task.created",
        "vault.write.unsynced",
        "vault.task.updated",
        "vault.task.updated",
        "vault.write.failed",
        "vault.task.deleted",
        "vault.write.unsynced",
    ];
    assert_eq!(kinds, expected);
}

fn git(folder: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@a.example"];
    let mut command = Command::new("git");
    let output = command
        .arg("-C")
        .arg(folder)
        .args(identity)
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_write_is_a_commit_by_its_caller_when_the_settings_say_so() {
    let mut town = town();
    let notes = town.estate.house.notes();
    git(&notes, &["init", "--quiet"]);
    git(&notes, &["add", "--all"]);
    git(&notes, &["commit", "--quiet", "--message=all"]);
    town.estate.house.stop();
    town.estate.house.serve(&[("PORTREEVE__VAULT__GIT", "true")]);
    let made = town.estate.owner().post(
        "/api/v1/auth/keys",
        &json!({"name": "writes", "scopes": ["mcp:read", "mcp:write"]}),
    );
    let made = made.is(201);
    let (key, by) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    let api = town.estate.house.api(key);
    let (noun, _, body) = &bodies()[1];
    let task = api.post(&format!("{API}/{noun}"), body);
    assert_eq!(task.is(201)["git"], "committed");
    let (id, path) = (
        task.body["entity_id"].as_str().unwrap(),
        task.body["path"].as_str().unwrap(),
    );
    let changed = patch(
        &api,
        &format!("{API}/{noun}/{id}"),
        &tag(&task),
        &json!({"status": "done"}),
    );
    assert_eq!(
        (&changed.is(200)["set"], &changed.body["git"]),
        (&json!(["closed", "updated"]), &json!("committed"))
    );
    assert_eq!(
        delete(&api, &format!("{API}/{noun}/{id}"), &tag(&changed)).is(200)["git"],
        "committed"
    );
    let log = git(
        &notes,
        &[
            "-c",
            "core.quotePath=false",
            "log",
            "--format=%an %s",
            "--name-status",
            "-n3",
        ],
    );
    assert_eq!(
        log,
        format!(
            "{by} task {id} deleted\n\nD\t{path}\n{by} task {id} updated\n\nM\t{path}\n{by} task {id} created\n\nA\t{path}\n"
        )
    );
    assert_eq!(git(&notes, &["status", "--porcelain", "--untracked-files=no"]), "");
}

/// Every file with its bytes.
fn tree(folder: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert((path.to_str().unwrap().to_owned(), fs::read(path).unwrap()));
            }
        }
    }
    found
}
