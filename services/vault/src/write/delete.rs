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
    let (what, notes) = match kind {
        Kind::Project => project(desk, &current.note, entity, force)?,
        Kind::Program => {
            let linked = users(desk, entity, &[Relation::Program, Relation::Parent]);
            if let Some(first) = linked.first() {
                return Err(conflict(format_args!(
                    "{} belong to it, `{first}` among them",
                    linked.len()
                )));
            }
            (path.clone(), 1)
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
            (path.clone(), 1)
        }
        Kind::Task => (path.clone(), 1),
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
    Ok(Plan {
        kind,
        id: entity.id.to_string(),
        act: ACT,
        before: Some(current.note.revision),
        after: None,
        diff: diff(&entity.fields, &Fields::default(), None),
        does: Away {
            path: what,
            name: format!("{stamp}Z-{short}"),
            notes,
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

/// Whether a note lies in a folder, or below it, that is not served: nobody who asks could know that it goes.
fn has_unseen(desk: &Desk, folder: NotePath) -> Result<bool, Problem> {
    let (jail, snapshot) = (desk.moment.notes().jail(), desk.moment.snapshot());
    let mut todo = vec![folder];
    while let Some(folder) = todo.pop() {
        for entry in jail.list(Some(&folder)).map_err(refusal)? {
            match (entry.place, entry.kind) {
                (Err(name), _) if name.hidden => {}
                (Err(_), _) => return Ok(true),
                (Ok(place), EntryKind::Folder) => todo.push(place.path),
                (Ok(place), _) if place.path.is_markdown() && snapshot.note(&place.path).is_none() => return Ok(true),
                (Ok(_), _) => {}
            }
        }
    }
    Ok(false)
}

/// A project goes with its folder, when that is its own.
fn project(desk: &Desk, note: &Arc<Note>, entity: &Entity, force: bool) -> Result<(NotePath, usize), Problem> {
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
            if has_unseen(desk, folder.clone())? {
                return Err(conflict("something else lies in its folder: move that first"));
            }
            Ok((folder, snapshot.within(own).len()))
        }
        None => Ok((path.clone(), 1)),
    }
}
