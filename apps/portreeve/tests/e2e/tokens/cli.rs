//! Tokens on the command line: amounts as people count them, with the decimals that the owner approved.

use {
    super::{Scene, policy, wallet},
    serde_json::json,
};

#[test]
fn the_command_line_counts_in_whole_tokens() {
    let scene = Scene::open();
    let Scene { estate, mint, agent } = &scene;
    let house = &estate.house;
    let (shop, id) = (wallet(1), agent.id.as_str());
    let send = |amount: &str| {
        house.cli(&[
            "tx", "send", "--agent", id, "--to", &shop, "--mint", mint, "--amount", amount,
        ])
    };
    let paid = send("1.5").ok().to_owned();
    assert!(
        paid.contains(&format!("1.5 of {mint}")) && paid.contains("CONFIRMED"),
        "{paid}"
    );
    assert_eq!(scene.held(&shop), Some(1_500_000));
    let own = [("PORTREEVE_KEY", agent.key.as_str())];
    let sent = house.cli_with(&["tx", "send", "--to", &shop, "--mint", mint, "--amount", "2"], &own);
    sent.ok();
    assert_eq!(
        scene.held(&shop),
        Some(3_500_000),
        "an agent's own key need not name it"
    );
    for bad in ["1.0000001", "0", "1e3", "-1", "1sol", ""] {
        send(bad).fails_with(2);
    }
    let of_sol = house.cli(&["tx", "send", "--agent", id, "--to", &shop, "--amount", "1.5"]);
    assert!(of_sol.fails_with(2).contains("1.5sol"), "without a mint it is SOL");

    let error = send("7").fails_with(3).to_owned();
    assert!(error.contains("POLICY_DAILY_LIMIT_EXCEEDED"), "{error}");
    assert!(error.contains(&format!("would pass now: 6.5 of {mint}")), "{error}");
    let check = house.cli(&["policy", "check", id, "--to", &shop, "--mint", mint, "--amount", "7"]);
    check.fails_with(3);
    assert!(check.stdout.contains(&format!("6.5 of {mint}")), "{}", check.stdout);
    let stranger = house.chain.create_mint(&json!({"decimals": 6}));
    let unlisted = house.cli(&[
        "tx", "send", "--agent", id, "--to", &shop, "--mint", &stranger, "--amount", "1",
    ]);
    assert!(unlisted.fails_with(3).contains("no limits"), "{}", unlisted.stderr);

    let list = house.cli(&["tx", "list", id]).ok().to_owned();
    assert!(list.contains(&format!("1.5 of {mint}")), "{list}");
    let balance = house.cli(&["agent", "balance", id]).ok().to_owned();
    assert!(balance.contains(&format!("96.5 of {mint}")), "{balance}");
    let shown = house.cli(&["policy", "show", id]).ok().to_owned();
    assert!(
        shown.contains("10 a payment") && shown.contains("whole tokens of 6 decimals, SPL Token"),
        "{shown}"
    );
    let usage = house.cli(&["policy", "usage", id]).ok().to_owned();
    assert!(usage.contains("6.5"), "{usage}");
}

#[test]
fn an_agent_with_a_token_is_made_in_one_command_which_says_what_the_token_is() {
    let house = crate::house::House::open();
    let mint = house.chain.create_mint(&json!({"decimals": 2, "program": "token2022"}));
    let file = house.home().join("tokens.json");
    std::fs::write(&file, policy(&[(&mint, 500)]).to_string()).unwrap();
    let made = house.cli(&["agent", "create", "buyer", "--policy", file.to_str().unwrap()]);
    made.ok();
    let says = format!("{mint}: whole tokens of 2 decimals, Token-2022");
    assert!(made.stderr.contains(&says), "{}", made.stderr);
}
