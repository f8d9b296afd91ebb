//! All of the vault at a glance: what there is of each type, which values its fields hold, and a few examples.

use {
    super::{
        lines::LinesView,
        schema::{about, kinds},
        status::{LateView, active_tracks, by_status, late},
    },
    crate::{
        listing::kind_of,
        moment::{Moment, Served},
        shown::{Name, NoteView, Selection},
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::EntityType,
    serde::Serialize,
    std::{collections::BTreeMap, ops::RangeInclusive},
    utoipa::ToSchema,
};

const SAMPLES: RangeInclusive<usize> = 1..=5;
const USUAL_SAMPLES: usize = 2;
const MOST_TYPES: usize = 32;
/// Different values of one field that are counted; a field with more is no list of words.
const MOST_VALUES: usize = 50;
const MOST_LATE: usize = 5;
/// Fields whose values are counted: those that hold words.
const COUNTED: [&str; 6] = [
    "status",
    "priority",
    "type",
    "evidence_status",
    "program_type",
    "horizon",
];

/// All of the vault at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultScan)]
pub struct ScanView {
    /// Which state of the vault this is.
    pub generation: String,
    /// The number of its schema.
    pub schema_version: Option<String>,
    /// How many notes there are.
    pub notes: usize,
    /// Each type.
    pub types: Vec<ScannedType>,
    /// What is going on.
    pub active: ActiveView,
    /// Where to ask on.
    pub query_guide: Vec<GuideView>,
}

/// A type at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultScannedType)]
pub struct ScannedType {
    /// Which.
    pub entity_type: String,
    /// How many there are.
    pub count: usize,
    /// Fields that each has to have.
    pub required_fields: Vec<String>,
    /// Fields that the schema knows: only with `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_fields: Option<Vec<String>>,
    /// Of fields that hold words, how many entities hold each: only with `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, BTreeMap<String, usize>>>)]
    pub field_values: Option<BTreeMap<String, BTreeMap<Name, usize>>>,
    /// The first of them by id.
    pub samples: Vec<NoteView>,
}

/// What is going on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultActive)]
pub struct ActiveView {
    /// Tasks by status.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub tasks: BTreeMap<Name, usize>,
    /// Projects by status.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub projects: BTreeMap<Name, usize>,
    /// Tracks that are being worked on.
    pub tracks: LinesView,
    /// Tasks that are late; at most 5 are named.
    pub attention_needed: LateView,
}

/// A question and the call that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultGuide)]
pub struct GuideView {
    /// What somebody wants to know.
    pub question: String,
    /// The call, beneath `/vault/api/v1`.
    pub api: String,
}

/// How much of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Depth<'a> {
    /// `summary`, or `full` with known fields and values.
    pub depth: Option<&'a str>,
    /// Only these types, with commas between.
    pub types: Option<&'a str>,
    /// Examples of each type, 1 to 5.
    pub samples: Option<usize>,
}

/// Looks at everything.
///
/// # Errors
/// `VALIDATION_INVALID_ENUM` with `depth` or `types`, `VALIDATION_OUT_OF_RANGE` with `sample_count` or `types`.
pub fn scan(moment: &Moment, asked: Depth<'_>) -> Result<ScanView, Problem> {
    let full = match asked.depth.unwrap_or("summary") {
        "summary" => false,
        "full" => true,
        other => {
            return Err(Problem::new(Code::ValidationInvalidEnum)
                .detail(format_args!("`{other}` is neither summary nor full"))
                .param("depth"));
        }
    };
    let samples = asked.samples.unwrap_or(USUAL_SAMPLES);
    if !SAMPLES.contains(&samples) {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("`{samples}` is not between 1 and 5"))
            .param("sample_count"));
    }
    let kinds = match asked.types {
        None => kinds(moment),
        Some(names) => named(moment, names)?,
    };
    let snapshot = moment.snapshot();
    Ok(ScanView {
        generation: snapshot.generation().to_string(),
        schema_version: snapshot.schema().version.as_deref().map(str::to_owned),
        notes: snapshot.notes().len(),
        types: kinds.iter().map(|kind| look(moment, kind, full, samples)).collect(),
        active: ActiveView {
            tasks: by_status(moment, &EntityType::Task),
            projects: by_status(moment, &EntityType::Project),
            tracks: active_tracks(moment),
            attention_needed: late(moment, MOST_LATE),
        },
        query_guide: guide(),
    })
}

fn named(moment: &Moment, names: &str) -> Result<Vec<EntityType>, Problem> {
    let names: Vec<_> = names.split(',').map(str::trim).collect();
    if names.len() > MOST_TYPES {
        return Err(Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("ask for at most {MOST_TYPES} types"))
            .param("types"));
    }
    names.into_iter().map(|name| kind_of(moment, name, "types")).collect()
}

fn look(moment: &Moment, kind: &EntityType, full: bool, samples: usize) -> ScannedType {
    let rules = about(moment, moment.snapshot().schema(), kind);
    ScannedType {
        entity_type: kind.as_str().to_owned(),
        count: rules.count,
        required_fields: rules.required_fields,
        known_fields: full.then_some(rules.known_fields),
        field_values: full.then(|| values(moment, kind)),
        samples: moment
            .of_type(kind)
            .take(samples)
            .map(|found| NoteView::new(found.note, &Selection::default()))
            .collect(),
    }
}

fn values(moment: &Moment, kind: &EntityType) -> BTreeMap<String, BTreeMap<Name, usize>> {
    let mut all: BTreeMap<String, BTreeMap<Name, usize>> = BTreeMap::new();
    for Served { entity, .. } in moment.of_type(kind) {
        for field in COUNTED {
            for text in entity.fields.texts(field) {
                let values = match all.get_mut(field) {
                    Some(values) => values,
                    None => all.entry(field.to_owned()).or_default(),
                };
                let name = Name(text);
                if values.len() < MOST_VALUES || values.contains_key(&name) {
                    let count = values.entry(name).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    all
}

/// Which call answers which question.
#[must_use]
pub fn guide() -> Vec<GuideView> {
    let guide = [
        ("What is this vault, and where is what?", "/navigation"),
        ("How do things stand today?", "/status"),
        ("Where is something said of …?", "/search?q=…"),
        ("What does the vault say of …, in full?", "/search/read?q=…"),
        ("What is everything for?", "/strategy"),
        ("What belongs to this project?", "/projects/{entity_id}/context"),
        ("What belongs to this track?", "/tracks/{entity_id}/context"),
        ("What surrounds this entity?", "/entities/{entity_id}/context"),
        ("Who has to do with whom?", "/entities/{entity_id}/graph"),
        ("Who does what?", "/tasks?assignee=…&status=doing"),
        ("Who is who?", "/members"),
        ("Which fields and words are there?", "/schema?category=…"),
        ("What were projects worth?", "/impact"),
        ("What is wrong with the vault?", "/findings"),
    ];
    let told = guide.into_iter().map(|(question, api)| GuideView {
        question: question.to_owned(),
        api: api.to_owned(),
    });
    told.collect()
}
