//! Holding a vault against its own schema. A check changes nothing and hides nothing: what breaks a rule is served and told.

use {
    crate::{
        entity::{Entity, EntityType},
        finding::{Finding, FindingCode, Severity},
        note::Note,
        schema::{Listed, Schema},
        snapshot::Snapshot,
        value::Value,
    },
    serde::Serialize,
    std::collections::BTreeMap,
};

/// Everything that is wrong with a vault.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which state of it was looked at.
    pub content: crate::revision::Revision,
    /// The number of its schema, as the vault writes it.
    pub schema_version: Option<String>,
    /// Notes that are served.
    pub notes: usize,
    /// How many findings there are of each kind.
    pub counts: BTreeMap<&'static str, usize>,
    /// All of them, by path and line.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst of it.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::severity).max()
    }
}

/// Looks at all of a vault.
#[must_use]
pub fn check(snapshot: &Snapshot) -> Report {
    let schema = snapshot.schema();
    let mut findings: Vec<_> = snapshot.findings().cloned().collect();
    findings.extend(snapshot.notes().iter().flat_map(|note| by_rules(snapshot, note)));
    sort(&mut findings);
    let mut counts = BTreeMap::new();
    for finding in &findings {
        let count: &mut usize = counts.entry(finding.code.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    Report {
        content: snapshot.generation().content,
        schema_version: schema.version.as_deref().map(str::to_owned),
        notes: snapshot.notes().len(),
        counts,
        findings,
    }
}

/// What is wrong with one note among all others: of what [`check`] tells, what it tells of this one, without looking at the rest.
#[must_use]
pub fn check_one(snapshot: &Snapshot, note: &Note) -> Vec<Finding> {
    let mut findings: Vec<_> = snapshot.findings_of(note).cloned().collect();
    findings.extend(by_rules(snapshot, note));
    sort(&mut findings);
    findings
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|one, other| (&one.path, one.line, one.code).cmp(&(&other.path, other.line, other.code)));
}

/// Which rules of the schema a note breaks.
fn by_rules(snapshot: &Snapshot, note: &Note) -> Vec<Finding> {
    let Some(entity) = note.entity() else { return Vec::new() };
    let mut findings = judge(note, entity, snapshot.schema());
    findings.extend(parent_type(note, entity, snapshot));
    findings
}

/// What an entity breaks by itself. What is to be written can be asked this before it is.
#[must_use]
pub fn judge(note: &Note, entity: &Entity, schema: &Schema) -> Vec<Finding> {
    let found = breaches(note, entity, schema).into_iter();
    found.map(|(_, finding)| finding).collect()
}

/// The same, each with the field that it is about.
#[must_use]
pub fn breaches(note: &Note, entity: &Entity, schema: &Schema) -> Vec<(String, Finding)> {
    let mut case = Case {
        note,
        entity,
        schema,
        findings: Vec::new(),
    };
    case.name_and_type();
    case.fields();
    case.words();
    case.conditions();
    case.forms();
    case.findings
}

struct Case<'a> {
    note: &'a Note,
    entity: &'a Entity,
    schema: &'a Schema,
    findings: Vec<(String, Finding)>,
}

impl Case<'_> {
    fn tell(&mut self, field: &str, code: FindingCode, message: String) {
        // What is missing is told where the entity says what it is.
        let line = self.entity.line(field).or_else(|| self.entity.line("entity_type"));
        let finding = Finding::new(self.note.path(), line, code, message);
        self.findings.push((field.to_owned(), finding));
    }

    fn holds(&self, field: &str) -> bool {
        self.entity.fields.get(field).is_some_and(|value| !value.is_empty())
    }

    fn name_and_type(&mut self) {
        let (id, kind) = (&self.entity.id, &self.entity.kind);
        if self.schema.id_fits(id) == Some(false) {
            let message = format!("`{id}` does not look like the ids that begin with `{}`", id.prefix());
            self.tell("entity_id", FindingCode::IdPattern, message);
        }
        if !self.schema.types.is_empty() && !self.schema.types.contains(kind) {
            let message = format!("`{}` is no type of this vault", kind.as_str());
            self.tell("entity_type", FindingCode::UnknownType, message);
        }
    }

    fn fields(&mut self) {
        let (schema, kind) = (self.schema, &self.entity.kind);
        for field in schema.required.of(kind) {
            if !self.holds(field) {
                self.tell(field, FindingCode::MissingField, format!("`{field}` is missing"));
            }
        }
        let knows = !schema.known.all.is_empty() && schema.known.of.contains_key(kind);
        for (field, value) in self.entity.fields.iter() {
            if schema.forbidden.of(kind).any(|name| name == field) && !value.is_empty() {
                let message = format!("a {} has no `{field}`; it is not believed", kind.as_str());
                self.tell(field, FindingCode::ForbiddenField, message);
            } else if schema.derived.of(kind).any(|name| name == field) {
                self.tell(
                    field,
                    FindingCode::DerivedField,
                    format!("`{field}` is derived; it is not believed"),
                );
            } else if knows
                && !schema
                    .known
                    .of(kind)
                    .chain(schema.required.of(kind))
                    .any(|name| name == field)
            {
                self.tell(
                    field,
                    FindingCode::UnknownField,
                    format!("the schema does not know `{field}`"),
                );
            }
        }
    }

    fn words(&mut self) {
        let (schema, kind) = (self.schema, &self.entity.kind);
        for Listed { types, field, words } in &schema.listed {
            if !(types.is_empty() || types.contains(kind)) {
                continue;
            }
            for word in self.entity.fields.texts(field).filter(|word| !word.trim().is_empty()) {
                if !words.contains(&word) {
                    let today = schema
                        .old_words
                        .get(&word)
                        .map(|word| format!("; today it is `{word}`"));
                    let message = format!("`{field}` is not `{word}`{}", today.unwrap_or_default());
                    self.tell(field, FindingCode::NotListed, message);
                }
            }
        }
    }

    fn conditions(&mut self) {
        let schema = self.schema;
        for rule in schema.conditional.iter().filter(|rule| rule.kind == self.entity.kind) {
            let Some(word) = self
                .entity
                .fields
                .texts(&rule.field)
                .find(|word| rule.words.contains(word))
            else {
                continue;
            };
            for field in &rule.requires {
                if !self.holds(field) {
                    let message = format!("`{field}` is missing, as `{}` is `{word}`", rule.field);
                    self.tell(field, FindingCode::ConditionalField, message);
                }
            }
        }
    }

    /// How values are written, where it follows from what the type is.
    fn forms(&mut self) {
        let text = |field: &str| self.entity.fields.get(field).and_then(Value::as_str);
        match self.entity.kind {
            EntityType::Task | EntityType::Project if text("entity_name").is_some_and(|name| !name.contains(" - ")) => {
                self.tell(
                    "entity_name",
                    FindingCode::Format,
                    "`entity_name` is `topic - content`".to_owned(),
                );
            }
            EntityType::Hypothesis
                if text("hypothesis_question").is_some_and(|question| !question.trim_end().ends_with('?')) =>
            {
                let message = "`hypothesis_question` ends with a question mark".to_owned();
                self.tell("hypothesis_question", FindingCode::Format, message);
            }
            EntityType::Program if text("status").is_some_and(|status| status != "doing") => {
                self.tell("status", FindingCode::Format, "a program is always `doing`".to_owned());
            }
            _ => {}
        }
        let confidence = self.entity.fields.get("confidence");
        if confidence
            .and_then(Value::number)
            .is_some_and(|confidence| !(0.0..=1.0).contains(&confidence))
        {
            self.tell(
                "confidence",
                FindingCode::Format,
                "`confidence` lies between 0 and 1".to_owned(),
            );
        }
    }
}

/// A parent that exists, and is of a type that it should not be of.
fn parent_type(note: &Note, entity: &Entity, snapshot: &Snapshot) -> Option<Finding> {
    let wanted = snapshot.schema().parents.get(&entity.kind)?;
    let parent = snapshot.find(&entity.fields.text("parent_id")?)?.entity()?;
    if wanted.is_empty() || wanted.contains(&parent.kind) {
        return None;
    }
    let names: Vec<_> = wanted.iter().map(EntityType::as_str).collect();
    let message = format!(
        "`parent_id` leads to a {}; the parent of a {} is a {}",
        parent.kind.as_str(),
        entity.kind.as_str(),
        names.join(" or a ")
    );
    Some(Finding::new(
        note.path(),
        entity.line("parent_id"),
        FindingCode::ParentType,
        message,
    ))
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::{schema::SCHEMA, vault::tests::House},
    };

    const RULES: &str = "\
schema_version: '5.6'
entity_types: [Track, Project, Task, Hypothesis, Program]
task: {status: [todo, doing, done]}
priority: {values: [high, low]}
id_patterns: {tsk: '^tsk-\\d+$'}
required_fields: {all: [entity_name, status], Task: [assignee]}
known_fields: {all: [entity_type, entity_id, priority, parent_id], Task: [type, closed]}
status_mapping: {active: doing}
validation_rules:
  parent_references: {Task: Project, Project: Track}
  forbidden: {Task: [validates]}
  derived_fields: {Hypothesis: [validated_by]}
";

    /// What is said of one entity, among a project and a track.
    fn found(text: &str) -> Vec<(FindingCode, u32)> {
        let house = House::with(&[
            (SCHEMA, RULES),
            ("x.md", text),
            (
                "p.md",
                "---\nentity_type: Project\nentity_id: prj-1\nentity_name: A - b\nstatus: doing\nparent_id: trk-1\n---\n",
            ),
            (
                "t.md",
                "---\nentity_type: Track\nentity_id: trk-1\nentity_name: T\nstatus: doing\n---\n",
            ),
        ]);
        let report = check(&house.vault.snapshot());
        assert!(
            report.findings.iter().all(|finding| finding.path == "x.md"),
            "{:?}",
            report.findings
        );
        assert_eq!(report.counts.values().sum::<usize>(), report.findings.len());
        assert_eq!((report.notes, report.schema_version), (3, Some("5.6".into())));
        report
            .findings
            .iter()
            .map(|finding| (finding.code, finding.line.unwrap()))
            .collect()
    }

    fn task(more: &str) -> String {
        format!(
            "---\nentity_type: Task\nentity_id: tsk-1\nentity_name: A - b\nstatus: todo\nassignee: m\nparent_id: prj-1\n{more}---\n"
        )
    }

    #[test]
    fn a_sound_task_breaks_nothing() {
        assert_eq!(found(&task("")), []);
        assert_eq!(found(&task("priority: high\ntype: ops\n")), []);
    }

    #[test]
    fn what_is_told_of_one_note_is_what_is_told_of_it_among_all() {
        let double =
            "---\nentity_type: Task\nentity_id: tsk-1\nentity_name: A-b\nstatus: x\nstatus: odd\n---\n[[nowhere]]\n";
        let house = House::with(&[
            (SCHEMA, RULES),
            ("a.md", &task("validates: [hyp-9]\n")),
            ("b.md", double),
            (
                "p.md",
                "---\nentity_type: Project\nentity_id: prj-1\nparent_id: tsk-1\n---\n",
            ),
            ("bad.md", "---\n[\n---\n"),
            ("text.md", "text"),
        ]);
        let snapshot = house.vault.snapshot();
        let whole = check(&snapshot).findings;
        assert!(whole.len() >= 8, "{whole:#?}");
        for note in snapshot.notes() {
            let of_it: Vec<_> = whole
                .iter()
                .filter(|finding| finding.path == note.path().as_str())
                .cloned()
                .collect();
            assert_eq!(check_one(&snapshot, note), of_it, "{}", note.path());
        }
    }

    #[test]
    fn each_rule_is_told_with_its_line() {
        for (text, code, line) in [
            (task("").replace("tsk-1", "tsk-x"), FindingCode::IdPattern, 3),
            (task("").replace("Task", "Robot"), FindingCode::UnknownType, 2),
            (
                task("").replace("assignee: m", "assignee: []"),
                FindingCode::MissingField,
                6,
            ),
            (task("").replace("assignee: m\n", ""), FindingCode::MissingField, 2),
            (task("").replace("todo", "active"), FindingCode::NotListed, 5),
            (task("priority: urgent\n"), FindingCode::NotListed, 8),
            (task("validates: [hyp-1]\n"), FindingCode::ForbiddenField, 8),
            (task("colour: red\n"), FindingCode::UnknownField, 8),
            (task("").replace("prj-1", "trk-1"), FindingCode::ParentType, 7),
            (task("").replace("prj-1", "prj-9"), FindingCode::Dangling, 7),
            (task("").replace("todo", "done"), FindingCode::ConditionalField, 2),
            (task("").replace("A - b", "A-b"), FindingCode::Format, 4),
        ] {
            assert!(
                found(&text).contains(&(code, line)),
                "{code:?} at {line}: {:?}",
                found(&text)
            );
        }
    }

    #[test]
    fn other_types_have_rules_of_their_own() {
        let of = |kind: &str, id: &str, more: &str| {
            found(&format!(
                "---\nentity_type: {kind}\nentity_id: {id}\nentity_name: N\nstatus: doing\n{more}---\n"
            ))
        };
        assert_eq!(
            of("Hypothesis", "hyp-1-01", "validated_by: [prj-1]\n"),
            [(FindingCode::DerivedField, 6)]
        );
        assert_eq!(
            of("Hypothesis", "hyp-1-01", "hypothesis_question: It is so.\n"),
            [(FindingCode::Format, 6)]
        );
        assert_eq!(
            of(
                "Hypothesis",
                "hyp-1-01",
                "hypothesis_question: Is it so?\nconfidence: 1.0\n"
            ),
            []
        );
        assert_eq!(
            of("Hypothesis", "hyp-1-01", "confidence: 1.01\n"),
            [(FindingCode::Format, 6)]
        );
        assert_eq!(of("Program", "pgm-x", "").len(), 0);
        let stopped = found("---\nentity_type: Program\nentity_id: pgm-x\nentity_name: N\nstatus: done\n---\n");
        assert_eq!(stopped, [(FindingCode::Format, 5)]);
    }

    #[test]
    fn an_old_word_is_told_with_todays() {
        let house = House::with(&[(SCHEMA, RULES), ("x.md", &task("").replace("todo", "active"))]);
        let report = check(&house.vault.snapshot());
        let told = report
            .findings
            .iter()
            .find(|finding| finding.code == FindingCode::NotListed)
            .unwrap();
        assert_eq!(told.message, "`status` is not `active`; today it is `doing`");
        assert_eq!(report.worst(), Some(Severity::Error), "its parent is not there");
    }
}
