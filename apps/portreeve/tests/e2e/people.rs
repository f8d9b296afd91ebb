//! People over the command line and over HTTP. What a browser does with them is in `tests/clients`.

use {
    crate::house::{House, item},
    serde_json::json,
};

/// What the server answers to a link's secret, asked by a page of its own.
fn begin(house: &House, link: &str) -> crate::house::Answer {
    let secret = link.split_once("/enrol#").unwrap().1;
    let origin = house.origin();
    let body = json!({"link": secret});
    let api = house.api("");
    api.send(
        minreq::Method::Post,
        "/enrol/begin",
        Some(&body),
        &[("Origin", &origin)],
    )
}

#[test]
fn people_are_invited_listed_changed_and_removed() {
    let mut house = House::open();
    let text = house
        .cli(&["user", "invite", "Ada", "--role", "viewer"])
        .ok()
        .to_owned();
    let link = text
        .split_whitespace()
        .find(|word| word.contains("#wlk_"))
        .unwrap()
        .to_owned();
    assert!(link.starts_with(&format!("{}/enrol#", house.origin())), "{text}");
    let list = house.cli(&["user", "list", "--json"]).json();
    // Whom `init` made has the time of this machine, all others that of the chain.
    let ada = item(&list, "name", "Ada");
    assert_eq!(
        (&ada["name"], &ada["role"], &ada["status"]),
        (&json!("Ada"), &json!("viewer"), &json!("invited"))
    );
    assert!(!list.to_string().contains("wlk_"), "a link is shown once");
    let id = ada["id"].as_str().unwrap();
    assert_eq!(begin(&house, &link).is(200)["options"]["user"]["name"], "Ada");

    let new = house.cli(&["user", "link", id, "--json"]).json();
    begin(&house, &link).is_problem(403, "AUTH_LINK_INVALID");
    let new = new["link"].as_str().unwrap();
    begin(&house, new).is(200);
    assert!(house.cli(&["user", "role", id, "member"]).ok().contains("member"));
    house.cli(&["user", "remove", id]).ok();
    begin(&house, new).is_problem(403, "AUTH_LINK_INVALID");
    let error = house.cli(&["user", "remove", id]).fails_with(1).to_owned();
    assert!(error.contains("USER_NOT_FOUND"), "{error}");
    let names = house.cli(&["user", "list"]).ok().to_owned();
    assert!(!names.contains("Ada"), "{names}");
    let log = house.stop().stderr;
    assert!(!log.contains("wlk_"), "a link is in the log");
}

#[test]
fn the_first_person_has_a_link_from_init_and_stays_while_it_is_the_only_owner() {
    let mut house = House::empty();
    let made = house.cli(&["init", "--rpc", &house.chain.url, "--json"]).json();
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with("http://localhost:8787/enrol#wlk_"), "{link}");
    house.serve(&[]);
    assert_eq!(begin(&house, link).is(200)["options"]["user"]["name"], "owner");
    let list = house.cli(&["user", "list", "--json"]).json();
    let id = list["items"][0]["id"].as_str().unwrap();
    for args in [&["user", "remove", id][..], &["user", "role", id, "viewer"]] {
        let error = house.cli(args).fails_with(1).to_owned();
        assert!(error.contains("USER_LAST_OWNER"), "{error}");
    }
}

#[test]
fn a_link_is_good_after_a_restart_and_not_a_day_later() {
    let mut house = House::built();
    house.serve(&[]);
    let made = house
        .cli(&["user", "invite", "Ada", "--role", "owner", "--json"])
        .json();
    let link = made["link"].as_str().unwrap().to_owned();
    house.stop();
    house.serve(&[]);
    begin(&house, &link).is(200);
    house.chain.warp(24 * 60 * 60 + 1);
    crate::estate::until("the link is over", || {
        let answer = begin(&house, &link);
        (answer.status != 200).then_some(answer)
    })
    .is_problem(403, "AUTH_LINK_INVALID");
}

#[test]
fn a_server_that_is_called_by_a_number_says_that_nobody_can_sign_in() {
    let mut house = House::built();
    house.serve(&[("PORTREEVE__SERVER__ORIGIN", "http://127.0.0.1:8787")]);
    let body = json!({});
    let headers = [("Origin", "http://127.0.0.1:8787")];
    let refused = house
        .api("")
        .send(minreq::Method::Post, "/signin/begin", Some(&body), &headers);
    refused.is_problem(403, "AUTH_PASSKEY_REFUSED");
    let log = house.stop().stderr;
    assert!(log.contains("nobody can sign in"), "{log}");
}
