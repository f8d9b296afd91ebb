//! What belongs to a project, a track, or any entity: everything that somebody needs who is to work on it, in one answer.

use {
    super::{graph::parents, impact::ScoreView, lines::LinesView},
    crate::{
        impact,
        moment::{EVIDENCE_OF, Moment, PARENT, PROJECT, Served},
        shown::{Ask, LineView, Name, NoteView},
    },
    portreeve_guard::Problem,
    portreeve_notes::{EntityType, Relation},
    serde::Serialize,
    std::collections::BTreeMap,
    utoipa::ToSchema,
};

const MOST: usize = 100;
const MOST_BACKLINKS: usize = 20;

/// A project and what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultProjectContext)]
pub struct ProjectContext {
    /// The project.
    pub project: NoteView,
    /// Its tasks, by path; at most 100.
    pub tasks: LinesView,
    /// Its tasks by status.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub tasks_by_status: BTreeMap<Name, usize>,
    /// The hypotheses that it is to validate.
    pub hypotheses: LinesView,
    /// The track it lies beneath.
    pub parent_track: Option<LineView>,
    /// The program it belongs to.
    pub program: Option<LineView>,
    /// What it showed.
    pub evidence: LinesView,
    /// What was expected of it, and what it showed.
    pub score: ScoreView,
}

/// A track and what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultTrackContext)]
pub struct TrackContext {
    /// The track.
    pub track: NoteView,
    /// Its projects, by path; at most 100.
    pub projects: LinesView,
    /// Its hypotheses, by path; at most 100.
    pub hypotheses: LinesView,
    /// The condition it lies beneath.
    pub condition: Option<LineView>,
    /// The sums of what was expected of its projects, and of what they showed.
    pub score: ScoreView,
}

/// An entity and what surrounds it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultEntityContext)]
pub struct EntityContext {
    /// The entity, with how it stands to others.
    pub entity: NoteView,
    /// Its parent, the parent of that, and so on; at most 10.
    pub parents: Vec<LineView>,
    /// Those whose parent it is, by path; at most 100.
    pub children: LinesView,
    /// Notes whose text links to it; at most 20.
    pub backlinks: Vec<String>,
    /// How many link to it.
    pub backlinks_total: usize,
}

/// A project, its tasks, hypotheses, track, program, evidence and score.
///
/// # Errors
/// `VAULT_NOT_FOUND`, also for what is no project.
pub fn project(moment: &Moment, id: &str, ask: &Ask) -> Result<ProjectContext, Problem> {
    let found = moment.entity_of(&EntityType::Project, id)?;
    let tasks = || tasks(moment, found.id());
    let mut tasks_by_status: BTreeMap<Name, usize> = BTreeMap::new();
    for status in tasks().filter_map(|task| task.entity.fields.text("status")) {
        let count = tasks_by_status.entry(Name(status)).or_default();
        *count = count.saturating_add(1);
    }
    let said = |relation: Relation| {
        let said = moment.snapshot().outgoing(found.entity);
        said.filter(move |(said, _)| **said == relation)
            .filter_map(|(_, note)| Served::of(note))
    };
    let of_type = |kind: EntityType| move |found: &Served<'_>| found.entity.kind == kind;
    Ok(ProjectContext {
        tasks: LinesView::first(tasks(), MOST),
        tasks_by_status,
        hypotheses: LinesView::first(said(Relation::Validates), MOST),
        parent_track: said(Relation::Parent)
            .find(of_type(EntityType::Track))
            .map(LineView::from),
        program: said(Relation::Program).next().map(LineView::from),
        evidence: LinesView::first(moment.who(&EVIDENCE_OF, found.id()), MOST),
        score: impact::project(moment.snapshot(), found.entity, None).into(),
        project: NoteView::asked(moment, found.note, ask)?,
    })
}

/// Tasks of a project: those that name it, and those that lie beneath it; each once.
fn tasks<'a>(moment: &'a Moment, project: &'a str) -> impl Iterator<Item = Served<'a>> {
    let names = |found: &Served<'_>| {
        found
            .entity
            .fields
            .text("project_id")
            .is_some_and(|named| *named == *project)
    };
    let named = moment.who(&PROJECT, project);
    let beneath = moment.who(&PARENT, project).filter(move |found| !names(found));
    named
        .chain(beneath)
        .filter(|found| found.entity.kind == EntityType::Task)
}

/// A track, its projects, hypotheses, condition and score.
///
/// # Errors
/// `VAULT_NOT_FOUND`, also for what is no track.
pub fn track(moment: &Moment, id: &str, ask: &Ask) -> Result<TrackContext, Problem> {
    let found = moment.entity_of(&EntityType::Track, id)?;
    let beneath = |kind: EntityType| {
        moment
            .who(&PARENT, found.id())
            .filter(move |found| found.entity.kind == kind)
    };
    let above = moment.snapshot().outgoing(found.entity);
    let condition = above
        .filter(|(relation, _)| matches!(relation, Relation::Parent | Relation::Condition))
        .filter_map(|(_, note)| Served::of(note))
        .find(|found| found.entity.kind == EntityType::Condition);
    Ok(TrackContext {
        projects: LinesView::first(beneath(EntityType::Project), MOST),
        hypotheses: LinesView::first(beneath(EntityType::Hypothesis), MOST),
        condition: condition.map(LineView::from),
        score: impact::sum(&impact::parts(moment.snapshot(), found.entity, None)).into(),
        track: NoteView::asked(moment, found.note, ask)?,
    })
}

/// Any entity, what it lies beneath, what lies beneath it, and who links to it.
///
/// # Errors
/// `VAULT_NOT_FOUND`
pub fn entity(moment: &Moment, id: &str, ask: &Ask) -> Result<EntityContext, Problem> {
    let found = moment.entity(id)?;
    let backlinks = || moment.snapshot().backlinks(found.note.path());
    let ask = Ask {
        relations: true,
        ..ask.clone()
    };
    Ok(EntityContext {
        parents: parents(moment, found).into_iter().map(LineView::from).collect(),
        children: LinesView::first(moment.who(&PARENT, found.id()), MOST),
        backlinks: backlinks()
            .take(MOST_BACKLINKS)
            .map(|note| note.path().to_string())
            .collect(),
        backlinks_total: backlinks().count(),
        entity: NoteView::asked(moment, found.note, &ask)?,
    })
}
