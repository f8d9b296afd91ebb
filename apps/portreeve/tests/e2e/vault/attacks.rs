//! Whoever asks for a path gets a note of this vault or nothing: whatever the path says, wherever a link leads, and also while
//! somebody swaps files.

use {
    super::{Town, encoded},
    crate::estate::until,
    portreeve_notes::{
        FindingCode,
        testing::{Expect, OUTSIDE, Plan},
    },
    std::{
        fs,
        os::unix::fs::symlink,
        sync::atomic::{AtomicBool, Ordering},
        thread,
        time::Duration,
    },
};

const VAULT: &str = "/vault/api/v1";

/// Paths as attackers write them; `~` stands for the vault's own folder on the disk.
const PATHS: [&str; 46] = [
    "..",
    "../",
    "../notes-2/secret.md",
    "../notes/README.md",
    "../../../../../../../../etc/passwd",
    "10_Study/../../notes-2/secret.md",
    "10_Study/../README.md",
    "10_Study/./reading.md",
    "./README.md",
    "/etc/passwd",
    "/README.md",
    "//README.md",
    "~/README.md",
    "~/../notes-2/secret.md",
    "~-2/secret.md",
    "file://~/README.md",
    "..\\notes-2\\secret.md",
    "10_Study\\reading.md",
    "..%2fnotes-2%2fsecret.md",
    "%2e%2e/notes-2/secret.md",
    "%252e%252e%252fnotes-2",
    "%c0%ae%c0%ae/notes-2/secret.md",
    "..%c0%af..%c0%afetc",
    "README.md\0",
    "README.md\0.png",
    "\0",
    "README.md\n",
    "README.md/",
    "README.md/.",
    "README.md/../README.md",
    ".env",
    ".git/config",
    ".git/HEAD.md",
    ".obsidian/note.md",
    "10_Study/.hidden.md",
    "50_Projects/2026/.draft.md",
    "00_Meta/schema_constants.yaml",
    "00_Meta/members.yaml",
    "00_Meta/_TEMPLATES/task.md",
    "90_Archive/old.md",
    "notes.txt",
    "50_Projects/2026/notes.txt",
    "readme.md",
    "README.MD",
    "．．/notes-2/secret.md",
    "10_Study/..;/..;/notes-2/secret.md",
];

#[test]
fn no_path_leads_out_of_the_vault_or_to_what_is_hidden_in_it() {
    let town = Town::of(&Plan {
        entities: 40,
        hostile: true,
        ..Plan::default()
    });
    town.until_searchable();
    let api = town.reader();
    let root = town.estate.house.notes();
    town.write(".env", "SECRETLINE=1\n");
    town.write(".git/HEAD.md", "SECRETLINE\n");
    town.write("10_Study/.hidden.md", "SECRETLINE\n");
    town.write("notes.txt", "SECRETLINE\n");
    town.write("00_Meta/members.yaml", "members: [{id: m, note: SECRETLINE}]\n");
    let links: Vec<String> = town
        .manifest
        .odd
        .iter()
        .filter(|odd| odd.expect == Expect::Refused(FindingCode::Link))
        .map(|odd| odd.path.clone())
        .collect();
    assert!(links.len() >= 7, "{links:?}");
    let behind = links
        .iter()
        .flat_map(|link| [link.clone(), format!("{link}/secret.md"), format!("{link}/README.md")]);
    let paths: Vec<String> = PATHS
        .iter()
        .map(|path| path.replace('~', root.to_str().unwrap()))
        .chain(behind)
        .collect();
    for path in &paths {
        let sent = encoded(path);
        for question in [
            format!("/notes?path={sent}"),
            format!("/notes?path={sent}&body=true"),
            format!("/folders?path={sent}"),
            format!("/entities/{sent}"),
            format!("/tasks/{sent}"),
            format!("/entities/{sent}/context"),
            format!("/members/{sent}"),
            // As it is, which clients that clean up would never send.
            format!(
                "/entities/{}",
                path.replace(['\0', '\n', '\\', ' '], "").replace('%', "%25")
            ),
        ] {
            let answer = api.get(&format!("{VAULT}{question}"));
            let told = answer.body.to_string();
            assert!(
                matches!(answer.status, 400 | 404),
                "{path:?} by {question}: {} {told}",
                answer.status
            );
            assert!(
                !told.contains(OUTSIDE) && !told.contains("SECRETLINE"),
                "{path:?}: {told}"
            );
            assert!(!told.contains("root:"), "{path:?}: {told}");
        }
        let batch = api.get(&format!("{VAULT}/notes/batch?paths={sent}"));
        if batch.status == 200 {
            assert_eq!(batch.body["found"], 0, "{path:?}: {}", batch.body);
        } else {
            assert_eq!(batch.status, 400, "{path:?}");
        }
        let found = api.get(&format!("{VAULT}/search?q=word&folder={sent}"));
        match found.status {
            200 => assert_eq!(found.body["total"], 0, "{path:?}: {}", found.body),
            status => assert_eq!(status, 400, "{path:?}"),
        }
    }
    for word in [OUTSIDE, "SECRETLINE"] {
        let found = api.get(&format!("{VAULT}/search?q={}", encoded(word)));
        assert_eq!(found.is(200)["total"], 0, "{word}: {}", found.body);
    }
    let listed = api.get(&format!("{VAULT}/folders?limit=100")).is(200).to_string();
    assert!(!listed.contains(".env") && !listed.contains("notes.txt"), "{listed}");
}

#[test]
fn whoever_swaps_a_note_for_a_link_while_it_is_read_shows_nothing_from_outside() {
    let town = Town::of(&Plan {
        entities: 40,
        ..Plan::default()
    });
    let api = town.reader();
    let root = town.estate.house.notes();
    town.write("10_Study/swap/note.md", "INSIDE\n");
    town.write("10_Study/README.md", "INSIDE\n");
    crate::estate::until("the note is there", || {
        let answer = api.get(&format!("{VAULT}/notes?body=true&path=10_Study%2Fswap%2Fnote.md"));
        (answer.status == 200).then_some(())
    });
    let (over, mut inside, mut nothing) = (AtomicBool::new(false), 0, 0);
    let (note, away) = (root.join("10_Study/swap/note.md"), root.join("10_Study/swap/away"));
    let (folder, gone) = (root.join("10_Study/swap"), root.join("10_Study/gone"));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // The file, and the folder it lies in.
                fs::rename(&note, &away).unwrap();
                symlink("../../../notes-2/secret.md", &note).unwrap();
                thread::sleep(Duration::from_micros(300));
                fs::rename(&away, &note).unwrap();
                thread::sleep(Duration::from_micros(300));
                fs::rename(&folder, &gone).unwrap();
                symlink("../../notes-2", &folder).unwrap();
                thread::sleep(Duration::from_micros(300));
                fs::remove_file(&folder).unwrap();
                fs::rename(&gone, &folder).unwrap();
                thread::sleep(Duration::from_micros(300));
            }
        });
        for _ in 0..1_000 {
            for path in ["10_Study%2Fswap%2Fnote.md", "10_Study%2Fswap%2Fsecret.md"] {
                let answer = api.get(&format!("{VAULT}/notes?body=true&path={path}"));
                let told = answer.body.to_string();
                assert!(!told.contains(OUTSIDE), "{told}");
                match answer.status {
                    200 => {
                        assert_eq!(answer.body["body"], "INSIDE\n", "{told}");
                        inside += 1;
                    }
                    404 => nothing += 1,
                    503 => assert_eq!(answer.body["code"], "VAULT_UNAVAILABLE", "{told}"),
                    _ => panic!("{told}"),
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(
        inside > 0 && nothing > 0,
        "{inside} were read, {nothing} were not there"
    );
}

#[test]
fn while_another_folder_lies_where_the_vault_was_nothing_of_either_is_served() {
    let town = Town::of(&Plan {
        entities: 60,
        ..Plan::default()
    });
    let api = town.reader();
    let root = town.estate.house.notes();
    let away = root.with_file_name("away");
    fs::rename(&root, &away).unwrap();
    town.write("README.md", "another one");
    let one = format!("{VAULT}/entities/prj-001");
    until("it is seen", || (api.get(&one).status == 503).then_some(()));
    for path in [
        "entities/prj-001",
        "entities",
        "search?q=harbour",
        "notes?path=README.md",
        "stats",
        "members",
    ] {
        api.get(&format!("{VAULT}/{path}")).is_problem(503, "VAULT_MOVED");
    }
    fs::remove_dir_all(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    until("it is back", || (api.get(&one).status == 200).then_some(()));
}
