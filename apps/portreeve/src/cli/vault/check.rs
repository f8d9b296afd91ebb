//! `portreeve vault check`.

use {
    super::{
        Rooted, counted, open,
        place::{self, Leads},
    },
    crate::{
        cli::{CliError, Context},
        output::{Line, View, list},
    },
    portreeve_guard::text::shown,
    portreeve_notes::{Finding, FindingCode, Report, Root, Severity, check},
    serde_json::{Value, json},
    std::{
        collections::BTreeMap,
        env,
        path::{Path, PathBuf},
    },
};

const AFTER_HELP: &str = "\
Examples:
  portreeve vault check --root ~/notes
  portreeve vault check --root . 50_Projects/2026/gate.md      what is wrong with one file, among all others
  portreeve vault check --root notes --fail-on warning         as strict as it gets, short of notes
  portreeve vault check --root . --format github               annotations; by itself in GitHub's workflows

The whole vault is read whatever files are named, because what a note says of others is right or wrong only among them. What is wrong
with the schema is always told. Files outside of the vault are left out. A folder without a schema is no failure, but a warning.

Exit codes:
  0  nothing at or above --fail-on
  1  there are findings at or above it
  2  it could not look";

/// What to look at, and what is bad.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct CheckArgs {
    /// Tell of these files and folders alone [default: of all]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    rooted: Rooted,

    /// From where on a finding is a failure
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t)]
    fail_on: FailOn,

    /// How findings are told [default: json with --json, github in GitHub's workflows, else text]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum FailOn {
    /// What is not served as what it claims to be, or breaks a rule
    #[default]
    Error,
    /// Also what should be mended
    Warning,
    /// Anything at all
    Note,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line for each, as compilers write them
    Text,
    /// One document
    Json,
    /// Annotations of GitHub's workflows
    Github,
}

impl FailOn {
    const fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Note => Severity::Note,
        }
    }
}

/// What is told, of all that was found.
struct Told {
    report: Report,
    findings: Vec<Finding>,
    failed: usize,
}

pub(super) fn run(context: &Context, args: CheckArgs) -> Result<(), CliError> {
    let told = look(context, args)?;
    match told {
        0 => Ok(()),
        failed => Err(CliError::NotDone(format!("{} to mend", counted(failed, "finding")))),
    }
}

/// How many findings are failures. Whatever keeps it from looking is another thing than a finding.
fn look(context: &Context, args: CheckArgs) -> Result<usize, CliError> {
    let looked = || {
        let format = format(args.format, context.out.is_json())?;
        let root = args.rooted.find(context)?;
        let only = narrowed(context, &root, &args.paths)?;
        let vault = open(context, &root, None)?;
        let told = Told::of(check(&vault.snapshot()), only.as_deref(), args.fail_on);
        tell(context, &root, &told, format)?;
        Ok(told.failed)
    };
    looked().map_err(|error: CliError| CliError::NotLookedAt(Box::new(error)))
}

fn format(asked: Option<Format>, json: bool) -> Result<Format, CliError> {
    match (asked, json) {
        (None | Some(Format::Json), true) => Ok(Format::Json),
        (Some(_), true) => Err(CliError::Usage("--json and --format say different things".to_owned())),
        (Some(format), false) => Ok(format),
        (None, false) if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") => Ok(Format::Github),
        (None, false) => Ok(Format::Text),
    }
}

/// What the findings are narrowed to; all of them for nothing.
fn narrowed(context: &Context, root: &Root, paths: &[PathBuf]) -> Result<Option<Vec<String>>, CliError> {
    let mut only = Vec::new();
    let mut everything = paths.is_empty();
    for path in paths {
        let leads =
            place::leads(root, path).map_err(|error| CliError::NotDone(format!("`{}`: {error}", path.display())))?;
        match leads {
            Leads::Everywhere => everything = true,
            Leads::Within(path) => only.push(path),
            Leads::Elsewhere => context
                .out
                .note(format!("`{}` is not in the vault, and left out", path.display())),
        }
    }
    Ok((!everything).then_some(only))
}

impl Told {
    fn of(report: Report, only: Option<&[String]>, fail_on: FailOn) -> Self {
        let is_told = |finding: &&Finding| {
            // Without the schema hardly anything is judged.
            matches!(finding.code, FindingCode::Schema | FindingCode::NoSchema)
                || only.is_none_or(|only| only.iter().any(|path| place::is_within(&finding.path, path)))
        };
        let findings: Vec<Finding> = report.findings.iter().filter(is_told).cloned().collect();
        let failures = findings.iter().filter(|one| one.severity() >= fail_on.severity());
        Self {
            failed: failures.count(),
            report,
            findings,
        }
    }

    fn counts(&self) -> BTreeMap<&'static str, (Severity, usize)> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            let (_, count) = counts
                .entry(finding.code.as_str())
                .or_insert((finding.severity(), 0_usize));
            *count = count.saturating_add(1);
        }
        counts
    }

    fn of_severity(&self, severity: Severity) -> usize {
        let those = self.findings.iter().filter(|one| one.severity() == severity);
        those.count()
    }

    /// One line about all of it.
    fn summary(&self) -> String {
        let is_missing = self.findings.iter().any(|one| one.code == FindingCode::NoSchema);
        let schema = match &self.report.schema_version {
            Some(version) => format!("schema {version}"),
            None if is_missing => "no schema".to_owned(),
            None => "a schema without a version".to_owned(),
        };
        let among = format!("{}, {schema}", counted(self.report.notes, "note"));
        if self.findings.is_empty() {
            return format!("nothing is wrong: {among}");
        }
        let parts = [
            counted(self.of_severity(Severity::Error), "error"),
            counted(self.of_severity(Severity::Warning), "warning"),
            counted(self.of_severity(Severity::Note), "remark"),
        ];
        format!("{}: {among}", parts.join(", "))
    }

    fn json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|one| {
                json!({
                    "path": one.path,
                    "line": one.line,
                    "code": one.code,
                    "severity": one.severity(),
                    "message": one.message,
                })
            })
            .collect();
        let counts: BTreeMap<&str, usize> = self
            .counts()
            .into_iter()
            .map(|(code, (_, count))| (code, count))
            .collect();
        json!({
            "content": self.report.content,
            "schema_version": self.report.schema_version,
            "notes": self.report.notes,
            "failed": self.failed,
            "severities": {
                "error": self.of_severity(Severity::Error),
                "warning": self.of_severity(Severity::Warning),
                "note": self.of_severity(Severity::Note),
            },
            "counts": counts,
            "findings": findings,
        })
    }
}

fn tell(context: &Context, root: &Root, told: &Told, format: Format) -> Result<(), CliError> {
    match format {
        Format::Json => context.out.in_json().result(&told.json(), String::new)?,
        Format::Text => {
            let before = place::prefix(root, env::current_dir().ok().as_deref());
            context.out.result(&Value::Null, || view(told, &before))?;
        }
        Format::Github => {
            // Annotations name files as the repository does.
            let base = env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
            let before = place::prefix(root, base.or_else(|| env::current_dir().ok()).as_deref());
            let lines: Vec<String> = told.findings.iter().map(|one| annotation(one, &before)).collect();
            let lines = lines.into_iter().chain([told.summary()]).collect::<Vec<_>>();
            context.out.verbatim(&Value::Null, &lines.join("\n"))?;
        }
    }
    Ok(())
}

fn view(told: &Told, before: &Path) -> View {
    if told.findings.is_empty() {
        return told.summary().into();
    }
    let lines = told.findings.iter().map(|one| {
        let path = before.join(&one.path).display().to_string();
        let place = match one.line {
            Some(line) => format!("{path}:{line}"),
            None => path,
        };
        Line::default()
            .head(place)
            .plain(": ")
            .state(one.severity().as_str())
            .plain(format!(": {} ({})", one.message, one.code.as_str()))
    });
    let counts = told.counts();
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by(|(one, (how, count)), (other, (other_how, other_count))| {
        (other_how, other_count, one).cmp(&(how, count, other))
    });
    let rows = rows
        .into_iter()
        .map(|(code, (severity, count))| [severity.as_str().to_owned(), code.to_owned(), count.to_string()]);
    View::Lines(lines.collect())
        .over(list(["SEVERITY", "CODE", "COUNT"], rows, None))
        .then(told.summary())
}

/// A finding as GitHub's workflows take it from a log:
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.
fn annotation(finding: &Finding, before: &Path) -> String {
    let command = match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let file = property(&before.join(&finding.path).display().to_string());
    let line = finding.line.map(|line| format!(",line={line}")).unwrap_or_default();
    let title = property(finding.code.as_str());
    format!(
        "::{command} file={file}{line},title={title}::{}",
        data(&finding.message)
    )
}

/// What stands behind the second `::`. Of what else a terminal would act on nothing is left.
fn data(text: &str) -> String {
    let escaped = |line: &str| shown(line).replace('%', "%25");
    let lines: Vec<String> = text.split('\n').map(escaped).collect();
    lines.join("%0A")
}

/// What stands between commas.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(path: &str, line: Option<u32>, code: FindingCode, message: &str) -> Finding {
        Finding {
            path: path.to_owned(),
            line,
            code,
            message: message.to_owned(),
        }
    }

    #[test]
    fn an_annotation_holds_whatever_a_file_says_and_is_one_command() {
        let odd = finding(
            "a,b:c/50%.md",
            Some(7),
            FindingCode::Dangling,
            "100%\n::error::fake\u{1b}[2J\r",
        );
        assert_eq!(
            annotation(&odd, Path::new("notes")),
            "::error file=notes/a%2Cb%3Ac/50%25.md,line=7,title=dangling::100%25%0A::error::fake\\u{1b}[2J\\u{d}"
        );
        let whole = finding("a.md", None, FindingCode::DanglingLink, "x");
        assert_eq!(
            annotation(&whole, Path::new("")),
            "::notice file=a.md,title=dangling_link::x"
        );
    }

    #[test]
    fn a_finding_fails_from_its_severity_on() {
        let report = || Report {
            content: portreeve_notes::Seal::default().revision(b""),
            schema_version: None,
            notes: 1,
            counts: BTreeMap::new(),
            findings: vec![
                finding("a.md", None, FindingCode::UnknownField, "note"),
                finding("a.md", None, FindingCode::NotListed, "warning"),
                finding("b/a.md", None, FindingCode::Dangling, "error"),
                finding("00_Meta/schema_constants.yaml", None, FindingCode::Schema, "error"),
            ],
        };
        let failed = |only: Option<&[&str]>, fail_on| {
            let only = only.map(|only| only.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
            let told = Told::of(report(), only.as_deref(), fail_on);
            (told.findings.len(), told.failed)
        };
        assert_eq!(failed(None, FailOn::Error), (4, 2));
        assert_eq!(failed(None, FailOn::Warning), (4, 3));
        assert_eq!(failed(None, FailOn::Note), (4, 4));
        assert_eq!(
            failed(Some(&["a.md"]), FailOn::Error),
            (3, 1),
            "the schema's is always told"
        );
        assert_eq!(failed(Some(&["b"]), FailOn::Error), (2, 2));
        assert_eq!(
            failed(Some(&[]), FailOn::Error),
            (1, 1),
            "all named files lie elsewhere"
        );
    }

    #[test]
    fn two_flags_that_contradict_each_other_are_refused() {
        assert_eq!(format(None, true).unwrap(), Format::Json);
        assert_eq!(format(Some(Format::Json), true).unwrap(), Format::Json);
        assert!(format(Some(Format::Text), true).is_err());
        assert_eq!(format(Some(Format::Github), false).unwrap(), Format::Github);
    }
}
