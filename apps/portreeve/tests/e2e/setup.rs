//! Setting up, starting and stopping.

use {
    crate::house::House,
    std::{
        fs,
        io::{BufRead, BufReader},
        os::unix::fs::PermissionsExt,
        path::Path,
        process::Stdio,
    },
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Every file under `folder`, with its content.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(contents(&path)),
            path => found.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn init_makes_a_private_installation_and_shows_the_key_once() {
    let house = House::empty();
    let text = house.cli(&["init", "--rpc", &house.chain.url]).ok().to_owned();
    let key = house.owner_key();
    assert_eq!(text.matches(&key).count(), 1, "{text}");
    assert!(key.starts_with("wai_test_"), "a key for the local chain is a test key");
    let home = house.home();
    assert_eq!(mode(&home), 0o700);
    for secret in [
        "owner/api.key",
        "owner/approval.json",
        "owner/passphrase",
        "signer.pass",
        "issuer.key",
        "tls/ca.key",
        "tls/server.pem",
        "portreeve.toml",
    ] {
        assert_eq!(mode(&home.join(secret)), 0o600, "{secret}");
    }
    let beside: Vec<_> = fs::read_dir(home.parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(beside.len(), 1, "nothing is left beside the data folder: {beside:?}");
}

#[test]
fn init_twice_is_refused_and_touches_nothing() {
    let house = House::built();
    let before = contents(&house.home());
    let error = house.cli(&["init", "--rpc", &house.chain.url]).fails_with(1).to_owned();
    assert!(error.contains("exists already and was not touched"), "{error}");
    assert!(before == contents(&house.home()));
}

#[test]
fn a_signer_that_is_missing_leaves_no_half_installation() {
    let house = House::empty();
    let error = house
        .cli(&["init", "--signer-bin", "/nonexistent/signer"])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("`/nonexistent/signer` is not there"), "{error}");
    assert!(!house.home().exists());
}

#[test]
fn a_running_server_says_how_it_is_and_stops_when_asked() {
    let mut house = House::open();
    let anybody = house.api("");
    assert_eq!(anybody.get("/healthz").is(200)["status"], "ok");
    let ready = anybody.get("/readyz");
    assert_eq!(
        ready.is(200)["checks"],
        serde_json::json!({"chain": "ok", "database": "ok", "signer": "ok"})
    );
    let metrics = anybody.get("/metrics");
    assert!(
        metrics
            .is(200)
            .as_str()
            .unwrap()
            .contains("portreeve_ready{need=\"signer\"} 1")
    );
    let document = anybody.get("/openapi.json");
    assert!(document.is(200)["openapi"].as_str().unwrap().starts_with("3.1"));
    anybody.get("/nowhere").is_problem(404, "REQUEST_NOT_FOUND");
    anybody.delete("/healthz").is_problem(405, "REQUEST_METHOD_NOT_ALLOWED");

    let ended = house.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("signer stopped"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(&house.owner_key()), "the key is in the log");
}

#[test]
fn a_server_takes_no_huge_pages_which_would_double_its_memory() {
    let house = House::open();
    let status = fs::read_to_string(format!("/proc/{}/status", house.server_id())).unwrap();
    let allowed = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
    assert_eq!(allowed.map(str::trim), Some("0"), "{status}");
}

#[test]
fn the_key_that_seals_the_issuers_keys_is_never_replaced_by_a_new_one() {
    let mut house = House::built();
    let file = house.home().join("issuer.key");
    house.serve(&[]);
    house.stop();
    let kept = fs::read(&file).unwrap();
    let refuses = |house: &mut House, why: &str| {
        assert!(!house.try_serve(&[]));
        let error = house.wait_for_end().stderr;
        assert!(error.contains(why) && error.contains("put back the file"), "{error}");
    };
    fs::remove_file(&file).unwrap();
    refuses(
        &mut house,
        "is not there, and the database holds keys that are sealed with it",
    );
    assert!(!file.exists());
    fs::write(&file, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    refuses(&mut house, "does not open the signing keys of this database");
    fs::write(&file, "AAAA").unwrap();
    refuses(&mut house, "32 bytes in base64");
    fs::write(&file, kept).unwrap();
    house.serve(&[]);
}

#[test]
fn an_installation_that_never_issued_gets_the_issuers_key_when_it_starts() {
    let mut house = House::built();
    let file = house.home().join("issuer.key");
    fs::remove_file(&file).unwrap();
    house.serve(&[]);
    assert_eq!(mode(&file), 0o600);
    let made = fs::read(&file).unwrap();
    house.stop();
    house.serve(&[]);
    assert_eq!(fs::read(&file).unwrap(), made);
}

#[test]
fn a_second_server_on_one_data_folder_is_refused() {
    let house = House::open();
    let error = house
        .cli(&["serve", "--listen", "127.0.0.1:0"])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("another server runs"), "{error}");
}

#[test]
fn an_address_that_others_could_reach_is_refused() {
    let house = House::built();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = house.cli(&["serve", "--listen", address]).fails_with(1).to_owned();
        assert!(error.contains("refusing to listen on"), "{error}");
    }
}

#[test]
fn a_wrong_setting_stops_the_start_and_is_named() {
    let house = House::built();
    let config = house.home().join("portreeve.toml");
    let good = fs::read_to_string(&config).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0"];

    fs::write(&config, format!("{good}\ncolour = true\n")).unwrap();
    let error = house.cli(&serve).fails_with(1).to_owned();
    assert!(
        error.contains("portreeve.toml`, line") && error.contains("colour"),
        "{error}"
    );

    fs::write(&config, good).unwrap();
    let error = house
        .cli_with(&serve, &[("PORTREEVE__SERVER__LISSTEN", "127.0.0.1:1")])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("lissten"), "{error}");
    let both = [("PORTREEVE__SIGNER__SOCKET", "/a"), ("PORTREEVE__SIGNER__BINARY", "/b")];
    let error = house.cli_with(&serve, &both).fails_with(1).to_owned();
    assert!(error.contains("contradict"), "{error}");
}

/// What was told last says most of why it failed.
#[test]
fn a_server_that_fails_has_written_its_log_to_the_end() {
    let house = House::built();
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--signer-bin",
        "/nonexistent/signer",
    ];
    let said = house.cli(&serve).fails_with(1).to_owned();
    assert!(
        said.contains("issues access tokens") && said.contains("stopped"),
        "{said}"
    );
}

#[test]
fn without_an_installation_there_is_no_server_and_no_key() {
    let house = House::empty();
    let error = house.cli(&["serve"]).fails_with(1).to_owned();
    assert!(error.contains("portreeve init"), "{error}");
    let error = house.cli(&["key", "list"]).fails_with(1).to_owned();
    assert!(error.contains("no API key"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let house = House::built();
    let error = house
        .cli_with(&["key", "list"], &[("PORTREEVE_SERVER", "http://127.0.0.1:1")])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("`http://127.0.0.1:1` does not answer"), "{error}");
}

#[test]
fn an_installation_knows_its_name_its_chain_and_its_programs() {
    let house = House::empty();
    let squads = "novabpN56UHHXTFRnJrwuaJaQqCoBeXupf8fsiFA2r2";
    let made = house
        .cli(&[
            "init",
            "--name",
            "harbour",
            "--cluster",
            "local",
            "--squads",
            squads,
            "--json",
        ])
        .json();
    let enrolled = &made["signer"];
    assert_eq!(
        (&enrolled["cluster"], &enrolled["squads"]),
        (&"local".into(), &squads.into())
    );
    assert_eq!(enrolled["approvalKey"], made["approvalKey"]);
    let config = fs::read_to_string(house.home().join("portreeve.toml")).unwrap();
    assert!(
        config.contains(squads) && config.contains("http://127.0.0.1:8899"),
        "{config}"
    );
}

#[test]
fn the_log_is_json_when_asked_and_holds_requests_but_no_keys() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__LOG__JSON", "true"), ("PORTREEVE__LOG__FILTER", "debug")]);
    let key = house.owner_key();
    let answer = house.api(&key).get("/api/v1/agents");
    answer.is(200);
    house.api("wai_test_garbage").get("/api/v1/agents").is(401);
    let log = house.stop().stderr;
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = answer.header("x-request-id").unwrap();
    let line = lines.iter().find(|line| line.to_string().contains(id)).unwrap();
    assert_eq!(
        (&line["target"], &line["fields"]["http.status"]),
        (&"access".into(), &200.into())
    );
    assert!(
        !log.contains(&key) && !log.contains("wai_test_garbage"),
        "a key is in the log"
    );
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_request() {
    let mut house = House::built();
    let mut serve = house.command();
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--json", "--signer-bin"])
        .arg(crate::house::signer())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut server = serve.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    house.ask_at(line["listening"].as_str().unwrap());
    // More than the pipe holds, each with a line of more than a hundred bytes.
    let nobody = house.api("");
    for _ in 0..1_500 {
        nobody.get("/healthz").is(200);
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_filter_that_is_none_stops_the_start() {
    let house = House::built();
    let error = house
        .cli_with(
            &["serve", "--listen", "127.0.0.1:0"],
            &[("PORTREEVE__LOG__FILTER", "info,=,")],
        )
        .fails_with(1)
        .to_owned();
    assert!(error.contains("log.filter"), "{error}");
}

#[test]
fn flags_name_the_server_and_the_key_as_variables_do() {
    let house = House::open();
    let key = house.owner_key();
    let url = house.url();
    house
        .cli_with(
            &["key", "list", "--server", url, "--key", &key],
            &[("PORTREEVE_SERVER", "http://127.0.0.1:1")],
        )
        .ok();
    house.cli(&["key", "list", "--key", "wai_test_garbage"]).fails_with(1);
    house.cli(&["key", "list", "--key", ""]).fails_with(2);
}

#[test]
fn a_server_whose_signer_is_not_kept_apart_says_so_once_and_the_doctor_too() {
    let mut house = House::built_quick();
    house.serve(&[]);
    let finding = |house: &House| {
        let found = house.cli(&["doctor", "--json"]);
        let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
        let all = found["checks"].as_array().unwrap_or_else(|| panic!("{found}")).clone();
        all.into_iter().find(|one| one["check"] == "isolation")
    };
    let found = finding(&house).unwrap();
    assert_eq!(found["status"], "warn");
    assert!(found["detail"].as_str().unwrap().contains("run as one user"), "{found}");
    let log = house.stop().stderr;
    assert_eq!(log.matches("no limit holds, not even the chain's").count(), 1, "{log}");

    // Its passphrase is elsewhere, and it is somebody else's child, but still the same user's.
    let signer = house.lone_signer(&[]);
    fs::rename(house.home().join("signer.pass"), house.home().with_file_name("away")).unwrap();
    assert!(house.try_serve_beside(&[]));
    let socket = house.signer_socket();
    let socket = [("PORTREEVE__SIGNER__SOCKET", socket.to_str().unwrap())];
    let found = house.cli_with(&["doctor", "--json"], &socket).json();
    assert_eq!(found["healthy"], true, "the signer's files may be elsewhere: {found}");
    let log = house.stop().stderr;
    assert_eq!(log.matches("read and change the signer's files").count(), 1, "{log}");
    drop(signer);
}
