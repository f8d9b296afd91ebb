//! Nothing outside of the root is opened, or so much as looked at, whatever is asked for.

use {
    crate::apart,
    portreeve_notes::{
        Filter, Index, Limits, NotePath, Query, Refused, Root, Vault, Watch, Write,
        testing::{OUTSIDE, Plan},
    },
    rustix::{
        fd::OwnedFd,
        fs::{
            CWD, Mode, OFlags, RenameFlags,
            inotify::{CreateFlags, Reader, WatchFlags, add_watch, init},
            openat, renameat_with,
        },
        io::Errno,
    },
    std::{
        fs,
        mem::MaybeUninit,
        os::unix::fs::symlink,
        path::Path,
        process::Command,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    },
};

const HOSTILE: &str = "50_Projects/2026/Phostile_Hostile/Tasks";

/// What somebody asks for who wants what lies outside. `@` is the folder of the links that lead there.
const ATTACKS: [&str; 42] = [
    "..",
    "../notes-2/secret.md",
    "../notes-2",
    "a/../../notes-2/secret.md",
    "./../notes-2/secret.md",
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "..\\notes-2\\secret.md",
    "a\\..\\..\\notes-2\\secret.md",
    "%2e%2e/notes-2/secret.md",
    "%2e%2e%2fnotes-2%2fsecret.md",
    "..%2fnotes-2%2fsecret.md",
    "%252e%252e/notes-2/secret.md",
    "..%c0%afnotes-2/secret.md",
    "....//notes-2/secret.md",
    "..;/notes-2/secret.md",
    "../notes-2/secret.md\0.md",
    "a.md\0",
    "\u{2024}\u{2024}/notes-2/secret.md",
    "\u{ff0e}\u{ff0e}/notes-2/secret.md",
    "..\u{2215}notes-2\u{2215}secret.md",
    "~/secret.md",
    "$HOME/secret.md",
    "file:///etc/passwd",
    ".env",
    ".git/config",
    "50_Projects/.env",
    "50_Projects/2026/.git/x.md",
    ".obsidian/note.md",
    "notes-2/secret.md",
    "@/leak.md",
    "@/door",
    "@/door/secret.md",
    "@/loop/loop/loop/leak.md",
    "@/system.md",
    "@/self",
    "@/self/etc/passwd",
    "@/twin.md",
    "@/pipe.md",
    "@/sparse.md",
    "90_Archive/leak.md",
];

/// Reads, lists, writes, looks again and searches for each of these, and answers how many were served.
pub(crate) fn attack(home: &Path) -> String {
    let root = Root::at(&home.join("notes")).unwrap();
    // Seen in the record of what this process asked the system for.
    let _ = fs::metadata("/begin-of-the-attack");
    let vault = Arc::new(Vault::open(&root, Limits::default(), &|_| {}).unwrap());
    let watch = Watch::start(Arc::clone(&vault), |_| {}).unwrap();
    let index = Index::in_memory().unwrap();
    index.follow(&vault, &vault.snapshot(), &|_| {}).unwrap();
    let mut served = 0;
    for attack in ATTACKS {
        let text = attack.replace('@', HOSTILE);
        let Ok(path) = NotePath::parse(&text) else { continue };
        let read = vault.jail().read(&path, 1 << 20);
        served += usize::from(read.is_ok());
        assert!(!read.is_ok_and(|(bytes, _)| holds_the_outside(&bytes)), "{text}");
        let _ = vault.jail().stamp(&path);
        let listed = vault.jail().list(Some(&path)).unwrap_or_default();
        assert!(
            listed.iter().all(|entry| !format!("{entry:?}").contains("secret.md")),
            "{text}"
        );
        // A note of the vault's own may be written, also one that is too large to be read.
        if !matches!(vault.jail().read(&path, 1 << 20), Ok(_) | Err(Refused::TooLarge(_))) {
            assert!(vault.jail().write(&path, b"mine", Write::Replace).is_err(), "{text}");
        }
        let snapshot = vault.refresh(std::slice::from_ref(&path)).unwrap();
        if let Some(note) = snapshot.note(&path) {
            let opened = vault.open_note(note).unwrap();
            assert!(!holds_the_outside(opened.body.as_bytes()), "{text}");
        }
    }
    let snapshot = vault.look_again(&|_| {}).unwrap();
    index.follow(&vault, &snapshot, &|_| {}).unwrap();
    let query = Query::parse(OUTSIDE).unwrap();
    let found = index.search(&query, &Filter::default(), 0, 10).unwrap();
    assert_eq!(found.total, 0, "{found:?}");
    drop(watch);
    let _ = fs::metadata("/end-of-the-attack");
    served.to_string()
}

fn holds_the_outside(bytes: &[u8]) -> bool {
    bytes.windows(OUTSIDE.len()).any(|part| part == OUTSIDE.as_bytes())
}

fn hostile() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let plan = Plan {
        entities: 60,
        hostile: true,
        ..Plan::default()
    };
    plan.write(home.path()).unwrap();
    home
}

/// Tells of whatever is opened or read in a folder, by whomever.
struct Bait {
    seen: OwnedFd,
}

impl Bait {
    fn in_folder(folder: &Path, file: &Path) -> Self {
        let seen = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        let used = WatchFlags::ACCESS | WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::DELETE;
        add_watch(&seen, folder, used | WatchFlags::OPEN).unwrap();
        // A second name of it in the vault is opened, to see that there are two; it is not read by any.
        add_watch(&seen, file, used).unwrap();
        Self { seen }
    }

    fn taken(&self) -> Vec<String> {
        let mut room = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.seen, &mut room);
        let mut taken = Vec::new();
        loop {
            match events.next() {
                Ok(event) => taken.push(format!("{:?} {:?}", event.events(), event.file_name())),
                Err(Errno::AGAIN) => return taken,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn nothing_outside_is_opened_whatever_is_asked_for() {
    let home = hostile();
    let neighbours = home.path().join("notes-2");
    let bait = Bait::in_folder(&neighbours, &neighbours.join("secret.md"));
    // The bait works.
    fs::read(neighbours.join("secret.md")).unwrap();
    assert!(!bait.taken().is_empty());
    attack(home.path());
    assert_eq!(bait.taken(), Vec::<String>::new());
}

/// What a process asked the system for, with a name in it.
struct Call<'a> {
    name: &'a str,
    path: &'a str,
    line: &'a str,
}

/// The calls between the two marks, as strace writes them.
fn calls(record: &str) -> Vec<Call<'_>> {
    let lines = record.lines().skip_while(|line| !line.contains("/begin-of-the-attack"));
    let lines = lines.skip(1).take_while(|line| !line.contains("/end-of-the-attack"));
    lines
        .filter_map(|line| {
            let line = line.split_once(' ').map_or(line, |(_, rest)| rest.trim_start());
            let (name, rest) = line.split_once('(')?;
            let (_, rest) = rest.split_once('"')?;
            let path = rest.split('"').next()?;
            Some(Call { name, path, line })
        })
        .collect()
}

/// Whether a call stays beneath the root, or asks the kernel about this process or the processors.
fn stays(call: &Call<'_>, root: &Path) -> bool {
    let climbs = call.path.split('/').any(|part| part == "..");
    match call.name {
        "openat2" => {
            let beneath = call.line.contains("RESOLVE_BENEATH") && call.line.contains("RESOLVE_NO_SYMLINKS");
            beneath && !climbs && !call.path.starts_with('/')
        }
        // Where the jail begins.
        "open" | "openat" if Path::new(call.path) == root => call.line.contains("O_DIRECTORY"),
        // Whether it is still the folder that was opened.
        "stat" | "statx" | "newfstatat" if Path::new(call.path) == root => true,
        // What is open already.
        _ if call.path.is_empty() => true,
        "inotify_add_watch" => call.path.starts_with("/proc/self/fd/"),
        "openat" | "readlink" | "statx" | "newfstatat" => {
            let own = [
                "/proc/self/cgroup",
                "/proc/self/mountinfo",
                "/sys/fs/cgroup/",
                "/sys/devices/system/cpu/",
                "/proc/sys/vm/overcommit_memory",
            ];
            own.iter().any(|own| call.path.starts_with(own))
        }
        _ => false,
    }
}

#[test]
#[ignore = "needs strace; cargo xtask test --stage tools installs it"]
fn the_system_is_asked_for_nothing_outside_whatever_is_asked_for() {
    let home = hostile();
    let record = home.path().join("record");
    let (words, variables) = apart::command("attack", home.path());
    let output = Command::new("strace")
        .args(["-f", "-s", "8192", "-e", "trace=%file,inotify_add_watch", "-o"])
        .arg(&record)
        .args(words)
        .envs(variables)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = fs::read_to_string(record).unwrap();
    let calls = calls(&record);
    let jailed = calls.iter().filter(|call| call.name == "openat2").count();
    assert!(
        jailed > 200,
        "only {jailed} files were opened through the jail:\n{record}"
    );
    let root = fs::canonicalize(home.path().join("notes")).unwrap();
    let strays: Vec<&str> = calls
        .iter()
        .filter(|call| !stays(call, &root))
        .map(|call| call.line)
        .collect();
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn a_call_that_leaves_the_root_is_seen() {
    let root = Path::new("/r");
    for (line, is_sound) in [
        (
            r#"7 openat2(3, "a.md", {flags=O_RDONLY, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH}, 24) = 4"#,
            true,
        ),
        (
            r#"7 openat2(3, "a.md", {flags=O_RDONLY, resolve=RESOLVE_BENEATH}, 24) = 4"#,
            false,
        ),
        (r#"7 openat(AT_FDCWD, "/r", O_RDONLY|O_DIRECTORY) = 3"#, true),
        (r#"7 openat(AT_FDCWD, "/r/a.md", O_RDONLY) = 3"#, false),
        (r#"7 newfstatat(AT_FDCWD, "/r", {st_mode=S_IFDIR}, 0) = 0"#, true),
        (r#"7 newfstatat(AT_FDCWD, "/r/a.md", {st_mode=S_IFREG}, 0) = 0"#, false),
        (r#"7 newfstatat(4, "", {st_mode=S_IFREG}, AT_EMPTY_PATH) = 0"#, true),
        (r#"7 newfstatat(AT_FDCWD, "/r/../x", 0x7ff, 0) = -1 ENOENT"#, false),
        (r#"7 readlink("/r/x", 0x7ff, 1) = -1 ENOENT"#, false),
        (r#"7 unlink("/x") = 0"#, false),
    ] {
        let record =
            format!("7 statx(AT_FDCWD, \"/begin-of-the-attack\"\n{line}\n7 statx(AT_FDCWD, \"/end-of-the-attack\"\n");
        let calls = calls(&record);
        assert_eq!(calls.len(), 1, "{line}");
        assert_eq!(stays(&calls[0], root), is_sound, "{line}");
    }
}

/// Stops the other threads when the test ends, also when it fails.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps two names of a folder as fast as it can, until told to stop.
fn swap(folder: &Path, one: &str, other: &str, stop: &AtomicBool) {
    let folder = openat(CWD, folder, OFlags::DIRECTORY, Mode::empty()).unwrap();
    while !stop.load(Ordering::Relaxed) {
        renameat_with(&folder, one, &folder, other, RenameFlags::EXCHANGE).unwrap();
    }
}

#[test]
fn a_vault_whose_folders_become_links_while_it_is_read_never_serves_the_neighbours() {
    let home = tempfile::tempdir().unwrap();
    let notes = home.path().join("notes");
    fs::create_dir_all(notes.join("room")).unwrap();
    fs::create_dir_all(home.path().join("notes-2")).unwrap();
    let text = |body: &str| format!("---\nentity_type: Task\nentity_id: tsk-1\n---\n{body}\n");
    fs::write(home.path().join("notes-2/note.md"), text(OUTSIDE)).unwrap();
    fs::write(notes.join("room/note.md"), text("mine")).unwrap();
    symlink("../notes-2", notes.join("door")).unwrap();
    let vault = Vault::open(&Root::at(&notes).unwrap(), Limits::default(), &|_| {}).unwrap();
    let paths = ["room/note.md", "door/note.md"].map(|path| NotePath::parse(path).unwrap());
    let folders = ["room", "door"].map(|path| NotePath::parse(path).unwrap());
    let stop = AtomicBool::new(false);
    let (mut seen, mut gone) = (0, 0);
    thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| swap(&notes, "room", "door", &stop));
        for round in 0..10_000 {
            let snapshot = if round % 100 == 0 {
                vault.look_again(&|_| {}).unwrap()
            } else {
                vault.refresh(&[folders[round % 2].clone()]).unwrap()
            };
            match snapshot.note(&paths[round % 2]).map(|note| vault.open_note(note)) {
                Some(Ok(opened)) => {
                    assert_eq!(opened.body, "mine\n", "a byte from outside");
                    seen += 1;
                }
                Some(Err(_)) | None => gone += 1,
            }
        }
    });
    assert!(seen > 100 && gone > 100, "both happened: {seen} served, {gone} not");
}

#[test]
fn a_root_whose_place_somebody_else_takes_stays_what_it_was() {
    let home = hostile();
    let root = Root::at(&home.path().join("notes")).unwrap();
    let vault = Vault::open(&root, Limits::default(), &|_| {}).unwrap();
    let before = vault.snapshot();
    fs::rename(home.path().join("notes"), home.path().join("moved")).unwrap();
    symlink("notes-2", home.path().join("notes")).unwrap();
    assert!(matches!(vault.look_again(&|_| {}), Err(Refused::Moved)));
    let after = vault.snapshot();
    assert_eq!(after.generation(), before.generation());
    assert!(vault.jail().read(&NotePath::parse("secret.md").unwrap(), 100).is_err());
    for note in after.notes().iter().take(50) {
        assert!(!holds_the_outside(vault.open_note(note).unwrap().body.as_bytes()));
    }
}
