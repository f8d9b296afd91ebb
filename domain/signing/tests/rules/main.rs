//! The signer's rules, each asked as the server asks: which messages are signed, which are refused, and why.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, which is what we want"
)]

mod agent;
mod authenticator;
mod hostile;
mod lost;
mod passkey;
mod pins;
mod policy;
mod property;
mod spend;
mod wallet;
mod world;
