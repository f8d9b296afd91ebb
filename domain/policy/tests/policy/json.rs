//! The form in which a policy is stored, hashed and signed.

use crate::{
    random::policies,
    support::{address, amount, limits, mint, open_policy},
};
use portreeve_kernel::{AgentId, Timestamp, entropy::Seeded};
use portreeve_policy::{
    AgentPolicy, Escalation, Hours, PinnedToken, PolicyInput, Preset, TokenPolicy, Weekday, approval_challenge,
};
use proptest::prelude::*;

fn agent(seed: u64) -> AgentId {
    AgentId::new(Timestamp::EPOCH, &Seeded::new(seed))
}

fn full() -> AgentPolicy {
    let mut policy = AgentPolicy {
        limits: limits(1, 2, 3, 4),
        escalation: Escalation {
            low: Some(amount(1)),
            critical: Some(amount(9)),
            ..Escalation::default()
        },
        min_interval_seconds: 60,
        ..open_policy()
    };
    let rules = TokenPolicy {
        limits: limits(5, 6, 7, 8),
        escalation: Escalation::default(),
        pinned: None,
    };
    policy.tokens.insert(mint(0), rules);
    policy.whitelist.allowed_destinations = [address(0)].into();
    policy.time_control.operating_hours_utc = Some(Hours { start: 22, end: 6 });
    policy.time_control.weekdays = [Weekday::Sunday, Weekday::Monday].into();
    policy.time_control.blackout_dates = ["2028-02-29".parse().unwrap(), "2027-12-31".parse().unwrap()].into();
    policy
}

#[test]
fn the_canonical_form_is_fixed_to_the_byte() {
    let text = String::from_utf8(full().canonical_bytes()).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"version":1,"#,
            r#""limits":{"perTransaction":"1","daily":"2","weekly":"3","monthly":"4"},"#,
            r#""escalation":{"low":"1","critical":"9"},"#,
            r#""tokens":{"11111111111111111111111111111111":"#,
            r#"{"limits":{"perTransaction":"5","daily":"6","weekly":"7","monthly":"8"},"escalation":{}}},"#,
            r#""whitelist":{"allowedDestinations":["11111111111111111111111111111111"],"allowedPrograms":[],"#,
            r#""allowedTokenMints":[]},"#,
            r#""timeControl":{"operatingHoursUtc":{"start":22,"end":6},"weekdays":["monday","sunday"],"#,
            r#""blackoutDates":["2027-12-31","2028-02-29"]},"#,
            r#""minIntervalSeconds":60,"approvalMayExceedPerTransaction":false,"chainDestinations":"whitelist"}"#,
        )
    );
}

#[test]
fn what_is_pinned_of_a_token_is_signed_too() {
    let mut policy = full();
    let bare = policy.canonical_bytes();
    let pinned = PinnedToken {
        program: address(0),
        decimals: 6,
    };
    policy.tokens.get_mut(&mint(0)).unwrap().pinned = Some(pinned);
    let text = String::from_utf8(policy.canonical_bytes()).unwrap();
    let part = r#""escalation":{},"pinned":{"program":"11111111111111111111111111111111","decimals":6}}}"#;
    assert!(text.contains(part), "{text}");
    assert_eq!(text.as_bytes(), serde_json::to_vec(&policy).unwrap());
    assert_eq!(serde_json::from_str::<AgentPolicy>(&text).unwrap(), policy);
    assert_eq!(
        text.replace(part, r#""escalation":{}}}"#).as_bytes(),
        bare,
        "nothing else changes"
    );
}

#[test]
fn what_the_owner_signs_for_a_known_policy_never_changes() {
    let policy = PolicyInput::from(Preset::Standard).resolve(1).unwrap();
    let agent = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV".parse().unwrap();
    insta::assert_snapshot!(approval_challenge(&agent, &policy));
}

#[test]
fn the_approval_is_for_one_agent_and_one_version() {
    let policy = full();
    let challenge = approval_challenge(&agent(1), &policy);
    assert_eq!(challenge, approval_challenge(&agent(1), &policy));
    assert_ne!(challenge, approval_challenge(&agent(2), &policy));
    let newer = AgentPolicy {
        version: 2,
        ..policy.clone()
    };
    assert_ne!(challenge, approval_challenge(&agent(1), &newer));
    assert_ne!(policy.hash(), newer.hash());
}

#[test]
fn a_stored_policy_with_a_field_too_many_or_too_few_is_refused() {
    let whole = serde_json::to_value(full()).unwrap();
    assert!(serde_json::from_value::<AgentPolicy>(whole.clone()).is_ok());
    for path in ["/limits", "/whitelist", "/timeControl", ""] {
        let mut more = whole.clone();
        let object = more
            .pointer_mut(path)
            .and_then(serde_json::Value::as_object_mut)
            .unwrap();
        object.insert("extra".into(), 1.into());
        assert!(serde_json::from_value::<AgentPolicy>(more).is_err(), "{path}");
    }
    for (path, field) in [
        ("", "version"),
        ("", "tokens"),
        ("", "chainDestinations"),
        ("/limits", "weekly"),
        ("/whitelist", "allowedDestinations"),
        ("/timeControl", "blackoutDates"),
    ] {
        let mut less = whole.clone();
        let object = less
            .pointer_mut(path)
            .and_then(serde_json::Value::as_object_mut)
            .unwrap();
        assert!(object.remove(field).is_some(), "{field}");
        assert!(serde_json::from_value::<AgentPolicy>(less).is_err(), "{field}");
    }
}

#[test]
fn the_order_in_which_lists_were_written_does_not_show() {
    let (one, two) = (address(1), address(2));
    let read = |list: [_; 2]| {
        let mut value = serde_json::to_value(open_policy()).unwrap();
        value["whitelist"]["allowedDestinations"] = serde_json::to_value(list).unwrap();
        serde_json::from_value::<AgentPolicy>(value).unwrap()
    };
    assert_eq!(read([one, two]).hash(), read([two, one]).hash());
}

proptest! {
    #[test]
    fn the_canonical_form_is_the_json_that_serde_writes_and_reads_back(policy in policies()) {
        let bytes = policy.canonical_bytes();
        prop_assert_eq!(&bytes, &serde_json::to_vec(&policy).unwrap());
        prop_assert_eq!(serde_json::from_slice::<AgentPolicy>(&bytes).unwrap(), policy);
    }

    #[test]
    fn different_policies_have_different_hashes(one in policies(), two in policies()) {
        prop_assert_eq!(one == two, one.hash() == two.hash());
    }
}
