//! What a search finds.

use {
    super::{answer, entry, reader::Reader},
    crate::{
        Moment, Vault,
        acts::search::{self, HitView, Wanted},
    },
    axum::{
        extract::State,
        http::{HeaderValue, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{PagingQuery, Problem, Query, RequestContext},
    portreeve_kernel::Code,
    portreeve_notes::Index,
    portreeve_pages::{
        OwnPath, Page,
        vault::{FoundNote, Outcome, VaultSearch},
    },
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Notes on a page.
const NOTES: u32 = 20;

/// What is searched for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Words; those in quotes stand together.
    #[param(example = "harbour gate")]
    q: Option<String>,
    /// Where the list goes on, as the page says.
    cursor: Option<String>,
}

/// The page that shows what a search finds. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/vault/search", tag = "pages", operation_id = "vaultSearchPage", security(()),
    params(SearchQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 400, description = "This cannot be searched for", content_type = "text/html"),
        (status = 403, description = "Whoever is signed in does not read the vault", content_type = "text/html"),
        (status = 404, description = "There is no such page, or no vault", content_type = "text/html"),
        (status = 429, description = "Too many pages in a minute", content_type = "text/html"),
        (status = 503, description = "The full text is not there yet, or the database does not answer"),
    )
)]
pub(super) async fn page(
    _: Reader,
    context: RequestContext,
    State(vault): State<Vault>,
    query: Result<Query<SearchQuery>, Problem>,
) -> Result<Response, Problem> {
    let shown = match query {
        Ok(Query(query)) => vault.look(move |moment, index| show(moment, index, query)).await,
        Err(problem) => Err(problem),
    };
    answer(shown, &context)
}

pub(super) fn show(moment: &Moment, index: Option<&Index>, query: SearchQuery) -> Result<Response, Problem> {
    let SearchQuery { q, cursor } = query;
    let words = q.unwrap_or_default();
    let limit = Some(NOTES);
    let wanted = Wanted {
        words: &words,
        ..Wanted::default()
    };
    if words.is_empty() {
        return Ok(told(&words, StatusCode::OK, &Outcome::Nothing, None));
    }
    let found = PagingQuery { limit, cursor }
        .check()
        .and_then(|paging| search::search(moment, index, &wanted, &paging));
    let found = match found {
        Err(problem) if problem.code() == Code::VaultIndexing => {
            let mut answer = told(&words, StatusCode::SERVICE_UNAVAILABLE, &Outcome::NotYet, None);
            answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            return Ok(answer);
        }
        Err(problem) if problem.status().is_client_error() => {
            return Ok(told(&words, StatusCode::BAD_REQUEST, &Outcome::Refused, None));
        }
        found => found?,
    };
    let more = found.cursor.as_ref().and_then(|cursor| {
        let begin = format!("/vault/search?cursor={cursor}&q=");
        OwnPath::with(&begin, &words).ok()
    });
    let notes = found.items.into_iter().filter_map(|hit| shown(moment, hit));
    let outcome = Outcome::Found(found.total, found.indexing, notes.collect());
    Ok(told(&words, StatusCode::OK, &outcome, more.as_ref()))
}

/// Seconds until it is worth searching again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

fn told(query: &str, status: StatusCode, outcome: &Outcome, more: Option<&OwnPath>) -> Response {
    let page = VaultSearch { query, outcome, more };
    Page::new(page).with_status(status).into_response()
}

fn shown(moment: &Moment, hit: HitView) -> Option<FoundNote> {
    let note = entry(moment.snapshot().note(&hit.path)?)?;
    let snippet = hit.snippet.map(|piece| (piece.before, piece.found, piece.after));
    Some(FoundNote {
        note,
        snippet: snippet.unwrap_or_default(),
    })
}
