//! `portreeve vault search`.

use {
    super::{Rooted, counted, not_done, open, place},
    crate::{
        cli::{CliError, Context},
        output::{Line, View},
    },
    portreeve_notes::{Filter, Hit, Index, Note, NotePath, Query, Root, Snapshot, Snippet, Vault},
    portreeve_vault::acts::search::reckoned,
    serde_json::{Value, json},
    std::path::PathBuf,
};

const AFTER_HELP: &str = "\
Examples:
  portreeve vault search --root ~/notes harbour toll                        notes with both words
  portreeve vault search --root ~/notes '\"harbour toll\"'                    with both, one after the other
  portreeve vault search --root ~/notes 항구 --type Task --status doing
  portreeve vault search --root ~/notes gate --path 50_Projects/2026 --tag ledger --limit 5
  portreeve vault search --root ~/notes gate --index ~/.cache/notes         the next one takes a moment

Every word has to be there. Words that a hyphen joins stand together, as those in quotes. The best come first; what stands in a title
counts more than what stands in a text.";

/// What to find, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct SearchArgs {
    /// What to find
    #[arg(value_name = "WORD", required = true)]
    words: Vec<String>,

    #[command(flatten)]
    rooted: Rooted,

    /// Only entities of this type, such as Task
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Only those in this status, such as doing
    #[arg(long)]
    status: Option<String>,

    /// Only in this folder of the vault, and below it
    #[arg(long, value_name = "FOLDER")]
    path: Option<String>,

    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,

    /// How many, 1 to 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,

    /// A folder outside of the vault to keep what was read in, for the next search [default: keep nothing]
    #[arg(long, value_name = "DIR")]
    index: Option<PathBuf>,
}

/// A note that was found.
struct Match<'a> {
    hit: &'a Hit,
    note: &'a Note,
    snippet: Option<Snippet>,
}

pub(super) fn run(context: &Context, args: SearchArgs) -> Result<(), CliError> {
    let words = args.words.join(" ");
    let query = Query::parse(&words).map_err(|error| CliError::Usage(error.to_string()))?;
    let filter = Filter {
        kind: args.kind.map(Into::into),
        status: args.status.map(Into::into),
        tag: args.tag.map(Into::into),
        folder: args.path.as_deref().map(folder).transpose()?,
    };
    let root = args.rooted.find(context)?;
    let kept = args.index.as_deref().map(|folder| outside(&root, folder)).transpose()?;
    let vault = open(
        context,
        &root,
        kept.as_ref().map(|folder| folder.join("notes")).as_deref(),
    )?;
    let snapshot = vault.snapshot();
    let index = index(context, &vault, &snapshot, kept.as_deref())?;
    let found = index
        .search(&query, &filter, 0, usize::from(args.limit))
        .map_err(|error| not_done(&error))?;
    let matches: Vec<Match<'_>> = found
        .hits
        .iter()
        .filter_map(|hit| Match::of(hit, &query, &vault, &snapshot))
        .collect();
    let items: Vec<Value> = matches.iter().map(Match::json).collect();
    let raw = json!({"query": words, "total": found.total, "items": items});
    Ok(context.out.result(&raw, || view(&matches, found.total))?)
}

/// A folder of the vault, as people write it.
fn folder(text: &str) -> Result<portreeve_notes::value::Text, CliError> {
    match NotePath::parse(text.trim_end_matches('/')) {
        Ok(path) => Ok(path.as_str().into()),
        Err(error) => Err(CliError::Usage(format!("--path is no folder of a vault: {error}"))),
    }
}

/// What is kept would be notes, if it lay in the vault.
fn outside(root: &Root, folder: &std::path::Path) -> Result<PathBuf, CliError> {
    let told = |why: String| CliError::NotDone(format!("`{}` {why}", folder.display()));
    match place::lies_in(root, folder) {
        Ok(false) => {}
        Ok(true) => return Err(told("lies in the vault; keep the index elsewhere".to_owned())),
        Err(error) => return Err(told(format!("cannot be used: {error}"))),
    }
    std::fs::create_dir_all(folder).map_err(|error| told(format!("cannot be made: {error}")))?;
    Ok(folder.to_owned())
}

/// The full text of the vault as it is now.
fn index(
    context: &Context,
    vault: &Vault,
    snapshot: &Snapshot,
    kept: Option<&std::path::Path>,
) -> Result<Index, CliError> {
    let made = match kept {
        Some(folder) => Index::at(&folder.join("text")),
        None => Index::in_memory(),
    };
    let index = made.map_err(|error| not_done(&error))?;
    let progress = context.out.progress("reading the words");
    let tell = |at: portreeve_notes::Progress| {
        progress.say(format!("reading the words: {} of {} notes", at.done, at.found));
    };
    index.follow(vault, snapshot, &tell).map_err(|error| not_done(&error))?;
    drop(progress);
    if let Some(folder) = kept
        && let Err(error) = vault.keep(&folder.join("notes"))
    {
        context
            .out
            .note(format!("the next search reads all of it again: {error}"));
    }
    Ok(index)
}

impl<'a> Match<'a> {
    fn of(hit: &'a Hit, query: &Query, vault: &Vault, snapshot: &'a Snapshot) -> Option<Self> {
        let note = snapshot.note(&hit.path)?;
        let opened = vault.open_note(note).ok();
        Some(Self {
            hit,
            note,
            snippet: opened.and_then(|opened| query.snippet(&opened.body)),
        })
    }

    fn json(&self) -> Value {
        let entity = self.note.entity();
        let snippet = self
            .parts()
            .map(|(before, found, after)| json!({"before": before, "found": found, "after": after}));
        json!({
            "path": self.hit.path,
            "entity_id": entity.map(|entity| entity.id.as_str()),
            "entity_type": entity.map(|entity| entity.kind.as_str()),
            "entity_name": entity.and_then(|entity| entity.name()),
            "status": entity.and_then(|entity| entity.status()),
            "revision": self.note.revision,
            "score": reckoned(self.hit.score),
            "snippet": snippet,
        })
    }

    /// Before what was found, that, and behind it.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let snippet = self.snippet.as_ref()?;
        let text = snippet.text.as_str();
        Some((
            text.get(..snippet.found.start)?,
            text.get(snippet.found.clone())?,
            text.get(snippet.found.end..)?,
        ))
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::default().head(self.hit.path.as_str())];
        if let Some(entity) = self.note.entity() {
            let line = Line::default().plain(format!("  {} {}", entity.kind.as_str(), entity.id));
            let line = match entity.status() {
                Some(status) => line.plain(", ").state(status),
                None => line,
            };
            lines.push(match entity.name() {
                Some(name) => line.plain(format!(": {name}")),
                None => line,
            });
        }
        if let Some((before, found, after)) = self.parts() {
            lines.push(Line::default().plain(format!("  {before}")).mark(found).plain(after));
        }
        lines
    }
}

fn view(matches: &[Match<'_>], total: usize) -> View {
    if matches.is_empty() {
        return "none".to_owned().into();
    }
    let lines = matches.iter().flat_map(Match::lines).collect();
    let words = if total > matches.len() {
        format!("{} of {}", matches.len(), counted(total, "note"))
    } else {
        counted(total, "note")
    };
    View::Lines(lines).then(words)
}
