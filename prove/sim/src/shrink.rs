//! From a plan that breaks a promise to the smallest one that still does: things are left out as long as it stays broken
//! (delta debugging), then the world is made simpler.

use crate::{Plan, play};

/// The smallest plan found, and how many were tried.
#[must_use]
pub fn shrink(plan: &Plan) -> (Plan, u32) {
    let mut best = plan.clone();
    let mut tried = 0;
    let mut fails = |candidate: &Plan| {
        tried += 1;
        play(candidate, false).broken.is_some()
    };
    let mut size = best.items.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        let mut smaller = false;
        while from < best.items.len() {
            let mut candidate = best.clone();
            let to = (from + size).min(candidate.items.len());
            candidate.items.drain(from..to);
            if fails(&candidate) {
                best = candidate;
                smaller = true;
            } else {
                from = to;
            }
        }
        if size == 1 && !smaller {
            break;
        }
        size = if size > 1 { size.div_ceil(2) } else { 1 };
        if size == 1 && best.items.is_empty() {
            break;
        }
    }
    let simpler: [fn(&mut Plan); 6] = [
        |plan| plan.setup.skews = [0; 4],
        |plan| plan.setup.interval = 0,
        |plan| plan.setup.medium = None,
        |plan| plan.setup.high = None,
        |plan| plan.setup.vault = 1_000_000,
        |plan| plan.setup.weekly_tenths = 70,
    ];
    for simplify in simpler {
        let mut candidate = best.clone();
        simplify(&mut candidate);
        if candidate != best && fails(&candidate) {
            best = candidate;
        }
    }
    (best, tried)
}
