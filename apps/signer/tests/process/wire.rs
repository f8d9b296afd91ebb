//! What is no request gets no further than the socket.

use {
    crate::support::*,
    portreeve_signing::{
        Reason,
        protocol::{Outcome, Request},
    },
    std::io::{Read, Write},
};

fn malformed(client: &mut Client) {
    let reply = client.read().unwrap();
    let Outcome::Refused(refusal) = reply.outcome else {
        panic!()
    };
    assert_eq!((refusal.reason, reply.receipt), (Reason::Malformed, None));
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 0, "and then it hangs up");
}

#[test]
fn garbage_is_refused_and_the_signer_lives_on() {
    let place = Place::new();
    let signer = place.serve();
    let framed = |body: &[u8]| [u32::try_from(body.len()).unwrap().to_be_bytes().as_slice(), body].concat();
    for body in [
        b"{}".as_slice(),
        b"GET / HTTP/1.1",
        br#"{"request":{"kind":"exportKey"}}"#,
        br#"{"request":{"kind":"health"},"extra":1}"#,
        br#"{"request":{"kind":"health"}} {"request":{"kind":"health"}}"#,
        &[b'['; 60_000],
        &[0xFF; 100],
    ] {
        let mut client = signer.client();
        client.stream.write_all(&framed(body)).unwrap();
        malformed(&mut client);
    }
    for header in [[0, 0, 0, 0], [0, 1, 0, 1], [0xFF; 4]] {
        let mut client = signer.client();
        client.stream.write_all(&header).unwrap();
        malformed(&mut client);
    }
    signer.client().done(&Request::Health);
}

#[test]
fn a_peer_that_hangs_up_in_the_middle_disturbs_nobody() {
    let place = Place::new();
    let signer = place.serve();
    for bytes in [&[][..], &[0, 0], &[0, 0, 0, 50, b'{']] {
        let mut client = signer.client();
        client.stream.write_all(bytes).unwrap();
        drop(client);
    }
    signer.client().done(&Request::Health);
}

#[test]
fn one_connection_carries_many_requests_and_many_connections_stay_open() {
    let place = Place::new();
    let signer = place.serve();
    let mut clients: Vec<Client> = (0..100).map(|_| signer.client()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.done(&Request::Health);
        }
    }
}
