//! What the pages written by hand say of the program is so: commands and flags exist, configurations are JSON and start,
//! links lead somewhere, and a promise names tests that there are.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test that fails may panic"
)]

#[path = "reading/blocks.rs"]
mod blocks;
#[path = "reading/sources.rs"]
mod sources;

use {
    blocks::blocks,
    serde_json::{Value, json},
    sources::Sources,
    std::{
        collections::BTreeSet,
        fs,
        io::Write,
        path::{Path, PathBuf},
        process::{Command, Stdio},
    },
};

/// A port that nobody listens on.
const NOBODY: &str = "https://127.0.0.1:9";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// How to connect from a program, one page for each.
fn guides() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("docs/connect")).unwrap();
    let mut pages: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() >= 5, "{pages:?}");
    pages
}

/// All pages that a person wrote.
fn pages() -> Vec<PathBuf> {
    let names = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/authentication.md",
        "docs/tls.md",
        "docs/vault.md",
    ];
    names
        .into_iter()
        .map(|name| root().join(name))
        .chain(guides())
        .collect()
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The words of every call of `portreeve` in a script.
fn calls(script: &str) -> Vec<Vec<String>> {
    let script = script.replace("\\\n", " ");
    let lines = script.lines().map(|line| line.split(" # ").next().unwrap_or_default());
    let parts = lines.flat_map(|line| line.split(['|', ';', '&', '(', ')']));
    let words = parts.map(|part| part.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words
        .filter_map(|words| {
            // Variables may be set before the program's name.
            let at = words.iter().position(|word| !word.contains('='))?;
            (words.get(at)? == "portreeve").then(|| words.into_iter().skip(at).collect())
        })
        .collect()
}

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_portreeve"))
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_and_flag_in_a_page_is_one_of_the_program() {
    let reference = printed(&["reference", "commands"]);
    let commands: BTreeSet<&str> = reference.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut seen = 0;
    for page in pages() {
        for call in blocks(&read(&page), "sh").iter().flat_map(|block| calls(block)) {
            let shown = format!("{}: {}", page.display(), call.join(" "));
            let known = (1..=call.len())
                .rev()
                .find(|count| commands.contains(call[..*count].join(" ").as_str()));
            let known = known.unwrap_or_else(|| panic!("{shown}: there is no such command"));
            let mut words: Vec<&str> = call[1..known].iter().map(String::as_str).collect();
            words.push("--help");
            let help = printed(&words);
            for flag in call.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap();
                let is_there = help.split([' ', '\n', ',', '=', '[']).any(|word| word == flag);
                assert!(is_there, "{shown}: there is no flag `{flag}`");
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} calls were found");
}

/// Every object in `value` that has this member.
fn with<'a>(value: &'a Value, member: &str, found: &mut Vec<&'a Value>) {
    if value.get(member).is_some() {
        found.push(value);
    }
    match value {
        Value::Object(members) => members.values().for_each(|inner| with(inner, member, found)),
        Value::Array(items) => items.iter().for_each(|inner| with(inner, member, found)),
        _ => {}
    }
}

/// Runs what a configuration names as the program that reads it would, and has it ask a server that is not there.
fn starts(server: &Value) {
    let program = Path::new(server["command"].as_str().unwrap());
    assert_eq!(program.file_name().unwrap(), "portreeve", "{server}");
    let settings = printed(&["reference", "settings"]);
    let home = tempfile::tempdir().unwrap();
    let elsewhere = |text: &str| text.replace("https://localhost:8787", NOBODY);
    let mut command = Command::new(env!("CARGO_BIN_EXE_portreeve"));
    command.env_clear().env("HOME", home.path());
    for arg in server["args"].as_array().unwrap() {
        command.arg(elsewhere(arg.as_str().unwrap()));
    }
    for (name, value) in server["env"].as_object().unwrap() {
        assert!(
            settings.contains(&format!("| `{name}` |")),
            "`{name}` means nothing to the program"
        );
        command.env(name, elsewhere(value.as_str().unwrap()));
    }
    let mut running = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    writeln!(running.stdin.take().unwrap(), "{ask}").unwrap();
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{server}: `{said}` {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(answer["id"], 1, "{answer}");
    let why = answer["error"]["message"].as_str().unwrap();
    assert!(
        why.contains(NOBODY),
        "it asks another server than the one it was given: {answer}"
    );
}

#[test]
fn every_configuration_in_a_guide_is_json_and_starts() {
    for guide in guides() {
        let mut servers = 0;
        for block in blocks(&read(&guide), "json") {
            let block: Value =
                serde_json::from_str(&block).unwrap_or_else(|error| panic!("{}: {error}\n{block}", guide.display()));
            let (mut local, mut remote) = (Vec::new(), Vec::new());
            with(&block, "command", &mut local);
            with(&block, "url", &mut remote);
            local.iter().for_each(|server| starts(server));
            for server in &remote {
                let face = if guide.ends_with("vault.md") {
                    "/vault/mcp"
                } else {
                    "/mcp"
                };
                let endpoint = format!("https://localhost:8787{face}");
                assert_eq!(server["url"], json!(endpoint), "{}", guide.display());
                let bearer = server["headers"]["Authorization"].as_str().unwrap();
                assert!(
                    bearer.starts_with("Bearer ${"),
                    "{}: a key in a shared file",
                    guide.display()
                );
            }
            assert_eq!(local.len() + remote.len(), 1, "{}: {block}", guide.display());
            servers += 1;
        }
        let by_hand = guide.ends_with("curl.md");
        assert_eq!(servers == 0, by_hand, "{}", guide.display());
    }
}

#[test]
fn every_program_in_python_in_a_guide_is_one() {
    let mut seen = 0;
    for guide in guides() {
        for block in blocks(&read(&guide), "python") {
            let mut python = Command::new("python3");
            python.args(["-c", "import sys; compile(sys.stdin.read(), 'guide', 'exec')"]);
            let mut python = python.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            python.stdin.take().unwrap().write_all(block.as_bytes()).unwrap();
            let said = python.wait_with_output().unwrap();
            let why = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success(), "{}: {why}", guide.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "no program was found");
}

#[test]
fn every_promise_about_credentials_names_tests_that_there_are() {
    let sources = Sources::of(root());
    let page = read(&root().join("docs/authentication.md"));
    let (_, table) = page.split_once("| promise | test |\n").unwrap();
    let mut promises = 0;
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            assert!(sources.is_test(test), "there is no test `{test}`");
        }
        promises += 1;
    }
    assert!(promises >= 15, "only {promises} promises were found");
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            let to = if path.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(path)
            };
            assert!(to.exists(), "{}: `{link}`", page.display());
            if !heading.is_empty() {
                let headings = read(&to);
                let mut headings = headings.lines().filter(|line| line.starts_with('#'));
                let named = |line: &str| {
                    line.trim_start_matches('#')
                        .trim()
                        .replace('`', "")
                        .replace(' ', "-")
                        .to_lowercase()
                };
                assert!(
                    headings.any(|line| named(line) == heading),
                    "{}: `{link}`",
                    page.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} links were found");
}

#[test]
fn calls_are_found_wherever_they_stand_in_a_script() {
    let script =
        "A=1 portreeve serve & # at once\necho portreeve\nX=$(portreeve key create a \\\n  --json | jq -r .id)\n";
    assert_eq!(
        calls(script),
        [
            vec!["portreeve", "serve"],
            vec!["portreeve", "key", "create", "a", "--json"]
        ]
    );
    assert_eq!(blocks("```sh\na\n```\n```json\n{}\n```\n", "json"), ["{}\n"]);
}
