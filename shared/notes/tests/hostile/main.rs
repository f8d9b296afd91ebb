//! What strangers write into a vault makes it neither fall, nor hang, nor grow, nor show what lies outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

mod apart;
mod cost;
mod laws;
mod outside;
