//! Links between notes as people write them: `[[target]]`, `[[target#heading|label]]`, `[[other::path]]`.

use {
    crate::value::{Text, Words},
    std::collections::HashSet,
    unicode_normalization::UnicodeNormalization,
};

/// A note with more links is a list made by a program; the rest is left out.
const MOST: usize = 2_000;
/// Longer ones name nothing.
const LONGEST: usize = 512;

/// Where a link leads, as it was written, in NFC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// To an id, an alias, a path, or a file's name, of this vault.
    Here(Text),
    /// To another vault, by its name and a path. Never followed.
    Elsewhere(Text),
}

/// Each target once, in order. What stands in code is no link.
#[must_use]
pub fn links(body: &str, words: &mut Words) -> Box<[Link]> {
    if !body.contains("[[") {
        return Box::default();
    }
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut fence: Option<&str> = None;
    for line in body.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            (None, None) => in_line(line, |target| {
                if found.len() < MOST && seen.insert(target.to_owned()) {
                    found.push(link(target, words));
                }
            }),
            _ => {}
        }
    }
    found.into()
}

fn in_line<'a>(line: &'a str, mut found: impl FnMut(&'a str)) {
    let mut rest = line;
    while let Some(at) = rest.find(['[', '`']) {
        let here = rest.get(at..).unwrap_or_default();
        if let Some(code) = here.strip_prefix('`') {
            // Inline code, up to the next mark; a mark that nothing closes is a mark.
            rest = code.split_once('`').map_or(code, |(_, behind)| behind);
            continue;
        }
        let Some(inner) = here.strip_prefix("[[") else {
            rest = here.get(1..).unwrap_or_default();
            continue;
        };
        let Some((inside, behind)) = inner.split_once("]]") else {
            return;
        };
        // `[[a [[b]]` links to `b`.
        let inside = inside.rsplit("[[").next().unwrap_or_default();
        let target = inside.split(['|', '#']).next().unwrap_or_default().trim();
        if !target.is_empty() && target.len() <= LONGEST {
            found(target);
        }
        rest = behind;
    }
}

fn link(target: &str, words: &mut Words) -> Link {
    let spelled: String = target.nfc().collect();
    let text = words.share(&spelled);
    if spelled.contains("::") {
        Link::Elsewhere(text)
    } else {
        Link::Here(text)
    }
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*};

    fn targets(body: &str) -> Vec<String> {
        links(body, &mut Words::default())
            .iter()
            .map(|link| match link {
                Link::Here(text) => text.to_string(),
                Link::Elsewhere(text) => format!("elsewhere {text}"),
            })
            .collect()
    }

    #[test]
    fn a_link_is_its_target_without_label_and_heading() {
        assert_eq!(
            targets("see [[prj-001]], [[a/b.md|the file]] and ![[c#part|x]]; [[ d ]]\n[[other::x/y]] [[prj-001]]"),
            ["prj-001", "a/b.md", "c", "d", "elsewhere other::x/y"]
        );
    }

    #[test]
    fn what_stands_in_code_or_is_not_closed_is_no_link() {
        assert!(targets("`[[a]]` [[]] [[|x]] [[#part]] [b] [[c\n]] [d]]").is_empty());
        assert!(targets("```\n[[a]]\n```\n~~~md\n```\n[[b]]\n~~~\n").is_empty());
        assert_eq!(targets("```\n[[a]]\n```\n[[b]]"), ["b"]);
        assert_eq!(targets("a ` mark [[b]] [[x [[c]]"), ["b", "c"]);
    }

    #[test]
    fn a_note_has_so_many_links_and_no_more() {
        let body: String = (0..3000).map(|number| format!("[[n{number}]] ")).collect();
        assert_eq!(targets(&body).len(), MOST);
        assert!(targets(&format!("[[{}]]", "x".repeat(513))).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_has_its_links_found(body in "[\\[\\]`|#: a가\n~]{0,60}") {
            for target in targets(&body) {
                prop_assert!(!target.is_empty());
            }
        }
    }
}
