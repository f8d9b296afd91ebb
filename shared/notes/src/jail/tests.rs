//! Nothing leaves the jail: not by a name, not by a link, not by a swap.

use {
    super::*,
    proptest::prelude::*,
    std::{
        fs as disk,
        os::unix::fs::symlink,
        path::Path,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    },
    tempfile::TempDir,
    unicode_normalization::UnicodeNormalization as _,
};

const LIMIT: usize = 1 << 20;
const SECRET: &[u8] = b"SECRET of the neighbours";

/// A vault `notes` with a neighbour `notes-2`, whose file nobody may ever see.
struct House {
    home: TempDir,
    jail: Jail,
}

impl House {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        disk::create_dir_all(home.path().join("notes/folder/deep")).unwrap();
        disk::create_dir_all(home.path().join("notes-2")).unwrap();
        disk::write(home.path().join("notes-2/secret.md"), SECRET).unwrap();
        disk::write(home.path().join("notes/a.md"), "a").unwrap();
        disk::write(home.path().join("notes/folder/b.md"), "b").unwrap();
        let jail = Jail::new(&Root::at(&home.path().join("notes")).unwrap()).unwrap();
        Self { home, jail }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join("notes").join(name)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Refused> {
        self.jail
            .read(&NotePath::parse(path).unwrap(), LIMIT)
            .map(|(bytes, _)| bytes)
    }
}

fn note(path: &str) -> NotePath {
    NotePath::parse(path).unwrap()
}

#[test]
fn a_file_within_is_read_and_a_folder_is_listed() {
    let house = House::new();
    assert_eq!(house.read("folder/b.md").unwrap(), b"b");
    let mut listed: Vec<_> = house
        .jail
        .list(Some(&note("folder")))
        .unwrap()
        .into_iter()
        .map(|entry| (entry.place.unwrap().path.to_string(), entry.kind))
        .collect();
    listed.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        listed,
        [
            ("folder/b.md".to_owned(), EntryKind::File),
            ("folder/deep".to_owned(), EntryKind::Folder)
        ]
    );
}

#[test]
fn no_link_is_followed_wherever_it_stands_and_wherever_it_leads() {
    let house = House::new();
    let secret = house.home.path().join("notes-2/secret.md");
    symlink(&secret, house.path("leak.md")).unwrap();
    symlink("../notes-2/secret.md", house.path("relative.md")).unwrap();
    symlink("../notes-2", house.path("door")).unwrap();
    symlink("folder", house.path("inner")).unwrap();
    symlink("a.md", house.path("alias.md")).unwrap();
    symlink("/proc/self/root", house.path("magic")).unwrap();
    symlink(".", house.path("loop")).unwrap();
    for path in [
        "leak.md",
        "relative.md",
        "door/secret.md",
        "inner/b.md",
        "alias.md",
        "magic/etc/hostname",
        "loop/a.md",
    ] {
        assert!(matches!(house.read(path), Err(Refused::Link)), "{path}");
        assert!(matches!(house.jail.stamp(&note(path)), Err(Refused::Link)), "{path}");
        assert!(
            matches!(house.jail.write(&note(path), b"x", Write::Replace), Err(Refused::Link)),
            "{path}"
        );
    }
    for folder in ["door", "inner", "loop"] {
        assert!(house.jail.list(Some(&note(folder))).is_err(), "{folder}");
    }
    let links = house
        .jail
        .list(None)
        .unwrap()
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Link);
    assert_eq!(links.count(), 7, "they are seen for what they are");
    assert_eq!(disk::read(secret).unwrap(), SECRET);
}

#[test]
fn a_second_name_of_a_file_outside_is_not_read_or_written() {
    let house = House::new();
    disk::hard_link(house.home.path().join("notes-2/secret.md"), house.path("second.md")).unwrap();
    assert!(matches!(house.read("second.md"), Err(Refused::Link)));
    assert!(matches!(
        house.jail.write(&note("second.md"), b"x", Write::Replace),
        Err(Refused::Link)
    ));
}

#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() {
    let house = House::new();
    fs::mknodat(
        fs::CWD,
        house.path("pipe.md"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    let socket = std::os::unix::net::UnixListener::bind(house.path("socket.md")).unwrap();
    for path in ["pipe.md", "socket.md", "folder"] {
        assert!(matches!(house.read(path), Err(Refused::NotAFile)), "{path}");
    }
    assert!(matches!(house.read("none.md"), Err(Refused::Absent)));
    assert!(matches!(house.read("a.md/b.md"), Err(Refused::Absent)));
    drop(socket);
}

#[test]
fn a_file_of_the_limit_is_read_and_one_byte_more_is_not() {
    let house = House::new();
    disk::write(house.path("full.md"), vec![b'x'; 1000]).unwrap();
    assert_eq!(house.jail.read(&note("full.md"), 1000).unwrap().0.len(), 1000);
    assert!(matches!(
        house.jail.read(&note("full.md"), 999),
        Err(Refused::TooLarge(999))
    ));
}

#[test]
fn even_a_path_that_was_never_judged_does_not_get_out() {
    let house = House::new();
    let outside = house.home.path().join("notes-2/secret.md");
    for spelling in [
        "../notes-2/secret.md",
        "folder/../../notes-2/secret.md",
        outside.to_str().unwrap(),
        "./a.md",
        "..",
    ] {
        assert!(
            matches!(house.jail.open(spelling, READ, Mode::empty()), Err(Refused::Absent)),
            "{spelling}"
        );
        // And the kernel says so too, where the name alone would do.
        if spelling != "./a.md" {
            assert!(house.jail.resolve(spelling, READ, Mode::empty()).is_err(), "{spelling}");
        }
    }
}

#[test]
fn a_name_that_the_disk_spells_apart_is_found_under_its_one_path() {
    let house = House::new();
    let apart: String = "한글 폴더/노트 é.md".nfd().collect();
    disk::create_dir(house.path(apart.split('/').next().unwrap())).unwrap();
    disk::write(house.path(&apart), "found").unwrap();
    assert_eq!(house.read("한글 폴더/노트 é.md").unwrap(), b"found");
    assert_eq!(house.jail.list(Some(&note("한글 폴더"))).unwrap().len(), 1);
    house
        .jail
        .write(&note("한글 폴더/노트 é.md"), b"new", Write::Replace)
        .unwrap();
    assert_eq!(
        disk::read(house.path(&apart)).unwrap(),
        b"new",
        "it keeps the disk's spelling"
    );
    assert!(matches!(
        house.jail.write(&note("한글 폴더/노트 é.md"), b"x", Write::New),
        Err(Refused::Present)
    ));
    house.jail.write(&note("한글 폴더/둘.md"), b"2", Write::New).unwrap();
    assert_eq!(house.read("한글 폴더/둘.md").unwrap(), b"2");
    assert!(matches!(house.read("한글 폴더/없다.md"), Err(Refused::Absent)));
}

#[test]
fn names_that_are_no_paths_are_told_and_not_opened() {
    use std::os::unix::ffi::OsStrExt as _;
    let house = House::new();
    for name in [b"caf\xe9.md".as_slice(), b"a\\b.md", b"%2e.md", b".env"] {
        disk::write(
            house.home.path().join("notes").join(std::ffi::OsStr::from_bytes(name)),
            "x",
        )
        .unwrap();
    }
    let bad: Vec<_> = house
        .jail
        .list(None)
        .unwrap()
        .into_iter()
        .filter_map(|entry| entry.place.err())
        .collect();
    assert_eq!(bad.len(), 4);
    assert_eq!(bad.iter().filter(|name| name.hidden).count(), 1);
}

#[test]
fn a_note_is_written_anew_or_in_place_of_an_old_one_and_never_by_mistake() {
    let house = House::new();
    assert!(matches!(
        house.jail.write(&note("new.md"), b"x", Write::Replace),
        Err(Refused::Absent)
    ));
    let done = house.jail.write(&note("folder/new.md"), b"one", Write::New).unwrap();
    assert!(done.unsynced.is_none());
    assert!(matches!(
        house.jail.write(&note("folder/new.md"), b"two", Write::New),
        Err(Refused::Present)
    ));
    assert_eq!(house.read("folder/new.md").unwrap(), b"one");
    house
        .jail
        .write(&note("folder/new.md"), b"two", Write::Replace)
        .unwrap();
    assert_eq!(house.read("folder/new.md").unwrap(), b"two");
    assert!(matches!(
        house.jail.write(&note("none/new.md"), b"x", Write::New),
        Err(Refused::Absent)
    ));
    let left = disk::read_dir(house.path("folder")).unwrap().count();
    assert_eq!(left, 3, "b.md, deep and new.md: nothing else stays behind");
}

#[test]
fn who_reads_while_others_write_finds_one_text_whole() {
    let house = House::new();
    let texts = [vec![b'a'; 300_000], vec![b'b'; 200_000]];
    house.jail.write(&note("note.md"), &texts[0], Write::New).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                house
                    .jail
                    .write(&note("note.md"), &texts[round % 2], Write::Replace)
                    .unwrap();
            }
        });
        for _ in 0..500 {
            match house.read("note.md") {
                Ok(found) => assert!(texts.contains(&found)),
                Err(Refused::Restless) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
}

/// Stops the other threads when the test ends, also when it fails.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps two names at once, as fast as it can, until told to stop.
fn swap(folder: &Path, one: &str, other: &str, stop: &AtomicBool) {
    let folder = fs::open(folder, FOLDER, Mode::empty()).unwrap();
    while !stop.load(Ordering::Relaxed) {
        fs::renameat_with(&folder, one, &folder, other, fs::RenameFlags::EXCHANGE).unwrap();
    }
}

/// A folder, a file, and links to the neighbours that take their places while `look` looks.
fn under_fire(rounds: usize, look: impl Fn(&Jail, &NotePath) -> Result<Vec<u8>, Refused>) {
    let house = House::new();
    // The folder of the neighbours holds a file of the same name.
    disk::create_dir(house.path("room")).unwrap();
    disk::write(house.path("room/secret.md"), "harmless").unwrap();
    symlink("../notes-2", house.path("door")).unwrap();
    disk::write(house.path("file.md"), "harmless").unwrap();
    symlink("../notes-2/secret.md", house.path("hole.md")).unwrap();
    let stop = AtomicBool::new(false);
    let (mut seen, mut refused) = (0, 0);
    thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| swap(&house.path(""), "room", "door", &stop));
        scope.spawn(|| swap(&house.path(""), "file.md", "hole.md", &stop));
        for round in 0..rounds {
            let path = ["room/secret.md", "door/secret.md", "file.md", "hole.md"][round % 4];
            match look(&house.jail, &note(path)) {
                Ok(bytes) => {
                    assert_eq!(bytes, b"harmless", "a byte from outside");
                    seen += 1;
                }
                Err(_) => refused += 1,
            }
        }
    });
    assert!(
        seen > 20 && refused > 20,
        "both happened: {seen} read, {refused} refused"
    );
    assert_eq!(disk::read(house.home.path().join("notes-2/secret.md")).unwrap(), SECRET);
    assert_eq!(disk::read_dir(house.home.path().join("notes-2")).unwrap().count(), 1);
}

#[test]
fn a_swap_while_reading_never_shows_a_byte_from_outside() {
    under_fire(40_000, |jail, path| jail.read(path, LIMIT).map(|(bytes, _)| bytes));
}

#[test]
fn a_swap_while_listing_never_shows_a_name_from_outside() {
    let house = House::new();
    disk::create_dir(house.path("room")).unwrap();
    disk::write(house.path("room/mine.md"), "x").unwrap();
    symlink("../notes-2", house.path("door")).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| swap(&house.path(""), "room", "door", &stop));
        for _ in 0..20_000 {
            if let Ok(entries) = house.jail.list(Some(&note("room"))) {
                assert!(
                    entries
                        .iter()
                        .all(|entry| entry.place.as_ref().unwrap().path.name() == "mine.md")
                );
            }
        }
    });
}

#[test]
fn a_swap_while_writing_never_touches_a_file_outside() {
    under_fire(400, |jail, path| {
        jail.write(path, b"harmless", Write::Replace)?;
        Ok(b"harmless".to_vec())
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_text_at_all_reads_what_lies_outside(text in "(\\.|/|notes|-2|secret|\\.md|%2e|\\\\|a|folder|\u{0}|한){0,8}") {
        let house = std::cell::OnceCell::new();
        if let Ok(path) = NotePath::parse(&text) {
            let house: &House = house.get_or_init(House::new);
            if let Ok((bytes, _)) = house.jail.read(&path, LIMIT) {
                prop_assert!(bytes == b"a" || bytes == b"b");
            }
        }
    }
}
