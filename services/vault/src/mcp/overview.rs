//! The tools that say how things hang together, how they stand, and what they rest on.

use {
    super::{
        arguments::{GetContext, GetGraph, GetReference, GetStatus, Part, budget, usual},
        budget::Fitted,
        closest,
    },
    crate::{
        Moment, Vault,
        acts::{
            context::{self, EntityContext, ProjectContext, TrackContext},
            graph::{self, GraphView},
            schema::{self, SchemaView},
            status::{self, StatusView},
            strategy::{self, StrategyView},
        },
        members::MembersView,
        scopes,
        shown::TextView,
    },
    portreeve_guard::{Caller, Problem, mcp::Call},
    portreeve_notes::{EntityType, Index},
    serde::Serialize,
    utoipa::ToSchema,
};

/// What belongs to an entity: one of the three, by its type.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Context {
    /// Of a project.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ProjectContext, required = false)]
    project: Option<ProjectContext>,
    /// Of a track.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TrackContext, required = false)]
    track: Option<TrackContext>,
    /// Of any other entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = EntityContext, required = false)]
    entity: Option<EntityContext>,
}

/// The part that was asked for.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Reference {
    /// Where it all leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = StrategyView, required = false)]
    strategy: Option<StrategyView>,
    /// The vault's types, fields and words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SchemaView, required = false)]
    schema: Option<SchemaView>,
    /// Who works here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = MembersView, required = false)]
    members: Option<MembersView>,
}

impl Context {
    fn of(moment: &Moment, arguments: &GetContext) -> Result<Self, Problem> {
        let (id, ask) = (&arguments.entity_id, arguments.ask());
        let found = moment.entity(id)?;
        let mut context = Self::default();
        match found.entity.kind {
            EntityType::Project => context.project = Some(context::project(moment, id, &ask)?),
            EntityType::Track => context.track = Some(context::track(moment, id, &ask)?),
            _ => context.entity = Some(context::entity(moment, id, &ask)?),
        }
        Ok(context)
    }

    fn texts(&mut self) -> Vec<&mut TextView> {
        let project = self.project.as_mut().map(|context| &mut context.project);
        let track = self.track.as_mut().map(|context| &mut context.track);
        let entity = self.entity.as_mut().map(|context| &mut context.entity);
        let notes = [project, track, entity].into_iter().flatten();
        notes.filter_map(|note| note.text.as_mut()).collect()
    }
}

pub(super) async fn context(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: GetContext,
    _: Call,
) -> Result<Fitted<Context>, Problem> {
    let budget = budget(arguments.max_chars)?;
    let look = move |moment: &Moment, _: Option<&Index>| {
        let found = Context::of(moment, &arguments);
        let mut context = found.map_err(|problem| closest::named(problem, moment, &arguments.entity_id))?;
        budget.share(&mut context, Context::texts)
    };
    vault.look(look).await
}

pub(super) async fn graph(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: GetGraph,
    _: Call,
) -> Result<Fitted<GraphView>, Problem> {
    let budget = budget(arguments.max_chars)?;
    let look = move |moment: &Moment, _: Option<&Index>| {
        let id = &arguments.entity_id;
        let graph = graph::graph(moment, id).map_err(|problem| closest::named(problem, moment, id))?;
        budget.fit(&graph)
    };
    vault.look(look).await
}

pub(super) async fn status(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: GetStatus,
    _: Call,
) -> Result<Fitted<StatusView>, Problem> {
    let budget = budget(arguments.max_chars)?;
    vault.look(move |moment, _| budget.fit(&status::status(moment))).await
}

pub(super) async fn reference(
    vault: Vault,
    _: Caller<scopes::Read>,
    arguments: GetReference,
    _: Call,
) -> Result<Fitted<Reference>, Problem> {
    let budget = budget(arguments.max_chars)?;
    let look = move |moment: &Moment, _: Option<&Index>| {
        let mut reference = Reference::default();
        match arguments.part {
            Part::Strategy => {
                let depth = arguments.depth.map(usize::try_from).transpose();
                let depth = depth.map_err(Problem::internal)?;
                reference.strategy = Some(strategy::strategy(moment, depth, &usual(moment)?)?);
            }
            Part::Schema => reference.schema = Some(schema::schema(moment, arguments.category.as_deref())?),
            Part::Members => reference.members = Some(MembersView::read(moment)?),
        }
        budget.fit(&reference)
    };
    vault.look(look).await
}
