//! What a wallet asks of the chain when it is made and when its limits change.

use {
    crate::common::*,
    portreeve_chain::{
        Action, AgentKeys, AgentWallet, BuildError, LimitChange, MessageError, TokenProgram, pda,
        squads::{CreateMultisig, Currency, Member, Period},
    },
    portreeve_kernel::{Address, Asset, Mint},
};

#[test]
fn an_agent_has_one_limit_address_per_asset_and_no_two_agents_share_one() {
    let mint = Asset::Token(MINT);
    let other = "agt_01ARYZ6S4100000000000000AB".parse().unwrap();
    let keys = [
        pda::limit_create_key(&agent(), &Asset::Sol),
        pda::limit_create_key(&agent(), &mint),
        pda::limit_create_key(&agent(), &Asset::Token(Mint::new(SHOP))),
        pda::limit_create_key(&other, &Asset::Sol),
        pda::limit_create_key(&other, &mint),
    ];
    assert_eq!(std::collections::BTreeSet::from(keys).len(), 5);
    assert_eq!(
        keys[0].to_string(),
        "4bnMudZs1J3e5cYZquvaSYdfSVFkYMssEdiMSSNZLCvk",
        "never changes, or limits could exist twice"
    );
}

#[test]
fn the_three_keys_of_a_wallet_are_three() {
    let refused = |keys| AgentWallet::new(keys, programs()).unwrap_err();
    assert_eq!(
        refused(AgentKeys {
            agent_key: OWNER_KEY,
            ..keys()
        }),
        BuildError::SharedKey(OWNER_KEY)
    );
    assert_eq!(
        refused(AgentKeys {
            fee_payer: OWNER_KEY,
            ..keys()
        }),
        BuildError::SharedKey(OWNER_KEY)
    );
    assert_eq!(
        refused(AgentKeys {
            fee_payer: AGENT_KEY,
            ..keys()
        }),
        BuildError::SharedKey(AGENT_KEY)
    );
}

#[test]
fn a_new_multisig_obeys_the_owner_alone() {
    let create = wallet().create(TREASURY);
    let expected = CreateMultisig {
        treasury: TREASURY,
        create_key: AGENT_KEY,
        creator: FEE_PAYER,
        config_authority: Some(OWNER_KEY),
        threshold: 1,
        members: vec![Member {
            key: OWNER_KEY,
            permissions: 7,
        }],
        time_lock: 0,
        rent_collector: Some(FEE_PAYER),
        memo: None,
    };
    assert_eq!(create, expected);
}

#[test]
fn a_limit_is_daily_and_for_the_agents_key_alone() {
    let spec = limits(2, 2).pop().unwrap();
    let limit = wallet().add_limit(&spec).unwrap();
    assert_eq!(limit.period, Period::Day);
    assert_eq!(limit.members, [AGENT_KEY]);
    assert_eq!(limit.config_authority, OWNER_KEY);
    assert_eq!(
        (limit.asset, limit.amount, limit.vault_index),
        (spec.asset, spec.amount, 0)
    );
    assert_eq!(limit.destinations, spec.destinations.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_wallet_is_set_up_in_as_few_transactions_as_hold_it() {
    for (assets, destinations, transactions) in [
        (0, 0, 1),
        (1, 0, 1),
        (2, 0, 1),
        (3, 0, 1),
        (1, 1, 1),
        (2, 1, 1),
        (3, 1, 1),
        (3, 2, 2),
        (1, 8, 1),
        (2, 8, 2),
        (3, 8, 2),
        (1, 14, 1),
        (1, 15, 2),
        (1, 16, 2),
        (2, 16, 3),
        (3, 16, 4),
    ] {
        let what = format!("{assets} assets, {destinations} destinations");
        let specs = limits(assets, destinations);
        let packed = wallet().setup_transactions(&specs, TREASURY).unwrap();
        assert_eq!(packed.len(), transactions, "{what}");
        let actions: Vec<&Action> = packed.iter().flatten().collect();
        assert_eq!(actions.len(), 1 + usize::from(assets), "{what}");
        assert!(
            matches!(packed[0][0], Action::CreateMultisig(_)),
            "{what}: the multisig comes first"
        );
        let mut added = Vec::new();
        for (number, transaction) in packed.iter().enumerate() {
            let message = wallet().message(HASH, transaction).unwrap();
            assert!(message.transaction_bytes() <= 1232, "{what}");
            let done = wallet().check_setup(&decoded(transaction), &specs).unwrap();
            assert_eq!(done.creates_multisig, number == 0, "{what}");
            added.extend(done.added);
        }
        assert_eq!(added, specs.iter().map(|spec| spec.asset).collect::<Vec<_>>(), "{what}");
        // Fewer would not do: what a transaction more holds fits none before it.
        for (number, transaction) in packed.iter().enumerate().skip(1) {
            for before in &packed[..number] {
                let both = [before.as_slice(), &transaction[..1]].concat();
                assert!(
                    matches!(wallet().message(HASH, &both), Err(MessageError::TooLarge { .. })),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn a_setup_is_signed_by_fee_payer_owner_and_once_by_the_agents_key() {
    let packed = wallet().setup_transactions(&limits(1, 16), TREASURY).unwrap();
    assert_eq!(decoded(&packed[0]).signers, [FEE_PAYER, AGENT_KEY]);
    assert_eq!(decoded(&packed[1]).signers, [FEE_PAYER, OWNER_KEY]);
}

#[test]
fn sixteen_destinations_are_changed_in_one_transaction_and_seventeen_are_refused() {
    let sixteen = limits(1, 16).remove(0);
    let packed = wallet().limit_transactions(&[LimitChange::Replace(sixteen)]).unwrap();
    assert_eq!(packed.len(), 1);
    assert_eq!(packed[0].len(), 2);
    let seventeen = limits(1, 17).remove(0);
    assert_eq!(wallet().add_limit(&seventeen), Err(BuildError::TooManyDestinations(17)));
}

#[test]
fn removing_and_adding_are_never_torn_apart() {
    let changes: Vec<LimitChange> = limits(5, 8).into_iter().map(LimitChange::Replace).collect();
    let packed = wallet().limit_transactions(&changes).unwrap();
    assert!(packed.len() > 1);
    for transaction in &packed {
        for pair in transaction.chunks(2) {
            let [Action::RemoveSpendingLimit(remove), Action::AddSpendingLimit(add)] = pair else {
                panic!("{pair:?}");
            };
            assert_eq!(remove.limit, wallet().limit(&add.asset));
        }
    }
}

#[test]
fn suspending_an_agent_with_many_assets_takes_one_transaction() {
    let removals: Vec<LimitChange> = limits(10, 0)
        .into_iter()
        .map(|spec| LimitChange::Remove(spec.asset))
        .collect();
    assert_eq!(wallet().limit_transactions(&removals).unwrap().len(), 1);
    assert_eq!(wallet().limit_transactions(&[]).unwrap(), Vec::<Vec<Action>>::new());
}

#[test]
fn two_limits_on_one_asset_are_refused_because_they_would_add_up() {
    let twice = [limits(1, 0), limits(1, 1)].concat();
    let refused = Err(BuildError::TwoLimits(Asset::Sol));
    assert_eq!(wallet().setup_transactions(&twice, TREASURY), refused);
    let changes = [
        LimitChange::Remove(Asset::Sol),
        LimitChange::Add(limits(1, 0).remove(0)),
    ];
    assert_eq!(wallet().limit_transactions(&changes), refused);
}

#[test]
fn the_mints_that_squads_reads_as_sol_or_as_none_are_refused() {
    for address in [Address::SYSTEM_PROGRAM, programs().squads] {
        let mint = Mint::new(address);
        let refused = BuildError::NotAMint(mint);
        let limit = with(&limits(1, 0)[0], |it| it.asset = Asset::Token(mint));
        assert_eq!(wallet().add_limit(&limit), Err(refused.clone()));
        let currency = Currency::Token {
            mint,
            program: TokenProgram::Token,
            decimals: 9,
        };
        assert_eq!(
            wallet().spend(&with(&sol_spend(), |it| it.currency = currency)),
            Err(refused)
        );
    }
}
