//! The ordinary part of a made-up vault: a strategy, projects, tasks, and what they have to do with one another.

use {
    super::{Plan, Writer, chance::Chance},
    std::{collections::BTreeSet, io},
};

const STATUSES: [(&str, usize); 5] = [("todo", 20), ("doing", 15), ("hold", 5), ("done", 55), ("blocked", 5)];
const PROGRAMS: [&str; 6] = [
    "hiring",
    "fundraising",
    "grants",
    "launch",
    "experiments",
    "infrastructure",
];

const SCHEMA: &str = r#"schema_version: "9.1"
entity_types: [NorthStar, MetaHypothesis, Condition, Track, Program, Project, Task, Hypothesis, Experiment, Evidence]
task: {status: [todo, doing, hold, done, blocked], status_default: todo, types: [dev, bug, strategy, research, ops, meeting]}
project: {status: [planning, doing, done, hold, cancelled], status_default: planning}
priority: {values: [critical, high, medium, low], default: medium}
hypothesis: {evidence_status: [assumed, validating, validated, falsified, learning]}
northstar: {status: [fixed]}
program_types: [hiring, fundraising, grants, launch, experiments, infrastructure]
id_patterns:
  ns: '^ns-\d{3}$'
  mh: '^mh-[1-4]$'
  cond: '^cond-[a-e]$'
  trk: '^trk-[1-6]$'
  hyp: '^hyp-[1-6]-\d{2,4}$'
  pgm: '^pgm-[a-z][a-z0-9-]*$'
  prj: '^prj-(\d{3}|[a-z0-9]{6})$'
  tsk: '^tsk-(\d{3}-\d{2}|[a-z0-9]{6}-\d{13})$'
  ev: '^ev:\d{4}-\d{4,6}$'
required_fields:
  all: [entity_type, entity_id, entity_name, created, updated, status]
  Task: [assignee, project_id, parent_id]
  Project: [owner, parent_id, conditions_3y]
paths:
  include: [01_North_Star, 20_Strategy, 50_Projects, 60_Hypotheses]
  exclude: [00_Meta/_TEMPLATES, 90_Archive]
  exclude_files: [_INDEX.md, README.md]
status_mapping: {active: doing, completed: done}
validation_rules:
  parent_references: {MetaHypothesis: NorthStar, Condition: MetaHypothesis, Track: Condition, Project: Track, Task: Project, Hypothesis: Track}
  forbidden: {Task: [validates]}
  derived_fields: {Hypothesis: [validated_by], Track: [realized_sum], Condition: [realized_sum]}
  conditional_required:
    Task: [{if: {status: [done]}, then: [closed]}]
"#;

/// One entity on its way to the disk.
struct Draft<'a> {
    path: String,
    kind: &'a str,
    id: String,
    name: String,
    status: &'a str,
    parent: Option<String>,
    more: String,
    words: String,
}

struct Town<'a, 'b, 'c> {
    plan: &'a Plan,
    chance: Chance,
    writer: &'b mut Writer<'c>,
    epoch: u64,
    /// Which of the tasks hold a planted word.
    planted: Vec<Option<&'static str>>,
    /// Paths of projects, for links.
    projects: Vec<(String, String)>,
}

pub(super) fn write(plan: &Plan, writer: &mut Writer<'_>) -> io::Result<()> {
    let mut town = Town {
        plan,
        chance: Chance::new(plan.seed),
        writer,
        epoch: 1_767_225_600_000,
        planted: Vec::new(),
        projects: Vec::new(),
    };
    town.writer.put(crate::schema::SCHEMA, SCHEMA)?;
    town.writer.put("README.md", "# The town\n\nNo front matter here.\n")?;
    town.writer.put(
        "10_Study/reading.md",
        "---\ntitle: Reading\n---\nProse, which nobody judges.\n",
    )?;
    town.strategy()?;
    let projects = (plan.entities / 12).max(5);
    let hypotheses = town.hypotheses(projects.min(600))?;
    for program in PROGRAMS {
        let draft = Draft {
            path: format!("50_Projects/{program}/_PROGRAM.md"),
            kind: "Program",
            id: format!("pgm-{program}"),
            name: format!("The {program} program"),
            status: "doing",
            parent: None,
            more: format!("program_type: {program}\nowner: member-01\n"),
            words: String::new(),
        };
        town.entity(draft)?;
    }
    let evidence = projects / 4;
    let fixed = 16 + PROGRAMS.len() + hypotheses.len() + projects + evidence;
    let tasks = plan.entities.saturating_sub(fixed).max(40);
    town.plant(tasks);
    for number in 0..projects {
        let share = tasks / projects + usize::from(number < tasks % projects);
        town.project(number, share, number < evidence, &hypotheses)?;
    }
    Ok(())
}

impl Town<'_, '_, '_> {
    fn entity(&mut self, draft: Draft<'_>) -> io::Result<()> {
        let (made, changed) = (
            self.chance.day(self.plan.today, 500, 0),
            self.chance.day(self.plan.today, 60, 0),
        );
        let (made, changed) = (self.chance.written(made.min(changed)), self.chance.written(changed));
        let parent = draft
            .parent
            .as_ref()
            .map_or_else(String::new, |parent| format!("parent_id: {parent}\n"));
        let body = self.chance.text(&draft.name, self.plan.body);
        let text = format!(
            "---\nentity_type: {}\nentity_id: {}\nentity_name: \"{}\"\ncreated: {made}\nupdated: {changed}\nstatus: {}\n{parent}\
             tags: [{}, {}]\n{}---\n\n{body}{}",
            draft.kind,
            draft.id,
            draft.name,
            draft.status,
            self.chance.english(),
            self.chance.english(),
            draft.more,
            draft.words,
        );
        if let Some(parent) = &draft.parent {
            self.writer.child_of(parent);
        }
        self.writer.count(draft.kind);
        self.writer.put(&draft.path, text)
    }

    fn simple(&mut self, path: String, kind: &str, id: &str, status: &str, parent: Option<String>) -> io::Result<()> {
        let draft = Draft {
            path,
            kind,
            id: id.to_owned(),
            name: format!("{} {id}", self.chance.korean()),
            status,
            parent,
            more: "owner: member-02\n".to_owned(),
            words: String::new(),
        };
        self.entity(draft)
    }

    fn strategy(&mut self) -> io::Result<()> {
        self.simple(
            "01_North_Star/ns-001_등대.md".to_owned(),
            "NorthStar",
            "ns-001",
            "fixed",
            None,
        )?;
        for number in 1..=4 {
            let path = format!("01_North_Star/mh-{number}.md");
            self.simple(
                path,
                "MetaHypothesis",
                &format!("mh-{number}"),
                "doing",
                Some("ns-001".to_owned()),
            )?;
        }
        for (number, letter) in (0..).zip("abcde".chars()) {
            let path = format!("20_Strategy/3Y_Conditions/cond-{letter}.md");
            let parent = format!("mh-{}", number % 4 + 1);
            self.simple(path, "Condition", &format!("cond-{letter}"), "doing", Some(parent))?;
        }
        for number in 1..=6 {
            let path = format!("20_Strategy/12M_Tracks/2026/trk-{number}.md");
            let parent = format!("cond-{}", self.chance.pick(&["a", "b", "c", "d", "e"]));
            self.simple(path, "Track", &format!("trk-{number}"), "doing", Some(parent))?;
        }
        Ok(())
    }

    fn hypotheses(&mut self, count: usize) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for number in 0..count {
            let track = number % 6 + 1;
            let id = format!("hyp-{track}-{:02}", number / 6 + 1);
            let (korean, english) = (self.chance.korean(), self.chance.english());
            let draft = Draft {
                path: format!("60_Hypotheses/2026/{id}_{korean}.md"),
                kind: "Hypothesis",
                id: id.clone(),
                name: format!("{korean} {english}"),
                status: "doing",
                parent: Some(format!("trk-{track}")),
                more: format!(
                    "hypothesis_question: \"Does the {english} need the {korean}?\"\nevidence_status: {}\nconfidence: 0.{}\nhorizon: \"2026\"\n",
                    self.chance
                        .pick(&["assumed", "validating", "validated", "falsified", "learning"]),
                    self.chance.below(100),
                ),
                words: String::new(),
            };
            self.entity(draft)?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Three files with a rare word, one in a hundred with another, one in ten with a frequent one; no file with two.
    fn plant(&mut self, tasks: usize) {
        let wanted = [
            ("FLOTSAM-드문말", 3),
            ("JETSAM-MIDDLING", (tasks / 100).max(3)),
            ("LAGAN-FREQUENT", tasks / 10),
        ];
        self.planted = vec![None; tasks];
        for (word, count) in wanted {
            let mut left = count;
            while left > 0 {
                let place = self.chance.below(tasks);
                if self.planted[place].is_none() {
                    self.planted[place] = Some(word);
                    left -= 1;
                }
            }
        }
    }

    fn project(&mut self, number: usize, tasks: usize, evidence: bool, hypotheses: &[String]) -> io::Result<()> {
        let key = if number < 3 {
            format!("{:03}", number + 1)
        } else {
            self.chance.letters(6)
        };
        let id = format!("prj-{key}");
        let name = format!(
            "{} - {} {}",
            self.chance.english(),
            self.chance.korean(),
            self.chance.below(100)
        );
        let program = self.chance.percent(30).then(|| self.chance.pick(&PROGRAMS));
        let folder = match program {
            Some(program) => format!("50_Projects/{program}/Rounds/{id}"),
            None => format!(
                "50_Projects/{}/P{key}_{}",
                self.chance.pick(&["2025", "2026"]),
                self.chance.korean()
            ),
        };
        let validates: BTreeSet<_> = (0..self.chance.below(3))
            .map(|_| self.chance.below(hypotheses.len()))
            .collect();
        let validates: Vec<_> = validates.into_iter().map(|place| hypotheses[place].as_str()).collect();
        for hypothesis in &validates {
            *self
                .writer
                .manifest
                .validated_by
                .entry((*hypothesis).to_owned())
                .or_default() += 1;
        }
        let mut more = format!(
            "owner: member-0{}\nconditions_3y: [cond-{}]\nvalidates: [{}]\n",
            self.chance.below(9) + 1,
            self.chance.pick(&["a", "b", "c", "d", "e"]),
            validates.join(", "),
        );
        if let Some(program) = program {
            more.push_str(&format!("program_id: pgm-{program}\n"));
        }
        let path = format!("{folder}/project.md");
        let words = self.link();
        let draft = Draft {
            path: path.clone(),
            kind: "Project",
            id: id.clone(),
            name: name.clone(),
            status: self.chance.pick(&["planning", "doing", "doing", "hold"]),
            parent: Some(format!("trk-{}", self.chance.below(6) + 1)),
            more,
            words,
        };
        self.entity(draft)?;
        if evidence {
            self.evidence(number, &folder, &id, &validates)?;
        }
        for place in 0..tasks {
            self.task(&folder, &id, &key, number, place)?;
        }
        self.projects.push((id, path));
        Ok(())
    }

    /// A link to an earlier project, by its id or its path.
    fn link(&mut self) -> String {
        if self.projects.is_empty() || self.chance.percent(60) {
            return String::new();
        }
        let place = self.chance.below(self.projects.len());
        let (id, path) = self.projects[place].clone();
        *self.writer.manifest.backlinks.entry(path.clone()).or_default() += 1;
        if self.chance.percent(50) {
            format!("\nSee [[{id}|that one]].\n")
        } else {
            format!("\nSee [[{path}#part]].\n")
        }
    }

    fn evidence(&mut self, number: usize, folder: &str, project: &str, validated: &[&str]) -> io::Result<()> {
        let draft = Draft {
            path: format!("{folder}/Results/evidence.md"),
            kind: "Evidence",
            id: format!("ev:2026-{:04}", number + 1),
            name: format!("What {project} showed"),
            status: "done",
            parent: None,
            more: format!(
                "project: {project}\nnormalized_delta: 0.{:02}\nevidence_strength: {}\nattribution_share: 1.0\nvalidated_hypotheses: [{}]\n",
                self.chance.below(100),
                self.chance.pick(&["strong", "medium", "weak"]),
                validated.join(", "),
            ),
            words: String::new(),
        };
        self.entity(draft)
    }

    fn task(&mut self, folder: &str, project: &str, key: &str, number: usize, place: usize) -> io::Result<()> {
        self.epoch += 1 + self.chance.next() % 90_000;
        let id = if number < 3 && place < 99 {
            format!("tsk-{key}-{:02}", place + 1)
        } else if number < 3 {
            format!("tsk-000{key}-{}", self.epoch)
        } else {
            format!("tsk-{key}-{}", self.epoch)
        };
        let mut roll = self.chance.below(100);
        let status = STATUSES
            .iter()
            .find(|(_, share)| {
                let here = roll < *share;
                roll = roll.saturating_sub(*share);
                here
            })
            .unwrap()
            .0;
        let due = self.chance.day(self.plan.today, 200, 60);
        let mut more = format!(
            "project_id: {project}\nassignee: {}\npriority: {}\ntype: {}\ndue: {}\n",
            if self.chance.percent(6) {
                "[member-01, member-02]"
            } else {
                "member-03"
            },
            self.chance.pick(&["critical", "high", "medium", "low"]),
            self.chance.pick(&["strategy", "research", "ops", "meeting"]),
            self.chance.written(due),
        );
        if status == "done" {
            more.push_str(&format!("closed: {}\n", self.chance.written(due)));
        }
        let path = format!("{folder}/Tasks/{id}.md");
        let planted = self.planted.pop().flatten();
        if let Some(word) = planted {
            let files = self.writer.manifest.terms.entry(word.to_owned()).or_default();
            files.insert(path.clone());
        }
        *self.writer.manifest.task_statuses.entry(status.to_owned()).or_default() += 1;
        self.writer.manifest.overdue += usize::from(status == "doing" && due < self.plan.today);
        let link = if self.chance.percent(10) {
            self.link()
        } else {
            String::new()
        };
        let name = format!("{} - {}", self.chance.english(), self.chance.korean());
        let draft = Draft {
            path,
            kind: "Task",
            id,
            name,
            status,
            parent: Some(project.to_owned()),
            more,
            words: planted.map_or(link.clone(), |word| format!("\nthe word {word} here\n{link}")),
        };
        self.entity(draft)
    }
}
