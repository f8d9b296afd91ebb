//! Who may connect.

use {
    crate::support::*,
    portreeve_signing::protocol::Request,
    std::{
        env, fs,
        os::unix::{fs::PermissionsExt, process::CommandExt},
        process::Command,
    },
};

/// The user that stands for a stranger, and the one that is invited.
const STRANGER: u32 = 65_533;
const INVITED: u32 = 65_534;

/// The other user's half of the test below, which runs it with `SIGNER_SOCKET` set. Fails when the signer cuts it off.
#[test]
fn as_another_user() {
    if let Ok(socket) = env::var("SIGNER_SOCKET") {
        let mut client = Client::connect(socket.as_ref()).unwrap();
        client.try_ask(&Request::Health).unwrap();
    }
}

#[test]
fn another_user_is_cut_off_unless_invited() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can become somebody else
    }
    let place = Place::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o711)).unwrap();
    let program = place.path("tests");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let signer = place.serve_with(|command| {
        command.args(["--allow-uid", &INVITED.to_string()]);
    });
    let answers_to = |uid: u32| {
        let mut command = Command::new(&program);
        command
            .args(["--exact", "peers::as_another_user"])
            .env("SIGNER_SOCKET", &signer.socket);
        command
            .current_dir("/")
            .uid(uid)
            .gid(uid)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(answers_to(INVITED));
    assert!(!answers_to(STRANGER));
    signer.client().done(&Request::Health);
    signer.signal(rustix::process::Signal::TERM);
    let (_, said) = signer.ended();
    assert!(said.contains("another user"), "{said}");
}

#[test]
fn unless_somebody_is_invited_the_socket_is_this_users_alone() {
    let place = Place::new();
    let signer = place.serve();
    assert_eq!(
        fs::metadata(&signer.socket).unwrap().permissions().mode() & 0o777,
        0o600
    );
    for name in [
        "journal",
        "mark",
        "keystore.json",
        "owner-key-backup.json",
        "settings.json",
    ] {
        assert_eq!(
            fs::metadata(place.data(name)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
    for name in ["", "keys"] {
        assert_eq!(
            fs::metadata(place.data(name)).unwrap().permissions().mode() & 0o777,
            0o700,
            "{name}"
        );
    }
}
