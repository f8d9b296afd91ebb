//! One note: an entity by its id, or any note by its path.

use {
    crate::{
        moment::Moment,
        shown::{Ask, NoteView},
    },
    portreeve_guard::Problem,
};

/// The entity of that id.
///
/// # Errors
/// `VAULT_NOT_FOUND`, and when its text is asked for, `VAULT_UNAVAILABLE`.
pub fn by_id(moment: &Moment, id: &str, ask: &Ask) -> Result<NoteView, Problem> {
    NoteView::asked(moment, moment.entity(id)?.note, ask)
}

/// The note at that path.
///
/// # Errors
/// `VALIDATION_INVALID_FORMAT` when it is no path, and those of [`by_id`].
pub fn by_path(moment: &Moment, path: &str, ask: &Ask) -> Result<NoteView, Problem> {
    NoteView::asked(moment, moment.note(path)?, ask)
}
