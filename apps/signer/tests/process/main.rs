//! The real binary, over its real socket: what the rules promise must also hold when processes die, files are put back
//! and strangers knock.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, which is what we want"
)]

mod crash;
mod hostile;
mod life;
mod local;
mod passkeys;
mod peers;
mod race;
mod story;
mod support;
mod tree;
mod wire;
