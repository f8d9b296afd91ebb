//! Resources that are many: each is a text at an address with something in it that names it, and they are listed in pages.
//!
//! What must stay true: an address is taken apart once, here, and what stands in it is percent-decoded once. Whoever reads
//! it judges what comes of that, and finds nothing to decode.

use {
    super::offer::{Answer, whole},
    crate::{Caller, page::bad_cursor, problem::Problem},
    base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD},
    percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode},
    portreeve_kernel::{Principal, RequiredScope, Scope},
    serde::{Deserialize, Serialize},
    std::{future::Future, sync::Arc},
};

/// What stands as it is where one segment is meant (RFC 3986, unreserved).
const ONE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What stands as it is in a path (RFC 3986, `pchar` and the slash). A `?` or `#` would end it for whoever takes it apart.
const SEVERAL: &AsciiSet = &ONE
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// How resources are presented of which there are many.
#[derive(Debug, Clone, Copy)]
pub struct Collection {
    /// Their address with one variable (RFC 6570): `{id}` stands for one segment, `{+path}` for one or several.
    pub template: &'static str,
    /// Their short name.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For models.
    pub about: &'static str,
    /// What kind of text each is.
    pub mime_type: &'static str,
}

/// One of them, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What stands for the variable in its address, not encoded.
    pub variable: String,
    /// Its short name.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For models.
    pub about: Option<String>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// In the order of the whole list.
    pub members: Vec<Member>,
    /// Where the list goes on after this page; `None` on the last.
    pub next: Option<String>,
}

type Read<S> = Box<dyn Fn(S, Arc<Principal>, String) -> Answer<String> + Send + Sync>;
type List<S> = Box<dyn Fn(S, Arc<Principal>, Option<String>) -> Answer<Members> + Send + Sync>;

/// A collection that is offered.
pub(super) struct Shelf<S> {
    pub(super) collection: Collection,
    pub(super) scope: Scope,
    pub(super) read: Read<S>,
    pub(super) list: Option<List<S>>,
}

impl<S> Shelf<S> {
    pub(super) fn new<C, Done>(
        collection: Collection,
        read: impl Fn(S, Caller<C>, String) -> Done + Send + Sync + 'static,
    ) -> Self
    where
        C: RequiredScope,
        Done: Future<Output = Result<String, Problem>> + Send + 'static,
    {
        let read = move |state: S, principal: Arc<Principal>, variable: String| -> Answer<String> {
            Box::pin(whole(Caller::of(principal).map(|caller| read(state, caller, variable))))
        };
        Self {
            collection,
            scope: C::SCOPE,
            read: Box::new(read),
            list: None,
        }
    }

    pub(super) fn listed<C, Done>(
        self,
        list: impl Fn(S, Caller<C>, Option<String>) -> Done + Send + Sync + 'static,
    ) -> Self
    where
        C: RequiredScope,
        Done: Future<Output = Result<Members, Problem>> + Send + 'static,
    {
        let list = move |state: S, principal: Arc<Principal>, after: Option<String>| -> Answer<Members> {
            Box::pin(whole(Caller::of(principal).map(|caller| list(state, caller, after))))
        };
        Self {
            list: Some(Box::new(list)),
            ..self
        }
    }
}

impl Collection {
    /// What stands before the variable, whether it may have slashes, and what stands behind it.
    fn parts(&self) -> Option<(&'static str, bool, &'static str)> {
        let (before, rest) = self.template.split_once('{')?;
        let (variable, after) = rest.split_once('}')?;
        Some((before, variable.starts_with('+'), after))
    }

    /// What stands for the variable in `uri`, decoded, when it leads here.
    pub(super) fn variable(&self, uri: &str) -> Option<String> {
        let (before, several, after) = self.parts()?;
        let written = uri.strip_prefix(before)?.strip_suffix(after)?;
        if written.is_empty() || !several && written.contains('/') {
            return None;
        }
        let decoded = percent_decode_str(written).decode_utf8().ok()?;
        Some(decoded.into_owned())
    }

    /// The address of one of them.
    pub(super) fn address(&self, variable: &str) -> String {
        let Some((before, several, after)) = self.parts() else {
            return self.template.to_owned();
        };
        let set = if several { SEVERAL } else { ONE };
        format!("{before}{}{after}", utf8_percent_encode(variable, set))
    }
}

/// Where a list of several collections goes on: in which, and where in it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position(pub(super) usize, pub(super) Option<String>);

impl Position {
    /// # Errors
    /// `VALIDATION_INVALID_FORMAT` for a cursor that we did not make.
    pub(super) fn read(cursor: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let position = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        position.ok_or_else(bad_cursor)
    }

    pub(super) fn write(&self) -> Result<String, Problem> {
        let bytes = serde_json::to_vec(self).map_err(Problem::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: Collection = Collection {
        template: "n://notes/{+path}",
        name: "note",
        title: "",
        about: "",
        mime_type: "text/markdown",
    };

    const THINGS: Collection = Collection {
        template: "n://things/{id}",
        ..NOTES
    };

    #[test]
    fn an_address_that_is_listed_leads_back_to_what_it_stands_for() {
        for path in [
            "a.md",
            "50_Projects/2026/Gate - 1/project.md",
            "한글/노트.md",
            "50 % growth.md",
            "100%.md",
            "what? really#1 [x].md",
            "a+b&c=d;e,f@g:h!$'()*.md",
            "%41.md",
        ] {
            let address = NOTES.address(path);
            assert_eq!(NOTES.variable(&address).as_deref(), Some(path), "{address}");
            assert!(
                !address.contains([' ', '?', '#', '[']) && address.is_ascii(),
                "{address}"
            );
            let address = THINGS.address(path);
            assert_eq!(THINGS.variable(&address).as_deref(), Some(path), "{address}");
        }
        assert_eq!(NOTES.address("a b/c.md"), "n://notes/a%20b/c.md");
        assert_eq!(THINGS.address("ev:2026-0001"), "n://things/ev%3A2026-0001");
    }

    #[test]
    fn an_address_is_decoded_once_and_what_is_no_text_leads_nowhere() {
        assert_eq!(NOTES.variable("n://notes/%252e%252e/a").unwrap(), "%2e%2e/a");
        assert_eq!(NOTES.variable("n://notes/%2e%2e/a").unwrap(), "../a");
        assert_eq!(THINGS.variable("n://things/a%2Fb").unwrap(), "a/b");
        assert_eq!(THINGS.variable("n://things/ev:2026-0001").unwrap(), "ev:2026-0001");
        for uri in [
            "n://notes/",
            "n://notes",
            "n://notes/%ff",
            "N://notes/a.md",
            "n://things/a.md",
        ] {
            assert_eq!(NOTES.variable(uri), None, "{uri}");
        }
        assert_eq!(THINGS.variable("n://things/a/b"), None);
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_another_is_refused() {
        for position in [Position(0, Some("한글/a.md".into())), Position(2, None)] {
            assert_eq!(Position::read(&position.write().unwrap()).unwrap(), position);
        }
        for cursor in ["", "!", "AAAA", "bnVsbA"] {
            assert!(Position::read(cursor).is_err(), "{cursor}");
        }
    }
}
