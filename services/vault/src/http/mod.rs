//! The vault over HTTP: one file per noun.

mod context;
mod entities;
mod entity_path;
mod findings;
mod hypotheses;
mod impact;
mod members;
mod notes;
mod overview;
mod programs;
mod projects;
mod search;
mod tagged;
mod tasks;
mod writing;

use {
    crate::{
        Moment, Vault,
        members::MembersView,
        shown::{Ask, Selection, Window},
    },
    axum::{
        http::StatusCode,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Problem, openapi::Below},
    portreeve_kernel::Code,
    portreeve_notes::{Generation, Index},
    tagged::{Has, tagged},
    utoipa_axum::{router::OpenApiRouter, routes},
};

/// Every route of this resource server, below `path`.
pub fn router(path: &'static str) -> OpenApiRouter<Vault> {
    Below::new(path)
        .routes(routes!(entities::list))
        .routes(routes!(entities::show))
        .routes(routes!(entities::tasks))
        .routes(routes!(entities::task))
        .routes(routes!(entities::projects))
        .routes(routes!(entities::project))
        .routes(routes!(entities::programs))
        .routes(routes!(entities::program))
        .routes(routes!(entities::hypotheses))
        .routes(routes!(entities::hypothesis))
        .routes(routes!(entities::tracks))
        .routes(routes!(entities::track))
        .routes(routes!(entities::conditions))
        .routes(routes!(entities::condition))
        .routes(routes!(notes::note))
        .routes(routes!(notes::batch))
        .routes(routes!(notes::folder))
        .routes(routes!(search::search))
        .routes(routes!(search::read))
        .routes(routes!(context::project))
        .routes(routes!(context::track))
        .routes(routes!(context::entity))
        .routes(routes!(context::graph))
        .routes(routes!(overview::navigation))
        .routes(routes!(overview::context))
        .routes(routes!(overview::status))
        .routes(routes!(overview::strategy))
        .routes(routes!(overview::schema))
        .routes(routes!(overview::scan))
        .routes(routes!(overview::stats))
        .routes(routes!(members::list))
        .routes(routes!(members::show))
        .routes(routes!(impact::list))
        .routes(routes!(impact::show))
        .routes(routes!(findings::list))
        .routes(routes!(tasks::create))
        .routes(routes!(tasks::update, tasks::delete))
        .routes(routes!(tasks::duplicate))
        .routes(routes!(projects::create))
        .routes(routes!(projects::update, projects::delete))
        .routes(routes!(projects::duplicate))
        .routes(routes!(programs::create))
        .routes(routes!(programs::update, programs::delete))
        .routes(routes!(programs::duplicate))
        .routes(routes!(hypotheses::create))
        .routes(routes!(hypotheses::update, hypotheses::delete))
        .routes(routes!(hypotheses::duplicate))
        .router()
}

portreeve_guard::problems! {
    /// When something of the vault is looked up.
    pub(crate) ReadRefusals = [
        Code::ValidationRequiredField,
        Code::ValidationInvalidFormat,
        Code::ValidationOutOfRange,
        Code::ValidationInvalidEnum,
        Code::VaultNotFound,
        Code::VaultMoved,
        Code::VaultUnavailable,
    ];
    /// When the vault is searched.
    pub(crate) SearchRefusals = [
        Code::ValidationRequiredField,
        Code::ValidationInvalidFormat,
        Code::ValidationOutOfRange,
        Code::ValidationInvalidEnum,
        Code::VaultIndexing,
        Code::VaultMoved,
        Code::VaultUnavailable,
    ];
}

/// Most characters of a text that are asked for at once.
const MOST_CHARS: usize = 1 << 20;

/// What an answer depends on beside the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// The notes.
    Notes,
    /// The notes, and the day on which they are looked at.
    Day,
    /// The notes, and who is a member.
    NotesAndMembers,
    /// Who is a member.
    Members,
}

impl On {
    fn tag(self, moment: &Moment) -> Result<String, Problem> {
        let generation = moment.snapshot().generation();
        Ok(match self {
            Self::Notes => whole_tag(generation),
            Self::Day => format!("W/\"{generation}-{}\"", moment.today()),
            Self::NotesAndMembers => format!("W/\"{generation}-{}\"", MembersView::read(moment)?.tag()),
            Self::Members => format!("W/\"{}\"", MembersView::read(moment)?.tag()),
        })
    }
}

/// The `ETag` of what depends on all of the vault as it stood then.
fn whole_tag(generation: Generation) -> String {
    format!("W/\"{generation}\"")
}

/// Answers what depends on all of the vault, on a thread that may wait; or that nothing has changed.
async fn whole<T: IntoResponse>(
    vault: &Vault,
    has: Has,
    on: On,
    act: impl FnOnce(&Moment, Option<&Index>) -> Result<T, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let look = move |moment: &Moment, index: Option<&Index>| {
        let tag = on.tag(moment)?;
        if has.still(&tag) {
            return tagged(&tag, StatusCode::NOT_MODIFIED);
        }
        tagged(&tag, act(moment, index)?)
    };
    vault.look(look).await
}

/// What of a note is asked for.
fn ask(
    moment: &Moment,
    fields: Option<&str>,
    body: Option<bool>,
    window: (Option<usize>, Option<usize>),
    relations: Option<bool>,
) -> Result<Ask, Problem> {
    let (from, most) = window;
    if let Some(most) = most.filter(|most| !(1..=MOST_CHARS).contains(most)) {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("`{most}` is not between 1 and {MOST_CHARS}"))
            .param("max_chars"));
    }
    Ok(Ask {
        fields: Selection::parse(moment, fields)?,
        body: body.unwrap_or(false).then_some(Window {
            from: from.unwrap_or(0),
            most,
        }),
        relations: relations.unwrap_or(false),
    })
}
