//! Whether one policy allows something that another did not. The signer takes a policy without the owner's proof only
//! when it does not.
//!
//! In doubt it does: each rule is compared by itself, and a rule that got milder counts even where another rule hides it.

use {
    crate::{
        calendar::{TimeControl, Weekday},
        model::{AgentPolicy, ChainDestinations, Escalation, Limits, Window},
    },
    portreeve_kernel::{Asset, Level},
    std::collections::BTreeSet,
};

/// True when anything that `new` allows, holds or merely denies may have been treated more severely by `old`. Giving up
/// an asset altogether is no loosening, though its alarm thresholds go with it.
#[must_use]
pub fn loosens(old: &AgentPolicy, new: &AgentPolicy) -> bool {
    new.assets().any(|asset| asset_loosened(old, new, asset))
        || widened(&old.whitelist.allowed_destinations, &new.whitelist.allowed_destinations)
        || widened(&old.whitelist.allowed_programs, &new.whitelist.allowed_programs)
        || widened(&old.whitelist.allowed_token_mints, &new.whitelist.allowed_token_mints)
        || time_loosened(&old.time_control, &new.time_control)
        || new.min_interval_seconds < old.min_interval_seconds
        || (new.approval_may_exceed_per_transaction && !old.approval_may_exceed_per_transaction)
        || (new.chain_destinations == ChainDestinations::Any && old.chain_destinations == ChainDestinations::Whitelist)
}

fn asset_loosened(old: &AgentPolicy, new: &AgentPolicy, asset: Asset) -> bool {
    match (
        old.limits_of(asset),
        old.escalation_of(asset),
        new.limits_of(asset),
        new.escalation_of(asset),
    ) {
        (Some(old_limits), Some(old_levels), Some(new_limits), Some(new_levels)) => {
            let (before, after) = (old.pinned_of(asset), new.pinned_of(asset));
            limits_loosened(old_limits, new_limits)
                || escalation_loosened(old_levels, new_levels)
                || (before.is_some() && before != after)
        }
        _ => true,
    }
}

fn limits_loosened(old: &Limits, new: &Limits) -> bool {
    new.per_transaction > old.per_transaction || Window::ALL.iter().any(|window| new.of(*window) > old.of(*window))
}

/// For every level: the smallest amount that brings it, or a higher one, must not rise.
fn escalation_loosened(old: &Escalation, new: &Escalation) -> bool {
    [Level::Low, Level::Medium, Level::High, Level::Critical]
        .into_iter()
        .any(|level| match (old.reaches(level), new.reaches(level)) {
            (Some(before), Some(after)) => after > before,
            (Some(_), None) => true,
            (None, _) => false,
        })
}

/// For lists where empty means any.
fn widened<T: Ord>(old: &BTreeSet<T>, new: &BTreeSet<T>) -> bool {
    !old.is_empty() && (new.is_empty() || !new.is_subset(old))
}

fn time_loosened(old: &TimeControl, new: &TimeControl) -> bool {
    let opens_more = (0..24).any(|hour| new.opens_in(hour) && !old.opens_in(hour));
    let days = |control: &TimeControl| -> BTreeSet<Weekday> {
        let all = Weekday::ALL.iter().copied();
        all.filter(|day| control.weekdays.is_empty() || control.weekdays.contains(day))
            .collect()
    };
    opens_more || !days(new).is_subset(&days(old)) || !old.blackout_dates.is_subset(&new.blackout_dates)
}
