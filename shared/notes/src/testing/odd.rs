//! Odd files as real vaults hold them.

use {
    super::{Expect, Odd, Writer},
    crate::finding::FindingCode,
    std::io,
    unicode_normalization::UnicodeNormalization as _,
};

const FOLDER: &str = "50_Projects/2026/Podd_Odd/Tasks";
const TEXT: &str = "---\nentity_type: Task\nentity_id: ID\nentity_name: \"A - b\"\ncreated: 2026-02-01\nupdated: \"2026-02-02\"\n\
    status: todo\nproject_id: prj-001\nparent_id: prj-001\nassignee: member-01\n---\n\nThe body.\n";

/// Writes files, and what becomes of each.
pub(super) struct OddWriter<'a, 'b> {
    pub(super) writer: &'a mut Writer<'b>,
    pub(super) next: u64,
}

pub(super) fn write(writer: &mut Writer<'_>) -> io::Result<()> {
    let mut odd = OddWriter { writer, next: 0 };
    odd.served()?;
    odd.text()?;
    odd.elsewhere()
}

impl OddWriter<'_, '_> {
    pub(super) fn id(&mut self) -> String {
        self.next += 1;
        format!("tsk-odd{:03}-{}", self.next, 1_000_000_000_000 + self.next)
    }

    pub(super) fn put(
        &mut self,
        path: &str,
        expect: Expect,
        why: &'static str,
        bytes: impl AsRef<[u8]>,
    ) -> io::Result<()> {
        let path_here = path.nfc().collect();
        self.writer.manifest.odd.push(Odd {
            path: path_here,
            expect,
            why,
        });
        self.writer.put(path, bytes)
    }

    /// A task that is changed before it is written.
    fn task(&mut self, expect: Expect, why: &'static str, change: impl Fn(&str) -> String) -> io::Result<()> {
        let id = self.id();
        self.task_at(&format!("{FOLDER}/{id}.md"), &id, expect, why, change)
    }

    pub(super) fn task_at(
        &mut self,
        path: &str,
        id: &str,
        expect: Expect,
        why: &'static str,
        change: impl Fn(&str) -> String,
    ) -> io::Result<()> {
        let text = change(&TEXT.replace("ID", id));
        if matches!(expect, Expect::Entity | Expect::Told(_)) {
            let is_task = text.contains("entity_type: Task");
            self.writer.count(if is_task { "Task" } else { "Hypothesis" });
            if is_task {
                let done = text.contains("status: done");
                let statuses = &mut self.writer.manifest.task_statuses;
                *statuses
                    .entry(if done { "done" } else { "todo" }.to_owned())
                    .or_default() += 1;
            }
            for parent in ["prj-001", "trk-1"] {
                if text.contains(&format!("parent_id: {parent}")) {
                    self.writer.child_of(parent);
                }
            }
        }
        self.put(path, expect, why, text)
    }

    fn served(&mut self) -> io::Result<()> {
        let with = |more: &'static str| move |text: &str| text.replace("\n---\n\n", &format!("\n{more}---\n\n"));
        self.task(Expect::Entity, "a byte order mark before the fence", |text| {
            format!("\u{feff}{text}")
        })?;
        self.task(Expect::Entity, "windows line ends", |text| text.replace('\n', "\r\n"))?;
        self.task(Expect::Entity, "blanks behind the fences", |text| {
            text.replace("---\n", "--- \t\n")
        })?;
        self.task(Expect::Entity, "rules in the body and in a value", |text| {
            with("notes: \"a\\n---\\nb\"\n")(text) + "\n---\n\nmore\n---\n"
        })?;
        self.task(Expect::Entity, "a list where one value is usual", |text| {
            text.replace("member-01", "[member-01, member-02]")
        })?;
        self.task(
            Expect::Entity,
            "one value where a list is usual, and a list that is null",
            with("tags: one\noutgoing_relations: null\n"),
        )?;
        self.task(Expect::Entity, "more front matter than most notes have text", |text| {
            text.replace(
                "\n---\n\n",
                &format!("\nnotes: \"{}\"\n---\n\n", "long \\n ".repeat(2_000)),
            )
        })?;
        self.task(
            Expect::Told(FindingCode::InvalidDate),
            "a day that is none",
            with("due: 2026-13-45\n"),
        )?;
        self.task(
            Expect::Told(FindingCode::InvalidDate),
            "a placeholder that nobody filled in",
            |text| text.replace("created: 2026-02-01", "created: {today}"),
        )?;
        self.task(
            Expect::Told(FindingCode::ReservedField),
            "fields that a program wrote back",
            with("_path: a.md\n_body: old\n"),
        )?;
        self.task(
            Expect::Told(FindingCode::DuplicateKey),
            "a field that stands twice",
            with("closed: 2026-02-03\nstatus: done\n"),
        )?;
        self.task(
            Expect::Told(FindingCode::IdPattern),
            "an id outside of the pattern",
            |text| text.replace("tsk-odd", "tsk-odd-one-"),
        )?;
        self.task(Expect::Told(FindingCode::NumericId), "an id that is a number", |text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("entity_id"))
                .unwrap_or_default();
            text.replace(line, "entity_id: 20260301")
        })?;
        self.task(
            Expect::Told(FindingCode::Dangling),
            "a parent that does not exist",
            |text| text.replace("prj-001", "prj-000"),
        )?;
        self.task(
            Expect::Told(FindingCode::ForbiddenField),
            "a task that claims to validate",
            with("validates: [hyp-1-01]\n"),
        )?;
        self.task(
            Expect::Told(FindingCode::DerivedField),
            "a derived field on the disk",
            |text| {
                with("validated_by: [prj-404]\n")(text)
                    .replace("entity_type: Task", "entity_type: Hypothesis")
                    .replace("parent_id: prj-001", "parent_id: trk-1")
            },
        )?;
        self.task(
            Expect::Told(FindingCode::NotListed),
            "a word that the schema does not list",
            |text| text.replace("assignee", "priority: soon\nassignee"),
        )?;
        let id = self.id();
        self.task_at(
            &format!("{FOLDER}/first of two.md"),
            &id,
            Expect::Told(FindingCode::DuplicateId),
            "the first file of one id",
            str::to_owned,
        )?;
        self.task_at(
            &format!("{FOLDER}/second of two.md"),
            &id,
            Expect::Second,
            "the second file of one id",
            str::to_owned,
        )?;
        for (name, why) in [
            (
                "나눠 쓴 이름 é".nfd().collect(),
                "a name that the disk spells apart, with blanks",
            ),
            ("나".repeat(84), "a name of 255 bytes"),
        ] {
            let id = self.id();
            self.task_at(&format!("{FOLDER}/{name}.md"), &id, Expect::Entity, why, str::to_owned)?;
        }
        Ok(())
    }

    fn text(&mut self) -> io::Result<()> {
        for (why, from, to) in [
            ("a colon that is not quoted", "\"A - b\"", "A: b: c"),
            ("no closing fence", "\n---\n\n", "\n\n"),
            ("a tab for an indent", "entity_type", "\tentity_type"),
            ("a template's placeholder", "\"A - b\"", "{{NAME}}"),
        ] {
            self.task(Expect::Text(FindingCode::Malformed), why, |text| text.replace(from, to))?;
        }
        for (expect, why, text) in [
            (
                FindingCode::NotAMapping,
                "front matter that is a list",
                "---\n- a\n- b\n---\nx\n",
            ),
            (FindingCode::NoEntity, "empty front matter", "---\n---\nx\n"),
            (
                FindingCode::NoEntity,
                "front matter without an id",
                "---\nentity_type: Task\n---\n",
            ),
            (FindingCode::NoFrontMatter, "an empty file", ""),
            (
                FindingCode::NoFrontMatter,
                "a blank line before the fence",
                "\n---\nentity_id: x\n---\n",
            ),
        ] {
            self.task(Expect::Text(expect), why, |_| text.to_owned())?;
        }
        let path = format!("{FOLDER}/latin.md");
        self.put(
            &path,
            Expect::Refused(FindingCode::Undecodable),
            "not UTF-8",
            b"---\nentity_id: x\nname: caf\xe9\n---\n",
        )
    }

    fn elsewhere(&mut self) -> io::Result<()> {
        let unseen = |text: &str| text.replace("A - b", "{{NAME}}");
        for (path, expect, why) in [
            ("00_Meta/_TEMPLATES/task.md", Expect::Unseen, "a template"),
            ("90_Archive/old.md", Expect::Unseen, "the archive"),
            (".obsidian/note.md", Expect::Unseen, "a hidden folder"),
            ("50_Projects/2026/.draft.md", Expect::Unseen, "a hidden file"),
            ("50_Projects/2026/.git/x.md", Expect::Unseen, "a hidden folder within"),
            ("50_Projects/2026/notes.txt", Expect::Unseen, "a file that is no note"),
            (
                "50_Projects/2026/_INDEX.md",
                Expect::Prose,
                "an index that a program wrote",
            ),
            ("30_Ontology/words.md", Expect::Prose, "a folder without entities"),
        ] {
            let id = self.id();
            self.task_at(path, &id, expect, why, unseen)?;
        }
        Ok(())
    }
}
