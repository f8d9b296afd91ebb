//! A payment from the question to the chain's last word. Pure: no clock, no database, no chain, no signer; what was
//! found out comes in, what to do next goes out. The wallet is I/O around it, and the simulation that proves it is other
//! I/O around the same.
//!
//! What must stay true:
//!
//! - a known idempotency key is answered before any rule is asked,
//! - what a rule sees is the larger of what server and signer count,
//! - a payment moves along the arrows of [`Stage`] only, and what has ended never changes,
//! - from the moment a signature can exist, budget comes back only on [`Proof`](portreeve_ledger::Proof).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::arithmetic_side_effects,
        reason = "a test that fails may panic, which is what we want"
    )
)]

mod agree;
mod course;
mod decide;
mod operators;
mod stage;
mod token;

pub use {
    agree::{CLOCKS_APART, Disagreement, agree, mirrored_at},
    course::{
        BLOCKS_TO_LAND, CLOCK_MARGIN, DEADLINE, End, Next, Payment, Seen, Standing, Why, landed_at, refused, seen,
        tried, voided,
    },
    decide::{Case, Known, UNSIGNED_MAX, begins_at, known, usage},
    operators::{BLOCKHASH_LIFE, Height, agreed_height},
    stage::{Stage, Status, UnknownStage},
    token::{Nature, OPENED_MAX, OPENED_WINDOW, judge_token},
};
