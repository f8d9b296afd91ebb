//! The official conformance suite of MCP, with every scenario that a revision requires of a server, against a build that has
//! the fixtures it asks for. It knows no credentials; somebody stands before the server and shows a key for it.

use {
    crate::{
        browser::{modules, node},
        doorman::stand_before,
        house::House,
    },
    minreq::{Method, Request},
    serde_json::{Value, json},
    std::{
        collections::BTreeSet,
        env, fs,
        path::{Path, PathBuf},
        process::Command,
    },
};

/// What the suite leaves out where a server does not declare it: our lists change by a new version alone, and nothing is declared.
const NOT_OFFERED: [&str; 2] = [
    "sep-2575-server-sends-prompts-list-changed-on-subscription",
    "sep-2575-server-sends-tools-list-changed-on-subscription",
];

const SUITE: &str = "node_modules/@modelcontextprotocol/conformance";

/// A house of the build with the fixtures, and a key of an agent's.
struct Subject {
    house: House,
    agent: String,
    key: String,
}

/// Where `cargo xtask test --stage clients` has put the build.
fn build() -> PathBuf {
    let found = env::var_os("PORTREEVE_CONFORMANCE_BIN").map(PathBuf::from);
    found.unwrap_or_else(|| panic!("run: cargo xtask test --stage clients -- conformance"))
}

impl Subject {
    fn open() -> Self {
        let mut house = House::built();
        house.use_build(&build());
        house.serve(&[]);
        let agent = house.agent(&["--daily", "1sol"]).id;
        let mut subject = Self {
            house,
            agent,
            key: String::new(),
        };
        subject.key = subject.another_key("suite");
        subject
    }

    fn another_key(&self, name: &str) -> String {
        let create = ["key", "create", name, "--agent", &self.agent];
        let scope = ["--scope", "wallets:read", "--json"];
        let made = self.house.cli(&[&create[..], &scope].concat()).json();
        made["key"].as_str().unwrap().to_owned()
    }

    /// Runs all scenarios that `revision` requires, at its own wire, and looks at those and at `more`, which it does not
    /// require yet. Answers how many those are, and what is wrong with which.
    #[expect(
        clippy::print_stdout,
        reason = "what is not scored, for who reads along with `--nocapture`"
    )]
    #[track_caller]
    fn put_to(&self, revision: &str, path: &str, more: &[&str]) -> (usize, Vec<(String, String)>) {
        let port = stand_before(self.house.url(), &self.key);
        let results = self.house.home().join("results");
        let mut command = Command::new(node());
        command.arg(modules().join(SUITE).join("dist/index.js")).arg("server");
        command.args(["--url", &format!("http://127.0.0.1:{port}{path}")]);
        command.args(["--requirements", revision, "--output-dir"]).arg(&results);
        let output = command.current_dir(self.house.home()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        println!("{}", said.rsplit("=== SUMMARY ===").next().unwrap());
        let mut required = required(revision);
        required.extend(more.iter().map(|scenario| (*scenario).to_owned()));
        let wrong: Vec<(String, String)> = required
            .iter()
            .flat_map(|scenario| {
                let checks = checks(&results, scenario).unwrap_or_else(|| panic!("`{scenario}` did not run: {said}"));
                let has_found = checks.iter().any(|check| check["status"] == "SUCCESS");
                let nothing = (!has_found).then(|| "it found nothing right".to_owned());
                let is_fine = |check: &&Value| match check["status"].as_str() {
                    Some("SUCCESS" | "INFO") => true,
                    Some("SKIPPED") => NOT_OFFERED.iter().any(|id| check["id"] == *id),
                    _ => false,
                };
                let wrong = checks.iter().filter(|check| !is_fine(check));
                let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
                let wrong = wrong.map(|check| format!("{}: {}", text(check, "id"), text(check, "errorMessage")));
                let all: Vec<String> = wrong.chain(nothing).collect();
                all.into_iter().map(|what| (scenario.clone(), what))
            })
            .collect();
        assert!(output.status.success() || !wrong.is_empty(), "{said}");
        (required.len(), wrong)
    }

    /// A request at the endpoint with sessions.
    fn sends(&self, method: Method, session: Option<&str>, key: &str, message: Option<&Value>) -> minreq::Response {
        let mut request = Request::new(method, format!("{}/mcp/sessions", self.house.url()))
            .with_header("Authorization", format!("Bearer {key}"))
            .with_header("Accept", "application/json, text/event-stream")
            .with_header("MCP-Protocol-Version", "2025-11-25");
        if let Some(message) = message {
            request = request
                .with_header("Content-Type", "application/json")
                .with_body(message.to_string());
        }
        if let Some(session) = session {
            request = request.with_header("Mcp-Session-Id", session);
        }
        request.send().unwrap()
    }
}

/// What a server has to pass, as the suite has frozen it.
fn required(revision: &str) -> Vec<String> {
    let list = modules().join(SUITE).join(format!("requirements/{revision}.yaml"));
    let list = fs::read_to_string(list).unwrap();
    let server = list.lines().skip_while(|line| *line != "server:").skip(1);
    server
        .map_while(|line| line.strip_prefix("  - "))
        .map(str::to_owned)
        .collect()
}

/// What a scenario found.
fn checks(results: &Path, scenario: &str) -> Option<Vec<Value>> {
    let wanted = format!("server-{scenario}-");
    let is_of = |name: &str| {
        name.strip_prefix(&wanted)
            .is_some_and(|when| when.starts_with(|first: char| first.is_ascii_digit()))
    };
    let mut folders = fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    let found = folders.find(|folder| is_of(folder.file_name().unwrap().to_str().unwrap()))?;
    serde_json::from_slice(&fs::read(found.join("checks.json")).ok()?).ok()
}

/// Checklist 3.2, 3b.2, 3b.3, 3b.4, 3b.5, 3b.6, 3b.7, 3b.8, 3b.10, 3b.11, 3b.12, 3b.13.
#[test]
fn the_suite_finds_nothing_wrong_with_the_stateless_revision() {
    let more = [
        "http-custom-header-server-validation",
        "http-header-validation",
        "json-schema-2020-12",
    ];
    let (all, wrong) = Subject::open().put_to("2026-07-28", "/mcp", &more);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(all, 37 + more.len());
}

/// Checklist 3a.4.
#[test]
fn the_suite_finds_nothing_wrong_with_the_last_revision_that_shakes_hands() {
    let more = ["json-schema-2020-12", "server-session-lifecycle"];
    let (all, wrong) = Subject::open().put_to("2025-11-25", "/mcp/sessions", &more);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(all, 30 + more.len());
}

/// The product has no sessions.
#[test]
fn without_sessions_nothing_is_missing_but_what_takes_one() {
    let (all, wrong) = Subject::open().put_to("2025-11-25", "/mcp", &[]);
    let missing: BTreeSet<&str> = wrong.iter().map(|(scenario, _)| scenario.as_str()).collect();
    let expected = [
        // The server asks its client.
        "elicitation-sep1034-defaults",
        "elicitation-sep1330-enums",
        "tools-call-elicitation",
        "tools-call-sampling",
        // The server remembers something.
        "logging-set-level",
        "resources-subscribe",
        "resources-unsubscribe",
        "tools-call-with-logging",
        // A warning: the scenario is about streams of a session.
        "server-sse-multiple-streams",
    ];
    assert_eq!((all, missing), (30, expected.into()), "{wrong:#?}");
}

/// Checklist 3a.3, 3a.4.
#[test]
fn a_session_is_theirs_who_began_it_and_to_others_it_is_not_there() {
    let subject = Subject::open();
    let (own, other) = (subject.key.clone(), subject.another_key("other"));
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"},
    }});
    let begun = subject.sends(Method::Post, None, &own, Some(&hello));
    assert_eq!(begun.status_code, 200, "{begun:?}");
    let named = begun.headers.iter().find(|(name, _)| name == "mcp-session-id");
    let (_, session) = named.unwrap().clone();
    assert!(session.bytes().all(|byte| byte.is_ascii_graphic()), "{session}");
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    let reply = json!({"jsonrpc": "2.0", "id": 0, "result": {"action": "accept"}});
    let modern = json!({"jsonrpc": "2.0", "id": 2, "method": "ping", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2025-11-25",
    }}});
    let status =
        |method, session: Option<&str>, key: &str, message| subject.sends(method, session, key, message).status_code;
    assert_eq!(status(Method::Post, Some(&session), &own, Some(&ready)), 202);
    assert_eq!(status(Method::Post, Some(&session), &own, Some(&ping)), 200);
    for (key, named) in [
        (&other, session.as_str()),
        (&own, "00000000-0000-4000-8000-000000000000"),
    ] {
        for message in [&ping, &ready, &reply, &modern] {
            assert_eq!(status(Method::Post, Some(named), key, Some(message)), 404, "{message}");
        }
        assert_eq!(status(Method::Get, Some(named), key, None), 404);
        assert_eq!(status(Method::Delete, Some(named), key, None), 404);
    }
    // It stands for no credential, and is there only while it is named.
    let stranger = "wai_test_nothing";
    assert_eq!(status(Method::Post, Some(&session), stranger, Some(&ping)), 401);
    assert_eq!(status(Method::Get, Some(&session), stranger, None), 401);
    assert_eq!(status(Method::Delete, Some(&session), stranger, None), 401);
    assert_eq!(status(Method::Post, None, &own, Some(&ping)), 400);
    assert_eq!(
        status(Method::Post, Some(&session), &own, Some(&ping)),
        200,
        "nobody ended it"
    );
    assert_eq!(status(Method::Delete, Some(&session), &own, None), 202);
    assert_eq!(status(Method::Post, Some(&session), &own, Some(&ping)), 404);
}

#[test]
fn a_build_with_fixtures_says_so_and_the_others_have_none() {
    let mut house = House::empty();
    assert!(!house.cli(&["--version"]).ok().contains("test build"));
    house.use_build(&build());
    let said = house.cli(&["--version"]);
    assert!(said.ok().contains("test build with the fixtures"), "{}", said.ok());
}
