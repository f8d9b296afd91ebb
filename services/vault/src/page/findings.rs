//! What is wrong with the vault as it lies there.

use {
    super::{answer, note_address, reader::Reader},
    crate::{
        Moment, Vault,
        acts::findings::{self, FindingView, Wanted},
        judge::Judged,
    },
    axum::{
        extract::State,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{PagingQuery, Problem, Query, RequestContext},
    portreeve_notes::{NotePath, Report, Severity},
    portreeve_pages::{
        OwnPath, Page,
        vault::{VaultFindings, Wrong},
    },
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Findings on a page.
const MOST: u32 = 100;

/// Which of them.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingsQuery {
    /// Where the list goes on, as the page says.
    cursor: Option<String>,
}

/// The page that shows what is wrong with the vault. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/vault/findings", tag = "pages", operation_id = "vaultFindingsPage", security(()),
    params(FindingsQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 403, description = "Whoever is signed in does not read the vault", content_type = "text/html"),
        (status = 404, description = "There is no such page, or no vault", content_type = "text/html"),
        (status = 429, description = "Too many pages in a minute", content_type = "text/html"),
        (status = 503, description = "The database does not answer"),
    )
)]
pub(super) async fn page(
    _: Reader,
    context: RequestContext,
    State(vault): State<Vault>,
    query: Result<Query<FindingsQuery>, Problem>,
) -> Result<Response, Problem> {
    let shown = match query {
        Ok(Query(query)) => found(&vault, query).await,
        Err(problem) => Err(problem),
    };
    answer(shown, &context)
}

async fn found(vault: &Vault, query: FindingsQuery) -> Result<Response, Problem> {
    let Judged { report, .. } = vault.open().report().await?;
    vault.look(move |moment, _| show(moment, &report, query)).await
}

pub(super) fn show(moment: &Moment, report: &Report, query: FindingsQuery) -> Result<Response, Problem> {
    let limit = Some(MOST);
    let paging = PagingQuery {
        limit,
        cursor: query.cursor,
    };
    let found = findings::findings(report, &Wanted::default(), &paging.check()?)?;
    let next = found.cursor.as_ref();
    let more = next.and_then(|cursor| OwnPath::with("/vault/findings?cursor=", cursor).ok());
    let page = VaultFindings {
        query: "",
        total: found.total,
        findings: &found.items.iter().map(|one| wrong(moment, one)).collect::<Vec<_>>(),
        more: more.as_ref(),
    };
    Ok(Page::new(page).into_response())
}

/// A finding as pages show it. Of a file that is not served there is no page.
pub(super) fn wrong(moment: &Moment, finding: &FindingView) -> Wrong {
    let path = NotePath::parse(&finding.path).ok();
    let note = path.filter(|path| moment.snapshot().note(path).is_some());
    Wrong {
        severity: match finding.severity {
            Severity::Note => "Note",
            Severity::Warning => "Warning",
            Severity::Error => "Error",
        }
        .to_owned(),
        code: finding.code.clone(),
        message: finding.message.clone(),
        place: match finding.line {
            Some(line) => format!("{}, line {line}", finding.path),
            None => finding.path.clone(),
        },
        address: note.and_then(|path| note_address(&path)),
    }
}
