//! The pages of the vault: who sees them, and that each note has one. What a real browser makes of them is in `tests/clients`.

use {
    super::Town,
    crate::house::{Answer, House},
    portreeve_house::house::Person,
    portreeve_notes::testing::{Expect, OUTSIDE, Plan},
    serde_json::json,
    std::{thread, time::Duration},
};

const PAGES: [&str; 5] = [
    "/vault/",
    "/vault/?folder=50_Projects",
    "/vault/note?id=trk-1",
    "/vault/search?q=gate",
    "/vault/findings",
];

fn address(path: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("path", path)
        .finish();
    format!("/vault/note?{query}")
}

#[track_caller]
fn says(page: &Answer, status: u16, heading: &str) -> String {
    let text = page.is(status).as_str().unwrap().to_owned();
    assert!(text.contains(&format!("<h1>{heading}</h1>")), "{heading}: {text}");
    text
}

/// Opens a page as soon as the full text is there.
fn searched(house: &House, who: &Person, path: &str) -> String {
    for _ in 0..200 {
        let page = who.opens(house, path);
        if page.status != 503 {
            return says(&page, 200, "Search");
        }
        assert_eq!(page.header("retry-after"), Some("2"));
        says(&page, 503, "Search");
        thread::sleep(Duration::from_millis(100));
    }
    panic!("the full text never comes");
}

#[test]
fn who_may_read_the_vault_sees_its_pages_and_nobody_else() {
    let town = Town::open();
    let house = &town.estate.house;
    searched(house, &house.person(1, "owner"), "/vault/search?q=gate");
    for (seed, role, status) in [
        (2, "owner", 200),
        (3, "member", 200),
        (4, "viewer", 403),
        (5, "auditor", 403),
    ] {
        let who = house.person(seed, role);
        for path in PAGES {
            let page = who.opens(house, path);
            assert_eq!(page.status, status, "{role} {path}: {}", page.body);
            assert_eq!(page.header("cache-control"), Some("no-store"));
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"));
            if status == 403 {
                says(&page, 403, "This is not yours to read");
            }
        }
        // Another role is another session, and this one is over.
        house
            .cli(&["user", "role", &who.id, if status == 200 { "viewer" } else { "member" }])
            .ok();
        says(&who.opens(house, "/vault/"), 200, "Sign in");
    }
    // A bearer is nobody who is signed in, and neither is who comes without.
    let key = town.estate.key(&json!({"name": "reads", "scopes": ["mcp:read"]}));
    for api in [house.api(""), house.api(&key)] {
        for path in PAGES {
            let page = says(&api.get(path), 200, "Sign in");
            let next = path.replace('&', "&#38;");
            assert!(page.contains(&format!("name=\"next\" value=\"{next}\"")), "{page}");
            assert!(!page.contains("trk-1</h1>"), "{page}");
        }
    }
}

#[test]
fn each_note_that_is_served_has_a_page_and_no_other_file() {
    let town = Town::of(&Plan {
        entities: 60,
        hostile: true,
        ..Plan::default()
    });
    let house = &town.estate.house;
    let ada = house.person(1, "member");
    let mut served = 0;
    for odd in &town.manifest.odd {
        let page = ada.opens(house, &address(&odd.path));
        let Some(text) = page.body.as_str() else {
            // An address that is longer than any request may be.
            page.is_problem(414, "REQUEST_URI_TOO_LONG");
            continue;
        };
        assert!(!text.contains(OUTSIDE), "{}: {}", odd.path, odd.why);
        if matches!(odd.expect, Expect::Refused(_) | Expect::Unseen) {
            assert_eq!(page.status, 404, "{}: {}", odd.path, odd.why);
            assert!(text.contains("<h1>This is not in the vault</h1>"), "{text}");
        } else {
            assert_eq!(page.status, 200, "{}: {}", odd.path, odd.why);
            served += 1;
        }
    }
    assert!(served > 5, "{served}");
    for attack in [
        "/vault/note?path=../notes-2/secret.md",
        "/vault/note?path=%2e%2e%2fnotes-2%2fsecret.md",
        "/vault/note?path=%252e%252e%252fnotes-2%252fsecret.md",
        "/vault/note?path=/etc/passwd",
        "/vault/note?path=..%5Cnotes-2%5Csecret.md",
        "/vault/note?path=.git/config",
        "/vault/note?path=README.md%00",
        "/vault/note?path=README.md&path=README.md",
        "/vault/note?path=README.md&id=trk-1",
        "/vault/note?path=00_Meta/schema_constants.yaml",
        "/vault/note?id=../../x",
        "/vault/note?id=nobody",
        "/vault/note",
        "/vault/note?unknown=1",
        "/vault/?folder=..",
        "/vault/?folder=nowhere",
        "/vault/?cursor=x",
        "/vault/findings?cursor=x",
    ] {
        says(&ada.opens(house, attack), 404, "This is not in the vault");
    }
    says(&ada.opens(house, "/vault/search?q=x"), 400, "Search");
    house.api("").get("/vault").is_problem(404, "REQUEST_NOT_FOUND");
}

#[test]
fn what_the_pages_say_is_what_the_vault_holds() {
    let town = Town::open();
    let house = &town.estate.house;
    let ada = house.person(1, "member");
    let root = says(&ada.opens(house, "/vault/"), 200, "Vault");
    for (kind, count) in &town.manifest.types {
        assert!(
            root.contains(&format!("<dt>{kind}</dt><dd>{count}</dd>")),
            "{kind} {count}: {root}"
        );
    }
    for (term, paths) in &town.manifest.terms {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("q", term)
            .finish();
        let page = searched(house, &ada, &format!("/vault/search?{query}"));
        let says = match paths.len() {
            1 => "1 note was found".to_owned(),
            many => format!("{many} notes were found"),
        };
        assert!(page.contains(&says), "{term}: {says}: {page}");
    }
    let (parent, children) = town
        .manifest
        .children
        .iter()
        .find(|(id, _)| id.starts_with("prj"))
        .unwrap();
    let page = ada.opens(house, &format!("/vault/note?id={parent}"));
    let page = page.is(200).as_str().unwrap();
    let list = page.split("<h3>Children</h3>").nth(1).unwrap();
    let list = list.split("</ul>").next().unwrap();
    assert_eq!(list.matches("<li>").count(), (*children).min(20), "{list}");
    let findings = says(&ada.opens(house, "/vault/findings"), 200, "Findings");
    assert!(
        findings.contains("duplicate_id") || findings.contains("More of this list"),
        "{findings}"
    );
}
