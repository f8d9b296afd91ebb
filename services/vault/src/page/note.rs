//! A note: its front matter, its text, and how it stands to others.

use {
    super::{answer, entry, links::Links, name, reader::Reader, trail},
    crate::{
        Moment, Vault,
        acts::{entity, findings::FindingView},
        moment::absent,
        page::findings::wrong,
        shown::{Ask, FieldsView, RelatedView, Selection, Window},
    },
    axum::{
        extract::State,
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Problem, Query, RequestContext},
    portreeve_notes::{Note, Value, check_one},
    portreeve_pages::{
        Page, markdown,
        picture::Picture,
        vault::{Held, Part, Relations, VaultNote, Wrong},
    },
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Notes whose texts link to one that are named.
const BACKLINKS: usize = 50;
/// Things that are wrong with it.
const FINDINGS: usize = 50;
/// Values of one field, and characters of each.
const VALUES: usize = 100;
const CHARACTERS: usize = 10_000;

/// Which note: one of the two.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NoteQuery {
    /// Its path in the vault.
    #[param(example = "50_Projects/2026/Gate/project.md")]
    path: Option<String>,
    /// Its id, when it is an entity.
    #[param(example = "prj-001")]
    id: Option<String>,
}

/// The page that shows a note of the vault. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/vault/note", tag = "pages", operation_id = "vaultNotePage", security(()),
    params(NoteQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 403, description = "Whoever is signed in does not read the vault", content_type = "text/html"),
        (status = 404, description = "There is no such note, or no vault", content_type = "text/html"),
        (status = 429, description = "Too many pages in a minute", content_type = "text/html"),
        (status = 503, description = "The database or the vault's disk does not answer"),
    )
)]
pub(super) async fn page(
    _: Reader,
    context: RequestContext,
    State(vault): State<Vault>,
    query: Result<Query<NoteQuery>, Problem>,
) -> Result<Response, Problem> {
    let shown = match query {
        Ok(Query(query)) => vault.look(move |moment, _| show(moment, &query)).await,
        Err(problem) => Err(problem),
    };
    answer(shown, &context)
}

pub(super) fn show(moment: &Moment, query: &NoteQuery) -> Result<Response, Problem> {
    let ask = Ask {
        fields: Selection::default(),
        body: Some(Window::default()),
        relations: true,
    };
    let view = match (&query.path, &query.id) {
        (Some(path), None) => entity::by_path(moment, path, &ask)?,
        (None, Some(id)) => entity::by_id(moment, id, &ask)?,
        _ => return Err(absent()),
    };
    let snapshot = moment.snapshot();
    let note = snapshot.note(&view.path).ok_or_else(absent)?;
    let folder = view.path.folder();
    let body = view.text.map(|text| text.body).unwrap_or_default();
    let (outgoing, incoming) = view
        .relations
        .map(|all| (all.outgoing, all.incoming))
        .unwrap_or_default();
    let said = outgoing.iter().map(|one| relations(moment, one, outwards));
    let saying = incoming.iter().map(|one| relations(moment, one, inwards));
    let name = name(note);
    let picture = picture(moment, (&name, note), &incoming, &outgoing);
    let page = VaultNote {
        query: "",
        above: &folder.map(trail).unwrap_or_default(),
        name: &name,
        path: view.path.as_str(),
        fields: &fields(&view.fields),
        text: &markdown::render(&body, &Links { snapshot, folder }),
        relations: &said.chain(saying).collect::<Vec<_>>(),
        picture: picture.as_ref(),
        backlinks: &Part::first(BACKLINKS, snapshot.backlinks(&view.path).filter_map(|note| entry(note))),
        findings: &findings(moment, note),
    };
    Ok(Page::new(page).into_response())
}

fn fields(view: &FieldsView) -> Vec<(String, Held)> {
    view.iter()
        .map(|(name, value)| (name.to_string(), held(value)))
        .collect()
}

fn held(value: &Value) -> Held {
    let nested = || Held::Nested(cut(&serde_json::to_string_pretty(value).unwrap_or_default()));
    match value {
        Value::List(items) => match items.iter().take(VALUES).map(word).collect::<Option<Vec<_>>>() {
            Some(mut words) => {
                let left = items.len().saturating_sub(words.len());
                words.extend((left > 0).then(|| format!("and {left} more")));
                Held::List(words)
            }
            None => nested(),
        },
        Value::Map(_) => nested(),
        single => Held::Text(word(single).unwrap_or_default()),
    }
}

/// A single value as it is read.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::List(_) | Value::Map(_) => None,
        other => other.text().map(|text| cut(&text)),
    }
}

/// As much of a value as a page shows.
fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => {
            let left = text.chars().count().saturating_sub(CHARACTERS);
            format!(
                "{}\u{2026} ({left} more characters)",
                text.get(..end).unwrap_or_default()
            )
        }
    }
}

fn relations(moment: &Moment, view: &RelatedView, words: fn(&str) -> String) -> Relations {
    let items: Vec<_> = view
        .entity_ids
        .iter()
        .filter_map(|id| entry(moment.find(id.as_str())?.note))
        .collect();
    Relations {
        relation: words(&view.relation),
        with: Part {
            left: view.total.saturating_sub(items.len()),
            items,
        },
    }
}

/// What a note says of others, as a heading.
fn outwards(relation: &str) -> String {
    let mut words = relation.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// What others say of it.
fn inwards(relation: &str) -> String {
    let words = match relation {
        "parent" => "Children",
        "project" => "Work of this project",
        "program" => "In this program",
        "validates" => "Validated by",
        "primary_hypothesis" => "Mainly for this",
        "condition" => "Serves this condition",
        "evidence_of" => "Evidence",
        "validated" => "Shown to be so by",
        "falsified" => "Shown not to be so by",
        "tests" => "Tested by",
        other => return format!("{}, of this", outwards(other)),
    };
    words.to_owned()
}

fn picture(
    moment: &Moment,
    (own, note): (&str, &Note),
    incoming: &[RelatedView],
    outgoing: &[RelatedView],
) -> Option<Picture> {
    let kind = note.entity().map_or("", |entity| entity.kind.as_str());
    let named = |views: &[RelatedView], words: fn(&str) -> String| -> Vec<(String, String)> {
        let each = |view: &RelatedView| {
            let how = words(&view.relation);
            let known = view.entity_ids.iter().filter_map(|id| moment.find(id.as_str()));
            known.map(|one| (how.clone(), name(one.note))).collect::<Vec<_>>()
        };
        views.iter().flat_map(each).collect()
    };
    let (saying, said) = (named(incoming, inwards), named(outgoing, outwards));
    let [saying, said] = [&saying, &said].map(|side| {
        let texts = side.iter().map(|(how, name)| (how.as_str(), name.as_str()));
        texts.collect::<Vec<_>>()
    });
    let mut picture = Picture::of((kind, own), &saying, &said)?;
    // The act names the first of each relation and counts them all.
    let all = incoming.iter().chain(outgoing).map(|view| view.total);
    picture.left = all.sum::<usize>().saturating_sub(picture.lines.len());
    Some(picture)
}

/// What is wrong with this note.
fn findings(moment: &Moment, note: &Note) -> Part<Wrong> {
    let found = check_one(moment.snapshot(), note).into_iter().map(FindingView::from);
    Part::first(FINDINGS, found.map(|one| wrong(moment, &one)))
}
