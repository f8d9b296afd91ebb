//! A new entity: made of what is given, or like another one.

use {
    super::{
        Desk, File, Kind, Plan,
        diff::diff,
        form::Given,
        place::Place,
        rules::{self, default, hold, unwritten},
    },
    portreeve_guard::Problem,
    portreeve_notes::{Edit, Fields, Text, Value, Write, compose, splice},
};

/// Where something was set that nobody gave.
struct Setting<'a> {
    given: &'a mut Given,
    set: Vec<&'static str>,
}

impl Setting<'_> {
    fn unless_given(&mut self, name: &'static str, value: Option<Value>) {
        if let Some(value) = value.filter(|_| self.given.get(name).is_none()) {
            self.given.set(name, value);
            self.set.push(name);
        }
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Plans a new entity.
pub(super) fn create(desk: &mut Desk, kind: Kind, mut given: Given) -> Result<Plan<File>, Problem> {
    rules::shown_only(desk, kind, &given)?;
    let set = settle(desk, kind, &mut given);
    let place = Place::find(desk, kind, &given)?;
    let today = text(&desk.today());
    let first = [
        ("entity_type", text(kind.entity_type().as_str())),
        ("entity_id", text(&place.id)),
        ("entity_name", given.get("entity_name").cloned().unwrap_or(Value::Null)),
        ("created", today.clone()),
        ("updated", today),
        ("status", given.get("status").cloned().unwrap_or(Value::Null)),
        ("aliases", Value::List([text(&place.id)].into())),
    ];
    let mut fields: Vec<(Text, Value)> = first.map(|(name, value)| (name.into(), value)).into();
    for (name, value) in &given.edits {
        let written = fields.iter().any(|(field, _)| field == name);
        fields.extend(value.clone().filter(|_| !written).map(|value| (name.clone(), value)));
    }
    let fields: Fields = fields.into_iter().collect();
    let body = given.body.clone().unwrap_or_default();
    let bytes = compose(&fields, &body, desk.moment.notes().limits()).map_err(unwritten)?;
    let note = hold(desk, kind, &place.id, &place.path, &bytes, None, &given)?;
    let told = diff(&Fields::default(), &fields, Some(("", &body)));
    Ok(plan(kind, place, "created", told, bytes, note, set))
}

/// Sets what the type has, and nobody gave.
fn settle(desk: &Desk, kind: Kind, given: &mut Given) -> Vec<&'static str> {
    let snapshot = desk.moment.snapshot();
    let schema = snapshot.schema();
    let today = desk.today();
    let word = |field: &str, block: &str, usual: &str| {
        default(schema, &kind.entity_type(), field, block, usual).map(Value::Text)
    };
    let mut setting = Setting { given, set: Vec::new() };
    match kind {
        Kind::Task => {
            setting.unless_given("status", word("status", "task", "todo"));
            setting.unless_given("priority", word("priority", "priority", "medium"));
            setting.unless_given("start_date", Some(text(&today)));
            setting.unless_given("due", Some(text(&today)));
            let project = setting.given.get("project_id").cloned();
            setting.unless_given("parent_id", project);
            if setting.given.get("status").and_then(Value::as_str) == Some("done") {
                setting.unless_given("closed", Some(text(&today)));
            }
        }
        Kind::Project => setting.unless_given("status", word("status", "project", "planning")),
        Kind::Program => setting.unless_given("status", Some(text("doing"))),
        Kind::Hypothesis => {
            setting.unless_given("status", word("status", "hypothesis", "todo"));
            setting.unless_given("evidence_status", word("evidence_status", "hypothesis", "assumed"));
            setting.unless_given("horizon", today.get(..4).map(text));
        }
    }
    setting.set
}

/// Plans another entity like one that is there.
pub(super) fn duplicate(desk: &mut Desk, kind: Kind, id: &str) -> Result<Plan<File>, Problem> {
    let like = super::update::now(desk, kind, id)?;
    let entity = like.note.entity().ok_or_else(crate::moment::absent)?;
    let place = Place::beside(desk, kind, entity, like.note.path())?;
    let today = text(&desk.today());
    let mut edits: Vec<Edit> = [
        ("entity_id", text(&place.id)),
        ("created", today.clone()),
        ("updated", today),
    ]
    .map(|(name, value)| (name.into(), Some(value)))
    .into();
    if entity.fields.get("aliases").is_some() {
        edits.push(("aliases".into(), Some(Value::List([text(&place.id)].into()))));
    }
    let bytes = splice(&like.bytes, &edits, None, desk.moment.notes().limits()).map_err(unwritten)?;
    let note = hold(
        desk,
        kind,
        &place.id,
        &place.path,
        &bytes,
        Some(&like.note),
        &Given::default(),
    )?;
    let told = diff(&entity.fields, &entity.fields.with(&edits), None);
    Ok(plan(kind, place, "duplicated", told, bytes, note, Vec::new()))
}

fn plan(
    kind: Kind,
    place: Place,
    act: &'static str,
    diff: serde_json::Value,
    bytes: Vec<u8>,
    note: std::sync::Arc<portreeve_notes::Note>,
    set: Vec<&'static str>,
) -> Plan<File> {
    let Place { id, path, folders } = place;
    Plan {
        kind,
        id,
        act,
        path,
        before: None,
        after: Some(note.revision),
        diff,
        does: File {
            bytes,
            write: Write::New,
            folders,
            note,
            set,
            same: false,
        },
    }
}
