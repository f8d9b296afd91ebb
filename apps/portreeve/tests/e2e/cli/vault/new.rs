//! What `portreeve vault new` does not make.

use super::Desk;

#[test]
fn what_is_made_keeps_the_vaults_rules_or_is_not_made() {
    let desk = Desk::sound();
    let before = desk.run(&["vault", "stats", "--root", "notes", "--json"]).json();
    let new = |args: &[&str]| desk.run(&[&["vault", "new"], args, &["--root", "notes"]].concat());
    let task = [
        "task",
        "--name",
        "Gate - paint it",
        "--project",
        "prj-001",
        "--assignee",
        "m",
    ];
    for (change, code, why) in [
        (&["--project", "prj-000"][..], 1, "prj-000"),
        (&["--project", "trk-1"], 1, "project_id"),
        (&["--name", "Gate"], 1, "topic - content"),
        (&["--set", "priority=soon"], 1, "`priority`"),
        (&["--set", "due=soon"], 1, "`due`"),
        (&["--set", "validates=hyp-1-01"], 1, "`validates`"),
        (&["--set", "entity_id=tsk-001-01"], 1, "`entity_id`"),
        (&["--set", "due=2026-01-01", "--set", "due=2026-01-02"], 1, "one value"),
        (&["--set", "due"], 2, "--set"),
        (&["--body", "none.md"], 1, "none.md"),
    ] {
        // A flag that stands in both is that of the change.
        let mut args = vec!["task"];
        for pair in task[1..]
            .chunks(2)
            .filter(|pair| pair[0] != change[0] || pair[0] == "--set")
        {
            args.extend(pair);
        }
        let done = new(&[&args, change].concat());
        assert!(done.fails_with(code).contains(why), "{change:?}: {}", done.stderr);
    }
    new(&["track", "--name", "A - b"]).fails_with(2);
    let after = desk.run(&["vault", "stats", "--root", "notes", "--json"]).json();
    assert_eq!(before, after);
    let dry = new(&[task.as_slice(), &["--dry-run"]].concat());
    assert!(dry.ok().contains("\nentity_name: "), "{}", dry.stdout);
    assert_eq!(
        before,
        desk.run(&["vault", "stats", "--root", "notes", "--json"]).json()
    );
    assert!(
        new(&task).ok().starts_with("id\ttsk-000001-"),
        "the id follows from the project's"
    );
    // Whoever cannot read the rules cannot keep them.
    desk.write("00_Meta/schema_constants.yaml", "entity_types: [\n");
    assert!(new(&task).fails_with(1).contains("no schema that can be read"));
}
