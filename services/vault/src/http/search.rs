//! `/search`: full text.

use {
    super::SearchRefusals,
    crate::{
        Vault,
        acts::search::{self, FoundView, ReadingView, searching},
        scopes,
        shown::Window,
    },
    axum::{
        extract::State,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Caller, Json, PagingQuery, Problem, Query, openapi::Refusals, page::with_next},
    portreeve_kernel::Code,
    serde::Deserialize,
    std::ops::RangeInclusive,
    utoipa::IntoParams,
};

const FILES: RangeInclusive<usize> = 1..=10;
const CHARS: RangeInclusive<usize> = 1_000..=15_000;
const USUAL_FILES: usize = 5;
const USUAL_CHARS: usize = 5_000;

searching! {
    /// What to search for, and where.
    #[derive(Debug, Clone, Deserialize, IntoParams)]
    #[into_params(parameter_in = Query)]
    SearchQuery {
        #[param(example = "harbour gate")]
        q,
        /// Notes per page, 1 to 100; 20 when left out.
        #[param(minimum = 1, maximum = 100, default = 20)]
        limit: Option<u32>,
        /// The `cursor` of the page before; leave it out for the first page.
        cursor: Option<String>,
    }
}

searching! {
    /// What to search for, and how much to read.
    #[derive(Debug, Clone, Deserialize, IntoParams)]
    #[into_params(parameter_in = Query)]
    ReadQuery {
        #[param(example = "harbour gate")]
        q,
        /// Most notes, 1 to 10; 5 when left out.
        #[param(minimum = 1, maximum = 10, default = 5)]
        max_files: Option<usize>,
        /// Most characters of each text, 1,000 to 15,000; 5,000 when left out.
        #[param(minimum = 1000, maximum = 15000, default = 5000)]
        max_chars_per_file: Option<usize>,
    }
}

/// Find notes by their text, the best first.
#[utoipa::path(
    get, path = "/search", tag = "vault", operation_id = "searchVault", security(("bearer" = ["mcp:read"])),
    params(SearchQuery),
    responses((status = 200, body = FoundView), Refusals, SearchRefusals),
)]
pub(super) async fn search(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    Query(query): Query<SearchQuery>,
) -> Result<Response, Problem> {
    let paging = PagingQuery {
        limit: query.limit,
        cursor: query.cursor.clone(),
    };
    let paging = paging.check()?;
    let look = move |moment: &crate::Moment, index: Option<&portreeve_notes::Index>| {
        search::search(moment, index, &query.wanted(), &paging)
    };
    let found = vault.look(look).await?;
    let next = found.cursor.clone();
    Ok(with_next(Json(found).into_response(), next))
}

/// Find notes by their text and read the best of them, in one call.
#[utoipa::path(
    get, path = "/search/read", tag = "vault", operation_id = "searchAndReadVault", security(("bearer" = ["mcp:read"])),
    params(ReadQuery),
    responses((status = 200, body = ReadingView), Refusals, SearchRefusals),
)]
pub(super) async fn read(
    _caller: Caller<scopes::Read>,
    State(vault): State<Vault>,
    Query(query): Query<ReadQuery>,
) -> Result<Json<ReadingView>, Problem> {
    let most = within(query.max_files, USUAL_FILES, FILES, "max_files")?;
    let chars = within(query.max_chars_per_file, USUAL_CHARS, CHARS, "max_chars_per_file")?;
    let look = move |moment: &crate::Moment, index: Option<&portreeve_notes::Index>| {
        let window = Window {
            from: 0,
            most: Some(chars),
        };
        search::search_and_read(moment, index, &query.wanted(), most, window)
    };
    vault.look(look).await.map(Json)
}

fn within(
    given: Option<usize>,
    usual: usize,
    range: RangeInclusive<usize>,
    param: &'static str,
) -> Result<usize, Problem> {
    let value = given.unwrap_or(usual);
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Problem::new(Code::ValidationOutOfRange)
        .detail(format_args!(
            "`{value}` is not between {} and {}",
            range.start(),
            range.end()
        ))
        .param(param))
}
