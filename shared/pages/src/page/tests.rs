//! What every page of ours has, and what none has.

mod vault;

use super::*;

fn text(page: impl Template) -> String {
    page.render().unwrap()
}

fn consent(text: &str) -> Consent<'_> {
    Consent {
        client: text,
        target: Target::Redirect {
            request: text,
            host: text,
            is_loopback: true,
        },
        is_stranger: true,
        resource: (text, text),
        wishes: Box::leak(Box::new([Wish {
            scope: Box::leak(text.to_owned().into_boxed_str()),
            words: Box::leak(text.to_owned().into_boxed_str()),
            is_for_agents: false,
        }])),
        agents: Box::leak(Box::new([AgentChoice {
            id: Box::leak(text.to_owned().into_boxed_str()),
            name: Box::leak(text.to_owned().into_boxed_str()),
            is_chosen: true,
        }])),
        has_more_agents: true,
        name: text,
        role: text,
        passes_checks: true,
        token: text,
    }
}

fn on_device(code: &str) -> Consent<'_> {
    Consent {
        target: Target::Device { code },
        ..consent(code)
    }
}

const fn device(code: &str) -> Device<'_> {
    Device { code, is_wrong: true }
}

const fn back(text: &str) -> Back<'_> {
    Back {
        client: text,
        reason: text,
        location: text,
        host: text,
    }
}

fn approve<'a>(text: &'a str, passkeys: &'a str) -> Approve<'a> {
    Approve {
        agent: (text, text),
        lines: Box::leak(Box::new([("limits", text.to_owned())])),
        warnings: Box::leak(Box::new([text.to_owned()])),
        version: 1,
        challenge: text,
        site: text,
        passkeys,
        user: (text, text),
        token: text,
    }
}

const fn approved(text: &str) -> Approved<'_> {
    Approved {
        agent: (text, text),
        version: 1,
    }
}

fn signed_in(text: &str) -> SignedIn<'_> {
    let own = || text.to_owned();
    let grant = |agent| LetIn {
        id: own(),
        client: own(),
        hosts: own(),
        resource: own(),
        scopes: vec![(own(), own())],
        agent,
        since: own(),
        token: own(),
    };
    SignedIn {
        name: text,
        role: text,
        token: text,
        grants: Box::leak(Box::new([grant(Some((own(), own()))), grant(None)])),
        count: 3,
    }
}

fn all() -> Vec<String> {
    let nothing = SignedIn {
        grants: &[],
        count: 0,
        ..signed_in("x")
    };
    let own = [
        text(consent("x")),
        text(on_device("x")),
        text(device("x")),
        text(approve("x", "AQ")),
        text(approve("x", "")),
        text(approved("x")),
        text(back("https://a.example/cb")),
        text(Enrol),
        text(SignIn { next: "/x" }),
        text(signed_in("x")),
        text(nothing),
        text(Notice {
            title: "No",
            text: "Because",
            request: "req_1",
        }),
    ];
    [&own[..], &vault::all("x")].concat()
}

#[test]
fn markup_in_what_is_not_ours_is_text() {
    let evil = "\"><script>alert(1)</script>'&";
    for page in [
        text(consent(evil)),
        text(on_device(evil)),
        text(device(evil)),
        text(approve(evil, evil)),
        text(approve(evil, "")),
        text(approved(evil)),
        text(back(evil)),
        text(SignIn { next: evil }),
        text(signed_in(evil)),
        text(Notice {
            title: evil,
            text: evil,
            request: evil,
        }),
    ]
    .into_iter()
    .chain(vault::all(evil))
    {
        assert!(!page.contains("<script>") && !page.contains("'&"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    }
}

#[test]
fn no_page_holds_script_style_or_handlers_of_its_own() {
    for page in all() {
        for (place, _) in page.match_indices("<script") {
            let tag = page.get(place..).unwrap().split_inclusive('>').next().unwrap();
            assert!(tag.contains("src=\"/assets/"), "{tag}");
        }
        assert!(!page.contains("<style") && !page.contains(" style="), "{page}");
        let handler = page.split_whitespace().find(|word| {
            let name = word.split('=').next().unwrap_or_default();
            name.len() < word.len() && name.starts_with("on")
        });
        assert_eq!(handler, None);
        assert!(!page.contains("javascript:"), "{page}");
    }
}

#[test]
fn every_page_has_a_language_a_title_a_heading_and_labels() {
    for page in all() {
        for part in [
            "<!doctype html>",
            "<html lang=\"en\">",
            "<title>",
            "<h1>",
            "<main>",
            "width=device-width",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        for (place, _) in page.match_indices("<input") {
            let tag = page.get(place..).unwrap().split_inclusive('>').next().unwrap();
            let id = tag.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let labelled = id.is_some_and(|id| page.contains(&format!("<label for=\"{id}\">")));
            assert!(labelled || tag.contains("type=\"hidden\""), "{tag}");
        }
        assert_eq!(
            page.matches("aria-live").count(),
            page.matches("passkey").count().min(1),
            "{page}"
        );
    }
}

#[test]
fn a_page_cannot_be_framed_and_runs_our_script_alone() {
    let response = Page::new(Enrol).into_response();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(response.headers()[header::REFERRER_POLICY], "same-origin");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
}
