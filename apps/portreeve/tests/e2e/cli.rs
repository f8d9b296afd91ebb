//! What every command takes, and what people see at a terminal.

mod doctor;
mod terminal;
mod vault;

use {
    crate::{
        estate::{Estate, policy},
        house::{House, SOL},
        oauth::code::Program,
    },
    serde_json::{Value, json},
    std::{
        io::{BufRead, BufReader},
        process::Stdio,
    },
};

/// What every command takes, each with a value that works.
fn common(house: &House) -> Vec<String> {
    let (home, owner) = (house.home(), house.home().join("owner"));
    let server = if house.url().is_empty() {
        "http://127.0.0.1:1"
    } else {
        house.url()
    };
    let key = std::fs::read_to_string(owner.join("api.key")).unwrap_or_else(|_| "none".to_owned());
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let pairs = [
        ("--home", text(home)),
        ("--owner", text(owner)),
        ("--server", server.to_owned()),
        ("--key", key.trim().to_owned()),
        ("--color", "never".to_owned()),
    ];
    let mut all: Vec<String> = pairs
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
    all.push("--json".to_owned());
    all
}

/// Runs it with all of that; every line or the whole is JSON.
fn told(house: &House, args: &[&str]) -> Value {
    let common = common(house);
    let all: Vec<&str> = args.iter().copied().chain(common.iter().map(String::as_str)).collect();
    house.cli(&all).json()
}

#[test]
fn every_command_takes_what_every_command_takes_and_answers_in_json() {
    let house = House::empty();
    let made = told(&house, &["init", "--rpc", &house.chain.url]);
    house
        .chain
        .airdrop(made["signer"]["feePayer"].as_str().unwrap(), 100 * SOL);
    let common = common(&house);
    let mut serve = house.command();
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--signer-bin"])
        .arg(crate::house::signer());
    std::fs::create_dir(house.notes()).unwrap();
    serve.arg("--vault-root").arg(house.notes());
    serve.args(&common);
    let (server, line) = crate::house::Running::start(serve);
    let line: Value = serde_json::from_str(&line).unwrap();
    let mut house = house;
    house.ask_at(line["listening"].as_str().unwrap());

    let agent = told(&house, &["agent", "create", "tester", "--daily", "5sol"]);
    let id = agent["id"].as_str().unwrap();
    house.chain.airdrop(agent["vaultAddress"].as_str().unwrap(), 10 * SOL);
    let shop = house.somebody();
    assert_eq!(told(&house, &["agent", "list", "--limit", "5"])["items"][0]["id"], id);
    assert_eq!(told(&house, &["agent", "show", id])["status"], "ACTIVE");
    assert_eq!(
        told(&house, &["agent", "balance", id])["lamports"],
        (10 * SOL).to_string()
    );
    let paid = told(
        &house,
        &[
            "tx", "send", "--agent", id, "--to", &shop, "--amount", "1sol", "--memo", "one",
        ],
    );
    let payment = paid["id"].as_str().unwrap();
    assert_eq!(told(&house, &["tx", "show", payment])["status"], "CONFIRMED");
    assert_eq!(
        told(&house, &["tx", "list", id, "--limit", "5"])["items"][0]["memo"],
        "one"
    );
    told(
        &house,
        &[
            "tx",
            "send",
            "--agent",
            id,
            "--to",
            &shop,
            "--amount",
            "1sol",
            "--no-wait",
        ],
    );
    let page = told(&house, &["tx", "list", id, "--limit", "1"]);
    let rest = told(
        &house,
        &[
            "tx",
            "list",
            id,
            "--limit",
            "1",
            "--cursor",
            page["cursor"].as_str().unwrap(),
        ],
    );
    assert_eq!(rest["items"][0]["id"], payment);
    assert_eq!(told(&house, &["policy", "show", id])["approved"], true);
    assert_eq!(told(&house, &["policy", "usage", id])["assets"][0]["asset"], "SOL");
    let answer = told(&house, &["policy", "check", id, "--to", &shop, "--amount", "1sol"]);
    assert_eq!(answer["outcome"], "ALLOW");
    assert_eq!(
        told(&house, &["agent", "suspend", id, "--reason", "test"])["status"],
        "SUSPENDED"
    );
    assert_eq!(told(&house, &["agent", "resume", id])["status"], "ACTIVE");
    let key = told(
        &house,
        &[
            "key",
            "create",
            "reader",
            "--scope",
            "agents:read",
            "--hours",
            "0-23",
            "--tier",
            "premium",
        ],
    );
    assert_eq!(
        (&key["allowedHoursUtc"]["end"], &key["tier"]),
        (&json!(23), &json!("premium"))
    );
    assert_eq!(
        told(&house, &["key", "list", "--limit", "5"])["items"][0]["name"],
        "reader"
    );
    let page = told(&house, &["key", "list", "--limit", "1"]);
    let rest = told(
        &house,
        &[
            "key",
            "list",
            "--limit",
            "1",
            "--cursor",
            page["cursor"].as_str().unwrap(),
        ],
    );
    assert_eq!(rest["items"][0]["name"], "first key");
    let rotated = told(&house, &["key", "rotate", key["id"].as_str().unwrap(), "--grace", "60"]);
    assert_eq!(rotated["name"], "reader");
    let leaked = ["key", "leaked", rotated["id"].as_str().unwrap(), "--with-what-it-made"];
    let leaked = told(&house, &leaked);
    assert_eq!(leaked["agentSuspended"], false);
    let revoked = told(&house, &["key", "revoke", key["id"].as_str().unwrap()]);
    assert_eq!(revoked["status"], "revoked");
    let made = told(&house, &["client", "create", "books", "--scope", "agents:read"]);
    let client = made["id"].as_str().unwrap();
    assert_eq!(told(&house, &["client", "list"])["items"][0]["id"], client);
    assert_eq!(told(&house, &["client", "show", client])["name"], "books");
    assert_ne!(
        told(&house, &["client", "secret", client])["clientSecret"],
        made["clientSecret"]
    );
    assert_eq!(told(&house, &["client", "revoke", client])["status"], "revoked");
    let back = "http://127.0.0.1/cb";
    let made = told(&house, &["client", "create", "editor", "--redirect", back, "--public"]);
    assert_eq!(made["redirectUris"], json!([back]));
    let made = told(&house, &["client", "create", "kiosk", "--device", "--public"]);
    assert_eq!(made["authMethod"], "none");
    assert!(told(&house, &["issuer", "rotate"])["kid"].is_string());
    let invited = told(&house, &["user", "invite", "Vi", "--role", "viewer"]);
    let user = invited["id"].as_str().unwrap();
    let all = told(&house, &["user", "list", "--limit", "5"]);
    let page = told(&house, &["user", "list", "--limit", "1"]);
    let cursor = page["cursor"].as_str().unwrap();
    let rest = told(&house, &["user", "list", "--limit", "1", "--cursor", cursor]);
    assert_eq!(all["items"], json!([page["items"][0], rest["items"][0]]));
    assert_eq!(crate::house::item(&all, "id", user)["name"], "Vi");
    assert_eq!(told(&house, &["user", "role", user, "auditor"])["role"], "auditor");
    assert_ne!(told(&house, &["user", "link", user])["link"], invited["link"]);
    assert_eq!(told(&house, &["user", "remove", user])["status"], "removed");
    let holder = house.person(8, "owner");
    let listed = told(&house, &["user", "passkeys", &holder.id]);
    assert_eq!(listed["items"][0]["id"], holder.passkey());
    let pins = told(&house, &["user", "pin", &holder.id, &holder.passkey(), "--yes"]);
    assert_eq!(pins["passkeys"][0]["credentialId"], holder.passkey());
    assert_eq!(told(&house, &["user", "unpin", &holder.passkey()])["pinned"], false);
    let about = [
        "resource",
        "add",
        "Reports",
        "https://reports.example/mcp",
        "--scope",
        "reports:read=Read the reports",
    ];
    let more = [
        "--default",
        "reports:read",
        "--role",
        "chief=reports:read",
        "--bypass",
        "chief",
    ];
    let reports = told(&house, &[about.as_slice(), &more].concat());
    let reports = reports["id"].as_str().unwrap();
    let shown = told(&house, &["resource", "show", reports]);
    assert_eq!(
        (&shown["scopes"][0]["isDefault"], &shown["roles"][0]["bypass"]),
        (&json!(true), &json!(true))
    );
    // The wallet and the vault come first.
    let page = told(&house, &["resource", "list", "--limit", "2"]);
    let cursor = page["cursor"].as_str().unwrap();
    let rest = told(&house, &["resource", "list", "--limit", "1", "--cursor", cursor]);
    assert_eq!(rest["items"][0]["id"], reports);
    assert_eq!(told(&house, &["resource", "remove", reports])["status"], "removed");
    let grant = Program::granted(&house, 9, id);
    let other = Program::granted(&house, 10, id);
    let page = told(&house, &["grant", "list", "--limit", "1"]);
    let cursor = page["cursor"].as_str().unwrap();
    let rest = told(&house, &["grant", "list", "--limit", "1", "--cursor", cursor]);
    let mut listed = [&page, &rest].map(|page| page["items"][0]["id"].as_str().unwrap().to_owned());
    let mut both = [grant.clone(), other];
    // Both are of one moment of the chain's.
    listed.sort();
    both.sort();
    assert_eq!(listed, both);
    assert_eq!(told(&house, &["grant", "revoke", &grant])["status"], "revoked");
    let signer = crate::house::signer();
    let healthy = told(&house, &["doctor", "--signer-bin", signer.to_str().unwrap()]);
    assert_eq!(healthy["healthy"], true, "{healthy:#}");
    for args in [&["completions", "bash"][..], &["man", "tx"], &["reference", "settings"]] {
        assert!(told(&house, args)["text"].as_str().unwrap().len() > 500, "{args:?}");
    }

    let waits = house
        .api(&house.owner_key())
        .post("/api/v1/agents", &json!({"nickname": "waits", "policy": policy()}));
    let waiting = waits.is(201)["id"].as_str().unwrap().to_owned();
    let approved = told(&house, &["policy", "approve", &waiting, "--yes"]);
    assert_eq!(approved["id"], waiting.as_str());
    assert_eq!(server.stop().code, 0);
}

#[test]
fn the_demo_tells_its_story_in_json_too() {
    let house = House::empty();
    let place = tempfile::tempdir().unwrap();
    let common = common(&house);
    let args: Vec<&str> = common.iter().map(String::as_str).collect();
    let output = house.demo(place.path(), &args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held = lines.iter().filter(|line| line["held"].is_string()).count();
    assert!(held >= 12, "{text}");
    assert!(
        lines
            .iter()
            .any(|line| line["held"] == "the budget is back: 0.5 SOL paid"),
        "{text}"
    );
}

#[test]
fn a_pipe_gets_lines_with_tabs_and_no_colours() {
    let house = House::open();
    house.cli(&["key", "create", "reader", "--scope", "agents:read"]).ok();
    let list = house.cli(&["key", "list"]).ok().to_owned();
    let row = list.lines().find(|line| line.contains("reader")).unwrap();
    assert_eq!(row.split('\t').nth(2), Some("active"), "{list:?}");
    assert!(!list.contains('\u{1b}'), "{list:?}");
    for forced in [
        house.cli(&["key", "list", "--color", "always"]),
        house.cli_with(&["key", "list"], &[("CLICOLOR_FORCE", "1")]),
    ] {
        assert!(forced.ok().contains("\u{1b}[32mactive\u{1b}[0m"), "{forced:?}");
    }
    let neither = house.cli_with(&["key", "list"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    assert!(!neither.ok().contains('\u{1b}'));
}

#[test]
fn whoever_reads_may_stop_reading() {
    let house = House::open();
    let mut list = house.command();
    list.env("PORTREEVE_SERVER", house.url())
        .args(["reference", "commands"]);
    let mut child = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn what_is_watched_through_a_pipe_is_a_line_of_json_for_each_change() {
    let estate = Estate::open();
    let agent = estate.agent("watched", &policy());
    let mut watch = estate.house.command();
    watch.env("PORTREEVE_SERVER", estate.house.url());
    watch.args(["tx", "list", agent.id.as_str(), "--watch=1", "--json"]);
    let mut child = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["items"], json!([]));
    let shop = estate.house.somebody();
    let paid = estate.paid(&agent, &shop, SOL / 2, "k");
    loop {
        let page = next();
        assert_eq!(page["items"][0]["id"], paid["id"], "nothing is told twice: {page}");
        if page["items"][0]["status"] == "CONFIRMED" {
            break;
        }
    }
    let pid = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "Ctrl-C is how it ends");
}

#[test]
fn watching_one_payment_ends_with_it_and_what_is_not_there_is_not_watched() {
    let estate = Estate::open();
    let agent = estate.agent("watched", &policy());
    let paid = estate.paid(&agent, &estate.house.somebody(), SOL / 2, "k");
    let id = paid["id"].as_str().unwrap();
    let text = estate.house.cli(&["tx", "show", id, "--watch"]).ok().to_owned();
    assert!(text.contains("CONFIRMED"), "{text}");
    let nothing = "tx_01ARYZ6S41TSV4RRFFQ69G5FAV";
    let error = estate
        .house
        .cli(&["tx", "show", nothing, "--watch"])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("TRANSACTION_NOT_FOUND"), "{error}");
}
