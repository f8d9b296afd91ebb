//! A policy in words, for whoever is to approve it. Nothing is left out: what is not shown is signed all the same.

use {
    crate::model::{AgentPolicy, Escalation, Limits},
    portreeve_kernel::{Address, Amount},
};

/// Each line is a name and what it says. `program` names a token program.
#[must_use]
pub fn describe(policy: &AgentPolicy, program: impl Fn(Address) -> String) -> Vec<(&'static str, String)> {
    let AgentPolicy {
        version,
        limits,
        escalation,
        tokens,
        whitelist,
        time_control,
        min_interval_seconds,
        approval_may_exceed_per_transaction,
        chain_destinations,
    } = policy;
    let mut lines = vec![
        ("version", version.to_string()),
        ("limits in SOL", limits_text(sol, limits)),
        ("alarms in SOL", escalation_text(sol, escalation)),
    ];
    for (mint, token) in tokens {
        let pinned = token.pinned.as_ref();
        let show = |amount: Amount| {
            pinned.map_or_else(
                || format!("{amount} base units"),
                |pinned| decimal(amount.units(), pinned.decimals),
            )
        };
        let counted = pinned.map_or_else(
            || "base units".to_owned(),
            |pinned| {
                format!(
                    "whole tokens of {} decimals, {}",
                    pinned.decimals,
                    program(pinned.program)
                )
            },
        );
        lines.extend([
            ("token", mint.to_string()),
            ("  counted in", counted),
            ("  limits", limits_text(show, &token.limits)),
            ("  alarms", escalation_text(show, &token.escalation)),
        ]);
    }
    let hours = time_control.operating_hours_utc.map_or_else(
        || "around the clock".to_owned(),
        |hours| format!("{}:00 to {}:00 UTC", hours.start, hours.end),
    );
    lines.extend([
        ("destinations", any_or(whitelist.allowed_destinations.iter())),
        ("programs", any_or(whitelist.allowed_programs.iter())),
        ("tokens", any_or(whitelist.allowed_token_mints.iter())),
        ("hours", hours),
        ("weekdays", any_or(time_control.weekdays.iter())),
    ]);
    if !time_control.blackout_dates.is_empty() {
        lines.push(("closed on", any_or(time_control.blackout_dates.iter())));
    }
    lines.push(("least interval", format!("{min_interval_seconds} s")));
    if *approval_may_exceed_per_transaction {
        lines.push(("approval", "may exceed the limit per transaction".to_owned()));
    }
    lines.push(("destinations on chain", chain_destinations.to_string()));
    lines
}

fn limits_text(show: impl Fn(Amount) -> String, limits: &Limits) -> String {
    let Limits {
        per_transaction,
        daily,
        weekly,
        monthly,
    } = *limits;
    format!(
        "{} a payment, {} in 24 hours, {} in 7 days, {} in 30 days",
        show(per_transaction),
        show(daily),
        show(weekly),
        show(monthly)
    )
}

fn escalation_text(show: impl Fn(Amount) -> String, escalation: &Escalation) -> String {
    let Escalation {
        low,
        medium,
        high,
        critical,
    } = *escalation;
    let levels = [
        ("tell from", low),
        ("ask from", medium),
        ("suspend from", high),
        ("suspend and revoke from", critical),
    ];
    let levels = levels
        .into_iter()
        .filter_map(|(word, amount)| Some(format!("{word} {}", show(amount?))));
    let text = levels.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "none".to_owned() } else { text }
}

fn any_or(items: impl Iterator<Item = impl ToString>) -> String {
    let text = items.map(|item| item.to_string()).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "any".to_owned() } else { text }
}

fn sol(amount: Amount) -> String {
    format!("{} SOL", decimal(amount.units(), 9))
}

/// `units` with a decimal point, without useless zeros.
fn decimal(units: u64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{units:0>width$}", width = decimals.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_whole_and_exact() {
        for (units, decimals, text) in [
            (1_500_000_000, 9, "1.5"),
            (1, 9, "0.000000001"),
            (7, 0, "7"),
            (10, 0, "10"),
            (100, 2, "1"),
            (u64::MAX, 9, "18446744073.709551615"),
        ] {
            assert_eq!(decimal(units, decimals), text);
        }
    }
}
