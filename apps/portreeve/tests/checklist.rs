//! Every line of `docs/checklist.md` names tests that are there, or says why it does not apply; no line is missing; and above
//! one of a line's tests at least stands its number.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

#[path = "reading/sources.rs"]
mod sources;

use {
    sources::Sources,
    std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    },
};

/// How many lines each part has.
const PARTS: [(&str, usize); 10] = [
    ("1", 13),
    ("2", 13),
    ("3", 5),
    ("3a", 5),
    ("3b", 15),
    ("4", 9),
    ("5", 13),
    ("6", 18),
    ("7", 7),
    ("8", 8),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether the test says that it is about this line of the list: `/// AUTH_CHECKLIST 5.1, 5.2`, `/// 2.9: words`.
fn is_about(sources: &Sources, name: &str, number: &str) -> bool {
    let comments = sources.above.get(name).into_iter().flatten();
    let mut said = comments.filter_map(|line| line.strip_prefix("/// ")).flat_map(|text| {
        let text = text.strip_prefix("AUTH_CHECKLIST ").unwrap_or(text);
        let text = text.strip_prefix("Checklist ").unwrap_or(text);
        text.split(':').next().unwrap_or_default().split(", ")
    });
    said.any(|one| one.trim_end_matches('.') == number)
}

#[test]
fn every_line_of_the_checklist_names_tests_that_are_there_or_why_it_does_not_apply() {
    let list = fs::read_to_string(root().join("docs/checklist.md")).unwrap();
    let sources = Sources::of(&root());
    let mut lines = BTreeSet::new();
    for row in list.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [line, _, tests] = cells.as_slice() else {
            panic!("{row}");
        };
        let line = line.trim_start_matches("| ");
        if line == "line" || line.starts_with('-') {
            continue;
        }
        assert!(lines.insert(line.to_owned()), "{line} is there twice");
        let named: Vec<&str> = tests
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains('_'))
            .collect();
        for name in &named {
            assert!(sources.is_test(name), "{line}: no test is called `{name}`");
        }
        assert!(
            !named.is_empty() || tests.starts_with("does not apply"),
            "{line} has neither a test nor a reason"
        );
        assert!(
            named.is_empty() || named.iter().any(|name| is_about(&sources, name, line)),
            "{line}: the number stands above none of {named:?}"
        );
    }
    for (part, count) in PARTS {
        for number in 1..=count {
            let line = format!("{part}.{number}");
            assert!(lines.contains(&line), "{line} is missing");
        }
    }
    assert_eq!(lines.len(), PARTS.iter().map(|(_, count)| count).sum::<usize>());
}

#[test]
fn a_helper_is_no_test_and_a_number_counts_above_its_own_test_alone() {
    let mut sources = Sources::default();
    sources.take(
        "/// 1.1, 2a.3: words.\n#[test]\n#[ignore = \"needs it\"]\nfn one() {}\n/// Checklist 1.2.\nfn help() {}",
    );
    sources.take(
        "facts! {\n    // Words.\n    two;\n}\n\n/// AUTH_CHECKLIST 4.1, 4.2\nasync fn two(\n    place: Place,\n) {\n}",
    );
    assert!(sources.is_test("one") && sources.is_test("two"));
    for other in ["help", "Words.", "three", "place", ""] {
        assert!(!sources.is_test(other), "`{other}`");
    }
    for (name, number, expected) in [
        ("one", "1.1", true),
        ("one", "2a.3", true),
        ("one", "1.2", false),
        ("one", "1", false),
        ("two", "4.2", true),
        ("two", "2a.3", false),
    ] {
        assert_eq!(is_about(&sources, name, number), expected, "{name} {number}");
    }
}
