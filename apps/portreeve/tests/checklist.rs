//! Every line of `docs/checklist.md` names tests that are there, or says why it does not apply; and no line is missing.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
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

/// The names of all functions of the sources that are tests, or facts that a macro makes tests of.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "target" | "node_modules") && !name.starts_with('.') {
            functions(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let after = text.split("fn ").skip(1);
            let names = after.filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_line_of_the_checklist_names_tests_that_are_there_or_why_it_does_not_apply() {
    let list = fs::read_to_string(root().join("docs/checklist.md")).unwrap();
    let mut known = BTreeSet::new();
    for folder in ["apps", "domain", "services", "shared"] {
        functions(&root().join(folder), &mut known);
    }
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
        let missing: Vec<&&str> = named
            .iter()
            .filter(|name| !known.contains(**name) && !tests.starts_with("does not apply"))
            .collect();
        assert!(missing.is_empty(), "{line}: no test is called {missing:?}");
        assert!(
            !named.is_empty() || tests.starts_with("does not apply"),
            "{line} has neither a test nor a reason"
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
