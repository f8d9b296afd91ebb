//! What is wrong with the vault as it lies there.

use {
    super::{answer, note_address, reader::Reader},
    crate::{Moment, Vault},
    axum::{
        extract::State,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Problem, Query, RequestContext},
    portreeve_notes::{Finding, NotePath, Severity, check},
    portreeve_pages::{
        OwnPath, Page,
        vault::{VaultFindings, Wrong},
    },
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Findings on a page.
const MOST: usize = 100;

/// Which of them.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingsQuery {
    /// How many to leave out, as the page says.
    from: Option<usize>,
}

/// The page that shows what is wrong with the vault. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/vault/findings", tag = "pages", operation_id = "vaultFindingsPage", security(()),
    params(FindingsQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 403, description = "Whoever is signed in does not read the vault", content_type = "text/html"),
        (status = 404, description = "There is no such page, or no vault", content_type = "text/html"),
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
        Ok(Query(query)) => vault.look(move |moment, _| Ok(show(moment, &query))).await,
        Err(problem) => Err(problem),
    };
    answer(shown, &context)
}

pub(super) fn show(moment: &Moment, query: &FindingsQuery) -> Response {
    let from = query.from.unwrap_or(0);
    let all = check(moment.snapshot()).findings;
    let findings: Vec<_> = all.iter().skip(from).take(MOST).map(|one| wrong(moment, one)).collect();
    let next = from.saturating_add(MOST);
    let more = (next < all.len()).then(|| OwnPath::with("/vault/findings?from=", &next.to_string()).ok());
    let more = more.flatten();
    let page = VaultFindings {
        query: "",
        total: all.len(),
        findings: &findings,
        more: more.as_ref(),
    };
    Page::new(page).into_response()
}

/// A finding as pages show it. Of a file that is not served there is no page.
pub(super) fn wrong(moment: &Moment, finding: &Finding) -> Wrong {
    let path = NotePath::parse(&finding.path).ok();
    let note = path.filter(|path| moment.snapshot().note(path).is_some());
    Wrong {
        severity: match finding.severity() {
            Severity::Note => "Note",
            Severity::Warning => "Warning",
            Severity::Error => "Error",
        }
        .to_owned(),
        code: finding.code.as_str().to_owned(),
        message: finding.message.clone(),
        place: match finding.line {
            Some(line) => format!("{}, line {line}", finding.path),
            None => finding.path.clone(),
        },
        address: note.and_then(|path| note_address(&path)),
    }
}
