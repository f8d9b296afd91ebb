//! What clients were told holds: every answer that was given is in the books, under its key, for ever the same; a payment's
//! end is never taken back; and a malformed request leaves nothing behind.

use {
    super::{Finding, Findings},
    crate::{
        facts::{Facts, Payment},
        history::{Op, Reply},
    },
    std::collections::{BTreeMap, BTreeSet},
};

pub(super) fn judge(facts: &Facts, history: &[Op]) -> Vec<Finding> {
    let mut found = Findings::of("answers");
    let rows = facts
        .books
        .payments
        .iter()
        .map(|one| ((one.agent.as_str(), one.key.as_str()), one));
    let rows: BTreeMap<(&str, &str), &Payment> = rows.collect();
    let mut by_key: BTreeMap<(usize, &str), Vec<&Op>> = BTreeMap::new();
    for op in history {
        let row = rows
            .get(&(facts.agents[op.agent].id.as_str(), op.key.as_str()))
            .copied();
        if op.malformed {
            malformed(&mut found, op, row);
        } else {
            one(&mut found, op, row, facts.unit);
            by_key.entry((op.agent, op.key.as_str())).or_default().push(op);
        }
    }
    let asked: BTreeSet<(&str, &str)> = by_key
        .keys()
        .map(|(agent, key)| (facts.agents[*agent].id.as_str(), *key))
        .collect();
    for (name, row) in &rows {
        found.check(asked.contains(name), || {
            format!("nobody asked for {}, under the key `{}`", row.id, row.key)
        });
    }
    for ((_, key), ops) in by_key {
        over_time(&mut found, key, &ops);
    }
    found.all()
}

fn malformed(found: &mut Findings, op: &Op, row: Option<&Payment>) {
    found.check(row.is_none(), || {
        format!("the malformed request `{}` is in the books", op.key)
    });
    if let Reply::Http { status, code, .. } = &op.reply {
        let refused = (400..500).contains(status) || *status == 503;
        found.check(refused, || {
            format!("the malformed request `{}` was answered {status} {code:?}", op.key)
        });
    }
}

fn one(found: &mut Findings, op: &Op, row: Option<&Payment>, unit: u64) {
    let Reply::Http {
        status,
        code,
        payment,
        state,
        ..
    } = &op.reply
    else {
        return;
    };
    let code = code.as_deref().unwrap_or_default();
    let same = row.is_some_and(|row| Some(&row.id) == payment.as_ref());
    let kept = |found: &mut Findings| {
        found.check(same, || {
            let row = row.map(|row| &row.id);
            format!(
                "`{}` was answered {status} {code} for {payment:?}, and the books have {row:?}",
                op.key
            )
        });
    };
    let body = row.is_none_or(|row| row.lamports == op.units * unit);
    match (status, code) {
        (202, _) => {
            kept(found);
            found.check(body, || {
                format!("`{}` was taken for a payment of another amount", op.key)
            });
            let (Some(row), Some(state)) = (row, state) else { return };
            let open = ["PENDING", "APPROVED", "SUBMITTED"].contains(&state.as_str());
            // One that was open then may have got any end but the refusal that comes before all.
            let fine = if open { !row.was_refused() } else { *state == row.status };
            found.check(fine, || {
                format!("{} was told to be {state}, and is {}", row.id, row.status)
            });
        }
        (403, code) if code.starts_with("POLICY_") => {
            kept(found);
            let denied = row.is_some_and(|row| row.was_refused() && row.code.as_deref() == Some(code));
            found.check(denied, || {
                format!("`{}` was denied for {code}, and the books do not say so", op.key)
            });
        }
        (422, "REQUEST_IDEMPOTENCY_MISMATCH") => {
            kept(found);
            found.check(row.is_none() || !body, || {
                format!("`{}` was refused as another body, which it is not", op.key)
            });
        }
        (409 | 422, code) if code.starts_with("TRANSACTION_") => {
            kept(found);
            let failed = row.is_some_and(|row| !row.was_refused() && !row.is_open() && !row.is_settled());
            found.check(failed, || {
                format!("`{}` was told to have failed, and the books do not say so", op.key)
            });
        }
        // Nothing is promised: it may have been done or not.
        (503, _) => {}
        _ => found.add(format!("`{}` was answered {status} {code}", op.key)),
    }
}

/// One creation at most, and no end that is taken back.
fn over_time(found: &mut Findings, key: &str, ops: &[&Op]) {
    let created = ops.iter().filter(|op| is_creation(&op.reply)).count();
    found.check(created <= 1, || format!("{created} answers say that `{key}` is new"));
    let ends = |op: &&&Op| match &op.reply {
        Reply::Http {
            status: 202,
            state: Some(state),
            ..
        } => ["CONFIRMED", "FAILED", "EXPIRED", "REJECTED"].contains(&state.as_str()),
        _ => false,
    };
    let Some(first_end) = ops.iter().filter(ends).filter_map(|op| op.answered).min() else {
        return;
    };
    for later in ops.iter().filter(|op| op.asked > first_end) {
        if let Reply::Http {
            status: 202,
            state: Some(state),
            ..
        } = &later.reply
        {
            let open = ["PENDING", "APPROVED", "SUBMITTED"].contains(&state.as_str());
            found.check(!open, || format!("`{key}` had its end and is {state} again"));
        }
    }
}

/// Whether the reply belongs to the one request that made the payment.
pub(super) fn is_creation(reply: &Reply) -> bool {
    match reply {
        Reply::Http {
            status: 202, replayed, ..
        } => !replayed,
        Reply::Http {
            status: 403,
            code: Some(code),
            ..
        } => code.starts_with("POLICY_"),
        Reply::Http {
            status: 409 | 422,
            code: Some(code),
            ..
        } => code.starts_with("TRANSACTION_"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::*, *};

    fn says(facts: &Facts, history: &[Op], what: &str) {
        let found = judge(facts, history);
        assert!(found.iter().any(|one| one.what.contains(what)), "{found:#?}");
    }

    fn answer(op: &mut Op, change: impl FnOnce(&mut u16, &mut Option<String>, &mut bool)) {
        let Reply::Http {
            status,
            state,
            replayed,
            ..
        } = &mut op.reply
        else {
            panic!()
        };
        change(status, state, replayed);
    }

    #[test]
    fn a_history_as_it_should_be_is_in_order() {
        assert_eq!(judge(&run(), &history()), []);
    }

    #[test]
    fn an_acknowledged_payment_or_refusal_that_is_lost_is_found() {
        let mut facts = run();
        facts.books.payments.remove(1);
        says(
            &facts,
            &history(),
            "`pay-b` was answered 202  for Some(\"tx_b\"), and the books have None",
        );
        let mut facts = run();
        facts.books.payments.remove(2);
        says(&facts, &history(), "`pay-c` was answered 403");
    }

    #[test]
    fn a_key_that_is_new_twice_is_found() {
        let mut history = history();
        answer(&mut history[3], |_, _, replayed| *replayed = false);
        says(&run(), &history, "2 answers say that `pay-a` is new");
    }

    #[test]
    fn an_end_that_is_taken_back_is_found() {
        let mut history = history();
        history[3].answered = Some(6);
        let mut after = history[3].clone();
        (after.ticket, after.asked, after.answered) = (9, 90, Some(91));
        answer(&mut after, |_, state, _| *state = Some("SUBMITTED".into()));
        history.push(after);
        says(&run(), &history, "`pay-a` had its end and is SUBMITTED again");
        let mut facts = run();
        facts.books.payments[0].status = "EXPIRED".into();
        says(&facts, &history, "tx_a was told to be CONFIRMED, and is EXPIRED");
    }

    #[test]
    fn a_malformed_request_that_is_kept_or_taken_is_found() {
        let mut history = history();
        history[0].malformed = true;
        says(&run(), &history, "the malformed request `pay-a` is in the books");
        says(&run(), &history, "the malformed request `pay-a` was answered 202");
    }

    #[test]
    fn a_payment_that_nobody_asked_for_is_found() {
        says(&run(), &history()[..2], "nobody asked for tx_c");
    }

    #[test]
    fn an_answer_that_should_never_come_is_found() {
        let mut history = history();
        answer(&mut history[0], |status, _, _| *status = 500);
        says(&run(), &history, "`pay-a` was answered 500");
    }

    #[test]
    fn what_is_lost_or_unavailable_promises_nothing() {
        let (mut facts, mut history) = (run(), history());
        history.retain(|op| op.key != "pay-b");
        history.push(Op {
            reply: Reply::Lost,
            answered: None,
            key: "pay-b".into(),
            ..history[0].clone()
        });
        assert_eq!(judge(&facts, &history), []);
        facts.books.payments.retain(|one| one.key != "pay-b");
        assert_eq!(judge(&facts, &history), []);
    }
}
