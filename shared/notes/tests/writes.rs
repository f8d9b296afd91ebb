//! Writing, while processes are killed, disks are full, folders are swapped, and others write too. Whoever reads finds the old file or
//! the new one.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use {
    portreeve_notes::{
        Digest, Fields, Jail, Limits, Lock, NotePath, Refused, Root, Value, Vault, Write, compose, jail::TRASH, splice,
    },
    std::{
        collections::BTreeSet,
        env, fs,
        io::{BufRead as _, BufReader, Read as _},
        os::unix::fs::symlink,
        path::Path,
        process::{Child, Command, Stdio},
        sync::{
            Arc,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
        thread,
        time::{Duration, SystemTime},
    },
    tempfile::TempDir,
};

const NOTE: &str = "50_Projects/a.md";
const LIMIT: usize = 4 << 20;

fn path(text: &str) -> NotePath {
    NotePath::parse(text).unwrap()
}

fn jail(home: &Path) -> Jail {
    Jail::new(&Root::at(home).unwrap()).unwrap()
}

fn house() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("50_Projects")).unwrap();
    fs::write(home.path().join(NOTE), note(0, 10)).unwrap();
    home
}

/// A note that says how long its text is.
fn note(number: i64, length: usize) -> Vec<u8> {
    let fields: Fields = [
        ("entity_type".into(), Value::Text("Task".into())),
        ("entity_id".into(), Value::Text("tsk-1".into())),
        ("number".into(), Value::Integer(number)),
        ("length".into(), Value::Integer(i64::try_from(length).unwrap())),
    ]
    .into_iter()
    .collect();
    compose(&fields, &"x".repeat(length), Limits::default()).unwrap()
}

fn number(vault: &Vault) -> i64 {
    let snapshot = vault.snapshot();
    let note = snapshot.note(&path(NOTE)).unwrap();
    let opened = vault.open_note(note).unwrap();
    let integer = |name: &str| match opened.note.fields().get(name) {
        Some(Value::Integer(number)) => *number,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        opened.body.len(),
        usize::try_from(integer("length")).unwrap(),
        "short or mixed"
    );
    integer("number")
}

fn held(jail: &Jail) -> Lock {
    loop {
        if let Some(lock) = jail.try_lock().unwrap() {
            return lock;
        }
        thread::yield_now();
    }
}

/// One more, as a writer does it.
fn count(jail: &Jail, length: usize) -> i64 {
    let _lock = held(jail);
    let (bytes, _) = jail.read(&path(NOTE), LIMIT).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let old = text.split("number: ").nth(1).unwrap().split('\n').next().unwrap();
    let next = old.parse::<i64>().unwrap() + 1;
    let edits = [
        ("number".into(), Some(Value::Integer(next))),
        ("length".into(), Some(Value::Integer(i64::try_from(length).unwrap()))),
    ];
    let new = splice(&bytes, &edits, Some(&"x".repeat(length)), Limits::default()).unwrap();
    jail.write(&path(NOTE), &new, Write::Over(Digest::of(&bytes))).unwrap();
    next
}

/// This very program, as another process that does one of the parts below.
fn other(part: &str, home: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "in_another_process", "--nocapture"])
        .env("NOTES_PART", part)
        .env("NOTES_HOME", home)
        .stdout(Stdio::piped());
    command
}

/// A part of the tests that start it; by itself it does nothing.
#[test]
fn in_another_process() {
    let Some(home) = env::var_os("NOTES_HOME") else { return };
    let jail = jail(Path::new(&home));
    match env::var("NOTES_PART").unwrap().as_str() {
        "counts for ever" => {
            println!("begun");
            for turn in 0_usize.. {
                // From one block of the disk to many.
                count(&jail, turn.wrapping_mul(7_919) % 60_000);
                let side = path(&format!("50_Projects/side-{}.md", turn % 3));
                match jail.write(&side, &note(1, 5_000), Write::New) {
                    Ok(_) => {}
                    Err(Refused::Present) => drop(jail.trash(&side, "side.md").ok()),
                    Err(other) => panic!("{other}"),
                }
            }
        }
        "counts to 200" => {
            for turn in 0..200 {
                count(&jail, turn);
            }
        }
        "has no room" => {
            let old = jail.read(&path(NOTE), LIMIT).unwrap().0;
            for write in [Write::Replace, Write::Over(Digest::of(&old))] {
                let refused = jail.write(&path(NOTE), &note(2, 100_000), write).unwrap_err();
                assert!(matches!(refused, Refused::Io(_)), "{refused:?}");
            }
            assert!(jail.write(&path("new.md"), &note(2, 100_000), Write::New).is_err());
        }
        other => panic!("{other}"),
    }
}

fn ended(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn whoever_is_killed_while_writing_leaves_the_old_file_or_the_new_one() {
    let home = house();
    let (mut last, mut hit, mut grown) = (0, 0, 0);
    for kill in 0_u64..300 {
        let mut child = other("counts for ever", home.path()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.ends_with("begun\n") {
            assert_ne!(told.read_line(&mut line).unwrap(), 0, "{line}");
        }
        // Anywhere in the first writes.
        thread::sleep(Duration::from_micros(kill * 7_919 % 15_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(jail(home.path()).try_lock().unwrap().is_some(), "the lock is free");
        let vault = Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &|_| {}).unwrap();
        let now = number(&vault);
        assert!(now >= last, "what was written stays written");
        grown += now - last;
        last = now;
        let snapshot = vault.snapshot();
        let served: BTreeSet<_> = snapshot
            .notes()
            .iter()
            .map(|note| note.path().as_str().to_owned())
            .collect();
        for name in &served {
            assert!(
                name == NOTE || name.starts_with("50_Projects/side-"),
                "{name} is served"
            );
        }
        for note in snapshot.notes() {
            let length = vault.open_note(note).unwrap().body.len();
            assert!(note.path().as_str() == NOTE || length == 5_000, "{length}");
        }
        let left: Vec<_> = fs::read_dir(home.path().join("50_Projects"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "tmp"))
            .collect();
        hit += usize::from(!left.is_empty());
        assert_eq!(
            self::jail(home.path()).sweep(i64::MAX).unwrap(),
            left.len(),
            "they are ours"
        );
    }
    assert!(
        hit > 0 && grown > 0,
        "it was never killed while it wrote: {hit} of 300, {grown} writes"
    );
}

#[test]
fn processes_and_threads_that_write_one_note_lose_nothing_of_one_another() {
    let home = house();
    let children: Vec<_> = (0..2)
        .map(|_| other("counts to 200", home.path()).spawn().unwrap())
        .collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let jail = jail(home.path());
                for turn in 0..100 {
                    count(&jail, turn);
                }
            });
        }
    });
    children.into_iter().for_each(ended);
    let vault = Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &|_| {}).unwrap();
    assert_eq!(number(&vault), 600);
}

#[test]
fn of_those_who_read_the_same_file_one_replaces_it() {
    let home = house();
    let jail = Arc::new(jail(home.path()));
    for round in 1..50 {
        let (bytes, _) = jail.read(&path(NOTE), LIMIT).unwrap();
        let digest = Digest::of(&bytes);
        let won = AtomicUsize::new(0);
        thread::scope(|scope| {
            for writer in 0..4 {
                let (jail, won) = (&jail, &won);
                scope.spawn(move || {
                    let _lock = held(jail);
                    match jail.write(&path(NOTE), &note(round, writer), Write::Over(digest)) {
                        Ok(_) => won.fetch_add(1, Ordering::SeqCst),
                        Err(Refused::Changed) => 0,
                        Err(other) => panic!("{other}"),
                    };
                });
            }
        });
        assert_eq!(won.into_inner(), 1, "round {round}");
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let home = house();
    let before = fs::read(home.path().join(NOTE)).unwrap();
    let program = other("has no room", home.path());
    // A file of at most 16 kilobytes; the signal that says so is ignored, so that the write fails as on a full disk.
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 32; exec \"$@\"")
        .arg("sh")
        .arg(program.get_program())
        .args(program.get_args())
        .env("NOTES_PART", "has no room")
        .env("NOTES_HOME", home.path())
        .stdout(Stdio::piped());
    ended(limited.spawn().unwrap());
    assert_eq!(fs::read(home.path().join(NOTE)).unwrap(), before);
    let names = |folder: &Path| -> Vec<_> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&home.path().join("50_Projects")), ["a.md"]);
    assert_eq!(names(home.path()), ["50_Projects"]);
}

#[test]
fn what_a_killed_writer_left_is_swept_and_nothing_else() {
    let home = house();
    let jail = jail(home.path());
    let put = |name: &str, seconds: u64| {
        let place = home.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let file = fs::File::create(place).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .unwrap();
    };
    let swept = [
        ".portreeve-1-0.tmp",
        "50_Projects/.portreeve-4194304-17.tmp",
        "a/b/.portreeve-1-0.tmp",
    ];
    let kept = [
        "50_Projects/.portreeve-1-0.tmp.md",
        "50_Projects/.portreeve-1-0.tmp~",
        "50_Projects/.portreeve-1-.tmp",
        "50_Projects/.portreeve--1.tmp",
        "50_Projects/.portreeve-1.tmp",
        "50_Projects/.portreeve-1-0-0.tmp",
        "50_Projects/.portreeve-a-0.tmp",
        "50_Projects/.portreeve-1-0",
        "50_Projects/.Portreeve-1-0.tmp",
        "50_Projects/portreeve-1-0.tmp",
        "50_Projects/x.portreeve-1-0.tmp",
        ".git/.portreeve-1-0.tmp",
        ".trash/.portreeve-1-0.tmp",
    ];
    swept.iter().chain(&kept).for_each(|name| put(name, 999));
    put("a/.portreeve-1-1.tmp", 1000);
    put("a/.portreeve-1-2.tmp", 999);
    fs::hard_link(home.path().join("a/.portreeve-1-2.tmp"), home.path().join("a/twin")).unwrap();
    fs::create_dir_all(home.path().join("a/.portreeve-1-3.tmp/inner")).unwrap();
    symlink("b/.portreeve-1-0.tmp", home.path().join("a/.portreeve-1-4.tmp")).unwrap();
    let lock = jail.try_lock().unwrap().unwrap();
    assert_eq!(jail.sweep(1000).unwrap(), 0, "somebody writes");
    drop(lock);
    assert_eq!(jail.sweep(1000).unwrap(), swept.len());
    for name in swept {
        assert!(!home.path().join(name).exists(), "{name}");
    }
    let others = [
        "a/.portreeve-1-1.tmp",
        "a/.portreeve-1-2.tmp",
        "a/.portreeve-1-3.tmp/inner",
        NOTE,
    ];
    for name in kept.iter().chain(&others) {
        assert!(home.path().join(name).exists(), "{name}");
    }
    assert!(home.path().join("a/.portreeve-1-4.tmp").is_symlink());
    assert_eq!(jail.sweep(1000).unwrap(), 0);
}

#[test]
fn what_is_deleted_lies_in_the_trash_and_is_served_no_more() {
    let home = house();
    let jail = jail(home.path());
    jail.make_folder(&path("50_Projects/P1/Tasks")).unwrap();
    jail.write(&path("50_Projects/P1/Tasks/t.md"), b"task", Write::New)
        .unwrap();
    assert_eq!(
        jail.trash(&path(NOTE), "20260301T000000Z-a.md").unwrap().what,
        format!("{TRASH}/20260301T000000Z-a.md")
    );
    assert!(matches!(jail.read(&path(NOTE), LIMIT), Err(Refused::Absent)));
    assert_eq!(
        jail.trash(&path("50_Projects/P1"), "stamp-P1").unwrap().what,
        ".trash/stamp-P1"
    );
    assert_eq!(
        fs::read(home.path().join(".trash/stamp-P1/Tasks/t.md")).unwrap(),
        b"task"
    );
    // What has the same name there is not overwritten.
    jail.write(&path(NOTE), b"second", Write::New).unwrap();
    assert!(matches!(jail.trash(&path(NOTE), "stamp-P1"), Err(Refused::Present)));
    let name = jail.trash_name("stamp-P1").unwrap();
    assert_eq!(jail.trash(&path(NOTE), &name).unwrap().what, ".trash/stamp-P1-2");
    let vault = Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &|_| {}).unwrap();
    assert!(vault.snapshot().notes().is_empty());
    for name in ["", ".", "..", "a/b", ".hidden", "a\0"] {
        assert!(jail.trash(&path("50_Projects"), name).is_err(), "{name:?}");
        assert!(jail.trash_name(name).is_err(), "{name:?}");
    }
    assert!(matches!(jail.trash(&path("nowhere.md"), "x"), Err(Refused::Absent)));
}

#[test]
fn folders_are_made_where_there_are_none_and_nowhere_else() {
    let home = house();
    let jail = jail(home.path());
    for _ in 0..2 {
        jail.make_folder(&path("50_Projects/2026/P1_한글/Tasks")).unwrap();
    }
    assert!(home.path().join("50_Projects/2026/P1_한글/Tasks").is_dir());
    assert!(matches!(
        jail.make_folder(&path("50_Projects/a.md")),
        Err(Refused::Present)
    ));
    assert!(matches!(
        jail.make_folder(&path("50_Projects/a.md/b")),
        Err(Refused::Present)
    ));
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), home.path().join("door")).unwrap();
    assert!(matches!(jail.make_folder(&path("door/b")), Err(Refused::Link)));
    let through = jail.write(&path("door/b.md"), b"x", Write::New);
    assert!(matches!(through, Err(Refused::Link)), "{through:?}");
    assert!(matches!(jail.trash(&path("door"), "x"), Err(Refused::Link)));
    symlink(outside.path(), home.path().join(TRASH)).unwrap();
    assert!(matches!(jail.trash(&path(NOTE), "x"), Err(Refused::Link)));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn nothing_is_written_into_a_folder_that_is_not_at_its_path_any_more() {
    let home = tempfile::tempdir().unwrap();
    let [one, other, link] = ["one", "other", "link"].map(|name| home.path().join(name));
    for root in [&one, &other] {
        fs::create_dir_all(root.join("50_Projects")).unwrap();
        fs::write(root.join(NOTE), "old").unwrap();
    }
    symlink(&one, &link).unwrap();
    for said in [&one, &link] {
        let jail = jail(said);
        jail.write(&path(NOTE), b"new", Write::Replace).unwrap();
        if said == &link {
            fs::remove_file(&link).unwrap();
            symlink(&other, &link).unwrap();
        } else {
            fs::rename(&one, home.path().join("away")).unwrap();
            fs::rename(&other, &one).unwrap();
        }
        for refused in [
            jail.write(&path(NOTE), b"newer", Write::Replace).map(drop),
            jail.write(&path("50_Projects/b.md"), b"newer", Write::New).map(drop),
            jail.make_folder(&path("50_Projects/b")),
            jail.trash(&path(NOTE), "a.md").map(drop),
        ] {
            assert!(matches!(refused, Err(Refused::Moved)), "{refused:?}");
        }
        if said == &one {
            fs::rename(&one, &other).unwrap();
            fs::rename(home.path().join("away"), &one).unwrap();
        }
        assert_eq!(fs::read(one.join(NOTE)).unwrap(), b"new");
        assert_eq!(fs::read(other.join(NOTE)).unwrap(), b"old");
        assert_eq!(fs::read_dir(one.join("50_Projects")).unwrap().count(), 1);
    }
    let jail = jail(&one);
    jail.write(&path(NOTE), b"newer", Write::Replace).unwrap();
}

#[test]
fn no_write_goes_through_a_folder_that_is_swapped_for_a_link() {
    let home = house();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("a.md"), "theirs").unwrap();
    let (door, link) = (home.path().join("50_Projects"), home.path().join("link"));
    symlink(outside.path(), &link).unwrap();
    let jail = jail(home.path());
    let over = AtomicBool::new(false);
    let mut swaps = 0_usize;
    thread::scope(|scope| {
        let writers = scope.spawn(|| {
            let (mut done, mut refused) = (0_usize, 0_usize);
            for turn in 0..3_000 {
                let new = path(&format!("50_Projects/{turn}/n.md"));
                let beside = path(&format!("50_Projects/n-{turn}.md"));
                for result in [
                    jail.write(&beside, b"ours", Write::New).map(drop),
                    jail.write(&path(NOTE), b"ours", Write::Replace).map(drop),
                    jail.make_folder(&path(&format!("50_Projects/{turn}"))),
                    jail.write(&new, b"ours", Write::New).map(drop),
                    jail.trash(&new, &format!("t-{turn}")).map(drop),
                ] {
                    match result {
                        Ok(()) => done += 1,
                        Err(_) => refused += 1,
                    }
                }
            }
            over.store(true, Ordering::SeqCst);
            (done, refused)
        });
        while !over.load(Ordering::SeqCst) {
            rustix::fs::renameat_with(
                rustix::fs::CWD,
                &door,
                rustix::fs::CWD,
                &link,
                rustix::fs::RenameFlags::EXCHANGE,
            )
            .unwrap();
            swaps += 1;
        }
        let (done, refused) = writers.join().unwrap();
        assert!(done > 0 && refused > 0 && swaps > 0, "{done} {refused} {swaps}");
    });
    let mut theirs = String::new();
    fs::File::open(outside.path().join("a.md"))
        .unwrap()
        .read_to_string(&mut theirs)
        .unwrap();
    assert_eq!(theirs, "theirs");
    assert_eq!(
        fs::read_dir(outside.path()).unwrap().count(),
        1,
        "nothing was made, and nothing taken"
    );
}
