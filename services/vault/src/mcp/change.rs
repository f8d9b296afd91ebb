//! The tools that change something: the same acts as `POST` and `PATCH`, for who holds `mcp:write`.

use {
    super::{
        budget::{Budget, Fitted},
        closest,
    },
    crate::{
        Moment, Vault, scopes,
        write::{BODY, Kind, When, Written, fields},
    },
    portreeve_guard::{Caller, Problem, mcp::Call},
    portreeve_kernel::Code,
    portreeve_notes::{EntityType, Revision},
    serde::Deserialize,
    serde_json::{Map, Value},
    std::borrow::Cow,
    utoipa::{PartialSchema, ToSchema, openapi},
};

/// What can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum Writable {
    Task,
    Project,
    Program,
    Hypothesis,
}

/// Something new.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateEntity {
    /// What it is.
    #[serde(rename = "type")]
    kind: Writable,
    fields: New,
    /// True to be told what would be written, and write nothing.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// A change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateEntity {
    /// What is changed: the id of a task, project, program or hypothesis.
    #[schema(example = "tsk-001-01")]
    entity_id: String,
    /// The `revision` that get_entity told. When the note has changed since, nothing is written.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    revision: String,
    fields: Change,
    /// True to be told what would be written, and write nothing.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// Front matter of something new.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct New(Map<String, Value>);

/// Front matter that changes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Change(Map<String, Value>);

/// The fields of a type that something new or a change takes, in words, from the table that they are read by.
fn taken(kind: Kind, is_new: bool) -> Vec<String> {
    let left_out = if is_new { When::Later } else { When::New };
    let taken = fields(kind).iter().filter(|field| field.when != left_out);
    let named = taken.map(|field| {
        let must = if is_new && field.when == When::Always {
            " (required)"
        } else {
            ""
        };
        format!("{}{must}", field.name)
    });
    named.collect()
}

/// What each type takes, the fields of all of them first.
fn described(about: &str, of: impl Fn(Kind) -> Vec<String>) -> openapi::RefOr<openapi::Schema> {
    let kinds = [Kind::Task, Kind::Project, Kind::Program, Kind::Hypothesis];
    let taken = kinds.map(of);
    let [first, rest @ ..] = &taken;
    let is_shared = |name: &&String| rest.iter().all(|names| names.contains(name));
    let shared: Vec<&String> = first.iter().filter(is_shared).collect();
    let own = kinds.iter().zip(&taken).filter_map(|(kind, names)| {
        let own = names.iter().filter(|name| !shared.contains(name));
        let own: Vec<&str> = own.map(String::as_str).collect();
        (!own.is_empty()).then(|| format!("{}: {}.", kind.entity_type().as_str(), own.join(", ")))
    });
    let own: Vec<String> = own.collect();
    let mut words = vec![about.to_owned()];
    if !shared.is_empty() {
        let shared: Vec<&str> = shared.into_iter().map(String::as_str).collect();
        words.push(format!("All: {}.", shared.join(", ")));
    }
    words.extend(own);
    openapi::ObjectBuilder::new()
        .description(Some(words.join(" ")))
        .additional_properties(Some(openapi::schema::AdditionalProperties::FreeForm(true)))
        .into()
}

impl PartialSchema for New {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        let about = format!(
            "Its front matter, and `{BODY}` for its text in Markdown. The vault sets its id, its days and its place itself."
        );
        described(&about, |kind| taken(kind, true))
    }
}

impl ToSchema for New {
    fn name() -> Cow<'static, str> {
        "New".into()
    }
}

impl PartialSchema for Change {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        let about = format!(
            "Only the fields that change, and `{BODY}` for a new text in Markdown. Null takes a field away. Those of create_entity, and:"
        );
        // What cannot be changed any more is refused by name.
        described(&about, |kind| {
            let (new, later) = (fields(kind), taken(kind, false));
            let is_new = |name: &String| new.iter().any(|field| field.name == name && field.when != When::Later);
            later.into_iter().filter(|name| !is_new(name)).collect()
        })
    }
}

impl ToSchema for Change {
    fn name() -> Cow<'static, str> {
        "Change".into()
    }
}

impl From<Writable> for Kind {
    fn from(kind: Writable) -> Self {
        match kind {
            Writable::Task => Self::Task,
            Writable::Project => Self::Project,
            Writable::Program => Self::Program,
            Writable::Hypothesis => Self::Hypothesis,
        }
    }
}

pub(super) async fn create(
    vault: Vault,
    caller: Caller<scopes::Write>,
    arguments: CreateEntity,
    _: Call,
) -> Result<Fitted<Written>, Problem> {
    let (kind, New(given)) = (arguments.kind.into(), arguments.fields);
    let dry_run = arguments.dry_run.unwrap_or(false);
    let writer = vault.writer();
    let written = writer.create(&caller.principal, kind, given, dry_run).await?;
    Budget::most().fit(&written)
}

pub(super) async fn update(
    vault: Vault,
    caller: Caller<scopes::Write>,
    arguments: UpdateEntity,
    _: Call,
) -> Result<Fitted<Written>, Problem> {
    let UpdateEntity {
        entity_id,
        revision,
        fields: Change(given),
        dry_run,
    } = arguments;
    let id = entity_id.clone();
    let kind = vault.look(move |moment, _| kind_of(moment, &id)).await?;
    let revision = Revision::parse(&revision).ok_or_else(|| {
        Problem::new(Code::ValidationInvalidFormat)
            .detail("a revision is 32 hexadecimal digits, as get_entity tells it")
            .param("revision")
    })?;
    let (writer, dry_run) = (vault.writer(), dry_run.unwrap_or(false));
    let change = writer.update(&caller.principal, kind, entity_id, Some(revision), given, dry_run);
    Budget::most().fit(&change.await?)
}

/// What an entity is. Each type has an address of its own over HTTP; here the id says it.
fn kind_of(moment: &Moment, id: &str) -> Result<Kind, Problem> {
    let found = moment
        .entity(id)
        .map_err(|problem| closest::named(problem, moment, id))?;
    match &found.entity.kind {
        EntityType::Task => Ok(Kind::Task),
        EntityType::Project => Ok(Kind::Project),
        EntityType::Program => Ok(Kind::Program),
        EntityType::Hypothesis => Ok(Kind::Hypothesis),
        other => Err(Problem::new(Code::ValidationInvalidEnum)
            .detail(format_args!(
                "`{}` is a {}; only tasks, projects, programs and hypotheses are changed here",
                found.id(),
                other.as_str()
            ))
            .param("entity_id")),
    }
}
