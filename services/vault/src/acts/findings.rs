//! What is wrong with the vault.

use {
    crate::listing::{Listing, folder_of, page_to, place},
    portreeve_guard::{Paging, Problem},
    portreeve_kernel::Code,
    portreeve_notes::{Finding, FindingCode, Report, Severity},
    serde::Serialize,
    std::collections::BTreeMap,
    utoipa::ToSchema,
};

/// A page of what is wrong, and how much of each kind there is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultFindings)]
pub struct FindingsView {
    /// The findings, by path and line.
    pub items: Vec<FindingView>,
    /// How many there are on all pages.
    pub total: usize,
    /// Ask with it for the page after this one; null on the last page.
    pub cursor: Option<String>,
    /// True when there is a page after this one.
    pub has_more: bool,
    /// Of all that is wrong, whatever was asked for: how many findings of each kind.
    pub counts: BTreeMap<String, usize>,
    /// How many notes were looked at.
    pub notes: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultFinding)]
pub struct FindingView {
    /// The file.
    pub path: String,
    /// The line, counted from 1, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What kind of thing it is.
    #[schema(example = "dangling")]
    pub code: String,
    /// `error`, `warning` or `note`.
    #[schema(value_type = String, example = "error")]
    pub severity: Severity,
    /// The same in words.
    pub message: String,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let (code, severity) = (finding.code.as_str().to_owned(), finding.severity());
        let Finding {
            path, line, message, ..
        } = finding;
        Self {
            path,
            line,
            code,
            severity,
            message,
        }
    }
}

/// Which of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Only of this kind.
    pub code: Option<&'a str>,
    /// Only those that matter as much.
    pub severity: Option<&'a str>,
    /// Only in this folder or below it, or in this file.
    pub path: Option<&'a str>,
}

/// A page of a report.
///
/// # Errors
/// `VALIDATION_INVALID_ENUM` with `code` or `severity`; `VALIDATION_INVALID_FORMAT` with `path` or `cursor`.
pub fn findings(report: &Report, wanted: &Wanted<'_>, paging: &Paging) -> Result<FindingsView, Problem> {
    let code = wanted.code.map(code_of).transpose()?;
    let severity = wanted.severity.map(severity_of).transpose()?;
    let path = wanted.path.map(folder_of).transpose()?;
    let from = place(paging)?;
    let limit = usize::try_from(paging.limit()).unwrap_or(usize::MAX);
    let wanted = |finding: &&Finding| {
        code.is_none_or(|code| finding.code == code)
            && severity.is_none_or(|severity| finding.severity() == severity)
            && path.as_ref().is_none_or(|path| is_within(&finding.path, path))
    };
    let all: Vec<_> = report.findings.iter().filter(wanted).collect();
    let page = all.iter().skip(from).take(limit);
    let page = page.map(|finding| FindingView::from(Finding::clone(finding)));
    let next = from.saturating_add(limit);
    let Listing {
        items,
        total,
        cursor,
        has_more,
    } = page_to(page.collect(), all.len(), (next < all.len()).then_some(next));
    let counts = report.counts.iter();
    Ok(FindingsView {
        items,
        total,
        cursor,
        has_more,
        counts: counts.map(|(code, count)| ((*code).to_owned(), *count)).collect(),
        notes: report.notes,
    })
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn code_of(text: &str) -> Result<FindingCode, Problem> {
    let known = FindingCode::ALL.iter().find(|code| code.as_str() == text);
    known.copied().ok_or_else(|| {
        Problem::new(Code::ValidationInvalidEnum)
            .detail(format_args!("`{text}` is no kind of finding"))
            .param("code")
    })
}

fn severity_of(text: &str) -> Result<Severity, Problem> {
    match text {
        "note" => Ok(Severity::Note),
        "warning" => Ok(Severity::Warning),
        "error" => Ok(Severity::Error),
        _ => Err(Problem::new(Code::ValidationInvalidEnum)
            .detail(format_args!("`{text}` is none of note, warning, error"))
            .param("severity")),
    }
}
