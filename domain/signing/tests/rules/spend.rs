//! Which spends are signed.

use {
    crate::world::*,
    portreeve_chain::{TokenProgram, program::TOKEN, squads::Currency},
    portreeve_kernel::{Address, Asset, Mint, Now, Seconds, Timestamp},
    portreeve_ledger::leaves_at,
    portreeve_policy::{Escalation, PinnedToken, TokenPolicy, Window},
    portreeve_signing::{
        ACCOUNTS_PER_DAY, Bytes, LANDING_MARGIN, Reason,
        key::verifies,
        protocol::{Answer, Request},
    },
};

fn mint() -> Mint {
    Mint::new(address(60))
}

fn token_payment(id: u64, units: u64, creates_token_account: bool) -> portreeve_chain::Spend {
    let currency = Currency::Token {
        mint: mint(),
        program: TokenProgram::Token,
        decimals: 6,
    };
    portreeve_chain::Spend {
        currency,
        creates_token_account,
        ..payment(id, units, shop())
    }
}

fn ready_for_tokens() -> World {
    let mut world = World::ready();
    let mut policy = policy(2);
    let limits = limits(50, 60, 400, 900);
    policy.tokens.insert(
        mint(),
        TokenPolicy {
            limits,
            escalation: Escalation::default(),
            pinned: None,
        },
    );
    world.approve(1, policy);
    world
}

#[test]
fn a_spend_within_policy_is_signed_by_agent_and_fee_payer() {
    let mut world = World::ready();
    let request = pay(1, 100);
    let message = bytes_of(&request);
    let spend = signed(world.done(request.clone()));
    let keys: Vec<Address> = spend.signatures.iter().map(|signature| signature.key).collect();
    assert_eq!(
        keys,
        [address(FEE_PAYER), wallet(1).keys().agent_key],
        "in the message's order"
    );
    for signature in &spend.signatures {
        assert!(verifies(signature.key, &message.0, &signature.signature));
    }
    assert_eq!((spend.policy_version, spend.replayed, spend.signed_at), (1, false, T));
    assert_eq!(spend.counts_until_base, T.plus(LANDING_MARGIN));
    assert_eq!(spend.journal_sequence, world.state.sequence());
    assert_eq!(headroom(&mut world, Asset::Sol), (100, 100, 100));
}

#[test]
fn the_last_lamport_of_the_day_is_signed_and_the_next_is_not() {
    let mut world = World::ready();
    for (id, units) in [(1, 100), (2, 100), (3, 99)] {
        world.done(pay(id, units));
    }
    let refusal = world.refusal(pay(4, 2));
    assert_eq!(
        (refusal.reason, refusal.codes),
        (Reason::Policy, vec!["POLICY_DAILY_LIMIT_EXCEEDED".to_owned()])
    );
    world.done(pay(5, 1));
    assert_eq!(world.refused(pay(6, 1)), Reason::Policy);
    assert_eq!(headroom(&mut world, Asset::Sol), (300, 300, 300));
}

#[test]
fn one_lamport_above_the_limit_per_transaction_is_refused_with_every_code() {
    let mut world = World::ready();
    let refusal = world.refusal(signing(&payment(1, 301, address(41))));
    let codes = [
        "POLICY_PER_TX_LIMIT_EXCEEDED",
        "POLICY_DAILY_LIMIT_EXCEEDED",
        "POLICY_DESTINATION_NOT_ALLOWED",
    ];
    assert_eq!(refusal.codes, codes);
    assert_eq!(world.refused(pay(2, 101)), Reason::Policy);
    world.done(pay(3, 100));
}

#[test]
fn budget_comes_back_a_day_after_the_spend_can_no_longer_land_and_not_a_millisecond_before() {
    let mut world = World::ready();
    for id in 1..=3 {
        world.done(pay(id, 100));
    }
    let back = leaves_at(T.plus(LANDING_MARGIN), Window::Day);
    world.now = Some(Now::at(back.plus_millis(-1)));
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
    world.now = Some(Now::at(back));
    world.done(pay(4, 100));
    assert_eq!(
        headroom(&mut world, Asset::Sol),
        (100, 400, 400),
        "the week still counts all"
    );
}

#[test]
fn each_window_has_its_own_sum_and_its_own_end() {
    let day = 86_400;
    for (window, code, days) in [
        (Window::Week, "POLICY_WEEKLY_LIMIT_EXCEEDED", 2),
        (Window::Month, "POLICY_MONTHLY_LIMIT_EXCEEDED", 8),
    ] {
        let mut world = World::ready();
        let mut tight = policy(2);
        // Two spends of 100, a day (a week) and more apart, use the longer window up and leave the shorter ones free.
        tight.limits = match window {
            Window::Month => limits(100, 150, 199, 200),
            _ => limits(100, 150, 200, 2_000),
        };
        world.approve(1, tight);
        world.done(pay(1, 100));
        world.at(days * day).done(pay(2, 100));
        assert_eq!(world.at(2 * days * day).refusal(pay(3, 1)).codes, [code]);
        let end = window.seconds() + 301;
        assert_eq!(world.at(end - 1).refused(pay(3, 1)), Reason::Policy);
        world.at(end).done(pay(3, 100));
    }
}

#[test]
fn the_slowest_clock_gives_budget_back_and_a_clock_that_runs_ahead_does_not() {
    let mut world = World::ready();
    for id in 1..=3 {
        world.done(pay(id, 100));
    }
    let back = leaves_at(T.plus(LANDING_MARGIN), Window::Day);
    world.now = Some(Now::between(back.plus_millis(-1), back.plus(Seconds(119))));
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
}

#[test]
fn clocks_two_minutes_apart_are_believed_and_clocks_further_apart_are_not() {
    let mut world = World::ready();
    world.now = Some(Now::between(T, T.plus(Seconds(40 * 86_400))));
    assert_eq!(world.refused(pay(1, 1)), Reason::ClockUnavailable);
    world.now = Some(Now::between(T, T.plus_millis(120_001)));
    assert_eq!(world.refused(pay(1, 1)), Reason::ClockUnavailable);
    world.now = Some(Now::between(T, T.plus_millis(120_000)));
    world.done(pay(1, 1));
}

fn void(id: u64) -> Request {
    Request::VoidSpend {
        transaction: transaction(id),
        agent: agent(1),
    }
}

fn voided(answer: Answer) -> Option<portreeve_signing::protocol::SignedSpend> {
    match answer {
        Answer::Voided(voided) => voided.signed,
        other => panic!("not voided: {other:?}"),
    }
}

#[test]
fn what_was_given_up_is_never_signed_and_counts_nothing() {
    let mut world = World::ready();
    assert_eq!(voided(world.done(void(1))), None);
    assert_eq!(world.refused(pay(1, 100)), Reason::TransactionVoided);
    assert_eq!(headroom(&mut world, Asset::Sol), (0, 0, 0));
    let records = world.journal.len();
    assert_eq!(
        voided(world.done(void(1))),
        None,
        "asked again, the same answer and no new record"
    );
    assert_eq!(world.journal.len(), records);
    let mut restarted = world.restarted(records);
    std::mem::swap(&mut world.state, &mut restarted);
    assert_eq!(
        world.refused(pay(1, 100)),
        Reason::TransactionVoided,
        "after a restart too"
    );
    world.done(pay(2, 100));
}

#[test]
fn what_was_signed_is_told_and_not_undone() {
    let mut world = World::ready();
    let spend = signed(world.done(pay(1, 100)));
    let told = voided(world.done(void(1))).unwrap();
    assert_eq!((told.signatures, told.replayed), (spend.signatures, true));
    assert_eq!(headroom(&mut world, Asset::Sol), (100, 100, 100));
    world.done(Request::CreateAgentKey { agent: agent(2) });
    let anothers = Request::VoidSpend {
        transaction: transaction(1),
        agent: agent(2),
    };
    assert_eq!(world.refused(anothers), Reason::TransactionReused);
}

#[test]
fn a_journal_that_lost_records_promises_nothing() {
    let mut world = World::ready();
    world.shown = Some(99);
    assert!(world.ask(&void(1)).record.is_some(), "frozen now");
    assert_eq!(world.refused(void(1)), Reason::Frozen);
}

#[test]
fn transactions_are_given_up_a_thousand_times_a_day_and_no_more() {
    let mut world = World::ready();
    for id in 1..=1000 {
        world.done(void(id));
    }
    assert_eq!(world.refused(void(1001)), Reason::TooManyMessages);
    assert_eq!(
        voided(world.done(void(1000))),
        None,
        "one given up before still gets its answer"
    );
    world.at(86_400).done(void(1001));
}

#[test]
fn a_clock_that_goes_back_makes_nothing_countless() {
    let mut world = World::ready();
    for id in 1..=2 {
        world.done(pay(id, 100));
    }
    world.now = Some(Now::at(Timestamp::EPOCH));
    let spend = signed(world.done(pay(3, 100)));
    assert_eq!(spend.signed_at, T, "never before the newest record");
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
    world.at(86_400 + 300);
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
    world.at(86_400 + 301);
    world.done(pay(4, 100));
}

#[test]
fn the_same_transaction_gets_the_same_answer_for_ever_and_is_booked_once() {
    let mut world = World::ready();
    let first = signed(world.done(pay(1, 100)));
    let again = portreeve_signing::protocol::SignedSpend {
        replayed: true,
        ..first
    };
    let records = world.journal.len();
    // Whatever happens after: no budget, no policy to match, suspension, no key, no clock, a frozen journal.
    world.approve(1, {
        let mut tight = policy(2);
        tight.limits = limits(1, 1, 1, 1);
        tight
    });
    assert_eq!(signed(world.done(pay(1, 100))), again);
    world.done(Request::Suspend { agent: agent(1) });
    assert_eq!(signed(world.done(pay(1, 100))), again);
    world.done(Request::DestroyKey { agent: agent(1) });
    world.keys.working.set(false);
    assert_eq!(signed(world.done(pay(1, 100))), again);
    world.now = None;
    assert_eq!(signed(world.done(pay(1, 100))), again);
    world.shown = Some(99);
    assert!(world.ask(&pay(1, 100)).record.is_some(), "frozen now");
    assert_eq!(signed(world.done(pay(1, 100))), again);
    assert_eq!(
        world.journal.len(),
        records + 4,
        "policy, suspension, destruction, frost; no second spend"
    );
    world.now = Some(Now::at(T));
    assert_eq!(headroom(&mut world, Asset::Sol), (100, 100, 100));
}

#[test]
fn one_transaction_id_signs_one_message() {
    let mut world = World::ready();
    world.done(Request::CreateAgentKey { agent: agent(2) });
    world.approve(2, policy(1));
    world.done(pay(1, 100));
    assert_eq!(world.refused(pay(1, 99)), Reason::TransactionReused);
    let spend = payment(1, 100, shop());
    let other_blockhash = message(1, &wallet(1).spend(&spend).unwrap(), 1);
    let (transaction, message) = (transaction(1), other_blockhash);
    assert_eq!(
        world.refused(Request::SignSpend {
            transaction,
            agent: agent(1),
            message
        }),
        Reason::TransactionReused
    );
    let mut request = pay(1, 100);
    if let Request::SignSpend { agent: asker, .. } = &mut request {
        *asker = agent(2);
    }
    assert_eq!(world.refused(request), Reason::TransactionReused, "another agent's");
}

#[test]
fn the_memo_is_the_transaction_that_is_asked_for() {
    let mut world = World::ready();
    let mut request = pay(1, 10);
    if let Request::SignSpend { transaction: id, .. } = &mut request {
        *id = transaction(2);
    }
    assert_eq!(world.refused(request), Reason::WrongMemo);
}

#[test]
fn without_a_clock_nothing_is_signed_and_nothing_is_booked() {
    let mut world = World::ready();
    world.now = None;
    assert_eq!(world.refused(pay(1, 1)), Reason::ClockUnavailable);
    world.at(0).done(pay(1, 1));
}

#[test]
fn without_its_key_nothing_is_booked() {
    let mut world = World::ready();
    world.keys.working.set(false);
    assert_eq!(world.refused(pay(1, 1)), Reason::KeyUnavailable);
    assert_eq!(headroom(&mut world, Asset::Sol), (0, 0, 0));
}

#[test]
fn only_amounts_that_need_nobodys_consent_are_signed() {
    let mut world = World::ready();
    let mut stepped = policy(2);
    let at = |units| Some(amount(units));
    stepped.escalation = Escalation {
        low: at(20),
        medium: at(40),
        high: at(60),
        critical: at(80),
    };
    world.approve(1, stepped);
    for units in [19, 20, 39] {
        world.done(pay(units, units));
    }
    for (units, codes) in [
        (40, vec![]),
        (60, vec!["POLICY_AMOUNT_CRITICAL"]),
        (80, vec!["POLICY_AMOUNT_CRITICAL"]),
    ] {
        let refusal = world.refusal(pay(units, units));
        assert_eq!(
            (refusal.reason, refusal.codes),
            (Reason::Policy, codes.into_iter().map(str::to_owned).collect())
        );
    }
}

#[test]
fn the_least_interval_is_kept_over_all_assets() {
    let mut world = World::ready();
    world.approve(1, {
        let mut slow = policy(2);
        slow.min_interval_seconds = 60;
        slow
    });
    world.done(pay(1, 1));
    assert_eq!(world.at(59).refused(pay(2, 1)), Reason::Policy);
    world.at(60).done(pay(2, 1));
}

#[test]
fn a_token_has_sums_of_its_own_and_needs_limits() {
    let mut world = World::ready();
    let refusal = world.refusal(signing(&token_payment(1, 1, false)));
    assert_eq!(refusal.codes, ["POLICY_TOKEN_NOT_ALLOWED"]);
    let mut world = ready_for_tokens();
    world.done(signing(&token_payment(1, 50, false)));
    world.done(signing(&token_payment(2, 10, false)));
    assert_eq!(world.refused(signing(&token_payment(3, 1, false))), Reason::Policy);
    assert_eq!(headroom(&mut world, Asset::Token(mint())), (60, 60, 60));
    assert_eq!(headroom(&mut world, Asset::Sol), (0, 0, 0));
    world.done(pay(4, 100));
}

#[test]
fn the_fee_payer_opens_so_many_token_accounts_a_day_for_an_agent_and_no_more() {
    let mut world = ready_for_tokens();
    let most = u64::try_from(ACCOUNTS_PER_DAY).unwrap();
    for id in 1..=most {
        world.done(signing(&token_payment(id, 1, true)));
    }
    assert_eq!(
        world.refused(signing(&token_payment(most + 1, 1, true))),
        Reason::TooManyAccounts
    );
    world.done(signing(&token_payment(most + 2, 1, false)));
    assert_eq!(
        world.at(86_399).refused(signing(&token_payment(most + 1, 1, true))),
        Reason::TooManyAccounts
    );
    world.at(86_400).done(signing(&token_payment(most + 1, 1, true)));
}

#[test]
fn what_was_opened_is_forgotten_by_the_slowest_clock() {
    let mut world = ready_for_tokens();
    let most = u64::try_from(ACCOUNTS_PER_DAY).unwrap();
    for id in 1..=most {
        world.done(signing(&token_payment(id, 1, true)));
    }
    let day = T.plus(Seconds(86_400));
    world.now = Some(Now::between(day.minus(Seconds(60)), day.plus(Seconds(50))));
    // A record that the fastest clock dates to the next day.
    world.done(signing(&token_payment(most + 1, 1, false)));
    assert_eq!(
        world.refused(signing(&token_payment(most + 2, 1, true))),
        Reason::TooManyAccounts
    );
}

#[test]
fn a_token_is_paid_by_the_program_and_with_the_decimals_that_the_owner_approved() {
    let mut world = ready_for_tokens();
    let mut policy = policy(3);
    policy.tokens.insert(
        mint(),
        TokenPolicy {
            limits: limits(50, 60, 400, 900),
            escalation: Escalation::default(),
            pinned: Some(PinnedToken {
                program: TOKEN,
                decimals: 6,
            }),
        },
    );
    world.approve(1, policy);
    let paying = |id, program, decimals| {
        let currency = Currency::Token {
            mint: mint(),
            program,
            decimals,
        };
        signing(&portreeve_chain::Spend {
            currency,
            ..token_payment(id, 1, false)
        })
    };
    let refusal = world.refusal(paying(1, TokenProgram::Token2022, 6));
    assert_eq!(
        (refusal.reason, refusal.codes),
        (Reason::Policy, vec!["POLICY_PROGRAM_NOT_ALLOWED".to_owned()])
    );
    for decimals in [0, 5, 7, 255] {
        assert_eq!(
            world.refused(paying(2, TokenProgram::Token, decimals)),
            Reason::WrongToken,
            "{decimals}"
        );
    }
    world.done(paying(3, TokenProgram::Token, 6));
}

#[test]
fn nothing_is_signed_before_the_first_policy_is_approved() {
    let mut world = World::new();
    assert_eq!(world.refused(pay(1, 1)), Reason::UnknownAgent);
    world.done(Request::CreateAgentKey { agent: agent(1) });
    assert_eq!(world.refused(pay(1, 1)), Reason::NoPolicy);
    assert_eq!(world.refused(proposed(1, &policy(1), None)), Reason::PolicyLoosens);
    assert_eq!(world.refused(pay(1, 1)), Reason::NoPolicy);
}

#[test]
fn what_is_no_message_is_refused() {
    let mut world = World::ready();
    let Bytes(good) = bytes_of(&pay(1, 1));
    let mut v0 = good.clone();
    v0.insert(0, 0x80);
    let trailing = [good.as_slice(), &[0]].concat();
    for bytes in [Vec::new(), vec![0; 3], good[..good.len() - 1].to_vec(), trailing, v0] {
        let request = Request::SignSpend {
            transaction: transaction(1),
            agent: agent(1),
            message: Bytes(bytes),
        };
        assert_eq!(world.refused(request), Reason::Undecodable);
    }
}

#[test]
fn sums_and_answers_survive_a_restart() {
    let mut world = World::ready();
    let first = signed(world.done(pay(1, 100)));
    world.done(pay(2, 100));
    world.state = world.restarted(world.journal.len());
    assert_eq!(headroom(&mut world, Asset::Sol), (200, 200, 200));
    assert_eq!(signed(world.done(pay(1, 100))).signatures, first.signatures);
    world.done(pay(3, 100));
    assert_eq!(world.refused(pay(4, 1)), Reason::Policy);
}

#[test]
fn health_tells_time_and_sequence() {
    let mut world = World::ready();
    let Answer::Health(health) = world.done(Request::Health) else {
        panic!()
    };
    assert_eq!((health.sequence, health.frozen, health.time), (3, false, Some(T)));
}

#[test]
fn a_signature_by_another_key_does_not_get_out() {
    let mut world = World::ready();
    world.keys.swapped.set(true);
    assert_eq!(world.refused(pay(1, 1)), Reason::KeyUnavailable);
    assert_eq!(headroom(&mut world, Asset::Sol), (0, 0, 0));
}
