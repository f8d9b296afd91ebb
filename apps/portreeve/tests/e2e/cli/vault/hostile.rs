//! What somebody writes who wants to do harm to whoever looks.

use {
    super::{Desk, task},
    portreeve_notes::testing::{Expect, OUTSIDE, Plan},
    serde_json::Value,
};

#[test]
fn what_somebody_wrote_into_a_note_does_nothing_to_a_terminal() {
    let desk = Desk::sound();
    let wild = "\\e]0;owned\\a\\e[2J - \u{202e}dm";
    let text = task("tsk-001-99", "priority: \"\\e[2J\"\n").replace("Crane - repair", wild);
    desk.write(
        "50_Projects/\u{202e}crane.md",
        &text.replace("parent_id: prj-001", "parent_id: tsk-001-98"),
    );
    // Two that are beneath each other.
    let other = task("tsk-001-98", "").replace("parent_id: prj-001", "parent_id: tsk-001-99");
    desk.write("50_Projects/other.md", &other);
    for (args, code) in [
        (&["check"][..], 1),
        (&["check", "--format", "github"], 1),
        (&["check", "--json"], 1),
        (&["stats"], 0),
        (&["show", "tsk-001-99", "--body"], 0),
        (&["show", "tsk-001-99", "--json"], 0),
        (&["search", "creaks"], 0),
        (&["search", "creaks", "--json"], 0),
        (&["graph", "tsk-001-99", "--depth", "200"], 0),
        (&["graph", "tsk-001-99", "--format", "dot"], 0),
        (&["graph", "tsk-001-99", "--format", "mermaid"], 0),
        (&["graph", "tsk-001-99", "--json"], 0),
    ] {
        let done = desk.run(&[&["vault"], args, &["--root", "notes"]].concat());
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
        let acts = done
            .stdout
            .chars()
            .find(|c| *c == '\u{202e}' || (c.is_control() && !matches!(c, '\n' | '\t')));
        assert_eq!(acts, None, "{args:?}");
    }
}

#[test]
fn a_hostile_vault_is_checked_and_searched_and_shows_nothing_from_outside() {
    let desk = Desk::with(&Plan {
        entities: 40,
        hostile: true,
        ..Plan::default()
    });
    let checked = desk.run(&["vault", "check", "--root", "notes", "--json"]);
    checked.fails_with(1);
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    for odd in &desk.manifest.odd {
        let Expect::Refused(code) = odd.expect else { continue };
        let told = report["findings"].as_array().unwrap().iter();
        let told = told.filter(|one| one["path"] == odd.path.as_str() && one["code"] == code.as_str());
        assert_eq!(told.count(), 1, "{}: {}", odd.path, odd.why);
    }
    let found = desk
        .run(&["vault", "search", "--root", "notes", OUTSIDE, "--json"])
        .json();
    assert_eq!(found["total"], 0);
    let hostile = "50_Projects/2026/Phostile_Hostile/Tasks";
    for way in ["leak.md", "door/secret.md", "twin.md", "self/etc/hostname"] {
        let way = format!("{hostile}/{way}");
        desk.run(&["vault", "show", "--root", "notes", &way, "--body"])
            .fails_with(1);
    }
}
