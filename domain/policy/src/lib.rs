//! What an owner allows an agent: the policy, the presets it starts from, and the decision about one spend.
//!
//! No clock, no database, no I/O: policy, request, usage and time in, decision out. The server asks it, then the signer
//! asks it again with its own numbers, and a dry run asks it a third time; the same input gives the same answer.
//!
//! What must stay true:
//! - every rule is judged and every violation reported; no rule's answer depends on another rule or on an order;
//! - a larger amount never gets a milder outcome, and one more rule never allows more;
//! - in doubt the answer is no: a policy that contradicts itself, a time outside the calendar, a mint without limits.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod calendar;
mod canonical;
mod change;
mod compare;
mod decision;
mod describe;
mod evaluate;
mod input;
mod lint;
mod model;
mod preset;
pub mod roles;
mod validate;
mod words;

pub use {
    calendar::{Hours, TimeControl, Weekday},
    canonical::approval_challenge,
    change::{Effective, takes_effect},
    compare::loosens,
    decision::{Decision, Outcome, Violation},
    describe::describe,
    evaluate::{Budget, GlobalUsage, SpendRequest, Usage, evaluate},
    input::{EscalationInput, LimitsInput, Override, PolicyInput, TimeControlInput, TokenInput, WhitelistInput},
    lint::{Warning, WarningCode, lint},
    model::{AgentPolicy, ChainDestinations, Escalation, Limits, PinnedToken, TokenPolicy, Whitelist, Window},
    preset::Preset,
    validate::{
        FieldError, MAX_BLACKOUT_DATES, MAX_CHAIN_DESTINATIONS, MAX_DESTINATIONS, MAX_MIN_INTERVAL_SECONDS,
        MAX_PROGRAMS, MAX_TOKENS,
    },
    words::NotOneOf,
};
