//! Background work that survives restarts and is done by one of N nodes at a time.
//!
//! A job is a kind and a subject. It is enqueued in the transaction of the act that needs it, so there is never an act
//! without its job, and there is one job per kind and subject however often it is asked for. A [`Runner`] claims what
//! is due under a lease, renews the lease while it works, and removes the job when it is done. What must stay true:
//!
//! - while its lease holds, nobody else runs a job,
//! - a job whose runner died is taken over when the lease has lapsed,
//! - a job that is enqueued again while it runs, runs again: its handler may have looked before the change,
//! - a handler may be stopped anywhere and run again, so it has to be idempotent.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

mod job;
mod runner;

pub use {
    job::{SCHEMA, enqueue, enqueue_all},
    runner::{LEASE, Next, Pace, Runner},
};
