//! What the vault's rules let nobody write.

use super::*;

async fn broken(house: &House, kind: Kind, id: &str, path: &str, given: Json) -> Vec<(String, String)> {
    let before = house.files();
    let problem = house
        .update(kind, id, path, given.clone())
        .await
        .expect_err(&given.to_string());
    assert_eq!(house.files(), before, "{given}");
    violations(&problem)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_is_told_with_its_field() {
    let house = House::new().await;
    let task = ("tsk-000001-1700000000000", TASK);
    for (kind, (id, path), given, code, field) in [
        (
            Kind::Task,
            task,
            json!({"entity_name": "no topic"}),
            "format",
            "entity_name",
        ),
        (Kind::Task, task, json!({"status": "finished"}), "not_listed", "status"),
        (Kind::Task, task, json!({"status": null}), "missing_field", "status"),
        (
            Kind::Task,
            task,
            json!({"priority": "urgent"}),
            "not_listed",
            "priority",
        ),
        (Kind::Task, task, json!({"type": "meeting"}), "not_listed", "type"),
        (
            Kind::Task,
            task,
            json!({"type": "dev"}),
            "conditional_field",
            "target_project",
        ),
        (
            Kind::Task,
            task,
            json!({"project_id": "prj-999"}),
            "dangling",
            "project_id",
        ),
        (
            Kind::Task,
            task,
            json!({"project_id": "trk-1"}),
            "parent_type",
            "project_id",
        ),
        (
            Kind::Task,
            task,
            json!({"conditions_3y": ["cond-a", "cond-z"]}),
            "dangling",
            "conditions_3y",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"parent_id": "prj-001"}),
            "parent_type",
            "parent_id",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"status": "done"}),
            "conditional_field",
            "realized_impact",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"status": "cancelled"}),
            "conditional_field",
            "realized_impact",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"conditions_3y": []}),
            "missing_field",
            "conditions_3y",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"program_id": "prj-001"}),
            "parent_type",
            "program_id",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"validates": ["hyp-9-99"]}),
            "dangling",
            "validates",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"primary_hypothesis_id": "hyp-1-07"}),
            "format",
            "primary_hypothesis_id",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"track_contributes": [{"to": "trk-1", "weight": 0.6}, {"to": "trk-2", "weight": 0.5}]}),
            "format",
            "track_contributes",
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"condition_contributes": [{"to": "trk-1", "weight": 1}]}),
            "parent_type",
            "condition_contributes",
        ),
        (
            Kind::Program,
            ("pgm-hiring", PROGRAM),
            json!({"program_type": "party"}),
            "not_listed",
            "program_type",
        ),
        (
            Kind::Hypothesis,
            ("hyp-1-07", HYPOTHESIS),
            json!({"hypothesis_question": "It is."}),
            "format",
            "hypothesis_question",
        ),
        (
            Kind::Hypothesis,
            ("hyp-1-07", HYPOTHESIS),
            json!({"evidence_status": "planning"}),
            "not_listed",
            "evidence_status",
        ),
        (
            Kind::Hypothesis,
            ("hyp-1-07", HYPOTHESIS),
            json!({"parent_id": "cond-a"}),
            "parent_type",
            "parent_id",
        ),
    ] {
        let told = broken(&house, kind, id, path, given.clone()).await;
        assert!(told.contains(&(code.to_owned(), field.to_owned())), "{given}: {told:?}");
    }
    assert_eq!(house.audit().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_just_keeps_the_rules_is_written() {
    let house = House::new().await;
    let task = ("tsk-000001-1700000000000", TASK);
    for (kind, (id, path), given) in [
        (Kind::Task, task, json!({"type": "dev", "target_project": "gate"})),
        (Kind::Task, task, json!({"status": "done", "closed": "2026-02-01"})),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"validates": ["hyp-1-07"], "primary_hypothesis_id": "hyp-1-07"}),
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"track_contributes": [{"to": "trk-1", "weight": 0.7}, {"to": "trk-2", "weight": 0.3}]}),
        ),
        (
            Kind::Project,
            ("prj-001", PROJECT),
            json!({"status": "done", "realized_impact": {"outcome": "supported"}}),
        ),
        (
            Kind::Hypothesis,
            ("hyp-1-07", HYPOTHESIS),
            json!({"parent_id": "trk-2", "confidence": 1}),
        ),
    ] {
        let written = house.update(kind, id, path, given.clone()).await;
        assert!(written.is_ok(), "{given}: {written:?}");
    }
    assert!(house.text(TASK).contains("closed: 2026-02-01"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wrong_before_stands_in_nobodys_way() {
    let house = House::new().await;
    let wrong = entity(
        "Task",
        "tsk-odd",
        "no topic",
        "project_id: prj-404\nparent_id: prj-404\n",
    )
    .replace("doing", "active");
    put(&house.path(TASK), &wrong);
    house.writer.open.notes().look_again(&|_| {}).unwrap();
    house
        .update(Kind::Task, "tsk-odd", TASK, json!({"notes": "x"}))
        .await
        .unwrap();
    assert!(house.text(TASK).contains("status: active"));
    // But nothing is made worse.
    let told = broken(&house, Kind::Task, "tsk-odd", TASK, json!({"status": "paused"})).await;
    assert_eq!(told, [("not_listed".to_owned(), "status".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_something_new_is_told_at_once() {
    let house = House::new().await;
    let given = json!({"entity_name": "x", "project_id": "prj-9", "assignee": "m", "status": "no", "priority": "no"});
    let told = violations(&house.create(Kind::Task, given).await.unwrap_err());
    let fields: BTreeSet<_> = told.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(
        fields,
        BTreeSet::from(["entity_name", "priority", "project_id", "status"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vault_keeps_private_is_a_name_like_any_unknown_one() {
    let house = House::new().await;
    let id = "tsk-000001-1700000000000";
    for field in ["salary", "estimated_hours", "candidate_id"] {
        let update = house
            .update(Kind::Task, id, TASK, json!({ field: 1 }))
            .await
            .unwrap_err();
        assert_eq!(update.code(), Code::ValidationInvalidFormat, "{field}");
        let mut given = task();
        given[field] = json!(1);
        assert_eq!(
            house.create(Kind::Task, given).await.unwrap_err().code(),
            Code::ValidationInvalidFormat
        );
    }
    // What is private in a value is neither written nor lost.
    let impact = PROJECT;
    put(
        &house.path(impact),
        &house.text(impact).replace(
            "---\n\nAbout",
            "expected_impact: {metric: MAU, salary: 9}\n---\n\nAbout",
        ),
    );
    house.writer.open.notes().look_again(&|_| {}).unwrap();
    let before = house.text(impact);
    for (value, code) in [
        (json!({"metric": "WAU"}), Code::VaultConflict),
        (json!({"salary": 1}), Code::ValidationInvalidFormat),
    ] {
        let refused = house
            .update(Kind::Project, "prj-001", impact, json!({"expected_impact": value}))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code);
    }
    assert_eq!(house.text(impact), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_by_rules_that_nobody_can_read() {
    let house = House::new().await;
    put(&house.path("00_Meta/schema_constants.yaml"), "a: [");
    house.writer.open.notes().look_again(&|_| {}).unwrap();
    assert_eq!(
        house.create(Kind::Task, task()).await.unwrap_err().code(),
        Code::VaultConflict
    );
    let deleted = house.delete(Kind::Task, "tsk-000001-1700000000000", TASK, false).await;
    assert_eq!(deleted.unwrap_err().code(), Code::VaultConflict);
    assert!(house.path(TASK).is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_for_one_note_is_refused_before_the_disk_hears_of_it() {
    let house = House::new().await;
    let before = house.files();
    let kpi = json!({"name": "n", "description": "가".repeat(50_000)});
    let mut given = json!({"entity_name": "Much", "program_type": "launch", "owner": "m"});
    given["kpis"] = json!([kpi, kpi]);
    assert_eq!(
        house.create(Kind::Program, given).await.unwrap_err().code(),
        Code::ValidationOutOfRange
    );
    let mut given = task();
    given["body"] = json!("x".repeat(4 << 20));
    assert_eq!(
        house.create(Kind::Task, given).await.unwrap_err().code(),
        Code::ValidationOutOfRange
    );
    given = task();
    given["body"] = json!("a\0b");
    assert_eq!(
        house.create(Kind::Task, given).await.unwrap_err().code(),
        Code::ValidationInvalidFormat
    );
    assert_eq!((house.files(), house.audit().await.len()), (before, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_is_listed_where_anybody_is() {
    let house = House::new().await;
    let id = "tsk-000001-1700000000000";
    let made = house.create(Kind::Task, task()).await.unwrap();
    assert_eq!(
        json_of(&made)["fields"]["assignee"],
        "member-02",
        "without a list, anybody"
    );
    let members = house.path("00_Meta/members.yaml");
    put(
        &members,
        "members: [{id: member-01, aliases: [ada, 에이다], salary: 12}, {id: member-07, active: false}]\n",
    );
    for known in [json!("member-01"), json!("에이다"), json!(["ada", "member-07"])] {
        house
            .update(Kind::Task, id, TASK, json!({"assignee": known}))
            .await
            .unwrap();
    }
    for (given, stranger) in [
        (json!("member-02"), "member-02"),
        (json!(["ada", "adam"]), "adam"),
        (json!("Member-01"), "Member-01"),
        (json!("salary"), "salary"),
    ] {
        let refused = house
            .update(Kind::Task, id, TASK, json!({"assignee": given}))
            .await
            .unwrap_err();
        assert_eq!(violations(&refused), [("dangling".to_owned(), "assignee".to_owned())]);
        let told = refused.to_string();
        assert!(told.contains(&format!("`{stranger}`")), "{told}");
        assert!(
            told.contains("it has `member-01`, `member-07`"),
            "which would work: {told}"
        );
    }
    let mut project =
        json!({"entity_name": "Wall - all", "owner": "bob", "parent_id": "trk-1", "conditions_3y": ["cond-a"]});
    let refused = house.create(Kind::Project, project.clone()).await.unwrap_err();
    assert_eq!(violations(&refused), [("dangling".to_owned(), "owner".to_owned())]);
    project["owner"] = json!("ada");
    house.create(Kind::Project, project).await.unwrap();
    // What stands there already may stay.
    let path = json_of(&made)["path"].as_str().unwrap().to_owned();
    let own = json_of(&made)["entity_id"].as_str().unwrap().to_owned();
    let again = json!({"assignee": "member-02", "notes": "x"});
    house.update(Kind::Task, &own, &path, again).await.unwrap();
    for (text, code) in [
        ("members: [", Code::VaultConflict),
        ("members:\n", Code::VaultRuleBroken),
    ] {
        put(&members, text);
        assert_eq!(
            house.create(Kind::Task, task()).await.unwrap_err().code(),
            code,
            "{text}"
        );
    }
    house.update(Kind::Task, id, TASK, json!({"notes": "y"})).await.unwrap();
}
