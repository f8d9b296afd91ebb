//! Short words for the tests: a policy with one rule at a time, requests, moments.

use portreeve_kernel::{Address, Amount, Asset, Code, Mint, Now, Timestamp, Total};
use portreeve_policy::{
    AgentPolicy, ChainDestinations, Decision, Escalation, Limits, SpendRequest, TimeControl, Usage, Whitelist, evaluate,
};
use std::collections::BTreeMap;

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn total(units: u64) -> Total {
    Total::new(units).unwrap()
}

pub(crate) fn address(number: u8) -> Address {
    Address::new([number; 32])
}

pub(crate) fn mint(number: u8) -> Mint {
    Mint::new(address(number))
}

pub(crate) fn limits(per_transaction: u64, daily: u64, weekly: u64, monthly: u64) -> Limits {
    Limits {
        per_transaction: amount(per_transaction),
        daily: amount(daily),
        weekly: amount(weekly),
        monthly: amount(monthly),
    }
}

pub(crate) fn unlimited() -> Limits {
    Limits {
        per_transaction: Amount::MAX,
        daily: Amount::MAX,
        weekly: Amount::MAX,
        monthly: Amount::MAX,
    }
}

/// A policy without any rule but the shape's own: everything in SOL passes.
pub(crate) fn open_policy() -> AgentPolicy {
    AgentPolicy {
        version: 1,
        limits: unlimited(),
        escalation: Escalation::default(),
        tokens: BTreeMap::new(),
        whitelist: Whitelist::default(),
        time_control: TimeControl::default(),
        min_interval_seconds: 0,
        approval_may_exceed_per_transaction: false,
        chain_destinations: ChainDestinations::Whitelist,
    }
}

pub(crate) fn sol(units: u64) -> SpendRequest {
    SpendRequest {
        asset: Asset::Sol,
        amount: amount(units),
        destination: address(1),
        program: Address::SYSTEM_PROGRAM,
    }
}

pub(crate) fn token(units: u64, number: u8) -> SpendRequest {
    SpendRequest {
        asset: Asset::Token(mint(number)),
        ..sol(units)
    }
}

pub(crate) fn used(day: u64, week: u64, month: u64) -> Usage {
    Usage {
        day: total(day),
        week: total(week),
        month: total(month),
        ..Usage::default()
    }
}

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn at(text: &str) -> Now {
    Now::at(moment(text))
}

/// A Tuesday morning.
pub(crate) fn some_time() -> Now {
    at("2027-06-15T10:30:00Z")
}

pub(crate) fn codes(decision: &Decision) -> Vec<Code> {
    decision.violations.iter().map(|violation| violation.code).collect()
}

/// Asks for SOL when nothing is used.
pub(crate) fn ask(policy: &AgentPolicy, units: u64) -> Decision {
    evaluate(policy, &sol(units), &Usage::default(), some_time())
}
