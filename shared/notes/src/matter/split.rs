//! Where front matter ends and the body begins.

use std::ops::Range;

/// A note's bytes, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split<'a> {
    /// It does not begin with a fence: all of it is body.
    Plain(Body<'a>),
    /// Front matter and body.
    Fenced(Fenced<'a>),
    /// A fence that is never closed.
    Unclosed,
    /// Not UTF-8.
    Undecodable,
}

/// Front matter and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced<'a> {
    /// Between the fences.
    pub matter: &'a str,
    /// Behind the second.
    pub body: Body<'a>,
}

/// The text of a note, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// The text.
    pub text: &'a str,
    /// Its first byte in the file.
    pub start: usize,
}

const MARK: &str = "\u{feff}";

/// Takes a note apart. The first line has to be the fence, but for a byte order mark; the first line after it that is a fence
/// again ends the front matter, whatever YAML would make of it. A fence may be followed by blanks.
#[must_use]
pub fn split(bytes: &[u8]) -> Split<'_> {
    let Ok(whole) = std::str::from_utf8(bytes) else {
        return Split::Undecodable;
    };
    let text = whole.strip_prefix(MARK).unwrap_or(whole);
    let offset = whole.len().saturating_sub(text.len());
    let mut lines = lines(text);
    if !lines.next().is_some_and(|line| is_fence(text, line)) {
        return Split::Plain(Body { text, start: offset });
    }
    let mut first = None;
    for line in lines {
        let opened = *first.get_or_insert(line.start);
        if is_fence(text, line.clone()) {
            return Split::Fenced(Fenced {
                matter: text.get(opened..line.start).unwrap_or_default(),
                body: Body {
                    text: text.get(line.end..).unwrap_or_default(),
                    start: offset.saturating_add(line.end),
                },
            });
        }
    }
    Split::Unclosed
}

/// Each line with its line end.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0_usize;
    text.split_inclusive('\n').map(move |line| {
        let start = end;
        end = end.saturating_add(line.len());
        start..end
    })
}

fn is_fence(text: &str, line: Range<usize>) -> bool {
    text.get(line)
        .and_then(|line| line.strip_prefix("---"))
        .is_some_and(|rest| rest.trim_matches([' ', '\t', '\r', '\n']).is_empty())
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*};

    fn fenced(text: &str) -> (&str, &str) {
        match split(text.as_bytes()) {
            Split::Fenced(Fenced { matter, body }) => {
                assert_eq!(&text[body.start..], body.text);
                (matter, body.text)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn matter_lies_between_the_first_two_fences() {
        assert_eq!(fenced("---\na: 1\n---\nbody\n"), ("a: 1\n", "body\n"));
        assert_eq!(fenced("---\na: 1\n---"), ("a: 1\n", ""));
        assert_eq!(fenced("---\n---\nx\n"), ("", "x\n"));
        assert_eq!(fenced("--- \t\na: 1\n---  \nx"), ("a: 1\n", "x"));
    }

    #[test]
    fn a_rule_in_the_body_ends_nothing() {
        assert_eq!(
            fenced("---\na: 1\n---\nx\n---\ny\n---\n"),
            ("a: 1\n", "x\n---\ny\n---\n")
        );
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_hide_nothing() {
        assert_eq!(fenced("\u{feff}---\na: 1\n---\nx\n"), ("a: 1\n", "x\n"));
        assert_eq!(fenced("---\r\na: 1\r\n---\r\nx\r\n"), ("a: 1\r\n", "x\r\n"));
    }

    #[test]
    fn what_only_looks_like_a_fence_is_none() {
        assert_eq!(
            fenced("---\na: |\n  ---\nb: ---x\n----\n---\n").0,
            "a: |\n  ---\nb: ---x\n----\n"
        );
        for plain in [
            "",
            "\n---\na: 1\n---\n",
            " ---\na: 1\n---\n",
            "----\na\n---\n",
            "text",
            "--",
        ] {
            assert!(
                matches!(split(plain.as_bytes()), Split::Plain(Body { text, start: 0 }) if text == plain),
                "{plain:?}"
            );
        }
    }

    #[test]
    fn a_fence_that_is_never_closed_is_told_from_none() {
        for open in ["---", "---\n", "---\na: 1\nbody\n", "---\na: 1\n ---\n"] {
            assert_eq!(split(open.as_bytes()), Split::Unclosed, "{open:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told() {
        assert_eq!(split(b"---\nname: caf\xe9\n---\n"), Split::Undecodable);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_matter_and_body(matter in "([a-z]: [0-9]\r?\n){0,4}", body in "[a-z\n\r-]{0,30}", mark in any::<bool>()) {
            let whole = format!("{}---\n{matter}---\n{body}", if mark { MARK } else { "" });
            let (found, rest) = fenced(&whole);
            prop_assert_eq!((found, rest), (matter.as_str(), body.as_str()));
        }

        #[test]
        fn any_bytes_at_all_are_taken_apart(bytes in proptest::collection::vec(prop_oneof![Just(b'-'), Just(b'\n'), any::<u8>()], 0..60)) {
            let _ = split(&bytes);
        }
    }
}
