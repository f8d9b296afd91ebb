//! The pages of a vault, with one text of others wherever there may be one.

use {
    super::{super::vault::*, text},
    crate::{
        OwnPath,
        markdown::{self, Targets},
        picture::Picture,
    },
};

/// Every link leads to one page.
struct Anywhere;

impl Targets for Anywhere {
    fn named(&self, target: &str) -> Option<OwnPath> {
        OwnPath::with("/vault/notes/", target).ok()
    }

    fn file(&self, path: &str) -> Option<OwnPath> {
        self.named(path)
    }
}

fn entry(text: &str) -> Entry {
    Entry {
        name: text.to_owned(),
        address: OwnPath::with("/vault/notes/", text).unwrap(),
        about: text.to_owned(),
    }
}

fn wrong(text: &str, address: Option<OwnPath>) -> Wrong {
    Wrong {
        severity: "error".to_owned(),
        code: text.to_owned(),
        message: text.to_owned(),
        place: text.to_owned(),
        address,
    }
}

fn part<T>(item: T) -> Part<T> {
    Part {
        items: vec![item],
        left: 2,
    }
}

fn folder(words: &str, name: &str) -> String {
    let address = entry(words).address;
    let branch = |folders| Branch {
        folder: entry(words),
        folders,
        left: 4,
    };
    let folders = Part {
        items: vec![branch(vec![entry(words)]), branch(Vec::new())],
        left: 1,
    };
    text(VaultFolder {
        query: words,
        above: &[entry(words)],
        name,
        folders: &folders,
        notes: &part(entry(words)),
        counts: &[(words.to_owned(), 3)],
        more: Some(&address),
    })
}

fn note(words: &str, body: &str) -> String {
    let picture = Picture::of((words, words), &[(words, words)], &[(words, words); 20]).unwrap();
    text(VaultNote {
        query: words,
        above: &[entry(words)],
        name: words,
        path: words,
        fields: &[
            (words.to_owned(), Held::Text(words.to_owned())),
            ("list".to_owned(), Held::List(vec![words.to_owned()])),
            ("deep".to_owned(), Held::Nested(words.to_owned())),
        ],
        text: &markdown::render(body, &Anywhere),
        relations: &[Relations {
            relation: words.to_owned(),
            with: part(entry(words)),
        }],
        picture: Some(&picture),
        backlinks: &part(entry(words)),
        findings: &part(wrong(words, None)),
    })
}

fn search(words: &str, outcome: &Outcome) -> String {
    let address = entry(words).address;
    text(VaultSearch {
        query: words,
        outcome,
        more: Some(&address),
    })
}

fn found(words: &str) -> Outcome {
    let piece = || words.to_owned();
    Outcome::Found(
        7,
        true,
        vec![FoundNote {
            note: entry(words),
            snippet: (piece(), piece(), piece()),
        }],
    )
}

pub(super) fn all(words: &str) -> Vec<String> {
    let address = entry(words).address;
    vec![
        folder(words, words),
        folder(words, ""),
        note(words, words),
        search(words, &Outcome::Nothing),
        search(words, &Outcome::Refused),
        search(words, &Outcome::NotYet),
        search(words, &found(words)),
        text(VaultFindings {
            query: words,
            total: 2,
            findings: &[wrong(words, Some(address)), wrong(words, None)],
            more: None,
        }),
    ]
}

#[test]
fn a_note_is_shown_with_all_that_is_known_of_it() {
    let page = note("Gate", "# A gate\n\n[[Wall]]");
    for part in [
        "<h1>Gate</h1>",
        "<th scope=\"row\">list</th>",
        "<h2 id=\"part-a-gate\">A gate</h2>",
        "<a href=\"/vault/notes/Wall\">Wall</a>",
        "<svg role=\"img\"",
        "8 more are not drawn.",
        "<h2>Linked from</h2>",
        "And 2 more.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("characters are shown"));
    let long = note("Gate", &"word ".repeat(25_000));
    assert!(
        long.contains("The first 100000 of 125000 characters are shown."),
        "a cut note says so"
    );
}

#[test]
fn an_image_element_is_on_no_page() {
    for page in all("x") {
        assert!(
            !page.contains("<img") && !page.contains("<image") && !page.contains("<use"),
            "{page}"
        );
    }
}

#[test]
fn a_search_says_how_many_notes_it_found() {
    for (total, says) in [
        (0, "Nothing was found for “gate”."),
        (1, "1 note was found for “gate”."),
        (2, "2 notes were found for “gate”."),
    ] {
        let page = search("gate", &Outcome::Found(total, false, Vec::new()));
        assert!(page.contains(says) && !page.contains("being read"), "{page}");
    }
    let page = search("gate", &Outcome::Found(2, true, Vec::new()));
    assert!(
        page.contains("2 notes were found") && page.contains("are being read"),
        "{page}"
    );
}
