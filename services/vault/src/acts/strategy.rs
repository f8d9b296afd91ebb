//! What everything is for, from the top down.

use {
    super::lines::LinesView,
    crate::{
        moment::Moment,
        shown::{NoteView, PlainNote, Selection},
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::EntityType,
    serde::Serialize,
    utoipa::ToSchema,
};

/// Levels when nobody says how many.
const USUAL: usize = 4;
const MOST: usize = 100;

/// The strategy, level by level. Levels beyond the depth that was asked for are null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultStrategy)]
pub struct StrategyView {
    /// Where it all leads.
    pub northstars: LevelView,
    /// The beliefs that everything rests on.
    pub metahypotheses: Option<LevelView>,
    /// What must hold in three years.
    pub conditions: Option<LevelView>,
    /// This year's directions.
    pub tracks: Option<LevelView>,
    /// The questions under the tracks, in one line each.
    pub hypotheses: Option<LinesView>,
    /// Lines of products.
    pub product_lines: LevelView,
    /// Stages of partnerships.
    pub partnership_stages: LevelView,
}

/// Everything of one level, by id.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultLevel)]
pub struct LevelView {
    /// How many there are.
    pub total: usize,
    /// The first 100.
    #[schema(value_type = Vec<PlainNote>)]
    pub items: Vec<NoteView>,
}

/// The first `depth` levels, 1 to 5.
///
/// # Errors
/// `VALIDATION_OUT_OF_RANGE` with `depth`.
pub fn strategy(moment: &Moment, depth: Option<usize>, selection: &Selection) -> Result<StrategyView, Problem> {
    let depth = depth.unwrap_or(USUAL);
    if !(1..=5).contains(&depth) {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("`{depth}` is not between 1 and 5"))
            .param("depth"));
    }
    let level = |kind: EntityType| LevelView {
        total: moment.of_type(&kind).count(),
        items: moment
            .of_type(&kind)
            .take(MOST)
            .map(|found| NoteView::new(found.note, selection))
            .collect(),
    };
    Ok(StrategyView {
        northstars: level(EntityType::NorthStar),
        metahypotheses: (depth > 1).then(|| level(EntityType::MetaHypothesis)),
        conditions: (depth > 2).then(|| level(EntityType::Condition)),
        tracks: (depth > 3).then(|| level(EntityType::Track)),
        hypotheses: (depth > 4).then(|| LinesView::first(moment.of_type(&EntityType::Hypothesis), MOST)),
        product_lines: level(EntityType::ProductLine),
        partnership_stages: level(EntityType::PartnershipStage),
    })
}
