//! Where links in a note's text lead: to pages of notes that are there.

use {
    super::note_address,
    percent_encoding::percent_decode_str,
    portreeve_notes::{NotePath, Snapshot},
    portreeve_pages::{OwnPath, markdown::Targets},
};

/// The links of one note.
pub(super) struct Links<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// The folder that it lies in.
    pub(super) folder: Option<&'a str>,
}

impl Targets for Links<'_> {
    fn named(&self, target: &str) -> Option<OwnPath> {
        note_address(self.snapshot.target(target)?.path())
    }

    fn file(&self, path: &str) -> Option<OwnPath> {
        // Once, as a browser would; a path that is encoded twice is none.
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let path = NotePath::parse(&joined(self.folder, &path)?).ok()?;
        note_address(self.snapshot.note(&path)?.path())
    }
}

/// A path as it is seen from a folder; none when it leads out of the vault.
fn joined(folder: Option<&str>, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.into_iter().flat_map(|folder| folder.split('/')).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use {super::*, crate::page::tests::House};

    #[test]
    fn a_path_is_seen_from_the_note_and_never_leaves_the_vault() {
        let house = House::with(&[
            ("a/b/c.md", "[[d]]"),
            ("a/d.md", ""),
            ("한글/가 나.md", ""),
            ("a/b/x%41.md", ""),
        ]);
        let moment = house.moment();
        let links = Links {
            snapshot: moment.snapshot(),
            folder: Some("a/b"),
        };
        let file = |path: &str| links.file(path).map(|to| to.to_string());
        let page = |path: &str| Some(format!("/vault/note?path={path}"));
        assert_eq!(file("c.md"), page("a/b/c.md"));
        assert_eq!(file("./c.md"), page("a/b/c.md"));
        assert_eq!(file("../d.md"), page("a/d.md"));
        assert_eq!(file("../../a/d.md"), page("a/d.md"));
        let korean = page("%ED%95%9C%EA%B8%80/%EA%B0%80%20%EB%82%98.md");
        assert_eq!(file("../../한글/가 나.md"), korean);
        assert_eq!(file("../../%ED%95%9C%EA%B8%80/%EA%B0%80%20%EB%82%98.md"), korean);
        for nowhere in [
            "../../../d.md",
            "../../../../etc/passwd",
            "/a/d.md",
            "//a/d.md",
            "..%2f..%2f..%2fd.md",
            "%2e%2e/%2e%2e/%2e%2e/d.md",
            "%252e%252e/d.md",
            "d.md\0",
            "..\\d.md",
            "../d",
            "%ff.md",
            "../d.md?x",
            "",
            ".",
            "../../.git/config",
        ] {
            assert_eq!(file(nowhere), None, "{nowhere:?}");
        }
        assert_eq!(links.named("d").map(|to| to.to_string()), page("a/d.md"));
        assert_eq!(links.named("c"), None, "nobody links to it");
    }
}
