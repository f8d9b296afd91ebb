//! Passkeys as the owner's word, from the page to the signer. The real browser's part is in `tests/clients`.

use {
    crate::house::{House, item},
    portreeve_kernel::Address,
    serde_json::{Value, json},
};

fn wanted(house: &House, name: &str) -> String {
    let owner = house.api(&house.owner_key());
    let wish = json!({"nickname": name, "policy": {"preset": "standard"}});
    owner.post("/api/v1/agents", &wish).is(201)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn shown(house: &House, agent: &str) -> Value {
    house
        .api(&house.owner_key())
        .get(&format!("/api/v1/agents/{agent}"))
        .is(200)
        .clone()
}

/// The 32 bytes that `agent`'s `member` asks to have signed.
fn challenge(house: &House, agent: &str, member: &str) -> Address {
    shown(house, agent)[member]["challenge"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn an_owner_approves_on_the_page_by_a_passkey_that_the_approval_key_has_pinned() {
    let house = House::open();
    let mut ada = house.person(1, "owner");
    let agent = wanted(&house, "first");
    let (page, fields) = ada.looks_at(&house, &agent);
    assert!(
        page.contains("None of your passkeys is pinned") && fields.is_empty(),
        "{page}"
    );
    let list = house.cli(&["user", "passkeys", &ada.id, "--json"]).json();
    assert_eq!(item(&list, "id", &ada.passkey())["pinned"], false);

    let error = house
        .cli(&["user", "pin", &ada.id, &ada.passkey()])
        .fails_with(1)
        .to_owned();
    assert!(
        error.contains("--yes") && error.contains(&house.origin()),
        "nobody is there to look at it: {error}"
    );
    house.cli(&["user", "pin", &ada.id, "AQEB", "--yes"]).fails_with(1);
    house.cli(&["user", "pin", &ada.id, &ada.passkey(), "--yes"]).ok();
    let text = house.cli(&["user", "passkeys", &ada.id]).ok().to_owned();
    assert!(text.contains("pinned"), "{text}");

    let (page, _) = ada.looks_at(&house, &agent);
    let policy = house.cli(&["policy", "show", &agent]).ok().to_owned();
    for line in policy.lines().take_while(|line| !line.starts_with("waits")) {
        let (name, value) = line.split_once("  ").unwrap();
        assert!(
            page.contains(&format!("<dt>{name}</dt><dd>{}</dd>", value.trim())),
            "{line}: {page}"
        );
    }
    let click = ada.approval(&house, &agent);
    let done = ada.asks(&house, "/approve", &click);
    assert_eq!(done.is(200)["next"], format!("/approve/{agent}"));
    house.until_active(&agent);
    let vault = shown(&house, &agent)["vaultAddress"].as_str().unwrap().to_owned();
    house.chain.airdrop(&vault, 1_000_000_000);
    house.pay(&agent, &house.somebody(), "1000000").is(202);
    let (page, fields) = ada.looks_at(&house, &agent);
    assert!(page.contains("Nothing waits for you") && fields.is_empty(), "{page}");

    // Let go again, it is a passkey to sign in with and no more.
    let second = wanted(&house, "second");
    let click = ada.approval(&house, &second);
    house.cli(&["user", "unpin", &ada.passkey()]).ok();
    ada.asks(&house, "/approve", &click)
        .is_problem(403, "POLICY_PROOF_INVALID");
    assert_eq!(shown(&house, &second)["policyApproved"], false);
    let error = house.cli(&["user", "unpin", &ada.passkey()]).fails_with(1).to_owned();
    assert!(error.contains("AUTH_PASSKEY_NOT_FOUND"), "{error}");
}

#[test]
fn a_suspension_is_ended_by_a_pinned_passkey_and_by_no_other() {
    let house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    let (ada, bo) = (house.person(1, "owner"), house.person(2, "owner"));
    ada.is_pinned(&house);
    house.cli(&["agent", "suspend", &agent.id]).ok();
    crate::estate::until("it can be resumed", || {
        let seen = shown(&house, &agent.id);
        (seen["stage"].is_null() && seen["resumeApproval"].is_object()).then_some(())
    });
    let asked = challenge(&house, &agent.id, "resumeApproval");
    let path = format!("/api/v1/agents/{}/resume", agent.id);
    let owner = house.api(&house.owner_key());
    let resume = |proof: Value| owner.post(&path, &json!({"proof": proof}));
    resume(bo.consents(asked.as_bytes())).is_problem(403, "POLICY_PROOF_INVALID");
    resume(ada.consents(&[7; 32])).is_problem(403, "POLICY_PROOF_INVALID");
    resume(ada.consents(asked.as_bytes())).is(200);
    house.until_active(&agent.id);
    house.pay(&agent.id, &house.somebody(), "1000000").is(202);
}

#[test]
fn a_server_cannot_pin_a_passkey_of_its_own() {
    let house = House::open();
    let (ada, thief) = (house.person(1, "owner"), house.person(66, "owner"));
    let owner = house.api(&house.owner_key());
    // All that an owner's API key and the server itself have: its own passkey, and what the owner has signed before.
    let pins = owner.get("/api/v1/signer/passkeys").is(200).clone();
    let passkeys = owner.get(&format!("/api/v1/auth/users/{}/passkeys", thief.id)).is(200)["items"][0].clone();
    let own: portreeve_signing::Passkey = serde_json::from_value(json!({
        "credentialId": passkeys["id"], "publicKey": passkeys["publicKey"], "rpId": passkeys["rpId"],
        "origin": passkeys["origin"],
    }))
    .unwrap();
    let asked = portreeve_signing::pins::pin_challenge(pins["revision"].as_u64().unwrap(), &own);
    let stranger = portreeve_signing::key::SecretKey::from_seed(&[66; 32]);
    let body = |proof: &Value| json!({"passkeyId": thief.passkey(), "proof": proof});
    for proof in [
        thief.consents(asked.as_bytes()),
        ada.consents(asked.as_bytes()),
        json!(stranger.approve(&asked)),
    ] {
        owner
            .post("/api/v1/signer/passkeys", &body(&proof))
            .is_problem(403, "POLICY_PROOF_INVALID");
    }
    ada.is_pinned(&house);
    // What Ada consents to after that counts; what she consented to before, or to something else, does not.
    owner
        .post("/api/v1/signer/passkeys", &body(&ada.consents(asked.as_bytes())))
        .is_problem(403, "POLICY_PROOF_INVALID");
    let pins: portreeve_signing::Pins =
        serde_json::from_value(owner.get("/api/v1/signer/passkeys").is(200).clone()).unwrap();
    let now = pins.challenge(&own);
    let pinned = owner.post("/api/v1/signer/passkeys", &body(&ada.consents(now.as_bytes())));
    assert_eq!(pinned.is(200)["passkeys"].as_array().unwrap().len(), 2);
}

#[test]
fn who_is_removed_or_no_owner_any_more_approves_nothing_though_the_signer_still_believes_the_passkey() {
    let house = House::open();
    let (ada, bo) = (house.person(1, "owner"), house.person(2, "owner"));
    ada.is_pinned(&house);
    bo.is_pinned(&house);
    let agent = wanted(&house, "first");
    let asked = challenge(&house, &agent, "policyApproval");
    let approve = |proof: Value| {
        let path = format!("/api/v1/agents/{agent}/policy/approval");
        let body = json!({"policyVersion": 1, "proof": proof});
        house.api(&house.owner_key()).post(&path, &body)
    };
    house.cli(&["user", "role", &ada.id, "viewer"]).ok();
    approve(ada.consents(asked.as_bytes())).is_problem(403, "POLICY_PROOF_INVALID");
    house.cli(&["user", "remove", &bo.id]).ok();
    approve(bo.consents(asked.as_bytes())).is_problem(403, "POLICY_PROOF_INVALID");
    // Nor are they pinned anew, and they can be let go.
    house
        .cli(&["user", "pin", &ada.id, &ada.passkey(), "--yes"])
        .fails_with(3);
    house.cli(&["user", "unpin", &bo.passkey()]).ok();
    house.cli(&["user", "role", &ada.id, "owner"]).ok();
    approve(ada.consents(asked.as_bytes())).is(200);
}

#[test]
fn the_page_takes_a_click_of_its_own_form_by_who_may_and_with_their_own_passkey() {
    let house = House::open();
    let (mut ada, mut bo, mut vi) = (
        house.person(1, "owner"),
        house.person(2, "owner"),
        house.person(3, "viewer"),
    );
    ada.is_pinned(&house);
    bo.is_pinned(&house);
    let (agent, other) = (wanted(&house, "first"), wanted(&house, "other"));
    assert_eq!(vi.opens(&house, &format!("/approve/{agent}")).status, 403);
    assert_eq!(ada.opens(&house, "/approve/agt_01ARYZ6S41TSV4RRFFQ69G5FAV").status, 404);
    let good = ada.approval(&house, &agent);
    let with = |member: &str, value: &Value| {
        let mut changed = good.clone();
        changed[member] = value.clone();
        changed
    };
    let token = ada.approval(&house, &other)["formToken"].clone();
    for wrong in [
        with("formToken", &token),
        with("formToken", &json!("")),
        with("agentId", &json!(other)),
        with("policyVersion", &json!(2)),
    ] {
        ada.asks(&house, "/approve", &wrong)
            .is_problem(403, "REQUEST_ORIGIN_NOT_ALLOWED");
    }
    vi.asks(&house, "/approve", &good)
        .is_problem(403, "REQUEST_ORIGIN_NOT_ALLOWED");
    // Bo's session, Bo's form, Ada's passkey.
    let mut mixed = bo.approval(&house, &agent);
    for member in ["id", "authenticatorData", "clientData", "signature"] {
        mixed[member] = good[member].clone();
    }
    bo.asks(&house, "/approve", &mixed)
        .is_problem(403, "POLICY_PROOF_INVALID");
    // What was signed for one agent, in the form of the other.
    let mut moved = ada.approval(&house, &other);
    for member in ["authenticatorData", "clientData", "signature"] {
        moved[member] = good[member].clone();
    }
    ada.asks(&house, "/approve", &moved)
        .is_problem(403, "POLICY_PROOF_INVALID");
    assert_eq!(shown(&house, &agent)["policyApproved"], false);
    ada.asks(&house, "/approve", &good).is(200);
    assert_eq!(shown(&house, &other)["policyApproved"], false);
}
