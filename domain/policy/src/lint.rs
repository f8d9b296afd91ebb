//! What is allowed to be saved but is probably not meant.

use {
    crate::{
        model::{AgentPolicy, ChainDestinations, Escalation, Limits},
        words::words,
    },
    portreeve_kernel::{Address, Amount, Asset, Level},
};

/// More lamports than there are: a limit from here on limits nothing. About 600 million SOL exist.
const MORE_THAN_ALL_SOL: u64 = 1_000_000_000_000_000_000;

words! {
    /// What a warning is about.
    WarningCode {
        /// Money may go to any address.
        AnyDestination = "any_destination",
        /// The whitelist is kept by server and signer only.
        ChainPaysAnyone = "chain_pays_anyone",
        /// No amount is held for the owner, though a threshold says so.
        ApprovalTierUnreachable = "approval_tier_unreachable",
        /// The owner is told of no amount that is paid, though a threshold says so.
        NotifyTierUnreachable = "notify_tier_unreachable",
        /// An amount that the limits allow stops the agent.
        AlarmBelowLimit = "alarm_below_limit",
        /// No amount stops the agent.
        NoAlarm = "no_alarm",
        /// A limit so high that it limits nothing.
        LimitWithoutEffect = "limit_without_effect",
        /// SOL has limits, but the program that moves it is not allowed.
        SolCannotMove = "sol_cannot_move",
        /// A token has limits, but is not on the list of allowed tokens.
        TokenNotListed = "token_not_listed",
        /// A token is on the list of allowed tokens, but has no limits.
        TokenWithoutLimits = "token_without_limits",
    }
}

/// Something to look at before saving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// The same for people, with names and numbers.
    pub detail: String,
}

/// Everything about `policy` that is probably not meant. None of it stops a save.
#[must_use]
pub fn lint(policy: &AgentPolicy) -> Vec<Warning> {
    let mut notes = Notes(Vec::new());
    lint_whitelist(policy, &mut notes);
    for asset in policy.assets() {
        if let (Some(limits), Some(escalation)) = (policy.limits_of(asset), policy.escalation_of(asset)) {
            lint_escalation(
                asset,
                limits,
                escalation,
                policy.approval_may_exceed_per_transaction,
                &mut notes,
            );
        }
    }
    if policy.limits.daily.units() >= MORE_THAN_ALL_SOL {
        let detail = format!(
            "the daily limit of {} lamports is more than all SOL there is",
            policy.limits.daily
        );
        notes.add(WarningCode::LimitWithoutEffect, detail);
    }
    notes.0
}

struct Notes(Vec<Warning>);

impl Notes {
    fn add(&mut self, code: WarningCode, detail: impl Into<String>) {
        self.0.push(Warning {
            code,
            detail: detail.into(),
        });
    }
}

fn lint_whitelist(policy: &AgentPolicy, notes: &mut Notes) {
    let list = &policy.whitelist;
    if list.allowed_destinations.is_empty() {
        notes.add(
            WarningCode::AnyDestination,
            "no destination is named, so the agent may pay any address",
        );
    } else if policy.chain_destinations == ChainDestinations::Any {
        let detail =
            "the list of destinations is not on chain: a stolen agent key may pay any address within the limit";
        notes.add(WarningCode::ChainPaysAnyone, detail);
    }
    if !list.allowed_programs.is_empty() && !list.allowed_programs.contains(&Address::SYSTEM_PROGRAM) {
        let detail = "the system program, which moves SOL, is not among the allowed programs";
        notes.add(WarningCode::SolCannotMove, detail);
    }
    for mint in policy.tokens.keys() {
        if !list.allowed_token_mints.is_empty() && !list.allowed_token_mints.contains(mint) {
            notes.add(
                WarningCode::TokenNotListed,
                format!("{mint} has limits but is not on the list, so it is refused"),
            );
        }
    }
    for mint in &list.allowed_token_mints {
        if !policy.tokens.contains_key(mint) {
            notes.add(
                WarningCode::TokenWithoutLimits,
                format!("{mint} is on the list but has no limits, so it is refused"),
            );
        }
    }
}

fn lint_escalation(asset: Asset, limits: &Limits, levels: &Escalation, may_exceed: bool, notes: &mut Notes) {
    // The largest amount that may be held: above it the limits deny whatever the owner says.
    let approvable = if may_exceed {
        limits.daily
    } else {
        limits.per_transaction
    };
    let unreachable = |level, next, most: Amount| {
        let from = levels.at(level)?;
        let until = levels.reaches(next);
        (from > most || until.is_some_and(|until| until <= from)).then_some(from)
    };
    if let Some(from) = unreachable(Level::Medium, Level::High, approvable) {
        let detail =
            format!("{asset}: no amount is held for approval, though `medium` begins at {from}: it is denied first");
        notes.add(WarningCode::ApprovalTierUnreachable, detail);
    }
    if let Some(from) = unreachable(Level::Low, Level::Medium, limits.per_transaction) {
        let detail = format!("{asset}: the owner is told of no payment, though `low` begins at {from}");
        notes.add(WarningCode::NotifyTierUnreachable, detail);
    }
    match levels.reaches(Level::High) {
        None => notes.add(
            WarningCode::NoAlarm,
            format!("{asset}: no amount, however large, stops the agent"),
        ),
        Some(from) if from <= limits.per_transaction => {
            let detail = format!("{asset}: {from} is within the limit per transaction and still stops the agent");
            notes.add(WarningCode::AlarmBelowLimit, detail);
        }
        Some(_) => {}
    }
}
