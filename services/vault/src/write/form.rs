//! What may be given of each type, field by field: one table, from which bodies are read, described and refused.
//!
//! A field that is not in it cannot be written: neither what the vault sets itself, nor what it derives, nor what other servers
//! keep in the same files.

mod table;
mod value;

use {
    super::Kind,
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{Edit, EntityType, Text, Value},
    serde_json::Value as Json,
    value::format,
};

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A text on one line.
    Line,
    /// A text.
    Text,
    /// A word that the vault's schema lists.
    Word,
    /// A day of the calendar.
    Day,
    /// Four digits.
    Year,
    /// Who.
    Name,
    /// Who: one, or several.
    Names,
    /// Texts on one line each.
    Lines,
    /// The id of an entity of one of these types.
    Id(&'static [EntityType]),
    /// Ids.
    Ids(&'static [EntityType]),
    /// From 0 to 1.
    Share,
    /// How many hours.
    Hours,
    /// An address of the web.
    Address,
    /// `[{label, url}]`
    Links,
    /// `[{name, description}]`
    Measures,
    /// `[{to, weight}]`, of entities of this type; the weights are at most 1 together.
    Weights(&'static [EntityType]),
    /// A mapping of words and numbers.
    Words,
}

/// When a field is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// It has to be there, from the beginning on.
    Always,
    /// At any time.
    Any,
    /// Only when something is made.
    New,
    /// Only of what is there.
    Later,
}

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) when: When,
    /// For the description.
    pub(crate) about: &'static str,
}

/// What stands beside the fields.
pub(crate) const BODY: &str = "body";

/// The fields of a type, in the order in which they are written.
pub(crate) const fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Task => table::TASK,
        Kind::Project => table::PROJECT,
        Kind::Program => table::PROGRAM,
        Kind::Hypothesis => table::HYPOTHESIS,
    }
}

/// What somebody gave: fields, and perhaps a text.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// In the order of the table. What is to hold nothing is taken out.
    pub(crate) edits: Vec<Edit>,
    pub(crate) body: Option<String>,
}

impl Given {
    /// Reads what was given of a new entity, or of one that is there.
    ///
    /// # Errors
    /// `VALIDATION_*`, with the field.
    pub(crate) fn read(kind: Kind, given: &serde_json::Map<String, Json>, new: bool) -> Result<Self, Problem> {
        let taken = |field: &&Field| field.when != if new { When::Later } else { When::New };
        let known: Vec<&Field> = fields(kind).iter().filter(taken).collect();
        for name in given.keys().filter(|name| *name != BODY) {
            if !known.iter().any(|field| field.name == name) {
                let names: Vec<_> = known.iter().map(|field| format!("`{}`", field.name)).collect();
                let known = names.join(", ");
                let detail = format_args!("`{name}` cannot be given here; known are `body`, {known}").to_string();
                let problem = Problem::new(Code::ValidationInvalidFormat).detail(detail);
                return Err(if name.is_empty() { problem } else { problem.param(name) });
            }
        }
        let mut edits = Vec::new();
        for field in known {
            let value = match given.get(field.name) {
                Some(value) => field.value(value)?,
                None if new && field.when == When::Always => None,
                None => continue,
            };
            if value.is_none() && field.when == When::Always {
                return Err(Problem::new(Code::ValidationRequiredField).param(field.name));
            }
            if value.is_some() || !new {
                edits.push((Text::from(field.name), value));
            }
        }
        let body = match given.get(BODY) {
            None => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(_) => return Err(format(BODY, "a text is expected")),
        };
        Ok(Self { edits, body })
    }

    /// The value that was given to a field.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let given = self.edits.iter().find(|(field, _)| **field == *name);
        given.and_then(|(_, value)| value.as_ref())
    }

    /// Whether anything was said of a field.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.edits.iter().any(|(field, _)| **field == *name)
    }

    /// Sets a field that nobody gave.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.edits.retain(|(field, _)| **field != *name);
        self.edits.push((name.into(), Some(value)));
    }
}

#[cfg(test)]
mod tests {
    use {super::*, serde_json::json};

    fn read(kind: Kind, given: Json, new: bool) -> Result<Given, Problem> {
        Given::read(kind, given.as_object().unwrap(), new)
    }

    fn refused(kind: Kind, name: &str, value: Json) -> (Code, String) {
        let problem = read(kind, json!({ name: value }), false).expect_err(name);
        let shown = serde_json::to_value(problem.to_string()).unwrap();
        (
            problem.code(),
            shown.as_str().unwrap().split(':').next().unwrap().to_owned(),
        )
    }

    #[test]
    fn what_the_vault_sets_or_derives_cannot_be_given() {
        for kind in Kind::ALL {
            for name in [
                "created",
                "updated",
                "entity_type",
                "_path",
                "_body",
                "path",
                "candidate_id",
                "has_exec_details",
                "validated_by",
                "realized_sum",
                "outgoing_relations",
                "revision",
                "aliases",
                "__proto__",
            ] {
                assert_eq!(
                    refused(kind, name, json!("x")).0,
                    Code::ValidationInvalidFormat,
                    "{kind:?} {name}"
                );
                assert!(read(kind, json!({ name: "x" }), true).is_err());
            }
            assert_eq!(refused(kind, "entity_id", json!("x")).0, Code::ValidationInvalidFormat);
        }
        assert_eq!(
            refused(Kind::Task, "validates", json!([])).0,
            Code::ValidationInvalidFormat
        );
        assert_eq!(
            refused(Kind::Program, "status", json!("done")).0,
            Code::ValidationInvalidFormat
        );
        assert_eq!(
            refused(Kind::Task, "parent_id", json!("prj-1")).0,
            Code::ValidationInvalidFormat
        );
    }

    #[test]
    fn each_form_refuses_what_it_is_not_and_names_the_place() {
        let (format, range) = (Code::ValidationInvalidFormat, Code::ValidationOutOfRange);
        for (kind, name, value, code, place) in [
            (Kind::Task, "entity_name", json!(5), format, "`entity_name`"),
            (Kind::Task, "entity_name", json!(""), range, "`entity_name`"),
            (
                Kind::Task,
                "entity_name",
                json!("x".repeat(201)),
                range,
                "`entity_name`",
            ),
            (Kind::Task, "entity_name", json!("a\nb"), format, "`entity_name`"),
            (Kind::Task, "notes", json!("a\0b"), format, "`notes`"),
            (Kind::Task, "notes", json!("x".repeat(50_001)), range, "`notes`"),
            (Kind::Task, "due", json!("2026-02-30"), format, "`due`"),
            (Kind::Task, "due", json!("2026-02-03T00:00:00Z"), format, "`due`"),
            (Kind::Task, "due", json!(20260203), format, "`due`"),
            (Kind::Task, "assignee", json!([""]), range, "`assignee[0]`"),
            (Kind::Task, "assignee", json!({"a": 1}), format, "`assignee`"),
            (Kind::Task, "tags", json!("one"), format, "`tags`"),
            (Kind::Task, "tags", json!(vec!["a"; 51]), range, "`tags`"),
            (Kind::Task, "estimated_hours", json!(-1), range, "`estimated_hours`"),
            (Kind::Task, "estimated_hours", json!("1"), format, "`estimated_hours`"),
            (Kind::Task, "pr_url", json!("ftp://a.example"), format, "`pr_url`"),
            (Kind::Task, "pr_url", json!("javascript:alert(1)"), format, "`pr_url`"),
            (Kind::Task, "pr_url", json!("https://"), format, "`pr_url`"),
            (Kind::Task, "pr_url", json!("https://a b"), format, "`pr_url`"),
            (
                Kind::Task,
                "links",
                json!([{"label": "a"}]),
                Code::ValidationRequiredField,
                "`links[0].url`",
            ),
            (
                Kind::Task,
                "links",
                json!([{"label": "a", "url": "x"}]),
                format,
                "`links[0].url`",
            ),
            (
                Kind::Task,
                "links",
                json!([{"label": "a", "url": "https://a.example", "x": 1}]),
                format,
                "`links[0].x`",
            ),
            (
                Kind::Task,
                "links",
                json!([{"label": "x".repeat(101), "url": "https://a.example"}]),
                range,
                "`links[0].label`",
            ),
            (
                Kind::Task,
                "links",
                json!(vec![json!({"label": "a", "url": "https://a.example"}); 11]),
                range,
                "`links`",
            ),
            (Kind::Hypothesis, "horizon", json!("26"), format, "`horizon`"),
            (Kind::Hypothesis, "horizon", json!(2026), format, "`horizon`"),
            (Kind::Hypothesis, "confidence", json!(1.01), range, "`confidence`"),
            (
                Kind::Project,
                "condition_contributes",
                json!([{"to": "cond-a", "weight": 2}]),
                range,
                "`condition_contributes[0].weight`",
            ),
            (Kind::Project, "expected_impact", json!([]), format, "`expected_impact`"),
            (
                Kind::Project,
                "expected_impact",
                json!({"a": {"b": 1}}),
                format,
                "`expected_impact.a`",
            ),
            (
                Kind::Project,
                "expected_impact",
                json!({"_a": 1}),
                format,
                "`expected_impact._a`",
            ),
            (
                Kind::Program,
                "kpis",
                json!([{"name": "a", "description": 5}]),
                format,
                "`kpis[0].description`",
            ),
        ] {
            assert_eq!(
                refused(kind, name, value.clone()),
                (code, place.to_owned()),
                "{name}: {value}"
            );
        }
        assert!(read(Kind::Task, json!({"body": 5}), false).is_err());
    }

    #[test]
    fn the_last_that_fits_is_taken() {
        let link = json!({"label": "x".repeat(100), "url": "http://a.example/?q=#f"});
        for (kind, name, value) in [
            (Kind::Task, "entity_name", json!("x".repeat(200))),
            (Kind::Task, "links", json!(vec![link; 10])),
            (Kind::Task, "tags", json!(vec!["가"; 50])),
            (Kind::Task, "assignee", json!("member-01")),
            (Kind::Task, "assignee", json!(["member-01", "member-02"])),
            (Kind::Task, "notes", json!("a\n---\nb: c\t#")),
            (Kind::Hypothesis, "confidence", json!(1)),
            (Kind::Hypothesis, "confidence", json!(0.0)),
            (
                Kind::Project,
                "expected_impact",
                json!({"tier": "strategic", "confidence": 0.7, "who": ["a"]}),
            ),
        ] {
            let given = read(kind, json!({ name: value.clone() }), false).unwrap();
            assert_eq!(serde_json::to_value(given.get(name).unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn null_takes_a_field_out_and_never_one_that_has_to_be_there() {
        let given = read(Kind::Task, json!({"due": null, "tags": null, "closed": ""}), false).unwrap();
        assert_eq!(given.edits.len(), 3);
        assert!(given.edits.iter().all(|(_, value)| value.is_none()));
        for (kind, name) in [
            (Kind::Task, "assignee"),
            (Kind::Task, "project_id"),
            (Kind::Project, "parent_id"),
            (Kind::Program, "program_type"),
            (Kind::Hypothesis, "hypothesis_question"),
        ] {
            assert_eq!(refused(kind, name, json!(null)).0, Code::ValidationRequiredField);
            let problem = read(kind, json!({}), true).unwrap_err();
            assert_eq!(problem.code(), Code::ValidationRequiredField);
        }
    }
}
