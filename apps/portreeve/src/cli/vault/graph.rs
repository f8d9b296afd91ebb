//! `portreeve vault graph`: which entities are drawn, and what between them. How, is in `drawing.rs`.

mod drawing;

use {
    super::{Rooted, open, show},
    crate::cli::{CliError, Context},
    portreeve_notes::{Entity, Note, Relation, Snapshot},
    serde_json::{Value, json},
    std::collections::{BTreeMap, BTreeSet, VecDeque},
};

const AFTER_HELP: &str = "\
Examples:
  portreeve vault graph --root ~/notes                                what lies beneath what
  portreeve vault graph prj-001 --root ~/notes                        whom a project has to do with
  portreeve vault graph trk-2 --depth 2 --root ~/notes --format mermaid
  portreeve vault graph --root ~/notes --format dot --depth 9 | dot -Tsvg > notes.svg

With an id: what is reached from it in so many steps, whoever says it of whom. Without: what has no parent, and what lies beneath it in so
many steps. Each entity is there once. In a tree `→` is what the upper one says of the lower, `←` what the lower says of the upper.";

/// What to draw, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct GraphArgs {
    /// Where to begin: an id, or a path [default: at everything without a parent]
    #[arg(value_name = "ID|PATH")]
    from: Option<String>,

    #[command(flatten)]
    rooted: Rooted,

    /// How many steps to go [default: 1 from an entity, 3 from the top]
    #[arg(long, value_name = "STEPS")]
    depth: Option<u8>,

    /// How it is drawn [default: json with --json, else tree]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines, indented
    Tree,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// Nodes and edges
    Json,
}

/// An entity in a drawing.
#[derive(Debug)]
struct Node<'a> {
    entity: &'a Entity,
    path: &'a str,
    /// From where it was reached first, and by what; nothing where the drawing begins.
    reached: Option<Reached<'a>>,
    /// How many more it has to do with than are drawn.
    beyond: usize,
}

#[derive(Debug)]
struct Reached<'a> {
    from: usize,
    relation: &'a Relation,
    direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// The one before says it of this one.
    Out,
    /// This one says it of the one before.
    In,
}

/// One says something of another; both by their place among the nodes.
#[derive(Debug, PartialEq, Eq)]
struct Edge<'a> {
    from: usize,
    relation: &'a str,
    to: usize,
}

/// See the top of this file.
#[derive(Debug)]
struct Drawing<'a> {
    nodes: Vec<Node<'a>>,
    edges: Vec<Edge<'a>>,
}

pub(super) fn run(context: &Context, args: GraphArgs) -> Result<(), CliError> {
    let format = match (args.format, context.out.is_json()) {
        (None | Some(Format::Json), true) => Format::Json,
        (Some(_), true) => return Err(CliError::Usage("--json and --format say different things".to_owned())),
        (asked, false) => asked.unwrap_or(Format::Tree),
    };
    let root = args.rooted.find(context)?;
    let vault = open(context, &root, None)?;
    let snapshot = vault.snapshot();
    let (start, whole, depth) = match &args.from {
        Some(text) => {
            let note = show::wanted(&root, &snapshot, text)?;
            (vec![entity_of(&snapshot, note, text)?], false, 1)
        }
        None => (tops(&snapshot), true, 3),
    };
    let drawing = Drawing::of(&snapshot, start, whole, args.depth.unwrap_or(depth));
    match format {
        Format::Tree => context.out.result(&Value::Null, || drawing.tree())?,
        Format::Dot => context.out.verbatim(&Value::Null, &drawing.dot())?,
        Format::Mermaid => context.out.verbatim(&Value::Null, &drawing.mermaid())?,
        Format::Json => context.out.in_json().result(&drawing.json(), String::new)?,
    }
    Ok(())
}

/// The note, when it is what its id means.
fn entity_of<'a>(snapshot: &Snapshot, note: &'a Note, text: &str) -> Result<&'a Note, CliError> {
    match note.entity() {
        Some(entity) if show::is_served(snapshot, note, entity) => Ok(note),
        Some(entity) => Err(CliError::NotDone(format!(
            "`{text}` is not what `{}` means; see `portreeve vault show {text}`",
            entity.id
        ))),
        None => Err(CliError::NotDone(format!("`{text}` is a text and no entity"))),
    }
}

/// Everything without a parent that exists, by type and id. What only has parents within a circle is beneath nobody.
fn tops(snapshot: &Snapshot) -> Vec<&Note> {
    let all = snapshot.counts().flat_map(|(kind, _)| snapshot.of_type(kind));
    let is_top = |note: &&std::sync::Arc<Note>| {
        note.entity().is_some_and(|entity| {
            !snapshot
                .outgoing(entity)
                .any(|(relation, _)| *relation == Relation::Parent)
        })
    };
    all.filter(is_top).map(|note| &**note).collect()
}

impl<'a> Drawing<'a> {
    /// What is reached in at most `depth` steps: by every relation, or only downwards where all of the vault is drawn.
    fn of(snapshot: &'a Snapshot, start: Vec<&'a Note>, only_down: bool, depth: u8) -> Self {
        let mut drawing = Self {
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut next = VecDeque::new();
        for note in start {
            drawing.add(note, None, &mut places, &mut next, 0);
        }
        let follow = |entity| {
            let all = related(snapshot, entity);
            all.filter(|(relation, direction, _)| {
                !only_down || (**relation == Relation::Parent && *direction == Direction::In)
            })
        };
        while let Some((place, steps)) = next.pop_front() {
            let Some(entity) = drawing.nodes.get(place).map(|node| node.entity) else {
                continue;
            };
            if steps == depth {
                continue;
            }
            for (relation, direction, other) in follow(entity) {
                let reached = Reached {
                    from: place,
                    relation,
                    direction,
                };
                drawing.add(other, Some(reached), &mut places, &mut next, steps.saturating_add(1));
            }
        }
        for node in &mut drawing.nodes {
            let others = follow(node.entity).filter_map(|(_, _, other)| Some(other.entity()?.id.as_str()));
            let beyond: BTreeSet<&str> = others.filter(|id| !places.contains_key(id)).collect();
            node.beyond = beyond.len();
        }
        drawing.edges = drawing.between(snapshot, &places);
        drawing
    }

    fn add(
        &mut self,
        note: &'a Note,
        reached: Option<Reached<'a>>,
        places: &mut BTreeMap<&'a str, usize>,
        next: &mut VecDeque<(usize, u8)>,
        steps: u8,
    ) {
        let Some(entity) = note.entity() else { return };
        let place = self.nodes.len();
        if places.contains_key(entity.id.as_str()) {
            return;
        }
        places.insert(entity.id.as_str(), place);
        next.push_back((place, steps));
        self.nodes.push(Node {
            entity,
            path: note.path().as_str(),
            reached,
            beyond: 0,
        });
    }

    /// Everything that those in the drawing say of one another.
    fn between(&self, snapshot: &'a Snapshot, places: &BTreeMap<&str, usize>) -> Vec<Edge<'a>> {
        let mut edges = Vec::new();
        for (from, node) in self.nodes.iter().enumerate() {
            for (relation, other) in snapshot.outgoing(node.entity) {
                let to = other.entity().and_then(|other| places.get(other.id.as_str()));
                if let Some(to) = to {
                    let relation = relation.as_str();
                    edges.push(Edge {
                        from,
                        relation,
                        to: *to,
                    });
                }
            }
        }
        edges
    }

    fn json(&self) -> Value {
        let id = |place: usize| self.nodes.get(place).map(|node| node.entity.id.as_str());
        let nodes = self.nodes.iter().map(|node| {
            json!({
                "entity_id": node.entity.id,
                "entity_type": node.entity.kind.as_str(),
                "entity_name": node.entity.name(),
                "status": node.entity.status(),
                "path": node.path,
                "beyond": node.beyond,
            })
        });
        let edges = self
            .edges
            .iter()
            .map(|edge| json!({"from": id(edge.from), "relation": edge.relation, "to": id(edge.to)}));
        json!({"nodes": nodes.collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>()})
    }
}

/// Whom an entity speaks of, then who speaks of it.
fn related<'a>(
    snapshot: &'a Snapshot,
    entity: &'a Entity,
) -> impl Iterator<Item = (&'a Relation, Direction, &'a Note)> {
    let out = snapshot.outgoing(entity);
    let said = out.map(|(relation, note)| (relation, Direction::Out, &**note));
    let heard = snapshot.incoming(entity.id.as_str());
    said.chain(heard.map(|(relation, note)| (relation, Direction::In, &**note)))
}
