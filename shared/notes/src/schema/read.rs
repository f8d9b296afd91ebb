//! Reading a schema. What cannot be understood of it is told, and the rest of it holds.

use {
    super::{Conditional, Listed, PerType, Private, SCHEMA, Schema},
    crate::{
        entity::EntityType,
        finding::{Finding, FindingCode},
        matter::{Budget, parse},
        path::NotePath,
        value::{Fields, Text, Value, Words},
    },
    regex::{Regex, RegexBuilder},
    std::collections::BTreeMap,
};

/// A schema may be larger than a note's front matter, and it is read once.
const BUDGET: Budget = Budget {
    bytes: 1 << 20,
    nodes: 50_000,
    depth: 16,
};

/// Memory for one compiled pattern. Patterns match in linear time, whatever they are.
const PATTERN: usize = 1 << 18;

/// Where the words of a field are listed: types, field, block, list. A list may stand in a mapping's `values` or `status`.
pub(super) const LISTS: [(&[EntityType], &str, &str, &str); 11] = [
    (&[EntityType::Task], "status", "task", "status"),
    (&[EntityType::Task], "type", "task", "types"),
    (&[EntityType::Project], "status", "project", "status"),
    (&[], "priority", "priority", "values"),
    (
        &[EntityType::Hypothesis, EntityType::MetaHypothesis],
        "evidence_status",
        "hypothesis",
        "evidence_status",
    ),
    (&[EntityType::NorthStar], "status", "northstar", "status"),
    (&[EntityType::Program], "program_type", "program_types", ""),
    (&[EntityType::Condition], "risk_level", "risk_level", "values"),
    (&[EntityType::Experiment], "outcome", "experiment", "outcome"),
    (&[EntityType::Project], "tier", "impact", "tiers"),
    (&[EntityType::Project], "impact_magnitude", "impact", "magnitudes"),
];

impl Schema {
    /// Reads a vault's schema from its file.
    ///
    /// # Errors
    /// The finding that says why nothing of it can be read.
    pub fn read(bytes: &[u8]) -> Result<(Self, Vec<Finding>), Finding> {
        let text = std::str::from_utf8(bytes).map_err(|_| told(None, "the schema is not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = parse(text, BUDGET, &mut Words::default())
            .map_err(|fault| told(None, format!("the schema cannot be read: {fault}")))?
            .fields;
        let mut findings = Vec::new();
        let mut schema = Self {
            version: source.text("schema_version"),
            id_patterns: patterns(&source, &mut findings),
            types: texts(source.get("entity_types")).iter().map(EntityType::new).collect(),
            required: per_type(source.map("required_fields")),
            known: per_type(source.map("known_fields")),
            old_words: pairs(source.map("status_mapping")),
            listed: listed(&source),
            ..Self::default()
        };
        if let Some(paths) = source.map("paths") {
            let folders = |name: &str| texts(paths.get(name)).iter().map(folder).collect();
            schema.include = folders("include");
            schema.exclude = folders("exclude");
            schema.exclude_files = texts(paths.get("exclude_files"));
        }
        if let Some(rules) = source.map("validation_rules") {
            schema.parents = parents(rules.map("parent_references"));
            if let Some(forbidden) = rules.map("forbidden") {
                schema.forbidden = per_type(Some(forbidden));
            }
            if let Some(derived) = rules.map("derived_fields") {
                schema.derived = per_type(Some(derived));
            }
            if let Some(rules) = rules.get("conditional_required") {
                match conditional(rules) {
                    Some(rules) => schema.conditional = rules,
                    None => findings.push(told(
                        None,
                        "`conditional_required` is not of the form `Type: [{if: {field: [words]}, then: [fields]}]`",
                    )),
                }
            }
        }
        schema.source = source;
        Ok((schema, findings))
    }

    /// Reads it for those who may not see what is private.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_private(bytes: &[u8]) -> Result<(Self, Vec<Finding>), Finding> {
        let (schema, findings) = Self::read(bytes)?;
        let private = Private::read(&schema.source);
        Ok((schema.keeping(private), findings))
    }
}

fn told(line: Option<usize>, message: impl Into<String>) -> Finding {
    Finding {
        path: SCHEMA.to_owned(),
        line: line.and_then(|line| u32::try_from(line).ok()),
        code: FindingCode::Schema,
        message: message.into(),
    }
}

/// `50_Projects/` and `50_Projects` are one folder.
fn folder(text: &Text) -> Text {
    NotePath::parse(text.trim_end_matches('/')).map_or_else(|_| text.clone(), |path| path.as_str().into())
}

/// Texts of a list, or of the list in a mapping's `values` or `status`.
fn texts(value: Option<&Value>) -> Vec<Text> {
    match value {
        Some(Value::Map(block)) => texts(block.get("values").or_else(|| block.get("status"))),
        Some(value) => value.items().iter().filter_map(Value::text).collect(),
        None => Vec::new(),
    }
}

fn per_type(block: Option<&Fields>) -> PerType {
    let mut found = PerType::default();
    for (name, value) in block.into_iter().flat_map(Fields::iter) {
        let fields = texts(Some(value));
        if &**name == "all" {
            found.all = fields;
        } else {
            found.of.insert(EntityType::new(name), fields);
        }
    }
    found
}

fn pairs(block: Option<&Fields>) -> BTreeMap<Text, Text> {
    let block = block.into_iter().flat_map(Fields::iter);
    block
        .filter_map(|(name, value)| Some((name.clone(), value.text()?)))
        .collect()
}

fn patterns(source: &Fields, findings: &mut Vec<Finding>) -> BTreeMap<Text, Regex> {
    let mut found = BTreeMap::new();
    for (prefix, value) in source.map("id_patterns").into_iter().flat_map(Fields::iter) {
        let pattern = value
            .text()
            .map(|text| RegexBuilder::new(&text).size_limit(PATTERN).build());
        match pattern {
            Some(Ok(pattern)) => {
                found.insert(prefix.clone(), pattern);
            }
            _ => findings.push(told(
                None,
                format!("the pattern for the ids of `{prefix}` cannot be read"),
            )),
        }
    }
    found
}

fn parents(block: Option<&Fields>) -> BTreeMap<EntityType, Vec<EntityType>> {
    let block = block.into_iter().flat_map(Fields::iter);
    block
        .map(|(name, value)| {
            (
                EntityType::new(name),
                texts(Some(value)).iter().map(EntityType::new).collect(),
            )
        })
        .collect()
}

fn listed(source: &Fields) -> Vec<Listed> {
    let found = LISTS.iter().filter_map(|(types, field, block, list)| {
        let words = match source.get(block)? {
            Value::Map(block) if !list.is_empty() => texts(block.get(list)),
            whole => texts(Some(whole)),
        };
        (!words.is_empty()).then(|| Listed {
            types: types.to_vec(),
            field,
            words,
        })
    });
    found.collect()
}

/// `Type: [{if: {field: [words]}, then: [fields]}]`
fn conditional(rules: &Value) -> Option<Vec<Conditional>> {
    let Value::Map(rules) = rules else { return None };
    let mut found = Vec::new();
    for (kind, rules) in rules.iter() {
        for rule in rules.items() {
            let Value::Map(rule) = rule else { return None };
            let (field, words) = rule.map("if")?.iter().next()?;
            let requires = texts(rule.get("then"));
            if requires.is_empty() {
                return None;
            }
            found.push(Conditional {
                kind: EntityType::new(kind),
                field: field.clone(),
                words: texts(Some(words)),
                requires,
            });
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use {super::*, crate::entity::EntityId};

    const TEXT: &str = "\
schema_version: '5.6'
task: {status: [todo, done], types: [dev, ops]}
priority: {values: [high, low], default: low}
program_types: {values: [launch]}
entity_types: [Task, Project, Robot]
id_patterns: {tsk: '^tsk-\\d{3}-\\d{2}$', bad: '('}
required_fields: {all: [entity_id, status], Task: [assignee]}
paths: {include: [50_Projects/], exclude: [00_Inbox], exclude_files: [_INDEX.md]}
status_mapping: {active: doing}
validation_rules:
  parent_references: {Task: Project, Robot: [Task, Project]}
  forbidden: {Robot: [soul]}
  derived_fields: {Track: [realized_sum]}
  conditional_required:
    Robot: [{if: {status: [broken]}, then: [cause]}]
";

    #[test]
    fn a_schema_is_read_section_by_section() {
        let (schema, findings) = Schema::read(TEXT.as_bytes()).unwrap();
        assert_eq!(schema.version, Some("5.6".into()));
        assert_eq!(schema.types.len(), 3);
        let id = |text: &str| EntityId::new(&text.into()).unwrap();
        assert_eq!(schema.id_fits(&id("tsk-001-01")), Some(true));
        assert_eq!(schema.id_fits(&id("tsk-1")), Some(false));
        assert_eq!(schema.id_fits(&id("prj-1")), None);
        assert_eq!(schema.required.of(&EntityType::Task).count(), 3);
        assert_eq!(schema.include, ["50_Projects".into()]);
        assert_eq!(
            schema.parents[&EntityType::Other("Robot".into())],
            [EntityType::Task, EntityType::Project]
        );
        assert!(!schema.believes(&EntityType::Other("Robot".into()), "soul"));
        assert!(
            schema.believes(&EntityType::Task, "validates"),
            "the vault's own list holds"
        );
        assert_eq!(schema.conditional.len(), 1);
        assert_eq!(schema.old_words[&Text::from("active")], "doing".into());
        let fields: Vec<_> = schema
            .listed
            .iter()
            .map(|listed| (listed.field, listed.words.len()))
            .collect();
        assert_eq!(
            fields,
            [("status", 2), ("type", 2), ("priority", 2), ("program_type", 1)]
        );
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].message.contains("`bad`"));
    }

    #[test]
    fn what_a_schema_does_not_say_stays_as_it_is() {
        let (schema, findings) = Schema::read(b"schema_version: 1\n").unwrap();
        assert_eq!(schema.exclude, Schema::default().exclude);
        assert_eq!(schema.conditional, Schema::default().conditional);
        assert!(findings.is_empty());
    }

    #[test]
    fn a_schema_that_cannot_be_read_is_a_finding() {
        for bytes in [b"a: [".as_slice(), b"\xff", b"- a\n", b"a: &x 1\nb: *x\n"] {
            assert_eq!(Schema::read(bytes).unwrap_err().code, FindingCode::Schema);
        }
        let (schema, findings) = Schema::read(b"validation_rules: {conditional_required: [x]}\n").unwrap();
        assert_eq!(
            (findings.len(), schema.conditional.len()),
            (1, Conditional::usual().len())
        );
    }

    #[test]
    fn a_pattern_that_would_fill_the_memory_is_told() {
        let (schema, findings) = Schema::read(b"id_patterns: {a: 'x{1000}{1000}'}\n").unwrap();
        assert_eq!((schema.id_patterns.len(), findings.len()), (0, 1));
    }
}
