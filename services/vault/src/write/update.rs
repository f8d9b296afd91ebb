//! Changing an entity: the fields that are given, and what follows from them.

use {
    super::{
        Desk, File, Kind, Plan,
        commit::refusal,
        conflict,
        diff::diff,
        form::Given,
        make::text,
        rules::{self, hold, unwritten},
    },
    crate::moment::absent,
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{
        Digest, Limits, Note, Revision, Value, Write,
        matter::{Split, parse, split},
        splice,
        value::Words,
    },
    std::sync::Arc,
};

/// An entity as the disk has it now, while nobody else writes.
pub(super) struct Current {
    pub(super) note: Arc<Note>,
    pub(super) bytes: Vec<u8>,
}

/// Finds an entity, and looks at its file again.
pub(super) fn now(desk: &mut Desk, kind: Kind, id: &str) -> Result<Current, Problem> {
    let path = desk.moment.entity_of(&kind.entity_type(), id)?.note.path().clone();
    desk.look(&path)?;
    let note = Arc::clone(desk.moment.entity_of(&kind.entity_type(), id)?.note);
    let bytes = desk.moment.notes().bytes(note.path()).map_err(refusal)?;
    // An editor asks for no lock.
    if desk.moment.notes().limits().seal.revision(&bytes) != note.revision {
        return Err(Problem::new(Code::VaultNoteChanged));
    }
    Ok(Current { note, bytes })
}

impl Current {
    /// That it is still what somebody has read.
    pub(super) fn is_still(&self, revision: Option<Revision>) -> Result<(), Problem> {
        if revision == Some(self.note.revision) {
            return Ok(());
        }
        Err(Problem::new(Code::VaultNoteChanged))
    }
}

/// Plans a change.
pub(super) fn update(
    desk: &mut Desk,
    kind: Kind,
    id: &str,
    revision: Option<Revision>,
    mut given: Given,
) -> Result<Plan<File>, Problem> {
    rules::shown_only(desk, kind, &given)?;
    let current = now(desk, kind, id)?;
    current.is_still(revision)?;
    let entity = current.note.entity().ok_or_else(absent)?;
    whole(&current, &given, desk.moment.notes().limits())?;
    let today = desk.today();
    let mut set = Vec::new();
    if kind == Kind::Task {
        let will_hold = |given: &Given, name: &str| match given.says(name) {
            true => given.get(name).cloned(),
            false => entity.fields.get(name).filter(|value| !value.is_empty()).cloned(),
        };
        let done = given.get("status").and_then(Value::as_str) == Some("done");
        if done && will_hold(&given, "closed").is_none() {
            given.set("closed", text(&today));
            set.push("closed");
        }
        if let Some(project) = given.get("project_id").cloned() {
            given.set("parent_id", project);
            set.push("parent_id");
        }
    }
    given
        .edits
        .retain(|(name, value)| entity.fields.get(name) != value.as_ref());
    let old_body = current.bytes.get(current.note.body_start..).unwrap_or_default();
    let old_body = std::str::from_utf8(old_body).map_err(|_| absent())?.to_owned();
    let body = given.body.clone().filter(|body| *body != old_body);
    set.retain(|name| given.says(name));
    let same = given.edits.is_empty() && body.is_none();
    if !same {
        given.set("updated", text(&today));
        set.push("updated");
    }
    let bytes = if same {
        current.bytes.clone()
    } else {
        splice(
            &current.bytes,
            &given.edits,
            body.as_deref(),
            desk.moment.notes().limits(),
        )
        .map_err(unwritten)?
    };
    let path = current.note.path().clone();
    let id = entity.id.to_string();
    let note = match same {
        true => Arc::clone(&current.note),
        false => hold(desk, kind, &id, &path, &bytes, Some(&current.note), &given)?,
    };
    let bodies = body.as_deref().map(|body| (old_body.as_str(), body));
    Ok(Plan {
        kind,
        id,
        act: "updated",
        path,
        before: Some(current.note.revision),
        after: Some(note.revision),
        diff: diff(&entity.fields, &entity.fields.with(&given.edits), bodies),
        does: File {
            bytes,
            write: Write::Over(Digest::of(&current.bytes)),
            folders: Vec::new(),
            note,
            set,
            same,
        },
    })
}

/// A value of which only a part is shown is not replaced by whoever saw that part.
fn whole(current: &Current, given: &Given, limits: Limits) -> Result<(), Problem> {
    let Split::Fenced(fenced) = split(&current.bytes) else {
        return Err(absent());
    };
    let raw = parse(fenced.matter, limits.matter, &mut Words::default())
        .map_err(|_| absent())?
        .fields;
    let shown = current.note.fields();
    for (name, _) in &given.edits {
        if raw.get(name) != shown.get(name) {
            return Err(conflict(format_args!("`{name}` is not for this server to change")));
        }
    }
    Ok(())
}
