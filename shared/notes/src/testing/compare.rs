//! Holding a vault that was read against the manifest of what was written.

use {
    super::{Expect, Manifest, OUTSIDE, Odd},
    crate::{
        check::{Report, check},
        entity::EntityType,
        finding::{FindingCode, Severity},
        note::Note,
        path::NotePath,
        relations::Relation,
        snapshot::Snapshot,
        vault::Vault,
    },
    jiff::civil::Date,
    std::{
        collections::{BTreeMap, BTreeSet},
        fmt::Debug,
    },
};

/// Everything in which the vault differs from its manifest, in words.
#[must_use]
pub fn differences(vault: &Vault, manifest: &Manifest, today: Date) -> Vec<String> {
    let snapshot = vault.snapshot();
    let report = check(&snapshot);
    let mut found = Vec::new();
    let mut same = |what: &str, read: &dyn Debug, written: &dyn Debug| {
        let (read, written) = (format!("{read:?}"), format!("{written:?}"));
        if read != written {
            found.push(format!("{what}: {read} was read, {written} was written"));
        }
    };
    let types: BTreeMap<String, usize> = snapshot
        .counts()
        .map(|(kind, count)| (kind.as_str().to_owned(), count))
        .collect();
    same("types", &types, &manifest.types);
    let (statuses, overdue) = tasks(&snapshot, today);
    same("statuses of tasks", &statuses, &manifest.task_statuses);
    same("overdue", &overdue, &manifest.overdue);
    same("terms", &terms(vault, &snapshot, manifest), &manifest.terms);
    same(
        "children",
        &said(&snapshot, &Relation::Parent, None),
        &manifest.children,
    );
    same(
        "validated by",
        &said(&snapshot, &Relation::Validates, Some(&EntityType::Project)),
        &manifest.validated_by,
    );
    same("backlinks", &backlinks(&snapshot), &manifest.backlinks);
    found.extend(manifest.odd.iter().filter_map(|odd| treated(&snapshot, &report, odd)));
    found.extend(sound(&report, manifest));
    found.extend(leaks(vault, &snapshot));
    found
}

fn tasks(snapshot: &Snapshot, today: Date) -> (BTreeMap<String, usize>, usize) {
    let mut statuses = BTreeMap::new();
    let mut overdue = 0;
    for entity in snapshot.of_type(&EntityType::Task).filter_map(|note| note.entity()) {
        let status = entity.status().unwrap_or_default();
        *statuses.entry(status.to_owned()).or_default() += 1;
        let due = entity.day("due").and_then(|due| due.date());
        overdue += usize::from(status == "doing" && due.is_some_and(|due| due < today));
    }
    (statuses, overdue)
}

fn terms(vault: &Vault, snapshot: &Snapshot, manifest: &Manifest) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for note in snapshot.notes() {
        let opened = vault.open_note(note).unwrap();
        for term in manifest.terms.keys().filter(|term| opened.body.contains(term.as_str())) {
            found.entry(term.clone()).or_default().insert(note.path().to_string());
        }
    }
    found
}

/// How many say one thing of each entity.
fn said(snapshot: &Snapshot, relation: &Relation, by: Option<&EntityType>) -> BTreeMap<String, usize> {
    let entities = snapshot.notes().iter().filter_map(|note| note.entity());
    let ids: BTreeSet<_> = entities.map(|entity| entity.id.as_str()).collect();
    let counted = ids.into_iter().map(|id| {
        let who = snapshot.who(relation, id);
        let theirs = who.filter(|note| by.is_none_or(|kind| note.entity().is_some_and(|entity| entity.kind == *kind)));
        (id.to_owned(), theirs.count())
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

fn backlinks(snapshot: &Snapshot) -> BTreeMap<String, usize> {
    let notes = snapshot.notes().iter();
    let counted = notes.map(|note| (note.path().to_string(), snapshot.backlinks(note.path()).count()));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// What is wrong with how one odd file was treated.
fn treated(snapshot: &Snapshot, report: &Report, odd: &Odd) -> Option<String> {
    let note = NotePath::parse(&odd.path).ok().and_then(|path| snapshot.note(&path));
    let told: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.path == odd.path)
        .collect();
    let has = |code: FindingCode| told.iter().any(|finding| finding.code == code);
    let entity = note.and_then(|note| note.entity());
    let is_served = entity
        .is_some_and(|entity| snapshot.find(entity.id.as_str()).map(|note| note.path().as_str()) == Some(&*odd.path));
    let quiet = told.iter().all(|finding| finding.severity() < Severity::Warning);
    let right = match odd.expect {
        Expect::Entity => is_served && quiet,
        Expect::Told(code) => is_served && has(code),
        Expect::Second => entity.is_some() && !is_served && has(FindingCode::DuplicateId),
        Expect::Text(code) => note.is_some() && entity.is_none() && has(code),
        Expect::Refused(code) => note.is_none() && has(code),
        Expect::Prose => note.is_some() && entity.is_none() && told.is_empty(),
        Expect::Unseen => note.is_none() && told.is_empty(),
    };
    (!right).then(|| {
        let (is_note, is_entity) = (note.is_some(), entity.is_some());
        format!(
            "{} ({}) is not {:?}: note {is_note}, entity {is_entity}, served {is_served}, told {told:?}",
            odd.path, odd.why, odd.expect
        )
    })
}

/// Nothing is told of files in which nothing is odd.
fn sound(report: &Report, manifest: &Manifest) -> Vec<String> {
    let odd: BTreeSet<_> = manifest.odd.iter().map(|odd| odd.path.as_str()).collect();
    let findings = report
        .findings
        .iter()
        .filter(|finding| !odd.contains(finding.path.as_str()));
    findings
        .map(|finding| format!("nothing is wrong, but: {finding}"))
        .collect()
}

/// No note holds a word of the neighbour's.
fn leaks(vault: &Vault, snapshot: &Snapshot) -> Vec<String> {
    let holds = |note: &&std::sync::Arc<Note>| vault.open_note(note).is_ok_and(|opened| opened.body.contains(OUTSIDE));
    let notes = snapshot.notes().iter().filter(holds);
    notes
        .map(|note| format!("{} holds what lies outside", note.path()))
        .collect()
}
