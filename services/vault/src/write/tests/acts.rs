//! Each act: what becomes of the files, and what is told of it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_made_in_its_projects_folder_and_served_at_once() {
    let house = House::new().await;
    let mut given = task();
    given["notes"] = json!("one\n---\ntwo: #");
    given["links"] = json!([{"label": "here", "url": "https://a.example"}]);
    given["body"] = json!("# Open\n");
    let written = house.create(Kind::Task, given).await.unwrap();
    let path = "50_Projects/2025/P001_gate/Tasks/tsk-000001-1772323200000.md";
    assert_eq!(
        house.text(path),
        "---\nentity_type: Task\nentity_id: tsk-000001-1772323200000\nentity_name: Gate - open\ncreated: 2026-03-01\nupdated: 2026-03-01\n\
         status: todo\naliases: [tsk-000001-1772323200000]\nproject_id: prj-001\nassignee: member-02\nlinks:\n  - {label: here, url: \"https://a.example\"}\n\
         notes: \"one\\n---\\ntwo: #\"\npriority: low\nstart_date: 2026-03-01\ndue: 2026-03-01\nparent_id: prj-001\n---\n# Open\n"
    );
    let shown = json_of(&written);
    assert_eq!(shown["entity_id"], "tsk-000001-1772323200000");
    assert_eq!(shown["path"], path);
    assert_eq!(shown["revision"], house.revision(path).unwrap().to_string());
    assert_eq!(shown["fields"]["notes"], "one\n---\ntwo: #");
    assert_eq!(
        shown["set"],
        json!(["status", "priority", "start_date", "due", "parent_id"])
    );
    assert_eq!((&shown["git"], &shown["dry_run"]), (&json!("off"), &json!(false)));
    assert!(
        house
            .writer
            .open
            .notes()
            .snapshot()
            .find("tsk-000001-1772323200000")
            .is_some()
    );
    let audit = house.audit().await;
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (audit[0].kind.as_str(), audit[0].subject.as_str()),
        ("vault.task.created", "tsk-000001-1772323200000")
    );
    assert_eq!(audit[0].actor, house.caller.credential.to_string());
    let data: Json = serde_json::from_str(&audit[0].data).unwrap();
    assert_eq!(
        (&data["path"], &data["before"], &data["after"]),
        (&json!(path), &json!(null), &shown["revision"])
    );
    assert_eq!(data["diff"]["assignee"], json!({"old": null, "new": "member-02"}));
    // In the same millisecond: the next one.
    let second = json_of(&house.create(Kind::Task, task()).await.unwrap());
    assert_eq!(second["entity_id"], "tsk-000001-1772323200001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_moves_the_lines_of_its_fields_and_nothing_else() {
    let house = House::new().await;
    let given = json!({"status": "done", "due": null, "notes": "x"});
    let written = house
        .update(Kind::Task, "tsk-000001-1700000000000", TASK, given)
        .await
        .unwrap();
    let expected = TASK_TEXT
        .replace("updated: '2025-12-02'", "updated: 2026-03-01")
        .replace("status: todo # for now", "status: done # for now")
        .replace("_path: old.md\r\n", "notes: x\r\nclosed: 2026-03-01\r\n");
    assert_eq!(house.text(TASK), expected);
    let shown = json_of(&written);
    assert_eq!(shown["set"], json!(["closed", "updated"]));
    assert!(
        shown["fields"].get("salary").is_none(),
        "private, and still in the file"
    );
    assert_eq!(shown["revision"], house.revision(TASK).unwrap().to_string());
    let audit = house.audit().await;
    assert_eq!(audit[0].kind, "vault.task.updated");
    let data: Json = serde_json::from_str(&audit[0].data).unwrap();
    assert_eq!(
        data["diff"],
        json!({
            "status": {"old": "todo", "new": "done"}, "notes": {"old": null, "new": "x"},
            "closed": {"old": null, "new": "2026-03-01"}, "updated": {"old": "2025-12-02", "new": "2026-03-01"},
        })
    );
    assert_eq!(data["before"], SEAL.revision(TASK_TEXT.as_bytes()).to_string());
    // What says nothing new is no write.
    let before = house.files();
    let same = house
        .update(Kind::Task, "tsk-000001-1700000000000", TASK, json!({"status": "done"}))
        .await
        .unwrap();
    assert_eq!(json_of(&same)["set"], json!([]));
    assert_eq!((house.files(), house.audit().await.len()), (before, 1));
    // The text alone.
    let body = json!({"body": "new\n"});
    house
        .update(Kind::Task, "tsk-000001-1700000000000", TASK, body)
        .await
        .unwrap();
    assert_eq!(
        house.text(TASK),
        expected.replace("The text.\r\n---\r\nmore\r\n", "new\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_read_another_revision_changes_nothing() {
    let house = House::new().await;
    let before = house.files();
    for revision in [None, Some(SEAL.revision(b"old"))] {
        let (writer, id) = (&house.writer, "tsk-000001-1700000000000".to_owned());
        let given = object(json!({"status": "doing"}));
        let update = writer
            .update(&house.caller, Kind::Task, id.clone(), revision, given, false)
            .await;
        assert_eq!(update.unwrap_err().code(), Code::VaultNoteChanged);
        let delete = writer
            .delete(&house.caller, Kind::Task, id, revision, false, false)
            .await;
        assert_eq!(delete.unwrap_err().code(), Code::VaultNoteChanged);
    }
    // Changed by an editor, and nobody has looked since.
    let read = house.revision(TASK);
    fs::write(house.path(TASK), TASK_TEXT.replace("todo", "doing")).unwrap();
    let given = object(json!({"status": "done"}));
    let update = house.writer.update(
        &house.caller,
        Kind::Task,
        "tsk-000001-1700000000000".to_owned(),
        read,
        given,
        false,
    );
    assert_eq!(update.await.unwrap_err().code(), Code::VaultNoteChanged);
    fs::write(house.path(TASK), TASK_TEXT).unwrap();
    assert_eq!((house.files(), house.audit().await.len()), (before, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_of_another_type_is_one_answer() {
    let house = House::new().await;
    for (kind, id, path) in [
        (Kind::Task, "tsk-000001-9", TASK),
        (Kind::Task, "prj-001", PROJECT),
        (Kind::Project, "tsk-000001-1700000000000", TASK),
        (Kind::Hypothesis, "../x", HYPOTHESIS),
        (Kind::Program, "", PROGRAM),
        (Kind::Project, "trk-1", "20_Strategy/trk-1.md"),
    ] {
        for code in [
            house
                .update(kind, id, path, json!({"tags": []}))
                .await
                .unwrap_err()
                .code(),
            house.delete(kind, id, path, true).await.unwrap_err().code(),
            house
                .writer
                .duplicate(&house.caller, kind, id.to_owned(), false)
                .await
                .unwrap_err()
                .code(),
        ] {
            assert_eq!(code, Code::VaultNotFound, "{id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_has_its_ids_and_its_place() {
    let house = House::new().await;
    let project = json!({"entity_name": "Wall - 성벽", "owner": "m", "parent_id": "trk-2", "conditions_3y": ["cond-a"], "program_id": "pgm-hiring"});
    let shown = json_of(&house.create(Kind::Project, project).await.unwrap());
    let id = shown["entity_id"].as_str().unwrap();
    let key = id.strip_prefix("prj-").unwrap();
    assert!(
        key.len() == 6
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
        "{id}"
    );
    let folder = format!("50_Projects/2026/P{key}_Wall_성벽");
    assert_eq!(shown["path"], format!("{folder}/project.md"));
    assert_eq!(shown["fields"]["status"], "planning");
    assert!(house.path(&format!("{folder}/Tasks")).is_dir() && house.path(&format!("{folder}/Results")).is_dir());
    // A task of it lies in it.
    let mut given = task();
    given["project_id"] = json!(id);
    let made = json_of(&house.create(Kind::Task, given).await.unwrap());
    assert_eq!(made["entity_id"], format!("tsk-{key}-1772323200000"));
    assert_eq!(made["path"], format!("{folder}/Tasks/tsk-{key}-1772323200000.md"));

    let program = json!({"entity_name": "Seed Round", "program_type": "launch", "owner": "m", "kpis": [{"name": "a", "description": "b"}]});
    let made = json_of(&house.create(Kind::Program, program.clone()).await.unwrap());
    assert_eq!(
        (&made["entity_id"], &made["path"]),
        (&json!("pgm-seed-round"), &json!("50_Projects/seed-round/_PROGRAM.md"))
    );
    assert_eq!(made["fields"]["status"], "doing");
    assert_eq!(
        house.create(Kind::Program, program).await.unwrap_err().code(),
        Code::VaultConflict
    );
    let named = json!({"entity_id": "pgm-a", "entity_name": "한글", "program_type": "launch", "owner": "m"});
    assert_eq!(
        json_of(&house.create(Kind::Program, named).await.unwrap())["entity_id"],
        "pgm-a"
    );

    // The next number, also over files that nobody serves.
    let question = json!({"entity_name": "밝은 빛", "parent_id": "trk-1", "hypothesis_question": "Is it brighter?", "horizon": "2027"});
    let made = json_of(&house.create(Kind::Hypothesis, question.clone()).await.unwrap());
    assert_eq!(
        (&made["entity_id"], &made["path"]),
        (&json!("hyp-1-08"), &json!("60_Hypotheses/2027/hyp-1-08_밝은_빛.md"))
    );
    put(&house.path("60_Hypotheses/2025/hyp-1-11_gone.md"), "no front matter");
    let made = json_of(&house.create(Kind::Hypothesis, question).await.unwrap());
    assert_eq!(made["entity_id"], "hyp-1-12");
    let other = json!({"entity_name": "x", "parent_id": "trk-2", "hypothesis_question": "y?"});
    let made = json_of(&house.create(Kind::Hypothesis, other).await.unwrap());
    assert_eq!(
        (&made["entity_id"], &made["path"]),
        (&json!("hyp-2-01"), &json!("60_Hypotheses/2026/hyp-2-01_x.md"))
    );
    assert_eq!(made["fields"]["evidence_status"], "assumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_differs_in_its_id_its_aliases_and_its_days() {
    let house = House::new().await;
    let copy = house
        .writer
        .duplicate(&house.caller, Kind::Task, "tsk-000001-1700000000000".to_owned(), false)
        .await;
    let shown = json_of(&copy.unwrap());
    let (id, path) = (shown["entity_id"].as_str().unwrap(), shown["path"].as_str().unwrap());
    assert_eq!(
        (id, path),
        (
            "tsk-000001-1772323200000",
            "50_Projects/2025/P001_gate/Tasks/tsk-000001-1772323200000.md"
        )
    );
    let expected = TASK_TEXT
        .replace(
            "entity_id: tsk-000001-1700000000000",
            "entity_id: tsk-000001-1772323200000",
        )
        .replace(
            "aliases: [tsk-000001-1700000000000, gate]",
            "aliases: [tsk-000001-1772323200000]",
        )
        .replace("created: 2025-12-01", "created: 2026-03-01")
        .replace("updated: '2025-12-02'", "updated: 2026-03-01")
        .replace("_path: old.md\r\n", "");
    assert_eq!(house.text(path), expected);
    assert_eq!(house.text(TASK), TASK_TEXT, "the first one is what it was");
    assert_eq!(house.audit().await[0].kind, "vault.task.duplicated");
    for (kind, id, like) in [
        (Kind::Project, "prj-001", "prj-"),
        (Kind::Program, "pgm-hiring", "pgm-hiring-2"),
        (Kind::Hypothesis, "hyp-1-07", "hyp-1-08"),
    ] {
        let copy = house
            .writer
            .duplicate(&house.caller, kind, id.to_owned(), false)
            .await
            .unwrap();
        let shown = json_of(&copy);
        assert!(shown["entity_id"].as_str().unwrap().starts_with(like), "{shown}");
        assert_ne!(shown["entity_id"], id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_can_be_taken_back_and_is_served_no_more() {
    let house = House::new().await;
    let id = "tsk-000001-1700000000000";
    let deleted = house.delete(Kind::Task, id, TASK, false).await.unwrap();
    assert_eq!(
        deleted.trash.as_deref(),
        Some(".trash/20260301T000000Z-tsk-000001-1700000000000")
    );
    assert_eq!(house.text(deleted.trash.as_deref().unwrap()), TASK_TEXT);
    assert!(!house.path(TASK).exists());
    assert!(house.writer.open.notes().snapshot().find(id).is_none());
    assert_eq!(
        house
            .writer
            .duplicate(&house.caller, Kind::Task, id.to_owned(), false)
            .await
            .unwrap_err()
            .code(),
        Code::VaultNotFound
    );
    let audit = house.audit().await;
    assert_eq!(
        (audit[0].kind.as_str(), audit[0].subject.as_str()),
        ("vault.task.deleted", id)
    );
    assert!(audit[0].data.contains("첫 빛"), "what it said is in the log");
    let data: Json = serde_json::from_str(&audit[0].data).unwrap();
    assert_eq!(
        (data["trash"].as_str(), &data["along"]),
        (deleted.trash.as_deref(), &json!([]))
    );
    put(&house.path(TASK), TASK_TEXT);
    let path = NotePath::parse(TASK).unwrap();
    house.writer.open.notes().refresh(&[path]).unwrap();
    let again = house.delete(Kind::Task, id, TASK, false).await.unwrap();
    assert_eq!(
        again.trash,
        deleted.trash.map(|trash| trash + "-2"),
        "nothing there is overwritten"
    );
    let data: Json = serde_json::from_str(&house.audit().await[1].data).unwrap();
    assert_eq!(data["trash"].as_str(), again.trash.as_deref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_goes_with_its_folder_and_only_when_nothing_is_lost_unsaid() {
    let house = House::new().await;
    let refused = house
        .delete(Kind::Project, "prj-001", PROJECT, false)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::VaultConflict);
    assert!(refused.to_string().contains("tsk-000001-1700000000000"), "{refused}");
    // Something that is not its own lies in its folder.
    put(
        &house.path("50_Projects/2025/P001_gate/trk-9.md"),
        &entity("Track", "trk-9", "Nine", ""),
    );
    assert_eq!(
        house
            .delete(Kind::Project, "prj-001", PROJECT, true)
            .await
            .unwrap_err()
            .code(),
        Code::VaultConflict
    );
    fs::remove_file(house.path("50_Projects/2025/P001_gate/trk-9.md")).unwrap();
    // Something that nobody is shown lies there.
    let unseen = house.path("50_Projects/2025/P001_gate/Results/unseen.md");
    fs::create_dir_all(unseen.parent().unwrap()).unwrap();
    fs::write(&unseen, [0xff, 0xfe, b'\n']).unwrap();
    assert_eq!(
        house
            .delete(Kind::Project, "prj-001", PROJECT, true)
            .await
            .unwrap_err()
            .code(),
        Code::VaultConflict
    );
    fs::remove_file(unseen).unwrap();
    put(&house.path("50_Projects/2025/P001_gate/Results/r.md"), "a text\n");
    put(&house.path("50_Projects/2025/P001_gate/data.csv"), "1,2\n");
    put(&house.path("50_Projects/2025/P001_gate/.hidden"), "x\n");
    let dry = house
        .writer
        .delete(
            &house.caller,
            Kind::Project,
            "prj-001".to_owned(),
            house.revision(PROJECT),
            true,
            true,
        )
        .await
        .unwrap();
    assert_eq!((dry.notes, dry.trash, house.path(PROJECT).exists()), (3, None, true));
    let deleted = house.delete(Kind::Project, "prj-001", PROJECT, true).await.unwrap();
    let trash = deleted.trash.unwrap();
    assert_eq!((trash.as_str(), deleted.notes), (".trash/20260301T000000Z-prj-001", 3));
    for file in [
        "project.md",
        "Tasks/tsk-000001-1700000000000.md",
        "Results/r.md",
        "data.csv",
    ] {
        assert!(house.path(&format!("{trash}/{file}")).is_file(), "{file}");
    }
    let audit = house.audit().await;
    let data: Json = serde_json::from_str(&audit[0].data).unwrap();
    assert_eq!(
        (audit.len(), &data["trash"], &data["more_along"]),
        (1, &json!(trash), &json!(0))
    );
    let along = [
        "/.hidden",
        "/Results/r.md",
        "/Tasks/tsk-000001-1700000000000.md",
        "/data.csv",
    ];
    assert_eq!(
        data["along"],
        json!(along.map(|file| format!("50_Projects/2025/P001_gate{file}")))
    );
    let snapshot = house.writer.open.notes().snapshot();
    assert!(snapshot.find("prj-001").is_none() && snapshot.find("tsk-000001-1700000000000").is_none());
    assert!(!house.path("50_Projects/2025/P001_gate").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_has_no_folder_of_its_own_goes_alone() {
    let house = House::new().await;
    let loose = "50_Projects/project.md";
    put(
        &house.path(loose),
        &entity("Project", "prj-002", "Loose - one", "parent_id: trk-1\n"),
    );
    house.writer.open.notes().look_again(&|_| {}).unwrap();
    let deleted = house.delete(Kind::Project, "prj-002", loose, true).await.unwrap();
    assert_eq!(deleted.notes, 1);
    assert!(house.path(PROJECT).is_file() && house.path(TASK).is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_build_on_stays() {
    let house = House::new().await;
    let project = json!({"program_id": "pgm-hiring", "validates": ["hyp-1-07"], "primary_hypothesis_id": "hyp-1-07"});
    house.update(Kind::Project, "prj-001", PROJECT, project).await.unwrap();
    for force in [false, true] {
        let refused = house
            .delete(Kind::Program, "pgm-hiring", PROGRAM, force)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::VaultConflict);
        assert!(refused.to_string().contains("prj-001"));
    }
    assert_eq!(
        house
            .delete(Kind::Hypothesis, "hyp-1-07", HYPOTHESIS, false)
            .await
            .unwrap_err()
            .code(),
        Code::VaultConflict
    );
    house
        .delete(Kind::Hypothesis, "hyp-1-07", HYPOTHESIS, true)
        .await
        .unwrap();
    house
        .update(Kind::Project, "prj-001", PROJECT, json!({"program_id": null}))
        .await
        .unwrap();
    house.delete(Kind::Program, "pgm-hiring", PROGRAM, false).await.unwrap();
    assert!(!house.path(PROGRAM).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_answers_what_would_be_and_leaves_everything_as_it_is() {
    let house = House::new().await;
    let before = house.files();
    let (writer, caller) = (&house.writer, &house.caller);
    let tried = writer.create(caller, Kind::Task, object(task()), true).await.unwrap();
    let shown = json_of(&tried);
    assert_eq!(
        (&shown["dry_run"], &shown["fields"]["status"]),
        (&json!(true), &json!("todo"))
    );
    let bad = object(json!({"entity_name": "x", "project_id": "prj-001", "assignee": "m"}));
    let refused = writer.create(caller, Kind::Task, bad, true).await.unwrap_err();
    assert_eq!(violations(&refused), [("format".to_owned(), "entity_name".to_owned())]);
    let id = "tsk-000001-1700000000000".to_owned();
    let given = object(json!({"status": "done"}));
    let tried = writer
        .update(caller, Kind::Task, id.clone(), house.revision(TASK), given, true)
        .await
        .unwrap();
    assert_eq!(json_of(&tried)["fields"]["closed"], "2026-03-01");
    writer.duplicate(caller, Kind::Task, id.clone(), true).await.unwrap();
    writer
        .delete(caller, Kind::Task, id, house.revision(TASK), false, true)
        .await
        .unwrap();
    assert_eq!((house.files(), house.audit().await.len()), (before, 0));
    assert!(!house.path(".trash").exists());
}
