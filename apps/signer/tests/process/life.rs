//! How the process begins and ends.

use {
    crate::support::*,
    portreeve_signing::protocol::Request,
    rustix::process::Signal,
    std::{
        fs,
        os::unix::{
            fs::{MetadataExt, PermissionsExt},
            process::CommandExt,
        },
        process::Stdio,
    },
};

#[test]
fn sigterm_and_sigint_end_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let signer = place.serve();
        signer.client().done(&Request::Health);
        signer.signal(signal);
        let socket = signer.socket.clone();
        let (status, said) = signer.ended();
        assert!(status.success(), "{said}");
        assert!(!socket.exists());
    }
}

#[test]
fn it_ends_with_the_process_that_started_it() {
    let place = Place::new();
    let mut signer = place.serve();
    drop(signer.child.stdin.take());
    let (status, _) = signer.ended();
    assert!(status.success());
}

#[test]
fn without_being_told_so_it_does_not_mind_an_empty_standard_input() {
    let place = Place::new();
    let mut child = place.command("serve");
    let socket = place.path("other.sock");
    let mut child = child
        .arg("--socket")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    Client::connect(&socket).unwrap().done(&Request::Health);
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn one_folder_has_one_signer() {
    let place = Place::new();
    let _signer = place.serve();
    let done = place
        .command("serve")
        .arg("--socket")
        .arg(place.path("second.sock"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&done.stderr).contains("another signer uses this folder"));
}

#[test]
fn a_stale_socket_does_not_stop_the_next_start() {
    let place = Place::new();
    let signer = place.serve();
    let socket = signer.socket.clone();
    signer.kill();
    assert!(socket.exists());
    place.serve().client().done(&Request::Health);
}

#[test]
fn a_wrong_or_missing_or_readable_passphrase_stops_the_start() {
    let place = Place::new();
    place.write_passphrase("pass", "wrong");
    assert!(place.refused_start().contains("wrong passphrase"));
    place.write_passphrase("pass", "");
    assert!(place.refused_start().contains("empty"));
    place.write_passphrase("pass", PASSPHRASE);
    fs::set_permissions(place.path("pass"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(place.refused_start().contains("others must not read"));
    let mut command = place.command("inspect");
    command.env_remove("PORTREEVE_SIGNER_PASSPHRASE_FILE");
    assert!(String::from_utf8_lossy(&command.output().unwrap().stderr).contains("no passphrase"));
    command.env("PORTREEVE_SIGNER_PASSPHRASE", PASSPHRASE);
    assert!(command.output().unwrap().status.success());
}

#[test]
fn a_folder_that_others_may_read_stops_the_start() {
    let place = Place::new();
    fs::set_permissions(place.path("signer"), fs::Permissions::from_mode(0o750)).unwrap();
    assert!(place.refused_start().contains("others must not read"));
}

#[test]
fn keystore_and_journal_of_different_signers_do_not_go_together() {
    let (place, other) = (Place::new(), Place::new());
    for name in ["journal", "mark"] {
        fs::copy(other.data(name), place.data(name)).unwrap();
    }
    assert!(!place.refused_start().is_empty());
}

#[test]
fn no_other_process_of_its_user_looks_into_it() {
    if !rustix::process::geteuid().is_root() {
        return; // to root, everything looks like its own
    }
    let place = Place::new();
    let program = place.path("program");
    fs::copy(BINARY, &program).unwrap();
    let user = 65_532;
    place.give_to(user);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let signer = place.serve_under(r#"shift; exec "$PROGRAM" "$@""#, |command| {
        command.env("PROGRAM", &program).current_dir("/").uid(user).gid(user);
    });
    // The kernel takes a process that may not be looked into away from its user.
    let owner = |file: &str| {
        fs::metadata(format!("/proc/{}/{file}", signer.child.id()))
            .unwrap()
            .uid()
    };
    let status = fs::read_to_string(format!("/proc/{}/status", signer.child.id())).unwrap();
    assert!(
        status
            .lines()
            .any(|line| line.starts_with("Uid:") && line.contains("65532")),
        "{status}"
    );
    assert_eq!((owner("mem"), owner("environ")), (0, 0));
}

#[test]
fn it_leaves_no_core() {
    let place = Place::new();
    let signer = place.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", signer.child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let numbers: Vec<&str> = core
        .split_whitespace()
        .filter(|word| word.parse::<u64>().is_ok())
        .collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
}

#[test]
fn nothing_secret_is_written_anywhere_it_does_not_belong() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    client.signed(&wallet.pay(1, 1));
    signer.signal(Signal::TERM);
    let (_, said) = signer.ended();
    assert!(!said.contains(PASSPHRASE));
    for entry in fs::read_dir(place.path("signer")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let content = fs::read(&path).unwrap();
            assert!(
                !content
                    .windows(PASSPHRASE.len())
                    .any(|window| window == PASSPHRASE.as_bytes()),
                "{path:?}"
            );
        }
    }
}
