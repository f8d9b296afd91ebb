//! When a changed policy takes effect: what tightens at once, unless the owner wants the running period left alone; what
//! loosens after the delay that the owner has set.
//!
//! The moment is fixed when the change is asked for, and told; nothing that happens later moves it.

use {
    crate::{
        compare::loosens,
        model::{AgentPolicy, Window},
    },
    portreeve_kernel::{Now, Seconds, Timestamp},
};

/// When the owner wants a change to take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effective {
    /// As soon as it may.
    #[default]
    Now,
    /// When the longest window whose limit gets lower has passed once more.
    NextPeriod,
}

/// The instant from which `new` stands for `old`. A change that loosens anything waits `delay`, by the slowest clock,
/// whatever else it does; one that only tightens waits for nothing but what was asked for.
#[must_use]
pub fn takes_effect(old: &AgentPolicy, new: &AgentPolicy, asked: Effective, delay: Seconds, now: Now) -> Timestamp {
    let period = match asked {
        Effective::Now => Seconds(0),
        Effective::NextPeriod => lowered(old, new).map_or(Seconds(0), Window::length),
    };
    if loosens(old, new) {
        // Whoever waits for leave waits by the clock that is furthest behind.
        return now.for_release().plus(delay.max(period)).max(now.for_expiry());
    }
    now.for_expiry().plus(period)
}

/// The longest window in which any asset gets less; one that is given up gets nothing.
fn lowered(old: &AgentPolicy, new: &AgentPolicy) -> Option<Window> {
    [Window::Month, Window::Week, Window::Day].into_iter().find(|window| {
        old.assets()
            .any(|asset| match (old.limits_of(asset), new.limits_of(asset)) {
                (Some(before), Some(after)) => after.of(*window) < before.of(*window),
                (Some(_), None) => true,
                (None, _) => false,
            })
    })
}
