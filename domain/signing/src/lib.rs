//! The signer's rules and its protocol: what the server may ask, what the owner has approved, and what follows.
//!
//! Pure: the binary around it reads sockets, files and clocks; here are state and request in, event and answer out.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod event;
pub mod frame;
pub mod journal;
pub mod key;
pub mod passkey;
pub mod pins;
pub mod protocol;
pub mod receipt;
pub mod recovery;
mod refusal;
mod rules;
pub mod sealed;
mod state;
mod text;

pub use {
    event::{BookedSpend, Event, Record, Subject},
    passkey::Passkey,
    pins::Pins,
    receipt::Receipt,
    refusal::{Reason, Refusal},
    rules::{
        ACCOUNTS_PER_DAY, Context, KeyError, Keys, LANDING_MARGIN, MAX_AGENTS, MAX_UNPROVEN_STEP, PUTS_PER_DAY,
        Signatory, Step, VOIDS_PER_DAY,
    },
    state::{Agent, Inconsistent, SignerState, limits_on_chain},
    text::{Bytes, Hash},
};

use portreeve_kernel::{AgentId, proof::Challenge};

/// What the owner signs to end one suspension of `agent`. `suspension` is the number of its record in the journal, so
/// that consent to end one never ends another.
#[must_use]
pub fn resume_challenge(agent: &AgentId, suspension: u64) -> Challenge {
    Challenge::over("resume", format!("{agent}\n{suspension}").as_bytes())
}
