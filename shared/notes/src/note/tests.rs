//! Every odd file that real vaults hold, and what becomes of it.

use {super::*, std::collections::BTreeSet};

const STAMP: Stamp = Stamp {
    size: 0,
    modified: 0,
    changed: 0,
    inode: 0,
};

fn read_in(area: Area, bytes: &[u8]) -> Result<Note, Finding> {
    let place = Place::from(NotePath::parse("50_Projects/a.md").unwrap());
    let rules = Rules {
        area,
        schema: &Schema::default(),
        budget: Budget::default(),
        seal: Seal::default(),
    };
    Note::read(place, STAMP, bytes, rules, &mut Words::default())
}

fn read(text: &str) -> Note {
    read_in(Area::Entities, text.as_bytes()).unwrap()
}

fn task(change: impl Fn(String) -> String) -> Note {
    read(&change(
        "---\nentity_type: Task\nentity_id: tsk-001-01\nentity_name: \"A - b\"\ncreated: 2026-01-15\nstatus: todo\n---\nbody\n".to_owned(),
    ))
}

fn with(extra: &str) -> Note {
    task(|text| text.replace("\n---\nbody", &format!("\n{extra}---\nbody")))
}

fn codes(note: &Note) -> Vec<(FindingCode, Option<u32>)> {
    note.findings
        .iter()
        .map(|finding| (finding.code, finding.line))
        .collect()
}

fn field(note: &Note, name: &str) -> serde_json::Value {
    serde_json::to_value(note.fields().get(name)).unwrap()
}

#[test]
fn a_task_is_read_without_a_finding() {
    let note = task(|text| text);
    let entity = note.entity().unwrap();
    assert_eq!(
        (entity.id.as_str(), &entity.kind, entity.status()),
        ("tsk-001-01", &EntityType::Task, Some("todo"))
    );
    assert_eq!(entity.line("status"), Some(6));
    assert_eq!(codes(&note), []);
}

#[test]
fn a_byte_order_mark_or_windows_line_ends_do_not_hide_an_entity() {
    for note in [
        task(|text| format!("\u{feff}{text}")),
        task(|text| text.replace('\n', "\r\n")),
    ] {
        assert_eq!(note.entity().unwrap().status(), Some("todo"));
        assert_eq!(codes(&note), []);
    }
    assert_eq!(
        task(|text| format!("\u{feff}{text}")).body_start,
        "\u{feff}".len() + task(|text| text).body_start
    );
}

#[test]
fn an_impossible_day_stays_text_with_a_warning() {
    let note = with("due: 2026-13-45\nclosed: null\ndeadline: \"\"\nupdated: {placeholder}\n");
    assert_eq!(field(&note, "due"), "2026-13-45");
    assert_eq!(
        codes(&note),
        [
            (FindingCode::InvalidDate, Some(7)),
            (FindingCode::InvalidDate, Some(10))
        ]
    );
    assert_eq!(note.entity().unwrap().day("due"), Some(Day::Text("2026-13-45".into())));
}

#[test]
fn one_value_and_a_list_of_one_are_the_same_to_who_asks_for_all() {
    let entity = with("tags: one\nvalidates: null\nassignee: [member-01, member-02]\n");
    let entity = entity.entity().unwrap();
    assert_eq!(entity.tags().collect::<Vec<_>>(), ["one".into()]);
    assert_eq!(entity.fields.texts("validates").count(), 0);
    assert_eq!(entity.assignees().count(), 2);
}

#[test]
fn fields_that_programs_wrote_back_are_left_out_and_told() {
    let note = with("_path: a.md\n_body: old\n_vault: other\n");
    assert!(note.fields().iter().all(|(name, _)| !name.starts_with('_')));
    assert_eq!(
        codes(&note),
        [7, 8, 9].map(|line| (FindingCode::ReservedField, Some(line)))
    );
    assert_eq!(note.entity().unwrap().line("status"), Some(6));
}

#[test]
fn the_last_of_two_equal_fields_wins_with_a_warning() {
    let note = with("status: done\n");
    assert_eq!(note.entity().unwrap().status(), Some("done"));
    assert_eq!(codes(&note), [(FindingCode::DuplicateKey, Some(7))]);
    assert_eq!(note.entity().unwrap().line("status"), Some(7));
}

#[test]
fn rules_in_a_value_or_in_the_body_end_nothing() {
    let note = task(|text| {
        text.replace(
            "\n---\nbody\n",
            "\nnotes: \"x\\n---\\ny\"\n---\nbody\n\n---\n\nrule\n---\n",
        )
    });
    assert_eq!(field(&note, "notes"), "x\n---\ny");
    assert_eq!(codes(&note), []);
}

#[test]
fn what_is_no_yaml_is_served_as_text_and_told() {
    for change in [
        ("\"A - b\"", "A: b: c"),
        ("\n---\nbody", "\nbody"),
        ("entity_type", "\tentity_type"),
        ("tsk-001-01", "{{ID}}"),
    ] {
        let note = task(|text| text.replace(change.0, change.1));
        assert_eq!(note.entity(), None, "{change:?}");
        assert_eq!(
            note.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
            [FindingCode::Malformed],
            "{change:?}"
        );
        assert_eq!(note.body_start, 0);
    }
}

#[test]
fn each_way_of_being_no_entity_is_told_apart() {
    for (text, code) in [
        ("---\n- a\n- b\n---\nx\n", FindingCode::NotAMapping),
        ("---\n---\nx\n", FindingCode::NoEntity),
        ("---\nentity_type: Task\n---\n", FindingCode::NoEntity),
        ("---\nentity_id: tsk-1\n---\n", FindingCode::NoEntity),
        ("---\nentity_type: Task\nentity_id: [a]\n---\n", FindingCode::NoEntity),
        ("", FindingCode::NoFrontMatter),
        ("\n---\nentity_id: x\n---\n", FindingCode::NoFrontMatter),
    ] {
        let note = read(text);
        assert_eq!(note.entity(), None, "{text:?}");
        assert_eq!(
            note.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
            [code],
            "{text:?}"
        );
    }
}

#[test]
fn a_number_is_an_id_as_it_is_written() {
    for (written, id) in [("12345", "12345"), ("007", "007"), ("1.50", "1.50")] {
        let note = task(|text| text.replace("tsk-001-01", written));
        assert_eq!(note.entity().unwrap().id.as_str(), id);
        assert_eq!(codes(&note), [(FindingCode::NumericId, Some(3))]);
    }
}

#[test]
fn what_is_refused_is_not_served_at_all() {
    for (bytes, code) in [
        (
            b"---\nentity_id: x\nname: caf\xe9\n---\n".to_vec(),
            FindingCode::Undecodable,
        ),
        (b"---\na: &a [x]\nb: [*a, *a]\n---\n".to_vec(), FindingCode::Refused),
        (b"---\na: !!python/object x\n---\n".to_vec(), FindingCode::Refused),
        (
            format!("---\na: {}{}\n---\n", "[".repeat(20_000), "]".repeat(20_000)).into_bytes(),
            FindingCode::Refused,
        ),
    ] {
        assert_eq!(read_in(Area::Entities, &bytes).unwrap_err().code, code);
        assert_eq!(read_in(Area::Prose, &bytes).unwrap_err().code, code);
    }
}

#[test]
fn prose_is_read_and_not_judged() {
    for text in [
        "",
        "text",
        "---\na: {{X}}\n---\n",
        "---\nnever closed",
        "---\nentity_type: Task\nentity_id: tsk-1\n---\n",
    ] {
        let note = read_in(Area::Prose, text.as_bytes()).unwrap();
        assert_eq!((note.entity(), note.findings.len()), (None, 0), "{text:?}");
    }
    assert_eq!(
        read_in(Area::Prose, b"---\ntitle: T\n---\n")
            .unwrap()
            .fields()
            .text("title"),
        Some("T".into())
    );
}

#[test]
fn a_revision_follows_from_every_byte() {
    let revisions: BTreeSet<_> = ["a", "b", "a\n", ""]
        .iter()
        .map(|text| read_in(Area::Entities, text.as_bytes()).unwrap().revision)
        .collect();
    assert_eq!(revisions.len(), 4);
}
