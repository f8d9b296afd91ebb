//! Whatever happens to a vault's files is seen, and soon.

use {
    super::*,
    crate::{Limits, Root, vault::tests::task},
    std::{
        fs,
        path::{Path, PathBuf},
        sync::mpsc::{Receiver, channel},
        time::Duration,
    },
};

struct Watched {
    home: tempfile::TempDir,
    vault: Arc<Vault>,
    news: Receiver<Arc<Snapshot>>,
    _watch: Watch,
}

impl Watched {
    fn with(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        files.iter().for_each(|(path, text)| put(&home.path().join(path), text));
        let vault = Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &|_| {}).unwrap();
        let vault = Arc::new(vault);
        let (tell, news) = channel();
        let watch = Watch::start(Arc::clone(&vault), move |now| drop(tell.send(Arc::clone(now)))).unwrap();
        Self {
            home,
            vault,
            news,
            _watch: watch,
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Waits until a snapshot has these paths, and no others.
    fn becomes(&self, wanted: &[&str]) {
        let paths = |snapshot: &Snapshot| {
            snapshot
                .notes()
                .iter()
                .map(|note| note.path().to_string())
                .collect::<Vec<_>>()
        };
        let mut now = self.vault.snapshot();
        while paths(&now) != wanted {
            // On a busy machine; an idle one takes less than a tenth of a second.
            now = self.news.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
                panic!("{wanted:?} never came: {:?}", paths(&self.vault.snapshot()));
            });
        }
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn files_that_come_change_and_go_are_seen() {
    let watched = Watched::with(&[("a.md", "one"), ("b/c.md", "two")]);
    put(&watched.path("b/d.md"), "three");
    watched.becomes(&["a.md", "b/c.md", "b/d.md"]);
    fs::remove_file(watched.path("a.md")).unwrap();
    watched.becomes(&["b/c.md", "b/d.md"]);
    put(&watched.path("b/c.md"), &task("tsk-1", ""));
    while watched.vault.snapshot().find("tsk-1").is_none() {
        watched.news.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}

#[test]
fn folders_that_come_move_and_go_are_seen_with_all_that_is_in_them() {
    let watched = Watched::with(&[("a/b/c.md", "x")]);
    put(&watched.path("n/e/w.md"), "x");
    watched.becomes(&["a/b/c.md", "n/e/w.md"]);
    fs::rename(watched.path("a"), watched.path("n/moved")).unwrap();
    watched.becomes(&["n/e/w.md", "n/moved/b/c.md"]);
    // It is watched under its new name, and no longer under the old.
    put(&watched.path("n/moved/b/d.md"), "x");
    watched.becomes(&["n/e/w.md", "n/moved/b/c.md", "n/moved/b/d.md"]);
    fs::remove_dir_all(watched.path("n")).unwrap();
    watched.becomes(&[]);
    put(&watched.path("n/again.md"), "x");
    watched.becomes(&["n/again.md"]);
}

#[test]
fn a_file_that_is_moved_into_place_is_seen_as_editors_do_it() {
    let watched = Watched::with(&[("a.md", "old")]);
    put(&watched.path(".a.md.swp"), "new");
    fs::rename(watched.path(".a.md.swp"), watched.path("a.md")).unwrap();
    let now = watched.news.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(watched.vault.open_note(&now.notes()[0]).unwrap().body, "new");
}

#[test]
fn links_are_told_and_nothing_behind_them_is_watched() {
    let outside = tempfile::tempdir().unwrap();
    let watched = Watched::with(&[("a.md", "x")]);
    std::os::unix::fs::symlink(outside.path(), watched.path("door")).unwrap();
    let now = watched.news.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(now.findings().any(|finding| finding.path == "door"));
    put(&outside.path().join("b.md"), "x");
    put(&watched.path("c.md"), "x");
    watched.becomes(&["a.md", "c.md"]);
    fs::remove_file(watched.path("door")).unwrap();
    while watched
        .vault
        .snapshot()
        .findings()
        .any(|finding| finding.path == "door")
    {
        watched.news.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}

#[test]
fn what_changed_between_the_first_reading_and_the_first_watch_is_seen() {
    let home = tempfile::tempdir().unwrap();
    let vault = Arc::new(Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &|_| {}).unwrap());
    put(&home.path().join("a.md"), "x");
    let (tell, news) = channel();
    let watch = Watch::start(Arc::clone(&vault), move |now| tell.send(now.notes().len()).unwrap()).unwrap();
    assert_eq!(news.recv_timeout(Duration::from_secs(20)).unwrap(), 1);
    drop(watch);
    assert!(news.recv().is_err(), "its thread has ended");
}

#[test]
fn thousands_of_changes_at_once_end_in_what_lies_there() {
    let watched = Watched::with(&[]);
    let mut wanted = Vec::new();
    for number in 0..3000 {
        let path = format!("f{}/{number}.md", number % 40);
        put(&watched.path(&path), "x");
        if number % 3 == 0 {
            fs::remove_file(watched.path(&path)).unwrap();
        } else {
            wanted.push(path);
        }
    }
    wanted.sort();
    watched.becomes(&wanted.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_root_that_another_takes_the_place_of_is_told_and_is_looked_at_again_when_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let (root, away) = (home.path().join("notes"), home.path().join("away"));
    put(&root.join("a.md"), "ours");
    let vault = Arc::new(Vault::open(&Root::at(&root).unwrap(), Limits::default(), &|_| {}).unwrap());
    let (tell, news) = channel();
    let _watch = Watch::start(Arc::clone(&vault), move |now| {
        tell.send(now.notes().len()).unwrap_or_default()
    })
    .unwrap();
    fs::rename(&root, &away).unwrap();
    put(&root.join("b.md"), "theirs");
    until(|| vault.has_moved());
    // Seen as a change of a folder that is the vault no more.
    put(&away.join("c.md"), "x");
    assert!(matches!(vault.refresh(&[]), Err(Refused::Moved)));
    assert_eq!(vault.snapshot().notes().len(), 1);
    fs::remove_dir_all(&root).unwrap();
    assert!(
        matches!(vault.look_again(&|_| {}), Err(Refused::Moved)),
        "also when there is nothing"
    );
    fs::rename(&away, &root).unwrap();
    until(|| !vault.has_moved());
    assert_eq!(
        news.recv_timeout(Duration::from_secs(20)).unwrap(),
        2,
        "what changed meanwhile is seen"
    );
}

/// Waits for what the watch does within a second or so; on a busy machine, longer.
fn until(holds: impl Fn() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it never came");
}
