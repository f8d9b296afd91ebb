//! A vault that lives: files come, change and go, and who holds a snapshot sees none of it.

use {
    super::*,
    crate::entity::EntityType,
    std::{
        fs,
        path::PathBuf,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
        thread,
    },
};

pub(crate) struct House {
    home: tempfile::TempDir,
    pub(crate) vault: Vault,
}

fn quiet(_: crate::scan::Progress) {}

impl House {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(&home.path().join(path), text);
        }
        let vault = Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &quiet).unwrap();
        Self { home, vault }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
        self.vault.refresh(&[note(path)]).unwrap();
    }

    /// Changes a file and has the vault look at it.
    pub(crate) fn put(&self, path: &str, text: &str) -> Arc<Snapshot> {
        write(&self.path(path), text);
        self.vault.refresh(&[note(path)]).unwrap()
    }
}

fn write(path: &std::path::Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn note(path: &str) -> NotePath {
    NotePath::parse(path).unwrap()
}

pub(crate) fn task(id: &str, more: &str) -> String {
    format!("---\nentity_type: Task\nentity_id: {id}\n{more}---\nbody of {id}\n")
}

fn codes(snapshot: &Snapshot) -> Vec<(String, FindingCode)> {
    let mut codes: Vec<_> = snapshot
        .findings()
        .filter(|finding| finding.path != SCHEMA)
        .map(|finding| (finding.path.clone(), finding.code))
        .collect();
    codes.sort();
    codes
}

#[test]
fn a_snapshot_does_not_change_while_the_vault_does() {
    let house = House::with(&[("a.md", &task("tsk-1", "status: todo\n"))]);
    let before = house.vault.snapshot();
    let after = house.put("a.md", &task("tsk-1", "status: done\n"));
    let status = |snapshot: &Snapshot| {
        snapshot
            .find("tsk-1")
            .unwrap()
            .entity()
            .unwrap()
            .status()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (status(&before), status(&after)),
        ("todo".to_owned(), "done".to_owned())
    );
    assert_eq!(after.generation().number, before.generation().number + 1);
    assert_ne!(after.generation().content, before.generation().content);
}

#[test]
fn what_did_not_change_makes_no_new_generation_and_the_same_files_the_same_content() {
    let house = House::with(&[("a.md", &task("tsk-1", "")), ("b/c.md", "text")]);
    let before = house.vault.snapshot();
    for again in [
        house.vault.refresh(&[note("a.md"), note("none.md"), note("b")]),
        house.vault.look_again(&quiet),
    ] {
        assert!(Arc::ptr_eq(&again.unwrap(), &before));
    }
    let twin = House::with(&[("b/c.md", "text"), ("a.md", &task("tsk-1", ""))]);
    assert_eq!(twin.vault.snapshot().generation(), before.generation());
    let changed = house.put("b/c.md", "text.");
    assert_ne!(changed.generation().content, before.generation().content);
    let back = house.put("b/c.md", "text");
    assert_eq!(back.generation().content, before.generation().content);
}

#[test]
fn a_file_or_a_folder_that_has_gone_or_moved_is_gone_or_moved_here() {
    let house = House::with(&[
        ("p/a.md", &task("tsk-1", "")),
        ("p/q/b.md", &task("tsk-2", "")),
        ("p2/c.md", &task("tsk-3", "")),
    ]);
    fs::rename(house.path("p"), house.path("moved")).unwrap();
    let after = house.vault.refresh(&[note("p"), note("moved")]).unwrap();
    assert_eq!(after.find("tsk-2").unwrap().path().as_str(), "moved/q/b.md");
    assert_eq!(after.notes().len(), 3, "p2 begins like p and stays");
    fs::remove_dir_all(house.path("moved")).unwrap();
    let after = house.vault.refresh(&[note("moved")]).unwrap();
    assert_eq!((after.notes().len(), after.find("tsk-1").is_none()), (1, true));
}

#[test]
fn looking_again_finds_what_nobody_told() {
    let house = House::with(&[("a.md", "one"), ("b.md", "two")]);
    write(&house.path("a.md"), "1");
    write(&house.path("d/e.md"), "new");
    fs::remove_file(house.path("b.md")).unwrap();
    let after = house.vault.look_again(&quiet).unwrap();
    let paths: Vec<_> = after.notes().iter().map(|note| note.path().as_str()).collect();
    assert_eq!(paths, ["a.md", "d/e.md"]);
    assert_eq!(house.vault.open_note(&after.notes()[0]).unwrap().body, "1");
}

#[test]
fn a_new_schema_judges_every_file_anew() {
    let house = House::with(&[("x/a.md", &task("tsk-1", "")), ("y/b.md", &task("tsk-2", ""))]);
    assert_eq!(house.vault.snapshot().of_type(&EntityType::Task).count(), 2);
    let after = house.put(SCHEMA, "schema_version: 7\npaths: {include: [x]}\n");
    assert_eq!(after.of_type(&EntityType::Task).count(), 1);
    assert_eq!(after.schema().version, Some("7".into()));
    let broken = house.put(SCHEMA, "a: [");
    assert_eq!(broken.of_type(&EntityType::Task).count(), 2);
    assert!(broken.findings().any(|finding| finding.code == FindingCode::Schema));
    // Without one nothing is broken, and it is told what to do.
    let plain = House::with(&[("a.md", "text")]);
    let snapshot = plain.vault.snapshot();
    let told: Vec<_> = snapshot.findings().filter(|finding| finding.path == SCHEMA).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].code, told[0].severity()),
        (FindingCode::NoSchema, crate::finding::Severity::Warning)
    );
    assert!(told[0].message.contains(SCHEMA), "{}", told[0].message);
}

#[test]
fn the_first_path_of_two_with_one_id_is_served_and_both_are_told() {
    let house = House::with(&[
        ("a/z.md", &task("tsk-1", "status: first\n")),
        ("b.md", &task("tsk-1", "status: second\nparent_id: prj-1\n")),
        ("c.md", "---\nentity_type: Project\nentity_id: prj-1\n---\n"),
    ]);
    let snapshot = house.vault.snapshot();
    assert_eq!(
        snapshot.find("tsk-1").unwrap().entity().unwrap().status(),
        Some("first")
    );
    assert_eq!(snapshot.of_type(&EntityType::Task).count(), 1);
    assert_eq!(
        codes(&snapshot),
        ["a/z.md", "b.md"].map(|path| (path.to_owned(), FindingCode::DuplicateId))
    );
    assert_eq!(snapshot.incoming("prj-1").count(), 0, "who is not served says nothing");
}

#[test]
fn relations_are_turned_around_and_what_is_stored_of_that_is_not_believed() {
    let house = House::with(&[
        (
            "h.md",
            "---\nentity_type: Hypothesis\nentity_id: hyp-1-01\nvalidated_by: [prj-404]\n---\n",
        ),
        (
            "p.md",
            "---\nentity_type: Project\nentity_id: prj-1\nvalidates: [hyp-1-01]\nparent_id: trk-1\n---\n",
        ),
        (
            "t.md",
            &task("tsk-1", "parent_id: prj-1\nproject_id: prj-1\nvalidates: [hyp-1-01]\n"),
        ),
        (
            "k.md",
            "---\nentity_type: Track\nentity_id: trk-1\noutgoing_relations:\n  - {type: supports, target_id: prj-1}\n  - {type: triggers_shutdown, target_id: \"action:stop\"}\n  - {type: blocks, target_id: prj-9}\n---\n",
        ),
    ]);
    let snapshot = house.vault.snapshot();
    let said = |id: &str| {
        let said = snapshot
            .incoming(id)
            .map(|(relation, note)| (relation.as_str().to_owned(), note.path().to_string()));
        said.collect::<Vec<_>>()
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(
        said("hyp-1-01"),
        [pair("validates", "p.md")],
        "neither the task's word nor the hypothesis' own"
    );
    assert_eq!(
        said("prj-1"),
        [
            pair("supports", "k.md"),
            pair("parent", "t.md"),
            pair("project", "t.md")
        ]
    );
    assert_eq!(snapshot.who(&crate::Relation::Parent, "prj-1").count(), 1);
    let track = snapshot.find("trk-1").unwrap();
    assert_eq!(snapshot.outgoing(track.entity().unwrap()).count(), 1);
    assert_eq!(codes(&snapshot), [("k.md".to_owned(), FindingCode::Dangling)]);
    let line = snapshot
        .findings()
        .find(|finding| finding.code == FindingCode::Dangling)
        .unwrap()
        .line;
    assert_eq!(line, Some(4));
}

#[test]
fn links_lead_to_ids_paths_aliases_and_names_and_back() {
    let house = House::with(&[
        (
            "a.md",
            "[[tsk-1]] [[Alias]] [[x/b.md]] [[b]] [[Its name]] [[nobody]] [[other::x]] [[a]]",
        ),
        (
            "x/b.md",
            "---\nentity_type: Task\nentity_id: tsk-1\nentity_name: Its name\naliases: [Alias]\n---\n",
        ),
        ("y/b.md", "[[x/b]]"),
    ]);
    let snapshot = house.vault.snapshot();
    let back = |path: &str| {
        snapshot
            .backlinks(&note(path))
            .map(|note| note.path().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(back("x/b.md"), ["a.md", "y/b.md"]);
    assert_eq!((back("a.md"), back("y/b.md").len()), (vec!["a.md".to_owned()], 0));
    for (link, path) in [
        ("tsk-1", Some("x/b.md")),
        ("Alias", Some("x/b.md")),
        ("b", Some("x/b.md")),
        ("x/b", Some("x/b.md")),
        ("a", Some("a.md")),
        ("nobody", None),
        ("other::x", None),
        ("y/b", None),
    ] {
        let target = snapshot.target(link).map(|note| note.path().as_str());
        assert_eq!(target, path, "`y/b` stands in no text; {link}");
    }
    let nowhere = snapshot
        .findings()
        .filter(|finding| finding.code == FindingCode::DanglingLink);
    assert_eq!(
        nowhere.map(|finding| finding.message.as_str()).collect::<Vec<_>>(),
        ["`[[nobody]]` leads nowhere"]
    );
}

#[test]
fn a_folder_is_a_stretch_of_the_notes() {
    let house = House::with(&[
        ("a/1.md", ""),
        ("a/b/2.md", ""),
        ("a-b/3.md", ""),
        ("a0/4.md", ""),
        ("a.md", ""),
    ]);
    let snapshot = house.vault.snapshot();
    let names = |folder: &str| {
        snapshot
            .within(folder)
            .iter()
            .map(|note| note.path().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("a"), ["a/1.md", "a/b/2.md"]);
    assert_eq!((names("a/b").len(), names("none").len(), names("a0").len()), (1, 0, 1));
}

#[test]
fn an_opened_note_is_one_file_of_one_moment() {
    let house = House::with(&[("a.md", &task("tsk-1", "status: todo\n"))]);
    let snapshot = house.vault.snapshot();
    let known = snapshot.find("tsk-1").unwrap();
    let opened = house.vault.open_note(known).unwrap();
    assert!(Arc::ptr_eq(&opened.note, known));
    assert_eq!(opened.body, "body of tsk-1\n");
    write(&house.path("a.md"), &task("tsk-1", "status: done\nmore: 1\n"));
    let opened = house.vault.open_note(known).unwrap();
    assert_eq!(
        (opened.note.entity().unwrap().status(), opened.body.as_str()),
        (Some("done"), "body of tsk-1\n")
    );
    fs::remove_file(house.path("a.md")).unwrap();
    assert!(matches!(house.vault.open_note(known), Err(Refused::Absent)));
}

#[test]
fn who_is_told_of_the_progress_hears_of_every_file() {
    let files: Vec<_> = (0..500)
        .map(|number| (format!("f{}/{number}.md", number % 7), "x"))
        .collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let house = House::with(&files);
    let most = AtomicUsize::new(0);
    write(&house.path("new.md"), "x");
    let tell = |progress: crate::scan::Progress| {
        assert_eq!(progress.found, 501);
        most.fetch_max(progress.done, Ordering::Relaxed);
    };
    house.vault.look_again(&tell).unwrap();
    assert_eq!(most.into_inner(), 501);
}

/// Stops the other threads when the test ends, also when it fails.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn many_changes_under_many_readers_leave_each_snapshot_whole() {
    let house = House::with(&[("a.md", &task("tsk-1", "n: 0\n")), ("b.md", &task("tsk-2", "n: 0\n"))]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = AtEnd(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    let snapshot = house.vault.snapshot();
                    assert!(snapshot.generation().number >= last, "it never goes back");
                    last = snapshot.generation().number;
                    assert_eq!(snapshot.of_type(&EntityType::Task).count(), 2);
                }
            });
        }
        for round in 1..200 {
            house.put("a.md", &task("tsk-1", &format!("n: {round}\n")));
        }
    });
    assert_eq!(house.vault.snapshot().generation().number, 200);
}

#[test]
fn a_vault_that_is_kept_up_to_date_is_as_one_that_is_opened_anew() {
    let ids = ["tsk-1", "tsk-2", "prj-1"];
    let paths = ["a.md", "b/c.md", "b/d.md", "b/e/f.md"];
    let mut chance = 7_u64;
    let mut below = |end: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from((chance >> 33) % end).unwrap()
    };
    let house = House::with(&[]);
    for round in 0..300 {
        let path = paths[below(4)];
        match below(6) {
            0 => drop(fs::remove_file(house.path(path))),
            1 => write(&house.path(path), &format!("text [[{}]] {round}", ids[below(3)])),
            2 => write(&house.path(path), "---\na: &x 1\n---\n"),
            3 => write(
                &house.path(path),
                &format!("{}{round}", task(ids[below(3)], "parent_id: prj-1\n")),
            ),
            4 => write(
                &house.path(path),
                &task(
                    ids[below(3)],
                    &format!("validates: [tsk-1]\nparent_id: {}\n", ids[below(3)]),
                ),
            ),
            _ => write(
                &house.path(path),
                "---\nentity_type: Project\nentity_id: prj-1\nvalidates: [tsk-2]\naliases: [tsk-2]\n---\n[[b/c]]\n",
            ),
        }
        let kept = house.vault.refresh(&[note(path)]).unwrap();
        let anew = Vault::open(&Root::at(house.home.path()).unwrap(), Limits::default(), &quiet)
            .unwrap()
            .snapshot();
        assert_eq!(kept.generation().content, anew.generation().content);
        assert!(kept.is_as(&anew), "round {round}, {path}");
    }
}

#[test]
fn what_a_schema_kept_private_is_private_while_that_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let schema = home.path().join(SCHEMA);
    write(&schema, "cross_vault: {exec_only: [ShipLog]}\n");
    write(
        &home.path().join("log.md"),
        "---\nentity_type: ShipLog\nentity_id: log-1\n---\nx\n",
    );
    write(&home.path().join("task.md"), &task("tsk-1", ""));
    let root = Root::at(home.path()).unwrap();
    let vault = Vault::open(&root, Limits::keeping_private(), &quiet).unwrap();
    let shown = |snapshot: &Snapshot| {
        snapshot
            .notes()
            .iter()
            .map(|note| note.path().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&vault.snapshot()), ["task.md"]);
    let text = fs::read(&schema).unwrap();
    fs::remove_file(&schema).unwrap();
    for _ in 0..2 {
        assert_eq!(
            shown(&vault.look_again(&quiet).unwrap()),
            ["task.md"],
            "as in the middle of a checkout"
        );
    }
    fs::write(&schema, text).unwrap();
    assert_eq!(shown(&vault.look_again(&quiet).unwrap()), ["task.md"]);
    fs::write(&schema, "schema_version: 1\n").unwrap();
    assert_eq!(
        shown(&vault.look_again(&quiet).unwrap()),
        ["log.md", "task.md"],
        "by its own word"
    );
}

/// What is shown of a vault: paths, and fields beside the id and the type.
fn shown_of(snapshot: &Snapshot) -> Vec<String> {
    let fields = |note: &Note| {
        let names = note.fields().iter().map(|(name, _)| name.to_string());
        let names: Vec<_> = names.filter(|name| !name.starts_with("entity_")).collect();
        format!("{} {}", note.path(), names.join(" "))
    };
    snapshot.notes().iter().map(|note| fields(note)).collect()
}

#[test]
fn what_a_schema_kept_private_is_private_after_a_restart_without_it() {
    let home = tempfile::tempdir().unwrap();
    let (notes, kept) = (home.path().join("notes"), home.path().join("kept"));
    let schema = notes.join(SCHEMA);
    let all = "assignee: member-01\ntags: [a]\npurse: 12\nstatus: todo\n";
    write(&notes.join("task.md"), &task("tsk-1", all));
    write(
        &notes.join("track.md"),
        "---\nentity_type: Track\nentity_id: trk-1\n---\n",
    );
    write(
        &notes.join("40_People/one.md"),
        "---\nentity_type: Task\nentity_id: tsk-2\n---\n",
    );
    let open = || {
        let root = Root::at(&notes).unwrap();
        Vault::open_kept(&root, Limits::keeping_private(), &kept, &quiet)
    };
    let shown = || shown_of(&open().unwrap().snapshot());
    let ordinary = ["40_People/one.md ", "task.md assignee tags status", "track.md "];
    assert_eq!(shown(), ordinary, "of a vault that never had a schema");

    let listed = "private_fields: {all: [tags], Task: [assignee]}\ncross_vault: {exec_only: [Track]}\npaths: {exclude: [40_People]}\n";
    write(&schema, listed);
    let vault = open().unwrap();
    assert_eq!(shown_of(&vault.snapshot()), ["task.md purse status"]);
    fs::remove_file(&schema).unwrap();
    let less = ["task.md status"];
    assert_eq!(shown_of(&vault.look_again(&quiet).unwrap()), less, "while it is gone");
    drop(vault);
    assert_eq!(shown(), less, "after a restart");
    open().unwrap().keep(&kept).unwrap();
    assert_eq!(shown(), less, "after another one");
    write(&schema, "a: [");
    assert_eq!(shown(), less, "where it cannot be read");

    fs::write(kept.with_extension("private"), "torn").unwrap();
    assert!(matches!(open(), Err(VaultError::Memory { .. })), "nobody can tell");
    write(&schema, "schema_version: 1\n");
    let everything = ["40_People/one.md ", "task.md assignee tags purse status", "track.md "];
    assert_eq!(shown(), everything, "by its own word");
    fs::remove_file(&schema).unwrap();
    assert_eq!(shown(), ordinary);
}
