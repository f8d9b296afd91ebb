//! What a note is called: a path beneath the vault's root, in one spelling.
//!
//! Text from outside becomes a [`NotePath`] or is refused here, before any file system hears of it. So what must stay true
//! of every path in this crate is said once: it is relative, it does not climb, it names nothing hidden, and no second
//! reading of it (percent-encoding, backslashes, NUL) leads elsewhere.

use {
    serde::{Serialize, Serializer},
    std::{fmt, str::FromStr, sync::Arc},
    unicode_normalization::{UnicodeNormalization, is_nfc},
};

/// Linux's `PATH_MAX`, less its NUL.
const LONGEST: usize = 4095;
/// Linux's `NAME_MAX`.
const LONGEST_PART: usize = 255;

/// A file or folder beneath the root, such as `50_Projects/2026/Gate/project.md`. In NFC, whatever spelling the disk has.
/// Sorts by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotePath(Arc<str>);

/// Why a text is no path of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing, or nothing between two slashes.
    #[error("a path has a name between each two slashes")]
    Empty,
    /// More than the file system takes.
    #[error("a path has at most {LONGEST} bytes, and each name in it {LONGEST_PART}")]
    TooLong,
    /// Begins with a slash.
    #[error("a path is relative to the vault")]
    Absolute,
    /// `.`, `..`, or a name that begins with a dot.
    #[error("a path neither climbs nor names what is hidden")]
    Dot,
    /// A backslash, which elsewhere is a slash.
    #[error("a path has no backslash")]
    Backslash,
    /// NUL or another control character.
    #[error("a path has no control characters")]
    Control,
    /// `%2e` and the like, which somebody might decode once more.
    #[error("a path is not percent-encoded")]
    Encoded,
}

impl NotePath {
    /// Takes a path from outside, or from a folder that was listed.
    ///
    /// # Errors
    /// [`PathError`] says which rule the text breaks; it does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > LONGEST {
            return Err(PathError::TooLong);
        }
        // Spelled in NFC first: what is judged is what is used.
        let spelled: Arc<str> = if is_nfc(text) {
            text.into()
        } else {
            text.nfc().collect::<String>().into()
        };
        judge(&spelled)?;
        Ok(Self(spelled))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its last name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Its last name without `.md`.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.name().strip_suffix(".md").unwrap_or_else(|| self.name())
    }

    /// The folder it lies in; none for what lies at the root.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(folder, _)| folder)
    }

    /// Whether it lies in this folder, or below it. A folder with a longer name that begins alike is another.
    #[must_use]
    pub fn is_within(&self, folder: &str) -> bool {
        within(&self.0, folder)
    }

    /// Whether it is called like a note.
    #[must_use]
    pub fn is_markdown(&self) -> bool {
        self.0.ends_with(".md")
    }
}

/// Whether a path is this folder or lies below it.
pub(crate) fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
}

/// The rules, for a text that may still be spelled otherwise than in NFC.
pub(crate) fn judge(text: &str) -> Result<(), PathError> {
    if text.len() > LONGEST {
        return Err(PathError::TooLong);
    }
    if text.starts_with('/') {
        return Err(PathError::Absolute);
    }
    if text.contains('\\') {
        return Err(PathError::Backslash);
    }
    if text.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    if percent_encoded(text) {
        return Err(PathError::Encoded);
    }
    for part in text.split('/') {
        match part {
            "" => return Err(PathError::Empty),
            part if part.len() > LONGEST_PART => return Err(PathError::TooLong),
            part if part.starts_with('.') => return Err(PathError::Dot),
            _ => {}
        }
    }
    Ok(())
}

/// A percent sign with two hexadecimal digits behind it. `50 % growth.md` is a name like any other.
fn percent_encoded(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    text.split('%').skip(1).any(|rest| {
        let mut digits = rest.as_bytes().iter();
        is_hex(digits.next()) && is_hex(digits.next())
    })
}

impl FromStr for NotePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for NotePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for NotePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, out)
    }
}

impl Serialize for NotePath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use {super::*, proptest::prelude::*};

    #[test]
    fn ordinary_paths_are_taken() {
        for text in [
            "README.md",
            "50_Projects/2026/Gate - 1/project.md",
            "한글/노트.md",
            "a..b/c.md",
            "50 % growth.md",
            "100%.md",
            "5%-a.md",
        ] {
            assert_eq!(NotePath::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn every_known_attack_is_refused_with_its_reason() {
        for (text, why) in [
            ("", PathError::Empty),
            ("a//b.md", PathError::Empty),
            ("a/", PathError::Empty),
            ("/etc/passwd", PathError::Absolute),
            ("//host/share", PathError::Absolute),
            ("..", PathError::Dot),
            ("../vault-2/a.md", PathError::Dot),
            ("a/../../b.md", PathError::Dot),
            ("a/./b.md", PathError::Dot),
            (".env", PathError::Dot),
            ("a/.git/config", PathError::Dot),
            (".obsidian/note.md", PathError::Dot),
            ("...", PathError::Dot),
            ("..\\..\\a.md", PathError::Backslash),
            ("a\\b.md", PathError::Backslash),
            ("a.md\0.png", PathError::Control),
            ("a\n.md", PathError::Control),
            ("a\u{85}.md", PathError::Control),
            ("%2e%2e/a.md", PathError::Encoded),
            ("a%2Fb.md", PathError::Encoded),
            ("%252e%252e", PathError::Encoded),
            ("a%00.md", PathError::Encoded),
            ("a/%c0%ae.md", PathError::Encoded),
        ] {
            assert_eq!(NotePath::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_name_takes_255_bytes_and_a_path_4095() {
        assert!(NotePath::parse(&"a".repeat(255)).is_ok());
        assert_eq!(NotePath::parse(&"a".repeat(256)), Err(PathError::TooLong));
        let longest = ["a".repeat(15).as_str(); 256].join("/");
        assert_eq!(longest.len(), 4095);
        assert!(NotePath::parse(&longest).is_ok());
        assert_eq!(NotePath::parse(&format!("{longest}a")), Err(PathError::TooLong));
    }

    #[test]
    fn two_spellings_of_one_name_are_one_path() {
        let apart: String = "한글/가.md".nfd().collect();
        assert_ne!(apart, "한글/가.md");
        assert_eq!(NotePath::parse(&apart), NotePath::parse("한글/가.md"));
    }

    #[test]
    fn a_folder_holds_what_is_below_it_and_not_what_begins_alike() {
        let path = NotePath::parse("90_Archive/old.md").unwrap();
        assert!(path.is_within("90_Archive"));
        assert!(!path.is_within("90_Arch"));
        assert!(!NotePath::parse("90_Archive2/old.md").unwrap().is_within("90_Archive"));
        assert_eq!(
            (path.name(), path.stem(), path.folder()),
            ("old.md", "old", Some("90_Archive"))
        );
    }

    proptest! {
        #[test]
        fn whatever_is_taken_neither_climbs_nor_hides(text in "[a./\\\\%2eE\u{0}~ 가-힣]{0,40}") {
            if let Ok(path) = NotePath::parse(&text) {
                let path = path.as_str();
                prop_assert!(!path.starts_with('/') && !path.contains(['\\', '\0']));
                prop_assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
                prop_assert!(NotePath::parse(path).unwrap().as_str() == path, "one spelling");
                let lower = path.to_lowercase();
                prop_assert!(!lower.contains("%2e") && !lower.contains("%2f") && !lower.contains("%5c"));
            }
        }
    }
}
