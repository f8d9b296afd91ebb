//! The doctor, with patients that are well, ill in one place, and not there at all.

use {
    crate::house::{Done, House},
    serde_json::Value,
    std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    },
};

/// What it says about each thing, given its exit code.
fn told(done: &Done, code: i32) -> Value {
    assert_eq!(done.code, code, "{}{}", done.stdout, done.stderr);
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.stdout))
}

fn about<'a>(told: &'a Value, check: &str) -> &'a Value {
    let checks = told["checks"].as_array().unwrap();
    let found = checks.iter().find(|one| one["check"] == check);
    found.unwrap_or_else(|| panic!("nothing about `{check}` in {told:#}"))
}

/// Each check with its state, those that are not ok.
fn ill(told: &Value) -> Vec<String> {
    let checks = told["checks"].as_array().unwrap().iter();
    checks
        .filter(|one| one["status"] != "ok")
        .map(|one| {
            format!(
                "{}: {}",
                one["check"].as_str().unwrap(),
                one["status"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn it_works_when_nothing_is_set_up_and_makes_nothing() {
    let house = House::empty();
    let done = house.cli_with(
        &["doctor", "--json"],
        &[("PORTREEVE__CHAIN__RPC", "http://127.0.0.1:1")],
    );
    let told = told(&done, 1);
    assert_eq!(told["healthy"], false);
    assert!(
        about(&told, "data folder")["todo"]
            .as_str()
            .unwrap()
            .contains("portreeve init")
    );
    assert_eq!(about(&told, "settings")["status"], "ok");
    let open = &about(&told, "oauth clients")["detail"];
    assert!(open.as_str().unwrap().contains("anybody may register"), "{open}");
    let closed = [
        ("PORTREEVE__OAUTH__ANONYMOUS_REGISTRATION", "false"),
        ("PORTREEVE__OAUTH__CLIENT_DOCUMENTS", "false"),
    ];
    let closed = self::told(&house.cli_with(&["doctor", "--json"], &closed), 1);
    let closed = &about(&closed, "oauth clients")["detail"];
    assert!(
        closed.as_str().unwrap().contains("only those that an owner made"),
        "{closed}"
    );
    assert_eq!(about(&told, "chain")["status"], "fail");
    assert!(!house.home().exists(), "it changes nothing");
    let text = house.cli(&["doctor"]).fails_with(1).to_owned();
    assert!(text.contains("checks failed"), "{text}");
}

#[test]
fn an_installation_that_runs_is_well_and_one_that_does_not_is_nearly() {
    let mut house = House::built();
    let told_before = told(&house.cli(&["doctor", "--json"]), 0);
    assert_eq!(
        ill(&told_before),
        ["server: warn", "signer: warn", "isolation: warn", "fee payer: warn"]
    );
    house.serve(&[]);
    let told_running = told(&house.cli(&["doctor", "--json"]), 0);
    // By default the signer is no user of its own, and that is told.
    assert_eq!(ill(&told_running), ["isolation: warn"], "{told_running:#}");
    assert_eq!(told_running["healthy"], true);
    for check in [
        "settings",
        "data folder",
        "owner's folder",
        "disk",
        "programs",
        "database",
        "signing keys",
        "server",
        "API key",
        "signer",
        "chain",
        "clock",
        "Squads",
        "fee payer",
    ] {
        about(&told_running, check);
    }
    assert!(
        about(&told_running, "fee payer")["detail"]
            .as_str()
            .unwrap()
            .contains("holds 100 SOL")
    );
    let text = house.cli(&["doctor"]).ok().to_owned();
    assert!(text.contains("ok\tdatabase\tschema epoch"), "{text}");
    assert!(!text.contains(&house.owner_key()), "a key is printed");
}

#[test]
fn each_illness_is_found_and_its_cure_named() {
    let house = House::open();
    let home = house.home();
    let find = |check: &str, variables: &[(&str, &str)], cure: &str| {
        let told = told(&house.cli_with(&["doctor", "--json"], variables), 1);
        let found = about(&told, check);
        assert_eq!(found["status"], "fail", "{told:#}");
        assert!(found["todo"].as_str().unwrap().contains(cure), "{found}");
    };
    let secret = home.join("owner/api.key");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    find("owner's folder", &[], "chmod 600");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
    find("data folder", &[], "chmod 700");
    fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
    let issuer_key = home.join("issuer.key");
    let right = fs::read(&issuer_key).unwrap();
    for wrong in ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "garbage"] {
        fs::write(&issuer_key, wrong).unwrap();
        find("signing keys", &[], "put back the `issuer.key`");
    }
    fs::write(&issuer_key, right).unwrap();

    find(
        "settings",
        &[("PORTREEVE__SERVER__LISSTEN", "127.0.0.1:1")],
        "portreeve reference settings",
    );
    find("chain", &[("PORTREEVE__CHAIN__RPC", "http://127.0.0.1:1")], "chain.rpc");
    find(
        "database",
        &[("PORTREEVE__DATABASE__URL", "postgres://127.0.0.1:1/nothing")],
        "database.url",
    );
    find(
        "programs",
        &[("PORTREEVE_SIGNER_BIN", "/nonexistent/signer")],
        "portreeve-signer",
    );
    find(
        "signer",
        &[("PORTREEVE__SIGNER__SOCKET", "/nonexistent/socket")],
        "server's log",
    );
    find(
        "API key",
        &[("PORTREEVE_KEY", "wai_test_garbage")],
        "a key of this server",
    );
    // A mint is no program.
    let nothing = "So11111111111111111111111111111111111111112";
    find("Squads", &[("PORTREEVE__CHAIN__SQUADS", nothing)], "chain.squads");
    let found = told(&house.cli(&["doctor", "--json"]), 0);
    assert_eq!(found["healthy"], true, "it was well all the time: {found:#}");
}

#[test]
fn a_signer_of_another_release_and_an_owner_elsewhere_are_warnings() {
    let house = House::built();
    let place = tempfile::tempdir().unwrap();
    let other = place.path().join("signer");
    fs::write(&other, "#!/bin/sh\necho portreeve-signer 0.0.1\n").unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o700)).unwrap();
    let args = [
        "doctor",
        "--json",
        "--owner",
        "/nonexistent/owner",
        "--signer-bin",
        other.to_str().unwrap(),
    ];
    let told = told(&house.cli(&args), 0);
    assert_eq!(about(&told, "programs")["status"], "warn");
    assert!(
        about(&told, "owner's folder")["todo"]
            .as_str()
            .unwrap()
            .contains("--owner")
    );
}
