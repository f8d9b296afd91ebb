//! `portreeve vault`: a vault's notes, read by the real program from the files themselves. No server runs.

mod hostile;
mod new;

use {
    super::told,
    crate::house::{Done, House},
    portreeve_notes::testing::{Manifest, Plan},
    serde_json::{Value, json},
    std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command},
};

/// A house in whose folder a vault lies, where commands are run: so `notes` is its path from there.
struct Desk {
    house: House,
    manifest: Manifest,
}

impl Desk {
    fn with(plan: &Plan) -> Self {
        let house = House::empty();
        let manifest = plan.write(house.home().parent().unwrap()).unwrap();
        Self { house, manifest }
    }

    /// Nothing is wrong with it.
    fn sound() -> Self {
        Self::with(&Plan {
            entities: 120,
            odd: false,
            ..Plan::default()
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.house.home().parent().unwrap().join("notes").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Done {
        self.house.cli(args)
    }

    /// The file of an entity.
    fn file_of(&self, id: &str) -> String {
        let shown = self.run(&["vault", "show", id, "--root", "notes", "--json"]).json();
        shown["path"].as_str().unwrap().to_owned()
    }
}

/// A task beneath the first project, with more front matter.
fn task(id: &str, more: &str) -> String {
    format!(
        "---\nentity_type: Task\nentity_id: {id}\nentity_name: \"Crane - repair\"\ncreated: 2026-02-01\nupdated: 2026-02-02\n\
         status: doing\nproject_id: prj-001\nparent_id: prj-001\nassignee: member-01\ntags: [crane]\n{more}---\n\nThe old crane at the \
         harbour gate creaks.\n\nSee [[prj-001]].\n"
    )
}

#[test]
fn every_command_of_a_vault_takes_what_every_command_takes_and_answers_in_json() {
    let desk = Desk::sound();
    desk.write("50_Projects/crane.md", &task("tsk-001-99", ""));
    let root = desk.path("");
    let root = root.to_str().unwrap();
    let told = |args: &[&str]| told(&desk.house, &[&["vault"], args, &["--root", root]].concat());

    let stats = told(&["stats"]);
    let mut types = desk.manifest.types.clone();
    *types.get_mut("Task").unwrap() += 1;
    for (kind, count) in &types {
        assert_eq!(stats["types"][kind]["count"], *count, "{kind}");
    }
    assert_eq!(stats["types"].as_object().unwrap().len(), types.len());
    let done = desk.manifest.task_statuses["done"];
    assert_eq!(stats["types"]["Task"]["statuses"]["done"], done);
    assert_eq!(stats["severities"], json!({"error": 0, "warning": 0, "note": 0}));
    let backlinks: usize = desk.manifest.backlinks.values().sum();
    assert_eq!(
        (&stats["links"]["here"], &stats["links"]["dangling"]),
        (&json!(backlinks + 1), &json!(0))
    );
    assert_eq!(stats["schema_version"], "9.1");

    let checked = told(&["check", "--fail-on", "note", "--format", "json"]);
    assert_eq!((&checked["failed"], &checked["findings"]), (&json!(0), &json!([])));
    assert_eq!(checked["content"], stats["content"], "both looked at the same");

    let index = tempfile::tempdir().unwrap();
    let index = index.path().join("kept");
    for (term, files) in &desk.manifest.terms {
        // The second and third time from what was kept.
        let found = told(&["search", term, "--limit", "100", "--index", index.to_str().unwrap()]);
        assert_eq!(found["total"], files.len(), "{term}");
        let paths: Vec<&str> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["path"].as_str().unwrap())
            .collect();
        assert!(paths.iter().all(|path| files.contains(*path)), "{term}: {paths:?}");
    }
    let narrow = [
        "--type",
        "Task",
        "--status",
        "doing",
        "--path",
        "50_Projects/",
        "--tag",
        "crane",
    ];
    let found = told(&[&["search", "creaks", "harbour-gate"], narrow.as_slice()].concat());
    assert_eq!(found["total"], 1, "{found:#}");
    assert_eq!(found["items"][0]["entity_id"], "tsk-001-99");
    assert_eq!(found["items"][0]["snippet"]["found"], "harbour gate");
    for other in [
        ["--type", "Project"],
        ["--status", "todo"],
        ["--path", "60_Hypotheses"],
        ["--tag", "none"],
    ] {
        assert_eq!(
            told(&[&["search", "creaks"], other.as_slice()].concat())["total"],
            0,
            "{other:?}"
        );
    }

    let shown = told(&["show", "tsk-001-99", "--body"]);
    assert_eq!(shown["fields"]["assignee"], "member-01");
    assert!(
        shown["body"].as_str().unwrap().starts_with("\nThe old crane"),
        "{shown:#}"
    );
    let parent = &shown["outgoing"][0];
    assert_eq!(
        (&parent["relation"], &parent["entity_id"]),
        (&json!("parent"), &json!("prj-001"))
    );
    let project = told(&["show", "prj-001"]);
    let children = project["incoming"].as_array().unwrap().iter();
    let children = children.filter(|one| one["relation"] == "parent").count();
    assert_eq!(children, desk.manifest.children["prj-001"] + 1);
    let links = desk.manifest.backlinks.get(project["path"].as_str().unwrap());
    assert_eq!(
        project["backlinks"].as_array().unwrap().len(),
        links.copied().unwrap_or_default() + 1
    );
    assert_eq!(project.get("body"), None);

    let text = desk.path("../body.md");
    fs::write(&text, "What to do.\n").unwrap();
    let new = |dry: &[&str]| {
        let about = ["new", "task", "--name", "Gate - paint it", "--project", "prj-001"];
        let more = [
            "--assignee",
            "member-01",
            "--assignee",
            "member-02",
            "--set",
            "due=2026-04-01",
        ];
        told(&[&about, more.as_slice(), &["--body", text.to_str().unwrap()], dry].concat())
    };
    let would = new(&["--dry-run"]);
    assert!(!desk.path(would["path"].as_str().unwrap()).exists(), "{would:#}");
    let made = new(&[]);
    let file = fs::read_to_string(desk.path(made["path"].as_str().unwrap())).unwrap();
    assert_eq!(made["text"], file);
    for line in [
        "assignee: [member-01, member-02]",
        "due: 2026-04-01",
        "parent_id: prj-001",
        "status: todo",
    ] {
        assert!(
            file.lines().any(|one| one.replace(['\'', '"'], "") == line),
            "{line}: {file}"
        );
    }
    assert!(file.ends_with("---\nWhat to do.\n"), "{file}");
    *types.get_mut("Task").unwrap() += 1;
    let (track, hypothesis) = ("trk-1", "hypothesis_question=Does light help?");
    let about = [
        "--name",
        "Harbour - light",
        "--set",
        "owner=member-02",
        "--parent",
        track,
    ];
    let project = told(
        &[
            &["new", "project"],
            about.as_slice(),
            &["--set", "conditions_3y=cond-a"],
        ]
        .concat(),
    );
    *types.get_mut("Project").unwrap() += 1;
    let program = told(&[
        "new",
        "program",
        "--name",
        "Night watch",
        "--set",
        "owner=m",
        "--set",
        "program_type=launch",
    ]);
    assert_eq!(program["entity_id"], "pgm-night-watch");
    *types.get_mut("Program").unwrap() += 1;
    let light = [
        "new",
        "hypothesis",
        "--name",
        "Light",
        "--parent",
        track,
        "--set",
        hypothesis,
        "--set",
        "confidence=0.5",
    ];
    let light = told(&light);
    *types.get_mut("Hypothesis").unwrap() += 1;
    for (made, kind) in [
        (&made, "Task"),
        (&project, "Project"),
        (&program, "Program"),
        (&light, "Hypothesis"),
    ] {
        let shown = told(&["show", made["entity_id"].as_str().unwrap()]);
        assert_eq!(
            (&shown["entity_type"], &shown["revision"]),
            (&json!(kind), &made["revision"])
        );
    }
    let checked = told(&["check"]);
    assert_eq!(
        (&checked["failed"], &checked["counts"]),
        (&json!(0), &json!({})),
        "{checked:#}"
    );

    let graph = told(&["graph", "tsk-001-99", "--depth", "1", "--format", "json"]);
    let ids: Vec<&Value> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| &node["entity_id"])
        .collect();
    assert_eq!(ids, ["tsk-001-99", "prj-001"]);
    let edges = graph["edges"].as_array().unwrap();
    assert!(
        edges.contains(&json!({"from": "tsk-001-99", "relation": "parent", "to": "prj-001"})),
        "{edges:?}"
    );
    let whole = told(&["graph", "--depth", "9"]);
    let entities: usize = types.values().sum();
    assert_eq!(whole["nodes"].as_array().unwrap().len(), entities, "every entity, once");
}

#[test]
fn a_check_ends_with_0_when_clean_1_when_not_and_2_when_it_could_not_look() {
    let desk = Desk::sound();
    let check = |args: &[&str]| desk.run(&[&["vault", "check"], args].concat());
    let clean = check(&["--root", "notes"]);
    assert!(clean.ok().starts_with("nothing is wrong: "), "{clean:?}");
    assert_eq!(clean.stderr, "");

    desk.write("50_Projects/crane.md", &task("tsk-001-99", "priority: soon\n"));
    assert!(
        check(&["--root", "notes"]).ok().contains("1 warning"),
        "a warning is no failure by itself"
    );
    check(&["--root", "notes", "--fail-on", "warning"]).fails_with(1);
    desk.write(
        "50_Projects/crane.md",
        &task("tsk-001-99", "").replace("prj-001", "prj-000"),
    );
    let broken = check(&["--root", "notes"]);
    assert_eq!(broken.fails_with(1), "error: 2 findings to mend\n");
    let line = "notes/50_Projects/crane.md:9: error: `parent_id` names `prj-000`, which does not exist (dangling)";
    assert!(broken.stdout.lines().any(|one| one == line), "{}", broken.stdout);
    assert!(broken.stdout.contains("error\tdangling\t2\n"), "{}", broken.stdout);

    for nowhere in [
        &["--root", "none"][..],
        &["--root", ""],
        &["--root", "notes/README.md"],
        &["--root", "notes", "notes/none.md"],
        &["--root", "notes", "--format", "xml"],
        &["--root", "notes", "--format", "text", "--json"],
        &[],
    ] {
        check(nowhere).fails_with(2);
    }
    // Somebody's folder of notes, who has never heard of a schema.
    fs::create_dir(desk.path("../plain")).unwrap();
    desk.write("../plain/README.md", "# Mine\n");
    let plain = check(&["--root", "plain"]);
    assert!(plain.ok().contains("1 warning"), "{plain:?}");
    assert!(plain.stdout.contains(": 1 note, no schema"), "{plain:?}");
    let told = "plain/00_Meta/schema_constants.yaml: warning: the vault has no schema, so types, words and fields are held against \
                nothing: write `00_Meta/schema_constants.yaml`, or put it back (no_schema)";
    assert!(plain.stdout.lines().any(|line| line == told), "{}", plain.stdout);
    check(&["--root", "plain", "--fail-on", "warning"]).fails_with(1);
    let named = check(&["--root", "plain", "plain/README.md"]);
    assert!(named.ok().contains("no_schema"), "whatever is named: {named:?}");

    let unsaid = check(&[]);
    for way in ["--root DIR", "PORTREEVE__VAULT__ROOT", "`root` under `[vault]`"] {
        assert!(unsaid.stderr.contains(way), "{}", unsaid.stderr);
    }
}

#[test]
fn a_check_tells_of_the_files_that_are_named_however_they_are_named() {
    let desk = Desk::sound();
    for name in ["one.md", "two.md"] {
        desk.write(
            &format!("50_Projects/{name}"),
            &task(name, "").replace("prj-001", "prj-000"),
        );
    }
    let absolute = desk.path("50_Projects/one.md");
    let told = |args: &[&str]| {
        let done = desk.run(&[&["vault", "check", "--root", "notes", "--format", "json"], args].concat());
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let mut paths: Vec<String> = findings.map(|one| one["path"].as_str().unwrap().to_owned()).collect();
        paths.dedup();
        (done.code, paths)
    };
    let (one, two) = ("50_Projects/one.md".to_owned(), "50_Projects/two.md".to_owned());
    let both = (1, vec![one.clone(), two.clone()]);
    assert_eq!(told(&[]), both);
    assert_eq!(told(&["notes/50_Projects"]), both);
    assert_eq!(told(&["notes"]), both);
    assert_eq!(told(&["notes/50_Projects/two.md"]), (1, vec![two.clone()]));
    assert_eq!(told(&[absolute.to_str().unwrap()]), (1, vec![one.clone()]));
    assert_eq!(told(&["notes/README.md"]), (0, vec![]));
    // What a hook passes besides is no business of the vault's, and no mistake.
    let neighbour = desk.run(&["vault", "check", "--root", "notes", "notes-2/secret.md"]);
    neighbour.ok();
    assert_eq!(
        neighbour.stderr,
        "`notes-2/secret.md` is not in the vault, and left out\n"
    );
    // From within the vault.
    let mut inside = desk.house.command();
    inside.current_dir(desk.path("50_Projects"));
    let inside = Done::of(inside.args(["vault", "check", "--root", "..", "two.md"]));
    inside.fails_with(1);
    assert!(
        inside.stdout.contains("50_Projects/two.md:9: error"),
        "{}",
        inside.stdout
    );
    assert!(!inside.stdout.contains("one.md"), "{}", inside.stdout);
    // Without the schema hardly anything is judged; that is told whatever is named.
    desk.write("00_Meta/schema_constants.yaml", "entity_types: [\n");
    assert_eq!(
        told(&["notes/README.md"]),
        (1, vec!["00_Meta/schema_constants.yaml".to_owned()])
    );
}

#[test]
fn in_a_workflow_of_githubs_findings_are_annotations_of_the_repositorys_files() {
    let desk = Desk::sound();
    desk.write(
        "50_Projects/a, b: 50%.md",
        &task("tsk-001-99", "priority: 'so::on'\n").replace("parent_id: prj-001", "parent_id: 'prj-0%'"),
    );
    let check = ["vault", "check", "--root", "notes"];
    let workspace = desk.house.home().parent().unwrap().to_owned();
    let workspace = workspace.to_str().unwrap();
    let by_itself = desk
        .house
        .cli_with(&check, &[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", workspace)]);
    by_itself.fails_with(1);
    let asked = desk.house.cli_with(
        &[check.as_slice(), &["--format", "github"]].concat(),
        &[("GITHUB_ACTIONS", "false"), ("GITHUB_WORKSPACE", workspace)],
    );
    assert_eq!(asked.stdout, by_itself.stdout);
    let file = "file=notes/50_Projects/a%2C b%3A 50%25.md";
    for line in [
        format!("::error {file},line=9,title=dangling::`parent_id` names `prj-0%25`, which does not exist"),
        format!("::warning {file},line=12,title=not_listed::`priority` is not `so::on`"),
    ] {
        assert!(asked.stdout.lines().any(|one| one == line), "{line}\n{}", asked.stdout);
    }
    let text = desk.house.cli_with(
        &[check.as_slice(), &["--format", "text"]].concat(),
        &[("GITHUB_ACTIONS", "true")],
    );
    assert!(!text.stdout.contains("::error"), "{}", text.stdout);
}

#[test]
fn where_the_vault_lies_is_said_by_flag_then_environment_then_settings_and_never_guessed() {
    let desk = Desk::sound();
    let other = tempfile::tempdir().unwrap();
    fs::create_dir(desk.house.home()).unwrap();
    let settings = |root: &std::path::Path| {
        fs::write(
            desk.house.home().join("portreeve.toml"),
            format!("[vault]\nroot = {root:?}\n"),
        )
        .unwrap();
    };
    let notes = |args: &[&str], root: Option<&str>| {
        let variable = root.map(|root| ("PORTREEVE__VAULT__ROOT", root));
        let args = [&["vault", "stats", "--json"], args].concat();
        let stats = desk.house.cli_with(&args, variable.as_slice());
        stats.json()["notes"].as_u64().unwrap() > 0
    };
    let (here, empty) = (desk.path(""), other.path().to_str().unwrap());
    settings(&here);
    assert!(notes(&[], None), "the settings");
    assert!(!notes(&[], Some(empty)), "the environment goes before them");
    assert!(notes(&["--root", "notes"], Some(empty)), "and a flag before both");
    settings(other.path());
    assert!(!notes(&[], None) && notes(&[], Some("notes")));
    // A wrong one is not made good by the next.
    let wrong = desk
        .house
        .cli_with(&["vault", "stats"], &[("PORTREEVE__VAULT__ROOT", "none")]);
    assert!(
        wrong
            .fails_with(1)
            .contains("cannot open the vault `none`: No such file"),
        "{wrong:?}"
    );
}

#[test]
fn what_was_found_is_marked_at_a_terminal_and_nowhere_else() {
    let desk = Desk::sound();
    desk.write("50_Projects/crane.md", &task("tsk-001-99", ""));
    let search = ["vault", "search", "--root", "notes", "creaks"];
    let (code, seen) = desk.house.at_terminal(&search, &[]).end();
    assert_eq!(code, 0, "{seen}");
    assert!(
        seen.contains("harbour gate \u{1b}[30m\u{1b}[43mcreaks\u{1b}[0m."),
        "{seen:?}"
    );
    let piped = desk.run(&search);
    assert!(
        piped.ok().contains("  The old crane at the harbour gate creaks."),
        "{}",
        piped.stdout
    );
    assert!(!piped.stdout.contains('\u{1b}') && piped.stderr.is_empty(), "{piped:?}");
    assert!(
        piped
            .stdout
            .contains("50_Projects/crane.md\n  Task tsk-001-99, doing: Crane - repair\n")
    );
    assert_eq!(
        desk.run(&["vault", "search", "--root", "notes", "nothing-like-it"])
            .ok(),
        "none\n"
    );
    let few = desk.run(&["vault", "search", "--root", "notes", "LAGAN-FREQUENT", "--limit", "1"]);
    let all = desk.manifest.terms["LAGAN-FREQUENT"].len();
    assert!(few.ok().ends_with(&format!("\n1 of {all} notes\n")), "{}", few.stdout);
    for senseless in [&["-- !"][..], &["a", "--path", "../x"], &["a", "--limit", "0"]] {
        let args = [&["vault", "search", "--root", "notes"], senseless].concat();
        desk.run(&args).fails_with(2);
    }
    for within in ["notes/kept", "notes/50_Projects"] {
        let error = desk
            .run(&[search.as_slice(), &["--index", within]].concat())
            .fails_with(1)
            .to_owned();
        assert!(error.contains("lies in the vault"), "{error}");
    }
    assert!(!desk.path("kept").exists());
}

#[test]
fn a_note_is_shown_by_id_by_path_and_as_a_file() {
    let desk = Desk::sound();
    desk.write("50_Projects/crane.md", &task("tsk-001-99", "priority: soon\n"));
    let show = |note: &str| desk.run(&["vault", "show", "--root", "notes", note]);
    let text = show("tsk-001-99").ok().to_owned();
    for (what, line) in [
        ("path", "path\t50_Projects/crane.md"),
        ("field", "status\tdoing"),
        ("relation", "→ parent\tprj-001\tProject\t"),
        ("finding", "line 12, warning: `priority` is not `soon` (not_listed)"),
    ] {
        assert!(text.contains(line), "{what}: {text}");
    }
    assert!(!text.contains("creaks"), "no text unless it is asked for");
    for same in ["50_Projects/crane.md", "notes/50_Projects/crane.md"] {
        assert_eq!(show(same).ok(), text);
    }
    let project = show("prj-001").ok().to_owned();
    assert!(
        project.contains("← parent\ttsk-001-99\tTask\tCrane - repair"),
        "{project}"
    );
    assert!(
        project.contains("LINKED FROM\n") && project.contains("50_Projects/crane.md"),
        "{project}"
    );
    let body = desk.run(&["vault", "show", "--root", "notes", "tsk-001-99", "--body"]);
    assert!(
        body.ok().ends_with("harbour gate creaks.\n\nSee [[prj-001]].\n"),
        "{}",
        body.stdout
    );
    for nothing in [
        "prj-000",
        "../notes-2/secret.md",
        "notes-2/secret.md",
        "00_Meta/schema_constants.yaml",
        ".",
    ] {
        let error = show(nothing).fails_with(1).to_owned();
        assert!(error.contains("there is no note"), "{error}");
    }
}

#[test]
fn a_graph_is_a_tree_and_text_for_the_programs_that_draw() {
    let desk = Desk::sound();
    let first = desk.file_of("tsk-001-01");
    let text = fs::read_to_string(desk.path(&first)).unwrap();
    let name = text
        .lines()
        .find(|line| line.starts_with("entity_name"))
        .unwrap()
        .to_owned();
    desk.write(&first, &text.replace(&name, "entity_name: 'A \"]; - <b>'"));
    let graph = |args: &[&str]| {
        let done = desk.run(&[&["vault", "graph", "--root", "notes"], args].concat());
        done.ok().trim_end().to_owned()
    };
    let tree = graph(&["prj-001"]);
    let mut lines = tree.lines();
    assert!(lines.next().unwrap().starts_with("prj-001 Project, "), "{tree}");
    assert!(tree.contains("├─ → parent trk-"), "{tree}");
    assert!(tree.contains("← parent tsk-001-01 Task, "), "{tree}");
    assert_eq!(tree.matches("← parent tsk-").count(), desk.manifest.children["prj-001"]);
    let whole = graph(&["--format", "tree"]);
    let top = whole.lines().find(|line| line.starts_with("ns-001")).unwrap();
    assert!(top.starts_with("ns-001 NorthStar, fixed"), "{whole}");
    assert!(
        whole.contains("\n│  └─ ← parent cond-") || whole.contains("\n│  ├─ ← parent cond-"),
        "{whole}"
    );
    assert!(!whole.contains("tsk-"), "three steps do not lead to tasks: {whole}");
    assert!(whole.contains(" (+"), "and it says that there is more: {whole}");
    let dot = graph(&["tsk-001-01", "--format", "dot"]);
    assert!(dot.starts_with("digraph vault {\n") && dot.ends_with("\n}"), "{dot}");
    assert!(
        dot.contains("\"tsk-001-01\" [label=\"tsk-001-01\\nA \\\"]; - <b>\"];"),
        "{dot}"
    );
    assert!(
        dot.contains("\"tsk-001-01\" -> \"prj-001\" [label=\"parent\"];"),
        "{dot}"
    );
    let mermaid = graph(&["tsk-001-01", "--format", "mermaid"]);
    assert!(
        mermaid.contains("n0[\"tsk-001-01<br/>A #34;#93;#59; - #60;b#62;\"]"),
        "{mermaid}"
    );
    assert!(mermaid.contains("n0 -->|\"parent\"| n1"), "{mermaid}");
    for nothing in ["prj-000", "README.md"] {
        desk.run(&["vault", "graph", "--root", "notes", nothing]).fails_with(1);
    }
}

#[test]
fn a_hook_of_git_keeps_a_broken_note_out() {
    let desk = Desk::sound();
    let folder = desk.house.home().parent().unwrap().to_owned();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b.example",
            "-c",
            "init.defaultBranch=main",
        ]);
        git.args(args)
            .current_dir(&folder)
            .env("PORTREEVE_HOME", desk.house.home());
        git.env("PORTREEVE_BIN_OF_THE_HOOK", desk.house.command().get_program());
        git.output().unwrap()
    };
    assert!(git(&["init", "--quiet"]).status.success());
    let hook = folder.join(".git/hooks/pre-commit");
    let script = "#!/bin/sh\nexec git diff --cached --name-only -z --diff-filter=d -- '*.md' |\n  \
                  xargs -0 -r \"$PORTREEVE_BIN_OF_THE_HOOK\" vault check --root notes\n";
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let commits = |name: &str| {
        assert!(git(&["add", name]).status.success());
        git(&["commit", "--quiet", "--message", "x"])
    };
    assert!(commits("notes").status.success());
    desk.write(
        "50_Projects/crane.md",
        &task("tsk-001-99", "").replace("prj-001", "prj-000"),
    );
    let refused = commits("notes/50_Projects/crane.md");
    assert!(!refused.status.success(), "{refused:?}");
    let said = [refused.stdout, refused.stderr].concat();
    assert!(
        String::from_utf8_lossy(&said).contains("notes/50_Projects/crane.md:8"),
        "{}",
        String::from_utf8_lossy(&said)
    );
    desk.write("50_Projects/crane.md", &task("tsk-001-99", ""));
    assert!(commits("notes/50_Projects/crane.md").status.success());
}
