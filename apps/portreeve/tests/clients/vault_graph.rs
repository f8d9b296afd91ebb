//! What `portreeve vault graph` draws, given to the programs that it is for: Graphviz, and Mermaid's own parser. Whatever a note
//! is called, it is one name in a drawing.

use {
    crate::{browser::node, house::House},
    portreeve_notes::testing::Plan,
    serde_json::Value,
    std::{
        collections::BTreeSet,
        env, fs,
        io::Write,
        path::{Path, PathBuf},
        process::{Command, Stdio},
    },
};

/// What ends a string, a node, a line or an edge in one of the two languages, or begins something in it.
const NAMES: [&str; 12] = [
    r#"a \"]; b -> c; \"x"#,
    r"ends with \\",
    r"\\N \\G \\n \\l",
    "one\\ntwo",
    "<b onclick=x>bold</b>",
    "x\\\"]:::c; click n0 href \\\"javascript:x\\\"",
    "--> n1 ==> n2 -.-> n3",
    "end subgraph graph style class",
    "#quot; #35; &quot; &amp;",
    "`md` **bold** %% comment %%{init: {}}%%",
    "항구 - 문 \\U0001F6A2",
    "\\e[2J\\u202E{}|()[]",
];

struct Desk(House);

impl Desk {
    /// A vault in which each of these is somebody's name.
    fn new() -> Self {
        let house = House::empty();
        let folder = house.home().parent().unwrap().to_owned();
        let plan = Plan {
            entities: 60,
            ..Plan::default()
        };
        plan.write(&folder).unwrap();
        for (number, name) in NAMES.iter().enumerate() {
            let text = format!(
                "---\nentity_type: Task\nentity_id: tsk-900-{number:02}\nentity_name: \"{name}\"\nparent_id: prj-001\n\
                 outgoing_relations: [{{type: \"{name}\", target_id: prj-001}}]\n---\n"
            );
            fs::write(folder.join(format!("notes/50_Projects/odd-{number}.md")), text).unwrap();
        }
        Self(house)
    }

    fn graph(&self, args: &[&str]) -> String {
        let done = self.0.cli(&[&["vault", "graph", "--root", "notes"], args].concat());
        done.ok().to_owned()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.graph(&[args, &["--format", "json"]].concat())).unwrap()
    }
}

fn texts<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    let all = list.as_array().unwrap();
    all.iter().map(|one| one[name].as_str().unwrap()).collect()
}

/// What to draw: one entity and who it has to do with, and all that lies beneath what.
const DRAWN: [&[&str]; 2] = [&["prj-001"], &["--depth", "9"]];

#[test]
fn graphviz_finds_each_entity_and_each_relation_and_nothing_else() {
    let desk = Desk::new();
    for args in DRAWN {
        let dot = desk.graph(&[args, &["--format", "dot"]].concat());
        let mut drawing = Command::new("dot");
        drawing.arg("-Tdot_json").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut drawing = drawing
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; run: cargo xtask test --stage tools"));
        drawing.stdin.take().unwrap().write_all(dot.as_bytes()).unwrap();
        let done = drawing.wait_with_output().unwrap();
        assert!(done.status.success(), "{dot}");
        let seen: Value = serde_json::from_slice(&done.stdout).unwrap();
        let said = desk.json(args);
        let nodes: BTreeSet<&str> = texts(&said["nodes"], "entity_id").into_iter().collect();
        assert!(nodes.len() > NAMES.len());
        let drawn = texts(&seen["objects"], "name");
        assert_eq!(drawn.iter().copied().collect::<BTreeSet<_>>(), nodes, "{args:?}");
        assert_eq!(drawn.len(), nodes.len());
        // Each edge by its ends and what it says.
        let place = |edge: &Value, end: &str| drawn[usize::try_from(edge[end].as_u64().unwrap()).unwrap()].to_owned();
        let edges = seen["edges"].as_array().unwrap();
        let mut found: Vec<_> = edges
            .iter()
            .map(|edge| (place(edge, "tail"), place(edge, "head")))
            .collect();
        let edges = said["edges"].as_array().unwrap();
        let end = |edge: &Value, name: &str| edge[name].as_str().unwrap().to_owned();
        let mut wanted: Vec<_> = edges.iter().map(|edge| (end(edge, "from"), end(edge, "to"))).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{args:?}");
    }
}

#[test]
fn mermaid_takes_what_is_written_for_it() {
    let desk = Desk::new();
    let parser = env::var_os("PORTREEVE_DIAGRAMS").map(PathBuf::from);
    let parser = parser.unwrap_or_else(|| panic!("run: cargo xtask test --stage tools --stage build --stage clients"));
    let parses = |file: &Path, mermaid: &str| {
        fs::write(file, format!("```mermaid\n{mermaid}\n```\n")).unwrap();
        let done = Command::new(node()).arg(&parser).arg(file).output().unwrap();
        (
            done.status.success(),
            String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
        )
    };
    let file = desk.0.home().parent().unwrap().join("graph.md");
    for args in DRAWN {
        let mermaid = desk.graph(&[args, &["--format", "mermaid"]].concat());
        let (is_one, said) = parses(&file, mermaid.trim_end());
        assert!(is_one, "{args:?}: {said}\n{mermaid}");
        assert_eq!(said.trim(), "1 diagrams, 0 wrong");
        // It is a parser, and no yes-man.
        let (is_one, _) = parses(&file, &mermaid.replacen("[\"", "[\"x\"] ", 1));
        assert!(!is_one);
    }
}
