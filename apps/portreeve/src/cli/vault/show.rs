//! `portreeve vault show`.

use {
    super::{
        Rooted, not_done, open,
        place::{self, Leads},
    },
    crate::{
        cli::{CliError, Context},
        output::{Line, View, fields, list},
    },
    portreeve_notes::{
        Entity, Finding, Note, NotePath, Opened, Relation, Root, Snapshot, Value as Field, check::judge,
    },
    serde_json::{Map, Value, json},
    std::{path::Path, sync::Arc},
};

const AFTER_HELP: &str = "\
Examples:
  portreeve vault show --root ~/notes prj-001
  portreeve vault show --root ~/notes 50_Projects/2026/gate.md --body
  cd ~/notes/50_Projects && portreeve vault show --root .. 2026/gate.md

An id goes first, then a path in the vault, then a file as seen from here. What others say of a note is derived from all of them.";

/// Which note.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct ShowArgs {
    /// The note: an id, or a path
    #[arg(value_name = "ID|PATH")]
    note: String,

    #[command(flatten)]
    rooted: Rooted,

    /// Its text too
    #[arg(long)]
    body: bool,
}

pub(super) fn run(context: &Context, args: ShowArgs) -> Result<(), CliError> {
    let root = args.rooted.find(context)?;
    let vault = open(context, &root, None)?;
    let snapshot = vault.snapshot();
    let note = wanted(&root, &snapshot, &args.note)?;
    let opened = args.body.then(|| vault.open_note(note)).transpose();
    let opened = opened.map_err(|error| not_done(&error))?;
    let about = About::of(&snapshot, note, opened);
    Ok(context.out.result(&about.json(), || about.view())?)
}

/// The note that somebody means.
pub(super) fn wanted<'a>(root: &Root, snapshot: &'a Snapshot, text: &str) -> Result<&'a Arc<Note>, CliError> {
    let at = |path: &str| snapshot.note(&NotePath::parse(path).ok()?);
    let from_here = || match place::leads(root, Path::new(text)) {
        Ok(Leads::Within(path)) => at(&path),
        _ => None,
    };
    let found = snapshot.find(text).or_else(|| at(text)).or_else(from_here);
    found.ok_or_else(|| CliError::NotDone(format!("there is no note `{text}` in the vault")))
}

/// One end of a relation.
struct Other<'a> {
    relation: &'a Relation,
    /// As it is named, also when it does not exist.
    id: &'a str,
    note: Option<&'a Note>,
}

/// A note and what there is about it.
struct About<'a> {
    note: &'a Note,
    outgoing: Vec<Other<'a>>,
    incoming: Vec<Other<'a>>,
    backlinks: Vec<&'a str>,
    findings: Vec<Finding>,
    opened: Option<Opened>,
}

impl<'a> About<'a> {
    fn of(snapshot: &'a Snapshot, note: &'a Note, opened: Option<Opened>) -> Self {
        let mut findings: Vec<Finding> = snapshot
            .findings()
            .filter(|finding| finding.path == note.path().as_str())
            .cloned()
            .collect();
        let (mut outgoing, mut incoming) = (Vec::new(), Vec::new());
        if let Some(entity) = note.entity() {
            findings.extend(judge(note, entity, snapshot.schema()));
            outgoing.extend(entity.relations.iter().map(|said| Other {
                relation: &said.relation,
                id: said.target.as_str(),
                note: snapshot.find(said.target.as_str()).map(|note| &**note),
            }));
            // Of two notes with one id the first is meant.
            if is_served(snapshot, note, entity) {
                incoming.extend(snapshot.incoming(entity.id.as_str()).map(|(relation, from)| Other {
                    relation,
                    id: from.entity().map(|entity| entity.id.as_str()).unwrap_or_default(),
                    note: Some(from),
                }));
            }
        }
        findings.sort_by_key(|finding| (finding.line, finding.code));
        Self {
            note,
            outgoing,
            incoming,
            backlinks: snapshot
                .backlinks(note.path())
                .map(|from| from.path().as_str())
                .collect(),
            findings,
            opened,
        }
    }

    fn json(&self) -> Value {
        let entity = self.note.entity();
        let other = |one: &Other<'_>| {
            let entity = one.note.and_then(Note::entity);
            json!({
                "relation": one.relation,
                "entity_id": one.id,
                "entity_type": entity.map(|entity| entity.kind.as_str()),
                "entity_name": entity.and_then(Entity::name),
                "path": one.note.map(Note::path),
            })
        };
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|one| json!({"line": one.line, "code": one.code, "severity": one.severity(), "message": one.message}))
            .collect();
        let mut about = Map::new();
        let mut say = |name: &str, value: Value| about.insert(name.to_owned(), value);
        say("entity_id", json!(entity.map(|entity| entity.id.as_str())));
        say("entity_type", json!(entity.map(|entity| entity.kind.as_str())));
        say("path", json!(self.note.path()));
        say("revision", json!(self.note.revision));
        say("fields", json!(self.note.fields()));
        say("outgoing", self.outgoing.iter().map(other).collect());
        say("incoming", self.incoming.iter().map(other).collect());
        say("backlinks", json!(self.backlinks));
        say("findings", json!(findings));
        if let Some(opened) = &self.opened {
            say("body", json!(opened.body));
        }
        Value::Object(about)
    }

    fn view(&self) -> View {
        let entity = self.note.entity();
        let mut view = fields([
            ("path", Some(self.note.path().to_string())),
            ("id", entity.map(|entity| entity.id.to_string())),
            ("type", entity.map(|entity| entity.kind.as_str().to_owned())),
            ("revision", Some(self.note.revision.to_string())),
        ]);
        if !self.note.fields().is_empty() {
            let rows = self.note.fields().iter();
            view = view.over(list(
                ["FIELD", "VALUE"],
                rows.map(|(name, value)| [name.to_string(), written(value)]),
                None,
            ));
        }
        let rows = self.outgoing.iter().map(|one| one.row("→"));
        let rows: Vec<_> = rows.chain(self.incoming.iter().map(|one| one.row("←"))).collect();
        if !rows.is_empty() {
            view = view.over(list(["RELATION", "ID", "TYPE", "NAME"], rows, None));
        }
        if !self.backlinks.is_empty() {
            let rows = self.backlinks.iter().map(|path| [(*path).to_owned()]);
            view = view.over(list(["LINKED FROM"], rows, None));
        }
        if !self.findings.is_empty() {
            let lines = self.findings.iter().map(|one| {
                let line = one.line.map(|line| format!("line {line}, ")).unwrap_or_default();
                Line::default()
                    .plain(line)
                    .state(one.severity().as_str())
                    .plain(format!(": {} ({})", one.message, one.code.as_str()))
            });
            view = view.over(View::Lines(lines.collect()));
        }
        match &self.opened {
            Some(opened) => view.then(opened.body.trim_matches('\n')),
            None => view,
        }
    }
}

impl Other<'_> {
    fn row(&self, arrow: &str) -> [String; 4] {
        let entity = self.note.and_then(Note::entity);
        let kind = entity.map_or("does not exist", |entity| entity.kind.as_str());
        let name = entity.and_then(Entity::name);
        [
            format!("{arrow} {}", self.relation.as_str()),
            self.id.to_owned(),
            kind.to_owned(),
            name.as_deref().unwrap_or_default().to_owned(),
        ]
    }
}

/// Whether this is the note that its id means.
pub(super) fn is_served(snapshot: &Snapshot, note: &Note, entity: &Entity) -> bool {
    let served = snapshot.find(entity.id.as_str());
    served.is_some_and(|served| served.path() == note.path())
}

/// A value on one line, or on as many as it has itself.
fn written(value: &Field) -> String {
    match value {
        Field::Null => String::new(),
        Field::List(items) if items.iter().all(|item| item.text().is_some()) => {
            let texts: Vec<_> = items.iter().filter_map(Field::text).collect();
            texts.join(", ")
        }
        value => match value.text() {
            Some(text) => text.to_string(),
            None => json!(value).to_string(),
        },
    }
}
