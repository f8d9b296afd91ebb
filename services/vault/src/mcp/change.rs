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
    #[schema(inline)]
    kind: Writable,
    /// Its front matter, and `body` for its text in Markdown. The vault sets its id, its days and its place itself.
    #[schema(inline)]
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
    /// Only the fields that change, and `body` for a new text in Markdown. Null takes a field away.
    #[schema(inline)]
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

/// Which fields each type takes, in words, from the table that they are read by.
fn described(is_new: bool) -> openapi::RefOr<openapi::Schema> {
    let left_out = if is_new { When::Later } else { When::New };
    let of = |kind: Kind| {
        let taken = fields(kind).iter().filter(|field| field.when != left_out);
        let names: Vec<String> = taken
            .map(|field| {
                let must = if is_new && field.when == When::Always {
                    " (required)"
                } else {
                    ""
                };
                format!("{}{must}", field.name)
            })
            .collect();
        format!("{}: {}, {BODY}.", kind.entity_type().as_str(), names.join(", "))
    };
    let words = [Kind::Task, Kind::Project, Kind::Program, Kind::Hypothesis].map(of);
    openapi::ObjectBuilder::new()
        .description(Some(words.join(" ")))
        .additional_properties(Some(openapi::schema::AdditionalProperties::FreeForm(true)))
        .into()
}

impl PartialSchema for New {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        described(true)
    }
}

impl ToSchema for New {
    fn name() -> Cow<'static, str> {
        "New".into()
    }
}

impl PartialSchema for Change {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        described(false)
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
