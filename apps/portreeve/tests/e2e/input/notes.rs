//! What may be wrong with a new entity of the vault: each form of a value, wherever the table of fields has it first.

use {
    super::{
        face::{Act, By, Cli, Row, World},
        table::{FORMAT, RANGE, no_texts},
        texts::NOT_PLAIN,
    },
    serde_json::{Value, json},
};

/// Texts that are no day.
const NO_DAYS: [&str; 9] = [
    " ",
    "tomorrow",
    "2026-02-30",
    "2026-13-01",
    "2026-1-1",
    "26-01-01",
    "2026-01-01T00:00:00Z",
    "20260101",
    "２０２６-01-01",
];

/// Texts that are no address of the web.
const NO_ADDRESSES: [&str; 8] = [
    "example.com",
    "ftp://a.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://",
    "https:///a",
    "https://a b",
    "HTTPS://a.example",
];

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut all = tasks(world);
    all.extend(others(world));
    all
}

fn tasks(world: &World) -> Vec<Row> {
    let act = Act::NewTask;
    let none = || Cli::Not("the command line asks for it in its own way");
    let mut all: Vec<Row> = ["entity_name", "project_id", "assignee"]
        .iter()
        .map(|name| world.without(act, name).on_the_line(none()))
        .collect();
    for bad in ["", " ", &"x".repeat(201), &"é".repeat(201)] {
        for name in ["entity_name", "project_id", "assignee", "status", "type", "tags[0]"] {
            // A reference to nothing is none.
            if !(name == "project_id" && bad.is_empty()) {
                all.push(world.field(act, name, &json!(bad), RANGE, By::Server));
            }
        }
    }
    for bad in NOT_PLAIN {
        for name in ["entity_name", "assignee", "priority", "merged_commit", "tags[0]"] {
            all.push(world.field(act, name, &json!(bad), FORMAT, By::Server));
        }
    }
    for bad in no_texts().into_iter().filter(|bad| !bad.is_null()) {
        for name in ["entity_name", "project_id", "notes", "body", "pr_url", "due"] {
            all.push(world.field(act, name, &bad, FORMAT, By::Server));
        }
        all.push(world.field(act, "tags[0]", &bad, FORMAT, By::Server));
    }
    for bad in ["a\0b", "\u{1b}[2J", "a\rb", "\u{85}"] {
        all.push(world.field(act, "notes", &json!(bad), FORMAT, By::Server));
    }
    all.push(world.field(act, "notes", &json!("x".repeat(50_001)), RANGE, By::Server));
    for bad in NO_DAYS {
        let code = if bad == " " { RANGE } else { FORMAT };
        all.push(world.field(act, "due", &json!(bad), code, By::Server));
    }
    for bad in NO_ADDRESSES {
        all.push(world.field(act, "pr_url", &json!(bad), FORMAT, By::Server));
        let link = json!([{"label": "x", "url": bad}]);
        all.push(
            world
                .field(act, "links", &link, FORMAT, By::Server)
                .naming("links[0].url"),
        );
    }
    for (name, bad, code, place) in [
        ("assignee", json!({}), FORMAT, "assignee"),
        ("assignee", json!([5]), FORMAT, "assignee[0]"),
        ("tags", json!("one"), FORMAT, "tags"),
        ("tags", json!(vec!["x"; 51]), RANGE, "tags"),
        ("conditions_3y", json!([null]), FORMAT, "conditions_3y[0]"),
        ("estimated_hours", json!("1"), FORMAT, "estimated_hours"),
        ("estimated_hours", json!(-1), RANGE, "estimated_hours"),
        ("estimated_hours", json!(100_001), RANGE, "estimated_hours"),
        ("links", json!({}), FORMAT, "links"),
        ("links", json!([[]]), FORMAT, "links[0]"),
        (
            "links",
            json!([{"url": "https://a.example"}]),
            "VALIDATION_REQUIRED_FIELD",
            "links[0].label",
        ),
        (
            "links",
            json!([{"label": "x"}]),
            "VALIDATION_REQUIRED_FIELD",
            "links[0].url",
        ),
        (
            "links",
            json!([{"label": "x".repeat(101), "url": "https://a.example"}]),
            RANGE,
            "links[0].label",
        ),
        (
            "links",
            json!([{"label": "x", "url": "https://a.example", "at": 1}]),
            FORMAT,
            "links[0].at",
        ),
        (
            "links",
            Value::from(vec![json!({"label": "x", "url": "https://a.example"}); 11]),
            RANGE,
            "links",
        ),
        ("entity_id", json!("tsk-1"), FORMAT, "entity_id"),
        ("created", json!("2026-01-01"), FORMAT, "created"),
        ("parent_id", json!("prj-001"), FORMAT, "parent_id"),
        ("candidate_id", json!("cand-1"), FORMAT, "candidate_id"),
        ("validated_by", json!([]), FORMAT, "validated_by"),
        ("_path", json!("a.md"), FORMAT, "_path"),
        ("Status", json!("todo"), FORMAT, "Status"),
    ] {
        all.push(world.field(act, name, &bad, code, By::Server).naming(place));
    }
    all
}

fn others(world: &World) -> Vec<Row> {
    let rows: [(Act, &str, Value, &'static str, &str); 18] = [
        (
            Act::NewProject,
            "conditions_3y",
            json!("cond-a"),
            FORMAT,
            "conditions_3y",
        ),
        (Act::NewProject, "confidence", json!(1.01), RANGE, "confidence"),
        (Act::NewProject, "confidence", json!("high"), FORMAT, "confidence"),
        (Act::NewProject, "expected_impact", json!([]), FORMAT, "expected_impact"),
        (
            Act::NewProject,
            "expected_impact",
            json!({"a": {"b": 1}}),
            FORMAT,
            "expected_impact.a",
        ),
        (
            Act::NewProject,
            "expected_impact",
            json!({"a b": 1}),
            FORMAT,
            "expected_impact.a b",
        ),
        (
            Act::NewProject,
            "track_contributes",
            json!({"trk-1": 0.5}),
            FORMAT,
            "track_contributes",
        ),
        (
            Act::NewProject,
            "track_contributes",
            json!([{"to": "trk-1", "weight": -0.1}]),
            RANGE,
            "track_contributes[0].weight",
        ),
        (
            Act::NewProject,
            "track_contributes",
            json!([{"to": "trk-1"}]),
            "VALIDATION_REQUIRED_FIELD",
            "track_contributes[0].weight",
        ),
        (Act::NewProgram, "entity_id", json!("launch"), FORMAT, "entity_id"),
        (Act::NewProgram, "entity_id", json!("pgm-../x"), FORMAT, "entity_id"),
        (
            Act::NewProgram,
            "entity_name",
            json!("한글"),
            "VALIDATION_REQUIRED_FIELD",
            "entity_id",
        ),
        (Act::NewProgram, "status", json!("done"), FORMAT, "status"),
        (
            Act::NewProgram,
            "kpis",
            json!([{"name": "x", "description": 1}]),
            FORMAT,
            "kpis[0].description",
        ),
        (Act::NewHypothesis, "horizon", json!(2026), FORMAT, "horizon"),
        (Act::NewHypothesis, "horizon", json!("26"), FORMAT, "horizon"),
        (Act::NewHypothesis, "closed", json!("2026-01-01"), FORMAT, "closed"),
        (
            Act::NewHypothesis,
            "hypothesis_question",
            json!(""),
            RANGE,
            "hypothesis_question",
        ),
    ];
    rows.into_iter()
        .map(|(act, name, bad, code, place)| world.field(act, name, &bad, code, By::Server).naming(place))
        .collect()
}
