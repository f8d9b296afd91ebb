//! Making an entity with the files alone: no server, no credential, and so no entry in the audit log. For whoever may write the
//! files anyway. What may be made, what it is called and where it lies is decided as the server decides it, under the same lock.

use {
    super::{
        Desk, Kind,
        commit::{PATIENCE, PAUSE, held_too_long, put, refusal, rules_are_known},
        form::{BODY, Field, Form, Given, fields},
        make,
    },
    crate::Moment,
    jiff::civil::Date,
    portreeve_guard::Problem,
    portreeve_kernel::{Code, Entropy, Timestamp},
    portreeve_notes::{EntityType, NotePath, Revision, Vault as Notes, jail::Lock},
    serde_json::{Map, Value as Json},
    std::{sync::Arc, thread},
};

/// What somebody wants to be made.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Of which type.
    pub kind: EntityType,
    /// Fields and what they are to hold, as it is typed; a field that stands several times holds all of it.
    pub fields: Vec<(String, String)>,
    /// Its text.
    pub body: Option<String>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Where it lies.
    pub path: NotePath,
    /// Its file.
    pub text: String,
    /// Which bytes these are.
    pub revision: Revision,
    /// Fields that the vault set, and nobody gave.
    pub set: Vec<&'static str>,
    /// False when the disk did not say that it would outlast a power cut. It is made all the same.
    pub durable: bool,
}

/// Makes an entity; or, in a dry run, says what it would be. It waits for the disk and for other writers.
///
/// # Errors
/// `VALIDATION_*` for its form, `VAULT_RULE_BROKEN` for the vault's rules, `VAULT_CONFLICT` when it is there already or the rules cannot
/// be read, and `VAULT_UNAVAILABLE`.
pub fn create_offline(
    notes: &Arc<Notes>,
    wish: &Wish,
    now: Timestamp,
    entropy: Arc<dyn Entropy>,
    dry_run: bool,
) -> Result<Made, Problem> {
    let kind = kind(&wish.kind)?;
    let given = Given::read(kind, &typed(kind, wish)?, true)?;
    let mut desk = Desk {
        _lock: turn(notes)?,
        moment: Moment::of(Arc::clone(notes), now.civil().map_or(Date::ZERO, |now| now.date())),
        now,
        entropy,
    };
    rules_are_known(&desk)?;
    let plan = make::create(&mut desk, kind, given)?;
    let durable = dry_run || put(notes, &plan).map_err(refusal)?.unsynced.is_none();
    Ok(Made {
        id: plan.id,
        path: plan.path,
        revision: plan.does.note.revision,
        text: String::from_utf8(plan.does.bytes).map_err(Problem::internal)?,
        set: plan.does.set,
        durable,
    })
}

fn kind(kind: &EntityType) -> Result<Kind, Problem> {
    match kind {
        EntityType::Task => Ok(Kind::Task),
        EntityType::Project => Ok(Kind::Project),
        EntityType::Program => Ok(Kind::Program),
        EntityType::Hypothesis => Ok(Kind::Hypothesis),
        _ => Err(Problem::new(Code::ValidationInvalidEnum)
            .detail("a task, a project, a program or a hypothesis is expected")
            .param("entity_type")),
    }
}

fn turn(notes: &Notes) -> Result<Lock, Problem> {
    for _ in 0..PATIENCE {
        if let Some(lock) = notes.jail().try_lock().map_err(refusal)? {
            return Ok(lock);
        }
        thread::sleep(PAUSE);
    }
    Err(held_too_long())
}

/// What was typed, as the values that the fields take.
fn typed(kind: Kind, wish: &Wish) -> Result<Map<String, Json>, Problem> {
    let mut given = Map::new();
    for (name, text) in &wish.fields {
        let field = fields(kind).iter().find(|field| field.name == name);
        let value = value(field, text);
        match given.get_mut(name) {
            None if field.is_some_and(|field| matches!(field.form, Form::Lines | Form::Ids(_))) => {
                given.insert(name.clone(), Json::Array(vec![value]));
            }
            None => {
                given.insert(name.clone(), value);
            }
            Some(Json::Array(items)) => items.push(value),
            Some(first) if field.is_some_and(|field| field.form == Form::Names) => {
                *first = Json::Array(vec![first.take(), value]);
            }
            Some(_) => {
                let problem = Problem::new(Code::ValidationInvalidFormat).param(name);
                return Err(problem.detail(format_args!("`{name}` holds one value")));
            }
        }
    }
    if let Some(body) = &wish.body {
        given.insert(BODY.to_owned(), body.clone().into());
    }
    Ok(given)
}

/// Numbers, and what has parts of its own, are typed as JSON. What is none is judged as the text that it is.
fn value(field: Option<&Field>, text: &str) -> Json {
    let as_json = field.is_some_and(|field| {
        matches!(
            field.form,
            Form::Share | Form::Hours | Form::Links | Form::Measures | Form::Weights(_) | Form::Words
        )
    });
    let parsed = as_json.then(|| serde_json::from_str(text).ok()).flatten();
    parsed.unwrap_or_else(|| Json::String(text.to_owned()))
}
