//! What the pages show of small vaults, hostile ones among them.

use {
    super::{findings, folder, note, search},
    crate::{Moment, served::Served},
    axum::{body::to_bytes, http::StatusCode, response::Response},
    jiff::civil::date,
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{Index, Limits, Root, Vault as Notes, check},
    std::{fs, num::NonZeroU32, sync::Arc},
};

/// A vault of these files.
pub(super) struct House {
    _home: tempfile::TempDir,
    notes: Arc<Notes>,
}

impl House {
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = home.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let root = Root::at(home.path()).unwrap();
        let notes = Arc::new(Notes::open(&root, Limits::keeping_private(), &|_| {}).unwrap());
        Self { _home: home, notes }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment::of(Arc::clone(&self.notes), date(2026, 3, 1))
    }

    fn note(&self, asked: &str) -> Result<String, Code> {
        page(note::show(&self.moment(), &read(asked)))
    }

    fn folder(&self, asked: &str) -> Result<String, Code> {
        page(folder::show(&self.moment(), read(asked)))
    }

    fn findings(&self) -> String {
        page(findings::show(
            &self.moment(),
            &check(self.moment().snapshot()),
            read(""),
        ))
        .unwrap()
    }

    fn search(&self, asked: &str) -> (StatusCode, String) {
        let index = Index::in_memory().unwrap();
        index.follow(&self.notes, &self.notes.snapshot(), &|_| {}).unwrap();
        let response = search::show(&self.moment(), Some(&index), read(asked)).unwrap();
        (response.status(), page(Ok(response)).unwrap())
    }
}

/// A query, as it stands in an address.
fn read<T: serde::de::DeserializeOwned>(asked: &str) -> T {
    let uri: axum::http::Uri = format!("/x?{asked}").parse().unwrap();
    axum::extract::Query::try_from_uri(&uri).unwrap().0
}

fn page(response: Result<Response, Problem>) -> Result<String, Code> {
    let body = response.map_err(|problem| problem.code())?.into_body();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(to_bytes(body, usize::MAX)).unwrap();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

fn entity(kind: &str, id: &str, more: &str, body: &str) -> String {
    format!("---\nentity_type: {kind}\nentity_id: {id}\n{more}---\n{body}\n")
}

fn town() -> House {
    House::with(&[
        (
            "50_Projects/2026/문 gate/project.md",
            &entity(
                "Project",
                "prj-1",
                "entity_name: Gate - 문\nstatus: doing\nowner: [a, b]\n",
                "See [[벽]] and [it](Tasks/t.md).",
            ),
        ),
        (
            "50_Projects/2026/문 gate/Tasks/t.md",
            &entity(
                "Task",
                "tsk-1",
                "entity_name: Open - it\nparent_id: prj-1\n",
                "# 열다\n\n[[prj-1]]",
            ),
        ),
        ("10_Study/벽.md", "Walls. [[prj-1|The gate]]\n"),
        ("README.md", "# Town\n"),
    ])
}

#[test]
fn a_note_leads_to_those_it_has_to_do_with() {
    let town = town();
    let project = town.note("id=prj-1").unwrap();
    let address = "/vault/note?path=50_Projects/2026/%EB%AC%B8%20gate";
    for part in [
        "<h1>Gate - 문</h1>",
        "<p class=\"small\">50_Projects/2026/문 gate/project.md</p>",
        "<a href=\"/vault/?folder=50_Projects/2026/%EB%AC%B8%20gate\">문 gate</a>",
        "<th scope=\"row\">owner</th><td><ul><li>a</li><li>b</li></ul></td>",
        "<a href=\"/vault/note?path=10_Study/%EB%B2%BD.md\">벽</a>",
        &format!("<a href=\"{address}/Tasks/t.md\">it</a>"),
        "<h3>Children</h3>",
        &format!("<li><a href=\"{address}/Tasks/t.md\">Open - it</a> <span class=\"small\">Task</span></li>"),
        "<h2>Linked from</h2>",
        "<li><a href=\"/vault/note?path=10_Study/%EB%B2%BD.md\">벽</a></li>",
        "<svg role=\"img\"",
    ] {
        assert!(project.contains(part), "{part}: {project}");
    }
    assert_eq!(
        town.note("path=50_Projects/2026/%EB%AC%B8%20gate/project.md").unwrap(),
        project
    );
    let task = town.note("id=tsk-1").unwrap();
    for part in [
        "<h2 id=\"part-열다\">열다</h2>",
        "<h3>Parent</h3>",
        &format!("href=\"{address}/project.md\""),
    ] {
        assert!(task.contains(part), "{part}: {task}");
    }
    let prose = town.note("path=README.md").unwrap();
    assert!(
        prose.contains("<h1>README</h1>") && !prose.contains("<svg") && !prose.contains("<caption>"),
        "{prose}"
    );
}

#[test]
fn what_is_not_drawn_or_listed_is_counted() {
    let task = |number: usize| {
        let id = format!("tsk-{number}");
        (format!("a/{id}.md"), entity("Task", &id, "parent_id: prj-1\n", ""))
    };
    let mut files: Vec<_> = (0..30).map(task).collect();
    files.push(("a/p.md".to_owned(), entity("Project", "prj-1", "", "")));
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let page = House::with(&files).note("id=prj-1").unwrap();
    assert_eq!(page.matches("<text class=\"how\"").count(), 13, "{page}");
    for part in [">Children</text>", "18 more are not drawn.", "And 10 more."] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn what_is_not_there_and_what_cannot_be_is_one_answer() {
    let town = town();
    for absent in [
        "path=none.md",
        "id=none",
        "",
        "path=README.md%26id=x",
        "path=README.md&id=prj-1",
        "path=10_Study",
    ] {
        assert_eq!(town.note(absent), Err(Code::VaultNotFound), "{absent}");
    }
    for bad in [
        "path=../README.md",
        "path=/etc/passwd",
        "path=%252e%252e/README.md",
        "path=a%5Cb.md",
        "path=.git/config",
        "path=README.md%00",
        "path=",
    ] {
        assert_eq!(town.note(bad), Err(Code::ValidationInvalidFormat), "{bad}");
    }
    assert_eq!(town.folder("folder=none"), Err(Code::VaultNotFound));
    assert_eq!(town.folder("folder=.."), Err(Code::ValidationInvalidFormat));
}

#[test]
fn folders_show_what_is_in_them_and_in_those() {
    let town = town();
    let root = town.folder("").unwrap();
    for part in [
        "<h1>Vault</h1>",
        "<dt>Notes</dt><dd>4</dd>",
        "<dt>Project</dt><dd>1</dd>",
        "<a href=\"/vault/?folder=50_Projects\">50_Projects</a> <span class=\"small\">2 notes</span>",
        "<a href=\"/vault/?folder=50_Projects/2026\">2026</a>",
        "<a href=\"/vault/note?path=README.md\">README</a>",
    ] {
        assert!(root.contains(part), "{part}: {root}");
    }
    let study = town.folder("folder=10_Study").unwrap();
    assert!(
        study.contains("<h1>10_Study</h1>") && !study.contains("README"),
        "{study}"
    );
    let many: Vec<_> = (0..250)
        .map(|number| (format!("a/{number:03}.md"), String::new()))
        .collect();
    let many: Vec<_> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let house = House::with(&many);
    let first = house.folder("folder=a").unwrap();
    assert_eq!(first.matches("/vault/note?path=a/").count(), 100);
    let more = first.split("rel=\"next\" href=\"/vault/?").nth(1).unwrap();
    let second = house
        .folder(more.split('"').next().unwrap().replace("&#38;", "&").as_str())
        .unwrap();
    assert!(second.contains("a/100.md") && !second.contains("a/099.md"), "{second}");
}

#[test]
fn a_search_shows_where_it_found_what_in_korean_and_english() {
    let town = town();
    for (asked, note, found) in [
        ("q=walls", "10_Study/%EB%B2%BD.md", "<mark>Walls</mark>"),
        ("q=%EC%97%B4%EB%8B%A4", "Tasks/t.md", "<mark>열다</mark>"),
    ] {
        let (status, page) = town.search(asked);
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(note) && page.contains(found), "{page}");
        assert!(page.contains("1 note was found"), "{page}");
    }
    assert!(town.search("q=nowhere").1.contains("Nothing was found for “nowhere”."));
    assert_eq!(town.search("q=x").0, StatusCode::BAD_REQUEST);
    assert_eq!(town.search("").0, StatusCode::OK);
    let early = search::show(&town.moment(), None, read("q=walls")).unwrap();
    assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page(Ok(early)).unwrap().contains("is being read"));
}

const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'";

#[test]
fn markup_in_names_values_paths_and_texts_is_text() {
    let quoted = serde_json::to_string(EVIL).unwrap();
    let fields = format!(
        "entity_name: {quoted}\nstatus: {quoted}\nowner: [{quoted}]\nlinks: [{{url: {quoted}}}]\nparent_id: {quoted}\n{quoted}: 1\n\
         outgoing_relations: [{{type: {quoted}, target_id: tsk-2}}]\n",
    );
    let body = format!("# {EVIL}\n\n[[tsk-2|{EVIL}]] [x](javascript:alert(1)) [[{EVIL}]]\n\n{EVIL}\n");
    let house = House::with(&[
        ("a/\"><script>alert(1)<.md", &entity("Task", "tsk-1", &fields, &body)),
        ("a/2.md", &entity("Task", "tsk-2", "entity_name: Two\n", "[[tsk-1]]")),
    ]);
    let pages = [
        house.note("id=tsk-1").unwrap(),
        house.note("id=tsk-2").unwrap(),
        house.folder("folder=a").unwrap(),
        house.findings(),
        house.search("q=alert").1,
        house.search("q=%22%3E%3Cscript%3Ealert").1,
    ];
    for page in &pages {
        assert!(
            !page.contains("<script") && !page.contains("<img") && !page.contains("javascript:alert(1)\""),
            "{page}"
        );
        assert!(page.contains("&#60;script"), "{page}");
    }
}

#[test]
fn what_the_vault_keeps_private_is_on_no_page() {
    let house = House::with(&[
        (
            "00_Meta/schema_constants.yaml",
            "schema_version: \"1\"\nprivate_fields: {all: [planted_field]}\ncross_vault: {exec_only: [Planted]}\n",
        ),
        (
            "a/p.md",
            &entity(
                "Planted",
                "pla-1",
                "entity_name: planted\nparent_id: tsk-1\n",
                "planted [[tsk-1]]",
            ),
        ),
        (
            "a/t.md",
            &entity(
                "Task",
                "tsk-1",
                "planted_field: planted\ncandidate_id: planted\nowner: shown\n",
                "[[pla-1]] [x](p.md)",
            ),
        ),
    ]);
    let shown = house.note("id=tsk-1").unwrap();
    assert!(
        shown.contains("<td>shown</td>") && !shown.contains("planted"),
        "{shown}"
    );
    assert!(!shown.contains("Children") && !shown.contains("Linked from"), "{shown}");
    assert_eq!(shown.matches("<span class=\"nowhere\">").count(), 2, "{shown}");
    assert_eq!(house.note("id=pla-1"), Err(Code::VaultNotFound));
    assert_eq!(house.note("path=a/p.md"), Err(Code::VaultNotFound));
    for page in [
        house.folder("folder=a").unwrap(),
        house.findings(),
        house.folder("").unwrap(),
    ] {
        assert!(
            !page.contains("planted") && !page.contains("Planted") && !page.contains("p.md"),
            "{page}"
        );
    }
    assert!(house.search("q=planted").1.contains("Nothing was found"));
}

#[test]
fn long_values_lists_and_texts_are_cut_and_say_so() {
    let list: Vec<String> = (0..130).map(|number| format!("v{number}")).collect();
    let fields = format!("notes: {}\ntags: [{}]\n", "가".repeat(10_007), list.join(", "));
    let body = "word\n".repeat(30_000);
    let house = House::with(&[
        (portreeve_notes::schema::SCHEMA, "schema_version: 1\n"),
        ("a.md", &entity("Task", "tsk-1", &fields, &body)),
    ]);
    let page = house.note("path=a.md").unwrap();
    for part in [
        "\u{2026} (7 more characters)",
        "<li>v99</li><li>and 30 more</li>",
        "The first 99999 of 150001 characters are shown.",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_is_wrong_leads_to_where_it_is() {
    let house = House::with(&[
        (
            "a/t.md",
            &entity("Task", "tsk-1", "parent_id: prj-9\ndue: 2026-13-45\n", "[[nobody]]"),
        ),
        ("a/u.md", "---\na: &x [1]\nb: *x\n---\n"),
    ]);
    let page = house.findings();
    for part in [
        "<a href=\"/vault/note?path=a/t.md\">a/t.md, line 4</a>",
        "`[[nobody]]` leads nowhere",
        "invalid_date",
        "a/u.md",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("path=a/u.md"), "what is not served has no page: {page}");
    let note = house.note("id=tsk-1").unwrap();
    assert!(note.contains("<h2>Findings</h2>") && note.contains("prj-9"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_pages_has_a_share_as_who_asks_by_key_has() {
    let served = Served::limited(&[], NonZeroU32::new(4).unwrap()).await;
    for path in [
        "/vault/",
        "/vault/note?path=README.md",
        "/vault/findings",
        "/vault/search",
    ] {
        assert_eq!(served.page(path).await.0, StatusCode::OK, "{path}");
    }
    let (status, headers, body) = served.page("/vault/").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        headers.contains_key("retry-after") && body.contains("<h1>Too many pages"),
        "{headers:?} {body}"
    );
}
