//! What the vault keeps private appears in no answer, whoever asks and however.

use {
    super::{House, paging, put, small},
    crate::{
        Moment,
        acts::{
            batch, context, entity, findings, folder, graph, impact, list, navigation, scan, schema, search, stats,
            status, strategy,
        },
        listing::{Filter, kind_of},
        members::MembersView,
        shown::{Ask, Selection, Window},
    },
    portreeve_kernel::Code,
    portreeve_notes::{EntityType, schema::SCHEMA},
    serde::Serialize,
    std::{fs, path::Path},
};

/// None of these may stand in any answer.
const SECRET: [&str; 9] = [
    "PLANTED",
    "ShipLog",
    "ship_log",
    "log-001",
    "log-002",
    "purse",
    "shadow",
    "candidate_id",
    "has_exec_details",
];

const TASK: &str = "50_Projects/2026/Phidden_Hidden/Tasks";

fn task(id: &str, more: &str) -> String {
    format!(
        "---\nentity_type: Task\nentity_id: {id}\nentity_name: \"Seen - {id}\"\ncreated: 2026-02-01\nupdated: 2026-02-02\nstatus: todo\n\
         project_id: prj-001\nparent_id: prj-001\nassignee: member-01\n{more}---\n\nVISIBLEWORD\n"
    )
}

fn plant(root: &Path) {
    let path = root.join(SCHEMA);
    let mut schema = fs::read_to_string(&path).unwrap();
    schema = schema.replace("Evidence]", "Evidence, ShipLog]");
    schema.push_str(
        "ship_log: {status: [PLANTED-STATUS]}\nprivate_fields: {all: [shadow], Task: [purse]}\ncross_vault: {exec_only: [ShipLog]}\n\
         known_fields: {all: [entity_id, shadow], Task: [purse, assignee]}\n",
    );
    fs::write(path, schema).unwrap();
    let log = |id: &str| {
        format!(
            "---\nentity_type: ShipLog\nentity_id: {id}\nentity_name: PLANTED-NAME\nstatus: PLANTED-STATUS\nparent_id: prj-001\n\
             project_id: prj-001\nprogram_id: pgm-launch\nvalidates: [hyp-1-01]\nupdated: 2026-02-28\ntags: [PLANTED-TAG]\n---\n\nPLANTED-WORD [[prj-001]]\n"
        )
    };
    put(root, "50_Projects/2026/log-001.md", &log("log-001"));
    // Where nobody looks for entities.
    put(root, "10_Study/log-002.md", &log("log-002"));
    // Alone in its folder.
    put(root, "50_Projects/PLANTED-FOLDER/log-003.md", &log("log-003"));
    let fields = "purse: PLANTED-PURSE\nshadow: PLANTED-SHADOW\ncandidate_id: PLANTED-ID\nhas_exec_details: PLANTED\n\
                  links: [{label: ok, shadow: PLANTED-NESTED}]\n";
    put(
        root,
        &format!("{TASK}/fields.md"),
        &task("tsk-hid001-1000000000001", fields),
    );
    let twice = "candidate_id: PLANTED-ONE\ncandidate_id: PLANTED-TWO\n";
    put(
        root,
        &format!("{TASK}/twice.md"),
        &task("tsk-hid002-1000000000002", twice),
    );
    put(
        root,
        &format!("{TASK}/malformed.md"),
        "---\npurse: PLANTED\na: [\n---\n\nVISIBLEWORD\n",
    );
    put(
        root,
        &format!("{TASK}/half-saved.md"),
        "---\nentity_type: ShipLog\na: [\n---\n\nPLANTED-HALF\n",
    );
    put(
        root,
        &format!("{TASK}/two-types.md"),
        "---\nentity_type: [Task, ShipLog]\nentity_id: x\n---\n\nPLANTED-TYPES\n",
    );
    put(
        root,
        &format!("{TASK}/list.md"),
        "---\n- purse: PLANTED\n---\n\nVISIBLEWORD\n",
    );
    put(
        root,
        &format!("{TASK}/unclosed.md"),
        "---\nentity_type: ShipLog\npurse: PLANTED\n",
    );
    put(root, &format!("{TASK}/late.md"), "\n---\npurse: PLANTED\n---\n\nx\n");
    put(
        root,
        "10_Study/prose.md",
        "---\ntitle: seen\nshadow: PLANTED\n---\n\nVISIBLEWORD\n",
    );
    put(
        root,
        "00_Meta/members.yaml",
        "members: [{id: member-01, name: Ada, salary: PLANTED, start_date: PLANTED, note: PLANTED, shadow: PLANTED}]\n",
    );
}

/// Every answer of every act, about everything that there is and some of what there is not.
struct Answers<'a> {
    house: &'a House,
    moment: Moment,
    told: Vec<(String, String)>,
}

impl Answers<'_> {
    fn tell(&mut self, what: impl Into<String>, answer: &impl Serialize) {
        self.told.push((what.into(), serde_json::to_string(answer).unwrap()));
    }

    fn all(house: &House) -> Vec<(String, String)> {
        let mut answers = Answers {
            house,
            moment: house.moment(),
            told: Vec::new(),
        };
        answers.notes();
        answers.lists();
        answers.whole();
        answers.told
    }

    fn notes(&mut self) {
        let ask = Ask {
            body: Some(Window::default()),
            relations: true,
            ..Ask::default()
        };
        let moment = self.moment.clone();
        for note in moment.snapshot().notes() {
            let path = note.path().as_str();
            self.tell(path, &entity::by_path(&moment, path, &ask).unwrap());
            let Some(found) = note.entity() else { continue };
            let id = found.id.as_str();
            self.tell(id, &entity::by_id(&moment, id, &ask).unwrap());
            self.tell(format!("graph {id}"), &graph::graph(&moment, id).unwrap());
            self.tell(format!("context {id}"), &context::entity(&moment, id, &ask).unwrap());
            match found.kind {
                EntityType::Project => self.tell(id, &context::project(&moment, id, &ask).unwrap()),
                EntityType::Track => self.tell(id, &context::track(&moment, id, &ask).unwrap()),
                _ => {}
            }
            if let Ok(impact) = impact::one(&moment, id, None) {
                self.tell(format!("impact {id}"), &impact);
            }
        }
        self.tell("batch", &batch::read(&moment, &["prj-001", "README.md"], &ask).unwrap());
    }

    fn lists(&mut self) {
        let moment = self.moment.clone();
        let mut cursor: Option<String> = None;
        loop {
            let page = list::list(
                &moment,
                &Filter::default(),
                &Selection::default(),
                &paging(100, cursor.as_deref()),
            );
            let page = page.unwrap();
            self.tell("list", &page);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        let mut folders = vec![String::new()];
        while let Some(path) = folders.pop() {
            let view = folder::contents(&moment, Some(&path), false, &paging(100, None)).unwrap();
            folders.extend(view.folders.iter().map(|folder| folder.path.clone()));
            self.tell(format!("folder {path}"), &view);
        }
        for words in ["VISIBLEWORD", "the", "PLANTED", "LAGAN"] {
            let wanted = search::Wanted {
                words,
                ..search::Wanted::default()
            };
            let found = search::search(&moment, Some(&self.house.index), &wanted, &paging(100, None)).unwrap();
            let window = Window {
                from: 0,
                most: Some(15_000),
            };
            let read = search::search_and_read(&moment, Some(&self.house.index), &wanted, 10, window).unwrap();
            if words == "PLANTED" {
                assert_eq!((found.total, read.total), (0, 0));
            } else {
                self.tell(format!("search {words}"), &found);
                self.tell(format!("read {words}"), &read);
            }
        }
        let report = portreeve_notes::check(moment.snapshot());
        for page in 0..20 {
            let cursor = crate::listing::page_to(Vec::<()>::new(), 0, Some(page * 100)).cursor;
            let view = findings::findings(&report, &findings::Wanted::default(), &paging(100, cursor.as_deref()));
            self.tell("findings", &view.unwrap());
        }
        assert!(report.findings.len() < 2_000);
    }

    fn whole(&mut self) {
        let moment = self.moment.clone();
        self.tell("status", &status::status(&moment));
        self.tell(
            "strategy",
            &strategy::strategy(&moment, Some(5), &Selection::default()).unwrap(),
        );
        for category in [
            "all",
            "task",
            "project",
            "program",
            "hypothesis",
            "track",
            "condition",
            "experiment",
            "evidence",
        ] {
            self.tell(category, &schema::schema(&moment, Some(category)).unwrap());
        }
        let full = scan::Depth {
            depth: Some("full"),
            types: None,
            samples: Some(5),
        };
        self.tell("scan", &scan::scan(&moment, full).unwrap());
        self.tell("navigation", &navigation::navigation(&moment));
        self.tell("overview", &navigation::overview(&moment));
        self.tell("members", &MembersView::read(&moment).unwrap());
        self.tell("stats", &stats::stats(&moment, true));
        for kind in ["Project", "Track", "Condition"] {
            self.tell(
                kind,
                &impact::list(&moment, Some(kind), None, &paging(100, None)).unwrap(),
            );
        }
    }
}

#[test]
fn no_answer_of_any_act_holds_what_is_private() {
    let house = House::open(small(1), plant);
    let answers = Answers::all(&house);
    assert!(answers.len() > 500, "{} answers", answers.len());
    for (what, told) in &answers {
        for secret in SECRET {
            assert!(!told.contains(secret), "{what} tells {secret}: {told}");
        }
    }
    let visible = answers.iter().filter(|(_, told)| told.contains("VISIBLEWORD")).count();
    assert!(visible >= 5, "what is not private is told: {visible}");
}

#[test]
fn what_is_private_is_absent_in_the_same_words_as_what_does_not_exist() {
    let house = House::open(small(1), plant);
    let moment = house.moment();
    let told = |problem: portreeve_guard::Problem| (problem.code(), problem.to_string());
    let absent = told(entity::by_id(&moment, "nobody", &Ask::default()).unwrap_err());
    assert_eq!(absent.0, Code::VaultNotFound);
    for id in ["log-001", "log-002", "log-003"] {
        assert_eq!(told(entity::by_id(&moment, id, &Ask::default()).unwrap_err()), absent);
        assert_eq!(told(graph::graph(&moment, id).unwrap_err()), absent);
        assert_eq!(told(context::entity(&moment, id, &Ask::default()).unwrap_err()), absent);
    }
    for path in [
        "50_Projects/2026/log-001.md",
        "10_Study/log-002.md",
        SCHEMA,
        "00_Meta/members.yaml",
        "none.md",
    ] {
        assert_eq!(
            told(entity::by_path(&moment, path, &Ask::default()).unwrap_err()),
            absent,
            "{path}"
        );
    }
    assert_eq!(
        told(folder::contents(&moment, Some("50_Projects/PLANTED-FOLDER"), false, &paging(1, None)).unwrap_err()),
        absent
    );
    let (secret, unknown) = ("ShipLog", "Nothing");
    let refused = |name: &str| told(kind_of(&moment, name, "type").unwrap_err());
    assert_eq!(refused(secret).1.replace(secret, unknown), refused(unknown).1);
    for field in ["purse", "shadow", "candidate_id", "has_exec_details"] {
        let (one, other) = (
            Selection::parse(&moment, Some(field)),
            Selection::parse(&moment, Some("nothing")),
        );
        let (one, other) = (told(one.unwrap_err()), told(other.unwrap_err()));
        assert_eq!(one.1.replace(field, "nothing"), other.1);
    }
}

#[test]
fn what_is_private_changes_nothing_that_others_see() {
    let house = House::open(small(1), plant);
    let without = House::open(small(1), |root| {
        plant(root);
        for log in [
            "50_Projects/2026/log-001.md",
            "10_Study/log-002.md",
            "50_Projects/PLANTED-FOLDER/log-003.md",
        ] {
            fs::remove_file(root.join(log)).unwrap();
        }
    });
    for ((what, one), (other_what, other)) in Answers::all(&house).iter().zip(&Answers::all(&without)) {
        // Two indexes of the same notes may rank them a little differently.
        if !what.starts_with("search") && !what.starts_with("read") {
            assert_eq!((what, one), (other_what, other));
        }
    }
    assert_eq!(Answers::all(&house).len(), Answers::all(&without).len());
    let before = house.moment().snapshot().generation();
    house.write(
        "50_Projects/2026/log-001.md",
        "---\nentity_type: ShipLog\nentity_id: log-001\n---\nother\n",
    );
    house.write(
        "50_Projects/2026/log-004.md",
        "---\nentity_type: ShipLog\nentity_id: log-004\n---\nother\n",
    );
    assert_eq!(house.moment().snapshot().generation(), before);
}

#[test]
fn a_private_field_is_no_filter() {
    let house = House::open(small(1), |root| {
        let path = root.join(SCHEMA);
        let schema = fs::read_to_string(&path).unwrap();
        fs::write(&path, schema + "private_fields: {Task: [assignee], all: [tags]}\n").unwrap();
    });
    let moment = house.moment();
    let tasks = || Filter::of(EntityType::Task);
    assert_eq!(
        tasks().with(&moment, "assignee", Some("member-01")).unwrap_err().code(),
        Code::ValidationInvalidFormat
    );
    assert!(tasks().with(&moment, "tags", Some("x")).is_err());
    assert!(tasks().with(&moment, "status", Some("todo")).is_ok());
    let wanted = search::Wanted {
        words: "word",
        tag: Some("x"),
        ..search::Wanted::default()
    };
    assert!(search::search(&moment, Some(&house.index), &wanted, &paging(1, None)).is_err());
}

#[test]
fn a_schema_that_cannot_be_read_shows_less_and_not_more() {
    for text in ["a: [\n", "\u{0}", "- a\n"] {
        let house = House::open(small(1), |root| {
            plant(root);
            fs::write(root.join(SCHEMA), text).unwrap();
        });
        let answers = Answers::all(&house);
        for (what, told) in &answers {
            for secret in SECRET.iter().filter(|secret| !["log-001", "log-002"].contains(secret)) {
                assert!(!told.contains(secret), "{what} tells {secret}: {told}");
            }
        }
        assert!(house.moment().find("prj-001").is_some());
    }
}
