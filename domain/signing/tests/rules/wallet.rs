//! What is signed about a wallet on chain.

use {
    crate::world::*,
    portreeve_chain::{
        Action, LimitSpec, TokenProgram,
        squads::{AddSpendingLimit, CreateMultisig, Member, Period},
        system::TransferSol,
        token::TransferToken,
        wallet::LimitChange,
    },
    portreeve_kernel::{Address, Asset, Mint},
    portreeve_policy::{AgentPolicy, ChainDestinations, Escalation, TokenPolicy},
    portreeve_signing::{
        Bytes, PUTS_PER_DAY, Reason,
        key::verifies,
        protocol::{Answer, Request},
    },
};

fn sol(units: u64) -> LimitSpec {
    LimitSpec {
        asset: Asset::Sol,
        amount: amount(units),
        destinations: [shop()].into(),
    }
}

fn add(units: u64) -> AddSpendingLimit {
    wallet(1).add_limit(&sol(units)).unwrap()
}

fn create() -> CreateMultisig {
    wallet(1).create(address(70))
}

fn setup(actions: &[Action], hash: u64) -> Request {
    Request::SignSetup {
        agent: agent(1),
        message: message(1, actions, hash),
    }
}

fn restore(actions: &[Action], hash: u64) -> Request {
    Request::SignLimitRestore {
        agent: agent(1),
        message: message(1, actions, hash),
    }
}

fn removal(actions: &[Action], hash: u64) -> Request {
    Request::SignLimitRemoval {
        agent: agent(1),
        message: message(1, actions, hash),
    }
}

fn remove() -> Action {
    wallet(1).remove_limit(&Asset::Sol).into()
}

fn signers(answer: Answer) -> Vec<Address> {
    let Answer::Signed(signed) = answer else {
        panic!("{answer:?}")
    };
    signed.signatures.iter().map(|signature| signature.key).collect()
}

#[test]
fn the_wallet_of_the_approved_policy_is_set_up() {
    let mut world = World::ready();
    let transactions = wallet(1).setup_transactions(&[sol(300)], address(70)).unwrap();
    let [actions] = transactions.as_slice() else {
        panic!("one transaction")
    };
    let bytes = message(1, actions, 0);
    let Answer::Signed(signed) = world.done(setup(actions, 0)) else {
        panic!()
    };
    let mut keys: Vec<Address> = signed.signatures.iter().map(|signature| signature.key).collect();
    for signature in &signed.signatures {
        assert!(verifies(signature.key, &bytes.0, &signature.signature));
    }
    assert_eq!(keys[0], address(FEE_PAYER));
    keys.sort();
    let mut all = [address(FEE_PAYER), address(OWNER), wallet(1).keys().agent_key];
    all.sort();
    assert_eq!(keys, all);
}

#[test]
fn nothing_is_set_up_before_the_first_policy_is_approved() {
    let mut world = World::new();
    world.done(Request::CreateAgentKey { agent: agent(1) });
    assert_eq!(
        world.refused(setup(&[create().into(), add(300).into()], 0)),
        Reason::NoPolicy
    );
    assert_eq!(world.refused(setup(&[create().into()], 0)), Reason::NoPolicy);
    assert_eq!(world.refused(restore(&[add(300).into()], 0)), Reason::NoPolicy);
}

#[test]
fn a_limit_is_exactly_the_approved_one() {
    let mut world = World::ready();
    let stranger = address(41);
    let good = add(300);
    let token = Asset::Token(Mint::new(address(60)));
    let wrong = [
        AddSpendingLimit {
            amount: amount(301),
            ..good.clone()
        },
        AddSpendingLimit {
            amount: amount(299),
            ..good.clone()
        },
        AddSpendingLimit {
            period: Period::OneTime,
            ..good.clone()
        },
        AddSpendingLimit {
            period: Period::Month,
            ..good.clone()
        },
        AddSpendingLimit {
            members: vec![stranger],
            ..good.clone()
        },
        AddSpendingLimit {
            members: vec![wallet(1).keys().agent_key, stranger],
            ..good.clone()
        },
        AddSpendingLimit {
            destinations: vec![],
            ..good.clone()
        },
        AddSpendingLimit {
            destinations: vec![stranger],
            ..good.clone()
        },
        AddSpendingLimit {
            destinations: vec![shop(), stranger],
            ..good.clone()
        },
        AddSpendingLimit {
            vault_index: 1,
            ..good.clone()
        },
        AddSpendingLimit {
            create_key: stranger,
            ..good.clone()
        },
        AddSpendingLimit {
            multisig: wallet(2).multisig(),
            ..good.clone()
        },
        AddSpendingLimit {
            memo: Some("x".to_owned()),
            ..good.clone()
        },
        AddSpendingLimit {
            asset: token,
            ..good.clone()
        },
    ];
    for limit in wrong {
        let reasons = [
            setup(&[create().into(), limit.clone().into()], 0),
            restore(&[limit.clone().into()], 0),
        ]
        .map(|request| world.refused(request));
        for reason in reasons {
            assert!(
                matches!(reason, Reason::NotApproved | Reason::WrongWallet),
                "{limit:?}: {reason:?}"
            );
        }
    }
    world.done(restore(&[good.into()], 0));
}

#[test]
fn a_multisig_is_exactly_ours() {
    let mut world = World::ready();
    let stranger = address(41);
    let good = create();
    let member = |key, permissions| Member { key, permissions };
    let wrong = [
        CreateMultisig {
            config_authority: Some(stranger),
            ..good.clone()
        },
        CreateMultisig {
            config_authority: None,
            ..good.clone()
        },
        CreateMultisig {
            threshold: 2,
            ..good.clone()
        },
        CreateMultisig {
            members: vec![member(stranger, 7)],
            ..good.clone()
        },
        CreateMultisig {
            members: vec![member(address(OWNER), 7), member(stranger, 7)],
            ..good.clone()
        },
        CreateMultisig {
            members: vec![member(address(OWNER), 3)],
            ..good.clone()
        },
        CreateMultisig {
            members: vec![],
            ..good.clone()
        },
        CreateMultisig {
            time_lock: 1,
            ..good.clone()
        },
        CreateMultisig {
            rent_collector: None,
            ..good.clone()
        },
        CreateMultisig {
            rent_collector: Some(stranger),
            ..good.clone()
        },
        CreateMultisig {
            create_key: stranger,
            ..good.clone()
        },
        CreateMultisig {
            creator: address(OWNER),
            ..good.clone()
        },
        CreateMultisig {
            memo: Some("x".to_owned()),
            ..good.clone()
        },
    ];
    for create in wrong {
        let reason = world.refused(setup(&[create.clone().into()], 0));
        assert!(
            matches!(reason, Reason::NotApproved | Reason::WrongWallet),
            "{create:?}: {reason:?}"
        );
    }
    assert_eq!(
        world.refused(setup(&[good.clone().into(), good.clone().into()], 0)),
        Reason::WrongAction
    );
    world.done(setup(&[good.into()], 0));
}

#[test]
fn two_limits_on_one_asset_are_refused() {
    let mut world = World::ready();
    let twice = [add(300).into(), add(300).into()];
    assert_eq!(world.refused(restore(&twice, 0)), Reason::WrongAction);
    assert_eq!(world.refused(setup(&twice, 0)), Reason::WrongAction);
}

#[test]
fn each_request_signs_its_own_kind_of_message() {
    let mut world = World::ready();
    let own_money = TransferSol {
        from: address(FEE_PAYER),
        to: shop(),
        amount: amount(1),
    };
    let paying = wallet(1).spend(&payment(1, 1, shop())).unwrap();
    assert_eq!(
        world.refused(setup(&[remove()], 0)),
        Reason::WrongAction,
        "removing is no setup"
    );
    assert_eq!(
        world.refused(restore(&[create().into()], 0)),
        Reason::WrongAction,
        "making is no change"
    );
    assert_eq!(
        world.refused(restore(&[remove()], 0)),
        Reason::WrongAction,
        "only removing restores nothing"
    );
    assert_eq!(
        world.refused(removal(&[add(300).into()], 0)),
        Reason::NotApproved,
        "adding is no removal"
    );
    assert_eq!(
        world.refused(removal(&[remove(), add(300).into()], 0)),
        Reason::NotApproved
    );
    for actions in [vec![own_money.into()], paying] {
        for request in [setup(&actions, 0), restore(&actions, 0), removal(&actions, 0)] {
            assert_eq!(world.refused(request), Reason::WrongAction, "{actions:?}");
        }
    }
}

#[test]
fn the_owner_key_moves_no_money() {
    let mut world = World::ready();
    let currency_mint = Mint::new(address(60));
    let transfers: [Action; 2] = [
        TransferSol {
            from: address(OWNER),
            to: shop(),
            amount: amount(1),
        }
        .into(),
        TransferToken {
            authority: address(OWNER),
            source: address(50),
            destination: shop(),
            mint: currency_mint,
            program: TokenProgram::Token,
            amount: amount(1),
            decimals: 6,
        }
        .into(),
    ];
    for transfer in transfers {
        for actions in [
            vec![transfer.clone()],
            vec![remove(), transfer.clone()],
            vec![add(300).into(), transfer],
        ] {
            for request in [setup(&actions, 0), restore(&actions, 0), removal(&actions, 0)] {
                let reason = world.refused(request);
                assert!(
                    matches!(reason, Reason::WrongAction | Reason::NotApproved),
                    "{actions:?}: {reason:?}"
                );
            }
        }
    }
}

#[test]
fn a_limit_follows_the_newest_policy_and_no_older_one() {
    let mut world = World::ready();
    world.approve(
        1,
        AgentPolicy {
            limits: limits(100, 400, 1_000, 2_000),
            ..policy(2)
        },
    );
    assert_eq!(
        world.refused(restore(&[remove(), add(300).into()], 0)),
        Reason::NotApproved
    );
    world.done(restore(&[remove(), add(400).into()], 0));
    world.done(proposed(
        1,
        &AgentPolicy {
            limits: limits(10, 20, 1_000, 2_000),
            ..policy(3)
        },
        None,
    ));
    assert_eq!(
        world.refused(restore(&[remove(), add(400).into()], 1)),
        Reason::NotApproved
    );
    world.done(restore(&[remove(), add(20).into()], 1));
}

#[test]
fn the_owner_may_leave_destinations_to_server_and_signer() {
    let mut world = World::ready();
    world.approve(
        1,
        AgentPolicy {
            chain_destinations: ChainDestinations::Any,
            ..policy(2)
        },
    );
    assert_eq!(world.refused(restore(&[add(300).into()], 0)), Reason::NotApproved);
    world.done(restore(
        &[AddSpendingLimit {
            destinations: vec![],
            ..add(300)
        }
        .into()],
        0,
    ));
    assert_eq!(world.refused(signing(&payment(1, 1, address(41)))), Reason::Policy);
}

#[test]
fn a_limit_for_each_token_that_has_limits() {
    let mut world = World::ready();
    let mint = Mint::new(address(60));
    let mut with_token = policy(2);
    let token = TokenPolicy {
        limits: limits(5, 6, 7, 8),
        escalation: Escalation::default(),
        pinned: None,
    };
    with_token.tokens.insert(mint, token);
    world.approve(1, with_token);
    let spec = LimitSpec {
        asset: Asset::Token(mint),
        ..sol(6)
    };
    let actions: Vec<Action> = wallet(1)
        .limit_transactions(&[LimitChange::Add(spec)])
        .unwrap()
        .concat();
    world.done(setup(&actions, 0));
}

#[test]
fn removing_is_always_allowed() {
    let mut world = World::new();
    assert_eq!(world.refused(removal(&[remove()], 0)), Reason::UnknownAgent);
    world.done(Request::CreateAgentKey { agent: agent(1) });
    let both = [address(FEE_PAYER), address(OWNER)];
    assert_eq!(signers(world.done(removal(&[remove()], 0))), both, "without a policy");
    world.approve(1, policy(1));
    world.done(Request::Suspend { agent: agent(1) });
    world.now = None;
    assert_eq!(
        signers(world.done(removal(&[remove()], 1))),
        both,
        "suspended and without a clock"
    );
    world.done(Request::DestroyKey { agent: agent(1) });
    assert_eq!(
        signers(world.done(removal(&[remove()], 2))),
        both,
        "without the agent's key"
    );
}

#[test]
fn the_limits_of_another_agent_are_not_this_ones() {
    let mut world = World::ready();
    world.done(Request::CreateAgentKey { agent: agent(2) });
    world.approve(2, policy(1));
    let theirs: Action = wallet(2).remove_limit(&Asset::Sol).into();
    assert_eq!(world.refused(removal(&[theirs], 0)), Reason::WrongWallet);
    let theirs: Action = wallet(2).add_limit(&sol(300)).unwrap().into();
    assert_eq!(world.refused(restore(&[theirs], 0)), Reason::NotApproved);
}

#[test]
fn a_suspended_or_destroyed_agent_gets_no_limit() {
    let mut world = World::ready();
    world.done(Request::Suspend { agent: agent(1) });
    for request in [restore(&[add(300).into()], 0), setup(&[create().into()], 0)] {
        assert_eq!(world.refused(request), Reason::Suspended);
    }
    world.done(Request::DestroyKey { agent: agent(1) });
    for request in [restore(&[add(300).into()], 0), setup(&[create().into()], 0)] {
        assert_eq!(world.refused(request), Reason::KeyDestroyed);
    }
}

#[test]
fn a_limit_is_put_on_chain_so_often_a_day_and_no_oftener() {
    let mut world = World::ready();
    let most = u64::try_from(PUTS_PER_DAY).unwrap();
    for hash in 0..most {
        world.done(if hash % 2 == 0 {
            setup(&[add(300).into()], hash)
        } else {
            restore(&[add(300).into()], hash)
        });
    }
    assert_eq!(
        world.refused(restore(&[add(300).into()], most)),
        Reason::TooManyMessages
    );
    assert_eq!(world.refused(setup(&[add(300).into()], most)), Reason::TooManyMessages);
    let records = world.journal.len();
    world.done(restore(&[add(300).into()], 1));
    assert_eq!(world.journal.len(), records, "the same message again is no other one");
    world.done(setup(&[create().into()], most));
    world.state = world.restarted(world.journal.len());
    assert_eq!(
        world.at(86_399).refused(restore(&[add(300).into()], most)),
        Reason::TooManyMessages
    );
    world.at(86_400).done(restore(&[add(300).into()], most));
}

#[test]
fn putting_a_limit_back_gives_the_signer_no_budget_back() {
    let mut world = World::ready();
    for id in 1..=3 {
        world.done(pay(id, 100));
    }
    world.done(restore(&[remove(), add(300).into()], 0));
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
}

#[test]
fn another_fee_payer_is_refused() {
    let mut world = World::ready();
    let programs = portreeve_chain::Programs::default();
    for payer in [address(OWNER), wallet(1).keys().agent_key, address(9)] {
        let compile = |actions: &[Action]| {
            let compiled = portreeve_chain::decode::compile(&programs, payer, blockhash(0), actions).unwrap();
            Bytes(compiled.as_bytes().to_vec())
        };
        let (agent, message) = (agent(1), compile(&[remove()]));
        assert_eq!(
            world.refused(Request::SignLimitRemoval {
                agent: agent.clone(),
                message
            }),
            Reason::WrongWallet
        );
        let message = compile(&wallet(1).spend(&payment(1, 1, shop())).unwrap());
        let request = Request::SignSpend {
            transaction: transaction(1),
            agent,
            message,
        };
        assert_eq!(world.refused(request), Reason::WrongWallet);
    }
}
