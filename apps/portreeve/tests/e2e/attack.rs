//! Honest requests that come all at once.

use {
    crate::{
        estate::{Estate, policy, until},
        house::SOL,
    },
    std::{collections::BTreeSet, sync::Barrier, thread},
};

/// Runs `act` with 0, 1 … on as many threads, started together.
fn at_once<T: Send>(count: u64, act: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(usize::try_from(count).unwrap());
    let run = |number| {
        start.wait();
        act(number)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn many_at_once_get_one_payment_per_key_and_no_more_than_the_limit() {
    let estate = Estate::open();
    let shop = estate.house.somebody();
    let agent = estate.agent("racer", &policy());

    let answers = at_once(32, |_| estate.pay(&agent, &shop, SOL / 2, "one-key"));
    let ids: BTreeSet<&str> = answers
        .iter()
        .map(|answer| answer.is(202)["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 1, "32 requests are one payment");
    let first: Vec<_> = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed").is_none())
        .collect();
    assert_eq!(
        first.len(),
        1,
        "one is the first, the others are told that they are not"
    );
    assert_eq!(estate.until_ended(&answers[0].body)["status"], "CONFIRMED");
    assert_eq!(estate.house.chain.balance(&shop), SOL / 2);

    // 4.5 SOL are left of the day; 0.2 SOL fit 22 times.
    let answers = at_once(64, |number| {
        estate.pay(&agent, &shop, SOL / 5, &format!("key-{number}"))
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    for answer in refused {
        answer.is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    }
    assert_eq!(taken.len(), 22, "as many as fit, and not one less");
    for answer in taken {
        assert_eq!(estate.until_ended(&answer.body)["status"], "CONFIRMED");
    }
    let spent = SOL / 2 + 22 * (SOL / 5);
    assert_eq!(estate.house.chain.balance(&shop), spent);
    assert_eq!(estate.house.chain.balance(&agent.vault()), 10 * SOL - spent);
    assert_eq!(estate.used_today(&agent.id), spent);
    assert_eq!(
        estate.booked_today(&agent.id),
        (spent, spent),
        "server and signer agree"
    );
    let fits = estate.pay(&agent, &shop, SOL / 10, "the-rest");
    assert_eq!(
        estate.until_ended(fits.is(202))["status"],
        "CONFIRMED",
        "to the last lamport"
    );
    estate
        .pay(&agent, &shop, 1, "one-more")
        .is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    until("nothing of it is left to do", || {
        let list = estate
            .owner()
            .get(&format!("{}/transactions?status=SUBMITTED", agent.path()));
        list.is(200)["items"].as_array().unwrap().is_empty().then_some(())
    });
    estate.books().audit();
}
