//! What people do with a browser: make a passkey, sign in, sign out.

use {
    crate::{browser::Browser, house::House},
    serde_json::{Value, json},
    std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    },
};

/// Id and link of somebody who was invited.
pub(crate) fn invite(house: &House, name: &str, role: &str) -> (String, String) {
    let made = house.cli(&["user", "invite", name, "--role", role, "--json"]).json();
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    (text("id"), text("link"))
}

#[track_caller]
pub(crate) fn says(seen: &Value, what: &str) {
    let text = seen["text"].as_str().unwrap();
    assert!(text.contains(what), "`{what}` in: {seen:#}");
}

/// Makes a passkey with the link.
#[track_caller]
pub(crate) fn enrol(browser: &mut Browser, link: &str) -> Value {
    browser.go(link);
    browser.press("Make the passkey")
}

#[test]
fn a_person_makes_a_passkey_by_the_link_and_signs_in_with_it_ever_after() {
    let mut house = House::open();
    let (id, link) = invite(&house, "Ada <b>Lovelace</b>", "viewer");
    let mut browser = Browser::open();
    let page = browser.go(&link);
    assert_eq!(page["heading"], "Make a passkey");
    browser.fill("A name for it", "Ada's laptop");
    let seen = browser.press("Make the passkey");
    assert_eq!(seen["heading"], "You are signed in", "{seen:#}");
    says(&seen, "As Ada <b>Lovelace</b>, in the role viewer");
    assert_eq!(seen["url"], format!("{}/signin", house.origin()));
    assert_eq!(browser.passkeys()[0]["site"], "localhost");
    assert_eq!(browser.passkeys()[0]["discoverable"], true);

    let cookies = browser.cookies();
    assert_eq!(cookies["seen"], "", "no script sees it");
    let cookie = &cookies["kept"][0];
    let bound = ["name", "domain", "path", "secure", "httpOnly", "sameSite"].map(|name| cookie[name].clone());
    let expected = json!(["__Host-portreeve", "localhost", "/", true, true, "Lax"]);
    assert_eq!(json!(bound), expected);

    let seen = browser.press("Sign out");
    assert_eq!(seen["heading"], "Sign in");
    assert_eq!(browser.cookies()["kept"], json!([]));
    let seen = browser.press("Sign in with a passkey");
    says(&seen, "in the role viewer");
    let next = format!("{}/signin?next=/signin%3Fnext%3D/enrol", house.origin());
    assert_eq!(
        browser.go(&next)["url"],
        format!("{}/enrol", house.origin()),
        "who is signed in goes on"
    );

    // The link is over, and the page says what to do.
    let seen = enrol(&mut browser, &link);
    assert_eq!(seen["outcome"], "was told");
    says(&seen, "Link not valid");
    says(&seen, "Ask for a new one");
    assert_eq!(
        browser.complaints(),
        json!([]),
        "nothing on a page was kept from running"
    );

    let list = house.cli(&["user", "list", "--json"]).json();
    let ada = crate::house::item(&list, "id", &id);
    assert_eq!(ada["status"], "active");
    assert!(ada["signedInAt"].is_string());
    let secret = link.split_once('#').unwrap().1;
    let cookie = cookie["value"].as_str().unwrap();
    let log = house.stop().stderr;
    assert!(log.contains("/enrol/finish"), "{log}");
    assert!(!log.contains(secret) && !log.contains(cookie), "a secret is in the log");
}

#[test]
fn over_tls_a_passkey_is_for_who_believes_the_local_authority() {
    let mut house = House::secured();
    house.serve(&[]);
    let (_, link) = invite(&house, "Eve", "viewer");
    assert!(link.starts_with("https://localhost:"), "{link}");
    let why = Browser::open().refuses(&link);
    assert!(why.contains("ERR_CERT_AUTHORITY_INVALID"), "{why}");

    let mut browser = Browser::believing(&house.home().join("tls/ca.pem"));
    says(&enrol(&mut browser, &link), "in the role viewer");
    assert_eq!(browser.passkeys()[0]["site"], "localhost");
    assert_eq!(browser.cookies()["kept"][0]["secure"], true);
    browser.press("Sign out");
    says(&browser.press("Sign in with a passkey"), "in the role viewer");
    assert_eq!(browser.complaints(), json!([]));
}

#[test]
fn a_removed_person_is_signed_out_with_the_answer_and_stays_out() {
    let house = House::open();
    let (id, link) = invite(&house, "Bo", "auditor");
    let mut browser = Browser::open();
    says(&enrol(&mut browser, &link), "in the role auditor");
    house.cli(&["user", "role", &id, "member"]).ok();
    let signin = format!("{}/signin", house.origin());
    assert_eq!(
        browser.go(&signin)["heading"],
        "Sign in",
        "another role is another sign-in"
    );
    says(&browser.press("Sign in with a passkey"), "in the role member");
    house.cli(&["user", "remove", &id]).ok();
    assert_eq!(browser.go(&signin)["heading"], "Sign in");
    let seen = browser.press("Sign in with a passkey");
    assert_eq!(seen["outcome"], "was told");
    says(&seen, "Passkey not accepted");
    assert_eq!(
        browser.cookies()["kept"].as_array().unwrap().len(),
        1,
        "the cookie is there, and good for nothing"
    );
}

#[test]
fn a_device_that_does_not_know_its_person_makes_no_passkey_and_the_link_stays_good() {
    let house = House::open();
    let (id, link) = invite(&house, "Cy", "viewer");
    let mut stranger = Browser::launched(json!({"verifies": false}));
    let seen = enrol(&mut stranger, &link);
    assert_eq!(seen["outcome"], "was told");
    says(&seen, "Nothing was done");
    assert_eq!(stranger.passkeys(), json!([]));
    let mut browser = Browser::open();
    assert_eq!(enrol(&mut browser, &link)["heading"], "You are signed in");
    // A device that holds one already is told so before anything is asked of it.
    let more = house.cli(&["user", "link", &id, "--json"]).json();
    let seen = enrol(&mut browser, more["link"].as_str().unwrap());
    says(&seen, "already holds a passkey of yours");
}

#[test]
fn a_browser_without_a_passkey_of_ours_signs_nobody_in() {
    let house = House::open();
    let mut browser = Browser::open();
    browser.go(&format!("{}/signin", house.origin()));
    let seen = browser.press("Sign in with a passkey");
    assert_eq!(seen["outcome"], "was told");
    says(&seen, "Nothing was done");
    assert_eq!(browser.cookies()["kept"], json!([]));
}

#[test]
fn pages_fit_a_small_screen() {
    let house = House::open();
    let (_, link) = invite(&house, &"Wolfeschlegelsteinhausen".repeat(4), "viewer");
    let mut browser = Browser::launched(json!({"width": 320}));
    let signin = format!("{}/signin", house.origin());
    for seen in [
        browser.go(&link),
        browser.go(&signin),
        browser.go(&format!("{signin}?next=//evil.example")),
    ] {
        assert_eq!(seen["tooWide"], false, "{seen:#}");
    }
    assert_eq!(enrol(&mut browser, &link)["tooWide"], false);
}

/// A page of another origin on this machine, which browsers hold for the same site: they send it the cookies.
fn other_site(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n",
                page.len()
            );
            let _ = write!(stream, "{head}Connection: close\r\n\r\n{page}");
        }
    });
    url
}

#[test]
fn a_page_of_another_origin_can_neither_act_for_who_is_signed_in_nor_show_our_pages_in_a_frame() {
    let house = House::open();
    let (_, link) = invite(&house, "Di", "owner");
    let mut browser = Browser::open();
    assert_eq!(enrol(&mut browser, &link)["heading"], "You are signed in");
    let ours = house.origin();
    let evil = other_site(format!(
        "<!doctype html><title>evil</title><iframe src=\"{ours}/signin\"></iframe>"
    ));
    assert_eq!(browser.go(&evil)["title"], "evil");
    // As far as a page gets without being asked first (CORS): a form, and text.
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let sent = browser.run(&format!(
            "fetch('{ours}/signout', {{method: 'POST', mode: 'no-cors', credentials: 'include', \
             headers: {{'Content-Type': '{kind}'}}, body: '{{\"formToken\": \"\"}}'}}).then((answer) => answer.type)"
        ));
        assert_eq!(sent, "opaque", "it was sent, and answered");
    }
    let json = browser.run(&format!(
        "fetch('{ours}/signin/begin', {{method: 'POST', credentials: 'include', headers: {{'Content-Type': \
         'application/json'}}, body: '{{}}'}}).then(() => 'answered', () => 'kept back')"
    ));
    assert_eq!(json, "kept back");
    let framed = browser.complaints().to_string();
    assert!(framed.contains("frame-ancestors"), "{framed}");
    assert_eq!(browser.go(&format!("{ours}/signin"))["heading"], "You are signed in");
}
