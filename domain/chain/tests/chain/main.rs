//! What this crate promises, seen from outside.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail"
)]

mod account;
mod check_configuration;
mod check_spend;
mod common;
mod golden;
mod message;
mod official;
mod one_to_one;
mod refusals;
mod setup;
