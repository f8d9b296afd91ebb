//! What the vault says of itself: its types, what each has to have, and the words there are.

use {
    crate::moment::Moment,
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{EntityType, Schema, Text, Value},
    serde::{Serialize, Serializer, ser::SerializeMap},
    std::collections::BTreeMap,
    utoipa::{PartialSchema, ToSchema, openapi},
};

/// What may be asked for, and which type it is about.
const CATEGORIES: [(&str, Option<EntityType>); 9] = [
    ("all", None),
    ("task", Some(EntityType::Task)),
    ("project", Some(EntityType::Project)),
    ("program", Some(EntityType::Program)),
    ("hypothesis", Some(EntityType::Hypothesis)),
    ("track", Some(EntityType::Track)),
    ("condition", Some(EntityType::Condition)),
    ("experiment", Some(EntityType::Experiment)),
    ("evidence", Some(EntityType::Evidence)),
];

/// The vault's schema, or the part of it that is about one type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultSchema)]
pub struct SchemaView {
    /// The number that the vault gives it.
    pub schema_version: Option<String>,
    /// Which part this is.
    #[schema(example = "all")]
    pub category: String,
    /// The types, and the rules of each.
    pub types: BTreeMap<String, TypeView>,
    /// Old words of statuses, and what they mean today.
    pub status_mapping: BTreeMap<String, String>,
    /// Folders in which entities lie; all when none is named.
    pub folders: Vec<String>,
    /// The rest of it as the vault writes it: only with `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constants: Option<ConstantsView>,
}

/// The rules of one type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultType)]
pub struct TypeView {
    /// How many there are.
    pub count: usize,
    /// Fields that it has to have.
    pub required_fields: Vec<String>,
    /// Fields that the schema knows.
    pub known_fields: Vec<String>,
    /// Fields that it must not have.
    pub forbidden_fields: Vec<String>,
    /// Fields that are derived; what a file says of them is not believed.
    pub derived_fields: Vec<String>,
    /// The types of its parent.
    pub parents: Vec<String>,
    /// The words that a field may hold.
    pub words: BTreeMap<String, Vec<String>>,
    /// What has to be there when something else is.
    pub conditional: Vec<ConditionView>,
}

/// Fields that are needed once another holds one of some words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VaultConditional)]
pub struct ConditionView {
    /// The field that is looked at.
    pub field: String,
    /// The words that ask for more.
    pub words: Vec<String>,
    /// What they ask for.
    pub requires: Vec<String>,
}

/// A schema as it is written.
#[derive(Debug)]
pub struct ConstantsView(Vec<(Text, Value)>);

/// All of the schema, or what it says of one type.
///
/// # Errors
/// `VALIDATION_INVALID_ENUM` with `category`.
pub fn schema(moment: &Moment, category: Option<&str>) -> Result<SchemaView, Problem> {
    let category = category.unwrap_or("all");
    let Some((name, kind)) = CATEGORIES.iter().find(|(name, _)| *name == category) else {
        let names = CATEGORIES.map(|(name, _)| name).join(", ");
        return Err(Problem::new(Code::ValidationInvalidEnum)
            .detail(format_args!("`{category}` is none of {names}"))
            .param("category"));
    };
    let schema = moment.snapshot().schema();
    let kinds = kind.clone().map_or_else(|| kinds(moment), |kind| vec![kind]);
    let types = kinds
        .iter()
        .map(|kind| (kind.as_str().to_owned(), about(moment, schema, kind)));
    let all = kind.is_none();
    Ok(SchemaView {
        schema_version: schema.version.as_deref().map(str::to_owned),
        category: (*name).to_owned(),
        types: types.collect(),
        status_mapping: schema
            .old_words
            .iter()
            .map(|(old, new)| (old.to_string(), new.to_string()))
            .collect(),
        folders: strings(&schema.include),
        constants: all.then(|| {
            let source = schema.source.iter();
            ConstantsView(source.map(|(name, value)| (name.clone(), value.clone())).collect())
        }),
    })
}

/// The types of a vault: those of its schema, and those that entities are of.
pub(super) fn kinds(moment: &Moment) -> Vec<EntityType> {
    let schema = moment.snapshot().schema();
    let mut kinds: Vec<_> = schema.types.clone();
    for (kind, _) in moment.snapshot().counts() {
        if !kinds.contains(kind) {
            kinds.push(kind.clone());
        }
    }
    kinds
}

/// The rules of one type.
pub(super) fn about(moment: &Moment, schema: &Schema, kind: &EntityType) -> TypeView {
    let of_all_and = |per_type: &portreeve_notes::schema::PerType| {
        let mut names: Vec<_> = per_type.of(kind).map(|name| name.to_string()).collect();
        names.dedup();
        names
    };
    let listed = schema
        .listed
        .iter()
        .filter(|listed| listed.types.is_empty() || listed.types.contains(kind));
    TypeView {
        count: moment.snapshot().of_type(kind).count(),
        required_fields: of_all_and(&schema.required),
        known_fields: of_all_and(&schema.known),
        forbidden_fields: of_all_and(&schema.forbidden),
        derived_fields: of_all_and(&schema.derived),
        parents: schema
            .parents
            .get(kind)
            .into_iter()
            .flatten()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        words: listed
            .map(|listed| (listed.field.to_owned(), strings(&listed.words)))
            .collect(),
        conditional: schema
            .conditional
            .iter()
            .filter(|rule| rule.kind == *kind)
            .map(|rule| ConditionView {
                field: rule.field.to_string(),
                words: strings(&rule.words),
                requires: strings(&rule.requires),
            })
            .collect(),
    }
}

fn strings(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

impl Serialize for ConstantsView {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

/// Any section may hold any value.
impl PartialSchema for ConstantsView {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .description(Some("The sections of the vault's schema, as they are written."))
            .additional_properties(Some(openapi::schema::AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for ConstantsView {
    fn name() -> std::borrow::Cow<'static, str> {
        "VaultConstants".into()
    }
}
