//! Scores, as they are shown.

use {
    crate::{
        impact::{self, Part, Score, Window},
        listing::{Filter, Listing},
        moment::{Moment, Served},
        shown::Name,
    },
    portreeve_guard::{Paging, Problem},
    portreeve_kernel::Code,
    portreeve_notes::{EntityId, EntityType},
    serde::Serialize,
    utoipa::ToSchema,
};

/// What was expected, and what was shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = VaultScore)]
pub struct ScoreView {
    /// A: points of tier and magnitude, times confidence. Null where front matter does not say all three.
    #[schema(example = 7.0)]
    pub expected: Option<f64>,
    /// B: the sum over its evidence of delta, strength and share.
    #[schema(example = 0.7)]
    pub realized: f64,
    /// How many pieces of evidence count.
    pub evidence: usize,
}

/// The score of one entity.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = VaultImpact)]
pub struct ImpactView {
    /// Whose.
    #[schema(value_type = String, example = "prj-001")]
    pub entity_id: EntityId,
    /// Its type.
    #[schema(value_type = String, example = "Project")]
    pub entity_type: EntityType,
    /// Its name.
    #[schema(value_type = Option<String>)]
    pub entity_name: Option<Name>,
    /// Its score.
    #[serde(flatten)]
    pub score: ScoreView,
}

/// The score of one entity and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = VaultImpactDetail)]
pub struct ImpactDetail {
    /// Its score.
    #[serde(flatten)]
    pub impact: ImpactView,
    /// The projects that are summed up, by id; none for a project. Operational ones are in no sum, neither of what was expected nor of
    /// what was shown.
    pub parts: Vec<PartView>,
}

/// A project's part in a sum.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = VaultImpactPart)]
pub struct PartView {
    /// Which project.
    #[schema(value_type = String)]
    pub project_id: EntityId,
    /// How much of its score counts.
    pub weight: f64,
    /// Its own score.
    #[serde(flatten)]
    pub score: ScoreView,
}

/// Scores of all projects, tracks or conditions.
///
/// # Errors
/// `VALIDATION_INVALID_ENUM` for another type, `VALIDATION_INVALID_FORMAT` for what is no window.
pub fn list(
    moment: &Moment,
    kind: Option<&str>,
    window: Option<&str>,
    paging: &Paging,
) -> Result<Listing<ImpactView>, Problem> {
    let kind = match kind.unwrap_or("Project") {
        "Project" => EntityType::Project,
        "Track" => EntityType::Track,
        "Condition" => EntityType::Condition,
        other => {
            return Err(Problem::new(Code::ValidationInvalidEnum)
                .detail(format_args!("`{other}` is none of Project, Track, Condition"))
                .param("type"));
        }
    };
    let window = window_of(window)?;
    Filter::of(kind).page(moment, paging, |found| show(moment, found, window).0)
}

/// The score of one project, track or condition.
///
/// # Errors
/// `VAULT_NOT_FOUND` for anything else, `VALIDATION_INVALID_FORMAT` for what is no window.
pub fn one(moment: &Moment, id: &str, window: Option<&str>) -> Result<ImpactDetail, Problem> {
    let window = window_of(window)?;
    let found = moment.entity(id)?;
    if !matches!(
        found.entity.kind,
        EntityType::Project | EntityType::Track | EntityType::Condition
    ) {
        return Err(crate::moment::absent());
    }
    let (impact, parts) = show(moment, &found, window);
    Ok(ImpactDetail {
        impact,
        parts: parts.into_iter().map(PartView::from).collect(),
    })
}

fn show(moment: &Moment, found: &Served<'_>, window: Option<Window>) -> (ImpactView, Vec<Part>) {
    let snapshot = moment.snapshot();
    let (score, parts) = if found.entity.kind == EntityType::Project {
        (impact::project(snapshot, found.entity, window), Vec::new())
    } else {
        let parts = impact::parts(snapshot, found.entity, window);
        (impact::sum(&parts), parts)
    };
    let view = ImpactView {
        entity_id: found.entity.id.clone(),
        entity_type: found.entity.kind.clone(),
        entity_name: found.entity.name().map(Name),
        score: score.into(),
    };
    (view, parts)
}

fn window_of(text: Option<&str>) -> Result<Option<Window>, Problem> {
    let window = text.map(str::parse).transpose();
    window.map_err(|error: impact::WindowError| {
        Problem::new(Code::ValidationInvalidFormat)
            .detail(error)
            .param("window")
    })
}

impl From<Score> for ScoreView {
    fn from(score: Score) -> Self {
        let Score {
            expected,
            realized,
            evidence,
        } = score;
        Self {
            expected,
            realized,
            evidence,
        }
    }
}

impl From<Part> for PartView {
    fn from(part: Part) -> Self {
        Self {
            project_id: part.project,
            weight: part.weight,
            score: part.score.into(),
        }
    }
}
