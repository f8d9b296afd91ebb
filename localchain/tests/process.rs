//! The process: how it starts, what it prints, where it listens, when it stops.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to fail"
)]

mod support;

use {
    std::{
        io::{BufRead, BufReader, Read},
        process::{Command, Stdio},
    },
    support::Chain,
};

fn signal(name: &str, pid: u32) {
    assert!(
        Command::new("kill")
            .args([name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn it_stops_with_success_when_asked_to() {
    for name in ["-TERM", "-INT"] {
        let mut chain = Chain::start(&[]);
        let process = chain.process();
        signal(name, process.id());
        assert!(process.wait().unwrap().success());
    }
}

#[test]
fn it_prints_one_line_and_no_more() {
    let mut process = support::command().spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    signal("-TERM", process.id());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    process.wait().unwrap();
}

#[test]
fn it_goes_with_its_parent_when_told_to() {
    let mut process = support::command()
        .arg("--exit-with-parent")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    drop(process.stdin.take()); // what the system does when the parent dies
    assert!(process.wait().unwrap().success());
}

#[test]
fn it_refuses_to_listen_where_others_could_reach_it() {
    let output = support::command()
        .args(["--host", "0.0.0.0"])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("only loopback"));
}

#[test]
fn a_taken_port_is_an_error_and_not_another_port() {
    let chain = Chain::start(&[]);
    let port = chain.port.to_string();
    let mut second = Command::new(env!("CARGO_BIN_EXE_portreeve-localchain"));
    let output = second.args(["--port", &port]).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}

#[test]
fn a_missing_squads_binary_is_an_error() {
    let output = support::command()
        .env("SQUADS_SO", "/nonexistent.so")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}

#[test]
fn health_is_ok_and_other_paths_are_not() {
    let chain = Chain::start(&[]);
    let health = support::get(chain.port, "/health").unwrap();
    assert_eq!((health.status, &*health.body), (200, "ok"));
    assert_eq!(support::get(chain.port, "/").unwrap().status, 405);
    assert_eq!(support::get(chain.port, "/admin").unwrap().status, 404);
}
