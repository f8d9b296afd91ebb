//! A small run as it should be: two payments of an agent with a limit of two, and a third that was refused.

use crate::{
    facts::{Account, Agent, Booking, Books, Entry, Facts, Landed, OnChain, Payment, Reservation, Signed},
    history::{Op, Reply},
};

const DAY: i64 = 1_800_000_000_000;

pub(super) fn run() -> Facts {
    let (agent, unit) = ("agt".to_owned(), 1000);
    let payment = |name: &str, stage: &str| Payment {
        id: format!("tx_{name}"),
        agent: agent.clone(),
        key: format!("pay-{name}"),
        lamports: unit,
        stage: stage.into(),
        status: if stage == "FINALIZED" { "CONFIRMED" } else { "REJECTED" }.into(),
        code: (stage == "DENIED").then(|| "POLICY_DAILY_LIMIT_EXCEEDED".to_owned()),
        signature: (stage == "FINALIZED").then(|| format!("sig_{name}")),
    };
    let payments = vec![
        payment("a", "FINALIZED"),
        payment("b", "FINALIZED"),
        payment("c", "DENIED"),
    ];
    let entry = |seq, kind: &str, name: &str| Entry {
        seq,
        at: DAY + i64::try_from(seq).unwrap(),
        kind: format!("transaction.{kind}"),
        payment: format!("tx_{name}"),
        landed_at: (kind == "confirmed").then_some(DAY),
    };
    let entries = vec![
        entry(0, "reserved", "a"),
        entry(1, "signed", "a"),
        entry(2, "confirmed", "a"),
        entry(3, "reserved", "b"),
        entry(4, "signed", "b"),
        entry(5, "confirmed", "b"),
        entry(6, "denied", "c"),
    ];
    let names = ["agent:agt:SOL", "owner:own:SOL", "signer:agt:SOL"];
    let reservation = |name: &str, account: &str| Reservation {
        payment: format!("tx_{name}"),
        account: account.to_owned(),
        state: "SETTLED".into(),
        lamports: unit,
    };
    let account = |id: &str| Account {
        id: id.to_owned(),
        settled: 2000,
        pending: 0,
        next_seq: 2,
    };
    let booking = |account: &str, seq, name: &str| Booking {
        account: account.to_owned(),
        seq,
        payment: format!("tx_{name}"),
        at: DAY,
        lamports: unit,
        running: unit * (seq + 1),
    };
    let landed = |name: &str| Landed {
        signature: format!("sig_{name}"),
        payment: Some(format!("tx_{name}")),
        failed: false,
        lamports: i128::from(unit),
    };
    let books = Books {
        entries,
        audit_size: 7,
        audit_broken: None,
        reservations: names
            .iter()
            .flat_map(|id| [reservation("a", id), reservation("b", id)])
            .collect(),
        accounts: names.iter().map(|id| account(id)).collect(),
        bookings: names
            .iter()
            .flat_map(|id| [booking(id, 0, "a"), booking(id, 1, "b")])
            .collect(),
        payments,
    };
    let signed = |payment: &Payment| (payment.id.clone(), payment.signature.clone());
    let signer = Signed {
        lamports: 2 * unit,
        payments: books.payments.iter().map(signed).collect(),
    };
    Facts {
        agents: vec![Agent {
            id: agent,
            limits: [2; 3],
            funded: 10_000,
        }],
        unit,
        chain: vec![OnChain {
            landed: vec![landed("a"), landed("b")],
            vault: 8000,
        }],
        signer: vec![signer],
        books,
    }
}

/// The first answer to each payment, one after the other, and then each once more.
pub(super) fn history() -> Vec<Op> {
    let op = |ticket: u64, name: &str, reply| Op {
        ticket,
        agent: 0,
        key: format!("pay-{name}"),
        units: 1,
        malformed: false,
        asked: ticket * 10,
        answered: Some(ticket * 10 + 5),
        reply,
    };
    let http = |status, code: Option<&str>, name: &str, state: Option<&str>, replayed| Reply::Http {
        status,
        code: code.map(str::to_owned),
        payment: Some(format!("tx_{name}")),
        state: state.map(str::to_owned),
        replayed,
    };
    let denied = Some("POLICY_DAILY_LIMIT_EXCEEDED");
    vec![
        op(0, "a", http(202, None, "a", Some("APPROVED"), false)),
        op(1, "b", http(202, None, "b", Some("APPROVED"), false)),
        op(2, "c", http(403, denied, "c", None, false)),
        op(3, "a", http(202, None, "a", Some("CONFIRMED"), true)),
        op(4, "b", http(202, None, "b", Some("SUBMITTED"), true)),
        op(5, "c", http(202, None, "c", Some("REJECTED"), true)),
    ]
}
