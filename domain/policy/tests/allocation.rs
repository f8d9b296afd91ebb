//! An allowed spend is decided without touching the heap. On its own, because it counts what the allocator does.

use portreeve_kernel::{Address, Amount, Asset, Mint, Now, Timestamp};
use portreeve_policy::{
    AgentPolicy, Budget, GlobalUsage, Outcome, PolicyInput, Preset, SpendRequest, TokenInput, Usage, Weekday, evaluate,
};

/// Every kind of rule, and all of them pass.
fn busy_policy(mint: Mint) -> Option<AgentPolicy> {
    let mut input = PolicyInput::from(Preset::Conservative);
    input.whitelist.allowed_destinations = (1..=16).map(|number| Address::new([number; 32])).collect();
    input.whitelist.allowed_programs = [Address::SYSTEM_PROGRAM].into();
    input.whitelist.allowed_token_mints = [mint].into();
    let mut token = TokenInput::default();
    token.limits.daily = Amount::new(1000).ok();
    token.escalation.low = Amount::new(10).ok();
    input.tokens = [(mint, token)].into();
    input.time_control.weekdays = Some(Weekday::ALL.iter().copied().collect());
    input.time_control.blackout_dates = ["2027-12-25".parse().ok()?].into();
    input.min_interval_seconds = 60;
    input.resolve(1).ok()
}

#[test]
fn an_allowed_spend_allocates_nothing() {
    let mint = Mint::new(Address::new([99; 32]));
    let policy = busy_policy(mint).unwrap();
    let budget = Budget {
        limit: Amount::MAX,
        used: Amount::new(7).unwrap().into(),
    };
    let usage = Usage {
        day: Amount::new(100).unwrap().into(),
        last_spend_at: Some("2027-06-15T10:00:00Z".parse().unwrap()),
        global: Some(GlobalUsage {
            day: Some(budget),
            week: Some(budget),
            month: Some(budget),
        }),
        ..Usage::default()
    };
    let now: Timestamp = "2027-06-15T10:30:00Z".parse().unwrap();
    let now = Now::between(now, now.plus_millis(20));
    for asset in [Asset::Sol, Asset::Token(mint)] {
        let request = SpendRequest {
            asset,
            amount: Amount::new(20).unwrap(),
            destination: Address::new([3; 32]),
            program: Address::SYSTEM_PROGRAM,
        };
        let mut outcome = None;
        let counted = allocation_counter::measure(|| outcome = Some(evaluate(&policy, &request, &usage, now).outcome));
        assert!(outcome.is_some_and(Outcome::is_allowed), "{outcome:?}");
        assert_eq!(counted.count_total, 0, "{asset}");
    }
    let refused = SpendRequest {
        asset: Asset::Sol,
        amount: Amount::MAX,
        destination: Address::new([3; 32]),
        program: Address::SYSTEM_PROGRAM,
    };
    let counted = allocation_counter::measure(|| drop(evaluate(&policy, &refused, &usage, now)));
    assert!(counted.count_total > 0, "the counter counts");
}
