//! What owners do with a browser when a policy waits for them.

use {
    crate::{
        browser::Browser,
        house::House,
        people::{enrol, invite, says},
    },
    serde_json::json,
};

#[test]
fn an_owner_approves_a_policy_with_a_passkey_that_the_signer_believes() {
    let house = House::open();
    let (id, link) = invite(&house, "Ada", "owner");
    let mut browser = Browser::open();
    enrol(&mut browser, &link);
    let made = house.cli(&["user", "passkeys", &id, "--json"]).json();
    let passkey = made["items"][0]["id"].as_str().unwrap().to_owned();

    let owner = house.api(&house.owner_key());
    let wish = json!({"nickname": "buys <i>paper</i>", "policy": {"preset": "standard"}});
    let agent = owner.post("/api/v1/agents", &wish).is(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = format!("{}/approve/{agent}", house.origin());
    let seen = browser.go(&page);
    assert_eq!(seen["heading"], "Approve what buys <i>paper</i> may spend");
    says(&seen, "None of your passkeys is pinned");

    house.cli(&["user", "pin", &id, &passkey, "--yes"]).ok();
    says(&browser.go(&page), "limits in SOL");
    let seen = browser.press("Approve with a passkey");
    assert_eq!(seen["heading"], "Nothing waits for you", "{seen:#}");
    house.until_active(&agent);
    assert_eq!(
        browser.complaints(),
        json!([]),
        "nothing on a page was kept from running"
    );
}
