//! The vault's rules, held against what is about to be written. Only what a write breaks is told: what was wrong with the file
//! before does not stand in its way.

use {
    super::{
        Desk, Kind, conflict,
        form::{self, Form, Given},
        people,
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{
        Entity, EntityType, Finding, FindingCode, Note, NotePath, Schema, Severity, Text, Value, WriteFault, breaches,
        schema::Private,
    },
    serde::Serialize,
    std::sync::Arc,
};

/// Sums of shares are not exact in binary.
const NEARLY: f64 = 1e-9;

/// One rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Violation {
    code: &'static str,
    field: String,
    message: String,
}

/// What was decided to write, as the note that it will be.
///
/// # Errors
/// `VAULT_RULE_BROKEN` with all that it breaks; `VAULT_CONFLICT` when nothing is read at that place.
pub(super) fn hold(
    desk: &Desk,
    kind: Kind,
    id: &str,
    path: &NotePath,
    bytes: &[u8],
    old: Option<&Note>,
    given: &Given,
) -> Result<Arc<Note>, Problem> {
    let snapshot = desk.moment.snapshot();
    let note = desk
        .moment
        .notes()
        .would_be(path, bytes)
        .map_err(|finding| conflict(finding.message))?;
    let entity = note
        .entity()
        .filter(|entity| entity.id.as_str() == id && entity.kind == kind.entity_type())
        .ok_or_else(|| conflict(format_args!("by the vault's schema, `{path}` holds no entities")))?;
    let before = old.and_then(|note| Some((note, note.entity()?)));
    let before = before.map_or_else(Vec::new, |(note, entity)| breaches(note, entity, snapshot.schema()));
    let is_new = |breach: &(String, Finding)| {
        breach.1.severity() > Severity::Note
            && !before
                .iter()
                .any(|(field, was)| *field == breach.0 && was.code == breach.1.code && was.message == breach.1.message)
    };
    let mut broken: Vec<Violation> = breaches(&note, entity, snapshot.schema())
        .into_iter()
        .filter(is_new)
        .map(|(field, finding)| Violation {
            code: finding.code.as_str(),
            field,
            message: finding.message,
        })
        .collect();
    references(desk, kind, given, &mut broken);
    for (field, message) in people::strangers(desk, kind, given)? {
        tell(&mut broken, FindingCode::Dangling, field, message);
    }
    own(kind, entity, given, &mut broken);
    if broken.is_empty() {
        return Ok(Arc::new(note));
    }
    let all: Vec<_> = broken.iter().map(|one| one.message.as_str()).collect();
    Err(Problem::new(Code::VaultRuleBroken)
        .detail(all.join("; "))
        .with("violations", broken))
}

/// What the vault keeps private cannot be given, and the answer is that of any name that nobody knows.
pub(super) fn shown_only(desk: &Desk, kind: Kind, given: &Given) -> Result<(), Problem> {
    let snapshot = desk.moment.snapshot();
    let Some(private) = &snapshot.schema().private else {
        return Ok(());
    };
    let hidden = given.edits.iter().find(|(name, value)| {
        private.hides_field(Some(&kind.entity_type()), name)
            || value.as_ref().is_some_and(|value| hides(private, kind, value))
    });
    match hidden {
        None => Ok(()),
        Some((name, _)) => Err(Problem::new(Code::ValidationInvalidFormat)
            .detail(format_args!("`{name}` cannot be given here"))
            .param(&**name)),
    }
}

fn hides(private: &Private, kind: Kind, value: &Value) -> bool {
    value.items().iter().any(|item| match item {
        Value::Map(fields) => fields
            .iter()
            .any(|(name, _)| private.hides_field(Some(&kind.entity_type()), name)),
        _ => false,
    })
}

fn tell(broken: &mut Vec<Violation>, code: FindingCode, field: &str, message: String) {
    let code = code.as_str();
    if !broken.iter().any(|one| one.code == code && one.field == field) {
        broken.push(Violation {
            code,
            field: field.to_owned(),
            message,
        });
    }
}

/// Whoever is named has to exist, and to be of the right type.
fn references(desk: &Desk, kind: Kind, given: &Given, broken: &mut Vec<Violation>) {
    for field in form::fields(kind) {
        let (Form::Id(types) | Form::Ids(types) | Form::Weights(types)) = field.form else {
            continue;
        };
        let Some(value) = given.get(field.name) else { continue };
        let listed = desk.moment.snapshot().schema().parents.get(&kind.entity_type());
        let types = match listed {
            Some(types) if field.name == "parent_id" && !types.is_empty() => types.as_slice(),
            _ => types,
        };
        for item in value.items() {
            let named = match item {
                Value::Map(pair) => pair.text("to"),
                item => item.text(),
            };
            let Some(id) = named else { continue };
            match desk.moment.find(&id) {
                None => {
                    let message = format!("`{}` names `{id}`, which does not exist", field.name);
                    tell(broken, FindingCode::Dangling, field.name, message);
                }
                Some(found) if !types.contains(&found.entity.kind) => {
                    let names: Vec<_> = types.iter().map(EntityType::as_str).collect();
                    let (names, kind) = (names.join(" or a "), found.entity.kind.as_str());
                    let message = format!("`{}` names `{id}`, which is a {kind} and not a {names}", field.name);
                    tell(broken, FindingCode::ParentType, field.name, message);
                }
                Some(_) => {}
            }
        }
    }
}

/// Rules that follow from what the types are, whatever the schema says.
fn own(kind: Kind, entity: &Entity, given: &Given, broken: &mut Vec<Violation>) {
    let holds = |field: &str| entity.fields.get(field).is_some_and(|value| !value.is_empty());
    let says = |field: &str| given.says(field);
    for field in ["condition_contributes", "track_contributes"] {
        let weights = given.get(field).map_or(&[][..], Value::items).iter();
        let sum: f64 = weights
            .filter_map(|item| match item {
                Value::Map(pair) => pair.get("weight").and_then(Value::number),
                _ => None,
            })
            .sum();
        if sum > 1.0 + NEARLY {
            let message = format!("the weights of `{field}` are more than 1 together");
            tell(broken, FindingCode::Format, field, message);
        }
    }
    match kind {
        Kind::Project => {
            if says("conditions_3y") && !holds("conditions_3y") {
                let message = "`conditions_3y` names at least one condition".to_owned();
                tell(broken, FindingCode::MissingField, "conditions_3y", message);
            }
            let status = entity.status().unwrap_or_default();
            if says("status") && matches!(status, "done" | "cancelled") && !holds("realized_impact") {
                let message = format!("`realized_impact` is missing, as `status` is `{status}`");
                tell(broken, FindingCode::ConditionalField, "realized_impact", message);
            }
            let linked = ["validates", "primary_hypothesis_id", "hypothesis_text"];
            if says("status") && matches!(status, "doing" | "done") && !linked.iter().any(|field| holds(field)) {
                let message = format!(
                    "a project that is `{status}` says what it is to show: `validates`, `primary_hypothesis_id` or `hypothesis_text`"
                );
                tell(broken, FindingCode::ConditionalField, "validates", message);
            }
            let primary = entity
                .fields
                .text("primary_hypothesis_id")
                .filter(|id| !id.trim().is_empty());
            let among = |id: &Text| entity.fields.texts("validates").any(|one| one == *id);
            if (says("primary_hypothesis_id") || says("validates")) && primary.is_some_and(|id| !among(&id)) {
                let message = "`primary_hypothesis_id` is one of those in `validates`".to_owned();
                tell(broken, FindingCode::Format, "primary_hypothesis_id", message);
            }
        }
        Kind::Hypothesis if says("hypothesis_question") => {
            let question = entity.fields.text("hypothesis_question").unwrap_or_default();
            if !question.trim_end().ends_with('?') {
                let message = "`hypothesis_question` ends with a question mark".to_owned();
                tell(broken, FindingCode::Format, "hypothesis_question", message);
            }
        }
        _ => {}
    }
}

/// What a caller is told of bytes that are not to be written.
pub(super) fn unwritten(fault: WriteFault) -> Problem {
    match fault {
        WriteFault::Control(field) => Problem::new(Code::ValidationInvalidFormat)
            .detail("a text without control characters is expected")
            .param(field),
        WriteFault::TooLarge(most) => {
            Problem::new(Code::ValidationOutOfRange).detail(format_args!("a note has at most {most} bytes"))
        }
        WriteFault::Unreadable(fault @ portreeve_notes::matter::Fault::OverBudget { .. }) => {
            Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!("the fields are more than one note takes: {fault}"))
        }
        other => conflict(other),
    }
}

/// The word that the schema says a field holds when nobody says otherwise; the usual one where it says nothing.
pub(super) fn default(schema: &Schema, kind: &EntityType, field: &str, block: &str, usual: &str) -> Option<Text> {
    let listed = schema
        .listed
        .iter()
        .find(|listed| listed.field == field && (listed.types.is_empty() || listed.types.contains(kind)));
    let section = schema.source.map(block);
    let said = section.and_then(|section| {
        section
            .text(&format!("{field}_default"))
            .or_else(|| section.map(field)?.text("default"))
            .or_else(|| section.text("default"))
    });
    let fits = |word: &Text| listed.is_none_or(|listed| listed.words.contains(word));
    said.filter(fits)
        .or_else(|| Some(Text::from(usual)).filter(fits))
        .or_else(|| listed?.words.first().cloned())
}
