//! What a caller sees of the vault: the one place where notes, entities and texts become answers.
//!
//! What the vault keeps private is never read into memory (`portreeve_notes::schema::Private`), so nothing here can show it;
//! of members, whose file holds more than we may tell, [`crate::members`] reads what is listed there and nothing else.

mod relations;

use {
    crate::moment::{Moment, Served},
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{EntityId, EntityType, Note, NotePath, Opened, Revision, Text, Value},
    serde::{Serialize, Serializer, ser::SerializeMap},
    std::sync::Arc,
    utoipa::{PartialSchema, ToSchema, openapi},
};

pub use relations::{RelatedView, RelationsView};

/// Most names in `fields`.
const MOST_FIELDS: usize = 64;

/// Which fields of the front matter are shown; all when none is selected.
#[derive(Debug, Clone, Default)]
pub struct Selection(Option<Arc<[Text]>>);

/// How much of a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Characters that are left out at the beginning.
    pub from: usize,
    /// Most characters; all when there is no bound.
    pub most: Option<usize>,
}

/// What of a note is asked for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Fields of its front matter.
    pub fields: Selection,
    /// Its text.
    pub body: Option<Window>,
    /// What others say of it.
    pub relations: bool,
}

/// A note: an entity where it has an id, a text otherwise.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultNote)]
pub struct NoteView {
    /// The entity's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "prj-001")]
    pub entity_id: Option<EntityId>,
    /// The entity's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Project")]
    pub entity_type: Option<EntityType>,
    /// Where it lies in the vault.
    #[schema(value_type = String, example = "50_Projects/2026/Gate/project.md")]
    pub path: NotePath,
    /// Which bytes it has: what `If-Match` wants before it is changed.
    #[schema(value_type = String, example = "9f86d081884c7d659a2feaa0c55ad015")]
    pub revision: Revision,
    /// Its front matter as it was written, or the fields that were asked for.
    pub fields: FieldsView,
    /// What it says of others and others of it, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RelationsView, required = false)]
    pub relations: Option<RelationsView>,
    /// Its text, when asked for.
    #[serde(flatten)]
    #[schema(value_type = TextMembers)]
    pub text: Option<TextView>,
}

/// The members of a text, of which there are none where it was not asked for.
#[derive(Serialize, ToSchema)]
#[schema(title = "VaultNoteText")]
struct TextMembers {
    /// The Markdown without its front matter.
    #[schema(required = false)]
    body: String,
    /// True when there is more behind it.
    #[schema(required = false)]
    truncated: bool,
    /// Characters of the whole text.
    #[schema(required = false)]
    chars_total: usize,
    /// Characters behind what is shown.
    #[schema(required = false)]
    chars_left: usize,
}

/// What every [`NoteView`] has, for those of which there is never more.
#[derive(Serialize, ToSchema)]
#[schema(as = VaultPlainNote)]
pub struct PlainNote {
    /// The entity's id.
    #[schema(required = false, example = "prj-001")]
    entity_id: String,
    /// The entity's type.
    #[schema(required = false, example = "Project")]
    entity_type: String,
    /// Where it lies in the vault.
    #[schema(example = "50_Projects/2026/Gate/project.md")]
    path: String,
    /// Which bytes it has: what `If-Match` wants before it is changed.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    revision: String,
    /// Its front matter as it was written, or the fields that were asked for.
    fields: FieldsView,
}

/// The same with its text.
#[derive(Serialize, ToSchema)]
#[schema(as = VaultReadNote)]
pub struct ReadNote {
    #[serde(flatten)]
    note: PlainNote,
    #[serde(flatten)]
    text: TextMembers,
}

/// A note's front matter, or what was selected of it.
#[derive(Debug, Clone)]
pub struct FieldsView {
    note: Arc<Note>,
    selection: Selection,
}

/// A text, or the part of it that was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultText)]
pub struct TextView {
    /// The Markdown without its front matter.
    pub body: String,
    /// True when there is more behind it.
    pub truncated: bool,
    /// Characters of the whole text.
    pub chars_total: usize,
    /// Characters behind what is shown.
    pub chars_left: usize,
}

/// An entity in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultEntityLine)]
pub struct LineView {
    /// Its id.
    #[schema(value_type = String, example = "prj-001")]
    pub entity_id: EntityId,
    /// Its type.
    #[schema(value_type = String, example = "Project")]
    pub entity_type: EntityType,
    /// Its name for people.
    #[schema(value_type = Option<String>)]
    pub entity_name: Option<Name>,
    /// How it stands.
    #[schema(value_type = Option<String>)]
    pub status: Option<Name>,
    /// Where it lies.
    #[schema(value_type = String)]
    pub path: NotePath,
}

/// A text that is shared with the vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub Text);

impl Selection {
    /// Reads `a,b`. Only names that some note of the vault may have are taken.
    ///
    /// # Errors
    /// `VALIDATION_INVALID_ENUM` for an unknown name, `VALIDATION_OUT_OF_RANGE` for too many; both with `fields`.
    pub fn parse(moment: &Moment, text: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = text else { return Ok(Self::default()) };
        let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
        if names.len() > MOST_FIELDS {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!("at most {MOST_FIELDS} fields can be selected"))
                .param("fields"));
        }
        names.sort_unstable();
        names.dedup();
        if let Some(unknown) = names.iter().find(|name| !is_field(moment, name)) {
            return Err(Problem::new(Code::ValidationInvalidEnum)
                .detail(format_args!("`{unknown}` is no field of this vault"))
                .param("fields"));
        }
        Ok(Self(Some(names.into_iter().map(Text::from).collect())))
    }

    fn holds(&self, field: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| **name == *field))
    }
}

/// Whether the schema knows a field, or a note has it. What is private is neither.
fn is_field(moment: &Moment, name: &str) -> bool {
    let snapshot = moment.snapshot();
    let schema = snapshot.schema();
    let lists = |per_type: &portreeve_notes::schema::PerType| {
        per_type
            .of
            .values()
            .flatten()
            .chain(&per_type.all)
            .any(|known| **known == *name)
    };
    lists(&schema.known)
        || lists(&schema.required)
        || snapshot.notes().iter().any(|note| note.fields().get(name).is_some())
}

impl NoteView {
    /// A note without its text.
    #[must_use]
    pub fn new(note: &Arc<Note>, selection: &Selection) -> Self {
        let entity = note.entity();
        Self {
            entity_id: entity.map(|entity| entity.id.clone()),
            entity_type: entity.map(|entity| entity.kind.clone()),
            path: note.path().clone(),
            revision: note.revision,
            fields: FieldsView {
                note: Arc::clone(note),
                selection: selection.clone(),
            },
            relations: None,
            text: None,
        }
    }

    /// A note with what is asked for. It reads a file when that is the text.
    ///
    /// # Errors
    /// Those of [`Moment::open`].
    pub fn asked(moment: &Moment, note: &Arc<Note>, ask: &Ask) -> Result<Self, Problem> {
        let mut view = match ask.body {
            None => Self::new(note, &ask.fields),
            Some(window) => {
                let Opened { note, body } = moment.open(note)?;
                let mut view = Self::new(&note, &ask.fields);
                view.text = Some(TextView::cut(&body, window));
                view
            }
        };
        if ask.relations {
            view.relations = Some(RelationsView::of(moment, note));
        }
        Ok(view)
    }
}

impl TextView {
    /// The part of a text that is asked for.
    #[must_use]
    pub fn cut(text: &str, window: Window) -> Self {
        let at = |count: usize| text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
        let chars_total = text.chars().count();
        let from = window.from.min(chars_total);
        let to = window
            .most
            .map_or(chars_total, |most| from.saturating_add(most).min(chars_total));
        let chars_left = chars_total.saturating_sub(to);
        Self {
            body: text.get(at(from)..at(to)).unwrap_or_default().to_owned(),
            truncated: chars_left > 0,
            chars_total,
            chars_left,
        }
    }
}

impl From<Served<'_>> for LineView {
    fn from(Served { note, entity }: Served<'_>) -> Self {
        Self {
            entity_id: entity.id.clone(),
            entity_type: entity.kind.clone(),
            entity_name: entity.name().map(Name),
            status: entity.fields.text("status").map(Name),
            path: note.path().clone(),
        }
    }
}

impl Serialize for FieldsView {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, value) in self.note.fields().iter() {
            if self.selection.holds(name) {
                map.serialize_entry(&**name, value)?;
            }
        }
        map.end()
    }
}

impl FieldsView {
    /// What is shown, in the order in which it was written.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.note.fields().iter().filter(|(name, _)| self.selection.holds(name))
    }
}

/// Any field may hold any value.
impl PartialSchema for FieldsView {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .description(Some("The front matter, as it was written."))
            .additional_properties(Some(openapi::schema::AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for FieldsView {
    fn name() -> std::borrow::Cow<'static, str> {
        "VaultFields".into()
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_what_is_left() {
        let cut = |from, most| {
            let view = TextView::cut("가나다라마", Window { from, most });
            (view.body, view.truncated, view.chars_total, view.chars_left)
        };
        assert_eq!(cut(0, None), ("가나다라마".to_owned(), false, 5, 0));
        assert_eq!(cut(0, Some(5)), ("가나다라마".to_owned(), false, 5, 0));
        assert_eq!(cut(0, Some(4)), ("가나다라".to_owned(), true, 5, 1));
        assert_eq!(cut(1, Some(2)), ("나다".to_owned(), true, 5, 2));
        assert_eq!(cut(4, Some(9)), ("마".to_owned(), false, 5, 0));
        assert_eq!(cut(9, Some(9)), (String::new(), false, 5, 0));
        assert_eq!(cut(usize::MAX, Some(usize::MAX)).0, "");
    }
}
