//! The house as its users meet it: the real binaries, a real chain, nothing mocked.
//!
//! Needs `portreeve-signer` beside `portreeve`, and the local chain; `cargo xtask test --stage e2e` builds both and says
//! where they are. Every test has a house of its own, so they run side by side.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use portreeve_house::{estate, house};

mod agents;
mod attack;
mod cli;
mod coverage;
mod demo;
mod disk;
mod faults;
mod help;
mod hostile;
mod input;
mod keys;
mod kill_points;
mod limits;
mod mcp;
mod oauth;
mod operators;
mod passkeys;
mod payments;
mod people;
mod postgres;
mod rates;
mod registration;
mod resources;
mod roles;
mod setup;
mod tls;
mod tokens;
mod vault;
