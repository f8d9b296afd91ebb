//! Agents from the wish to a wallet on chain, and what the owner alone can do with them.

use {
    crate::house::{House, SOL, item},
    serde_json::{Value, json},
    std::{fs, process::Command},
};

#[test]
fn an_agent_gets_a_wallet_on_chain_with_one_limit_and_the_owner_as_its_only_master() {
    let house = House::open();
    let payee = house.somebody();
    let agent = house
        .cli(&[
            "agent", "create", "shopper", "--daily", "5sol", "--to", &payee, "--tag", "ops", "--json",
        ])
        .json();
    assert_eq!(
        (&agent["status"], &agent["chainSync"]),
        (&json!("ACTIVE"), &json!("synced"))
    );
    assert_eq!(agent["tags"], json!(["ops"]));

    let multisig = agent["multisigAddress"].as_str().unwrap();
    let limits = house.chain.spending_limits(multisig);
    assert_eq!(limits.len(), 1, "one limit per mint");
    let limit = &limits[0];
    assert_eq!(
        (limit.amount, limit.period),
        (5 * SOL, portreeve_chain::squads::Period::Day)
    );
    assert_eq!(
        limit.destinations.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [payee]
    );
    let agent_key = agent["agentPublicKey"].as_str().unwrap();
    assert_eq!(
        limit.members.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [agent_key]
    );

    let multisig = house.chain.multisig(multisig);
    assert_eq!(multisig.members.len(), 1, "the owner is the only voter");
    assert_eq!(multisig.members[0].key, multisig.config_authority);
    assert_ne!(multisig.members[0].key.to_string(), agent_key);

    let list = house.cli(&["agent", "list", "--json"]).json();
    assert_eq!(item(&list, "nickname", "shopper")["id"], agent["id"]);
    let text = house.cli(&["agent", "list", "--limit", "1"]).ok().to_owned();
    assert!(text.contains("shopper") && text.contains("ACTIVE"), "{text}");
    let shown = house
        .cli(&["agent", "show", agent["id"].as_str().unwrap()])
        .ok()
        .to_owned();
    assert!(shown.contains(agent["vaultAddress"].as_str().unwrap()), "{shown}");
}

#[test]
fn a_policy_in_a_file_is_taken_whole_and_a_broken_one_is_named() {
    let house = House::open();
    let file = house.home().join("policy.json");
    let name = file.to_str().unwrap();
    let policy = json!({"preset": "custom", "limits": {"daily": "3000000000"}, "minIntervalSeconds": 60});
    fs::write(&file, policy.to_string()).unwrap();
    let agent = house
        .cli(&["agent", "create", "slow", "--policy", name, "--json"])
        .json();
    let shown = house
        .cli(&["policy", "show", agent["id"].as_str().unwrap()])
        .ok()
        .to_owned();
    assert!(shown.contains("3 SOL in 24 hours") && shown.contains("60 s"), "{shown}");
    assert!(shown.ends_with("approved by the owner\n"), "{shown}");

    fs::write(&file, "{").unwrap();
    let error = house
        .cli(&["agent", "create", "none", "--policy", name])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("policy.json` is no policy"), "{error}");
    fs::write(&file, r#"{"preset": "standard", "limits": {"dayly": "1"}}"#).unwrap();
    let error = house
        .cli(&["agent", "create", "none", "--policy", name])
        .fails_with(1)
        .to_owned();
    assert!(error.contains("dayly"), "{error}");
    house
        .cli(&["agent", "create", "both", "--policy", name, "--daily", "1sol"])
        .fails_with(2);
}

#[test]
fn an_agent_pays_nothing_before_the_owner_has_approved_its_policy() {
    let house = House::open();
    let owner = house.api(&house.owner_key());
    let made = owner.post(
        "/api/v1/agents",
        &json!({"nickname": "new", "policy": {"preset": "standard"}}),
    );
    let agent = made.is(201).clone();
    let id = agent["id"].as_str().unwrap();
    assert_eq!(made.header("location"), Some(format!("/api/v1/agents/{id}").as_str()));
    assert_eq!(agent["stage"], "AWAITING_POLICY_APPROVAL");
    assert_eq!(
        house.pay(id, &house.somebody(), "1").is_problem(409, "AGENT_CREATING")["retryable"],
        true
    );
    let shown = house.cli(&["policy", "show", id]).ok().to_owned();
    assert!(shown.contains("waits for the owner's approval"), "{shown}");

    let error = house.cli(&["policy", "approve", id]).fails_with(1).to_owned();
    assert!(error.contains("--yes"), "nobody is there to look at it: {error}");
    house.cli(&["policy", "approve", id, "--yes"]).ok();
    house.until_active(id);
    house.cli(&["policy", "approve", id, "--yes"]).fails_with(1);
}

#[test]
fn nobody_but_the_holder_of_the_approval_key_approves() {
    let house = House::open();
    let owner = house.api(&house.owner_key());
    let agent = owner
        .post(
            "/api/v1/agents",
            &json!({"nickname": "new", "policy": {"preset": "standard"}}),
        )
        .is(201)
        .clone();
    let id = agent["id"].as_str().unwrap();
    let challenge: portreeve_kernel::Address = agent["policyApproval"]["challenge"].as_str().unwrap().parse().unwrap();
    let stranger = portreeve_signing::key::SecretKey::from_seed(&[3; 32]);
    let proof = json!({
        "kind": "ed25519", "publicKey": stranger.public(), "signature": stranger.sign(challenge.as_bytes()).to_string(),
    });
    let path = format!("/api/v1/agents/{id}/policy/approval");
    let refused = owner.post(&path, &json!({"policyVersion": 1, "proof": proof}));
    refused.is_problem(403, "POLICY_PROOF_INVALID");
    assert_eq!(
        owner.get(&format!("/api/v1/agents/{id}")).is(200)["policyApproved"],
        false
    );
}

#[test]
fn the_owners_folder_may_live_elsewhere() {
    let house = House::open();
    let elsewhere = house.home().with_file_name("safe");
    fs::rename(house.home().join("owner"), &elsewhere).unwrap();
    house.cli(&["agent", "list"]).fails_with(1);
    let folder = elsewhere.to_str().unwrap();
    house.cli(&["agent", "create", "shopper", "--owner", folder]).ok();
    house.cli_with(&["agent", "list"], &[("PORTREEVE_OWNER", folder)]).ok();
}

#[test]
fn a_suspended_agent_pays_nothing_until_the_owner_lets_it() {
    let house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    let payee = house.somebody();
    let suspended = house
        .cli(&["agent", "suspend", &agent.id, "--reason", "unknown shop", "--json"])
        .json();
    assert_eq!(
        (&suspended["status"], &suspended["statusReason"]),
        (&json!("SUSPENDED"), &json!("unknown shop"))
    );
    assert_eq!(
        house.chain.spending_limits(&agent.multisig).len(),
        0,
        "the chain knows no limit any more"
    );
    let error = house.send(&agent.id, &payee, "1sol").fails_with(1).to_owned();
    assert!(error.contains("AGENT_SUSPENDED"), "{error}");
    let signer = house.signer().unwrap();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, signer.as_str()]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let refused = house.pay(&agent.id, &payee, "1000");
    refused.is_problem(409, "AGENT_SUSPENDED");
    signal("-CONT");
    house.cli(&["agent", "suspend", &agent.id]).fails_with(1);

    let resumed = house.cli(&["agent", "resume", &agent.id, "--json"]).json();
    assert_eq!(
        (&resumed["status"], &resumed["chainSync"]),
        (&json!("ACTIVE"), &json!("synced"))
    );
    assert_eq!(house.chain.spending_limits(&agent.multisig).len(), 1);
    house.send(&agent.id, &payee, "1sol").ok();
    let error = house.cli(&["agent", "resume", &agent.id]).fails_with(1).to_owned();
    assert!(error.contains("nothing to resume"), "{error}");
}

#[test]
fn lists_go_on_where_they_stopped() {
    let house = House::open();
    let owner = house.api(&house.owner_key());
    for name in ["a", "b", "c"] {
        owner
            .post(
                "/api/v1/agents",
                &json!({"nickname": name, "policy": {"preset": "standard"}}),
            )
            .is(201);
    }
    let mut names: Vec<String> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut args = vec!["agent", "list", "--limit", "2", "--json"];
        let next = cursor.as_str().map(str::to_owned);
        if let Some(next) = &next {
            args.extend(["--cursor", next]);
        }
        let page = house.cli(&args).json();
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|agent| agent["nickname"].to_string()),
        );
        cursor = page["cursor"].clone();
        assert_eq!(page["hasMore"], !cursor.is_null());
        if cursor.is_null() {
            break;
        }
    }
    names.sort();
    assert_eq!(names, ["\"a\"", "\"b\"", "\"c\""], "each once");
}
