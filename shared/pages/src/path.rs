//! Where to go on after signing in: a place on this server and nowhere else.

use {
    percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode},
    serde::{Deserialize, Deserializer, de::Error},
    std::{fmt, str::FromStr},
};

/// Longest path, in bytes: as much as the gate lets in.
const LONGEST: usize = 4 * 1024;

/// What stands for something else in a path or a query, or may not be there: all but letters, digits and these.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path and query of this server. Whatever a browser makes of it, it leads to no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPath(Box<str>);

/// The text may lead elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a path of this server, such as `/signin`")]
pub struct NotOwn;

impl OwnPath {
    /// A path that begins as we say and goes on with a text of others, such as `/vault/notes/` and a note's path. The text can
    /// be a part of the path or a value of the query and nothing else.
    ///
    /// # Errors
    /// [`NotOwn`] when the beginning is none, or all of it is too long.
    pub fn with(begin: &str, text: &str) -> Result<Self, NotOwn> {
        format!("{begin}{}", utf8_percent_encode(text, ESCAPED)).parse()
    }

    /// The path itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OwnPath {
    type Err = NotOwn;

    /// One slash, and not another one behind it: `//host` is another server, and browsers read `\` as `/` and leave out
    /// tabs and line ends.
    fn from_str(text: &str) -> Result<Self, NotOwn> {
        let mut bytes = text.bytes();
        let leads_here = bytes.next() == Some(b'/') && bytes.next() != Some(b'/');
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if leads_here && plain && text.len() <= LONGEST {
            Ok(Self(text.into()))
        } else {
            Err(NotOwn)
        }
    }
}

impl<'de> Deserialize<'de> for OwnPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*};

    #[test]
    fn next_never_leaves_this_origin() {
        for good in [
            "/",
            "/signin",
            "/oauth/authorize?client_id=https%3A%2F%2Fa.example&state=%00#x",
            "/a//b",
            "/%2F%2Fevil",
        ] {
            assert_eq!(good.parse::<OwnPath>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "x",
            "signin",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            " /x",
            "/x y",
            "https://evil.example",
            "javascript:alert(1)",
            "/é",
        ] {
            assert_eq!(bad.parse::<OwnPath>(), Err(NotOwn), "{bad:?}");
        }
        assert!(format!("/{}", "x".repeat(LONGEST - 1)).parse::<OwnPath>().is_ok());
        assert!(format!("/{}", "x".repeat(LONGEST)).parse::<OwnPath>().is_err());
    }

    #[test]
    fn a_text_of_others_ends_neither_path_nor_value() {
        for (text, expected) in [
            ("a/b c.md", "/n/a/b%20c.md"),
            ("가?q=1&r#x", "/n/%EA%B0%80%3Fq%3D1%26r%23x"),
            ("\\\"'<>%2e", "/n/%5C%22%27%3C%3E%252e"),
        ] {
            assert_eq!(OwnPath::with("/n/", text).unwrap().as_str(), expected);
        }
        assert_eq!(OwnPath::with("/", "/evil.example"), Err(NotOwn));
        assert_eq!(
            OwnPath::with("/n/", &"가".repeat(500)),
            Err(NotOwn),
            "longer than the gate lets in"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_here_as_browsers_read_it(text in "[/\\\\.:@?#a-z\t\n%2Ff-]{0,12}") {
            if text.parse::<OwnPath>().is_ok() {
                let here = url::Url::parse("https://portreeve.example/signin").unwrap();
                let there = here.join(&text).unwrap();
                prop_assert_eq!(there.origin(), here.origin());
            }
        }
    }
}
