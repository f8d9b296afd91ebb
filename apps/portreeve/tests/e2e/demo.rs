//! The demo, as somebody runs it who has just built it.

use {
    crate::house::House,
    std::{
        fs,
        io::{BufRead, BufReader},
        path::Path,
        process::{Command, Stdio},
        thread,
        time::Duration,
    },
};

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn the_demo_tells_its_story_in_a_screen_and_a_half_and_leaves_nothing() {
    let house = House::empty();
    let place = tempfile::tempdir().unwrap();
    let story = house.demo(place.path(), &[]).output().unwrap();
    let text = String::from_utf8(story.stdout).unwrap();
    assert!(
        story.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&story.stderr)
    );
    assert!(text.lines().count() <= 60, "{text}");
    for told in [
        "1 SOL paid",
        "refused: 1.5 SOL at once",
        "would pass now: 0.2 SOL",
        "POLICY_DESTINATION_NOT_ALLOWED",
        "error 6026, SpendingLimitExceeded",
        "error 6025, InvalidDestination",
        "the budget is back",
        "even with the stolen key",
    ] {
        assert!(text.contains(told), "`{told}` is not in\n{text}");
    }
    assert!(is_empty(place.path()), "something is left");
    assert!(!house.home().exists(), "the data folder is none of the demo's business");
}

#[test]
fn a_demo_that_cannot_keep_its_promise_fails() {
    let house = House::empty();
    let place = tempfile::tempdir().unwrap();
    let story = house
        .demo(place.path(), &["--signer-bin", "/bin/false"])
        .output()
        .unwrap();
    assert_eq!(story.status.code(), Some(1));
    assert!(is_empty(place.path()), "something is left");
}

#[test]
fn the_demo_leaves_its_server_running_when_asked_until_it_is_interrupted() {
    let house = House::empty();
    let place = tempfile::tempdir().unwrap();
    let mut demo = house
        .demo(place.path(), &["--keep"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    while !text.contains("fee payer ") {
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("the demo ended:\n{text}"))
            .unwrap();
        text.push_str(&line);
        text.push('\n');
    }
    // What is printed is what somebody would type.
    let script: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let script = script[script
        .iter()
        .position(|line| line.starts_with("export PORTREEVE_HOME"))
        .unwrap()..]
        .join("\n");
    let portreeve = env!("CARGO_BIN_EXE_portreeve");
    let script = format!("set -e\nportreeve() {{ {portreeve} \"$@\"; }}\n{script}\n");
    let typed = Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&typed.stdout);
    assert!(
        typed.status.success(),
        "{script}{said}{}",
        String::from_utf8_lossy(&typed.stderr)
    );
    assert!(said.contains("CONFIRMED"), "{said}");

    assert!(
        Command::new("kill")
            .args(["-INT", &demo.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let ended = (0..600).find_map(|_| {
        thread::sleep(Duration::from_millis(50));
        demo.try_wait().unwrap()
    });
    assert!(ended.unwrap().success());
    assert!(is_empty(place.path()), "something is left");
}
