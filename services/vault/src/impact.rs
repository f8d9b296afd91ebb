//! What projects are worth: what was expected of them (A), what they showed (B), and both summed up along the strategy. Always
//! derived from front matter, never read from it.
//!
//! A = points of tier and magnitude × confidence. B = Σ over a project's evidence of delta × strength × share. A track has the
//! sums of its own projects and, by their weights, of those that contribute to it; a condition those that contribute to it.
//! Operational projects have scores and are in no sum.

mod window;

use {
    portreeve_notes::{Entity, EntityId, EntityType, Fields, Relation, Snapshot, Value},
    std::collections::BTreeMap,
};

pub use window::{Window, WindowError};

/// What is said of one entity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// A: what was expected; none where nothing was said that can be counted.
    pub expected: Option<f64>,
    /// B: what was shown.
    pub realized: f64,
    /// Pieces of evidence that count.
    pub evidence: usize,
}

/// A project's part in a sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Whose.
    pub project: EntityId,
    /// How much of it.
    pub weight: f64,
    /// Its own score.
    pub score: Score,
}

/// The score of one project. Evidence outside of the window does not count; a project's expectations know no window.
#[must_use]
pub fn project(snapshot: &Snapshot, project: &Entity, window: Option<Window>) -> Score {
    let mut realized = 0.0;
    let mut evidence = 0_usize;
    for note in snapshot.who(&Relation::EvidenceOf, project.id.as_str()) {
        let Some(shown) = note.entity().filter(|shown| within(shown, window)).and_then(shown) else {
            continue;
        };
        realized += shown;
        evidence = evidence.saturating_add(1);
    }
    Score {
        expected: expected(&project.fields).map(rounded),
        realized: rounded(realized),
        evidence,
    }
}

/// The projects that count for a track or condition, and by which weight.
#[must_use]
pub fn parts(snapshot: &Snapshot, of: &Entity, window: Option<Window>) -> Vec<Part> {
    let mut parts = BTreeMap::new();
    if of.kind == EntityType::Track {
        for note in snapshot.who(&Relation::Parent, of.id.as_str()) {
            if let Some(own) = note.entity().filter(|own| own.kind == EntityType::Project) {
                parts.insert(own.id.clone(), (own, 1.0));
            }
        }
    }
    let field = match of.kind {
        EntityType::Track => "track_contributes",
        EntityType::Condition => "condition_contributes",
        _ => return Vec::new(),
    };
    for note in snapshot.of_type(&EntityType::Project) {
        let Some(entity) = note.entity() else { continue };
        if let Some(weight) = contributes(&entity.fields, field, of.id.as_str()) {
            // A track's own projects count whole, whatever else they say.
            parts.entry(entity.id.clone()).or_insert((entity, weight));
        }
    }
    let counted = parts
        .into_iter()
        .filter(|(_, (entity, _))| text(&entity.fields, "tier").as_deref() != Some("operational"));
    counted
        .map(|(id, (entity, weight))| Part {
            project: id,
            weight,
            score: project(snapshot, entity, window),
        })
        .collect()
}

/// The sum of parts.
#[must_use]
pub fn sum(parts: &[Part]) -> Score {
    let expected = parts
        .iter()
        .filter_map(|part| Some(part.score.expected? * part.weight))
        .fold(None, |sum: Option<f64>, more| Some(sum.unwrap_or(0.0) + more));
    Score {
        expected: expected.map(rounded),
        realized: rounded(parts.iter().map(|part| part.score.realized * part.weight).sum()),
        evidence: parts
            .iter()
            .fold(0, |sum: usize, part| sum.saturating_add(part.score.evidence)),
    }
}

/// A, unrounded.
fn expected(fields: &Fields) -> Option<f64> {
    let (tier, magnitude) = (text(fields, "tier")?, text(fields, "impact_magnitude")?);
    let points = match (&*tier, &*magnitude) {
        ("strategic", "high") => 10.0,
        ("strategic", "mid") => 6.0,
        ("strategic", "low") => 3.0,
        ("enabling", "high") => 5.0,
        ("enabling", "mid") => 3.0,
        ("enabling", "low") => 1.5,
        ("operational", "high") => 2.0,
        ("operational", "mid") => 1.0,
        ("operational", "low") => 0.5,
        ("none", _) => 0.0,
        _ => return None,
    };
    let confidence = nested(fields, "confidence")
        .and_then(Value::number)
        .filter(|confidence| (0.0..=1.0).contains(confidence))?;
    Some(points * confidence)
}

/// What one piece of evidence adds to B; nothing where it says something that cannot be counted.
fn shown(evidence: &Entity) -> Option<f64> {
    let share = |field: &str| {
        let number = evidence.fields.get(field).filter(|value| !value.is_empty());
        number.map(|value| value.number().filter(|number| (0.0..=1.0).contains(number)))
    };
    let strength = match &*evidence.fields.text("evidence_strength")? {
        "strong" => 1.0,
        "medium" => 0.7,
        "weak" => 0.4,
        _ => return None,
    };
    Some(share("normalized_delta")?? * strength * share("attribution_share").unwrap_or(Some(1.0))?)
}

fn within(evidence: &Entity, window: Option<Window>) -> bool {
    window.is_none_or(|window| Window::of_evidence(evidence).is_some_and(|shown| window.holds(shown)))
}

/// What stands in `expected_impact`, or right in the front matter.
fn nested<'a>(fields: &'a Fields, field: &str) -> Option<&'a Value> {
    let inner = fields.map("expected_impact").and_then(|inner| inner.get(field));
    inner.or_else(|| fields.get(field))
}

fn text(fields: &Fields, field: &str) -> Option<portreeve_notes::Text> {
    nested(fields, field).and_then(Value::text)
}

/// The weight by which a project contributes: `{cond-a: 0.5}`, or `[{condition_id: cond-a, weight: 0.5}]` with whatever key
/// has the id.
fn contributes(fields: &Fields, field: &str, to: &str) -> Option<f64> {
    let weight = match fields.get(field)? {
        Value::Map(weights) => weights.get(to)?.number(),
        Value::List(items) => items.iter().find_map(|item| match item {
            Value::Map(item) if item.iter().any(|(_, value)| value.as_str() == Some(to)) => {
                item.get("weight").and_then(Value::number)
            }
            _ => None,
        }),
        _ => None,
    };
    weight.filter(|weight| (0.0..=1.0).contains(weight))
}

/// To two places. A sum of nothing is `-0.0`, which nobody wants to read.
fn rounded(score: f64) -> f64 {
    (score * 100.0).round() / 100.0 + 0.0
}

#[cfg(test)]
mod tests;
