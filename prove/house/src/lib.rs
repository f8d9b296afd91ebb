//! The house as its users meet it: the real binaries, a real chain, nothing mocked. For the end-to-end tests, and for
//! the proofs and measurements that drive whole installations.
//!
//! It needs `portreeve`, `portreeve-signer` and the local chain. They are found where `PORTREEVE_BIN`,
//! `PORTREEVE_SIGNER_BIN` and `PORTREEVE_LOCALCHAIN_BIN` say, or beside the program that uses this crate; not so in a
//! build with kill points, beside which the programs of another build lie. Every house has a folder and a chain of its
//! own, so they stand side by side.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    reason = "whatever is not as it should be ends the test or proof, and says what"
)]

pub mod estate;
pub mod house;
mod ran;

use std::path::{Path, PathBuf};

/// A program of the build that this one is part of: where `variable` says, or beside this program.
pub(crate) fn program(variable: &str, name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    // Tests lie one folder deeper than the programs of the same build.
    let beside = here.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    let found = match std::env::var_os(variable) {
        Some(path) => Some(PathBuf::from(path)),
        None if cfg!(kill_points) => None,
        None => beside.into_iter().find(|path| path.is_file()),
    };
    found
        .filter(|path| path.is_file())
        .unwrap_or_else(|| panic!("`{name}` is not built; run: cargo xtask test --stage build, or set {variable}"))
}

/// The folder of the clone that this was built from.
pub(crate) fn clone() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}
