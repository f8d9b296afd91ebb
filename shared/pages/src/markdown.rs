//! Markdown that others wrote, as HTML of ours.
//!
//! What must stay true: every tag and attribute in what comes out is one of those in this file, everything else is escaped, and
//! a link leads to a page of this server or by `http` to another one. HTML in a note is text. Nothing is loaded: pictures are
//! links. What it costs is bounded: so many characters are read, so much is written, and so deep are elements in one another.

mod write;

use {crate::OwnPath, askama::filters::HtmlSafe, std::fmt};

/// Characters of a note that a page shows. Real notes have a tenth of it.
pub const MOST_CHARACTERS: usize = 100_000;

/// Bytes of HTML that are made of them.
const MOST_HTML: usize = 2 << 20;

/// HTML that only [`render`] makes, and that pages hold as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

impl Markup {
    /// The HTML.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where links lead that stay here. Who answers knows what the reader may see: what is hidden leads nowhere.
pub trait Targets {
    /// The page of what `[[target]]` means.
    fn named(&self, target: &str) -> Option<OwnPath>;

    /// The page of a file, by a path without scheme as it stands in the note, such as `../gate.md`.
    fn file(&self, path: &str) -> Option<OwnPath>;
}

/// What became of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// As HTML.
    pub html: Markup,
    /// How many characters of the text are in it, from the beginning.
    pub shown: usize,
    /// How many there are.
    pub total: usize,
}

impl Rendered {
    /// Whether something was left out.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.shown < self.total
    }
}

/// Renders a note's text.
#[must_use]
pub fn render(text: &str, targets: &dyn Targets) -> Rendered {
    let total = text.chars().count();
    let read = beginning(text);
    let (html, stopped) = write::html(read, targets, MOST_HTML);
    let read = stopped.and_then(|at| read.get(..at)).unwrap_or(read);
    Rendered {
        html: Markup(html),
        shown: read.chars().count(),
        total,
    }
}

/// As much of a text as is read: to the last end of a line before the limit, if there is one.
fn beginning(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) else {
        return text;
    };
    let whole = text.get(..end).unwrap_or_default();
    whole.rsplit_once('\n').map_or(whole, |(lines, _)| lines)
}

#[cfg(test)]
mod tests;
