//! Processes that die and files that are put back.

use {
    crate::support::*,
    portreeve_signing::{
        Reason,
        protocol::{Answer, Outcome, Request},
    },
    std::{fs, io::Write, thread, time::Duration},
};

/// Dies at `point` while it signs; then a new process must answer as if nothing had happened.
#[cfg(kill_points)]
#[test]
fn a_spend_is_signed_once_wherever_the_signer_dies() {
    for (point, booked) in [
        ("signer.journal.before", 0),
        ("signer.journal.after", 100),
        ("signer.reply.before", 100),
    ] {
        let place = Place::new();
        let wallet = {
            let signer = place.serve();
            signer.client().enrol(1, &policy(1, 100, 300))
        };
        // A reply is reached for the health question too, so there it is the second time that counts.
        let times = if point == "signer.reply.before" { 2 } else { 1 };
        let signer = place.serve_with(|command| {
            command.env("PORTREEVE_KILL_POINT", format!("{point}#{times}"));
        });
        let mut client = signer.client();
        client.done(&Request::Health);
        assert!(client.try_ask(&wallet.pay(1, 100)).is_err(), "{point}: no reply");
        let (status, _) = signer.ended();
        assert!(!status.success(), "{point}");

        let signer = place.serve();
        let mut client = signer.client();
        assert_eq!(client.booked(1), booked, "{point}");
        let first = client.signed(&wallet.pay(1, 100));
        assert_eq!(first.replayed, booked == 100, "{point}");
        assert_eq!(client.booked(1), 100, "{point}: booked once");
        assert_eq!(
            client.signed(&wallet.pay(1, 100)).signatures,
            first.signatures,
            "{point}"
        );
        client.signed(&wallet.pay(2, 100));
        client.signed(&wallet.pay(3, 100));
        assert_eq!(client.refused(&wallet.pay(4, 1)).reason, Reason::Policy, "{point}");
    }
}

#[test]
fn whatever_was_answered_before_a_kill_is_answered_again_and_the_sum_holds() {
    let place = Place::new();
    let mut signer = place.serve();
    let wallet = signer.client().enrol(1, &policy(1, 10, 400));
    let mut answered = Vec::new();
    let mut next = 0_u64;
    for round in 0..8_u64 {
        let socket = signer.socket.clone();
        let asked = thread::spawn({
            let wallet = wallet.clone();
            move || {
                let mut client = Client::connect(&socket).unwrap();
                let mut signed = Vec::new();
                for id in next.. {
                    match client.try_ask(&wallet.pay(id, 10)) {
                        Ok(reply) => match reply.outcome {
                            Outcome::Done(Answer::Spend(spend)) => signed.push((id, spend.signatures)),
                            _ => return (signed, id), // the budget is used up
                        },
                        Err(_) => return (signed, id + 1),
                    }
                }
                (signed, next)
            }
        });
        thread::sleep(Duration::from_millis(7 + 13 * round));
        signer.kill();
        let (signed, until) = asked.join().unwrap();
        answered.extend(signed);
        next = until;

        signer = place.serve();
        let mut client = signer.client();
        let booked = client.booked(1);
        assert!(
            booked <= 400 && booked >= 10 * u64::try_from(answered.len()).unwrap(),
            "{booked}"
        );
        for (id, signatures) in &answered {
            let again = client.signed(&wallet.pay(*id, 10));
            assert_eq!((&again.signatures, again.replayed), (signatures, true));
        }
    }
    assert!(!answered.is_empty());
    let mut client = signer.client();
    let left = 40 - client.booked(1) / 10;
    for id in next..next + left {
        client.signed(&wallet.pay(id, 10));
    }
    assert_eq!(client.booked(1), 400);
    assert_eq!(client.refused(&wallet.pay(next + left, 10)).reason, Reason::Policy);
}

#[test]
fn a_journal_that_cannot_be_written_ends_the_signer_and_nothing_is_told() {
    let place = Place::new();
    let wallet = {
        let signer = place.serve();
        signer.client().enrol(1, &policy(1, 100, 300))
    };
    let kept = fs::metadata(place.data("journal")).unwrap().len();
    // The disk is full in the middle of the next record.
    let signer = place.serve_under(r#"trap '' XFSZ; ulimit -f "$BLOCKS"; exec "$@""#, |command| {
        command.env("BLOCKS", (kept / 512 + 1).to_string());
    });
    let mut client = signer.client();
    assert!(client.try_ask(&wallet.pay(1, 100)).is_err());
    let (status, said) = signer.ended();
    assert!(!status.success() && said.contains("cannot write"), "{said}");

    let signer = place.serve();
    let mut client = signer.client();
    assert_eq!(client.booked(1), 0, "half a record is none");
    assert!(!client.signed(&wallet.pay(1, 100)).replayed);
    assert_eq!(client.booked(1), 100);
}

#[test]
fn a_torn_record_at_the_journals_end_is_cut_off() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    client.signed(&wallet.pay(1, 100));
    signer.kill();
    let whole = fs::read(place.data("journal")).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(place.data("journal")).unwrap();
    file.write_all(&whole[whole.len() - 200..whole.len() - 60]).unwrap();

    let signer = place.serve();
    let mut client = signer.client();
    assert_eq!(client.booked(1), 100);
    assert!(client.signed(&wallet.pay(1, 100)).replayed);
    client.signed(&wallet.pay(2, 100));
    signer.kill();
    let signer = place.serve();
    assert_eq!(signer.client().booked(1), 200);
}

#[test]
fn any_other_damage_to_the_journal_stops_the_start() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    client.signed(&wallet.pay(1, 100));
    signer.kill();
    let whole = fs::read(place.data("journal")).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let larger_limit = String::from_utf8(whole.clone())
        .unwrap()
        .replace("\"daily\":\"300\"", "\"daily\":\"900\"");
    let damages: [(&str, Vec<u8>); 6] = [
        ("a byte in the middle", {
            let mut bytes = whole.clone();
            bytes[whole.len() / 2] ^= 1;
            bytes
        }),
        ("a byte of the last record", {
            let mut bytes = whole.clone();
            bytes[whole.len() - 9] ^= 1;
            bytes
        }),
        ("the last record cut short", whole[..whole.len() - 9].to_vec()),
        ("the last record gone", lines[..lines.len() - 1].concat()),
        (
            "a record in the middle gone",
            [lines[..2].concat(), lines[3..].concat()].concat(),
        ),
        ("a limit raised", larger_limit.into_bytes()),
    ];
    for (what, bytes) in damages {
        assert_ne!(bytes, whole, "{what}");
        fs::write(place.data("journal"), bytes).unwrap();
        let said = place.refused_start();
        assert!(said.contains("the journal is"), "{what}: {said}");
    }
    fs::write(place.data("journal"), whole).unwrap();
    assert_eq!(place.serve().client().booked(1), 100);
}

#[test]
fn an_older_copy_of_the_whole_folder_is_found_out_by_the_servers_receipt_and_signs_nothing() {
    let place = Place::new();
    let signer = place.serve();
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    client.signed(&wallet.pay(1, 100));
    signer.kill();
    place.copy("signer", "backup");
    let signer = place.serve();
    let mut client = signer.client();
    client.signed(&wallet.pay(2, 100));
    client.signed(&wallet.pay(3, 100));
    let receipt = client.newest;
    signer.kill();
    place.copy("signer", "newest");
    place.copy("backup", "signer");

    let signer = place.serve();
    let mut client = signer.client();
    client.shows = receipt;
    assert_eq!(client.refused(&wallet.pay(4, 100)).reason, Reason::Frozen);
    client.shows = None;
    assert_eq!(
        client.refused(&wallet.pay(4, 100)).reason,
        Reason::Frozen,
        "it does not forget"
    );
    signer.kill();
    let signer = place.serve();
    let mut client = signer.client();
    assert_eq!(
        client.refused(&wallet.pay(4, 100)).reason,
        Reason::Frozen,
        "nor after a restart"
    );
    let Answer::Health(health) = client.done(&Request::Health) else {
        panic!()
    };
    assert!(health.frozen);
    let message = wallet.message(&[wallet.remove_limit()]);
    client.done(&Request::SignLimitRemoval {
        agent: agent(1),
        message,
    });
    signer.kill();

    place.copy("newest", "signer");
    let signer = place.serve();
    let mut client = signer.client();
    client.shows = receipt;
    assert_eq!(
        client.refused(&wallet.pay(4, 100)).reason,
        Reason::Policy,
        "the full journal is back, and knows"
    );
}

#[test]
fn a_receipt_of_another_signer_or_made_up_stops_nothing_for_good() {
    let (place, other) = (Place::new(), Place::new());
    let (signer, stranger) = (place.serve(), other.serve());
    let mut client = signer.client();
    let wallet = client.enrol(1, &policy(1, 100, 300));
    let mut theirs = stranger.client();
    theirs.done(&Request::Health);
    client.shows = theirs.newest;
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::ForeignReceipt);
    let mut made_up = client.newest.unwrap();
    made_up.sequence += 1_000;
    client.shows = Some(made_up);
    assert_eq!(client.refused(&wallet.pay(1, 1)).reason, Reason::ForeignReceipt);
    client.shows = client.newest;
    client.signed(&wallet.pay(1, 1));
}
