//! A compiler of another flavour is this program under another name: it passes on everything, and adds its `cfg`.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

const BUGS: [&str; 5] = [
    "check-then-act",
    "sign-before-reserve",
    "release-on-timeout",
    "fast-release-clock",
    "synchronous-off",
];

/// The compiler of a flavour.
fn wrapper(folder: &Path, flavour: &str) -> PathBuf {
    let wrapper = folder.join(flavour);
    symlink(env!("CARGO_BIN_EXE_portreeve-xtask"), &wrapper).unwrap();
    wrapper
}

/// What `program`, in the compiler's place, says on standard output and error when it is called through `wrapper`.
fn ran(wrapper: &Path, program: &str, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(wrapper);
    command
        .arg(program)
        .args(arguments)
        .env("CARGO_BIN_EXE_portreeve-signer", "there");
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_compiler_is_told_what_cargo_says_and_the_flavours_cfg() {
    let folder = tempfile::tempdir().unwrap();
    let plain = wrapper(folder.path(), "kill-points");
    assert_eq!(ran(&plain, "echo", &["a b", "-vV"]).0, "a b -vV --cfg kill_points\n");
    for bug in BUGS {
        let cfg = bug.replace('-', "_");
        let told = format!("--cfg kill_points --cfg seeded_bug=\"{cfg}\"\n");
        assert_eq!(ran(&wrapper(folder.path(), bug), "echo", &[]).0, told);
    }
}

#[test]
fn the_compiler_gets_variables_that_not_every_shell_would_pass_on() {
    let folder = tempfile::tempdir().unwrap();
    // It prints the values of the names it gets, and knows none of those that the wrapper adds.
    let arguments = ["CARGO_BIN_EXE_portreeve-signer", "--"];
    let wrapper = wrapper(folder.path(), "kill-points");
    assert_eq!(ran(&wrapper, "printenv", &arguments).0, "there\n");
}

#[test]
fn a_bug_that_was_put_in_does_not_compile_into_a_release() {
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/kernel/src/lib.rs");
    let kernel = kernel.to_str().unwrap();
    for bug in BUGS {
        let folder = tempfile::tempdir().unwrap();
        // Its dependencies are not there, so it does not compile in any case; what counts is whether the bug is among
        // the reasons.
        let arguments = [
            kernel,
            "--crate-type=lib",
            "--edition=2024",
            "--emit=metadata",
            "--out-dir",
        ];
        let folder_name = folder.path().to_str().unwrap();
        let debug = [arguments.as_slice(), &[folder_name]].concat();
        let release = [debug.as_slice(), &["-Copt-level=3"]].concat();
        let refused = "does not go into a release";
        let (_, said) = ran(&wrapper(folder.path(), bug), "rustc", &release);
        assert!(said.contains(refused), "{bug}: {said}");
        let (_, said) = ran(&folder.path().join(bug), "rustc", &debug);
        assert!(
            said.contains("unresolved import") && !said.contains(refused),
            "{bug}: {said}"
        );
    }
}
