//! A configuration that passes follows to the letter from what the caller expects.

use {
    crate::common::*,
    portreeve_chain::{
        Action, Configuration, LimitChange, LimitSpec, Mismatch,
        compute::SetComputeUnitPrice,
        squads::{AddSpendingLimit, CreateMultisig, Member, Period, RemoveSpendingLimit},
        system::TransferSol,
    },
    portreeve_kernel::{Asset, Mint},
};

fn add(spec: &LimitSpec) -> AddSpendingLimit {
    wallet().add_limit(spec).unwrap()
}

/// The field that a check objects to.
fn field(result: Result<Configuration, Mismatch>) -> &'static str {
    match result {
        Err(Mismatch::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_that_is_not_to_the_letter_what_was_approved_is_refused() {
    let specs = limits(1, 2);
    let check = |change: fn(&mut AddSpendingLimit)| {
        let told = decoded(&[with(&add(&specs[0]), change).into()]);
        let setup = wallet().check_setup(&told, &specs);
        assert_eq!(setup, wallet().check_limit_change(&told, &specs));
        setup
    };
    assert_eq!(check(|_| {}).unwrap().added, [Asset::Sol]);
    assert_eq!(field(check(|it| it.amount = amount(2))), "amount");
    assert_eq!(field(check(|it| it.period = Period::OneTime)), "period");
    assert_eq!(field(check(|it| it.members = vec![THIEF])), "members");
    assert_eq!(field(check(|it| it.members.push(THIEF))), "members");
    assert_eq!(field(check(|it| it.members.clear())), "members");
    assert_eq!(field(check(|it| it.destinations.clear())), "destinations");
    assert_eq!(field(check(|it| it.destinations.push(THIEF))), "destinations");
    assert_eq!(field(check(|it| it.create_key = SHOP)), "create_key");
    assert_eq!(field(check(|it| it.vault_index = 1)), "vault_index");
    assert_eq!(field(check(|it| it.multisig = SHOP)), "multisig");
    assert_eq!(field(check(|it| it.rent_payer = OWNER_KEY)), "rent_payer");
    assert_eq!(field(check(|it| it.config_authority = AGENT_KEY)), "config_authority");
    assert_eq!(field(check(|it| it.memo = Some(String::new()))), "memo");
    let asset = Asset::Token(MINT);
    assert_eq!(check(|it| it.asset = Asset::Token(MINT)), Err(Mismatch::NoLimit(asset)));
}

#[test]
fn a_multisig_that_obeys_anybody_else_is_refused() {
    let check = |change: fn(&mut CreateMultisig)| {
        let told = decoded(&[with(&wallet().create(TREASURY), change).into()]);
        wallet().check_setup(&told, &[])
    };
    assert!(check(|_| {}).unwrap().creates_multisig);
    assert_eq!(field(check(|it| it.config_authority = None)), "config_authority");
    assert_eq!(field(check(|it| it.config_authority = Some(THIEF))), "config_authority");
    assert_eq!(
        field(check(|it| it.members = vec![Member {
            key: THIEF,
            permissions: 7
        }])),
        "members"
    );
    assert_eq!(
        field(check(|it| it.members.push(Member {
            key: AGENT_KEY,
            permissions: 1
        }))),
        "members"
    );
    assert_eq!(field(check(|it| it.threshold = 2)), "threshold");
    assert_eq!(field(check(|it| it.time_lock = 1)), "time_lock");
    assert_eq!(field(check(|it| it.rent_collector = Some(THIEF))), "rent_collector");
    assert_eq!(field(check(|it| it.creator = OWNER_KEY)), "creator");
    assert_eq!(field(check(|it| it.create_key = OWNER_KEY)), "create_key");
}

#[test]
fn the_treasury_is_left_to_the_chain_which_takes_none_but_its_own() {
    let told = decoded(&[wallet().create(SHOP).into()]);
    assert!(wallet().check_setup(&told, &[]).unwrap().creates_multisig);
}

#[test]
fn removing_a_limit_is_always_allowed_where_limits_change() {
    let gone = Asset::Token(Mint::new(SHOP));
    let good = wallet().remove_limit(&gone);
    let told = decoded(&[good.clone().into()]);
    assert_eq!(
        wallet().check_limit_change(&told, &[]).unwrap().removed,
        [wallet().limit(&gone)]
    );
    let refused = Err(Mismatch::Action("multisig_remove_spending_limit"));
    assert_eq!(wallet().check_setup(&told, &[]), refused);
    let check = |change: fn(&mut RemoveSpendingLimit)| {
        wallet().check_limit_change(&decoded(&[with(&good, change).into()]), &[])
    };
    assert_eq!(field(check(|it| it.rent_collector = THIEF)), "rent_collector");
    assert_eq!(field(check(|it| it.multisig = THIEF)), "multisig");
    assert_eq!(field(check(|it| it.config_authority = AGENT_KEY)), "config_authority");
}

#[test]
fn a_replaced_limit_is_told_as_removed_and_added() {
    let specs = limits(2, 3);
    let packed = wallet().limit_transactions(&specs.iter().cloned().map(LimitChange::Replace).collect::<Vec<_>>());
    let told = decoded(&packed.unwrap()[0]);
    let expected = Configuration {
        creates_multisig: false,
        removed: vec![wallet().limit(&specs[0].asset), wallet().limit(&specs[1].asset)],
        added: vec![specs[0].asset, specs[1].asset],
    };
    assert_eq!(wallet().check_limit_change(&told, &specs), Ok(expected));
}

#[test]
fn nothing_is_set_or_made_twice_in_one_message() {
    let specs = limits(1, 0);
    let add = || Action::from(add(&specs[0]));
    let told = decoded(&[add(), wallet().remove_limit(&Asset::Sol).into(), add()]);
    let twice = Err(Mismatch::Twice("multisig_add_spending_limit"));
    assert_eq!(wallet().check_limit_change(&told, &specs), twice);
    let create = || Action::from(wallet().create(TREASURY));
    let twice = Err(Mismatch::Twice("multisig_create_v2"));
    assert_eq!(wallet().check_setup(&decoded(&[create(), create()]), &specs), twice);
    let created = Err(Mismatch::Action("multisig_create_v2"));
    assert_eq!(
        wallet().check_limit_change(&decoded(&[create(), add()]), &specs),
        created
    );
}

#[test]
fn no_money_moves_in_a_configuration() {
    let specs = limits(1, 0);
    for action in [
        wallet().spend(&sol_spend()).unwrap().remove(0),
        TransferSol {
            from: FEE_PAYER,
            to: THIEF,
            amount: amount(1),
        }
        .into(),
        TransferSol {
            from: OWNER_KEY,
            to: THIEF,
            amount: amount(1),
        }
        .into(),
        SetComputeUnitPrice { micro_lamports: 1 }.into(),
    ] {
        let told = decoded(&[add(&specs[0]).into(), action.clone()]);
        let expected = Err(Mismatch::Action(action.name()));
        assert_eq!(wallet().check_setup(&told, &specs), expected);
        assert_eq!(wallet().check_limit_change(&told, &specs), expected);
    }
}

#[test]
fn a_configuration_that_another_pays_the_fee_for_is_refused() {
    let specs = limits(1, 0);
    let actions = [add(&specs[0]).into()];
    let message = portreeve_chain::compile(&programs(), THIEF, HASH, &actions).unwrap();
    let told = portreeve_chain::decode(message.as_bytes(), &programs()).unwrap();
    assert!(matches!(
        wallet().check_setup(&told, &specs),
        Err(Mismatch::FeePayer { .. })
    ));
}
