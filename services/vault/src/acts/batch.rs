//! Several notes at once. One that is not there does not keep the others away.

use {
    crate::{
        acts::entity,
        moment::Moment,
        shown::{Ask, NoteView, ReadNote},
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    serde::Serialize,
    utoipa::ToSchema,
};

/// Most notes in one answer.
pub const MOST: usize = 10;

/// Notes that were asked for together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultBatch)]
pub struct BatchView {
    /// One for each that was asked for, in the same order.
    pub items: Vec<BatchItem>,
    /// How many were found.
    pub found: usize,
    /// How many were not.
    pub missing: usize,
}

/// One of them, or why not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultBatchItem)]
pub struct BatchItem {
    /// The path or id that was asked for.
    pub asked: String,
    /// The note.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ReadNote, required = false)]
    pub note: Option<NoteView>,
    /// Why there is none: a code of the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "VAULT_NOT_FOUND")]
    pub error: Option<String>,
}

/// Notes by path or, where it is none ending with `.md`, by id.
///
/// # Errors
/// `VALIDATION_OUT_OF_RANGE` with `paths` for none or too many; `VAULT_UNAVAILABLE`.
pub fn read(moment: &Moment, asked: &[&str], ask: &Ask) -> Result<BatchView, Problem> {
    if asked.is_empty() || asked.len() > MOST {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("ask for 1 to {MOST} notes"))
            .param("paths"));
    }
    let mut items = Vec::with_capacity(asked.len());
    for asked in asked {
        let note = if asked.ends_with(".md") {
            entity::by_path(moment, asked, ask)
        } else {
            entity::by_id(moment, asked, ask)
        };
        let (note, error) = match note {
            Ok(note) => (Some(note), None),
            Err(problem) if problem.status().is_server_error() => return Err(problem),
            Err(problem) => (None, Some(problem.code().as_str().to_owned())),
        };
        items.push(BatchItem {
            asked: (*asked).chars().take(LONGEST_ECHO).collect(),
            note,
            error,
        });
    }
    let found = items.iter().filter(|item| item.note.is_some()).count();
    Ok(BatchView {
        missing: items.len().saturating_sub(found),
        found,
        items,
    })
}

/// As much as a path may have is given back of what was asked for.
const LONGEST_ECHO: usize = 4_095;
