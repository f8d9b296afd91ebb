//! What the chain holds of a policy, proven by reading its accounts: one limit per asset, gone with a suspension, back
//! with its end.

use {
    crate::estate::{Agent, Estate, SquadsAccount},
    crate::house::SOL,
    portreeve_chain::{account::SpendingLimit, squads::Period},
    portreeve_kernel::{Address, Asset, Mint},
    serde_json::json,
    std::collections::{BTreeMap, BTreeSet},
};

const TOKENS_A_DAY: u64 = 7_000_000;

fn mint() -> Mint {
    Mint::new(Address::new([9; 32]))
}

/// The limits on chain, each at the one address that the agent and the asset give it, and all that they say.
#[track_caller]
fn has_exactly_the_policys_limits(estate: &Estate, agent: &Agent, destinations: &[Address]) {
    let found = estate.limits(agent);
    let wanted: BTreeMap<Address, (Asset, u64)> = [(Asset::Sol, 5 * SOL), (Asset::Token(mint()), TOKENS_A_DAY)]
        .into_iter()
        .map(|(asset, amount)| (agent.wallet.limit(&asset), (asset, amount)))
        .collect();
    let there: BTreeSet<Address> = found.iter().map(|(address, _)| *address).collect();
    assert_eq!(there, wanted.keys().copied().collect(), "one limit per asset");
    assert_eq!(found.len(), 2);
    for (address, limit) in &found {
        let (asset, amount) = wanted[address];
        let SpendingLimit {
            period,
            vault_index,
            members,
            remaining_amount,
            ..
        } = limit;
        assert_eq!(
            (limit.asset, limit.amount),
            (asset, amount),
            "the day's limit of the policy"
        );
        assert_eq!((*period, *vault_index, *remaining_amount), (Period::Day, 0, amount));
        assert_eq!(*members, [agent.wallet.keys().agent_key], "only the agent's key spends");
        let listed: BTreeSet<Address> = limit.destinations.iter().copied().collect();
        assert_eq!(
            listed,
            destinations.iter().copied().collect(),
            "the policy's destinations"
        );
    }
}

/// A wallet whose limits need several transactions.
fn many_limits_are_there_once_each(estate: &Estate) {
    let shops: Vec<String> = (0..16).map(|_| estate.house.somebody()).collect();
    let tokens: BTreeMap<String, serde_json::Value> = (0..4)
        .map(|decimals| {
            let mint = estate.house.chain.create_mint(&json!({"decimals": decimals}));
            (mint, json!({"limits": {"daily": "1000"}}))
        })
        .collect();
    let policy = json!({
        "preset": "custom", "limits": {"daily": SOL.to_string()}, "tokens": tokens,
        "whitelist": {"allowedDestinations": shops},
    });
    let agent = estate.agent("many", &policy);
    let limits = estate.limits(&agent);
    let assets: BTreeSet<Asset> = limits.iter().map(|(_, limit)| limit.asset).collect();
    assert_eq!((limits.len(), assets.len()), (5, 5));
    assert!(
        limits
            .iter()
            .all(|(address, limit)| *address == agent.wallet.limit(&limit.asset))
    );
    assert!(limits.iter().all(|(_, limit)| limit.destinations.len() == 16));
    estate.suspend(&agent);
    assert_eq!(estate.limits(&agent), []);
    estate.resume(&agent);
    assert_eq!(estate.limits(&agent).len(), 5);
}

#[test]
fn the_chain_holds_one_limit_per_asset_none_while_suspended_and_the_same_again_after() {
    let estate = Estate::open();
    let token = json!({"address": mint().to_string(), "decimals": 6});
    estate.house.chain.create_mint(&token);
    let shops: Vec<Address> = (0..2).map(|_| estate.house.somebody().parse().unwrap()).collect();
    let policy = json!({
        "preset": "custom",
        "limits": {"perTransaction": SOL.to_string(), "daily": (5 * SOL).to_string()},
        "tokens": {mint().to_string(): {"limits": {"daily": TOKENS_A_DAY.to_string()}}},
        "whitelist": {"allowedDestinations": shops},
    });
    let agent = estate.agent("buyer", &policy);
    let open = estate.agent("giver", &crate::estate::policy());
    has_exactly_the_policys_limits(&estate, &agent, &shops);
    let [(_, anybody)] = &estate.limits(&open)[..] else {
        panic!()
    };
    assert!(
        anybody.destinations.is_empty(),
        "no list in the policy is no list on chain"
    );

    let before = estate.multisig(&agent);
    assert_eq!((before.threshold, before.time_lock), (1, 0));
    assert_eq!(before.config_authority, estate.enrolment.owner_key);
    let voters: Vec<Address> = before.members.iter().map(|member| member.key).collect();
    assert_eq!(voters, [estate.enrolment.owner_key], "the agent has no vote");

    estate.suspend(&agent);
    assert_eq!(estate.limits(&agent), []);
    assert_eq!(estate.limits(&open).len(), 1, "of another agent nothing is taken");
    let thief = estate.stolen_key(&agent);
    let error = estate.pay_stolen(&agent, &thief, shops[0], 1_000_000).unwrap_err();
    assert_eq!(
        error["InstructionError"][1]["Custom"], 3012,
        "the limit is gone: {error}"
    );

    estate.resume(&agent);
    has_exactly_the_policys_limits(&estate, &agent, &shops);
    assert_eq!(estate.multisig(&agent), before, "nothing else has changed");
    assert_eq!(
        estate.squads_accounts(&agent),
        [SquadsAccount::Limit, SquadsAccount::Limit],
        "no proposal, no vault transaction, nothing else hangs on the multisig"
    );
    // A stolen key is held by the chain alone, and it holds.
    let stranger: Address = estate.house.somebody().parse().unwrap();
    let error = estate.pay_stolen(&agent, &thief, stranger, 1_000_000).unwrap_err();
    assert_eq!(
        error["InstructionError"][1]["Custom"], 6025,
        "another destination: {error}"
    );
    let error = estate.pay_stolen(&agent, &thief, shops[0], 5 * SOL + 1).unwrap_err();
    assert_eq!(error["InstructionError"][1]["Custom"], 6026, "a lamport over: {error}");
    assert_eq!(estate.house.chain.balance(&agent.vault()), 10 * SOL);
    many_limits_are_there_once_each(&estate);
}
