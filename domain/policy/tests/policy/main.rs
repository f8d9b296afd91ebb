//! What the policy promises, rule by rule and as laws over random policies.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, which is what we want"
)]

mod change;
mod clocks;
mod compare;
mod escalation;
mod input;
mod json;
mod laws;
mod limits;
mod lints;
mod random;
mod roles;
mod support;
mod time;
mod validation;
mod whitelist;
