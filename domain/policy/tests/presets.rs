//! What the templates allow.

use portreeve_kernel::{Address, Amount, Asset, Code, Now, Timestamp, Total};
use portreeve_policy::{Outcome, PolicyInput, Preset, SpendRequest, Usage, evaluate};

#[test]
fn standard_pays_one_sol_and_refuses_one_lamport_more() {
    let policy = PolicyInput::from(Preset::Standard).resolve(1).unwrap();
    let ask = |lamports| SpendRequest {
        asset: Asset::Sol,
        amount: Amount::new(lamports).unwrap(),
        destination: Address::new([7; 32]),
        program: Address::SYSTEM_PROGRAM,
    };
    let now = Now::at(Timestamp::from_seconds(1_800_000_000));
    let fits = evaluate(&policy, &ask(1_000_000_000), &Usage::default(), now);
    assert_eq!((fits.outcome, fits.code()), (Outcome::Allow, None));
    let over = evaluate(&policy, &ask(1_000_000_001), &Usage::default(), now);
    assert_eq!(
        (over.outcome, over.code()),
        (Outcome::Deny, Some(Code::PolicyPerTxLimitExceeded))
    );
    assert_eq!(over.max_amount_now, Total::new(1_000_000_000).unwrap());
}
