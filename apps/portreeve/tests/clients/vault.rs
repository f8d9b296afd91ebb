//! What people see of the vault with a browser.

use {
    crate::{
        browser::Browser,
        house::House,
        people::{enrol, invite, says},
    },
    portreeve_notes::testing::Plan,
    serde_json::{Value, json},
    std::{fs, thread, time::Duration},
};

/// Everything that a note could try.
const HOSTILE: &str = r#"---
title: "<img src=x onerror=\"document.title='owned'\">"
owner: "<script>document.title='owned'</script>"
---
# 닫힌 성문 <script>document.title='owned'</script>

<script>document.title='owned'</script>
<img src=x onerror="document.title='owned'">
<svg onload="document.title='owned'"></svg>
<iframe srcdoc="<script>top.document.title='owned'</script>"></iframe>
<style>main { display: none }</style>
<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example/">

[one](javascript:document.title='owned') [two](java&#10;script:document.title='owned') [three](data:text/html,owned)
<javascript:document.title='owned'> ![four](https://evil.example/pixel.png)
[[harbour|<b onmouseover=alert(1)>five</b>]]

```"><script>document.title='owned'</script>
</code></pre><script>document.title='owned'</script>
```
"#;

/// A house with a vault, and two notes in it that know each other.
fn house() -> House {
    let plan = Plan {
        entities: 40,
        ..Plan::default()
    };
    let (house, _) = House::with_vault(&plan);
    let folder = house.notes().join("10_Study/바다");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("harbour.md"),
        "# The harbour\n\nIts [[성문]] is of lapislazuli.\n",
    )
    .unwrap();
    fs::write(folder.join("성문.md"), HOSTILE).unwrap();
    house
}

/// Looks again until the server has seen the new files, or found what is in them.
#[track_caller]
fn until(mut look: impl FnMut() -> Value, what: &str) -> Value {
    for _ in 0..100 {
        let seen = look();
        if seen["text"].as_str().unwrap().contains(what) {
            return seen;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("`{what}` is never seen");
}

fn search(browser: &mut Browser, words: &str) -> Value {
    browser.fill("Search all notes", words);
    browser.press("Search")
}

#[test]
fn a_member_walks_through_the_vault_and_no_note_runs_anything() {
    let house = house();
    let vault = format!("{}/vault/", house.origin());
    let (_, link) = invite(&house, "Ada", "member");
    let mut browser = Browser::launched(json!({"width": 320}));
    enrol(&mut browser, &link);
    browser.press("Sign out");
    let seen = browser.go(&format!("{vault}?folder=10_Study"));
    assert_eq!(seen["heading"], "Sign in");
    let seen = browser.press("Sign in with a passkey");
    assert_eq!(
        seen["heading"], "10_Study",
        "who signs in goes on to what they asked for: {seen:#}"
    );
    until(|| browser.go(&vault), "바다");

    let mut seen = vec![
        browser.follow("10_Study"),
        browser.follow("바다"),
        browser.follow("harbour"),
    ];
    assert_eq!(seen[2]["heading"], "harbour");
    says(&seen[2], "Its 성문 is of lapislazuli.");
    // By a link in the text there, and by what links to it back.
    seen.push(browser.follow("성문"));
    let evil = "<img src=x onerror=\"document.title='owned'\">";
    assert_eq!(seen[3]["heading"], evil, "its name is text");
    for shown in [
        "<script>document.title='owned'</script>",
        "<style>main { display: none }</style>",
        "닫힌 성문",
    ] {
        says(&seen[3], shown);
    }
    let foreign = "document.querySelectorAll('script, img, iframe, style, base, object, embed, [onload], [onerror], [style]').length";
    assert_eq!(browser.run(foreign), 0);
    let links = browser.run("[...document.querySelectorAll('article a')].map((link) => link.protocol + link.rel)");
    assert_eq!(
        links,
        json!(["https:noopener noreferrer nofollow", "http:"]),
        "a picture, a note"
    );
    assert!(!browser.run("document.title").as_str().unwrap().eq("owned"));
    seen.push(browser.follow("harbour"));
    assert_eq!(seen[4]["heading"], "harbour");

    for words in ["lapislazuli", "\"닫힌 성문\""] {
        let found = until(|| search(&mut browser, words), "1 note was found");
        says(&found, words.trim_matches('"'));
        seen.push(found);
    }
    seen.push(browser.follow(evil));
    assert_eq!(seen[7]["heading"], evil);
    seen.push(browser.follow("Findings"));
    assert_eq!(seen[8]["heading"], "Findings");
    seen.push(browser.go(&format!("{vault}note?id=trk-1")));
    says(&seen[9], "Relations");
    assert!(
        browser
            .run("document.querySelector('svg rect.middle').getBBox().width > 0")
            .as_bool()
            .unwrap()
    );
    for seen in &seen {
        assert_eq!(seen["tooWide"], false, "{seen:#}");
    }
    assert_eq!(
        browser.complaints(),
        json!([]),
        "nothing on a page was kept from running"
    );
}

#[test]
fn whose_role_does_not_read_the_vault_is_told_so() {
    let house = house();
    let (_, link) = invite(&house, "Bo", "viewer");
    let mut browser = Browser::open();
    enrol(&mut browser, &link);
    for page in ["", "note?id=trk-1", "search?q=gate", "findings"] {
        let seen = browser.go(&format!("{}/vault/{page}", house.origin()));
        assert_eq!(seen["heading"], "This is not yours to read");
        assert!(!seen["text"].as_str().unwrap().contains("trk-1"), "{seen:#}");
    }
}
