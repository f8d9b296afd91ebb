//! Deleting an entity: into the trash, unless others need it.

use {
    super::{Away, Desk, Kind, Plan, commit::refusal, conflict, diff::diff, update::now},
    crate::moment::absent,
    portreeve_guard::Problem,
    portreeve_notes::{Entity, EntryKind, Fields, Note, NotePath, Relation, Revision},
    std::sync::Arc,
};

pub(super) const ACT: &str = "deleted";

/// Bytes of an id that become part of a name in the trash.
const SHORT: usize = 100;

/// What is moved, how many notes go, and the files that go along.
type Going = (NotePath, usize, Vec<String>);

/// Plans a deletion.
pub(super) fn delete(
    desk: &mut Desk,
    kind: Kind,
    id: &str,
    revision: Option<Revision>,
    force: bool,
) -> Result<Plan<Away>, Problem> {
    let current = now(desk, kind, id)?;
    current.is_still(revision)?;
    let entity = current.note.entity().ok_or_else(absent)?;
    let path = current.note.path().clone();
    if let (Kind::Project, Some(folder)) = (kind, path.folder()) {
        // Others may have put a task there a moment ago.
        desk.look(&NotePath::parse(folder).map_err(|_| absent())?)?;
    }
    let (what, notes, along) = match kind {
        Kind::Project => project(desk, &current.note, entity, force)?,
        Kind::Program => {
            let linked = users(desk, entity, &[Relation::Program, Relation::Parent]);
            if let Some(first) = linked.first() {
                return Err(conflict(format_args!(
                    "{} belong to it, `{first}` among them",
                    linked.len()
                )));
            }
            (path.clone(), 1, Vec::new())
        }
        Kind::Hypothesis => {
            let linked = users(
                desk,
                entity,
                &[Relation::Validates, Relation::PrimaryHypothesis, Relation::Tests],
            );
            if let (Some(first), false) = (linked.first(), force) {
                return Err(conflict(format_args!(
                    "{} build on it, `{first}` among them; `force=true` deletes it all the same",
                    linked.len()
                )));
            }
            (path.clone(), 1, Vec::new())
        }
        Kind::Task => (path.clone(), 1, Vec::new()),
    };
    let stamp: String = desk
        .now
        .civil()
        .map(|now| now.to_string())
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(15)
        .collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let short: String = entity.id.as_str().chars().map(plain).take(SHORT).collect();
    let jail = desk.moment.notes().jail();
    let name = jail.trash_name(&format!("{stamp}Z-{short}")).map_err(refusal)?;
    Ok(Plan {
        kind,
        id: entity.id.to_string(),
        act: ACT,
        before: Some(current.note.revision),
        after: None,
        diff: diff(&entity.fields, &Fields::default(), None),
        does: Away {
            spelling: jail.spelling(&what).map_err(refusal)?,
            path: what,
            name,
            notes,
            along,
            note: (path.clone(), current.note.revision),
        },
        path,
    })
}

/// Ids of those who say one of these things of an entity.
fn users(desk: &Desk, entity: &Entity, relations: &[Relation]) -> Vec<String> {
    let snapshot = desk.moment.snapshot();
    let said = snapshot
        .incoming(entity.id.as_str())
        .filter(|(said, _)| relations.contains(said));
    let mut ids: Vec<_> = said
        .filter_map(|(_, note)| Some(note.entity()?.id.to_string()))
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// What lies in a folder, and below it; nothing where a note lies there that is not served: nobody who asks could know that it goes.
fn all_within(desk: &Desk, folder: NotePath) -> Result<Option<Vec<String>>, Problem> {
    let (jail, snapshot) = (desk.moment.notes().jail(), desk.moment.snapshot());
    let (mut found, mut todo) = (Vec::new(), vec![folder]);
    while let Some(folder) = todo.pop() {
        for entry in jail.list(Some(&folder)).map_err(refusal)? {
            match (entry.place, entry.kind) {
                (Err(name), _) if name.hidden => found.push(format!("{folder}/{}", name.shown)),
                (Err(_), _) => return Ok(None),
                (Ok(place), EntryKind::Folder) => todo.push(place.path),
                (Ok(place), _) if place.path.is_markdown() && snapshot.note(&place.path).is_none() => return Ok(None),
                (Ok(place), _) => found.push(place.path.to_string()),
            }
        }
    }
    found.sort();
    Ok(Some(found))
}

/// A project goes with its folder, when that is its own.
fn project(desk: &Desk, note: &Arc<Note>, entity: &Entity, force: bool) -> Result<Going, Problem> {
    let theirs = users(
        desk,
        entity,
        &[Relation::Project, Relation::Parent, Relation::EvidenceOf],
    );
    if let (Some(first), false) = (theirs.first(), force) {
        return Err(conflict(format_args!(
            "{} belong to it, `{first}` among them; `force=true` deletes them too",
            theirs.len()
        )));
    }
    let path = note.path();
    let snapshot = desk.moment.snapshot();
    let folder = path.folder().filter(|_| path.name() == "project.md");
    let belongs = |note: &Arc<Note>| {
        note.entity()
            .is_none_or(|one| one.id == entity.id || theirs.iter().any(|id| *id == *one.id.as_str()))
    };
    let own = folder.filter(|folder| snapshot.within(folder).iter().all(belongs));
    let within = |id: &String| {
        let found = snapshot.find(id);
        found.zip(own).is_some_and(|(found, own)| found.path().is_within(own))
    };
    if !theirs.iter().all(within) {
        return Err(conflict(
            "some of what belongs to it lies elsewhere, or something else lies in its folder: move that first",
        ));
    }
    match own {
        Some(own) => {
            let folder = NotePath::parse(own).map_err(|_| absent())?;
            let Some(mut along) = all_within(desk, folder.clone())? else {
                return Err(conflict("something else lies in its folder: move that first"));
            };
            along.retain(|file| *file != *path.as_str());
            Ok((folder, snapshot.within(own).len(), along))
        }
        None => Ok((path.clone(), 1, Vec::new())),
    }
}
