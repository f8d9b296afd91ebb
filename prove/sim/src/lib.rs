//! Server, signer and chain as one deterministic program: the product's own decisions, its own course of a payment, its
//! own ledger, its own signer and journal, on a simulated disk, database, network and chain, under every fault that a
//! seed brings. Looked at after every step by an oracle that knows the truth.
//!
//! What is the product's: `domain/policy`, `ledger`, `payment`, `signing`, `chain`. What is modelled: SQL and its
//! transactions ([`db`](crate)), RPC operators, Solana and Squads, sockets, clocks, jobs and leases, and the order of
//! steps between them, which follows `services/wallet` and `apps/signer`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a proof that fails may panic, and says where"
)]

mod chain;
mod db;
mod dice;
mod disk;
mod drive;
mod estate;
mod exec;
mod follow;
mod node;
mod oracle;
pub mod plan;
mod rpc;
pub mod shrink;
mod signer;
mod trace;
mod wallet;
mod world;

pub use {plan::Plan, trace::Told};

use world::World;

/// How long everything may take to come to rest once nothing goes wrong any more, in milliseconds.
const REST: i64 = 7_200_000;

/// Plays a plan to its end. With `story` it is written down line by line. A panic is a broken promise too.
#[must_use]
pub fn play(plan: &Plan, story: bool) -> Told {
    let played = std::panic::catch_unwind(|| play_on(plan, story));
    played.unwrap_or_else(|_| Told {
        broken: Some("it panicked".to_owned()),
        ..Told::default()
    })
}

fn play_on(plan: &Plan, story: bool) -> Told {
    let w = World::new(plan.clone(), story);
    signer::start(&w);
    for number in 0..plan.setup.nodes {
        node::start(&w, number);
    }
    drive::begin(&w);
    let last = plan.items.iter().map(|item| item.at).max().unwrap_or_default();
    let broken = |w: &World| w.trace.borrow().is_broken();
    let mut until = 0;
    // In steps, so that a world in which a promise was broken ends there.
    while until < last + 1_000 && !broken(&w) {
        until = next_step(plan, until, last + 1_000);
        w.exec.run(until);
    }
    if !broken(&w) {
        w.note(format_args!("nothing goes wrong any more"));
        drive::calm(&w);
        until_quiet(&w);
    }
    if !broken(&w) {
        // Whatever could still land would have landed by then.
        w.exec.run(w.now() + 600_000);
        // Meanwhile somebody may have woken up and begun something.
        until_quiet(&w);
        w.chain.borrow_mut().catch_up(w.now());
        oracle::on_blocks(&w);
        oracle::at_rest(&w);
    }
    w.nodes.borrow_mut().clear();
    let trace = std::mem::take(&mut *w.trace.borrow_mut());
    w.exec.clear();
    trace.into_told()
}

/// Runs on until everybody has an answer and nobody has work left, or for too long.
fn until_quiet(w: &world::W) {
    let end = w.now() + REST;
    while w.now() < end && !w.trace.borrow().is_broken() && !(w.oracle.borrow().is_content() && node::is_quiet(w)) {
        w.exec.run(w.now() + 5_000);
    }
}

/// The next moment at which to look whether to go on: soon while something happens, at once over a quiet day.
fn next_step(plan: &Plan, from: i64, last: i64) -> i64 {
    let coming = plan.items.iter().map(|item| item.at).filter(|at| *at > from).min();
    coming.unwrap_or(last).max(from + 1).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_one_history_and_another_seed_another() {
        let hash = |seed| play(&Plan::draw(seed), false).hash;
        for seed in 0..10 {
            assert_eq!(hash(seed), hash(seed), "seed {seed}");
        }
        assert_ne!(hash(0), hash(1));
    }

    #[test]
    fn a_plan_that_was_written_down_plays_as_before() {
        let plan = Plan::draw(7);
        let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(read, plan);
        assert_eq!(play(&read, false).hash, play(&plan, true).hash, "told or not");
    }

    #[test]
    fn a_few_worlds_keep_every_promise() {
        for seed in 0..30 {
            assert_eq!(play(&Plan::draw(seed), false).broken, None, "seed {seed}");
        }
    }
}
