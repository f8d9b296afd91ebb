//! What hostile files cost: no more than a second each, and all of them together no more than 64 MiB.

use {
    crate::apart,
    portreeve_notes::{
        Filter, Index, Limits, Query, Root, Vault, check,
        testing::{Manifest, Plan},
    },
    rustix::time::{ClockId, clock_gettime},
    std::{collections::BTreeMap, fs, path::Path},
};

/// Of processor time, in a process of its own: other work on the machine does not count. What is promised is a second in a release; the dearest file
/// takes 0.14 s there. Without optimisation each takes ten to fifteen times as long (1.7 s), so whoever keeps to five times the
/// promise there keeps it by far in a release, where the same test asks for the second itself.
const LONGEST_MILLIS: u64 = if cfg!(debug_assertions) { 5 * PROMISED } else { PROMISED };
const PROMISED: u64 = 1_000;

const SMALL: Plan = Plan {
    entities: 150,
    seed: 7,
    today: jiff::civil::date(2026, 3, 1),
    body: 2_400,
    odd: true,
    hostile: false,
};

/// Words that stand in hostile files, alone and in rows.
const QUERIES: [&str; 6] = ["항구", "구항구항", "b", "\"b b b\"", "aaaa", "body"];

/// Reads all there is to read: notes, words, rules, and what is shown of what was found.
fn read_all(root: &Path) {
    let root = Root::at(root).unwrap();
    let vault = Vault::open(&root, Limits::default(), &|_| {}).unwrap();
    let snapshot = vault.snapshot();
    let index = Index::in_memory().unwrap();
    index.follow(&vault, &snapshot, &|_| {}).unwrap();
    let _ = check(&snapshot);
    for text in QUERIES {
        let query = Query::parse(text).unwrap();
        for hit in index.search(&query, &Filter::default(), 0, 100).unwrap().hits {
            let note = snapshot.note(&hit.path).unwrap();
            let opened = vault.open_note(note).unwrap();
            let _ = query.snippet(&opened.body);
        }
    }
}

/// Answers how many KiB of memory it had at most.
pub(crate) fn read(home: &Path) -> String {
    read_all(&home.join("notes"));
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").to_owned()
}

/// Answers how many milliseconds of processor time each file costs that lies in `home/apart`, alone in a vault.
pub(crate) fn one_by_one(home: &Path) -> String {
    let alone = home.join("alone");
    fs::create_dir(&alone).unwrap();
    let mut costs = BTreeMap::new();
    for entry in fs::read_dir(home.join("apart")).unwrap() {
        let entry = entry.unwrap();
        let there = alone.join(entry.file_name());
        fs::rename(entry.path(), &there).unwrap();
        let before = clock_gettime(ClockId::ProcessCPUTime);
        read_all(&alone);
        let after = clock_gettime(ClockId::ProcessCPUTime);
        let nanos = (after.tv_sec - before.tv_sec) * 1_000_000_000 + (after.tv_nsec - before.tv_nsec);
        costs.insert(entry.file_name().to_string_lossy().into_owned(), nanos / 1_000_000);
        fs::rename(&there, entry.path()).unwrap();
    }
    serde_json::to_string(&costs).unwrap()
}

fn write(plan: Plan) -> (tempfile::TempDir, Manifest) {
    let home = tempfile::tempdir().unwrap();
    let manifest = plan.write(home.path()).unwrap();
    (home, manifest)
}

#[test]
fn hostile_files_cost_at_most_64_mib_more_than_the_vault_without_them() {
    let peak = |plan| apart::told("read", write(plan).0.path()).parse::<u64>().unwrap() / 1024;
    let without = peak(SMALL);
    let with = peak(Plan { hostile: true, ..SMALL });
    println!("{without} MiB without, {with} MiB with");
    assert!(
        with <= without + 64,
        "{with} MiB with hostile files, {without} MiB without"
    );
}

#[test]
fn no_hostile_file_costs_more_than_a_second() {
    let (home, manifest) = write(Plan {
        hostile: true,
        entities: 40,
        odd: false,
        ..SMALL
    });
    let from = home.path().join("notes/50_Projects/2026/Phostile_Hostile/Tasks");
    fs::rename(from, home.path().join("apart")).unwrap();
    let costs: BTreeMap<String, u64> = serde_json::from_str(&apart::told("one by one", home.path())).unwrap();
    println!("{costs:?}");
    let hostile = manifest.odd.iter().filter(|odd| odd.path.contains("Phostile")).count();
    // The folder that is deeper than a path is long is one of them.
    assert!(costs.len() >= hostile && hostile > 40, "{} of {hostile}", costs.len());
    for (file, millis) in &costs {
        assert!(*millis <= LONGEST_MILLIS, "{file} costs {millis} ms");
    }
}
