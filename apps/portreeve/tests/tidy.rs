//! Every source file can be read by itself: it opens with what it is for, it is short, and it leaves nothing for later.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longer files hold more than one idea.
const LONGEST: usize = 700;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Every Rust source of the clone, without build products and hidden folders.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = [
        "domain",
        "shared",
        "services",
        "apps",
        "prove",
        "bench",
        "xtask",
        "localchain",
        "fuzz",
    ]
    .iter()
    .map(|folder| root().join(folder))
    .filter(|folder| folder.is_dir())
    .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found
}

/// What is wrong with one file, in words that say what to do.
fn faults(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.lines().next().is_some_and(|line| line.starts_with("//!")) {
        found.push("open with `//!`: what the file is for and what must stay true".to_owned());
    }
    let length = text.lines().count();
    if length > LONGEST {
        found.push(format!(
            "{length} lines; split it, a file is one idea and at most {LONGEST} lines"
        ));
    }
    // Assembled here, so that this file does not accuse itself.
    let unfinished = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let bare_ignore = format!("#[{}]", "ignore");
    for (number, line) in (1..).zip(text.lines()) {
        for name in &unfinished {
            if line.contains(name) {
                found.push(format!("line {number}: finish it and take `{name}…)` out"));
            }
        }
        if line.contains(&bare_ignore) {
            found.push(format!(
                "line {number}: say what the test needs: `#[ignore = \"needs …\"]`"
            ));
        }
    }
    found
}

#[test]
fn every_source_file_opens_with_its_purpose_and_leaves_nothing_for_later() {
    let sources = sources();
    assert!(sources.len() > 50, "the walk misses files: {}", sources.len());
    let found: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| {
            faults(text)
                .into_iter()
                .map(move |fault| format!("{}: {fault}", path.display()))
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_fault_is_seen() {
    assert_eq!(faults("//! Words.\nfn main() {}\n"), Vec::<String>::new());
    assert_eq!(faults("fn main() {}\n").len(), 1);
    assert_eq!(faults("").len(), 1, "an empty file says nothing either");
    assert_eq!(faults(&"//! Words.\n".repeat(LONGEST + 1)).len(), 1);
    assert_eq!(faults(&"//! Words.\n".repeat(LONGEST)).len(), 0);
    for name in ["todo", "unimplemented", "dbg"] {
        assert_eq!(
            faults(&format!("//! Words.\nfn f() {{ {name}!() }}\n")).len(),
            1,
            "{name}"
        );
    }
    assert_eq!(faults(&format!("//! Words.\n#[{}]\n", "ignore")).len(), 1);
    assert_eq!(faults("//! Words.\n#[ignore = \"needs a database\"]\n").len(), 0);
}
