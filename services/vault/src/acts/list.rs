//! A page of entities.

use {
    crate::{
        listing::{Filter, Listing},
        moment::Moment,
        shown::{NoteView, Selection},
    },
    portreeve_guard::{Paging, Problem},
};

/// The entities that a filter lets through, each with the fields that are selected.
///
/// # Errors
/// Those of [`Filter::page`].
pub fn list(
    moment: &Moment,
    filter: &Filter,
    selection: &Selection,
    paging: &Paging,
) -> Result<Listing<NoteView>, Problem> {
    filter.page(moment, paging, |found| NoteView::new(found.note, selection))
}
