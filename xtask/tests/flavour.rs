//! A compiler of another flavour is this program under another name: it passes on everything, and adds its `cfg`.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{os::unix::fs::symlink, process::Command};

#[test]
fn the_compiler_gets_what_cargo_says_every_variable_too_and_the_flavours_cfg() {
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("kill-points");
    symlink(env!("CARGO_BIN_EXE_portreeve-xtask"), &wrapper).unwrap();
    let name = "CARGO_BIN_EXE_portreeve-signer";
    let told = |program: &str, args: &[&str]| {
        let output = Command::new(&wrapper)
            .arg(program)
            .args(args)
            .env(name, "there")
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(told("echo", &["a b", "-vV"]), "a b -vV --cfg kill_points\n");
    // It prints the values of all the names it gets, the last two of which nobody has.
    assert_eq!(told("printenv", &[name, "--"]), "there\n");
}
