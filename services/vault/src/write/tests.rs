//! A vault that is written into: what its files hold afterwards, byte for byte, and what the audit log knows.

mod acts;
mod offline;
mod rules;
mod together;

use {
    super::*,
    crate::served::Check,
    portreeve_kernel::{entropy::Seeded, time::ManualClock},
    portreeve_notes::{Root, Seal},
    portreeve_store::{audit, testing::TestDatabase},
    serde_json::{Value as Json, json},
    std::{
        collections::BTreeSet,
        fs,
        path::Path,
        sync::atomic::{AtomicBool, Ordering},
    },
    tempfile::TempDir,
};

const SCHEMA: &str = "\
schema_version: '5.6'
entity_types: [Condition, Track, Program, Project, Task, Hypothesis]
task: {status: [todo, doing, done], types: [dev, ops]}
project: {status: [planning, doing, done, cancelled], status_default: planning}
priority: {values: [high, low], default: low}
program_types: [hiring, launch]
hypothesis: {evidence_status: [assumed, validated]}
id_patterns:
  prj: '^prj-(\\d{3}|[a-z0-9]{6})$'
  tsk: '^tsk-[a-z0-9]{6}-\\d{13}$'
  hyp: '^hyp-[1-6]-\\d{2,4}$'
required_fields:
  all: [entity_type, entity_id, entity_name, created, updated, status]
  Task: [assignee, project_id, parent_id]
paths: {include: [20_Strategy, 50_Projects, 60_Hypotheses]}
private_fields: {all: [salary], Task: [estimated_hours]}
validation_rules:
  parent_references: {Project: Track, Task: Project, Hypothesis: Track}
  forbidden: {Task: [validates]}
";

const SEAL: Seal = Seal::new([7; 32]);

const PROJECT: &str = "50_Projects/2025/P001_gate/project.md";
const TASK: &str = "50_Projects/2025/P001_gate/Tasks/tsk-000001-1700000000000.md";
const HYPOTHESIS: &str = "60_Hypotheses/2026/hyp-1-07_light.md";
const PROGRAM: &str = "50_Projects/hiring/_PROGRAM.md";

/// With what a file may hold beside its fields.
const TASK_TEXT: &str = "\u{feff}---\r\nentity_type: Task\r\nentity_id: tsk-000001-1700000000000\r\n# who knows\r\nentity_name: \"Gate - 첫 빛\"\r\n\
created: 2025-12-01\r\nupdated: '2025-12-02'\r\nstatus: todo # for now\r\nproject_id: prj-001\r\nparent_id: prj-001\r\n\
assignee: member-01\r\naliases: [tsk-000001-1700000000000, gate]\r\nodd field: {x: [1, 2]}\r\nsalary: 12\r\n_path: old.md\r\n---\r\nThe text.\r\n---\r\nmore\r\n";

struct House {
    home: TempDir,
    _database: TestDatabase,
    writer: Writer,
    caller: Arc<Principal>,
    good: Arc<AtomicBool>,
}

fn entity(kind: &str, id: &str, name: &str, more: &str) -> String {
    format!(
        "---\nentity_type: {kind}\nentity_id: {id}\nentity_name: {name}\ncreated: 2025-01-01\nupdated: 2025-01-01\nstatus: doing\n{more}---\n\nAbout {id}.\n"
    )
}

impl House {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let project = "owner: member-01\nparent_id: trk-1\nconditions_3y: [cond-a]\n";
        for (path, text) in [
            ("00_Meta/schema_constants.yaml", SCHEMA.to_owned()),
            ("20_Strategy/cond-a.md", entity("Condition", "cond-a", "A", "")),
            ("20_Strategy/trk-1.md", entity("Track", "trk-1", "One", "")),
            ("20_Strategy/trk-2.md", entity("Track", "trk-2", "Two", "")),
            (
                PROGRAM,
                entity(
                    "Program",
                    "pgm-hiring",
                    "Hiring",
                    "program_type: hiring\nowner: member-01\n",
                ),
            ),
            (PROJECT, entity("Project", "prj-001", "Gate - all", project)),
            (TASK, TASK_TEXT.to_owned()),
            (
                HYPOTHESIS,
                entity(
                    "Hypothesis",
                    "hyp-1-07",
                    "Light",
                    "parent_id: trk-1\nhypothesis_question: Is it light?\n",
                ),
            ),
        ] {
            put(&home.path().join("notes").join(path), &text);
        }
        let database = TestDatabase::sqlite(&[]).unwrap();
        let good = Arc::new(AtomicBool::new(true));
        let at = Timestamp::from_seconds(1_772_323_200);
        let entropy = Arc::new(Seeded::new(7));
        let writer = Writer {
            open: Arc::new(open(home.path(), "state")),
            database: database.open().await.unwrap(),
            clock: Arc::new(ManualClock::at(at)),
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            checks: Arc::new(Check(Arc::clone(&good))),
            git: None,
        };
        let caller = Arc::new(Principal::stranger(at, &*entropy));
        Self {
            home,
            _database: database,
            writer,
            caller,
            good,
        }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.home.path().join("notes").join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn revision(&self, path: &str) -> Option<Revision> {
        Some(SEAL.revision(&fs::read(self.path(path)).unwrap()))
    }

    async fn create(&self, kind: Kind, given: Json) -> Result<Written, Problem> {
        self.writer.create(&self.caller, kind, object(given), false).await
    }

    async fn update(&self, kind: Kind, id: &str, path: &str, given: Json) -> Result<Written, Problem> {
        let revision = self.revision(path);
        self.writer
            .update(&self.caller, kind, id.to_owned(), revision, object(given), false)
            .await
    }

    async fn delete(&self, kind: Kind, id: &str, path: &str, force: bool) -> Result<Deleted, Problem> {
        let revision = self.revision(path);
        self.writer
            .delete(&self.caller, kind, id.to_owned(), revision, force, false)
            .await
    }

    /// What the audit log holds, oldest first.
    async fn audit(&self) -> Vec<audit::AuditRow> {
        let query = audit::Query {
            limit: 100,
            ..audit::Query::default()
        };
        let mut rows = audit::page(&mut self.writer.database.read(), &query).await.unwrap();
        rows.sort_by_key(|row| row.seq);
        rows
    }

    /// Every file of the vault with its bytes, but what lies in the trash.
    fn files(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        let (mut found, mut folders) = (std::collections::BTreeMap::new(), vec![self.path("")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with(".trash") || path.ends_with(".git") {
                    continue;
                } else if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.path("")).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

fn open(home: &Path, state: &str) -> Open {
    let place = crate::Place {
        root: Root::at(&home.join("notes")).unwrap(),
        state: home.join(state),
    };
    Open::at(place, SEAL, &|_| {}).unwrap()
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn object(given: Json) -> serde_json::Map<String, Json> {
    given.as_object().unwrap().clone()
}

fn task() -> Json {
    json!({"entity_name": "Gate - open", "project_id": "prj-001", "assignee": "member-02"})
}

fn json_of(written: &Written) -> Json {
    serde_json::to_value(written).unwrap()
}

/// Each violation's code and field.
fn violations(problem: &Problem) -> Vec<(String, String)> {
    assert_eq!(problem.code(), Code::VaultRuleBroken, "{problem}");
    let told = problem.clone();
    let response = axum::response::IntoResponse::into_response(told);
    let body = futures_body(response);
    let all: Json = serde_json::from_slice(&body).unwrap();
    let texts = |one: &Json| {
        (
            one["code"].as_str().unwrap().to_owned(),
            one["field"].as_str().unwrap().to_owned(),
        )
    };
    all["violations"].as_array().unwrap().iter().map(texts).collect()
}

/// The body of an answer that is whole already.
fn futures_body(response: axum::response::Response) -> Vec<u8> {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20);
    let waker = std::task::Waker::noop();
    let mut body = std::pin::pin!(body);
    match body.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
        std::task::Poll::Ready(bytes) => bytes.unwrap().to_vec(),
        std::task::Poll::Pending => panic!("the body is not whole"),
    }
}
