//! The pages that the program prints about itself are the ones in `docs`.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn docs() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join("docs")
}

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_portreeve"))
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_references_are_what_the_program_prints() {
    for (page, of) in [("cli.md", "commands"), ("config.md", "settings")] {
        let there = fs::read_to_string(docs().join(page)).unwrap_or_default();
        assert!(
            there == printed(&["reference", of]),
            "docs/{page} is old; run: cargo xtask docs"
        );
    }
}

#[test]
fn the_endpoints_of_credentials_are_what_the_program_prints() {
    let page = fs::read_to_string(docs().join("authentication.md")).unwrap();
    let (_, rest) = page.split_once("<!-- portreeve reference access").unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (there, _) = rest.split_once("<!-- end -->").unwrap();
    assert!(
        there.trim() == printed(&["reference", "access"]).trim(),
        "docs/authentication.md is old; run: cargo xtask docs"
    );
}

#[test]
fn there_is_a_manual_page_for_every_command_and_for_nothing_else() {
    let mut pages: Vec<String> = fs::read_dir(docs().join("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let commands = printed(&["reference", "commands"]);
    let mut expected: Vec<String> = Vec::new();
    for heading in commands.lines().filter_map(|line| line.strip_prefix("## ")) {
        let words: Vec<&str> = heading.split(' ').collect();
        expected.extend((1..=words.len()).filter_map(|count| Some(format!("{}.1", words.get(..count)?.join("-")))));
    }
    expected.sort();
    expected.dedup();
    assert_eq!(pages, expected, "run: cargo xtask docs");
    for page in pages {
        let words: Vec<&str> = page.trim_end_matches(".1").split('-').skip(1).collect();
        let there = fs::read_to_string(docs().join("man").join(&page)).unwrap();
        let now = printed(&[["man"].as_slice(), &words].concat());
        assert!(there == now, "docs/man/{page} is old; run: cargo xtask docs");
    }
}
