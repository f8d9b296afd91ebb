//! People and foreign clients, unmodified, against the real binaries: browsers with authenticators, in their own programs.
//!
//! `cargo xtask test --stage tools` installs what they need and `--stage clients` says where it is. Every test has a house
//! of its own, so they run side by side.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use portreeve_house::house;

#[path = "../reading/blocks.rs"]
mod blocks;

mod approve;
mod browser;
mod conformance;
mod consent;
mod doorman;
mod foreign;
mod guides;
mod people;
mod vault;
mod vault_graph;
mod vault_models;
