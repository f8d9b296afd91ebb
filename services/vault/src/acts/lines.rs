//! Some of many entities, in one line each.

use {
    crate::{moment::Served, shown::LineView},
    serde::Serialize,
    utoipa::ToSchema,
};

/// The first entities of a kind, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultLines)]
pub struct LinesView {
    /// How many there are.
    pub total: usize,
    /// The first of them.
    pub items: Vec<LineView>,
}

impl LinesView {
    /// The first `most` of them.
    pub fn first<'a>(all: impl Iterator<Item = Served<'a>>, most: usize) -> Self {
        let mut view = Self {
            total: 0,
            items: Vec::new(),
        };
        for found in all {
            view.total = view.total.saturating_add(1);
            if view.items.len() < most {
                view.items.push(found.into());
            }
        }
        view
    }
}
