//! Decoding is one to one: no byte of an accepted message is untold, and no two messages tell the same.

use {
    crate::common::*,
    portreeve_chain::{
        Action, decode,
        squads::{Currency, UseSpendingLimit},
    },
    proptest::{collection::vec, prelude::*, sample::Index},
};

/// Every message that differs from a valid payment in one byte is refused or tells another story. Bytes of addresses
/// and hashes are changed bit by bit, all others to every value.
#[test]
fn no_single_byte_of_a_payment_can_be_changed_unseen() {
    let wallet = wallet();
    for spend in [sol_spend(), token_spend()] {
        let original = spend_message(&spend);
        let told = decode(original.as_bytes(), &programs()).unwrap();
        let opaque = 4..4 + 32 * (usize::from(original.as_bytes()[3]) + 1);
        let mut still_ours = 0;
        for (at, byte) in original.as_bytes().iter().enumerate() {
            let values: Vec<u8> = if opaque.contains(&at) {
                (0..8).map(|bit| byte ^ (1 << bit)).collect()
            } else {
                (0..=u8::MAX).filter(|value| value != byte).collect()
            };
            for value in values {
                let mut bytes = original.as_bytes().to_vec();
                bytes[at] = value;
                let Ok(other) = decode(&bytes, &programs()) else {
                    continue;
                };
                assert_ne!(other, told, "byte {at} = {value}");
                let Ok(other_spend) = wallet.check_spend(&other) else {
                    continue;
                };
                if other_spend == spend {
                    // The same payment under another blockhash: the one thing a payment does not say.
                    assert_ne!(other.recent_blockhash, told.recent_blockhash, "byte {at} = {value}");
                    assert_eq!(other.actions, told.actions);
                } else {
                    still_ours += 1;
                }
            }
        }
        assert!(
            still_ours > 1_000,
            "amounts, decimals and memos were tried: {still_ours}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_built_is_told_exactly(actions in vec(any_action(), 1..4)) {
        // A right that one action gives to the account of another, or a program among the parties, changes nothing.
        if let Ok(message) = wallet().message(HASH, &actions) {
            let told = decode(message.as_bytes(), &programs()).unwrap();
            prop_assert_eq!(&told.actions, &actions);
            prop_assert_eq!(told.signers.as_slice(), message.signers());
            prop_assert_eq!((told.fee_payer, told.recent_blockhash), (FEE_PAYER, HASH));
        }
    }

    #[test]
    fn no_mutation_panics_and_none_is_told_as_the_original(
        actions in vec(any_action(), 1..3),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
        insert in any::<Index>(),
    ) {
        if let Ok(message) = wallet().message(HASH, &actions) {
            let told = decode(message.as_bytes(), &programs()).unwrap();
            let mut changed = message.as_bytes().to_vec();
            for (at, value) in &changes {
                let at = at.index(changed.len());
                changed[at] = *value;
            }
            let shorter = changed[..cut.index(changed.len())].to_vec();
            let mut longer = changed.clone();
            longer.insert(insert.index(longer.len()), 0);
            for bytes in [changed, shorter, longer] {
                if bytes == message.as_bytes() {
                    continue;
                }
                if let Ok(other) = decode(&bytes, &programs()) {
                    prop_assert_ne!(&other, &told);
                    let again = portreeve_chain::compile(
                        &programs(), other.fee_payer, other.recent_blockhash, &other.actions,
                    ).unwrap();
                    prop_assert_eq!(again.as_bytes(), bytes);
                }
            }
        }
    }

    #[test]
    fn two_accounts_exchanged_are_never_the_same_payment(a in 0_usize..13, b in 0_usize..13) {
        let wallet = wallet();
        for spend in [sol_spend(), token_spend()] {
            let original = spend_message(&spend);
            let mut bytes = original.as_bytes().to_vec();
            let count = usize::from(bytes[3]);
            let key = |place: usize| 4 + 32 * (place % count)..36 + 32 * (place % count);
            let (left, right) = (bytes[key(a)].to_vec(), bytes[key(b)].to_vec());
            bytes[key(a)].copy_from_slice(&right);
            bytes[key(b)].copy_from_slice(&left);
            if bytes != original.as_bytes() {
                let checked = decode(&bytes, &programs()).ok().and_then(|told| wallet.check_spend(&told).ok());
                prop_assert_ne!(checked, Some(spend));
            }
        }
    }

    #[test]
    fn a_limit_is_told_but_not_vouched_for(limit in any_address()) {
        let action = match wallet().spend(&sol_spend()).unwrap().remove(0) {
            Action::UseSpendingLimit(pay) => UseSpendingLimit { limit, currency: Currency::Sol, ..pay },
            other => panic!("{other}"),
        };
        let told = decoded(&[action.clone().into()]);
        prop_assert_eq!(&told.actions, &vec![Action::from(action)]);
        prop_assert!(wallet().check_spend(&told).is_err());
    }
}
