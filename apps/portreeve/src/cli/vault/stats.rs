//! `portreeve vault stats`.

use {
    super::{Rooted, open},
    crate::{
        cli::{CliError, Context},
        output::{View, fields, list},
    },
    portreeve_notes::{Content, Severity, Snapshot, check, links::Link},
    serde::Serialize,
    serde_json::json,
    std::collections::BTreeMap,
};

/// What to count.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  portreeve vault stats --root ~/notes
  portreeve vault stats --root ~/notes --json")]
pub(in crate::cli) struct StatsArgs {
    #[command(flatten)]
    rooted: Rooted,
}

#[derive(Debug, Default, Serialize)]
struct Stats {
    /// Notes that are served.
    notes: usize,
    /// Of these, entities that are meant by their id.
    entities: usize,
    /// Of these, texts without an id.
    texts: usize,
    bytes: u64,
    schema_version: Option<String>,
    types: BTreeMap<String, Type>,
    severities: BTreeMap<&'static str, usize>,
    /// How many findings of each kind.
    findings: BTreeMap<&'static str, usize>,
    /// What entities say of others that exist.
    relations: usize,
    links: Links,
}

#[derive(Debug, Default, Serialize)]
struct Type {
    count: usize,
    statuses: BTreeMap<String, usize>,
}

#[derive(Debug, Default, Serialize)]
struct Links {
    /// To notes of this vault, each target of a note once.
    here: usize,
    /// To other vaults, which nobody follows.
    elsewhere: usize,
    /// Of those to this vault, those that lead nowhere.
    dangling: usize,
}

pub(super) fn run(context: &Context, args: StatsArgs) -> Result<(), CliError> {
    let root = args.rooted.find(context)?;
    let vault = open(context, &root, None)?;
    let snapshot = vault.snapshot();
    let stats = Stats::of(&snapshot);
    let mut raw = json!(stats);
    if let Some(raw) = raw.as_object_mut() {
        raw.insert("content".to_owned(), json!(snapshot.generation().content));
    }
    Ok(context.out.result(&raw, || stats.view())?)
}

fn one_more(count: &mut usize) {
    *count = count.saturating_add(1);
}

impl Stats {
    fn of(snapshot: &Snapshot) -> Self {
        let report = check(snapshot);
        let mut stats = Self {
            notes: report.notes,
            schema_version: report.schema_version.clone(),
            severities: [Severity::Error, Severity::Warning, Severity::Note]
                .map(|severity| (severity.as_str(), 0))
                .into(),
            ..Self::default()
        };
        for (kind, count) in snapshot.counts() {
            let mut of_type = Type {
                count,
                ..Type::default()
            };
            for entity in snapshot.of_type(kind).filter_map(|note| note.entity()) {
                let status = entity.status().unwrap_or_default().to_owned();
                one_more(of_type.statuses.entry(status).or_default());
                stats.relations = stats.relations.saturating_add(snapshot.outgoing(entity).count());
            }
            stats.entities = stats.entities.saturating_add(count);
            stats.types.insert(kind.as_str().to_owned(), of_type);
        }
        for note in snapshot.notes() {
            stats.bytes = stats.bytes.saturating_add(note.stamp.size);
            if matches!(note.content, Content::Prose(_)) {
                one_more(&mut stats.texts);
            }
            for link in &note.links {
                match link {
                    Link::Here(_) => one_more(&mut stats.links.here),
                    Link::Elsewhere(_) => one_more(&mut stats.links.elsewhere),
                }
            }
        }
        for finding in &report.findings {
            one_more(stats.severities.entry(finding.severity().as_str()).or_default());
            one_more(stats.findings.entry(finding.code.as_str()).or_default());
        }
        let dangling = portreeve_notes::FindingCode::DanglingLink.as_str();
        stats.links.dangling = stats.findings.get(dangling).copied().unwrap_or_default();
        stats
    }

    fn view(&self) -> View {
        let count = |name: &str| self.severities.get(name).map(ToString::to_string);
        let about = fields([
            ("notes", Some(self.notes.to_string())),
            ("entities", Some(self.entities.to_string())),
            ("texts", Some(self.texts.to_string())),
            ("bytes", Some(self.bytes.to_string())),
            ("schema", self.schema_version.clone()),
            ("relations", Some(self.relations.to_string())),
            ("links", Some(self.links.here.to_string())),
            ("links elsewhere", Some(self.links.elsewhere.to_string())),
            ("links that lead nowhere", Some(self.links.dangling.to_string())),
            ("errors", count("error")),
            ("warnings", count("warning")),
            ("remarks", count("note")),
        ]);
        let rows = self.types.iter().map(|(kind, of_type)| {
            let statuses = of_type.statuses.iter().map(|(status, count)| match status.as_str() {
                "" => format!("none {count}"),
                status => format!("{status} {count}"),
            });
            let statuses: Vec<_> = statuses.collect();
            [kind.clone(), of_type.count.to_string(), statuses.join(", ")]
        });
        about.over(list(["TYPE", "COUNT", "STATUS"], rows, None))
    }
}
