//! What counts as a passkey's consent, and what does not.

use {
    crate::authenticator::*,
    portreeve_kernel::{OwnerProof, proof::Challenge},
    portreeve_signing::Passkey,
    proptest::prelude::*,
};

fn challenge() -> Challenge {
    Challenge::over("policy", b"x")
}

fn counts(pinned: &Passkey, proof: &OwnerProof) -> bool {
    pinned.asserts(proof, &challenge())
}

#[test]
fn what_the_person_showed_on_our_page_is_consent_to_that_challenge_alone() {
    let device = Authenticator::new(1);
    let proof = device.approve(&challenge());
    assert!(counts(&device.passkey(), &proof));
    assert!(!device.passkey().asserts(&proof, &Challenge::over("policy", b"y")));
    assert!(!device.passkey().asserts(&proof, &Challenge::over("resume", b"x")));
}

#[test]
fn what_authenticators_and_browsers_add_changes_nothing() {
    let good = Authenticator::asked(&challenge());
    let longer = good.replace('}', r#","other_keys_can_be_added_here":{"a":[1,{"b":null}]}}"#);
    let spaced = good.replace(',', " ,\n ");
    let silent = good.replace(r#","crossOrigin":false"#, "");
    let device = Authenticator::new(1);
    for client in [&longer, &spaced, &silent] {
        assert!(counts(&device.passkey(), &device.shows(client)), "{client}");
    }
    // Backed up, with extensions (a map of nothing), on another counter.
    let synced = Authenticator {
        flags: 0x05 | 0x18 | 0x80,
        more: vec![0xA0],
        ..device.clone()
    };
    assert!(counts(&device.passkey(), &synced.approve(&challenge())));
}

#[test]
fn an_assertion_for_another_challenge_origin_site_or_without_the_person_is_no_consent() {
    let device = Authenticator::new(1);
    let good = Authenticator::asked(&challenge());
    let own = text(challenge().as_bytes());
    let change = |from: &str, to: &str| {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        changed
    };
    let clients = [
        ("made, not shown", change("webauthn.get", "webauthn.create")),
        ("a payment", change("webauthn.get", "payment.get")),
        ("no kind", change(r#""type":"webauthn.get","#, "")),
        (
            "another challenge",
            Authenticator::asked(&Challenge::over("policy", b"y")),
        ),
        ("no challenge", change(&own, "")),
        ("a challenge with padding", change(&own, &format!("{own}="))),
        ("a longer challenge", change(&own, &format!("{own}AA"))),
        ("the challenge in Base58", change(&own, &challenge().to_string())),
        (
            "another origin",
            change(ORIGIN, "https://portreeve.example.evil.example"),
        ),
        ("another port", change(ORIGIN, "https://portreeve.example:8443")),
        ("no encryption", change(ORIGIN, "http://portreeve.example")),
        ("an origin below", change(ORIGIN, "https://a.portreeve.example")),
        ("no origin", change(&format!(r#","origin":"{ORIGIN}""#), "")),
        ("in a frame", change("false", "true")),
        ("perhaps in a frame", change("false", "null")),
        (
            "under another page",
            change('}'.to_string().as_str(), r#","topOrigin":"https://evil.example"}"#),
        ),
        (
            "kind twice",
            change(r#""type":"#, r#""type":"webauthn.create","type":"#),
        ),
        (
            "challenge twice",
            change(r#""challenge":"#, r#""challenge":"AA","challenge":"#),
        ),
        (
            "the right origin last",
            change(r#""origin":"#, r#""origin":"https://evil.example","origin":"#),
        ),
        (
            "frame twice",
            change(r#""crossOrigin":false"#, r#""crossOrigin":false,"crossOrigin":false"#),
        ),
        (
            "escaped twice",
            change(r#""type":"#, r#""t\u0079pe":"webauthn.get","type":"#),
        ),
        ("anything twice", change('}'.to_string().as_str(), r#","a":1,"a":1}"#)),
        ("more behind", format!("{good} {{}}")),
        ("a mark in front", format!("\u{FEFF}{good}")),
        ("a list", format!("[{good}]")),
        ("nothing", String::new()),
    ];
    for (what, client) in clients {
        assert!(!counts(&device.passkey(), &device.shows(&client)), "{what}");
    }
    let devices = [
        (
            "another site",
            Authenticator {
                site: "evil.example".to_owned(),
                ..device.clone()
            },
        ),
        (
            "a site below",
            Authenticator {
                site: "a.portreeve.example".to_owned(),
                ..device.clone()
            },
        ),
        (
            "nobody there",
            Authenticator {
                flags: 0x04,
                ..device.clone()
            },
        ),
        (
            "not checked",
            Authenticator {
                flags: 0x01,
                ..device.clone()
            },
        ),
        (
            "neither",
            Authenticator {
                flags: 0x18,
                ..device.clone()
            },
        ),
        ("another key", Authenticator::new(2)),
    ];
    for (what, other) in devices {
        let OwnerProof::Passkey {
            authenticator_data,
            client_data,
            signature,
            ..
        } = other.approve(&challenge())
        else {
            panic!()
        };
        let proof = OwnerProof::Passkey {
            credential_id: device.passkey().credential_id,
            authenticator_data,
            client_data,
            signature,
        };
        assert!(!counts(&device.passkey(), &proof), "{what}");
    }
    assert!(!counts(&device.passkey(), &Authenticator::new(2).approve(&challenge())));
    assert!(!counts(
        &device.passkey(),
        &crate::world::secret(3).approve(&challenge())
    ));
}

#[test]
fn a_part_that_is_too_short_too_long_or_spelt_otherwise_is_no_consent() {
    let device = Authenticator::new(1);
    let client = Authenticator::asked(&challenge());
    let (said, signature) = device.signs(client.as_bytes());
    let proof = |said: String, client: String, signature: String| OwnerProof::Passkey {
        credential_id: device.passkey().credential_id,
        authenticator_data: said,
        client_data: client,
        signature,
    };
    let der = signature.to_der();
    assert!(counts(
        &device.passkey(),
        &proof(text(&said), text(&client), text(&der))
    ));
    let long = client.replace('}', &format!(",\"a\":\"{}\"}}", "x".repeat(4_096)));
    let (_, over_long) = device.signs(long.as_bytes());
    for wrong in [
        proof(text(&said[..36]), text(&client), text(&der)),
        proof(String::new(), text(&client), text(&der)),
        proof(format!("{}=", text(&said)), text(&client), text(&der)),
        proof(text(&said), format!("{} ", text(&client)), text(&der)),
        proof(text(&said), text(&client), text(signature.to_bytes())),
        proof(text(&said), text(&client), text([der.as_bytes(), &[0]].concat())),
        proof(text(&said), text(&client), String::new()),
        proof(text(&said), text(&long), text(over_long.to_der())),
    ] {
        assert!(!counts(&device.passkey(), &wrong), "{wrong:?}");
    }
}

#[test]
fn a_signature_that_stands_for_nothing_is_none() {
    // r = s = 0, and r = s = the order: what broken verifiers let through for every message.
    let device = Authenticator::new(1);
    let client = Authenticator::asked(&challenge());
    let (said, _) = device.signs(client.as_bytes());
    let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&order[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let number = [&[0x02, 0x21, 0x00], order.as_slice()].concat();
    let at_order = [&[0x30, 70], number.as_slice(), &number].concat();
    for der in [vec![0x30, 6, 2, 1, 0, 2, 1, 0], at_order] {
        let proof = OwnerProof::Passkey {
            credential_id: device.passkey().credential_id,
            authenticator_data: text(&said),
            client_data: text(&client),
            signature: text(der),
        };
        assert!(!counts(&device.passkey(), &proof));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn one_flipped_bit_anywhere_is_a_refusal(seed in 1_u8..200, part in 0_usize..7, place in any::<usize>(), bit in 0_u32..8) {
        let device = Authenticator::new(seed);
        let (mut pinned, proof) = (device.passkey(), device.approve(&challenge()));
        prop_assert!(counts(&pinned, &proof));
        let OwnerProof::Passkey { mut credential_id, mut authenticator_data, mut client_data, mut signature } = proof else {
            panic!()
        };
        let flip = |part: &mut String| {
            let mut raw = bytes(part);
            let place = place % raw.len();
            raw[place] ^= 1 << bit;
            *part = text(raw);
        };
        // A name is no base64url: another letter in it.
        let spell = |part: &mut String| {
            let mut raw = std::mem::take(part).into_bytes();
            let place = place % raw.len();
            raw[place] ^= 1;
            *part = String::from_utf8(raw).unwrap();
        };
        match part {
            0 => flip(&mut credential_id),
            1 => flip(&mut authenticator_data),
            2 => flip(&mut client_data),
            3 => flip(&mut signature),
            4 => flip(&mut pinned.public_key),
            5 => spell(&mut pinned.rp_id),
            _ => spell(&mut pinned.origin),
        }
        let proof = OwnerProof::Passkey { credential_id, authenticator_data, client_data, signature };
        prop_assert!(!counts(&pinned, &proof));
    }
}
